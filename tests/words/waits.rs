//! The promises of a wait where Linux lets one look on: which sleepers are woken, how many, and the outcome if the
//! system interrupts the wait, refuses it, or never hears of the wake.
#![cfg(target_os = "linux")]
#![allow(unsafe_code, reason = "memory that goes away, and signals")]

use crate::support::confined::{catch, in_child, no_futex, refuse};
use crate::support::mapping::{PAGE, changeable, map};
use crate::support::processes::{Process, signal_thread, thread_id, until_thread_asleep};
use crate::support::{Memory, Told, Watchdog, is_emulated, until};
use slotsync::{Lock, Scope, SharedBuffer, Slot, TimedOut, Wait, counters};
use std::mem;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// As long as the longest sleep of `Scope::Shared` without a look at the word.
const SLICE: Duration = Duration::from_secs(1);

over_every_origin! {
    a_wake_wakes_as_many_as_it_says
    a_count_that_would_turn_negative_wakes_all
    a_wake_on_a_neighbour_wakes_none
    a_storm_of_signals_does_not_end_a_wait_early
}

over_shared_origins! {
    a_sleeper_at_one_address_is_woken_at_another
}

fn word(memory: &Memory) -> Slot<'_> {
    memory.buffer.slot(5).unwrap()
}

fn a_wake_wakes_as_many_as_it_says(memory: &Memory) {
    let word = word(memory);
    // The kernel would take a count of 0 for 1.
    assert_wakes(word, word, 2, &[(0, 0), (0, 0), (u32::MAX, 2)]);
    assert_wakes(word, word, 2, &[(0, 0), (1, 1), (0, 0), (u32::MAX, 1), (1, 0)]);
    assert_wakes(word, word, 4, &[(2, 2), (1, 1), (5, 1), (u32::MAX, 0)]);
}

fn a_count_that_would_turn_negative_wakes_all(memory: &Memory) {
    for count in [i32::MAX as u32, i32::MAX as u32 + 1, u32::MAX - 1] {
        assert_wakes(word(memory), word(memory), 3, &[(count, 3)]);
    }
}

fn a_wake_on_a_neighbour_wakes_none(memory: &Memory) {
    for index in [0, 4, 6, 1023] {
        let neighbour = memory.buffer.slot(index).unwrap();
        assert_wakes(word(memory), neighbour, 2, &[(1, 0), (u32::MAX, 0)]);
    }
}

fn a_sleeper_at_one_address_is_woken_at_another(memory: &Memory) {
    // An anonymous mapping has one address in a process.
    let Some(again) = memory.again() else { return };
    let there = again.slot(5).unwrap();
    assert_ne!(word(memory), there, "two addresses");
    assert_wakes(word(memory), there, 3, &[(1, 1), (u32::MAX, 2)]);
    assert_wakes(there, word(memory), 2, &[(u32::MAX, 2)]);
}

/// A number of threads sleep on the one slot. Each wake on the other slot has a count and then wakes the given number.
fn assert_wakes(sleeping_on: Slot<'_>, waking: Slot<'_>, sleepers: usize, wakes: &[(u32, u32)]) {
    let _watchdog = Watchdog::new("assert_wakes");
    if is_emulated() {
        return;
    }
    loop {
        let start = Instant::now();
        sleeping_on.store(0, Relaxed);
        let woken: Vec<_> = thread::scope(|threads| {
            let numbers = Told::default();
            for _ in 0..sleepers {
                let numbers = numbers.clone();
                threads.spawn(move || {
                    numbers.tell(thread_id());
                    let _ = sleeping_on.wait(0);
                });
            }
            numbers.hear(sleepers).into_iter().for_each(until_thread_asleep);
            let woken = wakes.iter().map(|&(count, _)| (count, waking.wake_counted(count).unwrap())).collect();
            // Those who are left.
            sleeping_on.store(1, Relaxed);
            sleeping_on.wake(u32::MAX);
            woken
        });
        // If this took so long that a sleeper may have been between two slices of its sleep, then once more.
        if start.elapsed() < SLICE / 2 {
            assert_eq!(woken, wakes, "(count, woken) of {sleepers} sleepers");
            return;
        }
    }
}

