//! The promises of typed arrays and `Atomics` between real processes, over every origin of memory that they can share.
#![cfg(target_os = "linux")]

use crate::support::processes::{FAR, fork, fork_all, fork_asleep, join_all};
use crate::support::{LONG, Memory, SHORT, Watchdog, until};
use slotsync::arrays::{Atomics, Int32Array, TypedArray};
use slotsync::{Integer, SharedBuffer, Wait};
use std::time::{Duration, Instant};

over_shared_origins! {
    processes_that_add_at_once_lose_nothing
    processes_that_change_bits_at_once_do_not_change_each_others
    processes_that_exchange_at_once_lose_nothing
    floats_and_copies_that_one_process_writes_another_reads
    elements_are_never_seen_in_parts_from_another_process
    a_turn_is_passed_on_by_store_and_notify
    a_notify_counts_the_processes_that_it_wakes
    a_notify_by_another_view_at_another_address_is_heard
    a_wait_ends_by_its_time_or_by_another_value
}

/// Where the array begins in bytes: no multiple of 16.
const OFFSET: usize = 20;

fn array(buffer: &SharedBuffer) -> Int32Array<'_> {
    Int32Array::new(buffer, OFFSET, 16).unwrap()
}

fn processes_that_add_at_once_lose_nothing(memory: &Memory) {
    let _watchdog = Watchdog::new("processes_that_add_at_once_lose_nothing");
    fn add<T: Integer + From<u8>>(buffer: &SharedBuffer, byte_offset: usize) {
        let array = TypedArray::<T>::new(buffer, byte_offset, 3).unwrap();
        for _ in 0..2_500 {
            Atomics::add(array, 1, T::from(3)).unwrap();
        }
    }
    join_all(fork_all(memory, 4, |buffer| {
        add::<u8>(buffer, 256);
        add::<u16>(buffer, 264);
        add::<u32>(buffer, 272);
        #[cfg(target_has_atomic = "64")]
        add::<u64>(buffer, 288);
    }));
    let sum = 4 * 2_500 * 3;
    assert_eq!(TypedArray::<u8>::new(&memory.buffer, 256, 3).unwrap().to_vec(), [0, sum as u8, 0]);
    assert_eq!(TypedArray::<u16>::new(&memory.buffer, 264, 3).unwrap().to_vec(), [0, sum as u16, 0]);
    assert_eq!(TypedArray::<u32>::new(&memory.buffer, 272, 3).unwrap().to_vec(), [0, sum, 0]);
    #[cfg(target_has_atomic = "64")]
    assert_eq!(TypedArray::<u64>::new(&memory.buffer, 288, 3).unwrap().to_vec(), [0, sum.into(), 0]);
}

/// Each has a bit of its own, in an element of each size.
fn processes_that_change_bits_at_once_do_not_change_each_others(memory: &Memory) {
    let _watchdog = Watchdog::new("processes_that_change_bits_at_once_do_not_change_each_others");
    fn change<T: Integer + From<u8>>(buffer: &SharedBuffer, byte_offset: usize, number: u32) {
        let array = TypedArray::<T>::new(buffer, byte_offset, 3).unwrap();
        let (bit, others) = (1_u8 << number, !(1_u8 << number));
        let own = |was: T| (was & T::from(bit)) == T::from(bit);
        for _ in 0..500 {
            assert!(!own(Atomics::or(array, 1, T::from(bit)).unwrap()));
            assert!(own(Atomics::and(array, 1, T::from(others)).unwrap()));
            assert!(!own(Atomics::xor(array, 1, T::from(bit)).unwrap()));
            assert!(own(Atomics::xor(array, 1, T::from(bit)).unwrap()));
        }
        Atomics::or(array, 1, T::from(bit)).unwrap();
    }
    let children = [0, 3, 4, 7].map(|number| {
        fork(memory, move |buffer| {
            change::<u8>(buffer, 256, number);
            change::<u16>(buffer, 264, number);
            change::<u32>(buffer, 272, number);
            #[cfg(target_has_atomic = "64")]
            change::<u64>(buffer, 288, number);
            0
        })
    });
    join_all(children.into());
    const ALL: u8 = 0b1001_1001;
    assert_eq!(TypedArray::<u8>::new(&memory.buffer, 256, 3).unwrap().to_vec(), [0, ALL, 0]);
    assert_eq!(TypedArray::<u16>::new(&memory.buffer, 264, 3).unwrap().to_vec(), [0, ALL.into(), 0]);
    assert_eq!(TypedArray::<u32>::new(&memory.buffer, 272, 3).unwrap().to_vec(), [0, ALL.into(), 0]);
    #[cfg(target_has_atomic = "64")]
    assert_eq!(TypedArray::<u64>::new(&memory.buffer, 288, 3).unwrap().to_vec(), [0, ALL.into(), 0]);
}

