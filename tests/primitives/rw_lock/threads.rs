//! What a reader-writer lock promises, over every origin of memory, between threads.

use crate::support::{
    LONG, Memory, Plain, SHORT, Watchdog, assert_not_early, join_all, sees_sleepers, sleepers, until,
};
use slotsync::{Error, NotHeld, RwLock, RwLockReadGuard, RwLockWriteGuard, Scope, SharedBuffer, Slot, TimedOut};
use std::mem;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

over_every_origin! {
    fresh_memory_is_an_unlocked_lock
    many_read_at_once
    one_writes_alone
    readers_and_writers_exclude_each_other
    a_release_reaches_all_who_wait
    a_writer_that_waits_keeps_arriving_readers_out
    a_writer_that_gives_up_lets_readers_in_at_once
    one_writer_that_gives_up_does_not_strand_another
    a_writer_that_is_woken_for_nothing_keeps_its_place
    a_timed_wait_ends_not_before_its_time
    a_timed_wait_takes_what_becomes_free
    a_deadline_in_the_past_is_a_try
    a_mark_that_nobody_stands_for_keeps_nobody_out_of_a_free_lock
    any_agent_may_unlock
    a_lock_that_is_not_held_so_cannot_be_unlocked_so
    a_guard_outlives_its_handle
    a_downgrade_lets_other_readers_in_at_once
    a_downgrade_after_a_wait_lets_other_readers_in_at_once
    a_downgrade_leaves_a_writer_that_waits_its_place
    only_the_only_reader_goes_on_to_write
    a_reader_that_upgrades_overtakes_a_writer_that_waits_and_wakes_it
    a_full_count_lets_nobody_in
    a_reader_at_a_full_count_gets_in_when_one_leaves
    readers_behind_a_dead_writer_get_in_when_the_readers_have_left
    locks_in_neighbouring_slots_are_strangers
    every_word_is_survived
}

const WRITING: i32 = 1 << 29;
const READERS_WAITING: i32 = 1 << 30;
const WRITERS_WAITING: i32 = i32::MIN;
const MARKS: [i32; 4] = [0, READERS_WAITING, WRITERS_WAITING, READERS_WAITING | WRITERS_WAITING];
const MAX: i32 = RwLock::MAX_READERS as i32;

fn rw_lock(memory: &Memory) -> RwLock<'_> {
    RwLock::new(&memory.buffer, 5).unwrap()
}

fn word(memory: &Memory) -> Slot<'_> {
    memory.buffer.slot(5).unwrap()
}

fn until_marked(memory: &Memory, mark: i32) {
    until("the waiter has left its mark", || word(memory).load(Relaxed) & mark != 0);
}

fn can_read(lock: RwLock<'_>) -> bool {
    lock.try_read().is_some()
}

fn fresh_memory_is_an_unlocked_lock(memory: &Memory) {
    let lock = rw_lock(memory);
    assert_eq!((lock.readers(), lock.is_write_locked()), (0, false));
    drop(lock.try_write().expect("a fresh lock is free"));
    drop(lock.try_read().expect("a fresh lock is free"));
    assert_eq!(word(memory).load(Relaxed), 0);
}

fn many_read_at_once(memory: &Memory) {
    let _watchdog = Watchdog::new("many_read_at_once");
    let lock = rw_lock(memory);
    let guards: [RwLockReadGuard<'_>; 4] =
        [lock.read(), lock.try_read().unwrap(), lock.read_for(LONG).unwrap(), lock.read_until(Instant::now()).unwrap()];
    assert_eq!((lock.readers(), lock.is_write_locked()), (4, false));
    assert!(lock.try_write().is_none());
    assert_eq!(word(memory).load(Relaxed), 4, "a failed try changes nothing");
    drop(guards);
    assert_eq!(word(memory).load(Relaxed), 0);
    // All must be in at the same time to pass.
    let meeting = Barrier::new(4);
    thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| {
                let _guard = lock.read();
                meeting.wait();
            });
        }
    });
    assert_eq!(lock.readers(), 0);
}

