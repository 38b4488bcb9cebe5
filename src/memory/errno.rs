//! The meaning of a system call's error number.

use crate::error::{MemoryError, SystemError};
use rustix::io::Errno;
use std::path::Path;

/// Makes the error of a call that the system refused, by what the caller can do about it.
pub(super) fn refused(call: &'static str, name: &Path, bytes: usize, errno: Errno) -> MemoryError {
    let (name, source) = (name.to_owned(), SystemError::new(errno.raw_os_error()));
    match errno {
        Errno::NOSPC | Errno::DQUOT | Errno::NOMEM | Errno::AGAIN | Errno::FBIG => {
            MemoryError::NoRoom { bytes: bytes as u64, source }
        }
        Errno::ACCESS | Errno::PERM | Errno::ROFS => MemoryError::PermissionDenied { name, source },
        Errno::EXIST => MemoryError::AlreadyExists { name },
        Errno::NOENT => MemoryError::NotFound { name },
        Errno::NAMETOOLONG => MemoryError::BadName { name, reason: "it is longer than the system permits" },
        Errno::ISDIR => MemoryError::BadName { name, reason: "it is a directory" },
        Errno::LOOP => MemoryError::BadName { name, reason: "it is or leads to a symbolic link, and is not followed" },
        _ => MemoryError::Os { call, name, source },
    }
}
