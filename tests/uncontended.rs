//! The uncontended lock, counted in executed instructions: two atomic read-modify-writes, no call, no system call.
//!
//! A child runs the operation while this process steps it and reads each instruction before it is executed. The claim is
//! about optimized builds (`cargo test --release --test uncontended`): elsewhere nothing is inlined, and calls are no
//! failure.
#![cfg(all(target_os = "linux", target_arch = "x86_64", not(loom)))]
#![allow(unsafe_code, reason = "a system call to be counted")]

mod support;

use slotsync::{Lock, SharedBuffer};
use std::mem::forget;
use std::sync::atomic::{AtomicI32, Ordering::SeqCst};
use support::steps::Steps;

#[test]
fn a_free_private_lock_takes_two_atomic_operations_and_no_call() {
    assert_two_atomic_operations_and_no_call(&SharedBuffer::new(4096).unwrap());
}

#[test]
fn a_free_shared_lock_takes_two_atomic_operations_and_no_call() {
    assert_two_atomic_operations_and_no_call(&SharedBuffer::anonymous(4096).unwrap());
}

fn assert_two_atomic_operations_and_no_call(buffer: &SharedBuffer) {
    let lock = Lock::new(buffer, 0).unwrap();
    let lock_and_drop = || drop(lock.lock());
    let try_lock_and_drop = || drop(lock.try_lock());
    let lock_and_unlock = || {
        forget(lock.lock());
        assert!(lock.unlock().is_ok());
    };
    for (way, counts) in [
        ("lock, drop the guard", count(lock_and_drop)),
        ("try_lock, drop the guard", count(try_lock_and_drop)),
        ("lock, forget the guard, unlock", count(lock_and_unlock)),
    ] {
        let Some(counts) = counts else { return };
        println!("{:?}: {way}: {counts:?}", buffer.origin());
        assert_eq!((counts.atomics, counts.system_calls), (2, 0), "{way}");
        if !cfg!(debug_assertions) {
            assert_eq!(counts.calls, 0, "{way}");
        }
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
