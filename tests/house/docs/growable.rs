//! The table of the header of a growable object, held against one.

use super::pages::{page, table};
use slotsync::SharedBuffer;
use std::fs;

#[test]
fn the_header_of_a_growable_object_is_that_of_the_table() {
    let Some(text) = page("growable.md") else { return };
    const MAX: u64 = 1004;
    const LENGTH: u64 = 100;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("growable");
    let buffer = SharedBuffer::options().max_byte_length(MAX as usize).file(&path, 64).unwrap();
    buffer.grow(LENGTH as usize).unwrap();
    let bytes = fs::read(&path).unwrap();
    let header = &bytes[MAX.next_multiple_of(64) as usize..];
    let rows = table(&text, "growable header");
    assert_eq!((header.len(), rows.len()), (64, 8), "a row for each number");
    for (row, number) in rows.iter().zip(header.chunks(8)) {
        let [offset, what, value] = &row[..] else { panic!("three columns, but {row:?}") };
        let found = u64::from_ne_bytes(number.try_into().unwrap());
        let expected = match &**what {
            "maximum" => MAX,
            "length" => LENGTH,
            _ if value.starts_with("0x") => u64::from_str_radix(&value[2..], 16).unwrap(),
            _ => value.parse().unwrap(),
        };
        assert_eq!((8 * (offset.parse::<usize>().unwrap() / 8), found), (offset.parse().unwrap(), expected), "{what}");
    }
    let offsets = rows.iter().map(|row| row[0].parse::<usize>().unwrap());
    assert!(offsets.eq((0..64).step_by(8)));
}
