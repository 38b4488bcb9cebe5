//! The rules of the pages for programs in another language, followed to the letter on bare words, beside agents who use
//! the crate. Those for the lock are in `lock.rs`.

use super::lock;
use crate::support::{Watchdog, join_all, sleepers, until};
use slotsync::{
    Barrier, BarrierRole, Cond, Event, Latch, Lock, NotifyHint, Once, RwLock, Scope, Semaphore, SharedBuffer, Slot,
    Synchronic, Wait,
};
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicI32, fence};
use std::thread;

/// How often each agent does its part.
const TURNS: i32 = 2000;
const ALL: u32 = u32::MAX;

#[test]
fn a_stranger_that_follows_the_page_shares_the_semaphore() {
    const PERMITS: i32 = 2;
    let _watchdog = Watchdog::new("a_stranger_that_follows_the_page_shares_the_semaphore");
    let buffer = SharedBuffer::new(8).unwrap();
    let semaphore = Semaphore::initialize(&buffer, 0, PERMITS as u32).unwrap();
    let (word, taken) = (buffer.slot(0).unwrap(), buffer.slot(1).unwrap());
    let turn = move |count| {
        assert!(taken.fetch_add(count, Relaxed) + count <= PERMITS);
        taken.fetch_sub(count, Relaxed);
    };
    // Each needs one permit in one turn, and all of them in the next.
    let counts = || (0..TURNS).map(|turn| 1 + turn % PERMITS);
    thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(move || {
                for count in counts() {
                    semaphores::acquire(word, count);
                    turn(count);
                    semaphores::release(word, count);
                }
            });
            threads.spawn(move || {
                for count in counts() {
                    semaphore.acquire_many(count as u32).unwrap();
                    turn(count);
                    semaphore.release(count as u32).unwrap();
                }
            });
        }
    });
    assert_eq!(semaphore.permits(), PERMITS as u32);
}

mod semaphores {
    use super::*;

    const PERMITS: i32 = (1 << 30) - 1;
    const WAITING: i32 = 1 << 30;
    const MANY_WAITING: i32 = i32::MIN;

    pub(super) fn acquire(word: Slot<'_>, count: i32) {
        let mark = if count == 1 { WAITING } else { MANY_WAITING };
        if take(word, count, 0).is_some() {
            return;
        }
        loop {
            let was = word.fetch_or(mark, Relaxed);
            let now = was | mark;
            if now & PERMITS < count {
                if was & PERMITS > 0 && was & MANY_WAITING != now & MANY_WAITING {
                    word.wake(ALL);
                }
                let _ = word.wait(now);
            }
            if let Some(left) = take(word, count, mark) {
                if left & PERMITS > 0 {
                    word.wake(if left & MANY_WAITING != 0 { ALL } else { 1 });
                }
                return;
            }
        }
    }

    fn take(word: Slot<'_>, count: i32, mark: i32) -> Option<i32> {
        let mut was = word.load(Relaxed);
        while was & PERMITS >= count {
            let left = (was - count) | mark;
            match word.compare_exchange(was, left, Acquire, Relaxed) {
                Ok(_) => return Some(left),
                Err(now) => was = now,
            }
        }
        None
    }

    pub(super) fn release(word: Slot<'_>, count: i32) {
        let mut was = word.load(Relaxed);
        while let Err(now) = word.compare_exchange(was, (was & PERMITS) + count, Release, Relaxed) {
            was = now;
        }
        if was & MANY_WAITING != 0 {
            word.wake(ALL);
        } else if was & WAITING != 0 {
            word.wake(count as u32);
        }
    }
}

