//! What a reader-writer lock promises between real processes, over every origin of memory that they can share.
#![cfg(target_os = "linux")]

use crate::processes::{INDEX, total, word};
use crate::support::confined::catch;
use crate::support::processes::{
    End, FAR, fork, fork_all, fork_asleep, fork_asleep_rescued, fork_rescued, fork_victim,
};
use crate::support::processes::{join_all, kill_where_it_stays, stay};
use crate::support::{Memory, SHORT, Watchdog, is_emulated, sleepers, until};
use slotsync::{RwLock, SharedBuffer, Slot, counters};
use std::mem;
use std::sync::Barrier;
use std::sync::atomic::{
    AtomicBool,
    Ordering::{Relaxed, Release},
};
use std::thread;

over_shared_origins! {
    processes_that_read_and_write_exclude_each_other
    processes_sleep_until_another_unlocks
    a_process_killed_while_it_waits_strands_nobody
    readers_behind_a_writer_that_was_killed_get_in_when_the_readers_have_left
    a_reader_that_signals_keep_interrupting_waits_behind_a_writer_that_was_killed
    a_waiter_that_died_between_its_wake_and_its_take_strands_nobody_beyond_one_slice
    a_holder_that_died_between_its_unlock_and_its_wake_strands_nobody_beyond_one_slice
    a_holder_that_died_between_its_unlock_and_its_wake_strands_no_mixed_company
    the_lock_of_a_dead_reader_stays_held_until_it_is_unlocked_on_its_behalf
    the_lock_of_a_dead_writer_stays_held_until_it_is_unlocked_on_its_behalf
}

const WRITING: i32 = 1 << 29;
const READERS_WAITING: i32 = 1 << 30;
const WRITERS_WAITING: i32 = i32::MIN;

fn rw_lock(buffer: &SharedBuffer) -> RwLock<'_> {
    RwLock::new(buffer, INDEX).unwrap()
}

fn read(buffer: &SharedBuffer) {
    drop(rw_lock(buffer).read());
}

fn write(buffer: &SharedBuffer) {
    drop(rw_lock(buffer).write());
}

fn processes_that_read_and_write_exclude_each_other(memory: &Memory) {
    let _watchdog = Watchdog::new("processes_that_read_and_write_exclude_each_other");
    let bump = |word: Slot<'_>| word.store(word.load(Relaxed) + 1, Relaxed);
    join_all(fork_all(memory, 4, |buffer| {
        let other = buffer.slot(96).unwrap();
        for _ in 0..2_000 {
            let guard = rw_lock(buffer).write();
            bump(total(buffer));
            bump(other);
            drop(guard);
            let _guard = rw_lock(buffer).read();
            assert_eq!(total(buffer).load(Relaxed), other.load(Relaxed));
        }
    }));
    assert_eq!(total(&memory.buffer).load(Relaxed), 8_000);
    assert_eq!(word(&memory.buffer).load(Relaxed), 0);
}

fn processes_sleep_until_another_unlocks(memory: &Memory) {
    let _watchdog = Watchdog::new("processes_sleep_until_another_unlocks");
    let lock = rw_lock(&memory.buffer);
    mem::forget(lock.write());
    let mut sleepers = fork_asleep(memory, 2, read);
    assert_eq!(word(&memory.buffer).load(Relaxed), WRITING | READERS_WAITING);
    sleepers.extend(fork_asleep(memory, 2, write));
    assert_eq!(word(&memory.buffer).load(Relaxed), WRITING | READERS_WAITING | WRITERS_WAITING);
    lock.unlock_write().unwrap();
    join_all(sleepers);

    mem::forget(lock.read());
    let mut sleepers = fork_asleep(memory, 2, write);
    assert_eq!(word(&memory.buffer).load(Relaxed) & !READERS_WAITING, 1 | WRITERS_WAITING);
    sleepers.extend(fork_asleep(memory, 2, read));
    assert_eq!(word(&memory.buffer).load(Relaxed), 1 | READERS_WAITING | WRITERS_WAITING);
    lock.unlock_read().unwrap();
    join_all(sleepers);
    assert_eq!(word(&memory.buffer).load(Relaxed), 0);
}

fn a_process_killed_while_it_waits_strands_nobody(memory: &Memory) {
    let _watchdog = Watchdog::new("a_process_killed_while_it_waits_strands_nobody");
    let lock = rw_lock(&memory.buffer);
    // Of the writers one is left, or none.
    for writers in [2, 1] {
        mem::forget(lock.write());
        let mut readers = fork_asleep(memory, 2, read);
        let mut writers = fork_asleep(memory, writers, write);
        readers.remove(0).kill();
        writers.remove(0).kill();
        lock.unlock_write().unwrap();
        join_all(readers); // And without having been rescued.
        join_all(writers);
        assert_eq!(word(&memory.buffer).load(Relaxed), 0);
    }
}

