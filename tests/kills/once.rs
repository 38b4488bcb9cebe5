//! The once.

use super::*;

fn once(buffer: &SharedBuffer) -> Once<'_> {
    Once::new(buffer, WORD).unwrap()
}

fn call_once(buffer: &SharedBuffer) {
    once(buffer).call_once(|| ()).unwrap();
}

/// The initializer sleeps until it may go on, so that others can come meanwhile.
fn call_once_and_sleep(buffer: &SharedBuffer) {
    let _ = once(buffer).call_once(|| sleep_on_purpose(buffer));
}

/// As if this process ran the initializer: no call could stop halfway and stay.
fn run(buffer: &SharedBuffer) {
    buffer.slot(WORD).unwrap().store(1, Release);
}

/// The end of what [`run`] began.
fn end(buffer: &SharedBuffer) {
    let word = buffer.slot(WORD).unwrap();
    word.swap(3, Release);
    word.wake(u32::MAX);
}

fn reset(buffer: &SharedBuffer) {
    once(buffer).reset();
}

/// Resets the once, if the process that ran the initializer is dead.
fn reset_on_its_behalf(scene: &mut Scene) -> bool {
    scene.words();
    let state = once(&scene.buffer).state();
    assert_ne!(state, OnceState::Panicked, "{}", scene.describe(&[]));
    if state == OnceState::Running {
        reset(&scene.buffer);
    }
    state == OnceState::Running
}

scenarios! {
    call_once_that_runs_the_initializer_before_two {
        survivors: &[(Midway, call_once), (Midway, call_once)],
        victim: call_once_and_sleep,
        nudges: &[let_the_victim_go_on],
        aftermath: reset_on_its_behalf,
        strands: true,
        least_kills: SLEEPS
    }
    call_once_that_waits_for_the_end_between_two {
        before: run,
        survivors: &[(First, call_once), (Midway, call_once)],
        victim: call_once,
        nudges: &[end],
        aftermath: |scene| reset_on_its_behalf(scene) && scene.nudges > 0,
        least_kills: SLEEPS
    }
    // Other waiters would be woken too, and be faster than a process that is stepped.
    call_once_that_waits_alone_and_runs_it_after_a_reset {
        before: run,
        survivors: &[(Last, call_once)],
        victim: call_once,
        nudges: &[reset],
        aftermath: |scene| reset_on_its_behalf(scene) && scene.nudges > 0,
        least_kills: SLEEPS
    }
    call_once_for_that_runs_out_beside_another {
        before: run,
        survivors: &[(First, call_once)],
        victim: |buffer| { let _ = once(buffer).call_once_for(|| (), SHORT); },
        aftermath: |scene| ours(reset_on_its_behalf(scene)),
        least_kills: SLEEPS
    }
    reset_of_a_once_with_two_asleep {
        before: run,
        survivors: &[(First, call_once), (First, call_once)],
        victim: reset,
        aftermath: reset_on_its_behalf,
        strands: true
    }
}