#[test]
fn a_stranger_that_follows_the_page_shares_the_rw_lock() {
    let _watchdog = Watchdog::new("a_stranger_that_follows_the_page_shares_the_rw_lock");
    let word = AtomicI32::new(0);
    let lock = RwLock::from_slot(Slot::from_ref(&word, Scope::Private).unwrap());
    let buffer = SharedBuffer::new(8).unwrap();
    let [low, high] = [0, 1].map(|index| buffer.slot(index).unwrap());
    let write = move || {
        low.store(low.load(Relaxed) + 1, Relaxed);
        thread::yield_now();
        high.store(high.load(Relaxed) + 1, Relaxed);
    };
    let look = move || {
        let was = low.load(Relaxed);
        thread::yield_now();
        assert_eq!((low.load(Relaxed), high.load(Relaxed)), (was, was));
    };
    thread::scope(|threads| {
        let word = &word;
        threads.spawn(move || {
            for _ in 0..TURNS {
                rw_locks::read(word);
                look();
                rw_locks::unlock_read(word);
            }
        });
        threads.spawn(move || {
            for turn in 0..TURNS {
                rw_locks::write(word, turn % 2 == 0);
                write();
                if turn % 3 == 0 {
                    rw_locks::downgrade(word);
                    look();
                    rw_locks::unlock_read(word);
                } else {
                    rw_locks::unlock_write(word);
                }
            }
        });
        threads.spawn(move || {
            for _ in 0..TURNS {
                let _guard = lock.read();
                look();
            }
        });
        for _ in 0..TURNS {
            let _guard = lock.write();
            write();
        }
    });
    assert_eq!([low, high].map(|slot| slot.load(Relaxed)), [2 * TURNS; 2]);
    assert!(!lock.is_write_locked() && lock.readers() == 0);
}

/// Steps 2 and 5: a reader waits for room, and the first that leaves a full lock tells it so.
#[test]
fn a_stranger_that_follows_the_page_waits_for_room_among_the_readers_and_makes_some() {
    const FULL: i32 = (1 << 29) - 1;
    const READERS_WAITING: i32 = 1 << 30;
    let _watchdog = Watchdog::new("a_stranger_that_follows_the_page_waits_for_room_among_the_readers_and_makes_some");
    let word = AtomicI32::new(0);
    let lock = RwLock::from_slot(Slot::from_ref(&word, Scope::Private).unwrap());
    let crates_reader = || std::mem::forget(lock.read());
    let crates_release = || lock.unlock_read().unwrap();
    let pages: [&(dyn Fn() + Sync); 2] = [&|| rw_locks::read(&word), &|| rw_locks::unlock_read(&word)];
    for (read, unlock) in [(pages[0], &crates_release as _), (&crates_reader as _, pages[1]), (pages[0], pages[1])] {
        word.store(FULL, Relaxed);
        thread::scope(|threads| {
            let reader = sleepers(threads, 1, read);
            until("the reader has left its mark", || word.load(Relaxed) == FULL | READERS_WAITING);
            unlock();
            join_all(reader);
        });
        assert_eq!(word.load(Relaxed), FULL);
    }
}

mod rw_locks {
    use super::*;

    const READERS: i32 = (1 << 29) - 1;
    const WRITING: i32 = 1 << 29;
    const READERS_WAITING: i32 = 1 << 30;
    const WRITERS_WAITING: i32 = i32::MIN;
    const MARKS: i32 = READERS_WAITING | WRITERS_WAITING;

    fn is_free(word: i32) -> bool {
        word & !MARKS == 0
    }

    fn is_open(word: i32) -> bool {
        word & WRITING == 0 && word & READERS != READERS && (word & READERS == 0 || word & WRITERS_WAITING == 0)
    }

    pub(super) fn read(word: &AtomicI32) {
        loop {
            if take(word, is_open, |was| was + 1) {
                return;
            }
            let now = word.fetch_or(READERS_WAITING, Relaxed) | READERS_WAITING;
            if is_open(now) {
                continue;
            }
            classes::wait(word, now, classes::READER);
        }
    }