fn readers_behind_a_writer_that_was_killed_get_in_when_the_readers_have_left(memory: &Memory) {
    let _watchdog = Watchdog::new("readers_behind_a_writer_that_was_killed");
    let lock = rw_lock(&memory.buffer);
    for timeout in FAR {
        mem::forget(lock.read());
        fork_asleep(memory, 1, write).remove(0).kill();
        assert!(lock.try_read().is_none());
        let readers = fork_asleep(memory, 2, |buffer| drop(rw_lock(buffer).read_for(timeout).unwrap()));
        let slept = readers[0].sleep_number();
        until("some slices have ended", || readers[0].sleep_number() > slept.map(|number| number + 1));
        assert_eq!(word(&memory.buffer).load(Relaxed), 1 | READERS_WAITING | WRITERS_WAITING, "they wait");
        lock.unlock_read().unwrap();
        join_all(readers); // And without having been rescued.
        assert_eq!(word(&memory.buffer).load(Relaxed), 0, "and the writers' mark is gone");
    }
    // A writer that lives comes first, although another died beside it.
    mem::forget(lock.read());
    let mut writers = fork_asleep(memory, 2, write);
    writers.remove(0).kill();
    assert!(lock.try_read().is_none());
    lock.unlock_read().unwrap();
    join_all(writers);
    assert_eq!(word(&memory.buffer).load(Relaxed), 0);
}

fn a_reader_that_signals_keep_interrupting_waits_behind_a_writer_that_was_killed(memory: &Memory) {
    let _watchdog = Watchdog::new("a_reader_that_signals_keep_interrupting");
    catch(libc::SIGUSR1);
    let lock = rw_lock(&memory.buffer);
    mem::forget(lock.read());
    fork_asleep(memory, 1, write).remove(0).kill();
    // An interrupted sleep that finds the lock free is not a rescue; the end of a slice may be.
    let mut reader = fork_asleep_rescued(memory, 0..=1, read);
    for _ in 0..100 {
        reader.signal(libc::SIGUSR1);
        reader.until_asleep();
    }
    assert_eq!(word(&memory.buffer).load(Relaxed), 1 | READERS_WAITING | WRITERS_WAITING, "it waits");
    lock.unlock_read().unwrap();
    let mut end = None;
    until("the reader is in", || {
        reader.signal(libc::SIGUSR1);
        end = reader.has_ended();
        end.is_some()
    });
    assert_eq!(end, Some(End::Exited(0)));
    assert_eq!(word(&memory.buffer).load(Relaxed), 0);
}

#[test]
fn a_writer_that_lives_keeps_its_place_before_readers_that_wait_long() {
    // A process that an emulator has forked can have no threads.
    if is_emulated() {
        return;
    }
    let _watchdog = Watchdog::new("a_writer_that_lives_keeps_its_place");
    assert_no_reader_overtakes(8, 0);
    // Also if a reader leaves before which the writer came, but not the last.
    assert_no_reader_overtakes(1, 1);
}

/// Uses threads: they come to sleep, and to the end of their slices, closer together than processes. Two readers are
/// before the writer; that many of them leave when all sleep.
fn assert_no_reader_overtakes(readers: usize, leave: usize) {
    let [has_written, is_overtaken] = [const { AtomicBool::new(false) }; 2];
    let child = fork_rescued(&Memory::anonymous(), 0..=readers, |buffer| {
        let lock = rw_lock(buffer);
        let mut guards = vec![lock.read(), lock.read()];
        let start = Barrier::new(readers);
        thread::scope(|threads| {
            let writers = sleepers(threads, 1, || {
                let _guard = lock.write();
                has_written.store(true, Relaxed);
            });
            let waiting = sleepers(threads, readers, || {
                start.wait();
                let _guard = lock.read();
                is_overtaken.fetch_or(!has_written.load(Relaxed), Relaxed);
            });
            guards.truncate(2 - leave);
            let enough = counters().sleeps + 3 * (readers + 1);
            until("all have slept for some slices", || is_overtaken.load(Relaxed) || counters().sleeps >= enough);
            // Before the release: a running reader may take what is released before a writer that was woken.
            let answer = is_overtaken.load(Relaxed);
            drop(guards);
            crate::support::join_all(waiting);
            crate::support::join_all(writers);
            i32::from(answer)
        })
    });
    assert_eq!(child.end(), End::Exited(0), "a reader overtook the writer");
}

