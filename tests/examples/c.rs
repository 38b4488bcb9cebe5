//! A program in C, made from the header that the book shows, shares a lock and a semaphore with processes that use the
//! crate: over a file, a named object and a descriptor, in their word size and in the other.
#![cfg(target_os = "linux")]

#[allow(unreachable_pub, reason = "it is written as a crate of its own would publish it")]
#[path = "../../docs/src/c/header.rs"]
mod header;
use crate::support::processes::{self, End, Process, join_all};
use crate::support::{Memory, Watchdog, skipped, until};
use header::{Header, VERSION};
use slotsync::{Lock, Origin, Semaphore, SharedBuffer, Slot, counters};
use std::ffi::OsString;
use std::fs;
use std::mem;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::Ordering::{Relaxed, Release};
use std::thread;
use tempfile::TempDir;

/// The tests, for a C program of one word size. Each gets the word size's flags.
macro_rules! with_peers {
    ($($test:ident)*) => {
        /// As the compiler makes it if it is not told otherwise: mostly in 64 bits, whatever this program has.
        mod of_its_own_word_size {
            use super::*;
            $(
                #[test]
                fn $test() {
                    with_peer(concat!("c::of_its_own_word_size::", stringify!($test)), &[], super::$test);
                }
            )*
        }

        #[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
        mod of_32_bits {
            use super::*;
            $(
                #[test]
                fn $test() {
                    with_peer(concat!("c::of_32_bits::", stringify!($test)), M32, super::$test);
                }
            )*
        }
    };
}

with_peers! {
    what_does_not_wait_answers_as_the_crate_does
    a_header_of_another_version_is_refused
    a_lock_is_handed_back_and_forth
    permits_are_handed_back_and_forth
    one_at_a_time_holds_the_lock
    no_more_permits_are_taken_than_there_are
    those_who_need_different_numbers_do_not_strand_each_other
    one_that_needs_several_swallows_no_wake_of_one
    what_is_left_is_passed_on_to_all_if_one_needs_several
    a_peer_that_died_before_the_wake_strands_nobody_beyond_one_slice
}

/// The kernel's own headers are the same for both word sizes, and lie where only a compiler for 64 bits looks.
const M32: &[&str] = &["-m32", "-idirafter", "/usr/include/x86_64-linux-gnu"];

/// So long that no sleep in C ends by itself: what nobody wakes hangs, and the watchdog says so.
const NO_SLICES: &str = "-DSLOTSYNC_SLICE=1000000";

/// The marks of a semaphore.
const WAITING: i32 = 1 << 30;
const MANY_WAITING: i32 = i32::MIN;

/// The words of a game, away from the header.
const FIRST: usize = 64;
const SECOND: usize = 80;
const GATE: usize = 96;
const TURN: usize = 112;
const INSIDE: usize = 128;

fn what_does_not_wait_answers_as_the_crate_does(peer: &Peer) {
    for memory in memories() {
        peer.start(&memory, "answer", &[FIRST, SECOND]).join();
        assert!([FIRST, SECOND].iter().all(|index| slot(&memory.buffer, *index).load(Relaxed) == 0));
    }
}

fn a_header_of_another_version_is_refused(peer: &Peer) {
    for memory in memories() {
        Header::version(&memory.buffer).unwrap().store(VERSION + 1, Relaxed);
        assert_eq!(peer.start(&memory, "answer", &[FIRST, SECOND]).end(), End::Exited(3));
    }
}

fn a_lock_is_handed_back_and_forth(peer: &Peer) {
    for memory in memories() {
        for is_second in [false, true] {
            // Locked, so that who takes one waits until the other gives it.
            for index in [FIRST, SECOND] {
                mem::forget(Lock::new(&memory.buffer, index).unwrap().lock());
            }
            hand_over(peer, &memory, is_second, 0);
            for index in [FIRST, SECOND] {
                Lock::new(&memory.buffer, index).unwrap().unlock().unwrap();
            }
        }
    }
}

fn permits_are_handed_back_and_forth(peer: &Peer) {
    for memory in memories() {
        for (is_second, permits) in [(false, 1), (true, 1), (false, 3), (true, 3)] {
            hand_over(peer, &memory, is_second, permits);
            assert!([FIRST, SECOND].iter().all(|index| semaphore(&memory.buffer, *index).permits() == 0));
        }
    }
}

