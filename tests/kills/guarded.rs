//! The guarded value. Its first word is a lock.

use super::lock::unlock_on_its_behalf;
use super::*;
use slotsync::Guarded;

type Value = [u32; 5];
const OLD: Value = [1; 5];
const NEW: Value = [2; 5];
/// Behind the value.
const MAY_GO_ON: usize = 32;

fn guarded(buffer: &SharedBuffer) -> Guarded<'_, Value, 1> {
    Guarded::new(buffer, WORD).unwrap()
}

/// In both copies.
fn old(buffer: &SharedBuffer) {
    guarded(buffer).set(OLD);
    guarded(buffer).set(OLD);
}

fn get(buffer: &SharedBuffer) {
    let value = guarded(buffer).get();
    assert!([OLD, NEW].contains(&value), "a mixture: {value:?}");
}

fn update(buffer: &SharedBuffer) {
    guarded(buffer).update(|value| {
        assert!([OLD, NEW].contains(value), "a mixture: {value:?}");
        *value = NEW;
    });
    assert_eq!(guarded(buffer).get(), NEW);
}

fn sleep_and_update(buffer: &SharedBuffer) {
    let flag = buffer.slot(MAY_GO_ON).unwrap();
    guarded(buffer).update(|value| {
        while flag.load(Acquire) == 0 {
            let _ = flag.wait(0);
        }
        *value = NEW;
    });
}

fn let_it_go_on(buffer: &SharedBuffer) {
    let flag = buffer.slot(MAY_GO_ON).unwrap();
    flag.store(1, Release);
    flag.wake(u32::MAX);
}

/// To unlock is all there is to repair.
fn unlock_and_look(scene: &mut Scene) -> bool {
    let was_held = unlock_on_its_behalf(scene);
    let value = guarded(&scene.buffer).get_for(PATIENCE).unwrap();
    assert!([OLD, NEW].contains(&value), "a mixture, {value:?}: {}", scene.describe(&[]));
    assert!(value == NEW || scene.point != CONTROL, "{}", scene.describe(&[]));
    was_held
}

scenarios! {
    set_of_a_guarded_value_that_is_free {
        before: old,
        survivors: &[(Last, get), (Last, update)],
        victim: |buffer| guarded(buffer).set(NEW),
        aftermath: unlock_and_look
    }
    update_of_a_guarded_value_that_is_free {
        before: old,
        survivors: &[(Last, get), (Last, update)],
        victim: |buffer| guarded(buffer).update(|value| *value = NEW),
        aftermath: unlock_and_look
    }
    update_of_a_guarded_value_before_a_reader_and_a_writer {
        before: old,
        survivors: &[(Midway, get), (Midway, update)],
        victim: sleep_and_update,
        nudges: &[let_it_go_on],
        aftermath: unlock_and_look,
        strands: true,
        least_kills: SLEEPS
    }
    get_of_a_guarded_value_that_is_free {
        before: |buffer| guarded(buffer).set(NEW),
        survivors: &[(Last, update)],
        victim: get,
        aftermath: unlock_and_look
    }
    attachment_to_a_guarded_value_before_another {
        survivors: &[(Last, |buffer| {
            guarded(buffer).set(NEW);
            assert!(Guarded::<Value, 2>::new(buffer, WORD).is_err(), "the header is whole");
        })],
        victim: |buffer| { guarded(buffer); },
        aftermath: |scene| {
            let [lock, mark, ..] = scene.words();
            assert_eq!(lock, 0, "attaching locks nothing: {}", scene.describe(&[]));
            mark != 0
        }
    }
}
