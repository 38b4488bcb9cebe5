//! The options of a buffer, and its constructors: every safe way to make one ends here.

use super::buffer::SharedBuffer;
use super::contract::{Existing, Memory};
use super::extent::Extent;
use super::origin::{anonymous, file, heap, memfd, named};
use crate::error::MemoryError;
use crate::futex::Scope;
use std::path::Path;

/// Options of a buffer, in the manner of [`std::fs::OpenOptions`]: set them, then call the method of an origin.
///
/// # Examples
///
/// A named object for every process of this user's group, which must not exist yet:
///
/// ```
/// # #[cfg(target_os = "linux")] {
/// use slotsync::{MemoryError, SharedBuffer};
///
/// let name = format!("/slotsync-group-{}", std::process::id());
/// let options = SharedBuffer::options().mode(0o660).create_new(true);
/// let buffer = options.named(&name, 4096)?;
/// assert_eq!(options.named(&name, 4096).unwrap_err(), MemoryError::AlreadyExists { name: name.clone().into() });
/// # drop(buffer);
/// SharedBuffer::unlink(&name)?;
/// # }
/// # Ok::<(), slotsync::Error>(())
/// ```
///
/// Growable memory: every process that has the descriptor sees its length.
///
/// ```
/// # #[cfg(target_os = "linux")] {
/// use slotsync::SharedBuffer;
///
/// let buffer = SharedBuffer::options().max_byte_length(1 << 20).memfd(4096)?;
/// let descriptor = buffer.as_fd().unwrap().try_clone_to_owned().unwrap();
/// let again = SharedBuffer::from_fd(descriptor)?;
/// again.grow(8192)?;
/// assert_eq!(buffer.byte_length(), 8192);
/// # }
/// # Ok::<(), slotsync::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "options do nothing by themselves"]
pub struct BufferOptions {
    mode: u32,
    max: Option<usize>,
    existing: Existing,
    #[allow(dead_code, reason = "only Unix has descriptors")]
    pub(super) allow_unsealed: bool,
}

impl BufferOptions {
    /// Returns the default options: a fixed length, mode 0600 (only this user's processes), objects that exist are
    /// opened, and descriptors must be sealed.
    pub const fn new() -> Self {
        Self { mode: 0o600, max: None, existing: Existing::Open, allow_unsealed: false }
    }

