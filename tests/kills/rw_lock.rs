//! The reader-writer lock.

use super::*;

const WRITING: i32 = 1 << 29;
const READERS_WAITING: i32 = 1 << 30;
const WRITERS_WAITING: i32 = i32::MIN;

fn rw_lock(buffer: &SharedBuffer) -> RwLock<'_> {
    RwLock::new(buffer, WORD).unwrap()
}

fn hold_to_read(buffer: &SharedBuffer) {
    forget(rw_lock(buffer).read());
}

fn hold_to_write(buffer: &SharedBuffer) {
    forget(rw_lock(buffer).write());
}

fn unlock_read(buffer: &SharedBuffer) {
    let _ = rw_lock(buffer).unlock_read();
}

fn unlock_write(buffer: &SharedBuffer) {
    let _ = rw_lock(buffer).unlock_write();
}

fn pass_to_read(buffer: &SharedBuffer) {
    drop(rw_lock(buffer).read());
}

fn pass_to_write(buffer: &SharedBuffer) {
    drop(rw_lock(buffer).write());
}

fn write_and_downgrade(buffer: &SharedBuffer) {
    let guard = rw_lock(buffer).write();
    sleep_on_purpose(buffer);
    forget(guard.downgrade());
}

/// What is held stays held, until it is unlocked on behalf of its holder: a writer, or the only reader.
fn unlock_either_on_its_behalf(scene: &mut Scene) -> bool {
    scene.words();
    let lock = rw_lock(&scene.buffer);
    let (readers, is_writing) = (lock.readers(), lock.is_write_locked());
    assert!(readers <= 1, "nobody holds it with the victim: {}", scene.describe(&[]));
    if is_writing {
        assert!(lock.try_read().is_none(), "held, but not held: {}", scene.describe(&[]));
        lock.unlock_write().unwrap();
    }
    if readers == 1 {
        assert!(lock.try_write().is_none(), "held, but not held: {}", scene.describe(&[]));
        lock.unlock_read().unwrap();
    }
    is_writing || readers == 1
}

/// As above, but if the victim came to read, it stays, and readers come in beside it; unless they are kept out by the mark
/// of writers, which goes when the readers have left.
fn unlock_the_writer_on_its_behalf(scene: &mut Scene) -> bool {
    let [word, ..] = scene.words();
    if word & WRITING != 0 || word & WRITERS_WAITING != 0 {
        return unlock_either_on_its_behalf(scene);
    }
    let readers = rw_lock(&scene.buffer).readers();
    assert!(readers <= 1, "nobody holds it with the victim: {}", scene.describe(&[]));
    readers == 1
}

fn unlock_the_writer_unless_it_was_ours(scene: &mut Scene) -> bool {
    unlock_the_writer_on_its_behalf(scene) && scene.nudges > 0
}

/// As long as there was no nudge, this process holds the lock itself.
fn unlock_either_unless_it_was_ours(scene: &mut Scene) -> bool {
    unlock_either_on_its_behalf(scene) && scene.nudges > 0
}

