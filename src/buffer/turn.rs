//! Whose turn it is to build in a folder.

use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// One at a time builds in a folder: several at once would need room for each, and could all be refused it though there
/// is room for one. An advisory lock of the folder, gone if we die, and with us the children that were forked meanwhile.
/// Only a courtesy: who cannot have it builds without.
pub(super) struct Turn(Option<OwnedFd>);

impl Turn {
    pub(super) fn take(path: &Path) -> Self {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let Ok(folder) = open(folder_of(path), flags, Mode::empty()) else { return Self(None) };
        let began = Instant::now();
        loop {
            match flock(&folder, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Self(Some(folder)),
                Err(Errno::WOULDBLOCK | Errno::INTR) if began.elapsed() < PATIENCE => thread::sleep(PAUSE),
                Err(_) => return Self(None),
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(folder) = &self.0 {
            // To close it is not enough: a child that was forked meanwhile has the descriptor too.
            let _ = flock(folder, FlockOperation::Unlock);
        }
    }
}

/// After so long whoever has the turn is slow, stopped or hostile.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(1);

/// The folder that `path` is in: for a bare file name, the current one.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."))
}
