//! Numbers that nobody wrote. One agent writes the 64-bit numbers 0 and -1 in turn, and another reads. A `DataView`
//! goes byte by byte, so the reader comes to see mixtures of the two numbers. A `TypedArray` never shows one. The
//! agents are first two threads, then two processes.
//!
//! ```text
//! cargo run --release --example tearing                    # until mixtures were seen, or for 10 seconds
//! cargo run --release --example tearing -- --seconds 60    # or for 60
//! ```
//!
//! Luck decides whether a mixture is seen, but there is much of it: whenever the system takes the processor away from
//! the writer, the writer is most likely in the middle of a number. With two processors, the wait for a mixture is
//! short.

mod common;

use common::children::{Children, attached};
use common::{Result, Stop, args, check_interrupt, finish, print, watch_for_interrupts};
use lexopt::Arg::{Long, Short};
use slotsync::arrays::{DataView, TypedArray};
use slotsync::{Error, MemoryError, SharedBuffer, Slot};
use std::process::ExitCode;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};

const HELP: &str = "\
One agent writes the 64-bit numbers 0 and -1 in turn, and another reads: through a DataView it sees
mixtures of the two, through a TypedArray it does not.

usage: cargo run --release --example tearing -- [OPTIONS]

  --seconds S  how long to wait for a mixture: 1 to 600, by default 10
  -h, --help   print this text

Exit status: 0; 1 if the array showed a mixture, the writer died, or the system refused something; 2
for a wrong argument; 130 after Ctrl-C.
";

const MOST_SECONDS: u64 = 600;
const SECONDS: u64 = 10;
/// The fewest reads, so that the counts say something.
const READS: u64 = 200_000;
/// How many numbers are read or written between two looks at the clock.
const TURNS: u64 = 1_000;
/// How much longer than the parent a writer goes on, if the parent is gone without telling it to stop.
const GRACE: Duration = Duration::from_secs(10);

/// Enough for two cache lines around the view, and for one around the array: writes to one must not slow down the
/// others.
const BYTES: usize = 512;
/// Where the view begins: its number crosses the boundary of a cache line.
const VIEW: usize = 253;
const ELEMENT: usize = 384;

/// What the writer is told to do. In fresh memory it finds 0, and waits.
const THROUGH_VIEW: i32 = 1;
const THROUGH_ARRAY: i32 = 2;
const STOP: i32 = 3;

/// The contents of the memory.
#[derive(Clone, Copy)]
struct Table<'buf> {
    told: Slot<'buf>,
    view: DataView<'buf>,
    array: TypedArray<'buf, u64>,
}

// Relaxed: no read here depends on what was done before.
impl<'buf> Table<'buf> {
    fn new(buffer: &'buf SharedBuffer) -> Result<Self, Error> {
        let (view, array) = (DataView::new(buffer, VIEW, 8)?, TypedArray::new(buffer, ELEMENT, 1)?);
        Ok(Self { told: buffer.slot(0)?, view, array })
    }

    /// What the writer does, as a thread or as a process, until it is told to stop.
    fn write(&self, seconds: u64) -> Result<(), Error> {
        let (start, most) = (Instant::now(), 4 * Duration::from_secs(seconds) + GRACE);
        while start.elapsed() < most {
            match self.told.load(Relaxed) {
                THROUGH_VIEW => (0..TURNS).try_for_each(|turn| self.view.set_ne(0, number(turn)))?,
                THROUGH_ARRAY => (0..TURNS).try_for_each(|turn| self.array.set(0, number(turn)))?,
                STOP => break,
                _ => thread::yield_now(),
            }
        }
        Ok(())
    }

    /// Reads in both ways, one after the other, while a writer writes. Returns `true` if the view showed a mixture.
    fn compare(&self, agents: &str, seconds: u64) -> Result<bool> {
        self.told.store(THROUGH_VIEW, Relaxed);
        let view = Counts::read(seconds, || self.view.get_ne(0).ok(), |counts| counts.mixtures > 0)?;
        self.told.store(THROUGH_ARRAY, Relaxed);
        // Until it is certain that the other agent writes.
        let array = Counts::read(seconds, || self.array.get(0), |counts| counts.zeros > 0 && counts.ones > 0)?;
        for (way, counts) in [("DataView", &view), ("TypedArray", &array)] {
            let example = counts.example.map_or(String::new(), |number| format!("  {number:#018x}"));
            let Counts { reads, mixtures, .. } = counts;
            print(format_args!("{agents:14}  {way:10}  {reads:>10}  {mixtures:>10}{example}"))?;
        }
        if array.mixtures > 0 {
            return Err("an element was seen in parts, which must not happen".into());
        }
        if array.zeros == 0 || array.ones == 0 {
            return Err(format!("within {seconds} seconds the writer was not seen to write").into());
        }
        Ok(view.mixtures > 0)
    }
}

