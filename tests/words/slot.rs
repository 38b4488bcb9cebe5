//! The promises of a slot, over every origin of memory: the operations of an atomic word, and waits and wakes by which
//! threads meet. Facts that only Linux lets one observe are in `waits.rs`.

use crate::support::{Memory, Watchdog, until};
use slotsync::{Error, Scope, SharedBuffer, Slot, Slots, Wait};
use std::ops::Bound;
use std::panic::catch_unwind;
use std::sync::atomic::AtomicI32;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Long enough that nothing but a bug lets it pass.
const LONG: Duration = Duration::from_secs(100);
/// Short, for waits that are meant to time out.
const SHORT: Duration = Duration::from_millis(20);
/// Values at which arithmetic on signed words goes wrong, if it does.
const ODD: [i32; 9] = [0, 1, -1, 2, i32::MIN, i32::MIN + 1, i32::MAX, i32::MAX - 1, 0x5555_5555];

over_every_origin! {
    every_operation_is_that_of_an_atomic_word
    a_compare_exchange_writes_only_what_it_compared
    an_operation_touches_no_neighbour
    agents_that_add_at_once_lose_nothing
    a_word_that_differs_is_not_equal_even_after_the_deadline
    a_deadline_in_the_past_does_not_sleep
    a_timed_wait_ends_not_before_its_time
    a_wait_without_end_ends_by_a_wake
    a_deadline_beyond_all_clocks_ends_by_a_wake
    a_wake_of_none_wakes_nobody
    a_wake_on_another_word_wakes_nobody
    a_wake_of_all_wakes_all
    a_wake_beyond_the_range_of_the_system_is_a_wake_of_all
    a_slot_carries_the_scope_of_its_buffer
    slots_are_equal_if_they_name_one_word
    a_slot_shows_its_value_and_its_scope
}

/// The slot that the tests are about. It is neither the first nor the last.
const INDEX: usize = 5;

fn word(memory: &Memory) -> Slot<'_> {
    memory.buffer.slot(INDEX).unwrap()
}

fn every_operation_is_that_of_an_atomic_word(memory: &Memory) {
    let word = word(memory);
    for order in [Relaxed, Acquire, Release, AcqRel, SeqCst] {
        for (was, value) in ODD.into_iter().flat_map(|was| ODD.map(|value| (was, value))) {
            let check = |name, operation: &dyn Fn() -> i32, becomes: i32| {
                word.store(was, Relaxed);
                let outcome = (operation(), word.load(Relaxed));
                assert_eq!(outcome, (was, becomes), "{name} of {value} on {was}");
            };
            check("swap", &|| word.swap(value, order), value);
            check("fetch_add", &|| word.fetch_add(value, order), was.wrapping_add(value));
            check("fetch_sub", &|| word.fetch_sub(value, order), was.wrapping_sub(value));
            check("fetch_and", &|| word.fetch_and(value, order), was & value);
            check("fetch_or", &|| word.fetch_or(value, order), was | value);
            check("fetch_xor", &|| word.fetch_xor(value, order), was ^ value);
        }
    }
    for value in ODD {
        for (store, load) in [(Relaxed, Relaxed), (Release, Acquire), (SeqCst, SeqCst)] {
            word.store(value, store);
            assert_eq!(word.load(load), value);
        }
    }
}

fn a_compare_exchange_writes_only_what_it_compared(memory: &Memory) {
    let word = word(memory);
    for (was, current) in ODD.into_iter().flat_map(|was| ODD.map(|current| (was, current))) {
        for success in [Relaxed, Acquire, Release, AcqRel, SeqCst] {
            for failure in [Relaxed, Acquire, SeqCst] {
                word.store(was, Relaxed);
                let outcome = word.compare_exchange(current, 7, success, failure);
                let expected = if was == current { (Ok(was), 7) } else { (Err(was), was) };
                assert_eq!((outcome, word.load(Relaxed)), expected, "{current} on {was}");
            }
        }
    }
}

fn an_operation_touches_no_neighbour(memory: &Memory) {
    let neighbours = [INDEX - 1, INDEX + 1].map(|index| memory.buffer.slot(index).unwrap());
    for value in ODD {
        neighbours.iter().for_each(|neighbour| neighbour.store(0x1234_5678, Relaxed));
        word(memory).store(value, Relaxed);
        word(memory).fetch_add(value, Relaxed);
        word(memory).swap(!value, Relaxed);
        assert_eq!(neighbours.map(|neighbour| neighbour.load(Relaxed)), [0x1234_5678; 2]);
    }
}

