//! How memory comes to be.

use super::extent::Extent;
use super::{SharedBuffer, anonymous, file, heap, memfd, named};
use crate::error::Error;
use crate::futex::Scope;
use std::path::Path;

/// How a buffer comes to be: whether it can grow, and for what has a name, its permissions.
///
/// # Examples
///
/// Memory for every process of this user's group:
///
/// ```
/// # #[cfg(target_os = "linux")] {
/// use slotsync::{BufferOptions, SharedBuffer};
///
/// let name = format!("/slotsync-group-{}", std::process::id());
/// let buffer = BufferOptions::new().mode(0o660).named(&name, 4096)?;
/// # drop(buffer);
/// SharedBuffer::unlink(&name)?;
/// # }
/// # Ok::<(), slotsync::Error>(())
/// ```
///
/// Memory that can grow, and whoever is handed the descriptor sees how long it is:
///
/// ```
/// # #[cfg(target_os = "linux")] {
/// use slotsync::{BufferOptions, SharedBuffer};
///
/// let buffer = BufferOptions::new().max_byte_length(1 << 20).memfd(4096)?;
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
}

/// What to do if the object exists, and if it does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Existing {
    Open,
    Refuse,
}

impl BufferOptions {
    /// A fixed length. Mode 0600: for this user's processes alone.
    pub const fn new() -> Self {
        Self { mode: 0o600, max: None }
    }

    /// The permission bits of what is created, less the process's umask, as for `open(2)`. An object that exists keeps
    /// its own. Memory without a name has none.
    pub const fn mode(self, mode: u32) -> Self {
        Self { mode, ..self }
    }

    /// The buffer can [`grow`](SharedBuffer::grow) to so many bytes.
    ///
    /// An object or a file is made with its final size at once, and a little more for a header at its end, but sparse:
    /// it takes room for the length it has, as it grows. (Where a file system cannot reserve room, and on macOS, a
    /// file takes it for the maximum when it is created.) A limit on file sizes must let the maximum pass.
    ///
    /// Whoever opens it, by [`open_named`](SharedBuffer::open_named), [`open_file`](SharedBuffer::open_file),
    /// [`from_fd`](SharedBuffer::from_fd), or by these options, has a growable buffer of the same length.
    ///
    /// # Errors
    ///
    /// None here; of the constructors, beside those that they have without: [`Error::TooLarge`], if the length is
    /// beyond this maximum, or the maximum is beyond what a buffer can have; [`Error::UnevenLength`] and
    /// [`Error::ZeroLength`] for either. On an object that exists: [`Error::NotGrowable`] if it is of a fixed length,
    /// [`Error::MaxTooShort`] if its maximum is less than this (it may be more, and the buffer's is),
    /// [`Error::TooShort`] if it has not as many bytes as asked for, [`Error::HeaderVersion`]. [`Error::Unsupported`]
    /// for named objects on FreeBSD and macOS.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(target_os = "linux")] {
    /// use slotsync::{BufferOptions, Error, SharedBuffer};
    ///
    /// let name = format!("/slotsync-options-{}", std::process::id());
    /// let buffer = BufferOptions::new().max_byte_length(1 << 20).named(&name, 4096)?;
    /// // Another program wants more than there can ever be.
    /// let more = BufferOptions::new().max_byte_length(1 << 21).named(&name, 4096).unwrap_err();
    /// assert_eq!(more, Error::MaxTooShort { name: name.clone().into(), found: 1 << 20, max: 1 << 21 });
    /// // Of a fixed length, over the first bytes.
    /// assert!(!SharedBuffer::named(&name, 64)?.is_growable());
    /// SharedBuffer::unlink(&name)?;
    /// # }
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub const fn max_byte_length(self, max: usize) -> Self {
        Self { max: Some(max), ..self }
    }

    /// As [`SharedBuffer::new`], with these options.
    ///
    /// # Errors
    ///
    /// As there, and those of [`max_byte_length`](Self::max_byte_length).
    pub fn heap(&self, bytes: usize) -> Result<SharedBuffer, Error> {
        Ok(SharedBuffer::over(heap::create(self.extent(bytes)?)?, Scope::Private))
    }

    /// As [`SharedBuffer::anonymous`], with these options.
    ///
    /// # Errors
    ///
    /// As there, and those of [`max_byte_length`](Self::max_byte_length).
    pub fn anonymous(&self, bytes: usize) -> Result<SharedBuffer, Error> {
        Ok(SharedBuffer::over(anonymous::create(self.extent(bytes)?)?, Scope::Shared))
    }

    /// As [`SharedBuffer::memfd`], with these options.
    ///
    /// # Errors
    ///
    /// As there, and those of [`max_byte_length`](Self::max_byte_length).
    pub fn memfd(&self, bytes: usize) -> Result<SharedBuffer, Error> {
        Ok(SharedBuffer::over(memfd::create(self.extent(bytes)?)?, Scope::Shared))
    }

    /// As [`SharedBuffer::named`], with these options.
    ///
    /// # Errors
    ///
    /// As there, and those of [`max_byte_length`](Self::max_byte_length).
    pub fn named(&self, name: &str, bytes: usize) -> Result<SharedBuffer, Error> {
        let memory = named::create(name, self.extent(bytes)?, self.mode, Existing::Open)?;
        Ok(SharedBuffer::over(memory, Scope::Shared))
    }

    /// As [`SharedBuffer::create_named`], with these options.
    ///
    /// # Errors
    ///
    /// As there, and those of [`max_byte_length`](Self::max_byte_length).
    pub fn create_named(&self, name: &str, bytes: usize) -> Result<SharedBuffer, Error> {
        let memory = named::create(name, self.extent(bytes)?, self.mode, Existing::Refuse)?;
        Ok(SharedBuffer::over(memory, Scope::Shared))
    }

    /// As [`SharedBuffer::file`], with these options.
    ///
    /// # Errors
    ///
    /// As there, and those of [`max_byte_length`](Self::max_byte_length).
    pub fn file(&self, path: impl AsRef<Path>, bytes: usize) -> Result<SharedBuffer, Error> {
        let memory = file::create(path.as_ref(), self.extent(bytes)?, self.mode, Existing::Open)?;
        Ok(SharedBuffer::over(memory, Scope::Shared))
    }

    /// As [`SharedBuffer::create_file`], with these options.
    ///
    /// # Errors
    ///
    /// As there, and those of [`max_byte_length`](Self::max_byte_length).
    pub fn create_file(&self, path: impl AsRef<Path>, bytes: usize) -> Result<SharedBuffer, Error> {
        let memory = file::create(path.as_ref(), self.extent(bytes)?, self.mode, Existing::Refuse)?;
        Ok(SharedBuffer::over(memory, Scope::Shared))
    }

    fn extent(&self, bytes: usize) -> Result<Extent, Error> {
        Extent::new(bytes, self.max)
    }
}

impl Default for BufferOptions {
    fn default() -> Self {
        Self::new()
    }
}
