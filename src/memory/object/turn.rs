//! The turn to build an object in a folder.

use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// The turn to build an object in a folder, which one process has at a time.
///
/// Several processes that build at once would each need room, and the system could refuse all of them although there is
/// room for one. The turn is an advisory lock of the folder. It ends when this process dies, and with it the children
/// that were forked meanwhile. It is only a courtesy: a process that cannot have it builds without it.
pub(super) struct Turn(Option<OwnedFd>);

impl Turn {
    /// Takes the turn, or gives up after a while.
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
            // Closing is not enough: a child that was forked meanwhile has the descriptor too.
            let _ = flock(folder, FlockOperation::Unlock);
        }
    }
}

/// The longest wait for a turn: a process that has it for longer is slow, stopped or hostile.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(1);

/// Returns the folder that `path` is in: for a bare file name, the current one.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."))
}
