//! Several processes add to the same slot of shared memory, in four ways. Two of the ways lose updates.
//!
//! ```text
//! cargo run --release --example race
//! cargo run --release --example race -- --help
//! ```
//!
//! `track.rs` is the race itself: the slots, the four ways to add, and what a worker does. `processes.rs` starts the
//! workers and hands them the memory; `options.rs` reads the command line. This file puts them together, keeps the time
//! and prints the table.

#[path = "../common/mod.rs"]
mod common;
mod options;
#[cfg(unix)]
#[allow(unsafe_code, reason = "fork, and the exit that belongs to it")]
mod processes;
mod track;

use common::{Result, check_interrupt, complain, finish, print, watch_for_interrupts};
use options::{Options, Origin, parse};
use slotsync::{Error, MemoryError, SharedBuffer};
use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use track::{Task, Track, VARIANTS, Variant, work};

/// The first argument of a worker process. It is not for people.
#[cfg(unix)]
const WORKER: &str = "--as-a-worker";

/// Where in the shared memory the race takes place: the index that each worker is sent.
const FIRST_SLOT: usize = 0;

/// How long the parent sleeps before it looks for dead workers and for Ctrl-C.
const SLICE: Duration = Duration::from_millis(50);

fn main() -> ExitCode {
    #[cfg(unix)]
    if std::env::args_os().nth(1).is_some_and(|first| first == WORKER) {
        return finish("race", processes::work_as_process());
    }
    finish("race", parse().map_err(Into::into).and_then(race))
}

/// Makes the memory and the workers, and lets them race once per variant. Every way out of here, after Ctrl-C too,
/// drops what has to be cleaned up.
fn race(options: Options) -> Result<()> {
    let options = &options;
    // A thread watches for Ctrl-C, but only a process with one thread may fork. Until the fork there is nothing to
    // clean up: the memory has no name, and the workers end with their parent.
    let forks = options.origin == Origin::Anonymous && !options.threads;
    if !forks {
        watch_for_interrupts()?;
    }
    let buffer = Arc::new(create(options.origin)?);
    let name = Name(buffer.origin());
    let track = Track::new(&buffer, FIRST_SLOT)?;
    track.prepare(options.workers);
    let mut crew = hire(options, &buffer)?;
    if forks {
        watch_for_interrupts()?;
    }
    await_all(&track, &mut *crew)?;
    // All workers have the memory, so its name is not needed any more.
    drop(name);

    print_header(options)?;
    let mut broken = Vec::new();
    for (round, variant) in (1..).zip(&VARIANTS) {
        track.prepare(options.workers);
        let start = Instant::now();
        track.open_gate(round);
        await_all(&track, &mut *crew)?;
        let elapsed = start.elapsed();
        print_row(options, variant, track.found(), elapsed)?;
        if variant.is_exact && track.found() != options.expected() {
            broken.push(variant.name);
        }
    }
    if broken.is_empty() {
        return Ok(());
    }
    Err(format!("{} must not lose updates, but did", broken.join(" and ")).into())
}

fn create(origin: Origin) -> Result<SharedBuffer, MemoryError> {
    let name = format!("slotsync-race-{}", std::process::id());
    let new = SharedBuffer::options().create_new(true);
    match origin {
        Origin::Heap => SharedBuffer::new(Track::BYTES),
        Origin::Anonymous => SharedBuffer::anonymous(Track::BYTES),
        Origin::Memfd => SharedBuffer::memfd(Track::BYTES),
        Origin::Named => new.named(&format!("/{name}"), Track::BYTES),
        Origin::File => new.file(std::env::temp_dir().join(name), Track::BYTES),
    }
}

/// The name of the memory, if it has one. Dropping this removes the name; processes that have the memory keep it.
struct Name<'buf>(slotsync::Origin<'buf>);

impl Drop for Name<'_> {
    fn drop(&mut self) {
        let removed = match self.0 {
            slotsync::Origin::Named(name) => SharedBuffer::unlink(name).map_err(io::Error::from),
            slotsync::Origin::File(path) => std::fs::remove_file(path),
            _ => Ok(()),
        };
        if let Err(error) = removed {
            complain("race", format_args!("cannot remove {:?}: {error}", self.0));
        }
    }
}

/// All the workers. Worker processes have ended when it is dropped.
trait Crew {
    /// Returns an error if a worker has died.
    fn check(&mut self) -> Result<()>;
}

fn hire(options: &Options, buffer: &Arc<SharedBuffer>) -> Result<Box<dyn Crew>> {
    let increments = options.increments;
    let tasks = (1..=options.workers).map(|worker| Task { worker, increments, first_slot: FIRST_SLOT });
    #[cfg(unix)]
    match options.origin {
        _ if options.threads => {}
        Origin::Anonymous => return Ok(Box::new(processes::Processes::fork(tasks, buffer)?)),
        _ => return Ok(Box::new(processes::Processes::spawn(tasks, buffer)?)),
    }
    Ok(Box::new(Threads::start(tasks, buffer)?))
}

/// Worker threads. They are not scoped, because a scope waits for its threads: after Ctrl-C these end with the process.
struct Threads(Vec<JoinHandle<Result<(), Error>>>);

impl Threads {
    fn start(tasks: impl Iterator<Item = Task>, buffer: &Arc<SharedBuffer>) -> io::Result<Self> {
        let start = |task| {
            let buffer = Arc::clone(buffer);
            thread::Builder::new().spawn(move || work(&buffer, task))
        };
        Ok(Self(tasks.map(start).collect::<io::Result<_>>()?))
    }
}

impl Crew for Threads {
    fn check(&mut self) -> Result<()> {
        while let Some(finished) = self.0.iter().position(JoinHandle::is_finished) {
            self.0.swap_remove(finished).join().map_err(|_| "a worker panicked")??;
        }
        Ok(())
    }
}

/// Sleeps until all workers have finished the round. Returns an error after Ctrl-C, or if a worker has died.
fn await_all(track: &Track, crew: &mut dyn Crew) -> Result<()> {
    loop {
        check_interrupt()?;
        if track.await_finish(SLICE) {
            return Ok(());
        }
        crew.check()?;
    }
}

fn print_header(options: &Options) -> Result<()> {
    let Options { workers, increments, origin, threads } = options;
    let agents = match (threads, workers) {
        (true, 1) => "thread",
        (true, _) => "threads",
        (false, 1) => "process",
        (false, _) => "processes",
    };
    let origin = origin.name();
    print(format_args!("{workers} {agents}, {origin} memory: each adds 1 to the same slot {increments} times.\n"))?;
    print(format_args!("{:27} {:>11} {:>11} {:>11} {:>13}", "", "expected", "found", "lost", "ns/increment"))
}

/// The time is that of the whole round, divided by the number of all increments.
fn print_row(options: &Options, variant: &Variant, found: i32, elapsed: Duration) -> Result<()> {
    let expected = options.expected();
    let lost = i64::from(expected) - i64::from(found);
    let nanos = elapsed.as_nanos() as f64 / f64::from(expected);
    let why = match lost {
        0 if !variant.is_exact => "None lost this time: by luck, no other worker came between.",
        _ => variant.why,
    };
    print(format_args!("{:27} {expected:>11} {found:>11} {lost:>11} {nanos:>13.1}\n    {why}", variant.name))
}
