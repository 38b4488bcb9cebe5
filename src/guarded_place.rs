//! The guarded value among what can be placed. A room of its own, because it is there with the feature `guarded` only.
#![forbid(unsafe_code)]

use crate::buffer::SharedBuffer;
use crate::error::Error;
use crate::guarded::Guarded;
use crate::primitive::Primitive;
use zerocopy::{FromBytes, Immutable, IntoBytes};

impl<T: FromBytes + IntoBytes + Immutable, const VERSION: u32> Primitive for Guarded<'_, T, VERSION> {
    type Handle<'buf> = Guarded<'buf, T, VERSION>;
    type With<'buf> = ();
    const SLOTS: usize = Guarded::<T, VERSION>::SLOTS;

    /// As the header has it, but without the size of a pointer: a layout is the same in 32 bits and in 64, if its parts
    /// are.
    fn kind() -> String {
        format!("Guarded<size {}, alignment {}, version {VERSION}>", size_of::<T>(), align_of::<T>())
    }

    fn attach<'buf>(buffer: &'buf SharedBuffer, index: usize, (): ()) -> Result<Guarded<'buf, T, VERSION>, Error> {
        Guarded::new(buffer, index)
    }
}
