//! The synchronic's tables, and what its page says of `synchronic.js`.

use super::pages::{page, table};
use super::rows::{self, Names, SHORT, holding};
use crate::support::{Watchdog, is_emulated, join_all, sees_sleepers, sleepers, until};
use slotsync::{Error, NotifyHint, Number, SharedBuffer, Slot, Synchronic, TimedOut, Wait};
use std::ops::Range;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::fence;
use std::thread;
use std::time::Duration;

const FOR_ONE: i32 = 1;
const NAMES: Names<'_> = &[
    // Any count but none says that somebody waits.
    ("c", &[1, i32::MIN]),
    ("n", &[0, 5]),
    // The last generation is followed by the first.
    ("g", &[0, i32::MAX - 1, -2]),
    ("m", &[0, FOR_ONE]),
    ("v", &[0, i32::MAX]),
    ("r", &[-7]),
    ("FOR_ONE", &[FOR_ONE]),
];

#[test]
fn the_values_of_a_synchronic_lie_where_the_table_says() {
    let Some(text) = page("synchronic.md") else { return };
    let mut rows = table(&text, "synchronic values").into_iter();
    let mut row = || rows.next().unwrap();
    lies(&row(), -2_i8, i8::to_ne_bytes);
    lies(&row(), 0xfe_u8, u8::to_ne_bytes);
    lies(&row(), -2_i16, i16::to_ne_bytes);
    lies(&row(), 0xfedc_u16, u16::to_ne_bytes);
    lies(&row(), -2_i32, i32::to_ne_bytes);
    lies(&row(), 0xfedc_ba98_u32, u32::to_ne_bytes);
    lies(&row(), -0.1_f32, f32::to_ne_bytes);
    #[cfg(target_has_atomic = "64")]
    {
        lies(&row(), -2_i64, i64::to_ne_bytes);
        lies(&row(), 0xfedc_ba98_7654_3210_u64, u64::to_ne_bytes);
        lies(&row(), -0.1_f64, f64::to_ne_bytes);
        assert_eq!(rows.next(), None);
    }
}

/// `value` is one whose bytes are not those that fill the memory.
fn lies<T: Number, const N: usize>(row: &[String], value: T, bytes: impl Fn(T) -> [u8; N]) {
    const FILLED: i32 = 0x5555_5555;
    let [name, place, zero, untouched, align] = row else { panic!("five columns, but {row:?}") };
    assert_eq!(*name, format!("`{}`", std::any::type_name::<T>()));
    let (place, zero, untouched) = (range(place), range(zero), range(untouched));
    assert_eq!((place.len(), place.len() + zero.len() + untouched.len()), (N, 8), "{name}");

    let buffer = holding(&[0, 0, FILLED, FILLED]);
    let synchronic = Synchronic::<T>::new(&buffer, 0).unwrap();
    let was = synchronic.swap(value, NotifyHint::None);
    assert_eq!(bytes(was), [0x55; N], "{name}: what is behind it is ignored");
    let written: Vec<u8> = buffer.slots(..).unwrap().iter().flat_map(|slot| slot.load(Relaxed).to_ne_bytes()).collect();
    assert_eq!(written[..8], [0; 8]);
    assert_eq!(written[place], bytes(value), "{name}");
    assert!(written[zero].iter().all(|byte| *byte == 0), "{name}");
    assert!(written[untouched].iter().all(|byte| *byte == 0x55), "{name}");

    let buffer = SharedBuffer::new(32).unwrap();
    let is_misaligned = matches!(Synchronic::<T>::new(&buffer, 1), Err(Error::Misaligned { .. }));
    assert_eq!(if is_misaligned { "8" } else { "4" }, align, "{name}");
}

/// `8`, `9 to 11` or `none`.
fn range(cell: &str) -> Range<usize> {
    if cell == "none" {
        return 0..0;
    }
    let (first, last) = cell.split_once(" to ").unwrap_or((cell, cell));
    first.parse().unwrap()..last.parse::<usize>().unwrap() + 1
}

