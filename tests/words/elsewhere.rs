//! Each primitive over words that lie in no buffer: in a `static`, and in a `#[repr(C)]` struct in shared memory. One
//! agent sleeps there until another lets it go on, as threads and as processes.

use crate::support::{Told, Watchdog, until};
use slotsync::{Barrier, BarrierRole, Cond, Event, Latch, Lock, NotifyHint, Once, OnceState, Scope, Semaphore, Slot};
use slotsync::{Slots, Synchronic, counters};
use std::mem;
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};
use std::thread;

/// A word for each primitive, two for the condition and four for each synchronic, between members that are no words.
#[repr(C)]
struct Header {
    version: u16,
    lock: AtomicI32,
    permits: AtomicI32,
    event: AtomicI32,
    label: [u8; 3],
    latch: AtomicI32,
    barrier: AtomicI32,
    once: AtomicI32,
    changed: [AtomicI32; 2],
    turn: [AtomicI32; 4],
    letter: u8,
    level: Aligned,
    said: AtomicI32,
    end: u8,
}

/// For values of 64 bits.
#[repr(C, align(8))]
struct Aligned([AtomicI32; 4]);

impl Header {
    const fn new() -> Self {
        Self {
            version: 7,
            lock: AtomicI32::new(0),
            permits: AtomicI32::new(0),
            event: AtomicI32::new(0),
            label: *b"pad",
            latch: AtomicI32::new(2),
            barrier: AtomicI32::new(0),
            once: AtomicI32::new(0),
            changed: [const { AtomicI32::new(0) }; 2],
            turn: [const { AtomicI32::new(0) }; 4],
            letter: b'x',
            level: Aligned([const { AtomicI32::new(0) }; 4]),
            said: AtomicI32::new(0),
            end: b'.',
        }
    }
}

/// The primitives of a header.
#[derive(Clone, Copy)]
struct Words {
    header: &'static Header,
    scope: Scope,
}

impl Words {
    fn slot(self, word: &'static AtomicI32) -> Slot<'static> {
        Slot::from_ref(word, self.scope).unwrap()
    }

    fn lock(self) -> Lock<'static> {
        Lock::from_slot(self.slot(&self.header.lock))
    }

    fn semaphore(self) -> Semaphore<'static> {
        Semaphore::from_slot(self.slot(&self.header.permits))
    }

    fn event(self) -> Event<'static> {
        Event::from_slot(self.slot(&self.header.event))
    }

    fn latch(self) -> Latch<'static> {
        Latch::from_slot(self.slot(&self.header.latch))
    }

    fn barrier(self) -> Barrier<'static> {
        Barrier::from_slot(self.slot(&self.header.barrier), 2).unwrap()
    }

    fn once(self) -> Once<'static> {
        Once::from_slot(self.slot(&self.header.once))
    }

    fn cond(self) -> Cond<'static> {
        Cond::from_slots(Slots::from_ref(&self.header.changed, self.scope).unwrap(), self.lock()).unwrap()
    }

    fn turn(self) -> Synchronic<'static, u8> {
        Synchronic::from_slots(Slots::from_ref(&self.header.turn, self.scope).unwrap()).unwrap()
    }

    #[cfg(target_has_atomic = "64")]
    fn level(self) -> Synchronic<'static, f64> {
        Synchronic::from_slots(Slots::from_ref(&self.header.level.0, self.scope).unwrap()).unwrap()
    }

    /// Leaves a word for the other agent, before that goes on. Only the primitive orders the two.
    fn say(self) {
        self.header.said.store(1, Relaxed);
    }

    fn assert_said(self) {
        assert_eq!(self.header.said.load(Relaxed), 1);
    }
}

/// Two agents of one primitive.
struct Pair {
    name: &'static str,
    prepare: fn(Words),
    /// Sleeps until the other has said it.
    waiter: fn(Words),
    /// Says it. The second argument waits until the other sleeps.
    waker: fn(Words, &dyn Fn()),
    end: fn(Words),
}

const LOCK: Pair = Pair {
    name: "a lock elsewhere",
    prepare: |words| mem::forget(words.lock().lock()),
    waiter: |words| {
        let _guard = words.lock().lock();
        words.assert_said();
    },
    waker: |words, until_asleep| {
        until_asleep();
        words.say();
        words.lock().unlock().unwrap();
    },
    end: |words| assert!(!words.lock().is_locked()),
};

const SEMAPHORE: Pair = Pair {
    name: "a semaphore elsewhere",
    prepare: |words| words.semaphore().release(1).unwrap(),
    waiter: |words| {
        words.semaphore().acquire_many(3).unwrap();
        words.assert_said();
    },
    waker: |words, until_asleep| {
        until_asleep();
        words.say();
        words.semaphore().release(1).unwrap();
        words.semaphore().release(1).unwrap();
    },
    end: |words| assert_eq!(words.semaphore().permits(), 0),
};

const EVENT: Pair = Pair {
    name: "an event elsewhere",
    prepare: |_| (),
    waiter: |words| {
        words.event().wait();
        words.assert_said();
    },
    waker: |words, until_asleep| {
        until_asleep();
        words.say();
        words.event().set();
    },
    end: |words| assert!(words.event().is_set()),
};

const LATCH: Pair = Pair {
    name: "a latch elsewhere",
    prepare: |_| (),
    waiter: |words| {
        words.latch().count_down(1).unwrap();
        words.latch().wait();
        words.assert_said();
    },
    waker: |words, until_asleep| {
        until_asleep();
        words.say();
        words.latch().count_down(1).unwrap();
    },
    end: |words| assert!(words.latch().is_done()),
};

