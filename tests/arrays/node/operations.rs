//! Random operations, by seeds that a failure names: what each returns, and what the bytes are, must be the same here and
//! in Node. Their inputs are odd: out of range, negative, fractions, infinities, NaN, numbers that overflow or do not fit a
//! float. Node gets them as they are; here `javascript.rs` makes of them what the operations take. Besides:
//!
//! | JavaScript | here |
//! |---|---|
//! | what `store` returns: the operand, before it is cut to the type's bits | the element, so the operand is compared |
//! | a `RangeError` of a constructor | `UnevenOffset`, `UnevenRest` or `ArrayOutOfBounds` |
//! | a `RangeError` of an operation | `ElementOutOfRange`; of one on bytes, `BytesOutOfBounds` |
//! | `array[index]`, `undefined` | `get`, `None` |
//! | `array[index] = v` beyond the end, which does nothing | `set`, an error |
//! | `fill` and `Array.from` of a part | of its `subarray` |
//! | `copyWithin` beyond the end, cut off | `copy_within` of as much as there is room for |
//! | the bits of a NaN that is written: left open | the operand's, so on both sides other bits are put in their place |
//!
//! Numbers are compared by their bits, but for NaN. Those of a NaN that lies there already are kept by whatever copies bytes.

use super::elements::Javascript;
use super::javascript::{self, Input};
use super::random::Random;
use super::script::{BUFFER, Compared, Script};
use super::{buffers, is_here, views};
use crate::support::Watchdog;
use slotsync::arrays::{Atomics, TypedArray};
use slotsync::{Error, Integer, SharedBuffer, Wait};
use std::ops::Range;

/// Not a multiple of 8, so that there are rests without a whole number of elements.
const BYTES: usize = 68;
const SEEDS: u64 = 20;
const OPERATIONS: usize = 10_000;

/// An array or a `DataView`, and what Node calls it.
#[derive(Clone)]
pub(crate) struct Named<V> {
    pub(crate) name: String,
    pub(crate) view: V,
}

impl<V> Named<V> {
    pub(crate) fn found(self) -> Named<Result<V, Error>> {
        Named { name: self.name, view: Ok(self.view) }
    }
}

/// A new array somewhere in the buffer, or beyond it, and now and then over all the rest.
pub(crate) fn new_array<'buf, T: Javascript>(
    random: &mut Random,
    buffer: &'buf SharedBuffer,
    rests: usize,
) -> Named<Result<TypedArray<'buf, T>, Error>> {
    let [offset, length] = random.place(buffer.byte_length(), size_of::<T>(), rests);
    let at = javascript::index(offset.number());
    let view = match length {
        Input::Undefined => TypedArray::rest(buffer, at),
        length => TypedArray::new(buffer, at, javascript::index(length.number())),
    };
    if view.as_ref().is_ok_and(|array| !may_end_open(*array)) {
        return new_array(random, buffer, rests);
    }
    Named { name: format!("{}:{}:{}", <T as Javascript>::NAME, offset.text(), length.text()), view }
}

/// Can Node make an array like this, without an end? V8 refuses to let one track a length that is no multiple of the
/// element's size just then, though the standard would not. It lets a buffer grow to such a length when the array is there.
pub(crate) fn may_end_open<T: Javascript>(array: TypedArray<'_, T>) -> bool {
    !array.is_length_tracking() || array.buffer().byte_length() % size_of::<T>() == 0
}

/// Does V8 take two arrays for separate that are not? It does where one of them tracks the length, and so copies from what
/// it has just written. The standard copies all that was there before.
fn mixes<T: Javascript>(array: TypedArray<'_, T>, other: TypedArray<'_, T>) -> bool {
    let end = |array: TypedArray<'_, T>| array.byte_offset() + array.byte_length();
    let overlap = array.byte_offset() < end(other) && other.byte_offset() < end(array);
    overlap && array.is_length_tracking() != other.is_length_tracking()
}

