//! Words: one Int32 slot of shared memory, how an agent waits on one, and what can be built of several.

#[allow(unsafe_code, reason = "numbers of other sizes than a word, by their address")]
mod access;
mod number;
mod primitive;
mod sleeper;
#[allow(unsafe_code, reason = "one word, by its address")]
mod slot;
mod spin;

pub use number::{Integer, Number};
pub use primitive::Primitive;
pub(crate) use primitive::{handles, primitive};
pub use slot::{Slot, Slots, SlotsIter};

pub(crate) use access::{Element, Elements, HAS_WIDE, NumberSlot};
pub(crate) use sleeper::{Look, Sleeper, wait_until_done};
pub(crate) use spin::spin_while;
