//! Doubles of the futex, for checking a protocol over slots with [loom], which explores every interleaving.
//!
//! This module exists only under `RUSTFLAGS="--cfg loom"`. Then atomics are loom's, [`SharedBuffer::new`] gives memory
//! that loom watches, and waiting and waking go to a *double* of the kernel's futex. Everything above that floor,
//! every primitive of this crate included, is the code that ships.
//!
//! Loom has no futex. One built from its condition variable would lie twice: it would be fair, and it would carry
//! happens-before edges that no kernel promises, so that a missing `Acquire` after a sleep goes unseen. Hence there are
//! several doubles, each strict where another is lenient. Run every model under all of them.
//!
//! | | [`Double::Parking`] | [`Double::Erring`] | [`Double::Polling`] |
//! |---|---|---|---|
//! | wait | joins a queue and parks | the same, but once it ends for no reason, and once a time-out swallows a wake | yields until the word changes or a wake comes; once, for no reason |
//! | wake | releases *any* of the waiters, in every choice | the same | releases all |
//! | a load | reads the newest value, in every order with all other accesses | reads any value that the memory model allows, but not in every order | the same |
//! | finds | lost wakeups, which loom reports as deadlocks | those that are lost by an agent that returned in vain or too late, or by a stale value | orderings that are too weak |
//! | misses | orderings that unparking repairs | the same | lost wakeups |
//!
//! None sees a protocol that leaves `NotEqual` to order memory by a fence: the comparison here is an operation of loom's,
//! where the kernel's orders nothing. None sees a plain store that breaks the chain from a release to an acquire:
//! `Slot::store` is a swap here, since loom's relaxed read-modify-writes are not atomic beside plain stores.
//!
//! A wait with a deadline times out whenever the schedule lets it: before the wake or after, in every order. The clock
//! is never asked, so a model gives deadlines that are past or far away. Only 32-bit slots exist here.
//!
//! # Examples
//!
//! A protocol of your own: a flag, raised once. Forgetting the wake is a deadlock under `Parking`; a `Relaxed` store or load
//! is a causality violation under `Polling`.
//!
//! ```
//! use slotsync::model::{Double, Model, loom};
//! use slotsync::SharedBuffer;
//! use std::sync::atomic::Ordering::{Acquire, Release};
//!
//! for double in Double::ALL {
//!     Model::new(double).check(|| {
//!         let shared = loom::sync::Arc::new((SharedBuffer::new(4).unwrap(), loom::cell::UnsafeCell::new(0)));
//!         let raiser = loom::thread::spawn({
//!             let shared = shared.clone();
//!             move || {
//!                 let flag = shared.0.slot(0).unwrap();
//!                 shared.1.with_mut(|data| unsafe { *data = 42 });
//!                 flag.store(1, Release);
//!                 flag.wake(1);
//!             }
//!         });
//!         let flag = shared.0.slot(0).unwrap();
//!         while flag.load(Acquire) == 0 {
//!             let _ = flag.wait(0);
//!         }
//!         assert_eq!(shared.1.with(|data| unsafe { *data }), 42);
//!         raiser.join().unwrap();
//!     });
//! }
//! ```
//!
//! [`SharedBuffer::new`]: crate::SharedBuffer::new

use super::sleep::{Class, Scope, Sleep};
use crate::deadline;
use crate::sync::{self, AtomicI32, Ordering::Relaxed};
use ::loom::sync::atomic::AtomicUsize;
use ::loom::thread::{self, Thread};
use std::cell::Cell;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// The loom that the atomics here are from.
pub use ::loom;

/// The stand-in for the kernel's futex that a model runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Double {
    /// Waiters queue and park: finds lost wakeups, as deadlocks.
    Parking,
    /// Waiters yield and look again, and nothing but the word orders memory: finds orderings that are too weak.
    Polling,
    /// Parking at its worst: the first sleep ends for no reason, and the first timed sleep that is woken says that its
    /// time is up, which swallows the wake. Finds wakeups that are lost by an agent that returned in vain or too late.
    Erring,
}

impl Double {
    /// Every double, for a loop. A protocol is checked when it holds under all of them.
    pub const ALL: [Self; 3] = [Self::Parking, Self::Polling, Self::Erring];
}

/// One model: a double, and how far to explore.
#[derive(Clone, Copy, Debug)]
#[must_use = "a model does nothing until `check`"]
pub struct Model {
    double: Double,
    preemptions: Option<usize>,
}

impl Model {
    /// Returns a model that explores every interleaving, which is feasible for two agents.
    pub fn new(double: Double) -> Self {
        Self { double, preemptions: None }
    }

    /// Explores only interleavings with at most `bound` preemptions (switches away from an agent that could go on).
    /// `LOOM_MAX_PREEMPTIONS` in the environment wins over this; 3 has been enough to kill every known mutant.
    pub fn preemption_bound(self, bound: usize) -> Self {
        Self { preemptions: Some(bound), ..self }
    }