fn number(turn: u64) -> u64 {
    if turn % 2 == 0 { 0 } else { u64::MAX }
}

/// What a reader has seen.
#[derive(Default)]
struct Counts {
    reads: u64,
    zeros: u64,
    ones: u64,
    mixtures: u64,
    example: Option<u64>,
}

impl Counts {
    fn read(seconds: u64, read: impl Fn() -> Option<u64>, is_enough: fn(&Self) -> bool) -> Result<Self> {
        let (mut counts, start) = (Self::default(), Instant::now());
        while (counts.reads < READS || !is_enough(&counts)) && start.elapsed() < Duration::from_secs(seconds) {
            check_interrupt()?;
            for _ in 0..TURNS {
                match read().ok_or("there is no such number")? {
                    0 => counts.zeros += 1,
                    u64::MAX => counts.ones += 1,
                    mixture => {
                        counts.mixtures += 1;
                        counts.example.get_or_insert(mixture);
                    }
                }
            }
            counts.reads += TURNS;
        }
        Ok(counts)
    }
}

fn main() -> ExitCode {
    let outcome = match attached() {
        Some(arguments) => attach(&arguments),
        None => parse().map_err(Into::into).and_then(parent),
    };
    finish("tearing", outcome)
}

fn parse() -> Result<u64, Stop> {
    let (mut parser, mut seconds) = (lexopt::Parser::from_env(), SECONDS);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("seconds") => seconds = args::number(&mut parser, "--seconds", 1..=MOST_SECONDS)?,
            Short('h') | Long("help") => return Err(Stop::Help(HELP)),
            argument => return Err(args::unknown(argument, "--seconds, --help")),
        }
    }
    Ok(seconds)
}

/// What the writer does, if it is a process.
fn attach(arguments: &[String]) -> Result<()> {
    let [name, seconds] = arguments else { return Err("--attach is for the parent only".into()) };
    let buffer = SharedBuffer::open_named(name)?;
    Ok(Table::new(&buffer)?.write(seconds.parse()?)?)
}

fn parent(seconds: u64) -> Result<()> {
    watch_for_interrupts()?;
    print("agents          through          reads    mixtures  such as")?;
    let mut has_torn = as_threads(seconds)?;
    match as_processes(seconds) {
        Ok(torn) => has_torn |= torn,
        // Some platforms have no memory that processes share.
        Err(error) if matches!(error.downcast_ref(), Some(MemoryError::Unsupported { .. })) => {
            print(format_args!("two processes   {error}"))?;
        }
        Err(error) => return Err(error),
    }
    if has_torn {
        print("through the view numbers were read that nobody wrote; through the array, none")
    } else {
        print(format_args!("within {seconds} seconds no mixture was seen, by luck; through the array there is none"))
    }
}

fn as_threads(seconds: u64) -> Result<bool> {
    let buffer = SharedBuffer::new(BYTES)?;
    let table = Table::new(&buffer)?;
    thread::scope(|threads| {
        let writer = threads.spawn(move || table.write(seconds));
        let outcome = table.compare("two threads", seconds);
        // After an error, too.
        table.told.store(STOP, Relaxed);
        writer.join().expect("a writer does not panic")?;
        outcome
    })
}

fn as_processes(seconds: u64) -> Result<bool> {
    let mut children = Children::new("tearing");
    let buffer = SharedBuffer::options().create_new(true).named(&children.name, BYTES)?;
    let table = Table::new(&buffer)?;
    children.start(&[&seconds.to_string()])?;
    let outcome = table.compare("two processes", seconds);
    // After an error, too.
    table.told.store(STOP, Relaxed);
    let status = children.processes[0].wait()?;
    if status.success() { outcome } else { Err(format!("the writer died: {status}").into()) }
}
