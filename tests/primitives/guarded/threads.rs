//! What a guarded value promises, over every origin of memory: between threads, and on Linux between processes that are
//! killed while they use it.

use crate::support::{LONG, Memory, SHORT, Watchdog, assert_not_early, join_all, sleepers, until};
use slotsync::{BumpAllocator, Error, Guarded, Layout, Lock, Place, Primitive, Scope, SharedBuffer, Slots, TimedOut};
use std::fmt::Debug;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};
use zerocopy::{FromBytes, Immutable, IntoBytes};

over_every_origin! {
    fresh_memory_is_an_unlocked_value_of_zeros
    a_value_that_is_set_is_got
    a_value_is_padded_to_whole_words
    the_first_to_attach_writes_the_header_and_nothing_else
    an_update_is_all_or_nothing
    a_panicking_closure_writes_nothing_and_unlocks
    no_update_of_many_threads_is_lost
    timed_calls_end_not_before_their_time
    timed_calls_take_what_is_unlocked
    a_deadline_in_the_past_is_a_try
    a_mismatch_names_both_values_and_changes_nothing
    a_refused_attachment_has_written_nothing
    a_header_that_was_begun_is_completed
    one_version_wins_if_many_attach_at_once_with_two_versions
    initializing_makes_any_words_that_value
    every_number_says_which_copy_is_the_value
    guarded_values_side_by_side_are_strangers
    a_layout_places_that_value
    an_allocator_hands_out_a_value_of_zeros
}

/// Where the value lies.
const INDEX: usize = 5;
const HEADER: usize = INDEX + 1;
const CURRENT: usize = INDEX + 6;
const COPIES: usize = INDEX + 7;
const VERSION: u32 = 3;

/// The fields sum up to zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct Accounts {
    balances: [i64; 6],
    bank: i64,
    transfers: u64,
}

impl Accounts {
    fn transfer(&mut self, number: usize, amount: i64) {
        self.balances[number % 6] += amount;
        self.bank -= amount;
        self.transfers += 1;
    }

    fn sum(&self) -> i64 {
        self.balances.iter().sum::<i64>() + self.bank
    }
}

fn accounts(buffer: &SharedBuffer) -> Guarded<'_, Accounts, VERSION> {
    Guarded::new(buffer, INDEX).unwrap()
}

fn words(memory: &Memory) -> Vec<i32> {
    memory.buffer.slots(..).unwrap().iter().map(|slot| slot.load(Relaxed)).collect()
}

fn store(memory: &Memory, index: usize, value: i32) {
    memory.buffer.slot(index).unwrap().store(value, Relaxed);
}

fn fresh_memory_is_an_unlocked_value_of_zeros(memory: &Memory) {
    let guarded = accounts(&memory.buffer);
    assert!(!guarded.lock().is_locked());
    assert_eq!(guarded.lock(), Lock::new(&memory.buffer, INDEX).unwrap());
    assert_eq!(guarded.get(), Accounts::default());
    assert_eq!(guarded.try_get(), Some(Accounts::default()));
    assert_eq!(Guarded::<[u8; 3], 1>::new(&memory.buffer, 100).unwrap().get(), [0; 3]);
}

fn a_value_that_is_set_is_got(memory: &Memory) {
    let guarded = accounts(&memory.buffer);
    let mut value = Accounts::default();
    for turn in 0..20 {
        value.transfer(turn, 7 + turn as i64);
        match turn % 4 {
            0 => guarded.set(value),
            1 => assert!(guarded.try_set(value)),
            2 => assert_eq!(guarded.set_for(value, LONG), Ok(())),
            _ => assert_eq!(guarded.set_until(value, Instant::now() + LONG), Ok(())),
        }
        assert!(!guarded.lock().is_locked());
        assert_eq!(guarded.get(), value);
        // Another handle, and in another mapping where there can be one.
        assert_eq!(accounts(&memory.buffer).get_for(LONG), Ok(value));
        #[cfg(unix)]
        if let Some(again) = memory.again() {
            assert_eq!(accounts(&again).get_until(Instant::now() + LONG), Ok(value));
        }
    }
}

