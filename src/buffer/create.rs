//! The constructors: what each origin of memory promises.

use super::{BufferOptions, SharedBuffer, check_length, file, foreign, named};
use crate::error::Error;
use crate::futex::{self, Scope};
use std::path::Path;

impl SharedBuffer {
    /// Memory for the threads of this process, from the heap. [`Scope::Private`].
    ///
    /// After a `fork`, parent and child each have a copy of their own.
    ///
    /// # Errors
    ///
    /// [`Error::ZeroLength`], [`Error::UnevenLength`], [`Error::TooLarge`], or [`Error::NoRoom`] if the allocator
    /// refuses.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{Error, Origin, Scope, SharedBuffer};
    ///
    /// let buffer = SharedBuffer::new(4096)?;
    /// assert_eq!((buffer.byte_length(), buffer.origin(), buffer.scope()), (4096, Origin::Heap, Scope::Private));
    /// assert_eq!(SharedBuffer::new(0).unwrap_err(), Error::ZeroLength);
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn new(bytes: usize) -> Result<Self, Error> {
        BufferOptions::new().heap(bytes)
    }

    /// Memory that lives through `fork`: parent and children share it. [`Scope::Shared`].
    ///
    /// As with all memory that is not reserved, the system may find only on first touch that it has none left.
    ///
    /// # Errors
    ///
    /// Those of the length, as [`new`](Self::new) has; [`Error::NoRoom`] if the address space has none;
    /// [`Error::Unsupported`] where there is no `fork` (Windows).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(unix)] {
    /// use slotsync::{Scope, SharedBuffer};
    ///
    /// let buffer = SharedBuffer::anonymous(4096)?;
    /// assert_eq!(buffer.scope(), Scope::Shared); // With each child that is forked from here on.
    /// # }
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn anonymous(bytes: usize) -> Result<Self, Error> {
        BufferOptions::new().anonymous(bytes)
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
    pub fn memfd(bytes: usize) -> Result<Self, Error> {
        BufferOptions::new().memfd(bytes)
    }

    /// The POSIX shared memory object `name`, created if it does not exist. [`Scope::Shared`].
    ///
    /// Any number of processes may call this at once: all get the same bytes. The object appears under its name only
    /// when it has its length, is zero-filled and its memory is reserved, so that nobody sees a short one and a full
    /// `/dev/shm` is an error now, not a `SIGBUS` later. (On FreeBSD and macOS, where a name cannot be given
    /// afterwards, every process brings the object to its length before it uses it.) An existing object keeps
    /// its length and its bytes; of one that is longer, the first `bytes` bytes are the buffer. What of those has no
    /// memory yet is reserved too. (Of a [growable](BufferOptions::max_byte_length) object this is a buffer of a fixed
    /// length.)
    ///
    /// It stays until [`unlink`](Self::unlink), or a reboot. What this call creates, only this user's processes may open:
    /// see [`BufferOptions::mode`]. An object that exists is taken whoever made it, and its maker may scribble on it or
    /// truncate it: [`create_named`](Self::create_named) refuses it.
    ///
    /// # Errors
    ///
    /// Those of the length; [`Error::BadName`] for a name that is empty, `.` or `..`, holds a NUL or a slash other than
    /// a first one, or is longer than the system takes (255 bytes; 30 on macOS); [`Error::TooShort`] if it
    /// exists with fewer bytes; [`Error::HeaderVersion`] if it was made growable by another version of this crate;
    /// [`Error::NoRoom`], [`Error::PermissionDenied`]; [`Error::Unsupported`] on Android and Windows; [`Error::Os`].
    /// Beyond the process's limit on file sizes (`RLIMIT_FSIZE`) the system sends `SIGXFSZ`; it is `NoRoom` where that is
    /// ignored. (On FreeBSD and macOS a failure may leave an object of length zero, since others may have opened it
    /// already.)
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
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(target_os = "linux")] {
    /// use slotsync::{Error, SharedBuffer};
    ///
    /// let name = format!("/slotsync-created-{}", std::process::id());
    /// let buffer = SharedBuffer::create_named(&name, 4096)?;
    /// let again = SharedBuffer::create_named(&name, 4096).unwrap_err();
    /// assert_eq!(again, Error::AlreadyExists { name: name.clone().into() });
    /// SharedBuffer::unlink(&name)?;
    /// # }
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn create_named(name: &str, bytes: usize) -> Result<Self, Error> {
        BufferOptions::new().create_named(name, bytes)
    }

    /// The whole of the POSIX shared memory object `name`, which must exist. Otherwise as [`named`](Self::named): what
    /// has no memory yet is reserved, so a large sparse object takes it now. (macOS rounds lengths up to a page.) If it
    /// was made [growable](BufferOptions::max_byte_length), then so is this buffer, and what it has not grown to is not
    /// reserved.
    ///
    /// # Errors
    ///
    /// As [`named`](Self::named), and [`Error::NotFound`].
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(target_os = "linux")] {
    /// use slotsync::{Error, SharedBuffer};
    ///
    /// let name = format!("/slotsync-opened-{}", std::process::id());
    /// assert_eq!(SharedBuffer::open_named(&name).unwrap_err(), Error::NotFound { name: name.clone().into() });
    /// let buffer = SharedBuffer::create_named(&name, 4096)?;
    /// assert_eq!(SharedBuffer::open_named(&name)?.byte_length(), 4096);
    /// SharedBuffer::unlink(&name)?;
    /// # }
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn open_named(name: &str) -> Result<Self, Error> {
        Ok(Self::over(named::open_whole(name)?, Scope::Shared))
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
    /// As [`named`](Self::named), but [`Error::BadName`] is for a path that is empty, holds a NUL, or ends in no file
    /// name, and for a folder that does not exist; [`Error::Unsupported`] on Windows.
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

    /// The whole of a file, which must exist. Otherwise as [`file`](Self::file): what has no room on disk yet is
    /// reserved, so a large sparse file takes it now. One that was made [growable](BufferOptions::max_byte_length) is
    /// growable.
    ///
    /// # Errors
    ///
    /// As [`file`](Self::file), and [`Error::NotFound`].
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(unix)] {
    /// use slotsync::{Error, SharedBuffer};
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// let path = folder.path().join("state");
    /// assert_eq!(SharedBuffer::open_file(&path).unwrap_err(), Error::NotFound { name: path.clone() });
    /// SharedBuffer::create_file(&path, 64)?;
    /// assert_eq!(SharedBuffer::open_file(&path)?.byte_length(), 64);
    /// assert_eq!(SharedBuffer::create_file(&path, 64).unwrap_err(), Error::AlreadyExists { name: path });
    /// # }
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn open_file(path: impl AsRef<Path>) -> Result<Self, Error> {
        Ok(Self::over(file::open_whole(path.as_ref())?, Scope::Shared))
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
    /// - accessed by atomic operations only, wherever this process accesses them other than through a buffer: of 4 bytes, and
    ///   not so the value of a [`Synchronic`](crate::Synchronic) of 64 bits, while it is in use; or, where they are used as a
    ///   [`TypedArray`](crate::TypedArray), of the size of its elements, which for a [`DataView`](crate::DataView) and for
    ///   the ends of a [copy](Self::read_bytes) is 1 byte.
    ///
    /// # Cross-process
    ///
    /// `Scope::Shared` is for a shared mapping. With `Scope::Private`, wakeups are lost if another process waits on these
    /// words or expects to be woken; memory safety does not depend on it.
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
    pub unsafe fn from_raw_parts(base: *mut u8, bytes: usize, scope: Scope) -> Result<Self, Error> {
        futex::check_scope(scope)?;
        // SAFETY: the caller answers for the memory.
        let memory = unsafe { foreign::adopt(base, check_length(bytes)?) }?;
        Ok(Self::over(memory, scope))
    }
}
