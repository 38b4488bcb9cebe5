//! One agent's wait for one thing, which may take several sleeps.
#![forbid(unsafe_code)]

use super::slot::Slot;
use crate::deadline::Deadline;
use crate::futex::{self, Class, Sleep};

/// What an agent that waits finds when it looks.
pub(crate) enum Look<'buf, T> {
    /// What it waits for has come.
    Done(T),
    /// It has not come, and the word has changed meanwhile: look again.
    Again,
    /// It has not come, and the agent has left its mark: sleep while the slot holds this value.
    Sleep(Slot<'buf>, i32),
}

/// Looks and sleeps in turn until what an agent waits for has come, or until its time runs out.
///
/// A look comes before giving up, because a sleep that timed out may have swallowed a wake. The deadline is checked after
/// every look that fails, so a peer that scribbles on the word cannot keep a timed call from returning. If a look at the
/// end of a slice finds what no wake has announced, it is counted as a rescue.
pub(crate) fn wait_until_done<'buf, T, D: Deadline>(
    deadline: D,
    class: Class,
    mut look: impl FnMut(&Sleeper<D>) -> Look<'buf, T>,
) -> Result<T, D::Elapsed> {
    let mut sleeper = Sleeper::until(deadline);
    loop {
        let found = look(&sleeper);
        match (found, sleeper.elapsed()) {
            (Look::Done(found), _) => {
                sleeper.done();
                return Ok(found);
            }
            (_, Some(elapsed)) => return Err(elapsed),
            (Look::Again, None) => sleeper.elapsed = deadline.elapsed(),
            (Look::Sleep(slot, expected), None) => sleeper.sleep(slot, expected, class),
        }
    }
}

/// An agent that sleeps again and again, and what became of its last sleep.
pub(crate) struct Sleeper<D: Deadline> {
    deadline: D,
    last: Option<Sleep>,
    elapsed: Option<D::Elapsed>,
}

impl<D: Deadline> Sleeper<D> {
    pub(crate) fn until(deadline: D) -> Self {
        Self { deadline, last: None, elapsed: None }
    }

    /// Sleeps while the slot holds `expected`. The sleep may end for any reason or none. Where the platform tells classes
    /// apart, only a wake of the class ends it.
    pub(crate) fn sleep(&mut self, slot: Slot<'_>, expected: i32, class: Class) {
        let sleep = slot.sleep(expected, self.deadline.instant(), class);
        // A scribbling peer can keep the word from ever being equal: then only the clock ends the loop.
        self.elapsed = if sleep.is_timed_out() { self.deadline.answer() } else { self.deadline.elapsed() };
        self.last = Some(sleep);
    }

    /// Returns what to give up with, if the time was over when the last sleep ended.
    pub(crate) fn elapsed(&self) -> Option<D::Elapsed> {
        self.elapsed
    }

    /// Returns `true` if the last sleep may have taken a wake that another agent would need now.
    pub(crate) fn may_have_taken_a_wake(&self) -> bool {
        self.last.is_some_and(Sleep::may_have_taken_a_wake)
    }

    /// Returns `true` if the last sleep was ended by nothing but the end of a slice.
    pub(crate) fn is_slice_over(&self) -> bool {
        matches!(self.last, Some(Sleep::SliceOver { .. }))
    }

    /// Says that what the agent waited for has come. If no wake announced it, this was a rescue.
    pub(crate) fn done(&self) {
        if self.is_slice_over() {
            futex::count_rescue();
        }
    }
}
