use super::support::confined::catch;
use super::support::processes::{End, fork, fork_all, fork_asleep, fork_asleep_rescued, fork_rescued, fork_victim};
use super::support::processes::{join_all, kill_where_it_stays, signal_thread, stay};
use super::support::processes::{thread_fallen_asleep, thread_id};
use super::{FAR, INDEX, support, total, word};
use slotsync::{RwLock, SharedBuffer, Slot, counters};
use std::mem;
use std::sync::Barrier;
use std::sync::atomic::{
    AtomicBool,
    Ordering::{Relaxed, Release},
};
use std::thread;
use std::time::{Duration, Instant};
use support::{Memory, SHORT, Told, Watchdog, is_emulated, sleepers, until};

over_shared_origins! {
    processes_that_read_and_write_exclude_each_other
    processes_sleep_until_another_unlocks
    a_process_killed_while_it_waits_strands_nobody
    readers_behind_a_writer_that_was_killed_get_in_within_one_slice
    a_reader_that_signals_keep_interrupting_gets_in_behind_a_writer_that_was_killed
    who_was_woken_and_died_before_taking_strands_nobody_beyond_one_slice
    who_unlocked_and_died_before_the_wake_strands_nobody_beyond_one_slice
    who_unlocked_and_died_before_the_wake_strands_no_mixed_company
    what_a_dead_reader_held_stays_held_until_it_is_unlocked_in_its_name
    what_a_dead_writer_held_stays_held_until_it_is_unlocked_in_its_name
}

const WRITING: i32 = 1 << 29;
const READERS_WAITING: i32 = 1 << 30;
const WRITERS_WAITING: i32 = i32::MIN;

fn rw_lock(buffer: &SharedBuffer) -> RwLock<'_> {
    RwLock::new(buffer, INDEX).unwrap()
}

