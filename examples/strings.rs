//! Text in shared memory, between two processes and in both directions: the parent sends, and the child answers with the
//! characters in reverse.
//!
//! ```text
//! cargo run --release --example strings                          # some texts
//! cargo run --release --example strings -- "Grüße" "an alle"     # these
//! cargo run --release --example strings -- --hostile             # the child answers with what is no text
//! cargo run --release --example strings -- --help
//! ```
//!
//! For each direction there is a mailbox with room for one text:
//!
//! | slot | what is there |
//! |---|---|
//! | 0 | `free`, a semaphore: a permit if the mailbox is empty |
//! | 1 | `filled`, a semaphore: a permit if a text is in it |
//! | 2 | how many bytes the text has |
//! | 3 and on | the text, in UTF-8, and behind it what longer ones have left |
//!
//! Who sends refuses a text for which there is no room. Who receives believes nothing: the other process can write
//! anything to the memory, at any time. So it takes a copy, of no more bytes than there is room for, and looks at that.

use slotsync::{Semaphore, SharedBuffer, Slot};
use std::io::{self, Write};
use std::process::{Child, Command, ExitCode, id};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::{env, time::Duration};

const HELP: &str = "\
Text in shared memory: the parent sends each text to its child, which answers with it in reverse.

usage: cargo run --release --example strings -- [--hostile] [TEXT...]

  TEXT       a text to send, in UTF-8, of at most 256 bytes; without any, some are sent
  --hostile  the child answers with what is no text: with lengths that cannot be, with bytes that
             are not UTF-8
  --         before the first text: what follows are texts, though they begin with --
  --help     this text

Exit status: 0; 1 if a text or an answer was refused, the child died, or the system refused
something; 2 for a bad argument; 130 after Ctrl-C.
";

/// The longest text in bytes.
const ROOM: usize = 256;
/// How many slots a mailbox takes.
const SLOTS: usize = 3 + ROOM / size_of::<i32>();
/// One for the child, and one for the parent.
const BYTES: usize = 2 * SLOTS * size_of::<i32>();

/// So long that it is worth a look at what is wrong.
const LONG: Duration = Duration::from_millis(100);
/// So long that the parent must be gone.
const FOREVER: Duration = Duration::from_secs(60);

const TEXTS: [&str; 4] = ["Hello, child!", "Zwölf Boxkämpfer", "共有メモリの文字列", "one lock: 🔒"];

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Why a text was not sent, or not taken.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("a text of {bytes} bytes is too long: there is room for {ROOM}")]
    TooLong { bytes: usize },
    #[error("it is said to have {found} bytes, but there is room for {ROOM}")]
    BadLength { found: i32 },
    #[error("its bytes are no UTF-8 from byte {place} of {bytes} on")]
    NotUtf8 { place: usize, bytes: usize },
}

struct Mailbox<'buf> {
    free: Semaphore<'buf>,
    filled: Semaphore<'buf>,
    length: Slot<'buf>,
    buffer: &'buf SharedBuffer,
    /// Where the text begins, in bytes.
    text: usize,
}

// Relaxed: the semaphores order what comes before and after them.
impl<'buf> Mailbox<'buf> {
    /// The mailbox of that number.
    fn new(buffer: &'buf SharedBuffer, number: usize) -> Result<Self> {
        let first = number * SLOTS;
        let (free, filled) = (Semaphore::new(buffer, first)?, Semaphore::new(buffer, first + 1)?);
        let text = (first + 3) * size_of::<i32>();
        Ok(Self { free, filled, length: buffer.slot(first + 2)?, buffer, text })
    }

    /// For who has made the memory, before it is handed on: an empty mailbox. Fresh memory says that it is not free.
    fn initialize(buffer: &'buf SharedBuffer, number: usize) -> Result<Self> {
        Semaphore::initialize(buffer, number * SLOTS, 1)?;
        Self::new(buffer, number)
    }

    /// `None`: the other has not taken the text before this one in that time.
    fn send_for(&self, text: &str, timeout: Duration) -> Result<Option<()>> {
        if text.len() > ROOM {
            return Err(Refused::TooLong { bytes: text.len() }.into());
        }
        self.put_for(text.len() as i32, text.as_bytes(), timeout)
    }

    /// Whatever it is.
    fn put_for(&self, length: i32, bytes: &[u8], timeout: Duration) -> Result<Option<()>> {
        if self.free.acquire_for(timeout).is_timed_out() {
            return Ok(None);
        }
        self.length.store(length, Relaxed);
        self.buffer.write_bytes(self.text, bytes)?;
        self.filled.release(1)?;
        Ok(Some(()))
    }

    /// `None`: the other has sent nothing in that time.
    fn receive_for(&self, timeout: Duration) -> Result<Option<String>> {
        if self.filled.acquire_for(timeout).is_timed_out() {
            return Ok(None);
        }
        let text = self.read();
        // Refused or not, it was taken.
        self.free.release(1)?;
        text.map(Some)
    }

