//! ECMAScript's `Atomics`, over typed arrays: every operation is atomic and sequentially consistent.
#![forbid(unsafe_code)]

use super::typed_array::TypedArray;
use crate::error::Error;
use crate::futex::Wait;
use crate::sync::{self, Ordering::SeqCst, fence};
use crate::words::{HAS_WIDE, Integer};
use std::time::Duration;

/// ECMAScript's `Atomics`: operations on the elements of arrays of integers.
///
/// Each is atomic and sequentially consistent. Arithmetic wraps around. Each operation that writes returns the previous
/// value of the element, except [`store`](Self::store).
///
/// # Examples
///
/// ```
/// use slotsync::SharedBuffer;
/// use slotsync::arrays::{Atomics, Int32Array};
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
/// ECMAScript, *The Atomics Object*. Operands have the element's type here, so the caller does the standard's
/// conversions (`200i32 as i8`).
#[derive(Clone, Copy, Debug)]
pub enum Atomics {}

impl Atomics {
    /// Returns the element. All agents see the operations of this type on all elements in one order.
    ///
    /// # Errors
    ///
    /// Returns [`Error::ElementOutOfRange`] if the array has no such element.
    pub fn load<T: Integer>(array: TypedArray<'_, T>, index: usize) -> Result<T, Error> {
        array.element(index).map(|element| element.load(SeqCst))
    }

    /// Writes the element and returns `value`. This wakes nobody: see [`notify`](Self::notify).
    ///
    /// # Errors
    ///
    /// Returns [`Error::ElementOutOfRange`] if the array has no such element. Then nothing was written.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::SharedBuffer;
    /// use slotsync::arrays::{Atomics, BigUint64Array};
    ///
    /// let buffer = SharedBuffer::new(16)?;
    /// let counts = BigUint64Array::rest(&buffer, 0)?;
    /// assert_eq!(Atomics::store(counts, 1, u64::MAX)?, u64::MAX);
    /// assert_eq!(Atomics::load(counts, 1)?, u64::MAX);
    /// let beyond = Atomics::store(counts, 2, 0).unwrap_err();
    /// assert_eq!(beyond.to_string(), "element 2 is out of range: the array has 2 elements");
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn store<T: Integer>(array: TypedArray<'_, T>, index: usize, value: T) -> Result<T, Error> {
        array.element(index).map(|element| element.store(value, SeqCst)).map(|()| value)
    }

    /// Writes the element and returns its previous value.
    ///
    /// # Errors
    ///
    /// Returns [`Error::ElementOutOfRange`] if the array has no such element. Then nothing was written.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::SharedBuffer;
    /// use slotsync::arrays::{Atomics, Uint32Array};
    ///
    /// let buffer = SharedBuffer::new(4)?;
    /// let tickets = Uint32Array::rest(&buffer, 0)?;
    /// assert_eq!(Atomics::exchange(tickets, 0, 7)?, 0);
    /// assert_eq!(Atomics::exchange(tickets, 0, 0)?, 7, "the first agent takes it");
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn exchange<T: Integer>(array: TypedArray<'_, T>, index: usize, value: T) -> Result<T, Error> {
        array.element(index).map(|element| element.swap(value))
    }

    /// Writes `replacement` if the element is `expected`. Returns the previous value, so `expected` means that it was
    /// written.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::SharedBuffer;
    /// use slotsync::arrays::{Atomics, TypedArray};
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
    /// Returns [`Error::ElementOutOfRange`] if the array has no such element. Then nothing was written.
    pub fn compare_exchange<T: Integer>(
        array: TypedArray<'_, T>,
        index: usize,
        expected: T,
        replacement: T,
    ) -> Result<T, Error> {
        array.element(index).map(|element| element.compare_exchange(expected, replacement))
    }

    /// Adds to the element, wrapping around, and returns its previous value.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::SharedBuffer;
    /// use slotsync::arrays::{Atomics, Int8Array};
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
    /// Returns [`Error::ElementOutOfRange`] if the array has no such element. Then nothing was written.
    pub fn add<T: Integer>(array: TypedArray<'_, T>, index: usize, value: T) -> Result<T, Error> {
        array.element(index).map(|element| element.fetch_add(value))
    }

    /// Subtracts from the element, wrapping around, and returns its previous value.
    ///
    /// # Errors
    ///
    /// Returns [`Error::ElementOutOfRange`] if the array has no such element. Then nothing was written.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::SharedBuffer;
    /// use slotsync::arrays::{Atomics, Uint16Array};
    ///
    /// let buffer = SharedBuffer::new(4)?;
    /// let array = Uint16Array::rest(&buffer, 0)?;
    /// assert_eq!(Atomics::sub(array, 0, 1)?, 0);
    /// assert_eq!(array.get(0), Some(u16::MAX));
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn sub<T: Integer>(array: TypedArray<'_, T>, index: usize, value: T) -> Result<T, Error> {
        array.element(index).map(|element| element.fetch_sub(value))
    }

    /// Keeps the bits of the element that `value` has too, and returns its previous value.
    ///
    /// # Errors
    ///
    /// Returns [`Error::ElementOutOfRange`] if the array has no such element. Then nothing was written.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::SharedBuffer;
    /// use slotsync::arrays::{Atomics, Uint8Array};
    ///
    /// let buffer = SharedBuffer::new(4)?;
    /// let flags = Uint8Array::rest(&buffer, 0)?;
    /// flags.set(0, 0b1100)?;
    /// assert_eq!(Atomics::and(flags, 0, 0b1010)?, 0b1100);
    /// assert_eq!(flags.get(0), Some(0b1000));
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn and<T: Integer>(array: TypedArray<'_, T>, index: usize, value: T) -> Result<T, Error> {
        array.element(index).map(|element| element.fetch_update(|was| was & value))
    }

