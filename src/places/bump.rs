//! An allocator in one slot that only goes forward: the word says how much of a range is used.
#![forbid(unsafe_code)]

use super::place::Place;
use crate::arrays::TypedArray;
use crate::error::Error;
use crate::memory::{SLOT_BYTES, SharedBuffer};
use crate::sync::Ordering::{Acquire, Relaxed, Release};
use crate::words::{Number, Primitive, Slot, handles};
use core::ops::Range;

/// An allocator that hands out the slots of a range one after the other, between threads and between processes.
///
/// A `BumpAllocator` is a `Copy` handle: all its state is one word, which says how many slots of the range are used.
/// Any agent may allocate at any time. No two agents get the same byte, nor two parts of one slot. It is lock-free: a
/// process that dies in a call keeps no other agent waiting, and at most the memory that it was about to get is lost.
///
/// The bytes that it hands out are as they were. In fresh memory they are zero, which is a valid state of every
/// primitive.
///
/// # Examples
///
/// ```
/// use slotsync::{BumpAllocator, Layout, Lock, SharedBuffer};
///
/// let mut layout = Layout::new();
/// let (allocator, heap) = (layout.place::<BumpAllocator>(), layout.array::<i32>(1000));
/// let buffer = SharedBuffer::new(layout.byte_length())?;
/// layout.attach(&buffer)?;
/// let allocator = allocator.with(&buffer, heap.slots())?;
///
/// let lock = allocator.allocate_place::<Lock>()?;
/// let name = allocator.allocate_array::<u8>(5)?;
/// name.copy_from(0, b"Hello")?;
/// assert!(!lock.of(&buffer)?.is_locked());
/// assert_eq!((allocator.used(), allocator.left()), (12, 3988));
/// # Ok::<(), slotsync::Error>(())
/// ```
///
/// # No release
///
/// Nothing can be given back, and the allocator cannot be reset to an earlier position. A reset would take back
/// everything that other agents got after that position. Even the last allocation alone would come back with its bytes
/// as they are, which need not be a valid state of the next thing that is put there. To use the whole range again, call
/// [`initialize`](Self::initialize) when no agent uses any part of it.
///
/// # Cross-process
///
/// Every process must name the same slot and the same range: put both into a [`Layout`](crate::Layout). An agent tells
/// the others where something lies by its offset or its index, in a place that they know. A peer that overwrites the
/// word can make two allocations overlap, or exhaust the allocator. Neither breaks the memory safety of this process.
#[derive(Clone, Copy, Debug)]
pub struct BumpAllocator<'buf> {
    buffer: &'buf SharedBuffer,
    /// The number of used slots of the range, unsigned. Any value beyond the end says that all are used.
    used: Slot<'buf>,
    first: usize,
    count: usize,
}

impl<'buf> BumpAllocator<'buf> {
    /// The number of slots of an allocator, beside those that it hands out.
    pub const SLOTS: usize = 1;

    /// Returns the allocator in slot `index` that hands out the slots of `range`. Writes nothing: a slot of fresh
    /// memory is an allocator that has handed out nothing.
    ///
    /// If the range has more than 2³² - 1 slots (16 GiB), the allocator hands out the first 2³² - 1 of them.
    ///
    /// # Errors
    ///
    /// Returns [`Error::OutOfBounds`] if the buffer has no such slots, and [`Error::InOwnRange`] if the slot of the
    /// allocator lies in the range.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{BumpAllocator, Error, SharedBuffer};
    ///
    /// let buffer = SharedBuffer::new(4096)?;
    /// let allocator = BumpAllocator::new(&buffer, 0, 1..1024)?;
    /// assert_eq!(allocator.left(), 4092);
    /// assert_eq!(BumpAllocator::new(&buffer, 0, 0..1024).unwrap_err(), Error::InOwnRange { index: 0 });
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn new(buffer: &'buf SharedBuffer, index: usize, range: Range<usize>) -> Result<Self, Error> {
        let used = buffer.slot(index)?;
        if range.contains(&index) {
            return Err(Error::InOwnRange { index });
        }
        let first = range.start;
        let count = buffer.slots(range)?.len().min(u32::MAX as usize);
        Ok(Self { buffer, used, first, count })
    }

    /// Makes slot `index` an allocator that has handed out nothing, whatever it holds. One agent may do this while no
    /// other agent uses the allocator or anything that it has handed out. Fresh memory needs no such call.
    ///
    /// The slots of the range stay as they are. If used slots are to be zero again, write the zeros before this call:
    /// an agent that gets a slot sees what was written before it.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`new`](Self::new).
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::arrays::TypedArray;
    /// use slotsync::{BumpAllocator, SharedBuffer};
    ///
    /// let buffer = SharedBuffer::new(64)?;
    /// BumpAllocator::new(&buffer, 0, 1..16)?.allocate(40, 4)?;
    /// // No other agent is there, and the used slots are to be zero again.
    /// TypedArray::<i32>::new(&buffer, 4, 15)?.fill(0);
    /// let allocator = BumpAllocator::initialize(&buffer, 0, 1..16)?;
    /// assert_eq!((allocator.used(), allocator.left()), (0, 60));
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn initialize(buffer: &'buf SharedBuffer, index: usize, range: Range<usize>) -> Result<Self, Error> {
        let allocator = Self::new(buffer, index, range)?;
        // Release: publishes how the range was left. Pairs with the Acquire of allocate.
        allocator.used.store(0, Release);
        Ok(allocator)
    }