/// A game of one process in C and one in Rust, one of which is the second. In its first steps the gate opens only when
/// the other player sleeps: so each sleeps for sure, and is woken by the other. Then it opens for good.
fn hand_over(peer: &Peer, memory: &Memory, is_second: bool, permits: u32) {
    const WATCHED: i32 = 40;
    const STEPS: i32 = 4_000;
    let [gate, turn] = [GATE, TURN].map(|index| slot(&memory.buffer, index));
    gate.store(0, Relaxed);
    turn.store(0, Relaxed);
    let (own, other) = if is_second { (SECOND, FIRST) } else { (FIRST, SECOND) };
    let numbers = [(!is_second).into(), STEPS as usize, permits as usize, other, own, GATE, TURN];
    let foreign = peer.start(memory, "hand-over", &numbers);
    let native = processes::fork(memory, |buffer| {
        let before = counters().sleeps;
        play(buffer, is_second, STEPS, permits, [own, other]);
        assert!(counters().sleeps - before >= WATCHED as usize / 2, "it was not put to sleep");
        0
    });
    let players = if is_second { [&foreign, &native] } else { [&native, &foreign] };
    for step in 0..WATCHED {
        players[(step as usize + 1) % 2].until_asleep();
        gate.store(step + 1, Relaxed);
    }
    gate.store(i32::MAX, Relaxed);
    native.join();
    foreign.join();
    assert_eq!(turn.load(Relaxed), STEPS);
}

/// What `hand_over` in peer.c does.
fn play(buffer: &SharedBuffer, is_second: bool, steps: i32, permits: u32, [own, other]: [usize; 2]) {
    let [gate, turn] = [GATE, TURN].map(|index| slot(buffer, index));
    for step in (i32::from(is_second)..steps).step_by(2) {
        if step > 0 {
            take(buffer, own, permits);
        }
        until("the gate is open", || gate.load(Relaxed) > step);
        assert_eq!(turn.load(Relaxed), step);
        turn.store(step + 1, Relaxed);
        give(buffer, other, permits);
    }
    if !is_second {
        take(buffer, own, permits);
    }
}

fn one_at_a_time_holds_the_lock(peer: &Peer) {
    const ROUNDS: usize = 5_000;
    for memory in memories() {
        let foreign = [(); 2].map(|()| peer.start(&memory, "count", &[ROUNDS]));
        let native = processes::fork_all(&memory, 2, |buffer| {
            let (lock, total) = (Header::lock(buffer).unwrap(), Header::total(buffer).unwrap());
            for round in 0..ROUNDS {
                let _guard = lock.lock();
                let was = total.load(Relaxed);
                if round % 8 == 0 {
                    thread::yield_now();
                }
                total.store(was + 1, Relaxed);
            }
        });
        join_all(native);
        join_all(foreign.into());
        assert_eq!(Header::total(&memory.buffer).unwrap().load(Relaxed), 4 * ROUNDS as i32);
        assert!(!Header::lock(&memory.buffer).unwrap().is_locked());
    }
}

fn no_more_permits_are_taken_than_there_are(peer: &Peer) {
    const ROUNDS: usize = 5_000;
    const PERMITS: usize = 3;
    for memory in memories() {
        Header::permits(&memory.buffer).unwrap().release(PERMITS as u32).unwrap();
        let foreign = [(); 2].map(|()| peer.start(&memory, "share-permits", &[ROUNDS, PERMITS, INSIDE]));
        let native = processes::fork_all(&memory, 2, |buffer| {
            let (semaphore, inside) = (Header::permits(buffer).unwrap(), slot(buffer, INSIDE));
            for round in 0..ROUNDS {
                let count = 1 + round % PERMITS;
                semaphore.acquire_many(count as u32).unwrap();
                assert!(inside.fetch_add(count as i32, Relaxed) + count as i32 <= PERMITS as i32);
                if round % 8 == 0 {
                    thread::yield_now();
                }
                inside.fetch_sub(count as i32, Relaxed);
                semaphore.release(count as u32).unwrap();
            }
        });
        join_all(native);
        join_all(foreign.into());
        assert_eq!(Header::permits(&memory.buffer).unwrap().permits(), PERMITS as u32);
        assert_eq!(slot(&memory.buffer, INSIDE).load(Relaxed), 0);
    }
}

