//! Constants and types that differ between platforms.

/// On Apple's systems `rustix::fs::fallocate` ends in a truncation to the length that it was given. It must not be
/// used there for an object that another process may have mapped.
#[cfg(all(unix, not(loom)))]
pub(super) const FALLOCATE_CAN_SHRINK: bool = cfg!(target_vendor = "apple");

/// On macOS an object of POSIX shared memory takes a length only once; a second call is refused.
#[cfg(all(any(target_os = "freebsd", target_os = "macos"), not(loom)))]
pub(super) const TRUNCATES_ONCE: bool = cfg!(target_vendor = "apple");

/// The flag for a mapping that may mostly stay untouched. FreeBSD never had it.
#[cfg(all(unix, not(any(loom, target_os = "freebsd"))))]
pub(super) const UNRESERVED: rustix::mm::MapFlags = rustix::mm::MapFlags::NORESERVE;
#[cfg(all(target_os = "freebsd", not(loom)))]
pub(super) const UNRESERVED: rustix::mm::MapFlags = rustix::mm::MapFlags::empty();

/// The system's error number for a lack of memory: `ENOMEM`, or `ERROR_NOT_ENOUGH_MEMORY`.
#[cfg(not(loom))]
pub(super) const OUT_OF_MEMORY: i32 = if cfg!(windows) { 8 } else { 12 };

/// A borrowed descriptor, by which one process hands memory to another.
#[cfg(unix)]
pub(super) type Descriptor<'a> = std::os::fd::BorrowedFd<'a>;
/// No memory has a descriptor here.
#[cfg(not(unix))]
pub(super) type Descriptor<'a> = &'a core::convert::Infallible;
