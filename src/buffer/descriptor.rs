//! Memory behind a descriptor, which can be handed to another process.

use super::mapping::{Label, Mapping};
use super::object::whole;
use super::{Memory, SharedBuffer, memfd};
use crate::error::Error;
use crate::futex::Scope;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

impl SharedBuffer {
    /// A buffer over a sealed descriptor that another process, or this one, made by [`memfd`](Self::memfd). If it was
    /// made [growable](crate::BufferOptions::max_byte_length), then so is this.
    ///
    /// # Errors
    ///
    /// [`Error::Unsealed`] unless it is sealed against shrinking; the errors of its length, which must be that of a
    /// buffer; [`Error::HeaderVersion`]; [`Error::PermissionDenied`] if it cannot be written; [`Error::Unsupported`] as
    /// for `memfd`; [`Error::Os`].
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
    pub fn from_fd(descriptor: OwnedFd) -> Result<Self, Error> {
        memfd::check_sealed(&descriptor)?;
        Ok(Self::over(open(descriptor, Growth::Unreserved)?, Scope::Shared))
    }

    /// As [`from_fd`](Self::from_fd), for a descriptor of any file or shared memory object, sealed or not.
    ///
    /// **What it risks:** whoever can write the object can also truncate it, and every touch of a slot beyond the new
    /// end then kills this process with `SIGBUS`. Use it where all who hold the descriptor are trusted not to.
    ///
    /// # Errors
    ///
    /// As [`from_fd`](Self::from_fd), less `Unsealed`, and on every Unix.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::SharedBuffer;
    /// use std::fs::File;
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// let path = folder.path().join("state");
    /// let buffer = SharedBuffer::create_file(&path, 64)?;
    /// let file = File::options().read(true).write(true).open(&path).unwrap();
    /// assert_eq!(SharedBuffer::from_unsealed_fd(file.into())?.byte_length(), 64);
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn from_unsealed_fd(descriptor: OwnedFd) -> Result<Self, Error> {
        Ok(Self::over(open(descriptor, Growth::Reserved)?, Scope::Shared))
    }

    /// The descriptor to hand to another process, if this buffer's origin is one.
    pub fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        self.memory.descriptor()
    }
}

/// Is room reserved as it grows? In a memfd no file system limits it.
#[derive(PartialEq, Eq)]
pub(super) enum Growth {
    Unreserved,
    Reserved,
}

/// The whole of what is behind the descriptor.
pub(super) fn open(descriptor: OwnedFd, growth: Growth) -> Result<Box<dyn Memory>, Error> {
    let name = Path::new("descriptor");
    let mut mapping = Mapping::of(&descriptor, name, whole(&descriptor, name)?)?;
    if growth == Growth::Reserved {
        mapping = mapping.reserving(&descriptor, name)?;
    }
    Ok(Box::new(mapping.labelled(Label::Descriptor(descriptor))))
}
