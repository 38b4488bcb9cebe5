//! What the examples share: how they read arguments (`args.rs`), start processes (`children.rs`), print, and end.
#![allow(dead_code, reason = "each example uses a part")]

pub(crate) mod args;
pub(crate) mod children;

use std::error::Error;
use std::fmt::{self, Display};
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

pub(crate) type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

/// A reason to end that is not a failure of the program.
#[derive(Debug)]
pub(crate) enum Stop {
    /// An argument is wrong.
    Usage(String),
    /// The arguments ask for this help text.
    Help(&'static str),
    /// Ctrl-C was pressed, or the system asked the program to end.
    Interrupted,
    /// Nobody reads the output any more, as after `| head`.
    Unread,
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Usage(complaint) => complaint,
            Self::Help(text) => text,
            Self::Interrupted => "interrupted",
            Self::Unread => "the output has no reader",
        })
    }
}

impl Error for Stop {}

/// Prints how the program ended, and returns its exit status.
pub(crate) fn finish(program: &str, outcome: Result<()>) -> ExitCode {
    let outcome = outcome.or_else(|error| match error.downcast_ref() {
        Some(Stop::Help(text)) => print(text.trim_end()),
        _ => Err(error),
    });
    let Err(error) = outcome else { return ExitCode::SUCCESS };
    let status = match error.downcast_ref() {
        Some(Stop::Unread) => return ExitCode::SUCCESS,
        Some(Stop::Interrupted) => return ExitCode::from(130),
        Some(Stop::Usage(_)) => 2,
        _ => 1,
    };
    complain(program, &error);
    ExitCode::from(status)
}

/// Prints a line. Returns [`Stop::Unread`] if standard output is closed.
pub(crate) fn print(line: impl Display) -> Result<()> {
    match writeln!(io::stdout(), "{line}") {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(Stop::Unread.into()),
        outcome => Ok(outcome?),
    }
}

/// Prints a line if standard output is open: for a process that others wait for, which goes on without a reader.
pub(crate) fn print_if_read(line: impl Display) -> Result<()> {
    print(line).or_else(|error| if matches!(error.downcast_ref(), Some(Stop::Unread)) { Ok(()) } else { Err(error) })
}

/// Prints a line about an error. Unlike `eprintln!`, it does not panic if standard error is closed.
pub(crate) fn complain(program: &str, error: impl Display) {
    let _ = writeln!(io::stderr(), "{program}: {error}");
}

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Makes Ctrl-C, SIGTERM and SIGHUP raise a flag instead of ending the program, so that it can clean up.
pub(crate) fn watch_for_interrupts() -> Result<()> {
    // Elsewhere nothing outlives the program: the system removes its memory and its threads.
    #[cfg(unix)]
    ctrlc::set_handler(|| INTERRUPTED.store(true, Relaxed))?;
    Ok(())
}

/// Returns [`Stop::Interrupted`] if the flag is raised.
pub(crate) fn check_interrupt() -> Result<()> {
    if INTERRUPTED.load(Relaxed) { Err(Stop::Interrupted.into()) } else { Ok(()) }
}
