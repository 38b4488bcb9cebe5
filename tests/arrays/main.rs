//! Data beside the words: typed arrays, `Atomics`, views and copies, between threads and between processes; and beside those
//! of another engine, where there is one.
#![cfg(not(loom))]

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod copies;
mod node;
mod tearing;
mod widths;

mod data_view {
    mod calls;
    mod processes;
    mod properties;
}
mod typed_array {
    mod calls;
    mod processes;
    mod properties;
}
