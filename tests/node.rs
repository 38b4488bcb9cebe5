//! The same operations by this crate and by Node's `Atomics` on a `SharedArrayBuffer`: what each returns, and what the
//! bytes are, must be the same.
//!
//! The operations are random, by seeds that a failure names, and their inputs are odd: out of range, negative, fractions,
//! infinities, NaN, numbers that overflow. Node gets them as they are. The crate's operations take integers of the
//! element's type, so what the standard makes of an input is made here, on the caller's side:
//!
//! | JavaScript | here |
//! |---|---|
//! | an index: `ToIndex` | truncated, NaN is 0; a negative one is beyond all arrays as a `usize` |
//! | an operand: `ToIntegerOrInfinity`, then `ToInt8` and the like; or `ToBigInt64` | truncated, NaN and infinities are 0; the low bits |
//! | what `store` returns: the operand, before it is cut to the type's bits | the element, so the operand is compared here |
//! | a `RangeError` of a constructor | `UnevenOffset`, `UnevenRest` or `ArrayOutOfBounds` |
//! | a `RangeError` of an operation | `ElementOutOfRange` |
//! | `array[index]`, `undefined` | `get`, `None` |
//! | `array[index] = v` beyond the end, which does nothing | `set`, an error |
//! | the timeout: NaN is infinity, a negative one is 0, milliseconds | a `Duration` |
//! | the count: `undefined` is infinity, a negative one and NaN are 0 | `u32`, up to its greatest |
#![cfg(all(target_has_atomic = "64", not(loom)))]

#[macro_use]
mod support;

use slotsync::{Atomics, Error, Int32Array, IntegerElement, SharedBuffer, TypedArray, Wait};
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use support::{Watchdog, skipped};

/// Not a multiple of 8, so that there are rests without a whole number of elements.
const BYTES: usize = 68;
const SEEDS: u64 = 20;
const OPERATIONS: usize = 10_000;

/// Steele, Lea and Flood's SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn one_of<T: Copy>(&mut self, these: &[T]) -> T {
        these[self.below(these.len())]
    }

    /// Near a power of two, of either sign, or small.
    fn edge(&mut self, bits: usize) -> i128 {
        let power = 1_i128 << self.below(bits);
        let sign = self.one_of(&[1, 1, -1]);
        sign * self.one_of(&[power, power - 1, power + 1, power / 3, 0, 1, 2])
    }
}

/// A value as JavaScript has it.
#[derive(Clone, Copy, Debug)]
enum Input {
    Number(f64),
    Big(i128),
}

impl Input {
    fn text(self) -> String {
        match self {
            Self::Number(number) if number.is_infinite() => format!("{}Infinity", if number < 0.0 { "-" } else { "" }),
            Self::Number(number) => format!("{number:?}"),
            Self::Big(number) => format!("{number}n"),
        }
    }

    /// `ToIntegerOrInfinity`, or `ToBigInt`; `Err` has the infinity.
    fn integer(self) -> Result<i128, f64> {
        match self {
            Self::Number(number) if number.is_infinite() => Err(number),
            Self::Number(number) => Ok(number.trunc() as i128), // Of NaN, 0.
            Self::Big(number) => Ok(number),
        }
    }

    fn odd_number(random: &mut Random) -> Self {
        let fraction = random.one_of(&[0.0, 0.0, 0.0, 0.5, -0.25, 0.999]);
        let special = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 1e-9];
        Self::Number(match random.below(12) {
            0 => random.one_of(&special),
            1..=3 => random.next() as i32 as f64,
            _ => random.edge(64) as f64 + fraction,
        })
    }

    /// An index of an array of so many elements, mostly.
    fn index(random: &mut Random, length: usize) -> Self {
        match random.below(8) {
            0 => Self::odd_number(random),
            1 => Self::Number(random.below(length + 3) as f64 + random.one_of(&[-1.0, -0.5, 0.5, 0.999])),
            _ => Self::Number(random.below(length + 1) as f64),
        }
    }

    /// As `ToIndex` makes it; what that refuses is beyond all arrays.
    fn to_index(self) -> usize {
        match self.integer() {
            Ok(index) => usize::try_from(index).unwrap_or(usize::MAX),
            Err(_) => usize::MAX,
        }
    }
}

