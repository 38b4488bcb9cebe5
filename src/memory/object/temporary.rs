//! An object before it has its name, on any Unix: it has a temporary name beside the final one.

use rustix::fs::{Mode, OFlags, link, open, unlink};
use rustix::io::{Errno, retry_on_intr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// An object under a temporary name, which is removed on drop, so a failure leaves nothing behind.
///
/// A process that dies between creation and publication leaves the temporary name. Linux can avoid that.
pub(super) struct Unnamed {
    object: OwnedFd,
    temporary: PathBuf,
}

impl Unnamed {
    /// Creates an empty object in the folder of `path`.
    pub(super) fn create(path: &Path, mode: Mode) -> Result<Self, Errno> {
        loop {
            let temporary = temporary_name(path).ok_or(Errno::ISDIR)?;
            match open(&temporary, OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC, mode) {
                Ok(object) => return Ok(Self { object, temporary }),
                // A process that died left a name with our process number. The next name is free, or the one after.
                Err(Errno::EXIST | Errno::INTR) => {}
                Err(errno) => return Err(errno),
            }
        }
    }

    /// Gives the object its name, unless the name is taken.
    pub(super) fn publish(self, path: &Path) -> Result<(), Errno> {
        retry_on_intr(|| link(&self.temporary, path))
    }
}

/// Makes a name that no other thread or process uses now. Returns `None` if the path does not end in a file name.
fn temporary_name(path: &Path) -> Option<PathBuf> {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    path.file_name()?;
    // Relaxed: the number only has to be unique.
    let number = NUMBER.fetch_add(1, Relaxed);
    Some(path.with_file_name(format!(".slotsync-{}-{number}", std::process::id())))
}

impl AsFd for Unnamed {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.object.as_fd()
    }
}

impl Drop for Unnamed {
    fn drop(&mut self) {
        // An error means that the name is gone already.
        let _ = unlink(&self.temporary);
    }
}