fn a_value_is_padded_to_whole_words(memory: &Memory) {
    fn check<T: FromBytes + IntoBytes + Immutable + PartialEq + Debug + Copy>(memory: &Memory, index: usize, value: T) {
        let guarded = Guarded::<T, 1>::new(&memory.buffer, index).unwrap();
        let copy = size_of::<T>().div_ceil(4);
        assert_eq!(Guarded::<T, 1>::SLOTS, 7 + 2 * copy);
        let mut model = value;
        for _ in 0..3 {
            guarded.set(model);
            assert_eq!(guarded.get(), model);
            let current = memory.buffer.slot(index + 6).unwrap().load(Relaxed) as usize;
            let words = memory.buffer.slots(index + 7 + current * copy..).unwrap();
            let bytes: Vec<u8> = words.iter().take(copy).flat_map(|slot| slot.load(Relaxed).to_ne_bytes()).collect();
            let (value, padding) = bytes.split_at(size_of::<T>());
            assert_eq!(value, model.as_bytes());
            assert!(padding.iter().all(|byte| *byte == 0));
            model.as_mut_bytes().iter_mut().for_each(|byte| *byte = byte.wrapping_mul(5) ^ 1);
        }
        // A stranger's padding counts as nothing.
        let current = memory.buffer.slot(index + 6).unwrap().load(Relaxed) as usize;
        if size_of::<T>() % 4 == 1 {
            let last = memory.buffer.slot(index + 7 + (current + 1) * copy - 1).unwrap();
            let was = guarded.get();
            let mut bytes = last.load(Relaxed).to_ne_bytes();
            bytes[1..].fill(0xab);
            last.store(i32::from_ne_bytes(bytes), Relaxed);
            assert_eq!(guarded.get(), was);
        }
    }
    check(memory, 0, 0x81_u8);
    check(memory, 20, 0x8182_u16);
    check(memory, 40, [1_u8, 2, 3]);
    check(memory, 60, f32::MIN);
    check(memory, 80, [1_u8, 2, 3, 4, 255]);
    check(memory, 100, u64::MAX - 1);
    check(memory, 120, i128::MIN + 7);
    check(memory, 150, [0xabcd_u16; 51]);
}

fn the_first_to_attach_writes_the_header_and_nothing_else(memory: &Memory) {
    let before = words(memory);
    let _ = accounts(&memory.buffer);
    let after = words(memory);
    let header = [0x4744_0001, 64, align_of::<Accounts>() as i32, size_of::<usize>() as i32, VERSION as i32];
    assert_eq!(after[HEADER..CURRENT], header);
    assert!(before.iter().all(|word| *word == 0));
    assert!(after.iter().enumerate().all(|(index, word)| *word == 0 || (HEADER..CURRENT).contains(&index)));
    let _ = accounts(&memory.buffer);
    assert_eq!(words(memory), after);
}

fn an_update_is_all_or_nothing(memory: &Memory) {
    let guarded = accounts(&memory.buffer);
    let count = guarded.update(|accounts| {
        accounts.transfer(1, 100);
        accounts.transfers
    });
    assert_eq!(count, 1);
    let transfers = guarded.try_update(|accounts| {
        accounts.transfer(1, 0);
        accounts.transfers
    });
    assert_eq!(transfers, Some(2));
    let before = guarded.get();
    let refuse = |accounts: &mut Accounts| {
        accounts.transfer(1, -200);
        if accounts.balances[1] < 0 { Err("no money") } else { Ok(accounts.bank) }
    };
    assert_eq!(guarded.transact(refuse), Err("no money"));
    assert_eq!(guarded.transact_for(refuse, LONG), Ok(Err("no money")));
    assert_eq!(guarded.transact_until(refuse, Instant::now()), Ok(Err("no money")));
    assert_eq!(guarded.get(), before);
    guarded.update(|accounts| accounts.transfer(1, 400));
    assert_eq!(guarded.transact(refuse), Ok(-300));
    assert_eq!(guarded.transact_for(refuse, LONG), Ok(Ok(-100)));
    assert_eq!(guarded.get().transfers, 5);
    assert!(!guarded.lock().is_locked());
}