/// A type of array, as both sides call it.
trait Javascript: IntegerElement {
    const NAME: &str;
    const IS_BIG: bool = size_of::<Self>() == 8;

    /// `ToInt8` and the like.
    fn of(integer: i128) -> Self;
    fn text(self) -> String;

    fn from_input(input: Input) -> Self {
        Self::of(input.integer().unwrap_or(0))
    }

    fn operand(random: &mut Random) -> Input {
        if Self::IS_BIG { Input::Big(random.edge(100)) } else { Input::odd_number(random) }
    }
}

macro_rules! javascript {
    ($($integer:ty: $name:literal,)*) => { $(
        impl Javascript for $integer {
            const NAME: &str = $name;

            fn of(integer: i128) -> Self {
                integer as Self
            }

            fn text(self) -> String {
                self.to_string()
            }
        }
    )* };
}

javascript! {
    i8: "Int8Array",
    u8: "Uint8Array",
    i16: "Int16Array",
    u16: "Uint16Array",
    i32: "Int32Array",
    u32: "Uint32Array",
    i64: "BigInt64Array",
    u64: "BigUint64Array",
}

/// What Node is to do, and what came of it here: a line for each.
#[derive(Default)]
struct Script {
    lines: String,
    outcomes: Vec<String>,
}

fn text<T: Javascript>(outcome: Result<T, Error>) -> String {
    match outcome {
        Ok(value) => value.text(),
        Err(Error::ElementOutOfRange { .. }) => "RangeError".to_owned(),
        Err(error) => panic!("{error}"),
    }
}

