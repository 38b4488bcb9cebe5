//! The latch.

use super::*;

fn latch(buffer: &SharedBuffer) -> Latch<'_> {
    Latch::new(buffer, WORD).unwrap()
}

fn start_from_one(buffer: &SharedBuffer) {
    Latch::initialize(buffer, WORD, 1).unwrap();
}

fn count_down(buffer: &SharedBuffer) {
    let _ = latch(buffer).count_down(1);
}

fn await_latch(buffer: &SharedBuffer) {
    latch(buffer).wait();
}

/// Counts down, if that is left to do.
fn count_down_on_its_behalf(scene: &mut Scene) -> bool {
    let left = scene.words()[WORD] & i32::MAX;
    assert!(matches!(left, 0 | 1), "counted otherwise: {}", scene.describe(&[]));
    if left == 1 {
        latch(&scene.buffer).count_down(1).unwrap();
    }
    left == 1
}

scenarios! {
    count_down_with_two_asleep {
        before: start_from_one,
        survivors: &[(First, await_latch), (First, await_latch)],
        victim: count_down,
        aftermath: count_down_on_its_behalf,
        strands: true
    }
    wait_for_a_latch_between_two {
        before: start_from_one,
        survivors: &[(First, await_latch), (Midway, await_latch)],
        victim: await_latch,
        nudges: &[count_down],
        aftermath: |scene| ours(count_down_on_its_behalf(scene)),
        least_kills: SLEEPS
    }
    wait_for_a_latch_that_runs_out_beside_another {
        before: start_from_one,
        survivors: &[(First, await_latch)],
        victim: |buffer| { let _ = latch(buffer).wait_for(SHORT); },
        aftermath: |scene| ours(count_down_on_its_behalf(scene)),
        least_kills: SLEEPS
    }
}