fn a_panicking_closure_writes_nothing_and_unlocks(memory: &Memory) {
    let guarded = accounts(&memory.buffer);
    guarded.update(|accounts| accounts.transfer(2, 50));
    let before = words(memory);
    fn half_way(accounts: &mut Accounts) {
        accounts.balances[0] = 1;
        std::panic::panic_any("half way");
    }
    let calls: [&dyn Fn(); 5] = [
        &|| guarded.update(half_way),
        &|| assert_eq!(guarded.try_update(half_way), None),
        &|| assert_eq!(guarded.update_for(half_way, LONG), Err(TimedOut)),
        &|| assert_eq!(guarded.update_until(half_way, Instant::now()), Err(TimedOut)),
        &|| {
            let kept = |accounts: &mut Accounts| {
                half_way(accounts);
                Ok::<(), ()>(())
            };
            assert_eq!(guarded.transact(kept), Err(()));
        },
    ];
    for call in calls {
        let panic = catch_unwind(AssertUnwindSafe(call)).unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&"half way"));
        assert_eq!(words(memory), before);
    }
    assert_eq!(guarded.get().sum(), 0);
}

fn no_update_of_many_threads_is_lost(memory: &Memory) {
    let _watchdog = Watchdog::new("no_update_of_many_threads_is_lost");
    let guarded = accounts(&memory.buffer);
    thread::scope(|threads| {
        for agent in 0..3 {
            threads.spawn(move || {
                for turn in 0..1_000 {
                    guarded.update(|accounts| accounts.transfer(agent + turn, turn as i64));
                }
            });
        }
        threads.spawn(|| {
            for _ in 0..1_000 {
                assert_eq!(guarded.get().sum(), 0, "a torn value");
            }
        });
    });
    assert_eq!((guarded.get().sum(), guarded.get().transfers), (0, 3_000));
}

fn timed_calls_end_not_before_their_time(memory: &Memory) {
    let guarded = accounts(&memory.buffer);
    let value = Accounts::default();
    let held = guarded.lock().lock();
    let header = words(memory)[HEADER..].to_owned();
    assert_not_early(|timeout| guarded.get_for(timeout).is_err(), |deadline| guarded.get_until(deadline).is_err());
    assert_not_early(
        |timeout| guarded.set_for(value, timeout).is_err(),
        |deadline| guarded.set_until(value, deadline).is_err(),
    );
    assert_not_early(
        |timeout| guarded.update_for(|_| panic!("not locked"), timeout).is_err(),
        |deadline| guarded.update_until(|_| panic!("not locked"), deadline).is_err(),
    );
    let never = |_: &mut Accounts| -> Result<(), ()> { panic!("not locked") };
    assert_not_early(
        |timeout| guarded.transact_for(never, timeout).is_err(),
        |deadline| guarded.transact_until(never, deadline).is_err(),
    );
    assert_eq!(words(memory)[HEADER..], header);
    drop(held);
    assert_eq!(guarded.update_for(|accounts| accounts.transfers, SHORT), Ok(0));
}

fn timed_calls_take_what_is_unlocked(memory: &Memory) {
    let _watchdog = Watchdog::new("timed_calls_take_what_is_unlocked");
    let guarded = accounts(&memory.buffer);
    for timeout in [LONG, Duration::MAX] {
        let held = guarded.lock().lock();
        thread::scope(|threads| {
            let waiters = sleepers(threads, 2, move || {
                guarded.update_for(|accounts| accounts.transfer(0, 1), timeout).unwrap();
                assert_eq!(guarded.get_for(timeout).unwrap().sum(), 0);
                assert!(guarded.set_for(guarded.get(), timeout).is_ok());
            });
            until("a mark is there", || words(memory)[INDEX] == 2);
            drop(held);
            join_all(waiters);
        });
    }
}

