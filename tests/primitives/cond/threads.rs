//! What a condition variable promises, over every origin of memory, between threads.

use crate::support::{
    LONG, Memory, OnDrop, Plain, Watchdog, assert_not_early, join_all, sees_sleepers, skipped, sleepers,
    under_stray_wakes, until,
};
use slotsync::{Cond, Error, Lock, LockGuard, SharedBuffer, Slot, TimedOut};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

over_every_origin! {
    fresh_memory_is_a_condition_that_nobody_waits_for
    a_waiter_lets_go_of_the_lock_and_returns_with_it
    a_notify_is_not_missed_with_the_lock_held_or_not
    a_notify_lets_one_return
    a_notify_of_all_lets_all_return
    no_item_is_lost_between_two_agents
    waiting_while_a_condition_holds_asks_it_under_the_lock
    a_condition_that_does_not_hold_is_not_waited_for
    a_timed_wait_ends_not_before_its_time
    a_timed_wait_says_whether_its_time_ran_out
    a_timed_wait_while_says_whether_the_condition_holds_still
    a_timed_wait_that_gave_up_does_not_hold_the_lock
    a_timed_wait_returns_in_time_though_a_peer_holds_the_lock
    a_notify_taken_by_a_waiter_that_cannot_get_the_lock_is_passed_on
    a_deadline_in_the_past_lets_go_of_the_lock
    the_guard_of_another_lock_panics_and_is_unlocked
    a_notify_without_waiters_changes_nothing
    the_sequence_wraps_around
    two_handles_over_one_condition_are_one
    a_stray_wake_hides_no_notify
    conditions_in_neighbouring_slots_are_strangers
    garbage_in_both_words_is_survived
}

#[cfg(target_os = "linux")] // Which tells how many were woken.
over_every_origin! { a_stray_wake_is_passed_on_to_all }

const LOCK: usize = 4;
const COND: usize = 5;

fn lock(memory: &Memory) -> Lock<'_> {
    Lock::new(&memory.buffer, LOCK).unwrap()
}

fn cond(memory: &Memory) -> Cond<'_> {
    Cond::new(&memory.buffer, COND, lock(memory)).unwrap()
}

/// The sequence, the count of those who wait, and a word that the conditions of the tests are about.
fn words(memory: &Memory) -> [Slot<'_>; 3] {
    [COND, COND + 1, 64].map(|index| memory.buffer.slot(index).unwrap())
}

fn values(memory: &Memory) -> [i32; 2] {
    let [seq, waiters, _] = words(memory);
    [seq, waiters].map(|word| word.load(Relaxed))
}

/// Waits until that many wait, and have let go of the lock.
fn until_waiting(memory: &Memory, number: i32) {
    let [_, waiters, _] = words(memory);
    until("that many wait", || {
        let _guard = lock(memory).lock();
        waiters.load(Relaxed) == number
    });
}

fn fresh_memory_is_a_condition_that_nobody_waits_for(memory: &Memory) {
    assert_eq!(cond(memory).lock(), lock(memory));
    cond(memory).notify_one();
    cond(memory).notify_all();
    assert_eq!(values(memory), [0, 0]);
}

fn a_waiter_lets_go_of_the_lock_and_returns_with_it(memory: &Memory) {
    let _watchdog = Watchdog::new("a_waiter_lets_go_of_the_lock_and_returns_with_it");
    let [_, _, ready] = words(memory);
    thread::scope(|threads| {
        let waiter = threads.spawn(|| {
            let mut guard = lock(memory).lock();
            while ready.load(Relaxed) == 0 {
                guard = cond(memory).wait(guard);
                assert!(lock(memory).try_lock().is_none(), "it holds the lock");
            }
            assert_eq!(guard.lock(), lock(memory));
        });
        until_waiting(memory, 1);
        let guard = lock(memory).lock();
        ready.store(1, Relaxed);
        cond(memory).notify_one();
        assert!(!waiter.is_finished(), "it needs the lock");
        drop(guard);
        waiter.join().unwrap();
    });
    assert!(!lock(memory).is_locked());
    assert_eq!(values(memory), [1, 0]);
}