#[test]
fn the_states_of_a_synchronic_are_those_of_the_table() {
    rows::look("synchronic.md", "synchronic states", NAMES, 2, |buffer| {
        let [_, generation, ..] = words(buffer);
        let before = generation.load(Relaxed);
        Synchronic::<i32>::new(buffer, 0).unwrap().notify(NotifyHint::All);
        if generation.load(Relaxed) != before { "yes" } else { "no" }.to_owned()
    });
}

#[test]
fn every_transition_of_a_synchronic_is_that_of_the_table() {
    let _watchdog = Watchdog::new("every_transition_of_a_synchronic_is_that_of_the_table");
    let calls = [
        ("initialize with 5", 1),
        ("load", 1),
        ("store(5) with None", 1),
        ("store(5) with One", 2),
        ("store(5) with All", 2),
        ("swap(5) with All", 1),
        ("compare_exchange(5, 6) with One", 3),
        ("compare_exchange(5, 5) with All", 1),
        ("fetch_add(3) with All", 1),
        ("fetch_sub(3) with All", 1),
        ("fetch_and(6) with One", 1),
        ("fetch_or(6) with One", 1),
        ("fetch_xor(6) with None", 1),
        ("fetch_update that writes 5 with All", 1),
        ("fetch_update that declines", 1),
        ("notify with None", 1),
        ("notify with One", 2),
        ("notify with All", 2),
        ("load_when_equal(5) at once", 1),
        ("load_when_not_equal(5) at once", 1),
        ("expect_update(5) at once", 1),
        ("load_when above 5 at once", 1),
        ("load_when_equal_for(5) without time", 1),
        ("load_when_equal_for(5) that gives up", 1),
        ("load_when_not_equal_for(7) that gives up", 1),
        ("expect_update_for(7) that gives up", 1),
        ("load_when_for above 7 that gives up", 1),
        ("a wait begins", 1),
        ("a wait that is ended by 5 with One", 1),
        ("a wait that is ended by 5 with All", 1),
        ("a wait that is notified of 6 with All", 1),
        ("a wait that is notified of 6 with One", 2),
        ("a wait that is woken without a notify", 3),
    ];
    rows::run_where(1, "synchronic.md", "synchronic transitions", NAMES, &calls, make);
}

