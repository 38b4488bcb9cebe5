//! An allocator in one slot, which only goes forward: the word says how much of a range is used.
#![forbid(unsafe_code)]

use crate::buffer::{SLOT_BYTES, SharedBuffer};
use crate::element::Element;
use crate::error::Error;
use crate::place::Place;
use crate::primitive::Primitive;
use crate::slot::Slot;
use crate::sync::Ordering::{Acquire, Relaxed, Release};
use crate::typed_array::TypedArray;
use core::ops::Range;

/// Hands out the slots of a range one after the other, between threads and between processes, until there are no more.
///
/// A `BumpAllocator` is a `Copy` handle: all its state is one word, which says how many slots of the range are used.
/// Any agent may allocate at any time; no two get the same byte, nor two parts of one slot. It is lock-free, and a
/// process that dies in it strands nobody: what it was about to get is lost at most.
///
/// What it hands out is as it was: zero in fresh memory, and so a valid state of every primitive.
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
/// Nothing is given back, and there is no mark to go back to. Going back takes along whatever others were handed after
/// the mark. Even the last allocation alone would come back with its bytes as they are, and no longer as a valid state
/// of what is put there next. To use the range again, [`initialize`](Self::initialize), when nobody uses anything of
/// it.
///
/// # Cross-process
///
/// Every process names the same slot and the same range: put them into a [`Layout`](crate::Layout). An agent tells the
/// others where something is by its offset or its index, in a place that they know. A peer that writes the word can
/// make two allocations overlap, or exhaust the allocator; neither breaks this process's memory safety.
#[derive(Clone, Copy, Debug)]
pub struct BumpAllocator<'buf> {
    buffer: &'buf SharedBuffer,
    /// How many slots of the range are used, without a sign. Any value beyond its end says that all are.
    used: Slot<'buf>,
    first: usize,
    count: usize,
}

impl<'buf> BumpAllocator<'buf> {
    /// How many slots an allocator takes, beside what it hands out.
    pub const SLOTS: usize = 1;

    /// The allocator in slot `index` that hands out the slots of `range`. Writes nothing: a slot of fresh memory is an
    /// allocator that has handed out nothing. Of a range of more than 2³² - 1 slots (16 GiB) it hands out so many.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`]: the buffer has no such slots. [`Error::InOwnRange`]: it would hand out its own slot.
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

    /// Makes slot `index` an allocator that has handed out nothing, whatever it holds: for one agent, while no other
    /// uses it or what it has handed out. Fresh memory needs no such call.
    ///
    /// The slots of the range stay as they are. If they were used, and are to be zero, then write zeros first: who is
    /// handed a slot sees what was written before this call.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new).
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{BumpAllocator, SharedBuffer, TypedArray};
    ///
    /// let buffer = SharedBuffer::new(64)?;
    /// BumpAllocator::new(&buffer, 0, 1..16)?.allocate(40, 4)?;
    /// // Nobody else is there, and what was used is to be zero again.
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

    /// So many bytes, at a multiple of `align` counted from the start of the buffer: the byte they begin at. It takes
    /// whole slots: the bytes are rounded up to a multiple of 4, and so is the alignment. No bytes take nothing but
    /// what aligns them.
    ///
    /// # Errors
    ///
    /// [`Error::Exhausted`]: so many are not left; then nothing changes, and less may fit. [`Error::BadAlignment`]:
    /// `align` is no power of two.
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
        // One read-modify-write: no other agent gets the same. Acquire: how initialize left the range is seen. Pairs
        // with the Release there: allocations in between are read-modify-writes, which hand it on. Lock-free: each
        // further turn takes a write by a peer in between.
        match self.used.fetch_update(Acquire, Relaxed, take) {
            Ok(_) => Ok(found * SLOT_BYTES),
            Err(was) => Err(Error::Exhausted { bytes, align, left: self.left_of(was) }),
        }
    }

    /// An array of `length` elements.
    ///
    /// # Errors
    ///
    /// [`Error::Exhausted`], and as for [`TypedArray::new`]. Then nothing changes.
    pub fn allocate_array<T: Element>(&self, length: usize) -> Result<TypedArray<'buf, T>, Error> {
        // Can there be any in this memory? To find out later would be too late.
        TypedArray::<T>::new(self.buffer, 0, 0)?;
        let bytes = length.saturating_mul(size_of::<T>());
        TypedArray::new(self.buffer, self.allocate(bytes, size_of::<T>())?, length)
    }

    /// A place for a primitive, in this buffer: its [`of`](Place::of) makes the handle, and its index tells others of
    /// it.
    ///
    /// # Errors
    ///
    /// [`Error::Exhausted`]. Then nothing changes.
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
    /// // Whoever reads the index there finds the same event.
    /// let index = buffer.slot(1)?.load(std::sync::atomic::Ordering::Acquire);
    /// Event::new(&buffer, index as usize)?.set();
    /// assert!(place.of(&buffer)?.is_set());
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn allocate_place<P: Primitive>(&self) -> Result<Place<P>, Error> {
        let [bytes, align] = [P::SLOTS, P::ALIGN].map(|slots| slots.saturating_mul(SLOT_BYTES));
        Ok(Place::at(self.allocate(bytes, align)? / SLOT_BYTES))
    }

    /// How many bytes are used, with those that were skipped to align others. By the time of the answer that may be
    /// more.
    pub fn used(&self) -> usize {
        self.count * SLOT_BYTES - self.left()
    }

    /// How many bytes are left. By the time of the answer that may be less.
    pub fn left(&self) -> usize {
        self.left_of(self.used.load(Relaxed))
    }

    /// The next of so many slots, by their indices, when so many are used. `None`: they end beyond the range.
    fn next(&self, used: i32, slots: usize, align: usize) -> Option<Range<usize>> {
        let start = self.first.checked_add(used as u32 as usize)?.checked_next_multiple_of(align)?;
        let end = start.checked_add(slots)?;
        (end <= self.first + self.count).then_some(start..end)
    }

    fn left_of(&self, used: i32) -> usize {
        self.count.saturating_sub(used as u32 as usize) * SLOT_BYTES
    }
}

impl Primitive for BumpAllocator<'_> {
    type Handle<'buf> = BumpAllocator<'buf>;
    /// The slots that it hands out: all agents say the same.
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
