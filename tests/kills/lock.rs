//! The lock.

use super::*;

pub(crate) fn lock(buffer: &SharedBuffer) -> Lock<'_> {
    Lock::new(buffer, WORD).unwrap()
}

fn hold(buffer: &SharedBuffer) {
    forget(lock(buffer).lock());
}

fn unlock(buffer: &SharedBuffer) {
    // Not held is for the aftermath to see.
    let _ = lock(buffer).unlock();
}

fn pass(buffer: &SharedBuffer) {
    drop(lock(buffer).lock());
}

fn lock_in_vain(buffer: &SharedBuffer) {
    forget(lock(buffer).lock_for(SHORT));
}

/// What is held stays held, until it is unlocked on behalf of its holder.
pub(crate) fn unlock_on_its_behalf(scene: &mut Scene) -> bool {
    let [word, ..] = scene.words();
    assert!((0..=2).contains(&word), "no state of a lock: {}", scene.describe(&[]));
    let lock = lock(&scene.buffer);
    if word != 0 {
        assert!(lock.try_lock().is_none(), "held, but not held: {}", scene.describe(&[]));
        lock.unlock().unwrap();
    }
    word != 0
}

/// As long as there was no nudge, this process holds the lock itself.
fn unlock_unless_it_was_ours(scene: &mut Scene) -> bool {
    unlock_on_its_behalf(scene) && scene.nudges > 0
}

scenarios! {
    lock_that_is_free {
        survivors: &[(Last, pass)],
        victim: hold,
        aftermath: unlock_on_its_behalf
    }
    lock_that_sleeps_before_another {
        before: hold,
        survivors: &[(Midway, pass)],
        victim: hold,
        nudges: &[unlock],
        aftermath: unlock_unless_it_was_ours,
        strands: true,
        least_kills: SLEEPS
    }
    lock_that_sleeps_behind_another {
        before: hold,
        survivors: &[(First, pass)],
        victim: hold,
        nudges: &[unlock],
        aftermath: unlock_unless_it_was_ours,
        least_kills: SLEEPS
    }
    lock_that_sleeps_between_two {
        before: hold,
        survivors: &[(First, pass), (Midway, pass)],
        victim: hold,
        nudges: &[unlock],
        aftermath: unlock_unless_it_was_ours,
        strands: true,
        least_kills: SLEEPS
    }
    unlock_with_nobody_asleep {
        before: hold,
        survivors: &[(Last, pass)],
        victim: unlock,
        aftermath: unlock_on_its_behalf
    }
    unlock_with_one_asleep {
        before: hold,
        survivors: &[(First, pass)],
        victim: unlock,
        aftermath: unlock_on_its_behalf,
        strands: true
    }
    unlock_with_two_asleep {
        before: hold,
        survivors: &[(First, pass), (First, pass)],
        victim: unlock,
        aftermath: unlock_on_its_behalf,
        strands: true
    }
    lock_for_that_runs_out_beside_another {
        before: hold,
        survivors: &[(First, pass)],
        victim: lock_in_vain,
        aftermath: unlock_unless_it_was_ours,
        least_kills: SLEEPS
    }
}
