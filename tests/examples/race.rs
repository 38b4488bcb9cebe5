//! The program that a stranger runs first, run as a stranger does: over every origin, with wrong arguments, with
//! workers that die, with Ctrl-C. It must report, end, and leave nothing behind.
#![cfg(target_os = "linux")]

use crate::support::runs::{Ended, Run, assert_refused, is_skipped};
use crate::support::until;
use rustix::process::{Signal, kill_process};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::ffi::OsString;
use std::fs::File;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::process::Command;
use std::thread;

/// All that processes can share memory by.
const ORIGINS: [&str; 4] = ["memfd", "named", "file", "anonymous"];

/// So long that it is still running when a test has seen what it waits for.
const ENDLESS: [&str; 4] = ["--workers", "4", "--increments", "100000000"];

/// The program of `examples/race`.
struct Race;

impl Race {
    fn start(arguments: &[&str]) -> Run {
        Run::start("race", arguments)
    }

    fn start_with(arguments: &[&str], prepare: impl FnOnce(&mut Command)) -> Run {
        Run::start_with("race", arguments, prepare)
    }
}

/// The table that a run prints.
trait Table {
    fn has_table(&self) -> bool;
    fn await_table(&mut self);
}

impl Table for Run {
    /// All workers have the memory by then.
    fn has_table(&self) -> bool {
        self.read("output").contains("expected")
    }

    fn await_table(&mut self) {
        until("the table begins", || {
            assert_eq!(self.parent.try_wait().unwrap(), None, "{}", self.read("complaints"));
            self.has_table()
        });
    }
}

/// The rows of the table, at the end.
trait Rows {
    fn row(&self, name: &str) -> ([i64; 3], &str);
    fn assert_table(&self, expected: i64);
}

impl Rows for Ended {
    /// What was expected, found and lost in the row of that name, and the explanation below it.
    fn row(&self, name: &str) -> ([i64; 3], &str) {
        let mut lines = self.output.lines().skip_while(|line| !line.starts_with(&format!("{name}  ")));
        let row = lines.next().unwrap_or_else(|| panic!("no row {name:?} in:\n{}", self.output));
        let mut numbers = row[name.len()..].split_whitespace().map(|number| number.parse::<f64>().unwrap() as i64);
        (std::array::from_fn(|_| numbers.next().unwrap()), lines.next().unwrap())
    }

    fn assert_table(&self, expected: i64) {
        self.assert_code(0);
        assert_eq!(self.complaints, "");
        for remedy in ["fetch_add", "load, then store, in a Lock"] {
            assert_eq!(self.row(remedy).0, [expected, expected, 0], "{remedy}:\n{}", self.output);
        }
        for racy in ["load, then store", "swap(load + 1)"] {
            let (numbers, why) = self.row(racy);
            let [_, found, lost] = numbers;
            assert_eq!(numbers, [expected, found, expected - found], "{racy}:\n{}", self.output);
            assert!((1..=expected).contains(&found), "{racy}:\n{}", self.output);
            assert_eq!(lost == 0, why.contains("None lost this time"), "{racy}:\n{}", self.output);
        }
    }
}

#[test]
fn the_remedies_are_exact_between_processes_over_every_origin() {
    if is_skipped() {
        return;
    }
    for origin in ORIGINS {
        let race = Race::start(&["--workers", "3", "--increments", "20000", "--origin", origin]).end();
        race.assert_table(60_000);
        assert!(race.output.starts_with(&format!("3 processes, {origin} memory:")), "{}", race.output);
    }
}

#[test]
fn the_remedies_are_exact_between_threads_over_every_origin() {
    if is_skipped() {
        return;
    }
    for origin in ORIGINS.into_iter().chain(["heap"]) {
        let race = Race::start(&["--threads", "--workers", "3", "--increments", "20000", "--origin", origin]).end();
        race.assert_table(60_000);
        assert!(race.output.starts_with(&format!("3 threads, {origin} memory:")), "{}", race.output);
    }
}

#[test]
fn processes_share_memfd_memory_and_threads_the_heap_unless_told_otherwise() {
    if is_skipped() {
        return;
    }
    let few = ["--increments", "10", "--threads"];
    let processes = Race::start(&few[..2]).end();
    assert!(processes.output.starts_with("4 processes, memfd memory:"), "{}", processes.output);
    let threads = Race::start(&few).end();
    assert!(threads.output.starts_with("4 threads, heap memory:"), "{}", threads.output);
}

