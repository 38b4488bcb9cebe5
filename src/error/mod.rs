//! What a call can refuse: an error type for each family of calls, and [`Error`], which all of them convert into.

use core::fmt;

mod memory;
mod outcomes;

pub use memory::{MemoryError, SystemError};
pub use outcomes::{NotHeld, OnceError, TimedOut, TooFewLeft, TooManyPermits};

/// A call on a buffer's contents was refused, or any other error of this crate.
///
/// Attaching a handle, reading an array and allocating a place return this type. A call that can fail in one way only
/// returns a type of its own ([`TimedOut`], [`NotHeld`], [`TooManyPermits`], [`TooFewLeft`], [`OnceError`]), and the
/// calls that make, open and grow buffers return [`MemoryError`]. All of these convert into `Error`, so a function that
/// returns `Result<_, slotsync::Error>` can use `?` on every call of the crate.
///
/// An error means that nothing was changed: no word was written, no name was made and no memory was kept.
///
/// # Examples
///
/// ```
/// use slotsync::{Error, Lock, SharedBuffer};
///
/// let buffer = SharedBuffer::new(64)?;
/// let error = Lock::new(&buffer, 16).unwrap_err();
/// assert_eq!(error, Error::OutOfBounds { index: 16, count: 1, length: 16 });
/// assert_eq!(error.to_string(), "slot 16 is out of bounds: the buffer has 16 slots");
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A slot lies beyond the end of the buffer.
    OutOfBounds {
        /// The first slot asked for.
        index: usize,
        /// The number of slots asked for.
        count: usize,
        /// The number of slots in the buffer.
        length: usize,
    },
    /// A 64-bit value does not lie at a multiple of 8 bytes, or foreign memory is not aligned for the elements of an array.
    Misaligned {
        /// The address.
        address: usize,
        /// The alignment that is needed, in bytes.
        align: usize,
    },
    /// The byte offset of a typed array is not a multiple of its element size.
    UnevenOffset {
        /// The offset from the start of the buffer.
        byte_offset: usize,
        /// The element size in bytes.
        size: usize,
    },
    /// The rest of a buffer is not a whole number of elements.
    UnevenRest {
        /// The number of bytes that are left.
        bytes: usize,
        /// The element size in bytes.
        size: usize,
    },
    /// A typed array ends beyond the end of the buffer.
    ArrayOutOfBounds {
        /// The offset from the start of the buffer.
        byte_offset: usize,
        /// The number of elements.
        length: usize,
        /// The element size in bytes.
        size: usize,
        /// The length of the buffer in bytes.
        bytes: usize,
    },
    /// A range of bytes ends beyond the end of a buffer or a view.
    BytesOutOfBounds {
        /// The first byte, counted from the start of the buffer or the view.
        byte_offset: usize,
        /// The number of bytes asked for.
        count: usize,
        /// The length of the buffer or the view in bytes.
        bytes: usize,
    },
    /// An element lies beyond the end of a typed array.
    ElementOutOfRange {
        /// The index asked for.
        index: usize,
        /// The number of elements.
        length: usize,
    },
    /// The count of a latch exceeds its maximum.
    TooLongCount {
        /// The count asked for.
        count: u32,
        /// The maximum.
        max: u32,
    },
    /// A barrier is for no agents, or for more than its maximum.
    BadAgents {
        /// The number of agents asked for.
        agents: u32,
        /// The maximum.
        max: u32,
    },
    /// A condition variable and its lock have different [scopes](crate::Scope).
    ScopeMismatch,
    /// A [`Guarded`](crate#primitives) value of another type or version lies in the slots.
    GuardedMismatch {
        /// The property that differs: `mark` (layout and byte order), `size`, `alignment`, `pointer size` or `version`.
        what: &'static str,
        /// The value in memory.
        found: u32,
        /// The value of the caller's type.
        expected: u32,
    },
    /// The memory has the layout of another program: see [`Layout::attach`](crate::Layout::attach).
    LayoutMismatch {
        /// The fingerprint in memory.
        found: u32,
        /// The fingerprint of the layout to attach.
        expected: u32,
    },
    /// An alignment is not a power of two.
    BadAlignment {
        /// The alignment asked for.
        align: usize,
    },
    /// An allocator has too little memory left.
    Exhausted {
        /// The number of bytes asked for.
        bytes: usize,
        /// The alignment asked for.
        align: usize,
        /// The number of bytes left. If this is at least `bytes`, aligning takes up the difference.
        left: usize,
    },
    /// The slot of an allocator lies in the range that it hands out.
    InOwnRange {
        /// The slot.
        index: usize,
    },
    /// This platform, or a model, cannot do what was asked for.
    Unsupported {
        /// What was asked for.
        what: &'static str,
    },
    /// A buffer could not be made, opened, grown or removed.
    Memory(MemoryError),
    /// The time ran out.
    TimedOut(TimedOut),
    /// A lock that nobody holds was to be unlocked.
    NotHeld(NotHeld),
    /// A semaphore would have more permits than its maximum.
    TooManyPermits(TooManyPermits),
    /// A latch would be counted down below zero.
    TooFewLeft(TooFewLeft),
    /// An initializer panicked, or its once was reset.
    Once(OnceError),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfBounds { index, count: 1, length } => {
                write!(f, "slot {index} is out of bounds: the buffer has {length} slots")
            }
            Self::OutOfBounds { index, count, length } => {
                write!(f, "{count} slots from slot {index} are out of bounds: the buffer has {length} slots")
            }
            Self::Misaligned { address, align } => {
                write!(f, "address {address:#x} is not a multiple of {align} bytes")
            }
            Self::UnevenOffset { byte_offset, size } => {
                write!(f, "byte offset {byte_offset} is not a multiple of the element size ({size})")
            }
            Self::UnevenRest { bytes, size } => {
                write!(f, "the remaining {bytes} bytes are not a multiple of the element size ({size})")
            }
            Self::ArrayOutOfBounds { byte_offset, length, size, bytes } => write!(
                f,
                "{length} elements of {size} bytes from byte {byte_offset} are out of bounds: the buffer has {bytes} bytes"
            ),
            Self::BytesOutOfBounds { byte_offset, count, bytes } => {
                write!(f, "{count} bytes from byte {byte_offset} are out of bounds: there are {bytes} bytes")
            }
            Self::ElementOutOfRange { index, length } => {
                write!(f, "element {index} is out of range: the array has {length} elements")
            }
            Self::TooLongCount { count, max } => write!(f, "a count of {count} exceeds the maximum of {max}"),
            Self::BadAgents { agents, max } => {
                write!(f, "a barrier for {agents} agents is not in the range 1 to {max}")
            }
            Self::ScopeMismatch => {
                f.write_str("the condition variable and its lock have different scopes (private and shared)")
            }
            Self::GuardedMismatch { what, found, expected } => {
                write!(f, "the guarded value has {what} {found}, not {expected}")
            }
            Self::LayoutMismatch { found, expected } => {
                write!(f, "the memory has layout {found:#010x}, not {expected:#010x}")
            }
            Self::BadAlignment { align } => write!(f, "alignment {align} is not a power of two"),
            Self::Exhausted { bytes, align, left } => {
                write!(f, "{bytes} bytes at a multiple of {align} do not fit: the allocator has {left} bytes left")
            }
            Self::InOwnRange { index } => write!(f, "slot {index} of the allocator lies in the range it hands out"),
            Self::Unsupported { what } => write!(f, "{what} is not supported on {}", std::env::consts::OS),
            Self::Memory(error) => error.fmt(f),
            Self::TimedOut(error) => error.fmt(f),
            Self::NotHeld(error) => error.fmt(f),
            Self::TooManyPermits(error) => error.fmt(f),
            Self::TooFewLeft(error) => error.fmt(f),
            Self::Once(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Memory(error) => error.source(),
            _ => None,
        }
    }
}

/// Each narrower error is a variant.
macro_rules! widen {
    ($($variant:ident: $error:ty;)*) => { $(
        impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Self::$variant(error)
            }
        }
    )* };
}

widen! {
    Memory: MemoryError;
    TimedOut: TimedOut;
    NotHeld: NotHeld;
    TooManyPermits: TooManyPermits;
    TooFewLeft: TooFewLeft;
    Once: OnceError;
}

/// Keeps the kind of a [`MemoryError`]. Every other error is [`InvalidInput`](std::io::ErrorKind::InvalidInput), but for
/// [`TimedOut`](std::io::ErrorKind::TimedOut) and [`Unsupported`](std::io::ErrorKind::Unsupported).
impl From<Error> for std::io::Error {
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::Memory(error) => error.kind(),
            Error::TimedOut(_) => std::io::ErrorKind::TimedOut,
            Error::Unsupported { .. } => std::io::ErrorKind::Unsupported,
            _ => std::io::ErrorKind::InvalidInput,
        };
        Self::new(kind, error)
    }
}