scenarios! {
    read_that_is_free {
        survivors: &[(Last, pass_to_write)],
        victim: hold_to_read,
        aftermath: unlock_either_on_its_behalf
    }
    write_that_is_free {
        survivors: &[(Last, pass_to_read), (Last, pass_to_write)],
        victim: hold_to_write,
        aftermath: unlock_either_on_its_behalf
    }
    upgrade_of_the_only_reader {
        survivors: &[(Last, pass_to_read)],
        victim: |buffer| forget(rw_lock(buffer).read().try_upgrade()),
        aftermath: unlock_either_on_its_behalf
    }
    read_that_sleeps_behind_a_writer_between_two {
        before: hold_to_write,
        survivors: &[(First, pass_to_read), (Midway, pass_to_read)],
        victim: hold_to_read,
        nudges: &[unlock_write],
        aftermath: unlock_either_unless_it_was_ours,
        least_kills: SLEEPS
    }
    read_that_sleeps_behind_a_writer_before_another {
        before: hold_to_write,
        survivors: &[(Midway, pass_to_write)],
        victim: hold_to_read,
        nudges: &[unlock_write],
        aftermath: unlock_either_unless_it_was_ours,
        least_kills: SLEEPS
    }
    write_that_sleeps_behind_a_reader_before_another {
        before: hold_to_read,
        survivors: &[(Midway, pass_to_read)],
        victim: hold_to_write,
        nudges: &[unlock_read],
        aftermath: unlock_either_unless_it_was_ours,
        strands: true,
        least_kills: SLEEPS
    }
    write_that_sleeps_behind_a_reader_before_one_of_each {
        before: hold_to_read,
        survivors: &[(Midway, pass_to_write), (Midway, pass_to_read)],
        victim: hold_to_write,
        nudges: &[unlock_read],
        aftermath: unlock_either_unless_it_was_ours,
        strands: true,
        least_kills: SLEEPS
    }
    write_that_sleeps_behind_a_writer_between_one_of_each {
        before: hold_to_write,
        survivors: &[(First, pass_to_read), (Midway, pass_to_write)],
        victim: hold_to_write,
        nudges: &[unlock_write],
        aftermath: unlock_either_unless_it_was_ours,
        strands: true,
        least_kills: SLEEPS
    }
    // If the victim has withdrawn, the reader behind it comes in beside this process, and otherwise when this one leaves.
    write_for_that_runs_out_behind_a_reader {
        before: |buffer| {
            hold_to_read(buffer);
            // Said falsely, as is legal, so that the victim does not spin: its time would be over before it sleeps.
            buffer.slot(WORD).unwrap().fetch_or(READERS_WAITING, Relaxed);
        },
        survivors: &[(Midway, pass_to_read)],
        victim: |buffer| forget(rw_lock(buffer).write_for(2 * SHORT)),
        aftermath: |scene| {
            let [word, ..] = scene.words();
            assert_eq!(word & !(READERS_WAITING | WRITERS_WAITING), 1, "one reads: {}", scene.describe(&[]));
            unlock_read(&scene.buffer);
            word & WRITERS_WAITING != 0
        },
        strands: true,
        least_kills: SLEEPS
    }
    read_for_that_runs_out_beside_another {
        before: hold_to_write,
        survivors: &[(First, pass_to_read)],
        victim: |buffer| forget(rw_lock(buffer).read_for(SHORT)),
        aftermath: unlock_either_unless_it_was_ours,
        least_kills: SLEEPS
    }
    unlock_write_with_one_of_each_asleep {
        before: hold_to_write,
        survivors: &[(First, pass_to_write), (First, pass_to_read)],
        victim: unlock_write,
        aftermath: unlock_either_on_its_behalf,
        strands: true
    }
    unlock_write_with_two_readers_asleep {
        before: hold_to_write,
        survivors: &[(First, pass_to_read), (First, pass_to_read)],
        victim: unlock_write,
        aftermath: unlock_either_on_its_behalf,
        strands: true
    }
    unlock_read_with_a_writer_asleep_and_a_reader_behind_it {
        before: hold_to_read,
        survivors: &[(First, pass_to_write), (First, pass_to_read)],
        victim: unlock_read,
        aftermath: unlock_either_on_its_behalf,
        strands: true
    }
    unlock_read_at_a_full_count_with_one_asleep {
        before: |buffer| buffer.slot(WORD).unwrap().store(RwLock::MAX_READERS as i32, Relaxed),
        survivors: &[(First, pass_to_read)],
        victim: unlock_read,
        aftermath: |scene| {
            scene.words();
            let is_full = rw_lock(&scene.buffer).readers() == RwLock::MAX_READERS;
            if is_full {
                unlock_read(&scene.buffer);
            }
            is_full
        },
        strands: true
    }
    write_that_sleeps_and_downgrades_before_a_reader {
        before: hold_to_write,
        survivors: &[(Midway, pass_to_read)],
        victim: |buffer| forget(rw_lock(buffer).write().downgrade()),
        nudges: &[unlock_write],
        aftermath: unlock_the_writer_unless_it_was_ours,
        strands: true,
        least_kills: SLEEPS
    }
    downgrade_with_two_readers_asleep {
        survivors: &[(Midway, pass_to_read), (Midway, pass_to_read)],
        victim: write_and_downgrade,
        nudges: &[let_the_victim_go_on],
        aftermath: unlock_the_writer_on_its_behalf,
        strands: true,
        least_kills: SLEEPS
    }
    downgrade_with_one_of_each_asleep {
        survivors: &[(Midway, pass_to_write), (Midway, pass_to_read)],
        victim: write_and_downgrade,
        nudges: &[let_the_victim_go_on],
        // The marks stay, so unlocking on its behalf wakes them.
        aftermath: unlock_either_on_its_behalf,
        least_kills: SLEEPS
    }
}
