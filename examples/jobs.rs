//! Queues of jobs that a struct keeps by name, and that threads share without a scope.
//!
//! ```text
//! cargo run --release --example jobs
//! cargo run --release --example jobs -- --jobs 5
//! ```
//!
//! The handles of this crate borrow their buffer, so they cannot lie in a `HashMap` beside it, and `thread::spawn` does
//! not take them. An `Owned` handle can do both, because it holds an `Arc` of the buffer. This program makes one struct
//! of handles, `Jobs`, and keeps it as `Owned<Jobs<'static>>`. It also moves a lock that it holds into a thread, which
//! unlocks it there: an `Owned<LockGuard<'static>>`.

mod common;

use common::{Result, Stop, args, finish, print, print_if_read};
use lexopt::Arg::{Long, Short};
use slotsync::{Cond, Error, Handle, Lock, LockGuard, Owned, SharedBuffer, Slot, Slots};
use std::collections::HashMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;

const HELP: &str = "\
Two queues of jobs in one buffer, kept by name in a HashMap, with a worker thread each.

usage: cargo run --release --example jobs -- [OPTIONS]

  --jobs N    how many jobs to put into each queue: 1 to 1000, by default 3
  -h, --help  print this text

Exit status: 0; 1 if a job was lost; 2 for a wrong argument.
";

const MAX_JOBS: i32 = 1000;

/// A queue of jobs, which are numbers: handles to slots of a buffer. All zeros are an open queue without jobs.
#[derive(Clone, Copy)]
struct Jobs<'buf> {
    lock: Lock<'buf>,
    /// Notified when any of the slots below changes. All of them are used under the lock.
    changed: Cond<'buf>,
    is_closed: Slot<'buf>,
    /// How many jobs were taken.
    head: Slot<'buf>,
    /// How many jobs were put.
    tail: Slot<'buf>,
    places: Slots<'buf>,
}

/// Lets an `Owned` keep the struct.
impl Handle for Jobs<'_> {
    type Over<'buf> = Jobs<'buf>;

    fn shorten<'short, 'long: 'short>(handle: &'short Jobs<'long>) -> &'short Jobs<'short> {
        handle
    }
}

// Relaxed: the lock orders all of it.
impl<'buf> Jobs<'buf> {
    const CAPACITY: usize = 2;
    const SLOTS: usize = Lock::SLOTS + Cond::SLOTS + 3 + Self::CAPACITY;

    fn new(buffer: &'buf SharedBuffer, index: usize) -> Result<Self, Error> {
        let lock = Lock::new(buffer, index)?;
        Ok(Self {
            lock,
            changed: Cond::new(buffer, index + 1, lock)?,
            is_closed: buffer.slot(index + 3)?,
            head: buffer.slot(index + 4)?,
            tail: buffer.slot(index + 5)?,
            places: buffer.slots(index + 6..index + Self::SLOTS)?,
        })
    }

    /// Puts a job at the end, waiting until there is a place for it.
    fn put(&self, job: i32) {
        let guard = self.changed.wait_while(self.lock.lock(), || self.len() == Self::CAPACITY);
        self.place(self.tail).store(job, Relaxed);
        self.tail.fetch_add(1, Relaxed);
        drop(guard);
        self.changed.notify_all();
    }

    /// Takes the first job, waiting until there is one. Returns `None` if the queue is empty and closed.
    fn take(&self) -> Option<i32> {
        let is_waiting = || self.len() == 0 && self.is_closed.load(Relaxed) == 0;
        let guard = self.changed.wait_while(self.lock.lock(), is_waiting);
        if self.len() == 0 {
            return None;
        }
        let job = self.place(self.head).load(Relaxed);
        self.head.fetch_add(1, Relaxed);
        drop(guard);
        self.changed.notify_all();
        Some(job)
    }

    /// Tells the workers that no jobs will follow.
    fn close(&self) {
        let guard = self.lock.lock();
        self.is_closed.store(1, Relaxed);
        drop(guard);
        self.changed.notify_all();
    }

    fn len(&self) -> usize {
        (self.tail.load(Relaxed) - self.head.load(Relaxed)) as usize
    }

    fn place(&self, count: Slot) -> Slot<'buf> {
        self.places.get(count.load(Relaxed) as usize % Self::CAPACITY).expect("a remainder is less than the divisor")
    }
}

/// Queues by name.
struct Office {
    queues: HashMap<String, Owned<Jobs<'static>>>,
}

impl Office {
    /// Makes the queues in one buffer, which lives as long as one of them.
    fn new(names: &[&str]) -> Result<Self> {
        let buffer = Arc::new(SharedBuffer::new(names.len() * Jobs::SLOTS * size_of::<i32>())?);
        let mut queues = HashMap::new();
        for (place, name) in names.iter().enumerate() {
            let index = place * Jobs::SLOTS;
            let jobs = Owned::<Jobs>::new(Arc::clone(&buffer), |buffer| Jobs::new(buffer, index))?;
            queues.insert(name.to_string(), jobs);
        }
        Ok(Self { queues })
    }
}

fn main() -> ExitCode {
    finish("jobs", parse().map_err(Into::into).and_then(run))
}

/// Returns the number of jobs.
fn parse() -> Result<i32, Stop> {
    let (mut parser, mut count) = (lexopt::Parser::from_env(), 3);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("jobs") => count = args::number(&mut parser, "--jobs", 1..=MAX_JOBS)?,
            Short('h') | Long("help") => return Err(Stop::Help(HELP)),
            argument => return Err(args::unknown(argument, "--jobs, --help")),
        }
    }
    Ok(count)
}

fn run(count: i32) -> Result<()> {
    let names = ["mail", "print"];
    let office = Office::new(&names)?;

    // A guard that owns its share of the buffer: the queue stays locked until it is dropped.
    let held: Owned<LockGuard> = office.queues["print"].map(|jobs| jobs.lock.lock());
    print("print: locked by the main thread")?;

    let workers = names.map(|name| {
        let jobs = office.queues[name].clone();
        thread::spawn(move || work(name, jobs.get()))
    });
    (1..=count).for_each(|job| office.queues["mail"].get().put(job));

    let inspector = thread::spawn(move || {
        let outcome = print_if_read("print: inspected and unlocked by another thread");
        drop(held);
        outcome
    });
    (1..=count).for_each(|job| office.queues["print"].get().put(job));
    inspector.join().expect("the inspector does not panic")?;

    office.queues.values().for_each(|jobs| jobs.get().close());
    // The workers still have the buffer.
    drop(office);
    for (name, worker) in names.into_iter().zip(workers) {
        let done = worker.join().expect("a worker does not panic")?;
        if done != count {
            return Err(format!("{name}: {done} of {count} jobs were done").into());
        }
        print(format_args!("{name}: all {count} jobs were done"))?;
    }
    Ok(())
}

/// What a worker does, until its queue is closed. Returns how many jobs it has done.
fn work(name: &str, jobs: &Jobs) -> Result<i32> {
    let (mut done, mut printed) = (0, Ok(()));
    while let Some(job) = jobs.take() {
        // If the output fails, the worker goes on: the main thread waits for places in the queue.
        if printed.is_ok() {
            printed = print_if_read(format_args!("{name}: job {job}"));
        }
        done += 1;
    }
    printed.map(|()| done)
}