/// A value that one puts there, one other takes: by `exchange`. And no step of a count is made twice: by `compare_exchange`.
fn processes_that_exchange_at_once_lose_nothing(memory: &Memory) {
    let _watchdog = Watchdog::new("processes_that_exchange_at_once_lose_nothing");
    const TURNS: i32 = 1_000;
    join_all(fork_all(memory, 4, |buffer| {
        let [place, put, taken, count] = [0, 1, 2, 3];
        for number in 1..=TURNS {
            let was = Atomics::exchange(array(buffer), place, number).unwrap();
            Atomics::add(array(buffer), put, number).unwrap();
            Atomics::add(array(buffer), taken, was).unwrap();
            let mut seen = Atomics::load(array(buffer), count).unwrap();
            loop {
                let now = Atomics::compare_exchange(array(buffer), count, seen, seen - 1).unwrap();
                if now == std::mem::replace(&mut seen, now) {
                    break;
                }
                Atomics::pause();
            }
            Atomics::sub(array(buffer), count, 1).unwrap();
        }
    }));
    let [place, put, taken, count] = [0, 1, 2, 3].map(|index| array(&memory.buffer).get(index).unwrap());
    assert_eq!((put, taken + place), (4 * TURNS * (TURNS + 1) / 2, put));
    assert_eq!(count, -8 * TURNS);
}

fn floats_and_copies_that_one_process_writes_another_reads(memory: &Memory) {
    let _watchdog = Watchdog::new("floats_and_copies_that_one_process_writes_another_reads");
    fn samples(buffer: &SharedBuffer) -> TypedArray<'_, f32> {
        TypedArray::new(buffer, 256, 8).unwrap()
    }
    let child = fork(memory, |buffer| {
        while Atomics::load(array(buffer), 0) == Ok(0) {
            let _ = Atomics::wait(array(buffer), 0, 0, Duration::MAX);
        }
        assert_eq!(samples(buffer).to_vec(), [0.5, 0.5, -1.5, f32::MAX, 0.5, 0.5, 0.5, 0.5]);
        assert_eq!(samples(buffer).get(2), Some(-1.5));
        samples(buffer).copy_within(2..4, 6).unwrap();
        samples(buffer).subarray(0..2).unwrap().fill(f32::NEG_INFINITY);
        0
    });
    samples(&memory.buffer).fill(0.5);
    samples(&memory.buffer).copy_from(2, &[-1.5, f32::MAX]).unwrap();
    Atomics::store(array(&memory.buffer), 0, 1).unwrap();
    Atomics::notify(array(&memory.buffer), 0, u32::MAX).unwrap();
    child.join();
    let mut end = [0.0; 2];
    samples(&memory.buffer).copy_to(6, &mut end).unwrap();
    assert_eq!(end, [-1.5, f32::MAX]);
    assert_eq!(samples(&memory.buffer).slice(0..3).unwrap(), [f32::NEG_INFINITY, f32::NEG_INFINITY, -1.5]);
}

#[cfg(target_has_atomic = "64")]
fn elements_are_never_seen_in_parts_from_another_process(memory: &Memory) {
    let _watchdog = Watchdog::new("elements_are_never_seen_in_parts_from_another_process");
    const PATTERNS: [u64; 2] = [0x5555_5555_5555_5555, !0x5555_5555_5555_5555];
    fn element(buffer: &SharedBuffer) -> TypedArray<'_, u64> {
        TypedArray::new(buffer, 256, 1).unwrap()
    }
    element(&memory.buffer).set(0, PATTERNS[0]).unwrap();
    let writers = PATTERNS.map(|pattern| {
        fork(memory, move |buffer| {
            // Until the other side has seen enough.
            while array(buffer).get(0) == Some(0) {
                element(buffer).set(0, pattern).unwrap();
            }
            0
        })
    });
    let (mut last, mut changes) = (PATTERNS[0], 0);
    until("the other pattern was seen often enough", || {
        let seen = element(&memory.buffer).get(0).unwrap();
        assert!(PATTERNS.contains(&seen), "{seen:x}");
        changes += u32::from(seen != std::mem::replace(&mut last, seen));
        changes >= 30
    });
    array(&memory.buffer).set(0, 1).unwrap();
    join_all(writers.into());
}