fn one_writes_alone(memory: &Memory) {
    let ways: [fn(RwLock<'_>) -> RwLockWriteGuard<'_>; 4] = [
        |lock| lock.write(),
        |lock| lock.try_write().unwrap(),
        |lock| lock.write_for(LONG).unwrap(),
        |lock| lock.write_until(Instant::now()).unwrap(),
    ];
    let lock = rw_lock(memory);
    for write in ways {
        let guard = write(lock);
        assert_eq!((lock.readers(), lock.is_write_locked()), (0, true));
        assert!(lock.try_write().is_none());
        assert!(!can_read(lock));
        assert_eq!(word(memory).load(Relaxed), WRITING, "a failed try changes nothing");
        drop(guard);
        assert_eq!(word(memory).load(Relaxed), 0);
    }
}

fn readers_and_writers_exclude_each_other(memory: &Memory) {
    let _watchdog = Watchdog::new("readers_and_writers_exclude_each_other");
    const ROUNDS: i32 = 2_000;
    let lock = rw_lock(memory);
    let (low, high) = (Plain::default(), Plain::default());
    let brief = |round: i32| Duration::from_micros(round as u64 % 60);
    thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| {
                let mut writes = 0;
                for round in 0.. {
                    if writes == ROUNDS {
                        break;
                    }
                    let guard = match round % 4 {
                        0 => lock.try_write(),
                        1 => lock.write_for(brief(round)).ok(),
                        _ => Some(lock.write()),
                    };
                    let Some(guard) = guard else { continue };
                    writes += 1;
                    low.write(low.read() + 1);
                    high.write(high.read() + 1);
                    if round % 3 == 0 {
                        let _guard = guard.downgrade();
                        assert_eq!(low.read(), high.read());
                    }
                }
            });
        }
        for _ in 0..3 {
            threads.spawn(|| {
                for round in 0..ROUNDS {
                    let guard = match round % 4 {
                        0 => lock.try_read(),
                        1 => lock.read_for(brief(round)).ok(),
                        _ => Some(lock.read()),
                    };
                    let Some(guard) = guard else { continue };
                    assert_eq!(low.read(), high.read());
                    if let Ok(_guard) = guard.try_upgrade() {
                        low.write(low.read());
                    }
                }
            });
        }
    });
    assert_eq!((low.read(), high.read()), (2 * ROUNDS, 2 * ROUNDS));
    assert_eq!((lock.readers(), lock.is_write_locked()), (0, false));
}

fn a_release_reaches_all_who_wait(memory: &Memory) {
    let _watchdog = Watchdog::new("a_release_reaches_all_who_wait");
    let lock = rw_lock(memory);
    let read = || drop(lock.read());
    let write = || drop(lock.write());
    for (readers, writers) in [(1, 0), (3, 0), (0, 1), (0, 3), (1, 1), (2, 2)] {
        for writers_first in [false, true] {
            for held_by_a_writer in [false, true] {
                // Behind a reader nobody waits but writers, and readers behind these.
                if !held_by_a_writer && (writers == 0 || !writers_first) {
                    continue;
                }
                thread::scope(|threads| {
                    if held_by_a_writer {
                        mem::forget(lock.write());
                    } else {
                        mem::forget(lock.read());
                    }
                    // They sleep in this order.
                    let mut waiters = Vec::new();
                    if writers_first {
                        waiters.extend(sleepers(threads, writers, write));
                        if writers > 0 {
                            until_marked(memory, WRITERS_WAITING);
                        }
                        waiters.extend(sleepers(threads, readers, read));
                    } else {
                        waiters.extend(sleepers(threads, readers, read));
                        waiters.extend(sleepers(threads, writers, write));
                    }
                    if held_by_a_writer {
                        lock.unlock_write().unwrap();
                    } else {
                        lock.unlock_read().unwrap();
                    }
                    join_all(waiters);
                });
                assert_eq!(word(memory).load(Relaxed), 0, "and nothing is left behind");
            }
        }
    }
}

fn a_writer_that_waits_keeps_arriving_readers_out(memory: &Memory) {
    let _watchdog = Watchdog::new("a_writer_that_waits_keeps_arriving_readers_out");
    let lock = rw_lock(memory);
    let is_written = AtomicBool::new(false);
    let guard = lock.read();
    thread::scope(|threads| {
        let writers = sleepers(threads, 1, || {
            let _guard = lock.write();
            is_written.store(true, Relaxed);
        });
        until_marked(memory, WRITERS_WAITING);
        assert!(!can_read(lock));
        assert!(lock.read_for(Duration::ZERO).is_err());
        let readers = sleepers(threads, 3, || {
            let _guard = lock.read();
            is_written.load(Relaxed)
        });
        until_marked(memory, READERS_WAITING);
        assert_eq!(lock.readers(), 1, "only the one that was there before");
        drop(guard);
        let answers = join_all(readers);
        // Where the two kinds cannot be woken apart, all run for the lock, as does an agent that looks at the end of a slice.
        if sees_sleepers() && memory.buffer.scope() == Scope::Private {
            assert_eq!(answers, [true; 3], "a reader that came later overtook the writer");
        }
        join_all(writers);
    });
    assert_eq!(word(memory).load(Relaxed), 0);
}