fn a_deadline_in_the_past_is_a_try(memory: &Memory) {
    let past = Instant::now();
    let guarded = accounts(&memory.buffer);
    assert_eq!(guarded.update_until(|accounts| accounts.transfers += 1, past), Ok(()));
    assert_eq!(guarded.update_for(|accounts| accounts.transfers += 1, Duration::ZERO), Ok(()));
    assert_eq!(guarded.get_until(past).unwrap().transfers, 2);
    assert!(guarded.set_until(Accounts::default(), past).is_ok());
    mem::forget(guarded.lock().lock());
    assert_eq!(guarded.try_get(), None);
    assert!(!guarded.try_set(Accounts::default()));
    assert_eq!(guarded.try_update(|_| -> () { panic!("not locked") }), None);
    assert_eq!(guarded.get_for(Duration::ZERO), Err(TimedOut));
    assert_eq!(guarded.update_until(|_| (), past), Err(TimedOut));
    assert_eq!(words(memory)[INDEX], 1, "a try leaves no mark");
    guarded.lock().unlock().unwrap();
}

fn a_mismatch_names_both_values_and_changes_nothing(memory: &Memory) {
    fn refused<T: FromBytes + IntoBytes + Immutable, const V: u32>(memory: &Memory) -> (&'static str, u32, u32) {
        let before = words(memory);
        match Guarded::<T, V>::new(&memory.buffer, INDEX) {
            Err(Error::GuardedMismatch { what, found, expected }) => {
                assert_eq!(words(memory), before);
                (what, found, expected)
            }
            other => panic!("{other:?}"),
        }
    }
    Guarded::<[u32; 4], VERSION>::new(&memory.buffer, INDEX).unwrap().set([1, 2, 3, 4]);
    assert_eq!(refused::<[u32; 5], VERSION>(memory), ("size", 16, 20));
    assert_eq!(refused::<[u16; 8], VERSION>(memory), ("alignment", 4, 2));
    assert_eq!(refused::<[u32; 4], 4>(memory), ("version", VERSION, 4));
    assert_eq!(refused::<[u32; 4], { u32::MAX }>(memory), ("version", VERSION, u32::MAX));
    let error = Guarded::<[u32; 4], 4>::new(&memory.buffer, INDEX).unwrap_err();
    assert_eq!(error.to_string(), "the guarded value has version 3, not 4");
    // As a process of another word size, or a machine of the other byte order, would have written it.
    let pointer = size_of::<usize>() as u32;
    for (place, what, expected) in [(0, "mark", 0x4744_0001), (3, "pointer size", pointer), (4, "version", VERSION)] {
        let (was, other) = (words(memory)[HEADER + place], expected.swap_bytes());
        store(memory, HEADER + place, other as i32);
        assert_eq!(refused::<[u32; 4], VERSION>(memory), (what, other, expected));
        store(memory, HEADER + place, was);
    }
    assert_eq!(Guarded::<[u32; 4], VERSION>::new(&memory.buffer, INDEX).unwrap().get(), [1, 2, 3, 4]);
    // Same size and alignment: the version is for that.
    assert_eq!(Guarded::<[i32; 4], VERSION>::new(&memory.buffer, INDEX).unwrap().get(), [1, 2, 3, 4]);
}

/// Whatever is there: a header that was begun, or words that are in use for something else.
fn a_refused_attachment_has_written_nothing(memory: &Memory) {
    for place in 0..5 {
        for found in [1, -1, i32::MIN] {
            store(memory, HEADER + place, found);
            let before = words(memory)[..COPIES].to_owned();
            let outcome = Guarded::<[u32; 2], VERSION>::new(&memory.buffer, INDEX);
            assert!(matches!(outcome, Err(Error::GuardedMismatch { found: it, .. }) if it == found as u32));
            assert_eq!(words(memory)[..COPIES], before);
        }
        store(memory, HEADER + place, 0);
    }
}

/// As one that dies after each of its steps leaves it.
fn a_header_that_was_begun_is_completed(memory: &Memory) {
    let whole = Guarded::<[u32; 2], VERSION>::new(&memory.buffer, INDEX).map(|_| words(memory)).unwrap();
    for written in 0..=5 {
        for place in written..5 {
            store(memory, HEADER + place, 0);
        }
        if written == 4 {
            // One of another version can be the one to complete it.
            Guarded::<[u32; 2], 9>::new(&memory.buffer, INDEX).unwrap();
            assert!(Guarded::<[u32; 2], VERSION>::new(&memory.buffer, INDEX).is_err());
            store(memory, HEADER + 4, 0);
        }
        if written >= 2 {
            assert!(Guarded::<[u32; 3], VERSION>::new(&memory.buffer, INDEX).is_err());
        }
        Guarded::<[u32; 2], VERSION>::new(&memory.buffer, INDEX).unwrap();
        assert_eq!(words(memory), whole);
    }
}