/// One random operation on a new array.
fn step<T: Javascript>(buffer: &SharedBuffer, random: &mut Random, script: &mut Script) {
    let size = size_of::<T>();
    let offset = if random.below(20) == 0 { random.below(BYTES + 20) } else { size * random.below(BYTES / size + 1) };
    let length = match random.below(20) {
        0 => None,
        1 => Some(random.below(BYTES)),
        _ => Some(random.below(BYTES.saturating_sub(offset) / size + 1)),
    };
    let array = match length {
        None => TypedArray::<T>::rest(buffer, offset),
        Some(length) => TypedArray::new(buffer, offset, length),
    };
    let shown_length = length.map_or("rest".to_owned(), |length| length.to_string());
    let mut say = |name: &str, index: Input, operands: &[Input], outcome: String| {
        write!(script.lines, "{name} {} {offset} {shown_length} {}", <T as Javascript>::NAME, index.text()).unwrap();
        operands.iter().for_each(|operand| write!(script.lines, " {}", operand.text()).unwrap());
        script.lines.push('\n');
        script.outcomes.push(outcome);
    };
    let array = match array {
        Ok(array) => array,
        Err(Error::UnevenOffset { .. } | Error::UnevenRest { .. } | Error::ArrayOutOfBounds { .. }) => {
            return say("length", Input::Number(0.0), &[], "RangeError".to_owned());
        }
        Err(error) => panic!("{error}"),
    };
    let index = Input::index(random, array.len());
    let at = index.to_index();
    let inputs = [T::operand(random), T::operand(random)];
    let [a, b] = inputs.map(T::from_input);
    // Elements have whole numbers; a property of another name is none of them.
    let plain = matches!(index, Input::Number(number) if number.fract() == 0.0);
    match random.below(15) {
        0 => say("load", index, &[], text(Atomics::load(array, at))),
        1 => {
            let outcome = Atomics::store(array, at, a);
            assert!(outcome.as_ref().is_ok_and(|stored| *stored == a) || outcome.is_err());
            let stored =
                |_| inputs[0].integer().map_or_else(|infinity| Input::Number(infinity).text(), |i| i.to_string());
            say("store", index, &inputs[..1], outcome.map_or("RangeError".to_owned(), stored));
        }
        2 => say("exchange", index, &inputs[..1], text(Atomics::exchange(array, at, a))),
        3 => say("compareExchange", index, &inputs, text(Atomics::compare_exchange(array, at, a, b))),
        4 => {
            // Of what is there, in another guise: the operand is cut to the type's bits before it is compared.
            let Some(found) = array.get(at) else { return };
            let guise = found.text().parse::<i128>().unwrap() + (1_i128 << (8 * size));
            let guise = if T::IS_BIG { Input::Big(guise) } else { Input::Number(guise as f64) };
            let outcome = Atomics::compare_exchange(array, at, T::from_input(guise), b);
            assert_eq!(outcome, Ok(found));
            say("compareExchange", index, &[guise, inputs[1]], text(outcome));
        }
        5 => say("add", index, &inputs[..1], text(Atomics::add(array, at, a))),
        6 => say("sub", index, &inputs[..1], text(Atomics::sub(array, at, a))),
        7 => say("and", index, &inputs[..1], text(Atomics::and(array, at, a))),
        8 => say("or", index, &inputs[..1], text(Atomics::or(array, at, a))),
        9 => say("xor", index, &inputs[..1], text(Atomics::xor(array, at, a))),
        10 => {
            let found = plain.then(|| array.get(at)).flatten();
            say("get", index, &[], found.map_or("undefined".to_owned(), T::text));
        }
        11 => {
            if plain {
                let _ = array.set(at, a);
            }
            say("set", index, &inputs[..1], "undefined".to_owned());
        }
        12 if random.below(8) == 0 => {
            array.fill(a);
            say("fill", index, &inputs[..1], "undefined".to_owned());
        }
        12 => {
            let outcome = array.copy_from(at, &[a, b]);
            say("copy", index, &inputs, outcome.map_or("RangeError".to_owned(), |()| "undefined".to_owned()));
        }
        13 => {
            // Whole ones: for 4.5, V8 says no, though the standard would have it cut to 4.
            let bytes = Input::Number(random.below(18) as f64);
            say("isLockFree", index, &[bytes], Atomics::is_lock_free(bytes.to_index()).to_string());
        }
        _ => say("length", index, &[], array.len().to_string()),
    }
}

/// Nobody else is there: a wait that would sleep has no time, and a notify finds nobody.
fn wait_or_notify(buffer: &SharedBuffer, random: &mut Random, script: &mut Script) {
    let offset = 4 * random.below(5);
    let array = Int32Array::new(buffer, offset, 8).unwrap();
    let index = Input::index(random, 8);
    let at = index.to_index();
    let (name, operands, outcome) = if random.below(3) == 0 {
        let count = random.one_of(&[0.0, 1.0, 2.5, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 4_294_967_296.0]);
        // A cut to what there is, and NaN is 0.
        let outcome = Atomics::notify(array, at, count as u32).map(|woken| woken.unwrap_or(0).to_string());
        ("notify", vec![Input::Number(count)], outcome)
    } else {
        let is_same = random.below(2) == 0;
        let value = match array.get(at) {
            Some(found) if is_same => Input::Number(f64::from(found) + random.one_of(&[0.0, 4_294_967_296.0])),
            _ => Input::odd_number(random),
        };
        let expected = i32::from_input(value);
        let no_time = random.one_of(&[0.0, -0.0, -1.0, f64::NEG_INFINITY, 0.001]);
        let any_time = random.one_of(&[no_time, f64::NAN, f64::INFINITY, 1e6]);
        let timeout = if array.get(at) == Some(expected) { no_time } else { any_time };
        let outcome = Atomics::wait(array, at, expected, duration(timeout)).map(|outcome| match outcome {
            Wait::Woken => "ok".to_owned(),
            Wait::NotEqual => "not-equal".to_owned(),
            Wait::TimedOut => "timed-out".to_owned(),
        });
        ("wait", vec![value, Input::Number(timeout)], outcome)
    };
    write!(script.lines, "{name} Int32Array {offset} 8 {}", index.text()).unwrap();
    operands.iter().for_each(|operand| write!(script.lines, " {}", operand.text()).unwrap());
    script.lines.push('\n');
    script.outcomes.push(outcome.unwrap_or("RangeError".to_owned()));
}

