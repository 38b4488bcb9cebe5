//! What the models share: agents, what they have in common, and how far they are explored.
#![cfg(loom)]
#![allow(unsafe_code, reason = "loom's cell hands out raw pointers, to check that accesses through it are ordered")]

pub(crate) use slotsync::model::loom::sync::atomic::{AtomicI32, fence};
pub(crate) use slotsync::model::loom::{cell::UnsafeCell, thread};
pub(crate) use slotsync::model::{Double, Model};
pub(crate) use slotsync::{Error, Lock, NotHeld, Scope, SharedBuffer, Slot, Wait};
pub(crate) use std::cell::UnsafeCell as StdUnsafeCell;
pub(crate) use std::collections::HashSet;
pub(crate) use std::mem;
pub(crate) use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
pub(crate) use std::sync::{Arc, Mutex};
pub(crate) use std::time::{Duration, Instant};

/// What the agents of a model share: words, and data that must only be touched one at a time and in order.
pub(crate) struct World {
    pub(crate) buffer: SharedBuffer,
    pub(crate) data: UnsafeCell<i32>,
    /// One for each agent to leave something in.
    pub(crate) cells: [UnsafeCell<i32>; 3],
    /// A word that is in no buffer.
    pub(crate) other: AtomicI32,
}

impl World {
    #[allow(clippy::arc_with_non_send_sync, reason = "loom's threads are coroutines of one thread")]
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            buffer: SharedBuffer::new(24).unwrap(),
            data: UnsafeCell::new(0),
            cells: [(); 3].map(|()| UnsafeCell::new(0)),
            other: AtomicI32::new(0),
        })
    }

    pub(crate) fn word(&self) -> Slot<'_> {
        self.buffer.slot(0).unwrap()
    }

    pub(crate) fn lock(&self) -> Lock<'_> {
        Lock::from_slot(self.word())
    }

    /// Loom reports a causality violation unless the caller is alone here, and after all who were here before.
    pub(crate) fn touch(&self) {
        // SAFETY: loom checks just this, and ends the model if it does not hold.
        self.data.with_mut(|data| unsafe { *data += 1 });
    }

    pub(crate) fn touched(&self) -> i32 {
        // SAFETY: as in `touch`.
        self.data.with(|data| unsafe { *data })
    }

    /// What one agent leaves for others.
    pub(crate) fn leave(&self, agent: usize) {
        // SAFETY: as in `touch`.
        self.cells[agent].with_mut(|cell| unsafe { *cell = 1 });
    }

    pub(crate) fn found(&self, agent: usize) -> i32 {
        // SAFETY: as in `touch`.
        self.cells[agent].with(|cell| unsafe { *cell })
    }
}

pub(crate) type Agent = fn(&World);

/// Runs the agents at once, the last of them on the main thread, and looks at what they left.
pub(crate) fn check(double: Double, agents: &'static [Agent], at_end: Agent) {
    check_from(double, agents, |_| {}, at_end);
}

pub(crate) fn check_from(double: Double, agents: &'static [Agent], before: Agent, at_end: Agent) {
    let preemptions = match agents.len() {
        0..=2 => None,
        // Polling finds orderings that are too weak, which takes few.
        3 if double == Double::Polling => Some(2),
        3 => Some(3),
        _ => Some(1),
    };
    check_to(preemptions, double, agents, before, at_end);
}

pub(crate) fn check_to(
    preemptions: Option<usize>,
    double: Double,
    agents: &'static [Agent],
    before: Agent,
    at_end: Agent,
) {
    let is_whole = std::env::var_os("SLOTSYNC_WHOLE").is_some();
    let model = match preemptions.filter(|_| !is_whole) {
        Some(bound) => Model::new(double).preemption_bound(bound),
        None => Model::new(double),
    };
    model.check(move || {
        let world = World::new();
        before(&world);
        let (main, others) = agents.split_last().unwrap();
        let others: Vec<_> = others
            .iter()
            .map(|agent| {
                let (agent, world) = (*agent, world.clone());
                thread::spawn(move || agent(&world))
            })
            .collect();
        main(&world);
        for agent in others {
            agent.join().unwrap();
        }
        at_end(&world);
    });
}

/// Models that must hold, under each double: `name(what comes before) = agents, what is so at the end;`. Those that would
/// take minutes are explored to fewer preemptions: `name[2](..) = ..`.
macro_rules! holds {
    (@check $double:expr, [], [], $agents:expr, $at_end:expr) => { check($double, $agents, $at_end) };
    (@check $double:expr, [], [$before:expr], $agents:expr, $at_end:expr) => { check_from($double, $agents, $before, $at_end) };
    (@check $double:expr, [$preemptions:literal], [$($before:expr)?], $agents:expr, $at_end:expr) => {{
        let before: Agent = |world| { let _ = world; $($before(world);)? };
        check_to(Some($preemptions), $double, $agents, before, $at_end)
    }};
    ($($(#[$attribute:meta])* $name:ident $([$preemptions:literal])? $(($before:expr))? = $agents:expr, $at_end:expr;)*) => {
        mod parking { use super::*; $($(#[$attribute])* #[test] fn $name() { holds!(@check Double::Parking, [$($preemptions)?], [$($before)?], $agents, $at_end); })* }
        mod erring { use super::*; $($(#[$attribute])* #[test] fn $name() { holds!(@check Double::Erring, [$($preemptions)?], [$($before)?], $agents, $at_end); })* }
        mod polling { use super::*; $($(#[$attribute])* #[test] fn $name() { holds!(@check Double::Polling, [$($preemptions)?], [$($before)?], $agents, $at_end); })* }
    };
}

/// An agent beside two that do too much to be explored whole: three are explored to two or three preemptions.
pub(crate) fn nobody(_: &World) {}

/// In a model, a deadline that is far away passes whenever the schedule lets it.
pub(crate) fn far() -> Instant {
    Instant::now() + Duration::from_secs(1_000_000)
}

/// A word that is freed while it is in use. Loom checks that no other access comes after that, or beside it.
pub(crate) struct Mortal(StdUnsafeCell<AtomicI32>);

// SAFETY: for loom's threads, which are coroutines of one thread.
unsafe impl Send for Mortal {}
// SAFETY: as above.
unsafe impl Sync for Mortal {}

impl Mortal {
    pub(crate) fn word(&self) -> Slot<'_> {
        // SAFETY: it is never moved or written but through `free`, which loom checks against all accesses of the word.
        Slot::from_ref(unsafe { &*self.0.get() }, Scope::Private).unwrap()
    }

    pub(crate) fn free(&self) {
        // SAFETY: loom ends the model unless this is the only access, and ordered after all others.
        unsafe { (*self.0.get()).with_mut(|word| *word = 0x0bad) };
    }
}

/// One agent publishes something by its last access to the word; the other gets it and frees the memory, while the first
/// may still be at it. `take` says whether it was this agent that got it.
pub(crate) fn free_after(first: i32, publish: fn(Slot<'_>), take: fn(Slot<'_>) -> bool, double: Double) {
    Model::new(double).check(move || {
        let mortal = Arc::new(Mortal(StdUnsafeCell::new(AtomicI32::new(first))));
        let publisher = mortal.clone();
        let publisher = thread::spawn(move || publish(publisher.word()));
        if take(mortal.word()) {
            mortal.free();
        }
        publisher.join().unwrap();
    });
}
