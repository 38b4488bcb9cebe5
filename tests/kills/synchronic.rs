//! The synchronic: that the value is 1; or, of a pool, how many there are. It takes all the words that are looked at.

use super::*;

fn synchronic<T: Number>(buffer: &SharedBuffer) -> Synchronic<'_, T> {
    Synchronic::new(buffer, WORD).unwrap()
}

fn generation(buffer: &SharedBuffer) -> Slot<'_> {
    buffer.slot(WORD + 1).unwrap()
}

/// A generation that was reached by a notify for one.
const NOTIFIED_ONE: i32 = 3;

fn await_value_1<T: Number + From<u8>>(buffer: &SharedBuffer) {
    synchronic(buffer).load_when_equal(T::from(1));
}

fn store_1<T: Number + From<u8>>(buffer: &SharedBuffer) {
    synchronic(buffer).store(T::from(1), NotifyHint::All);
}

fn store_1_and_tell_nobody(buffer: &SharedBuffer) {
    synchronic(buffer).store(1, NotifyHint::None);
}

fn await_value_1_and_pass_it_on(buffer: &SharedBuffer) {
    await_value_1::<u8>(buffer);
    synchronic::<u8>(buffer).notify(NotifyHint::One);
}

fn take_one(buffer: &SharedBuffer) {
    let pool = synchronic::<i32>(buffer);
    let take = |number| (number > 0).then(|| number - 1);
    while pool.fetch_update(NotifyHint::None, take).is_err() {
        pool.load_when_not_equal(0);
    }
}

fn give_one(buffer: &SharedBuffer) {
    synchronic::<i32>(buffer).fetch_add(1, NotifyHint::One);
}

/// Is the victim counted as a waiter? Not if nobody has killed it.
fn is_counted(scene: &mut Scene) -> bool {
    let [waiters, ..] = scene.words();
    let dead = waiters - scene.waiting() as i32;
    assert!(dead == 0 || dead == 1 && scene.point != CONTROL, "counted otherwise: {}", scene.describe(&[]));
    dead == 1
}

/// The victim was to write 1. It never waits.
fn write_on_its_behalf<T: Number + From<u8>>(scene: &mut Scene) -> bool {
    assert!(!is_counted(scene), "it did not wait: {}", scene.describe(&[]));
    write_unless_it_is_there::<T>(scene)
}

fn write_unless_it_is_there<T: Number + From<u8>>(scene: &Scene) -> bool {
    let is_missing = synchronic::<T>(&scene.buffer).load() == T::from(0);
    if is_missing {
        store_1::<T>(&scene.buffer);
    }
    is_missing
}

/// The victim was one of the waiters. The place of a dead waiter stays, until nobody waits.
fn write_and_look_whether_the_victim_is_counted(scene: &mut Scene) -> bool {
    let is_counted = is_counted(scene);
    write_unless_it_is_there::<i32>(scene);
    is_counted
}

/// What the victim took of the pool, which is negative if it gave, after others gave so many. Gives what the survivors
/// still need that is not there.
fn taken_by_the_victim(scene: &mut Scene, given: usize) -> i32 {
    let [_, _, available, _] = scene.words();
    let [waiting, ended] = [scene.waiting(), scene.ended()].map(|count| count as i32);
    for _ in available..waiting {
        give_one(&scene.buffer);
    }
    given as i32 - available - ended
}

fn give_and_look_whether_the_victim_is_counted(scene: &mut Scene, given: usize) -> bool {
    let is_counted = is_counted(scene);
    let took = taken_by_the_victim(scene, given);
    assert!(matches!(took, 0 | 1), "took {took}: {}", scene.describe(&[]));
    is_counted
}

