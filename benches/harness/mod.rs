//! Agents, threads or processes, that race for a lock in short rounds, and a table of how the locks fared.
#![allow(dead_code, reason = "each benchmark uses a part")]

use rustix::process::{Pid, WaitOptions, waitpid};
use rustix::time::{ClockId, clock_gettime};
use slotsync::{SharedBuffer, Slot};
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};

pub(crate) mod pthread;

/// Who uses the lock, and how many.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Agents {
    /// One thread that does nothing else.
    Alone,
    Threads(usize),
    Processes(usize),
}

/// Between whom a lock can decide.
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

/// What agents do with a lock. Every closure that returns a guard is a lock; the loops are compiled for each, so that
/// what it inlines is inlined.
pub(crate) trait Use: Sync {
    /// Locks and unlocks, so many times.
    fn pairs(&self, count: u32);

    /// Counts `total` up under the lock, and works in it and outside it, until `signal` says to stop. How often?
    fn race(&self, load: Load, signal: Slot<'_>, total: Slot<'_>) -> Counts;
}

/// What an agent did in a round.
pub(crate) struct Counts {
    /// How often it had the lock.
    operations: i32,
    /// How often it counted the total up: who only reads does not.
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
            // No atomic addition: it is the lock that makes this right.
            total.store(total.load(Relaxed) + 1, Relaxed);
            work(load.inside);
            drop(guard);
            operations += 1;
            work(load.outside);
        }
        Counts { operations, counted: operations }
    }
}

/// A reader-writer lock: `reads` times to read, then once to write, unless `reads` is for ever.
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
                assert_eq!(total.load(Relaxed), seen, "somebody wrote under a reader");
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

/// What an agent does beside counting, in steps of an instruction or two.
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

/// What one lock cost in one round, in nanoseconds per operation: of the clock on the wall, whoever did it, and of
/// processor time, all agents' together.
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
    /// Often enough that the clock's readings do not count.
    const PAIRS: u32 = 10_000;
    let (start, cpu) = (Instant::now(), cpu_time());
    let mut pairs = 0.0;
    while start.elapsed() < window {
        lock.pairs(PAIRS);
        pairs += f64::from(PAIRS);
    }
    Sample { wall: nanos(start.elapsed()) / pairs, cpu: nanos(cpu_time() - cpu) / pairs }
}

/// Where the agents of a round meet: words that processes share too.
struct Track {
    words: SharedBuffer,
    agents: usize,
    load: Load,
}

// Lines of the track. Agent n's own is LANES + n: how often it had the lock, the microseconds it ran, and how often it
// counted.
const SIGNAL: usize = 0;
const READY: usize = 1;
const TOTAL: usize = 2;
const LANES: usize = 3;

/// Slots from line to line: two cache lines, since processors fetch them in pairs.
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
            // Joined, not only finished: a later fork must find one thread.
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
        // Who comes to run too late finds it at STOP.
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

    /// Starts the agents when all are there, stops them, and says how long they had.
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

/// Runs `agent` in a child, which ends with it.
fn fork(agent: impl FnOnce()) -> Pid {
    // SAFETY: this process has one thread, so the child is a whole process and may do anything.
    match unsafe { libc::fork() } {
        0 => {
            // SAFETY: no handler is installed, so an alarm only ends a child whose parent died before it said stop.
            unsafe { libc::alarm(60) };
            let outcome = catch_unwind(AssertUnwindSafe(agent));
            // SAFETY: ends the child here, without what the parent has registered for its own end.
            unsafe { libc::_exit(i32::from(outcome.is_err())) }
        }
        -1 => panic!("fork: {}", std::io::Error::last_os_error()),
        child => Pid::from_raw(child).expect("no child is 0"),
    }
}

/// The processor time of this thread.
fn cpu_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().expect("a positive time")
}

fn nanos(time: Duration) -> f64 {
    time.as_nanos() as f64
}

/// Who uses the locks how.
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

/// The median, or a dash if there is nothing to take it of.
fn cell(values: impl Iterator<Item = f64>, decimals: usize) -> String {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).map_or_else(|| "-".into(), |median| format!("{median:.decimals$}"))
}

/// What was measured on.
pub(crate) fn machine() -> String {
    let cores = thread::available_parallelism().map_or_else(|_| "unknown".into(), |cores| cores.to_string());
    format!("cores: {cores}, system: {} on {}", std::env::consts::OS, std::env::consts::ARCH)
}

/// What the command line asks for.
pub(crate) struct Options {
    rounds: usize,
    window: Duration,
    cases: Vec<String>,
}

impl Options {
    pub(crate) fn from_args() -> Self {
        let mut options = Self { rounds: 15, window: Duration::from_millis(30), cases: Vec::new() };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            // The agents' counters are small, and their children's patience is short.
            let mut number = || words.next()?.parse().ok().filter(|number| (1..=10_000).contains(number));
            match &*word {
                // Cargo says so to every bench.
                "--bench" => {}
                "--rounds" => options.rounds = number().unwrap_or_else(|| usage()) as usize,
                "--millis" => options.window = Duration::from_millis(number().unwrap_or_else(|| usage())),
                _ if word.starts_with('-') => usage(),
                _ => options.cases.push(word),
            }
        }
        options
    }

    /// Is a case's name asked for, in whole or in part? All are, if none is.
    pub(crate) fn selects(&self, case: &str) -> bool {
        self.cases.is_empty() || self.cases.iter().any(|part| case.contains(part))
    }
}

fn usage() -> ! {
    eprintln!("usage: [--rounds N] [--millis N] [CASE]...");
    std::process::exit(2);
}