    /// Sets the maximum length, which makes the buffer growable: it can [`grow`](SharedBuffer::grow) to `max` bytes.
    ///
    /// The addresses of all `max` bytes are taken at once, so growing moves nothing: slots and handles stay valid. Most
    /// systems take memory only as it is touched, but may refuse a maximum beyond what they have.
    ///
    /// An object or a file is created sparse, with its final size and a little more for a header at its end. It takes
    /// room for its current length, as that grows. Where a file system cannot reserve room, and on macOS, a file takes
    /// room for the maximum when it is created. A limit on file sizes must permit the maximum.
    ///
    /// Every process that opens such an object has a growable buffer of the same length, whether it uses
    /// [`open_named`](SharedBuffer::open_named), [`open_file`](SharedBuffer::open_file),
    /// [`from_fd`](SharedBuffer::from_fd) or these options.
    ///
    /// # Errors
    ///
    /// This method itself cannot fail. The constructors return, in addition to their own errors:
    ///
    /// - [`MemoryError::ZeroLength`] or [`MemoryError::UnevenLength`] for the maximum, as for the length.
    /// - [`MemoryError::TooLarge`] if the length exceeds the maximum, or the maximum exceeds that of all buffers.
    /// - [`MemoryError::NotGrowable`] if the object exists and its length is fixed.
    /// - [`MemoryError::MaxTooShort`] if the object exists and its maximum is less than `max`. (It may be greater, and
    ///   is then the maximum of the buffer.)
    /// - [`MemoryError::TooShort`] if the object exists and has fewer bytes than the length asked for.
    /// - [`MemoryError::HeaderVersion`] if another version of this crate made the object growable.
    /// - [`MemoryError::Unsupported`] for named objects on FreeBSD and macOS.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::arrays::TypedArray;
    /// use slotsync::{MemoryError, SharedBuffer};
    ///
    /// let buffer = SharedBuffer::options().max_byte_length(4096).heap(8)?;
    /// let first = buffer.slot(0)?;
    /// let bytes = TypedArray::<u8>::rest(&buffer, 4)?;
    /// assert_eq!((buffer.byte_length(), bytes.len()), (8, 4));
    /// assert!(buffer.slot(2).is_err());
    ///
    /// buffer.grow(64)?;
    /// assert_eq!((buffer.byte_length(), bytes.len()), (64, 60));
    /// assert!(buffer.slot(2).is_ok());
    /// first.wake(1); // It was made before the buffer grew, and is still valid.
    /// assert_eq!(buffer.grow(8), Err(MemoryError::WouldShrink { bytes: 8, length: 64 }));
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    ///
    /// An object that exists keeps its maximum:
    ///
    /// ```
    /// # #[cfg(target_os = "linux")] {
    /// use slotsync::{MemoryError, SharedBuffer};
    ///
    /// let name = format!("/slotsync-options-{}", std::process::id());
    /// let buffer = SharedBuffer::options().max_byte_length(1 << 20).named(&name, 4096)?;
    /// // Another program asks for a greater maximum.
    /// let more = SharedBuffer::options().max_byte_length(1 << 21).named(&name, 4096).unwrap_err();
    /// assert_eq!(more, MemoryError::MaxTooShort { name: name.clone().into(), found: 1 << 20, max: 1 << 21 });
    /// // A buffer of a fixed length, over the first bytes.
    /// assert!(!SharedBuffer::named(&name, 64)?.is_growable());
    /// SharedBuffer::unlink(&name)?;
    /// # }
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    ///
    /// # Source
    ///
    /// ECMAScript, *SharedArrayBuffer Objects*: `new SharedArrayBuffer(bytes, { maxByteLength: max })`.
    pub const fn max_byte_length(self, max: usize) -> Self {
        Self { max: Some(max), ..self }
    }

    /// Sets the permission bits of a named object or a file that is created, less the process's umask, as for
    /// `open(2)`.
    ///
    /// An object that exists keeps its own permissions. Memory without a name has none.
    pub const fn mode(self, mode: u32) -> Self {
        Self { mode, ..self }
    }

    /// Sets whether [`named`](Self::named) and [`file`](Self::file) must create the object.
    ///
    /// With `true` they return [`MemoryError::AlreadyExists`] if there is an object of that name. With `false`, the
    /// default, they open it.
    pub const fn create_new(self, create_new: bool) -> Self {
        Self { existing: if create_new { Existing::Refuse } else { Existing::Open }, ..self }
    }

    /// Sets whether `from_fd` accepts any file or shared memory object, sealed or not. The default is `false`.
    ///
    /// **The risk:** every process that can write the object can also truncate it. Touching a slot beyond the new end
    /// then kills this process with `SIGBUS`. Use it only if every process that has the descriptor can be trusted.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(unix)] {
    /// use slotsync::SharedBuffer;
    /// use std::fs::File;
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// let path = folder.path().join("state");
    /// let buffer = SharedBuffer::file(&path, 64)?;
    /// let file = File::options().read(true).write(true).open(&path).unwrap();
    /// assert_eq!(SharedBuffer::options().allow_unsealed(true).from_fd(file.into())?.byte_length(), 64);
    /// # }
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub const fn allow_unsealed(self, allow_unsealed: bool) -> Self {
        Self { allow_unsealed, ..self }
    }

    /// Makes memory from the heap, as [`SharedBuffer::new`] does, with these options.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`SharedBuffer::new`] and of [`max_byte_length`](Self::max_byte_length).
    pub fn heap(&self, bytes: usize) -> Result<SharedBuffer, MemoryError> {
        Ok(SharedBuffer::over(heap::create(self.extent(bytes)?)?, Scope::Private))
    }

