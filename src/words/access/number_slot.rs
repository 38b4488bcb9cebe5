//! A number that has a word to itself, or two.

use super::bits::Bits;
use crate::error::Error;
use crate::sync::{self, Ordering};
use crate::words::number::Number;
use crate::words::slot::{Slot, Slots};
use core::marker::PhantomData;

/// A number in the first bytes of one word, or in two words. They are always read and written as a whole.
///
/// The bytes behind a narrow number mean nothing: a stranger may have written them. Writing a number clears them.
#[derive(Clone, Copy)]
pub(crate) struct NumberSlot<'buf, T> {
    first: Slot<'buf>,
    number: PhantomData<T>,
}

/// The last byte of a word in memory is its lowest.
const IS_BIG_ENDIAN: bool = u16::from_ne_bytes([0, 1]) == 1;

impl<'buf, T: Number> NumberSlot<'buf, T> {
    /// The number takes two words.
    const IS_WIDE: bool = size_of::<T>() > size_of::<i32>();
    /// The bits of a word below a narrow number.
    const SHIFT: usize = if IS_BIG_ENDIAN && !Self::IS_WIDE { 8 * (size_of::<i32>() - size_of::<T>()) } else { 0 };

    /// Returns the number that begins at `index`.
    ///
    /// # Errors
    ///
    /// Returns [`Error::OutOfBounds`] if these slots end before the number, [`Error::Misaligned`] if a number of 64
    /// bits does not lie at a multiple of 8 bytes, and [`Error::Unsupported`] where there are no such numbers.
    #[inline]
    pub(crate) fn at(slots: Slots<'buf>, index: usize) -> Result<Self, Error> {
        let count = if Self::IS_WIDE { 2 } else { 1 };
        let last = slots.get(index.saturating_add(count - 1));
        let both = slots.get(index).zip(last);
        let (first, _) = both.ok_or(Error::OutOfBounds { index, count, length: slots.len() })?;
        if Self::IS_WIDE {
            check_wide::<T::Bits>(first)?;
        }
        Ok(Self { first, number: PhantomData })
    }

    #[inline]
    pub(crate) fn load(&self, order: Ordering) -> T {
        Self::number(self.load_whole(order))
    }

    /// Writes the number, and returns what it was.
    #[inline]
    pub(crate) fn swap(&self, value: T, order: Ordering) -> T {
        let whole = Self::whole(value);
        Self::number(match self.wide() {
            // SAFETY: `wide` returns the address of two words that were checked.
            Some(at) => unsafe { u64::swap(at, whole) },
            None => u64::from(self.first.swap(whole as i32, order) as u32),
        })
    }

    /// Writes what `change` makes of the number, in one step, and returns what it was. Calls `change` again whenever
    /// another agent was faster.
    ///
    /// # Errors
    ///
    /// Returns the number for which `change` returned `None`. Then nothing was written.
    #[inline]
    pub(crate) fn fetch_update(&self, order: Ordering, mut change: impl FnMut(T) -> Option<T>) -> Result<T, T> {
        let mut was = self.load_whole(order);
        while let Some(new) = change(Self::number(was)) {
            match self.replace_whole(was, Self::whole(new), order) {
                Ok(_) => return Ok(Self::number(was)),
                Err(now) => was = now,
            }
        }
        Err(Self::number(was))
    }

    #[inline]
    fn load_whole(&self, order: Ordering) -> u64 {
        match self.wide() {
            // SAFETY: as in `swap`.
            Some(at) => unsafe { u64::load(at, order) },
            None => u64::from(self.first.load(order) as u32),
        }
    }

    /// Writes `new` if `current` is found, in this order in either case.
    #[inline]
    fn replace_whole(&self, current: u64, new: u64, order: Ordering) -> Result<u64, u64> {
        match self.wide() {
            Some(at) => {
                // SAFETY: as in `swap`.
                let found = unsafe { u64::compare_exchange(at, current, new) };
                if found == current { Ok(found) } else { Err(found) }
            }
            None => {
                let replaced = self.first.compare_exchange(current as i32, new as i32, order, order);
                replaced.map(|was| u64::from(was as u32)).map_err(|found| u64::from(found as u32))
            }
        }
    }

    /// Returns the address of two words, if the number takes two.
    #[inline]
    fn wide(&self) -> Option<*mut u64> {
        // `at` has checked both words and their alignment.
        Self::IS_WIDE.then(|| self.first.pointer().as_ptr().cast())
    }

    #[inline]
    fn number(whole: u64) -> T {
        T::from_lowest(whole >> Self::SHIFT)
    }

    #[inline]
    fn whole(value: T) -> u64 {
        T::into_lowest(value) << Self::SHIFT
    }
}

/// Checks that a number of 64 bits can lie in two words from the first on.
fn check_wide<B: Bits>(first: Slot<'_>) -> Result<(), Error> {
    if !sync::HAS_WIDE {
        return Err(Error::Unsupported { what: "a value of 64 bits in a model" });
    }
    if !B::IS_SUPPORTED {
        return Err(Error::Unsupported { what: "a value of 64 bits on this processor" });
    }
    let (address, align) = (first.pointer().addr().get(), size_of::<B>());
    if address % align != 0 {
        return Err(Error::Misaligned { address, align });
    }
    Ok(())
}
