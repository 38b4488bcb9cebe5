//! Shared buffers: length, scope and bounds. One file per origin of memory.

use crate::error::Error;
use crate::futex::Scope;
use crate::sync::{AtomicI32, AtomicLength, Ordering::Relaxed, Ordering::SeqCst};
use core::fmt;
use core::ops::Range;
use core::ptr::NonNull;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::path::Path;

mod create;
mod extent;
mod grow;
mod options;
pub use options::BufferOptions;

#[cfg(not(loom))]
mod foreign;
#[cfg(not(loom))]
mod heap;
#[cfg(loom)]
#[path = "loom.rs"]
mod heap;

#[cfg(all(unix, not(loom)))]
mod descriptor;
#[cfg(all(unix, not(loom)))]
mod file;
#[cfg(all(unix, not(loom)))]
mod header;
#[cfg(all(unix, not(loom)))]
mod mapping;
#[cfg(all(any(target_os = "linux", target_os = "android", target_os = "freebsd"), not(loom)))]
mod memfd;
#[cfg(all(target_os = "linux", not(loom)))]
mod named;
#[cfg(all(any(target_os = "freebsd", target_os = "macos"), not(loom)))]
#[path = "named_posix.rs"]
mod named;
#[cfg(all(unix, not(loom)))]
mod object;
#[cfg(all(unix, not(loom)))]
mod publish;
#[cfg(all(unix, not(loom)))]
mod turn;
#[cfg(all(any(target_os = "linux", target_os = "android"), not(loom)))]
mod unnamed;
#[cfg(all(unix, not(any(target_os = "linux", target_os = "android")), not(loom)))]
#[path = "unnamed_posix.rs"]
mod unnamed;

/// The origins that this platform, or a model, cannot have.
#[cfg(any(not(unix), target_os = "macos", target_os = "android", loom))]
mod unsupported;
#[cfg(all(unix, not(loom)))]
use mapping as anonymous;
#[cfg(loom)]
use unsupported::foreign;
#[cfg(any(not(unix), target_os = "macos", loom))]
use unsupported::memfd;
#[cfg(any(not(unix), target_os = "android", loom))]
use unsupported::named;
#[cfg(any(not(unix), loom))]
use unsupported::{anonymous, file};

/// What an origin of memory provides: where the words are, until it is dropped.
///
/// # Safety
///
/// `words`, and the `length` beside them, are aligned, initialized, valid at this address until the drop, and never
/// accessed but atomically.
unsafe trait Memory: Send + Sync + UnwindSafe + RefUnwindSafe {
    /// Of a growable origin, all that there may ever be.
    fn words(&self) -> NonNull<[AtomicI32]>;

    /// How many bytes of them there are now, if that can change.
    fn length(&self) -> Option<NonNull<AtomicLength>> {
        None
    }

    /// Sees to it that these bytes have memory, where the origin promises that.
    fn reserve(&self, _bytes: Range<usize>) -> Result<(), Error> {
        Ok(())
    }

    /// Which origin, and its name if it has one.
    fn origin(&self) -> Origin<'_>;

    /// The descriptor, for an origin that can be handed on by one.
    #[cfg(all(unix, not(loom)))]
    fn descriptor(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        None
    }
}

