//! Elements of different sizes over the same bytes, used by several threads at once, over every origin of memory.

use crate::support::numbers::Number;
use crate::support::{Memory, OnDrop, Watchdog, until};
use slotsync::arrays::{Atomics, TypedArray};
use slotsync::{Integer, SharedBuffer};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

over_every_origin! {
    nothing_but_bytes_that_were_written_is_seen
    an_element_keeps_the_value_of_its_only_writer
    agents_that_add_to_elements_of_one_size_lose_nothing
    agents_that_add_to_elements_of_all_sizes_lose_nothing
}

/// The first of the bytes that the tests are about: a multiple of all sizes, and not at either end of the buffer.
const AT: usize = 64;
/// The number of those bytes: one element of 64 bits.
const SIZE: usize = 8;
/// The number of bytes on each side that no test writes after it has prepared them.
const BESIDE: usize = 8;
const UNTOUCHED: u8 = 0xee;

/// Clears `size` bytes, and fills those on both sides.
fn prepare(buffer: &SharedBuffer, size: usize) {
    buffer.write_bytes(AT - BESIDE, &vec![UNTOUCHED; size + 2 * BESIDE]).unwrap();
    buffer.write_bytes(AT, &vec![0; size]).unwrap();
}

/// Asserts that the bytes on both sides are as `prepare` left them.
fn assert_neighbours_untouched(buffer: &SharedBuffer, size: usize) {
    for byte_offset in [AT - BESIDE, AT + size] {
        let bytes = TypedArray::<u8>::new(buffer, byte_offset, BESIDE).unwrap();
        assert_eq!(bytes.to_vec(), [UNTOUCHED; BESIDE], "from byte {byte_offset} on");
    }
}

/// All of the bytes, as elements of one size.
fn array<T: Number>(buffer: &SharedBuffer) -> TypedArray<'_, T> {
    TypedArray::new(buffer, AT, SIZE / size_of::<T>()).unwrap()
}

/// The bytes of a writer from this place on: each tells the writer, one of its two letters, and the place.
fn told<const N: usize>(writer: u8, letter: u8, place: usize) -> [u8; N] {
    std::array::from_fn(|byte| (2 * writer + letter + 1) << 4 | (place + byte) as u8)
}

/// Asserts that each byte is one that some writer puts at this very place, or the zero from the beginning.
fn assert_told(bytes: &[u8], place: usize, writers: u8) {
    for (byte, place) in bytes.iter().zip(place..) {
        let is_told = usize::from(byte & 0xf) == place && (1..=2 * writers).contains(&(byte >> 4));
        assert!(*byte == 0 || is_told, "{bytes:02x?}, whose byte {byte:#x} does not belong at {place}");
    }
}

