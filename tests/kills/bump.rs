//! The allocator. It has no lock, and nobody waits: what is to be seen is who is handed what.

use super::*;

/// An odd first slot, so that to align is to skip one.
const HEAP: std::ops::Range<usize> = 5..32;
/// What the word was when the victim was dead.
const FOUND: usize = 1;
const OF_THE_VICTIM: i32 = 1;
const OF_A_SURVIVOR: i32 = 16;

fn allocator(buffer: &SharedBuffer) -> BumpAllocator<'_> {
    BumpAllocator::new(buffer, WORD, HEAP).unwrap()
}

/// Puts its mark on what it was handed.
fn mark(buffer: &SharedBuffer, offset: usize, slots: usize, mark: i32) {
    let first = offset / 4;
    for slot in buffer.slots(first..first + slots).unwrap() {
        assert_eq!(slot.fetch_add(mark, Relaxed), 0, "it was another's");
    }
}

fn allocate_three_slots(buffer: &SharedBuffer) {
    mark(buffer, allocator(buffer).allocate(12, 8).unwrap(), 3, OF_THE_VICTIM);
}

fn exhaust(buffer: &SharedBuffer) {
    while let Ok(offset) = allocator(buffer).allocate(4, 4) {
        mark(buffer, offset, 1, OF_A_SURVIVOR);
    }
}

/// Behind who exhausted it: each slot is of a survivor, or of what the victim was handed.
fn look_who_was_handed_what(buffer: &SharedBuffer) {
    let found = buffer.slot(FOUND).unwrap().load(Relaxed) as usize;
    for (place, slot) in buffer.slots(HEAP).unwrap().iter().enumerate() {
        let owner = slot.load(Relaxed);
        let is_right = if place < found { [0, OF_THE_VICTIM].contains(&owner) } else { owner == OF_A_SURVIVOR };
        assert!(is_right, "slot {place} of the range is of {owner}");
    }
}

/// The victim was handed all or nothing, with what was skipped to align it.
fn look_what_is_lost(scene: &mut Scene) -> bool {
    let [word, ..] = scene.words();
    assert!([0, 4].contains(&word) && (word == 4 || scene.point != CONTROL), "{}", scene.describe(&[]));
    scene.buffer.slot(FOUND).unwrap().store(word, Relaxed);
    word != 0
}

scenarios! {
    allocation_before_others {
        survivors: &[(Last, exhaust), (Last, look_who_was_handed_what)],
        victim: allocate_three_slots,
        aftermath: look_what_is_lost
    }
    allocation_of_an_array_before_others {
        survivors: &[(Last, exhaust), (Last, look_who_was_handed_what)],
        // It was aligned by what it skipped, and has half a slot more than it needs.
        victim: |buffer| {
            let array = allocator(buffer).allocate_array::<u16>(5).unwrap();
            mark(buffer, array.byte_offset(), 3, OF_THE_VICTIM);
        },
        aftermath: |scene| {
            let [word, ..] = scene.words();
            assert!([0, 3].contains(&word) && (word == 3 || scene.point != CONTROL), "{}", scene.describe(&[]));
            scene.buffer.slot(FOUND).unwrap().store(word, Relaxed);
            word != 0
        }
    }
}
