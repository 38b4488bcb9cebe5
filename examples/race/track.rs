//! The race: the slots that all workers share, the four ways to add, and what a worker does.

use slotsync::{Error, Lock, SharedBuffer, Slot};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::Duration;

/// One way to add 1 to a slot.
pub(crate) struct Variant {
    pub(crate) name: &'static str,
    pub(crate) why: &'static str,
    pub(crate) is_exact: bool,
    add_one: fn(&Track, yields: bool),
}

// Relaxed throughout: whether an update is lost is a question of atomicity, not of order.
pub(crate) const VARIANTS: [Variant; 4] = [
    Variant {
        name: "load, then store",
        why: "Two workers load the same number, and both store it plus one: one of the updates is gone.",
        is_exact: false,
        add_one: |track, yields| {
            let seen = track.total.load(Relaxed);
            let_others_run(yields);
            track.total.store(seen + 1, Relaxed);
        },
    },
    Variant {
        name: "swap(load + 1)",
        why: "Two atomic operations are not one: updates between the load and the swap are gone.",
        is_exact: false,
        add_one: |track, yields| {
            let seen = track.total.load(Relaxed);
            let_others_run(yields);
            track.total.swap(seen + 1, Relaxed);
        },
    },
    Variant {
        name: "fetch_add",
        why: "It loads, adds and stores in one atomic operation: nothing comes between.",
        is_exact: true,
        add_one: |track, yields| {
            let_others_run(yields);
            track.total.fetch_add(1, Relaxed);
        },
    },
    Variant {
        name: "load, then store, in a Lock",
        why: "A worker that wants to come between needs the lock, and waits for it.",
        is_exact: true,
        add_one: |track, yields| {
            let _guard = track.lock.lock();
            let seen = track.total.load(Relaxed);
            let_others_run(yields);
            track.total.store(seen + 1, Relaxed);
        },
    },
];

/// How many turns of a worker lie between two of those at which it yields.
const TURNS_PER_YIELD: i32 = 1 << 16;

/// Yields the processor at the worst moment. The system takes it away at any moment, but so rarely at this one that on
/// a single processor a loss would be a matter of luck. So each worker now and then asks for it.
fn let_others_run(yields: bool) {
    if yields {
        std::thread::yield_now();
    }
}

/// What a worker has to do.
pub(crate) struct Task {
    /// The number of the worker, from 1 on.
    pub(crate) worker: i32,
    pub(crate) increments: i32,
    /// Where in the shared memory the track begins.
    pub(crate) first_slot: usize,
}

impl Task {
    /// The turn at which the worker yields first: another one for each worker, so that they do not yield in step.
    fn first_yield(&self) -> i32 {
        self.worker * 9_973 % TURNS_PER_YIELD
    }
}

/// A worker's whole life: it attaches to the shared memory, and runs one round per variant.
pub(crate) fn work(buffer: &SharedBuffer, task: Task) -> Result<(), Error> {
    let track = Track::new(buffer, task.first_slot)?;
    track.finish();
    for (round, variant) in (1..).zip(&VARIANTS) {
        track.await_gate(round);
        die_if_told_to(&track, &task, round);
        for turn in 0..task.increments {
            (variant.add_one)(&track, turn % TURNS_PER_YIELD == task.first_yield());
        }
        track.finish();
    }
    Ok(())
}

/// Tests the report of a death at the worst moment: the worker whose number is in `SLOTSYNC_RACE_DIE` dies in the last
/// round, holding the lock.
fn die_if_told_to(track: &Track, task: &Task, round: i32) {
    let told = || std::env::var("SLOTSYNC_RACE_DIE").is_ok_and(|worker| worker == task.worker.to_string());
    if round == VARIANTS.len() as i32 && told() {
        std::mem::forget(track.lock.lock());
        std::process::abort();
    }
}

/// The slots, far enough apart that no two share a cache line: writes to one slot must not slow down the others.
pub(crate) struct Track<'buf> {
    /// The round that is open. Each worker sleeps here until its round is open.
    gate: Slot<'buf>,
    /// How many workers have not finished the round. The parent sleeps here until this is 0.
    running: Slot<'buf>,
    /// The slot that all workers add to.
    total: Slot<'buf>,
    lock: Lock<'buf>,
}

impl<'buf> Track<'buf> {
    /// The distance between two of the slots: 128 bytes, because some processors fetch cache lines in pairs.
    const STRIDE: usize = 32;
    /// The length of the memory of a track at slot 0.
    pub(crate) const BYTES: usize = 4 * Self::STRIDE * size_of::<i32>();

    pub(crate) fn new(buffer: &'buf SharedBuffer, first_slot: usize) -> Result<Self, Error> {
        Ok(Self {
            gate: buffer.slot(first_slot)?,
            running: buffer.slot(first_slot + Self::STRIDE)?,
            total: buffer.slot(first_slot + 2 * Self::STRIDE)?,
            lock: Lock::new(buffer, first_slot + 3 * Self::STRIDE)?,
        })
    }

    /// Resets the slots, while all workers are away or at the closed gate: the parent's first step.
    pub(crate) fn prepare(&self, workers: i32) {
        // Relaxed: the gate's opening, or the worker's start, publishes both.
        self.total.store(0, Relaxed);
        self.running.store(workers, Relaxed);
    }

    /// Opens the gate: the parent's second step.
    pub(crate) fn open_gate(&self, round: i32) {
        // Release: publishes what was prepared. Pairs with the Acquire of await_gate.
        self.gate.store(round, Release);
        self.gate.wake(u32::MAX);
    }

    /// Sleeps until the worker's round is open.
    fn await_gate(&self, round: i32) {
        loop {
            // Acquire: pairs with the Release of open_gate.
            let open = self.gate.load(Acquire);
            if open >= round {
                return;
            }
            // The result does not matter, because the loop loads the gate again: a wait is always in a loop.
            let _ = self.gate.wait(open);
        }
    }

    /// Reports that the worker is done with the round. The last worker wakes the parent.
    fn finish(&self) {
        // Release: publishes the worker's additions. Pairs with the Acquire of await_finish.
        if self.running.fetch_sub(1, Release) == 1 {
            self.running.wake(1);
        }
    }

    /// Sleeps until all workers have finished, but no longer than `timeout`. Returns `true` if they have.
    pub(crate) fn await_finish(&self, timeout: Duration) -> bool {
        // Acquire: pairs with the Release of every finish, because each finish continues the one before it.
        let running = self.running.load(Acquire);
        if running != 0 {
            let _ = self.running.wait_for(running, timeout);
        }
        self.running.load(Acquire) == 0
    }

    /// Returns the sum that the workers have made.
    pub(crate) fn found(&self) -> i32 {
        self.total.load(Relaxed)
    }
}
