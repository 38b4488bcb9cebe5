//! Several processes add to the same slot of shared memory, in four ways. Two of the ways lose updates.
//!
//! ```text
//! cargo run --release --example race
//! cargo run --release --example race -- --help
//! ```
//!
//! `track.rs` is the race itself: the slots, the four ways to add, what a worker does. `processes.rs` starts the
//! workers and hands them the memory; `options.rs` reads the command line. This file puts them together, keeps the time
//! and prints the table.

mod options;
#[cfg(unix)]
#[allow(unsafe_code, reason = "fork, and the exit that belongs to it")]
mod processes;
mod track;

use options::{HELP, Options, Origin, parse};
use slotsync::SharedBuffer;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use track::{Task, Track, VARIANTS, Variant, work};

/// The first argument of a worker process. Not for people.
#[cfg(unix)]
const WORKER: &str = "--as-a-worker";

/// Where in the shared memory the race takes place: the index that the workers are sent.
const FIRST_SLOT: usize = 0;

/// How long the parent sleeps before it looks for dead workers and for Ctrl-C.
const SLICE: Duration = Duration::from_millis(50);

/// Why the race ends before its end. All ways out, Ctrl-C too, lead back through `main`, so each thing that needs to be
/// cleaned up says so in one place: its `Drop`.
enum Stop {
    Interrupted,
    Failed(String),
}

impl<E: std::error::Error> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.to_string())
    }
}

fn main() -> ExitCode {
    #[cfg(unix)]
    if std::env::args_os().nth(1).is_some_and(|first| first == WORKER) {
        return report(processes::work_as_process());
    }
    match parse(std::env::args_os().skip(1)) {
        Ok(Some(options)) => report(race(&options)),
        Ok(None) => report(io::stdout().write_all(HELP.as_bytes()).map_err(Stop::from)),
        Err(complaint) => {
            eprintln!("race: {complaint}");
            ExitCode::from(2)
        }
    }
}

fn report(outcome: Result<(), Stop>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stop::Interrupted) => ExitCode::from(130),
        Err(Stop::Failed(reason)) => {
            eprintln!("race: {reason}");
            ExitCode::FAILURE
        }
    }
}

/// The parent: makes the memory and the workers, and lets them race once per variant.
fn race(options: &Options) -> Result<(), Stop> {
    // A thread watches for Ctrl-C, and only a process with one thread may fork. Until then there is nothing to clean
    // up: memory that a fork hands on has no name, and workers end with their parent.
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
    // All have the memory: nobody needs its name any more.
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
    Err(Stop::Failed(format!("{} must not lose updates, but did", broken.join(" and "))))
}

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// From here on Ctrl-C, SIGTERM and SIGHUP only raise a flag, which the main thread finds within a `SLICE`.
fn watch_for_interrupts() -> Result<(), Stop> {
    // Elsewhere the workers are threads, and these leave nothing behind.
    #[cfg(unix)]
    ctrlc::set_handler(|| INTERRUPTED.store(true, Relaxed))?;
    Ok(())
}

fn create(origin: Origin) -> Result<SharedBuffer, slotsync::Error> {
    let name = format!("slotsync-race-{}", std::process::id());
    match origin {
        Origin::Heap => SharedBuffer::new(Track::BYTES),
        Origin::Anonymous => SharedBuffer::anonymous(Track::BYTES),
        Origin::Memfd => SharedBuffer::memfd(Track::BYTES),
        Origin::Named => SharedBuffer::create_named(&format!("/{name}"), Track::BYTES),
        Origin::File => SharedBuffer::create_file(std::env::temp_dir().join(name), Track::BYTES),
    }
}

/// The name by which others find the memory, if it has one. Removed when dropped: who has the memory keeps it.
struct Name<'buf>(slotsync::Origin<'buf>);

impl Drop for Name<'_> {
    fn drop(&mut self) {
        let removed = match self.0 {
            slotsync::Origin::Named(name) => SharedBuffer::unlink(name).map_err(io::Error::from),
            slotsync::Origin::File(path) => std::fs::remove_file(path),
            _ => Ok(()),
        };
        if let Err(error) = removed {
            eprintln!("race: cannot remove {:?}: {error}", self.0);
        }
    }
}

/// All the workers. Nothing of them is left when it is dropped.
trait Crew {
    /// An error if any has died.
    fn check(&mut self) -> Result<(), Stop>;
}

fn hire(options: &Options, buffer: &Arc<SharedBuffer>) -> Result<Box<dyn Crew>, Stop> {
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

/// Not scoped threads, which would have to be waited for: after Ctrl-C these end with the process.
struct Threads(Vec<JoinHandle<Result<(), slotsync::Error>>>);

impl Threads {
    fn start(tasks: impl Iterator<Item = Task>, buffer: &Arc<SharedBuffer>) -> io::Result<Self> {
        let start = |task| {
            let buffer = Arc::clone(buffer);
            thread::Builder::new().spawn(move || work(&buffer, task))
        };
        Ok(Self(tasks.map(start).collect::<Result<_, _>>()?))
    }
}

impl Crew for Threads {
    fn check(&mut self) -> Result<(), Stop> {
        while let Some(finished) = self.0.iter().position(JoinHandle::is_finished) {
            self.0.swap_remove(finished).join().map_err(|_| Stop::Failed("a worker panicked".into()))??;
        }
        Ok(())
    }
}

/// Sleeps until all workers have finished the round, unless there is a reason to give that up.
fn await_all(track: &Track, crew: &mut dyn Crew) -> Result<(), Stop> {
    loop {
        if INTERRUPTED.load(Relaxed) {
            return Err(Stop::Interrupted);
        }
        if track.await_finish(SLICE) {
            return Ok(());
        }
        crew.check()?;
    }
}

fn print_header(options: &Options) -> io::Result<()> {
    let Options { workers, increments, origin, threads } = options;
    let agents = match (threads, workers) {
        (true, 1) => "thread",
        (true, _) => "threads",
        (false, 1) => "process",
        (false, _) => "processes",
    };
    let mut out = io::stdout().lock();
    writeln!(out, "{workers} {agents}, {} memory: each adds 1 to the same slot {increments} times.\n", origin.name())?;
    writeln!(out, "{:27} {:>11} {:>11} {:>11} {:>13}", "", "expected", "found", "lost", "ns/increment")
}

/// The time is that of the whole round divided by all increments: how long until one more is done, by whomever.
fn print_row(options: &Options, variant: &Variant, found: i32, elapsed: Duration) -> io::Result<()> {
    let expected = options.expected();
    let lost = i64::from(expected) - i64::from(found);
    let nanos = elapsed.as_nanos() as f64 / f64::from(expected);
    let why = match lost {
        0 if !variant.is_exact => "None lost this time: by luck, nobody came between.",
        _ => variant.why,
    };
    let mut out = io::stdout().lock();
    writeln!(out, "{:27} {expected:>11} {found:>11} {lost:>11} {nanos:>13.1}\n    {why}", variant.name)
}