    /// Sets the bits of the element that `value` has, and returns its previous value.
    ///
    /// # Errors
    ///
    /// Returns [`Error::ElementOutOfRange`] if the array has no such element. Then nothing was written.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::SharedBuffer;
    /// use slotsync::arrays::{Atomics, Uint8Array};
    ///
    /// let buffer = SharedBuffer::new(4)?;
    /// let flags = Uint8Array::rest(&buffer, 0)?;
    /// flags.set(0, 0b1100)?;
    /// assert_eq!(Atomics::or(flags, 0, 0b1010)?, 0b1100);
    /// assert_eq!(flags.get(0), Some(0b1110));
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn or<T: Integer>(array: TypedArray<'_, T>, index: usize, value: T) -> Result<T, Error> {
        array.element(index).map(|element| element.fetch_update(|was| was | value))
    }

    /// Flips the bits of the element that `value` has, and returns its previous value.
    ///
    /// # Errors
    ///
    /// Returns [`Error::ElementOutOfRange`] if the array has no such element. Then nothing was written.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::SharedBuffer;
    /// use slotsync::arrays::{Atomics, Uint8Array};
    ///
    /// let buffer = SharedBuffer::new(4)?;
    /// let flags = Uint8Array::rest(&buffer, 0)?;
    /// flags.set(0, 0b1100)?;
    /// assert_eq!(Atomics::xor(flags, 0, 0b1010)?, 0b1100);
    /// assert_eq!(flags.get(0), Some(0b0110));
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn xor<T: Integer>(array: TypedArray<'_, T>, index: usize, value: T) -> Result<T, Error> {
        array.element(index).map(|element| element.fetch_update(|was| was ^ value))
    }

    /// Returns `true` if operations on elements of this many bytes use no lock. That is true of all elements that are
    /// supported: of 1, 2 and 4 bytes, and of 8 bytes on [most platforms](crate::Number#platforms).
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::arrays::Atomics;
    ///
    /// assert!([1, 2, 4].into_iter().all(Atomics::is_lock_free));
    /// assert!(!Atomics::is_lock_free(3));
    /// ```
    pub fn is_lock_free(bytes: usize) -> bool {
        matches!(bytes, 1 | 2 | 4) || bytes == 8 && HAS_WIDE
    }

    /// Sleeps while the element is `value`, until a [`notify`](Self::notify), for at most `timeout`.
    ///
    /// [`Duration::MAX`] is the standard's infinity. The standard's `"ok"` is `Woken`, and its `"not-equal"` is
    /// `NotEqual`, which has precedence over `TimedOut`. An agent that finds a change, or is woken by a notify, also
    /// sees everything that was done before the change or the notify.
    ///
    /// An array of 64 bits has no such call. The kernel's futexes have 32 bits, so a change of the other half would not
    /// be seen. To wait for a value of 64 bits, make it a [`Synchronic`](crate::Synchronic).
    ///
    /// # Errors
    ///
    /// Returns [`Error::ElementOutOfRange`] if the array has no such element. Then there was no sleep.
    ///
    /// # Spurious wakeups
    ///
    /// May return `Woken` although nobody notified, which the standard's `wait` does not do. Look at the element again.
    ///
    /// # Cross-process
    ///
    /// In memory of [`Scope::Shared`](crate::Scope::Shared) a sleep is interrupted once a second for a look at the
    /// element. A notify at that moment finds nobody asleep. Change the element before the notify, so that the look
    /// sees the change.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::arrays::{Atomics, Int32Array};
    /// use slotsync::{SharedBuffer, Wait};
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
        // SeqCst, as the standard's look at the element. Pairs with the operation that changed the element. Also pairs
        // with the fence of notify, by way of the kernel's queue, whose lock both the sleeper and the waker take.
        fence(SeqCst);
        Ok(outcome)
    }

    /// Wakes up to `count` agents that wait for the element, by whatever array, and returns how many were woken.
    ///
    /// Only Linux and Android tell how many; elsewhere this returns `None`. The system chooses the order.
    ///
    /// # Errors
    ///
    /// Returns [`Error::ElementOutOfRange`] if the array has no such element. Then nobody was woken.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::SharedBuffer;
    /// use slotsync::arrays::{Atomics, Int32Array};
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
        // SeqCst: a woken agent sees what was done before. Pairs with the fence of wait.
        fence(SeqCst);
        if let Ok(woken) = slot.wake_counted(count) {
            return Ok(Some(woken));
        }
        slot.wake(count);
        Ok(None)
    }

    /// Tells the processor that this agent is waiting in a loop.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::SharedBuffer;
    /// use slotsync::arrays::{Atomics, Uint8Array};
    ///
    /// let buffer = SharedBuffer::new(4)?;
    /// let ready = Uint8Array::rest(&buffer, 0)?;
    /// std::thread::scope(|threads| {
    ///     threads.spawn(move || Atomics::store(ready, 0, 1));
    ///     // For a change that comes at once. For a longer wait, sleep: see `wait`.
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
