//! The reader-writer lock's tables.

use super::rows::{self, Names, SHORT, giving_up, word};
use crate::support::{Watchdog, sees_sleepers, until};
use slotsync::{NotHeld, RwLock, SharedBuffer, TimedOut};
use std::sync::atomic::Ordering::Relaxed;
use std::{mem, thread};

const MAX: i32 = (1 << 29) - 1;
const WRITING: i32 = 1 << 29;
const READERS_WAITING: i32 = 1 << 30;
const WRITERS_WAITING: i32 = i32::MIN;
const MARKS: i32 = READERS_WAITING | WRITERS_WAITING;
const NAMES: Names<'_> = &[
    ("n", &[1, 2, 1000, MAX - 1]),
    ("k", &[2, 3, 1000, MAX - 1]),
    ("m", &[0, READERS_WAITING, WRITERS_WAITING, MARKS]),
    ("r", &[0, READERS_WAITING]),
    ("w", &[WRITERS_WAITING, MARKS]),
    ("WRITING", &[WRITING]),
    ("READERS_WAITING", &[READERS_WAITING]),
    ("WRITERS_WAITING", &[WRITERS_WAITING]),
    ("MAX", &[MAX]),
];

#[test]
fn the_states_of_a_rw_lock_are_those_of_the_table() {
    rows::look("rw_lock.md", "rw_lock states", NAMES, 13, |buffer| {
        let lock = lock(buffer);
        match (lock.is_write_locked(), lock.readers()) {
            (true, 0) => "a writer".to_owned(),
            (false, 0) => "nobody".to_owned(),
            (false, readers) => readers.to_string(),
            (true, _) => panic!("one writes, and others read"),
        }
    });
}

/// What the last column of that table says.
#[test]
fn a_reader_comes_in_where_the_table_says_so() {
    rows::each("rw_lock.md", "rw_lock states", NAMES, |row, buffer| {
        let is_let_in = lock(buffer).try_read().map(mem::forget).is_some();
        assert_eq!(if is_let_in { "yes" } else { "no" }, row[3], "{row:?}");
    });
}

#[test]
fn every_transition_of_a_rw_lock_is_that_of_the_table() {
    let _watchdog = Watchdog::new("every_transition_of_a_rw_lock_is_that_of_the_table");
    let calls = [
        ("initialize", 2),
        ("try_read", 7),
        ("read at once", 2),
        ("read after a sleep", 2),
        ("read_for that gives up", 3),
        ("try_write", 3),
        ("write at once", 1),
        ("write after a sleep", 2),
        ("write_for that gives up before another", 2),
        ("write_for that gives up as the last", 2),
        ("unlock_read", 11),
        ("unlock_write", 6),
        ("downgrade", 5),
        ("downgrade before another", 1),
        ("downgrade as the last", 1),
        ("try_upgrade", 3),
    ];
    rows::run("rw_lock.md", "rw_lock transitions", NAMES, &calls, make);
}

/// The column *wakes* counts sleepers of no class, so it cannot see this: the mark of writers is false here.
#[test]
fn a_release_that_finds_no_writer_asleep_wakes_the_readers() {
    let _watchdog = Watchdog::new("a_release_that_finds_no_writer_asleep_wakes_the_readers");
    let buffer = SharedBuffer::new(4).unwrap();
    for _ in 0..100 {
        let lock = lock(&buffer);
        let guard = lock.write();
        thread::scope(|threads| {
            for _ in 0..2 {
                threads.spawn(move || drop(lock.read()));
            }
            until("a reader leaves its mark", || word(&buffer).load(Relaxed) & READERS_WAITING != 0);
            word(&buffer).fetch_or(WRITERS_WAITING, Relaxed);
            drop(guard);
        });
        assert_eq!(word(&buffer).load(Relaxed) & !READERS_WAITING, 0);
        word(&buffer).store(0, Relaxed);
    }
}

fn lock(buffer: &SharedBuffer) -> RwLock<'_> {
    RwLock::new(buffer, 0).unwrap()
}