fn make(call: &str, buffer: &SharedBuffer) -> String {
    let synchronic = Synchronic::<i32>::new(buffer, 0).unwrap();
    let [waiters, generation, value, _] = words(buffer);
    let was = value.load(Relaxed);
    let what_it_was = |answer: i32| {
        assert_eq!(answer, was);
        "what it was".to_owned()
    };
    let written = |answer: Result<i32, i32>| {
        let (Ok(found) | Err(found)) = answer;
        assert_eq!(found, was);
        if answer.is_ok() { "written" } else { "not written" }.to_owned()
    };
    let done = || "done".to_owned();
    let (step, hint) = call.rsplit_once(" with ").unwrap_or((call, "None"));
    let hint = match hint {
        "One" => NotifyHint::One,
        "All" => NotifyHint::All,
        _ => NotifyHint::None,
    };
    match step {
        "initialize" => {
            Synchronic::<i32>::initialize(buffer, 0, 5).unwrap();
            "a handle".to_owned()
        }
        "load" => {
            assert_eq!(synchronic.load(), was);
            "the value".to_owned()
        }
        "store(5)" => {
            synchronic.store(5, hint);
            done()
        }
        "swap(5)" => what_it_was(synchronic.swap(5, hint)),
        "compare_exchange(5, 6)" => written(synchronic.compare_exchange(5, 6, hint)),
        "compare_exchange(5, 5)" => written(synchronic.compare_exchange(5, 5, hint)),
        "fetch_add(3)" => what_it_was(synchronic.fetch_add(3, hint)),
        "fetch_sub(3)" => what_it_was(synchronic.fetch_sub(3, hint)),
        "fetch_and(6)" => what_it_was(synchronic.fetch_and(6, hint)),
        "fetch_or(6)" => what_it_was(synchronic.fetch_or(6, hint)),
        "fetch_xor(6)" => what_it_was(synchronic.fetch_xor(6, hint)),
        "fetch_update that writes 5" => what_it_was(synchronic.fetch_update(hint, |_| Some(5)).unwrap()),
        "fetch_update that declines" => written(synchronic.fetch_update(NotifyHint::All, |_| None)),
        "notify" => {
            synchronic.notify(hint);
            done()
        }
        "load_when_equal(5) at once" => synchronic.load_when_equal(5).to_string(),
        "load_when_not_equal(5) at once" => synchronic.load_when_not_equal(5).to_string(),
        "expect_update(5) at once" => {
            synchronic.expect_update(5);
            done()
        }
        "load_when above 5 at once" => synchronic.load_when(|value| value > 5).to_string(),
        "load_when_equal_for(5) without time" => seen(synchronic.load_when_equal_for(5, Duration::ZERO)),
        "load_when_equal_for(5) that gives up" => seen(synchronic.load_when_equal_for(5, SHORT)),
        "load_when_for above 7 that gives up" => seen(synchronic.load_when_for(|value| value > 7, SHORT)),
        "load_when_not_equal_for(7) that gives up" => seen(synchronic.load_when_not_equal_for(7, SHORT)),
        "expect_update_for(7) that gives up" => {
            synchronic.expect_update_for(7, SHORT).map_or("timed out", |()| "done").to_owned()
        }
        "a wait that is ended by 5" => counted(synchronic, waiters, || synchronic.store(5, hint)).to_string(),
        _ => {
            // What the words are while it waits.
            let mut meanwhile = Vec::new();
            let seen = counted(synchronic, waiters, || {
                let began = generation.load(Relaxed);
                let is_alone = waiters.load(Relaxed) == 1;
                // Stray wakes, until one is passed on, or so many that one finds it asleep.
                let stray = |is_passed_on, slept_on| {
                    let mut turns = 0..200;
                    until("the wake finds the waiter asleep", || {
                        generation.wake(1);
                        if is_passed_on { generation.load(Relaxed) != slept_on } else { turns.next().is_none() }
                    });
                };
                match step {
                    "a wait begins" => {}
                    "a wait that is notified of 6" => {
                        synchronic.store(6, hint);
                        let is_for_one = hint == NotifyHint::One;
                        let notified = (began & !FOR_ONE).wrapping_add(2 + i32::from(is_for_one));
                        if is_for_one && !is_alone && sees_sleepers() {
                            until("the wake is passed on", || generation.load(Relaxed) != notified);
                        } else {
                            stray(is_for_one && !is_alone, notified);
                        }
                    }
                    "a wait that is woken without a notify" => stray(began & FOR_ONE != 0 && !is_alone, began),
                    _ => panic!("a call that this test does not know: {call}"),
                }
                meanwhile.extend(words(buffer).map(|word| word.load(Relaxed)));
                synchronic.store(5, NotifyHint::All);
            });
            assert_eq!(seen, 5);
            words(buffer).iter().zip(meanwhile).for_each(|(word, value)| word.store(value, Relaxed));
            "sleeps".to_owned()
        }
    }
}

/// Acts when one who waits for 5 has counted itself, and sleeps, where the system tells who sleeps.
fn counted(synchronic: Synchronic<'_, i32>, waiters: Slot<'_>, act: impl FnOnce()) -> i32 {
    let before = waiters.load(Relaxed);
    let seen = thread::scope(|threads| {
        let waiter = sleepers(threads, 1, move || synchronic.load_when_equal(5));
        until("the waiter is counted", || waiters.load(Relaxed) != before);
        act();
        join_all(waiter)[0]
    });
    assert_eq!(waiters.load(Relaxed), before);
    seen
}

/// The chapter of the hint One: of two latecomers one catches the wake, and the other hears of it.
#[test]
fn a_latecomer_that_catches_the_wake_for_one_passes_it_on() {
    let _watchdog = Watchdog::new("a_latecomer_that_catches_the_wake_for_one_passes_it_on");
    for _ in 0..100 {
        let buffer = holding(&[0, 6 + FOR_ONE, 7, 0]);
        let synchronic = Synchronic::<i32>::new(&buffer, 0).unwrap();
        let [waiters, generation, ..] = words(&buffer);
        thread::scope(|threads| {
            for _ in 0..2 {
                threads.spawn(move || synchronic.load_when_equal(5));
            }
            until("both are counted", || waiters.load(Relaxed) == 2);
            synchronic.store(5, NotifyHint::None);
            // The wake of a notify that moved the generation on before they came. A notifier that counts its wakes sends one only.
            let counts = cfg!(target_os = "linux") && !is_emulated();
            until("one of them is woken, or has seen the value", || {
                let woken = if counts {
                    generation.wake_counted(1).unwrap()
                } else {
                    generation.wake(1);
                    0
                };
                woken != 0 || waiters.load(Relaxed) == 0 || generation.load(Relaxed) != 6 + FOR_ONE
            });
        });
        assert_eq!(waiters.load(Relaxed), 0);
    }
}

