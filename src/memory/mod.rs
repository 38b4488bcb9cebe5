//! Shared buffers: where their bytes come from, how long they are, and how they grow.
//!
//! A [`SharedBuffer`] (`buffer.rs`) owns the `Memory` (`contract.rs`) that one of the origins (`origin/`) provides.
//! [`BufferOptions`] (`options.rs`) has the one implementation of every safe constructor.

mod buffer;
mod contract;
mod create;
mod extent;
mod grow;
mod options;
mod origin;
mod owned;
mod platform;

#[cfg(all(unix, not(loom)))]
mod errno;
#[cfg(all(unix, not(loom)))]
mod fd;
#[cfg(all(unix, not(loom)))]
mod object;

pub use buffer::SharedBuffer;
pub use contract::Origin;
pub use options::BufferOptions;
pub use owned::{Borrowed, Handle, Owned};

pub(crate) use extent::SLOT_BYTES;
