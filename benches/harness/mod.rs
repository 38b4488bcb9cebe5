//! Agents, threads or processes, that race for a lock in short rounds, and a table of the results.
#![allow(dead_code, reason = "each benchmark uses a part")]

use rustix::process::{Pid, WaitOptions, waitpid};
use rustix::time::{ClockId, clock_gettime};
use slotsync::{SharedBuffer, Slot};
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};

mod options;
pub(crate) mod pthread;

pub(crate) use options::Options;

/// The agents that use the lock.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Agents {
    /// One thread that does nothing else.
    Alone,
    Threads(usize),
    Processes(usize),
}

/// The agents that a lock can exclude from each other.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    Threads,
    Processes,
}

/// One of the locks that are compared.
pub(crate) struct Peer<'a> {
    pub(crate) name: &'static str,
    pub(crate) reach: Reach,
    pub(crate) lock: &'a dyn Use,
}

/// What agents do with a lock. Every closure that returns a guard is a lock. The loops are compiled for each closure,
/// so that its code is inlined.
pub(crate) trait Use: Sync {
    /// Locks and unlocks, `count` times.
    fn pairs(&self, count: u32);

    /// Adds 1 to `total` under the lock, and works with and without the lock, until `signal` says to stop. Returns how
    /// often.
    fn race(&self, load: Load, signal: Slot<'_>, total: Slot<'_>) -> Counts;
}

/// What an agent did in a round.
pub(crate) struct Counts {
    /// How often it had the lock.
    operations: i32,
    /// How often it added to the total. A reader does not.
    counted: i32,
}

impl<Guard, Lock: Fn() -> Guard + Sync> Use for Lock {
    fn pairs(&self, count: u32) {
        for _ in 0..count {
            drop(self());
        }
    }

    fn race(&self, load: Load, signal: Slot<'_>, total: Slot<'_>) -> Counts {
        let mut operations = 0;
        while signal.load(Relaxed) == RUN {
            let guard = self();
            // Not an atomic addition: the lock makes this right.
            total.store(total.load(Relaxed) + 1, Relaxed);
            work(load.inside);
            drop(guard);
            operations += 1;
            work(load.outside);
        }
        Counts { operations, counted: operations }
    }
}

/// A reader-writer lock. An agent reads `reads` times and then writes once; it never writes if `reads` is [`FOR_EVER`].
pub(crate) struct Readers<Read, Write> {
    pub(crate) read: Read,
    pub(crate) write: Write,
    pub(crate) reads: u32,
}

impl<R, W, Read: Fn() -> R + Sync, Write: Fn() -> W + Sync> Use for Readers<Read, Write> {
    fn pairs(&self, count: u32) {
        for _ in 0..count {
            if self.reads > 0 { drop((self.read)()) } else { drop((self.write)()) }
        }
    }

    fn race(&self, load: Load, signal: Slot<'_>, total: Slot<'_>) -> Counts {
        let mut counts = Counts { operations: 0, counted: 0 };
        let mut until_a_write = self.reads;
        while signal.load(Relaxed) == RUN {
            if until_a_write > 0 {
                until_a_write -= u32::from(self.reads != FOR_EVER);
                let guard = (self.read)();
                let seen = total.load(Relaxed);
                work(load.inside);
                assert_eq!(total.load(Relaxed), seen, "an agent wrote while another was reading");
                drop(guard);
            } else {
                until_a_write = self.reads;
                let guard = (self.write)();
                total.store(total.load(Relaxed) + 1, Relaxed);
                work(load.inside);
                drop(guard);
                counts.counted += 1;
            }
            counts.operations += 1;
            work(load.outside);
        }
        counts
    }
}

/// Reads before a write that never comes.
pub(crate) const FOR_EVER: u32 = u32::MAX;

/// The work that an agent does beside counting, in steps of an instruction or two.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) inside: u32,
    pub(crate) outside: u32,
}

