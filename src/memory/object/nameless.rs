//! An object before it has its name, on Linux: `O_TMPFILE`, which leaves nothing behind even if the process is killed.

use super::temporary;
use super::turn::folder_of;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, linkat, open};
use rustix::io::{Errno, retry_on_intr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// An object without its name.
pub(super) enum Unnamed {
    /// An object without any name.
    Nameless(OwnedFd),
    /// An object under a temporary name, for a file system that has no nameless files (NFS, old overlays).
    Temporary(temporary::Unnamed),
}

impl Unnamed {
    /// Creates an empty object in the folder of `path`.
    pub(super) fn create(path: &Path, mode: Mode) -> Result<Self, Errno> {
        path.file_name().ok_or(Errno::ISDIR)?;
        match retry_on_intr(|| open(folder_of(path), OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC, mode)) {
            Ok(object) => Ok(Self::Nameless(object)),
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => {
                temporary::Unnamed::create(path, mode).map(Self::Temporary)
            }
            Err(errno) => Err(errno),
        }
    }

    /// Gives the object its name, unless the name is taken.
    pub(super) fn publish(self, path: &Path) -> Result<(), Errno> {
        match self {
            Self::Nameless(object) => {
                // Through /proc, which needs no capability; by the descriptor itself where /proc is not mounted.
                // A thread may have descriptors of its own, hence not /proc/self.
                let by_proc = format!("/proc/thread-self/fd/{}", object.as_raw_fd());
                match retry_on_intr(|| linkat(CWD, &by_proc, CWD, path, AtFlags::SYMLINK_FOLLOW)) {
                    Err(Errno::NOENT) => linkat(&object, "", CWD, path, AtFlags::EMPTY_PATH),
                    outcome => outcome,
                }
            }
            Self::Temporary(object) => object.publish(path),
        }
    }
}

impl AsFd for Unnamed {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Nameless(object) => object.as_fd(),
            Self::Temporary(object) => object.as_fd(),
        }
    }
}