    /// Impatient: gives up after each sleep, and begins anew.
    pub(super) fn write(word: &AtomicI32, is_impatient: bool) {
        'anew: loop {
            if take(word, is_free, |was| was | WRITING) {
                return;
            }
            let mut marks = WRITERS_WAITING;
            loop {
                let now = word.fetch_or(marks, Relaxed) | marks;
                if is_free(now) {
                    if word.compare_exchange(now, now | WRITING, Acquire, Relaxed).is_ok() {
                        return;
                    }
                } else if is_impatient && marks == MARKS {
                    withdraw(word);
                    continue 'anew;
                } else {
                    classes::wait(word, now, classes::WRITER);
                    marks = MARKS;
                }
            }
        }
    }

    fn withdraw(word: &AtomicI32) {
        if classes::wake_one_writer(word) != Some(true) {
            word.fetch_and(!MARKS, Relaxed);
            classes::wake_all(word);
        }
    }

    fn take(word: &AtomicI32, may: fn(i32) -> bool, taken: fn(i32) -> i32) -> bool {
        let mut was = word.load(Relaxed);
        while may(was) {
            match word.compare_exchange(was, taken(was), Acquire, Relaxed) {
                Ok(_) => return true,
                Err(now) => was = now,
            }
        }
        false
    }

    pub(super) fn unlock_read(word: &AtomicI32) {
        let mut was = word.load(Relaxed);
        loop {
            assert!(was & READERS > 0 && was & WRITING == 0, "nobody reads");
            let now = match was & READERS {
                1 => 0,
                READERS => (was - 1) & !READERS_WAITING,
                _ => was - 1,
            };
            match word.compare_exchange(was, now, Release, Relaxed) {
                Ok(_) if was & READERS == 1 => return wake(word, was),
                Ok(_) if was & READERS == READERS => return wake(word, was & !WRITERS_WAITING),
                Ok(_) => return,
                Err(now) => was = now,
            }
        }
    }

    pub(super) fn unlock_write(word: &AtomicI32) {
        let mut was = word.load(Relaxed);
        loop {
            assert!(was & WRITING != 0, "nobody writes");
            match word.compare_exchange(was, 0, Release, Relaxed) {
                Ok(_) => return wake(word, was),
                Err(now) => was = now,
            }
        }
    }

    pub(super) fn downgrade(word: &AtomicI32) {
        let mut was = word.load(Relaxed);
        loop {
            assert!(was & WRITING != 0, "nobody writes");
            match word.compare_exchange(was, was & MARKS | 1, Release, Relaxed) {
                Ok(_) if was & WRITERS_WAITING != 0 => return withdraw(word),
                Ok(_) if was & READERS_WAITING != 0 => return classes::wake_readers(word),
                Ok(_) => return,
                Err(now) => was = now,
            }
        }
    }

    fn wake(word: &AtomicI32, was: i32) {
        if was & WRITERS_WAITING != 0 && classes::wake_one_writer(word) != Some(false) {
            return;
        }
        if was & READERS_WAITING != 0 {
            classes::wake_readers(word);
        }
    }
}

/// The waits and wakes of the page's table of classes.
#[cfg(any(target_os = "linux", target_os = "android"))]
mod classes {
    use super::AtomicI32;
    use rustix::thread::futex::{Flags, wait_bitset, wake_bitset};
    use std::num::NonZeroU32;
    use std::sync::atomic::AtomicU32;

    pub(super) const READER: u32 = 1;
    pub(super) const WRITER: u32 = 2;

    pub(super) fn wait(word: &AtomicI32, value: i32, class: u32) {
        // Whatever ended it, the caller looks again.
        let _ = wait_bitset(bits(word), Flags::PRIVATE, value as u32, None, NonZeroU32::new(class).unwrap());
    }

    /// Returns whether there was one, or `None` if the system does not tell.
    pub(super) fn wake_one_writer(word: &AtomicI32) -> Option<bool> {
        Some(wake(word, 1, WRITER) > 0)
    }

    pub(super) fn wake_readers(word: &AtomicI32) {
        wake(word, i32::MAX as u32, READER);
    }

    pub(super) fn wake_all(word: &AtomicI32) {
        wake(word, i32::MAX as u32, u32::MAX);
    }

    fn wake(word: &AtomicI32, count: u32, class: u32) -> usize {
        wake_bitset(bits(word), Flags::PRIVATE, count, NonZeroU32::new(class).unwrap()).unwrap()
    }

