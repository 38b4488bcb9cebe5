//! The origins that this platform, or a model, does not have: each constructor returns `Unsupported`.
#![allow(dead_code, reason = "each platform lacks others")]

use crate::error::MemoryError;
use crate::memory::contract::{Existing, Memory};
use crate::memory::extent::Extent;
use std::path::Path;

type Refused = Result<Box<dyn Memory>, MemoryError>;

pub(crate) mod anonymous {
    use super::*;

    pub(crate) fn create(_: Extent) -> Refused {
        Err(MemoryError::Unsupported { what: "anonymous shared memory" })
    }
}

pub(crate) mod file {
    use super::*;

    pub(crate) fn create(_: &Path, _: Extent, _: u32, _: Existing) -> Refused {
        Err(MemoryError::Unsupported { what: "a buffer in a file" })
    }

    pub(crate) fn open_whole(_: &Path) -> Refused {
        Err(MemoryError::Unsupported { what: "a buffer in a file" })
    }
}

pub(crate) mod named {
    use super::*;

    pub(crate) fn create(_: &str, _: Extent, _: u32, _: Existing) -> Refused {
        Err(MemoryError::Unsupported { what: "named shared memory" })
    }

    pub(crate) fn open_whole(_: &str) -> Refused {
        Err(MemoryError::Unsupported { what: "named shared memory" })
    }

    pub(crate) fn unlink(_: &str) -> Result<(), MemoryError> {
        Err(MemoryError::Unsupported { what: "named shared memory" })
    }
}

pub(crate) mod memfd {
    use super::*;

    pub(crate) fn create(_: Extent) -> Refused {
        Err(MemoryError::Unsupported { what: "memfd" })
    }

    pub(crate) fn check_sealed<T>(_: T) -> Result<(), MemoryError> {
        Err(MemoryError::Unsupported { what: "a sealed descriptor" })
    }
}

pub(crate) mod foreign {
    use super::*;

    pub(crate) unsafe fn adopt(_: *mut u8, _: usize) -> Refused {
        Err(MemoryError::Unsupported { what: "a buffer over foreign memory in a model" })
    }
}
