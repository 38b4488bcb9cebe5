//! Writes that can be seen half done, and writes that cannot: a writer is stopped after each of its instructions, and
//! each time another process looks at what is there.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use crate::support::Watchdog;
use crate::support::steps::Steps;
use slotsync::SharedBuffer;
use slotsync::arrays::{DataView, TypedArray};

/// All that is seen of the bytes of a number or of a range, from before the write to after it: each change once.
fn seen_while<const N: usize>(
    test: &str,
    byte_offset: usize,
    write: impl FnOnce(&SharedBuffer),
) -> Option<Vec<[u8; N]>> {
    let buffer = SharedBuffer::anonymous(64).unwrap();
    let mut steps = Steps::unless_refused(test, || write(&buffer))?;
    let look = || {
        let mut bytes = [0; N];
        buffer.read_bytes(byte_offset, &mut bytes).unwrap();
        bytes
    };
    // The writer stands still while this process looks, so that the bytes are those of one moment.
    let mut seen = vec![look()];
    while steps.next().is_some() {
        seen.push(look());
    }
    seen.dedup();
    Some(seen)
}

const NEW: u64 = u64::MAX;

#[test]
fn a_number_of_a_view_is_seen_with_any_number_of_its_bytes_written() {
    const TEST: &str = "a_number_of_a_view_is_seen_with_any_number_of_its_bytes_written";
    let _watchdog = Watchdog::new(TEST);
    // Though the place of the second could be that of an element.
    for byte_offset in [9, 16] {
        let seen = seen_while::<8>(TEST, byte_offset, |buffer| {
            DataView::rest(buffer, 0).and_then(|view| view.set_le(byte_offset, NEW)).unwrap();
        });
        let Some(seen) = seen else { return };
        // One byte after the other, in whatever order: seven times neither the one value nor the other.
        let written: Vec<usize> = seen.iter().map(|bytes| bytes.iter().filter(|byte| **byte == 0xff).count()).collect();
        assert_eq!(written, [0, 1, 2, 3, 4, 5, 6, 7, 8], "{seen:x?}");
    }
}

#[test]
fn an_element_of_an_array_is_seen_as_it_was_or_as_it_is() {
    const TEST: &str = "an_element_of_an_array_is_seen_as_it_was_or_as_it_is";
    let _watchdog = Watchdog::new(TEST);
    let ways: [fn(TypedArray<'_, u64>); 3] =
        [|array| array.set(1, NEW).unwrap(), |array| array.fill(NEW), |array| array.copy_from(1, &[NEW]).unwrap()];
    for way in ways {
        let seen = seen_while(TEST, 16, |buffer| way(TypedArray::new(buffer, 8, 2).unwrap()));
        let Some(seen) = seen else { return };
        assert_eq!(seen.into_iter().map(u64::from_ne_bytes).collect::<Vec<_>>(), [0, NEW]);
    }
}

#[test]
fn a_range_of_bytes_is_seen_with_any_number_of_its_slots_written() {
    const TEST: &str = "a_range_of_bytes_is_seen_with_any_number_of_its_slots_written";
    let _watchdog = Watchdog::new(TEST);
    // Two bytes, two slots, a byte.
    let seen = seen_while::<11>(TEST, 6, |buffer| buffer.write_bytes(6, &[1; 11]).unwrap());
    let Some(seen) = seen else { return };
    let written: Vec<usize> = seen.iter().map(|bytes| bytes.iter().filter(|byte| **byte == 1).count()).collect();
    assert_eq!(written, [0, 1, 2, 6, 10, 11], "{seen:?}");
}
