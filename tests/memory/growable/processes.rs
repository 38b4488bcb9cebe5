//! A buffer that grows, between real processes, some of which are killed while they make it grow.
#![cfg(target_os = "linux")]

use crate::support::growable::{MOST, options};
use crate::support::kept::Kept;
use crate::support::processes::{Process, fork, fork_all};
use crate::support::{BYTES, Memory, Watchdog, until};
use slotsync::arrays::{Atomics, Int32Array, TypedArray};
use slotsync::{MemoryError, SharedBuffer, Slot};
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::time::Duration;

over_shared_growable_origins! {
    a_child_sees_its_parent_grow_it_and_the_parent_the_child
    a_child_finds_in_the_new_bytes_what_its_parent_wrote
    processes_that_grow_it_at_once_lose_no_growth
    a_process_killed_as_it_grows_leaves_a_length_that_it_was_given
}

/// A word of each test's own.
fn word(buffer: &SharedBuffer) -> Slot<'_> {
    buffer.slot(9).unwrap()
}

/// Waits for the word to become so much, asleep.
fn await_word(buffer: &SharedBuffer, value: i32) {
    loop {
        let found = word(buffer).load(Acquire);
        if found == value {
            return;
        }
        let _ = word(buffer).wait(found);
    }
}

fn set_word(buffer: &SharedBuffer, value: i32) {
    word(buffer).store(value, Release);
    word(buffer).wake(u32::MAX);
}

fn a_child_sees_its_parent_grow_it_and_the_parent_the_child(memory: &Memory) {
    let _watchdog = Watchdog::new("a_child_sees_its_parent_grow_it_and_the_parent_the_child");
    let child = fork(memory, |buffer| {
        let array = TypedArray::<u8>::rest(buffer, 4).unwrap();
        set_word(buffer, 1);
        await_word(buffer, 2);
        assert_eq!((buffer.byte_length(), array.len()), (BYTES + 4, BYTES));
        assert_eq!(buffer.slot(BYTES / 4).unwrap().load(Relaxed), 7);
        buffer.grow(MOST).unwrap();
        array.set(MOST - 5, 9).unwrap();
        set_word(buffer, 3);
        0
    });
    let buffer = &memory.buffer;
    await_word(buffer, 1);
    buffer.grow(BYTES + 4).unwrap();
    buffer.slot(BYTES / 4).unwrap().store(7, Relaxed);
    set_word(buffer, 2);
    await_word(buffer, 3);
    assert_eq!(buffer.byte_length(), MOST);
    assert_eq!(TypedArray::<u8>::rest(buffer, 0).unwrap().get(MOST - 1), Some(9));
    child.join();
}

/// No word but the length says that it was grown.
fn a_child_finds_in_the_new_bytes_what_its_parent_wrote(memory: &Memory) {
    let _watchdog = Watchdog::new("a_child_finds_in_the_new_bytes_what_its_parent_wrote");
    let child = fork(memory, |buffer| {
        let array = Int32Array::rest(buffer, 0).unwrap();
        let mut seen = array.len();
        while seen < MOST / 4 {
            until("it grows", || array.len() > seen);
            // Written before it grew further.
            assert_eq!(array.get(seen - 1), Some(seen as i32));
            seen = array.len();
            while Atomics::wait(array, seen - 1, 0, Duration::ZERO).is_err() {}
        }
        0
    });
    let array = Int32Array::rest(&memory.buffer, 0).unwrap();
    for length in (BYTES..MOST).step_by(64).chain([MOST]) {
        array.set(array.len() - 1, array.len() as i32).unwrap();
        memory.buffer.grow(length).unwrap();
    }
    child.join();
}