fn a_writer_that_gives_up_lets_readers_in_at_once(memory: &Memory) {
    let _watchdog = Watchdog::new("a_writer_that_gives_up_lets_readers_in_at_once");
    let lock = rw_lock(memory);
    let guard = lock.read();
    for _ in 0..5 {
        thread::scope(|threads| {
            let writer = threads.spawn(|| lock.write_for(5 * SHORT).is_err());
            until("the writer waits or has given up", || {
                writer.is_finished() || word(memory).load(Relaxed) & WRITERS_WAITING != 0
            });
            let readers: Vec<_> = (0..2).map(|_| threads.spawn(|| drop(lock.read()))).collect();
            // While the first reader still holds the lock.
            join_all(readers);
            assert!(writer.join().unwrap());
            assert!(can_read(lock));
        });
    }
    assert_eq!(lock.readers(), 1);
    drop(guard);
}

fn one_writer_that_gives_up_does_not_strand_another(memory: &Memory) {
    let _watchdog = Watchdog::new("one_writer_that_gives_up_does_not_strand_another");
    let lock = rw_lock(memory);
    let guard = lock.read();
    thread::scope(|threads| {
        let patient = sleepers(threads, 1, || drop(lock.write()));
        assert!(lock.write_for(SHORT).is_err());
        until_marked(memory, WRITERS_WAITING);
        assert!(!can_read(lock), "the other writer still waits");
        drop(guard);
        join_all(patient);
    });
    assert_eq!(word(memory).load(Relaxed), 0);
}

fn a_writer_that_is_woken_for_nothing_keeps_its_place(memory: &Memory) {
    let _watchdog = Watchdog::new("a_writer_that_is_woken_for_nothing_keeps_its_place");
    let lock = rw_lock(memory);
    let guard = lock.read();
    thread::scope(|threads| {
        let writers = sleepers(threads, 2, || drop(lock.write()));
        for _ in 0..5 {
            until_marked(memory, WRITERS_WAITING);
            // As a writer does that gives up and finds no writer asleep.
            word(memory).fetch_and(!WRITERS_WAITING, Relaxed);
            word(memory).wake(u32::MAX);
        }
        until_marked(memory, WRITERS_WAITING);
        assert!(!can_read(lock), "they keep their place");
        drop(guard);
        join_all(writers);
    });
    assert_eq!(word(memory).load(Relaxed), 0);
}

/// The mark of a writer that died while it waited.
fn readers_behind_a_dead_writer_get_in_when_the_readers_have_left(memory: &Memory) {
    let _watchdog = Watchdog::new("readers_behind_a_dead_writer_get_in_when_the_readers_have_left");
    let lock = rw_lock(memory);
    for timeout in [LONG, Duration::MAX] {
        word(memory).store(2 | WRITERS_WAITING, Relaxed);
        thread::scope(|threads| {
            let waiters = sleepers(threads, 2, move || lock.read_for(timeout).map(drop));
            until_marked(memory, READERS_WAITING);
            assert_eq!(lock.read_for(SHORT).map(drop), Err(TimedOut));
            lock.unlock_read().unwrap();
            assert_eq!(lock.read_for(SHORT).map(drop), Err(TimedOut), "one of the two still reads");
            assert_eq!(word(memory).load(Relaxed), 1 | READERS_WAITING | WRITERS_WAITING, "nobody took the mark away");
            lock.unlock_read().unwrap();
            assert_eq!(join_all(waiters), [Ok(()); 2]);
        });
        assert_eq!(word(memory).load(Relaxed), 0);
    }
}

