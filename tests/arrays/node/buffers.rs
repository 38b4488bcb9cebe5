//! Calls on a buffer itself, and short histories of buffers that grow: each begins with a fresh one, makes views of
//! it and keeps them, and asks these and others of all that can be asked, while the buffer grows.
//!
//! | JavaScript | here |
//! |---|---|
//! | `grow`, a `RangeError` | `WouldShrink`, `TooLarge` |
//! | `grow` of a buffer of a fixed length, a `TypeError` | `FixedLength` |
//! | any length | a multiple of 4, and not 0: no others are asked for, but where they are too small or too large |
//! | `subarray` without an end, of an array that tracks the length: tracks it too | `rest` from there on |

use super::elements::Javascript;
use super::is_here;
use super::javascript::{self, Input};
use super::operations::{Named, Operation, act, atomic, extent, may_end_open, new_array, nothing, plain, waits};
use super::random::Random;
use super::script::{BUFFER, Compared, Script};
use super::views::{access, new_view};
use crate::support::Watchdog;
use slotsync::arrays::{DataView, TypedArray};
use slotsync::{Error, SharedBuffer};

const SEEDS: u64 = 10;
const HISTORIES: usize = 440;
const STEPS: usize = 30;

/// One of all questions.
pub(crate) fn ask(script: &mut Script, buffer: &SharedBuffer, random: &mut Random) {
    let length = buffer.byte_length();
    match random.below(6) {
        0 => {
            let (from, to) = (random.position(length), random.position(length));
            let range = from.position(length)..to.position(length);
            let mut bytes = vec![0; range.len()];
            let outcome = buffer.read_bytes(range.start, &mut bytes).map(|()| hex(&bytes));
            script.say("slice", BUFFER, &[from, to].map(Input::text), outcome);
        }
        1 => {
            let at = random.index(length);
            let bytes: Vec<_> = (0..random.below(12)).map(|_| random.next() as u8).collect();
            let operands: Vec<_> = [at.text()].into_iter().chain(bytes.iter().map(u8::to_string)).collect();
            let outcome = buffer.write_bytes(javascript::index(at.number()), &bytes).map(|()| nothing());
            script.say("write", BUFFER, &operands, outcome);
        }
        2 => script.say("byteLength", BUFFER, &[], Ok(length.to_string())),
        3 => script.say("maxByteLength", BUFFER, &[], Ok(buffer.max_byte_length().to_string())),
        4 => script.say("growable", BUFFER, &[], Ok(buffer.is_growable().to_string())),
        _ => grow(script, buffer, random),
    }
}

fn grow(script: &mut Script, buffer: &SharedBuffer, random: &mut Random) {
    let (length, max) = (buffer.byte_length(), buffer.max_byte_length());
    let near = length as f64 + random.one_of(&[-4.0, -0.5, 0.0, 0.0, 4.0, 4.0, 4.0, 8.0, 8.0, 12.0, 20.5]);
    let bytes = match random.below(10) {
        0 => random.odd_number(),
        1 => Input::Undefined,
        2 => Input::Number(max as f64 + random.one_of(&[0.0, 0.5, 0.999, 1.0, 4.0, 1e9])),
        _ => Input::Number(near),
    };
    let asked = javascript::index(bytes.number());
    // Between these, every fourth is one.
    if asked % 4 == 0 || asked < length || asked > max {
        script.say("grow", BUFFER, &[bytes.text()], buffer.grow(asked).map(|()| nothing()).map_err(Error::from));
    }
}

