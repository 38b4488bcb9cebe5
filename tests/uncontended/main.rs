//! The uncontended operations, counted in executed instructions: how many atomic read-modify-writes, no call, no system
//! call.
//!
//! A child runs the operation while this process steps it and reads each instruction before it is executed. The claim is
//! about optimized builds (`cargo test --release --test uncontended`): elsewhere nothing is inlined, and calls are no
//! failure.
#![cfg(all(target_os = "linux", target_arch = "x86_64", not(loom)))]
#![allow(unsafe_code, reason = "a system call to be counted")]

#[path = "../support/mod.rs"]
mod support;

use slotsync::{
    Barrier, BarrierRole, BumpAllocator, Cond, Event, Latch, Lock, NotifyHint, Once, RwLock, Semaphore, SharedBuffer,
    Synchronic,
};
use std::mem::forget;
use std::sync::atomic::{AtomicI32, Ordering::SeqCst, fence};
use support::steps::Steps;

/// That many atomic read-modify-writes, no system call, and where things are inlined no call. The operation leaves
/// everything as it was.
fn assert_fast(buffer: &SharedBuffer, way: &str, atomics: usize, operation: impl FnOnce()) {
    let Some(counts) = assert_no_system_call(buffer, way, atomics, operation) else { return };
    if !cfg!(debug_assertions) {
        assert_eq!(counts.calls, 0, "{way}");
    }
}

/// As above, where calls are no failure.
fn assert_no_system_call(buffer: &SharedBuffer, way: &str, atomics: usize, operation: impl FnOnce()) -> Option<Counts> {
    let counts = count(operation)?;
    println!("{:?}: {way}: {counts:?}", buffer.origin());
    assert_eq!((counts.atomics, counts.system_calls), (atomics, 0), "{way}");
    Some(counts)
}

fn both() -> [SharedBuffer; 2] {
    [SharedBuffer::new(4096).unwrap(), SharedBuffer::anonymous(4096).unwrap()]
}

#[test]
fn a_free_lock_takes_two_atomic_operations_and_no_call() {
    for buffer in &both() {
        let lock = Lock::new(buffer, 0).unwrap();
        assert_fast(buffer, "lock, drop the guard", 2, || drop(lock.lock()));
        assert_fast(buffer, "try_lock, drop the guard", 2, || drop(lock.try_lock()));
        assert_fast(buffer, "lock, forget the guard, unlock", 2, || {
            forget(lock.lock());
            assert!(lock.unlock().is_ok());
        });
    }
}

#[cfg(feature = "guarded")]
#[test]
fn a_free_guarded_value_takes_the_two_atomic_operations_of_its_lock() {
    for buffer in &both() {
        let guarded = slotsync::Guarded::<[u32; 3], 1>::new(buffer, 0).unwrap();
        guarded.set([1; 3]);
        assert_no_system_call(buffer, "get", 2, || assert_eq!(guarded.get(), [1; 3]));
        assert_no_system_call(buffer, "set", 2, || guarded.set([1; 3]));
        assert_no_system_call(buffer, "update", 2, || guarded.update(|value| value[0] = 1));
    }
}

#[test]
fn a_free_reader_writer_lock_takes_two_atomic_operations_and_no_call() {
    for buffer in &both() {
        let lock = RwLock::new(buffer, 0).unwrap();
        assert_fast(buffer, "read, drop the guard", 2, || drop(lock.read()));
        assert_fast(buffer, "try_read, drop the guard", 2, || drop(lock.try_read()));
        assert_fast(buffer, "read, forget the guard, unlock", 2, || {
            forget(lock.read());
            assert!(lock.unlock_read().is_ok());
        });
        assert_fast(buffer, "write, drop the guard", 2, || drop(lock.write()));
        assert_fast(buffer, "try_write, drop the guard", 2, || drop(lock.try_write()));
        assert_fast(buffer, "write, forget the guard, unlock", 2, || {
            forget(lock.write());
            assert!(lock.unlock_write().is_ok());
        });
        let _reader = lock.read();
        assert_fast(buffer, "read beside another, drop the guard", 2, || drop(lock.read()));
    }
}

#[test]
fn a_notify_without_waiters_is_a_load() {
    for buffer in &both() {
        let cond = Cond::new(buffer, 1, Lock::new(buffer, 0).unwrap()).unwrap();
        assert_fast(buffer, "notify_one", 0, || cond.notify_one());
        assert_fast(buffer, "notify_all", 0, || cond.notify_all());
    }
}

