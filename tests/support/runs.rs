//! The examples, run as a stranger runs them: they must report, end, and leave nothing behind.

use super::{is_emulated, until};
use rustix::process::{Pid, Signal, kill_process_group};
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Mutex;
use std::time::SystemTime;
use tempfile::TempDir;

/// Where cargo puts the example of that name: beside the folder of this test. `cargo test` has built it; `cargo test
/// --test` has not, or has left an old one there.
pub fn example(name: &str) -> PathBuf {
    example_file(name, name)
}

/// As [`example`], for one that is not a program: `file` is what cargo makes of it.
pub fn example_file(name: &str, file: &str) -> PathBuf {
    // One test at a time looks, and builds; the others find what it built.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock();
    let test = std::env::current_exe().unwrap();
    let profile = test.ancestors().nth(2).unwrap();
    let program = profile.join("examples").join(file);
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let one_file = package.join(format!("examples/{name}.rs"));
    let example = if one_file.exists() { one_file } else { package.join("examples").join(name) };
    let shared = newest_change(&package.join("src")).max(newest_change(&package.join("examples/common")));
    let sources = shared.max(newest_change(&example));
    if program.metadata().map_or(true, |built| built.modified().unwrap() < sources) {
        let profile_name = match profile.file_name().unwrap().to_str().unwrap() {
            "debug" => "dev",
            name => name,
        };
        // Which others do not need.
        let features: &[&str] = if name == "records" { &["--features", "guarded"] } else { &[] };
        let built = Command::new(env!("CARGO"))
            .current_dir(package)
            .args(["build", "--quiet", "--example", name, "--profile", profile_name])
            .args(features)
            .arg("--target-dir")
            .arg(profile.parent().unwrap())
            .status();
        assert!(built.unwrap().success() && program.exists(), "cargo build --example {name} did not make {program:?}");
    }
    program
}

fn newest_change(path: &Path) -> SystemTime {
    let own = path.metadata().unwrap().modified().unwrap();
    let Ok(entries) = fs::read_dir(path) else { return own };
    entries.map(|entry| newest_change(&entry.unwrap().path())).fold(own, SystemTime::max)
}

/// A run of an example, with a temporary folder of its own. Killed, should a test fail.
pub struct Run {
    pub parent: Child,
    folder: TempDir,
}

/// How a run ended.
pub struct Ended {
    pub code: Option<i32>,
    pub output: String,
    pub complaints: String,
}

impl Run {
    pub fn start(name: &str, arguments: &[&str]) -> Self {
        Self::start_with(name, arguments, |_| {})
    }

    pub fn start_with(name: &str, arguments: &[&str], prepare: impl FnOnce(&mut Command)) -> Self {
        let folder = TempDir::new().unwrap();
        let temporary = folder.path().join("temporary");
        fs::create_dir(&temporary).unwrap();
        let mut command = Command::new(example(name));
        command.args(arguments).env("TMPDIR", &temporary);
        // Mishaps are for the tests that ask for one.
        command.env_remove("SLOTSYNC_RACE_DIE").env_remove("SLOTSYNC_QUEUE_MISHAP");
        // A core file, where there are such, goes with the folder.
        command.current_dir(folder.path()).process_group(0);
        command.stdout(File::create(folder.path().join("output")).unwrap());
        command.stderr(File::create(folder.path().join("complaints")).unwrap());
        prepare(&mut command);
        // A shell that runs the tests in the background makes them ignore interrupts, and that is inherited.
        // SAFETY: between fork and exec it makes one system call, which is async-signal-safe.
        unsafe {
            command.pre_exec(|| {
                libc::signal(libc::SIGINT, libc::SIG_DFL);
                Ok(())
            })
        };
        Self { parent: command.spawn().unwrap(), folder }
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    /// To the whole process group, as a terminal does it on Ctrl-C.
    pub fn interrupt(&self, signal: Signal) {
        kill_process_group(Pid::from_child(&self.parent), signal).unwrap();
    }

    /// All living processes of this run, the parent too: those whose environment has its temporary folder.
    pub fn processes(&self) -> Vec<Pid> {
        let folder = self.folder.path().as_os_str().as_encoded_bytes();
        let is_ours = |pid: &Pid| {
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.windows(folder.len()).any(|part| part == folder)
        };
        let entries = fs::read_dir("/proc").unwrap().map_while(Result::ok);
        let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        numbers.filter_map(Pid::from_raw).filter(is_ours).collect()
    }

    pub fn workers(&self) -> Vec<Pid> {
        let mut workers = self.processes();
        workers.retain(|&pid| pid != Pid::from_child(&self.parent));
        workers
    }

    /// The objects and files that this run has made and not removed.
    pub fn leftovers(&self) -> Vec<PathBuf> {
        let temporary = self.folder.path().join("temporary");
        let pid = self.parent.id().to_string();
        let is_ours = |path: &PathBuf| path.to_string_lossy().split('-').any(|part| part == pid);
        let objects = fs::read_dir("/dev/shm").unwrap().map(|entry| entry.unwrap().path()).filter(is_ours);
        let files = fs::read_dir(temporary).unwrap().map(|entry| entry.unwrap().path());
        objects.chain(files).collect()
    }

    /// Waits for the end, after which there must be nothing: no process, no object, no file.
    pub fn end(mut self) -> Ended {
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

/// A complaint that a bad argument must bring: the words are in it, and nothing else is printed.
pub fn assert_refused(name: &str, arguments: &[&str], words: &[&str]) {
    let run = Run::start(name, arguments).end();
    run.assert_code(2);
    assert_eq!(run.output, "", "{arguments:?}");
    for word in words {
        assert!(run.complaints.contains(word), "{arguments:?} without {word:?}: {}", run.complaints);
    }
}

/// What an emulator runs cannot start itself again.
pub fn is_skipped() -> bool {
    if is_emulated() {
        println!("skipped: what an emulator runs cannot start itself again");
    }
    is_emulated()
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.parent.kill();
        let _ = self.parent.wait();
    }
}

impl Ended {
    pub fn assert_code(&self, code: i32) {
        assert_eq!(self.code, Some(code), "output: {}\ncomplaints: {}", self.output, self.complaints);
    }
}
