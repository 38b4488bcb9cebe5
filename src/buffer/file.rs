//! The bytes of a file.

use super::Memory;
use super::extent::Extent;
use super::mapping::Label;
use super::options::Existing;
use super::publish::{create_or_open, map_whole};
use crate::error::Error;
use rustix::fs::OFlags;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

pub(super) fn create(path: &Path, extent: Extent, mode: u32, existing: Existing) -> Result<Box<dyn Memory>, Error> {
    let mapping = create_or_open(check(path)?, path, extent, mode, existing, OFlags::empty())?;
    Ok(Box::new(mapping.labelled(Label::File(path.to_owned()))))
}

pub(super) fn open_whole(path: &Path) -> Result<Box<dyn Memory>, Error> {
    Ok(Box::new(map_whole(check(path)?, path, OFlags::empty())?.labelled(Label::File(path.to_owned()))))
}

/// Refuses what cannot be the path of a file on any system.
fn check(path: &Path) -> Result<&Path, Error> {
    let bad = |reason| Err(Error::BadName { name: path.to_owned(), reason });
    match path.as_os_str().as_bytes() {
        [] => bad("it is empty"),
        bytes if bytes.contains(&0) => bad("it holds a NUL"),
        // What `file_name` says of `file/` and of `file/.` too, which can only be directories, is `file`.
        bytes if path.file_name().is_none_or(|name| !bytes.ends_with(name.as_bytes())) => bad("it is a directory"),
        _ => Ok(path),
    }
}