fn a_notify_is_not_missed_with_the_lock_held_or_not(memory: &Memory) {
    let _watchdog = Watchdog::new("a_notify_is_not_missed_with_the_lock_held_or_not");
    let [_, _, ready] = words(memory);
    for round in 0..400 {
        ready.store(0, Relaxed);
        let set = || {
            let guard = lock(memory).lock();
            ready.store(1, Relaxed);
            guard
        };
        thread::scope(|threads| {
            threads.spawn(|| drop(cond(memory).wait_while(lock(memory).lock(), || ready.load(Relaxed) == 0)));
            let guard = set();
            if round % 2 == 0 {
                cond(memory).notify_one();
                drop(guard);
            } else {
                drop(guard);
                cond(memory).notify_one();
            }
        });
    }
    assert_eq!(values(memory)[1], 0);
}

fn a_notify_lets_one_return(memory: &Memory) {
    let _watchdog = Watchdog::new("a_notify_lets_one_return");
    let [_, _, tokens] = words(memory);
    let passed = AtomicUsize::new(0);
    thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| {
                let guard = cond(memory).wait_while(lock(memory).lock(), || tokens.load(Relaxed) == 0);
                tokens.fetch_sub(1, Relaxed);
                passed.fetch_add(1, Relaxed);
                drop(guard);
            });
        }
        until_waiting(memory, 4);
        for number in 1..=4 {
            let guard = lock(memory).lock();
            tokens.fetch_add(1, Relaxed);
            drop(guard);
            cond(memory).notify_one();
            until("one has passed", || passed.load(Relaxed) == number);
        }
    });
    assert_eq!((tokens.load(Relaxed), values(memory)[1]), (0, 0));
}

fn a_notify_of_all_lets_all_return(memory: &Memory) {
    let _watchdog = Watchdog::new("a_notify_of_all_lets_all_return");
    let [_, _, ready] = words(memory);
    for round in 1..=50 {
        thread::scope(|threads| {
            for _ in 0..4 {
                threads.spawn(|| drop(cond(memory).wait_while(lock(memory).lock(), || ready.load(Relaxed) < round)));
            }
            until_waiting(memory, 4);
            let guard = lock(memory).lock();
            ready.store(round, Relaxed);
            drop(guard);
            cond(memory).notify_all();
        });
        assert_eq!(values(memory)[1], 0);
    }
}

fn no_item_is_lost_between_two_agents(memory: &Memory) {
    let _watchdog = Watchdog::new("no_item_is_lost_between_two_agents");
    let item = Plain::default();
    // Two conditions on one lock: a mailbox of one.
    let filled = cond(memory);
    let emptied = Cond::new(&memory.buffer, COND + 2, lock(memory)).unwrap();
    thread::scope(|threads| {
        threads.spawn(|| {
            for expected in 1..=2_000 {
                let guard = filled.wait_while(lock(memory).lock(), || item.read() == 0);
                assert_eq!(item.read(), expected);
                item.write(0);
                drop(guard);
                emptied.notify_one();
            }
        });
        for number in 1..=2_000 {
            let guard = emptied.wait_while(lock(memory).lock(), || item.read() != 0);
            item.write(number);
            drop(guard);
            filled.notify_one();
        }
    });
    assert_eq!(item.read(), 0);
}

fn waiting_while_a_condition_holds_asks_it_under_the_lock(memory: &Memory) {
    let _watchdog = Watchdog::new("waiting_while_a_condition_holds_asks_it_under_the_lock");
    let [_, _, left] = words(memory);
    left.store(3, Relaxed);
    thread::scope(|threads| {
        let waiter = threads.spawn(|| {
            let mut asked = 0;
            let condition = || {
                assert!(lock(memory).try_lock().is_none(), "asked with the lock held");
                asked += 1;
                left.load(Relaxed) != 0
            };
            let guard = cond(memory).wait_while(lock(memory).lock(), condition);
            assert_eq!(left.load(Relaxed), 0, "it still does not hold");
            drop(guard);
            asked
        });
        until_waiting(memory, 1);
        while left.load(Relaxed) != 0 {
            let guard = lock(memory).lock();
            left.fetch_sub(1, Relaxed);
            drop(guard);
            cond(memory).notify_one();
        }
        assert!(waiter.join().unwrap() >= 2, "once before the sleep, and once after it");
    });
}

fn a_condition_that_does_not_hold_is_not_waited_for(memory: &Memory) {
    let guard = cond(memory).wait_while(lock(memory).lock(), || false);
    let guard = cond(memory).wait_while_for(guard, || false, Duration::ZERO).unwrap();
    let guard = cond(memory).wait_while_until(guard, || false, Instant::now()).unwrap();
    assert!(lock(memory).is_locked());
    drop(guard);
    assert_eq!(values(memory), [0, 0]);
}

