//! A layout: consecutive places, the same in all programs that run the same lines, and a fingerprint that tells other
//! programs apart.
#![forbid(unsafe_code)]

use super::place::{ArrayPlace, Place};
use crate::error::Error;
use crate::memory::{SLOT_BYTES, SharedBuffer};
use crate::sync::Ordering::Relaxed;
use crate::words::{Number, Primitive, Slot};
use core::fmt;

/// Consecutive places in a buffer, for primitives and for arrays of numbers.
///
/// A `Layout` is a plain value of this program. It touches no memory until it is [attached](Self::attach), and is not
/// bound to a buffer. Processes that run the same lines get the same places, at whatever address each maps the memory.
/// A place begins at the next multiple of the alignment that it needs: 4 bytes for slots, the element size for an
/// array. All its bytes are left as they are. In fresh memory they are zero, which is a valid state of every primitive.
///
/// The first slot belongs to the layout itself. It holds the [fingerprint](Self::fingerprint) of the first agent that
/// attached, and the other agents compare theirs with it.
///
/// # Examples
///
/// ```
/// use slotsync::{Cond, Layout, Lock, SharedBuffer};
///
/// let mut layout = Layout::new();
/// let lock = layout.place::<Lock>();
/// let filled = layout.place::<Cond>();
/// let jobs = layout.array::<u32>(100);
/// let done = layout.cache_padded::<Lock>();
///
/// let buffer = SharedBuffer::new(layout.byte_length())?;
/// layout.attach(&buffer)?;
/// let lock = lock.of(&buffer)?;
/// let filled = filled.with(&buffer, lock)?;
/// let jobs = jobs.of(&buffer)?;
///
/// let guard = lock.lock();
/// jobs.set(0, 7)?;
/// drop(guard);
/// filled.notify_one();
/// assert_eq!(done.byte_offset() % Layout::CACHE_LINE, 0);
/// # Ok::<(), slotsync::Error>(())
/// ```
///
/// A layout prints the places that it has handed out. The fingerprint is that of this text:
///
/// ```
/// # use slotsync::{Layout, Lock};
/// let mut layout = Layout::new();
/// layout.place::<Lock>();
/// layout.array::<f64>(3);
/// assert_eq!(layout.to_string(), "slotsync layout 1\n0 4 Layout\n4 4 Lock\n8 24 [f64; 3]\n");
/// ```
///
/// # Cross-process
///
/// The fingerprint detects programs of different versions. It does not keep strangers out: a process that can map the
/// memory can write this word, and any other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    mark: Place<Slot<'static>>,
    /// The byte at which the next place can begin. At most [`BEYOND`].
    end: usize,
    /// One line for each place: its offset, its length and its kind.
    text: String,
}

impl Layout {
    /// The cache line of a padded place: 128 bytes, on every machine.
    ///
    /// Shorter lines fit into that, and many processors with lines of 64 bytes fetch two at once. On s390x, the one
    /// machine with longer lines, two places share one. The number does not follow the machine, as
    /// `crossbeam_utils::CachePadded` does, because programs that are built for different machines (of 32 and of 64
    /// bits) must agree.
    pub const CACHE_LINE: usize = 128;

    /// Returns an empty layout that begins at the start of a buffer. Slot 0 belongs to the layout itself.
    pub fn new() -> Self {
        Self::starting_at(0)
    }

    /// Returns an empty layout that begins at slot `index`, which belongs to the layout itself. Use it for memory that
    /// begins with something different, such as another layout.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{Layout, Lock, SharedBuffer};
    ///
    /// let mut first = Layout::new();
    /// let one = first.place::<Lock>();
    /// let mut second = Layout::starting_at(first.byte_length() / 4);
    /// let other = second.place::<Lock>();
    /// assert_eq!((one.index(), other.index()), (1, 3));
    ///
    /// let buffer = SharedBuffer::new(second.byte_length())?;
    /// first.attach(&buffer)?;
    /// second.attach(&buffer)?;
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn starting_at(index: usize) -> Self {
        let end = index.saturating_mul(SLOT_BYTES).min(BEYOND);
        let mark = Place::at(end / SLOT_BYTES);
        let mut layout = Self { mark, end, text: String::from(FORMAT) };
        layout.take(SLOT_BYTES, Some(SLOT_BYTES), "Layout");
        layout
    }

    /// Adds a place for a primitive.
    pub fn place<P: Primitive>(&mut self) -> Place<P> {
        let align = P::ALIGN.saturating_mul(SLOT_BYTES);
        let start = self.take(align, P::SLOTS.checked_mul(SLOT_BYTES), &P::kind());
        Place::at(start / SLOT_BYTES)
    }

    /// Adds a place for an array of `length` numbers.
    pub fn array<T: Number>(&mut self, length: usize) -> ArrayPlace<T> {
        let kind = format!("[{}; {length}]", T::NAME);
        ArrayPlace::at(self.take(size_of::<T>(), length.checked_mul(size_of::<T>()), &kind), length)
    }

    /// Adds a place for a primitive on cache lines of its own: no other place of this layout shares them.
    ///
    /// Lines count from the start of the buffer, which is the start of a line in all memory but foreign. Foreign memory
    /// starts where the caller chooses.
    pub fn cache_padded<P: Primitive>(&mut self) -> Place<P> {
        self.pad();
        let place = self.place();
        self.pad();
        place
    }

