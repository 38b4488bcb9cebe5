//! Named mutants: each breaks one line of the crate on purpose, and a named model must notice. Run by
//! `cargo test --test loom -- --ignored --nocapture`; one alone, or those of one file, by `SLOTSYNC_MUTANT=name` or
//! `SLOTSYNC_MUTANT=src/file.rs` in the environment.
//!
//! A mutant is a text patch that matches exactly once. *Killed* means that the model ended in the report that the table
//! says: a deadlock, a causality violation or an assertion. A compile error or an endless model is not a kill. The
//! unmutated control runs first and must pass.
#![cfg(not(loom))]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, fs};

/// A room of models, and the mutants that these models must kill.
const ROOMS: &[(&str, &[Group])] = &[
    ("barrier", crate::barrier::mutants::MUTANTS),
    ("bump", crate::bump::mutants::MUTANTS),
    ("cond", crate::cond::mutants::MUTANTS),
    ("doubles", crate::doubles::mutants::MUTANTS),
    ("event", crate::event::mutants::MUTANTS),
    ("grow", crate::grow::mutants::MUTANTS),
    ("guarded", crate::guarded::mutants::MUTANTS),
    ("latch", crate::latch::mutants::MUTANTS),
    ("layout", crate::layout::mutants::MUTANTS),
    ("lock", crate::lock::mutants::MUTANTS),
    ("once", crate::once::mutants::MUTANTS),
    ("rw_lock", crate::rw_lock::mutants::MUTANTS),
    ("semaphore", crate::semaphore::mutants::MUTANTS),
    ("synchronic", crate::synchronic::mutants::MUTANTS),
];

/// The mutants of one file.
pub(crate) struct Group {
    pub(crate) file: &'static str,
    pub(crate) mutants: &'static [Row],
}

/// A name, the text that is found, the text that replaces it, the model that dies, and its report. The model is one of the
/// file `models.rs` beside the table.
pub(crate) type Row = (&'static str, &'static str, &'static str, &'static str, &'static str);

pub(crate) const DEADLOCK: &str = "deadlock; threads =";
pub(crate) const CAUSALITY: &str = "Causality violation";
pub(crate) const ASSERTION: &str = "assertion";
pub(crate) const MIXTURE: &str = "a mixture";
pub(crate) const SUPERSEDED: &str = "value: Superseded";

struct Mutant {
    name: &'static str,
    file: &'static str,
    find: &'static str,
    replace: &'static str,
    /// The model that dies, by its full name.
    model: String,
    /// What it dies of.
    report: &'static str,
}

fn mutants() -> impl Iterator<Item = Mutant> {
    let groups = ROOMS.iter().flat_map(|(room, groups)| groups.iter().map(move |group| (room, group)));
    groups.flat_map(|(room, group)| {
        group.mutants.iter().map(move |&(name, find, replace, model, report)| Mutant {
            name,
            file: group.file,
            find,
            replace,
            model: format!("{room}::models::{model}"),
            report,
        })
    })
}

#[test]
#[ignore = "builds the crate once for each mutant, which takes minutes: tests/all.sh runs it"]
fn every_mutant_dies() {
    let only = env::var("SLOTSYNC_MUTANT").ok();
    let is_chosen =
        |mutant: &Mutant| only.as_ref().is_none_or(|only| [mutant.name, mutant.file].contains(&only.as_str()));
    let chosen: Vec<_> = mutants().filter(is_chosen).collect();

    let tree = Tree::copy();
    let models: BTreeSet<&str> = chosen.iter().map(|mutant| &*mutant.model).collect();
    let control = tree.run(&models.iter().copied().collect::<Vec<_>>());
    let passed = format!("{} passed; 0 failed", models.len());
    assert!(text(&control).contains(&passed), "the control, with nothing mutated, must pass:\n{}", text(&control));

    let survivors: Vec<_> = chosen.iter().filter(|mutant| !tree.kills(mutant)).map(|mutant| mutant.name).collect();
    assert!(survivors.is_empty(), "these mutants survived: {survivors:?}");
}

/// Cheap enough for every run: a patch that fits nowhere any more would only be found by the long one.
#[test]
fn every_mutant_matches_exactly_once() {
    let names: BTreeSet<_> = mutants().map(|mutant| mutant.name).collect();
    assert_eq!(names.len(), mutants().count(), "two mutants of one name");
    for mutant in mutants() {
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
            .args(["test", "--release", "--quiet", "--features", "guarded", "--test", "loom", "--", "--exact"])
            .args(models);
        command.env("RUSTFLAGS", "--cfg loom").env("CARGO_TARGET_DIR", &self.target).env("RUST_BACKTRACE", "0");
        // One line changes from one build to the next.
        command.env("CARGO_INCREMENTAL", "1");
        command.env_remove("CARGO_ENCODED_RUSTFLAGS").output().unwrap()
    }

    fn kills(&self, mutant: &Mutant) -> bool {
        let path = self.folder.path().join(mutant.file);
        let source = fs::read_to_string(&path).unwrap();
        fs::write(&path, source.replacen(mutant.find, mutant.replace, 1)).unwrap();
        let output = self.run(&[&mutant.model]);
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