fn a_timed_wait_ends_not_before_its_time(memory: &Memory) {
    let _watchdog = Watchdog::new("a_timed_wait_ends_not_before_its_time");
    // A wait may return for no reason, and then says that its time is not over.
    assert_not_early(
        |timeout| {
            let deadline = Instant::now() + timeout;
            while cond(memory).wait_for(lock(memory).lock(), timeout).is_ok() {}
            Instant::now() >= deadline
        },
        |deadline| {
            while cond(memory).wait_until(lock(memory).lock(), deadline).is_ok() {}
            true
        },
    );
    assert_not_early(
        |timeout| cond(memory).wait_while_for(lock(memory).lock(), || true, timeout).is_err(),
        |deadline| cond(memory).wait_while_until(lock(memory).lock(), || true, deadline).is_err(),
    );
    assert!(!lock(memory).is_locked());
    assert_eq!(values(memory)[1], 0, "a waiter that gave up does not wait");
}

fn a_timed_wait_says_whether_its_time_ran_out(memory: &Memory) {
    let _watchdog = Watchdog::new("a_timed_wait_says_whether_its_time_ran_out");
    for timeout in [LONG, Duration::MAX] {
        thread::scope(|threads| {
            let waiter = threads.spawn(|| cond(memory).wait_for(lock(memory).lock(), timeout).map(drop));
            until_waiting(memory, 1);
            cond(memory).notify_one();
            assert_eq!(waiter.join().unwrap(), Ok(()));
        });
        assert!(!lock(memory).is_locked());
    }
}

fn a_timed_wait_while_says_whether_the_condition_holds_still(memory: &Memory) {
    let _watchdog = Watchdog::new("a_timed_wait_while_says_whether_the_condition_holds_still");
    let [_, _, ready] = words(memory);
    for timeout in [LONG, Duration::MAX] {
        ready.store(0, Relaxed);
        thread::scope(|threads| {
            let is_busy = || ready.load(Relaxed) == 0;
            let waiter =
                threads.spawn(move || cond(memory).wait_while_for(lock(memory).lock(), is_busy, timeout).map(drop));
            until_waiting(memory, 1);
            // A notify for nothing does not end it.
            cond(memory).notify_all();
            until_waiting(memory, 1);
            let guard = lock(memory).lock();
            ready.store(1, Relaxed);
            drop(guard);
            cond(memory).notify_all();
            assert_eq!(waiter.join().unwrap(), Ok(()));
        });
    }
    // It does not hold any more when the time is over: that is what counts.
    let mut asked = 0;
    let is_first = || {
        asked += 1;
        asked == 1
    };
    let deadline = Instant::now() + Duration::from_millis(1);
    let guard = cond(memory).wait_while_until(lock(memory).lock(), is_first, deadline).unwrap();
    assert!(lock(memory).is_locked());
    drop(guard);
}

/// A timed wait, by which a test calls each of the four.
type TimedWait = for<'buf> fn(Cond<'buf>, LockGuard<'buf>, &AtomicUsize) -> Result<LockGuard<'buf>, TimedOut>;

/// Long enough that another thread takes the lock meanwhile.
const MEANWHILE: Duration = Duration::from_millis(200);

/// They count how often they ask the condition, which holds.
const TIMED_WAITS: [TimedWait; 4] = [
    |cond, guard, _| cond.wait_for(guard, MEANWHILE),
    |cond, guard, _| cond.wait_until(guard, Instant::now() + MEANWHILE),
    |cond, guard, asked| cond.wait_while_for(guard, || asked.fetch_add(1, Relaxed) < usize::MAX, MEANWHILE),
    |cond, guard, asked| {
        cond.wait_while_until(guard, || asked.fetch_add(1, Relaxed) < usize::MAX, Instant::now() + MEANWHILE)
    },
];

fn a_timed_wait_returns_in_time_though_a_peer_holds_the_lock(memory: &Memory) {
    let _watchdog = Watchdog::new("a_timed_wait_returns_in_time_though_a_peer_holds_the_lock");
    for (number, wait) in TIMED_WAITS.into_iter().enumerate() {
        for notifies in [false, true] {
            // Unless the machine keeps the peer from its processor, once is enough.
            while !peer_holds_the_lock_at_the_end_of(memory, wait, number >= 2, notifies) {}
        }
    }
}

