//! The words of a guarded value: a header that describes it, two copies, and which of them is the value. After the
//! shadow pages of databases: an agent that is killed in the middle of a write leaves the old value whole.
#![forbid(unsafe_code)]

use crate::error::Error;
use crate::sync::Ordering::{Acquire, Relaxed, Release};
use crate::words::{Slot, Slots};
use core::marker::PhantomData;
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// The place of the lock, which this file does not use.
const LOCK: usize = 0;
/// The first word of the header. A machine of the other byte order reads another number, and a later layout has
/// another.
const MARK: u32 = 0x4744_0001;
/// The place of the header: what the value is, in words that are written once. None of them is zero, so a zero is a
/// word that is not yet written.
const HEADER: usize = 1;
/// The place of the word that says which copy is the value: 0 or 1 in the lowest bit, so the first in fresh memory. The
/// other bits are ignored.
const CURRENT: usize = 6;
/// The place of the copies, one behind the other.
const COPIES: usize = 7;

/// The number of bytes in a word of a copy.
const WORD: usize = size_of::<i32>();

/// The words of a guarded value of type `T`, in this version of it.
pub(super) struct Words<'buf, T, const VERSION: u32> {
    slots: Slots<'buf>,
    lock: Slot<'buf>,
    current: Slot<'buf>,
    /// It makes values from bytes, and has none: it is `Send` and `Sync` whatever `T` is, as bytes are.
    value: PhantomData<fn() -> T>,
}

impl<T, const VERSION: u32> Clone for Words<'_, T, VERSION> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T, const VERSION: u32> Copy for Words<'_, T, VERSION> {}

impl<'buf, T: FromBytes + IntoBytes + Immutable, const VERSION: u32> Words<'buf, T, VERSION> {
    pub(super) const SLOTS: usize = COPIES + 2 * Self::COPY;
    /// The number of words of a copy. The last one is padded with zeros.
    const COPY: usize = size_of::<T>().div_ceil(WORD);

    /// Returns the words in the first of these slots.
    #[inline]
    pub(super) fn over(slots: Slots<'buf>) -> Result<Self, Error> {
        let (true, Some(lock), Some(current)) = (slots.len() >= Self::SLOTS, slots.get(LOCK), slots.get(CURRENT))
        else {
            return Err(Error::OutOfBounds { index: 0, count: Self::SLOTS, length: slots.len() });
        };
        Ok(Self { slots, lock, current, value: PhantomData })
    }

    #[inline]
    pub(super) fn lock(&self) -> Slot<'buf> {
        self.lock
    }

    /// Finds the header that is expected, or writes the words that are missing of it.
    pub(super) fn attach(&self) -> Result<(), Error> {
        // A look at all of it first: an agent that is refused has written nothing, unless others attach at this moment.
        let is_whole = self.check(|slot, _| slot.load(Relaxed))?;
        if !is_whole {
            // Word after word, so the agent that has written one word agrees with all words before it. The header is
            // that of one type, also if several agents write it at once, or die. Relaxed: each word stands for itself,
            // and the value is reached through the lock.
            self.check(|slot, expected| slot.compare_exchange(0, expected, Relaxed, Relaxed).unwrap_or_else(|it| it))?;
        }
        Ok(())
    }

    /// Goes through the header, as far as each word is the expected one or zero. Returns `true` if there was no zero.
    fn check(&self, find: impl Fn(Slot<'buf>, i32) -> i32) -> Result<bool, Error> {
        let mut is_whole = true;
        for (slot, (what, expected)) in self.header().zip(Self::description()) {
            let found = find(slot, expected as i32) as u32;
            if found != 0 && found != expected {
                return Err(Error::GuardedMismatch { what, found, expected });
            }
            is_whole &= found != 0;
        }
        Ok(is_whole)
    }

    /// Writes the header, whatever the words hold.
    pub(super) fn describe(&self) {
        for (slot, (_, number)) in self.header().zip(Self::description()) {
            slot.store(number as i32, Relaxed);
        }
    }

    /// Returns a copy of the value. The caller holds the lock.
    pub(super) fn read(&self) -> T {
        // Acquire: makes the copy visible as it was when it became the value. Pairs with the Release of write. The lock
        // orders one holder after another, but a dead holder has not unlocked it.
        let current = self.current.load(Acquire);
        let mut value = T::new_zeroed();
        for (bytes, word) in value.as_mut_bytes().chunks_mut(WORD).zip(self.copy(current)) {
            let word = word.load(Relaxed).to_ne_bytes();
            // A whole word is one move; a length that the compiler does not know would be a call.
            match bytes.first_chunk_mut() {
                Some(whole) => *whole = word,
                None => bytes.copy_from_slice(&word[..bytes.len()]),
            }
        }
        value
    }

    /// Writes the copy that is not the value, and then makes it the value. The caller holds the lock.
    pub(super) fn write(&self, value: &T) {
        // Relaxed: the lock orders this after the previous write. If that writer died, the system said so after the
        // last of its stores, and before anyone released the lock.
        let next = !self.current.load(Relaxed) & 1;
        for (bytes, word) in value.as_bytes().chunks(WORD).zip(self.copy(next)) {
            let bytes = bytes.first_chunk().copied().unwrap_or_else(|| {
                let mut padded = [0; WORD];
                padded[..bytes.len()].copy_from_slice(bytes);
                padded
            });
            word.store(i32::from_ne_bytes(bytes), Relaxed);
        }
        // Release: publishes the copy, so that a reader finds it whole, also if this agent dies here. Pairs with the
        // Acquire of read.
        self.current.store(next, Release);
    }

    /// The contents of the header: the name and the number of each word.
    fn description() -> [(&'static str, u32); CURRENT - HEADER] {
        const { assert!(size_of::<T>() != 0 && size_of::<T>() as u64 <= u32::MAX as u64) };
        const { assert!(VERSION != 0, "the versions of a guarded value count from 1") };
        let [size, alignment, pointer] = [size_of::<T>(), align_of::<T>(), size_of::<usize>()].map(|size| size as u32);
        [("mark", MARK), ("size", size), ("alignment", alignment), ("pointer size", pointer), ("version", VERSION)]
    }

    fn header(&self) -> impl Iterator<Item = Slot<'buf>> {
        self.slots(HEADER, CURRENT - HEADER)
    }

    /// The words of the copy with this number. Only the lowest bit counts, so every number is that of a copy.
    fn copy(&self, number: i32) -> impl Iterator<Item = Slot<'buf>> {
        self.slots(COPIES + Self::COPY * (number & 1) as usize, Self::COPY)
    }

    fn slots(&self, first: usize, count: usize) -> impl Iterator<Item = Slot<'buf>> {
        (first..first + count).filter_map(|place| self.slots.get(place))
    }
}
