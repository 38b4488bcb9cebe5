//! Oversubscribed stress: 16 agents, as threads and as processes, over every origin of memory.
//!
//! Each run reports what it did and how often it slept, and fails if it never slept: a stress in which nobody waits tests
//! nothing. `SLOTSYNC_STRESS_ROUNDS=100` runs it that much longer.
#![cfg(all(target_os = "linux", not(loom)))]

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod bump;
#[cfg(feature = "guarded")]
mod guarded;
mod lock;
mod pool;
mod queue;
mod rounds;
mod rw_lock;
mod semaphore_queue;
mod signals;
#[cfg(target_has_atomic = "64")]
mod synchronic_pool;
#[cfg(target_has_atomic = "64")]
mod synchronic_rounds;

use slotsync::{SharedBuffer, Slot, counters};
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;
use support::processes::Process;
use support::{Memory, Watchdog};

const AGENTS: usize = 16;

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

/// How often an agent does something that it would do so many times.
fn times(number: i32) -> i32 {
    let rounds =
        std::env::var("SLOTSYNC_STRESS_ROUNDS").map_or(1, |rounds| rounds.parse().expect("a number of rounds"));
    if support::is_emulated() { number / 50 } else { number * rounds }
}

fn sixteen_threads(memory: &Memory, stress: &Stress) {
    let _watchdog = Watchdog::with_patience(stress.name, Duration::from_secs(600));
    let buffer = &memory.buffer;
    // In a process of its own, since the counters are the process's.
    Process::fork(|| {
        (stress.prepare)(buffer);
        thread::scope(|threads| {
            for number in 0..AGENTS {
                threads.spawn(move || (stress.agent)(buffer, number));
            }
        });
        report(buffer);
        conclude("threads", buffer, stress);
        0
    })
    .join();
}

fn sixteen_processes(memory: &Memory, stress: &Stress) {
    let _watchdog = Watchdog::with_patience(stress.name, Duration::from_secs(600));
    (stress.prepare)(&memory.buffer);
    let agents: Vec<_> = (0..AGENTS)
        .map(|number| {
            Process::fork(move || {
                let again = memory.again();
                let buffer = again.as_ref().unwrap_or(&memory.buffer);
                (stress.agent)(buffer, number);
                report(buffer);
                0
            })
        })
        .collect();
    for agent in agents {
        agent.join();
    }
    conclude("processes", &memory.buffer, stress);
}

/// What the agents report: how often they slept, and how often they were rescued.
fn reports(buffer: &SharedBuffer) -> [Slot<'_>; 2] {
    [960, 992].map(|index| buffer.slot(index).unwrap())
}

/// Adds what this process did on the futex floor to what is reported.
fn report(buffer: &SharedBuffer) {
    let counters = counters();
    for (word, count) in reports(buffer).into_iter().zip([counters.sleeps, counters.rescues]) {
        word.fetch_add(count.try_into().unwrap(), Relaxed);
    }
}

fn conclude(agents: &str, buffer: &SharedBuffer, stress: &Stress) {
    let [sleeps, rescues] = reports(buffer).map(|word| word.load(Relaxed));
    let done = (stress.conclude)(buffer);
    println!("{}, {AGENTS} {agents} over {buffer:?}: {done}, {sleeps} sleeps", stress.name);
    assert!(sleeps > 0, "nobody ever slept, so this tested nothing");
    assert_eq!(rescues, 0, "a wakeup was lost");
}

/// The tests of one stress, in its module.
macro_rules! stress {
    ($stress:expr) => {
        over_every_origin! { sixteen_threads }
        over_shared_origins! { sixteen_processes }

        fn sixteen_threads(memory: &Memory) {
            super::sixteen_threads(memory, &$stress);
        }

        fn sixteen_processes(memory: &Memory) {
            super::sixteen_processes(memory, &$stress);
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