scenarios! {
    store_in_a_synchronic_for_all_with_two_waiting {
        survivors: &[(First, await_value_1::<i32>), (First, await_value_1::<i32>)],
        victim: store_1::<i32>,
        aftermath: write_on_its_behalf::<i32>,
        strands: true
    }
    fetch_add_to_a_synchronic_for_all_with_two_waiting {
        survivors: &[(First, await_value_1::<u64>), (First, await_value_1::<u64>)],
        victim: |buffer| { synchronic::<u64>(buffer).fetch_add(1, NotifyHint::All); },
        aftermath: write_on_its_behalf::<u64>,
        strands: true
    }
    compare_exchange_of_a_synchronic_for_all_with_two_waiting {
        survivors: &[(First, await_value_1::<f64>), (First, await_value_1::<f64>)],
        victim: |buffer| { let _ = synchronic::<f64>(buffer).compare_exchange(0.0, 1.0, NotifyHint::All); },
        aftermath: write_on_its_behalf::<f64>,
        strands: true
    }
    notify_by_a_synchronic_of_all_with_two_waiting {
        survivors: &[(First, await_value_1::<i32>), (First, await_value_1::<i32>)],
        then: store_1_and_tell_nobody,
        victim: |buffer| synchronic::<i32>(buffer).notify(NotifyHint::All),
        aftermath: write_on_its_behalf::<i32>,
        strands: true
    }
    store_in_a_synchronic_for_one_with_two_waiting_that_pass_it_on {
        survivors: &[(First, await_value_1_and_pass_it_on), (First, await_value_1_and_pass_it_on)],
        victim: |buffer| synchronic::<u8>(buffer).store(1, NotifyHint::One),
        aftermath: write_on_its_behalf::<u8>,
        strands: true
    }
    fetch_add_to_a_synchronic_for_one_with_two_waiting_that_take_one {
        survivors: &[(First, take_one), (First, take_one)],
        victim: give_one,
        aftermath: |scene| {
            assert!(!is_counted(scene), "it did not wait: {}", scene.describe(&[]));
            let took = taken_by_the_victim(scene, 0);
            assert!(matches!(took, 0 | -1), "took {took}: {}", scene.describe(&[]));
            took == 0
        },
        strands: true
    }
    wait_for_a_synchronic_between_two {
        survivors: &[(First, await_value_1::<i32>), (Midway, await_value_1::<i32>)],
        victim: await_value_1::<i32>,
        nudges: &[store_1::<i32>],
        aftermath: write_and_look_whether_the_victim_is_counted,
        least_kills: SLEEPS
    }
    wait_for_a_synchronic_that_runs_out_beside_another {
        survivors: &[(First, await_value_1::<i32>)],
        victim: |buffer| { let _ = synchronic::<i32>(buffer).load_when_equal_for(1, 2 * SHORT); },
        aftermath: write_and_look_whether_the_victim_is_counted,
        least_kills: SLEEPS
    }
    wait_to_take_from_a_synchronic_before_another {
        survivors: &[(Midway, take_one)],
        victim: take_one,
        nudges: &[give_one],
        relief: give_one,
        aftermath: |scene| {
            let given = scene.nudges + scene.reliefs;
            give_and_look_whether_the_victim_is_counted(scene, given)
        },
        strands: true,
        least_kills: SLEEPS
    }
    wait_to_take_from_a_synchronic_behind_another {
        survivors: &[(First, take_one)],
        victim: take_one,
        nudges: &[|buffer| { give_one(buffer); give_one(buffer); }],
        relief: give_one,
        aftermath: |scene| {
            let given = 2 * scene.nudges + scene.reliefs;
            give_and_look_whether_the_victim_is_counted(scene, given)
        },
        least_kills: SLEEPS
    }
    wait_for_a_synchronic_that_cannot_use_its_wake_before_another {
        survivors: &[(Midway, |buffer| { synchronic(buffer).load_when_not_equal(0); })],
        victim: |buffer| { synchronic(buffer).load_when_equal(2); },
        nudges: &[
            |buffer| synchronic(buffer).store(1, NotifyHint::One),
            |buffer| synchronic(buffer).store(2, NotifyHint::One),
        ],
        aftermath: write_and_look_whether_the_victim_is_counted,
        strands: true,
        least_kills: SLEEPS
    }
    // The survivor sleeps behind the victim, but on a generation of before: as if the agent that notified it were slow to make its
    // wake, and the victim had come since then, and is woken all the same.
    wait_for_a_synchronic_that_catches_the_wake_of_another {
        before: |buffer| generation(buffer).store(NOTIFIED_ONE, Relaxed),
        survivors: &[(Midway, |buffer| {
            generation(buffer).store(NOTIFIED_ONE - 1, Relaxed);
            await_value_1::<i32>(buffer);
        })],
        victim: await_value_1::<i32>,
        nudges: &[|buffer| {
            synchronic(buffer).store(1, NotifyHint::None);
            generation(buffer).store(NOTIFIED_ONE, Relaxed);
            generation(buffer).wake(1);
        }],
        aftermath: write_and_look_whether_the_victim_is_counted,
        strands: true,
        least_kills: SLEEPS
    }
}
