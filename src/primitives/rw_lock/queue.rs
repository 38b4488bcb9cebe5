//! How agents wait for a reader-writer lock.
#![forbid(unsafe_code)]

use super::RwLock;
use super::word::{MARKS, READERS_WAITING, WRITERS_WAITING, WRITING, is_free, is_open};
use crate::deadline::Deadline;
use crate::futex::Class;
use crate::sync::Ordering::{Acquire, Relaxed};
use crate::words::{Look, spin_while, wait_until_done};

impl RwLock<'_> {
    /// Spins, then sleeps.
    #[cold]
    pub(super) fn read_contended<D: Deadline>(&self, deadline: D) -> Result<(), D::Elapsed> {
        deadline.check()?;
        // While an agent writes and nobody sleeps, it is likely to be done soon. Relaxed: taking it will acquire.
        spin_while(|| self.state.load(Relaxed) == WRITING);
        wait_until_done(deadline, Class::READERS, |_| {
            if self.try_take_read() {
                return Look::Done(());
            }
            // Relaxed: a mark publishes nothing. A reader that gives up leaves it behind: others may need it.
            let marked = self.state.fetch_or(READERS_WAITING, Relaxed) | READERS_WAITING;
            if is_open(marked) { Look::Again } else { Look::Sleep(self.state, marked) }
        })
    }

    /// Spins, then sleeps.
    #[cold]
    pub(super) fn write_contended<D: Deadline>(&self, deadline: D) -> Result<(), D::Elapsed> {
        deadline.check()?;
        // While nobody sleeps, the holders are likely to be done soon. Relaxed: taking it will acquire.
        if spin_while(|| (1..=WRITING).contains(&self.state.load(Relaxed))) && self.try_take_write() {
            return Ok(());
        }
        let mut marks = WRITERS_WAITING;
        let taken = wait_until_done(deadline, Class::WRITERS, |_| {
            // Relaxed: a mark publishes nothing.
            let marked = self.state.fetch_or(marks, Relaxed) | marks;
            if !is_free(marked) {
                // The release that may wake us takes both marks away, and leaves all others asleep for us to wake.
                marks = MARKS;
                return Look::Sleep(self.state, marked);
            }
            // With the marks. Acquire: as in try_take_write.
            match self.state.compare_exchange(marked, marked | WRITING, Acquire, Relaxed) {
                Ok(_) => Look::Done(()),
                Err(_) => Look::Again,
            }
        });
        taken.inspect_err(|_| self.withdraw())
    }

    /// Withdraws a writer that gives up, or that reads from now on.
    ///
    /// Readers may sleep behind its mark alone, and it may have swallowed a wake that was for any agent. So another writer is
    /// woken, to mark the word for itself; or if there is none, all look again.
    pub(super) fn withdraw(&self) {
        if self.state.wake_class(1, Class::WRITERS).is_none_or(|woken| woken == 0) {
            self.state.fetch_and(!MARKS, Relaxed);
            let _ = self.state.wake_class(u32::MAX, Class::ANY);
        }
    }
}
