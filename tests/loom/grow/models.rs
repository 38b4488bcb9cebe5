//! A buffer that grows.
#![cfg(loom)]

use crate::world::*;
use slotsync::MemoryError;

/// Memory of one slot that can grow to three, and what the agents leave.
struct Growing {
    buffer: SharedBuffer,
    world: Arc<World>,
    /// The lengths that some call has brought about, a bit for each.
    grown: AtomicI32,
}

type Grower = fn(&Growing);

/// As `check`, over memory that can grow.
#[allow(clippy::arc_with_non_send_sync, reason = "loom's threads are coroutines of one thread")]
fn check_growing(agents: &'static [Grower], at_end: Grower) {
    for double in Double::ALL {
        let model = Model::new(double);
        let model = if agents.len() > 2 { model.preemption_bound(3) } else { model };
        model.check(move || {
            let growing = Arc::new(Growing {
                buffer: SharedBuffer::options().max_byte_length(12).heap(4).unwrap(),
                world: World::new(),
                grown: AtomicI32::new(0),
            });
            let (main, others) = agents.split_last().unwrap();
            let others: Vec<_> = others
                .iter()
                .map(|agent| {
                    let (agent, growing) = (*agent, growing.clone());
                    thread::spawn(move || agent(&growing))
                })
                .collect();
            main(&growing);
            for agent in others {
                agent.join().unwrap();
            }
            at_end(&growing);
        });
    }
}

/// Grows it, and never sees it shorter than that again.
fn grows_to(growing: &Growing, bytes: usize) {
    match growing.buffer.grow(bytes) {
        Ok(()) => {
            growing.grown.fetch_or(1 << bytes, Relaxed);
            assert!(growing.buffer.byte_length() >= bytes);
            growing.buffer.slot(bytes / 4 - 1).unwrap().fetch_add(1, Relaxed);
        }
        Err(MemoryError::WouldShrink { length, .. }) => assert!(length > bytes as u64),
        Err(error) => panic!("{error}"),
    }
}

fn grows_to_two(growing: &Growing) {
    grows_to(growing, 8);
}

fn grows_to_three(growing: &Growing) {
    grows_to(growing, 12);
}

/// The length never falls.
fn watches(growing: &Growing) {
    let before = growing.buffer.byte_length();
    let after = growing.buffer.byte_length();
    assert!([4, 8, 12].contains(&before) && after >= before, "{after} after {before}");
}

fn it_is_as_long_as_the_longest(growing: &Growing) {
    let grown = growing.grown.load(Relaxed);
    assert_eq!(growing.buffer.byte_length(), if grown & 1 << 12 != 0 { 12 } else { 8 });
}

#[test]
fn of_two_that_grow_it_none_is_lost() {
    check_growing(&[grows_to_two, grows_to_three], it_is_as_long_as_the_longest);
    check_growing(&[grows_to_three, grows_to_three], it_is_as_long_as_the_longest);
}

#[test]
fn of_three_that_grow_it_none_is_lost() {
    check_growing(&[grows_to_two, grows_to_three, grows_to_two], it_is_as_long_as_the_longest);
}

#[test]
fn one_that_watches_two_grow_it_sees_it_rise() {
    check_growing(&[grows_to_two, grows_to_three, watches], it_is_as_long_as_the_longest);
}

#[test]
fn one_that_sees_the_length_sees_what_was_done_before() {
    fn leaves_and_grows(growing: &Growing) {
        growing.world.leave(0);
        growing.buffer.grow(8).unwrap();
    }
    fn sees_the_length(growing: &Growing) {
        if growing.buffer.byte_length() == 8 {
            assert_eq!(growing.world.found(0), 1);
        }
    }
    check_growing(&[leaves_and_grows, sees_the_length], |_| {});
}

/// The refusal is another who was there before.
#[test]
fn one_that_is_told_of_the_length_sees_what_was_done_before() {
    fn leaves_and_grows(growing: &Growing) {
        growing.world.leave(0);
        growing.buffer.grow(12).unwrap();
    }
    fn is_told(growing: &Growing) {
        if let Err(error) = growing.buffer.grow(8) {
            assert_eq!(error, MemoryError::WouldShrink { bytes: 8, length: 12 });
            assert_eq!(growing.world.found(0), 1);
        }
    }
    check_growing(&[leaves_and_grows, is_told], |_| {});
    // By way of one who grew it in between.
    check_growing(&[leaves_and_grows, is_told, grows_to_two], |_| {});
}

/// Told by another word, relaxed bounds are enough.
#[test]
fn one_that_is_told_where_to_look_finds_it_there() {
    fn grows_and_tells(growing: &Growing) {
        growing.buffer.grow(8).unwrap();
        growing.buffer.slot(1).unwrap().store(7, Relaxed);
        growing.buffer.slot(0).unwrap().store(1, Release);
    }
    fn looks(growing: &Growing) {
        if growing.buffer.slot(0).unwrap().load(Acquire) == 1 {
            assert_eq!(growing.buffer.slot(1).unwrap().load(Relaxed), 7);
        }
    }
    check_growing(&[grows_and_tells, looks], |_| {});
}
