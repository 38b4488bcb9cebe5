//! The bytes of a file.

use crate::error::MemoryError;
use crate::memory::contract::{Existing, Memory};
use crate::memory::extent::Extent;
use crate::memory::object::mapping::Label;
use crate::memory::object::publish::{create_or_open, map_whole};
use rustix::fs::OFlags;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Creates the file, or opens its first bytes.
pub(crate) fn create(
    path: &Path,
    extent: Extent,
    mode: u32,
    existing: Existing,
) -> Result<Box<dyn Memory>, MemoryError> {
    let mapping = create_or_open(check(path)?, path, extent, mode, existing, OFlags::empty())?;
    Ok(Box::new(mapping.labelled(Label::File(path.to_owned()))))
}

/// Opens the whole file, which must exist.
pub(crate) fn open_whole(path: &Path) -> Result<Box<dyn Memory>, MemoryError> {
    Ok(Box::new(map_whole(check(path)?, path, OFlags::empty())?.labelled(Label::File(path.to_owned()))))
}

/// Refuses a path that cannot be that of a file on any system.
fn check(path: &Path) -> Result<&Path, MemoryError> {
    let bad = |reason| Err(MemoryError::BadName { name: path.to_owned(), reason });
    match path.as_os_str().as_bytes() {
        [] => bad("it is empty"),
        bytes if bytes.contains(&0) => bad("it contains a NUL"),
        // For `file/` and `file/.`, which can only be directories, `file_name` returns `file` too.
        bytes if path.file_name().is_none_or(|name| !bytes.ends_with(name.as_bytes())) => bad("it is a directory"),
        _ => Ok(path),
    }
}