/// Where a buffer's memory comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin<'buf> {
    /// [`SharedBuffer::new`] and [`SharedBuffer::growable`].
    Heap,
    /// [`SharedBuffer::anonymous`].
    Anonymous,
    /// [`SharedBuffer::memfd`], [`SharedBuffer::from_fd`] and [`SharedBuffer::from_unsealed_fd`].
    Descriptor,
    /// [`SharedBuffer::named`], with the name.
    Named(&'buf str),
    /// [`SharedBuffer::file`], with the path.
    File(&'buf Path),
    /// [`SharedBuffer::from_raw_parts`].
    Foreign,
}

/// Bytes that are shared, as Int32 slots: between the threads of this process, or between all processes that map them.
///
/// The bytes are zero when new. Every constructor returns either a whole buffer or an [`Error`], and an error leaves
/// nothing behind: no memory, no name, no file. Dropping a buffer gives back this process's mapping; named objects and
/// files stay until they are removed.
///
/// | origin | who shares it | [`Scope`] | platforms |
/// |---|---|---|---|
/// | [`new`](Self::new) | threads | private | all |
/// | [`anonymous`](Self::anonymous) | children made by `fork` | shared | Unix |
/// | [`memfd`](Self::memfd) | who is handed the descriptor | shared | Linux, Android, FreeBSD |
/// | [`named`](Self::named) | who knows the name | shared | Linux, FreeBSD, macOS |
/// | [`file`](Self::file) | who can open the file | shared | Unix |
/// | [`from_raw_parts`](Self::from_raw_parts) | as you say | as you say | all |
///
/// A buffer's length is fixed, unless it is made [`growable`](Self::growable), which all but foreign memory can be: see
/// [`BufferOptions::max_byte_length`].
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
/// safety, since no reference into the memory is handed out and every access is atomic. But a peer that *truncates* a file or
/// a named object makes the pages beyond its end unusable: touching a slot there kills this process with `SIGBUS`. Give
/// such objects permissions that keep strangers out, or use [`memfd`](Self::memfd), which cannot be shrunk.
pub struct SharedBuffer {
    /// Of a growable one, all that there may ever be: so no memory safety rests on its length.
    words: NonNull<[AtomicI32]>,
    length: Option<NonNull<AtomicLength>>,
    scope: Scope,
    memory: Box<dyn Memory>,
}

// SAFETY: what `words` and `length` point to is only accessed atomically, and lives in `memory`, which is Send.
unsafe impl Send for SharedBuffer {}
// SAFETY: as above, and `memory` is Sync.
unsafe impl Sync for SharedBuffer {}

/// The size of a slot in bytes.
pub(crate) const SLOT_BYTES: usize = size_of::<i32>();

/// `rustix::fs::fallocate` on Apple's systems ends in a truncation to the length it was given: never for an object that
/// somebody else may have mapped.
#[cfg(all(unix, not(loom)))]
const FALLOCATE_CAN_SHRINK: bool = cfg!(target_vendor = "apple");

/// An object of POSIX shared memory takes a length only once (macOS); a second call is refused.
#[cfg(all(any(target_os = "freebsd", target_os = "macos"), not(loom)))]
const TRUNCATES_ONCE: bool = cfg!(target_vendor = "apple");

/// For a mapping of which most may never be touched. FreeBSD never had the flag.
#[cfg(all(unix, not(any(loom, target_os = "freebsd"))))]
const UNRESERVED: rustix::mm::MapFlags = rustix::mm::MapFlags::NORESERVE;
#[cfg(all(target_os = "freebsd", not(loom)))]
const UNRESERVED: rustix::mm::MapFlags = rustix::mm::MapFlags::empty();

/// What the system calls having no memory: `ENOMEM`, or `ERROR_NOT_ENOUGH_MEMORY`.
#[cfg(not(loom))]
const OUT_OF_MEMORY: i32 = if cfg!(windows) { 8 } else { 12 };

/// The greatest length of a buffer: pointer offsets are signed.
const MAX_BYTES: usize = isize::MAX as usize & !(SLOT_BYTES - 1);

impl SharedBuffer {
    fn over(memory: Box<dyn Memory>, scope: Scope) -> Self {
        Self { words: memory.words(), length: memory.length(), scope, memory }
    }

    /// The length in bytes: what was asked for, a multiple of 4. That of a [growable](Self::growable) buffer may be
    /// more at each call, and who sees it sees what was done before it [grew](Self::grow).
    pub fn byte_length(&self) -> usize {
        // SeqCst, as in the standard. Pairs with the exchange of `grow`.
        self.length_now(SeqCst)
    }

    /// Who can wait on the slots of this buffer and wake their waiters.
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// Where the memory comes from.
    pub fn origin(&self) -> Origin<'_> {
        self.memory.origin()
    }

    /// The one bounds check: the first of `count` words from `index` on.
    pub(crate) fn span(&self, index: usize, count: usize) -> Result<NonNull<AtomicI32>, Error> {
        // Relaxed, as the bounds of the standard are: who was told, in order, to look beyond the old end was told
        // after it moved, and sees it moved. What lies there needs no publishing: it is zero from the beginning.
        let length = self.length_now(Relaxed) / SLOT_BYTES;
        if index.checked_add(count).is_none_or(|end| end > length) {
            return Err(Error::OutOfBounds { index, count, length });
        }
        // SAFETY: index is at most the length, which is at most that of the words, so the result is within the memory
        // or one past its end.
        Ok(unsafe { self.base().add(index) })
    }

    /// The first word.
    #[inline]
    pub(crate) fn base(&self) -> NonNull<AtomicI32> {
        self.words.cast()
    }
}

/// Lengths that a buffer can have.
fn check_length(bytes: usize) -> Result<usize, Error> {
    match bytes {
        0 => Err(Error::ZeroLength),
        // A slot's worth of casts below never loses a bit: a usize fits into 64 bits everywhere.
        _ if bytes > MAX_BYTES => Err(Error::TooLarge { bytes: bytes as u64, max: MAX_BYTES as u64 }),
        _ if bytes % SLOT_BYTES != 0 => Err(Error::UnevenLength { bytes: bytes as u64 }),
        _ => Ok(bytes),
    }
}

/// The name of a shared memory object without its first slash, which POSIX asks for and may be left out here.
#[cfg(all(any(target_os = "linux", target_os = "freebsd", target_os = "macos"), not(loom)))]
fn bare(name: &str) -> Result<&str, Error> {
    let bare = name.strip_prefix('/').unwrap_or(name);
    let bad = |reason| Err(Error::BadName { name: name.into(), reason });
    match bare {
        "" => bad("it is empty"),
        "." | ".." => bad("it is a directory"),
        _ if bare.contains('/') => bad("it holds a slash other than a first one"),
        _ if bare.contains('\0') => bad("it holds a NUL"),
        _ if bare.len() > 255 => bad("it is longer than 255 bytes"),
        _ => Ok(bare),
    }
}

/// Says origin, length and scope, and nothing of the bytes.
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
