//! The condition: that the flag is set. A waiter that has seen that passes the notify on.

use super::lock::{lock, unlock_on_its_behalf};
use super::*;

fn cond(buffer: &SharedBuffer) -> Cond<'_> {
    Cond::new(buffer, COND, lock(buffer)).unwrap()
}

fn set_flag(buffer: &SharedBuffer) {
    let _guard = lock(buffer).lock();
    buffer.slot(FLAG).unwrap().store(1, Relaxed);
}

fn notify_one(buffer: &SharedBuffer) {
    cond(buffer).notify_one();
}

fn set_flag_and_notify_one(buffer: &SharedBuffer) {
    set_flag(buffer);
    notify_one(buffer);
}

fn notify_one_under_the_lock(buffer: &SharedBuffer) {
    let guard = lock(buffer).lock();
    buffer.slot(FLAG).unwrap().store(1, Relaxed);
    notify_one(buffer);
    drop(guard);
}

fn notify_one_and_keep_the_lock(buffer: &SharedBuffer) {
    forget(lock(buffer).lock());
    // Said falsely, as is legal, so that the victim does not spin.
    buffer.slot(WORD).unwrap().store(2, Relaxed);
    buffer.slot(FLAG).unwrap().store(1, Relaxed);
    notify_one(buffer);
}

fn await_flag(buffer: &SharedBuffer) {
    let flag = buffer.slot(FLAG).unwrap();
    drop(cond(buffer).wait_while(lock(buffer).lock(), || flag.load(Relaxed) == 0));
    notify_one(buffer);
}

fn unlock_and_notify_on_its_behalf(scene: &mut Scene) -> bool {
    let [_, sequence, _, flag] = scene.words();
    let held = unlock_on_its_behalf(scene);
    let buffer = &scene.buffer;
    if flag == 0 {
        // The change was not made yet, by whomever.
        set_flag_and_notify_one(buffer);
    } else if sequence == 0 {
        notify_one(buffer);
    }
    held || sequence == 0
}

/// Nobody is to be notified in the victim's name.
fn unlock_after_a_wait(scene: &mut Scene) -> bool {
    let [word, ..] = scene.words();
    unlock_and_notify_on_its_behalf(scene);
    word != 0
}

scenarios! {
    notify_one_with_one_waiting {
        survivors: &[(First, await_flag)],
        then: set_flag,
        victim: notify_one,
        aftermath: unlock_and_notify_on_its_behalf,
        strands: true,
        more_sleeps: 1
    }
    notify_one_with_two_waiting {
        survivors: &[(First, await_flag), (First, await_flag)],
        then: set_flag,
        victim: notify_one,
        aftermath: unlock_and_notify_on_its_behalf,
        strands: true,
        more_sleeps: 1
    }
    notify_one_under_the_lock_with_one_waiting {
        survivors: &[(First, await_flag)],
        victim: notify_one_under_the_lock,
        aftermath: unlock_and_notify_on_its_behalf,
        strands: true,
        more_sleeps: 1
    }
    notify_one_under_the_lock_with_two_waiting {
        survivors: &[(First, await_flag), (First, await_flag)],
        victim: notify_one_under_the_lock,
        aftermath: unlock_and_notify_on_its_behalf,
        strands: true,
        more_sleeps: 1
    }
    notify_all_with_two_waiting {
        survivors: &[(First, await_flag), (First, await_flag)],
        then: set_flag,
        victim: |buffer| cond(buffer).notify_all(),
        aftermath: unlock_and_notify_on_its_behalf,
        strands: true,
        more_sleeps: 1
    }
    wait_for_a_condition_before_another {
        survivors: &[(Midway, await_flag)],
        victim: await_flag,
        nudges: &[set_flag_and_notify_one],
        aftermath: unlock_after_a_wait,
        strands: true,
        more_sleeps: 1,
        least_kills: SLEEPS
    }
    wait_for_a_condition_between_two {
        survivors: &[(First, await_flag), (Midway, await_flag)],
        victim: await_flag,
        nudges: &[set_flag_and_notify_one],
        aftermath: unlock_after_a_wait,
        strands: true,
        more_sleeps: 1,
        least_kills: SLEEPS
    }
    // The victim takes the notify and runs out before it gets the lock, so it passes the notify on.
    wait_for_a_condition_that_runs_out_before_it_gets_the_lock {
        survivors: &[(Midway, await_flag)],
        victim: |buffer| drop(cond(buffer).wait_for(lock(buffer).lock(), 5 * SHORT)),
        nudges: &[notify_one_and_keep_the_lock, nothing],
        aftermath: |scene| unlock_after_a_wait(scene) && scene.nudges == 0,
        strands: true,
        more_sleeps: 1,
        least_kills: SLEEPS
    }
    wait_for_a_condition_that_runs_out_beside_another {
        survivors: &[(First, await_flag)],
        victim: |buffer| drop(cond(buffer).wait_for(lock(buffer).lock(), SHORT)),
        aftermath: unlock_after_a_wait,
        more_sleeps: 1,
        least_kills: SLEEPS
    }
}
