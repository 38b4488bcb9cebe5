//! Random operations, by seeds that a failure names: what each returns, and what the bytes are, must be the same here and
//! in Node. Their inputs are odd: out of range, negative, fractions, infinities, NaN, numbers that overflow or do not fit a
//! float. Node gets them as they are; here `javascript.rs` makes of them what the operations take. Besides:
//!
//! | JavaScript | here |
//! |---|---|
//! | what `store` returns: the operand, before it is cut to the type's bits | the element, so the operand is compared |
//! | a `RangeError` of a constructor | `UnevenOffset`, `UnevenRest` or `ArrayOutOfBounds` |
//! | a `RangeError` of an operation | `ElementOutOfRange` |
//! | `array[index]`, `undefined` | `get`, `None` |
//! | `array[index] = v` beyond the end, which does nothing | `set`, an error |
//! | `fill` and `Array.from` of a part | of its `subarray` |
//! | the bits of a NaN that is written: left open | the operand's, so on both sides other bits are put in their place |
//!
//! Numbers are compared by their bits, but for NaN. Those of a NaN that lies there already are kept by whatever copies bytes.

use super::elements::Javascript;
use super::javascript::{self, Input};
use super::random::Random;
use super::support::Watchdog;
use super::{is_here, output};
use slotsync::{Atomics, Error, IntegerElement, SharedBuffer, TypedArray, Wait};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

/// Not a multiple of 8, so that there are rests without a whole number of elements.
const BYTES: usize = 68;
const SEEDS: u64 = 20;
const OPERATIONS: usize = 10_000;

/// One operation on a new array, and the operands that it draws.
struct Turn<'a, T> {
    array: TypedArray<'a, T>,
    index: Input,
    operands: Vec<Input>,
    random: &'a mut Random,
}

impl<T: Javascript> Turn<'_, T> {
    fn operand(&mut self, operand: Input) -> Input {
        self.operands.push(operand);
        operand
    }

    fn value(&mut self) -> T {
        let operand = T::operand(self.random);
        T::from_input(self.operand(operand))
    }

    fn at(&self) -> usize {
        javascript::index(self.index.number())
    }

    fn property(&self) -> usize {
        javascript::property(self.index.number())
    }

    /// The part between two operands. The standard cuts it off at the end; here that is up to the caller.
    fn part(&mut self) -> Result<TypedArray<'_, T>, Error> {
        let length = self.array.len();
        // With no beginning, but an end, V8's `fill` takes the whole array, though the standard would begin at 0.
        let from = self.random.position(length);
        let to = if self.random.below(8) == 0 { Input::Undefined } else { self.random.position(length) };
        let [from, to] = [from, to].map(|operand| self.operand(operand).position(length));
        self.array.subarray(from..to)
    }

    /// Where NaNs lie after a write, other bits are put in their place.
    fn settle(&self) -> String {
        let size = TypedArray::<T>::BYTES_PER_ELEMENT;
        for (index, _) in self.array.to_vec().iter().enumerate().filter(|(_, value)| value.is_nan()) {
            let place = self.array.byte_offset() + index * size;
            TypedArray::<u8>::new(self.array.buffer(), place, size).unwrap().fill(0xff);
        }
        "undefined".to_owned()
    }
}

/// As Node calls it, and what it does here. What is not a `RangeError` is said as Node says it.
type Operation<T> = (&'static str, fn(&mut Turn<'_, T>) -> Result<String, Error>);

/// On arrays of all types. A new operation, such as `slice` or `copyWithin`, is an entry here, and one in `operations.js`
/// unless it is a method there that takes the operands alone.
fn plain<T: Javascript>() -> Vec<Operation<T>> {
    vec![
        ("length", |turn| Ok(turn.array.len().to_string())),
        ("get", |turn| Ok(turn.array.get(turn.property()).map_or("undefined".to_owned(), T::text))),
        ("set", |turn| {
            let value = turn.value();
            // An error here, and nothing there.
            let _ = turn.array.set(turn.property(), value);
            Ok(turn.settle())
        }),
        ("fill", |turn| {
            let value = turn.value();
            turn.part()?.fill(value);
            Ok(turn.settle())
        }),
        ("copy", |turn| {
            let values = [turn.value(), turn.value()];
            turn.array.copy_from(turn.at(), &values)?;
            Ok(turn.settle())
        }),
        ("values", |turn| {
            let values = turn.part()?.to_vec().into_iter().map(T::text);
            Ok(values.collect::<Vec<_>>().join(","))
        }),
        ("subarray", |turn| turn.part().map(|part| format!("{}+{}", part.byte_offset(), part.len()))),
    ]
}

