//! The tables of the guarded value.

use super::pages::{page, table};
use slotsync::{Error, Guarded, SharedBuffer};

#[test]
fn the_slots_of_guarded_values_are_those_of_the_table() {
    let Some(text) = page("guarded.md") else { return };
    let rows = [
        ("`u8`", size_of::<u8>(), Guarded::<u8, 1>::SLOTS),
        ("`u32`", size_of::<u32>(), Guarded::<u32, 1>::SLOTS),
        ("`[u8; 5]`", size_of::<[u8; 5]>(), Guarded::<[u8; 5], 1>::SLOTS),
        ("`u64`", size_of::<u64>(), Guarded::<u64, 1>::SLOTS),
        ("`[u32; 16]`", size_of::<[u32; 16]>(), Guarded::<[u32; 16], 1>::SLOTS),
    ];
    let rows = rows.map(|(name, bytes, slots)| [name, &bytes.to_string(), &slots.to_string()].map(str::to_owned));
    assert_eq!(table(&text, "guarded slots"), rows);
}

#[test]
fn an_agent_that_attaches_with_another_type_gets_the_error_of_the_table() {
    let Some(text) = page("guarded.md") else { return };
    let rows = table(&text, "guarded mismatches");
    assert_eq!(rows.len(), 5, "the rows of the table");
    for row in rows {
        let buffer = SharedBuffer::new(64).unwrap();
        assert_eq!(attach(&buffer, &row[0]), "none");
        assert_eq!(attach(&buffer, &row[1]), row[2], "{row:?}");
    }
}

/// What comes of attaching as a cell says.
fn attach(buffer: &SharedBuffer, cell: &str) -> String {
    let outcome = match cell {
        "`Guarded<u32, 1>`" => Guarded::<u32, 1>::new(buffer, 0).map(drop),
        "`Guarded<u32, 2>`" => Guarded::<u32, 2>::new(buffer, 0).map(drop),
        "`Guarded<u32, 8>`" => Guarded::<u32, 8>::new(buffer, 0).map(drop),
        "`Guarded<i32, 1>`" => Guarded::<i32, 1>::new(buffer, 0).map(drop),
        "`Guarded<u64, 1>`" => Guarded::<u64, 1>::new(buffer, 0).map(drop),
        "`Guarded<u64, 7>`" => Guarded::<u64, 7>::new(buffer, 0).map(drop),
        "`Guarded<[u16; 2], 1>`" => Guarded::<[u16; 2], 1>::new(buffer, 0).map(drop),
        _ => panic!("a type that this test does not know: {cell}"),
    };
    match outcome {
        Ok(()) => "none".to_owned(),
        Err(Error::GuardedMismatch { what, found, expected }) => format!("{what} is {found}, expected {expected}"),
        Err(other) => panic!("{other}"),
    }
}
