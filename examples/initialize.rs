//! Which of several processes initializes the segment that all of them attach to? A `Once` in the segment says.
//!
//! ```text
//! cargo run --release --example initialize              # one process initializes it, the others find it ready
//! cargo run --release --example initialize -- --kill    # the first one to initialize it is killed half way
//! ```
//!
//! The others notice that it takes long, but not why. The parent reaps the dead process, so it *knows*: it clears what
//! was left half done, and resets the `Once`.

use slotsync::{Barrier, Once, Semaphore, SharedBuffer, Slot, Slots};
use std::io::{self, Write};
use std::process::{Child, Command, ExitCode, id};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::{env, thread, time::Duration};

const PROCESSES: u32 = 4;
const WORDS: usize = 1000;
const BYTES: usize = (5 + WORDS) * size_of::<i32>();
/// So long that it is worth a look at what is wrong.
const LONG: Duration = Duration::from_millis(100);
/// So long that the parent must be gone.
const FOREVER: Duration = Duration::from_secs(60);

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Nobody has to come first to prepare this: zeros are a once that was not run, a barrier that nobody has come to, and
/// a semaphore without permits.
struct Segment<'buf> {
    once: Once<'buf>,
    /// All begin together, so that it is a matter of luck who comes first.
    start: Barrier<'buf>,
    /// A permit from each process that has waited for long, and from each that is done.
    news: Semaphore<'buf>,
    /// A permit from the process that waits to be killed, whose number, from 1 on, is in `victim`.
    half_way: Semaphore<'buf>,
    victim: Slot<'buf>,
    /// What is to be initialized: with the square of each index, from 1 on.
    table: Slots<'buf>,
}

// Relaxed: the primitives order what comes before and after them.
impl<'buf> Segment<'buf> {
    fn new(buffer: &'buf SharedBuffer) -> Result<Self> {
        let (once, start) = (Once::new(buffer, 0)?, Barrier::new(buffer, 1, PROCESSES)?);
        let (news, half_way) = (Semaphore::new(buffer, 2)?, Semaphore::new(buffer, 3)?);
        Ok(Self { once, start, news, half_way, victim: buffer.slot(4)?, table: buffer.slots(5..)? })
    }

    fn initialize(&self, number: i32, with_kill: bool) {
        for (i, word) in (1..).zip(self.table.iter()) {
            if with_kill && i > WORDS as i32 / 2 && self.victim.load(Relaxed) == 0 {
                self.victim.store(number, Relaxed);
                self.half_way.release(1).expect("one permit is never too many");
                thread::sleep(FOREVER);
            }
            // Added, not stored: two initializers would show.
            word.fetch_add(i * i, Relaxed);
        }
    }

    fn check(&self) -> Result<()> {
        let is_whole = (1..).zip(self.table.iter()).all(|(i, word)| word.load(Relaxed) == i * i);
        is_whole.then_some(()).ok_or("the segment is not what one initializer makes of it".into())
    }
}

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned()).collect();
    let outcome = match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => parent(""),
        ["--kill"] => parent("--kill"),
        ["--help"] => {
            writeln!(io::stdout(), "usage: cargo run --release --example initialize [-- --kill]").map_err(Into::into)
        }
        // A process that the parent has started: not for people.
        ["--attach", name, number, kill] => attach(name, number, *kill == "--kill"),
        _ => {
            eprintln!("initialize: {arguments:?} is not understood: there is one option, --kill");
            return ExitCode::from(2);
        }
    };
    let Err(error) = outcome else { return ExitCode::SUCCESS };
    eprintln!("initialize: {error}");
    ExitCode::from(if INTERRUPTED.load(Relaxed) { 130 } else { 1 })
}

/// What each process does, and all do the same.
fn attach(name: &str, number: &str, with_kill: bool) -> Result<()> {
    let buffer = SharedBuffer::named(name, BYTES)?;
    let (segment, number) = (Segment::new(&buffer)?, number.parse()?);
    segment.start.wait_for(FOREVER).ok_or("the others did not come")?;
    let mut ending = "found the segment ready";
    let mut initializer = || {
        segment.initialize(number, with_kill);
        ending = "initialized the segment";
    };
    let mut outcome = segment.once.call_once_for(&mut initializer, if with_kill { LONG } else { FOREVER })?;
    if outcome.is_timed_out() {
        writeln!(io::stdout(), "process {number} has waited {LONG:?}: who initializes the segment is slow, or dead")?;
        segment.news.release(1)?;
        outcome = segment.once.call_once_for(initializer, FOREVER)?;
    }
    outcome.is_done().then_some(()).ok_or("nobody has initialized the segment")?;
    segment.check()?;
    writeln!(io::stdout(), "process {number} {ending}")?;
    Ok(segment.news.release(1)?)
}

fn parent(option: &str) -> Result<()> {
    #[cfg(unix)]
    ctrlc::set_handler(|| INTERRUPTED.store(true, Relaxed))?;
    let mut crew = Crew { name: format!("/slotsync-initialize-{}", id()), processes: Vec::new() };
    let buffer = SharedBuffer::named(&crew.name, BYTES)?;
    let segment = Segment::new(&buffer)?;
    for number in 1..=PROCESSES {
        let mut command = Command::new(env::current_exe()?);
        command.args(["--attach", &crew.name, &number.to_string(), option]);
        // In a group of its own, a process does not hear the terminal's Ctrl-C: that is for the parent.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        crew.processes.push(command.spawn()?);
    }
    if option == "--kill" {
        crew.await_permits(segment.half_way, 1)?;
        let number = segment.victim.load(Relaxed);
        let place = number as usize - 1;
        crew.processes[place].kill()?;
        let status = crew.processes.remove(place).wait()?;
        writeln!(io::stdout(), "process {number} was half way when the parent killed and reaped it: {status}")?;
        crew.await_permits(segment.news, PROCESSES - 1)?;
        writeln!(io::stdout(), "the parent clears what is half done, and resets the once")?;
        segment.table.iter().for_each(|word| word.store(0, Relaxed));
        segment.once.reset();
    }
    crew.await_permits(segment.news, crew.processes.len() as u32)?;
    segment.check()?;
    let ready = crew.processes.len() - 1;
    Ok(writeln!(io::stdout(), "one process has initialized the segment, and {ready} found it ready")?)
}

/// When it is dropped, the processes have ended and the name is gone.
struct Crew {
    name: String,
    processes: Vec<Child>,
}

impl Crew {
    fn await_permits(&mut self, semaphore: Semaphore, count: u32) -> Result<()> {
        while semaphore.acquire_many_for(count, LONG)?.is_timed_out() {
            if INTERRUPTED.load(Relaxed) {
                return Err("interrupted".into());
            }
            for process in &mut self.processes {
                if let Some(status) = process.try_wait()?.filter(|status| !status.success()) {
                    return Err(format!("a process died: {status}").into());
                }
            }
        }
        Ok(())
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        for process in &mut self.processes {
            let _ = (process.kill(), process.wait());
        }
        // It may be that there was none.
        let _ = SharedBuffer::unlink(&self.name);
    }
}
