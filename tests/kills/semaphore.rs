//! The semaphore.

use super::*;

fn semaphore(buffer: &SharedBuffer) -> Semaphore<'_> {
    Semaphore::new(buffer, WORD).unwrap()
}

fn acquire(buffer: &SharedBuffer) {
    semaphore(buffer).acquire();
}

fn acquire_two(buffer: &SharedBuffer) {
    let _ = semaphore(buffer).acquire_many(2);
}

fn release(buffer: &SharedBuffer) {
    let _ = semaphore(buffer).release(1);
}

fn release_two(buffer: &SharedBuffer) {
    let _ = semaphore(buffer).release(2);
}

/// What the victim took, which is negative if it released. `released` by others, and each survivor needs and keeps
/// `each`. Releases what the survivors still need that is not there.
fn permits_of_the_victim(scene: &mut Scene, released: usize, each: u32) -> i64 {
    /// All but the two marks.
    const PERMITS: i32 = (1 << 30) - 1;
    let available = scene.words()[WORD] & PERMITS;
    let [waiting, ended] = [scene.waiting(), scene.ended()].map(|count| count as i64 * i64::from(each));
    let missing = waiting - i64::from(available);
    if missing > 0 {
        semaphore(&scene.buffer).release(missing as u32).unwrap();
    }
    released as i64 - i64::from(available) - ended
}

/// Has the victim taken `count`? It takes all or nothing.
fn release_on_its_behalf(scene: &mut Scene, released: usize, each: u32, count: i64) -> bool {
    let took = permits_of_the_victim(scene, released, each);
    assert!(took == 0 || took == count, "took {took}: {}", scene.describe(&[]));
    took == count
}

/// The victim releases `count`, and nobody else does. If it has not, that is left to do.
fn release_if_it_did_not(scene: &mut Scene, count: i64) -> bool {
    let took = permits_of_the_victim(scene, 0, 1);
    assert!(took == 0 || took == -count, "took {took}: {}", scene.describe(&[]));
    took == 0
}

scenarios! {
    acquire_that_finds_a_permit {
        before: release,
        survivors: &[(Last, |buffer| { acquire(buffer); release(buffer); })],
        victim: acquire,
        aftermath: |scene| {
            let took = release_on_its_behalf(scene, 1, 1, 1);
            assert_eq!(semaphore(&scene.buffer).permits(), u32::from(!took));
            if took { release(&scene.buffer); }
            took
        }
    }
    acquire_that_sleeps_before_another {
        survivors: &[(Midway, acquire)],
        victim: acquire,
        nudges: &[release],
        relief: release,
        aftermath: |scene| {
            let released = scene.nudges + scene.reliefs;
            release_on_its_behalf(scene, released, 1, 1)
        },
        strands: true,
        least_kills: SLEEPS
    }
    acquire_that_sleeps_behind_another {
        survivors: &[(First, acquire)],
        victim: acquire,
        nudges: &[release_two],
        relief: release,
        aftermath: |scene| {
            let released = 2 * scene.nudges + scene.reliefs;
            release_on_its_behalf(scene, released, 1, 1)
        },
        least_kills: SLEEPS
    }
    acquire_that_sleeps_before_one_that_needs_two {
        survivors: &[(Midway, acquire_two)],
        victim: acquire,
        nudges: &[release],
        aftermath: |scene| {
            let released = scene.nudges;
            release_on_its_behalf(scene, released, 2, 1)
        },
        least_kills: SLEEPS
    }
    acquire_two_that_sleeps_beside_two_that_need_one {
        survivors: &[(First, acquire), (Midway, acquire)],
        victim: acquire_two,
        nudges: &[release, release_two, release_two],
        aftermath: |scene| {
            let released = [0, 1, 3, 5][scene.nudges];
            release_on_its_behalf(scene, released, 1, 2)
        },
        least_kills: SLEEPS
    }
    acquire_for_that_runs_out_beside_another {
        survivors: &[(First, acquire)],
        victim: |buffer| { let _ = semaphore(buffer).acquire_for(SHORT); },
        aftermath: |scene| ours(release_on_its_behalf(scene, 0, 1, 0)),
        least_kills: SLEEPS
    }
    release_with_one_asleep {
        survivors: &[(First, acquire)],
        victim: release,
        aftermath: |scene| release_if_it_did_not(scene, 1),
        strands: true
    }
    release_with_two_asleep {
        survivors: &[(First, acquire), (First, acquire)],
        victim: release,
        aftermath: |scene| release_if_it_did_not(scene, 1),
        strands: true
    }
    release_of_two_with_two_asleep {
        survivors: &[(First, acquire), (First, acquire)],
        victim: release_two,
        aftermath: |scene| release_if_it_did_not(scene, 2),
        strands: true
    }
    release_of_two_with_one_asleep_that_needs_both {
        survivors: &[(First, acquire_two)],
        victim: release_two,
        aftermath: |scene| {
            let took = permits_of_the_victim(scene, 0, 2);
            assert!(took == 0 || took == -2, "took {took}: {}", scene.describe(&[]));
            took == 0
        },
        strands: true
    }
}
