//! The one error: misuse, and what the operating system refuses.

use std::io;
use std::path::PathBuf;

/// Why a call was refused. Each variant names the offending value and the bound it broke.
///
/// An `Error` means that nothing was changed: no memory was kept, no name was made, no word was written. (Only room that a
/// file system gave an object that exists, before there was no more, may stay with that: see
/// [`grow`](crate::SharedBuffer::grow).) What a *correct* call can bring (a lock that was not free, a wait that timed out)
/// is an outcome, not an error.
///
/// # Examples
///
/// ```
/// use slotsync::{Error, SharedBuffer};
///
/// let error = SharedBuffer::new(6).unwrap_err();
/// assert_eq!(error, Error::UnevenLength { bytes: 6 });
/// assert_eq!(error.to_string(), "a buffer's length must be a multiple of 4 bytes, but 6 is not");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A buffer of no bytes was asked for.
    #[error("a buffer needs at least 4 bytes, but 0 were asked for")]
    ZeroLength,
    /// The length is not a whole number of slots.
    #[error("a buffer's length must be a multiple of 4 bytes, but {bytes} is not")]
    UnevenLength {
        /// The length asked for, or found.
        bytes: u64,
    },
    /// The length is beyond what an address space can hold, or beyond the maximum of a growable buffer.
    #[error("a buffer holds at most {max} bytes, but {bytes} were asked for")]
    TooLarge {
        /// The length asked for, or found.
        bytes: u64,
        /// The greatest possible length.
        max: u64,
    },
    /// A buffer was to grow that is of a fixed length.
    #[error("the buffer has {bytes} bytes for good: it was not made growable")]
    FixedLength {
        /// Its length.
        bytes: u64,
    },
    /// A buffer was to grow to less than it has, perhaps because another agent has just made it longer.
    #[error("a buffer never shrinks: it has {length} bytes, but {bytes} were asked for")]
    WouldShrink {
        /// The length asked for.
        bytes: u64,
        /// Its length.
        length: u64,
    },
    /// Memory, a file system or a quota has no room for so many bytes.
    #[error("no room for {bytes} bytes: {}", io::Error::from_raw_os_error(*.code))]
    NoRoom {
        /// The length asked for.
        bytes: u64,
        /// The system's error number.
        code: i32,
    },
    /// Slots beyond the end of the buffer were asked for.
    #[error("slots {index}..{index}+{count} were asked for, but the buffer has {length} slots")]
    OutOfBounds {
        /// The first slot asked for.
        index: usize,
        /// How many slots from there on.
        count: usize,
        /// How many slots the buffer has.
        length: usize,
    },
    /// Foreign memory does not start where a word can, or an element of a typed array; or two slots not where a value of
    /// 64 bits can.
    #[error("shared words must be aligned to {align} bytes, but address {address:#x} is not")]
    Misaligned {
        /// The address handed in.
        address: usize,
        /// What it must be a multiple of.
        align: usize,
    },
    /// A typed array was to begin where none of its elements can.
    #[error("elements of {size} bytes begin at multiples of that, but byte {byte_offset} is none")]
    UnevenOffset {
        /// How many bytes after the start of the buffer it was to begin.
        byte_offset: usize,
        /// The size of an element.
        size: usize,
    },
    /// A typed array was to take the rest of a buffer, which is no whole number of elements.
    #[error("{bytes} bytes are left, which is no whole number of elements of {size} bytes")]
    UnevenRest {
        /// How many bytes are left.
        bytes: usize,
        /// The size of an element.
        size: usize,
    },
    /// A typed array was to end beyond the buffer.
    #[error(
        "{length} elements of {size} bytes from byte {byte_offset} on were asked for, but the buffer has {bytes} bytes"
    )]
    ArrayOutOfBounds {
        /// How many bytes after the start of the buffer it was to begin.
        byte_offset: usize,
        /// How many elements it was to have.
        length: usize,
        /// The size of an element.
        size: usize,
        /// How many bytes the buffer has.
        bytes: usize,
    },
    /// Bytes beyond the end of a buffer or of a view were asked for.
    #[error("{count} bytes from byte {byte_offset} on were asked for, but there are {bytes} bytes")]
    BytesOutOfBounds {
        /// The first byte asked for, counted from the start of the buffer, or from that of the view.
        byte_offset: usize,
        /// How many bytes from there on.
        count: usize,
        /// How many bytes there are.
        bytes: usize,
    },
    /// An element beyond the last was asked for.
    #[error("element {index} was asked for, but the array has {length} elements")]
    ElementOutOfRange {
        /// The element asked for.
        index: usize,
        /// How many there are.
        length: usize,
    },
    /// The name cannot be that of a shared memory object, or the path not that of a file.
    #[error("{name:?} is not a usable name: {reason}")]
    BadName {
        /// The name or path handed in.
        name: PathBuf,
        /// The rule it breaks.
        reason: &'static str,
    },
    /// The system does not let this process do that.
    #[error("no permission for {name:?}: {}", io::Error::from_raw_os_error(*.code))]
    PermissionDenied {
        /// The name or path.
        name: PathBuf,
        /// The system's error number.
        code: i32,
    },
    /// Something was to be created that is there already.
    #[error("{name:?} exists already")]
    AlreadyExists {
        /// The name or path.
        name: PathBuf,
    },
    /// Something was to be opened that is not there.
    #[error("{name:?} does not exist")]
    NotFound {
        /// The name or path.
        name: PathBuf,
    },
    /// The object is there, but holds fewer bytes than were asked for. It is left as it is.
    #[error("{name:?} has {found} bytes, but {bytes} were asked for")]
    TooShort {
        /// The name or path.
        name: PathBuf,
        /// Its length.
        found: u64,
        /// The length asked for.
        bytes: u64,
    },
    /// A growable object was asked for, and the object is there, but of a fixed length. It is left as it is.
    #[error("{name:?} exists already, with a length that cannot grow")]
    NotGrowable {
        /// The name or path.
        name: PathBuf,
    },
    /// The object is there, but cannot grow to as many bytes as were asked for. It is left as it is.
    #[error("{name:?} can grow to {found} bytes, but {max} were asked for")]
    MaxTooShort {
        /// The name or path.
        name: PathBuf,
        /// Its maximum.
        found: u64,
        /// The maximum asked for.
        max: u64,
    },
    /// The object was made growable by a program whose header is of another version. It is left as it is.
    #[error("{name:?} is growable by a header of version {found}, but this program knows version {expected}")]
    HeaderVersion {
        /// The name or path.
        name: PathBuf,
        /// The version of its header.
        found: u64,
        /// The version that this program knows.
        expected: u64,
    },
    /// A descriptor whose owner could shrink the memory under us, where a sealed one is required.
    #[error("the descriptor is not sealed against shrinking: a peer could truncate it and kill this process by SIGBUS")]
    Unsealed,
    /// This platform cannot do that.
    #[error("{what} is not supported on {platform}", platform = std::env::consts::OS)]
    Unsupported {
        /// What was asked for.
        what: &'static str,
    },
    /// A lock was to be unlocked that nobody holds. It stays unlocked.
    #[error("the lock is not held")]
    NotHeld,
    /// A semaphore was to have, or to give, more permits than it can hold. It stays as it is.
    #[error("a semaphore holds at most {max} permits, but it was to be {permits}")]
    TooManyPermits {
        /// How many there would be, or were asked for.
        permits: u64,
        /// The greatest possible number.
        max: u32,
    },
    /// A reader-writer lock has as many readers as it can count. It stays as it is.
    #[error("the lock has {max} readers, and cannot have more")]
    TooManyReaders {
        /// The greatest possible number.
        max: u32,
    },
    /// A latch was to be counted down beyond zero. It stays as it is.
    #[error("the latch was to be counted down by {count}, but {left} are left")]
    TooFewLeft {
        /// By how much it was to be counted down.
        count: u32,
        /// How much was left.
        left: u32,
    },
    /// A latch was to count down from more than it can hold.
    #[error("a latch counts down from at most {max}, but {count} was asked for")]
    TooLongCount {
        /// The number asked for.
        count: u32,
        /// The greatest possible number.
        max: u32,
    },
    /// A barrier of no agents, or of more than it can count.
    #[error("a barrier is for 1 to {max} agents, but {agents} were asked for")]
    BadAgents {
        /// The number asked for.
        agents: u32,
        /// The greatest possible number.
        max: u32,
    },
    /// The initializer of a [`Once`](crate::Once) has panicked, in this process or in another.
    #[error("the initializer has panicked: look at what it left, then reset the once")]
    InitializerPanicked,
    /// The [`Once`](crate::Once) was reset while this agent's initializer ran: another's may have run since.
    #[error("the once was reset while the initializer ran")]
    Superseded,
    /// A condition and its lock are not shared with the same agents: one is of [`Scope::Private`](crate::Scope), the
    /// other of [`Scope::Shared`](crate::Scope).
    #[error("of a condition and its lock, one is private to this process and the other is shared")]
    ScopeMismatch,
    /// Another type, or another version, is in the slots of a `Guarded` value. It stays as it is.
    #[error("the {what} of the guarded value that is there is {found}, but {expected} was expected")]
    GuardedMismatch {
        /// What they disagree about: the `mark` of the layout and the byte order, the `size`, the `alignment`, the
        /// `pointer size`, or the `version`.
        what: &'static str,
        /// What the memory says.
        found: u32,
        /// What the caller's type or version says.
        expected: u32,
    },
    /// The memory was laid out by other lines than this program's: see [`Layout::attach`](crate::Layout::attach).
    #[error("the memory has the layout {found:#010x}, but this program's is {expected:#010x}")]
    LayoutMismatch {
        /// The fingerprint in the memory.
        found: u32,
        /// The fingerprint of the layout that was to be attached.
        expected: u32,
    },
    /// Memory was to be aligned to what is no power of two.
    #[error("memory is aligned to a power of two, but {align} is none")]
    BadAlignment {
        /// The alignment asked for.
        align: usize,
    },
    /// An allocator has no room for so much. It stays as it is.
    #[error("{bytes} bytes at a multiple of {align} were asked for, but the allocator has {left} bytes left")]
    Exhausted {
        /// How many bytes were asked for.
        bytes: usize,
        /// What their offset was to be a multiple of.
        align: usize,
        /// How many bytes are left. If that is enough, then the alignment leaves too few.
        left: usize,
    },
    /// The slot of an allocator lies in the range that it is to hand out.
    #[error("slot {index} is to say how much of a range is used, and lies in that range")]
    InOwnRange {
        /// The slot.
        index: usize,
    },
    /// Any other failure of a system call.
    #[error("{call} of {name:?}: {}", io::Error::from_raw_os_error(*.code))]
    Os {
        /// The system call.
        call: &'static str,
        /// What it was about.
        name: PathBuf,
        /// The system's error number.
        code: i32,
    },
}

/// For programs that report everything as [`io::Error`]: the kind is kept, the text is this error's.
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match error {
            Error::PermissionDenied { .. } => io::ErrorKind::PermissionDenied,
            Error::AlreadyExists { .. } => io::ErrorKind::AlreadyExists,
            Error::NotFound { .. } => io::ErrorKind::NotFound,
            Error::Unsupported { .. } => io::ErrorKind::Unsupported,
            Error::NoRoom { code, .. } | Error::Os { code, .. } => io::Error::from_raw_os_error(code).kind(),
            _ => io::ErrorKind::InvalidInput,
        };
        Self::new(kind, error)
    }
}
