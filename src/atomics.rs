//! ECMAScript's `Atomics`, over typed arrays: every operation is atomic and sequentially consistent.
#![forbid(unsafe_code)]

use crate::element::IntegerElement;
use crate::error::Error;
use crate::futex::Wait;
use crate::slot::Slot;
use crate::sync::{self, Ordering::SeqCst};
use crate::typed_array::TypedArray;
use std::time::Duration;

/// ECMAScript's `Atomics`: operations on the elements of arrays of integers. Each is atomic and sequentially consistent,
/// arithmetic wraps around, and each that writes returns what the element held before, except [`store`](Self::store).
///
/// Each is an [`Error::ElementOutOfRange`] beyond the last element, and then changes nothing.
///
/// # Examples
///
/// ```
/// use slotsync::{Atomics, Int32Array, SharedBuffer};
/// use std::time::Duration;
///
/// let buffer = SharedBuffer::new(16)?;
/// let array = Int32Array::new(&buffer, 0, 4)?;
/// std::thread::scope(|threads| {
///     threads.spawn(move || {
///         Atomics::store(array, 0, 1).unwrap();
///         Atomics::notify(array, 0, u32::MAX).unwrap();
///     });
///     while Atomics::load(array, 0).unwrap() == 0 {
///         let _ = Atomics::wait(array, 0, 0, Duration::MAX);
///     }
/// });
/// # Ok::<(), slotsync::Error>(())
/// ```
///
/// # Source
///
/// ECMAScript, *The Atomics Object*. Operands are of the element's type here, so what the standard's conversions make of
/// others is up to the caller (`200i32 as i8`).
#[derive(Clone, Copy, Debug)]
pub enum Atomics {}

impl Atomics {
    /// The element.
    pub fn load<T: IntegerElement>(array: TypedArray<'_, T>, index: usize) -> Result<T, Error> {
        array.cell(index).map(|cell| T::load(cell.atomic(), SeqCst))
    }

    /// Writes the element, and returns what was written.
    pub fn store<T: IntegerElement>(array: TypedArray<'_, T>, index: usize, value: T) -> Result<T, Error> {
        array.cell(index).map(|cell| T::store(cell.atomic(), value, SeqCst)).map(|()| value)
    }

    /// Writes the element.
    pub fn exchange<T: IntegerElement>(array: TypedArray<'_, T>, index: usize, value: T) -> Result<T, Error> {
        array.cell(index).map(|cell| T::exchange(cell.atomic(), value, SeqCst))
    }

    /// Writes `replacement` if the element holds `expected`. It was written if what is returned is `expected`.
    pub fn compare_exchange<T: IntegerElement>(
        array: TypedArray<'_, T>,
        index: usize,
        expected: T,
        replacement: T,
    ) -> Result<T, Error> {
        array.cell(index).map(|cell| T::compare_exchange(cell.atomic(), expected, replacement, SeqCst))
    }

    /// Adds to the element.
    pub fn add<T: IntegerElement>(array: TypedArray<'_, T>, index: usize, value: T) -> Result<T, Error> {
        array.cell(index).map(|cell| T::add(cell.atomic(), value, SeqCst))
    }

    /// Subtracts from the element.
    pub fn sub<T: IntegerElement>(array: TypedArray<'_, T>, index: usize, value: T) -> Result<T, Error> {
        array.cell(index).map(|cell| T::sub(cell.atomic(), value, SeqCst))
    }

    /// Keeps the bits of the element that `value` has too.
    pub fn and<T: IntegerElement>(array: TypedArray<'_, T>, index: usize, value: T) -> Result<T, Error> {
        array.cell(index).map(|cell| T::and(cell.atomic(), value, SeqCst))
    }

    /// Sets the bits that `value` has.
    pub fn or<T: IntegerElement>(array: TypedArray<'_, T>, index: usize, value: T) -> Result<T, Error> {
        array.cell(index).map(|cell| T::or(cell.atomic(), value, SeqCst))
    }

    /// Flips the bits that `value` has.
    pub fn xor<T: IntegerElement>(array: TypedArray<'_, T>, index: usize, value: T) -> Result<T, Error> {
        array.cell(index).map(|cell| T::xor(cell.atomic(), value, SeqCst))
    }

    /// Are operations on elements of so many bytes done without a lock? They all are; there are elements of 1, 2, 4 bytes, and
    /// of 8 where the machine has them.
    pub fn is_lock_free(bytes: usize) -> bool {
        matches!(bytes, 1 | 2 | 4) || bytes == 8 && cfg!(target_has_atomic = "64")
    }

    /// Sleeps while the element holds `value`, until a [`notify`](Self::notify) or for `timeout`: [`Duration::MAX`] is the
    /// standard's infinity. `Woken` is its `"ok"`.
    ///
    /// It may return `Woken` though nobody notified. An array of 64 bits has no such call: the kernels' futexes are of 32
    /// bits, and a change of the other half would go by unseen.
    pub fn wait(array: TypedArray<'_, i32>, index: usize, value: i32, timeout: Duration) -> Result<Wait, Error> {
        slot(array, index).map(|slot| slot.wait_for(value, timeout))
    }

    /// Wakes up to `count` of those who wait for the element, by whatever array, and says how many, where the platform tells
    /// (Linux, Android): elsewhere `None`.
    pub fn notify(array: TypedArray<'_, i32>, index: usize, count: u32) -> Result<Option<u32>, Error> {
        let slot = slot(array, index)?;
        Ok(slot.wake_counted(count).map_or_else(
            |_| {
                slot.wake(count);
                None
            },
            Some,
        ))
    }

    /// Tells the processor that this is a loop that waits.
    pub fn pause() {
        sync::spin_loop();
    }
}

fn slot<'buf>(array: TypedArray<'buf, i32>, index: usize) -> Result<Slot<'buf>, Error> {
    // The element is there, so its slot is.
    array.cell(index)?;
    array.buffer().slot(array.byte_offset() / size_of::<i32>() + index)
}