/// One operation on an array, and the operands that it draws, in the order in which Node gets them.
pub(crate) struct Turn<'a, 'buf, T> {
    array: TypedArray<'buf, T>,
    /// Other arrays of the buffer, if there are any that were kept.
    others: &'a [Named<TypedArray<'buf, T>>],
    operands: Vec<String>,
    random: &'a mut Random,
}

impl<'buf, T: Javascript> Turn<'_, 'buf, T> {
    fn operand(&mut self, operand: Input) -> Input {
        self.operands.push(operand.text());
        operand
    }

    fn value(&mut self) -> T {
        let operand = T::operand(self.random);
        T::from_input(self.operand(operand))
    }

    fn index(&mut self) -> f64 {
        let index = self.random.index(self.array.len());
        self.operand(index).number()
    }

    fn at(&mut self) -> usize {
        javascript::index(self.index())
    }

    fn property(&mut self) -> usize {
        javascript::property(self.index())
    }

    fn position(&mut self) -> usize {
        let length = self.array.len();
        let position = self.random.position(length);
        self.operand(position).position(length)
    }

    /// The part between two operands. The standard cuts it off at the end; here that is up to the caller.
    fn range(&mut self) -> Range<usize> {
        let length = self.array.len();
        // With no beginning, but an end, V8's `fill` takes the whole array, though the standard would begin at 0.
        let from = self.position();
        let is_open = self.random.below(8) == 0 && may_end_open(self.array);
        let to = if is_open { Input::Undefined } else { self.random.position(length) };
        from..self.operand(to).position(length)
    }

    fn part(&mut self) -> Result<TypedArray<'buf, T>, Error> {
        let range = self.range();
        self.array.subarray(range)
    }

    /// One that was kept, or a new one, which mostly is no longer than this.
    fn other(&mut self) -> Result<TypedArray<'buf, T>, Error> {
        loop {
            let Named { name, view } = match self.others.len() {
                0 => self.new_other(),
                _ if self.random.below(2) == 0 => self.new_other(),
                others => self.others[self.random.below(others)].clone().found(),
            };
            if !view.as_ref().is_ok_and(|other| mixes(self.array, *other)) {
                self.operands.push(name);
                return view;
            }
        }
    }

    fn new_other(&mut self) -> Named<Result<TypedArray<'buf, T>, Error>> {
        let longest = self.array.len() + usize::from(self.random.below(8) == 0);
        let mut other = new_array(self.random, self.array.buffer(), 20);
        while self.random.below(8) != 0 && other.view.as_ref().is_ok_and(|other| other.len() > longest) {
            other = new_array(self.random, self.array.buffer(), 20);
        }
        other
    }

    /// Where NaNs lie after a write, other bits are put in their place.
    fn settle(&self) -> String {
        let size = TypedArray::<T>::BYTES_PER_ELEMENT;
        for (index, _) in self.array.to_vec().iter().enumerate().filter(|(_, value)| value.is_nan()) {
            let place = self.array.byte_offset() + index * size;
            TypedArray::<u8>::new(self.array.buffer(), place, size).unwrap().fill(0xff);
        }
        nothing()
    }
}

pub(crate) fn nothing() -> String {
    "undefined".to_owned()
}

fn texts<T: Javascript>(values: Vec<T>) -> String {
    values.into_iter().map(T::text).collect::<Vec<_>>().join(",")
}

/// Where an array lies.
pub(crate) fn extent<T: Javascript>(array: TypedArray<'_, T>) -> String {
    format!("{}+{}", array.byte_offset(), array.len())
}