/// Of the standard's milliseconds.
fn duration(timeout: f64) -> Duration {
    if timeout.is_nan() {
        return Duration::MAX;
    }
    Duration::try_from_secs_f64(timeout.max(0.0) / 1e3).unwrap_or(Duration::MAX)
}

fn script(seed: u64) -> Script {
    let buffer = SharedBuffer::new(BYTES).unwrap();
    let (mut random, mut script) = (Random(seed), Script::default());
    while script.outcomes.len() < OPERATIONS {
        match random.below(10) {
            0 => step::<i8>(&buffer, &mut random, &mut script),
            1 => step::<u8>(&buffer, &mut random, &mut script),
            2 => step::<i16>(&buffer, &mut random, &mut script),
            3 => step::<u16>(&buffer, &mut random, &mut script),
            4 => step::<i32>(&buffer, &mut random, &mut script),
            5 => step::<u32>(&buffer, &mut random, &mut script),
            6 => step::<i64>(&buffer, &mut random, &mut script),
            7 => step::<u64>(&buffer, &mut random, &mut script),
            8 => wait_or_notify(&buffer, &mut random, &mut script),
            _ if random.below(4) == 0 => {
                script.lines.push_str("bytes Uint8Array 0 rest 0\n");
                script.outcomes.push(hex(&buffer));
            }
            _ => {}
        }
    }
    script.lines.push_str("bytes Uint8Array 0 rest 0\n");
    script.outcomes.push(hex(&buffer));
    script
}

fn hex(buffer: &SharedBuffer) -> String {
    let bytes = TypedArray::<u8>::rest(buffer, 0).unwrap().to_vec();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `None`: there is no Node here.
fn node(test: &str) -> Option<Command> {
    if support::is_emulated() {
        skipped(test, "an emulator runs the tests, and no other programs");
        return None;
    }
    match Command::new("node").arg("--version").output() {
        Ok(output) if output.status.success() => Some(Command::new("node")),
        Ok(output) => {
            skipped(test, &format!("node --version fails: {}", output.status));
            None
        }
        Err(error) => {
            skipped(test, &format!("there is no node: {error}"));
            None
        }
    }
}

#[test]
fn node_does_the_same() {
    let _watchdog = Watchdog::new("node_does_the_same");
    if node("node_does_the_same").is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/node/operations.js");
    let mut compared = 0;
    for seed in 1..=SEEDS {
        let script = script(seed);
        let file = folder.path().join("operations");
        fs::write(&file, &script.lines).unwrap();
        let mut node = Command::new("node");
        let output = node.arg(&program).arg(&file).arg(BYTES.to_string()).output().unwrap();
        assert!(output.status.success(), "seed {seed}: {}", String::from_utf8_lossy(&output.stderr));
        let theirs = String::from_utf8(output.stdout).unwrap();
        let lines = script.lines.lines().zip(&script.outcomes).zip(theirs.lines());
        for (number, ((line, ours), theirs)) in lines.enumerate() {
            assert_eq!(ours, theirs, "here and in Node, seed {seed}, operation {number}: {line}");
            compared += 1;
        }
        assert_eq!(script.outcomes.len(), theirs.lines().count());
    }
    assert!(compared >= 100_000, "{compared} operations");
}