fn a_waiter_that_died_between_its_wake_and_its_take_strands_nobody_beyond_one_slice(memory: &Memory) {
    let _watchdog = Watchdog::new("a_waiter_that_died_between_its_wake_and_its_take");
    for held in [WRITING, 1] {
        word(&memory.buffer).store(held | READERS_WAITING | WRITERS_WAITING, Relaxed);
        let victim = fork_victim(memory, INDEX);
        let survivors = [write, read, write].map(|wait| fork_asleep_rescued(memory, 0..=1, wait));
        // The victim has slept longer, so the one wake of a writer is most likely its.
        if held == WRITING {
            rw_lock(&memory.buffer).unlock_write().unwrap();
        } else {
            rw_lock(&memory.buffer).unlock_read().unwrap();
        }
        join_all(survivors.into());
        drop(victim);
        assert_eq!(word(&memory.buffer).load(Relaxed), 0);
    }
}

fn a_holder_that_died_between_its_unlock_and_its_wake_strands_nobody_beyond_one_slice(memory: &Memory) {
    let _watchdog = Watchdog::new("a_holder_that_died_between_its_unlock_and_its_wake");
    // With a lock of its own for each sleeper: on one, the first that finds it free would wake the others.
    let sleepers =
        [(WRITING, true), (WRITING, false), (1, true)].into_iter().enumerate().flat_map(|(number, (held, writes))| {
            FAR.into_iter().enumerate().map(move |(more, timeout)| (INDEX + 2 * number + more, held, writes, timeout))
        });
    let sleepers = sleepers.map(|(index, held, writes, timeout)| {
        let word = memory.buffer.slot(index).unwrap();
        word.store(held, Relaxed);
        let sleeper = fork_asleep_rescued(memory, 1..=1, |buffer| {
            let lock = RwLock::new(buffer, index).unwrap();
            if writes {
                assert!(lock.write_for(timeout).is_ok());
            } else {
                assert!(lock.read_for(timeout).is_ok());
            }
        });
        // All that an unlock does before its wake.
        let was = word.swap(0, Release);
        assert_eq!(was, held | if writes { WRITERS_WAITING } else { READERS_WAITING });
        sleeper
    });
    join_all(sleepers.collect());
}

fn a_holder_that_died_between_its_unlock_and_its_wake_strands_no_mixed_company(memory: &Memory) {
    let _watchdog = Watchdog::new("a_holder_that_died_between_its_unlock_and_its_wake_of_some");
    word(&memory.buffer).store(WRITING, Relaxed);
    let sleepers = [read, write, read, write].map(|wait| fork_asleep_rescued(memory, 0..=1, wait));
    // All that an unlock does before its wakes.
    assert_eq!(word(&memory.buffer).swap(0, Release), WRITING | READERS_WAITING | WRITERS_WAITING);
    join_all(sleepers.into());
    assert_eq!(word(&memory.buffer).load(Relaxed), 0);
}

fn the_lock_of_a_dead_reader_stays_held_until_it_is_unlocked_on_its_behalf(memory: &Memory) {
    let _watchdog = Watchdog::new("the_lock_of_a_dead_reader");
    let lock = rw_lock(&memory.buffer);
    let guard = lock.read();
    let holder = fork(memory, |buffer| {
        let _guard = rw_lock(buffer).read();
        stay(buffer)
    });
    kill_where_it_stays(memory, holder);
    assert_eq!(lock.readers(), 2);
    let guard = guard.try_upgrade().expect_err("the dead one still reads");
    drop(guard);
    assert_eq!(lock.readers(), 1);
    assert!(lock.write_for(SHORT).is_err());
    drop(lock.try_read().expect("beside the dead one"));
    lock.unlock_read().unwrap();
    assert!(lock.try_write().is_some());
}

fn the_lock_of_a_dead_writer_stays_held_until_it_is_unlocked_on_its_behalf(memory: &Memory) {
    let _watchdog = Watchdog::new("the_lock_of_a_dead_writer");
    let lock = rw_lock(&memory.buffer);
    let holder = fork(memory, |buffer| {
        let _guard = rw_lock(buffer).write();
        stay(buffer)
    });
    kill_where_it_stays(memory, holder);
    assert!(lock.is_write_locked());
    assert!(lock.write_for(SHORT).is_err());
    assert!(lock.read_for(SHORT).is_err());
    lock.unlock_write().unwrap();
    assert!(lock.try_read().is_some());
}
