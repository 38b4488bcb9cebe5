//! The error of buffers: their lengths, their names, and what the operating system refuses.

use core::fmt;
use std::io;
use std::path::PathBuf;

/// A buffer could not be made, opened, grown or removed.
///
/// Each variant names the offending value and the limit that it exceeds. Where the operating system refused a call, its
/// error is the [`source`](std::error::Error::source).
///
/// # Examples
///
/// ```
/// use slotsync::{MemoryError, SharedBuffer};
///
/// let error = SharedBuffer::new(6).unwrap_err();
/// assert_eq!(error, MemoryError::UnevenLength { bytes: 6 });
/// assert_eq!(error.to_string(), "a length of 6 bytes is not a multiple of 4");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MemoryError {
    /// The length is zero.
    ZeroLength,
    /// The length is not a whole number of slots.
    UnevenLength {
        /// The length asked for, or found.
        bytes: u64,
    },
    /// The length exceeds an address space, or the maximum of a growable buffer.
    TooLarge {
        /// The length asked for, or found.
        bytes: u64,
        /// The maximum.
        max: u64,
    },
    /// A buffer of a fixed length was to grow.
    FixedLength {
        /// The length of the buffer.
        bytes: u64,
    },
    /// A buffer was to grow to less than its length, which another agent may have just raised.
    WouldShrink {
        /// The length asked for.
        bytes: u64,
        /// The length of the buffer.
        length: u64,
    },
    /// Memory, a file system or a quota has too little room.
    NoRoom {
        /// The length asked for.
        bytes: u64,
        /// The system's error.
        source: SystemError,
    },
    /// Foreign memory is not aligned to a slot.
    Misaligned {
        /// The address.
        address: usize,
        /// The alignment that is needed, in bytes.
        align: usize,
    },
    /// The name is not a valid name of a shared memory object, or the path not that of a file.
    BadName {
        /// The name or path.
        name: PathBuf,
        /// The rule that it breaks.
        reason: &'static str,
    },
    /// The process lacks a permission.
    PermissionDenied {
        /// The name or path.
        name: PathBuf,
        /// The system's error.
        source: SystemError,
    },
    /// An object to be created exists already.
    AlreadyExists {
        /// The name or path.
        name: PathBuf,
    },
    /// An object to be opened does not exist.
    NotFound {
        /// The name or path.
        name: PathBuf,
    },
    /// An existing object is shorter than the length asked for. It is left as it is.
    TooShort {
        /// The name or path.
        name: PathBuf,
        /// The length of the object.
        found: u64,
        /// The length asked for.
        bytes: u64,
    },
    /// An existing object has a fixed length, and a growable one was asked for. It is left as it is.
    NotGrowable {
        /// The name or path.
        name: PathBuf,
    },
    /// An existing object cannot grow to the maximum asked for. It is left as it is.
    MaxTooShort {
        /// The name or path.
        name: PathBuf,
        /// The maximum of the object.
        found: u64,
        /// The maximum asked for.
        max: u64,
    },
    /// An existing object was made growable by a version of this crate with another header. It is left as it is.
    HeaderVersion {
        /// The name or path.
        name: PathBuf,
        /// The version of the object's header.
        found: u64,
        /// The version that this program knows.
        expected: u64,
    },
    /// The descriptor is not sealed, so a peer could truncate the memory and kill this process by `SIGBUS`.
    Unsealed,
    /// This platform, or a model, has no such memory.
    Unsupported {
        /// What was asked for.
        what: &'static str,
    },
    /// Any other failure of a system call.
    Os {
        /// The system call.
        call: &'static str,
        /// The name or path.
        name: PathBuf,
        /// The system's error.
        source: SystemError,
    },
}

impl MemoryError {
    /// Returns the kind of [`io::Error`] that is closest to this error.
    pub fn kind(&self) -> io::ErrorKind {
        match self {
            Self::PermissionDenied { .. } => io::ErrorKind::PermissionDenied,
            Self::AlreadyExists { .. } => io::ErrorKind::AlreadyExists,
            Self::NotFound { .. } => io::ErrorKind::NotFound,
            Self::Unsupported { .. } => io::ErrorKind::Unsupported,
            Self::NoRoom { source, .. } | Self::Os { source, .. } => io::Error::from(*source).kind(),
            _ => io::ErrorKind::InvalidInput,
        }
    }
}

impl fmt::Display for MemoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ZeroLength => f.write_str("a length of 0 bytes is less than one slot (4 bytes)"),
            Self::UnevenLength { bytes } => write!(f, "a length of {bytes} bytes is not a multiple of 4"),
            Self::TooLarge { bytes, max } => write!(f, "a length of {bytes} bytes exceeds the maximum of {max}"),
            Self::FixedLength { bytes } => {
                write!(f, "the buffer has a fixed length of {bytes} bytes and cannot grow")
            }
            Self::WouldShrink { bytes, length } => {
                write!(f, "a length of {bytes} bytes is less than the buffer's {length}, and buffers never shrink")
            }
            Self::NoRoom { bytes, source } => write!(f, "no room for {bytes} bytes: {source}"),
            Self::Misaligned { address, align } => {
                write!(f, "address {address:#x} is not a multiple of {align} bytes")
            }
            Self::BadName { name, reason } => write!(f, "{name:?} is not a valid name: {reason}"),
            Self::PermissionDenied { name, source } => write!(f, "no permission for {name:?}: {source}"),
            Self::AlreadyExists { name } => write!(f, "{name:?} already exists"),
            Self::NotFound { name } => write!(f, "{name:?} does not exist"),
            Self::TooShort { name, found, bytes } => {
                write!(f, "{name:?} has {found} bytes, fewer than the {bytes} asked for")
            }
            Self::NotGrowable { name } => write!(f, "{name:?} has a fixed length and cannot grow"),
            Self::MaxTooShort { name, found, max } => {
                write!(f, "{name:?} can grow to {found} bytes, fewer than the {max} asked for")
            }
            Self::HeaderVersion { name, found, expected } => {
                write!(f, "{name:?} has a header of version {found}, not {expected}")
            }
            Self::Unsealed => f.write_str("the descriptor is not sealed against shrinking"),
            Self::Unsupported { what } => write!(f, "{what} is not supported on {}", std::env::consts::OS),
            Self::Os { call, name, source } => write!(f, "{call} of {name:?} failed: {source}"),
        }
    }
}

impl std::error::Error for MemoryError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NoRoom { source, .. } | Self::PermissionDenied { source, .. } | Self::Os { source, .. } => {
                Some(source)
            }
            _ => None,
        }
    }
}

/// Keeps the [kind](MemoryError::kind); the text is that of the `MemoryError`.
impl From<MemoryError> for io::Error {
    fn from(error: MemoryError) -> Self {
        Self::new(error.kind(), error)
    }
}

/// An error number of the operating system, as an error that can be cloned and compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SystemError {
    code: i32,
}

impl SystemError {
    #[allow(dead_code, reason = "a model asks no system")]
    pub(crate) fn new(code: i32) -> Self {
        Self { code }
    }

    /// Returns the system's error number: `errno` on Unix, `GetLastError` on Windows.
    pub fn code(self) -> i32 {
        self.code
    }
}

impl fmt::Display for SystemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        io::Error::from(*self).fmt(f)
    }
}

impl std::error::Error for SystemError {}

impl From<SystemError> for io::Error {
    fn from(error: SystemError) -> Self {
        Self::from_raw_os_error(error.code)
    }
}