fn agents_that_add_at_once_lose_nothing(memory: &Memory) {
    thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| {
                for _ in 0..10_000 {
                    // Together half a turn around the clock of 2^32, so that it wraps.
                    word(memory).fetch_add(0x0001_0001, Relaxed);
                }
            });
        }
    });
    assert_eq!(word(memory).load(Relaxed), 0x0001_0001_i32.wrapping_mul(40_000));
}

/// A point in time that has passed for long.
fn past() -> Instant {
    let now = Instant::now();
    now.checked_sub(Duration::from_secs(3600)).unwrap_or(now)
}

/// The last point in time that the clock can say.
fn end_of_time() -> Instant {
    let steps = (0..64).rev().map(|bit| Duration::from_secs(1 << bit));
    steps.fold(Instant::now(), |end, step| end.checked_add(step).unwrap_or(end))
}

fn a_word_that_differs_is_not_equal_even_after_the_deadline(memory: &Memory) {
    let _watchdog = Watchdog::new("a_word_that_differs_is_not_equal");
    let word = word(memory);
    for (holds, expected) in [(0, 1), (0, -1), (0, i32::MIN), (i32::MIN, i32::MAX), (-1, 0x7fff_ffff), (7, 0)] {
        word.store(holds, Relaxed);
        assert_eq!(word.wait(expected), Wait::NotEqual);
        for timeout in [Duration::ZERO, Duration::from_nanos(1), LONG, Duration::MAX] {
            assert_eq!(word.wait_for(expected, timeout), Wait::NotEqual, "{timeout:?}");
        }
        for deadline in [past(), Instant::now(), Instant::now() + LONG, end_of_time()] {
            assert_eq!(word.wait_until(expected, deadline), Wait::NotEqual, "{deadline:?}");
        }
        assert_eq!(word.load(Relaxed), holds, "a wait never writes");
    }
}

fn a_deadline_in_the_past_does_not_sleep(memory: &Memory) {
    let _watchdog = Watchdog::new("a_deadline_in_the_past_does_not_sleep");
    for value in ODD {
        word(memory).store(value, Relaxed);
        assert_eq!(word(memory).wait_for(value, Duration::ZERO), Wait::TimedOut);
        for deadline in [past(), Instant::now()] {
            assert_eq!(word(memory).wait_until(value, deadline), Wait::TimedOut);
        }
    }
}

fn a_timed_wait_ends_not_before_its_time(memory: &Memory) {
    let _watchdog = Watchdog::new("a_timed_wait_ends_not_before_its_time");
    let word = word(memory);
    for timeout in [Duration::from_nanos(1), Duration::from_micros(999), Duration::from_nanos(1_000_001), SHORT] {
        let deadline = Instant::now() + timeout;
        // In a loop: a wakeup may be spurious.
        while word.wait_until(0, deadline) != Wait::TimedOut {}
        assert!(Instant::now() >= deadline, "{timeout:?}");

        let start = Instant::now();
        if word.wait_for(0, timeout) == Wait::TimedOut {
            assert!(start.elapsed() >= timeout, "{timeout:?}");
        }
    }
}

fn a_wait_without_end_ends_by_a_wake(memory: &Memory) {
    let _watchdog = Watchdog::new("a_wait_without_end_ends_by_a_wake");
    assert_eq!(woken_from(word(memory), |word| word.wait(0)), Wait::Woken);
    assert_eq!(woken_from(word(memory), |word| word.wait_for(0, Duration::MAX)), Wait::Woken);
}

fn a_deadline_beyond_all_clocks_ends_by_a_wake(memory: &Memory) {
    let _watchdog = Watchdog::new("a_deadline_beyond_all_clocks_ends_by_a_wake");
    // A clock of 64-bit nanoseconds ends at the first of these, one of 32-bit seconds did before.
    for seconds in [1 << 34, 1 << 55, i64::MAX as u64 - 1, i64::MAX as u64, u64::MAX - 1] {
        let timeout = Duration::from_secs(seconds);
        assert_eq!(woken_from(word(memory), |word| word.wait_for(0, timeout)), Wait::Woken, "{seconds}");
    }
    assert_eq!(woken_from(word(memory), |word| word.wait_until(0, end_of_time())), Wait::Woken);
}

