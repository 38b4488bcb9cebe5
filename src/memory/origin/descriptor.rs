//! Memory behind a descriptor, which can be handed to another process.

use crate::error::MemoryError;
use crate::memory::contract::Memory;
use crate::memory::object::mapping::{Label, Mapping};
use crate::memory::object::whole;
use std::os::fd::OwnedFd;
use std::path::Path;

/// The name of the memory in errors.
pub(crate) const NAME: &str = "descriptor";

/// Whether room is reserved as the memory grows. No file system limits a memfd.
#[derive(PartialEq, Eq)]
pub(crate) enum Growth {
    Unreserved,
    Reserved,
}

/// Maps the whole of the object behind the descriptor.
pub(crate) fn open(descriptor: OwnedFd, growth: Growth) -> Result<Box<dyn Memory>, MemoryError> {
    let name = Path::new(NAME);
    let mut mapping = Mapping::of(&descriptor, name, whole(&descriptor, name)?)?;
    if growth == Growth::Reserved {
        mapping = mapping.reserving(&descriptor, name)?;
    }
    Ok(Box::new(mapping.labelled(Label::Descriptor(descriptor))))
}