fn work(steps: u32) {
    for step in 0..steps {
        black_box(step);
    }
}

/// The cost of one lock in one round, in nanoseconds per operation of all agents: of the clock on the wall, and of
/// processor time.
struct Sample {
    wall: f64,
    cpu: f64,
}

fn sample(agents: Agents, load: Load, lock: &dyn Use, window: Duration) -> Sample {
    match agents {
        Agents::Alone => alone(lock, window),
        Agents::Threads(count) => Track::new(count, load).with_threads(lock, window),
        Agents::Processes(count) => Track::new(count, load).with_processes(lock, window),
    }
}

fn alone(lock: &dyn Use, window: Duration) -> Sample {
    /// So many that reading the clock costs next to nothing.
    const PAIRS: u32 = 10_000;
    let (start, cpu) = (Instant::now(), cpu_time());
    let mut pairs = 0.0;
    while start.elapsed() < window {
        lock.pairs(PAIRS);
        pairs += f64::from(PAIRS);
    }
    Sample { wall: nanos(start.elapsed()) / pairs, cpu: nanos(cpu_time() - cpu) / pairs }
}

/// Where the agents of a round meet: words that processes can share.
struct Track {
    words: SharedBuffer,
    agents: usize,
    load: Load,
}

// Lines of the track. Line LANES + n belongs to agent n: how often it had the lock, the microseconds it ran, and how
// often it counted.
const SIGNAL: usize = 0;
const READY: usize = 1;
const TOTAL: usize = 2;
const LANES: usize = 3;

/// Slots from line to line: two cache lines, because processors fetch them in pairs.
const LINE: usize = 32;

// States of the signal.
const WAIT: i32 = 0;
const RUN: i32 = 1;
const STOP: i32 = 2;

impl Track {
    fn new(agents: usize, load: Load) -> Self {
        Self { words: SharedBuffer::anonymous((LANES + agents) * LINE * 4).expect("memory"), agents, load }
    }

    fn with_threads(&self, lock: &dyn Use, window: Duration) -> Sample {
        thread::scope(|scope| {
            let threads: Vec<_> = (0..self.agents).map(|agent| scope.spawn(move || self.run(agent, lock))).collect();
            let elapsed = self.direct(window);
            // Joined, not only finished: a later fork needs a process with one thread.
            threads.into_iter().for_each(|thread| thread.join().expect("an agent"));
            self.result(elapsed)
        })
    }

    fn with_processes(&self, lock: &dyn Use, window: Duration) -> Sample {
        let children: Vec<_> = (0..self.agents).map(|agent| fork(|| self.run(agent, lock))).collect();
        let elapsed = self.direct(window);
        for child in children {
            let (_, status) = waitpid(Some(child), WaitOptions::empty()).expect("a child").expect("its end");
            assert_eq!(status.exit_status(), Some(0), "an agent failed");
        }
        self.result(elapsed)
    }

    /// What every agent does.
    fn run(&self, agent: usize, lock: &dyn Use) {
        let (signal, total, lane) = (self.word(SIGNAL, 0), self.word(TOTAL, 0), LANES + agent);
        self.word(READY, 0).fetch_add(1, Relaxed);
        // An agent that comes too late finds it at STOP.
        while signal.load(Relaxed) == WAIT {
            thread::yield_now();
        }
        let cpu = cpu_time();
        let counts = lock.race(self.load, signal, total);
        self.word(lane, 0).store(counts.operations, Relaxed);
        self.word(lane, 2).store(counts.counted, Relaxed);
        let micros = (cpu_time() - cpu).as_micros();
        self.word(lane, 1).store(micros.try_into().expect("a short round"), Relaxed);
    }

    /// Starts the agents when all have come, and stops them. Returns how long they ran.
    fn direct(&self, window: Duration) -> Duration {
        while self.word(READY, 0).load(Relaxed) as usize != self.agents {
            thread::yield_now();
        }
        let start = Instant::now();
        self.word(SIGNAL, 0).store(RUN, Relaxed);
        thread::sleep(window);
        self.word(SIGNAL, 0).store(STOP, Relaxed);
        start.elapsed()
    }