    /// Skips to the next [cache line](Self::CACHE_LINE), unless one begins here.
    ///
    /// A call before some places and a call after them keep these places on lines of their own.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::arrays::TypedArray;
    /// use slotsync::{Layout, SharedBuffer};
    ///
    /// // Counters on lines of their own, and behind them an array that grows along with the buffer.
    /// let mut layout = Layout::new();
    /// layout.pad();
    /// let counts = layout.array::<u64>(5);
    /// layout.pad();
    /// assert_eq!((counts.byte_offset(), layout.byte_length()), (128, 256));
    ///
    /// let buffer = SharedBuffer::options().max_byte_length(4096).heap(layout.byte_length())?;
    /// layout.attach(&buffer)?;
    /// let records = TypedArray::<u64>::rest(&buffer, layout.byte_length())?;
    /// buffer.grow(512)?;
    /// assert_eq!(records.len(), 32);
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn pad(&mut self) {
        self.end = next_multiple(self.end, Self::CACHE_LINE);
    }

    /// Returns the length that a buffer needs for the whole layout, in bytes: a length that [`SharedBuffer`] accepts.
    /// It counts from the start of the buffer, and includes the bytes that [`pad`](Self::pad) skipped.
    ///
    /// If the layout does not fit in the address space, this is a length that no buffer accepts.
    pub fn byte_length(&self) -> usize {
        next_multiple(self.end, SLOT_BYTES)
    }

    /// Returns a number that tells layouts apart by the kind, the offset, the order and the length of their places. It
    /// is never zero.
    ///
    /// It is the 32-bit FNV-1a hash of the text of the layout (see [`Display`](fmt::Display)), or 1 if the hash is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{Layout, Lock};
    ///
    /// let (mut one, mut other) = (Layout::new(), Layout::new());
    /// one.place::<Lock>();
    /// other.place::<Lock>();
    /// assert_eq!(one.fingerprint(), other.fingerprint());
    /// other.array::<u8>(1);
    /// assert_ne!(one.fingerprint(), other.fingerprint());
    /// ```
    pub fn fingerprint(&self) -> u32 {
        let fnv_1a = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        self.text.bytes().fold(0x811c_9dc5, fnv_1a).max(1)
    }

    /// Checks that this memory was laid out by the same lines.
    ///
    /// Call it when all places have been added. The first agent that attaches to fresh memory leaves the fingerprint in
    /// the first slot of the layout. Nothing else is written, and any number of agents may attach, at any time. It
    /// orders no memory: an agent that must see what another agent has initialized waits for a [`Once`](crate::Once).
    ///
    /// # Errors
    ///
    /// Returns [`Error::LayoutMismatch`] if another layout is attached, or if the slot is used for something different.
    /// Print the layouts of both programs, and compare. Returns [`Error::OutOfBounds`] if the buffer is shorter than
    /// the layout.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{Error, Layout, Lock, Semaphore, SharedBuffer};
    ///
    /// let (mut old, mut new) = (Layout::new(), Layout::new());
    /// old.place::<Lock>();
    /// new.place::<Semaphore>();
    /// let buffer = SharedBuffer::new(4096)?;
    /// old.attach(&buffer)?;
    /// old.attach(&buffer)?;
    /// let error = new.attach(&buffer).unwrap_err();
    /// assert_eq!(error, Error::LayoutMismatch { found: old.fingerprint(), expected: new.fingerprint() });
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn attach(&self, buffer: &SharedBuffer) -> Result<(), Error> {
        let (mark, expected) = (self.mark.of(buffer)?, self.fingerprint() as i32);
        let all = buffer.slots(..self.byte_length() / SLOT_BYTES);
        // Relaxed: the word says nothing about any other word.
        let found = match all {
            Ok(_) => mark.compare_exchange(UNATTACHED, expected, Relaxed, Relaxed).err().unwrap_or(expected),
            Err(_) => mark.load(Relaxed),
        };
        if ![UNATTACHED, expected].contains(&found) {
            return Err(Error::LayoutMismatch { found: found as u32, expected: expected as u32 });
        }
        all.map(drop)
    }

    /// Takes the next place of this length, and adds its line to the text. `None` is longer than any place can be.
    fn take(&mut self, align: usize, bytes: Option<usize>, kind: &str) -> usize {
        let start = next_multiple(self.end, align);
        self.end = bytes.and_then(|bytes| start.checked_add(bytes)).map_or(BEYOND, |end| end.min(BEYOND));
        self.text += &format!("{start} {} {kind}\n", bytes.unwrap_or(BEYOND));
        start
    }
}

/// No agent has attached. Zero, as in fresh memory.
const UNATTACHED: i32 = 0;
/// The first line of the text. Its number changes with the rules by which places are handed out.
const FORMAT: &str = "slotsync layout 1\n";
/// The offset of every place that does not fit in the address space. No buffer is that long.
const BEYOND: usize = usize::MAX - (Layout::CACHE_LINE - 1);

fn next_multiple(of: usize, align: usize) -> usize {
    of.checked_next_multiple_of(align).map_or(BEYOND, |next| next.min(BEYOND))
}

impl Default for Layout {
    fn default() -> Self {
        Self::new()
    }
}

/// Prints `slotsync layout 1`, and then one line for each place, such as `8 24 [f64; 3]`: its first byte, its length in
/// bytes, and its kind. The first place is the slot of the layout itself.
impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
