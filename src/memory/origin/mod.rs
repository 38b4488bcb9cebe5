//! The origins of memory, one file each, and which of them this platform has.
//!
//! An origin that a platform, or a model, cannot have is taken from `unsupported.rs`.

#[cfg(not(loom))]
pub(super) mod foreign;
#[cfg(not(loom))]
pub(super) mod heap;
#[cfg(loom)]
pub(super) mod model;

#[cfg(all(unix, not(loom)))]
pub(super) mod anonymous;
#[cfg(all(unix, not(loom)))]
pub(super) mod descriptor;
#[cfg(all(unix, not(loom)))]
pub(super) mod file;
#[cfg(all(any(target_os = "linux", target_os = "android", target_os = "freebsd"), not(loom)))]
pub(super) mod memfd;

#[cfg(all(any(target_os = "linux", target_os = "freebsd", target_os = "macos"), not(loom)))]
mod name;
#[cfg(all(target_os = "linux", not(loom)))]
pub(super) mod named;
#[cfg(all(any(target_os = "freebsd", target_os = "macos"), not(loom)))]
pub(super) mod named_posix;
#[cfg(all(any(target_os = "freebsd", target_os = "macos"), not(loom)))]
pub(super) use named_posix as named;

#[cfg(any(not(unix), target_os = "macos", target_os = "android", loom))]
mod unsupported;
#[cfg(loom)]
pub(super) use model as heap;
#[cfg(loom)]
pub(super) use unsupported::foreign;
#[cfg(any(not(unix), target_os = "macos", loom))]
pub(super) use unsupported::memfd;
#[cfg(any(not(unix), target_os = "android", loom))]
pub(super) use unsupported::named;
#[cfg(any(not(unix), loom))]
pub(super) use unsupported::{anonymous, file};