fn a_timed_wait_ends_not_before_its_time(memory: &Memory) {
    let lock = rw_lock(memory);
    let assert_no_read = || {
        assert_not_early(|timeout| lock.read_for(timeout).is_err(), |deadline| lock.read_until(deadline).is_err());
    };
    let assert_no_write = || {
        assert_not_early(|timeout| lock.write_for(timeout).is_err(), |deadline| lock.write_until(deadline).is_err());
    };
    let guard = lock.write();
    assert_no_read();
    assert_no_write();
    assert!(lock.is_write_locked(), "giving up must not unlock");
    drop(guard);
    let guard = lock.read();
    assert_no_write();
    assert_eq!(word(memory).load(Relaxed), 1, "a writer that gave up leaves no mark");
    word(memory).fetch_or(WRITERS_WAITING, Relaxed);
    assert_no_read();
    let marks = READERS_WAITING | WRITERS_WAITING;
    assert_eq!(word(memory).load(Relaxed), 1 | marks, "giving up must neither unlock nor take a writer's mark away");
    drop(guard);
}

fn a_timed_wait_takes_what_becomes_free(memory: &Memory) {
    let _watchdog = Watchdog::new("a_timed_wait_takes_what_becomes_free");
    let lock = rw_lock(memory);
    for timeout in [LONG, Duration::MAX] {
        thread::scope(|threads| {
            let guard = lock.write();
            let reader = threads.spawn(move || lock.read_for(timeout).is_ok());
            until_marked(memory, READERS_WAITING);
            drop(guard);
            assert!(reader.join().unwrap());

            let guard = lock.read();
            let writer = threads.spawn(move || lock.write_for(timeout).is_ok());
            until_marked(memory, WRITERS_WAITING);
            drop(guard);
            assert!(writer.join().unwrap());
        });
        assert_eq!(word(memory).load(Relaxed), 0);
    }
}

fn a_deadline_in_the_past_is_a_try(memory: &Memory) {
    let past = Instant::now();
    let lock = rw_lock(memory);
    drop(lock.write_until(past).expect("free, so it is taken"));
    drop(lock.write_for(Duration::ZERO).expect("free, so it is taken"));
    drop(lock.read_until(past).expect("free, so it is taken"));
    drop(lock.read_for(Duration::ZERO).expect("free, so it is taken"));
    for held in [WRITING, 1 | WRITERS_WAITING] {
        word(memory).store(held, Relaxed);
        assert!(lock.read_until(past).is_err());
        assert!(lock.read_for(Duration::ZERO).is_err());
        assert!(lock.write_until(past).is_err());
        assert!(lock.write_for(Duration::ZERO).is_err());
        assert_eq!(word(memory).load(Relaxed), held, "an agent that did not wait changes no mark");
    }
}

