//! Oversubscribed stress: 16 agents, as threads and as processes, over every origin of memory.
//!
//! Each run reports the operations and the sleeps that it reached, and fails if it never slept: a stress in which nobody
//! waits tests nothing. `SLOTSYNC_STRESS_ROUNDS=100` runs it that much longer.
#![cfg(all(target_os = "linux", not(loom)))]

#[macro_use]
mod support;

use slotsync::{Lock, SharedBuffer, counters};
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;
use support::processes::Process;
use support::{Memory, Watchdog};

const AGENTS: usize = 16;
const LOCK: usize = 0;
/// What the lock protects: two words that must never be seen to differ.
const FIRST: usize = 64;
const SECOND: usize = 96;
/// What the agents report: how often they got in, how often they slept, how often they were rescued.
const ENTRIES: usize = 128;
const SLEEPS: usize = 160;
const RESCUES: usize = 192;

/// How many times each agent passes, in all its ways of taking the lock.
fn passes() -> i32 {
    let rounds =
        std::env::var("SLOTSYNC_STRESS_ROUNDS").map_or(1, |rounds| rounds.parse().expect("a number of rounds"));
    if support::is_emulated() { 100 } else { 5_000 * rounds }
}

/// One agent: takes the lock in every way there is, and counts how often it got in.
fn agent(buffer: &SharedBuffer, seed: u32) {
    let lock = Lock::new(buffer, LOCK).unwrap();
    let [first, second, entries] = [FIRST, SECOND, ENTRIES].map(|index| buffer.slot(index).unwrap());
    let mut random = seed;
    for _ in 0..passes() {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let guard = match random >> 30 {
            0 => lock.try_lock(),
            1 => lock.lock_for(Duration::from_micros(u64::from(random >> 20 & 1023))),
            _ => Some(lock.lock()),
        };
        let Some(_guard) = guard else { continue };
        let seen = first.load(Relaxed);
        assert_eq!(seen, second.load(Relaxed), "two agents are in");
        first.store(seen.wrapping_add(1), Relaxed);
        // Let others run into the lock while it is held.
        if random >> 16 & 7 == 0 {
            thread::yield_now();
        }
        second.store(seen.wrapping_add(1), Relaxed);
        entries.fetch_add(1, Relaxed);
    }
}

/// What must be so at the end, and what was reached.
fn conclude(what: &str, buffer: &SharedBuffer) {
    let [first, entries, sleeps, rescues] =
        [FIRST, ENTRIES, SLEEPS, RESCUES].map(|index| buffer.slot(index).unwrap().load(Relaxed));
    println!("{what} over {buffer:?}: {entries} entries, {sleeps} sleeps");
    assert_eq!(first, entries, "an entry was lost");
    assert!(sleeps > 0, "nobody ever slept, so this tested nothing");
    assert_eq!(rescues, 0, "a wakeup was lost");
    assert!(!Lock::new(buffer, LOCK).unwrap().is_locked());
}

over_every_origin! { sixteen_threads }

fn sixteen_threads(memory: &Memory) {
    let _watchdog = Watchdog::with_patience("sixteen_threads", Duration::from_secs(600));
    let buffer = &memory.buffer;
    // In a process of its own, since the counters are the process's.
    Process::fork(|| {
        thread::scope(|threads| {
            for seed in 0..AGENTS {
                threads.spawn(move || agent(buffer, seed.try_into().unwrap()));
            }
        });
        report(buffer);
        conclude("16 threads", buffer);
        0
    })
    .join();
}

over_shared_origins! { sixteen_processes }

fn sixteen_processes(memory: &Memory) {
    let _watchdog = Watchdog::with_patience("sixteen_processes", Duration::from_secs(600));
    let agents: Vec<_> = (0..AGENTS)
        .map(|seed| {
            Process::fork(move || {
                let again = memory.again();
                let buffer = again.as_ref().unwrap_or(&memory.buffer);
                agent(buffer, seed.try_into().unwrap());
                report(buffer);
                0
            })
        })
        .collect();
    for agent in agents {
        agent.join();
    }
    conclude("16 processes", &memory.buffer);
}

/// Adds what this process did on the futex floor to what is reported.
fn report(buffer: &SharedBuffer) {
    let counters = counters();
    buffer.slot(SLEEPS).unwrap().fetch_add(counters.sleeps.try_into().unwrap(), Relaxed);
    buffer.slot(RESCUES).unwrap().fetch_add(counters.rescues.try_into().unwrap(), Relaxed);
}
