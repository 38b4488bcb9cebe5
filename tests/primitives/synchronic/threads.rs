//! What a synchronic promises, over every origin of memory and for every type, between threads.

use crate::support::numbers::{Bits, Number, assert_identical};
use crate::support::{
    LONG, Memory, OnDrop, Plain, SHORT, Watchdog, assert_not_early, join_all, sleepers, under_stray_wakes, until,
};
use slotsync::{Error, NotifyHint, Scope, SharedBuffer, Slot, Slots, Synchronic, TimedOut};
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

for_every_number! {
    fresh_memory_is_a_synchronic_of_zero_and_stays_as_it_is
    initializing_makes_any_words_a_synchronic_of_that_value
    every_change_is_that_of_the_number
    a_compare_exchange_writes_only_what_it_compared
    an_update_that_says_none_writes_nothing
    a_value_lies_in_the_first_bytes_with_zeros_behind_it
    the_bytes_behind_a_small_value_count_as_nothing
    a_change_touches_no_neighbour
    agents_that_add_at_once_lose_nothing
    handles_are_equal_if_they_name_the_same_words
    a_value_that_is_there_is_not_waited_for
    a_deadline_in_the_past_is_a_look
    a_waiter_that_gives_up_is_not_counted_any_more
    each_change_lets_all_return_who_wait
    each_way_to_wait_returns_for_a_change
    a_value_that_is_not_waited_for_lets_nobody_return
    a_compare_exchange_that_fails_notifies_nobody
    a_notify_without_waiters_changes_nothing
    no_change_is_lost_between_two_agents
    a_change_that_one_can_use_reaches_one
    a_change_for_one_reaches_one_that_it_suffices_for_past_others
    any_words_are_survived
    a_change_lets_a_waiter_go_from_any_generation
    js_takes_a_compared_value_out_of_range_for_another_and_does_not_notify
    js_waits_for_a_value_out_of_range_that_it_has_stored_as_another
    js_keeps_floats_under_a_lock_in_the_generation
}

over_every_origin! {
    an_integer_wraps_around_at_both_ends
    a_timed_wait_ends_not_before_its_time
    a_number_is_passed_on_from_agent_to_agent
    each_waits_for_what_its_closure_wants
    a_closure_that_is_never_satisfied_ends_with_the_time
    a_closure_that_panics_leaves_the_others_as_they_are
    a_stray_wake_lets_nobody_return
    a_count_that_wraps_around_is_survived
    zeros_of_both_signs_are_the_same
    each_nan_is_the_same_as_each_other
    js_compares_a_float_with_more_digits_than_it_has_stored
    values_of_64_bits_are_never_seen_by_halves
}

/// Even, so that a value of 64 bits can lie there.
const INDEX: usize = 6;
/// For waits that are meant to time out, and of which there are many.
const BRIEF: Duration = Duration::from_micros(100);
const ODD: [i32; 9] = [0, 1, -1, 2, 3, i32::MIN, i32::MIN + 1, i32::MAX, i32::MAX - 1];

/// The waiters, the generation, and the two words of the value.
fn words(memory: &Memory) -> [Slot<'_>; 4] {
    [0, 1, 2, 3].map(|place| memory.buffer.slot(INDEX + place).unwrap())
}

fn put(memory: &Memory, values: [i32; 4]) {
    words(memory).into_iter().zip(values).for_each(|(word, value)| word.store(value, Relaxed));
}

fn values(memory: &Memory) -> [i32; 4] {
    words(memory).map(|word| word.load(Relaxed))
}

fn waiters(memory: &Memory) -> i32 {
    values(memory)[0]
}

fn generation(memory: &Memory) -> i32 {
    values(memory)[1]
}

/// The bytes of the value, whatever its type.
fn bytes(memory: &Memory) -> [u8; 8] {
    let [_, _, low, high] = values(memory).map(i32::to_ne_bytes);
    [low, high].concat().try_into().unwrap()
}

/// Writes these bytes as another agent does that knows the layout.
fn put_bytes(memory: &Memory, bytes: [u8; 8]) {
    let [_, _, low, high] = words(memory);
    low.store(i32::from_ne_bytes(bytes[..4].try_into().unwrap()), Relaxed);
    high.store(i32::from_ne_bytes(bytes[4..].try_into().unwrap()), Relaxed);
}

fn synchronic<T: Number>(memory: &Memory) -> Synchronic<'_, T> {
    Synchronic::new(&memory.buffer, INDEX).unwrap()
}

/// Over zeros, whatever the test before left there.
fn with_value<T: Number>(memory: &Memory, value: T) -> Synchronic<'_, T> {
    put(memory, [0; 4]);
    Synchronic::initialize(&memory.buffer, INDEX, value).unwrap()
}

/// Waits until that many wait, or are about to.
fn until_waiting(memory: &Memory, number: i32) {
    until("that many wait", || waiters(memory) == number);
}

/// Writes a value for which all return who may sleep, and wakes them, if the test fails: else it would wait for them, and
/// hang where it should say why.
fn freed<'a, T: Number>(synchronic: Synchronic<'a, T>, generation: Slot<'a>, value: T) -> OnDrop<impl FnMut() + 'a> {
    OnDrop(move || {
        if thread::panicking() {
            synchronic.store(value, NotifyHint::None);
            generation.wake(u32::MAX);
        }
    })
}

fn fresh_memory_is_a_synchronic_of_zero_and_stays_as_it_is<T: Number>(memory: &Memory) {
    put(memory, [0; 4]);
    assert_identical(synchronic::<T>(memory).load(), T::of(0));
    assert_eq!(values(memory), [0; 4]);
    // Nor does it write to other words.
    put(memory, [7, 9, -1, 5]);
    let _ = synchronic::<T>(memory).load();
    assert_eq!(values(memory), [7, 9, -1, 5]);
    assert_eq!(Synchronic::<T>::SLOTS, 4);
}

fn initializing_makes_any_words_a_synchronic_of_that_value<T: Number>(memory: &Memory) {
    for garbage in ODD {
        for value in T::edges() {
            put(memory, [garbage; 4]);
            let synchronic = Synchronic::initialize(&memory.buffer, INDEX, value).unwrap();
            assert_identical(synchronic.load(), value);
            assert_eq!(values(memory)[..2], [0, 0]);
        }
    }
}

fn every_change_is_that_of_the_number<T: Number>(memory: &Memory) {
    for (was, value) in T::edges().into_iter().flat_map(|was| T::edges().into_iter().map(move |value| (was, value))) {
        let check = |name, change: &dyn Fn(Synchronic<'_, T>) -> T, becomes: T| {
            let synchronic = with_value(memory, was);
            let found = change(synchronic);
            assert!(found.is_identical(was), "{name} of {value:?} on {was:?} returned {found:?}");
            let now = synchronic.load();
            assert!(now.is_identical(becomes), "{name} of {value:?} on {was:?} made {now:?} of it and not {becomes:?}");
            assert_eq!(values(memory)[..2], [0, 0], "nobody waits");
        };
        for hint in [NotifyHint::None, NotifyHint::One, NotifyHint::All] {
            check("swap", &|synchronic| synchronic.swap(value, hint), value);
            check("fetch_add", &|synchronic| synchronic.fetch_add(value, hint), was.sum(value));
            check("fetch_sub", &|synchronic| synchronic.fetch_sub(value, hint), was.difference(value));
            check("fetch_update", &|synchronic| synchronic.fetch_update(hint, |_| Some(value)).unwrap(), value);
            for bits in [Bits::And, Bits::Or, Bits::Xor] {
                if let Some(becomes) = was.with_bits(bits, value) {
                    check(bits.name(), &|synchronic| T::fetch_bits(synchronic, bits, value, hint).unwrap(), becomes);
                }
            }
            let synchronic = with_value(memory, was);
            synchronic.store(value, hint);
            assert_identical(synchronic.load(), value);
        }
    }
}