    #[allow(unsafe_code, reason = "rustix asks for an unsigned word")]
    fn bits(word: &AtomicI32) -> &AtomicU32 {
        // SAFETY: both types have the same size, alignment and validity, and both may be written while shared.
        unsafe { &*std::ptr::from_ref(word).cast() }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod classes {
    use super::{ALL, AtomicI32, Scope, Slot};

    pub(super) const READER: u32 = 1;
    pub(super) const WRITER: u32 = 2;

    pub(super) fn wait(word: &AtomicI32, value: i32, _: u32) {
        let _ = Slot::from_ref(word, Scope::Private).unwrap().wait(value);
    }

    pub(super) fn wake_one_writer(word: &AtomicI32) -> Option<bool> {
        wake_all(word);
        None
    }

    pub(super) fn wake_readers(word: &AtomicI32) {
        wake_all(word);
    }

    pub(super) fn wake_all(word: &AtomicI32) {
        Slot::from_ref(word, Scope::Private).unwrap().wake(ALL);
    }
}

#[test]
fn a_stranger_that_follows_the_page_shares_the_event() {
    let _watchdog = Watchdog::new("a_stranger_that_follows_the_page_shares_the_event");
    let buffer = SharedBuffer::new(8).unwrap();
    let [to, fro] = [0, 1].map(|index| buffer.slot(index).unwrap());
    thread::scope(|threads| {
        threads.spawn(move || {
            for _ in 0..TURNS {
                Event::from_slot(to).wait();
                Event::from_slot(to).reset();
                Event::from_slot(fro).set();
            }
        });
        for _ in 0..TURNS {
            events::set(to);
            events::wait(fro);
            events::reset(fro);
        }
    });
    assert!(![to, fro].map(Event::from_slot).iter().any(Event::is_set));
}

mod events {
    use super::*;

    const SET: i32 = 1;
    const WAITING: i32 = 2;

    pub(super) fn wait(word: Slot<'_>) {
        let began = word.load(Acquire);
        if began & SET != 0 {
            return;
        }
        loop {
            let now = word.fetch_or(WAITING, Acquire) | WAITING;
            if now & SET != 0 || now & !3 != began & !3 {
                return;
            }
            let _ = word.wait(now);
        }
    }

    pub(super) fn set(word: Slot<'_>) {
        if word.fetch_or(SET, Release) & 3 == WAITING {
            word.wake(ALL);
        }
    }

    pub(super) fn reset(word: Slot<'_>) {
        let began = word.load(Relaxed);
        let mut was = began;
        while was & SET != 0 && was & !3 == began & !3 {
            match word.compare_exchange(was, (was | 3).wrapping_add(1), Relaxed, Relaxed) {
                Ok(_) => return,
                Err(now) => was = now,
            }
        }
    }
}

#[test]
fn a_stranger_that_follows_the_page_shares_the_latch() {
    let _watchdog = Watchdog::new("a_stranger_that_follows_the_page_shares_the_latch");
    let buffer = SharedBuffer::new(8).unwrap();
    let (word, passed) = (buffer.slot(0).unwrap(), buffer.slot(1).unwrap());
    for _ in 0..TURNS / 20 {
        let latch = Latch::initialize(&buffer, 0, 4).unwrap();
        passed.store(0, Relaxed);
        thread::scope(|threads| {
            for _ in 0..2 {
                threads.spawn(move || {
                    passed.fetch_add(1, Relaxed);
                    latches::count_down(word);
                    latches::wait(word);
                    assert_eq!(passed.load(Relaxed), 4);
                });
                threads.spawn(move || {
                    passed.fetch_add(1, Relaxed);
                    latch.count_down(1).unwrap();
                    latch.wait();
                    assert_eq!(passed.load(Relaxed), 4);
                });
            }
        });
    }
}

mod latches {
    use super::*;

    const WAITING: i32 = i32::MIN;

    pub(super) fn count_down(word: Slot<'_>) {
        let mut was = word.load(Relaxed);
        loop {
            let left = was - 1;
            let now = if left & !WAITING == 0 { 0 } else { left };
            match word.compare_exchange(was, now, Release, Relaxed) {
                Ok(_) if now == 0 && was & WAITING != 0 => return word.wake(ALL),
                Ok(_) => return,
                Err(now) => was = now,
            }
        }
    }

    pub(super) fn wait(word: Slot<'_>) {
        if word.load(Acquire) & !WAITING == 0 {
            return;
        }
        loop {
            let now = word.fetch_or(WAITING, Acquire) | WAITING;
            if now & !WAITING == 0 {
                return;
            }
            let _ = word.wait(now);
        }
    }
}

#[test]
fn a_stranger_that_follows_the_page_shares_the_barrier() {
    const AGENTS: i32 = 4;
    let _watchdog = Watchdog::new("a_stranger_that_follows_the_page_shares_the_barrier");
    let buffer = SharedBuffer::new(12).unwrap();
    let barrier = Barrier::new(&buffer, 0, AGENTS as u32).unwrap();
    let [word, arrived, leaders] = [0, 1, 2].map(|index| buffer.slot(index).unwrap());
    let agent = move |wait: &dyn Fn() -> bool| {
        for round in 1..=TURNS {
            arrived.fetch_add(1, Relaxed);
            leaders.fetch_add(wait().into(), Relaxed);
            assert!(arrived.load(Relaxed) >= AGENTS * round);
        }
    };
    thread::scope(|threads| {
        for _ in 0..AGENTS / 2 {
            threads.spawn(move || agent(&|| barriers::wait(word, AGENTS)));
            threads.spawn(move || agent(&|| barrier.wait() == BarrierRole::Leader));
        }
    });
    assert_eq!((leaders.load(Relaxed), barrier.arrived()), (TURNS, 0));
}

mod barriers {
    use super::*;

    const ARRIVED: i32 = (1 << 14) - 1;
    const WAITING: i32 = 1 << 14;
    const FLAGS: i32 = (1 << 15) - 1;

    /// Says whether it was the last.
    pub(super) fn wait(word: Slot<'_>, agents: i32) -> bool {
        let mut was = word.load(Relaxed);
        let arrival = loop {
            let is_last = (was & ARRIVED) + 1 >= agents;
            let now = if is_last { (was | FLAGS).wrapping_add(1) } else { was + 1 };
            match word.compare_exchange(was, now, AcqRel, Relaxed) {
                Ok(_) if is_last => {
                    if was & WAITING != 0 {
                        word.wake(ALL);
                    }
                    return true;
                }
                Ok(_) => break now,
                Err(now) => was = now,
            }
        };
        loop {
            let now = word.fetch_or(WAITING, Acquire) | WAITING;
            if now & !FLAGS != arrival & !FLAGS {
                return false;
            }
            let _ = word.wait(now);
        }
    }
}

#[test]
fn a_stranger_that_follows_the_page_shares_the_once() {
    let _watchdog = Watchdog::new("a_stranger_that_follows_the_page_shares_the_once");
    let buffer = SharedBuffer::new(8).unwrap();
    let once = Once::new(&buffer, 0).unwrap();
    let (word, runs) = (buffer.slot(0).unwrap(), buffer.slot(1).unwrap());
    let run = move || {
        runs.fetch_add(1, Relaxed);
    };
    for turn in 1..=TURNS / 20 {
        thread::scope(|threads| {
            for _ in 0..2 {
                threads.spawn(move || {
                    onces::call(word, run);
                    assert_eq!(runs.load(Relaxed), turn);
                });
                threads.spawn(move || {
                    once.call_once(run).unwrap();
                    assert_eq!(runs.load(Relaxed), turn);
                });
            }
        });
        if turn % 2 == 0 { once.reset() } else { onces::reset(word) }
    }
}

mod onces {
    use super::*;

    const NOT_RUN: i32 = 0;
    const RUNNING: i32 = 1;
    const DONE: i32 = 3;
    const WAITING: i32 = 4;

    pub(super) fn call(word: Slot<'_>, initializer: impl Fn()) {
        loop {
            let was = word.load(Acquire);
            match was & 3 {
                DONE => return,
                NOT_RUN => {
                    if word.compare_exchange(was, was | RUNNING, Acquire, Relaxed).is_ok() {
                        initializer();
                        return end(word, (was | RUNNING) & !WAITING);
                    }
                }
                RUNNING => {
                    let now = word.fetch_or(WAITING, Acquire) | WAITING;
                    if now & 3 == RUNNING {
                        let _ = word.wait(now);
                    }
                }
                _ => panic!("nobody has panicked"),
            }
        }
    }

    fn end(word: Slot<'_>, attempt: i32) {
        for was in [attempt, attempt | WAITING] {
            if word.compare_exchange(was, attempt & !3 | DONE, Release, Relaxed).is_ok() {
                if was & WAITING != 0 {
                    word.wake(ALL);
                }
                return;
            }
        }
        panic!("nobody has reset it");
    }

    pub(super) fn reset(word: Slot<'_>) {
        let was = word.load(Relaxed);
        word.compare_exchange(was, (was | 7).wrapping_add(1), Release, Relaxed).unwrap();
    }
}

#[test]
fn a_stranger_that_follows_the_page_shares_the_cond() {
    let _watchdog = Watchdog::new("a_stranger_that_follows_the_page_shares_the_cond");
    let buffer = SharedBuffer::new(16).unwrap();
    let lock = Lock::new(&buffer, 0).unwrap();
    let cond = Cond::new(&buffer, 1, lock).unwrap();
    let [word, seq, waiters, items] = [0, 1, 2, 3].map(|index| buffer.slot(index).unwrap());
    let change = move |by: i32| items.store(items.load(Relaxed) + by, Relaxed);
    thread::scope(|threads| {
        threads.spawn(move || {
            for _ in 0..TURNS {
                lock::take(word);
                while items.load(Relaxed) == 0 {
                    conds::wait(word, seq, waiters);
                }
                change(-1);
                lock::release(word);
            }
        });
        threads.spawn(move || {
            for _ in 0..TURNS {
                let _guard = cond.wait_while(lock.lock(), || items.load(Relaxed) == 0);
                change(-1);
            }
        });
        threads.spawn(move || {
            for _ in 0..TURNS {
                lock::take(word);
                change(1);
                lock::release(word);
                conds::notify(seq, waiters, 1);
            }
        });
        for _ in 0..TURNS {
            let guard = lock.lock();
            change(1);
            drop(guard);
            cond.notify_one();
        }
    });
    assert_eq!([items, waiters].map(|slot| slot.load(Relaxed)), [0, 0]);
}

mod conds {
    use super::*;

    pub(super) fn wait(lock: Slot<'_>, seq: Slot<'_>, waiters: Slot<'_>) {
        waiters.fetch_add(1, Relaxed);
        let began = seq.load(Relaxed);
        lock::release(lock);
        let is_astray = loop {
            let end = seq.wait(began);
            if seq.fetch_add(0, Relaxed) != began {
                break false;
            }
            if end == Wait::Woken {
                break true;
            }
        };
        waiters.fetch_sub(1, Relaxed);
        if is_astray {
            notify(seq, waiters, ALL);
        }
        lock::take(lock);
    }

    pub(super) fn notify(seq: Slot<'_>, waiters: Slot<'_>, count: u32) {
        if waiters.load(Relaxed) != 0 {
            seq.fetch_add(1, Relaxed);
            seq.wake(count);
        }
    }
}

/// A turn that is passed on, with a notify of all.
#[test]
fn a_stranger_that_follows_the_page_shares_the_synchronic() {
    const AGENTS: u16 = 4;
    let _watchdog = Watchdog::new("a_stranger_that_follows_the_page_shares_the_synchronic");
    let buffer = SharedBuffer::new(20).unwrap();
    let synchronic = Synchronic::<u16>::new(&buffer, 0).unwrap();
    let words = [0, 1, 2].map(|index| buffer.slot(index).unwrap());
    let rounds = buffer.slot(4).unwrap();
    // A load and a store do, if only the agent whose turn it is counts.
    let turn = move || rounds.store(rounds.load(Relaxed) + 1, Relaxed);
    thread::scope(|threads| {
        for number in 0..AGENTS / 2 {
            threads.spawn(move || {
                for _ in 0..TURNS / 4 {
                    synchronics::wait(words, |value| value == 2 * number);
                    turn();
                    synchronics::change(words, |_| Some(2 * number + 1), ALL).unwrap();
                }
            });
            threads.spawn(move || {
                for _ in 0..TURNS / 4 {
                    synchronic.load_when_equal(2 * number + 1);
                    turn();
                    synchronic.store((2 * number + 2) % AGENTS, NotifyHint::All);
                }
            });
        }
    });
    assert_eq!((rounds.load(Relaxed), synchronic.load()), (i32::from(AGENTS) * (TURNS / 4), 0));
    assert_eq!(words[0].load(Relaxed), 0, "somebody is counted");
}

/// Items that are given and taken, with a notify of one.
#[test]
fn a_stranger_that_follows_the_page_notifies_one_and_is_the_one_that_is_notified() {
    let _watchdog = Watchdog::new("a_stranger_that_follows_the_page_notifies_one_and_is_the_one_that_is_notified");
    let buffer = SharedBuffer::new(16).unwrap();
    let items = Synchronic::<u16>::new(&buffer, 0).unwrap();
    let words = [0, 1, 2].map(|index| buffer.slot(index).unwrap());
    let one_less = |value: u16| value.checked_sub(1);
    thread::scope(|threads| {
        threads.spawn(move || {
            for _ in 0..TURNS {
                while synchronics::change(words, one_less, 0).is_none() {
                    synchronics::wait(words, |value| value != 0);
                }
            }
        });
        threads.spawn(move || {
            for _ in 0..TURNS {
                while items.fetch_update(NotifyHint::None, one_less).is_err() {
                    items.load_when_not_equal(0);
                }
            }
        });
        threads.spawn(move || {
            for _ in 0..TURNS {
                synchronics::change(words, |value| Some(value + 1), 1).unwrap();
            }
        });
        for _ in 0..TURNS {
            items.fetch_add(1, NotifyHint::One);
        }
    });
    assert_eq!((items.load(), words[0].load(Relaxed)), (0, 0));
}

/// A wake that reaches one who cannot use it is passed on, from one side to the other.
#[test]
fn a_stranger_that_follows_the_page_passes_on_what_it_cannot_use() {
    let _watchdog = Watchdog::new("a_stranger_that_follows_the_page_passes_on_what_it_cannot_use");
    let buffer = SharedBuffer::new(16).unwrap();
    let synchronic = Synchronic::<u16>::new(&buffer, 0).unwrap();
    let words = [0, 1, 2].map(|index| buffer.slot(index).unwrap());
    let stranger = move |wanted| synchronics::wait(words, |value| value == wanted);
    let agent = move |wanted| _ = synchronic.load_when_equal(wanted);
    let waits: [&(dyn Fn(u16) + Sync); 2] = [&stranger, &agent];
    for turn in 0..40 {
        let [first, second] = [turn % 2, 1 - turn % 2].map(|place| waits[place]);
        synchronic.store(7, NotifyHint::None);
        thread::scope(|threads| {
            // They sleep in this order, and the first is woken first.
            let other = sleepers(threads, 1, || first(6));
            let meant = sleepers(threads, 1, || second(5));
            until("both are counted", || words[0].load(Relaxed) == 2);
            if turn % 4 < 2 {
                synchronic.store(5, NotifyHint::One);
            } else {
                synchronics::change(words, |_| Some(5), 1).unwrap();
            }
            join_all(meant);
            synchronic.store(6, NotifyHint::One);
            join_all(other);
        });
        assert_eq!(words[0].load(Relaxed), 0);
    }
}

/// A number of 16 bits.
mod synchronics {
    use super::*;

    fn look(bits: i32) -> u16 {
        let [first, second, ..] = bits.to_ne_bytes();
        u16::from_ne_bytes([first, second])
    }

    fn bits(value: u16) -> i32 {
        let [first, second] = value.to_ne_bytes();
        i32::from_ne_bytes([first, second, 0, 0])
    }

    /// A `count` of 0 notifies nobody.
    pub(super) fn change(
        [waiters, generation, value]: [Slot<'_>; 3],
        change: impl Fn(u16) -> Option<u16>,
        count: u32,
    ) -> Option<u16> {
        let mut was = value.load(Acquire);
        loop {
            match value.compare_exchange(was, bits(change(look(was))?), AcqRel, Acquire) {
                Ok(_) => break,
                Err(now) => was = now,
            }
        }
        if count > 0 {
            notify(waiters, generation, count);
        }
        Some(look(was))
    }

    fn notify(waiters: Slot<'_>, generation: Slot<'_>, count: u32) {
        fence(SeqCst);
        if waiters.load(Relaxed) == 0 {
            return;
        }
        let mark = i32::from(count == 1);
        let mut was = generation.load(Relaxed);
        while let Err(now) = generation.compare_exchange(was, (was & !1).wrapping_add(2 + mark), Relaxed, Relaxed) {
            was = now;
        }
        generation.wake(count);
    }

    pub(super) fn wait([waiters, generation, value]: [Slot<'_>; 3], is_wanted: impl Fn(u16) -> bool) {
        if is_wanted(look(value.load(Acquire))) {
            return;
        }
        waiters.fetch_add(1, Relaxed);
        // What it has slept on, if a wake may have ended that.
        let mut woken_on = None;
        loop {
            let now = generation.fetch_add(0, Relaxed);
            fence(SeqCst);
            let is_wanted = is_wanted(look(value.load(Acquire)));
            if woken_on.is_some_and(|slept_on| now & 1 != 0 && (!is_wanted || now == slept_on))
                && waiters.load(Relaxed) != 1
            {
                notify(waiters, generation, ALL);
            }
            if is_wanted {
                break;
            }
            woken_on = (generation.wait(now) == Wait::Woken).then_some(now);
        }
        waiters.fetch_sub(1, Relaxed);
    }
}
