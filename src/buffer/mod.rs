//! Shared buffers: length, scope and bounds; hands out slots. One file per origin of memory.

use crate::error::Error;
use crate::futex::Scope;
use crate::slot::{Slot, Slots};
use crate::sync::AtomicI32;
use core::fmt;
use core::ops::{Bound, RangeBounds};
use core::ptr::NonNull;
use std::path::Path;

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
mod anonymous;
#[cfg(all(unix, not(loom)))]
mod file;
#[cfg(all(unix, not(loom)))]
mod mapping;
#[cfg(all(any(target_os = "linux", target_os = "android", target_os = "freebsd"), not(loom)))]
mod memfd;
#[cfg(all(target_os = "linux", not(loom)))]
mod named;
#[cfg(all(any(target_os = "freebsd", target_os = "macos"), not(loom)))]
#[path = "named_posix.rs"]
mod named;
#[cfg(all(any(target_os = "linux", target_os = "android"), not(loom)))]
mod unnamed;
#[cfg(all(unix, not(any(target_os = "linux", target_os = "android")), not(loom)))]
#[path = "unnamed_posix.rs"]
mod unnamed;

/// The origins that this platform, or a model, cannot have.
#[cfg(any(not(unix), target_os = "macos", target_os = "android", loom))]
mod unsupported;
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
/// `base` points to as many bytes as the origin was asked for, aligned for words, initialized, valid at this address
/// until the drop, and never accessed but atomically.
unsafe trait Memory: Send + Sync {
    fn base(&self) -> NonNull<AtomicI32>;

    /// Which origin, and its name if it has one.
    fn origin(&self) -> Origin<'_>;

    /// The descriptor, for an origin that can be handed on by one.
    #[cfg(unix)]
    fn descriptor(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        None
    }
}

/// Where a buffer's memory comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin<'buf> {
    /// [`SharedBuffer::new`].
    Heap,
    /// [`SharedBuffer::anonymous`].
    Anonymous,
    /// [`SharedBuffer::memfd`] and [`SharedBuffer::from_fd`].
    MemFd,
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
/// safety, since no reference into the memory exists and every access is atomic. But a peer that *truncates* a file or
/// a named object makes the pages beyond its end unusable: touching a slot there kills this process with `SIGBUS`. Give
/// such objects permissions that keep strangers out, or use [`memfd`](Self::memfd), which cannot be shrunk.
pub struct SharedBuffer {
    base: NonNull<AtomicI32>,
    byte_length: usize,
    scope: Scope,
    memory: Box<dyn Memory>,
}

// SAFETY: what `base` points to is only accessed atomically, and lives in `memory`, which is Send.
unsafe impl Send for SharedBuffer {}
// SAFETY: as above, and `memory` is Sync.
unsafe impl Sync for SharedBuffer {}

/// The size of a slot in bytes.
const SLOT_BYTES: usize = size_of::<i32>();

/// `rustix::fs::fallocate` on Apple's systems ends in a truncation to the length it was given: never for an object that
/// somebody else may have mapped.
#[cfg(all(unix, not(loom)))]
const FALLOCATE_CAN_SHRINK: bool = cfg!(target_vendor = "apple");

/// The greatest length of a buffer: pointer offsets are signed.
const MAX_BYTES: usize = isize::MAX as usize & !(SLOT_BYTES - 1);

impl SharedBuffer {
    /// Memory for the threads of this process, from the heap. [`Scope::Private`].
    ///
    /// After a `fork`, parent and child each have a copy of their own.
    ///
    /// # Errors
    ///
    /// [`Error::ZeroLength`], [`Error::UnevenLength`], [`Error::TooLarge`], or [`Error::NoRoom`] if the allocator
    /// refuses.
    pub fn new(bytes: usize) -> Result<Self, Error> {
        Ok(Self::over(heap::create(check_length(bytes)?)?, bytes, Scope::Private))
    }

