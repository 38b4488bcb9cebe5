//! Producers and consumers, as processes, use one bounded queue in shared memory. It is made first of a lock and two
//! conditions, then of two semaphores and a lock. Every item must arrive once.
//!
//! ```text
//! cargo run --release --example bounded_queue
//! cargo run --release --example bounded_queue -- --help
//! ```
//!
//! The memory consists of lines. A line is 32 slots, or 128 bytes, because some processors fetch cache lines in pairs:
//! writes to one of these words must not slow down readers of another.
//!
//! | line | contents |
//! |---|---|
//! | 0 | `start`, an event: workers sleep here until all of them are there |
//! | 1 | `working`, a latch: the parent sleeps here until all workers are done |
//! | 2 | `producing`, a barrier: the producers meet here when they are done |
//! | 3 | `lock`, for the ring: `head`, `tail` and the places |
//! | 4 | `head`: how many items have been taken; the next one is in place `head` modulo capacity |
//! | 5 | `tail`: how many items have been put; the next one goes to place `tail` modulo capacity |
//! | 6 | `not_full`, a condition; or `free`, a semaphore: how many places have no item |
//! | 7 | `not_empty`, a condition; or `filled`, a semaphore: how many places have one |
//! | 8 and on | the places, each a slot |
//! | then | a bit for each item that has arrived |
//!
//! Read `queue.rs` first: it has the queue in both ways. `work.rs` is what producers and consumers do and what the
//! memory is for; `processes.rs` starts and watches them; `options.rs` reads the command line. This file puts them
//! together, keeps the time and prints.

#[path = "../common/mod.rs"]
mod common;
mod options;
#[cfg(unix)]
#[allow(unsafe_code, reason = "fork, and the exit that belongs to it")]
mod processes;
mod queue;
#[cfg(not(unix))]
mod threads;
mod work;

// Where a futex works within one process only, the workers are threads.
#[cfg(unix)]
use processes as crew;
#[cfg(not(unix))]
use threads as crew;

use common::{Result, finish, print};
use crew::Crew;
use options::{Options, parse};
use queue::Way;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use work::{Desk, Job, Worker};

/// How long the parent sleeps before it looks for dead workers and shows the progress of the others.
const SLICE: Duration = Duration::from_millis(50);

fn main() -> ExitCode {
    finish("bounded_queue", parse().map_err(Into::into).and_then(compare))
}

fn compare(options: Options) -> Result<()> {
    let Options { producers, consumers, items, capacity } = options;
    let workers = format_args!("producers {producers}, consumers {consumers} ({})", crew::AGENTS);
    print(format_args!("{workers}; capacity {capacity}; items of each producer {items}\n"))?;
    for way in Way::ALL {
        let elapsed = run(way, options)?;
        let rate = f64::from(options.total()) / elapsed.as_secs_f64();
        print(format_args!("{:28} each item arrived once {rate:>12.0} items per second", way.name()))?;
    }
    Ok(())
}

/// Runs one queue and its workers, from the first item to the last. Returns the time that this took.
fn run(way: Way, options: Options) -> Result<Duration> {
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
    while desk.working.wait_for(SLICE).is_err() {
        crew.check()?;
        progress.show(desk.taken());
    }
    let elapsed = start.elapsed();
    drop(progress);
    crew.join()?;
    desk.check()?;
    Ok(elapsed)
}

/// A line that shows a terminal the progress of a run, and is cleared when this is dropped. If standard error is not a
/// terminal, there is no such line.
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
            // The marks at the end are counted, too.
            let percent = 100 * i64::from(taken.min(self.total)) / i64::from(self.total);
            // Back to the first column, for the next line.
            let _ = write!(io::stderr(), "{}: {percent} %\r", self.name);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_shown {
            // Clears the line.
            let _ = write!(io::stderr(), "\x1b[K");
        }
    }
}
