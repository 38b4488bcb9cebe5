//! The event.

use super::*;

fn event(buffer: &SharedBuffer) -> Event<'_> {
    Event::new(buffer, WORD).unwrap()
}

fn await_event(buffer: &SharedBuffer) {
    event(buffer).wait();
}

fn set(buffer: &SharedBuffer) {
    event(buffer).set();
}

/// Sets the event, if it is not set.
fn set_on_its_behalf(scene: &mut Scene) -> bool {
    let [word, ..] = scene.words();
    assert!(word >> 2 == 0, "nobody has reset it: {}", scene.describe(&[]));
    let is_missing = word & 1 == 0;
    if is_missing {
        set(&scene.buffer);
    }
    is_missing
}

scenarios! {
    set_with_two_asleep {
        survivors: &[(First, await_event), (First, await_event)],
        victim: set,
        aftermath: set_on_its_behalf,
        strands: true
    }
    reset_of_an_event {
        before: set,
        survivors: &[(Last, await_event)],
        victim: |buffer| event(buffer).reset(),
        aftermath: |scene| {
            let [word, ..] = scene.words();
            assert!(matches!(word, 1 | 4), "set, or reset once: {}", scene.describe(&[]));
            set(&scene.buffer);
            word == 4
        }
    }
    wait_for_an_event_between_two {
        survivors: &[(First, await_event), (Midway, await_event)],
        victim: await_event,
        nudges: &[set],
        aftermath: |scene| ours(set_on_its_behalf(scene)),
        least_kills: SLEEPS
    }
    wait_for_an_event_that_runs_out_beside_another {
        survivors: &[(First, await_event)],
        victim: |buffer| { let _ = event(buffer).wait_for(SHORT); },
        aftermath: |scene| ours(set_on_its_behalf(scene)),
        least_kills: SLEEPS
    }
}