    /// Runs `agents` once for every interleaving.
    ///
    /// # Panics
    ///
    /// Panics in the first interleaving in which an assertion fails, all agents sleep (a deadlock), or a cell is accessed
    /// without a happens-before edge (a causality violation). Also panics when an interleaving takes more than 1,000
    /// steps, because it is then most likely endless.
    pub fn check(self, agents: impl Fn() + Send + Sync + 'static) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = builder.preemption_bound.or(self.preemptions);
        builder.check(move || {
            DOUBLE.set(self.double);
            sync::set_loads_are_fresh(self.double == Double::Parking);
            // Made by the first agent before there are others, so that looking it up orders nothing.
            let _: &Kernel = &KERNEL;
            agents();
        });
    }
}

thread_local! {
    /// The double of the next `Kernel`. Loom runs all agents of a model on one system thread.
    static DOUBLE: Cell<Double> = const { Cell::new(Double::Parking) };
}

loom::lazy_static! {
    /// Made anew for each interleaving.
    static ref KERNEL: Kernel = Kernel {
        double: DOUBLE.get(),
        door: AtomicUsize::new(0),
        queue: Mutex::new(Queue {
            next_ticket: 0,
            waiters: Vec::new(),
            tokens: Vec::new(),
            stray: DOUBLE.get() != Double::Parking,
            late: DOUBLE.get() == Double::Erring,
        }),
    };
}

struct Kernel {
    double: Double,
    /// One word that every entry touches. Loom explores orders of accesses that *it* sees; without this it would take
    /// two calls into the kernel for independent and try only one order of them. Relaxed, so it orders no memory.
    door: AtomicUsize,
    /// A std mutex: loom neither sees it nor switches agents while it is held, as no loom operation happens then.
    queue: Mutex<Queue>,
}

/// The sleepers, and the wakes that no sleeper has taken yet.
struct Queue {
    next_ticket: usize,
    waiters: Vec<Waiter>,
    tokens: Vec<Token>,
    /// Whether the one return for no reason is still to come.
    stray: bool,
    /// Whether the one wake that comes too late is still to come.
    late: bool,
}

/// The place of a waiter: a wake in another scope does not reach it.
type Key = (usize, Scope);

struct Waiter {
    ticket: usize,
    key: Key,
    class: Class,
    is_timed: bool,
    thread: Thread,
    /// Whether a wake came, when polling.
    woken: bool,
}

/// One wakeup for any one waiter that was there at the time of the wake. All of them are unparked and race for it, so
/// that every choice the kernel could make is explored.
struct Token {
    key: Key,
    class: Class,
    /// Waiters with these tickets were asleep when the wake came.
    tickets: std::ops::Range<usize>,
}

impl Queue {
    fn join(&mut self, key: Key, class: Class, is_timed: bool) -> usize {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.waiters.push(Waiter { ticket, key, class, is_timed, thread: thread::current(), woken: false });
        ticket
    }

    /// Takes the oldest token that this waiter was there for: a later one may serve a later waiter too.
    fn take_token(&mut self, ticket: usize, key: Key, class: Class) -> bool {
        let is_mine = |token: &Token| token.key == key && token.class.meets(class) && token.tickets.contains(&ticket);
        let mine = self.tokens.iter().position(is_mine);
        if let Some(mine) = mine {
            self.tokens.remove(mine);
            self.leave(ticket);
        }
        mine.is_some()
    }

    fn leave(&mut self, ticket: usize) {
        self.waiters.retain(|waiter| waiter.ticket != ticket);
    }

    /// Adds a token for each of up to `count` waiters that no token is for yet, and unparks all that may take one.
    fn wake(&mut self, key: Key, class: Class, count: usize) -> usize {
        let is_meant = |waiter: &&Waiter| waiter.key == key && waiter.class.meets(class);
        let asleep: Vec<_> = self.waiters.iter().filter(is_meant).map(|waiter| (waiter.ticket, waiter.class)).collect();
        let is_own = |ticket| self.tokens.iter().any(|token| token.tickets == (ticket..ticket + 1));
        let unpromised: Vec<_> = asleep.iter().filter(|(ticket, _)| !is_own(*ticket)).copied().collect();
        let is_for_any = |token: &&Token| token.key == key && token.class.meets(class) && token.tickets.len() != 1;
        let promised = self.tokens.iter().filter(is_for_any).count();
        let woken = count.min(unpromised.len().saturating_sub(promised));
        if woken == unpromised.len() {
            // All of them: nobody has to be chosen.
            let own = |&(ticket, class): &(usize, Class)| Token { key, class, tickets: ticket..ticket + 1 };
            self.tokens.extend(unpromised.iter().map(own));
        } else {
            self.tokens.extend((0..woken).map(|_| Token { key, class, tickets: 0..self.next_ticket }));
        }
        for waiter in self.waiters.iter().filter(is_meant).filter(|_| woken > 0) {
            waiter.thread.unpark();
        }
        woken
    }

    /// Notes the wake and tells nobody, because unparking would order memory. All are released, beyond `count` for no
    /// reason.
    fn mark_all_woken(&mut self, key: Key, class: Class, count: usize) -> usize {
        let is_meant = |waiter: &&mut Waiter| waiter.key == key && waiter.class.meets(class) && !waiter.woken;
        let woken = self.waiters.iter_mut().filter(is_meant);
        woken.map(|waiter| waiter.woken = true).count().min(count)
    }