    /// Memory that lives through `fork`: parent and children share it. [`Scope::Shared`].
    ///
    /// As with all memory that is not reserved, the system may find only on first touch that it has none left.
    ///
    /// # Errors
    ///
    /// Those of the length, as [`new`](Self::new) has; [`Error::NoRoom`] if the address space has none;
    /// [`Error::Unsupported`] where there is no `fork` (Windows).
    pub fn anonymous(bytes: usize) -> Result<Self, Error> {
        Ok(Self::over(anonymous::create(check_length(bytes)?)?, bytes, Scope::Shared))
    }

    /// Memory without a name, which a descriptor hands on: see [`as_fd`](Self::as_fd) and [`from_fd`](Self::from_fd).
    /// [`Scope::Shared`].
    ///
    /// It is sized, then sealed: nobody can shrink or grow it any more, so no peer can make this process die of
    /// `SIGBUS`. The descriptor closes on exec.
    ///
    /// # Errors
    ///
    /// As [`anonymous`](Self::anonymous); [`Error::Unsupported`] on macOS and Windows; [`Error::Os`] if the process has
    /// no descriptor left.
    pub fn memfd(bytes: usize) -> Result<Self, Error> {
        Ok(Self::over(memfd::create(check_length(bytes)?)?, bytes, Scope::Shared))
    }

