//! Several processes attach to one segment, and exactly one of them must initialize it. A `Once` in the segment decides
//! which.
//!
//! ```text
//! cargo run --release --example initialize              # one process initializes it, the others find it ready
//! cargo run --release --example initialize -- --kill    # the first process that initializes it is killed half way
//! ```
//!
//! The other processes notice that the initialization takes long, but not why. The parent reaps the dead process, so it
//! *knows* that it is dead: it clears the half-initialized table and resets the `Once`.

mod common;

use common::children::{Children, attached};
use common::{Result, Stop, args, check_interrupt, finish, print, print_if_read, watch_for_interrupts};
use lexopt::Arg::{Long, Short};
use slotsync::{Barrier, Once, Semaphore, SharedBuffer, Slot, Slots, TimedOut};
use std::process::ExitCode;
use std::sync::atomic::Ordering::Relaxed;
use std::{thread, time::Duration};

const HELP: &str = "\
Several processes attach to one segment of shared memory, and one of them initializes it.

usage: cargo run --release --example initialize -- [OPTIONS]

  --kill      kill the first process that initializes the segment when it is half way
  -h, --help  print this text

Exit status: 0; 1 if the segment is wrong, a process died, or the system refused something; 2 for a
wrong argument; 130 after Ctrl-C.
";

const PROCESSES: u32 = 4;
const WORDS: usize = 1000;
const BYTES: usize = (5 + WORDS) * size_of::<i32>();
/// A wait this long is a reason to check the other processes.
const LONG: Duration = Duration::from_millis(100);
/// A wait this long means that the parent is gone.
const FOREVER: Duration = Duration::from_secs(60);

/// The contents of the segment. No process has to prepare it: all zeros are a once that has not run, a barrier where
/// nobody has arrived, and semaphores without permits.
struct Segment<'buf> {
    once: Once<'buf>,
    /// The processes start together here, so luck decides which one is first.
    start: Barrier<'buf>,
    /// A permit from each process that has waited for long, and from each one that is done.
    news: Semaphore<'buf>,
    /// A permit from the process that waits to be killed. Its number, from 1 on, is in `victim`.
    half_way: Semaphore<'buf>,
    victim: Slot<'buf>,
    /// What is to be initialized: word `i` becomes the square of `i`, counted from 1.
    table: Slots<'buf>,
}

// Relaxed: the primitives order what comes before and after them.
impl<'buf> Segment<'buf> {
    fn new(buffer: &'buf SharedBuffer) -> Result<Self> {
        Ok(Self {
            once: Once::new(buffer, 0)?,
            start: Barrier::new(buffer, 1, PROCESSES)?,
            news: Semaphore::new(buffer, 2)?,
            half_way: Semaphore::new(buffer, 3)?,
            victim: buffer.slot(4)?,
            table: buffer.slots(5..)?,
        })
    }

    fn initialize(&self, number: i32, with_kill: bool) {
        for (i, word) in (1..).zip(self.table.iter()) {
            if with_kill && i > WORDS as i32 / 2 && self.victim.load(Relaxed) == 0 {
                self.victim.store(number, Relaxed);
                self.half_way.release(1).expect("one permit is within the maximum");
                thread::sleep(FOREVER);
            }
            // An addition, not a store, so that a second initializer would show.
            word.fetch_add(i * i, Relaxed);
        }
    }

    fn check(&self) -> Result<()> {
        let is_whole = (1..).zip(self.table.iter()).all(|(i, word)| word.load(Relaxed) == i * i);
        is_whole.then_some(()).ok_or("the segment is not what one initializer makes of it".into())
    }
}

fn main() -> ExitCode {
    let outcome = match attached() {
        Some(arguments) => attach(&arguments),
        None => parse().map_err(Into::into).and_then(parent),
    };
    finish("initialize", outcome)
}

/// Returns `true` if a process is to be killed.
fn parse() -> Result<bool, Stop> {
    let (mut parser, mut with_kill) = (lexopt::Parser::from_env(), false);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("kill") => with_kill = true,
            Short('h') | Long("help") => return Err(Stop::Help(HELP)),
            argument => return Err(args::unknown(argument, "--kill, --help")),
        }
    }
    Ok(with_kill)
}

/// What each of the processes does.
fn attach(arguments: &[String]) -> Result<()> {
    let [name, number, with_kill] = arguments else { return Err("--attach is for the parent only".into()) };
    let (number, with_kill) = (number.parse()?, with_kill.parse()?);
    let buffer = SharedBuffer::named(name, BYTES)?;
    let segment = Segment::new(&buffer)?;
    segment.start.wait_for(FOREVER).map_err(|TimedOut| "the other processes did not come")?;

    let mut ending = "found the segment ready";
    let mut initializer = || {
        segment.initialize(number, with_kill);
        ending = "initialized the segment";
    };
    match segment.once.call_once_for(&mut initializer, if with_kill { LONG } else { FOREVER }) {
        Ok(outcome) => outcome?,
        Err(TimedOut) => {
            let guess = "the process that initializes the segment is slow or dead";
            print_if_read(format_args!("process {number} has waited {LONG:?}: {guess}"))?;
            segment.news.release(1)?;
            segment.once.call_once_for(initializer, FOREVER)??;
        }
    }
    segment.check()?;
    print_if_read(format_args!("process {number} {ending}"))?;
    Ok(segment.news.release(1)?)
}

fn parent(with_kill: bool) -> Result<()> {
    watch_for_interrupts()?;
    let mut children = Children::new("initialize");
    let buffer = SharedBuffer::named(&children.name, BYTES)?;
    let segment = Segment::new(&buffer)?;
    for number in 1..=PROCESSES {
        children.start(&[&number.to_string(), &with_kill.to_string()])?;
    }
    if with_kill {
        acquire(segment.half_way, 1, &mut children)?;
        let number = segment.victim.load(Relaxed);
        let place = number as usize - 1;
        children.processes[place].kill()?;
        let status = children.processes.remove(place).wait()?;
        print(format_args!("process {number} was half way when the parent killed and reaped it: {status}"))?;
        // All others have noticed.
        acquire(segment.news, PROCESSES - 1, &mut children)?;
        print("the parent clears the half-initialized table, and resets the once")?;
        segment.table.iter().for_each(|word| word.store(0, Relaxed));
        segment.once.reset();
    }
    let living = children.processes.len();
    acquire(segment.news, living as u32, &mut children)?;
    segment.check()?;
    print(format_args!("one process has initialized the segment, and {} found it ready", living - 1))
}

/// Acquires the permits, unless a child dies first.
fn acquire(semaphore: Semaphore, count: u32, children: &mut Children) -> Result<()> {
    loop {
        match semaphore.acquire_many_for(count, LONG) {
            Ok(outcome) => return Ok(outcome?),
            Err(TimedOut) => check_interrupt()?,
        }
        for process in &mut children.processes {
            if let Some(status) = process.try_wait()?.filter(|status| !status.success()) {
                return Err(format!("a process died: {status}").into());
            }
        }
    }
}
