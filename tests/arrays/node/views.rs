//! Numbers through a `DataView`, as Node's accessors have them: `getInt8` to `setBigUint64`, in the byte order that a flag
//! says, which may be anything.

use super::elements::Javascript;
use super::javascript::{self, Input};
use super::operations::Named;
use super::random::Random;
use super::script::Script;
use slotsync::arrays::DataView;
use slotsync::{Error, SharedBuffer};

/// A new view somewhere in the buffer, or beyond it, and now and then over all the rest.
pub(crate) fn new_view<'buf>(
    random: &mut Random,
    buffer: &'buf SharedBuffer,
    rests: usize,
) -> Named<Result<DataView<'buf>, Error>> {
    let [offset, length] = random.place(buffer.byte_length(), 1, rests);
    let at = javascript::index(offset.number());
    let view = match length {
        Input::Undefined => DataView::rest(buffer, at),
        length => DataView::new(buffer, at, javascript::index(length.number())),
    };
    Named { name: format!("DataView:{}:{}", offset.text(), length.text()), view }
}

/// One access by a view that is there, of a number of any type.
pub(crate) fn access(script: &mut Script, of: &Named<DataView<'_>>, random: &mut Random) {
    match random.below(11) {
        0 => number::<i8>(script, of, random),
        1 => number::<u8>(script, of, random),
        2 => number::<i16>(script, of, random),
        3 => number::<u16>(script, of, random),
        4 => number::<i32>(script, of, random),
        5 => number::<u32>(script, of, random),
        6 => number::<i64>(script, of, random),
        7 => number::<u64>(script, of, random),
        8 => number::<f32>(script, of, random),
        9 => number::<f64>(script, of, random),
        _ => script.say("byteLength", &of.name, &[], Ok(of.view.byte_length().to_string())),
    }
}

/// By a new view.
pub(crate) fn step(script: &mut Script, buffer: &SharedBuffer, random: &mut Random) {
    let Named { name, view } = new_view(random, buffer, 4);
    match view {
        Ok(view) => access(script, &Named { name, view }, random),
        Err(error) => script.say("byteLength", &name, &[], Err(error)),
    }
}

fn number<T: Javascript>(script: &mut Script, of: &Named<DataView<'_>>, random: &mut Random) {
    let Named { name, view } = of;
    // Often where the last one lies, or just beyond.
    let end = view.byte_length() + 2 - size_of::<T>().min(view.byte_length() + 2);
    let index = if random.below(4) == 0 { Input::Number(end as f64 - 1.0) } else { random.index(end) };
    let flags = [Input::Flag(true), Input::Flag(false), Input::Undefined, Input::Number(0.0), Input::Number(f64::NAN)];
    let flag = if random.below(4) == 0 { random.odd_number() } else { random.one_of(&flags) };
    let (at, is_little) = (javascript::index(index.number()), javascript::flag(flag.number()));
    let kind = <T as Javascript>::NAME.trim_end_matches("Array");
    if random.below(2) == 0 {
        let outcome = if is_little { view.get_le::<T>(at) } else { view.get_be(at) };
        script.say(&format!("get{kind}"), name, &[index, flag].map(Input::text), outcome.map(T::text));
    } else {
        let operand = T::operand(random);
        let value = T::from_input(operand);
        let outcome = if is_little { view.set_le(at, value) } else { view.set_be(at, value) };
        if outcome.is_ok() && value.is_nan() {
            // The standard leaves open with which bits.
            let bytes = vec![0xff; size_of::<T>()];
            view.buffer().write_bytes(view.byte_offset() + at, &bytes).unwrap();
        }
        let operands = [index, operand, flag].map(Input::text);
        script.say(&format!("set{kind}"), name, &operands, outcome.map(|()| "undefined".to_owned()));
    }
}
