//! The origins that this platform, or a model, does not have: each constructor says so.
#![allow(dead_code, reason = "each platform lacks others")]

use super::Memory;
use super::extent::Extent;
use super::options::Existing;
use crate::error::Error;
use std::path::Path;

type Refused = Result<Box<dyn Memory>, Error>;

pub(super) mod anonymous {
    use super::*;

    pub(in super::super) fn create(_: Extent) -> Refused {
        Err(Error::Unsupported { what: "anonymous shared memory" })
    }
}

pub(super) mod file {
    use super::*;

    pub(in super::super) fn create(_: &Path, _: Extent, _: u32, _: Existing) -> Refused {
        Err(Error::Unsupported { what: "a buffer in a file" })
    }

    pub(in super::super) fn open_whole(_: &Path) -> Refused {
        Err(Error::Unsupported { what: "a buffer in a file" })
    }
}

pub(super) mod named {
    use super::*;

    pub(in super::super) fn create(_: &str, _: Extent, _: u32, _: Existing) -> Refused {
        Err(Error::Unsupported { what: "named shared memory" })
    }

    pub(in super::super) fn open_whole(_: &str) -> Refused {
        Err(Error::Unsupported { what: "named shared memory" })
    }

    pub(in super::super) fn unlink(_: &str) -> Result<(), Error> {
        Err(Error::Unsupported { what: "named shared memory" })
    }
}

pub(super) mod memfd {
    use super::*;

    pub(in super::super) fn create(_: Extent) -> Refused {
        Err(Error::Unsupported { what: "memfd" })
    }

    pub(in super::super) fn check_sealed<T>(_: T) -> Result<(), Error> {
        Err(Error::Unsupported { what: "a sealed descriptor" })
    }
}

pub(super) mod foreign {
    use super::*;

    pub(in super::super) unsafe fn adopt(_: *mut u8, _: usize) -> Refused {
        Err(Error::Unsupported { what: "a buffer over foreign memory, in a model," })
    }
}