    /// The POSIX shared memory object `name`, created if it does not exist. [`Scope::Shared`].
    ///
    /// Any number of processes may call this at once: all get the same bytes. The object appears under its name only
    /// when it has its length, is zero-filled and its memory is reserved, so that nobody sees a short one and a full
    /// `/dev/shm` is an error now, not a `SIGBUS` later. (On FreeBSD and macOS, where a name cannot be given
    /// afterwards, every process brings the object to its length before it uses it.) An existing object is never
    /// shrunk, grown or cleared; of one that is longer, the first `bytes` bytes are the buffer.
    ///
    /// It stays until [`unlink`](Self::unlink), or a reboot. Only this user's processes may open it: see
    /// [`BufferOptions::mode`].
    ///
    /// # Errors
    ///
    /// Those of the length; [`Error::BadName`] for a name that is empty, `.` or `..`, holds a NUL or a slash other than
    /// a first one, or is longer than the system takes (255 bytes; 30 on macOS); [`Error::TooShort`] if it
    /// exists with fewer bytes; [`Error::NoRoom`], [`Error::PermissionDenied`]; [`Error::Unsupported`] on Android and
    /// Windows; [`Error::Os`].
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(target_os = "linux")] {
    /// use slotsync::{Lock, SharedBuffer};
    ///
    /// let name = format!("/slotsync-example-{}", std::process::id());
    /// let buffer = SharedBuffer::named(&name, 4096)?;
    /// // Another process, or this one again, at another address: the same bytes.
    /// let again = SharedBuffer::named(&name, 4096)?;
    /// let guard = Lock::new(&buffer, 0)?.lock();
    /// assert!(Lock::new(&again, 0)?.is_locked());
    /// # drop(guard);
    /// SharedBuffer::unlink(&name)?;
    /// # }
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn named(name: &str, bytes: usize) -> Result<Self, Error> {
        BufferOptions::new().named(name, bytes)
    }

    /// The POSIX shared memory object `name`, which must not exist yet. Otherwise as [`named`](Self::named).
    ///
    /// # Errors
    ///
    /// As [`named`](Self::named), and [`Error::AlreadyExists`].
    pub fn create_named(name: &str, bytes: usize) -> Result<Self, Error> {
        BufferOptions::new().create_named(name, bytes)
    }

    /// The whole of the POSIX shared memory object `name`, which must exist. Otherwise as [`named`](Self::named).
    ///
    /// # Errors
    ///
    /// As [`named`](Self::named), and [`Error::NotFound`].
    pub fn open_named(name: &str) -> Result<Self, Error> {
        let (memory, bytes) = named::open_whole(name)?;
        Ok(Self::over(memory, bytes, Scope::Shared))
    }

    /// Removes the name of a POSIX shared memory object. Who has it mapped keeps it; who comes later gets a new one.
    ///
    /// # Errors
    ///
    /// [`Error::BadName`], [`Error::NotFound`], [`Error::PermissionDenied`]; [`Error::Unsupported`] where there are
    /// none.
    pub fn unlink(name: &str) -> Result<(), Error> {
        named::unlink(name)
    }

    /// A file's first `bytes` bytes; the file is created if it does not exist. [`Scope::Shared`].
    ///
    /// Made as safely as a [`named`](Self::named) object is, and reserved on disk where the file system can. A file
    /// outlives its users, and a reboot: **a lock that was held then is found held**. Who knows to be the first may
    /// [`initialize`](crate::Lock::initialize) it.
    ///
    /// # Errors
    ///
    /// As [`named`](Self::named), but any path is a good name; [`Error::Unsupported`] on Windows.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(unix)] {
    /// use slotsync::SharedBuffer;
    /// use std::sync::atomic::Ordering::Relaxed;
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// let path = folder.path().join("state");
    /// SharedBuffer::file(&path, 64)?.slot(3)?.store(7, Relaxed);
    /// assert_eq!(SharedBuffer::open_file(&path)?.slot(3)?.load(Relaxed), 7);
    /// # }
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn file(path: impl AsRef<Path>, bytes: usize) -> Result<Self, Error> {
        BufferOptions::new().file(path, bytes)
    }

    /// A file that must not exist yet. Otherwise as [`file`](Self::file).
    ///
    /// # Errors
    ///
    /// As [`file`](Self::file), and [`Error::AlreadyExists`].
    pub fn create_file(path: impl AsRef<Path>, bytes: usize) -> Result<Self, Error> {
        BufferOptions::new().create_file(path, bytes)
    }

    /// The whole of a file, which must exist. Otherwise as [`file`](Self::file).
    ///
    /// # Errors
    ///
    /// As [`file`](Self::file), and [`Error::NotFound`].
    pub fn open_file(path: impl AsRef<Path>) -> Result<Self, Error> {
        let (memory, bytes) = file::open_whole(path.as_ref())?;
        Ok(Self::over(memory, bytes, Scope::Shared))
    }

    /// Memory that is there already: a WebAssembly linear memory, huge pages, a device's.
    ///
    /// # Errors
    ///
    /// Those of the length; [`Error::Misaligned`] if `base` is not a multiple of 4; [`Error::Unsupported`] for
    /// [`Scope::Shared`] where the platform's futex is private.
    ///
    /// # Safety
    ///
    /// Until the buffer is dropped, `bytes` bytes from `base` on are
    ///
    /// - valid for reads and writes at this address, in every page;
    /// - initialized (zeroed memory is);
    /// - accessed by atomic operations only, wherever this process accesses them other than through slots.
    ///
    /// If `scope` is `Scope::Shared`, the memory is a shared mapping; if `Scope::Private`, no other process waits on its
    /// words or expects to be woken.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(not(loom))] {
    /// use slotsync::{Lock, Scope, SharedBuffer};
    ///
    /// let memory = Box::new([const { std::sync::atomic::AtomicI32::new(0) }; 16]);
    /// // SAFETY: the box outlives the buffer, and its words are atomic.
    /// let buffer = unsafe { SharedBuffer::from_raw_parts(memory.as_ptr().cast_mut().cast(), 64, Scope::Private) }?;
    /// assert!(Lock::new(&buffer, 15)?.try_lock().is_some());
    /// # drop(buffer);
    /// # }
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    #[cfg(not(loom))]
    pub unsafe fn from_raw_parts(base: *mut u8, bytes: usize, scope: Scope) -> Result<Self, Error> {
        crate::futex::check_scope(scope)?;
        // SAFETY: the caller answers for the memory.
        let memory = unsafe { foreign::adopt(base, check_length(bytes)?) }?;
        Ok(Self::over(memory, bytes, scope))
    }

    /// A buffer over a sealed descriptor that another process, or this one, made by [`memfd`](Self::memfd).
    ///
    /// # Errors
    ///
    /// [`Error::Unsealed`] unless it is sealed against shrinking; the errors of its length, which must be that of a
    /// buffer; [`Error::PermissionDenied`] if it cannot be written; [`Error::Unsupported`] as for `memfd`; [`Error::Os`].
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(target_os = "linux")] {
    /// use slotsync::SharedBuffer;
    /// use std::sync::atomic::Ordering::Relaxed;
    ///
    /// let buffer = SharedBuffer::memfd(64)?;
    /// let descriptor = buffer.as_fd().unwrap().try_clone_to_owned().unwrap();
    /// let again = SharedBuffer::from_fd(descriptor)?;
    /// buffer.slot(0)?.store(5, Relaxed);
    /// assert_eq!(again.slot(0)?.load(Relaxed), 5);
    /// # }
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    #[cfg(unix)]
    pub fn from_fd(descriptor: std::os::fd::OwnedFd) -> Result<Self, Error> {
        let (memory, bytes) = memfd::open_sealed(descriptor)?;
        Ok(Self::over(memory, bytes, Scope::Shared))
    }

    /// As [`from_fd`](Self::from_fd), for a descriptor of any file or shared memory object, sealed or not.
    ///
    /// **What it risks:** whoever can write the object can also truncate it, and every touch of a slot beyond the new
    /// end then kills this process with `SIGBUS`. Use it where all who hold the descriptor are trusted not to.
    ///
    /// # Errors
    ///
    /// As [`from_fd`](Self::from_fd), less `Unsealed`.
    #[cfg(unix)]
    pub fn from_unsealed_fd(descriptor: std::os::fd::OwnedFd) -> Result<Self, Error> {
        let (memory, bytes) = memfd::open_unsealed(descriptor)?;
        Ok(Self::over(memory, bytes, Scope::Shared))
    }

    /// The descriptor to hand to another process, if this buffer's origin is one.
    #[cfg(unix)]
    pub fn as_fd(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        self.memory.descriptor()
    }

    /// For the constructors: `memory` holds `bytes` bytes.
    fn over(memory: Box<dyn Memory>, bytes: usize, scope: Scope) -> Self {
        Self { base: memory.base(), byte_length: bytes, scope, memory }
    }

    /// The length in bytes: what was asked for, a multiple of 4.
    pub fn byte_length(&self) -> usize {
        self.byte_length
    }

    /// Who can wait on the slots of this buffer and wake their waiters.
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// Where the memory comes from.
    pub fn origin(&self) -> Origin<'_> {
        self.memory.origin()
    }

    /// Slot `index`: the four bytes at `4 * index`.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`].
    pub fn slot(&self, index: usize) -> Result<Slot<'_>, Error> {
        self.span(index, 1).map(|first| Slot::from_word(first, self.scope))
    }

    /// The slots of a range.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`].
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::SharedBuffer;
    /// use std::sync::atomic::Ordering::Relaxed;
    ///
    /// let buffer = SharedBuffer::new(64)?;
    /// for (number, slot) in (0..).zip(buffer.slots(8..)?) {
    ///     slot.store(number, Relaxed);
    /// }
    /// assert_eq!(buffer.slot(15)?.load(Relaxed), 7);
    /// assert!(buffer.slots(8..17).is_err());
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn slots(&self, range: impl RangeBounds<usize>) -> Result<Slots<'_>, Error> {
        let start = match range.start_bound() {
            Bound::Included(&start) => start,
            Bound::Excluded(&before) => before.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(&last) => last.saturating_add(1),
            Bound::Excluded(&end) => end,
            Bound::Unbounded => self.byte_length / SLOT_BYTES,
        };
        let count = end.saturating_sub(start);
        self.span(start, count).map(|first| Slots::from_words(first, count, self.scope))
    }

    /// The one bounds check: the first of `count` words from `index` on.
    fn span(&self, index: usize, count: usize) -> Result<NonNull<AtomicI32>, Error> {
        let length = self.byte_length / SLOT_BYTES;
        if index.checked_add(count).is_none_or(|end| end > length) {
            return Err(Error::OutOfBounds { index, count, length });
        }
        // SAFETY: index is at most the length, so the result is within the memory or one past its end.
        Ok(unsafe { self.base.add(index) })
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

/// Says origin, length and scope, and nothing of the bytes.
impl fmt::Debug for SharedBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedBuffer")
            .field("origin", &self.origin())
            .field("byte_length", &self.byte_length)
            .field("scope", &self.scope)
            .finish()
    }
}

static_assertions::assert_impl_all!(SharedBuffer: Send, Sync);
