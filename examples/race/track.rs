//! The race: the slots that all share, the four ways to add, and what a worker does.

use slotsync::{Error, Lock, SharedBuffer, Slot};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::Duration;

/// One way to add 1 to a slot.
pub(crate) struct Variant {
    pub(crate) name: &'static str,
    pub(crate) why: &'static str,
    pub(crate) is_exact: bool,
    add_one: fn(&Track, turn: i32),
}

// Relaxed throughout: whether an update is lost is a question of atomicity, not of order.
pub(crate) const VARIANTS: [Variant; 4] = [
    Variant {
        name: "load, then store",
        why: "Two load the same number, and both store it plus one: one of the updates is gone.",
        is_exact: false,
        add_one: |track, turn| {
            let seen = track.total.load(Relaxed);
            let_others_run(turn);
            track.total.store(seen + 1, Relaxed);
        },
    },
    Variant {
        name: "swap(load + 1)",
        why: "Two atomic operations are not one: what others add between the load and the swap is gone.",
        is_exact: false,
        add_one: |track, turn| {
            let seen = track.total.load(Relaxed);
            let_others_run(turn);
            track.total.swap(seen + 1, Relaxed);
        },
    },
    Variant {
        name: "fetch_add",
        why: "It loads, adds and stores as one atomic operation: there is no between.",
        is_exact: true,
        add_one: |track, turn| {
            let_others_run(turn);
            track.total.fetch_add(1, Relaxed);
        },
    },
    Variant {
        name: "load, then store, in a Lock",
        why: "Who wants to come between needs the lock, and waits for it.",
        is_exact: true,
        add_one: |track, turn| {
            let _guard = track.lock.lock();
            let seen = track.total.load(Relaxed);
            let_others_run(turn);
            track.total.store(seen + 1, Relaxed);
        },
    },
];

/// Gives up the processor at the worst moment. A system takes it away at any moment, but so seldom at this one that on
/// a busy machine, or on one processor, a loss would be a matter of luck. So now and then a worker asks for it.
fn let_others_run(turn: i32) {
    if turn % (1 << 16) == 0 {
        std::thread::yield_now();
    }
}

/// What a worker is told.
pub(crate) struct Task {
    /// Its number, from 1 on.
    pub(crate) worker: i32,
    pub(crate) increments: i32,
    /// Where in the shared memory the track begins.
    pub(crate) first_slot: usize,
}

/// A worker's whole life: to attach to the shared memory, and one round per variant.
pub(crate) fn work(buffer: &SharedBuffer, task: Task) -> Result<(), Error> {
    let track = Track::new(buffer, task.first_slot)?;
    track.finish();
    for (round, variant) in (1..).zip(&VARIANTS) {
        track.await_gate(round);
        die_if_told_to(&track, &task, round);
        for turn in 0..task.increments {
            (variant.add_one)(&track, turn);
        }
        track.finish();
    }
    Ok(())
}

/// For the test of how a death is reported, at its worst moment: the worker whose number is in `SLOTSYNC_RACE_DIE`
/// dies in the last round, holding the lock.
fn die_if_told_to(track: &Track, task: &Task, round: i32) {
    let told = || std::env::var("SLOTSYNC_RACE_DIE").is_ok_and(|worker| worker == task.worker.to_string());
    if round == VARIANTS.len() as i32 && told() {
        std::mem::forget(track.lock.lock());
        std::process::abort();
    }
}

/// The slots, far enough apart that no two share a cache line: what one worker writes must not slow down the others.
pub(crate) struct Track<'buf> {
    /// The round that is open. Workers sleep here until theirs is.
    gate: Slot<'buf>,
    /// How many workers have not finished the round. The parent sleeps here until all have.
    running: Slot<'buf>,
    /// What everybody adds to.
    total: Slot<'buf>,
    lock: Lock<'buf>,
}

impl<'buf> Track<'buf> {
    /// From one of the slots to the next: 128 bytes, as some processors fetch cache lines in pairs.
    const STRIDE: usize = 32;
    /// How much memory a track at slot 0 needs.
    pub(crate) const BYTES: usize = 4 * Self::STRIDE * size_of::<i32>();

    pub(crate) fn new(buffer: &'buf SharedBuffer, first_slot: usize) -> Result<Self, Error> {
        Ok(Self {
            gate: buffer.slot(first_slot)?,
            running: buffer.slot(first_slot + Self::STRIDE)?,
            total: buffer.slot(first_slot + 2 * Self::STRIDE)?,
            lock: Lock::new(buffer, first_slot + 3 * Self::STRIDE)?,
        })
    }

    /// The parent's first step, while all workers are away or at the closed gate.
    pub(crate) fn prepare(&self, workers: i32) {
        // Relaxed: the gate's opening, or the worker's start, publishes both.
        self.total.store(0, Relaxed);
        self.running.store(workers, Relaxed);
    }

    /// The parent's second step.
    pub(crate) fn open_gate(&self, round: i32) {
        // Release: publishes what was prepared. Pairs with the Acquire of await_gate.
        self.gate.store(round, Release);
        self.gate.wake(u32::MAX);
    }

    /// The worker sleeps until its round is open.
    fn await_gate(&self, round: i32) {
        loop {
            // Acquire: pairs with the Release of open_gate.
            let open = self.gate.load(Acquire);
            if open >= round {
                return;
            }
            // Whatever this says, the gate is what counts: a wait is always in a loop.
            let _ = self.gate.wait(open);
        }
    }

    /// The worker is done with the round. The last one wakes the parent.
    fn finish(&self) {
        // Release: publishes the worker's additions. Pairs with the Acquire of await_finish.
        if self.running.fetch_sub(1, Release) == 1 {
            self.running.wake(1);
        }
    }

    /// The parent sleeps until all have finished, but no longer than `timeout`. Have they?
    pub(crate) fn await_finish(&self, timeout: Duration) -> bool {
        // Acquire: pairs with the Release of every finish, since each continues the one before it.
        let running = self.running.load(Acquire);
        if running != 0 {
            let _ = self.running.wait_for(running, timeout);
        }
        self.running.load(Acquire) == 0
    }

    pub(crate) fn found(&self) -> i32 {
        self.total.load(Relaxed)
    }
}