    fn is_woken(&self, ticket: usize) -> bool {
        self.waiters.iter().any(|waiter| waiter.ticket == ticket && waiter.woken)
    }

    fn is_first(&self, ticket: usize) -> bool {
        self.waiters.iter().find(|waiter| !waiter.is_timed).is_some_and(|first| first.ticket == ticket)
    }
}

impl Kernel {
    /// Sleeps until a token, or until the schedule lets the time run out.
    fn park(&self, key: Key, class: Class, is_timed: bool) -> Sleep {
        // No loom operation since the comparison: comparing and joining are one step.
        let ticket = self.queue().join(key, class, is_timed);
        loop {
            self.enter();
            if self.queue().take_token(ticket, key, class) {
                // The wake and the deadline came together: the time-out swallowed the wake.
                let is_late = is_timed && std::mem::take(&mut self.queue().late);
                return if is_late { self.timed_out() } else { Sleep::Woken };
            }
            if is_timed {
                self.queue().leave(ticket);
                return self.timed_out();
            }
            if std::mem::take(&mut self.queue().stray) {
                self.queue().leave(ticket);
                // A signal, for the sleepers to which it is more than a return for no reason.
                return if class == Class::READERS { Sleep::Interrupted } else { Sleep::Woken };
            }
            thread::park();
        }
    }

    /// Looks again and again. Only the first of several waiters does so: two that yield to each other would keep a third
    /// from ever running. A waiter that leaves unparks the others, so this can only order what *that one* knew.
    fn poll(&self, word: &AtomicI32, key: Key, class: Class, expected: i32, is_timed: bool) -> Sleep {
        // Not by yielding: an agent that has yielded is shown no value again that it saw before, however weakly it reads.
        if !is_timed && std::mem::take(&mut self.queue().stray) {
            self.enter();
            return Sleep::Woken;
        }
        let ticket = self.queue().join(key, class, is_timed);
        if is_timed {
            self.enter();
            let is_woken = self.queue().is_woken(ticket);
            self.queue().leave(ticket);
            return if is_woken { Sleep::Woken } else { self.timed_out() };
        }
        loop {
            let is_first = self.queue().is_first(ticket);
            if is_first {
                thread::yield_now()
            } else {
                thread::park()
            }
            if word.fetch_add(0, Relaxed) != expected || self.queue().is_woken(ticket) {
                self.queue().leave(ticket);
                self.unpark_others();
                return Sleep::Woken;
            }
            if is_first {
                self.unpark_others();
            }
        }
    }

    /// Unparks the waiters that were woken, and the one that is to poll from now on.
    fn unpark_others(&self) {
        let queue = self.queue();
        let polling = queue.waiters.iter().filter(|waiter| !waiter.is_timed);
        for (place, waiter) in polling.enumerate() {
            if place == 0 || waiter.woken {
                waiter.thread.unpark();
            }
        }
    }

    fn timed_out(&self) -> Sleep {
        Sleep::TimedOut { perhaps_woken: self.double == Double::Erring }
    }

    /// Touches the door. A poller looks at the word again and again, which is enough for loom.
    fn enter(&self) {
        if self.double != Double::Polling {
            self.door.fetch_add(1, Relaxed);
        }
    }

    fn queue(&self) -> std::sync::MutexGuard<'_, Queue> {
        // A failed assertion unwinds through here while loom reports it.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) const SHARED: bool = true;

pub(super) fn wait(word: &AtomicI32, expected: i32, deadline: Option<Instant>, scope: Scope, class: Class) -> Sleep {
    let key = ((&raw const *word).addr(), scope);
    KERNEL.enter();
    // Adding nothing reads the newest value, as the kernel does; a load could read a stale one.
    if word.fetch_add(0, Relaxed) != expected {
        return Sleep::NotEqual;
    }
    if deadline::has_passed(deadline) {
        return Sleep::TimedOut { perhaps_woken: false };
    }
    match KERNEL.double {
        Double::Parking | Double::Erring => KERNEL.park(key, class, deadline.is_some()),
        Double::Polling => KERNEL.poll(word, key, class, expected, deadline.is_some()),
    }
}

pub(super) fn wake(word: *const AtomicI32, count: u32, scope: Scope) {
    let _ = wake_counted(word, count, scope);
}

pub(super) fn wake_counted(word: *const AtomicI32, count: u32, scope: Scope) -> Option<u32> {
    wake_class(word, count, scope, Class::ANY)
}

pub(super) fn wake_class(word: *const AtomicI32, count: u32, scope: Scope, class: Class) -> Option<u32> {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let key = (word.addr(), scope);
    KERNEL.enter();
    let woken = match KERNEL.double {
        Double::Parking | Double::Erring => KERNEL.queue().wake(key, class, count),
        Double::Polling => KERNEL.queue().mark_all_woken(key, class, count),
    };
    Some(u32::try_from(woken).unwrap_or(u32::MAX))
}
