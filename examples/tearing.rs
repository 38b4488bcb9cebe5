//! Numbers that nobody wrote. One agent writes 0 and -1 in turn, of 64 bits, and another reads: through a `DataView`, byte by
//! byte, it comes to see mixtures of the two; through a `TypedArray`, never. First as two threads, then as two processes.
//!
//! ```text
//! cargo run --release --example tearing                    # until mixtures were seen, or for 10 seconds
//! cargo run --release --example tearing -- --seconds 60    # or for 60
//! ```
//!
//! That a mixture is seen is a matter of luck, of which there is much: whenever the system takes the processor away from the
//! writer, it is in the midst of a number, most of the time. With two processors, one seldom has to wait for that.

use slotsync::{DataView, Error, SharedBuffer, Slot, TypedArray};
use std::io::{self, Write};
use std::process::{Child, Command, ExitCode, id};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};
use std::{env, thread};

/// At least so many reads, so that it is known how often.
const READS: u64 = 200_000;
/// So many between two looks at the clock.
const TURNS: u64 = 1_000;
/// A writer whose parent is gone, without a word, ends after this beyond the time that the parent had.
const GRACE: Duration = Duration::from_secs(10);
const MOST_SECONDS: u64 = 600;
const SECONDS: u64 = 10;

/// Of different cache lines: what one writes must not slow down who reads another.
const BYTES: usize = 512;
/// The number of the view: the end of one line and the beginning of the next.
const VIEW: usize = 253;
const ELEMENT: usize = 384;

/// What the writer is told. Fresh memory tells it nothing yet.
const THROUGH_VIEW: i32 = 1;
const THROUGH_ARRAY: i32 = 2;
const STOP: i32 = 3;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// What is in the memory.
#[derive(Clone, Copy)]
struct Table<'buf> {
    told: Slot<'buf>,
    view: DataView<'buf>,
    array: TypedArray<'buf, u64>,
}

// Relaxed: nothing that is read here depends on what was done before.
impl<'buf> Table<'buf> {
    fn new(buffer: &'buf SharedBuffer) -> std::result::Result<Self, Error> {
        let (view, array) = (DataView::new(buffer, VIEW, 8)?, TypedArray::new(buffer, ELEMENT, 1)?);
        Ok(Self { told: buffer.slot(0)?, view, array })
    }

    /// What the writer does, as a thread or as a process, until it is told to stop.
    fn write(&self, seconds: u64) -> std::result::Result<(), Error> {
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

    /// Both ways, one after the other, while a writer writes.
    fn compare(&self, agents: &str, seconds: u64) -> Result<bool> {
        self.told.store(THROUGH_VIEW, Relaxed);
        let view = Seen::look(seconds, || self.view.get_ne(0).ok(), |seen| seen.mixtures > 0)?;
        self.told.store(THROUGH_ARRAY, Relaxed);
        // As long as it takes to know that the other writes.
        let array = Seen::look(seconds, || self.array.get(0), |seen| seen.zeros > 0 && seen.ones > 0)?;
        for (way, seen) in [("DataView", &view), ("TypedArray", &array)] {
            let example = seen.example.map_or(String::new(), |number| format!("  {number:#018x}"));
            writeln!(io::stdout(), "{agents:14}  {way:10}  {:>10}  {:>10}{example}", seen.reads, seen.mixtures)?;
        }
        if array.mixtures > 0 {
            return Err("an element was seen in parts: that must not be".into());
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

/// What a reader has found.
#[derive(Default)]
struct Seen {
    reads: u64,
    zeros: u64,
    ones: u64,
    mixtures: u64,
    example: Option<u64>,
}

impl Seen {
    fn look(seconds: u64, read: impl Fn() -> Option<u64>, is_enough: fn(&Self) -> bool) -> Result<Self> {
        let (mut seen, start) = (Self::default(), Instant::now());
        while (seen.reads < READS || !is_enough(&seen)) && start.elapsed() < Duration::from_secs(seconds) {
            if INTERRUPTED.load(Relaxed) {
                return Err("interrupted".into());
            }
            for _ in 0..TURNS {
                match read().ok_or("there is no such number")? {
                    0 => seen.zeros += 1,
                    u64::MAX => seen.ones += 1,
                    mixture => {
                        seen.mixtures += 1;
                        seen.example.get_or_insert(mixture);
                    }
                }
            }
            seen.reads += TURNS;
        }
        Ok(seen)
    }
}

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned()).collect();
    let outcome = match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--help"] => {
            let usage = "usage: cargo run --release --example tearing [-- --seconds S]";
            writeln!(io::stdout(), "{usage}, with S from 1 to {MOST_SECONDS}, else {SECONDS}").map_err(Into::into)
        }
        // A process that the parent has started: not for people.
        ["--attach", name, seconds] => attach(name, seconds),
        arguments => match seconds(arguments) {
            Ok(seconds) => parent(seconds),
            Err(complaint) => {
                eprintln!("tearing: {complaint}");
                return ExitCode::from(2);
            }
        },
    };
    let Err(error) = outcome else { return ExitCode::SUCCESS };
    eprintln!("tearing: {error}");
    ExitCode::from(if INTERRUPTED.load(Relaxed) { 130 } else { 1 })
}

