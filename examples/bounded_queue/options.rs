//! The command line.

use crate::common::{Stop, args};
use lexopt::Arg::{Long, Short};

const HELP: &str = "\
Producers and consumers, as processes, use one bounded queue in shared memory. It is made first of a
lock and two conditions, then of two semaphores and a lock. Every item must arrive once.

usage: cargo run --release --example bounded_queue -- [OPTIONS]

  --producers P  how many processes put items into the queue: 1 to 64, by default 2
  --consumers C  how many processes take them out: 1 to 64, by default 2
  --items N      how many items each producer puts: 1 to 10000000, by default 200000
  --capacity K   how many items the queue holds: 1 to 1000000, by default 64
  -h, --help     print this text

While it runs, a terminal shows its progress. On Windows the producers and consumers are threads.

Exit status: 0; 1 if an item was lost, came twice or came out of order, a process died, or the system
refused something; 2 for a wrong argument.
";

/// The maximum for producers, and for consumers. More processes than processors only take turns.
const MAX_WORKERS: i32 = 64;
/// With this maximum, the number of all items is far below what a slot counts to.
const MAX_ITEMS: i32 = 10_000_000;
const MAX_CAPACITY: i32 = 1_000_000;

#[derive(Clone, Copy)]
pub(crate) struct Options {
    pub(crate) producers: i32,
    pub(crate) consumers: i32,
    pub(crate) items: i32,
    pub(crate) capacity: i32,
}

impl Options {
    /// Returns the number of all items.
    pub(crate) fn total(&self) -> i32 {
        self.producers * self.items
    }
}

const _: () = assert!(MAX_WORKERS.checked_mul(MAX_ITEMS).is_some());

pub(crate) fn parse() -> Result<Options, Stop> {
    let mut options = Options { producers: 2, consumers: 2, items: 200_000, capacity: 64 };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("producers") => options.producers = args::number(&mut parser, "--producers", 1..=MAX_WORKERS)?,
            Long("consumers") => options.consumers = args::number(&mut parser, "--consumers", 1..=MAX_WORKERS)?,
            Long("items") => options.items = args::number(&mut parser, "--items", 1..=MAX_ITEMS)?,
            Long("capacity") => options.capacity = args::number(&mut parser, "--capacity", 1..=MAX_CAPACITY)?,
            Short('h') | Long("help") => return Err(Stop::Help(HELP)),
            argument => return Err(args::unknown(argument, "--producers, --consumers, --items, --capacity, --help")),
        }
    }
    Ok(options)
}