#[test]
fn a_value_that_nobody_waits_for_takes_one_atomic_operation_to_change_and_a_fence() {
    // Which may be an atomic operation on a word that is nobody else's.
    let Some(Counts { atomics: fence, .. }) = count(|| fence(SeqCst)) else { return };
    for buffer in &both() {
        // Of one word, and of two.
        let small = Synchronic::initialize(buffer, 0, 3_u8).unwrap();
        let wide = Synchronic::initialize(buffer, 4, 3.0_f64).unwrap();
        assert_fast(buffer, "load a u8", 0, || assert!(small.load() == 3));
        assert_fast(buffer, "load an f64", 0, || assert!(wide.load() == 3.0));
        for (hint, fence) in [(NotifyHint::None, 0), (NotifyHint::One, fence), (NotifyHint::All, fence)] {
            assert_fast(buffer, "store a u8", 1 + fence, || small.store(3, hint));
            assert_fast(buffer, "store an f64", 1 + fence, || wide.store(3.0, hint));
            assert_fast(buffer, "fetch_add, fetch_sub of a u8", 2 * (1 + fence), || {
                small.fetch_add(1, hint);
                small.fetch_sub(1, hint);
            });
            assert_fast(buffer, "fetch_add, fetch_sub of an f64", 2 * (1 + fence), || {
                wide.fetch_add(1.0, hint);
                wide.fetch_sub(1.0, hint);
            });
            assert_fast(buffer, "compare_exchange", 1 + fence, || {
                assert!(small.compare_exchange(3, 3, hint).is_ok());
            });
            assert_fast(buffer, "compare_exchange in vain", 0, || {
                assert!(small.compare_exchange(4, 5, hint).is_err());
            });
            assert_fast(buffer, "notify", fence, || small.notify(hint));
        }
        assert_no_system_call(buffer, "load_when_equal to what is there", 0, || {
            assert!(small.load_when_equal(3) == 3);
        });
        assert_no_system_call(buffer, "expect_update of what is not there", 0, || wide.expect_update(4.0));
    }
}

#[test]
fn a_permit_that_is_there_takes_one_atomic_operation_and_another_to_give_back() {
    for buffer in &both() {
        let semaphore = Semaphore::initialize(buffer, 0, 2).unwrap();
        assert_fast(buffer, "acquire, release", 2, || {
            semaphore.acquire();
            assert!(semaphore.release(1).is_ok());
        });
        assert_fast(buffer, "permit, drop the guard", 2, || drop(semaphore.permit()));
    }
}

#[test]
fn an_allocation_takes_one_atomic_operation() {
    for buffer in &both() {
        let allocator = BumpAllocator::new(buffer, 0, 1..16).unwrap();
        assert_no_system_call(buffer, "allocate", 1, || assert!(allocator.allocate(5, 8).is_ok()));
        assert_no_system_call(buffer, "allocate in vain", 0, || assert!(allocator.allocate(64, 4).is_err()));
        assert_no_system_call(buffer, "used, left", 0, || assert!(allocator.used() + allocator.left() == 60));
    }
}

#[test]
fn an_end_that_has_come_is_seen_by_a_load() {
    for buffer in &both() {
        let (event, latch) = (Event::new(buffer, 0).unwrap(), Latch::new(buffer, 1).unwrap());
        let once = Once::new(buffer, 2).unwrap();
        event.set();
        once.call_once(|| ()).unwrap();
        assert_fast(buffer, "wait for an event that is set", 0, || event.wait());
        assert_fast(buffer, "wait for a latch that is done", 0, || latch.wait());
        assert_fast(buffer, "call a once that is done", 0, || assert!(once.call_once(|| ()).is_ok()));
    }
}

#[test]
fn a_change_that_nobody_waits_for_takes_no_system_call() {
    for buffer in &both() {
        let (event, latch) = (Event::new(buffer, 0).unwrap(), Latch::initialize(buffer, 1, 1).unwrap());
        let (once, barrier) = (Once::new(buffer, 2).unwrap(), Barrier::new(buffer, 3, 1).unwrap());
        assert_no_system_call(buffer, "set, reset", 2, || {
            event.set();
            event.reset();
        });
        let lock = RwLock::new(buffer, 4).unwrap();
        assert_no_system_call(buffer, "write, downgrade, upgrade, drop the guard", 4, || {
            drop(lock.write().downgrade().try_upgrade());
        });
        assert_no_system_call(buffer, "count the last down", 1, || assert!(latch.count_down(1).is_ok()));
        assert_no_system_call(buffer, "run an initializer", 2, || assert!(once.call_once(|| ()).is_ok()));
        assert_no_system_call(buffer, "a barrier of one", 1, || assert!(barrier.wait() == BarrierRole::Leader));
    }
}

/// The counting sees what it denies elsewhere.
#[test]
fn atomic_operations_and_calls_are_counted() {
    let word = AtomicI32::new(0);
    let Some(counts) = count(|| {
        word.fetch_add(1, SeqCst);
        word.swap(2, SeqCst);
        let _ = word.compare_exchange(2, 3, SeqCst, SeqCst);
        // SAFETY: it has no preconditions.
        unsafe { libc::getppid() };
    }) else {
        return;
    };
    println!("{counts:?}");
    assert_eq!((counts.atomics, counts.system_calls), (3, 1));
    assert!(counts.calls >= 1);
}

/// What an operation executed.
#[derive(Debug, Default)]
struct Counts {
    instructions: usize,
    atomics: usize,
    calls: usize,
    system_calls: usize,
}

/// `None`, and a line that says why, where nobody may look.
fn count(operation: impl FnOnce()) -> Option<Counts> {
    /// Nothing here is longer, unless it loops.
    const LONGEST: usize = 100_000;
    let steps = Steps::unless_refused("uncontended", operation)?;
    let mut counts = Counts::default();
    for instruction in steps {
        counts.instructions += 1;
        counts.atomics += usize::from(instruction.is_atomic());
        counts.calls += usize::from(instruction.is_call());
        counts.system_calls += usize::from(instruction.is_system_call());
        assert!(counts.instructions < LONGEST, "no end: {counts:?}");
    }
    Some(counts)
}