fn a_storm_of_signals_does_not_end_a_wait_early(memory: &Memory) {
    const TIMEOUT: Duration = Duration::from_millis(50);
    let _watchdog = Watchdog::new("a_storm_of_signals_does_not_end_a_wait_early");
    if is_emulated() {
        return;
    }
    catch(libc::SIGUSR1);
    // Until the storm has struck: this thread may have been without a processor.
    while storm(word(memory), TIMEOUT) == 0 {}
}

/// How often signals end a wait that is repeated until it times out, which is not before its time, nor never.
fn storm(word: Slot<'_>, timeout: Duration) -> u32 {
    thread::scope(|threads| {
        let (number, numbers) = mpsc::channel();
        let sleeper = threads.spawn(move || {
            number.send(thread_id()).unwrap();
            let deadline = Instant::now() + timeout;
            let mut interrupted = 0;
            while word.wait_until(0, deadline) != Wait::TimedOut {
                interrupted += 1;
            }
            assert!(Instant::now() >= deadline);
            interrupted
        });
        let thread = numbers.recv().unwrap();
        until("the wait times out", || {
            signal_thread(thread, libc::SIGUSR1);
            sleeper.is_finished()
        });
        sleeper.join().unwrap()
    })
}

#[test]
fn a_wake_of_memory_that_is_gone_is_harmless() {
    // In a child: elsewhere another test may get the address, and its sleepers the wakes.
    in_child(|| {
        for scope in [Scope::Private, Scope::Shared] {
            let base = map();
            // SAFETY: the memory is there for all who touch it, and who wakes does not.
            let buffer = unsafe { SharedBuffer::from_raw_parts(base, PAGE, scope) }.unwrap();
            let word = buffer.slot(5).unwrap();
            let wake = || {
                for count in [0, 1, 2, u32::MAX] {
                    word.wake(count);
                    assert_eq!(word.wake_counted(count), Ok(0));
                }
            };
            // SAFETY: mapped above.
            assert_eq!(unsafe { libc::mprotect(base.cast(), PAGE, libc::PROT_NONE) }, 0);
            wake();
            // SAFETY: as above.
            assert_eq!(unsafe { libc::munmap(base.cast(), PAGE) }, 0);
            wake();
        }
        Ok(())
    });
}

#[test]
fn a_sleep_is_counted_and_a_word_that_differs_is_not() {
    // In a child: it has counters that no other test moves.
    in_child(|| {
        for scope in [Scope::Private, Scope::Shared] {
            let buffer = changeable(scope);
            let word = buffer.slot(5).unwrap();
            let before = counters();
            assert_eq!(word.wait(1), Wait::NotEqual);
            assert_eq!(word.wait_for(1, Duration::ZERO), Wait::NotEqual);
            assert_eq!(counters(), before);
            assert_eq!(word.wait_for(0, Duration::from_millis(1)), Wait::TimedOut);
            assert_eq!((counters().sleeps, counters().rescues), (before.sleeps + 1, before.rescues));
            drop(Lock::from_slot(word).lock());
            assert_eq!(counters().sleeps, before.sleeps + 1, "a free lock does not sleep");
        }
        Ok(())
    });
}