/// Writers of each size write all elements of their size in turn, while readers of each size look on.
fn nothing_but_bytes_that_were_written_is_seen(memory: &Memory) {
    const WRITERS: u8 = if cfg!(target_has_atomic = "64") { 4 } else { 3 };
    let _watchdog = Watchdog::new("nothing_but_bytes_that_were_written_is_seen");
    let buffer = &memory.buffer;
    prepare(buffer, SIZE);
    let (bytes, halves) = (array::<u8>(buffer), array::<u16>(buffer));
    let slots = buffer.slots(AT / 4..(AT + SIZE) / 4).unwrap();
    #[cfg(target_has_atomic = "64")]
    let wide = array::<u64>(buffer);
    let is_over = AtomicBool::new(false);
    thread::scope(|threads| {
        let _over = OnDrop(|| is_over.store(true, Relaxed));
        let is_over = &is_over;
        // Passes the number of an element of its size and one of its letters, in turn.
        let write = move |size: usize, put: &dyn Fn(usize, u8)| {
            for turn in 0.. {
                if is_over.load(Relaxed) {
                    break;
                }
                put(turn % (SIZE / size), (turn / 3 % 2) as u8);
            }
        };
        threads.spawn(move || {
            write(1, &|index, letter| {
                let [byte] = told(0, letter, index);
                bytes.set(index, byte).unwrap();
            });
        });
        threads.spawn(move || {
            write(2, &|index, letter| {
                Atomics::store(halves, index, u16::from_ne_bytes(told(1, letter, 2 * index))).unwrap();
            });
        });
        threads.spawn(move || {
            write(4, &|index, letter| {
                let value = i32::from_ne_bytes(told(2, letter, 4 * index));
                slots.get(index).unwrap().swap(value, Relaxed);
            });
        });
        #[cfg(target_has_atomic = "64")]
        threads.spawn(move || {
            write(8, &|_, letter| {
                Atomics::exchange(wide, 0, u64::from_ne_bytes(told(3, letter, 0))).unwrap();
            });
        });
        let (mut seen, mut mixtures) = ([false; 16], 0);
        until("words of several writers were seen often enough", || {
            for _ in 0..100 {
                for place in 0..SIZE {
                    let byte = bytes.get(place).unwrap();
                    assert_told(&[byte], place, WRITERS);
                    seen[usize::from(byte >> 4)] = true;
                    let half = Atomics::load(halves, place / 2).unwrap().to_ne_bytes();
                    assert_told(&half, place / 2 * 2, WRITERS);
                    let word = slots.get(place / 4).unwrap().load(Relaxed).to_ne_bytes();
                    assert_told(&word, place / 4 * 4, WRITERS);
                    mixtures += usize::from(word.iter().any(|byte| byte >> 4 != word[0] >> 4));
                }
                #[cfg(target_has_atomic = "64")]
                assert_told(&wide.get(0).unwrap().to_ne_bytes(), 0, WRITERS);
            }
            assert_neighbours_untouched(buffer, SIZE);
            mixtures >= 30 && seen[1..=2 * usize::from(WRITERS)].iter().all(|is_seen| *is_seen)
        });
    });
    assert_neighbours_untouched(buffer, SIZE);
}

/// Two bytes and a half in one word, then a slot, then 64 bits: each has a writer of its own. A write that put back the
/// bytes that it found beside its element would undo a neighbour's write.
fn an_element_keeps_the_value_of_its_only_writer(memory: &Memory) {
    const BYTES: usize = if cfg!(target_has_atomic = "64") { 16 } else { 8 };
    /// Writes another value in each turn, into all bytes of the element, and reads it back.
    fn turns<T: Number>(put: impl Fn(T), get: impl Fn() -> T, of: impl Fn(u64) -> T) {
        for turn in 0..3_000_u64 {
            let value = of(turn.wrapping_mul(0x0101_0101_0101_0101));
            put(value);
            assert_eq!(get(), value, "in turn {turn}");
        }
    }
    let _watchdog = Watchdog::new("an_element_keeps_the_value_of_its_only_writer");
    let buffer = &memory.buffer;
    prepare(buffer, BYTES);
    thread::scope(|threads| {
        let bytes = TypedArray::<u8>::new(buffer, AT, 2).unwrap();
        for index in 0..2 {
            threads.spawn(move || {
                let get = || Atomics::load(bytes, index).unwrap();
                turns(|value| bytes.set(index, value).unwrap(), get, |bits| bits as u8);
            });
        }
        threads.spawn(move || {
            let half = TypedArray::<u16>::new(buffer, AT + 2, 1).unwrap();
            let put = |value| assert!(Atomics::exchange(half, 0, value).is_ok());
            turns(put, || half.get(0).unwrap(), |bits| bits as u16);
        });
        threads.spawn(move || {
            let slot = buffer.slot(AT / 4 + 1).unwrap();
            turns(|value| slot.store(value, Relaxed), || slot.load(Relaxed), |bits| bits as i32);
        });
        #[cfg(target_has_atomic = "64")]
        threads.spawn(move || {
            let wide = TypedArray::<u64>::new(buffer, AT + 8, 1).unwrap();
            turns(|value| wide.set(0, value).unwrap(), || Atomics::load(wide, 0).unwrap(), |bits| bits);
        });
    });
    assert_neighbours_untouched(buffer, BYTES);
}

/// The number of threads that add.
const AGENTS: usize = 4;

