//! The mutants of the layout.
#![cfg(not(loom))]

use crate::mutants::{ASSERTION, Group};

pub(crate) const MUTANTS: &[Group] = &[Group {
    file: "src/places/layout.rs",
    mutants: &[(
        "two_layouts_are_attached_in_two_steps",
        "mark.compare_exchange(UNATTACHED, expected, Relaxed, Relaxed).err().unwrap_or(expected)",
        "{ let found = mark.load(Relaxed); if found == UNATTACHED { mark.store(expected, Relaxed); expected } else { found } }",
        "parking::of_two_layouts_one_is_refused",
        ASSERTION,
    )],
}];
