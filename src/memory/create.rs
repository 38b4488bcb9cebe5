//! The constructors of a buffer: what each origin of memory promises.

use super::buffer::SharedBuffer;
use super::extent::check_length;
use super::options::BufferOptions;
use super::origin::{foreign, named};
use crate::error::MemoryError;
use crate::futex::{self, Scope};
use std::path::Path;

impl SharedBuffer {
    /// Returns the options of a buffer: whether it can grow, and how its name is created or opened.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::SharedBuffer;
    ///
    /// let buffer = SharedBuffer::options().max_byte_length(8192).heap(4096)?;
    /// buffer.grow(8192)?;
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub const fn options() -> BufferOptions {
        BufferOptions::new()
    }

    /// Makes memory for the threads of this process, from the heap. Its scope is [`Scope::Private`].
    ///
    /// After a `fork`, parent and child each have a copy of their own.
    ///
    /// # Errors
    ///
    /// - [`MemoryError::ZeroLength`] if `bytes` is 0.
    /// - [`MemoryError::UnevenLength`] if `bytes` is not a multiple of 4.
    /// - [`MemoryError::TooLarge`] if `bytes` exceeds the maximum of all buffers.
    /// - [`MemoryError::NoRoom`] if the allocator refuses.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{MemoryError, Origin, Scope, SharedBuffer};
    ///
    /// let buffer = SharedBuffer::new(4096)?;
    /// assert_eq!((buffer.byte_length(), buffer.origin(), buffer.scope()), (4096, Origin::Heap, Scope::Private));
    /// assert_eq!(SharedBuffer::new(0).unwrap_err(), MemoryError::ZeroLength);
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn new(bytes: usize) -> Result<Self, MemoryError> {
        Self::options().heap(bytes)
    }

    /// Makes memory that parent and children share after a `fork`. Its scope is [`Scope::Shared`].
    ///
    /// The memory is not reserved, so the system may find on first touch that it has none left.
    ///
    /// # Errors
    ///
    /// - The errors of the length, as for [`new`](Self::new).
    /// - [`MemoryError::NoRoom`] if the address space has too little room.
    /// - [`MemoryError::Unsupported`] where there is no `fork` (Windows).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(unix)] {
    /// use slotsync::{Scope, SharedBuffer};
    ///
    /// let buffer = SharedBuffer::anonymous(4096)?;
    /// assert_eq!(buffer.scope(), Scope::Shared); // It is shared with each child that is forked from here on.
    /// # }
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn anonymous(bytes: usize) -> Result<Self, MemoryError> {
        Self::options().anonymous(bytes)
    }

    /// Makes memory without a name, which is handed on by its descriptor. Its scope is [`Scope::Shared`].
    ///
    /// See [`as_fd`](Self::as_fd) and [`from_fd`](Self::from_fd). The memory is sealed as soon as it has its length: no
    /// process can shrink or grow it any more, so no peer can kill this process by `SIGBUS`. The descriptor closes on
    /// exec.
    ///
    /// # Errors
    ///
    /// - The errors of [`anonymous`](Self::anonymous), but [`MemoryError::Unsupported`] on macOS and Windows.
    /// - [`MemoryError::Os`] if the process has no descriptor left.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(target_os = "linux")] {
    /// use slotsync::{Origin, SharedBuffer};
    ///
    /// let buffer = SharedBuffer::memfd(4096)?;
    /// assert_eq!(buffer.origin(), Origin::Descriptor);
    /// assert!(buffer.as_fd().is_some());
    /// # }
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn memfd(bytes: usize) -> Result<Self, MemoryError> {
        Self::options().memfd(bytes)
    }