fn seconds(arguments: &[&str]) -> std::result::Result<u64, String> {
    match arguments {
        [] => Ok(SECONDS),
        ["--seconds", value] => {
            let given = value.parse().ok().filter(|given| (1..=MOST_SECONDS).contains(given));
            given.ok_or_else(|| format!("--seconds {value:?} is not a number from 1 to {MOST_SECONDS}"))
        }
        ["--seconds"] => Err(format!("--seconds needs a number from 1 to {MOST_SECONDS}")),
        _ => Err(format!("{arguments:?} is not understood: there are the options --seconds and --help")),
    }
}

fn attach(name: &str, seconds: &str) -> Result<()> {
    let buffer = SharedBuffer::open_named(name)?;
    Ok(Table::new(&buffer)?.write(seconds.parse()?)?)
}

fn parent(seconds: u64) -> Result<()> {
    #[cfg(unix)]
    ctrlc::set_handler(|| INTERRUPTED.store(true, Relaxed))?;
    writeln!(io::stdout(), "agents          through          reads    mixtures  such as")?;
    let mut has_torn = as_threads(seconds)?;
    match as_processes(seconds) {
        Ok(torn) => has_torn |= torn,
        // Of memory that processes share.
        Err(error) if matches!(error.downcast_ref(), Some(Error::Unsupported { .. })) => {
            writeln!(io::stdout(), "two processes   {error}")?;
        }
        Err(error) => return Err(error),
    }
    let result = match has_torn {
        true => "through the view numbers were read that nobody wrote; through the array, none".to_owned(),
        false => format!("within {seconds} seconds no mixture was seen, by luck; through the array there is none"),
    };
    Ok(writeln!(io::stdout(), "{result}")?)
}

fn as_threads(seconds: u64) -> Result<bool> {
    let buffer = SharedBuffer::new(BYTES)?;
    let table = Table::new(&buffer)?;
    thread::scope(|threads| {
        let writer = threads.spawn(move || table.write(seconds));
        let outcome = table.compare("two threads", seconds);
        // Whatever the outcome.
        table.told.store(STOP, Relaxed);
        writer.join().expect("a writer does not panic")?;
        outcome
    })
}

fn as_processes(seconds: u64) -> Result<bool> {
    let name = format!("/slotsync-tearing-{}", id());
    let buffer = SharedBuffer::create_named(&name, BYTES)?;
    let mut writer = Writer { name, process: None };
    let table = Table::new(&buffer)?;
    let mut command = Command::new(env::current_exe()?);
    command.args(["--attach", &writer.name, &seconds.to_string()]);
    // In a group of its own, a process does not hear the terminal's Ctrl-C: that is for the parent.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let process = writer.process.insert(command.spawn()?);
    let outcome = table.compare("two processes", seconds);
    // Whatever the outcome.
    table.told.store(STOP, Relaxed);
    let status = process.wait()?;
    if status.success() { outcome } else { Err(format!("the writer died: {status}").into()) }
}

/// When it is dropped, the process has ended and the name is gone.
struct Writer {
    name: String,
    process: Option<Child>,
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            let _ = (process.kill(), process.wait());
        }
        let _ = SharedBuffer::unlink(&self.name);
    }
}
