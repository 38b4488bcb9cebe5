//! Named mutants: each breaks one line of the crate on purpose, and a named model must notice. Run by
//! `cargo test --test mutants -- --ignored --nocapture`; one alone by `SLOTSYNC_MUTANT=name` in the environment.
//!
//! A mutant is a text patch that matches exactly once. *Killed* means that the model ended in the report that the table
//! says: a deadlock, a causality violation or an assertion. A compile error or an endless model is not a kill. The
//! unmutated control runs first and must pass.
#![cfg(not(loom))]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, fs};

struct Mutant {
    name: &'static str,
    file: &'static str,
    find: &'static str,
    replace: &'static str,
    /// The model that dies, by its full name.
    model: &'static str,
    /// What it dies of.
    report: &'static str,
}

const DEADLOCK: &str = "deadlock; threads =";
const CAUSALITY: &str = "Causality violation";
const ASSERTION: &str = "assertion";

/// Mutants that are left out because no program can tell them from the crate:
///
/// - `is_locked` with a stronger load: its answer may be out of date anyway, and it orders nothing.
/// - the failure ordering of the fast path, and the load of the spin, stronger: they read nothing that is used.
/// - unlock that wakes after state 1 too: a vain wake, which every waiter must bear.
const MUTANTS: &[Mutant] = &[
    // The lock: every wake, every mark, every ordering.
    Mutant {
        name: "unlock_never_wakes",
        file: "src/lock.rs",
        find: "self.state.wake(1);",
        replace: "",
        model: "parking::two_lock",
        report: DEADLOCK,
    },
    Mutant {
        name: "unlock_wakes_before_it_publishes",
        file: "src/lock.rs",
        find: "let was = self.state.swap(UNLOCKED, Release);",
        replace: "if self.state.load(Relaxed) == CONTENDED { self.state.wake(1); }
                  let was = self.state.swap(UNLOCKED, Release).min(LOCKED);",
        model: "parking::two_lock",
        report: DEADLOCK,
    },
    Mutant {
        name: "unlock_publishes_relaxed",
        file: "src/lock.rs",
        find: "self.state.swap(UNLOCKED, Release)",
        replace: "self.state.swap(UNLOCKED, Relaxed)",
        model: "polling::two_lock",
        report: CAUSALITY,
    },
    Mutant {
        name: "unlock_in_two_steps_loses_the_mark",
        file: "src/lock.rs",
        find: "let was = self.state.swap(UNLOCKED, Release);",
        replace: "let was = self.state.load(Relaxed); self.state.store(UNLOCKED, Release);",
        model: "parking::two_lock",
        report: DEADLOCK,
    },
    Mutant {
        name: "unlock_by_subtraction_lets_two_unlock",
        file: "src/lock.rs",
        find: "let was = self.state.swap(UNLOCKED, Release);",
        replace: "let was = self.state.fetch_sub(1, Release);
                  if was != LOCKED { self.state.store(UNLOCKED, Release); }",
        model: "of_two_unlocks_of_one_lock_one_is_refused",
        report: CAUSALITY,
    },
    Mutant {
        name: "unlock_of_a_free_lock_is_not_refused",
        file: "src/lock.rs",
        find: "UNLOCKED => Err(Error::NotHeld),",
        replace: "UNLOCKED => Ok(()),",
        model: "of_two_unlocks_of_one_lock_one_is_refused",
        report: CAUSALITY,
    },
    Mutant {
        name: "fast_path_takes_relaxed",
        file: "src/lock.rs",
        find: "compare_exchange(UNLOCKED, LOCKED, Acquire, Relaxed)",
        replace: "compare_exchange(UNLOCKED, LOCKED, Relaxed, Relaxed)",
        model: "polling::two_lock",
        report: CAUSALITY,
    },
    Mutant {
        name: "fast_path_takes_in_two_steps",
        file: "src/lock.rs",
        find: "self.state.compare_exchange(UNLOCKED, LOCKED, Acquire, Relaxed).is_ok()",
        replace: "self.state.load(Acquire) == UNLOCKED && { self.state.store(LOCKED, Relaxed); true }",
        model: "parking::two_lock",
        report: CAUSALITY,
    },
    Mutant {
        name: "contended_path_takes_relaxed",
        file: "src/lock.rs",
        find: "while self.state.swap(CONTENDED, Acquire)",
        replace: "while self.state.swap(CONTENDED, Relaxed)",
        model: "polling::two_lock",
        report: CAUSALITY,
    },
    Mutant {
        name: "a_sleeper_takes_without_the_mark",
        file: "src/lock.rs",
        find: "while self.state.swap(CONTENDED, Acquire)",
        replace: "while !self.try_take() && self.state.swap(CONTENDED, Acquire)",
        model: "parking::three_lock",
        report: DEADLOCK,
    },
    Mutant {
        name: "who_gives_up_takes_the_mark_along",
        file: "src/lock.rs",
        find: "            if timed_out {\n",
        replace: "            if timed_out {\n let _ = self.state.compare_exchange(CONTENDED, LOCKED, Relaxed, Relaxed);\n",
        model: "parking::one_gives_up_beside_two",
        report: DEADLOCK,
    },
    Mutant {
        name: "who_gives_up_takes_a_wake_along",
        file: "src/lock.rs",
        find: "self.state.wait_deadline(CONTENDED, deadline) == Wait::TimedOut || deadline::has_passed(deadline);",
        replace: "false; if self.state.wait_deadline(CONTENDED, deadline) == Wait::TimedOut { return false; }",
        model: "erring::one_gives_up_beside_two",
        report: DEADLOCK,
    },
    Mutant {
        name: "unlock_looks_back",
        file: "src/lock.rs",
        find: "self.state.wake(1);",
        replace: "self.state.wake(1); let _ = self.state.load(Relaxed);",
        model: "the_next_holder_may_free_the_memory_at_once",
        report: CAUSALITY,
    },
    Mutant {
        name: "a_guard_is_made_before_the_lock_is_taken",
        file: "src/lock.rs",
        find: "self.try_take().then(|| LockGuard { lock: *self })",
        replace: "self.try_take().then_some(LockGuard { lock: *self })",
        model: "a_failed_try_leaves_the_lock_held",
        report: ASSERTION,
    },
    Mutant {
        name: "a_failed_timed_lock_unlocks",
        file: "src/lock.rs",
        find: "self.lock_contended(deadline)).then(|| LockGuard { lock: *self })",
        replace: "self.lock_contended(deadline)).then_some(LockGuard { lock: *self })",
        model: "a_failed_try_leaves_the_lock_held",
        report: ASSERTION,
    },
    Mutant {
        name: "initialize_publishes_relaxed",
        file: "src/lock.rs",
        find: "lock.state.store(UNLOCKED, Release);",
        replace: "lock.state.store(UNLOCKED, Relaxed);",
        model: "initializing_publishes_what_was_repaired",
        report: CAUSALITY,
    },
    Mutant {
        name: "a_guard_forgets_to_unlock",
        file: "src/lock.rs",
        find: "let _ = self.lock.unlock();",
        replace: "",
        model: "parking::two_lock",
        report: DEADLOCK,
    },
    // The doubles: what makes them explore what the kernel may do.
    Mutant {
        name: "a_double_without_its_door_tries_one_order",
        file: "src/futex/loom.rs",
        find: "self.door.fetch_add(1, Relaxed);",
        replace: "",
        model: "doubles::a_wake_finds_a_waiter_or_comes_too_early",
        report: ASSERTION,
    },
    Mutant {
        name: "a_double_that_wakes_too_many",
        file: "src/futex/loom.rs",
        find: "let woken = count.min(asleep.saturating_sub(promised));",
        replace: "let woken = asleep.saturating_sub(promised);",
        model: "doubles::any_waiter_may_be_the_one_that_is_woken",
        report: ASSERTION,
    },
];