/// Runs `check` in a child that goes to sleep on a word that holds 0, and is not woken when this process changes it to 1.
fn assert_unwoken(scope: Scope, check: impl FnOnce(Slot<'_>)) {
    let _watchdog = Watchdog::new("assert_unwoken");
    let buffer = changeable(scope);
    let word = buffer.slot(5).unwrap();
    let child = Process::fork(|| {
        check(word);
        0
    });
    child.until_asleep();
    word.store(1, Relaxed);
    child.join();
}

#[test]
fn a_shared_sleep_whose_wake_was_lost_is_rescued_after_one_slice() {
    if is_emulated() {
        return;
    }
    assert_unwoken(Scope::Shared, |word| {
        let (start, before) = (Instant::now(), counters());
        assert_eq!(word.wait(0), Wait::Woken);
        assert!(start.elapsed() >= SLICE, "before that, only a wake could have told it");
        assert_eq!(counters().rescues, before.rescues + 1);
        assert_eq!(word.wait(0), Wait::NotEqual, "the word says why");
        assert_eq!(counters().rescues, before.rescues + 1);
    });
}

/// How long that takes is counted in sleeps: no clock of a busy machine has a say.
#[test]
fn a_shared_sleep_looks_at_its_word_after_each_slice() {
    let _watchdog = Watchdog::new("a_shared_sleep_looks_at_its_word_after_each_slice");
    if is_emulated() {
        return;
    }
    in_child(|| {
        let buffer = changeable(Scope::Shared);
        let word = buffer.slot(5).unwrap();
        loop {
            word.store(0, Relaxed);
            let [before, after] = thread::scope(|threads| {
                let numbers = Told::default();
                threads.spawn({
                    let numbers = numbers.clone();
                    move || {
                        numbers.tell(thread_id());
                        let _ = word.wait(0);
                    }
                });
                numbers.hear(1).into_iter().for_each(until_thread_asleep);
                let before = counters().sleeps;
                word.store(1, Relaxed);
                [before, counters().sleeps]
            });
            // If a slice ended just then, it may have looked before the change: once more.
            if before == after {
                assert_eq!(counters().sleeps, before + 1, "the sleep in which the word changed is the last");
                return Ok(());
            }
        }
    });
}

#[test]
fn a_private_sleep_has_no_slices() {
    if is_emulated() {
        return;
    }
    // Between the threads of one process no wake is lost: they die together.
    assert_unwoken(Scope::Private, |word| {
        let (start, before) = (Instant::now(), counters());
        assert_eq!(word.wait_for(0, SLICE * 3 / 2), Wait::TimedOut);
        assert!(start.elapsed() >= SLICE * 3 / 2);
        assert_eq!((counters().sleeps, counters().rescues), (before.sleeps + 1, before.rescues));
    });
}

#[test]
fn a_shared_sleep_goes_on_at_the_end_of_a_slice() {
    let _watchdog = Watchdog::new("a_shared_sleep_goes_on_at_the_end_of_a_slice");
    in_child(|| {
        let buffer = changeable(Scope::Shared);
        let (start, before) = (Instant::now(), counters());
        assert_eq!(buffer.slot(5).unwrap().wait_for(0, SLICE * 13 / 10), Wait::TimedOut);
        assert!(start.elapsed() >= SLICE * 13 / 10);
        // Not one sleep, but at least one more for what is left after a slice.
        assert!(counters().sleeps >= before.sleeps + 2);
        assert_eq!(counters().rescues, before.rescues, "nothing was missed");
        Ok(())
    });
}

/// The errors of a system-call filter that does not know futexes.
const REFUSALS: [i32; 2] = [libc::EPERM, libc::ENOSYS];

/// Each refused wait sleeps for a millisecond, so there are no more of them than milliseconds.
fn assert_polled(start: Instant, sleeps_before: usize) {
    let (sleeps, elapsed) = (counters().sleeps - sleeps_before, start.elapsed());
    assert!(sleeps > 0, "it slept");
    assert!(sleeps as u128 <= elapsed.as_millis() + 3, "{sleeps} refused waits in {elapsed:?}");
}

#[test]
fn a_timed_lock_ends_at_its_time_where_futexes_are_refused() {
    const TIMEOUT: Duration = Duration::from_millis(50);
    let _watchdog = Watchdog::new("a_timed_lock_ends_at_its_time_where_futexes_are_refused");
    if is_emulated() {
        return;
    }
    let_locks_ask_how_many_processors_there_are();
    for (scope, error) in REFUSALS.into_iter().flat_map(|error| [(Scope::Private, error), (Scope::Shared, error)]) {
        in_child(|| {
            let buffer = changeable(scope);
            let lock = Lock::new(&buffer, 5).unwrap();
            refuse(&no_futex(error))?;
            mem::forget(lock.lock());
            let (start, before) = (Instant::now(), counters().sleeps);
            assert_eq!(lock.lock_for(TIMEOUT).err(), Some(TimedOut));
            assert!(start.elapsed() >= TIMEOUT);
            assert_polled(start, before);

            let deadline = Instant::now() + TIMEOUT;
            assert_eq!(lock.lock_until(deadline).err(), Some(TimedOut));
            assert!(Instant::now() >= deadline);
            // And it wakes as it sleeps: in vain, without harm.
            lock.unlock().unwrap();
            assert_eq!(buffer.slot(5).unwrap().wake_counted(u32::MAX), Ok(0));
            assert!(lock.lock_for(TIMEOUT).is_ok());
            Ok(())
        });
    }
}

#[test]
fn a_wait_finds_the_change_of_its_word_where_futexes_are_refused() {
    let _watchdog = Watchdog::new("a_wait_finds_the_change_of_its_word_where_futexes_are_refused");
    if is_emulated() {
        return;
    }
    for (scope, error) in REFUSALS.into_iter().flat_map(|error| [(Scope::Private, error), (Scope::Shared, error)]) {
        in_child(|| {
            let buffer = changeable(scope);
            let [word, refused] = [5, 6].map(|index| buffer.slot(index).unwrap());
            let peer = Process::fork(|| {
                until("some waits were refused", || refused.load(Relaxed) >= 20);
                word.store(1, Relaxed);
                0
            });
            refuse(&no_futex(error))?;
            let (start, before) = (Instant::now(), counters().sleeps);
            while word.load(Relaxed) == 0 {
                assert_ne!(word.wait(0), Wait::TimedOut, "there is no time to be out");
                refused.fetch_add(1, Relaxed);
            }
            assert_polled(start, before);
            peer.join();
            Ok(())
        });
    }
}

/// The answer is kept, and a child must not wait for a thread that was about to ask when it was forked.
fn let_locks_ask_how_many_processors_there_are() {
    let buffer = SharedBuffer::new(4).unwrap();
    let lock = Lock::new(&buffer, 0).unwrap();
    let _guard = lock.lock();
    assert_eq!(lock.lock_for(Duration::from_millis(1)).err(), Some(TimedOut));
}

/// A lock without a deadline must not take this error for the end of its time.
#[test]
fn a_time_out_that_nobody_asked_for_is_a_spurious_wakeup() {
    in_child(|| {
        let buffer = changeable(Scope::Private);
        refuse(&no_futex(libc::ETIMEDOUT))?;
        assert_eq!(buffer.slot(5).unwrap().wait(0), Wait::Woken);
        Ok(())
    });
}

/// A word that never equals, as a scribbler can make it: then only the clock ends a timed lock.
#[test]
fn a_timed_lock_that_never_gets_to_sleep_ends_in_time() {
    const TIMEOUT: Duration = Duration::from_millis(50);
    let _watchdog = Watchdog::new("a_timed_lock_that_never_gets_to_sleep_ends_in_time");
    for scope in [Scope::Private, Scope::Shared] {
        in_child(|| {
            let buffer = changeable(scope);
            let lock = Lock::new(&buffer, 0).unwrap();
            mem::forget(lock.lock());
            refuse(&no_futex(libc::EAGAIN))?;
            let start = Instant::now();
            assert_eq!(lock.lock_for(TIMEOUT).err(), Some(TimedOut));
            assert!(start.elapsed() >= TIMEOUT);
            Ok(())
        });
    }
}
