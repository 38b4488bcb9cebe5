//! This crate beside another engine: what Node's `Atomics`, typed arrays and `DataView` do on a `SharedArrayBuffer` is what
//! is done here. Random operations by one agent are in `operations.rs`, those of a `DataView` in `views.rs`, buffers that
//! grow in `buffers.rs`, and waits and notifies of several agents in `agents.rs`.
//!
//! Out of scope is what the types of this crate keep from being asked: a `TypeError` (a `BigInt` for a `Number`, `Atomics`
//! on floats, `wait` on other arrays than `Int32Array`) and the `SyntaxError` of a text that is no number.
#![cfg(target_has_atomic = "64")]

#[cfg(target_os = "linux")]
mod agents;
mod buffers;
mod elements;
mod javascript;
mod operations;
mod random;
mod script;
mod views;

use crate::support::skipped;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Is there a Node? If not, this says that the test is left out.
fn is_here(test: &str) -> bool {
    if crate::support::is_emulated() {
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
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/arrays/node").join(name)
}

/// Runs one of the programs here in Node, with these arguments, and returns what it prints.
fn output(flags: &[&str], program: &str, arguments: &[&OsStr]) -> String {
    let mut node = Command::new("node");
    let output = node.args(flags).arg(file(program)).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