/// The name in Node, and the operation here. A result that is not an error is written as Node writes it.
pub(crate) type Operation<T> = (&'static str, fn(&mut Turn<'_, '_, T>) -> Result<String, Error>);

/// On arrays of all types. An operation that is not a method or a property there has an entry in `operations.js` too.
pub(crate) fn plain<T: Javascript>() -> Vec<Operation<T>> {
    vec![
        ("length", |turn| Ok(turn.array.len().to_string())),
        ("byteLength", |turn| Ok(turn.array.byte_length().to_string())),
        ("get", |turn| {
            let at = turn.property();
            Ok(turn.array.get(at).map_or_else(nothing, T::text))
        }),
        ("set", |turn| {
            let (at, value) = (turn.property(), turn.value());
            // An error here, and nothing there.
            let _ = turn.array.set(at, value);
            Ok(turn.settle())
        }),
        ("fill", |turn| {
            let value = turn.value();
            turn.part()?.fill(value);
            Ok(turn.settle())
        }),
        ("copy", |turn| {
            let (at, values) = (turn.at(), [turn.value(), turn.value()]);
            turn.array.copy_from(at, &values)?;
            Ok(turn.settle())
        }),
        ("copyArray", |turn| {
            let (at, source) = (turn.at(), turn.other());
            turn.array.copy_from_array(at, source?)?;
            Ok(nothing())
        }),
        ("copyWithin", |turn| {
            let (to, range) = (turn.position(), turn.range());
            // So many as there is room for.
            let count = range.len().min(turn.array.len() - to);
            turn.array.copy_within(range.start..range.start + count, to)?;
            Ok(extent(turn.array))
        }),
        ("slice", |turn| {
            let range = turn.range();
            turn.array.slice(range).map(texts)
        }),
        ("values", |turn| Ok(texts(turn.part()?.to_vec()))),
        ("subarray", |turn| turn.part().map(extent)),
    ]
}

/// On arrays of integers, these too.
pub(crate) fn atomic<T: Javascript + Integer>() -> Vec<Operation<T>> {
    let operations: Vec<Operation<T>> = vec![
        ("load", |turn| {
            let at = turn.at();
            Atomics::load(turn.array, at).map(T::text)
        }),
        ("store", |turn| {
            let (at, operand) = (turn.at(), T::operand(turn.random));
            let value = T::from_input(turn.operand(operand));
            assert_eq!(Atomics::store(turn.array, at, value)?, value);
            Ok(match operand {
                Input::Number(number) if number.is_infinite() => operand.text(),
                // In all digits, and of a NaN, 0.
                Input::Number(number) => format!("{:.0}", if number.is_nan() { 0.0 } else { number.trunc() + 0.0 }),
                Input::Big(number) => number.to_string(),
                Input::Undefined | Input::Flag(_) => unreachable!("not drawn"),
            })
        }),
        ("exchange", |turn| {
            let (at, value) = (turn.at(), turn.value());
            Atomics::exchange(turn.array, at, value).map(T::text)
        }),
        ("compareExchange", |turn| {
            let at = turn.at();
            let expected = match turn.array.get(at).filter(|_| turn.random.below(2) == 0) {
                // The value that is there, in another guise: an operand is cut to the type's bits before it is compared.
                Some(found) => {
                    let guise = found.text().parse::<i128>().unwrap() + (1_i128 << (8 * size_of::<T>()));
                    let is_big = matches!(T::operand(turn.random), Input::Big(_));
                    let guise = turn.operand(if is_big { Input::Big(guise) } else { Input::Number(guise as f64) });
                    assert_eq!(T::from_input(guise), found);
                    found
                }
                None => turn.value(),
            };
            let value = turn.value();
            Atomics::compare_exchange(turn.array, at, expected, value).map(T::text)
        }),
        ("add", |turn| {
            let (at, value) = (turn.at(), turn.value());
            Atomics::add(turn.array, at, value).map(T::text)
        }),
        ("sub", |turn| {
            let (at, value) = (turn.at(), turn.value());
            Atomics::sub(turn.array, at, value).map(T::text)
        }),
        ("and", |turn| {
            let (at, value) = (turn.at(), turn.value());
            Atomics::and(turn.array, at, value).map(T::text)
        }),
        ("or", |turn| {
            let (at, value) = (turn.at(), turn.value());
            Atomics::or(turn.array, at, value).map(T::text)
        }),
        ("xor", |turn| {
            let (at, value) = (turn.at(), turn.value());
            Atomics::xor(turn.array, at, value).map(T::text)
        }),
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
pub(crate) fn waits() -> Vec<Operation<i32>> {
    vec![
        ("notify", |turn| {
            let at = turn.at();
            let (odd, drawn) = (turn.random.odd_number(), turn.random.below(4));
            let small = [0.0, 1.0, 2.5, -1.0, f64::NAN][turn.random.below(5)];
            let count = turn.operand([Input::Undefined, odd, Input::Number(small), odd][drawn]).count();
            Atomics::notify(turn.array, at, count).map(|woken| woken.unwrap_or(0).to_string())
        }),
        ("wait", |turn| {
            let at = turn.at();
            let value = match turn.array.get(at).filter(|_| turn.random.below(2) == 0) {
                Some(found) => Input::Number(f64::from(found) + turn.random.one_of(&[0.0, 4_294_967_296.0])),
                None => turn.random.odd_number(),
            };
            let expected = i32::from_input(turn.operand(value));
            let no_time = Input::Number(turn.random.one_of(&[0.0, -0.0, -1.0, f64::NEG_INFINITY, 0.001]));
            let forever = [f64::NAN, f64::INFINITY, 1e6, 1e300].map(Input::Number);
            let any_time = turn.random.one_of(&[no_time, Input::Undefined, forever[0], forever[1], forever[2]]);
            let would_sleep = turn.array.get(at) == Some(expected);
            let timeout = turn.operand(if would_sleep { no_time } else { any_time });
            Atomics::wait(turn.array, at, expected, javascript::timeout(timeout.number())).map(said)
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

/// One of the operations, on an array that is there.
pub(crate) fn act<'buf, T: Javascript>(
    script: &mut Script,
    array: Named<TypedArray<'buf, T>>,
    others: &[Named<TypedArray<'buf, T>>],
    operations: &[Operation<T>],
    random: &mut Random,
) {
    let (name, operation) = random.one_of(operations);
    let mut turn = Turn { array: array.view, others, operands: Vec::new(), random };
    let outcome = operation(&mut turn);
    script.say(name, &array.name, &turn.operands, outcome);
}

/// On a new array.
fn step<T: Javascript>(script: &mut Script, buffer: &SharedBuffer, random: &mut Random, operations: Vec<Operation<T>>) {
    let Named { name, view } = new_array(random, buffer, 20);
    match view {
        Ok(view) => act(script, Named { name, view }, &[], &operations, random),
        Err(error) => script.say("length", &name, &[], Err(error)),
    }
}

fn script(seed: u64) -> Script {
    let buffer = SharedBuffer::new(BYTES).unwrap();
    let (random, script) = (&mut Random(seed), &mut Script::default());
    script.say("new", BUFFER, &[BYTES.to_string()], Ok(nothing()));
    while script.len() < OPERATIONS {
        match random.below(15) {
            0 => step::<i8>(script, &buffer, random, atomic()),
            1 => step::<u8>(script, &buffer, random, atomic()),
            2 => step::<i16>(script, &buffer, random, atomic()),
            3 => step::<u16>(script, &buffer, random, atomic()),
            4 => step::<i32>(script, &buffer, random, atomic()),
            5 => step::<u32>(script, &buffer, random, atomic()),
            6 => step::<i64>(script, &buffer, random, atomic()),
            7 => step::<u64>(script, &buffer, random, atomic()),
            8 => step::<f32>(script, &buffer, random, plain()),
            9 => step::<f64>(script, &buffer, random, plain()),
            10 => step::<i32>(script, &buffer, random, waits()),
            11..13 => views::step(script, &buffer, random),
            13 => buffers::ask(script, &buffer, random),
            _ => buffers::ask_bytes(script, &buffer),
        }
    }
    buffers::ask_bytes(script, &buffer);
    std::mem::take(script)
}

#[test]
fn operations_here_and_in_node_do_the_same() {
    let _watchdog = Watchdog::new("operations_here_and_in_node_do_the_same");
    if !is_here("operations_here_and_in_node_do_the_same") {
        return;
    }
    let mut compared = Compared::default();
    (1..=SEEDS).for_each(|seed| compared.compare(seed, &script(seed)));
    // On arrays 23, on views 20 more, on the buffer 4 more, of which `grow` is always an error: its length is fixed.
    // Ten types of arrays, the view and the buffer.
    compared.conclude(100_000, 47 + 12, 300);
}