fn one_version_wins_if_many_attach_at_once_with_two_versions(memory: &Memory) {
    for round in 0..50_usize {
        let index = 16 * round;
        let attached: Vec<_> = thread::scope(|threads| {
            let one = move || (1, Guarded::<[u32; 2], 1>::new(&memory.buffer, index).map(drop));
            let other = move || (2, Guarded::<[u32; 2], 2>::new(&memory.buffer, index).map(drop));
            let agents = [threads.spawn(one), threads.spawn(other), threads.spawn(one), threads.spawn(other)];
            agents.into_iter().map(|agent| agent.join().unwrap()).collect()
        });
        let winner = words(memory)[index + 5] as u32;
        for (version, outcome) in attached {
            let mismatch = Error::GuardedMismatch { what: "version", found: winner, expected: version };
            assert_eq!(outcome, if version == winner { Ok(()) } else { Err(mismatch) });
        }
    }
}

fn initializing_makes_any_words_that_value(memory: &Memory) {
    for left_behind in [0, 1, 2, -1, i32::MIN, 0x4744_0001] {
        for slot in memory.buffer.slots(..).unwrap() {
            slot.store(left_behind, Relaxed);
        }
        let value = Accounts { bank: -5, balances: [5, 0, 0, 0, 0, 0], transfers: 1 };
        let guarded = Guarded::initialize(&memory.buffer, INDEX, value).unwrap();
        assert_eq!(guarded.try_get(), Some(value));
        assert_eq!(accounts(&memory.buffer), guarded);
        let end = INDEX + Guarded::<Accounts, VERSION>::SLOTS;
        let mut others = words(memory);
        others.drain(INDEX..end);
        assert!(others.iter().all(|word| *word == left_behind));
    }
}

fn every_number_says_which_copy_is_the_value(memory: &Memory) {
    let guarded = Guarded::<u32, 1>::new(&memory.buffer, INDEX).unwrap();
    for garbage in [0, 1, 2, 3, -1, -2, i32::MIN, i32::MAX] {
        store(memory, COPIES, 10);
        store(memory, COPIES + 1, 11);
        store(memory, CURRENT, garbage);
        assert_eq!(guarded.get(), 10 + (garbage & 1) as u32);
        guarded.update(|value| *value += 10);
        assert_eq!(guarded.get(), 20 + (garbage & 1) as u32);
        assert_eq!(words(memory)[CURRENT], 1 - (garbage & 1));
        assert_eq!(words(memory)[COPIES + (garbage & 1) as usize], 10 + (garbage & 1), "the old value is left");
    }
}

fn guarded_values_side_by_side_are_strangers(memory: &Memory) {
    let step = Guarded::<[u8; 5], 1>::SLOTS;
    let row: Vec<_> = (0..20).map(|n| Guarded::<[u8; 5], 1>::new(&memory.buffer, n * step).unwrap()).collect();
    for (number, guarded) in (0..).zip(&row) {
        guarded.set([number; 5]);
    }
    assert!((0..).zip(&row).all(|(number, guarded)| guarded.get() == [number; 5]));
    assert_ne!(row[0], row[1]);
    mem::forget(row[0].lock().lock());
    assert_eq!(row[1].try_get(), Some([1; 5]));
}