/// The outcome of a wait in another thread, which is woken again and again once it sleeps, until it returns.
fn woken_from(word: Slot<'_>, wait: impl FnOnce(Slot<'_>) -> Wait + Send) -> Wait {
    thread::scope(|threads| {
        let (number, numbers) = mpsc::channel();
        let sleeper = threads.spawn(move || {
            number.send(thread_id()).unwrap();
            wait(word)
        });
        until_asleep(numbers.recv().unwrap());
        until("the waiter is woken", || {
            word.wake(1);
            sleeper.is_finished()
        });
        sleeper.join().unwrap()
    })
}

#[cfg(target_os = "linux")]
use crate::support::processes::thread_id;
#[cfg(not(target_os = "linux"))]
fn thread_id() {}

/// Waits until a thread sleeps, where that can be observed.
#[cfg(target_os = "linux")]
fn until_asleep(thread: libc::pid_t) {
    if !crate::support::is_emulated() {
        crate::support::processes::until_thread_asleep(thread);
    }
}
#[cfg(not(target_os = "linux"))]
fn until_asleep((): ()) {}

fn a_wake_of_none_wakes_nobody(memory: &Memory) {
    assert_sleeps_through(word(memory), || word(memory).wake(0));
}

fn a_wake_on_another_word_wakes_nobody(memory: &Memory) {
    let others = [0, INDEX - 1, INDEX + 1, INDEX + 512, 1023].map(|index| memory.buffer.slot(index).unwrap());
    assert_sleeps_through(word(memory), || others.iter().for_each(|other| other.wake(u32::MAX)));
}

/// A sleeper on the word sleeps until the deadline, though others do this all the time.
fn assert_sleeps_through(word: Slot<'_>, disturbance: impl Fn()) {
    let _watchdog = Watchdog::new("assert_sleeps_through");
    thread::scope(|threads| {
        let sleeper = threads.spawn(move || word.wait_for(0, SHORT));
        while !sleeper.is_finished() {
            disturbance();
        }
        let outcome = sleeper.join().unwrap();
        // Linux has a reason for each wakeup. Elsewhere a timer that ticks early is a spurious one.
        assert!(outcome == Wait::TimedOut || cfg!(not(target_os = "linux")), "{outcome:?}");
    });
}

fn a_wake_of_all_wakes_all(memory: &Memory) {
    all_are_woken_by(word(memory), u32::MAX);
}

fn a_wake_beyond_the_range_of_the_system_is_a_wake_of_all(memory: &Memory) {
    // A system that counts with a sign would take these for negative.
    for count in [i32::MAX as u32, i32::MAX as u32 + 1, u32::MAX - 1] {
        all_are_woken_by(word(memory), count);
    }
}

/// One wake of this count ends the sleep of all.
fn all_are_woken_by(word: Slot<'_>, count: u32) {
    let _watchdog = Watchdog::new("all_are_woken_by");
    word.store(0, Relaxed);
    thread::scope(|threads| {
        let (number, numbers) = mpsc::channel();
        for _ in 0..3 {
            let number = number.clone();
            threads.spawn(move || {
                number.send(thread_id()).unwrap();
                while word.load(Relaxed) == 0 {
                    let _ = word.wait(0);
                }
            });
        }
        numbers.iter().take(3).for_each(until_asleep);
        word.store(1, Relaxed);
        word.wake(count);
    });
}

fn a_slot_carries_the_scope_of_its_buffer(memory: &Memory) {
    let scope = memory.buffer.scope();
    assert_eq!(word(memory).scope(), scope);
    assert!(memory.buffer.slots(..).unwrap().iter().all(|slot| slot.scope() == scope));
    assert_eq!(memory.buffer.slots(3..).unwrap().get(4).unwrap().scope(), scope);
}

fn slots_are_equal_if_they_name_one_word(memory: &Memory) {
    assert_eq!(word(memory), word(memory));
    assert_eq!(word(memory), memory.buffer.slots(2..).unwrap().get(INDEX - 2).unwrap());
    assert_ne!(word(memory), memory.buffer.slot(INDEX + 1).unwrap());
    let copy = word(memory);
    copy.store(9, Relaxed);
    assert_eq!(word(memory).load(Relaxed), 9);
}

fn a_slot_shows_its_value_and_its_scope(memory: &Memory) {
    word(memory).store(-7, Relaxed);
    let scope = memory.buffer.scope();
    assert_eq!(format!("{:?}", word(memory)), format!("Slot {{ value: -7, scope: {scope:?}, .. }}"));
    let slots = memory.buffer.slots(INDEX..=INDEX).unwrap();
    assert_eq!(format!("{slots:?}"), format!("[Slot {{ value: -7, scope: {scope:?}, .. }}]"));
}

