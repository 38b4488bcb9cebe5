//! Errors that keep one of the system's, as a test expects them. Only the crate can make a `SystemError`, so an
//! expected error is a `Refused`, which compares with the error that was returned.

use slotsync::MemoryError;
use std::path::PathBuf;

#[derive(Clone, Debug)]
pub(crate) enum Refused {
    NoRoom { bytes: u64, code: i32 },
    PermissionDenied { name: PathBuf, code: i32 },
    Os { call: &'static str, name: PathBuf, code: i32 },
}

impl PartialEq<Refused> for MemoryError {
    fn eq(&self, expected: &Refused) -> bool {
        match (self, expected) {
            (Self::NoRoom { bytes, source }, Refused::NoRoom { bytes: wanted, code }) => {
                (bytes, source.code()) == (wanted, *code)
            }
            (Self::PermissionDenied { name, source }, Refused::PermissionDenied { name: wanted, code }) => {
                (name, source.code()) == (wanted, *code)
            }
            (Self::Os { call, name, source }, Refused::Os { call: expected_call, name: wanted, code }) => {
                (call, name, source.code()) == (expected_call, wanted, *code)
            }
            _ => false,
        }
    }
}
