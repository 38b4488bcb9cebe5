//! The locks behind the traits of the crate lock_api: one body of tests over the locks of `parking_lot`, which are held to
//! the same interface, and over those here, with nothing exchanged but where the types are from. Then what only these
//! promise: the words, and other processes.
#![cfg(all(feature = "lock_api", not(loom)))]
#![allow(unsafe_code, reason = "words are reinterpreted, and raw locks are unlocked")]

#[path = "../support/mod.rs"]
mod support;

use lock_api::{RawCondvar as _, RawMutex as _, RawRwLock as _};
use slotsync::lock_api::{RawCondvar, RawMutex, RawRwLock};
use slotsync::{Lock, RwLock, Scope, Slot, counters};
use std::mem;
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};
use std::thread;
use std::time::Duration;
use support::{LONG, OnDrop, SHORT, Watchdog, assert_not_early, join_all, sleepers};

const AGENTS: usize = 4;
const ROUNDS: usize = 2_000;

/// While a test runs in which many threads meet: it must end, and no thread may have been rescued.
fn running(test: &'static str) -> impl Drop {
    let watchdog = Watchdog::new(test);
    let mut watchdog = Some(watchdog);
    OnDrop(move || {
        watchdog.take();
        assert!(thread::panicking() || counters().rescues == 0, "a lost wakeup, found by the end of a slice");
    })
}

