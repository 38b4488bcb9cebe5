//! Text in shared memory, between two processes and in both directions: the parent sends texts, and the child answers
//! each with its characters in reverse.
//!
//! ```text
//! cargo run --release --example strings                          # some texts
//! cargo run --release --example strings -- "Grüße" "an alle"     # these texts
//! cargo run --release --example strings -- --hostile             # the child answers with bytes that are not text
//! ```
//!
//! For each direction there is a mailbox with room for one text:
//!
//! | slot | contents |
//! |---|---|
//! | 0 | `free`, a semaphore: one permit if the mailbox is empty |
//! | 1 | `filled`, a semaphore: one permit if a text is in it |
//! | 2 | the length of the text in bytes |
//! | 3 and on | the text in UTF-8, and behind it the rest of longer texts before it |
//!
//! A sender refuses a text that does not fit. A receiver trusts nothing, because the other process can write anything
//! to the memory at any time: it copies at most as many bytes as there is room for, and then checks the copy.

mod common;

use common::children::{Children, attached};
use common::{Result, Stop, args, check_interrupt, finish, print, watch_for_interrupts};
use lexopt::Arg::{Long, Short, Value};
use slotsync::{Semaphore, SharedBuffer, Slot, TimedOut};
use std::fmt;
use std::process::ExitCode;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

const HELP: &str = "\
The parent sends each text to its child through shared memory, and the child answers with the text in
reverse.

usage: cargo run --release --example strings -- [OPTIONS] [TEXT...]

  TEXT        a text to send: UTF-8, at most 256 bytes; without any, some examples are sent
  --hostile   the child answers with impossible lengths, and with bytes that are not UTF-8
  --          the arguments that follow are texts, even if they begin with -
  -h, --help  print this text

Exit status: 0; 1 if a text or an answer was refused, the child died, or the system refused
something; 2 for a wrong argument; 130 after Ctrl-C.
";

/// The longest text in bytes.
const ROOM: usize = 256;
/// How many slots a mailbox takes.
const SLOTS: usize = 3 + ROOM / size_of::<i32>();
/// A mailbox to the child, and one from it.
const BYTES: usize = 2 * SLOTS * size_of::<i32>();

/// A wait this long is a reason to check the other process.
const LONG: Duration = Duration::from_millis(100);
/// A wait this long means that the parent is gone.
const FOREVER: Duration = Duration::from_secs(60);

const TEXTS: [&str; 4] = ["Hello, child!", "Zwölf Boxkämpfer", "共有メモリの文字列", "one lock: 🔒"];

/// A text was not sent, or not accepted.
#[derive(Debug)]
enum Refused {
    TooLong { bytes: usize },
    BadLength { found: i32 },
    NotUtf8 { place: usize, bytes: usize },
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { bytes } => write!(f, "a text of {bytes} bytes is too long: there is room for {ROOM}"),
            Self::BadLength { found } => write!(f, "its length is {found} bytes, but there is room for {ROOM}"),
            Self::NotUtf8 { place, bytes } => write!(f, "its bytes are not UTF-8 from byte {place} of {bytes} on"),
        }
    }
}

impl std::error::Error for Refused {}

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
    /// Attaches to the mailbox of that number.
    fn new(buffer: &'buf SharedBuffer, number: usize) -> Result<Self> {
        let first = number * SLOTS;
        let (free, filled) = (Semaphore::new(buffer, first)?, Semaphore::new(buffer, first + 1)?);
        let text = (first + 3) * size_of::<i32>();
        Ok(Self { free, filled, length: buffer.slot(first + 2)?, buffer, text })
    }

    /// Makes the mailbox empty, before the memory is shared. In fresh memory it is neither free nor filled.
    fn initialize(buffer: &'buf SharedBuffer, number: usize) -> Result<Self> {
        Semaphore::initialize(buffer, number * SLOTS, 1)?;
        Self::new(buffer, number)
    }

    /// Sends a text. Fails with [`TimedOut`] if the other process does not take the text before this one in time.
    fn send_for(&self, text: &str, timeout: Duration) -> Result<()> {
        if text.len() > ROOM {
            return Err(Refused::TooLong { bytes: text.len() }.into());
        }
        self.put_for(text.len() as i32, text.as_bytes(), timeout)
    }

    /// Sends anything, whether it is a text or not.
    fn put_for(&self, length: i32, bytes: &[u8], timeout: Duration) -> Result<()> {
        self.free.acquire_for(timeout)?;
        self.length.store(length, Relaxed);
        self.buffer.write_bytes(self.text, bytes)?;
        Ok(self.filled.release(1)?)
    }

    /// Takes a text. Fails with [`TimedOut`] if the other process does not send one in time.
    fn receive_for(&self, timeout: Duration) -> Result<String> {
        self.filled.acquire_for(timeout)?;
        let text = self.read();
        // A text that is refused is taken, too.
        self.free.release(1)?;
        text
    }

    fn read(&self) -> Result<String> {
        // Loaded once: a second load could return another length.
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
    let outcome = match attached() {
        Some(arguments) => attach(&arguments),
        None => parse().map_err(Into::into).and_then(parent),
    };
    finish("strings", outcome)
}

