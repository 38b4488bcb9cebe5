//! The one spin policy: how long a waiter watches a word before it sleeps, and when it had better not.
//!
//! Watching spares a sleep and its wake when the holder is about to be done, and wastes the processor when it is not. It
//! wastes most on one processor, where the holder cannot even run meanwhile. The number of processors tells badly which is
//! the case (a thread may be pinned, and so may its peers), but the last few times tell it well. So each thread learns:
//! after n vain watches in a row it lets the next 2^n - 1 occasions pass.
#![forbid(unsafe_code)]
//!
//! Measured on two virtual processors against a plain budget of 2 µs, interleaved, as medians of the ratios of operations
//! per second. No spinning: 0.76 with two threads that hold the lock for 3.5 µs, 0.16 when they hand it to and fro, but
//! 1.17 when they do so on one processor. This policy: 1.22, 2.0 and 1.14. For critical sections of some nanoseconds all
//! policies that spin are alike. `benches/lock.rs` shows where that leaves the lock beside its peers.

use crate::{deadline, sync};
use std::cell::Cell;
use std::time::Duration;

/// The longest watch. In time, not in turns: one `pause` takes from 4 to 40 ns, depending on the processor.
const BUDGET: Duration = Duration::from_micros(8);

/// Pauses between two looks at the clock, which costs about as much as one of them.
const PAUSES: u32 = 8;

/// The number of vain watches in a row after which one occasion in 2 to that power is watched, and not fewer.
const MOST_VAIN: u32 = 5;

thread_local! {
    /// The number of vain watches of this thread in a row, and the number of occasions that it still lets pass for that.
    static VAIN: Cell<(u32, u32)> = const { Cell::new((0, 0)) };
}

/// Watches while `is_busy` returns `true`, for a short while or not at all. Returns `true` if that ended.
///
/// `is_busy` only loads, so the watchers share the cache line and leave it to its owner. It returns `false` as soon as an
/// agent sleeps on the word: spinning behind a sleeper gains nothing.
pub(crate) fn spin_while(is_busy: impl Fn() -> bool) -> bool {
    if !sync::SPINS {
        return false;
    }
    // An occasion that is over at the first look teaches nothing.
    if !is_busy() {
        return true;
    }
    let (vain, passes) = VAIN.get();
    if passes > 0 {
        VAIN.set((vain, passes - 1));
        return false;
    }
    let ended = watch(is_busy);
    let vain = if ended { 0 } else { MOST_VAIN.min(vain + 1) };
    VAIN.set((vain, (1 << vain) - 1));
    ended
}

fn watch(is_busy: impl Fn() -> bool) -> bool {
    let end = deadline::after(BUDGET);
    loop {
        for _ in 0..PAUSES {
            if !is_busy() {
                return true;
            }
            sync::spin_loop();
        }
        if deadline::has_passed(end) {
            return false;
        }
    }
}
