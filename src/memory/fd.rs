//! Buffers and descriptors, which only Unix has.

use super::buffer::SharedBuffer;
use super::options::BufferOptions;
use super::origin::{descriptor, memfd};
use crate::error::MemoryError;
use descriptor::Growth;
use std::os::fd::{BorrowedFd, OwnedFd};

impl SharedBuffer {
    /// Opens the memory behind a sealed descriptor, which another process or this one made by [`memfd`](Self::memfd).
    /// Its scope is [`Scope::Shared`](crate::Scope::Shared).
    ///
    /// If the memory is [growable](BufferOptions::max_byte_length), so is this buffer.
    /// [`BufferOptions::allow_unsealed`] accepts other descriptors.
    ///
    /// # Errors
    ///
    /// - [`MemoryError::Unsealed`] if the descriptor is not sealed against shrinking.
    /// - [`MemoryError::TooShort`], [`MemoryError::UnevenLength`] or [`MemoryError::TooLarge`] if a buffer cannot have
    ///   the length of the memory.
    /// - [`MemoryError::HeaderVersion`] if another version of this crate made the memory growable.
    /// - [`MemoryError::PermissionDenied`] if the descriptor cannot be written to.
    /// - [`MemoryError::Unsupported`] on macOS, which has no seals.
    /// - [`MemoryError::Os`] if a system call fails otherwise.
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
    pub fn from_fd(descriptor: OwnedFd) -> Result<Self, MemoryError> {
        Self::options().from_fd(descriptor)
    }

    /// Returns the descriptor to hand to another process, if a descriptor is the origin of this buffer.
    pub fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        self.memory.descriptor()
    }
}

impl BufferOptions {
    /// Opens the memory behind a descriptor, as [`SharedBuffer::from_fd`] does, with these options.
    ///
    /// [`allow_unsealed`](Self::allow_unsealed) accepts any file or shared memory object, on every Unix. A
    /// [maximum](Self::max_byte_length) is the least that the memory must be able to grow to. The options that concern
    /// creation have no effect.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`SharedBuffer::from_fd`], but with `allow_unsealed` neither `Unsealed` nor `Unsupported`.
    /// Returns [`MemoryError::NotGrowable`] or [`MemoryError::MaxTooShort`] if the memory cannot grow to the maximum.
    pub fn from_fd(&self, descriptor: OwnedFd) -> Result<SharedBuffer, MemoryError> {
        // No file system limits a memfd, so its growth needs no room to be reserved.
        let growth = if self.allow_unsealed { Growth::Reserved } else { Growth::Unreserved };
        if !self.allow_unsealed {
            memfd::check_sealed(&descriptor)?;
        }
        self.opened(descriptor::open(descriptor, growth)?, descriptor::NAME.as_ref())
    }
}
