//! The tables of layouts and of the allocator.

use super::pages::{page, table};
use super::rows;
use slotsync::{
    Barrier, BumpAllocator, Cond, Error, Event, Latch, Layout, Lock, Once, RwLock, Semaphore, SharedBuffer, Slot,
    Synchronic,
};
use std::sync::atomic::Ordering::Relaxed;

#[test]
fn the_kinds_are_those_of_the_table() {
    let Some(text) = page("layout.md") else { return };
    let rows = table(&text, "kinds");
    assert_eq!(rows.len(), 19);
    for row in rows {
        let [_, kind, bytes, align] = &row[..] else { panic!("four columns, but {row:?}") };
        let kind = kind.replace('`', "");
        let [bytes, align] = [bytes, align].map(|number| number.parse::<usize>().unwrap());
        let is_wide = kind.contains("64");
        if kind.starts_with("Guarded") && !cfg!(feature = "guarded") || is_wide && !cfg!(target_has_atomic = "64") {
            continue;
        }
        let (mut layout, mut start) = (Layout::new(), 0);
        if kind != "Layout" {
            // From a byte on that is a multiple of nothing.
            layout.array::<u8>(5);
            start = place(&kind, &mut layout);
            assert_eq!(start, 9_usize.next_multiple_of(align));
        }
        let line = layout.to_string().lines().last().unwrap().to_owned();
        assert_eq!(line, format!("{start} {bytes} {kind}"));
    }
}

/// Where what is of that kind was placed.
fn place(kind: &str, layout: &mut Layout) -> usize {
    match kind {
        "Lock" => layout.place::<Lock>().byte_offset(),
        "RwLock" => layout.place::<RwLock>().byte_offset(),
        "Semaphore" => layout.place::<Semaphore>().byte_offset(),
        "Event" => layout.place::<Event>().byte_offset(),
        "Latch" => layout.place::<Latch>().byte_offset(),
        "Barrier" => layout.place::<Barrier>().byte_offset(),
        "Once" => layout.place::<Once>().byte_offset(),
        "Cond" => layout.place::<Cond>().byte_offset(),
        "Synchronic<i8>" => layout.place::<Synchronic<i8>>().byte_offset(),
        #[cfg(target_has_atomic = "64")]
        "Synchronic<u64>" => layout.place::<Synchronic<u64>>().byte_offset(),
        "Slot" => layout.place::<Slot>().byte_offset(),
        "BumpAllocator" => layout.place::<BumpAllocator>().byte_offset(),
        #[cfg(feature = "guarded")]
        "Guarded<size 16, alignment 4, version 3>" => layout.place::<slotsync::Guarded<[u32; 4], 3>>().byte_offset(),
        #[cfg(feature = "guarded")]
        "Guarded<size 5, alignment 1, version 1>" => layout.place::<slotsync::Guarded<[u8; 5], 1>>().byte_offset(),
        "[u8; 3]" => layout.array::<u8>(3).byte_offset(),
        "[i16; 3]" => layout.array::<i16>(3).byte_offset(),
        "[f32; 3]" => layout.array::<f32>(3).byte_offset(),
        #[cfg(target_has_atomic = "64")]
        "[f64; 3]" => layout.array::<f64>(3).byte_offset(),
        _ => panic!("a kind that this test does not know: {kind}"),
    }
}

#[test]
fn the_text_and_the_fingerprint_are_those_of_the_page() {
    let Some(text) = page("layout.md") else { return };
    let mut layout = Layout::new();
    layout.place::<Lock>();
    layout.array::<u32>(100);
    layout.place::<BumpAllocator>();
    layout.array::<i32>(5000);
    let (_, shown) = text.split_once("<!-- checked: text -->\n\n```text\n").unwrap();
    assert_eq!(layout.to_string(), shown.split_once("```").unwrap().0);
    let (_, shown) = text.split_once("<!-- checked: fingerprint -->").unwrap();
    assert_eq!(Some(&*format!("{:#010x}", layout.fingerprint())), shown.split('`').nth(1));
}

#[test]
fn every_transition_of_a_layout_is_that_of_the_table() {
    let fingerprint = Layout::new().fingerprint() as i32;
    let others = [1, -1, i32::MIN, fingerprint ^ 1];
    let names: rows::Names<'_> = &[("F", &[fingerprint]), ("other", &others)];
    rows::run("layout.md", "layout transitions", names, &[("attach", 3)], |_, buffer| {
        match Layout::new().attach(buffer) {
            Ok(()) => "done".to_owned(),
            Err(Error::LayoutMismatch { .. }) => "`LayoutMismatch`".to_owned(),
            Err(error) => panic!("{error}"),
        }
    });
}

#[test]
fn every_transition_of_an_allocator_is_that_of_the_table() {
    let Some(text) = page("layout.md") else { return };
    let rows = table(&text, "allocator transitions");
    assert_eq!(rows.len(), 14);
    for row in rows {
        let [call, before, after, answer] = &row[..] else { panic!("four columns, but {row:?}") };
        let words = if before == "other" { vec![4, 5, i32::MAX, i32::MIN, -1] } else { vec![before.parse().unwrap()] };
        for word in words {
            let buffer = SharedBuffer::new(32).unwrap();
            buffer.slot(0).unwrap().store(word, Relaxed);
            assert_eq!(make(call.trim_matches('`'), &buffer), *answer, "{call} on {word}");
            let expected = if after == "same" { word } else { after.parse().unwrap() };
            let words: Vec<_> = buffer.slots(..).unwrap().iter().map(|slot| slot.load(Relaxed)).collect();
            assert_eq!(words, [expected, 0, 0, 0, 0, 0, 0, 0], "{call} on {word}");
        }
    }
}

fn make(call: &str, buffer: &SharedBuffer) -> String {
    if call == "initialize" {
        return BumpAllocator::initialize(buffer, 0, 5..8).map(|_| "a handle".to_owned()).unwrap();
    }
    let arguments = call.strip_prefix("allocate(").and_then(|rest| rest.strip_suffix(')'));
    let (bytes, align) = arguments.and_then(|both| both.split_once(", ")).unwrap();
    let allocator = BumpAllocator::new(buffer, 0, 5..8).unwrap();
    match allocator.allocate(bytes.parse().unwrap(), align.parse().unwrap()) {
        Ok(offset) => format!("byte {offset}"),
        Err(Error::Exhausted { left, .. }) => format!("`Exhausted`, {left} left"),
        Err(Error::BadAlignment { .. }) => "`BadAlignment`".to_owned(),
        Err(error) => panic!("{error}"),
    }
}
