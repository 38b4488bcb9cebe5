//! How agents wait for a reader-writer lock, and for how long they believe that those before them live.
#![forbid(unsafe_code)]

use crate::deadline;
use crate::error::Error;
use crate::futex::Class;
use crate::rw_lock::{MARKS, READERS_WAITING, RwLock, WRITERS_WAITING, WRITING, is_free, is_open, is_writing};
use crate::sleeper::Sleeper;
use crate::spin;
use crate::sync::HAS_CLOCK;
use crate::sync::Ordering::{Acquire, Relaxed};
use std::time::{Duration, Instant};

/// How long a reader sleeps until it doubts that the writer before it lives.
const PATIENCE: Duration = Duration::from_secs(if HAS_CLOCK { 1 } else { 0 });
/// How long it lets the writer show that, which takes a processor, no more.
const GRACE: Duration = Duration::from_millis(if HAS_CLOCK { 20 } else { u32::MAX as u64 });

impl RwLock<'_> {
    /// Spins, then sleeps. `Ok(false)`: the deadline passed.
    #[cold]
    pub(crate) fn read_contended(&self, deadline: Option<Instant>) -> Result<bool, Error> {
        // While one writes and nobody sleeps, it is likely to be done soon. Relaxed: taking it will acquire.
        spin::spin_while(|| self.state.load(Relaxed) == WRITING);
        let mut sleeper = Sleeper::until(deadline);
        let mut doubts_at = deadline::after(PATIENCE);
        loop {
            if self.try_take_read()? {
                sleeper.done();
                return Ok(true);
            }
            // Relaxed: a mark publishes nothing. Who gives up leaves it behind: others may need it.
            let marked = self.state.fetch_or(READERS_WAITING, Relaxed) | READERS_WAITING;
            if sleeper.is_late() {
                return Ok(false);
            }
            if !is_open(marked) {
                sleeper.sleep_as(self.state, marked, Class::READERS);
                if sleeper.has_ended_alone() && deadline::has_passed(doubts_at) {
                    self.doubt_the_writers(&mut sleeper);
                    doubts_at = deadline::after(PATIENCE);
                }
            }
        }
    }

    /// Spins, then sleeps. False: the deadline passed.
    #[cold]
    pub(crate) fn write_contended(&self, deadline: Option<Instant>) -> bool {
        // While nobody sleeps, the holders are likely to be done soon. Relaxed: taking it will acquire.
        if spin::spin_while(|| (1..=WRITING).contains(&self.state.load(Relaxed))) && self.try_take_write() {
            return true;
        }
        let mut sleeper = Sleeper::until(deadline);
        let mut marks = WRITERS_WAITING;
        loop {
            // Relaxed: a mark publishes nothing.
            let marked = self.state.fetch_or(marks, Relaxed) | marks;
            if is_free(marked) {
                // With the marks: see below. Acquire: as in try_take_write.
                if self.state.compare_exchange(marked, marked | WRITING, Acquire, Relaxed).is_ok() {
                    sleeper.done();
                    return true;
                }
            } else if sleeper.is_late() {
                self.withdraw();
                return false;
            } else {
                sleeper.sleep_as(self.state, marked, Class::WRITERS);
                // The release that may have woken us took both marks away, and left all others asleep for us to wake.
                marks = MARKS;
            }
        }
    }

    /// A writer gives up, or reads from now on. Readers may sleep behind its mark alone, and it may have swallowed a wake that
    /// was for any: another writer is woken, to mark the word for itself; or if there is none, all look again.
    pub(crate) fn withdraw(&self) {
        if self.state.wake_class(1, Class::WRITERS).is_none_or(|woken| woken == 0) {
            self.state.fetch_and(!MARKS, Relaxed);
            let _ = self.state.wake_class(u32::MAX, Class::ANY);
        }
    }

    /// A reader slept for long, and nobody woke it. If it waits behind a writer that waits, and that one died, nobody takes
    /// its mark away while others read: so this does, unless one that sleeps, and so lives, can be woken to set it anew.
    fn doubt_the_writers(&self, sleeper: &mut Sleeper) {
        if is_writing(self.state.load(Relaxed)) {
            return;
        }
        if self.state.wake_class(1, Class::WRITERS).is_none_or(|woken| woken == 0) {
            self.state.fetch_and(!WRITERS_WAITING, Relaxed);
            let _ = self.state.wake_class(u32::MAX, Class::WRITERS);
        }
        // A writer that is on its way marks the word in this time. All of it, though the mark be back, as other readers that
        // doubt may take it away again; they slept together, so they doubt together.
        let end = deadline::after(GRACE);
        loop {
            let word = self.state.fetch_or(READERS_WAITING, Relaxed) | READERS_WAITING;
            if is_free(word) || !sleeper.linger_as(self.state, word, end, Class::READERS) {
                return;
            }
        }
    }
}
