//! A layout: consecutive places, the same for all who run the same lines, and a fingerprint to tell who does not.
#![forbid(unsafe_code)]

use crate::buffer::{SLOT_BYTES, SharedBuffer};
use crate::element::Element;
use crate::error::Error;
use crate::place::{ArrayPlace, Place};
use crate::primitive::Primitive;
use crate::slot::Slot;
use crate::sync::Ordering::Relaxed;
use core::fmt;

/// Hands out places in a buffer, one after the other: to primitives, and to arrays of numbers.
///
/// A `Layout` is a plain value of this program. It touches no memory until it is [attached](Self::attach), and knows no
/// buffer: processes that run the same lines get the same places, at whatever address each maps the memory. A place
/// begins at the next multiple of what it needs (4 bytes for slots, the element's size for an array), and all bytes of
/// it are left as zero as they are: a valid state of every primitive.
///
/// The first slot is the layout's own. It holds the [fingerprint](Self::fingerprint) of the first agent to attach, with
/// which the others compare theirs.
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
/// What it has handed out, it can say. The fingerprint is that of this text:
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
/// A fingerprint finds programs of different versions. It keeps no stranger out: who can map the memory can write the
/// word, and anything else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    mark: Place<Slot<'static>>,
    /// Where the next place can begin, in bytes. At most [`BEYOND`].
    end: usize,
    /// A line for each place: its offset, its length and its kind.
    text: String,
}

impl Layout {
    /// The cache line of a padded place: 128 bytes, on every machine. Shorter lines fit into that, and many processors
    /// with lines of 64 bytes fetch two at once. On the one machine with longer lines, s390x, two places share one. It
    /// does not follow the machine, as `crossbeam_utils::CachePadded` does, because programs built for different ones
    /// (32 and 64 bits) must agree.
    pub const CACHE_LINE: usize = 128;

    /// An empty layout, from the start of a buffer on. Slot 0 is its own.
    pub fn new() -> Self {
        Self::starting_at(0)
    }

    /// An empty layout from slot `index` on, which is its own: for memory that begins with something else, such as
    /// another layout.
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

    /// A place for a primitive.
    pub fn place<P: Primitive>(&mut self) -> Place<P> {
        let align = P::ALIGN.saturating_mul(SLOT_BYTES);
        let start = self.take(align, P::SLOTS.checked_mul(SLOT_BYTES), &P::kind());
        Place::at(start / SLOT_BYTES)
    }

    /// A place for an array of `length` numbers.
    pub fn array<T: Element>(&mut self, length: usize) -> ArrayPlace<T> {
        let kind = format!("[{}; {length}]", T::NAME);
        ArrayPlace::at(self.take(size_of::<T>(), length.checked_mul(size_of::<T>()), &kind), length)
    }

    /// A place for a primitive on cache lines of its own: nothing that this layout places shares them. That counts from
    /// the start of the buffer, which is that of a line in all memory but foreign; there it is the caller's to choose.
    pub fn cache_padded<P: Primitive>(&mut self) -> Place<P> {
        self.pad();
        let place = self.place();
        self.pad();
        place
    }

    /// Goes on with the next [cache line](Self::CACHE_LINE), unless one begins here. Before and after what comes in
    /// between, it keeps that on lines of its own.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{Layout, SharedBuffer, TypedArray};
    ///
    /// // Counters that nothing else shares a line with; and behind them, an array that grows along with the buffer.
    /// let mut layout = Layout::new();
    /// layout.pad();
    /// let counts = layout.array::<u64>(5);
    /// layout.pad();
    /// assert_eq!((counts.byte_offset(), layout.byte_length()), (128, 256));
    ///
    /// let buffer = SharedBuffer::growable(layout.byte_length(), 4096)?;
    /// layout.attach(&buffer)?;
    /// let records = TypedArray::<u64>::rest(&buffer, layout.byte_length())?;
    /// buffer.grow(512)?;
    /// assert_eq!(records.len(), 32);
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn pad(&mut self) {
        self.end = next_multiple(self.end, Self::CACHE_LINE);
    }

    /// How long a buffer must be to have all of it: a length that [`SharedBuffer`] takes. It counts from the start of
    /// the buffer, and what [`pad`](Self::pad) skipped counts too.
    ///
    /// Of a layout longer than an address space, it is a length that every buffer refuses.
    pub fn byte_length(&self) -> usize {
        next_multiple(self.end, SLOT_BYTES)
    }

    /// A number that tells layouts apart: of what was placed, where, in which order, and how long. It is never zero.
    ///
    /// It is the 32-bit FNV-1a hash of this layout's text (see [`Display`](fmt::Display)), or 1 if that is 0.
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

    /// Looks whether this memory was laid out by the same lines. The first to attach to fresh memory leaves the
    /// fingerprint there, in the layout's own slot; nothing else is written, and any number of agents may attach at any
    /// time, when they have placed all. It orders nothing: who must see what another has initialized waits for a
    /// [`Once`](crate::Once).
    ///
    /// # Errors
    ///
    /// [`Error::LayoutMismatch`]: another layout is attached, or the slot is in use for something else. Print the
    /// layouts of both programs, and compare. [`Error::OutOfBounds`]: the buffer is shorter than the layout.
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
        // Relaxed: the word says nothing of any other.
        let found = match all {
            Ok(_) => mark.compare_exchange(UNATTACHED, expected, Relaxed, Relaxed).err().unwrap_or(expected),
            Err(_) => mark.load(Relaxed),
        };
        if ![UNATTACHED, expected].contains(&found) {
            return Err(Error::LayoutMismatch { found: found as u32, expected: expected as u32 });
        }
        all.map(drop)
    }

    /// The next place of so many bytes, in a line of the text. `None` is more than can be.
    fn take(&mut self, align: usize, bytes: Option<usize>, kind: &str) -> usize {
        let start = next_multiple(self.end, align);
        self.end = bytes.and_then(|bytes| start.checked_add(bytes)).map_or(BEYOND, |end| end.min(BEYOND));
        self.text += &format!("{start} {} {kind}\n", bytes.unwrap_or(BEYOND));
        start
    }
}

/// Nobody has attached. Zero, so fresh memory is that.
const UNATTACHED: i32 = 0;
/// How the text begins. Its number changes with the rules by which places are handed out.
const FORMAT: &str = "slotsync layout 1\n";
/// Where everything lies that is too much for an address space. No buffer is so long.
const BEYOND: usize = usize::MAX - (Layout::CACHE_LINE - 1);

fn next_multiple(of: usize, align: usize) -> usize {
    of.checked_next_multiple_of(align).map_or(BEYOND, |next| next.min(BEYOND))
}

impl Default for Layout {
    fn default() -> Self {
        Self::new()
    }
}

/// A first line `slotsync layout 1`; then a line for each place, as `8 24 [f64; 3]`: the byte it begins at, its length
/// in bytes, and what it is. The first place is the layout's own slot.
impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