/// On arrays of integers, these too.
fn atomic<T: Javascript + IntegerElement>() -> Vec<Operation<T>> {
    let operations: Vec<Operation<T>> = vec![
        ("load", |turn| Atomics::load(turn.array, turn.at()).map(T::text)),
        ("store", |turn| {
            let value = turn.value();
            assert_eq!(Atomics::store(turn.array, turn.at(), value)?, value);
            Ok(match turn.operands[0] {
                Input::Number(number) if number.is_infinite() => turn.operands[0].text(),
                // In all digits, and of a NaN, 0.
                Input::Number(number) => format!("{:.0}", if number.is_nan() { 0.0 } else { number.trunc() + 0.0 }),
                Input::Big(number) => number.to_string(),
                Input::Undefined => unreachable!("not drawn"),
            })
        }),
        ("exchange", |turn| Atomics::exchange(turn.array, turn.at(), turn.value()).map(T::text)),
        ("compareExchange", |turn| {
            let at = turn.at();
            let expected = match turn.array.get(at).filter(|_| turn.random.below(2) == 0) {
                // What is there, in another guise: an operand is cut to the type's bits before it is compared.
                Some(found) => {
                    let guise = found.text().parse::<i128>().unwrap() + (1_i128 << (8 * size_of::<T>()));
                    let is_big = matches!(T::operand(turn.random), Input::Big(_));
                    let guise = turn.operand(if is_big { Input::Big(guise) } else { Input::Number(guise as f64) });
                    assert_eq!(T::from_input(guise), found);
                    found
                }
                None => turn.value(),
            };
            Atomics::compare_exchange(turn.array, at, expected, turn.value()).map(T::text)
        }),
        ("add", |turn| Atomics::add(turn.array, turn.at(), turn.value()).map(T::text)),
        ("sub", |turn| Atomics::sub(turn.array, turn.at(), turn.value()).map(T::text)),
        ("and", |turn| Atomics::and(turn.array, turn.at(), turn.value()).map(T::text)),
        ("or", |turn| Atomics::or(turn.array, turn.at(), turn.value()).map(T::text)),
        ("xor", |turn| Atomics::xor(turn.array, turn.at(), turn.value()).map(T::text)),
        ("isLockFree", |turn| {
            // Whole ones: for 4.5, V8 says no, though the standard would have it cut to 4.
            let bytes = turn.random.below(18);
            turn.operand(Input::Number(bytes as f64));
            Ok(Atomics::is_lock_free(bytes).to_string())
        }),
    ];
    plain().into_iter().chain(operations).collect()
}

/// On an `Int32Array`, these two. Nobody else is there: a wait that would sleep has no time, and a notify finds nobody.
fn waits() -> Vec<Operation<i32>> {
    vec![
        ("notify", |turn| {
            let (odd, drawn) = (turn.random.odd_number(), turn.random.below(4));
            let small = [0.0, 1.0, 2.5, -1.0, f64::NAN][turn.random.below(5)];
            let count = turn.operand([Input::Undefined, odd, Input::Number(small), odd][drawn]).count();
            Atomics::notify(turn.array, turn.at(), count).map(|woken| woken.unwrap_or(0).to_string())
        }),
        ("wait", |turn| {
            let value = match turn.array.get(turn.at()).filter(|_| turn.random.below(2) == 0) {
                Some(found) => Input::Number(f64::from(found) + turn.random.one_of(&[0.0, 4_294_967_296.0])),
                None => turn.random.odd_number(),
            };
            let expected = i32::from_input(turn.operand(value));
            let no_time = Input::Number(turn.random.one_of(&[0.0, -0.0, -1.0, f64::NEG_INFINITY, 0.001]));
            let forever = [f64::NAN, f64::INFINITY, 1e6, 1e300].map(Input::Number);
            let any_time = turn.random.one_of(&[no_time, Input::Undefined, forever[0], forever[1], forever[2]]);
            let would_sleep = turn.array.get(turn.at()) == Some(expected);
            let timeout = turn.operand(if would_sleep { no_time } else { any_time });
            Atomics::wait(turn.array, turn.at(), expected, javascript::timeout(timeout.number())).map(said)
        }),
    ]
}

/// As the standard says it.
pub(crate) fn said(outcome: Wait) -> String {
    let text = match outcome {
        Wait::Woken => "ok",
        Wait::NotEqual => "not-equal",
        Wait::TimedOut => "timed-out",
    };
    text.to_owned()
}

/// What Node is to do, and what came of it here: a line for each.
#[derive(Default)]
struct Script {
    lines: String,
    outcomes: Vec<String>,
}