#[cfg(not(target_has_atomic = "64"))]
fn elements_are_never_seen_in_parts_from_another_process(_: &Memory) {}

fn a_turn_is_passed_on_by_store_and_notify(memory: &Memory) {
    let _watchdog = Watchdog::new("a_turn_is_passed_on_by_store_and_notify");
    const AGENTS: i32 = 3;
    const ROUNDS: i32 = 50;
    for far in FAR {
        array(&memory.buffer).fill(0);
        let agents = (0..AGENTS).map(|agent| {
            fork(memory, move |buffer| {
                let array = array(buffer);
                for mine in (0..ROUNDS).map(|round| AGENTS * round + agent) {
                    loop {
                        let turn = Atomics::load(array, 3).unwrap();
                        if turn == mine {
                            break;
                        }
                        assert_ne!(Atomics::wait(array, 3, turn, far), Ok(Wait::TimedOut));
                    }
                    // Plainly: whose turn it is, is alone, and sees what was done before.
                    assert_eq!(array.get(7), Some(mine));
                    array.set(7, mine + 1).unwrap();
                    assert_eq!(Atomics::store(array, 3, mine + 1), Ok(mine + 1));
                    Atomics::notify(array, 3, u32::MAX).unwrap();
                }
                0
            })
        });
        join_all(agents.collect());
        assert_eq!(array(&memory.buffer).get(7), Some(AGENTS * ROUNDS));
    }
}

/// A number of processes sleep on element 3. Each notify then wakes the given number.
fn assert_notifies(memory: &Memory, number: usize, notifies: &[(Int32Array<'_>, usize, u32, u32)]) {
    let here = array(&memory.buffer);
    loop {
        here.set(3, 0).unwrap();
        let start = Instant::now();
        let sleepers = fork_asleep(memory, number, |buffer| {
            assert_ne!(Atomics::wait(array(buffer), 3, 0, LONG), Ok(Wait::TimedOut));
        });
        let notify = |&(array, index, count, _): &(Int32Array<'_>, usize, u32, u32)| {
            Atomics::notify(array, index, count).unwrap().unwrap()
        };
        let woken: Vec<_> = notifies.iter().map(notify).collect();
        // Those who are left.
        Atomics::store(here, 3, 1).unwrap();
        Atomics::notify(here, 3, u32::MAX).unwrap();
        join_all(sleepers);
        // If this took so long that a sleeper may have been between two slices of its sleep, then once more.
        if start.elapsed() < Duration::from_millis(500) {
            assert_eq!(woken, notifies.iter().map(|(_, _, _, woken)| *woken).collect::<Vec<_>>());
            return;
        }
    }
}

fn a_notify_counts_the_processes_that_it_wakes(memory: &Memory) {
    let _watchdog = Watchdog::new("a_notify_counts_the_processes_that_it_wakes");
    let here = array(&memory.buffer);
    let notify = |index, count, woken| (here, index, count, woken);
    assert_notifies(memory, 4, &[notify(3, 1, 1), notify(3, 2, 2), notify(3, u32::MAX, 1), notify(3, u32::MAX, 0)]);
    assert_notifies(memory, 2, &[notify(3, 0, 0), notify(2, 9, 0), notify(4, u32::MAX, 0), notify(3, u32::MAX, 2)]);
}

fn a_notify_by_another_view_at_another_address_is_heard(memory: &Memory) {
    let _watchdog = Watchdog::new("a_notify_by_another_view_at_another_address_is_heard");
    let again = memory.again();
    let there = Int32Array::new(again.as_ref().unwrap_or(&memory.buffer), OFFSET + 8, 4).unwrap();
    assert_notifies(memory, 2, &[(there, 3, 9, 0), (there, 1, 1, 1), (there, 1, 9, 1)]);
}

fn a_wait_ends_by_its_time_or_by_another_value(memory: &Memory) {
    let _watchdog = Watchdog::new("a_wait_ends_by_its_time_or_by_another_value");
    join_all(fork_all(memory, 3, |buffer| {
        let start = Instant::now();
        if Atomics::wait(array(buffer), 3, 0, SHORT) == Ok(Wait::TimedOut) {
            assert!(start.elapsed() >= SHORT);
        }
        assert_eq!(Atomics::wait(array(buffer), 3, 1, Duration::ZERO), Ok(Wait::NotEqual));
        assert_eq!(Atomics::wait(array(buffer), 3, 1, Duration::MAX), Ok(Wait::NotEqual));
    }));
}
