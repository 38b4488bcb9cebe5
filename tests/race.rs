//! The program that a stranger runs first, run as a stranger does: over every origin, with wrong arguments, with
//! workers that die, with Ctrl-C. It must report, end, and leave nothing behind.
#![cfg(all(target_os = "linux", not(loom)))]

mod support;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::time::SystemTime;
use support::{is_emulated, until};
use tempfile::TempDir;

/// All that processes can share memory by.
const ORIGINS: [&str; 4] = ["memfd", "named", "file", "anonymous"];

/// So long that it is still running when a test has seen what it waits for.
const ENDLESS: [&str; 4] = ["--workers", "4", "--increments", "100000000"];

fn is_skipped() -> bool {
    if is_emulated() {
        println!("skipped: what an emulator runs cannot start itself again");
    }
    is_emulated()
}

/// Where cargo puts the example: beside the folder of this test. `cargo test` has built it; `cargo test --test race`
/// has not, or has left an old one there.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let test = std::env::current_exe().unwrap();
        let profile = test.ancestors().nth(2).unwrap();
        let program = profile.join("examples/race");
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let sources = newest_change(&package.join("src")).max(newest_change(&package.join("examples/race")));
        if program.metadata().map_or(true, |built| built.modified().unwrap() < sources) {
            let name = match profile.file_name().unwrap().to_str().unwrap() {
                "debug" => "dev",
                name => name,
            };
            let built = Command::new(env!("CARGO"))
                .current_dir(package)
                .args(["build", "--quiet", "--example", "race", "--profile", name, "--target-dir"])
                .arg(profile.parent().unwrap())
                .status();
            assert!(
                built.unwrap().success() && program.exists(),
                "cargo build --example race did not make {program:?}"
            );
        }
        program
    })
}

fn newest_change(folder: &Path) -> SystemTime {
    let changes = fs::read_dir(folder).unwrap().map(|entry| {
        let entry = entry.unwrap();
        let own = entry.metadata().unwrap().modified().unwrap();
        if entry.file_type().unwrap().is_dir() { own.max(newest_change(&entry.path())) } else { own }
    });
    changes.max().unwrap()
}

/// A run of the program, with a temporary folder of its own. Killed, should a test fail.
struct Race {
    parent: Child,
    folder: TempDir,
}

/// How a run ended.
struct Ended {
    code: Option<i32>,
    output: String,
    complaints: String,
}

impl Race {
    fn start(arguments: &[&str]) -> Self {
        Self::start_with(arguments, |_| {})
    }

    fn start_with(arguments: &[&str], prepare: impl FnOnce(&mut Command)) -> Self {
        let folder = TempDir::new().unwrap();
        let temporary = folder.path().join("temporary");
        fs::create_dir(&temporary).unwrap();
        let mut command = Command::new(program());
        command.args(arguments).env("TMPDIR", &temporary).env_remove("SLOTSYNC_RACE_DIE");
        // A core file, where there are such, goes with the folder.
        command.current_dir(folder.path()).process_group(0);
        command.stdout(File::create(folder.path().join("output")).unwrap());
        command.stderr(File::create(folder.path().join("complaints")).unwrap());
        prepare(&mut command);
        Self { parent: command.spawn().unwrap(), folder }
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

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

    /// To the whole process group, as a terminal does it on Ctrl-C.
    fn interrupt(&self, signal: Signal) {
        kill_process_group(Pid::from_child(&self.parent), signal).unwrap();
    }

    /// All living processes of this run, the parent too: those whose environment has its temporary folder.
    fn processes(&self) -> Vec<Pid> {
        let folder = self.folder.path().as_os_str().as_encoded_bytes();
        let is_ours = |pid: &Pid| {
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.windows(folder.len()).any(|part| part == folder)
        };
        let entries = fs::read_dir("/proc").unwrap().map_while(Result::ok);
        let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        numbers.filter_map(Pid::from_raw).filter(is_ours).collect()
    }

    fn workers(&self) -> Vec<Pid> {
        let mut workers = self.processes();
        workers.retain(|&pid| pid != Pid::from_child(&self.parent));
        workers
    }

    /// The objects and files that this run has made and not removed.
    fn leftovers(&self) -> Vec<PathBuf> {
        let temporary = self.folder.path().join("temporary");
        let pid = self.parent.id().to_string();
        let is_ours = |path: &PathBuf| path.to_string_lossy().split('-').any(|part| part == pid);
        let objects = fs::read_dir("/dev/shm").unwrap().map(|entry| entry.unwrap().path()).filter(is_ours);
        let files = fs::read_dir(temporary).unwrap().map(|entry| entry.unwrap().path());
        objects.chain(files).collect()
    }

    /// Waits for the end, after which there must be nothing: no process, no object, no file.
    fn end(mut self) -> Ended {
        let mut status = None;
        until("a run ends", || {
            status = self.parent.try_wait().unwrap();
            status.is_some()
        });
        let (output, complaints) = (self.read("output"), self.read("complaints"));
        assert_eq!(self.workers(), [], "workers that outlive the parent; {complaints}");
        assert_eq!(self.leftovers(), [] as [PathBuf; 0], "left behind; {complaints}");
        Ended { code: status.unwrap().code(), output, complaints }
    }
}

impl Drop for Race {
    fn drop(&mut self) {
        let _ = self.parent.kill();
        let _ = self.parent.wait();
    }
}

impl Ended {
    fn assert_code(&self, code: i32) {
        assert_eq!(self.code, Some(code), "output: {}\ncomplaints: {}", self.output, self.complaints);
    }

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
        let race = Race::start(arguments).end();
        race.assert_code(2);
        assert_eq!(race.output, "", "{arguments:?}");
        for word in words {
            assert!(race.complaints.contains(word), "{arguments:?} without {word:?}: {}", race.complaints);
        }
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