/// They fall asleep one after the other, in C and in Rust by turns. Then the permits come: one by one or all at once,
/// from C, from Rust or from both by turns.
fn those_who_need_different_numbers_do_not_strand_each_other(peer: &Peer) {
    for memory in memories() {
        for counts in [[1, 1, 1, 1], [1, 2, 3, 1], [3, 1, 2, 1]] {
            let all = counts.iter().sum();
            let release = |is_foreign, permits: u32, times: u32| match is_foreign {
                true => peer.start(&memory, "give", &[FIRST, permits as usize, times as usize]).join(),
                false => (0..times).for_each(|_| give(&memory.buffer, FIRST, permits)),
            };
            let ways: [&dyn Fn(); 5] = [
                &|| release(true, 1, all),
                &|| release(false, 1, all),
                &|| release(true, all, 1),
                &|| release(false, all, 1),
                &|| (0..all).for_each(|permit| release(permit % 2 == 0, 1, 1)),
            ];
            for (way, is_foreign) in ways.into_iter().flat_map(|way| [(way, false), (way, true)]) {
                let sleepers = sleepers(peer, &memory, counts, is_foreign);
                way();
                join_all(sleepers);
                assert_eq!(semaphore(&memory.buffer, FIRST).permits(), 0);
            }
        }
    }
}

fn sleepers(peer: &Peer, memory: &Memory, counts: [u32; 4], mut is_foreign: bool) -> Vec<Process> {
    let sleeper = |count: u32| {
        is_foreign = !is_foreign;
        let sleeper = match is_foreign {
            true => peer.start(memory, "take", &[FIRST, count as usize]),
            false => processes::fork(memory, |buffer| {
                take(buffer, FIRST, count);
                0
            }),
        };
        sleeper.until_asleep();
        sleeper
    };
    counts.into_iter().map(sleeper).collect()
}

/// What a release left, and whom it would have woken, is written by hand here.
fn one_that_needs_several_swallows_no_wake_of_one(peer: &Peer) {
    for memory in memories() {
        let word = slot(&memory.buffer, FIRST);
        word.store(2 + WAITING, Relaxed);
        // It needs one permit of the two, and the wake that is under way to it is what the other could swallow.
        let others = raw_sleepers(&memory, 1);
        let foreign = peer.start(&memory, "take", &[FIRST, 3]);
        join_all(others);
        foreign.until_asleep();
        assert_eq!(word.load(Relaxed), 2 + WAITING + MANY_WAITING);
        give(&memory.buffer, FIRST, 1);
        foreign.join();
        assert_eq!(word.load(Relaxed), MANY_WAITING);
    }
}

fn what_is_left_is_passed_on_to_all_if_one_needs_several(peer: &Peer) {
    for memory in memories() {
        let word = slot(&memory.buffer, FIRST);
        word.store(0, Relaxed);
        let foreign = peer.start(&memory, "take", &[FIRST, 1]);
        foreign.until_asleep();
        assert_eq!(word.swap(2 + MANY_WAITING, Release), WAITING);
        let others = raw_sleepers(&memory, 2);
        // Its wait compares the word anew when it is continued: as if it had been woken, but none of the others.
        foreign.signal(libc::SIGSTOP);
        foreign.signal(libc::SIGCONT);
        foreign.join();
        join_all(others);
        assert_eq!(word.load(Relaxed), 1 + WAITING + MANY_WAITING);
    }
}

/// Processes that sleep as long as the word holds what it holds now, and fail if nobody wakes them when it changes.
fn raw_sleepers(memory: &Memory, number: usize) -> Vec<Process> {
    let expected = slot(&memory.buffer, FIRST).load(Relaxed);
    processes::fork_asleep(memory, number, |buffer| {
        let _ = slot(buffer, FIRST).wait(expected);
    })
}

/// The header as it comes, with its slices.
fn a_peer_that_died_before_the_wake_strands_nobody_beyond_one_slice(peer: &Peer) {
    for memory in memories() {
        mem::forget(Lock::new(&memory.buffer, FIRST).unwrap().lock());
        // A lock, and a semaphore: the word while somebody sleeps, and all that a release does before its wake.
        for (index, permits, asleep, released) in [(FIRST, 0, 2, 0), (SECOND, 1, WAITING, 1)] {
            let sleeper = peer.start_sliced(&memory, "take", &[index, permits]);
            sleeper.until_asleep();
            assert_eq!(slot(&memory.buffer, index).swap(released, Release), asleep);
            sleeper.join();
        }
    }
}

fn slot(buffer: &SharedBuffer, index: usize) -> Slot<'_> {
    buffer.slot(index).unwrap()
}

fn semaphore(buffer: &SharedBuffer, index: usize) -> Semaphore<'_> {
    Semaphore::new(buffer, index).unwrap()
}

/// The word is a lock if no permits are asked for, else a semaphore: as in peer.c.
fn take(buffer: &SharedBuffer, index: usize, permits: u32) {
    match permits {
        0 => mem::forget(Lock::new(buffer, index).unwrap().lock()),
        _ => semaphore(buffer, index).acquire_many(permits).unwrap(),
    }
}

