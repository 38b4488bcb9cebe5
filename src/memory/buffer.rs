//! The shared buffer: its words, its length, its scope, and the check of bounds.

use super::contract::{Memory, Origin};
use super::extent::SLOT_BYTES;
use crate::error::Error;
use crate::futex::Scope;
use crate::sync::{AtomicI32, AtomicLength, Ordering::Relaxed, Ordering::SeqCst};
use core::fmt;
use core::ptr::NonNull;

/// Shared bytes, as Int32 slots: between the threads of this process, or between all processes that map them.
///
/// The bytes of new memory are zero. A constructor that fails leaves nothing behind: no memory, no name, no file.
/// Dropping a buffer releases this process's mapping. Named objects and files stay until they are removed.
///
/// | origin | shared by | [`Scope`] | platforms |
/// |---|---|---|---|
/// | [`new`](Self::new) | threads | private | all |
/// | [`anonymous`](Self::anonymous) | children made by `fork` | shared | Unix |
/// | [`memfd`](Self::memfd) | processes that are handed the descriptor | shared | Linux, Android, FreeBSD |
/// | [`named`](Self::named) | processes that know the name | shared | Linux, FreeBSD, macOS |
/// | [`file`](Self::file) | processes that can open the file | shared | Unix |
/// | [`from_raw_parts`](Self::from_raw_parts) | the caller's choice | the caller's choice | all |
///
/// The length of a buffer is fixed, unless [`BufferOptions::max_byte_length`](crate::BufferOptions::max_byte_length)
/// makes it growable. All memory but that of `from_raw_parts` can be made growable. [`options`](Self::options) has
/// further settings.
///
/// Handles borrow their buffer. A buffer that lives as long as the program can be [leaked](Self::leak), and a handle
/// with a share of an `Arc<SharedBuffer>` is an [`Owned`](crate::Owned).
///
/// # Examples
///
/// ```
/// use slotsync::{Lock, SharedBuffer};
///
/// let buffer = SharedBuffer::new(4096)?;
/// let lock = Lock::new(&buffer, 0)?;
/// let guard = lock.lock();
/// assert!(lock.try_lock().is_none());
/// drop(guard);
/// # Ok::<(), slotsync::Error>(())
/// ```
///
/// # Cross-process
///
/// A peer that can map the memory can write anything into it, at any time. That cannot break this process's memory
/// safety, because no reference into the memory is handed out and every access is atomic. But if a peer *truncates* a
/// file or a named object, the pages beyond its new end become unusable: touching a slot there kills this process with
/// `SIGBUS`. Give such objects permissions that keep strangers out, or use [`memfd`](Self::memfd), which cannot shrink.
pub struct SharedBuffer {
    /// All the words that there may ever be. Memory safety therefore does not depend on the length.
    pub(super) words: NonNull<[AtomicI32]>,
    pub(super) length: Option<NonNull<AtomicLength>>,
    scope: Scope,
    pub(super) memory: Box<dyn Memory>,
}

// SAFETY: all access through `words` and `length` is atomic, and they point into `memory`, which is Send.
unsafe impl Send for SharedBuffer {}
// SAFETY: as above, and `memory` is Sync.
unsafe impl Sync for SharedBuffer {}

impl SharedBuffer {
    /// Makes a buffer of the memory of an origin.
    pub(super) fn over(memory: Box<dyn Memory>, scope: Scope) -> Self {
        Self { words: memory.words(), length: memory.length(), scope, memory }
    }

    /// Returns the length in bytes, which is a multiple of 4.
    ///
    /// The length of a [growable](Self::is_growable) buffer may be greater at each call. A caller that sees a length
    /// also sees everything that was done before the buffer [grew](Self::grow) to it.
    pub fn byte_length(&self) -> usize {
        // SeqCst, as in the standard. Pairs with the exchange of `grow`.
        self.length_now(SeqCst)
    }

    /// Returns the scope: which agents can wait on the slots of this buffer and wake their waiters.
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// Returns the origin of the memory.
    pub fn origin(&self) -> Origin<'_> {
        self.memory.origin()
    }

    /// Keeps the buffer for as long as the program runs, so that its handles are `'static`.
    ///
    /// The memory is never released: call this once for each buffer, not in a loop.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{Lock, SharedBuffer};
    ///
    /// let buffer: &'static SharedBuffer = SharedBuffer::new(4096)?.leak();
    /// let lock = Lock::new(buffer, 0)?;
    /// std::thread::spawn(move || drop(lock.lock())).join().unwrap();
    /// assert!(!lock.is_locked());
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn leak(self) -> &'static SharedBuffer {
        Box::leak(Box::new(self))
    }

    /// Checks the bounds of `count` words from `index` on, and returns the first. There is no other check of bounds.
    pub(crate) fn span(&self, index: usize, count: usize) -> Result<NonNull<AtomicI32>, Error> {
        // Relaxed, as the standard's bounds are. An agent that was told, in order, to look beyond the old end was told
        // after the end moved, so it sees that. The memory there needs no publishing: it is zero from the beginning.
        let length = self.length_now(Relaxed) / SLOT_BYTES;
        if index.checked_add(count).is_none_or(|end| end > length) {
            return Err(Error::OutOfBounds { index, count, length });
        }
        // SAFETY: the index is at most the length, which is at most that of the words, so the result is within the
        // memory or one past its end.
        Ok(unsafe { self.base().add(index) })
    }

    /// Returns the first word.
    #[inline]
    pub(crate) fn base(&self) -> NonNull<AtomicI32> {
        self.words.cast()
    }
}

/// Shows the origin, the lengths and the scope, but no bytes.
impl fmt::Debug for SharedBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("SharedBuffer");
        fields.field("origin", &self.origin()).field("byte_length", &self.byte_length());
        if self.is_growable() {
            fields.field("max_byte_length", &self.max_byte_length());
        }
        fields.field("scope", &self.scope).finish()
    }
}

static_assertions::assert_impl_all!(SharedBuffer: Send, Sync);
