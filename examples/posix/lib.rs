//! The mutexes, condition variables and semaphores of POSIX over slotsync, for programs that do not know it.
//!
//! ```text
//! cargo build --release --example posix
//! export SLOTSYNC_POSIX_REPORT=/tmp/report
//! LD_PRELOAD=target/release/examples/libposix.so xz -T4 -k FILE
//! cat /tmp/report
//! ```
//!
//! It demonstrates that the words of [`Lock`], [`Cond`] and [`Semaphore`] are enough for an implementation of POSIX
//! threads: all state lies in the program's own `pthread_mutex_t`, `pthread_cond_t` and `sem_t`, and nothing is
//! allocated. It is not a replacement for your C library. `words.rs` has the contents of that memory and the operations
//! on it. `calls.rs` has the functions that C calls, and the report: one line for each process, with the number of
//! calls and of sleeps.
//!
//! It is a library, so it takes no arguments: its one option is the environment variable `SLOTSYNC_POSIX_REPORT`.
//!
//! # In place
//!
//! | byte | `pthread_mutex_t` | `pthread_cond_t` | `sem_t` |
//! |---|---|---|---|
//! | 0 | the word of a `Lock` | the sequence of a `Cond` | the word of a `Semaphore` |
//! | 4 | how often a recursive mutex was locked again | how many wait | |
//! | 8 | the owner's thread, unless the mutex is a normal one | 1 if between processes | 128 if between processes |
//! | 12 | | the clock of `pthread_cond_timedwait` | |
//! | 16 | glibc's `__kind`: its type, and 128 if between processes | | |
//! | 24 | the holder's `LockGuard`, for `pthread_cond_wait` | | |
//!
//! All zeros are an object at rest, as in glibc's static initializers, which put the kind in the same place. In a
//! `sem_t` the first word and the 128 are also in the places that glibc uses, so semaphores made by `sem_open` work.
//!
//! # Limitations
//!
//! - Robust mutexes and the priority protocols are missing: `pthread_mutex_init` returns `ENOTSUP`.
//! - None of these calls is a cancellation point. `sem_wait` never ends with `EINTR` either.
//! - A private condition cannot be used with a mutex that is shared between processes, or the other way round: waiting
//!   returns `EINVAL`, because a `Cond` is bound to a lock of its own scope.
//! - The only clocks are `CLOCK_REALTIME` and `CLOCK_MONOTONIC`. A deadline becomes a duration when the wait begins. If
//!   the system's time is set meanwhile, a wait that ends too early goes on, or returns spuriously.
//! - A semaphore holds at most 2³⁰ - 1 permits: beyond that `sem_init` returns `EINVAL`, and `sem_post` `EOVERFLOW`.
//! - `pthread_cond_destroy` waits for the waiters that were notified, as glibc does. But a waiter that a stray wake and
//!   a notify reach at once may touch the condition once more after that (see `Cond`, "Memory").
//! - A process over this library cannot share objects with a process that is not.
//! - Reader-writer locks, barriers, spin locks, `pthread_once` and the mutexes of `<threads.h>` stay glibc's own. So do
//!   the locks that glibc uses itself, as in stdio and malloc, because it does not call them by name.
//! - A process that ends by a signal or by `_exit` writes no report.
//!
//! Without glibc, or on a processor other than x86-64 and aarch64, this library is empty, because the layouts differ.
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
