//! The promises of views between real processes, over every origin of memory that they can share.
#![cfg(target_os = "linux")]

use crate::support::processes::{fork, join_all};
use crate::support::{Memory, Watchdog, until};
use slotsync::arrays::{DataView, TypedArray};
use slotsync::{Semaphore, SharedBuffer};

over_shared_origins! {
    a_number_at_any_byte_is_the_same_in_another_process
    bytes_that_one_process_writes_another_reads
    processes_that_copy_to_neighbouring_bytes_do_not_meet
    a_slot_of_a_range_is_never_seen_in_parts_from_another_process
    an_array_is_copied_from_another_mapping_of_its_memory
}

/// Where a view or a range begins: where no slot does.
const OFFSET: usize = 513;

fn view(buffer: &SharedBuffer) -> DataView<'_> {
    DataView::new(buffer, OFFSET, 64).unwrap()
}

/// Says that there is something to read, and that it was read.
fn semaphores(buffer: &SharedBuffer) -> [Semaphore<'_>; 2] {
    [0, 1].map(|index| Semaphore::new(buffer, index).unwrap())
}

/// One process writes, and another reads: ordered by the semaphores, as nothing else does it.
fn a_number_at_any_byte_is_the_same_in_another_process(memory: &Memory) {
    let _watchdog = Watchdog::new("a_number_at_any_byte_is_the_same_in_another_process");
    const TURNS: u32 = 200;
    let child = fork(memory, |buffer| {
        let ([written, read], view) = (semaphores(buffer), view(buffer));
        for turn in 0..TURNS {
            written.acquire();
            let at = (turn % 40) as usize;
            assert_eq!(view.get_le(at), Ok(turn.wrapping_mul(0x9e37_79b9)));
            assert_eq!(view.get_be(at + 4), Ok(turn as f32 / 3.0));
            view.set_be(at + 1, turn as i16).unwrap();
            read.release(1).unwrap();
        }
        0
    });
    let ([written, read], view) = (semaphores(&memory.buffer), view(&memory.buffer));
    for turn in 0..TURNS {
        let at = (turn % 40) as usize;
        view.set_le(at, turn.wrapping_mul(0x9e37_79b9)).unwrap();
        view.set_be(at + 4, turn as f32 / 3.0).unwrap();
        written.release(1).unwrap();
        read.acquire();
        assert_eq!(view.get_be(at + 1), Ok(turn as i16));
    }
    child.join();
}

fn bytes_that_one_process_writes_another_reads(memory: &Memory) {
    let _watchdog = Watchdog::new("bytes_that_one_process_writes_another_reads");
    const TURNS: usize = 100;
    /// As many bytes as the turn says, and none of them as in the turn before.
    fn message(turn: usize) -> Vec<u8> {
        (0..turn).map(|place| (turn * 31 + place) as u8).collect()
    }
    /// Where the answer comes.
    fn answers(buffer: &SharedBuffer) -> DataView<'_> {
        DataView::new(buffer, OFFSET + 255, TURNS).unwrap()
    }
    let child = fork(memory, |buffer| {
        let [written, read] = semaphores(buffer);
        for turn in 0..TURNS {
            written.acquire();
            let mut bytes = vec![0; turn];
            buffer.read_bytes(OFFSET + turn % 5, &mut bytes).unwrap();
            assert_eq!(bytes, message(turn));
            bytes.reverse();
            answers(buffer).write_bytes(1, &bytes).unwrap();
            read.release(1).unwrap();
        }
        0
    });
    let [written, read] = semaphores(&memory.buffer);
    for turn in 0..TURNS {
        memory.buffer.write_bytes(OFFSET + turn % 5, &message(turn)).unwrap();
        written.release(1).unwrap();
        read.acquire();
        let mut answer = vec![0; turn];
        answers(&memory.buffer).read_bytes(1, &mut answer).unwrap();
        answer.reverse();
        assert_eq!(answer, message(turn));
    }
    child.join();
}

fn processes_that_copy_to_neighbouring_bytes_do_not_meet(memory: &Memory) {
    let _watchdog = Watchdog::new("processes_that_copy_to_neighbouring_bytes_do_not_meet");
    // Each two of them meet within a slot.
    let children = [(0, 9), (9, 1), (10, 6)].map(|(place, count)| {
        fork(memory, move |buffer| {
            let mut copy = vec![0; count];
            for turn in 1..=u8::MAX {
                buffer.write_bytes(OFFSET + place, &vec![turn; count]).unwrap();
                buffer.read_bytes(OFFSET + place, &mut copy).unwrap();
                assert_eq!(copy, vec![turn; count]);
            }
            0
        })
    });
    join_all(children.into());
}

fn a_slot_of_a_range_is_never_seen_in_parts_from_another_process(memory: &Memory) {
    let _watchdog = Watchdog::new("a_slot_of_a_range_is_never_seen_in_parts_from_another_process");
    const PATTERNS: [u8; 2] = [0x55, 0xaa];
    const RANGE: usize = 256;
    fn enough(buffer: &SharedBuffer) -> TypedArray<'_, u8> {
        TypedArray::new(buffer, OFFSET, 1).unwrap()
    }
    memory.buffer.write_bytes(RANGE, &[PATTERNS[0]; 12]).unwrap();
    let writers = PATTERNS.map(|pattern| {
        fork(memory, move |buffer| {
            // Until the other side has seen enough.
            while enough(buffer).get(0) == Some(0) {
                buffer.write_bytes(RANGE, &[pattern; 12]).unwrap();
            }
            0
        })
    });
    let (mut last, mut changes) = (PATTERNS[0], 0);
    until("the other pattern was seen often enough", || {
        let mut bytes = [0; 12];
        memory.buffer.read_bytes(RANGE, &mut bytes).unwrap();
        for slot in bytes.chunks(4) {
            assert!(PATTERNS.iter().any(|pattern| slot == [*pattern; 4]), "{bytes:x?}");
        }
        changes += u32::from(bytes[0] != std::mem::replace(&mut last, bytes[0]));
        changes >= 30
    });
    enough(&memory.buffer).set(0, 1).unwrap();
    join_all(writers.into());
}

fn an_array_is_copied_from_another_mapping_of_its_memory(memory: &Memory) {
    let array = TypedArray::<u16>::new(&memory.buffer, 512, 6).unwrap();
    array.copy_from(0, &[1, 2, 3, 4, 5, 6]).unwrap();
    fork(memory, |buffer| {
        // Its own mapping, where there is one, and that of its parent, which it has too.
        let source = TypedArray::<u16>::new(buffer, 512, 4).unwrap();
        TypedArray::<u16>::new(&memory.buffer, 512, 6).unwrap().copy_from_array(2, source).unwrap();
        0
    })
    .join();
    assert_eq!(array.to_vec(), [1, 2, 1, 2, 3, 4]);
}