/// As a process leaves it that dies between its mark and its next look.
fn a_mark_that_nobody_stands_for_keeps_nobody_out_of_a_free_lock(memory: &Memory) {
    let _watchdog = Watchdog::new("a_mark_that_nobody_stands_for_keeps_nobody_out");
    let lock = rw_lock(memory);
    let reads: [fn(RwLock<'_>) -> Option<RwLockReadGuard<'_>>; 4] = [
        |lock| lock.try_read(),
        |lock| lock.read_for(Duration::ZERO).ok(),
        |lock| lock.read_until(Instant::now()).ok(),
        |lock| Some(lock.read()),
    ];
    let writes: [fn(RwLock<'_>) -> Option<RwLockWriteGuard<'_>>; 4] = [
        |lock| lock.try_write(),
        |lock| lock.write_for(Duration::ZERO).ok(),
        |lock| lock.write_until(Instant::now()).ok(),
        |lock| Some(lock.write()),
    ];
    for marks in MARKS {
        for read in reads {
            word(memory).store(marks, Relaxed);
            let guard = read(lock).expect("nobody holds it");
            assert_eq!(word(memory).load(Relaxed), 1 | marks, "others may sleep");
            drop(guard);
            assert_eq!(word(memory).load(Relaxed), 0);
        }
        for write in writes {
            word(memory).store(marks, Relaxed);
            let guard = write(lock).expect("nobody holds it");
            assert_eq!(word(memory).load(Relaxed), WRITING | marks, "others may sleep");
            drop(guard);
            assert_eq!(word(memory).load(Relaxed), 0);
        }
    }
}

fn any_agent_may_unlock(memory: &Memory) {
    let _watchdog = Watchdog::new("any_agent_may_unlock");
    let lock = rw_lock(memory);
    mem::forget(lock.write());
    thread::scope(|threads| {
        let waiters = sleepers(threads, 1, || drop(lock.read()));
        until_marked(memory, READERS_WAITING);
        threads.spawn(|| lock.unlock_write().unwrap()).join().unwrap();
        join_all(waiters);
    });
    mem::forget(lock.read());
    thread::scope(|threads| {
        let waiters = sleepers(threads, 1, || drop(lock.write()));
        until_marked(memory, WRITERS_WAITING);
        threads.spawn(|| lock.unlock_read().unwrap()).join().unwrap();
        join_all(waiters);
    });
    // Guards are Send for the same reason.
    let guard = lock.write();
    thread::scope(|threads| threads.spawn(move || drop(guard)).join().unwrap());
    let guard = lock.read();
    thread::scope(|threads| threads.spawn(move || drop(guard)).join().unwrap());
    assert_eq!(word(memory).load(Relaxed), 0);
}

fn a_lock_that_is_not_held_so_cannot_be_unlocked_so(memory: &Memory) {
    let lock = rw_lock(memory);
    for marks in MARKS {
        for (held, can_unlock_read, can_unlock_write) in [
            (0, false, false),
            (1, true, false),
            (2, true, false),
            (MAX, true, false),
            (WRITING, false, true),
            (WRITING | 1, false, true),
            (WRITING | MAX, false, true),
        ] {
            let before = held | marks;
            word(memory).store(before, Relaxed);
            let answer = lock.unlock_read();
            assert_eq!(answer, if can_unlock_read { Ok(()) } else { Err(NotHeld) }, "{before:#x}");
            let after = if !can_unlock_read {
                before
            } else if held == 1 {
                0
            } else if held == MAX {
                // It lets those in that found the count full.
                (before - 1) & !READERS_WAITING
            } else {
                before - 1
            };
            assert_eq!(word(memory).load(Relaxed), after, "{before:#x}");

            word(memory).store(before, Relaxed);
            let answer = lock.unlock_write();
            assert_eq!(answer, if can_unlock_write { Ok(()) } else { Err(NotHeld) }, "{before:#x}");
            assert_eq!(word(memory).load(Relaxed), if can_unlock_write { 0 } else { before }, "{before:#x}");
        }
    }
    word(memory).store(0, Relaxed);
    // Unlocked already, by another agent: no panic.
    let guard = lock.write();
    assert_eq!(lock.unlock_write(), Ok(()));
    drop(guard);
    let guard = lock.write();
    assert_eq!(lock.unlock_write(), Ok(()));
    drop(guard.downgrade());
    let guard = lock.read();
    assert_eq!(lock.unlock_read(), Ok(()));
    drop(guard.try_upgrade().expect_err("nobody reads, so nobody goes on to write"));
    assert_eq!(word(memory).load(Relaxed), 0);
}

fn a_guard_outlives_its_handle(memory: &Memory) {
    let guard = RwLock::new(&memory.buffer, 5).unwrap().write();
    assert_eq!(guard.lock(), rw_lock(memory));
    assert!(rw_lock(memory).is_write_locked());
    let guard = guard.downgrade();
    assert_eq!(guard.lock(), rw_lock(memory));
    assert_eq!(rw_lock(memory).readers(), 1);
}

fn a_downgrade_lets_other_readers_in_at_once(memory: &Memory) {
    let _watchdog = Watchdog::new("a_downgrade_lets_other_readers_in_at_once");
    let lock = rw_lock(memory);
    let value = Plain::default();
    let guard = lock.write();
    thread::scope(|threads| {
        let waiters = sleepers(threads, 3, || {
            let _guard = lock.read();
            value.read()
        });
        until_marked(memory, READERS_WAITING);
        value.write(7);
        let _guard = guard.downgrade();
        assert_eq!(join_all(waiters), [7; 3], "while the first still reads");
        assert_eq!((lock.readers(), lock.is_write_locked()), (1, false));
        assert!(can_read(lock));
    });
    assert_eq!(word(memory).load(Relaxed), 0);
}

fn a_downgrade_after_a_wait_lets_other_readers_in_at_once(memory: &Memory) {
    let _watchdog = Watchdog::new("a_downgrade_after_a_wait_lets_other_readers_in_at_once");
    let lock = rw_lock(memory);
    let guard = lock.write();
    // Both must read at the same time to pass.
    let (meeting, has_written) = (Barrier::new(2), AtomicBool::new(false));
    thread::scope(|threads| {
        let writers = sleepers(threads, 1, || {
            let guard = lock.write();
            has_written.store(true, Relaxed);
            let _guard = guard.downgrade();
            meeting.wait();
        });
        until_marked(memory, WRITERS_WAITING);
        let readers = sleepers(threads, 1, || {
            loop {
                let _guard = lock.read();
                // If it does not sleep when the lock is released, it may have overtaken the writer.
                if has_written.load(Relaxed) {
                    meeting.wait();
                    return;
                }
            }
        });
        until_marked(memory, READERS_WAITING);
        drop(guard);
        join_all(writers);
        join_all(readers);
    });
    assert_eq!(word(memory).load(Relaxed), 0);
}

fn a_downgrade_leaves_a_writer_that_waits_its_place(memory: &Memory) {
    let _watchdog = Watchdog::new("a_downgrade_leaves_a_writer_that_waits_its_place");
    let lock = rw_lock(memory);
    let guard = lock.write();
    thread::scope(|threads| {
        let mut waiters = sleepers(threads, 1, || drop(lock.write()));
        until_marked(memory, WRITERS_WAITING);
        waiters.extend(sleepers(threads, 2, || drop(lock.read())));
        until_marked(memory, READERS_WAITING);
        let guard = guard.downgrade();
        assert!(!lock.is_write_locked());
        // At the end of a slice, or where nobody knows who was woken, the writer has to set its mark anew.
        if !(sees_sleepers() && memory.buffer.scope() == Scope::Private) {
            until_marked(memory, WRITERS_WAITING);
        }
        assert!(!can_read(lock), "the writer comes first");
        if sees_sleepers() {
            assert_eq!(word(memory).load(Relaxed), 1 | READERS_WAITING | WRITERS_WAITING, "the readers sleep on");
        }
        drop(guard);
        join_all(waiters);
    });
    assert_eq!(word(memory).load(Relaxed), 0);
}

fn only_the_only_reader_goes_on_to_write(memory: &Memory) {
    let lock = rw_lock(memory);
    let [first, second] = [lock.read(), lock.read()];
    let first = first.try_upgrade().expect_err("another reads");
    assert_eq!(word(memory).load(Relaxed), 2, "and nothing changed");
    drop(second);
    let guard = first.try_upgrade().expect("nobody else reads");
    assert_eq!(guard.lock(), lock);
    assert_eq!(word(memory).load(Relaxed), WRITING);
    drop(guard);
    assert_eq!(word(memory).load(Relaxed), 0);
}

fn a_reader_that_upgrades_overtakes_a_writer_that_waits_and_wakes_it(memory: &Memory) {
    let _watchdog = Watchdog::new("a_reader_that_upgrades_overtakes_a_writer_that_waits_and_wakes_it");
    let lock = rw_lock(memory);
    let value = Plain::default();
    let guard = lock.read();
    thread::scope(|threads| {
        let writers = sleepers(threads, 1, || {
            let _guard = lock.write();
            value.read()
        });
        until_marked(memory, WRITERS_WAITING);
        let guard = guard.try_upgrade().expect("a writer that waits does not read");
        assert_eq!(word(memory).load(Relaxed) & !READERS_WAITING, WRITING | WRITERS_WAITING, "its mark stays");
        value.write(7);
        drop(guard);
        assert_eq!(join_all(writers), [7]);
    });
    assert_eq!(word(memory).load(Relaxed), 0);
}

fn a_full_count_lets_nobody_in(memory: &Memory) {
    let lock = rw_lock(memory);
    for full in MARKS.map(|marks| MAX | marks) {
        word(memory).store(full, Relaxed);
        assert!(!can_read(lock));
        assert_eq!(lock.read_for(Duration::ZERO).map(drop), Err(TimedOut));
        assert_eq!(lock.read_until(Instant::now()).map(drop), Err(TimedOut));
        assert!(lock.try_write().is_none());
        assert_eq!(lock.readers(), RwLock::MAX_READERS);
        assert_eq!(word(memory).load(Relaxed), full, "a failed try changes nothing");
        assert_not_early(|timeout| lock.read_for(timeout).is_err(), |deadline| lock.read_until(deadline).is_err());
        assert_eq!(word(memory).load(Relaxed), full | READERS_WAITING, "the mark may be another reader's too");
    }
    // That many may read.
    word(memory).store(MAX - 1, Relaxed);
    mem::forget(lock.read());
    assert_eq!(word(memory).load(Relaxed), MAX);
}

fn a_reader_at_a_full_count_gets_in_when_one_leaves(memory: &Memory) {
    let _watchdog = Watchdog::new("a_reader_at_a_full_count_gets_in_when_one_leaves");
    let lock = rw_lock(memory);
    let reads: [fn(RwLock<'_>); 3] = [
        |lock| mem::forget(lock.read()),
        |lock| mem::forget(lock.read_for(LONG).unwrap()),
        |lock| mem::forget(lock.read_until(Instant::now() + LONG).unwrap()),
    ];
    for read in reads {
        word(memory).store(MAX, Relaxed);
        thread::scope(|threads| {
            let reader = sleepers(threads, 1, move || read(lock));
            until_marked(memory, READERS_WAITING);
            assert_eq!(lock.readers(), RwLock::MAX_READERS);
            lock.unlock_read().unwrap();
            join_all(reader);
        });
        assert_eq!(word(memory).load(Relaxed) & !READERS_WAITING, MAX, "it reads in the other's place");

        // One place for three, one after the other.
        thread::scope(|threads| {
            let readers = sleepers(threads, 3, move || read(lock));
            until_marked(memory, READERS_WAITING);
            for left in (0..3).rev() {
                lock.unlock_read().unwrap();
                until("one of them is in", || readers.iter().filter(|reader| !reader.is_finished()).count() == left);
                assert_eq!(lock.readers(), RwLock::MAX_READERS);
            }
            join_all(readers);
        });
        assert_eq!(word(memory).load(Relaxed) & !READERS_WAITING, MAX);
    }
}

fn locks_in_neighbouring_slots_are_strangers(memory: &Memory) {
    let other = RwLock::new(&memory.buffer, 6).unwrap();
    let _guard = rw_lock(memory).write();
    drop(other.try_write().expect("only its neighbour is locked"));
    drop(other.try_read().expect("only its neighbour is locked"));
    assert_ne!(other, rw_lock(memory));
}

fn every_word_is_survived(memory: &Memory) {
    let _watchdog = Watchdog::new("every_word_is_survived");
    let brief = Duration::from_millis(1);
    let lock = rw_lock(memory);
    let readers = [0, 1, 2, 3, 1 << 28, MAX - 1, MAX];
    let words = readers.into_iter().flat_map(|readers| [readers, readers | WRITING]);
    for garbage in words.flat_map(|word| MARKS.map(|marks| word | marks)) {
        let is_writing = garbage & WRITING != 0;
        let readers = garbage & MAX;
        let set = || word(memory).store(garbage, Relaxed);
        set();
        assert_eq!(lock.is_write_locked(), is_writing);
        assert_eq!(lock.readers() as i32, if is_writing { 0 } else { readers });

        let is_full = readers == MAX;
        // A mark keeps nobody out of a lock that nobody holds.
        let is_open = !is_writing && (readers == 0 || garbage & WRITERS_WAITING == 0);
        let is_free = !is_writing && readers == 0;
        for answer in [lock.try_read(), {
            set();
            lock.read_for(brief).ok()
        }] {
            assert_eq!(answer.map(mem::forget).is_some(), is_open && !is_full, "{garbage:#x}");
        }

        for answer in [
            {
                set();
                lock.try_write()
            },
            {
                set();
                lock.write_for(brief).ok()
            },
        ] {
            assert_eq!(answer.map(mem::forget).is_some(), is_free, "{garbage:#x}");
        }

        set();
        assert_eq!(lock.unlock_write().is_ok(), is_writing, "{garbage:#x}");
        set();
        assert_eq!(lock.unlock_read().is_ok(), !is_writing && readers > 0, "{garbage:#x}");
    }
}

/// In a private scope, where no slice ends a sleep: the writer is asleep when the downgrade asks for one.
#[test]
fn no_try_to_read_succeeds_in_a_downgrade_while_a_writer_sleeps() {
    let _watchdog = Watchdog::new("no_try_to_read_succeeds_in_a_downgrade_while_a_writer_sleeps");
    if !sees_sleepers() {
        return;
    }
    let memory = Memory::heap();
    let lock = rw_lock(&memory);
    for _ in 0..200 {
        let (tries, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
        let guard = lock.write();
        thread::scope(|threads| {
            let writers = sleepers(threads, 1, || drop(lock.write()));
            let reader = threads.spawn(|| {
                let mut has_read = false;
                while !is_over.load(Relaxed) {
                    has_read |= can_read(lock);
                    tries.fetch_add(1, Relaxed);
                }
                has_read
            });
            let until_tried_since = |tried| until("the reader has tried", || tries.load(Relaxed) > tried + 1);
            until_tried_since(0);
            let guard = guard.downgrade();
            until_tried_since(tries.load(Relaxed));
            is_over.store(true, Relaxed);
            assert!(!reader.join().unwrap(), "a reader overtook the writer");
            drop(guard);
            join_all(writers);
        });
    }
}

/// In a private scope, where no slice ends a sleep and nobody but the last reader lets it in.
#[cfg(target_os = "linux")]
#[test]
fn a_reader_that_signals_keep_interrupting_waits_behind_a_dead_writer_until_the_readers_have_left() {
    use crate::support::confined::catch;
    use crate::support::processes::{signal_thread, thread_fallen_asleep, thread_id};
    use crate::support::{Told, is_emulated};
    let _watchdog = Watchdog::new("a_reader_that_signals_keep_interrupting");
    if is_emulated() {
        return;
    }
    catch(libc::SIGUSR1);
    let memory = Memory::heap();
    let lock = rw_lock(&memory);
    for timeout in [LONG, Duration::MAX] {
        // Another agent reads, and a writer died that was to come after it.
        word(&memory).store(1 | WRITERS_WAITING, Relaxed);
        thread::scope(|threads| {
            let number = Told::default();
            let told = number.clone();
            let reader = threads.spawn(move || {
                told.tell(thread_id());
                lock.read_for(timeout).map(mem::forget)
            });
            let thread = number.hear(1)[0];
            until_marked(&memory, READERS_WAITING);
            let had_fallen_asleep = thread_fallen_asleep(thread);
            until("the reader has slept often", || {
                signal_thread(thread, libc::SIGUSR1);
                reader.is_finished() || thread_fallen_asleep(thread) - had_fallen_asleep >= 200
            });
            assert_eq!(word(&memory).load(Relaxed), 1 | READERS_WAITING | WRITERS_WAITING, "it waits");
            lock.unlock_read().unwrap();
            assert_eq!(reader.join().unwrap(), Ok(()));
        });
        assert_eq!(word(&memory).load(Relaxed), 1);
    }
}

#[test]
fn a_lock_beyond_the_end_is_an_error() {
    let buffer = SharedBuffer::new(64).unwrap();
    assert!(RwLock::new(&buffer, 15).is_ok());
    assert_eq!(RwLock::new(&buffer, 16), Err(Error::OutOfBounds { index: 16, count: 1, length: 16 }));
    assert_eq!(
        RwLock::initialize(&buffer, usize::MAX),
        Err(Error::OutOfBounds { index: usize::MAX, count: 1, length: 16 })
    );
}

#[test]
fn initializing_makes_any_word_an_unlocked_lock() {
    let buffer = SharedBuffer::new(4).unwrap();
    for left_behind in [0, 1, WRITING, -7, WRITERS_WAITING] {
        buffer.slot(0).unwrap().store(left_behind, Relaxed);
        assert!(RwLock::initialize(&buffer, 0).unwrap().try_write().is_some());
        assert_eq!(buffer.slot(0).unwrap().load(Relaxed), 0);
    }
}

#[test]
fn a_lock_lives_in_a_static_and_in_a_struct() {
    static WORD: AtomicI32 = AtomicI32::new(0);
    #[repr(C)]
    struct Header {
        version: u32,
        lock: AtomicI32,
    }
    let header = Header { version: 1, lock: AtomicI32::new(0) };
    for word in [&WORD, &header.lock] {
        let lock = RwLock::from_slot(Slot::from_ref(word, Scope::Private).unwrap());
        let guard = lock.write();
        assert_eq!(word.load(Relaxed), WRITING);
        drop(guard);
        let guard = lock.read();
        assert_eq!(word.load(Relaxed), 1);
        drop(guard);
    }
    assert_eq!(header.version, 1);
}