    fn read(&self) -> Result<String> {
        // Once: the next look may find another.
        let found = self.length.load(Relaxed);
        let length = usize::try_from(found).ok().filter(|length| *length <= ROOM);
        let mut bytes = vec![0; length.ok_or(Refused::BadLength { found })?];
        self.buffer.read_bytes(self.text, &mut bytes)?;
        let not_utf8 = |error: std::string::FromUtf8Error| Refused::NotUtf8 {
            place: error.utf8_error().valid_up_to(),
            bytes: error.as_bytes().len(),
        };
        Ok(String::from_utf8(bytes).map_err(not_utf8)?)
    }
}

fn main() -> ExitCode {
    let mut arguments = Vec::new();
    for argument in env::args_os().skip(1) {
        match argument.into_string() {
            Ok(argument) => arguments.push(argument),
            Err(argument) => {
                eprintln!("strings: {argument:?} is not UTF-8");
                return ExitCode::from(2);
            }
        }
    }
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let (hostile, rest) = match &arguments[..] {
        ["--hostile", rest @ ..] => ("--hostile", rest),
        rest => ("", rest),
    };
    let outcome = match rest {
        ["--help", ..] => io::stdout().write_all(HELP.as_bytes()).map_err(Into::into),
        // A process that the parent has started: not for people.
        ["--attach", name, texts, hostile] => attach(name, texts, *hostile == "--hostile"),
        ["--", texts @ ..] => parent(texts, hostile),
        [] => parent(&TEXTS, hostile),
        texts => match texts.iter().find(|text| text.starts_with("--")) {
            Some(option) => {
                eprintln!("strings: {option:?} is no option, or is one in a wrong place; --help says more");
                return ExitCode::from(2);
            }
            None => parent(texts, hostile),
        },
    };
    let Err(error) = outcome else { return ExitCode::SUCCESS };
    eprintln!("strings: {error}");
    ExitCode::from(if INTERRUPTED.load(Relaxed) { 130 } else { 1 })
}

/// What the child does.
fn attach(name: &str, texts: &str, is_hostile: bool) -> Result<()> {
    let buffer = SharedBuffer::open_named(name)?;
    let (inbox, outbox) = (Mailbox::new(&buffer, 0)?, Mailbox::new(&buffer, 1)?);
    for number in 0..texts.parse()? {
        let text = inbox.receive_for(FOREVER)?.ok_or("the parent is gone")?;
        let sent = if is_hostile {
            let (length, bytes) = no_text(number);
            outbox.put_for(length, bytes, FOREVER)?
        } else {
            let answer: String = text.chars().rev().collect();
            outbox.send_for(&answer, FOREVER)?
        };
        sent.ok_or("the parent is gone")?;
    }
    Ok(())
}

/// Lengths that cannot be; half of a character; and what is the half of none.
fn no_text(number: usize) -> (i32, &'static [u8]) {
    const NONE: [(i32, &[u8]); 4] = [(ROOM as i32 + 1, b"long"), (-1, b"short"), (5, b"half\xf0"), (6, b"no\xfftext")];
    NONE[number % NONE.len()]
}

fn parent(texts: &[&str], hostile: &str) -> Result<()> {
    #[cfg(unix)]
    ctrlc::set_handler(|| INTERRUPTED.store(true, Relaxed))?;
    let mut other = Other { name: format!("/slotsync-strings-{}", id()), process: None };
    let buffer = SharedBuffer::create_named(&other.name, BYTES)?;
    let (outbox, inbox) = (Mailbox::initialize(&buffer, 0)?, Mailbox::initialize(&buffer, 1)?);
    let mut command = Command::new(env::current_exe()?);
    command.args(["--attach", &other.name, &texts.len().to_string(), hostile]);
    // In a group of its own, a process does not hear the terminal's Ctrl-C: that is for the parent.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    other.process = Some(command.spawn()?);
    let mut refused = 0;
    for text in texts {
        other.wait_for(|| outbox.send_for(text, LONG))?;
        writeln!(io::stdout(), "sent {} bytes: {text:?}", text.len())?;
        match other.wait_for(|| inbox.receive_for(LONG)) {
            Ok(answer) => writeln!(io::stdout(), "the child answered {} bytes: {answer:?}", answer.len())?,
            Err(error) if error.is::<Refused>() => {
                writeln!(io::stdout(), "the child's answer was refused: {error}")?;
                refused += 1;
            }
            Err(error) => return Err(error),
        }
    }
    if refused == 0 { Ok(()) } else { Err(format!("{refused} of {} answers were refused", texts.len()).into()) }
}

/// The child. When this is dropped, it has ended and the name is gone.
struct Other {
    name: String,
    process: Option<Child>,
}

impl Other {
    /// Calls this again and again, as long as there is somebody to wait for.
    fn wait_for<T>(&mut self, mut call: impl FnMut() -> Result<Option<T>>) -> Result<T> {
        loop {
            if INTERRUPTED.load(Relaxed) {
                return Err("interrupted".into());
            }
            if let Some(value) = call()? {
                return Ok(value);
            }
            let status = self.process.as_mut().map(Child::try_wait).transpose()?.flatten();
            if let Some(status) = status.filter(|status| !status.success()) {
                return Err(format!("the child died: {status}").into());
            }
        }
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            let _ = (process.kill(), process.wait());
        }
        let _ = SharedBuffer::unlink(&self.name);
    }
}