    fn result(&self, elapsed: Duration) -> Sample {
        let sum = |slot| (0..self.agents).map(|agent| self.word(LANES + agent, slot).load(Relaxed)).sum::<i32>();
        assert_eq!(sum(2), self.word(TOTAL, 0).load(Relaxed), "two agents held the lock at once");
        let operations = f64::from(sum(0));
        Sample { wall: nanos(elapsed) / operations, cpu: f64::from(sum(1)) * 1000.0 / operations }
    }

    fn word(&self, line: usize, slot: usize) -> Slot<'_> {
        self.words.slot(line * LINE + slot).expect("a line of the track")
    }
}

/// Runs `agent` in a child process, which then ends.
fn fork(agent: impl FnOnce()) -> Pid {
    // SAFETY: this process has one thread, so the child is a whole process and may do anything.
    match unsafe { libc::fork() } {
        0 => {
            // SAFETY: no handler is installed, so the alarm only ends a child whose parent died before it told it to
            // stop.
            unsafe { libc::alarm(60) };
            let outcome = catch_unwind(AssertUnwindSafe(agent));
            // SAFETY: ends the child here, without the exit handlers of the parent.
            unsafe { libc::_exit(i32::from(outcome.is_err())) }
        }
        -1 => panic!("fork: {}", std::io::Error::last_os_error()),
        child => Pid::from_raw(child).expect("no child is 0"),
    }
}

/// Returns the processor time of this thread.
fn cpu_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().expect("a positive time")
}

fn nanos(time: Duration) -> f64 {
    time.as_nanos() as f64
}

/// The agents and their load.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) agents: Agents,
    pub(crate) load: Load,
}

/// Runs a case, peer by peer and round by round, and prints its table.
pub(crate) fn compare(case: &Case, peers: &[Peer<'_>], options: &Options) {
    let crosses = matches!(case.agents, Agents::Processes(_));
    let takes_part = |peer: &Peer<'_>| !crosses || peer.reach == Reach::Processes;
    let mut samples: Vec<Vec<Sample>> = peers.iter().map(|_| Vec::new()).collect();
    for _ in 0..options.rounds {
        for (peer, samples) in peers.iter().zip(&mut samples).filter(|(peer, _)| takes_part(peer)) {
            samples.push(sample(case.agents, case.load, peer.lock, options.window));
        }
    }
    println!("\n{:<30}{:>10}{:>12}{:>20}{:>20}", case.name, "ns", "ns of CPU", RATIOS[0], RATIOS[1]);
    for (peer, own) in peers.iter().zip(&samples) {
        let wall = cell(own.iter().map(|sample| sample.wall), 1);
        let cpu = cell(own.iter().map(|sample| sample.cpu), 1);
        let [private, shared] = [0, 1].map(|reference| {
            let reference: &Vec<Sample> = &samples[reference];
            cell(own.iter().zip(reference).map(|(own, reference)| own.wall / reference.wall), 2)
        });
        println!("  {:<28}{wall:>10}{cpu:>12}{private:>20}{shared:>20}", peer.name);
    }
}

/// How many times as fast the first two peers are as the one of the line.
const RATIOS: [&str; 2] = ["private x as fast", "shared x as fast"];

/// Returns the median, or a dash if there are no values.
fn cell(values: impl Iterator<Item = f64>, decimals: usize) -> String {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).map_or_else(|| "-".into(), |median| format!("{median:.decimals$}"))
}

/// Returns a line about the machine.
pub(crate) fn machine() -> String {
    let cores = thread::available_parallelism().map_or_else(|_| "unknown".into(), |cores| cores.to_string());
    format!("cores: {cores}, system: {} on {}", std::env::consts::OS, std::env::consts::ARCH)
}