#[test]
fn words_of_one_address_differ_in_scope() {
    let word = AtomicI32::new(3);
    let private = Slot::from_ref(&word, Scope::Private).unwrap();
    assert_eq!((private.load(Relaxed), private.scope()), (3, Scope::Private));
    private.store(4, Relaxed);
    assert_eq!(word.load(Relaxed), 4);
    match Slot::from_ref(&word, Scope::Shared) {
        Ok(shared) => {
            assert_eq!((shared.load(Relaxed), shared.scope()), (4, Scope::Shared));
            assert_ne!(shared, private, "who waits on the one is not woken through the other");
        }
        Err(error) => {
            assert_eq!(error, Error::Unsupported { what: "waiting across processes" });
            assert_eq!(std::env::consts::OS, "windows");
        }
    }
}

#[test]
fn words_that_lie_elsewhere_are_slots() {
    let words = [3, 4, 5, 6].map(AtomicI32::new);
    let slots = Slots::from_ref(&words[1..], Scope::Private).unwrap();
    assert_eq!((slots.len(), slots.is_empty()), (3, false));
    assert_eq!(slots.iter().map(|slot| slot.load(Relaxed)).collect::<Vec<_>>(), [4, 5, 6]);
    assert_eq!([3, 4, usize::MAX].map(|index| slots.get(index)), [None; 3], "not even if there is a word");
    for (slot, word) in slots.iter().zip(&words[1..]) {
        assert_eq!(slot, Slot::from_ref(word, Scope::Private).unwrap());
        slot.fetch_add(10, Relaxed);
    }
    assert_eq!(words.each_ref().map(|word| word.load(Relaxed)), [3, 14, 15, 16]);
}

#[test]
fn no_words_are_no_slots() {
    let words = [AtomicI32::new(3)];
    for nothing in [&[], &words[..0], &words[1..]] {
        let slots = Slots::from_ref(nothing, Scope::Private).unwrap();
        assert_eq!((slots.len(), slots.is_empty(), slots.iter().next(), slots.get(0)), (0, true, None, None));
        assert_eq!(format!("{slots:?}"), "[]");
    }
}

#[test]
fn slots_elsewhere_are_of_the_scope_that_is_asked_for() {
    let words = [const { AtomicI32::new(0) }; 3];
    let slots = Slots::from_ref(&words, Scope::Private).unwrap();
    assert!(slots.iter().all(|slot| slot.scope() == Scope::Private));
    match Slots::from_ref(&words, Scope::Shared) {
        Ok(shared) => {
            assert!(shared.iter().all(|slot| slot.scope() == Scope::Shared));
            assert_ne!(shared.get(0), slots.get(0));
        }
        Err(error) => {
            assert_eq!(error, Error::Unsupported { what: "waiting across processes" });
            assert_eq!(std::env::consts::OS, "windows");
            // Though there is nobody who could wait.
            assert_eq!(Slots::from_ref(&[], Scope::Shared).unwrap_err(), error);
        }
    }
}

#[test]
fn only_linux_says_how_many_were_woken() {
    let word = AtomicI32::new(0);
    let slot = Slot::from_ref(&word, Scope::Private).unwrap();
    assert_eq!(slot.wake_counted(0), Ok(0), "that is known everywhere");
    let counted = slot.wake_counted(1);
    if cfg!(any(target_os = "linux", target_os = "android")) {
        assert_eq!(counted, Ok(0));
    } else {
        assert_eq!(counted, Err(Error::Unsupported { what: "counting the woken" }));
    }
}

#[test]
fn an_ordering_that_an_operation_cannot_have_is_a_panic() {
    let panics = |operation: fn(Slot<'_>)| {
        catch_unwind(move || {
            let word = AtomicI32::new(0);
            operation(Slot::from_ref(&word, Scope::Private).unwrap());
        })
        .is_err()
    };
    assert!(panics(|word| _ = word.load(Release)));
    assert!(panics(|word| _ = word.load(AcqRel)));
    assert!(panics(|word| word.store(1, Acquire)));
    assert!(panics(|word| word.store(1, AcqRel)));
    assert!(panics(|word| _ = word.compare_exchange(0, 1, SeqCst, Release)));
    assert!(panics(|word| _ = word.compare_exchange(0, 1, SeqCst, AcqRel)));
    assert!(!panics(|word| word.store(1, Release)));
}

