//! The barrier, which is for three.

use super::*;

fn barrier(buffer: &SharedBuffer) -> Barrier<'_> {
    Barrier::new(buffer, WORD, 3).unwrap()
}

fn arrive(buffer: &SharedBuffer) {
    barrier(buffer).wait();
}

/// How many had arrived in the round, all but this process's missing one among them; three, if it is complete. Lets
/// others arrive until it is.
fn arrived(scene: &mut Scene) -> i32 {
    let [word, ..] = scene.words();
    if word >> 15 != 0 {
        assert_eq!(word & !(1 << 14), 1 << 15, "one round, and nobody in the next: {}", scene.describe(&[]));
        return 3;
    }
    let arrived = word & ((1 << 14) - 1);
    assert!((1..=2).contains(&arrived), "{}", scene.describe(&[]));
    for _ in arrived..2 {
        scene.fork(arrive);
    }
    // The last does not sleep.
    arrive(&scene.buffer);
    arrived
}

scenarios! {
    arrival_of_the_last_with_two_asleep {
        survivors: &[(First, arrive), (First, arrive)],
        victim: arrive,
        aftermath: |scene| arrived(scene) == 2,
        strands: true
    }
    arrival_that_sleeps_beside_another {
        survivors: &[(First, arrive)],
        victim: arrive,
        nudges: &[arrive],
        // An arrival that was counted stays counted.
        aftermath: |scene| arrived(scene) == 2,
        least_kills: SLEEPS
    }
    arrival_that_is_withdrawn_beside_another {
        survivors: &[(First, arrive)],
        victim: |buffer| { let _ = barrier(buffer).wait_for(2 * SHORT); },
        aftermath: |scene| arrived(scene) == 2,
        least_kills: SLEEPS
    }
}
