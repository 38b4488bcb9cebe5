//! The command line of a benchmark.

use lexopt::Arg::{Long, Short, Value};
use std::fmt::Display;
use std::process::exit;
use std::time::Duration;

/// What the command line selects.
pub(crate) struct Options {
    pub(crate) rounds: usize,
    pub(crate) window: Duration,
    cases: Vec<String>,
}

impl Options {
    /// Reads the command line. It prints the help text or an error and ends the program, if there is a reason.
    pub(crate) fn from_args(help: &str, rounds: usize) -> Self {
        let mut options = Self { rounds, window: Duration::from_millis(30), cases: Vec::new() };
        let mut parser = lexopt::Parser::from_env();
        while let Some(argument) = parser.next().unwrap_or_else(|error| refuse(error)) {
            match argument {
                // Cargo passes this to every benchmark.
                Long("bench") => {}
                Long("rounds") => options.rounds = number(&mut parser, "--rounds") as usize,
                Long("millis") => options.window = Duration::from_millis(number(&mut parser, "--millis")),
                Short('h') | Long("help") => {
                    println!("{help}");
                    exit(0);
                }
                Value(case) => options.cases.push(case.to_string_lossy().into_owned()),
                argument => refuse(argument.unexpected()),
            }
        }
        options
    }

    /// Returns `true` if the name of the case is given, in whole or in part, or if no name is given.
    pub(crate) fn selects(&self, case: &str) -> bool {
        self.cases.is_empty() || self.cases.iter().any(|part| case.contains(part))
    }
}

/// The counters of the agents are small, and their children end after a minute.
fn number(parser: &mut lexopt::Parser, option: &str) -> u64 {
    let value = parser.value().unwrap_or_else(|error| refuse(error));
    let number = value.to_str().and_then(|digits| digits.parse().ok());
    let number = number.filter(|number| (1..=10_000).contains(number));
    number.unwrap_or_else(|| refuse(format_args!("{option} {value:?} is not a number from 1 to 10000")))
}

fn refuse(error: impl Display) -> ! {
    eprintln!("{error} (--help lists the options)");
    exit(2)
}