/// Waits while a peer takes the lock, notifies or does not, and holds the lock until the wait has returned. Returns
/// whether the peer did so in time.
fn peer_holds_the_lock_at_the_end_of(memory: &Memory, wait: TimedWait, asks: bool, notifies: bool) -> bool {
    let (took_it, has_returned) = (OnceLock::new(), AtomicBool::new(false));
    let asked = AtomicUsize::new(0);
    thread::scope(|threads| {
        let guard = lock(memory).lock();
        threads.spawn(|| {
            let _guard = lock(memory).lock();
            if notifies {
                cond(memory).notify_one();
            }
            took_it.set(Instant::now()).unwrap();
            until("the wait has returned", || has_returned.load(Relaxed));
        });
        let _returned = OnDrop(|| has_returned.store(true, Relaxed));
        let start = Instant::now();
        let answer = wait(cond(memory), guard, &asked);
        if took_it.get().is_none_or(|took_it| *took_it >= start + MEANWHILE) {
            return false;
        }
        assert_eq!(answer.map(drop), Err(TimedOut));
        assert!(start.elapsed() >= MEANWHILE, "and not before its time");
        assert!(lock(memory).is_locked(), "the peer still holds it");
        assert_eq!(values(memory)[1], 0, "the waiter has counted itself out");
        assert_eq!(asked.load(Relaxed), usize::from(asks), "nobody asks without the lock");
        true
    })
}

fn a_timed_wait_that_gave_up_does_not_hold_the_lock(memory: &Memory) {
    for wait in TIMED_WAITS {
        // It may return for no reason, and then with the lock.
        loop {
            let answer = wait(cond(memory), lock(memory).lock(), &AtomicUsize::new(0));
            assert_eq!(lock(memory).is_locked(), answer.is_ok());
            if answer.map(drop) == Err(TimedOut) {
                break;
            }
        }
        drop(lock(memory).try_lock().expect("nobody holds it"));
    }
    assert_eq!(values(memory)[1], 0);
}

fn a_notify_taken_by_a_waiter_that_cannot_get_the_lock_is_passed_on(memory: &Memory) {
    if !sees_sleepers() {
        return skipped("a notify that is passed on", "the system does not tell whether both waiters sleep");
    }
    let _watchdog = Watchdog::new("a_notify_taken_by_a_waiter_that_cannot_get_the_lock_is_passed_on");
    let [seq, _, ready] = words(memory);
    for wait in TIMED_WAITS {
        ready.store(0, Relaxed);
        seq.store(0, Relaxed);
        thread::scope(|threads| {
            // The first to sleep is the first to be woken. Where it is not, the second needs nothing passed on.
            let hasty =
                sleepers(threads, 1, move || wait(cond(memory), lock(memory).lock(), &AtomicUsize::new(0)).map(drop));
            let patient = sleepers(threads, 1, || {
                drop(cond(memory).wait_while(lock(memory).lock(), || ready.load(Relaxed) == 0));
            });
            let guard = lock(memory).lock();
            ready.store(1, Relaxed);
            // The only one.
            cond(memory).notify_one();
            assert_eq!(join_all(hasty), [Err(TimedOut)], "the lock was held until its time was over");
            drop(guard);
            join_all(patient);
        });
        assert!(!lock(memory).is_locked());
        assert_eq!(values(memory)[1], 0);
    }
}