    /// Allocates `bytes` bytes, and returns the offset of the first one. It is a multiple of `align`, counted from the
    /// start of the buffer.
    ///
    /// An allocation takes whole slots: the number of bytes is rounded up to a multiple of 4, and so is the alignment.
    /// An allocation of no bytes takes only the bytes that align it.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Exhausted`] if too few bytes are left. Then nothing changes, and a smaller allocation may fit.
    /// Returns [`Error::BadAlignment`] if `align` is not a power of two.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{BumpAllocator, Error, SharedBuffer};
    ///
    /// let buffer = SharedBuffer::new(64)?;
    /// let allocator = BumpAllocator::new(&buffer, 0, 1..16)?;
    /// assert_eq!(allocator.allocate(5, 1)?, 4);
    /// assert_eq!(allocator.allocate(8, 32)?, 32, "20 bytes are skipped");
    /// assert_eq!(allocator.allocate(32, 4), Err(Error::Exhausted { bytes: 32, align: 4, left: 24 }));
    /// assert_eq!(allocator.allocate(24, 4)?, 40);
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn allocate(&self, bytes: usize, align: usize) -> Result<usize, Error> {
        if !align.is_power_of_two() {
            return Err(Error::BadAlignment { align });
        }
        let mut found = 0;
        let take = |was| {
            let place = self.next(was, bytes.div_ceil(SLOT_BYTES), align.div_ceil(SLOT_BYTES))?;
            found = place.start;
            // No more than the count, which fits.
            Some((place.end - self.first) as u32 as i32)
        };
        // One read-modify-write: no other agent gets the same slots. Acquire: makes the range visible as initialize
        // left it. Pairs with the Release there: allocations in between are read-modify-writes, which hand it on.
        // Lock-free: each further turn takes a write by a peer.
        match self.used.fetch_update(Acquire, Relaxed, take) {
            Ok(_) => Ok(found * SLOT_BYTES),
            Err(was) => Err(Error::Exhausted { bytes, align, left: self.left_of(was) }),
        }
    }

    /// Allocates an array of `length` elements.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Exhausted`] if too few bytes are left, and the errors of [`TypedArray::new`]. Then nothing
    /// changes.
    pub fn allocate_array<T: Number>(&self, length: usize) -> Result<TypedArray<'buf, T>, Error> {
        // Can this memory hold such elements at all? After the allocation it would be too late to ask.
        TypedArray::<T>::new(self.buffer, 0, 0)?;
        let bytes = length.saturating_mul(size_of::<T>());
        TypedArray::new(self.buffer, self.allocate(bytes, size_of::<T>())?, length)
    }

    /// Allocates a place for a primitive in this buffer. Its [`of`](Place::of) makes the handle, and its index tells
    /// other agents where it lies.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Exhausted`] if too few bytes are left. Then nothing changes.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{BumpAllocator, Event, SharedBuffer};
    ///
    /// let buffer = SharedBuffer::new(64)?;
    /// let allocator = BumpAllocator::new(&buffer, 0, 2..16)?;
    /// let place = allocator.allocate_place::<Event>()?;
    /// buffer.slot(1)?.store(place.index() as i32, std::sync::atomic::Ordering::Release);
    /// // An agent that reads the index there finds the same event.
    /// let index = buffer.slot(1)?.load(std::sync::atomic::Ordering::Acquire);
    /// Event::new(&buffer, index as usize)?.set();
    /// assert!(place.of(&buffer)?.is_set());
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn allocate_place<P: Primitive>(&self) -> Result<Place<P>, Error> {
        let [bytes, align] = [P::SLOTS, P::ALIGN].map(|slots| slots.saturating_mul(SLOT_BYTES));
        Ok(Place::at(self.allocate(bytes, align)? / SLOT_BYTES))
    }

    /// Returns the number of used bytes, including those that were skipped to align others. The answer may be out of
    /// date when it arrives: more may be used.
    pub fn used(&self) -> usize {
        self.count * SLOT_BYTES - self.left()
    }

    /// Returns the number of bytes that are left. The answer may be out of date when it arrives: fewer may be left.
    pub fn left(&self) -> usize {
        self.left_of(self.used.load(Relaxed))
    }

    /// Returns the indices of the next `slots` slots, when `used` slots are used. `None` if they end beyond the range.
    fn next(&self, used: i32, slots: usize, align: usize) -> Option<Range<usize>> {
        let start = self.first.checked_add(used as u32 as usize)?.checked_next_multiple_of(align)?;
        let end = start.checked_add(slots)?;
        (end <= self.first + self.count).then_some(start..end)
    }

    fn left_of(&self, used: i32) -> usize {
        self.count.saturating_sub(used as u32 as usize) * SLOT_BYTES
    }
}

handles! { BumpAllocator }

impl Primitive for BumpAllocator<'_> {
    /// The slots that it hands out, which must be the same for all agents.
    type With<'buf> = Range<usize>;
    const SLOTS: usize = BumpAllocator::SLOTS;

    fn kind() -> String {
        "BumpAllocator".to_owned()
    }

    fn attach<'buf>(
        buffer: &'buf SharedBuffer,
        index: usize,
        range: Range<usize>,
    ) -> Result<BumpAllocator<'buf>, Error> {
        BumpAllocator::new(buffer, index, range)
    }
}
