//! The conversions by the standard of JavaScript's numbers, before they are what this crate takes: on the caller's
//! side, here as in any program that brings such numbers along. The table of `docs/src/arrays.md` has these
//! expressions; a test of the docs looks for each of them in this file.

use std::time::Duration;

/// A value as JavaScript has it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Input {
    Undefined,
    Number(f64),
    Big(i128),
    Flag(bool),
}

impl Input {
    /// As both sides can read it.
    pub(crate) fn text(self) -> String {
        match self {
            Self::Undefined => "undefined".to_owned(),
            Self::Number(number) if number.is_infinite() => format!("{}Infinity", if number < 0.0 { "-" } else { "" }),
            Self::Number(number) => format!("{number:?}"),
            Self::Big(number) => format!("{number}n"),
            Self::Flag(flag) => flag.to_string(),
        }
    }

    /// `ToNumber`. A `BigInt` has none: what the standard answers by a `TypeError`, no types of this crate let one ask.
    pub(crate) fn number(self) -> f64 {
        match self {
            Self::Undefined => f64::NAN,
            Self::Number(number) => number,
            Self::Flag(flag) => f64::from(u8::from(flag)),
            Self::Big(number) => panic!("{number}n is no Number"),
        }
    }

    /// Where a part begins or ends, of an array of that length; without a number it ends with the array.
    pub(crate) fn position(self, length: usize) -> usize {
        match self {
            Self::Undefined => length,
            _ => position(self.number(), length),
        }
    }

    /// How many to wake.
    pub(crate) fn count(self) -> u32 {
        match self {
            Self::Undefined => u32::MAX,
            _ => count(self.number()),
        }
    }
}

/// `ToIndex`. A number that it refuses is beyond all arrays.
pub(crate) fn index(x: f64) -> usize {
    if x <= -1.0 { usize::MAX } else { x as usize }
}

/// The name of a property: only that of an element is one of these.
pub(crate) fn property(x: f64) -> usize {
    if x >= 0.0 && x.fract() == 0.0 { x as usize } else { usize::MAX }
}

/// A place in an array, or from its end, cut off at both.
pub(crate) fn position(x: f64, length: usize) -> usize {
    if x <= -1.0 { (length as f64 + x.trunc()).max(0.0) as usize } else { length.min(x as usize) }
}

/// The integer of which all of `ToInt8` to `ToUint32` take the low bits. Neither a NaN nor an infinity has any.
pub(crate) fn integer(x: f64) -> i128 {
    (x % 2_f64.powi(64)) as i128
}

/// For a float of 32 bits.
pub(crate) fn narrow(x: f64) -> f32 {
    x as f32
}

/// Milliseconds.
pub(crate) fn timeout(x: f64) -> Duration {
    if x.is_nan() {
        return Duration::MAX;
    }
    Duration::try_from_secs_f64(x.max(0.0) / 1e3).unwrap_or(Duration::MAX)
}

pub(crate) fn count(x: f64) -> u32 {
    x as u32
}

/// `ToBoolean`: what says the byte order, for one.
pub(crate) fn flag(x: f64) -> bool {
    x != 0.0 && !x.is_nan()
}