    /// Makes memory that children share, as [`SharedBuffer::anonymous`] does, with these options.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`SharedBuffer::anonymous`] and of [`max_byte_length`](Self::max_byte_length).
    pub fn anonymous(&self, bytes: usize) -> Result<SharedBuffer, MemoryError> {
        Ok(SharedBuffer::over(anonymous::create(self.extent(bytes)?)?, Scope::Shared))
    }

    /// Makes memory behind a sealed descriptor, as [`SharedBuffer::memfd`] does, with these options.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`SharedBuffer::memfd`] and of [`max_byte_length`](Self::max_byte_length).
    pub fn memfd(&self, bytes: usize) -> Result<SharedBuffer, MemoryError> {
        Ok(SharedBuffer::over(memfd::create(self.extent(bytes)?)?, Scope::Shared))
    }

    /// Opens or creates a named object, as [`SharedBuffer::named`] does, with these options.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`SharedBuffer::named`] and of [`max_byte_length`](Self::max_byte_length). Returns
    /// [`MemoryError::AlreadyExists`] if [`create_new`](Self::create_new) is set and the object exists.
    pub fn named(&self, name: &str, bytes: usize) -> Result<SharedBuffer, MemoryError> {
        let memory = named::create(name, self.extent(bytes)?, self.mode, self.existing)?;
        Ok(SharedBuffer::over(memory, Scope::Shared))
    }

    /// Opens or creates a file, as [`SharedBuffer::file`] does, with these options.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`SharedBuffer::file`] and of [`max_byte_length`](Self::max_byte_length). Returns
    /// [`MemoryError::AlreadyExists`] if [`create_new`](Self::create_new) is set and the file exists.
    pub fn file(&self, path: impl AsRef<Path>, bytes: usize) -> Result<SharedBuffer, MemoryError> {
        let memory = file::create(path.as_ref(), self.extent(bytes)?, self.mode, self.existing)?;
        Ok(SharedBuffer::over(memory, Scope::Shared))
    }

    /// Opens the whole of a named object, as [`SharedBuffer::open_named`] does, with these options.
    ///
    /// A [maximum](Self::max_byte_length) is the least that the object must be able to grow to. The options that
    /// concern creation have no effect.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`SharedBuffer::open_named`]. Returns [`MemoryError::NotGrowable`] or
    /// [`MemoryError::MaxTooShort`] if the object cannot grow to the maximum.
    pub fn open_named(&self, name: &str) -> Result<SharedBuffer, MemoryError> {
        self.opened(named::open_whole(name)?, name.as_ref())
    }

    /// Opens the whole of a file, as [`SharedBuffer::open_file`] does, with these options.
    ///
    /// A [maximum](Self::max_byte_length) is the least that the file must be able to grow to. The options that concern
    /// creation have no effect.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`SharedBuffer::open_file`]. Returns [`MemoryError::NotGrowable`] or
    /// [`MemoryError::MaxTooShort`] if the file cannot grow to the maximum.
    pub fn open_file(&self, path: impl AsRef<Path>) -> Result<SharedBuffer, MemoryError> {
        self.opened(file::open_whole(path.as_ref())?, path.as_ref())
    }

    /// Makes a buffer of an object that was opened whole, if it can grow as far as these options ask for.
    pub(super) fn opened(&self, memory: Box<dyn Memory>, name: &Path) -> Result<SharedBuffer, MemoryError> {
        let buffer = SharedBuffer::over(memory, Scope::Shared);
        let found = buffer.max_byte_length() as u64;
        match self.max {
            Some(_) if !buffer.is_growable() => Err(MemoryError::NotGrowable { name: name.to_owned() }),
            Some(max) if found < max as u64 => {
                Err(MemoryError::MaxTooShort { name: name.to_owned(), found, max: max as u64 })
            }
            _ => Ok(buffer),
        }
    }

    fn extent(&self, bytes: usize) -> Result<Extent, MemoryError> {
        Extent::new(bytes, self.max)
    }
}

impl Default for BufferOptions {
    fn default() -> Self {
        Self::new()
    }
}