fn a_layout_places_that_value(memory: &Memory) {
    let mut layout = Layout::new();
    layout.array::<u8>(5);
    let place = layout.place::<Guarded<Accounts, VERSION>>();
    let next = layout.place::<Lock>();
    assert_eq!((place.index(), next.index()), (3, 3 + Guarded::<Accounts, VERSION>::SLOTS));
    layout.attach(&memory.buffer).unwrap();
    let guarded = Guarded::initialize(&memory.buffer, place.index(), Accounts { transfers: 7, ..Accounts::default() });
    assert_eq!(place.of(&memory.buffer), guarded);
    assert_eq!(place.of(&memory.buffer).unwrap().get().transfers, 7);
    // An agent that reads the words as another type has another layout, and finds another header.
    let kept: Place<Guarded<'static, [u8; 64], VERSION>> = Layout::starting_at(place.index() - 1).place();
    assert_eq!(kept.index(), place.index());
    assert!(matches!(kept.of(&memory.buffer), Err(Error::GuardedMismatch { what: "alignment", .. })));
}

fn an_allocator_hands_out_a_value_of_zeros(memory: &Memory) {
    let allocator = BumpAllocator::new(&memory.buffer, 0, 1..1024).unwrap();
    let places = [allocator.allocate_place::<Guarded<Accounts, VERSION>>(), allocator.allocate_place()];
    let [first, second] = places.map(|place| place.unwrap().of(&memory.buffer).unwrap());
    first.update(|accounts| accounts.transfer(1, 5));
    assert_eq!((first.get().transfers, second.get()), (1, Accounts::default()));
    assert_eq!(allocator.used(), 8 * Guarded::<Accounts, VERSION>::SLOTS);
}

#[test]
fn the_fingerprint_tells_the_size_the_alignment_and_the_version() {
    fn of<P: Primitive>() -> (String, u32) {
        let mut layout = Layout::new();
        layout.place::<P>();
        (layout.to_string(), layout.fingerprint())
    }
    let layouts = [
        of::<Guarded<[u32; 4], 1>>(),
        of::<Guarded<[u32; 4], 2>>(),
        of::<Guarded<[u32; 5], 1>>(),
        of::<Guarded<[u16; 8], 1>>(),
        // In as many words.
        of::<Guarded<[u8; 15], 1>>(),
    ];
    assert_eq!(layouts[0].0, "slotsync layout 1\n0 4 Layout\n4 60 Guarded<size 16, alignment 4, version 1>\n");
    for (number, (text, fingerprint)) in layouts.iter().enumerate() {
        let is_other = |other: &(String, u32)| other.0 != *text && other.1 != *fingerprint;
        assert!(layouts[..number].iter().all(is_other), "{text}");
    }
    assert_eq!(of::<Guarded<[u32; 4], 1>>(), of::<Guarded<[i32; 4], 1>>(), "the version is for that");
}

#[test]
fn a_value_beyond_the_end_is_an_error() {
    let buffer = SharedBuffer::new(64).unwrap();
    let error = |index| Err(Error::OutOfBounds { index, count: 11, length: 16 });
    let new = |index| Guarded::<u64, 1>::new(&buffer, index).map(drop);
    assert_eq!(new(6), error(6));
    assert_eq!(new(usize::MAX), error(usize::MAX));
    assert_eq!(Guarded::<u64, 1>::initialize(&buffer, 6, 0).map(drop), error(6));
    assert!(buffer.slots(..).unwrap().iter().all(|slot| slot.load(Relaxed) == 0));
    assert_eq!(new(5), Ok(()));
}

#[test]
fn a_value_lies_in_words_elsewhere() {
    static WORDS: [AtomicI32; Guarded::<u64, 1>::SLOTS] = [const { AtomicI32::new(0) }; Guarded::<u64, 1>::SLOTS];
    let slots = Slots::from_ref(&WORDS, Scope::Private).unwrap();
    let guarded = Guarded::<u64, 1>::from_slots(slots).unwrap();
    guarded.set(u64::MAX);
    assert_eq!(guarded.lock().scope(), Scope::Private);
    assert_eq!(Guarded::<u64, 1>::from_slots(slots).unwrap().get(), u64::MAX);
    let few = Slots::from_ref(&WORDS[1..], Scope::Private).unwrap();
    let error = Error::OutOfBounds { index: 0, count: 11, length: 10 };
    assert_eq!(Guarded::<u64, 1>::from_slots(few), Err(error));
}

#[test]
fn a_handle_is_copy_send_and_sync() {
    fn is<T: Copy + Send + Sync + Debug + Eq>() {}
    is::<Guarded<'static, Accounts, VERSION>>();
}
