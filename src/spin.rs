//! The one spin policy: how long a waiter watches a word before it sleeps.

use crate::{deadline, sync};
use std::time::Duration;

/// How long to watch.
///
/// In time, not in turns: one `pause` takes from 4 to 40 ns, depending on the processor. A sleep and its wake cost
/// far more than this, so watching never more than doubles the worst case, and it spares both when the holder's
/// critical section is short. `benches/lock.rs` compares it with other budgets.
const BUDGET: Duration = Duration::from_micros(2);

/// Pauses between two looks at the clock, which costs about as much as two of them.
const PAUSES: u32 = 8;

/// Watches while `is_busy`, for a short while, and says whether that ended.
///
/// `is_busy` only loads, so the watchers share the cache line and leave it to its owner, and it says "not busy" as soon
/// as somebody sleeps on the word: to queue behind them by spinning gains nothing. Nobody watches on one processor,
/// where the holder could not run meanwhile.
pub(crate) fn spin_while(is_busy: impl Fn() -> bool) -> bool {
    if !sync::is_parallel() {
        return !is_busy();
    }
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
