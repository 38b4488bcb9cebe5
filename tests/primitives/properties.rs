//! What the properties of all primitives share. Each primitive is held against a plain sequential model, from any value of
//! its words; and beside another agent that writes into these words whatever it likes.

use proptest::prelude::*;
use slotsync::{Slot, TimedOut};
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// Where the primitive lies.
pub(crate) const INDEX: usize = 9;
/// For timed calls beside a scribbler.
pub(crate) const SOON: Duration = Duration::from_micros(200);

/// A timed wait: with a deadline that has passed, or a brief one.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Time {
    Past,
    Brief,
}

impl Time {
    pub(crate) fn deadline(self) -> Instant {
        let now = Instant::now();
        match self {
            Self::Past => now,
            Self::Brief => now + crate::support::properties::BRIEF,
        }
    }
}

pub(crate) fn time() -> impl Strategy<Value = Time> {
    prop_oneof![Just(Time::Past), Just(Time::Brief)]
}

/// An agent that waited in vain may have left this mark, unless it was kept from the processor until its time was over, or its time
/// was over from the beginning.
pub(crate) fn note_mark(model: &mut i32, word: Slot<'_>, time: Time, mark: i32) {
    if matches!(time, Time::Brief) && word.load(Relaxed) == *model | mark {
        *model |= mark;
    }
}

/// Makes a timed call, which must not say too early that its time is over.
pub(crate) fn timed<T>(
    time: Time,
    call: impl FnOnce(Instant) -> Result<T, TimedOut>,
) -> Result<Result<T, TimedOut>, TestCaseError> {
    let deadline = time.deadline();
    let answer = call(deadline);
    prop_assert!(answer.is_ok() || Instant::now() >= deadline, "too early");
    Ok(answer)
}

/// Returns whether the wait was successful.
pub(crate) fn timed_wait<T>(
    time: Time,
    call: impl FnOnce(Instant) -> Result<T, TimedOut>,
) -> Result<bool, TestCaseError> {
    timed(time, call).map(|answer| answer.is_ok())
}
