//! Options of a command line, as `--name value` or `--name=value`.

use super::Stop;
use lexopt::{Arg, Error, Parser};
use std::ffi::OsString;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// Returns the value of an option. `allowed` describes the values, for the error if there is none.
pub(crate) fn value(parser: &mut Parser, option: &str, allowed: &str) -> Result<OsString, Stop> {
    parser.value().map_err(|_| Stop::Usage(format!("{option} needs {allowed}")))
}

/// Returns the value of an option, which is a number in this range.
pub(crate) fn number<T>(parser: &mut Parser, option: &str, range: RangeInclusive<T>) -> Result<T, Stop>
where
    T: FromStr + PartialOrd + Display,
{
    let allowed = format!("a number from {} to {}", range.start(), range.end());
    let value = value(parser, option, &allowed)?;
    let number = value.to_str().and_then(|digits| digits.parse().ok());
    let number = number.filter(|number| range.contains(number));
    number.ok_or_else(|| Stop::Usage(format!("{option} {value:?} is not {allowed}")))
}

/// Returns the error for an argument that the program does not know. `options` lists those that it knows.
pub(crate) fn unknown(argument: Arg, options: &str) -> Stop {
    let argument = match argument {
        Arg::Short(letter) => format!("-{letter}").into(),
        Arg::Long(name) => format!("--{name}").into(),
        Arg::Value(value) => value,
    };
    Stop::Usage(format!("{argument:?} is not an option (allowed: {options})"))
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Usage(match error {
            Error::UnexpectedValue { option, value } => format!("{option} takes no value, but it was given {value:?}"),
            error => error.to_string(),
        })
    }
}
