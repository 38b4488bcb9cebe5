//! ECMAScript's `Atomics`, over typed arrays: every operation is atomic and sequentially consistent.
#![forbid(unsafe_code)]

use crate::element::IntegerElement;
use crate::error::Error;
use crate::futex::Wait;
use crate::sync::{self, Ordering::SeqCst, fence};
use crate::typed_array::TypedArray;
use std::time::Duration;

/// ECMAScript's `Atomics`: operations on the elements of arrays of integers. Each is atomic and sequentially consistent,
/// arithmetic wraps around, and each that writes returns what the element held before, except [`store`](Self::store).
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
    /// Reads the element. All agents see the changes of all elements in one order, as in the whole of this type.
    ///
    /// # Errors
    ///
    /// [`Error::ElementOutOfRange`]: the array ends before `index`. Nothing is read.
    pub fn load<T: IntegerElement>(array: TypedArray<'_, T>, index: usize) -> Result<T, Error> {
        array.cell(index).map(|cell| T::load(cell.atomic(), SeqCst))
    }

    /// Writes the element, and returns what was written. This wakes nobody: see [`notify`](Self::notify).
    ///
    /// # Errors
    ///
    /// [`Error::ElementOutOfRange`]: the array ends before `index`. Nothing is written.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{Atomics, BigUint64Array, SharedBuffer};
    ///
    /// let buffer = SharedBuffer::new(16)?;
    /// let counts = BigUint64Array::rest(&buffer, 0)?;
    /// assert_eq!(Atomics::store(counts, 1, u64::MAX)?, u64::MAX);
    /// assert_eq!(Atomics::load(counts, 1)?, u64::MAX);
    /// let beyond = Atomics::store(counts, 2, 0).unwrap_err();
    /// assert_eq!(beyond.to_string(), "element 2 was asked for, but the array has 2 elements");
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn store<T: IntegerElement>(array: TypedArray<'_, T>, index: usize, value: T) -> Result<T, Error> {
        array.cell(index).map(|cell| T::store(cell.atomic(), value, SeqCst)).map(|()| value)
    }

    /// Writes the element, and returns what it held.
    ///
    /// # Errors
    ///
    /// [`Error::ElementOutOfRange`]: the array ends before `index`. Nothing is written.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{Atomics, SharedBuffer, Uint32Array};
    ///
    /// let buffer = SharedBuffer::new(4)?;
    /// let tickets = Uint32Array::rest(&buffer, 0)?;
    /// assert_eq!(Atomics::exchange(tickets, 0, 7)?, 0);
    /// assert_eq!(Atomics::exchange(tickets, 0, 0)?, 7, "whoever comes first takes it");
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn exchange<T: IntegerElement>(array: TypedArray<'_, T>, index: usize, value: T) -> Result<T, Error> {
        array.cell(index).map(|cell| T::exchange(cell.atomic(), value, SeqCst))
    }

    /// Writes `replacement` if the element holds `expected`, and returns what it held: it was written if that is `expected`.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{Atomics, SharedBuffer, TypedArray};
    ///
    /// let buffer = SharedBuffer::new(16)?;
    /// let bytes = TypedArray::<u8>::new(&buffer, 3, 5)?;
    /// assert_eq!(Atomics::compare_exchange(bytes, 0, 0, 7)?, 0);
    /// assert_eq!(Atomics::compare_exchange(bytes, 0, 0, 8)?, 7);
    /// assert_eq!(Atomics::load(bytes, 0)?, 7);
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::ElementOutOfRange`]: the array ends before `index`. Nothing is written.
    pub fn compare_exchange<T: IntegerElement>(
        array: TypedArray<'_, T>,
        index: usize,
        expected: T,
        replacement: T,
    ) -> Result<T, Error> {
        array.cell(index).map(|cell| T::compare_exchange(cell.atomic(), expected, replacement, SeqCst))
    }

    /// Adds, wrapping around, and returns what the element held.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{Atomics, Int8Array, SharedBuffer};
    ///
    /// let buffer = SharedBuffer::new(4)?;
    /// let array = Int8Array::rest(&buffer, 0)?;
    /// assert_eq!(Atomics::add(array, 2, 127)?, 0);
    /// assert_eq!(Atomics::add(array, 2, 1)?, 127);
    /// assert_eq!(array.get(2), Some(-128));
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::ElementOutOfRange`]: the array ends before `index`. Nothing is written.
    pub fn add<T: IntegerElement>(array: TypedArray<'_, T>, index: usize, value: T) -> Result<T, Error> {
        array.cell(index).map(|cell| T::add(cell.atomic(), value, SeqCst))
    }

    /// Subtracts, wrapping around, and returns what the element held.
    ///
    /// # Errors
    ///
    /// [`Error::ElementOutOfRange`]: the array ends before `index`. Nothing is written.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{Atomics, SharedBuffer, Uint16Array};
    ///
    /// let buffer = SharedBuffer::new(4)?;
    /// let array = Uint16Array::rest(&buffer, 0)?;
    /// assert_eq!(Atomics::sub(array, 0, 1)?, 0);
    /// assert_eq!(array.get(0), Some(u16::MAX));
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn sub<T: IntegerElement>(array: TypedArray<'_, T>, index: usize, value: T) -> Result<T, Error> {
        array.cell(index).map(|cell| T::sub(cell.atomic(), value, SeqCst))
    }

    /// Keeps the bits that `value` has too, and returns what the element held.
    ///
    /// # Errors
    ///
    /// [`Error::ElementOutOfRange`]: the array ends before `index`. Nothing is written.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{Atomics, SharedBuffer, Uint8Array};
    ///
    /// let buffer = SharedBuffer::new(4)?;
    /// let flags = Uint8Array::rest(&buffer, 0)?;
    /// flags.set(0, 0b1100)?;
    /// assert_eq!(Atomics::and(flags, 0, 0b1010)?, 0b1100);
    /// assert_eq!(flags.get(0), Some(0b1000));
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn and<T: IntegerElement>(array: TypedArray<'_, T>, index: usize, value: T) -> Result<T, Error> {
        array.cell(index).map(|cell| T::and(cell.atomic(), value, SeqCst))
    }

    /// Sets the bits that `value` has, and returns what the element held.
    ///
    /// # Errors
    ///
    /// [`Error::ElementOutOfRange`]: the array ends before `index`. Nothing is written.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{Atomics, SharedBuffer, Uint8Array};
    ///
    /// let buffer = SharedBuffer::new(4)?;
    /// let flags = Uint8Array::rest(&buffer, 0)?;
    /// flags.set(0, 0b1100)?;
    /// assert_eq!(Atomics::or(flags, 0, 0b1010)?, 0b1100);
    /// assert_eq!(flags.get(0), Some(0b1110));
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn or<T: IntegerElement>(array: TypedArray<'_, T>, index: usize, value: T) -> Result<T, Error> {
        array.cell(index).map(|cell| T::or(cell.atomic(), value, SeqCst))
    }

    /// Flips the bits that `value` has, and returns what the element held.
    ///
    /// # Errors
    ///
    /// [`Error::ElementOutOfRange`]: the array ends before `index`. Nothing is written.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{Atomics, SharedBuffer, Uint8Array};
    ///
    /// let buffer = SharedBuffer::new(4)?;
    /// let flags = Uint8Array::rest(&buffer, 0)?;
    /// flags.set(0, 0b1100)?;
    /// assert_eq!(Atomics::xor(flags, 0, 0b1010)?, 0b1100);
    /// assert_eq!(flags.get(0), Some(0b0110));
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn xor<T: IntegerElement>(array: TypedArray<'_, T>, index: usize, value: T) -> Result<T, Error> {
        array.cell(index).map(|cell| T::xor(cell.atomic(), value, SeqCst))
    }

    /// Are operations on elements of so many bytes done without a lock? All that there are: of 1, 2 and 4 bytes, and of 8
    /// where the machine has them.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::Atomics;
    ///
    /// assert!([1, 2, 4].into_iter().all(Atomics::is_lock_free));
    /// assert!(!Atomics::is_lock_free(3));
    /// ```
    pub fn is_lock_free(bytes: usize) -> bool {
        matches!(bytes, 1 | 2 | 4) || bytes == 8 && sync::HAS_64_BITS
    }

    /// Sleeps while the element holds `value`, until a [`notify`](Self::notify) or for `timeout`: [`Duration::MAX`] is the
    /// standard's infinity. Its `"ok"` is `Woken`, its `"not-equal"` is `NotEqual`, which comes before `TimedOut`.
    ///
    /// What was done before a change that this finds, or before a notify that ends it, is seen.
    ///
    /// An array of 64 bits has no such call: the kernels' futexes are of 32 bits, and a change of the other half would go
    /// by unseen. To wait for a value of 64 bits, make it a [`Synchronic`](crate::Synchronic).
    ///
    /// # Errors
    ///
    /// [`Error::ElementOutOfRange`]: the array ends before `index`. There is no sleep.
    ///
    /// # Spurious wakeups
    ///
    /// It may return `Woken` though nobody notified (in the standard it does not): look at the element again.
    ///
    /// # Cross-process
    ///
    /// In memory of [`Scope::Shared`](crate::Scope) a sleep is interrupted once a second for a look at the element. A
    /// notify at that moment finds nobody asleep, so change the element before you notify: then the look sees it.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{Atomics, Int32Array, SharedBuffer, Wait};
    /// use std::time::Duration;
    ///
    /// let buffer = SharedBuffer::new(4)?;
    /// let array = Int32Array::rest(&buffer, 0)?;
    /// assert_eq!(Atomics::wait(array, 0, 7, Duration::ZERO)?, Wait::NotEqual);
    /// assert_eq!(Atomics::wait(array, 0, 0, Duration::ZERO)?, Wait::TimedOut);
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn wait(array: TypedArray<'_, i32>, index: usize, value: i32, timeout: Duration) -> Result<Wait, Error> {
        let outcome = array.slot(index)?.wait_for(value, timeout);
        // SeqCst, as the standard's look at the element. It pairs with the operation that changed it; and, by way of the
        // kernel's queue, which is locked by who goes to sleep and by who wakes, with the fence of notify.
        fence(SeqCst);
        Ok(outcome)
    }

    /// Wakes up to `count` of those who wait for the element, by whatever array, and says how many, where the platform
    /// tells (Linux, Android): elsewhere `None`. In which order they are woken is up to the system.
    ///
    /// # Errors
    ///
    /// [`Error::ElementOutOfRange`]: the array ends before `index`. Nobody is woken.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{Atomics, Int32Array, SharedBuffer};
    ///
    /// let buffer = SharedBuffer::new(4)?;
    /// let ready = Int32Array::rest(&buffer, 0)?;
    /// Atomics::store(ready, 0, 1)?; // First the change, then the call.
    /// let woken = Atomics::notify(ready, 0, u32::MAX)?;
    /// assert!(matches!(woken, Some(0) | None), "nobody waited");
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn notify(array: TypedArray<'_, i32>, index: usize, count: u32) -> Result<Option<u32>, Error> {
        let slot = array.slot(index)?;
        // SeqCst: who is woken sees what was done before. Pairs with the fence of wait.
        fence(SeqCst);
        if let Ok(woken) = slot.wake_counted(count) {
            return Ok(Some(woken));
        }
        slot.wake(count);
        Ok(None)
    }

    /// Tells the processor that this is a loop that waits.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{Atomics, SharedBuffer, Uint8Array};
    ///
    /// let buffer = SharedBuffer::new(4)?;
    /// let ready = Uint8Array::rest(&buffer, 0)?;
    /// std::thread::scope(|threads| {
    ///     threads.spawn(move || Atomics::store(ready, 0, 1));
    ///     // For what comes at once. Who may wait for longer sleeps: see `wait`.
    ///     while Atomics::load(ready, 0) == Ok(0) {
    ///         Atomics::pause();
    ///     }
    /// });
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn pause() {
        sync::spin_loop();
    }
}
