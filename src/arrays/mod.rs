//! Typed arrays over the bytes of a buffer, with the names and operations of ECMAScript.
//!
//! A [`TypedArray`] is a row of numbers of one type. [`Atomics`] has operations on its elements that order memory. A
//! [`DataView`] reads and writes numbers of all types at any byte.
//! [`SharedBuffer::read_bytes`](crate::SharedBuffer::read_bytes) and
//! [`write_bytes`](crate::SharedBuffer::write_bytes) copy bytes.
#![forbid(unsafe_code)]

mod atomics;
mod bytes;
mod data_view;
mod typed_array;

pub use atomics::Atomics;
pub use data_view::DataView;
pub use typed_array::{
    BigInt64Array, BigUint64Array, Float32Array, Float64Array, Int8Array, Int16Array, Int32Array, TypedArray,
    Uint8Array, Uint16Array, Uint32Array,
};
