//! The operations of both sides: a line for Node, and the outcome here.

use super::output;
use slotsync::{Error, MemoryError};
use std::collections::BTreeMap;
use std::fs;

/// As the lines call the buffer.
pub(crate) const BUFFER: &str = "SharedArrayBuffer";

#[derive(Default)]
pub(crate) struct Script {
    lines: Vec<String>,
    outcomes: Vec<String>,
}

impl Script {
    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    /// An operation, what it was asked of, and its operands.
    pub(crate) fn say(&mut self, name: &str, of: &str, operands: &[String], outcome: Result<String, Error>) {
        let words = [name, of].into_iter().chain(operands.iter().map(String::as_str));
        self.lines.push(words.collect::<Vec<_>>().join(" "));
        self.outcomes.push(said(outcome));
    }
}

/// An error as JavaScript has it. Those that can come of no call here are mistakes.
fn said(outcome: Result<String, Error>) -> String {
    match outcome {
        Ok(outcome) => return outcome,
        Err(Error::UnevenOffset { .. } | Error::UnevenRest { .. } | Error::ArrayOutOfBounds { .. }) => "RangeError",
        Err(Error::ElementOutOfRange { .. } | Error::BytesOutOfBounds { .. }) => "RangeError",
        Err(Error::Memory(MemoryError::TooLarge { .. } | MemoryError::WouldShrink { .. })) => "RangeError",
        Err(Error::Memory(MemoryError::UnevenLength { .. })) => "RangeError",
        Err(Error::Memory(MemoryError::FixedLength { .. })) => "TypeError",
        Err(error) => panic!("{error}"),
    }
    .to_owned()
}

/// The operations in which scripts agreed with Node: all, or a test has failed.
#[derive(Default)]
pub(crate) struct Compared {
    operations: usize,
    errors: usize,
    /// How often each operation was no error, and on which type of view.
    kinds: BTreeMap<String, usize>,
}

impl Compared {
    pub(crate) fn compare(&mut self, seed: u64, script: &Script) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("operations");
        fs::write(&file, script.lines.join("\n")).unwrap();
        let theirs = output(&[], "operations.js", &[file.as_os_str()]);
        assert_eq!(theirs.lines().count(), script.len());
        for (number, (ours, theirs)) in script.outcomes.iter().zip(theirs.lines()).enumerate() {
            let before = &script.lines[number.saturating_sub(40)..=number];
            assert_eq!(ours, theirs, "here and in Node, seed {seed}, the last of these lines:\n{}", before.join("\n"));
            if ours.ends_with("Error") {
                self.errors += 1;
                continue;
            }
            // The operation and the type of its view, without its place.
            for word in script.lines[number].split(' ').take(2).filter(|word| *word != "new") {
                *self.kinds.entry(word.split([':', '#']).next().unwrap().to_owned()).or_default() += 1;
            }
        }
        self.operations += script.len();
    }

    /// Asserts the number of kinds of operations and types, how often each came, and that errors were among them.
    pub(crate) fn conclude(&self, operations: usize, kinds: usize, each: usize) {
        let Self { operations: compared, errors, kinds: counts } = self;
        println!("compared with Node: {compared} operations, {errors} of them errors, of {} kinds", counts.len());
        assert!(*compared >= operations, "{compared} operations");
        assert!(*errors >= compared / 50, "{errors} errors");
        assert_eq!(counts.len(), kinds, "{counts:?}");
        assert!(counts.values().all(|count| *count >= each), "{counts:?}");
    }
}
