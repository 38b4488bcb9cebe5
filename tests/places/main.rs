//! The places that a `Layout` and a `BumpAllocator` hand out.
#![cfg(not(loom))]

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod bump;
mod layout;
