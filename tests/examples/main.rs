//! The examples, run as a stranger runs them, and the program in C that the book shows.
#![cfg(all(target_os = "linux", not(loom)))]

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod arguments;
mod c;
mod posix;
mod programs;
mod race;
