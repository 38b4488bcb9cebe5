//! How to create what has a name.

use super::{SharedBuffer, check_length, file, named};
use crate::error::Error;
use crate::futex::Scope;
use std::path::Path;

/// How a named object or a file comes to be: its permissions, and what to do if it exists.
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
#[derive(Clone, Copy, Debug)]
#[must_use = "options do nothing by themselves"]
pub struct BufferOptions {
    mode: u32,
}

/// What to do if the object exists, and if it does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Existing {
    Open,
    Refuse,
}

impl BufferOptions {
    /// Mode 0600: for this user's processes alone.
    pub const fn new() -> Self {
        Self { mode: 0o600 }
    }

    /// The permission bits of what is created, less the process's umask, as for `open(2)`. An object that exists keeps
    /// its own.
    pub const fn mode(self, mode: u32) -> Self {
        Self { mode }
    }

    /// As [`SharedBuffer::named`], with these options.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn named(&self, name: &str, bytes: usize) -> Result<SharedBuffer, Error> {
        let memory = named::create(name, check_length(bytes)?, self.mode, Existing::Open)?;
        Ok(SharedBuffer::over(memory, Scope::Shared))
    }

    /// As [`SharedBuffer::create_named`], with these options.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn create_named(&self, name: &str, bytes: usize) -> Result<SharedBuffer, Error> {
        let memory = named::create(name, check_length(bytes)?, self.mode, Existing::Refuse)?;
        Ok(SharedBuffer::over(memory, Scope::Shared))
    }

    /// As [`SharedBuffer::file`], with these options.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn file(&self, path: impl AsRef<Path>, bytes: usize) -> Result<SharedBuffer, Error> {
        let memory = file::create(path.as_ref(), check_length(bytes)?, self.mode, Existing::Open)?;
        Ok(SharedBuffer::over(memory, Scope::Shared))
    }

    /// As [`SharedBuffer::create_file`], with these options.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn create_file(&self, path: impl AsRef<Path>, bytes: usize) -> Result<SharedBuffer, Error> {
        let memory = file::create(path.as_ref(), check_length(bytes)?, self.mode, Existing::Refuse)?;
        Ok(SharedBuffer::over(memory, Scope::Shared))
    }
}

impl Default for BufferOptions {
    fn default() -> Self {
        Self::new()
    }
}
