//! What is asked of a buffer itself.

use super::javascript::{self, Input};
use super::operations::nothing;
use super::random::Random;
use super::script::{BUFFER, Script};
use slotsync::SharedBuffer;

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
        script.say("grow", BUFFER, &[bytes.text()], buffer.grow(asked).map(|()| nothing()));
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