/// What the page says of changes here and waits there: the steps of its waiter, with a change at the worst moment.
#[test]
fn a_waiter_of_synchronic_js_is_missed_and_one_that_counts_itself_first_is_not() {
    let buffer = holding(&[0, 6, 7, 0]);
    let synchronic = Synchronic::<i32>::new(&buffer, 0).unwrap();
    let [waiters, generation, value, _] = words(&buffer);
    let began = generation.load(SeqCst);
    assert_eq!(value.load(SeqCst), 7);
    synchronic.store(5, NotifyHint::All);
    waiters.fetch_add(1, SeqCst);
    assert_eq!(generation.wait_for(began, 20 * SHORT), Wait::TimedOut);
    waiters.fetch_sub(1, SeqCst);

    waiters.fetch_add(1, Relaxed);
    let began = generation.load(Relaxed);
    fence(SeqCst);
    assert_eq!(value.load(SeqCst), 5);
    synchronic.store(7, NotifyHint::All);
    assert_eq!(generation.wait_for(began, Duration::MAX), Wait::NotEqual);
    waiters.fetch_sub(1, Relaxed);
}

/// What the page says of changes there and waits here.
#[test]
fn an_update_of_synchronic_js_reaches_who_waits_here() {
    let _watchdog = Watchdog::new("an_update_of_synchronic_js_reaches_who_waits_here");
    const TURNS: i32 = 1000;
    let buffer = SharedBuffer::new(16).unwrap();
    let synchronic = Synchronic::<i32>::new(&buffer, 0).unwrap();
    let [waiters, generation, value, _] = words(&buffer);
    thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(move || {
                let mut seen = 0;
                while seen < TURNS {
                    seen = synchronic.load_when_not_equal(seen);
                }
            });
        }
        for turn in 0..TURNS {
            // Else the waiters hardly come to sleep.
            if turn % 10 == 0 {
                until("somebody waits", || waiters.load(Relaxed) > 0);
            }
            value.fetch_add(1, SeqCst);
            generation.fetch_add(1, SeqCst);
            if waiters.load(SeqCst) > 0 {
                generation.wake(u32::MAX);
            }
        }
    });
    assert_eq!((synchronic.load(), waiters.load(Relaxed)), (TURNS, 0));
}

/// What the page says of equality.
#[test]
fn floats_are_the_same_as_the_page_says() {
    fn same<T: Number>(synchronic: Synchronic<'_, T>, value: T, other: T) {
        synchronic.store(value, NotifyHint::None);
        assert!(synchronic.load_when_equal_for(other, Duration::ZERO).is_ok());
        assert!(synchronic.load_when_not_equal_for(other, Duration::ZERO).is_err());
        assert!(synchronic.compare_exchange(other, value, NotifyHint::None).is_ok());
    }
    let buffer = SharedBuffer::new(16).unwrap();
    let synchronic = Synchronic::<f32>::new(&buffer, 0).unwrap();
    same(synchronic, -0.0, 0.0);
    same(synchronic, 0.0, -0.0);
    same(synchronic, f32::NAN, -f32::NAN);
    same(synchronic, f32::from_bits(0x7fc0_1234), f32::NAN);
    synchronic.store(f32::NAN, NotifyHint::None);
    assert!(synchronic.load_when_equal_for(0.0, Duration::ZERO).is_err());
}

fn seen(value: Result<i32, TimedOut>) -> String {
    value.map_or("timed out".to_owned(), |value| value.to_string())
}

fn words(buffer: &SharedBuffer) -> [Slot<'_>; 4] {
    [0, 1, 2, 3].map(|index| buffer.slot(index).unwrap())
}
