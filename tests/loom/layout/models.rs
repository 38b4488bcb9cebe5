//! The layout.
#![cfg(loom)]

use crate::world::*;
use slotsync::{Layout, Semaphore};

fn attaches(world: &World, layout: &Layout) {
    match layout.attach(&world.buffer) {
        Ok(()) => drop(attached(world).fetch_add(1, Relaxed)),
        Err(error) => assert!(matches!(error, Error::LayoutMismatch { found: 1.., .. }), "{error}"),
    }
}

/// How many have attached, in a word behind both layouts.
fn attached(world: &World) -> Slot<'_> {
    world.buffer.slot(5).unwrap()
}

fn attaches_one(world: &World) {
    let mut layout = Layout::new();
    layout.place::<Lock>();
    attaches(world, &layout);
}

fn attaches_another(world: &World) {
    let mut layout = Layout::new();
    layout.place::<Semaphore>();
    attaches(world, &layout);
}

fn one_is_attached(world: &World) {
    assert_eq!(attached(world).load(Relaxed), 1);
}

fn both_are_attached(world: &World) {
    assert_eq!(attached(world).load(Relaxed), 2);
}

fn those_of_one_layout_are_attached(world: &World) {
    assert!([1, 2].contains(&attached(world).load(Relaxed)));
}

holds! {
    of_two_layouts_one_is_refused = &[attaches_one, attaches_another], one_is_attached;
    one_layout_is_attached_twice = &[attaches_one, attaches_one], both_are_attached;
    of_three_those_agree_that_attach = &[attaches_one, attaches_another, attaches_one], those_of_one_layout_are_attached;
}