fn read(buffer: &SharedBuffer) {
    drop(rw_lock(buffer).read().unwrap());
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
            let _guard = rw_lock(buffer).read().unwrap();
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

fn readers_behind_a_writer_that_was_killed_get_in_within_one_slice(memory: &Memory) {
    let _watchdog = Watchdog::new("readers_behind_a_writer_that_was_killed");
    // With a lock of its own for each: the first that gets in lets the others in.
    for (index, timeout) in [INDEX, INDEX + 1].into_iter().zip(FAR) {
        let lock = RwLock::new(&memory.buffer, index).unwrap();
        mem::forget(lock.read());
        let victim = fork_asleep(memory, 1, |buffer| drop(RwLock::new(buffer, index).unwrap().write())).remove(0);
        assert!(lock.try_read().unwrap().is_none());
        let reader = fork_asleep_rescued(memory, 1..=1, |buffer| {
            assert!(RwLock::new(buffer, index).unwrap().read_for(timeout).unwrap().is_some());
        });
        victim.kill();
        // While the first reader still holds the lock.
        reader.join();
        let left = memory.buffer.slot(index).unwrap().load(Relaxed);
        assert_eq!(left, 1 | READERS_WAITING, "and the writers' mark is gone");
    }
    let lock = rw_lock(&memory.buffer);
    let victim = fork_asleep(memory, 1, write).remove(0);
    let readers = [0, 1].map(|_| fork_asleep_rescued(memory, 0..=1, read));
    victim.kill();
    join_all(readers.into());
    assert_eq!(lock.readers(), 1);
    // One that lives is not taken for dead, whoever died beside it.
    let mut writers = fork_asleep(memory, 2, write);
    writers.remove(0).kill();
    assert!(lock.try_read().unwrap().is_none());
    lock.unlock_read().unwrap();
    join_all(writers);
    assert_eq!(word(&memory.buffer).load(Relaxed), 0);
}

fn a_reader_that_signals_keep_interrupting_gets_in_behind_a_writer_that_was_killed(memory: &Memory) {
    let _watchdog = Watchdog::new("a_reader_that_signals_keep_interrupting");
    catch(libc::SIGUSR1);
    let lock = rw_lock(&memory.buffer);
    mem::forget(lock.read());
    fork_asleep(memory, 1, write).remove(0).kill();
    // Unless no signal comes for a second, no slice ends, and that is no rescue.
    let mut reader = fork_asleep_rescued(memory, 0..=1, read);
    let mut end = None;
    until("the reader is in", || {
        reader.signal(libc::SIGUSR1);
        end = reader.has_ended();
        end.is_some()
    });
    assert_eq!(end, Some(End::Exited(0)));
    // While the first reader still holds the lock.
    assert_eq!(word(&memory.buffer).load(Relaxed), 1 | READERS_WAITING);
}

/// A reader asks a writer before it takes its mark away, and gives it some milliseconds to show that it lives. A loaded
/// machine may keep a writer from that; so in one round of many it keeps its place, and as a rule in the first.
#[test]
fn a_writer_that_lives_keeps_its_place_before_readers_that_wait_long() {
    // What an emulator has forked can have no threads.
    if is_emulated() {
        return;
    }
    let _watchdog = Watchdog::with_patience("a_writer_that_lives_keeps_its_place", Duration::from_secs(600));
    while is_overtaken_by_readers_that_wait_long(8, 0) {}
}

#[test]
fn a_writer_that_lives_keeps_its_place_though_one_of_those_leaves_that_it_waits_for() {
    // What an emulator has forked can have no threads.
    if is_emulated() {
        return;
    }
    let _watchdog = Watchdog::with_patience("a_writer_that_lives_keeps_its_place_though", Duration::from_secs(600));
    while is_overtaken_by_readers_that_wait_long(1, 1) {}
}

/// By threads: they come to sleep, and to the end of their slices, closer together than processes. Two readers are before
/// the writer, of which so many leave when all sleep.
fn is_overtaken_by_readers_that_wait_long(readers: usize, leave: usize) -> bool {
    let [has_written, is_overtaken] = [const { AtomicBool::new(false) }; 2];
    let child = fork_rescued(&Memory::anonymous(), 0..=readers, |buffer| {
        let lock = rw_lock(buffer);
        let mut guards = vec![lock.read().unwrap(), lock.read().unwrap()];
        let start = Barrier::new(readers);
        thread::scope(|threads| {
            let writers = sleepers(threads, 1, || {
                let _guard = lock.write();
                has_written.store(true, Relaxed);
            });
            let waiting = sleepers(threads, readers, || {
                start.wait();
                let _guard = lock.read().unwrap();
                is_overtaken.fetch_or(!has_written.load(Relaxed), Relaxed);
            });
            guards.truncate(2 - leave);
            let enough = counters().sleeps + 6 * (readers + 1);
            until("all have slept for some slices", || is_overtaken.load(Relaxed) || counters().sleeps >= enough);
            // Who runs may take what is released before who was woken.
            let answer = is_overtaken.load(Relaxed);
            drop(guards);
            support::join_all(waiting);
            support::join_all(writers);
            i32::from(answer)
        })
    });
    match child.end() {
        End::Exited(answer @ 0..=1) => answer == 1,
        end => panic!("a child process failed: {end:?}"),
    }
}

/// A signal ends a sleep as the end of a slice does, but readers doubt by the clock. In a private scope there are no slices,
/// so nothing but a doubt wakes the writer.
#[test]
fn readers_that_signals_keep_interrupting_doubt_a_writer_once_a_second() {
    // What an emulator has forked can have no threads.
    if is_emulated() {
        return;
    }
    let _watchdog = Watchdog::new("readers_that_signals_keep_interrupting_doubt_a_writer_once_a_second");
    catch(libc::SIGUSR1);
    let child = fork_rescued(&Memory::heap(), 0..=0, |buffer| {
        let lock = rw_lock(buffer);
        let start = Instant::now();
        let guard = lock.read().unwrap();
        thread::scope(|threads| {
            let numbers = [Told::default(), Told::default()];
            let [writing, reading] = numbers.clone();
            let writers = sleepers(threads, 1, move || {
                writing.tell(thread_id());
                drop(lock.write());
            });
            let readers = sleepers(threads, 1, move || {
                reading.tell(thread_id());
                mem::forget(lock.read());
            });
            let [writer, reader] = numbers.map(|number| number.hear(1)[0]);
            let (had_slept, had_fallen_asleep) = (counters().sleeps, thread_fallen_asleep(writer));
            let doubts = || thread_fallen_asleep(writer) - had_fallen_asleep;
            until("the reader has slept often, and doubted twice", || {
                signal_thread(reader, libc::SIGUSR1);
                counters().sleeps - had_slept >= 1_000 && doubts() >= 2 || lock.readers() == 2
            });
            // It may fall asleep for other reasons too, but not as often as signals come.
            let doubts = doubts();
            assert!(doubts <= 10 * (1 + start.elapsed().as_secs()), "doubted {doubts} times");
            // The first doubt finds it asleep, and the second comes a second later.
            assert!(lock.readers() == 1 || start.elapsed().as_secs() >= 2, "a reader overtook the writer");
            drop(guard);
            support::join_all(readers);
            lock.unlock_read().unwrap();
            support::join_all(writers);
        });
        0
    });
    child.join();
}

fn who_was_woken_and_died_before_taking_strands_nobody_beyond_one_slice(memory: &Memory) {
    let _watchdog = Watchdog::new("who_was_woken_and_died_before_taking");
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

fn who_unlocked_and_died_before_the_wake_strands_nobody_beyond_one_slice(memory: &Memory) {
    let _watchdog = Watchdog::new("who_unlocked_and_died_before_the_wake");
    // With a lock of its own for each sleeper: on one, the first who finds it free would wake the others.
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
                assert!(lock.write_for(timeout).is_some());
            } else {
                assert!(lock.read_for(timeout).unwrap().is_some());
            }
        });
        // All that an unlock does before its wake.
        let was = word.swap(0, Release);
        assert_eq!(was, held | if writes { WRITERS_WAITING } else { READERS_WAITING });
        sleeper
    });
    join_all(sleepers.collect());
}

