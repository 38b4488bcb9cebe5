//! What the tests share: every origin of memory, waiting for what can be observed, and a watchdog. Real processes are
//! in `processes.rs` beside this, one that is stepped in `steps.rs`, what can be taken away from them in `confined.rs`,
//! memory under a name in `kept.rs`, memory that can grow in `growable.rs`, memory that can go away in `mapping.rs`, runs of the examples in `runs.rs`. What
//! random sequences of calls take is in `properties.rs`, the types of numbers are in `numbers.rs`.
#![allow(dead_code, unused_macros, unreachable_pub, reason = "each test program uses another part")]
#![allow(unsafe_code, reason = "fork, kill and the like")]

#[cfg(target_os = "linux")]
pub mod confined;
#[cfg(not(loom))]
#[macro_use]
pub mod growable;
pub mod kept;
#[cfg(unix)]
pub mod mapping;
#[cfg(not(loom))]
#[macro_use]
pub mod numbers;
#[cfg(target_os = "linux")]
pub mod processes;
#[cfg(not(loom))]
pub mod properties;
#[cfg(target_os = "linux")]
pub mod runs;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub mod steps;

use slotsync::{SharedBuffer, Slot, counters};
use std::cell::UnsafeCell;
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, mpsc};
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

/// Long enough that nothing but a bug lets it pass.
pub const LONG: Duration = Duration::from_secs(100);
/// Short, for waits that are meant to time out.
pub const SHORT: Duration = Duration::from_millis(20);

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
        Self {
            buffer: SharedBuffer::options().create_new(true).named(&name, BYTES).unwrap(),
            name: Some(name),
            folder: None,
        }
    }

    pub fn file() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let buffer = SharedBuffer::options().create_new(true).file(folder.path().join("buffer"), BYTES).unwrap();
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
            use super::$test as test;
            use crate::support::Memory;
            #[test]
            fn heap() { crate::support::unrescued(test, &Memory::heap()) }
            shared_origins! { test }
        }
    )* };
}

/// One test for each origin that other processes can share.
macro_rules! over_shared_origins {
    ($($test:ident)*) => { $(
        mod $test {
            use super::$test as test;
            use crate::support::Memory;
            shared_origins! { test }
        }
    )* };
}

macro_rules! shared_origins {
    ($test:ident) => {
        #[cfg(unix)]
        #[test]
        fn anonymous() {
            crate::support::unrescued($test, &Memory::anonymous())
        }
        #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
        #[test]
        fn memfd() {
            crate::support::unrescued($test, &Memory::memfd())
        }
        #[cfg(any(target_os = "linux", target_os = "freebsd", target_os = "macos"))]
        #[test]
        fn named() {
            crate::support::unrescued($test, &Memory::named())
        }
        #[cfg(unix)]
        #[test]
        fn file() {
            crate::support::unrescued($test, &Memory::file())
        }
    };
}

/// Runs a test in which this process loses no wakeup: nobody who was to wake it is killed. The counters are those of the
/// whole test program, so one loss fails all tests that come after it.
pub fn unrescued(test: impl FnOnce(&Memory), memory: &Memory) {
    test(memory);
    assert_eq!(counters().rescues, 0, "a lost wakeup, found by the end of a slice");
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

/// Numbers that threads tell each other without a lock: who waited for the lock of a channel would seem to sleep already
/// where it is going to.
#[derive(Clone, Default)]
pub struct Told(Arc<[AtomicI32; 32]>);

impl Told {
    /// Any number but 0.
    pub fn tell(&self, number: i32) {
        let is_told = |place: &AtomicI32| place.compare_exchange(0, number, Relaxed, Relaxed).is_ok();
        assert!(self.0.iter().any(is_told), "too many numbers");
    }

    /// Waits until so many have been told.
    pub fn hear(&self, count: usize) -> Vec<i32> {
        let told = || self.0.iter().map(|place| place.load(Relaxed)).filter(|number| *number != 0);
        until("so many numbers have been told", || told().count() >= count);
        told().collect()
    }
}

/// Does the system tell who sleeps?
pub fn sees_sleepers() -> bool {
    cfg!(target_os = "linux") && !is_emulated()
}

/// Threads that all make this call and all sleep in it, where the system tells who sleeps. Elsewhere some may still be on
/// their way: a test for which that makes a difference has one sleeper only, and waits for its mark.
pub fn sleepers<'scope, T: Send + 'scope>(
    threads: &'scope Scope<'scope, '_>,
    number: usize,
    call: impl Fn() -> T + Clone + Send + 'scope,
) -> Vec<ScopedJoinHandle<'scope, T>> {
    #[cfg(target_os = "linux")]
    let ids = Told::default();
    let sleepers = (0..number).map(|_| {
        let call = call.clone();
        #[cfg(target_os = "linux")]
        let ids = ids.clone();
        threads.spawn(move || {
            #[cfg(target_os = "linux")]
            ids.tell(processes::thread_id());
            call()
        })
    });
    let sleepers = sleepers.collect();
    #[cfg(target_os = "linux")]
    if sees_sleepers() {
        ids.hear(number).into_iter().for_each(processes::until_thread_asleep);
    }
    sleepers
}

/// What each of the threads returned.
pub fn join_all<T>(threads: Vec<ScopedJoinHandle<'_, T>>) -> Vec<T> {
    threads.into_iter().map(|thread| thread.join().unwrap()).collect()
}

/// Waits, for that long and until a point in time, that both say that their time ran out. It did.
pub fn assert_not_early(wait_for: impl FnOnce(Duration) -> bool, wait_until: impl FnOnce(Instant) -> bool) {
    let start = Instant::now();
    assert!(wait_for(SHORT), "nothing has come");
    assert!(start.elapsed() >= SHORT);
    let deadline = Instant::now() + SHORT;
    assert!(wait_until(deadline), "nothing has come");
    assert!(Instant::now() >= deadline);
}

/// Runs this while a thread wakes all who sleep on the word, again and again, for no reason.
pub fn under_stray_wakes<T>(word: Slot<'_>, body: impl FnOnce() -> T) -> T {
    let is_over = AtomicBool::new(false);
    thread::scope(|threads| {
        threads.spawn(|| {
            while !is_over.load(Relaxed) {
                word.wake(u32::MAX);
                thread::yield_now();
            }
        });
        // Also if it fails: the thread would never end.
        let _over = OnDrop(|| is_over.store(true, Relaxed));
        body()
    })
}

/// A number that is not atomic. Nothing but the primitive under test orders the accesses of several threads, and if it
/// does not, ThreadSanitizer says so.
#[derive(Default)]
pub struct Plain(UnsafeCell<i32>);

// SAFETY: that is what the tests are about: the primitives keep those who read it and who writes it apart.
unsafe impl Sync for Plain {}

impl Plain {
    pub const fn new() -> Self {
        Self(UnsafeCell::new(0))
    }

    pub fn read(&self) -> i32 {
        // SAFETY: as above: nobody writes meanwhile.
        unsafe { *self.0.get() }
    }

    pub fn write(&self, value: i32) {
        // SAFETY: as above: nobody else reads or writes meanwhile.
        unsafe { *self.0.get() = value }
    }
}

/// Does something when it is dropped, also by a failing test.
pub struct OnDrop<F: FnMut()>(pub F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        self.0();
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