/// Each agent adds to all elements in turn, in each way to add, so neighbours in one word change at once.
fn agents_that_add_to_elements_of_one_size_lose_nothing(memory: &Memory) {
    const TURNS: usize = 1_500;
    const MORE: u64 = 0x7777_7777_7777_7777;
    const LESS: u64 = 0x1234_5678_9abc_def1;
    /// Adds 1 by a loop, as code does for an operation that there is not.
    fn increment<T: Number + Integer>(array: TypedArray<'_, T>, index: usize) {
        let mut found = Atomics::load(array, index).unwrap();
        loop {
            match Atomics::compare_exchange(array, index, found, found.sum(T::of(1))).unwrap() {
                now if now == found => break,
                now => found = now,
            }
        }
    }
    fn check<T: Number + Integer>(memory: &Memory, of: fn(u64) -> T) {
        prepare(&memory.buffer, SIZE);
        let array = array::<T>(&memory.buffer);
        // The element of a turn changes with the round, so that each way to add comes to each element.
        let index = |agent: usize, turn: usize| (agent + turn / 3) % array.len();
        thread::scope(|threads| {
            for agent in 0..AGENTS {
                threads.spawn(move || {
                    for turn in 0..TURNS {
                        let index = index(agent, turn);
                        match turn % 3 {
                            0 => assert!(Atomics::add(array, index, of(MORE)).is_ok()),
                            1 => assert!(Atomics::sub(array, index, of(LESS)).is_ok()),
                            _ => increment(array, index),
                        }
                    }
                });
            }
        });
        let mut sums = vec![0_u64; array.len()];
        for (agent, turn) in (0..AGENTS).flat_map(|agent| (0..TURNS).map(move |turn| (agent, turn))) {
            let change = [MORE, LESS.wrapping_neg(), 1][turn % 3];
            let sum = &mut sums[index(agent, turn)];
            *sum = sum.wrapping_add(change);
        }
        let expected: Vec<T> = sums.into_iter().map(of).collect();
        assert_eq!(array.to_vec(), expected, "{}", std::any::type_name::<T>());
        assert_neighbours_untouched(&memory.buffer, SIZE);
    }
    let _watchdog = Watchdog::new("agents_that_add_to_elements_of_one_size_lose_nothing");
    check(memory, |bits| bits as i8);
    check(memory, |bits| bits as u8);
    check(memory, |bits| bits as i16);
    check(memory, |bits| bits as u16);
    check(memory, |bits| bits as i32);
    check(memory, |bits| bits as u32);
    #[cfg(target_has_atomic = "64")]
    {
        check(memory, |bits| bits as i64);
        check(memory, |bits| bits);
    }
}

/// A byte, a half and a slot are lanes of the same 8 bytes. Each has an agent that adds 1 to it, and one more adds 1 to
/// all of them at once, by an element of 64 bits. No lane overflows, so each holds the sum of its own additions.
fn agents_that_add_to_elements_of_all_sizes_lose_nothing(memory: &Memory) {
    const TURNS: u8 = 100;
    const ROUNDS: usize = 30;
    let _watchdog = Watchdog::new("agents_that_add_to_elements_of_all_sizes_lose_nothing");
    let buffer = &memory.buffer;
    let (bytes, halves) = (array::<u8>(buffer), array::<u16>(buffer));
    let slot = buffer.slot(AT / 4 + 1).unwrap();
    for _ in 0..ROUNDS {
        prepare(buffer, SIZE);
        let turns = |add: &dyn Fn()| (0..TURNS).for_each(|_| add());
        thread::scope(|threads| {
            threads.spawn(|| turns(&|| assert!(Atomics::add(bytes, 0, 1).is_ok())));
            threads.spawn(|| turns(&|| assert!(Atomics::add(halves, 1, 1).is_ok())));
            threads.spawn(|| turns(&|| assert!(slot.fetch_add(1, Relaxed) >= 0)));
            #[cfg(target_has_atomic = "64")]
            threads.spawn(|| {
                let ([a, b], [c, d, e, f]) = (1_u16.to_ne_bytes(), 1_i32.to_ne_bytes());
                let all = u64::from_ne_bytes([1, 0, a, b, c, d, e, f]);
                turns(&|| assert!(Atomics::add(array(buffer), 0, all).is_ok()));
            });
        });
        let sum = if cfg!(target_has_atomic = "64") { 2 * TURNS } else { TURNS };
        assert_eq!((bytes.get(0), bytes.get(1)), (Some(sum), Some(0)));
        assert_eq!((halves.get(1), slot.load(Relaxed)), (Some(sum.into()), sum.into()));
        assert_neighbours_untouched(buffer, SIZE);
    }
}