impl Script {
    fn say(&mut self, name: &str, array: &str, operands: &[Input], outcome: String) {
        write!(self.lines, "{name} {array}").unwrap();
        operands.iter().for_each(|operand| write!(self.lines, " {}", operand.text()).unwrap());
        self.lines.push('\n');
        self.outcomes.push(outcome);
    }

    fn bytes(&mut self, buffer: &SharedBuffer) {
        let bytes = TypedArray::<u8>::rest(buffer, 0).unwrap().to_vec();
        self.say("bytes", "Uint8Array 0 rest 0", &[], bytes.iter().map(|byte| format!("{byte:02x}")).collect());
    }

    /// One of the operations, on a new array somewhere in the buffer, or beyond it.
    fn step<T: Javascript>(&mut self, buffer: &SharedBuffer, random: &mut Random, operations: Vec<Operation<T>>) {
        let size = size_of::<T>();
        let offset =
            if random.below(20) == 0 { random.below(BYTES + 20) } else { size * random.below(BYTES / size + 1) };
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
        let shown = |index: Input| format!("{} {offset} {shown_length} {}", <T as Javascript>::NAME, index.text());
        match array {
            Ok(array) => {
                let (index, (name, operation)) = (random.index(array.len()), random.one_of(&operations));
                let mut turn = Turn { array, index, operands: Vec::new(), random };
                let outcome = match operation(&mut turn) {
                    Err(Error::ElementOutOfRange { .. }) => "RangeError".to_owned(),
                    outcome => outcome.unwrap(),
                };
                self.say(name, &shown(index), &turn.operands, outcome);
            }
            Err(Error::UnevenOffset { .. } | Error::UnevenRest { .. } | Error::ArrayOutOfBounds { .. }) => {
                self.say("length", &shown(Input::Undefined), &[], "RangeError".to_owned());
            }
            Err(error) => panic!("{error}"),
        }
    }
}

fn script(seed: u64) -> Script {
    let buffer = SharedBuffer::new(BYTES).unwrap();
    let (mut random, mut script) = (Random(seed), Script::default());
    while script.outcomes.len() < OPERATIONS {
        match random.below(12) {
            0 => script.step::<i8>(&buffer, &mut random, atomic()),
            1 => script.step::<u8>(&buffer, &mut random, atomic()),
            2 => script.step::<i16>(&buffer, &mut random, atomic()),
            3 => script.step::<u16>(&buffer, &mut random, atomic()),
            4 => script.step::<i32>(&buffer, &mut random, atomic()),
            5 => script.step::<u32>(&buffer, &mut random, atomic()),
            6 => script.step::<i64>(&buffer, &mut random, atomic()),
            7 => script.step::<u64>(&buffer, &mut random, atomic()),
            8 => script.step::<f32>(&buffer, &mut random, plain()),
            9 => script.step::<f64>(&buffer, &mut random, plain()),
            10 => script.step::<i32>(&buffer, &mut random, waits()),
            // What is asked of the buffer itself, such as `grow`, belongs here, and so do the accesses of a `DataView`:
            // `operations.js` makes whatever view has the name, and calls a method of it that it does not know.
            _ => script.bytes(&buffer),
        }
    }
    script.bytes(&buffer);
    script
}

#[test]
fn operations_here_and_in_node_do_the_same() {
    let _watchdog = Watchdog::new("operations_here_and_in_node_do_the_same");
    if !is_here("operations_here_and_in_node_do_the_same") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (mut compared, mut errors, mut kinds) = (0, 0, BTreeMap::<String, usize>::new());
    for seed in 1..=SEEDS {
        let script = script(seed);
        let file = folder.path().join("operations");
        fs::write(&file, &script.lines).unwrap();
        let theirs = output(&[], "operations.js", &file, BYTES);
        let lines = script.lines.lines().zip(&script.outcomes).zip(theirs.lines());
        for (number, ((line, ours), theirs)) in lines.enumerate() {
            assert_eq!(ours, theirs, "here and in Node, seed {seed}, operation {number}: {line}");
            compared += 1;
            errors += usize::from(ours == "RangeError");
            // Of which array, and what.
            line.split(' ').take(2).for_each(|word| *kinds.entry(word.to_owned()).or_default() += 1);
        }
        assert_eq!(script.outcomes.len(), theirs.lines().count());
    }
    assert!(compared >= 100_000, "{compared} operations");
    assert!(errors >= compared / 50, "{errors} errors");
    // 17 on arrays of all types or of integers, and the bytes; ten types.
    assert_eq!(kinds.len(), 18 + 2 + 10, "{kinds:?}");
    assert!(kinds.values().all(|number| *number >= 1_000), "{kinds:?}");
    println!("compared with Node: {compared} operations, {errors} of them errors, of {} kinds", kinds.len() - 10);
}
