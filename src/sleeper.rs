//! One agent's wait for one thing, which may take several sleeps: what became of the last of them.

use crate::deadline;
use crate::futex::{self, Class, Sleep};
use crate::slot::Slot;
use std::time::Instant;

/// Sleeps again and again, until what it waits for has come or its time is over.
///
/// The loop is always the same: look; if it has come, [`done`](Self::done); if not, but [late](Self::is_late), give up;
/// else [`sleep`](Self::sleep). To look comes before to give up, since a sleep that timed out may have swallowed a wake.
pub(crate) struct Sleeper {
    deadline: Option<Instant>,
    last: Option<Sleep>,
    is_late: bool,
}

impl Sleeper {
    /// `None` is no deadline.
    pub(crate) fn until(deadline: Option<Instant>) -> Self {
        Self { deadline, last: None, is_late: false }
    }

    /// Sleeps while the slot holds `expected`. It may end for any reason or none.
    pub(crate) fn sleep(&mut self, slot: Slot<'_>, expected: i32) {
        self.sleep_as(slot, expected, Class::ANY);
    }

    /// As [`sleep`](Self::sleep), and only a wake of the class ends it, where the platform tells classes apart.
    pub(crate) fn sleep_as(&mut self, slot: Slot<'_>, expected: i32, class: Class) {
        let sleep = slot.sleep(expected, self.deadline, class);
        // A scribbling peer can keep the word from ever equalling: then only the clock ends the loop.
        self.is_late = sleep.is_timed_out() || deadline::has_passed(self.deadline);
        self.last = Some(sleep);
    }

    /// Prolongs a sleep that ended alone, until `end` at the latest, and says whether it may be prolonged again. Unless a
    /// wake has come, it has still ended alone.
    pub(crate) fn linger_as(&mut self, slot: Slot<'_>, expected: i32, end: Option<Instant>, class: Class) -> bool {
        let end = [self.deadline, end].into_iter().flatten().min();
        let sleep = slot.sleep(expected, end, class);
        self.is_late = deadline::has_passed(self.deadline);
        if sleep == Sleep::Woken {
            self.last = Some(sleep);
        }
        sleep != Sleep::Woken && !sleep.is_timed_out() && !deadline::has_passed(end)
    }

    /// Was the time over when the last sleep ended? Not before the first.
    pub(crate) fn is_late(&self) -> bool {
        self.is_late
    }

    /// May the last sleep have taken a wake that another would need now?
    pub(crate) fn may_have_taken_a_wake(&self) -> bool {
        self.last.is_some_and(Sleep::may_have_taken_a_wake)
    }

    /// Was the last sleep ended by nothing but the end of a slice?
    pub(crate) fn is_slice_over(&self) -> bool {
        matches!(self.last, Some(Sleep::SliceOver { .. }))
    }

    /// Did the last sleep end without a wake? By a signal, too: where they come more often than slices end, no slice ends.
    pub(crate) fn has_ended_alone(&self) -> bool {
        matches!(self.last, Some(Sleep::SliceOver { .. } | Sleep::Interrupted))
    }

    /// What it waited for has come. If no wake said so, but only a look at the end of a slice, then that was a rescue.
    pub(crate) fn done(&self) {
        if self.is_slice_over() {
            futex::count_rescue();
        }
    }
}
