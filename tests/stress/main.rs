//! Oversubscribed stress: 16 agents, as threads and as processes, over every origin of memory.
//!
//! Each run reports what it did and how often it slept, and fails if it never slept: a stress in which nobody waits tests
//! nothing. `SLOTSYNC_STRESS_ROUNDS=100` runs it that much longer.
#![cfg(all(target_os = "linux", not(loom)))]
#![allow(unsafe_code, reason = "a system call that asks for the time")]

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod barrier;
mod bump;
mod cond;
mod event;
#[cfg(feature = "guarded")]
mod guarded;
mod lock;
mod rw_lock;

mod semaphore {
    mod pool;
    mod queue;
}
#[cfg(target_has_atomic = "64")]
mod synchronic {
    mod pool;
    mod rounds;
}

use slotsync::{Counters, SharedBuffer, Slot, counters};
use std::fs;
use std::mem::MaybeUninit;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};
use support::processes::{End, Process};
use support::{Memory, Watchdog};

const AGENTS: usize = 16;

/// How long a stress may take before it is taken to hang.
const PATIENCE: Duration = Duration::from_secs(600);

/// What the 16 do together.
struct Stress {
    name: &'static str,
    /// Before any of them begins.
    prepare: fn(&SharedBuffer),
    /// What one of them does. They have numbers from 0 on.
    agent: fn(&SharedBuffer, usize),
    /// Checks what must be so at the end, and says what was done.
    conclude: fn(&SharedBuffer) -> String,
}

/// How often an agent does something that it would do that many times.
fn times(number: i32) -> i32 {
    let rounds =
        std::env::var("SLOTSYNC_STRESS_ROUNDS").map_or(1, |rounds| rounds.parse().expect("a number of rounds"));
    if support::is_emulated() { number / 50 } else { number * rounds }
}

fn sixteen_threads(memory: &Memory, stress: &Stress) {
    let _watchdog = Watchdog::with_patience(stress.name, PATIENCE);
    let buffer = &memory.buffer;
    // In a process of its own, since the counters are the process's.
    let agents = Process::fork(|| {
        until_nobody_is_rescued(buffer, stress, || {
            let before = counters();
            thread::scope(|threads| {
                for number in 0..AGENTS {
                    threads.spawn(move || (stress.agent)(buffer, number));
                }
            });
            report(buffer, before);
            "threads"
        });
        0
    });
    assert_eq!(agents.reap(), End::Exited(0));
}

fn sixteen_processes(memory: &Memory, stress: &Stress) {
    let _watchdog = Watchdog::with_patience(stress.name, PATIENCE);
    until_nobody_is_rescued(&memory.buffer, stress, || {
        let agent = |number| {
            Process::fork(move || {
                let again = memory.again();
                let buffer = again.as_ref().unwrap_or(&memory.buffer);
                let before = counters();
                (stress.agent)(buffer, number);
                report(buffer, before);
                0
            })
        };
        let agents: Vec<_> = (0..AGENTS).map(agent).collect();
        for agent in agents {
            assert_eq!(agent.reap(), End::Exited(0), "an agent failed");
        }
        "processes"
    });
}

/// How often a stress is run, if each run can be excused.
const RUNS: usize = 4;

/// The share of the processors that other programs take, or the machine below this one, from which on a rescue is excused.
/// Then the slice of a sleeper can end while the agent that is to wake it is kept from the processor between its change and
/// its wake.
const LOAD: f64 = 0.1;

/// Runs a stress in zeroed memory. A rescue fails it at once, unless others loaded the machine meanwhile; then the stress is
/// run again. A wakeup that is really lost is lost on an idle machine too, and in other runs.
fn until_nobody_is_rescued(buffer: &SharedBuffer, stress: &Stress, run: impl Fn() -> &'static str) {
    for _ in 0..RUNS {
        (stress.prepare)(buffer);
        let start = Usage::now();
        let agents = run();
        let load = start.load_by_others();
        let [sleeps, rescues] = reports(buffer).map(|word| word.load(Relaxed));
        let done = (stress.conclude)(buffer);
        let name = stress.name;
        println!("{name}, {AGENTS} {agents} over {buffer:?}: {done}, {sleeps} sleeps, {load:.2} load by others");
        assert!(sleeps > 0, "nobody ever slept, so this tested nothing");
        if rescues == 0 {
            return;
        }
        println!("{name}, {AGENTS} {agents}: {rescues} rescues");
        assert!(
            load >= LOAD,
            "{name}: {rescues} wakeups were lost, though others took only {load:.2} of the processors"
        );
        buffer.slots(..).unwrap().iter().for_each(|slot| slot.store(0, Relaxed));
    }
    panic!("{}: a wakeup was lost in each of {RUNS} runs", stress.name);
}

