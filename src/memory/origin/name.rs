//! The names of shared memory objects.

use crate::error::MemoryError;

/// Checks the name of a shared memory object, and returns it without its first slash, which may be left out.
pub(super) fn bare(name: &str) -> Result<&str, MemoryError> {
    let bare = name.strip_prefix('/').unwrap_or(name);
    let bad = |reason| Err(MemoryError::BadName { name: name.into(), reason });
    match bare {
        "" => bad("it is empty"),
        "." | ".." => bad("it is a directory"),
        _ if bare.contains('/') => bad("it contains a slash after its first character"),
        _ if bare.contains('\0') => bad("it contains a NUL"),
        _ if bare.len() > 255 => bad("it is longer than 255 bytes"),
        _ => Ok(bare),
    }
}