#[test]
fn the_broken_variants_lose_updates() {
    if is_skipped() {
        return;
    }
    // They may be lucky once, but not forever.
    until("both lose in one run", || {
        let race = Race::start(&["--increments", "200000"]).end();
        race.assert_table(800_000);
        ["load, then store", "swap(load + 1)"].iter().all(|racy| race.row(racy).0[2] > 0)
    });
}

/// Workers that only take turns lose updates, too, because they yield between the load and the store.
#[test]
fn the_broken_variants_lose_updates_on_a_single_processor() {
    if is_skipped() {
        return;
    }
    for arguments in [&["--increments", "200000"][..], &["--increments", "200000", "--threads"]] {
        until("both lose in one run", || {
            let race = on_one_processor(|| Race::start(arguments)).end();
            race.assert_table(800_000);
            ["load, then store", "swap(load + 1)"].iter().all(|racy| race.row(racy).0[2] > 0)
        });
    }
}

/// What is started has the processors of the thread that starts it.
fn on_one_processor<T: Send>(start: impl FnOnce() -> T + Send) -> T {
    let start = || {
        let mine = sched_getaffinity(None).unwrap();
        let first = (0..CpuSet::MAX_CPU).find(|processor| mine.is_set(*processor)).unwrap();
        let mut one = CpuSet::new();
        one.set(first);
        sched_setaffinity(None, &one).unwrap();
        start()
    };
    thread::scope(|threads| threads.spawn(start).join().unwrap())
}

#[test]
fn a_broken_variant_that_loses_nothing_says_so() {
    if is_skipped() {
        return;
    }
    // A worker alone has nobody to race with.
    let race = Race::start(&["--workers", "1", "--increments", "1000"]).end();
    race.assert_table(1000);
    for racy in ["load, then store", "swap(load + 1)"] {
        let (numbers, why) = race.row(racy);
        assert_eq!(numbers, [1000, 1000, 0]);
        assert!(why.contains("None lost this time"), "{why}");
    }
}

#[test]
fn a_bad_argument_is_refused_with_its_value_and_the_bound() {
    if is_skipped() {
        return;
    }
    let cases: [(&[&str], &[&str]); 14] = [
        (&["--workers"], &["--workers", "1 to 128"]),
        (&["--workers", "0"], &["\"0\"", "1 to 128"]),
        (&["--workers", "129"], &["\"129\"", "1 to 128"]),
        (&["--workers", "many"], &["\"many\"", "1 to 128"]),
        (&["--workers", "99999999999999999999"], &["\"99999999999999999999\"", "1 to 128"]),
        (&["--increments"], &["--increments", "1 to 100000000"]),
        (&["--increments", "-1"], &["\"-1\"", "1 to 100000000"]),
        (&["--increments", "100000001"], &["\"100000001\"", "1 to 100000000"]),
        (&["--workers", "22", "--increments", "100000000"], &["2200000000", "2147483647"]),
        (&["--origin"], &["memfd, named, file, anonymous, heap"]),
        (&["--origin", "disk"], &["\"disk\"", "memfd, named, file, anonymous, heap"]),
        (&["--origin", "heap"], &["\"heap\"", "--threads"]),
        (&["--speed", "9"], &["\"--speed\"", "--help"]),
        (&["4"], &["\"4\"", "--help"]),
    ];
    for (arguments, words) in cases {
        assert_refused("race", arguments, words);
    }
    let race = Race::start_with(&[], |command| _ = command.arg(OsString::from_vec(vec![0xff]))).end();
    race.assert_code(2);
    assert!(race.complaints.contains("\"\\xFF\""), "{}", race.complaints);
}

#[test]
fn help_says_which_origin_needs_a_fork() {
    if is_skipped() {
        return;
    }
    let race = Race::start(&["--workers", "2", "--help"]).end();
    race.assert_code(0);
    for word in ["--workers", "--increments", "--origin", "--threads", "128", "100000000", "2147483647", "fork"] {
        assert!(race.output.contains(word), "no {word:?} in {}", race.output);
    }
}

