//! The primitives, each in a folder: `threads` has its calls, errors and outcomes over every origin of memory; `properties`
//! holds sequences of calls against a plain sequential model, from any value of the words; `processes` has what it promises
//! between real processes. The tests of one primitive are run by `cargo test --test primitives -- event::`.
#![cfg(not(loom))]

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod processes;
mod properties;
mod publish;

mod barrier {
    mod processes;
    mod properties;
    mod threads;
}
mod cond {
    mod processes;
    mod properties;
    mod threads;
}
mod event {
    mod processes;
    mod properties;
    mod threads;
}
#[cfg(feature = "guarded")]
mod guarded {
    mod processes;
    mod properties;
    mod threads;
}
mod latch {
    mod processes;
    mod properties;
    mod threads;
}
mod lock {
    mod processes;
    mod properties;
    mod threads;
}
mod once {
    mod processes;
    mod properties;
    mod threads;
}
mod rw_lock {
    mod processes;
    mod properties;
    mod threads;
}
mod semaphore {
    mod processes;
    mod properties;
    mod threads;
}
mod synchronic {
    #[cfg(target_has_atomic = "64")]
    mod processes;
    mod properties;
    mod scribbles;
    mod threads;
}
