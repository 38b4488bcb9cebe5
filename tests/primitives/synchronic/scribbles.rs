//! What another process writes into the words of a sleeper.
#![cfg(target_os = "linux")]

use crate::support::{Memory, Watchdog, processes::fork_asleep_rescued, until};
use slotsync::{NotifyHint, Synchronic};
use std::sync::atomic::Ordering::Relaxed;

over_shared_origins! { a_waiter_that_is_made_to_count_for_nothing_hears_of_a_change_by_the_end_of_a_slice }

const INDEX: usize = 6;

fn a_waiter_that_is_made_to_count_for_nothing_hears_of_a_change_by_the_end_of_a_slice(memory: &Memory) {
    let _watchdog = Watchdog::new("a_waiter_that_is_made_to_count_for_nothing");
    let synchronic = Synchronic::<u8>::new(&memory.buffer, INDEX).unwrap();
    let [waiters, generation] = [INDEX, INDEX + 1].map(|index| memory.buffer.slot(index).unwrap());
    let child = fork_asleep_rescued(memory, 1..=1, |buffer| {
        assert_eq!(Synchronic::<u8>::new(buffer, INDEX).unwrap().load_when_equal(5), 5);
    });
    until("one waits", || waiters.load(Relaxed) == 1);
    waiters.store(0, Relaxed);
    synchronic.store(5, NotifyHint::All);
    assert_eq!(generation.load(Relaxed), 0, "nobody is said to wait");
    child.join();
    assert_eq!(waiters.load(Relaxed), -1, "it has counted itself out");
}