fn a_compare_exchange_writes_only_what_it_compared<T: Number>(memory: &Memory) {
    for was in T::edges() {
        for current in T::edges() {
            let synchronic = with_value(memory, was);
            let outcome = synchronic.compare_exchange(current, T::of(7), NotifyHint::All);
            let is_same = was.equals(current);
            assert_eq!(outcome.is_ok(), is_same, "{current:?} on {was:?}");
            assert_identical(outcome.unwrap_or_else(|found| found), was);
            assert_identical(synchronic.load(), if is_same { T::of(7) } else { was });
        }
    }
}

fn an_update_that_says_none_writes_nothing<T: Number>(memory: &Memory) {
    for was in T::edges() {
        let synchronic = with_value(memory, was);
        // Not even zeros behind it.
        let mut before = [0xa5; 8];
        before[..size_of::<T>()].copy_from_slice(&was.to_bytes());
        put_bytes(memory, before);
        words(memory)[0].store(3, Relaxed);
        let mut seen = Vec::new();
        let outcome = synchronic.fetch_update(NotifyHint::All, |value| {
            seen.push(value);
            None
        });
        assert_identical(outcome.unwrap_err(), was);
        assert_eq!(seen.len(), 1);
        assert_identical(seen[0], was);
        assert_eq!((bytes(memory), waiters(memory), generation(memory)), (before, 3, 0));
    }
    let synchronic = with_value(memory, T::of(2));
    let more = |value: T| Some(value.sum(T::of(1)));
    assert_eq!(synchronic.fetch_update(NotifyHint::All, more), Ok(T::of(2)));
    assert_eq!(synchronic.load(), T::of(3));
}