const BARRIER: Pair = Pair {
    name: "a barrier elsewhere",
    prepare: |_| (),
    waiter: |words| {
        assert_ne!(words.barrier().wait(), BarrierRole::Leader);
        words.assert_said();
    },
    waker: |words, until_asleep| {
        until("the waiter has arrived", || words.barrier().arrived() == 1);
        until_asleep();
        words.say();
        assert_eq!(words.barrier().wait(), BarrierRole::Leader);
    },
    end: |words| assert_eq!(words.barrier().arrived(), 0),
};

const ONCE: Pair = Pair {
    name: "a once elsewhere",
    prepare: |_| (),
    waiter: |words| {
        until("the initializer has begun", || words.once().state() != OnceState::NotRun);
        words.once().call_once(|| panic!("it has run")).unwrap();
        words.assert_said();
    },
    waker: |words, until_asleep| {
        let initializer = || {
            until_asleep();
            words.say();
        };
        words.once().call_once(initializer).unwrap();
    },
    end: |words| assert_eq!(words.once().state(), OnceState::Done),
};

const COND: Pair = Pair {
    name: "a condition elsewhere",
    prepare: |_| (),
    waiter: |words| {
        let guard = words.cond().wait_while(words.lock().lock(), || words.header.said.load(Relaxed) == 0);
        drop(guard);
    },
    waker: |words, until_asleep| {
        until_asleep();
        let guard = words.lock().lock();
        words.say();
        drop(guard);
        words.cond().notify_one();
    },
    end: |words| assert!(!words.lock().is_locked()),
};

const SYNCHRONIC: Pair = Pair {
    name: "a synchronic elsewhere",
    prepare: |words| words.turn().store(3, NotifyHint::All),
    waiter: |words| {
        assert_eq!(words.turn().load_when_equal(7), 7);
        words.assert_said();
    },
    waker: |words, until_asleep| {
        until_asleep();
        words.say();
        words.turn().fetch_add(4, NotifyHint::One);
    },
    end: |words| {
        assert_eq!(words.turn().load(), 7);
        assert_eq!(words.header.turn[0].load(Relaxed), 0, "nobody waits");
    },
};

#[cfg(target_has_atomic = "64")]
const WIDE_SYNCHRONIC: Pair = Pair {
    name: "a synchronic of 64 bits elsewhere",
    prepare: |words| words.level().store(0.1, NotifyHint::All),
    waiter: |words| {
        words.level().expect_update(0.1);
        words.assert_said();
    },
    waker: |words, until_asleep| {
        until_asleep();
        words.say();
        assert_eq!(words.level().compare_exchange(0.1, -0.0, NotifyHint::All), Ok(0.1));
    },
    end: |words| {
        assert_eq!(words.level().load(), 0.0);
        assert_eq!(words.header.level.0[0].load(Relaxed), 0, "nobody waits");
    },
};

fn between_threads(pair: &Pair, header: &'static Header, scope: Scope) {
    let _watchdog = Watchdog::new(pair.name);
    let words = Words { header, scope };
    (pair.prepare)(words);
    let ids = Told::default();
    thread::scope(|threads| {
        threads.spawn({
            let ids = ids.clone();
            move || {
                #[cfg(target_os = "linux")]
                ids.tell(crate::support::processes::thread_id());
                let _ = &ids; // Elsewhere nobody is told.
                (pair.waiter)(words);
            }
        });
        (pair.waker)(words, &|| {
            #[cfg(target_os = "linux")]
            if crate::support::sees_sleepers() {
                ids.hear(1).into_iter().for_each(crate::support::processes::until_thread_asleep);
            }
            let _ = &ids; // Elsewhere nobody asks.
        });
    });
    ended(pair, words);
}

/// The waiter is a child that shares the header's memory.
#[cfg(target_os = "linux")]
fn between_processes(pair: &Pair, header: &'static Header) {
    let _watchdog = Watchdog::new(pair.name);
    let words = Words { header, scope: Scope::Shared };
    (pair.prepare)(words);
    let child = crate::support::processes::Process::fork(|| {
        (pair.waiter)(words);
        assert_eq!(counters().rescues, 0);
        0
    });
    (pair.waker)(words, &|| child.until_asleep());
    child.join();
    ended(pair, words);
}

fn ended(pair: &Pair, words: Words) {
    (pair.end)(words);
    assert_eq!(counters().rescues, 0, "a lost wakeup, found by the end of a slice");
    let Header { version, label, letter, end, .. } = words.header;
    assert_eq!((*version, label, *letter, *end), (7, b"pad", b'x', b'.'), "what lies beside the words has changed");
}

macro_rules! elsewhere {
    ($($primitive:ident: $pair:ident,)*) => { $(
        mod $primitive {
            use super::*;

            #[test]
            fn lives_in_a_static() {
                static HEADER: Header = Header::new();
                between_threads(&$pair, &HEADER, Scope::Private);
            }

            #[cfg(unix)]
            #[test]
            fn lives_in_a_struct_that_threads_share() {
                between_threads(&$pair, crate::support::mapping::place(Header::new()), Scope::Shared);
            }

            #[cfg(target_os = "linux")]
            #[test]
            fn lives_in_a_struct_that_processes_share() {
                between_processes(&$pair, crate::support::mapping::place(Header::new()));
            }
        }
    )* };
}

elsewhere! {
    a_lock: LOCK,
    a_semaphore: SEMAPHORE,
    an_event: EVENT,
    a_latch: LATCH,
    a_barrier: BARRIER,
    a_once: ONCE,
    a_condition: COND,
    a_synchronic: SYNCHRONIC,
}

#[cfg(target_has_atomic = "64")]
elsewhere! { a_synchronic_of_64_bits: WIDE_SYNCHRONIC, }
