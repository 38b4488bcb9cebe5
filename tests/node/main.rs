//! This crate beside another engine: what Node's `Atomics` and typed arrays do on a `SharedArrayBuffer` is what is done
//! here. Random operations by one agent are in `operations.rs`, waits and notifies of several agents in `agents.rs`.
//!
//! Out of scope is what the types of this crate keep from being asked: a `TypeError` (a `BigInt` for a `Number`, `Atomics`
//! on floats, `wait` on other arrays than `Int32Array`) and the `SyntaxError` of a text that is no number.
#![cfg(all(target_has_atomic = "64", not(loom)))]

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

#[cfg(target_os = "linux")]
mod agents;
mod elements;
mod javascript;
mod operations;
mod random;

use std::path::{Path, PathBuf};
use std::process::Command;
use support::skipped;

/// Is there a Node? If not, this says that the test is left out.
fn is_here(test: &str) -> bool {
    if support::is_emulated() {
        skipped(test, "an emulator runs the tests, and no other programs");
        return false;
    }
    let reason = match Command::new("node").arg("--version").output() {
        Ok(output) if output.status.success() => return true,
        Ok(output) => format!("node --version fails: {}", output.status),
        Err(error) => format!("there is no node: {error}"),
    };
    skipped(test, &reason);
    false
}

/// A file of this folder.
fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/node").join(name)
}

/// What Node prints that runs one of the programs here on such a file, over so many bytes.
fn output(flags: &[&str], program: &str, input: &Path, bytes: usize) -> String {
    let mut node = Command::new("node");
    let output = node.args(flags).arg(file(program)).arg(input).arg(bytes.to_string()).output().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
