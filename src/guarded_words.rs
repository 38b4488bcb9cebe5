//! The words of a guarded value: what it is, two copies, and which of them is the value. After the shadow pages of
//! databases: who is killed in the midst of a write leaves the old value whole.
#![forbid(unsafe_code)]

use crate::error::Error;
use crate::slot::{Slot, Slots};
use crate::sync::Ordering::{Acquire, Relaxed, Release};
use core::marker::PhantomData;
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// Where the lock is. It is not for this file.
const LOCK: usize = 0;
/// The first word of the header. A machine of the other byte order reads another number, and so will a later layout.
const MARK: u32 = 0x4744_0001;
/// Where the header is: what the value is, in words that are written once. None is zero, so zero is: not yet written.
const HEADER: usize = 1;
/// Where it is said which copy is the value: 0 or 1 in the lowest bit, so in fresh memory the first. The rest is ignored.
const CURRENT: usize = 6;
/// Where the copies are, one behind the other.
const COPIES: usize = 7;

/// A word of a copy has so many bytes.
const WORD: usize = size_of::<i32>();

/// All words of a guarded value of type `T`, in this version of it.
pub(crate) struct Words<'buf, T, const VERSION: u32> {
    slots: Slots<'buf>,
    lock: Slot<'buf>,
    current: Slot<'buf>,
    /// It makes values of bytes, and has none: it is `Send` and `Sync` whatever `T` is, as bytes are.
    value: PhantomData<fn() -> T>,
}

impl<T, const VERSION: u32> Clone for Words<'_, T, VERSION> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T, const VERSION: u32> Copy for Words<'_, T, VERSION> {}

impl<'buf, T: FromBytes + IntoBytes + Immutable, const VERSION: u32> Words<'buf, T, VERSION> {
    pub(crate) const SLOTS: usize = COPIES + 2 * Self::COPY;
    /// How many words a copy has. The last is padded with zeros.
    const COPY: usize = size_of::<T>().div_ceil(WORD);

    /// The first of these slots.
    pub(crate) fn over(slots: Slots<'buf>) -> Result<Self, Error> {
        let (true, Some(lock), Some(current)) = (slots.len() >= Self::SLOTS, slots.get(LOCK), slots.get(CURRENT))
        else {
            return Err(Error::OutOfBounds { index: 0, count: Self::SLOTS, length: slots.len() });
        };
        Ok(Self { slots, lock, current, value: PhantomData })
    }

    pub(crate) fn lock(&self) -> Slot<'buf> {
        self.lock
    }

    /// Finds the header that is expected, or writes what is missing of it.
    pub(crate) fn attach(&self) -> Result<(), Error> {
        // A look at all of it first: who is refused has written nothing, unless others attach at this moment.
        let is_whole = self.check(|slot, _| slot.load(Relaxed))?;
        if !is_whole {
            // Word after word, so whoever has written one agrees with all before it: the header is that of one type, also
            // if several write it at once, or die. Relaxed: each word is for itself, and the value is reached through the
            // lock.
            self.check(|slot, expected| slot.compare_exchange(0, expected, Relaxed, Relaxed).unwrap_or_else(|it| it))?;
        }
        Ok(())
    }

    /// Goes through the header as far as what is found is expected, or zero. Was there no zero?
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

    /// Writes the header, whatever is there.
    pub(crate) fn describe(&self) {
        for (slot, (_, number)) in self.header().zip(Self::description()) {
            slot.store(number as i32, Relaxed);
        }
    }

    /// A copy of the value. For who holds the lock.
    pub(crate) fn read(&self) -> T {
        // Acquire: the copy is seen as it was when it became the value. Pairs with the Release of write. The lock orders
        // one holder after another, but a dead one has not unlocked.
        let current = self.current.load(Acquire);
        let mut value = T::new_zeroed();
        for (bytes, word) in value.as_mut_bytes().chunks_mut(WORD).zip(self.copy(current)) {
            let word = word.load(Relaxed).to_ne_bytes();
            // A whole word is one move, where a length that is not known makes a call.
            match bytes.first_chunk_mut() {
                Some(whole) => *whole = word,
                None => bytes.copy_from_slice(&word[..bytes.len()]),
            }
        }
        value
    }

    /// Writes the copy that is not the value, and then makes it the value. For who holds the lock.
    pub(crate) fn write(&self, value: &T) {
        // Relaxed: the lock orders it after the write before; and of the death of that one's agent one learns from the
        // system, after the last of its stores.
        let next = !self.current.load(Relaxed) & 1;
        for (bytes, word) in value.as_bytes().chunks(WORD).zip(self.copy(next)) {
            let bytes = bytes.first_chunk().copied().unwrap_or_else(|| {
                let mut padded = [0; WORD];
                padded[..bytes.len()].copy_from_slice(bytes);
                padded
            });
            word.store(i32::from_ne_bytes(bytes), Relaxed);
        }
        // Release: who finds it the value finds it whole, also if this agent dies here. Pairs with the Acquire of read.
        self.current.store(next, Release);
    }

    /// What the header says: the name of each word, and its number.
    fn description() -> [(&'static str, u32); CURRENT - HEADER] {
        const { assert!(size_of::<T>() != 0 && size_of::<T>() as u64 <= u32::MAX as u64) };
        const { assert!(VERSION != 0, "the versions of a guarded value count from 1") };
        let [size, alignment, pointer] = [size_of::<T>(), align_of::<T>(), size_of::<usize>()].map(|size| size as u32);
        [("mark", MARK), ("size", size), ("alignment", alignment), ("pointer size", pointer), ("version", VERSION)]
    }

    fn header(&self) -> impl Iterator<Item = Slot<'buf>> {
        self.slots(HEADER, CURRENT - HEADER)
    }

    /// The words of one copy: of the number's lowest bit. Every number is that of a copy.
    fn copy(&self, number: i32) -> impl Iterator<Item = Slot<'buf>> {
        self.slots(COPIES + Self::COPY * (number & 1) as usize, Self::COPY)
    }

    fn slots(&self, first: usize, count: usize) -> impl Iterator<Item = Slot<'buf>> {
        (first..first + count).filter_map(|place| self.slots.get(place))
    }
}