/// What the processors had done at one time.
struct Usage {
    time: Instant,
    /// For everybody, since the system started, together with what the machine below took away.
    machine: Duration,
    /// For this process and its children that have ended.
    ours: Duration,
}

impl Usage {
    fn now() -> Self {
        Self { time: Instant::now(), machine: busy_time(), ours: own_time() }
    }

    /// The share of all processors that others have taken since then. Tests that run beside this one count as others.
    fn load_by_others(&self) -> f64 {
        let now = Self::now();
        let others = (now.machine - self.machine).saturating_sub(now.ours - self.ours);
        let processors = thread::available_parallelism().unwrap().get();
        others.as_secs_f64() / (now.time - self.time).as_secs_f64() / processors as f64
    }
}

fn busy_time() -> Duration {
    let stat = fs::read_to_string("/proc/stat").unwrap();
    let ticks: Vec<u64> = stat.lines().next().unwrap().split_whitespace().flat_map(str::parse).collect();
    // Without idle, iowait and the guests, which are counted as users too.
    let busy: u64 = [0, 1, 2, 5, 6, 7].iter().filter_map(|field| ticks.get(*field)).sum();
    // The kernel tells it in hundredths of a second, whatever it counts in.
    Duration::from_millis(10 * busy)
}

fn own_time() -> Duration {
    [libc::RUSAGE_SELF, libc::RUSAGE_CHILDREN].into_iter().map(time_of).sum()
}

fn time_of(who: i32) -> Duration {
    let mut usage = MaybeUninit::<libc::rusage>::uninit();
    // SAFETY: the call fills it.
    let usage = unsafe {
        assert_eq!(libc::getrusage(who, usage.as_mut_ptr()), 0);
        usage.assume_init()
    };
    let duration = |time: libc::timeval| Duration::new(time.tv_sec as u64, 1_000 * time.tv_usec as u32);
    duration(usage.ru_utime) + duration(usage.ru_stime)
}

/// What the agents report: how often they slept, and how often they were rescued.
fn reports(buffer: &SharedBuffer) -> [Slot<'_>; 2] {
    [960, 992].map(|index| buffer.slot(index).unwrap())
}

/// Adds what this process did on the futex floor to what is reported.
fn report(buffer: &SharedBuffer, before: Counters) {
    let after = counters();
    let counts = [after.sleeps - before.sleeps, after.rescues - before.rescues];
    for (word, count) in reports(buffer).into_iter().zip(counts) {
        word.fetch_add(count.try_into().unwrap(), Relaxed);
    }
}

/// The tests of one stress, in its module.
macro_rules! stress {
    ($stress:expr) => {
        over_every_origin! { sixteen_threads }
        over_shared_origins! { sixteen_processes }

        fn sixteen_threads(memory: &Memory) {
            crate::sixteen_threads(memory, &$stress);
        }

        fn sixteen_processes(memory: &Memory) {
            crate::sixteen_processes(memory, &$stress);
        }
    };
}
use stress;

/// Numbers without a pattern, another sequence for each agent.
struct Random(u32);

impl Random {
    fn of(agent: usize) -> Self {
        Self(agent.try_into().unwrap())
    }

    /// A number below 2 to that power.
    fn bits(&mut self, bits: u32) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.0 >> (32 - bits)
    }

    /// For timed calls: up to a millisecond.
    fn timeout(&mut self) -> Duration {
        Duration::from_micros(self.bits(10).into())
    }

    /// Once in a while, lets others run into what this agent holds.
    fn yield_sometimes(&mut self) {
        if self.bits(3) == 0 {
            thread::yield_now();
        }
    }
}

/// A counter of the test, each on a cache line of its own.
fn counter(buffer: &SharedBuffer, number: usize) -> Slot<'_> {
    buffer.slot(64 + 32 * number).unwrap()
}
