//! Memory that agents share: every origin of it, the limits of the system, and memory that grows.
#![cfg(not(loom))]

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod buffer;
mod descriptors;
mod names;
mod owned;
mod races;
#[cfg(target_os = "linux")]
mod refused;
mod room;

mod growable {
    mod calls;
    mod objects;
    mod processes;
    mod properties;
}