fn a_value_lies_in_the_first_bytes_with_zeros_behind_it<T: Number>(memory: &Memory) {
    type Write<'a, T> = &'a dyn Fn(Synchronic<'_, T>);
    let word = if size_of::<T>() == 8 { 8 } else { 4 };
    for value in T::edges() {
        let changes: [Write<'_, T>; 4] = [
            &|synchronic| synchronic.store(value, NotifyHint::None),
            &|synchronic| _ = synchronic.swap(value, NotifyHint::None),
            &|synchronic| _ = synchronic.fetch_update(NotifyHint::None, |_| Some(value)),
            &|_| _ = Synchronic::initialize(&memory.buffer, INDEX, value),
        ];
        for change in changes {
            put(memory, [0; 4]);
            put_bytes(memory, [0xa5; 8]);
            change(synchronic(memory));
            let mut expected = [0; 8];
            expected[..size_of::<T>()].copy_from_slice(&value.to_bytes());
            // The last word is nobody's if the value does not reach it.
            expected[word..].fill(0xa5);
            assert_eq!(bytes(memory), expected, "{value:?}");
        }
    }
    let [waiters, generation, ..] = words(memory);
    waiters.store(1, Relaxed);
    generation.store(0, Relaxed);
    synchronic::<T>(memory).notify(NotifyHint::All);
    assert_eq!(values(memory)[..2], [1, 2], "the waiters in slot 0, and the generation in slot 1");
    waiters.store(0, Relaxed);
}

fn the_bytes_behind_a_small_value_count_as_nothing<T: Number>(memory: &Memory) {
    let number = T::of(3);
    for garbage in [0x01, 0x7f, 0x80, 0xff] {
        let soil = || {
            put(memory, [0; 4]);
            let mut bytes = [garbage; 8];
            bytes[..size_of::<T>()].copy_from_slice(&number.to_bytes());
            put_bytes(memory, bytes);
            synchronic::<T>(memory)
        };
        assert_eq!(soil().load(), number);
        assert_eq!(soil().load_when_equal(number), number);
        assert_eq!(soil().load_when_not_equal_for(number, BRIEF), Err(TimedOut));
        assert_eq!(soil().compare_exchange(number, T::of(5), NotifyHint::All), Ok(number));
        assert_eq!(synchronic::<T>(memory).load(), T::of(5));
        assert_eq!(soil().compare_exchange(T::of(5), number, NotifyHint::All), Err(number));
        assert_eq!(soil().fetch_add(T::of(1), NotifyHint::All), number);
        assert_eq!(synchronic::<T>(memory).load(), T::of(4));
        assert_eq!(soil().swap(T::of(5), NotifyHint::All), number);
    }
}

fn a_change_touches_no_neighbour<T: Number>(memory: &Memory) {
    let neighbours = [INDEX - 1, INDEX + 4].map(|index| memory.buffer.slot(index).unwrap());
    for value in T::edges() {
        neighbours.iter().for_each(|neighbour| neighbour.store(0x1234_5678, Relaxed));
        let synchronic = with_value(memory, value);
        words(memory)[0].store(1, Relaxed);
        synchronic.fetch_add(value, NotifyHint::One);
        synchronic.swap(value, NotifyHint::All);
        assert_eq!(synchronic.load_when_not_equal_for(value, Duration::ZERO), Err(TimedOut));
        assert_eq!(neighbours.map(|neighbour| neighbour.load(Relaxed)), [0x1234_5678; 2]);
    }
}

fn agents_that_add_at_once_lose_nothing<T: Number>(memory: &Memory) {
    const TIMES: usize = 1_000;
    let synchronic = with_value(memory, T::of(0));
    thread::scope(|threads| {
        for _ in 0..3 {
            threads.spawn(|| (0..TIMES).for_each(|_| _ = synchronic.fetch_add(T::of(3), NotifyHint::All)));
            threads.spawn(|| (0..TIMES).for_each(|_| _ = synchronic.fetch_sub(T::of(1), NotifyHint::All)));
        }
    });
    let total = (0..3 * TIMES).fold(T::of(0), |total, _| total.sum(T::of(2)));
    assert_identical(synchronic.load(), total);
}

fn handles_are_equal_if_they_name_the_same_words<T: Number>(memory: &Memory) {
    let one = with_value(memory, T::of(1));
    let slots = memory.buffer.slots(INDEX..).unwrap();
    assert_eq!(one, Synchronic::from_slots(slots).unwrap());
    assert_ne!(one, Synchronic::new(&memory.buffer, INDEX + 4).unwrap());
    let copy = one;
    copy.store(T::of(2), NotifyHint::All);
    assert_eq!(one.load(), T::of(2));
    let text = format!("Synchronic {{ value: {:?}, waiters: {:?}, .. }}", T::of(2), words(memory)[0]);
    assert_eq!(format!("{one:?}"), text);
}

fn a_value_that_is_there_is_not_waited_for<T: Number>(memory: &Memory) {
    let _watchdog = Watchdog::new("a_value_that_is_there_is_not_waited_for");
    let past = Instant::now();
    for value in T::edges() {
        let synchronic = with_value(memory, value);
        let equal = [
            Ok(synchronic.load_when_equal(value)),
            synchronic.load_when_equal_for(value, Duration::MAX),
            synchronic.load_when_equal_for(value, Duration::ZERO),
            synchronic.load_when_equal_until(value, past),
        ];
        equal.into_iter().for_each(|seen| assert_identical(seen.unwrap(), value));
        let other = T::of(77);
        let different = [
            Ok(synchronic.load_when_not_equal(other)),
            synchronic.load_when_not_equal_for(other, Duration::MAX),
            synchronic.load_when_not_equal_for(other, Duration::ZERO),
            synchronic.load_when_not_equal_until(other, past),
        ];
        different.into_iter().for_each(|seen| assert_identical(seen.unwrap(), value));
        let is_there = |seen: T| {
            assert_identical(seen, value);
            true
        };
        let wanted = [
            Ok(synchronic.load_when(is_there)),
            synchronic.load_when_for(is_there, Duration::MAX),
            synchronic.load_when_for(is_there, Duration::ZERO),
            synchronic.load_when_until(is_there, past),
        ];
        wanted.into_iter().for_each(|seen| assert_identical(seen.unwrap(), value));
        synchronic.expect_update(other);
        let updated = [
            synchronic.expect_update_for(other, Duration::MAX),
            synchronic.expect_update_for(other, Duration::ZERO),
            synchronic.expect_update_until(other, past),
        ];
        assert_eq!(updated, [Ok(()); 3]);
        assert_eq!(values(memory)[..2], [0, 0]);
    }
}

/// Each timed wait for something that is not so, with a time of zero or more.
fn assert_all_in_vain<T: Number>(synchronic: Synchronic<'_, T>, timeout: Duration) {
    let value = synchronic.load();
    let other = if value.equals(T::of(77)) { T::of(76) } else { T::of(77) };
    let deadline = || Instant::now() + timeout;
    let seen = [
        synchronic.load_when_equal_for(other, timeout),
        synchronic.load_when_equal_until(other, deadline()),
        synchronic.load_when_not_equal_for(value, timeout),
        synchronic.load_when_not_equal_until(value, deadline()),
        synchronic.load_when_for(|seen| seen.equals(other), timeout),
        synchronic.load_when_until(|_| false, deadline()),
    ];
    assert_eq!(seen, [Err(TimedOut); 6]);
    let outcomes = [synchronic.expect_update_for(value, timeout), synchronic.expect_update_until(value, deadline())];
    assert_eq!(outcomes, [Err(TimedOut); 2]);
}

fn a_deadline_in_the_past_is_a_look<T: Number>(memory: &Memory) {
    for value in T::edges() {
        assert_all_in_vain(with_value(memory, value), Duration::ZERO);
        assert_eq!(values(memory)[..2], [0, 0]);
    }
}

fn a_waiter_that_gives_up_is_not_counted_any_more<T: Number>(memory: &Memory) {
    for value in [T::of(0), T::of(3)] {
        let synchronic = with_value(memory, value);
        assert_all_in_vain(synchronic, BRIEF);
        assert_eq!(values(memory)[..2], [0, 0]);
        synchronic.store(T::of(5), NotifyHint::All);
        assert_eq!(generation(memory), 0, "nobody waits");
    }
}

type Change<T> = fn(Synchronic<'_, T>, NotifyHint);

/// All that changes a 2, and notifies as the hint says.
fn changes<T: Number>() -> Vec<(&'static str, Change<T>)> {
    let of_all: [(_, Change<T>); 6] = [
        ("store", |synchronic, hint| synchronic.store(T::of(5), hint)),
        ("swap", |synchronic, hint| assert_eq!(synchronic.swap(T::of(5), hint), T::of(2))),
        ("compare_exchange", |synchronic, hint| {
            assert_eq!(synchronic.compare_exchange(T::of(2), T::of(5), hint), Ok(T::of(2)));
        }),
        ("fetch_update", |synchronic, hint| {
            assert_eq!(synchronic.fetch_update(hint, |_| Some(T::of(5))), Ok(T::of(2)));
        }),
        ("fetch_add", |synchronic, hint| assert_eq!(synchronic.fetch_add(T::of(3), hint), T::of(2))),
        ("fetch_sub", |synchronic, hint| assert_eq!(synchronic.fetch_sub(T::of(1), hint), T::of(2))),
    ];
    let of_integers: [(_, Change<T>); 3] = [
        ("fetch_and", |synchronic, hint| assert!(T::fetch_bits(synchronic, Bits::And, T::of(1), hint).is_some())),
        ("fetch_or", |synchronic, hint| assert!(T::fetch_bits(synchronic, Bits::Or, T::of(1), hint).is_some())),
        ("fetch_xor", |synchronic, hint| assert!(T::fetch_bits(synchronic, Bits::Xor, T::of(3), hint).is_some())),
    ];
    of_all.into_iter().chain(of_integers.into_iter().filter(|_| !T::IS_FLOAT)).collect()
}

fn each_change_lets_all_return_who_wait<T: Number>(memory: &Memory) {
    let _watchdog = Watchdog::new("each_change_lets_all_return_who_wait");
    for (name, change) in changes::<T>() {
        let synchronic = with_value(memory, T::of(2));
        thread::scope(|threads| {
            let _freed = freed(synchronic, words(memory)[1], T::of(5));
            let waiters = sleepers(threads, 2, move || synchronic.load_when_not_equal(T::of(2)));
            until_waiting(memory, 2);
            change(synchronic, NotifyHint::All);
            assert_eq!(join_all(waiters), [synchronic.load(); 2], "{name}");
        });
        assert_eq!((waiters(memory), generation(memory)), (0, 2), "{name}");
    }
}

fn each_way_to_wait_returns_for_a_change<T: Number>(memory: &Memory) {
    let _watchdog = Watchdog::new("each_way_to_wait_returns_for_a_change");
    type Wait<T> = fn(Synchronic<'_, T>) -> Result<T, TimedOut>;
    let waits: [Wait<T>; 15] = [
        |synchronic| Ok(synchronic.load_when_equal(T::of(5))),
        |synchronic| synchronic.load_when_equal_for(T::of(5), LONG),
        |synchronic| synchronic.load_when_equal_for(T::of(5), Duration::MAX),
        |synchronic| synchronic.load_when_equal_until(T::of(5), Instant::now() + LONG),
        |synchronic| Ok(synchronic.load_when_not_equal(T::of(2))),
        |synchronic| synchronic.load_when_not_equal_for(T::of(2), LONG),
        |synchronic| synchronic.load_when_not_equal_for(T::of(2), Duration::MAX),
        |synchronic| synchronic.load_when_not_equal_until(T::of(2), Instant::now() + LONG),
        |synchronic| Ok(synchronic.load_when(|value| value == T::of(5))),
        |synchronic| synchronic.load_when_for(|value| value == T::of(5), LONG),
        |synchronic| synchronic.load_when_for(|value| value != T::of(2), Duration::MAX),
        |synchronic| synchronic.load_when_until(|value| value != T::of(2), Instant::now() + LONG),
        |synchronic| {
            synchronic.expect_update(T::of(2));
            Ok(synchronic.load())
        },
        |synchronic| synchronic.expect_update_for(T::of(2), Duration::MAX).map(|()| synchronic.load()),
        |synchronic| {
            let outcome = synchronic.expect_update_until(T::of(2), Instant::now() + LONG);
            outcome.map(|()| synchronic.load())
        },
    ];
    // One waits, so one hears of it for either hint.
    for (wait, hint) in waits.into_iter().flat_map(|wait| [(wait, NotifyHint::One), (wait, NotifyHint::All)]) {
        let synchronic = with_value(memory, T::of(2));
        thread::scope(|threads| {
            let _freed = freed(synchronic, words(memory)[1], T::of(5));
            let waiter = sleepers(threads, 1, move || wait(synchronic));
            until_waiting(memory, 1);
            synchronic.store(T::of(5), hint);
            assert_eq!(join_all(waiter), [Ok(T::of(5))]);
        });
        assert_eq!((waiters(memory), generation(memory)), (0, if hint == NotifyHint::One { 3 } else { 2 }));
    }
}

fn a_value_that_is_not_waited_for_lets_nobody_return<T: Number>(memory: &Memory) {
    let _watchdog = Watchdog::new("a_value_that_is_not_waited_for_lets_nobody_return");
    let synchronic = with_value(memory, T::of(2));
    thread::scope(|threads| {
        let _freed = freed(synchronic, words(memory)[1], T::of(5));
        let equal = sleepers(threads, 2, move || synchronic.load_when_equal(T::of(5)));
        let different = sleepers(threads, 1, move || synchronic.load_when_not_equal(T::of(2)));
        until_waiting(memory, 3);
        // What is written anew, but is the same, is no change.
        synchronic.store(T::of(2), NotifyHint::All);
        synchronic.notify(NotifyHint::All);
        assert_eq!((waiters(memory), generation(memory)), (3, 4));
        synchronic.store(T::of(3), NotifyHint::All);
        assert_eq!(join_all(different), [T::of(3)]);
        assert_eq!(waiters(memory), 2);
        synchronic.store(T::of(5), NotifyHint::All);
        assert_eq!(join_all(equal), [T::of(5); 2]);
    });
    assert_eq!(waiters(memory), 0);
}

fn a_compare_exchange_that_fails_notifies_nobody<T: Number>(memory: &Memory) {
    let _watchdog = Watchdog::new("a_compare_exchange_that_fails_notifies_nobody");
    let synchronic = with_value(memory, T::of(2));
    thread::scope(|threads| {
        let _freed = freed(synchronic, words(memory)[1], T::of(5));
        let waiter = sleepers(threads, 1, move || synchronic.load_when_equal(T::of(5)));
        until_waiting(memory, 1);
        for hint in [NotifyHint::One, NotifyHint::All] {
            assert_eq!(synchronic.compare_exchange(T::of(9), T::of(5), hint), Err(T::of(2)));
            assert_eq!(synchronic.fetch_update(hint, |_| None), Err(T::of(2)));
        }
        assert_eq!((waiters(memory), generation(memory)), (1, 0));
        assert_eq!(synchronic.compare_exchange(T::of(2), T::of(5), NotifyHint::All), Ok(T::of(2)));
        assert_eq!(join_all(waiter), [T::of(5)]);
    });
    assert_eq!((waiters(memory), generation(memory)), (0, 2));
}

fn a_notify_without_waiters_changes_nothing<T: Number>(memory: &Memory) {
    for before in ODD {
        put(memory, [0, before, 5, 6]);
        for hint in [NotifyHint::None, NotifyHint::One, NotifyHint::All] {
            synchronic::<T>(memory).notify(hint);
            assert_eq!(values(memory), [0, before, 5, 6]);
        }
        words(memory)[0].store(1, Relaxed);
        synchronic::<T>(memory).notify(NotifyHint::None);
        assert_eq!(values(memory), [1, before, 5, 6], "a waiter does not hear of it");
    }
}

fn no_change_is_lost_between_two_agents<T: Number>(memory: &Memory) {
    let _watchdog = Watchdog::new("no_change_is_lost_between_two_agents");
    const ROUNDS: i32 = 50;
    for hint in [NotifyHint::One, NotifyHint::All] {
        let synchronic = with_value(memory, T::of(0));
        let total = Plain::default();
        thread::scope(|threads| {
            threads.spawn(|| {
                for round in 0..ROUNDS {
                    synchronic.load_when_equal(T::of(1));
                    assert_eq!(total.read(), 2 * round + 1, "what was done before the change");
                    total.write(2 * round + 2);
                    synchronic.fetch_sub(T::of(1), hint);
                }
            });
            for round in 0..ROUNDS {
                total.write(2 * round + 1);
                synchronic.store(T::of(1), hint);
                synchronic.expect_update(T::of(1));
                assert_eq!(total.read(), 2 * round + 2, "what was done before the change");
            }
        });
        assert_eq!((synchronic.load(), waiters(memory)), (T::of(0), 0));
    }
}

fn a_change_that_one_can_use_reaches_one<T: Number>(memory: &Memory) {
    let _watchdog = Watchdog::new("a_change_that_one_can_use_reaches_one");
    const EACH: usize = 60;
    let tokens = with_value(memory, T::of(0));
    thread::scope(|threads| {
        for _ in 0..3 {
            threads.spawn(|| {
                let take = |value: T| (value != T::of(0)).then(|| value.difference(T::of(1)));
                for _ in 0..EACH {
                    while tokens.fetch_update(NotifyHint::None, take).is_err() {
                        tokens.load_when_not_equal(T::of(0));
                    }
                }
            });
        }
        // No more of them than the smallest type can count.
        let add = |value: T| (value != T::of(100)).then(|| value.sum(T::of(1)));
        for _ in 0..3 * EACH {
            until("a token has been taken", || tokens.fetch_update(NotifyHint::One, add).is_ok());
        }
    });
    assert_eq!((tokens.load(), waiters(memory)), (T::of(0), 0));
}

fn a_change_for_one_reaches_one_that_it_suffices_for_past_others<T: Number>(memory: &Memory) {
    let _watchdog = Watchdog::new("a_change_for_one_reaches_one_that_it_suffices_for_past_others");
    let synchronic = with_value(memory, T::of(2));
    thread::scope(|threads| {
        // They sleep in this order, and the first is woken first.
        let others = sleepers(threads, 2, move || synchronic.load_when_equal(T::of(6)));
        let meant = sleepers(threads, 1, move || synchronic.load_when_equal(T::of(5)));
        until_waiting(memory, 3);
        let _freed = freed(synchronic, words(memory)[1], T::of(6));
        synchronic.store(T::of(5), NotifyHint::One);
        assert_eq!(join_all(meant), [T::of(5)]);
        assert_eq!(waiters(memory), 2);
        synchronic.store(T::of(6), NotifyHint::All);
        assert_eq!(join_all(others), [T::of(6); 2]);
    });
    assert_eq!(waiters(memory), 0);
}

fn any_words_are_survived<T: Number>(memory: &Memory) {
    let _watchdog = Watchdog::new("any_words_are_survived");
    for (count, first) in ODD.into_iter().flat_map(|count| ODD.map(|first| (count, first))) {
        for garbage in [0x5555_5555, -1, i32::MIN] {
            put(memory, [count, first, garbage, garbage]);
            let synchronic = synchronic::<T>(memory);
            assert_all_in_vain(synchronic, Duration::ZERO);
            assert_eq!(values(memory), [count, first, garbage, garbage]);
            let mut expected = first;
            for (hint, mark) in [(NotifyHint::None, 0), (NotifyHint::One, 1), (NotifyHint::All, 0)] {
                synchronic.fetch_add(T::of(1), hint);
                if count != 0 && hint != NotifyHint::None {
                    expected = (expected & !1).wrapping_add(2) | mark;
                }
                assert_eq!(values(memory)[..2], [count, expected], "{hint:?}");
            }
        }
        put(memory, [count, first, 0, 0]);
        assert_eq!(synchronic::<T>(memory).load_when_equal_for(T::of(5), BRIEF), Err(TimedOut));
        assert_eq!(waiters(memory), count);
        assert_eq!(synchronic::<T>(memory).compare_exchange(T::of(0), T::of(5), NotifyHint::All), Ok(T::of(0)));
        assert_eq!(synchronic::<T>(memory).load(), T::of(5));
    }
}

fn a_change_lets_a_waiter_go_from_any_generation<T: Number>(memory: &Memory) {
    let _watchdog = Watchdog::new("a_change_lets_a_waiter_go_from_any_generation");
    // As many too many as waiters have been killed, say.
    for (too_many, first) in [0, 5].into_iter().flat_map(|count| ODD.map(|first| (count, first))) {
        put(memory, [too_many, first, 0, 0]);
        let synchronic = synchronic::<T>(memory);
        thread::scope(|threads| {
            let waiter = threads.spawn(move || synchronic.load_when_equal(T::of(5)));
            until_waiting(memory, too_many + 1);
            synchronic.store(T::of(5), NotifyHint::One);
            assert_eq!(waiter.join().unwrap(), T::of(5));
        });
        assert_eq!(waiters(memory), too_many);
    }
}

/// `compareExchange(256, 5)` on a Uint8 that holds 0 changes the cell there, but since it was 0 and not 256 takes itself
/// to have failed. Here a number that is out of range cannot be passed, and what it is made to be is what is compared.
fn js_takes_a_compared_value_out_of_range_for_another_and_does_not_notify<T: Number>(memory: &Memory) {
    let _watchdog = Watchdog::new("js_takes_a_compared_value_out_of_range_for_another");
    let synchronic = with_value(memory, T::COERCED);
    thread::scope(|threads| {
        let _freed = freed(synchronic, words(memory)[1], T::of(5));
        let waiter = sleepers(threads, 1, move || synchronic.load_when_equal(T::of(5)));
        until_waiting(memory, 1);
        assert_eq!(synchronic.compare_exchange(T::COERCED, T::of(5), NotifyHint::All), Ok(T::COERCED));
        assert_eq!(join_all(waiter), [T::of(5)]);
    });
    assert_eq!((waiters(memory), generation(memory)), (0, 2));
}

/// `store(200)` on an Int8 stores -56 there; `expectUpdate(200)` takes that for an update and returns, and
/// `loadWhenEqual(200)` never does.
fn js_waits_for_a_value_out_of_range_that_it_has_stored_as_another<T: Number>(memory: &Memory) {
    let _watchdog = Watchdog::new("js_waits_for_a_value_out_of_range");
    let synchronic = with_value(memory, T::of(0));
    synchronic.store(T::COERCED, NotifyHint::All);
    assert_eq!(synchronic.load_when_equal(T::COERCED), T::COERCED);
    assert_eq!(synchronic.expect_update_for(T::COERCED, BRIEF), Err(TimedOut));
    thread::scope(|threads| {
        let _freed = freed(synchronic, words(memory)[1], T::of(5));
        let waiter = sleepers(threads, 1, move || synchronic.expect_update(T::COERCED));
        until_waiting(memory, 1);
        synchronic.store(T::COERCED, NotifyHint::All);
        assert_eq!(waiters(memory), 1, "no update");
        synchronic.store(T::of(5), NotifyHint::All);
        join_all(waiter);

        let waiter = sleepers(threads, 1, move || synchronic.load_when_equal(T::COERCED));
        until_waiting(memory, 1);
        synchronic.store(T::COERCED, NotifyHint::All);
        assert_eq!(join_all(waiter), [T::COERCED]);
    });
}

/// A float is changed and read there while one holds a spin lock, which is the lowest bit of the generation: who dies with
/// it, or whoever sets it, keeps all others out. Here it says for how many the last notify was.
fn js_keeps_floats_under_a_lock_in_the_generation<T: Number>(memory: &Memory) {
    let _watchdog = Watchdog::new("js_keeps_floats_under_a_lock_in_the_generation");
    for first in [1, 3, -1, i32::MIN + 1, i32::MAX] {
        with_value(memory, T::of(2));
        words(memory)[1].store(first, Relaxed);
        let synchronic = synchronic::<T>(memory);
        assert_eq!(synchronic.load(), T::of(2));
        synchronic.store(T::of(3), NotifyHint::All);
        assert_eq!(synchronic.compare_exchange(T::of(3), T::of(4), NotifyHint::All), Ok(T::of(3)));
        assert_eq!(synchronic.swap(T::of(5), NotifyHint::One), T::of(4));
        assert_eq!(synchronic.fetch_add(T::of(1), NotifyHint::All), T::of(5));
        assert_eq!(synchronic.load_when_equal(T::of(6)), T::of(6));
        assert_eq!(generation(memory), first, "nobody waits");
        assert_eq!(synchronic.load_when_not_equal_for(T::of(6), BRIEF), Err(TimedOut));
    }
}

macro_rules! assert_wraps {
    ($memory:ident: $($integer:ty)*) => { $(
        let synchronic = with_value($memory, <$integer>::MAX);
        assert_eq!(synchronic.fetch_add(1, NotifyHint::All), <$integer>::MAX);
        assert_eq!(synchronic.load(), <$integer>::MIN);
        assert_eq!(synchronic.fetch_sub(1, NotifyHint::All), <$integer>::MIN);
        assert_eq!(synchronic.load(), <$integer>::MAX);
        assert_eq!(synchronic.fetch_add(<$integer>::MAX, NotifyHint::All), <$integer>::MAX);
        assert_eq!(synchronic.load(), <$integer>::MAX.wrapping_mul(2));
    )* };
}

fn an_integer_wraps_around_at_both_ends(memory: &Memory) {
    assert_wraps!(memory: i8 u8 i16 u16 i32 u32);
    #[cfg(target_has_atomic = "64")]
    {
        assert_wraps!(memory: i64 u64);
    }
}

fn a_timed_wait_ends_not_before_its_time(memory: &Memory) {
    let _watchdog = Watchdog::new("a_timed_wait_ends_not_before_its_time");
    let synchronic = with_value(memory, 7_u16);
    assert_not_early(
        |timeout| synchronic.load_when_equal_for(8, timeout).is_err(),
        |deadline| synchronic.load_when_equal_until(8, deadline).is_err(),
    );
    assert_not_early(
        |timeout| synchronic.load_when_not_equal_for(7, timeout).is_err(),
        |deadline| synchronic.load_when_not_equal_until(7, deadline).is_err(),
    );
    assert_not_early(
        |timeout| synchronic.expect_update_for(7, timeout).is_err(),
        |deadline| synchronic.expect_update_until(7, deadline).is_err(),
    );
    assert_not_early(
        |timeout| synchronic.load_when_for(|value| value > 7, timeout).is_err(),
        |deadline| synchronic.load_when_until(|value| value > 7, deadline).is_err(),
    );
    assert_eq!(values(memory)[..2], [0, 0], "a waiter that gave up does not wait");
}

fn a_number_is_passed_on_from_agent_to_agent(memory: &Memory) {
    let _watchdog = Watchdog::new("a_number_is_passed_on_from_agent_to_agent");
    const AGENTS: u8 = 4;
    let turn = with_value(memory, 0_u8);
    let passed = Plain::default();
    thread::scope(|threads| {
        for number in 0..AGENTS {
            let passed = &passed;
            threads.spawn(move || {
                // Beyond the end of the type, and around.
                for round in 0..100_u8 {
                    turn.load_when_equal((AGENTS.wrapping_mul(round)).wrapping_add(number));
                    passed.write(passed.read() + 1);
                    turn.fetch_add(1, NotifyHint::All);
                }
            });
        }
    });
    assert_eq!((passed.read(), waiters(memory)), (400, 0));
}

fn each_waits_for_what_its_closure_wants(memory: &Memory) {
    let _watchdog = Watchdog::new("each_waits_for_what_its_closure_wants");
    let count = with_value(memory, 0_i32);
    thread::scope(|threads| {
        let above = |least| move |value: i32| value >= least;
        let waiters = [
            threads.spawn(move || count.load_when(above(10))),
            threads.spawn(move || count.load_when_for(above(20), LONG).unwrap()),
            threads.spawn(move || count.load_when_until(above(30), Instant::now() + LONG).unwrap()),
        ];
        for step in 0..30 {
            // Else they hardly come to sleep.
            if step % 10 == 0 {
                until_waiting(memory, 3 - step / 10);
            }
            if step % 10 == 9 {
                assert!(!waiters[step as usize / 10].is_finished());
            }
            count.fetch_add(1, NotifyHint::All);
        }
        for (waiter, least) in waiters.into_iter().zip([10, 20, 30]) {
            assert!((least..=30).contains(&waiter.join().unwrap()));
        }
    });
    assert_eq!(waiters(memory), 0);
}

fn a_closure_that_is_never_satisfied_ends_with_the_time(memory: &Memory) {
    let _watchdog = Watchdog::new("a_closure_that_is_never_satisfied_ends_with_the_time");
    let synchronic = with_value(memory, 7_u32);
    let looks = AtomicUsize::new(0);
    let never = |value| {
        assert!((7..=57).contains(&value));
        looks.fetch_add(1, Relaxed);
        false
    };
    for timeout in [Duration::ZERO, BRIEF, SHORT] {
        assert_eq!(synchronic.load_when_for(never, timeout), Err(TimedOut));
        assert_eq!(synchronic.load_when_until(never, Instant::now() + timeout), Err(TimedOut));
        assert_eq!(values(memory)[..3], [0, 0, 7]);
    }
    assert!(looks.load(Relaxed) >= 6, "each looks at least once");
    // Nor by a change.
    thread::scope(|threads| {
        let waiter = threads.spawn(|| synchronic.load_when_for(never, 5 * SHORT));
        for _ in 0..50 {
            synchronic.fetch_add(1, NotifyHint::One);
        }
        assert_eq!(waiter.join().unwrap(), Err(TimedOut));
    });
    assert_eq!(waiters(memory), 0);
}

fn a_closure_that_panics_leaves_the_others_as_they_are(memory: &Memory) {
    let _watchdog = Watchdog::new("a_closure_that_panics_leaves_the_others_as_they_are");
    let synchronic = with_value(memory, 0_u8);
    thread::scope(|threads| {
        let _freed = freed(synchronic, words(memory)[1], 5);
        let other = sleepers(threads, 1, move || synchronic.load_when_equal(5));
        let panics = threads.spawn(move || {
            synchronic.load_when(|value| {
                assert_ne!(value, 4, "meant to be");
                false
            })
        });
        until_waiting(memory, 2);
        synchronic.store(4, NotifyHint::All);
        assert!(panics.join().is_err());
        synchronic.store(5, NotifyHint::All);
        assert_eq!(join_all(other), [5]);
    });
    // As if it had died.
    assert!((0..=1).contains(&waiters(memory)));
}

fn a_stray_wake_lets_nobody_return(memory: &Memory) {
    let _watchdog = Watchdog::new("a_stray_wake_lets_nobody_return");
    for first in [0, 1] {
        let synchronic = with_value(memory, 7_u8);
        words(memory)[1].store(first, Relaxed);
        under_stray_wakes(words(memory)[1], || {
            assert_eq!(synchronic.load_when_equal_for(8, SHORT), Err(TimedOut));
            assert_eq!(synchronic.expect_update_for(7, SHORT), Err(TimedOut));
            thread::scope(|threads| {
                let waiter = threads.spawn(|| synchronic.load_when_equal(8));
                until_waiting(memory, 1);
                assert!(!waiter.is_finished());
                synchronic.store(8, NotifyHint::One);
            });
        });
        assert_eq!(waiters(memory), 0);
    }
}

fn a_count_that_wraps_around_is_survived(memory: &Memory) {
    let _watchdog = Watchdog::new("a_count_that_wraps_around_is_survived");
    for count in [i32::MAX, -2] {
        let synchronic = with_value(memory, 7_i16);
        words(memory)[0].store(count, Relaxed);
        thread::scope(|threads| {
            let waiter = threads.spawn(|| synchronic.load_when_equal(8));
            until_waiting(memory, count.wrapping_add(1));
            synchronic.store(8, NotifyHint::All);
            assert_eq!(waiter.join().unwrap(), 8);
        });
        assert_eq!(waiters(memory), count);
    }
    // With this one it comes to none, and nobody hears of it.
    let synchronic = with_value(memory, 7_i16);
    words(memory)[0].store(-1, Relaxed);
    assert_eq!(synchronic.load_when_equal_for(8, BRIEF), Err(TimedOut));
    assert_eq!(waiters(memory), -1);
}

/// Over the values of a float type.
macro_rules! over_floats {
    ($test:ident($memory:ident)) => {
        $test::<f32>($memory);
        #[cfg(target_has_atomic = "64")]
        $test::<f64>($memory);
    };
}

fn zeros_of_both_signs_are_the_same(memory: &Memory) {
    fn check<T: Number + From<f32>>(memory: &Memory) {
        let [plus, minus] = [0.0, -0.0].map(T::from);
        for (here, there) in [(plus, minus), (minus, plus)] {
            let synchronic = with_value(memory, here);
            assert_identical(synchronic.load_when_equal(there), here);
            assert_eq!(synchronic.load_when_not_equal_for(there, BRIEF), Err(TimedOut));
            assert_eq!(synchronic.expect_update_for(there, BRIEF), Err(TimedOut));
            assert_identical(synchronic.compare_exchange(there, T::of(5), NotifyHint::All).unwrap(), here);
            assert_eq!(synchronic.load(), T::of(5));
            thread::scope(|threads| {
                let waiter = sleepers(threads, 1, move || synchronic.load_when_equal(there));
                until_waiting(memory, 1);
                synchronic.store(here, NotifyHint::All);
                join_all(waiter).into_iter().for_each(|seen| assert_identical(seen, here));
            });
        }
        // It stays the zero that it is.
        assert_ne!(plus.to_bytes(), minus.to_bytes());
        assert_eq!(with_value(memory, minus).load().to_bytes(), minus.to_bytes());
    }
    let _watchdog = Watchdog::new("zeros_of_both_signs_are_the_same");
    over_floats!(check(memory));
}

fn each_nan_is_the_same_as_each_other(memory: &Memory) {
    fn check<T: Number>(memory: &Memory) {
        let nans: Vec<T> = T::edges().into_iter().filter(|edge| edge.is_nan()).collect();
        for (here, there) in nans.iter().flat_map(|here| nans.iter().map(move |there| (*here, *there))) {
            let synchronic = with_value(memory, here);
            assert!(synchronic.load_when_equal(there).is_nan());
            assert!(synchronic.load_when_not_equal_for(there, BRIEF).is_err());
            assert_eq!(synchronic.expect_update_for(there, BRIEF), Err(TimedOut));
            assert!(synchronic.compare_exchange(there, T::of(5), NotifyHint::All).unwrap().is_nan());
            assert_eq!(synchronic.load(), T::of(5));
            assert_eq!(synchronic.load_when_not_equal(there), T::of(5));
        }
        let nans: [T; 4] = nans.try_into().unwrap();
        let synchronic = with_value(memory, nans[0]);
        thread::scope(|threads| {
            let waiter = sleepers(threads, 1, move || synchronic.load_when_not_equal(nans[1]));
            until_waiting(memory, 1);
            synchronic.store(T::of(5), NotifyHint::All);
            assert_eq!(join_all(waiter), [T::of(5)]);
            let waiter = sleepers(threads, 1, move || synchronic.load_when_equal(nans[2]).is_nan());
            until_waiting(memory, 1);
            synchronic.store(nans[3], NotifyHint::All);
            assert_eq!(join_all(waiter), [true]);
        });
    }
    let _watchdog = Watchdog::new("each_nan_is_the_same_as_each_other");
    over_floats!(check(memory));
}

/// 0.1 is stored as a Float32 there, which is another number than 0.1, and the two are compared.
fn js_compares_a_float_with_more_digits_than_it_has_stored(memory: &Memory) {
    let _watchdog = Watchdog::new("js_compares_a_float_with_more_digits");
    let tenth = 0.1_f64 as f32;
    assert_ne!(f64::from(tenth), 0.1);
    let synchronic = with_value(memory, 0.0_f32);
    thread::scope(|threads| {
        let waiter = sleepers(threads, 1, move || synchronic.load_when_equal(0.1));
        until_waiting(memory, 1);
        synchronic.store(tenth, NotifyHint::All);
        assert_eq!(join_all(waiter), [tenth]);
    });
    assert_eq!(synchronic.expect_update_for(0.1, BRIEF), Err(TimedOut));
    assert_eq!(synchronic.compare_exchange(0.1, 5.0, NotifyHint::All), Ok(tenth));
}

fn values_of_64_bits_are_never_seen_by_halves(memory: &Memory) {
    #[cfg(target_has_atomic = "64")]
    {
        let _watchdog = Watchdog::new("values_of_64_bits_are_never_seen_by_halves");
        let synchronic = with_value(memory, 0_u64);
        thread::scope(|threads| {
            let writer = threads.spawn(|| {
                for _ in 0..20_000 {
                    synchronic.store(u64::MAX, NotifyHint::All);
                    synchronic.fetch_xor(u64::MAX, NotifyHint::All);
                }
            });
            while !writer.is_finished() {
                assert!([0, u64::MAX].contains(&synchronic.load()));
                assert_eq!(synchronic.load_when_equal_for(1, Duration::ZERO), Err(TimedOut));
            }
        });
    }
    let _ = memory; // Elsewhere there are none.
}

/// What a hint does to those who sleep, told by how many sleep on. In private memory: in a shared scope they look once a
/// second whatever they hear, and that would count as a rescue. It is never unmapped, so no wake that was meant for
/// another test's memory comes here.
#[cfg(target_os = "linux")]
mod in_private_memory {
    use super::*;
    use crate::support::{mapping::changeable, sees_sleepers};

    /// Over a synchronic of 0, and the words of its waiters and its generation.
    fn over(test: impl for<'a> Fn(Synchronic<'a, u8>, [Slot<'a>; 2])) {
        if !sees_sleepers() {
            return;
        }
        let buffer = changeable(Scope::Private);
        let [waiters, generation] = [0, 1].map(|index| buffer.slot(index).unwrap());
        test(Synchronic::new(&buffer, 0).unwrap(), [waiters, generation]);
    }

    #[test]
    fn the_hint_one_wakes_one_and_the_others_sleep_on() {
        let _watchdog = Watchdog::new("the_hint_one_wakes_one_and_the_others_sleep_on");
        over(|synchronic, [waiters, generation]| {
            for is_by_notify in [false, true].repeat(5) {
                let returned = AtomicUsize::new(0);
                synchronic.store(0, NotifyHint::All);
                generation.store(0, Relaxed);
                thread::scope(|threads| {
                    let _freed = freed(synchronic, generation, 5);
                    let returned = &returned;
                    let sleepers = sleepers(threads, 3, move || {
                        assert_eq!(synchronic.load_when_not_equal(0), 5);
                        returned.fetch_add(1, Relaxed);
                    });
                    synchronic.store(5, NotifyHint::One);
                    until("one has returned", || returned.load(Relaxed) > 0);
                    assert_eq!((waiters.load(Relaxed), generation.load(Relaxed)), (2, 3));
                    if is_by_notify {
                        synchronic.notify(NotifyHint::All);
                    } else {
                        assert_eq!(generation.wake_counted(u32::MAX), Ok(2), "the others have slept on");
                    }
                    join_all(sleepers);
                });
                assert_eq!((waiters.load(Relaxed), generation.load(Relaxed)), (0, if is_by_notify { 4 } else { 3 }));
            }
        });
    }

    #[test]
    fn each_notify_of_one_wakes_one_more() {
        let _watchdog = Watchdog::new("each_notify_of_one_wakes_one_more");
        over(|synchronic, [waiters, generation]| {
            let returned = AtomicUsize::new(0);
            thread::scope(|threads| {
                let _freed = freed(synchronic, generation, 5);
                let returned = &returned;
                let sleepers = sleepers(threads, 3, move || {
                    synchronic.expect_update(0);
                    returned.fetch_add(1, Relaxed);
                });
                synchronic.store(5, NotifyHint::None);
                for number in 1..=3 {
                    synchronic.notify(NotifyHint::One);
                    until("one more has returned", || returned.load(Relaxed) == number);
                }
                join_all(sleepers);
            });
            assert_eq!((waiters.load(Relaxed), generation.load(Relaxed)), (0, 7));
        });
    }

    #[test]
    fn the_hint_none_wakes_nobody_until_a_later_notify() {
        let _watchdog = Watchdog::new("the_hint_none_wakes_nobody_until_a_later_notify");
        over(|synchronic, [waiters, generation]| {
            let changes: [fn(Synchronic<'_, u8>); 4] = [
                |synchronic| synchronic.store(5, NotifyHint::None),
                |synchronic| _ = synchronic.swap(5, NotifyHint::None),
                |synchronic| _ = synchronic.compare_exchange(0, 5, NotifyHint::None),
                |synchronic| _ = synchronic.fetch_add(5, NotifyHint::None),
            ];
            for (change, is_by_notify) in changes.into_iter().flat_map(|change| [(change, false), (change, true)]) {
                synchronic.store(0, NotifyHint::None);
                generation.store(0, Relaxed);
                thread::scope(|threads| {
                    let _freed = freed(synchronic, generation, 5);
                    let sleepers = sleepers(threads, 3, move || synchronic.load_when_equal(5));
                    change(synchronic);
                    synchronic.notify(NotifyHint::None);
                    assert_eq!((waiters.load(Relaxed), generation.load(Relaxed)), (3, 0));
                    if is_by_notify {
                        synchronic.notify(NotifyHint::All);
                    } else {
                        assert_eq!(generation.wake_counted(u32::MAX), Ok(3), "all have slept on");
                    }
                    assert_eq!(join_all(sleepers), [5; 3]);
                });
                assert_eq!((waiters.load(Relaxed), generation.load(Relaxed)), (0, if is_by_notify { 2 } else { 0 }));
            }
        });
    }

    #[test]
    fn a_failed_compare_exchange_wakes_nobody() {
        let _watchdog = Watchdog::new("a_failed_compare_exchange_wakes_nobody");
        over(|synchronic, [waiters, generation]| {
            thread::scope(|threads| {
                let _freed = freed(synchronic, generation, 5);
                let sleepers = sleepers(threads, 2, move || synchronic.load_when_equal(5));
                assert_eq!(synchronic.compare_exchange(9, 5, NotifyHint::All), Err(0));
                assert_eq!((waiters.load(Relaxed), generation.load(Relaxed)), (2, 0));
                synchronic.store(5, NotifyHint::None);
                assert_eq!(generation.wake_counted(u32::MAX), Ok(2), "both have slept on");
                join_all(sleepers);
            });
        });
    }

    /// The last notify was for one, and the wake that it sends reaches a latecomer, who sleeps since that notify, instead
    /// of one who slept before. The latecomer must look for that one.
    #[test]
    fn a_latecomer_who_takes_a_wake_for_one_passes_it_on() {
        let _watchdog = Watchdog::new("a_latecomer_who_takes_a_wake_for_one_passes_it_on");
        over(|synchronic, [waiters, generation]| {
            for odd in [1, 3, -1, i32::MAX] {
                generation.store(odd, Relaxed);
                synchronic.store(0, NotifyHint::None);
                thread::scope(|threads| {
                    let _freed = freed(synchronic, generation, 5);
                    let sleepers = sleepers(threads, 2, move || synchronic.load_when_equal(5));
                    synchronic.store(5, NotifyHint::None);
                    assert_eq!(generation.wake_counted(1), Ok(1), "as a notifier whom the latecomer has overtaken");
                    join_all(sleepers);
                });
                let next = (odd & !1).wrapping_add(2);
                assert_eq!((waiters.load(Relaxed), generation.load(Relaxed)), (0, next), "to an even one: for all");
            }
        });
    }

    /// The same if the latecomer cannot use the change: it goes to sleep again, and another returns.
    #[test]
    fn a_latecomer_who_cannot_use_the_change_passes_the_wake_on() {
        let _watchdog = Watchdog::new("a_latecomer_who_cannot_use_the_change_passes_the_wake_on");
        over(|synchronic, [waiters, generation]| {
            generation.store(1, Relaxed);
            thread::scope(|threads| {
                // In this order, so that the wake reaches the first.
                let latecomer = sleepers(threads, 1, move || synchronic.load_when_equal(6));
                let meant = sleepers(threads, 1, move || synchronic.load_when_equal(5));
                synchronic.store(5, NotifyHint::None);
                generation.wake(1);
                assert_eq!(join_all(meant), [5]);
                assert_eq!((waiters.load(Relaxed), generation.load(Relaxed)), (1, 2));
                synchronic.store(6, NotifyHint::One);
                assert_eq!(join_all(latecomer), [6]);
            });
            assert_eq!((waiters.load(Relaxed), generation.load(Relaxed)), (0, 5));
        });
    }

    /// There is nobody to pass a wake on to, whether or not it was one that a notify sent.
    #[test]
    fn a_waiter_that_is_alone_passes_nothing_on() {
        let _watchdog = Watchdog::new("a_waiter_that_is_alone_passes_nothing_on");
        over(|synchronic, [waiters, generation]| {
            thread::scope(|threads| {
                let _freed = freed(synchronic, generation, 100);
                let waiter = sleepers(threads, 1, move || synchronic.load_when_equal(100));
                for step in 1..100_i32 {
                    synchronic.fetch_add(1, NotifyHint::One);
                    until("it sleeps again, and is woken", || generation.wake_counted(1) == Ok(1));
                    assert_eq!(generation.load(Relaxed), 2 * step + 1, "the notifier's steps alone");
                }
                synchronic.fetch_add(1, NotifyHint::One);
                assert_eq!(join_all(waiter), [100]);
            });
            assert_eq!((waiters.load(Relaxed), generation.load(Relaxed)), (0, 201));
        });
    }

    /// The last notify was for all, and woke all who had slept before: a wake that comes later was meant for nobody else.
    #[test]
    fn a_waiter_that_takes_a_wake_after_a_notify_of_all_keeps_it() {
        let _watchdog = Watchdog::new("a_waiter_that_takes_a_wake_after_a_notify_of_all_keeps_it");
        over(|synchronic, [waiters, generation]| {
            for even in [0, 2, -2, i32::MIN] {
                generation.store(even, Relaxed);
                synchronic.store(0, NotifyHint::None);
                let returned = AtomicUsize::new(0);
                thread::scope(|threads| {
                    let _freed = freed(synchronic, generation, 5);
                    let returned = &returned;
                    let sleepers = sleepers(threads, 2, move || {
                        synchronic.load_when_equal(5);
                        returned.fetch_add(1, Relaxed);
                    });
                    synchronic.store(5, NotifyHint::None);
                    assert_eq!(generation.wake_counted(1), Ok(1));
                    until("one has returned", || returned.load(Relaxed) > 0);
                    assert_eq!((waiters.load(Relaxed), generation.load(Relaxed)), (1, even));
                    assert_eq!(generation.wake_counted(u32::MAX), Ok(1), "the other has slept on");
                    join_all(sleepers);
                });
                assert_eq!((waiters.load(Relaxed), generation.load(Relaxed)), (0, even));
            }
        });
    }
}

/// Words, of which the first lies at a multiple of 8 bytes.
#[repr(C, align(8))]
struct Words<const N: usize>([AtomicI32; N]);

impl<const N: usize> Words<N> {
    const fn new() -> Self {
        Self([const { AtomicI32::new(0) }; N])
    }

    fn slots(&self) -> Slots<'_> {
        Slots::from_ref(&self.0, Scope::Private).unwrap()
    }
}

fn is_too_short<T: Number>() {
    let buffer = SharedBuffer::new(64).unwrap();
    assert!(Synchronic::<T>::new(&buffer, 12).is_ok());
    assert!(Synchronic::<T>::initialize(&buffer, 12, T::of(1)).is_ok());
    for index in [13, 14, 15, 16, 17] {
        let error = Error::OutOfBounds { index, count: 4, length: 16 };
        assert_eq!(Synchronic::<T>::new(&buffer, index).unwrap_err(), error);
        assert_eq!(Synchronic::<T>::initialize(&buffer, index, T::of(1)).unwrap_err(), error);
    }
    for index in [usize::MAX / 4, usize::MAX - 1, usize::MAX] {
        let error = Synchronic::<T>::initialize(&buffer, index, T::of(1)).unwrap_err();
        assert!(matches!(error, Error::OutOfBounds { index: found, length: 16, .. } if found == index), "{error:?}");
    }
    assert_eq!(buffer.slot(14).unwrap().load(Relaxed).to_ne_bytes()[..1], T::of(1).to_bytes()[..1]);

    let words = Words::<4>::new();
    assert!(Synchronic::<T>::from_slots(words.slots()).is_ok());
    for length in 0..4 {
        let slots = Slots::from_ref(&words.0[..length], Scope::Private).unwrap();
        let error = Synchronic::<T>::from_slots(slots).unwrap_err();
        assert!(matches!(error, Error::OutOfBounds { length: found, .. } if found == length), "{error:?}");
    }
}

fn lies_at_an_odd_index<T: Number>() {
    let words = Words::<9>::new();
    for index in 0..=5 {
        let slots = Slots::from_ref(&words.0[index..], Scope::Private).unwrap();
        let outcome = Synchronic::<T>::from_slots(slots);
        if size_of::<T>() == 8 && index % 2 != 0 {
            let address = (&raw const words.0[index + 2]).addr();
            let error = Error::Misaligned { address, align: 8 };
            assert_eq!(outcome.unwrap_err(), error);
            let text = error.to_string();
            assert!(text.contains(" 8 ") && text.contains(&format!("{address:#x}")), "{text}");
        } else {
            let synchronic = outcome.unwrap();
            synchronic.store(T::of(3), NotifyHint::All);
            assert_eq!(synchronic.load(), T::of(3));
        }
    }
    let buffer = SharedBuffer::new(64).unwrap();
    let outcomes = [Synchronic::<T>::new(&buffer, 5), Synchronic::initialize(&buffer, 5, T::of(3))];
    for outcome in outcomes {
        let is_misaligned = matches!(outcome, Err(Error::Misaligned { align: 8, address }) if address % 8 == 4);
        assert_eq!((outcome.is_ok(), is_misaligned), (size_of::<T>() != 8, size_of::<T>() == 8));
    }
    if size_of::<T>() == 8 {
        assert!((0..16).all(|index| buffer.slot(index).unwrap().load(Relaxed) == 0), "an error writes nothing");
    }
}

fn is_a_stranger_in_another_scope<T: Number>() {
    let words = Words::<4>::new();
    let private = Synchronic::<T>::from_slots(words.slots()).unwrap();
    if let Ok(slots) = Slots::from_ref(&words.0, Scope::Shared) {
        assert_ne!(private, Synchronic::from_slots(slots).unwrap(), "a waiter on the one is not woken by the other");
    }
}

fn can_be_sent_by_generic_code<T: Number>() {
    fn sent_and_shared<H: Send + Sync + Copy + 'static>() {}
    sent_and_shared::<Synchronic<'static, T>>();
}

#[test]
fn a_handle_to_what_lives_for_ever_serves_for_a_while() {
    fn shortened<'a>(synchronic: Synchronic<'static, u8>, _: &'a ()) -> Synchronic<'a, u8> {
        synchronic
    }
    static WORDS: Words<4> = Words::new();
    let synchronic = Synchronic::from_slots(WORDS.slots()).unwrap();
    assert_eq!(shortened(synchronic, &()), synchronic);
}

/// One test for all types, where the memory makes no difference.
macro_rules! for_all_numbers {
    ($($name:ident: $test:ident,)*) => { $(
        #[test]
        fn $name() {
            $test::<i8>();
            $test::<u8>();
            $test::<i16>();
            $test::<u16>();
            $test::<i32>();
            $test::<u32>();
            $test::<f32>();
            #[cfg(target_has_atomic = "64")]
            {
                $test::<i64>();
                $test::<u64>();
                $test::<f64>();
            }
        }
    )* };
}

for_all_numbers! {
    a_synchronic_beyond_the_end_is_an_error: is_too_short,
    a_value_of_64_bits_must_be_aligned_and_a_smaller_one_need_not: lies_at_an_odd_index,
    handles_of_two_scopes_are_not_equal: is_a_stranger_in_another_scope,
    a_handle_can_be_sent_by_code_that_does_not_know_the_type: can_be_sent_by_generic_code,
}
