//! Mutexes, condition variables and semaphores of POSIX over slotsync, for programs that know nothing of it.
//!
//! ```text
//! cargo build --release --example posix
//! export SLOTSYNC_POSIX_REPORT=/tmp/report
//! LD_PRELOAD=target/release/examples/libposix.so xz -T4 -k FILE
//! cat /tmp/report
//! ```
//!
//! It demonstrates that the words of [`Lock`], [`Cond`] and [`Semaphore`] carry an implementation of POSIX threads: all
//! state lies in the program's own `pthread_mutex_t`, `pthread_cond_t` and `sem_t`, and nothing is allocated. It is not
//! a replacement for your C library. `words.rs` has what lies in that memory and what is done with it; `calls.rs` has
//! the functions that C sees, and the report: a line for each process, which says how often they were called, and how
//! often somebody slept.
//!
//! # In place
//!
//! | byte | `pthread_mutex_t` | `pthread_cond_t` | `sem_t` |
//! |---|---|---|---|
//! | 0 | the word of a `Lock` | the sequence of a `Cond` | the word of a `Semaphore` |
//! | 4 | how often a recursive mutex was locked again | how many wait | |
//! | 8 | the owner's thread, unless it is a normal mutex | 1 if between processes | 128 if between processes |
//! | 12 | | the clock of `pthread_cond_timedwait` | |
//! | 16 | glibc's `__kind`: its type, and 128 if between processes | | |
//! | 24 | the holder's `LockGuard`, for `pthread_cond_wait` | | |
//!
//! All zeros are an object at rest, as glibc's static initializers have it, and the kind is where they put it. In a
//! `sem_t` the first word and the 128 are where glibc has them, too, so that semaphores by `sem_open` work.
//!
//! # What is not here
//!
//! - Robust mutexes, and the priority protocols: `pthread_mutex_init` says `ENOTSUP`.
//! - Cancellation points: none of these calls is one. `sem_wait` never ends with `EINTR` either.
//! - A private condition with a mutex that is shared between processes, or the other way round: waiting says `EINVAL`,
//!   as a `Cond` is bound to a lock of its own scope.
//! - Clocks other than `CLOCK_REALTIME` and `CLOCK_MONOTONIC`. A deadline becomes a duration when the wait begins. If
//!   the system's time is set meanwhile, a wait that is over too early goes on, or returns spuriously.
//! - Semaphores above 2³⁰ - 1: `sem_init` says `EINVAL`, and `sem_post` `EOVERFLOW`.
//! - `pthread_cond_destroy` waits for those who were notified, as glibc does; but one whom a stray wake and a notify
//!   reach at once may touch the condition once more after that (see `Cond`, "Memory").
//! - Objects that a process over this library shares with one that is not.
//! - Reader-writer locks, barriers, spin locks, `pthread_once` and the mutexes of `<threads.h>` stay glibc's own. So do
//!   the locks that glibc uses itself, as in stdio and malloc: they are not called by name.
//! - The report of a process that ends by a signal or by `_exit`.
//!
//! Where there is no glibc, or the processor is neither x86-64 nor aarch64, this library is empty: the layouts differ.
//!
//! [`Lock`]: slotsync::Lock
//! [`Cond`]: slotsync::Cond
//! [`Semaphore`]: slotsync::Semaphore
#![allow(unsafe_code, reason = "functions that C calls by name, over its memory")]

#[cfg(all(
    target_os = "linux",
    target_env = "gnu",
    target_pointer_width = "64",
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(loom)
))]
mod calls;
#[cfg(all(
    target_os = "linux",
    target_env = "gnu",
    target_pointer_width = "64",
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(loom)
))]
mod words;
