//! Models of every primitive, and of the doubles that the models stand on; beside each, the mutants that it must kill.
//!
//! Under `--cfg loom` this program has the models:
//!
//! ```sh
//! RUSTFLAGS="--cfg loom" cargo test --release --all-features --test loom
//! ```
//!
//! Two agents are explored whole, unless a model says otherwise. Three are explored to three preemptions where waiters park,
//! and to two under the other doubles; four to one. With `SLOTSYNC_WHOLE=1` in the environment all are explored whole, which
//! takes hours.
//!
//! Otherwise it has the runner of the [mutants].

#[macro_use]
mod world;

mod must_fail;
mod mutants;

mod barrier {
    mod models;
    pub(crate) mod mutants;
}
mod bump {
    mod models;
    pub(crate) mod mutants;
}
mod cond {
    mod models;
    pub(crate) mod mutants;
}
mod doubles {
    mod models;
    pub(crate) mod mutants;
}
mod event {
    mod models;
    pub(crate) mod mutants;
}
mod grow {
    mod models;
    pub(crate) mod mutants;
}
#[cfg(any(feature = "guarded", not(loom)))]
mod guarded {
    mod models;
    pub(crate) mod mutants;
}
mod latch {
    mod models;
    pub(crate) mod mutants;
}
mod layout {
    mod models;
    pub(crate) mod mutants;
}
mod lock {
    pub(crate) mod models;
    pub(crate) mod mutants;
}
mod once {
    mod models;
    pub(crate) mod mutants;
}
mod rw_lock {
    mod models;
    pub(crate) mod mutants;
}
mod semaphore {
    mod models;
    pub(crate) mod mutants;
}
mod synchronic {
    mod models;
    pub(crate) mod mutants;
}