#[test]
fn a_dead_worker_is_reported_not_awaited() {
    if is_skipped() {
        return;
    }
    for origin in ORIGINS {
        // It dies holding the lock, for which all others wait then.
        let arguments = ["--workers", "3", "--increments", "1000", "--origin", origin];
        let race = Race::start_with(&arguments, |command| _ = command.env("SLOTSYNC_RACE_DIE", "2")).end();
        race.assert_code(1);
        assert!(race.complaints.contains("worker 2 (process "), "{origin}: {}", race.complaints);
        assert!(race.complaints.contains("SIGABRT"), "{origin}: {}", race.complaints);
        assert!(!race.complaints.contains("worker 1"), "{origin}: {}", race.complaints);
    }
}

#[test]
fn a_killed_worker_is_reported_by_its_number_process_and_signal() {
    if is_skipped() {
        return;
    }
    for origin in ORIGINS {
        let mut race = Race::start(&[&ENDLESS[..], &["--origin", origin]].concat());
        race.await_table();
        let victim = race.workers()[0];
        kill_process(victim, Signal::KILL).unwrap();
        let race = race.end();
        race.assert_code(1);
        assert!(race.complaints.contains(&format!("(process {victim}) died: signal: 9")), "{}", race.complaints);
    }
}

#[test]
fn an_interrupt_before_all_have_attached_leaves_nothing() {
    if is_skipped() {
        return;
    }
    for origin in ["named", "file"] {
        // Between the first look at the name and the signal all may attach: then the run has tested something else.
        until("an interrupt comes in time", || {
            let arguments = ["--workers", "128", "--increments", "10000000", "--origin", origin];
            let race = Race::start(&arguments);
            until("there is a name, or a table", || !race.leftovers().is_empty() || race.has_table());
            race.interrupt(Signal::INT);
            let race = race.end();
            race.assert_code(130);
            race.output.is_empty()
        });
    }
}

#[test]
fn an_interrupt_in_mid_run_leaves_nothing() {
    if is_skipped() {
        return;
    }
    let runs = ORIGINS.map(|origin| vec!["--origin", origin]).into_iter().chain([vec!["--threads"]]);
    for (arguments, signal) in runs.zip([Signal::INT, Signal::TERM].into_iter().cycle()) {
        let mut race = Race::start(&[&ENDLESS[..], &arguments].concat());
        race.await_table();
        race.interrupt(signal);
        let race = race.end();
        race.assert_code(130);
        assert_eq!(race.complaints, "", "{arguments:?}");
    }
}

#[test]
fn names_are_gone_as_soon_as_all_have_attached() {
    if is_skipped() {
        return;
    }
    for origin in ["named", "file"] {
        let mut race = Race::start(&[&ENDLESS[..], &["--origin", origin]].concat());
        race.await_table();
        assert_eq!(race.leftovers(), [] as [PathBuf; 0]);
    }
}

#[test]
fn workers_end_with_a_killed_parent() {
    if is_skipped() {
        return;
    }
    for origin in ORIGINS {
        let mut race = Race::start(&[&ENDLESS[..], &["--origin", origin]].concat());
        race.await_table();
        assert_eq!(race.workers().len(), 4);
        race.parent.kill().unwrap();
        race.parent.wait().unwrap();
        until("all workers have ended", || race.workers().is_empty());
        assert_eq!(race.leftovers(), [] as [PathBuf; 0]);
    }
}

#[test]
fn an_error_leaves_nothing() {
    if is_skipped() {
        return;
    }
    for origin in ORIGINS {
        // The table cannot be printed, when all workers are there and wait.
        let arguments = ["--increments", "10", "--origin", origin];
        let full = File::create("/dev/full").unwrap();
        let race = Race::start_with(&arguments, |command| _ = command.stdout(full)).end();
        race.assert_code(1);
        assert!(race.complaints.contains("No space left"), "{}", race.complaints);
    }
    // There is no folder for the file.
    let race = Race::start_with(&["--origin", "file"], |command| _ = command.env("TMPDIR", "nowhere")).end();
    race.assert_code(1);
    assert!(race.complaints.contains("\"nowhere/slotsync-race-"), "{}", race.complaints);
}
