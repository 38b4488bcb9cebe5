//! Words: the slots of a buffer, the waits on them, and words that lie in no buffer.
#![cfg(not(loom))]

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod elsewhere;
mod slot;
mod waits;
