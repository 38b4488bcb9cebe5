//! The house rules: the [floors] of the sources, and the [pages](docs) held to the crate.
#![cfg(not(loom))]

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod docs;
mod floors;
