//! Memory that is kept under a name, of either kind; and every way to make a buffer.

use super::unique_name;
use slotsync::{BufferOptions, MemoryError, SharedBuffer};
use std::fs;
use std::path::{Path, PathBuf};

/// Where one test keeps memory under a name: nothing is there at first, and nothing is left there when it is dropped.
pub enum Kept {
    Named(String),
    File(tempfile::TempDir),
}

impl Kept {
    pub fn named() -> Self {
        Self::Named(unique_name())
    }

    pub fn file() -> Self {
        Self::File(tempfile::tempdir().unwrap())
    }

    pub fn both() -> [Self; 2] {
        [Self::named(), Self::file()]
    }

    /// `SharedBuffer::named`, or `file`.
    pub fn open_or_create(&self, bytes: usize) -> Result<SharedBuffer, MemoryError> {
        self.open_or_create_with(BufferOptions::new(), bytes)
    }

    pub fn open_or_create_with(&self, options: BufferOptions, bytes: usize) -> Result<SharedBuffer, MemoryError> {
        match self {
            Self::Named(name) => options.named(name, bytes),
            Self::File(_) => options.file(self.path(), bytes),
        }
    }

    /// Creates the object, which must not exist.
    pub fn create(&self, bytes: usize) -> Result<SharedBuffer, MemoryError> {
        self.create_with(BufferOptions::new(), bytes)
    }

    pub fn create_with(&self, options: BufferOptions, bytes: usize) -> Result<SharedBuffer, MemoryError> {
        match self {
            Self::Named(name) => options.create_new(true).named(name, bytes),
            Self::File(_) => options.create_new(true).file(self.path(), bytes),
        }
    }

    /// `SharedBuffer::open_named`, or `open_file`.
    pub fn open(&self) -> Result<SharedBuffer, MemoryError> {
        match self {
            Self::Named(name) => SharedBuffer::open_named(name),
            Self::File(_) => SharedBuffer::open_file(self.path()),
        }
    }

    /// `SharedBuffer::unlink`, or the removal of the file.
    pub fn unlink(&self) {
        match self {
            Self::Named(name) => SharedBuffer::unlink(name).unwrap(),
            Self::File(_) => fs::remove_file(self.path()).unwrap(),
        }
    }

    /// What an error calls it: as it was called in the call.
    pub fn name(&self) -> PathBuf {
        match self {
            Self::Named(name) => name.into(),
            Self::File(_) => self.path(),
        }
    }

    /// Where the memory is as a file. Of named objects, Linux alone says so.
    pub fn path(&self) -> PathBuf {
        match self {
            Self::Named(name) => Path::new("/dev/shm").join(&name[1..]),
            Self::File(folder) => folder.path().join("buffer"),
        }
    }

    pub fn folder(&self) -> PathBuf {
        self.path().parent().unwrap().to_owned()
    }

    /// What is there now: under the name itself, or under a temporary one of this process.
    pub fn found(&self) -> Vec<PathBuf> {
        let temporary = format!(".slotsync-{}-", std::process::id());
        let is_ours = |path: &PathBuf| {
            *path == self.path() || path.file_name().unwrap().to_string_lossy().starts_with(&temporary)
        };
        // Where there is no such folder, there is nothing in it.
        let entries = fs::read_dir(self.folder()).into_iter().flatten();
        entries.map(|entry| entry.unwrap().path()).filter(is_ours).collect()
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // A test may have removed it, or put a folder in its place.
        let _ = fs::remove_file(self.path()).or_else(|_| fs::remove_dir(self.path()));
    }
}

/// What comes of every way to make a buffer of that length. Nothing is there under its name, and if it comes to nothing
/// then nothing is there afterwards. If a buffer comes of it, it outlives its name.
pub fn make_in_every_way(bytes: usize) -> Vec<(&'static str, Result<SharedBuffer, MemoryError>)> {
    let [named, file, create_named, create_file] = [Kept::named(), Kept::file(), Kept::named(), Kept::file()];
    let made = vec![
        ("new", SharedBuffer::new(bytes)),
        ("anonymous", SharedBuffer::anonymous(bytes)),
        ("memfd", SharedBuffer::memfd(bytes)),
        ("named", named.open_or_create(bytes)),
        ("file", file.open_or_create(bytes)),
        ("create_named", create_named.create(bytes)),
        ("create_file", create_file.create(bytes)),
    ];
    for ((way, made), kept) in made[3..].iter().zip([&named, &file, &create_named, &create_file]) {
        assert!(made.is_ok() || kept.found().is_empty(), "{way} of {bytes} bytes leaves {:?}", kept.found());
    }
    made
}