fn who_unlocked_and_died_before_the_wake_strands_no_mixed_company(memory: &Memory) {
    let _watchdog = Watchdog::new("who_unlocked_and_died_before_the_wake_of_some");
    word(&memory.buffer).store(WRITING, Relaxed);
    let sleepers = [read, write, read, write].map(|wait| fork_asleep_rescued(memory, 0..=1, wait));
    // All that an unlock does before its wakes.
    assert_eq!(word(&memory.buffer).swap(0, Release), WRITING | READERS_WAITING | WRITERS_WAITING);
    join_all(sleepers.into());
    assert_eq!(word(&memory.buffer).load(Relaxed), 0);
}

fn what_a_dead_reader_held_stays_held_until_it_is_unlocked_in_its_name(memory: &Memory) {
    let _watchdog = Watchdog::new("what_a_dead_reader_held");
    let lock = rw_lock(&memory.buffer);
    let guard = lock.read().unwrap();
    let holder = fork(memory, |buffer| {
        let _guard = rw_lock(buffer).read().unwrap();
        stay(buffer)
    });
    kill_where_it_stays(memory, holder);
    assert_eq!(lock.readers(), 2);
    let guard = guard.try_upgrade().expect_err("the dead one still reads");
    drop(guard);
    assert_eq!(lock.readers(), 1);
    assert!(lock.write_for(SHORT).is_none());
    drop(lock.try_read().unwrap().expect("beside the dead one"));
    lock.unlock_read().unwrap();
    assert!(lock.try_write().is_some());
}

fn what_a_dead_writer_held_stays_held_until_it_is_unlocked_in_its_name(memory: &Memory) {
    let _watchdog = Watchdog::new("what_a_dead_writer_held");
    let lock = rw_lock(&memory.buffer);
    let holder = fork(memory, |buffer| {
        let _guard = rw_lock(buffer).write();
        stay(buffer)
    });
    kill_where_it_stays(memory, holder);
    assert!(lock.is_writing());
    assert!(lock.write_for(SHORT).is_none());
    assert!(lock.read_for(SHORT).unwrap().is_none());
    lock.unlock_write().unwrap();
    assert!(lock.try_read().unwrap().is_some());
}