fn processes_that_grow_it_at_once_lose_no_growth(memory: &Memory) {
    let _watchdog = Watchdog::new("processes_that_grow_it_at_once_lose_no_growth");
    const PROCESSES: usize = 4;
    let mut number = 0;
    let children: Vec<_> = (0..PROCESSES)
        .map(|process| {
            fork(memory, |buffer| {
                for length in (BYTES + 4..MOST).step_by(4).skip(process).step_by(PROCESSES) {
                    match buffer.grow(length) {
                        Ok(()) => {
                            assert!(buffer.byte_length() >= length, "taken back");
                            // The last one to succeed brings it here.
                            word(buffer).fetch_update(AcqRel, Acquire, |most| Some(most.max(length as i32))).unwrap();
                        }
                        Err(MemoryError::WouldShrink { bytes, length: now }) => {
                            assert!(now > bytes && now <= MOST as u64)
                        }
                        Err(error) => panic!("{error}"),
                    }
                }
                0
            })
        })
        .collect();
    let mut seen = BYTES;
    let mut children: Vec<Option<Process>> = children.into_iter().map(Some).collect();
    while number < PROCESSES {
        let length = memory.buffer.byte_length();
        assert!(length >= seen && length % 4 == 0, "{length} after {seen}");
        seen = length;
        if let Some(child) = children[number].as_mut() {
            if let Some(end) = child.has_ended() {
                assert_eq!(end, crate::support::processes::End::Exited(0));
                number += 1;
            }
        }
    }
    assert_eq!((memory.buffer.byte_length(), word(&memory.buffer).load(Relaxed)), (MOST - 4, MOST as i32 - 4));
}

/// At whatever moment: most of their time they grow it.
fn a_process_killed_as_it_grows_leaves_a_length_that_it_was_given(memory: &Memory) {
    let _watchdog = Watchdog::new("a_process_killed_as_it_grows_leaves_a_length_that_it_was_given");
    const STEP: usize = 12;
    let buffer = &memory.buffer;
    for round in 0..30 {
        let from = buffer.byte_length();
        let victims = fork_all(memory, 2, |buffer| {
            for length in (from..MOST).step_by(STEP) {
                let _ = buffer.grow(length);
            }
            crate::support::processes::stay(buffer)
        });
        until("it grows", || buffer.byte_length() > from || from + STEP >= MOST);
        for _ in 0..round * 10 {
            std::hint::spin_loop();
        }
        victims.into_iter().for_each(Process::kill);
        let length = buffer.byte_length();
        assert!(length >= from && (length - from) % STEP == 0, "{length} after {from}");
        // Those who are left go on with it.
        let last = buffer.slot(length / 4 - 1).unwrap();
        assert!(last.load(Relaxed) >= 0);
        if length + 4 <= MOST {
            buffer.grow(length + 4).unwrap();
            assert_eq!(buffer.slot(length / 4).unwrap().swap(1, Relaxed), 0);
            let again = memory.again();
            assert_eq!(again.as_ref().unwrap_or(buffer).byte_length(), length + 4);
        }
    }
}

/// Whichever process makes it, it is growable when the others see it.
#[test]
fn processes_that_create_it_at_once_get_one_that_grows() {
    let _watchdog = Watchdog::new("processes_that_create_it_at_once_get_one_that_grows");
    const PROCESSES: usize = 6;
    for _ in 0..20 {
        for kept in Kept::both() {
            let begin = SharedBuffer::anonymous(64).unwrap();
            let child = |process| {
                let (kept, begin) = (&kept, &begin);
                Process::fork(move || {
                    until("all begin", || begin.slot(0).unwrap().load(Acquire) != 0);
                    let buffer = kept.open_or_create_with(options(), BYTES).unwrap();
                    assert_eq!((buffer.is_growable(), buffer.max_byte_length()), (true, MOST));
                    let length = BYTES + 4 * process;
                    assert!(buffer.grow(length).is_ok() || buffer.byte_length() > length);
                    0
                })
            };
            let children: Vec<_> = (1..=PROCESSES).map(child).collect();
            begin.slot(0).unwrap().store(1, Release);
            children.into_iter().for_each(Process::join);
            assert_eq!(kept.open().unwrap().byte_length(), BYTES + 4 * PROCESSES);
        }
    }
}
