//! Places: where things lie in a buffer. A layout or an allocator hands them out, and a handle is made at one.
#![forbid(unsafe_code)]

mod bump;
mod layout;
mod place;

pub use bump::BumpAllocator;
pub use layout::Layout;
pub use place::{ArrayPlace, Place};