fn give(buffer: &SharedBuffer, index: usize, permits: u32) {
    match permits {
        0 => Lock::new(buffer, index).unwrap().unlock().unwrap(),
        _ => semaphore(buffer, index).release(permits).unwrap(),
    }
}

/// Memory that a program which is no child of `fork` can map, with a header.
fn memories() -> impl Iterator<Item = Memory> {
    [Memory::file, Memory::named, Memory::memfd].into_iter().map(|memory| {
        let memory = memory();
        Header::version(&memory.buffer).unwrap().store(VERSION, Release);
        memory
    })
}

/// The program in C, in a folder of its own, with and without [`NO_SLICES`].
struct Peer {
    program: PathBuf,
    sliced: PathBuf,
    _folder: TempDir,
}

/// Runs the test with a program that is compiled with these flags, or says why it cannot.
fn with_peer(name: &'static str, flags: &[&str], test: fn(&Peer)) {
    let _watchdog = Watchdog::new(name);
    let folder = TempDir::new().unwrap();
    if let Err(reason) = probe(folder.path(), flags) {
        return skipped(name, &reason);
    }
    let [program, sliced] = [("peer", NO_SLICES), ("sliced", "-DPEER")].map(|(program, define)| {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let program = folder.path().join(program);
        let mut compiler = compiler(flags);
        compiler.arg(define).arg("-I").arg(package.join("docs/src/c"));
        compiler.arg(package.join("tests/examples/c/peer.c")).arg("-o").arg(&program).arg("-lrt");
        let output = compiler.output().unwrap();
        assert!(output.status.success(), "{}", complaints(&output));
        program
    });
    let peer = Peer { program, sliced, _folder: folder };
    test(&peer);
    assert_eq!(counters().rescues, 0, "a lost wakeup, found by the end of a slice");
}

/// Is there a compiler that makes programs with these flags, and do they run?
fn probe(folder: &Path, flags: &[&str]) -> Result<(), String> {
    let [source, program] = ["probe.c", "probe"].map(|name| folder.join(name));
    fs::write(&source, "#include <linux/futex.h>\n#include <stdio.h>\nint main(void) { return 0; }\n").unwrap();
    let mut compiler = compiler(flags);
    let name = compiler.get_program().to_string_lossy().into_owned();
    let output = compiler.arg(&source).arg("-o").arg(&program).output();
    let output = output.map_err(|error| format!("there is no C compiler {name}: {error}"))?;
    if !output.status.success() {
        let complaints = complaints(&output);
        let first = complaints.lines().next().unwrap_or_default();
        return Err(format!("{name} {} makes no program: {first}", flags.join(" ")));
    }
    match Command::new(program).status() {
        Ok(status) if status.success() => Ok(()),
        outcome => Err(format!("what {name} {} makes does not run: {outcome:?}", flags.join(" "))),
    }
}

fn complaints(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// `$CC`, which may have arguments of its own, or `cc`.
fn compiler(flags: &[&str]) -> Command {
    let words = std::env::var("CC").unwrap_or_default();
    let mut words = words.split_whitespace();
    let mut compiler = Command::new(words.next().unwrap_or("cc"));
    compiler.args(words).args(["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror"]).args(flags);
    compiler
}

impl Peer {
    fn start(&self, memory: &Memory, command: &str, numbers: &[usize]) -> Process {
        start(&self.program, memory, command, numbers)
    }

    fn start_sliced(&self, memory: &Memory, command: &str, numbers: &[usize]) -> Process {
        start(&self.sliced, memory, command, numbers)
    }
}

fn start(program: &Path, memory: &Memory, command: &str, numbers: &[usize]) -> Process {
    let descriptor = memory.buffer.as_fd();
    let (place, inherited) = match memory.buffer.origin() {
        Origin::File(path) => (prefixed("file:", path.as_os_str().to_owned()), None),
        Origin::Named(name) => (prefixed("named:/", name.trim_start_matches('/').into()), None),
        _ => (prefixed("fd:", descriptor.unwrap().as_raw_fd().to_string().into()), descriptor),
    };
    let mut peer = Command::new(program);
    peer.arg(place).arg(command).args(numbers.iter().map(usize::to_string));
    Process::fork(|| {
        inherited.into_iter().for_each(inherit);
        panic!("{program:?}: {}", peer.exec())
    })
}

fn prefixed(prefix: &str, text: OsString) -> OsString {
    let mut prefixed = OsString::from(prefix);
    prefixed.push(text);
    prefixed
}

/// From now on, what this process executes has the descriptor too.
fn inherit(descriptor: BorrowedFd<'_>) {
    rustix::io::fcntl_setfd(descriptor, rustix::io::FdFlags::empty()).unwrap();
}