/// The tests of one family of locks.
macro_rules! a_family {
    ($family:ident, $($locks:tt)*) => {
        mod $family {
            use super::*;
            use $($locks)*;

            #[test]
            fn a_mutex_in_a_static_excludes() {
                static TOTAL: Mutex<usize> = Mutex::new(0);
                let _running = running("a mutex in a static");
                thread::scope(|threads| {
                    for _ in 0..AGENTS {
                        threads.spawn(|| (0..ROUNDS).for_each(|_| *TOTAL.lock() += 1));
                    }
                });
                assert_eq!(*TOTAL.lock(), AGENTS * ROUNDS);
                assert!(!TOTAL.is_locked());
            }

            #[test]
            fn a_held_mutex_is_locked_for_all() {
                let mutex = Mutex::new(1);
                let guard = mutex.lock();
                assert!(mutex.is_locked());
                assert!(mutex.try_lock().is_none());
                assert!(mutex.try_lock_for(Duration::ZERO).is_none());
                drop(guard);
                assert!(!mutex.is_locked());
                assert_eq!(mutex.try_lock().map(|guard| *guard), Some(1));
                assert_eq!(mutex.try_lock_for(LONG).map(|guard| *guard), Some(1));
                assert_eq!(mutex.into_inner(), 1);
            }

            #[test]
            fn a_mutex_is_not_given_up_early() {
                let mutex = Mutex::new(());
                let _guard = mutex.lock();
                assert_not_early(
                    |timeout| mutex.try_lock_for(timeout).is_none(),
                    |deadline| mutex.try_lock_until(deadline).is_none(),
                );
            }

            #[test]
            fn those_who_sleep_for_a_mutex_get_it_one_by_one() {
                let _running = running("sleepers for a mutex");
                let mutex = Mutex::new(0);
                thread::scope(|threads| {
                    let guard = mutex.lock();
                    let timed = sleepers(threads, 2, || mutex.try_lock_for(LONG).map(|mut number| *number += 1));
                    let others = sleepers(threads, 2, || *mutex.lock() += 1);
                    drop(guard);
                    assert!(join_all(timed).iter().all(Option::is_some));
                    join_all(others);
                });
                assert_eq!(mutex.into_inner(), 4);
            }

            #[test]
            fn writers_exclude_and_readers_see_what_was_written() {
                static PAIR: RwLock<(usize, usize)> = RwLock::new((0, 0));
                let _running = running("writers and readers");
                thread::scope(|threads| {
                    for _ in 0..2 {
                        threads.spawn(|| {
                            for _ in 0..ROUNDS {
                                let mut pair = PAIR.write();
                                pair.0 += 1;
                                pair.1 += 1;
                            }
                        });
                        threads.spawn(|| {
                            for _ in 0..ROUNDS {
                                let pair = PAIR.read();
                                assert_eq!(pair.0, pair.1);
                            }
                        });
                    }
                });
                assert_eq!(*PAIR.read(), (2 * ROUNDS, 2 * ROUNDS));
                assert!(!PAIR.is_locked());
            }

            #[test]
            fn many_read_or_one_writes() {
                let lock = RwLock::new(1);
                let readers = [lock.read(), lock.try_read().unwrap(), lock.try_read_for(LONG).unwrap()];
                assert!(lock.is_locked() && !lock.is_locked_exclusive());
                assert!(lock.try_write().is_none());
                drop(readers);
                assert!(!lock.is_locked());
                let writer = lock.try_write_for(LONG).unwrap();
                assert!(lock.is_locked() && lock.is_locked_exclusive());
                assert!(lock.try_read().is_none());
                assert!(lock.try_write().is_none());
                drop(writer);
                assert!(!lock.is_locked() && !lock.is_locked_exclusive());
            }

            #[test]
            fn a_reader_writer_lock_is_not_given_up_early() {
                let lock = RwLock::new(());
                let writer = lock.write();
                assert_not_early(
                    |timeout| lock.try_read_for(timeout).is_none(),
                    |deadline| lock.try_read_until(deadline).is_none(),
                );
                drop(writer);
                let _reader = lock.read();
                assert_not_early(
                    |timeout| lock.try_write_for(timeout).is_none(),
                    |deadline| lock.try_write_until(deadline).is_none(),
                );
            }

            #[test]
            fn a_downgraded_writer_lets_readers_in_and_no_writer() {
                let _running = running("a downgraded writer");
                let lock = RwLock::new(0);
                thread::scope(|threads| {
                    let mut writer = lock.write();
                    *writer = 7;
                    let readers = sleepers(threads, 2, || *lock.read());
                    let reader = RwLockWriteGuard::downgrade(writer);
                    // While the first still reads.
                    assert_eq!(join_all(readers), [7, 7]);
                    assert!(lock.is_locked() && !lock.is_locked_exclusive());
                    assert!(lock.try_write().is_none());
                    drop(reader);
                });
                assert!(!lock.is_locked());
            }

            #[test]
            fn a_condition_is_waited_for_with_the_mutex_unlocked() {
                let _running = running("a condition");
                let (items, filled) = (Mutex::new(0), Condvar::new());
                thread::scope(|threads| {
                    let takers = sleepers(threads, 3, || {
                        let mut items = items.lock();
                        filled.wait_while(&mut items, |items| *items == 0);
                        *items -= 1;
                    });
                    *items.lock() += 1;
                    filled.notify_one();
                    *items.lock() += 2;
                    filled.notify_all();
                    join_all(takers);
                });
                assert_eq!(*items.lock(), 0);
            }

            /// As users of parking_lot write it. They come here by another `use`.
            #[test]
            fn code_for_parking_lot_takes_these_types() {
                static JOBS: Mutex<Vec<u32>> = Mutex::new(Vec::new());
                static ADDED: Condvar = Condvar::new();
                static TOTAL: RwLock<u32> = RwLock::new(0);
                fn first(jobs: MutexGuard<'_, Vec<u32>>) -> MappedMutexGuard<'_, u32> {
                    MutexGuard::map(jobs, |jobs| &mut jobs[0])
                }
                fn is_even(total: RwLockReadGuard<'_, u32>) -> bool {
                    let total: MappedRwLockReadGuard<'_, u32> = RwLockReadGuard::map(total, |total| total);
                    *total % 2 == 0
                }
                let _running = running("code for parking_lot");
                thread::scope(|threads| {
                    threads.spawn(|| {
                        let mut jobs: MutexGuard<'_, Vec<u32>> = JOBS.lock();
                        while jobs.is_empty() {
                            ADDED.wait(&mut jobs);
                        }
                        let mut total: RwLockWriteGuard<'_, u32> = TOTAL.write();
                        *total += *first(jobs);
                        assert_eq!(*RwLockWriteGuard::downgrade(total), 8);
                    });
                    let mut jobs = JOBS.try_lock_for(LONG).unwrap();
                    jobs.push(7);
                    *MutexGuard::try_map(jobs, |jobs| jobs.first_mut()).ok().unwrap() += 1;
                    let _ = ADDED.notify_one();
                });
                let mut jobs = JOBS.lock();
                MutexGuard::unlocked(&mut jobs, || assert!(JOBS.try_lock().is_some()));
                assert!(!ADDED.wait_while_for(&mut jobs, |jobs| jobs.is_empty(), SHORT).timed_out());
                assert!(is_even(TOTAL.read()));
                let mut own = (Mutex::new(1), RwLock::new(2));
                *own.0.get_mut() += *own.1.get_mut();
                assert_eq!((own.0.into_inner(), own.1.into_inner()), (3, 2));
            }

            #[test]
            fn a_condition_is_not_given_up_early() {
                let (mutex, never) = (Mutex::new(()), Condvar::new());
                assert_not_early(
                    |timeout| never.wait_while_for(&mut mutex.lock(), |_| true, timeout).timed_out(),
                    |deadline| never.wait_while_until(&mut mutex.lock(), |_| true, deadline).timed_out(),
                );
                assert!(!never.wait_while_for(&mut mutex.lock(), |_| false, SHORT).timed_out());
                assert!(!mutex.is_locked());
            }
        }
    };
}

#[cfg(unix)]
a_family!(parking_lot, ::parking_lot::{
    Condvar, MappedMutexGuard, MappedRwLockReadGuard, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard,
});
a_family!(ours, slotsync::lock_api::{
    Condvar, MappedMutexGuard, MappedRwLockReadGuard, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard,
});
#[cfg(unix)]
a_family!(ours_shared, slotsync::lock_api::{
    MappedSharedMutexGuard as MappedMutexGuard, MappedSharedRwLockReadGuard as MappedRwLockReadGuard,
    SharedCondvar as Condvar, SharedMutex as Mutex, SharedMutexGuard as MutexGuard, SharedRwLock as RwLock,
    SharedRwLockReadGuard as RwLockReadGuard, SharedRwLockWriteGuard as RwLockWriteGuard,
});

/// Code that knows no more than the traits, over a raw lock in a `const`. It needs no dependency on the crate lock_api.
fn exclude<R: slotsync::lock_api::lock_api::RawMutex + Sync>() {
    let total = slotsync::lock_api::lock_api::Mutex::<R, usize>::from_raw(R::INIT, 0);
    thread::scope(|threads| {
        for _ in 0..AGENTS {
            threads.spawn(|| (0..ROUNDS).for_each(|_| *total.lock() += 1));
        }
    });
    assert_eq!(total.into_inner(), AGENTS * ROUNDS);
}

#[test]
fn generic_code_takes_each_raw_mutex() {
    exclude::<RawMutex>();
    #[cfg(unix)]
    exclude::<slotsync::lock_api::RawSharedMutex>();
}

#[test]
fn a_guard_may_be_dropped_by_another_thread() {
    let mutex = slotsync::lock_api::Mutex::new(1);
    let guard = mutex.lock();
    thread::scope(|threads| drop(threads.spawn(move || drop(guard))));
    assert!(!mutex.is_locked());
}

#[test]
fn a_raw_lock_is_four_bytes_and_zero() {
    static MUTEX: RawMutex = RawMutex::INIT;
    static RW_LOCK: RawRwLock = RawRwLock::INIT;
    static CONDVAR: RawCondvar = RawCondvar::INIT;
    assert_eq!((size_of::<RawMutex>(), size_of::<RawRwLock>(), size_of::<RawCondvar>()), (4, 4, 8));
    // SAFETY: each is as long as the integers are, every bit of an atomic word is initialized, and nobody writes to them.
    let words = unsafe {
        let [mutex, rw_lock] = [(&raw const MUTEX).cast::<i32>(), (&raw const RW_LOCK).cast()].map(|word| *word);
        (mutex, rw_lock, *(&raw const CONDVAR).cast::<[i32; 2]>())
    };
    assert_eq!(words, (0, 0, [0; 2]));
    assert_eq!((align_of::<RawMutex>(), align_of::<RawRwLock>(), align_of::<RawCondvar>()), (4, 4, 4));
    assert_eq!(size_of::<slotsync::lock_api::Mutex<u32>>(), 8);
}

/// A raw lock over a word that the test can see.
fn over<R>(word: &AtomicI32) -> &R {
    assert_eq!((size_of::<R>(), align_of::<R>()), (4, 4));
    // SAFETY: for the raw locks, which are transparent over such a word, and to whom every value of it is a valid one.
    unsafe { &*word.as_ptr().cast() }
}

#[test]
fn a_raw_mutex_and_a_lock_over_its_word_are_one_lock() {
    let word = AtomicI32::new(0);
    let (raw, lock) = (over::<RawMutex>(&word), Lock::from_slot(Slot::from_ref(&word, Scope::Private).unwrap()));
    let guard = raw.lock();
    assert!(lock.try_lock().is_none());
    // SAFETY: its guard.
    unsafe { raw.unlock(guard) };
    let _guard = lock.lock();
    assert!(raw.is_locked() && raw.try_lock().is_none());
}

#[test]
fn a_raw_reader_writer_lock_and_the_handle_over_its_word_are_one_lock() {
    let word = AtomicI32::new(0);
    let (raw, lock) = (over::<RawRwLock>(&word), RwLock::from_slot(Slot::from_ref(&word, Scope::Private).unwrap()));
    let guard = raw.lock_shared();
    assert_eq!(lock.readers(), 1);
    // SAFETY: its guard.
    unsafe { raw.unlock_shared(guard) };
    let _guard = lock.write();
    assert!(raw.is_locked_exclusive() && raw.try_lock_shared().is_none());
}

#[test]
fn one_reader_too_many_waits_and_is_not_counted() {
    let _running = running("one reader too many");
    let full = RwLock::MAX_READERS as i32;
    let word = AtomicI32::new(full);
    let (raw, lock) = (over::<RawRwLock>(&word), RwLock::from_slot(Slot::from_ref(&word, Scope::Private).unwrap()));
    assert!(raw.try_lock_shared().is_none());
    assert!(lock_api::RawRwLockTimed::try_lock_shared_for(raw, Duration::ZERO).is_none());
    assert_eq!(word.load(Relaxed), full, "a failed try changes nothing");
    assert_not_early(
        |timeout| lock_api::RawRwLockTimed::try_lock_shared_for(raw, timeout).is_none(),
        |deadline| lock_api::RawRwLockTimed::try_lock_shared_until(raw, deadline).is_none(),
    );
    assert_eq!(lock.readers(), RwLock::MAX_READERS);
    thread::scope(|threads| {
        let reader = sleepers(threads, 1, || _ = raw.lock_shared());
        assert!(!reader[0].is_finished());
        lock.unlock_read().unwrap();
        join_all(reader);
    });
    // The guard of a raw lock unlocks nothing when it is dropped, so the reader has the place of the other.
    assert_eq!(lock.readers(), RwLock::MAX_READERS);
}

#[test]
fn a_notify_says_nothing_of_how_many() {
    let condvar = RawCondvar::INIT;
    assert_eq!((condvar.notify_one(), condvar.notify_all()), (false, 0));
}

#[test]
fn two_mutexes_may_wait_for_one_condition() {
    let _watchdog = Watchdog::new("two mutexes and one condition");
    let (mutexes, condvar) = ([const { slotsync::lock_api::Mutex::new(false) }; 2], slotsync::lock_api::Condvar::new());
    thread::scope(|threads| {
        for mutex in &mutexes {
            threads.spawn(|| condvar.wait_while(&mut mutex.lock(), |is_set| !*is_set));
        }
        mutexes.iter().for_each(|mutex| *mutex.lock() = true);
        condvar.notify_all();
    });
}

/// Two raw locks and what they protect, at offsets that the struct fixes, in memory that processes share.
#[cfg(target_os = "linux")]
mod between_processes {
    use super::*;
    use lock_api::RawRwLockDowngrade as _;
    use slotsync::lock_api::{RawSharedMutex, RawSharedRwLock, SharedCondvar, SharedMutex};
    use support::Plain;
    use support::mapping::place;
    use support::processes::Process;

    #[repr(C)]
    struct Header {
        version: u16,
        mutex: RawSharedMutex,
        rw_lock: RawSharedRwLock,
        total: Plain,
        pair: [Plain; 2],
    }

    impl Header {
        const fn new() -> Self {
            Self {
                version: 7,
                mutex: RawSharedMutex::INIT,
                rw_lock: RawSharedRwLock::INIT,
                total: Plain::new(),
                pair: [const { Plain::new() }; 2],
            }
        }
    }

    /// Children that all do this, with no lost wakeup.
    fn children(number: usize, body: impl Fn()) -> Vec<Process> {
        let child = |_| {
            Process::fork(|| {
                body();
                assert_eq!(counters().rescues, 0, "a lost wakeup, found by the end of a slice");
                0
            })
        };
        (0..number).map(child).collect()
    }

    #[test]
    fn raw_locks_in_a_struct_exclude() {
        let _watchdog = Watchdog::new("raw locks between processes");
        let header = place(Header::new());
        assert_eq!((mem::offset_of!(Header, mutex), mem::offset_of!(Header, rw_lock)), (4, 8));
        let all = children(AGENTS, || {
            for _ in 0..ROUNDS {
                let guard = header.mutex.lock();
                header.total.write(header.total.read() + 1);
                // SAFETY: its guard.
                unsafe { header.mutex.unlock(guard) };

                let guard = header.rw_lock.lock_exclusive();
                let number = header.pair[0].read() + 1;
                header.pair.iter().for_each(|place| place.write(number));
                // SAFETY: its guards, of a writer and then of a reader.
                unsafe {
                    let guard = header.rw_lock.downgrade(guard);
                    assert_eq!(header.pair.each_ref().map(Plain::read), [number; 2]);
                    header.rw_lock.unlock_shared(guard);
                }
            }
        });
        all.into_iter().for_each(Process::join);
        let all = (AGENTS * ROUNDS) as i32;
        assert_eq!((header.total.read(), header.pair.each_ref().map(Plain::read)), (all, [all; 2]));
        assert!(header.version == 7 && !header.mutex.is_locked() && !header.rw_lock.is_locked());
        assert_eq!(counters().rescues, 0, "a lost wakeup, found by the end of a slice");
    }

    #[test]
    fn a_process_sleeps_until_another_unlocks() {
        let _watchdog = Watchdog::new("a process that sleeps for a mutex");
        let mutex = place(SharedMutex::new(0));
        let guard = mutex.lock();
        let all = children(2, || *mutex.lock() += 1);
        all.iter().for_each(Process::until_asleep);
        drop(guard);
        all.into_iter().for_each(Process::join);
        assert_eq!(*mutex.lock(), 2);
    }

    #[test]
    fn a_process_waits_until_another_notifies() {
        let _watchdog = Watchdog::new("a process that waits for a condition");
        let (items, filled) = place((SharedMutex::new(0), SharedCondvar::new()));
        let all = children(2, || {
            let mut items = items.lock();
            filled.wait_while(&mut items, |items| *items == 0);
            *items -= 1;
        });
        all.iter().for_each(Process::until_asleep);
        *items.lock() = 2;
        filled.notify_all();
        all.into_iter().for_each(Process::join);
        assert_eq!(*items.lock(), 0);
    }
}