    /// Opens the POSIX shared memory object `name`, or creates it. Its scope is [`Scope::Shared`].
    ///
    /// Any number of processes may call this at once: all get the same bytes. A new object appears under its name only
    /// when it has its length, is zero-filled, and its memory is reserved. So no process sees a short object, and a
    /// full `/dev/shm` is an error now, not a `SIGBUS` later. On FreeBSD and macOS an object must have its name first,
    /// so every process brings the object to its length before using it.
    ///
    /// An existing object keeps its length and its bytes. If it is longer, the first `bytes` bytes are the buffer. If
    /// it is [growable](BufferOptions::max_byte_length), this buffer still has a fixed length. Bytes of the buffer that
    /// have no memory yet are reserved.
    ///
    /// The object stays until [`unlink`](Self::unlink), or a reboot. Only processes of this user may open an object
    /// that this call creates: see [`BufferOptions::mode`]. An object that exists is opened whichever user made it, and
    /// its maker may write to it or truncate it. [`BufferOptions::create_new`] refuses such an object.
    ///
    /// # Errors
    ///
    /// - The errors of the length, as for [`new`](Self::new).
    /// - [`MemoryError::BadName`] if the name is empty, is `.` or `..`, contains a NUL or a slash other than the first
    ///   character, or is longer than the system permits (255 bytes; 30 on macOS).
    /// - [`MemoryError::TooShort`] if the object exists and has fewer bytes.
    /// - [`MemoryError::HeaderVersion`] if another version of this crate made the object growable.
    /// - [`MemoryError::NoRoom`] if the memory file system has too little room. Beyond the process's limit on file
    ///   sizes (`RLIMIT_FSIZE`) the system sends `SIGXFSZ`, and the error is returned only if that signal is ignored.
    /// - [`MemoryError::PermissionDenied`] if the system denies access.
    /// - [`MemoryError::Unsupported`] on Android and Windows.
    /// - [`MemoryError::Os`] if a system call fails otherwise.
    ///
    /// On FreeBSD and macOS a failure may leave an object of length zero, because another process may have opened it
    /// already.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(target_os = "linux")] {
    /// use slotsync::{Lock, SharedBuffer};
    ///
    /// let name = format!("/slotsync-example-{}", std::process::id());
    /// let buffer = SharedBuffer::named(&name, 4096)?;
    /// // Another process, or this one again at another address: the same bytes.
    /// let again = SharedBuffer::named(&name, 4096)?;
    /// let guard = Lock::new(&buffer, 0)?.lock();
    /// assert!(Lock::new(&again, 0)?.is_locked());
    /// # drop(guard);
    /// SharedBuffer::unlink(&name)?;
    /// # }
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn named(name: &str, bytes: usize) -> Result<Self, MemoryError> {
        Self::options().named(name, bytes)
    }

    /// Opens the whole of the POSIX shared memory object `name`, which must exist. Its scope is [`Scope::Shared`].
    ///
    /// Bytes that have no memory yet are reserved, as [`named`](Self::named) does, so a large sparse object takes its
    /// memory now. (macOS rounds lengths up to a page.) If the object is [growable](BufferOptions::max_byte_length),
    /// so is this buffer, and the bytes beyond its current length are not reserved.
    ///
    /// # Errors
    ///
    /// - [`MemoryError::NotFound`] if there is no such object.
    /// - The other errors of [`named`](Self::named).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(target_os = "linux")] {
    /// use slotsync::{MemoryError, SharedBuffer};
    ///
    /// let name = format!("/slotsync-opened-{}", std::process::id());
    /// let none = SharedBuffer::open_named(&name).unwrap_err();
    /// assert_eq!(none, MemoryError::NotFound { name: name.clone().into() });
    /// let buffer = SharedBuffer::named(&name, 4096)?;
    /// assert_eq!(SharedBuffer::open_named(&name)?.byte_length(), 4096);
    /// SharedBuffer::unlink(&name)?;
    /// # }
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn open_named(name: &str) -> Result<Self, MemoryError> {
        Self::options().open_named(name)
    }