fn a_deadline_in_the_past_lets_go_of_the_lock(memory: &Memory) {
    type Wait<'a> = &'a dyn Fn(LockGuard<'_>) -> Result<(), TimedOut>;
    let past = Instant::now();
    let waits: [Wait<'_>; 4] = [
        &|guard| cond(memory).wait_until(guard, past).map(drop),
        &|guard| cond(memory).wait_for(guard, Duration::ZERO).map(drop),
        &|guard| cond(memory).wait_while_for(guard, || true, Duration::ZERO).map(drop),
        &|guard| cond(memory).wait_while_until(guard, || true, past).map(drop),
    ];
    for wait in waits {
        assert_eq!(wait(lock(memory).lock()), Err(TimedOut));
        assert!(!lock(memory).is_locked());
        assert_eq!(values(memory), [0, 0]);
    }
}

fn the_guard_of_another_lock_panics_and_is_unlocked(memory: &Memory) {
    let other = Lock::new(&memory.buffer, LOCK + 5).unwrap();
    let waits: [&dyn Fn(); 3] =
        [&|| drop(cond(memory).wait(other.lock())), &|| drop(cond(memory).wait_for(other.lock(), LONG)), &|| {
            drop(cond(memory).wait_while(other.lock(), || true))
        }];
    for wait in waits {
        assert!(catch_unwind(AssertUnwindSafe(wait)).is_err());
        assert!(!other.is_locked());
        assert_eq!(values(memory), [0, 0]);
    }
}

fn a_notify_without_waiters_changes_nothing(memory: &Memory) {
    let [seq, _, _] = words(memory);
    for before in [0, 7, -1, i32::MAX] {
        seq.store(before, Relaxed);
        cond(memory).notify_one();
        cond(memory).notify_all();
        assert_eq!(values(memory), [before, 0]);
    }
}

fn the_sequence_wraps_around(memory: &Memory) {
    let _watchdog = Watchdog::new("the_sequence_wraps_around");
    let [seq, _, tokens] = words(memory);
    for first in [-1, i32::MAX, i32::MIN] {
        seq.store(first, Relaxed);
        thread::scope(|threads| {
            for _ in 0..2 {
                threads.spawn(|| {
                    for _ in 0..200 {
                        let guard = cond(memory).wait_while(lock(memory).lock(), || tokens.load(Relaxed) == 0);
                        tokens.fetch_sub(1, Relaxed);
                        drop(guard);
                    }
                });
            }
            for _ in 0..400 {
                let guard = lock(memory).lock();
                tokens.fetch_add(1, Relaxed);
                drop(guard);
                cond(memory).notify_one();
            }
        });
        assert_eq!(tokens.load(Relaxed), 0);
        assert_eq!(values(memory)[1], 0);
    }
    // In particular, the step over the edge reaches a waiter.
    for first in [-1, i32::MAX] {
        seq.store(first, Relaxed);
        thread::scope(|threads| {
            let waiter = threads.spawn(|| cond(memory).wait_for(lock(memory).lock(), LONG).map(drop));
            until_waiting(memory, 1);
            cond(memory).notify_one();
            assert_eq!(waiter.join().unwrap(), Ok(()));
        });
        assert_eq!(values(memory), [first.wrapping_add(1), 0]);
    }
}

fn two_handles_over_one_condition_are_one(memory: &Memory) {
    let _watchdog = Watchdog::new("two_handles_over_one_condition_are_one");
    let [_, _, ready] = words(memory);
    // Of more slots it takes the first two.
    let slots = memory.buffer.slots(COND..).unwrap();
    let (one, other) = (cond(memory), Cond::from_slots(slots, lock(memory)).unwrap());
    assert_eq!(one, other);
    thread::scope(|threads| {
        threads.spawn(|| drop(one.wait_while(lock(memory).lock(), || ready.load(Relaxed) == 0)));
        until_waiting(memory, 1);
        let guard = lock(memory).lock();
        ready.store(1, Relaxed);
        drop(guard);
        other.notify_one();
    });
}

fn a_stray_wake_hides_no_notify(memory: &Memory) {
    let _watchdog = Watchdog::new("a_stray_wake_hides_no_notify");
    let [seq, _, tokens] = words(memory);
    let is_over = AtomicBool::new(false);
    let passed = AtomicUsize::new(0);
    under_stray_wakes(seq, || {
        thread::scope(|threads| {
            for _ in 0..3 {
                threads.spawn(|| {
                    loop {
                        let is_idle = || tokens.load(Relaxed) == 0 && !is_over.load(Relaxed);
                        let _guard = cond(memory).wait_while(lock(memory).lock(), is_idle);
                        if is_over.load(Relaxed) {
                            break;
                        }
                        tokens.fetch_sub(1, Relaxed);
                        passed.fetch_add(1, Relaxed);
                    }
                });
            }
            for number in 1..=300 {
                let guard = lock(memory).lock();
                tokens.fetch_add(1, Relaxed);
                drop(guard);
                cond(memory).notify_one();
                until("one has passed", || passed.load(Relaxed) == number);
            }
            let guard = lock(memory).lock();
            is_over.store(true, Relaxed);
            drop(guard);
            cond(memory).notify_all();
        });
    });
    assert_eq!(values(memory)[1], 0);
}

#[cfg(target_os = "linux")]
fn a_stray_wake_is_passed_on_to_all(memory: &Memory) {
    let _watchdog = Watchdog::new("a_stray_wake_is_passed_on_to_all");
    let [seq, _, _] = words(memory);
    thread::scope(|threads| {
        let waiters = [(); 3].map(|()| threads.spawn(|| drop(cond(memory).wait(lock(memory).lock()))));
        until_waiting(memory, 3);
        // Nobody has notified since they came, so that was meant for a waiter that came before.
        until("one was woken", || seq.wake_counted(1) == Ok(1));
        for waiter in waiters {
            waiter.join().unwrap();
        }
    });
    assert_eq!(values(memory), [1, 0]);
}

fn conditions_in_neighbouring_slots_are_strangers(memory: &Memory) {
    let _watchdog = Watchdog::new("conditions_in_neighbouring_slots_are_strangers");
    let other = Cond::new(&memory.buffer, COND + 2, lock(memory)).unwrap();
    assert_ne!(other, cond(memory));
    thread::scope(|threads| {
        let waiter = threads.spawn(|| cond(memory).wait_for(lock(memory).lock(), LONG).map(drop));
        until_waiting(memory, 1);
        other.notify_all();
        assert_eq!(values(memory), [0, 1], "nobody waits for that");
        cond(memory).notify_all();
        assert_eq!(waiter.join().unwrap(), Ok(()));
    });
}

fn garbage_in_both_words_is_survived(memory: &Memory) {
    let _watchdog = Watchdog::new("garbage_in_both_words_is_survived");
    let [seq, waiters, _] = words(memory);
    let edges = [i32::MIN, -1, 0, 1, i32::MAX];
    for (sequence, count) in edges.into_iter().flat_map(|sequence| edges.map(|count| (sequence, count))) {
        seq.store(sequence, Relaxed);
        waiters.store(count, Relaxed);
        let answer = cond(memory).wait_while_for(lock(memory).lock(), || true, Duration::from_millis(1));
        assert_eq!(answer.map(drop), Err(TimedOut));
        assert_eq!(values(memory)[1], count, "a waiter that gave up has counted itself out");
        cond(memory).notify_one();
        cond(memory).notify_all();
        // Counted too many, it moves on for nobody.
        let moved = if count == 0 { 0 } else { 2 };
        assert!(values(memory)[0].wrapping_sub(sequence) >= moved);
    }
    Cond::initialize(&memory.buffer, COND, lock(memory)).unwrap();
    assert_eq!(values(memory), [0, 0]);
}

#[test]
fn a_condition_beyond_the_end_is_an_error() {
    let buffer = SharedBuffer::new(64).unwrap();
    let lock = Lock::new(&buffer, 0).unwrap();
    assert_eq!(Cond::SLOTS, 2);
    assert!(Cond::new(&buffer, 14, lock).is_ok());
    for index in [15, 16, usize::MAX] {
        let error = Error::OutOfBounds { index, count: 2, length: 16 };
        assert_eq!(Cond::new(&buffer, index, lock), Err(error.clone()));
        assert_eq!(Cond::initialize(&buffer, index, lock), Err(error));
    }
    for length in [0, 1] {
        let few = buffer.slots(16 - length..).unwrap();
        assert_eq!(Cond::from_slots(few, lock), Err(Error::OutOfBounds { index: 0, count: 2, length }));
    }
}

#[cfg(unix)]
#[test]
fn a_condition_and_a_lock_of_different_scopes_are_an_error_that_changes_nothing() {
    let (private, shared) = (SharedBuffer::new(64).unwrap(), SharedBuffer::anonymous(64).unwrap());
    for (here, there) in [(&private, &shared), (&shared, &private)] {
        let lock = Lock::new(there, 0).unwrap();
        let words = here.slots(1..3).unwrap();
        here.slot(1).unwrap().store(7, Relaxed);
        assert_eq!(Cond::new(here, 1, lock), Err(Error::ScopeMismatch));
        assert_eq!(Cond::initialize(here, 1, lock), Err(Error::ScopeMismatch));
        assert_eq!(Cond::from_slots(words, lock), Err(Error::ScopeMismatch));
        assert_eq!(here.slot(1).unwrap().load(Relaxed), 7);
    }
}

#[test]
fn initializing_makes_any_words_a_condition_that_nobody_waits_for() {
    let buffer = SharedBuffer::new(16).unwrap();
    let lock = Lock::new(&buffer, 0).unwrap();
    for left_behind in [0, 1, -7, i32::MIN, i32::MAX] {
        let words = [1, 2, 3].map(|index| buffer.slot(index).unwrap());
        words.iter().for_each(|word| word.store(left_behind, Relaxed));
        Cond::initialize(&buffer, 1, lock).unwrap();
        assert_eq!(words.map(|word| word.load(Relaxed)), [0, 0, left_behind]);
    }
}
