//! The guarded value. Its lock has models of its own.
#![cfg(loom)]

use crate::world::*;
use slotsync::Guarded;

type Value = [u32; 2];
const SLOTS: usize = Guarded::<Value, 1>::SLOTS;

fn guarded(buffer: &SharedBuffer) -> Guarded<'_, Value, 1> {
    Guarded::new(buffer, 0).unwrap()
}

/// Runs two agents at once, on a buffer that has been prepared, and then looks.
fn two(
    model: Model,
    prepare: fn(&SharedBuffer),
    agents: [fn(&SharedBuffer) -> u32; 2],
    at_end: fn(&SharedBuffer, [u32; 2]),
) {
    #[allow(clippy::arc_with_non_send_sync, reason = "loom's threads are coroutines of one thread")]
    model.check(move || {
        let buffer = Arc::new(SharedBuffer::new(4 * SLOTS).unwrap());
        prepare(&buffer);
        let other = buffer.clone();
        let other = thread::spawn(move || agents[0](&other));
        let answer = agents[1](&buffer);
        at_end(&buffer, [other.join().unwrap(), answer]);
    });
}

macro_rules! models {
    ($($name:ident $(.$bound:ident($most:literal))? ($prepare:expr) = $agents:expr, $at_end:expr;)*) => {
        mod parking { use super::*; $(#[test] fn $name() { two(Model::new(Double::Parking)$(.$bound($most))?, $prepare, $agents, $at_end); })* }
        mod erring { use super::*; $(#[test] fn $name() { two(Model::new(Double::Erring)$(.$bound($most))?, $prepare, $agents, $at_end); })* }
        mod polling { use super::*; $(#[test] fn $name() { two(Model::new(Double::Polling)$(.$bound($most))?, $prepare, $agents, $at_end); })* }
    };
}

/// The header is there: who attaches later only looks at it.
fn attached(buffer: &SharedBuffer) {
    guarded(buffer);
}

/// All that two versions have in common.
fn attached_up_to_the_version(buffer: &SharedBuffer) {
    guarded(buffer);
    buffer.slot(5).unwrap().store(0, Relaxed);
}

fn adds(buffer: &SharedBuffer) -> u32 {
    guarded(buffer).update(|value| {
        value[0] += 1;
        value[1] += 1;
        value[0]
    })
}

fn sets(buffer: &SharedBuffer) -> u32 {
    guarded(buffer).set([7; 2]);
    0
}

/// Nobody is dead here. But one who writes once and then does nothing is as one who died after some step of it, and this
/// one knows of no more than that.
fn unlocks_on_anothers_behalf_and_looks(buffer: &SharedBuffer) -> u32 {
    let guarded = guarded(buffer);
    let _ = guarded.lock().unlock();
    let value = guarded.get();
    assert!(value == [0; 2] || value == [7; 2], "a mixture: {value:?}");
    value[0]
}

fn attaches_as_1(buffer: &SharedBuffer) -> u32 {
    Guarded::<Value, 1>::new(buffer, 0).is_ok().into()
}

fn attaches_as_2(buffer: &SharedBuffer) -> u32 {
    Guarded::<Value, 2>::new(buffer, 0).is_ok().into()
}

models! {
    no_update_is_lost(attached) = [adds, adds], |buffer, answers| {
        assert_eq!(guarded(buffer).get(), [2; 2]);
        assert_eq!(answers.iter().sum::<u32>(), 3, "one came after the other");
    };
    one_that_unlocks_on_anothers_behalf_finds_a_whole_value(attached) = [sets, unlocks_on_anothers_behalf_and_looks], |buffer, _| {
        assert_eq!(guarded(buffer).get(), [7; 2]);
    };
    of_two_versions_one_wins.preemption_bound(3)(attached_up_to_the_version) = [attaches_as_1, attaches_as_2], |buffer, answers| {
        assert_eq!(answers.iter().sum::<u32>(), 1);
        assert_eq!([attaches_as_1(buffer), attaches_as_2(buffer)], answers);
    };
}
