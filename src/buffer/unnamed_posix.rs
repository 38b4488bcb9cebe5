//! An object on its way to its name, on any Unix: a temporary name beside the final one.

use rustix::fs::{Mode, OFlags, link, open, unlink};
use rustix::io::{Errno, retry_on_intr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Removed when dropped: failing leaves nothing behind. (Dying between creation and publication does leave the
/// temporary name; Linux has a way without.)
pub(in crate::buffer) struct Unnamed {
    object: OwnedFd,
    temporary: PathBuf,
}

impl Unnamed {
    /// An empty object in the folder of `path`.
    pub(in crate::buffer) fn create(path: &Path, mode: Mode) -> Result<Self, Errno> {
        loop {
            let temporary = temporary_name(path).ok_or(Errno::ISDIR)?;
            match open(&temporary, OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC, mode) {
                Ok(object) => return Ok(Self { object, temporary }),
                // Left behind by one who died under our process number: the next number is free, or the one after.
                Err(Errno::EXIST | Errno::INTR) => {}
                Err(errno) => return Err(errno),
            }
        }
    }

    /// Gives the object its name, unless there is one of that name.
    pub(in crate::buffer) fn publish(self, path: &Path) -> Result<(), Errno> {
        retry_on_intr(|| link(&self.temporary, path))
    }
}

/// A name that no other thread or process uses now. `None`: the path ends in no file name.
fn temporary_name(path: &Path) -> Option<PathBuf> {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    path.file_name()?;
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
        // If somebody else removed it already, so much the better.
        let _ = unlink(&self.temporary);
    }
}