    /// Removes the name of a POSIX shared memory object.
    ///
    /// Buffers over the object stay valid. A process that asks for the name later gets a new object.
    ///
    /// # Errors
    ///
    /// - [`MemoryError::BadName`] if no object can have the name.
    /// - [`MemoryError::NotFound`] if there is no such object.
    /// - [`MemoryError::PermissionDenied`] if the system denies the removal.
    /// - [`MemoryError::Unsupported`] where there are no named objects (Android and Windows).
    pub fn unlink(name: &str) -> Result<(), MemoryError> {
        named::unlink(name)
    }

    /// Opens the first `bytes` bytes of a file, or creates it. Its scope is [`Scope::Shared`].
    ///
    /// The file is created as safely as a [`named`](Self::named) object, and reserved on disk if the file system can do
    /// that. A file outlives its users and a reboot: **a lock that was held then is still held**. A process that knows
    /// that it is the first may [`initialize`](crate::Lock::initialize) the lock.
    ///
    /// # Errors
    ///
    /// - [`MemoryError::BadName`] if the path is empty, contains a NUL, does not end in a file name, or is in a folder
    ///   that does not exist.
    /// - [`MemoryError::Unsupported`] on Windows.
    /// - The other errors of [`named`](Self::named).
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
    pub fn file(path: impl AsRef<Path>, bytes: usize) -> Result<Self, MemoryError> {
        Self::options().file(path, bytes)
    }

    /// Opens the whole of a file, which must exist. Its scope is [`Scope::Shared`].
    ///
    /// Bytes that have no room on disk yet are reserved, as [`file`](Self::file) does, so a large sparse file takes its
    /// room now. If the file is [growable](BufferOptions::max_byte_length), so is this buffer.
    ///
    /// # Errors
    ///
    /// - [`MemoryError::NotFound`] if there is no such file.
    /// - The other errors of [`file`](Self::file).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(unix)] {
    /// use slotsync::{MemoryError, SharedBuffer};
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// let path = folder.path().join("state");
    /// assert_eq!(SharedBuffer::open_file(&path).unwrap_err(), MemoryError::NotFound { name: path.clone() });
    /// let options = SharedBuffer::options().create_new(true);
    /// options.file(&path, 64)?;
    /// assert_eq!(SharedBuffer::open_file(&path)?.byte_length(), 64);
    /// assert_eq!(options.file(&path, 64).unwrap_err(), MemoryError::AlreadyExists { name: path });
    /// # }
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn open_file(path: impl AsRef<Path>) -> Result<Self, MemoryError> {
        Self::options().open_file(path)
    }

    /// Adopts memory that exists already: a WebAssembly linear memory, huge pages, the memory of a device.
    ///
    /// # Errors
    ///
    /// - The errors of the length, as for [`new`](Self::new).
    /// - [`MemoryError::Misaligned`] if `base` is not a multiple of 4.
    /// - [`MemoryError::Unsupported`] for [`Scope::Shared`] where the platform's futex is private to a process.
    ///
    /// # Safety
    ///
    /// Until the buffer is dropped, the `bytes` bytes from `base` on are
    ///
    /// - valid for reads and writes at this address, in every page;
    /// - initialized (zeroed memory is);
    /// - accessed only by atomic operations of 4 bytes, wherever this process accesses them other than through a buffer.
    ///
    /// # Cross-process
    ///
    /// `Scope::Shared` is for a shared mapping. With `Scope::Private`, wakeups are lost if another process waits on
    /// these words or expects to be woken. Memory safety does not depend on the scope.
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
    pub unsafe fn from_raw_parts(base: *mut u8, bytes: usize, scope: Scope) -> Result<Self, MemoryError> {
        futex::check_scope(scope).map_err(|what| MemoryError::Unsupported { what })?;
        // SAFETY: the caller keeps the promises of `Memory` for these bytes.
        let memory = unsafe { foreign::adopt(base, check_length(bytes)?) }?;
        Ok(Self::over(memory, scope))
    }
}
