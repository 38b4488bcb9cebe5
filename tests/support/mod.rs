//! What the tests share: every origin of memory, waiting for what can be observed, and a watchdog. Real processes are
//! in `processes.rs` beside this, one that is stepped in `steps.rs`, what can be taken away from them in `confined.rs`,
//! and memory under a name in `kept.rs`.
#![allow(dead_code, unused_macros, unreachable_pub, reason = "each test program uses another part")]
#![allow(unsafe_code, reason = "fork, kill and the like")]

#[cfg(target_os = "linux")]
pub mod confined;
pub mod kept;
#[cfg(target_os = "linux")]
pub mod processes;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub mod steps;

use slotsync::SharedBuffer;
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Memory of one origin, whose name or file is removed when it is dropped, also by a failing test.
pub struct Memory {
    pub buffer: SharedBuffer,
    name: Option<String>,
    folder: Option<tempfile::TempDir>,
}

/// Room enough for every test.
pub const BYTES: usize = 4096;

impl Memory {
    fn over(buffer: SharedBuffer) -> Self {
        Self { buffer, name: None, folder: None }
    }

    pub fn heap() -> Self {
        Self::over(SharedBuffer::new(BYTES).unwrap())
    }

    pub fn anonymous() -> Self {
        Self::over(SharedBuffer::anonymous(BYTES).unwrap())
    }

    pub fn memfd() -> Self {
        Self::over(SharedBuffer::memfd(BYTES).unwrap())
    }

    pub fn named() -> Self {
        let name = unique_name();
        Self { buffer: SharedBuffer::create_named(&name, BYTES).unwrap(), name: Some(name), folder: None }
    }

    pub fn file() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let buffer = SharedBuffer::create_file(folder.path().join("buffer"), BYTES).unwrap();
        Self { buffer, name: None, folder: Some(folder) }
    }

    /// The same memory once more, at another address: as another process would get it. `None`: it cannot be had twice.
    #[cfg(unix)]
    pub fn again(&self) -> Option<SharedBuffer> {
        if let Some(name) = &self.name {
            return Some(SharedBuffer::open_named(name).unwrap());
        }
        if let Some(folder) = &self.folder {
            return Some(SharedBuffer::open_file(folder.path().join("buffer")).unwrap());
        }
        let descriptor = self.buffer.as_fd()?.try_clone_to_owned().unwrap();
        Some(SharedBuffer::from_fd(descriptor).unwrap())
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            // A test may have removed it already.
            let _ = SharedBuffer::unlink(name);
        }
    }
}

/// A name that no other test, and no other run of them, uses now.
pub fn unique_name() -> String {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    format!("/slotsync-test-{}-{}", std::process::id(), NUMBER.fetch_add(1, Relaxed))
}

/// One test for each origin of memory, from one function that takes a `&Memory`. Used with `#[macro_use] mod support`.
macro_rules! over_every_origin {
    ($($test:ident)*) => { $(
        mod $test {
            use super::{$test as test, support::Memory};
            #[test]
            fn heap() { test(&Memory::heap()) }
            shared_origins! { test }
        }
    )* };
}

/// One test for each origin that other processes can share.
macro_rules! over_shared_origins {
    ($($test:ident)*) => { $(
        mod $test {
            use super::{$test as test, support::Memory};
            shared_origins! { test }
        }
    )* };
}

macro_rules! shared_origins {
    ($test:ident) => {
        #[cfg(unix)]
        #[test]
        fn anonymous() {
            $test(&Memory::anonymous())
        }
        #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
        #[test]
        fn memfd() {
            $test(&Memory::memfd())
        }
        #[cfg(any(target_os = "linux", target_os = "freebsd", target_os = "macos"))]
        #[test]
        fn named() {
            $test(&Memory::named())
        }
        #[cfg(unix)]
        #[test]
        fn file() {
            $test(&Memory::file())
        }
    };
}

/// How long a test may take before it is taken to hang. Far more than any needs, also on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Waits until something that can be observed is so.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "waited in vain until {what}");
        thread::yield_now();
    }
}

/// Ends the whole test program, and says where each thread and each child is, unless it is dropped in time.
pub struct Watchdog(mpsc::Sender<()>);

impl Watchdog {
    pub fn new(test: &'static str) -> Self {
        Self::with_patience(test, PATIENCE)
    }

    pub fn with_patience(test: &'static str, patience: Duration) -> Self {
        let (leash, dropped) = mpsc::channel();
        thread::spawn(move || {
            if dropped.recv_timeout(patience) == Err(mpsc::RecvTimeoutError::Timeout) {
                eprintln!("{test} hangs.");
                #[cfg(target_os = "linux")]
                eprintln!("{}", processes::whereabouts());
                std::process::abort();
            }
        });
        Self(leash)
    }
}

/// Does an emulator run this, which has no peers to trace and no kernel of its own to ask?
pub fn is_emulated() -> bool {
    std::env::var_os("SLOTSYNC_EMULATED").is_some()
}

/// Says that a test was left out, and why, where the test runner does not capture it.
pub fn skipped(test: &str, reason: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {reason}");
}

/// The steps of Hansen's `lock.js`, as published: Drepper's mutex 2.
pub mod js {
    use slotsync::Slot;
    use std::sync::atomic::Ordering::SeqCst;

    pub fn lock(word: Slot<'_>) {
        let mut was = compare_exchange(word, 0, 1);
        while was != 0 {
            if was == 2 || compare_exchange(word, 1, 2) != 0 {
                let _ = word.wait(2);
            }
            was = compare_exchange(word, 0, 2);
        }
    }

    pub fn unlock(word: Slot<'_>) {
        if word.fetch_sub(1, SeqCst) != 1 {
            word.store(0, SeqCst);
            word.wake(1);
        }
    }

    fn compare_exchange(word: Slot<'_>, current: i32, new: i32) -> i32 {
        word.compare_exchange(current, new, SeqCst, SeqCst).unwrap_or_else(|was| was)
    }
}