#[derive(Default)]
struct Options {
    is_hostile: bool,
    texts: Vec<String>,
}

fn parse() -> Result<Options, Stop> {
    let (mut parser, mut options) = (lexopt::Parser::from_env(), Options::default());
    while let Some(argument) = parser.next()? {
        match argument {
            Long("hostile") => options.is_hostile = true,
            Short('h') | Long("help") => return Err(Stop::Help(HELP)),
            Value(text) => {
                let text = text.into_string().map_err(|text| Stop::Usage(format!("{text:?} is not UTF-8")))?;
                options.texts.push(text);
            }
            argument => return Err(args::unknown(argument, "--hostile, --help, and texts after --")),
        }
    }
    if options.texts.is_empty() {
        options.texts = TEXTS.map(Into::into).into();
    }
    Ok(options)
}

/// What the child does.
fn attach(arguments: &[String]) -> Result<()> {
    let [name, texts, is_hostile] = arguments else { return Err("--attach is for the parent only".into()) };
    let (texts, is_hostile): (usize, bool) = (texts.parse()?, is_hostile.parse()?);
    let buffer = SharedBuffer::open_named(name)?;
    let (inbox, outbox) = (Mailbox::new(&buffer, 0)?, Mailbox::new(&buffer, 1)?);
    for number in 0..texts {
        let text = inbox.receive_for(FOREVER)?;
        if is_hostile {
            let (length, bytes) = no_text(number);
            outbox.put_for(length, bytes, FOREVER)?;
        } else {
            let answer: String = text.chars().rev().collect();
            outbox.send_for(&answer, FOREVER)?;
        }
    }
    Ok(())
}

/// Returns a length and bytes that are not a text: impossible lengths, the half of a character, and a byte that no
/// character contains.
fn no_text(number: usize) -> (i32, &'static [u8]) {
    const BAD: [(i32, &[u8]); 4] = [(ROOM as i32 + 1, b"long"), (-1, b"short"), (5, b"half\xf0"), (6, b"no\xfftext")];
    BAD[number % BAD.len()]
}

fn parent(Options { is_hostile, texts }: Options) -> Result<()> {
    watch_for_interrupts()?;
    let mut children = Children::new("strings");
    let buffer = SharedBuffer::options().create_new(true).named(&children.name, BYTES)?;
    let (outbox, inbox) = (Mailbox::initialize(&buffer, 0)?, Mailbox::initialize(&buffer, 1)?);
    children.start(&[&texts.len().to_string(), &is_hostile.to_string()])?;
    let mut refused = 0;
    for text in &texts {
        retry(&mut children, || outbox.send_for(text, LONG))?;
        print(format_args!("sent {} bytes: {text:?}", text.len()))?;
        match retry(&mut children, || inbox.receive_for(LONG)) {
            Ok(answer) => print(format_args!("the child answered {} bytes: {answer:?}", answer.len()))?,
            Err(error) if error.is::<Refused>() => {
                print(format_args!("the child's answer was refused: {error}"))?;
                refused += 1;
            }
            Err(error) => return Err(error),
        }
    }
    if refused == 0 { Ok(()) } else { Err(format!("{refused} of {} answers were refused", texts.len()).into()) }
}

/// Repeats the call until it does not time out, as long as the child lives.
fn retry<T>(children: &mut Children, mut call: impl FnMut() -> Result<T>) -> Result<T> {
    loop {
        check_interrupt()?;
        match call() {
            Err(error) if error.is::<TimedOut>() => {}
            outcome => return outcome,
        }
        for process in &mut children.processes {
            if let Some(status) = process.try_wait()?.filter(|status| !status.success()) {
                return Err(format!("the child died: {status}").into());
            }
        }
    }
}
