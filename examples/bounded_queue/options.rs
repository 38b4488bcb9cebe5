//! The command line.

use std::ffi::OsString;

pub(crate) const HELP: &str = "\
Producers and consumers, as processes, over one bounded queue in shared memory: once made of a lock
and two conditions, once of two semaphores and a lock. Every item must arrive once.

usage: cargo run --release --example bounded_queue -- [options]

  --producers P  how many processes put items into the queue: 1 to 64, else 2
  --consumers C  how many take them out: 1 to 64, else 2
  --items N      how many items each producer puts: 1 to 10000000, else 200000
  --capacity K   how many items the queue holds: 1 to 1000000, else 64
  --help         this text

While it runs, a terminal shows how far it is. On Windows the producers and consumers are threads.

Exit status: 0; 1 if an item was lost or came twice or out of order, a process died, or the system
refused something; 2 for a bad argument.
";

/// Of each kind. A process is not cheap, and more of them than processors only take turns.
const MAX_WORKERS: i32 = 64;
/// So that the number of all items is far below what a slot counts to.
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
    /// How many items there are.
    pub(crate) fn total(&self) -> i32 {
        self.producers * self.items
    }
}

const _: () = assert!(MAX_WORKERS.checked_mul(MAX_ITEMS).is_some());

/// `None` is a call for help. An error is a complaint that names the value and the bound.
pub(crate) fn parse(mut arguments: impl Iterator<Item = OsString>) -> Result<Option<Options>, String> {
    let mut options = Options { producers: 2, consumers: 2, items: 200_000, capacity: 64 };
    while let Some(argument) = arguments.next() {
        let (number, max) = match argument.to_str() {
            Some("--producers") => (&mut options.producers, MAX_WORKERS),
            Some("--consumers") => (&mut options.consumers, MAX_WORKERS),
            Some("--items") => (&mut options.items, MAX_ITEMS),
            Some("--capacity") => (&mut options.capacity, MAX_CAPACITY),
            Some("--help" | "-h") => return Ok(None),
            _ => return Err(format!("{argument:?} is not an option; --help lists them")),
        };
        let option = argument.to_string_lossy();
        let value = arguments.next().ok_or_else(|| format!("{option} needs a number from 1 to {max}"))?;
        let given = value.to_str().and_then(|digits| digits.parse().ok());
        let in_bounds = given.filter(|given| (1..=max).contains(given));
        *number = in_bounds.ok_or_else(|| format!("{option} {value:?} is not a number from 1 to {max}"))?;
    }
    Ok(Some(options))
}
