//! The types of elements as both sides call them: their odd values, and how they are told apart.

use super::javascript::{self, Input};
use super::random::Random;
use slotsync::Number;

/// A type of array, as both sides call it.
pub(crate) trait Javascript: Number {
    const NAME: &str;

    fn operand(random: &mut Random) -> Input;
    fn from_input(input: Input) -> Self;
    fn text(self) -> String;
    fn is_nan(self) -> bool;
}

macro_rules! integers {
    ($($integer:ty: $name:literal, $is_big:literal;)*) => { $(
        impl Javascript for $integer {
            const NAME: &str = $name;

            fn operand(random: &mut Random) -> Input {
                if $is_big { Input::Big(random.edge(100)) } else { random.odd_number() }
            }

            fn from_input(input: Input) -> Self {
                match input {
                    Input::Big(number) => number as Self,
                    input => javascript::integer(input.number()) as Self,
                }
            }

            fn text(self) -> String {
                self.to_string()
            }

            fn is_nan(self) -> bool {
                false
            }
        }
    )* };
}

macro_rules! floats {
    ($($float:ty: $name:literal, $from_number:expr;)*) => { $(
        impl Javascript for $float {
            const NAME: &str = $name;

            fn operand(random: &mut Random) -> Input {
                random.odd_float()
            }

            fn from_input(input: Input) -> Self {
                $from_number(input.number())
            }

            fn text(self) -> String {
                if self.is_nan() { "NaN".to_owned() } else { format!("{:016x}", f64::from(self).to_bits()) }
            }

            fn is_nan(self) -> bool {
                <$float>::is_nan(self)
            }
        }
    )* };
}

integers! {
    i8: "Int8Array", false;
    u8: "Uint8Array", false;
    i16: "Int16Array", false;
    u16: "Uint16Array", false;
    i32: "Int32Array", false;
    u32: "Uint32Array", false;
    i64: "BigInt64Array", true;
    u64: "BigUint64Array", true;
}

floats! {
    f32: "Float32Array", javascript::narrow;
    f64: "Float64Array", f64::from;
}
