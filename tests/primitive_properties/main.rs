//! The primitives beside the lock held against plain sequential models, from any value of their words; and with another
//! agent that writes into these words whatever it likes.
#![cfg(not(loom))]

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod barrier;
mod cond;
mod event;
#[cfg(feature = "guarded")]
mod guarded;
mod latch;
mod once;
mod rw_lock;
mod semaphore;
mod synchronic;

use proptest::prelude::*;
use slotsync::{Outcome, Slot};
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// Where the primitive lies.
const INDEX: usize = 9;
/// For timed calls beside a scribbler.
const SOON: Duration = Duration::from_micros(200);

/// A timed wait: with a deadline that has passed, or a brief one.
#[derive(Clone, Copy, Debug)]
enum Time {
    Past,
    Brief,
}

impl Time {
    fn deadline(self) -> Instant {
        let now = Instant::now();
        match self {
            Self::Past => now,
            Self::Brief => now + support::properties::BRIEF,
        }
    }
}

fn time() -> impl Strategy<Value = Time> {
    prop_oneof![Just(Time::Past), Just(Time::Brief)]
}

/// Who waited in vain may have left this mark; unless it was kept from the processor until its time was over, or its time
/// was over from the beginning.
fn note_mark(model: &mut i32, word: Slot<'_>, time: Time, mark: i32) {
    if matches!(time, Time::Brief) && word.load(Relaxed) == *model | mark {
        *model |= mark;
    }
}

/// Makes a timed call, which must not say too early that its time is over.
fn timed<T>(
    time: Time,
    call: impl FnOnce(Instant) -> T,
    is_timed_out: impl Fn(&T) -> bool,
) -> Result<T, TestCaseError> {
    let deadline = time.deadline();
    let answer = call(deadline);
    prop_assert!(!is_timed_out(&answer) || Instant::now() >= deadline, "too early");
    Ok(answer)
}

fn timed_wait(time: Time, call: impl FnOnce(Instant) -> Outcome) -> Result<bool, TestCaseError> {
    timed(time, call, |outcome| outcome.is_timed_out()).map(Outcome::is_done)
}
