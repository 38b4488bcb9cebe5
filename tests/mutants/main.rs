//! Named mutants: each breaks one line of the crate on purpose, and a named model must notice. Run by
//! `cargo test --test mutants -- --ignored --nocapture`; one alone, or those of one file, by `SLOTSYNC_MUTANT=name` or
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

mod table;

/// The mutants of one file.
struct Group {
    file: &'static str,
    mutants: &'static [Row],
}

/// Name, what is found, what replaces it, the model that dies, and what it dies of.
type Row = (&'static str, &'static str, &'static str, &'static str, &'static str);

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

fn mutants() -> impl Iterator<Item = Mutant> {
    table::TABLE.iter().flat_map(|group| {
        group.mutants.iter().map(|&(name, find, replace, model, report)| Mutant {
            name,
            file: group.file,
            find,
            replace,
            model,
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
