//! Producers and consumers, as processes, over one bounded queue in shared memory: once made of a lock and two
//! conditions, once of two semaphores and a lock. Every item must arrive once.
//!
//! ```text
//! cargo run --release --example bounded_queue
//! cargo run --release --example bounded_queue -- --help
//! ```
//!
//! The memory. A line is 32 slots, or 128 bytes, as some processors fetch cache lines in pairs: who writes one of these
//! words must not slow down who reads another.
//!
//! | line | what is there |
//! |---|---|
//! | 0 | `start`, an event: workers sleep here until all of them are there |
//! | 1 | `working`, a latch: the parent sleeps here until all of them are done |
//! | 2 | `producing`, a barrier: the producers meet here when they are done |
//! | 3 | `lock`: for the ring, which is `head`, `tail` and the places |
//! | 4 | `head`: how many items have been taken; the next one is in place `head` modulo capacity |
//! | 5 | `tail`: how many have been put; the next one goes to place `tail` modulo capacity |
//! | 6 | `not_full`, a condition; or `free`, a semaphore: how many places have no item |
//! | 7 | `not_empty`, a condition; or `filled`, a semaphore: how many have one |
//! | 8 and on | the places: a slot each |
//! | then | what has arrived: a bit for each item |
//!
//! `queue.rs` has the queue, in both ways, and is what to read first; `work.rs` is what producers and consumers do and
//! what the memory is for; `processes.rs` starts and watches them; `options.rs` reads the command line. This file puts
//! them together, keeps the time and prints.

// Where the futex knows one process only, the workers are threads.
#[cfg_attr(unix, path = "processes.rs")]
#[cfg_attr(not(unix), path = "threads.rs")]
#[cfg_attr(unix, allow(unsafe_code, reason = "fork, and the exit that belongs to it"))]
mod crew;
mod options;
mod queue;
mod work;

use crew::Crew;
use options::{HELP, Options, parse};
use queue::Way;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use work::{Desk, Job, Worker};

/// How long the parent sleeps before it looks for dead workers and shows how far the others are.
const SLICE: Duration = Duration::from_millis(50);

/// Why a run ends before its end: a sentence for people.
struct Failure(String);

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

fn main() -> ExitCode {
    let outcome = match parse(std::env::args_os().skip(1)) {
        Ok(Some(options)) => compare(options),
        Ok(None) => io::stdout().write_all(HELP.as_bytes()).map_err(Failure::from),
        Err(complaint) => {
            eprintln!("bounded_queue: {complaint}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(reason)) => {
            eprintln!("bounded_queue: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn compare(options: Options) -> Result<(), Failure> {
    let Options { producers, consumers, items, capacity } = options;
    let mut out = io::stdout();
    let agents = crew::AGENTS;
    writeln!(
        out,
        "producers {producers}, consumers {consumers} ({agents}); capacity {capacity}; items of each producer {items}\n"
    )?;
    for way in Way::ALL {
        let elapsed = run(way, options)?;
        let rate = f64::from(options.total()) / elapsed.as_secs_f64();
        writeln!(out, "{:28} each item arrived once {rate:>12.0} items per second", way.name())?;
    }
    Ok(())
}

/// One queue and its workers, from the first item to the last.
fn run(way: Way, options: Options) -> Result<Duration, Failure> {
    let buffer = Arc::new(crew::memory(Desk::bytes(options))?);
    let desk = Desk::prepare(&buffer, way, options)?;
    let producers = (1..=options.producers).map(Worker::Producer);
    let consumers = (1..=options.consumers).map(Worker::Consumer);
    let jobs = producers.chain(consumers).map(|worker| Job { worker, way, options });
    let mut crew = Crew::start(jobs, &buffer)?;

    let progress = Progress::new(way, options);
    let start = Instant::now();
    desk.start.set();
    progress.show(0);
    while desk.working.wait_for(SLICE).is_timed_out() {
        crew.check()?;
        progress.show(desk.taken());
    }
    let elapsed = start.elapsed();
    drop(progress);
    crew.join()?;
    desk.check()?;
    Ok(elapsed)
}

/// A line that tells a terminal how far a run is, and is gone when this is dropped. Elsewhere there is no such line.
struct Progress {
    name: &'static str,
    total: i32,
    is_shown: bool,
}

impl Progress {
    fn new(way: Way, options: Options) -> Self {
        Self { name: way.name(), total: options.total(), is_shown: io::stderr().is_terminal() }
    }

    fn show(&self, taken: i32) {
        if self.is_shown {
            // The marks at the end are taken too.
            let percent = 100 * i64::from(taken.min(self.total)) / i64::from(self.total);
            // Back to the first column, for whatever is printed next.
            eprint!("{}: {percent} %\r", self.name);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_shown {
            // Clears the line.
            eprint!("\x1b[K");
        }
    }
}