#[test]
#[ignore = "builds the crate once for each mutant, which takes minutes: tests/all.sh runs it"]
fn every_mutant_dies() {
    let only = env::var("SLOTSYNC_MUTANT").ok();
    let is_chosen = |mutant: &&Mutant| only.as_ref().is_none_or(|only| only == mutant.name);
    let chosen: Vec<_> = MUTANTS.iter().filter(is_chosen).collect();

    let tree = Tree::copy();
    let models: BTreeSet<_> = chosen.iter().map(|mutant| mutant.model).collect();
    let control = tree.run(&models.iter().copied().collect::<Vec<_>>());
    let passed = format!("{} passed; 0 failed", models.len());
    assert!(text(&control).contains(&passed), "the control, with nothing mutated, must pass:\n{}", text(&control));

    let survivors: Vec<_> = chosen.iter().filter(|mutant| !tree.kills(mutant)).map(|mutant| mutant.name).collect();
    assert!(survivors.is_empty(), "these mutants survived: {survivors:?}");
}

/// Cheap enough for every run: a patch that fits nowhere any more would only be found by the long one.
#[test]
fn every_mutant_matches_exactly_once() {
    for mutant in MUTANTS {
        let source = fs::read_to_string(root().join(mutant.file)).unwrap();
        assert_eq!(source.matches(mutant.find).count(), 1, "{}: {:?} in {}", mutant.name, mutant.find, mutant.file);
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A copy of the crate to mutate. All mutants are built in one target directory, so that dependencies are built once.
struct Tree {
    folder: tempfile::TempDir,
    target: PathBuf,
}

impl Tree {
    fn copy() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for entry in ["Cargo.toml", "Cargo.lock", "README.md", "src", "tests", "benches", "examples", "docs"] {
            let from = root().join(entry);
            if from.exists() {
                copy(&from, &folder.path().join(entry));
            }
        }
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
        Self { folder, target: target.join("mutants") }
    }

    /// Runs these models.
    fn run(&self, models: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO"));
        command
            .current_dir(self.folder.path())
            .args(["test", "--release", "--quiet", "--test", "loom", "--", "--exact"])
            .args(models);
        command.env("RUSTFLAGS", "--cfg loom").env("CARGO_TARGET_DIR", &self.target).env("RUST_BACKTRACE", "0");
        command.env_remove("CARGO_ENCODED_RUSTFLAGS").output().unwrap()
    }

    fn kills(&self, mutant: &Mutant) -> bool {
        let path = self.folder.path().join(mutant.file);
        let source = fs::read_to_string(&path).unwrap();
        fs::write(&path, source.replacen(mutant.find, mutant.replace, 1)).unwrap();
        let output = self.run(&[mutant.model]);
        fs::write(&path, source).unwrap();

        let text = text(&output);
        // The model ran, alone, and failed; and it says why.
        let killed = text.contains("1 failed;") && text.contains(mutant.report);
        println!(
            "{} {} (by {}: {})",
            if killed { "killed  " } else { "SURVIVED" },
            mutant.name,
            mutant.model,
            mutant.report
        );
        if !killed {
            println!("{text}");
        }
        killed
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn copy(from: &Path, to: &Path) {
    if !from.is_dir() {
        fs::copy(from, to).unwrap();
        return;
    }
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        copy(&entry.path(), &to.join(entry.file_name()));
    }
}