/// All bytes that there are.
pub(crate) fn ask_bytes(script: &mut Script, buffer: &SharedBuffer) {
    let mut bytes = vec![0; buffer.byte_length()];
    buffer.read_bytes(0, &mut bytes).unwrap();
    script.say("bytes", BUFFER, &[], Ok(hex(&bytes)));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A buffer, and the views that were kept of it.
struct History<'a, 'buf, T> {
    script: &'a mut Script,
    random: &'a mut Random,
    buffer: &'buf SharedBuffer,
    arrays: Vec<Named<TypedArray<'buf, T>>>,
    views: Vec<Named<DataView<'buf>>>,
}

impl<'buf, T: Javascript> History<'_, 'buf, T> {
    /// The next one's name in Node.
    fn name(&self, kind: &str) -> String {
        format!("{kind}#{}", self.arrays.len() + self.views.len())
    }

    /// One that was kept, mostly, or a new one.
    fn array(&mut self) -> Named<Result<TypedArray<'buf, T>, Error>> {
        if self.arrays.is_empty() || self.random.below(4) == 0 {
            return new_array(self.random, self.buffer, 2);
        }
        self.arrays[self.random.below(self.arrays.len())].clone().found()
    }

    fn view(&mut self) -> Named<Result<DataView<'buf>, Error>> {
        if self.views.is_empty() || self.random.below(4) == 0 {
            return new_view(self.random, self.buffer, 2);
        }
        self.views[self.random.below(self.views.len())].clone().found()
    }

    fn keep_array(&mut self) {
        let Named { name: of, view } = new_array(self.random, self.buffer, 2);
        self.script.say("keep", &of, &[], view.clone().map(extent));
        let name = self.name(<T as Javascript>::NAME);
        self.arrays.extend(view.map(|view| Named { name, view }));
    }

    fn keep_view(&mut self) {
        let Named { name: of, view } = new_view(self.random, self.buffer, 2);
        let extent = |view: DataView<'_>| format!("{}+{}", view.byte_offset(), view.byte_length());
        self.script.say("keep", &of, &[], view.clone().map(extent));
        let name = self.name("DataView");
        self.views.extend(view.map(|view| Named { name, view }));
    }

    fn keep_subarray(&mut self) {
        let Named { name: of, view } = self.array();
        let Ok(array) = view else { return };
        let length = array.len();
        let (from, to) = (self.random.position(length), self.random.position(length));
        let to = if self.random.below(2) == 0 && may_end_open(array) { Input::Undefined } else { to };
        let start = from.position(length);
        let view = match to {
            Input::Undefined if array.is_length_tracking() => {
                TypedArray::rest(self.buffer, array.byte_offset() + start * TypedArray::<T>::BYTES_PER_ELEMENT)
            }
            to => array.subarray(start..to.position(length)),
        };
        self.script.say("keepSubarray", &of, &[from, to].map(Input::text), view.clone().map(extent));
        let name = self.name(<T as Javascript>::NAME);
        self.arrays.extend(view.map(|view| Named { name, view }));
    }

    fn step(&mut self, operations: &[Operation<T>]) {
        match self.random.below(16) {
            0 => self.keep_array(),
            1 => self.keep_view(),
            2 => self.keep_subarray(),
            3 => grow(self.script, self.buffer, self.random),
            4..6 => ask(self.script, self.buffer, self.random),
            6..9 => match self.view() {
                Named { name, view: Ok(view) } => access(self.script, &Named { name, view }, self.random),
                Named { name, view: Err(error) } => self.script.say("byteLength", &name, &[], Err(error)),
            },
            _ => match self.array() {
                Named { name, view: Ok(view) } => {
                    act(self.script, Named { name, view }, &self.arrays, operations, self.random);
                }
                Named { name, view: Err(error) } => self.script.say("length", &name, &[], Err(error)),
            },
        }
    }
}

fn growable(bytes: usize, max: usize) -> Result<SharedBuffer, Error> {
    Ok(SharedBuffer::options().max_byte_length(max).heap(bytes)?)
}

fn history<T: Javascript>(script: &mut Script, random: &mut Random, operations: Vec<Operation<T>>) {
    let bytes = 4 * (1 + random.below(10));
    let operands = |max: usize| [bytes.to_string(), max.to_string()];
    if bytes > 4 && random.below(10) == 0 {
        let less = 4 * (1 + random.below(bytes / 4 - 1));
        script.say("new", BUFFER, &operands(less), growable(bytes, less).map(|_| nothing()));
    }
    let max = bytes + 4 * random.below(20);
    let buffer = growable(bytes, max).unwrap();
    script.say("new", BUFFER, &operands(max), Ok(nothing()));
    let mut history = History { script, random, buffer: &buffer, arrays: Vec::new(), views: Vec::new() };
    (0..STEPS).for_each(|_| history.step(&operations));
    ask_bytes(script, &buffer);
}

fn script(seed: u64) -> Script {
    let (random, script) = (&mut Random(seed), &mut Script::default());
    for number in 0..HISTORIES {
        match number % 11 {
            0 => history::<i8>(script, random, atomic()),
            1 => history::<u8>(script, random, atomic()),
            2 => history::<i16>(script, random, atomic()),
            3 => history::<u16>(script, random, atomic()),
            4 => history::<i32>(script, random, atomic()),
            5 => history::<u32>(script, random, atomic()),
            6 => history::<i64>(script, random, atomic()),
            7 => history::<u64>(script, random, atomic()),
            8 => history::<f32>(script, random, plain()),
            9 => history::<f64>(script, random, plain()),
            _ => history::<i32>(script, random, waits()),
        }
    }
    std::mem::take(script)
}

#[test]
fn buffers_that_grow_do_the_same_here_and_in_node() {
    let _watchdog = Watchdog::new("buffers_that_grow_do_the_same_here_and_in_node");
    if !is_here("buffers_that_grow_do_the_same_here_and_in_node") {
        return;
    }
    let mut compared = Compared::default();
    (1..=SEEDS).for_each(|seed| compared.compare(seed, &script(seed)));
    // As of a fixed one, and `grow`, `keep` and `keepSubarray`.
    compared.conclude(100_000, 47 + 3 + 12, 200);
}