/// Makes the call on the lock in slot 0 and says how it answered. What it takes it keeps.
fn make(call: &str, buffer: &SharedBuffer) -> String {
    let lock = lock(buffer);
    let answer = match call {
        "initialize" => {
            RwLock::initialize(buffer, 0).unwrap();
            "a handle"
        }
        "try_read" => taken(lock.try_read()),
        "read at once" => taken(Some(lock.read())),
        "read after a sleep" => after_a_sleep(buffer, READERS_WAITING, || taken(Some(lock.read()))),
        "read_for that gives up" => {
            return giving_up(buffer, READERS_WAITING, || in_time(lock.read_for(SHORT)).to_owned());
        }
        "try_write" => taken(lock.try_write()),
        "write at once" => taken(Some(lock.write())),
        "write after a sleep" => after_a_sleep(buffer, WRITERS_WAITING, || taken(Some(lock.write()))),
        "write_for that gives up before another" => {
            // One of the sleepers is the other. Where there are none, nobody sets the marks.
            let marks = if sees_sleepers() { MARKS } else { 0 };
            let answer = giving_up_to_write(buffer, !marks & MARKS, marks);
            word(buffer).fetch_or(MARKS, Relaxed);
            answer
        }
        // The sleepers are others before which it gives up, until they are all gone.
        "write_for that gives up as the last" => giving_up_to_write(buffer, MARKS, 0),
        "unlock_read" => done(lock.unlock_read()),
        "unlock_write" => done(lock.unlock_write()),
        "downgrade" => downgrade(buffer),
        "downgrade before another" => {
            let marks = word(buffer).load(Relaxed) & MARKS;
            let answer = downgrade(buffer);
            // One of the sleepers is the other. Where there are none, the marks are its own.
            if !sees_sleepers() {
                word(buffer).fetch_or(marks, Relaxed);
            }
            answer
        }
        // As above: until they are all gone.
        "downgrade as the last" => {
            let before = word(buffer).load(Relaxed);
            let mut answer = downgrade(buffer);
            while word(buffer).load(Relaxed) & MARKS != 0 {
                word(buffer).store(before, Relaxed);
                answer = downgrade(buffer);
            }
            answer
        }
        "try_upgrade" => taken(with_a_guard(buffer, || lock.try_read().unwrap()).try_upgrade().map_or_else(
            |guard| {
                mem::forget(guard);
                None
            },
            Some,
        )),
        _ => panic!("a call that this test does not know: {call}"),
    };
    answer.to_owned()
}

fn downgrade(buffer: &SharedBuffer) -> &'static str {
    mem::forget(with_a_guard(buffer, || lock(buffer).try_write().unwrap()).downgrade());
    "a guard"
}

/// A guard of the lock, and then the word as it was before.
fn with_a_guard<T>(buffer: &SharedBuffer, take: impl FnOnce() -> T) -> T {
    let was = word(buffer).swap(0, Relaxed);
    let guard = take();
    word(buffer).store(was, Relaxed);
    guard
}

/// Makes the call until it has slept, as `giving_up` does: then the marks are no longer those from before, but these.
fn giving_up_to_write(buffer: &SharedBuffer, before: i32, after: i32) -> &'static str {
    word(buffer).fetch_and(!MARKS, Relaxed);
    word(buffer).fetch_or(before, Relaxed);
    let mut answer = in_time(lock(buffer).write_for(SHORT));
    for _ in 0..1000 {
        if word(buffer).load(Relaxed) & MARKS == after {
            break;
        }
        answer = in_time(lock(buffer).write_for(SHORT));
    }
    answer
}

/// That it marked the word is what can be seen of an agent that is going to sleep.
fn after_a_sleep(buffer: &SharedBuffer, mark: i32, call: impl FnOnce() -> &'static str + Send) -> &'static str {
    // A mark that is there already says nothing: the call sets it again.
    word(buffer).fetch_and(!mark, Relaxed);
    thread::scope(|threads| {
        let sleeper = threads.spawn(call);
        until("it leaves its mark", || word(buffer).load(Relaxed) & mark != 0);
        let lock = lock(buffer);
        if lock.is_write_locked() {
            lock.unlock_write().unwrap();
        } else {
            word(buffer).fetch_sub(lock.readers() as i32 - 1, Relaxed);
            lock.unlock_read().unwrap();
        }
        sleeper.join().unwrap()
    })
}

fn in_time<T>(guard: Result<T, TimedOut>) -> &'static str {
    guard.map_or("timed out", |guard| taken(Some(guard)))
}

fn taken<T>(guard: Option<T>) -> &'static str {
    match guard {
        Some(guard) => {
            mem::forget(guard);
            "a guard"
        }
        None => "none",
    }
}

fn done(result: Result<(), NotHeld>) -> &'static str {
    match result {
        Ok(()) => "done",
        Err(NotHeld) => "`NotHeld`",
    }
}
