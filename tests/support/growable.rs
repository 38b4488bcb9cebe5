//! Memory that can grow, of every origin, and its header as a peer sees it.

use super::{BYTES, Memory, unique_name};
use slotsync::BufferOptions;

/// How long growable memory may get: of no whole number of pages or lines.
pub const MOST: usize = 4 * BYTES + 100;
/// How long the header is behind it, at a multiple of that.
pub const HEADER: u64 = 64;
/// Where in the header these are, of 8 bytes each.
pub const MAX_PLACE: u64 = 16;
pub const LENGTH_PLACE: u64 = 24;

/// `BYTES` at first.
pub const fn options() -> BufferOptions {
    BufferOptions::new().max_byte_length(MOST)
}

impl Memory {
    pub fn growable_heap() -> Self {
        Self::over(options().heap(BYTES).unwrap())
    }

    pub fn growable_anonymous() -> Self {
        Self::over(options().anonymous(BYTES).unwrap())
    }

    pub fn growable_memfd() -> Self {
        Self::over(options().memfd(BYTES).unwrap())
    }

    pub fn growable_named() -> Self {
        let name = unique_name();
        Self { buffer: options().create_new(true).named(&name, BYTES).unwrap(), name: Some(name), folder: None }
    }

    pub fn growable_file() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let buffer = options().create_new(true).file(folder.path().join("buffer"), BYTES).unwrap();
        Self { buffer, name: None, folder: Some(folder) }
    }

    /// The object behind it, as a peer may have it open. `None`: there is none, or it cannot be had.
    #[cfg(target_os = "linux")]
    pub fn object(&self) -> Option<std::fs::File> {
        let open = |path: std::path::PathBuf| std::fs::File::options().read(true).write(true).open(path).unwrap();
        match (&self.name, &self.folder) {
            (Some(name), _) => Some(open(std::path::Path::new("/dev/shm").join(&name[1..]))),
            (_, Some(folder)) => Some(open(folder.path().join("buffer"))),
            _ => Some(self.buffer.as_fd()?.try_clone_to_owned().unwrap().into()),
        }
    }
}

/// As `over_every_origin`, for memory of `BYTES` bytes that can grow to `MOST`.
macro_rules! over_every_growable_origin {
    ($($test:ident)*) => { $(
        mod $test {
            use super::$test as test;
            use crate::support::Memory;
            #[test]
            fn heap() { crate::support::unrescued(test, &Memory::growable_heap()) }
            shared_growable_origins! { test }
        }
    )* };
}

/// Those that other processes can share.
macro_rules! over_shared_growable_origins {
    ($($test:ident)*) => { $(
        mod $test {
            use super::$test as test;
            use crate::support::Memory;
            shared_growable_origins! { test }
        }
    )* };
}

macro_rules! shared_growable_origins {
    ($test:ident) => {
        #[cfg(unix)]
        #[test]
        fn anonymous() {
            crate::support::unrescued($test, &Memory::growable_anonymous())
        }
        #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
        #[test]
        fn memfd() {
            crate::support::unrescued($test, &Memory::growable_memfd())
        }
        #[cfg(target_os = "linux")]
        #[test]
        fn named() {
            crate::support::unrescued($test, &Memory::growable_named())
        }
        #[cfg(unix)]
        #[test]
        fn file() {
            crate::support::unrescued($test, &Memory::growable_file())
        }
    };
}