/// 16 slots, each holding its index.
fn sixteen() -> SharedBuffer {
    let buffer = SharedBuffer::new(64).unwrap();
    for (index, slot) in (0..).zip(buffer.slots(..).unwrap()) {
        slot.store(index, Relaxed);
    }
    buffer
}

#[test]
fn a_slot_beyond_the_end_is_an_error() {
    let buffer = sixteen();
    assert_eq!(buffer.slot(0).unwrap().load(Relaxed), 0);
    assert_eq!(buffer.slot(15).unwrap().load(Relaxed), 15);
    for index in [16, 17, usize::MAX / 4, usize::MAX / 4 + 1, usize::MAX - 1, usize::MAX] {
        assert_eq!(buffer.slot(index), Err(Error::OutOfBounds { index, count: 1, length: 16 }));
    }
}

#[test]
fn every_kind_of_range_has_its_slots() {
    use Bound::{Excluded, Included, Unbounded};
    let buffer = sixteen();
    let indices =
        |slots: Result<Slots<'_>, Error>| -> Vec<i32> { slots.unwrap().iter().map(|s| s.load(Relaxed)).collect() };
    let all: Vec<i32> = (0..16).collect();
    assert_eq!(indices(buffer.slots(..)), all);
    assert_eq!(indices(buffer.slots(0..)), all);
    assert_eq!(indices(buffer.slots(..16)), all);
    assert_eq!(indices(buffer.slots(..=15)), all);
    assert_eq!(indices(buffer.slots(3..6)), [3, 4, 5]);
    assert_eq!(indices(buffer.slots(3..=6)), [3, 4, 5, 6]);
    assert_eq!(indices(buffer.slots((Excluded(3), Included(6)))), [4, 5, 6]);
    assert_eq!(indices(buffer.slots((Excluded(12), Unbounded))), [13, 14, 15]);
    for nothing in [0..0, 7..7, 16..16] {
        assert_eq!(indices(buffer.slots(nothing)), []);
    }
    let backwards = (Included(9), Excluded(3));
    assert_eq!(indices(buffer.slots(backwards)), [], "as many as none");
}

#[test]
fn a_range_beyond_the_end_is_an_error() {
    use Bound::{Excluded, Included, Unbounded};
    const MAX: usize = usize::MAX;
    let buffer = sixteen();
    for (start, end, index, count) in [
        (Included(0), Excluded(17), 0, 17),
        (Included(0), Included(16), 0, 17),
        (Included(16), Included(16), 16, 1),
        (Included(17), Unbounded, 17, 0),
        (Included(17), Excluded(17), 17, 0),
        (Included(20), Excluded(3), 20, 0),
        (Excluded(16), Unbounded, 17, 0),
        (Included(8), Excluded(MAX), 8, MAX - 8),
        // One more than these is no number any more.
        (Unbounded, Included(MAX), 0, MAX),
        (Included(1), Included(MAX), 1, MAX - 1),
        (Included(MAX), Unbounded, MAX, 0),
        (Included(MAX), Included(MAX), MAX, 0),
        (Excluded(MAX), Unbounded, MAX, 0),
        (Excluded(MAX), Included(MAX), MAX, 0),
    ] {
        let error = buffer.slots((start, end)).unwrap_err();
        assert_eq!(error, Error::OutOfBounds { index, count, length: 16 }, "{start:?} to {end:?}");
    }
}

#[test]
fn slots_are_counted_exactly_and_indexed_from_their_first() {
    let buffer = sixteen();
    let value = |slot: Option<Slot<'_>>| slot.map(|slot| slot.load(Relaxed));
    let slots = buffer.slots(4..8).unwrap();
    assert_eq!((slots.len(), slots.is_empty()), (4, false));
    assert_eq!([0, 3, 4, usize::MAX].map(|index| value(slots.get(index))), [Some(4), Some(7), None, None]);
    let mut walk = slots.into_iter();
    for left in (0..=4).rev() {
        assert_eq!((walk.len(), walk.size_hint()), (left, (left, Some(left))));
        assert_eq!(value(walk.next()), (left > 0).then(|| 8 - i32::try_from(left).unwrap()));
    }
    assert_eq!(walk.next(), None, "and stays at its end");
    assert_eq!(slots.iter().count(), 4, "and a walk leaves the slots as they are");
    assert!(buffer.slots(4..4).unwrap().is_empty());
}
