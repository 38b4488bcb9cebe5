//! What a call does after the operation by which it lets another agent go on: it does not touch the memory again, and
//! makes no system call if nobody waits.
#![cfg(target_os = "linux")]
#![allow(unsafe_code, reason = "memory that goes away")]

use crate::support::confined::{DEADLY_FUTEX, in_child, refuse};
use crate::support::mapping::{PAGE, changeable, map, map_file};
use crate::support::processes::{End, Process};
use crate::support::{Watchdog, is_emulated, skipped, until};
use slotsync::{
    Barrier, BarrierRole, Cond, Event, Latch, Lock, NotifyHint, Once, OnceState, RwLock, Scope, Semaphore, TimedOut,
};
use slotsync::{SharedBuffer, Synchronic};
use std::mem;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

/// One agent lets another go on.
struct Handover {
    name: &'static str,
    prepare: fn(&SharedBuffer),
    publish: fn(&SharedBuffer),
    /// Returns when it may go on: by waiting, or by looking again and again.
    take: fn(&SharedBuffer, bool),
}

const HANDOVERS: &[Handover] = &[
    Handover {
        name: "Lock::unlock",
        prepare: |buffer| mem::forget(lock(buffer).lock()),
        publish: |buffer| lock(buffer).unlock().unwrap(),
        take: |buffer, looks| {
            if looks {
                until("the lock is free", || lock(buffer).try_lock().map(mem::forget).is_some());
            } else {
                mem::forget(lock(buffer).lock());
            }
        },
    },
    Handover {
        name: "RwLock::unlock_write",
        prepare: |buffer| mem::forget(rw_lock(buffer).write()),
        publish: |buffer| rw_lock(buffer).unlock_write().unwrap(),
        take: |buffer, looks| {
            if looks {
                until("nobody writes", || rw_lock(buffer).try_read().map(mem::forget).is_some());
            } else {
                mem::forget(rw_lock(buffer).read());
            }
        },
    },
    Handover {
        name: "RwLock::unlock_read",
        prepare: |buffer| mem::forget(rw_lock(buffer).read()),
        publish: |buffer| rw_lock(buffer).unlock_read().unwrap(),
        take: |buffer, looks| {
            if looks {
                until("nobody reads", || rw_lock(buffer).try_write().map(mem::forget).is_some());
            } else {
                mem::forget(rw_lock(buffer).write());
            }
        },
    },
    Handover {
        name: "Semaphore::release",
        prepare: |_| (),
        publish: |buffer| semaphore(buffer).release(1).unwrap(),
        take: |buffer, looks| {
            if looks {
                until("there is a permit", || semaphore(buffer).try_acquire());
            } else {
                semaphore(buffer).acquire();
            }
        },
    },
    Handover {
        name: "Semaphore::release of many",
        prepare: |_| (),
        publish: |buffer| semaphore(buffer).release(3).unwrap(),
        take: |buffer, looks| {
            if looks {
                until("there are permits", || semaphore(buffer).try_acquire_many(3).unwrap());
            } else {
                semaphore(buffer).acquire_many(3).unwrap();
            }
        },
    },
    Handover {
        name: "Event::set",
        prepare: |_| (),
        publish: |buffer| event(buffer).set(),
        take: |buffer, looks| {
            if looks {
                until("the event is set", || event(buffer).is_set());
            } else {
                event(buffer).wait();
            }
        },
    },
    Handover {
        name: "Latch::count_down",
        prepare: |buffer| drop(Latch::initialize(buffer, 0, 1)),
        publish: |buffer| latch(buffer).count_down(1).unwrap(),
        take: |buffer, looks| {
            if looks {
                until("the latch is done", || latch(buffer).is_done());
            } else {
                latch(buffer).wait();
            }
        },
    },
    Handover {
        name: "the leader of a barrier",
        prepare: |_| (),
        publish: |buffer| {
            until("the other has arrived", || barrier(buffer).arrived() == 1);
            assert_eq!(barrier(buffer).wait(), BarrierRole::Leader);
        },
        take: |buffer, _| assert_eq!(barrier(buffer).wait(), BarrierRole::Follower),
    },
    Handover {
        name: "the end of an initializer",
        prepare: |_| (),
        publish: |buffer| once(buffer).call_once(|| ()).unwrap(),
        take: |buffer, looks| {
            if looks {
                until("it is done", || once(buffer).state() == OnceState::Done);
            } else {
                until("it runs", || once(buffer).state() != OnceState::NotRun);
                once(buffer).call_once(|| panic!("it was run")).unwrap();
            }
        },
    },
];

fn lock(buffer: &SharedBuffer) -> Lock<'_> {
    Lock::new(buffer, 0).unwrap()
}

fn rw_lock(buffer: &SharedBuffer) -> RwLock<'_> {
    RwLock::new(buffer, 0).unwrap()
}

fn semaphore(buffer: &SharedBuffer) -> Semaphore<'_> {
    Semaphore::new(buffer, 0).unwrap()
}

fn event(buffer: &SharedBuffer) -> Event<'_> {
    Event::new(buffer, 0).unwrap()
}

fn latch(buffer: &SharedBuffer) -> Latch<'_> {
    Latch::new(buffer, 0).unwrap()
}

fn barrier(buffer: &SharedBuffer) -> Barrier<'_> {
    Barrier::new(buffer, 0, 2).unwrap()
}

fn once(buffer: &SharedBuffer) -> Once<'_> {
    Once::new(buffer, 0).unwrap()
}

#[test]
fn an_agent_that_may_go_on_may_unmap_the_memory_at_once() {
    const ROUNDS: usize = if cfg!(debug_assertions) { 2_000 } else { 10_000 };
    let _watchdog = Watchdog::new("an_agent_that_may_go_on_may_unmap_the_memory_at_once");
    for handover in HANDOVERS {
        for scope in [Scope::Private, Scope::Shared] {
            // In a child: a touch kills it, and elsewhere another test may get the address.
            println!("{} in {scope:?}", handover.name);
            in_child(|| {
                let (offer, offers) = mpsc::sync_channel::<Arc<SharedBuffer>>(0);
                let (done, dones) = mpsc::sync_channel(0);
                thread::scope(|threads| {
                    threads.spawn(move || {
                        for buffer in offers {
                            (handover.publish)(&buffer);
                            done.send(()).unwrap();
                        }
                    });
                    for round in 0..ROUNDS {
                        let base = map();
                        // SAFETY: zeroed memory of that length; who touches it when it is gone is what this looks for.
                        let buffer = Arc::new(unsafe { SharedBuffer::from_raw_parts(base, PAGE, scope) }.unwrap());
                        (handover.prepare)(&buffer);
                        offer.send(Arc::clone(&buffer)).unwrap();
                        (handover.take)(&buffer, round % 2 == 0);
                        // SAFETY: mapped above.
                        assert_eq!(unsafe { libc::munmap(base.cast(), PAGE) }, 0);
                        dones.recv().unwrap();
                    }
                    drop(offer);
                });
                Ok(())
            });
        }
    }
}

/// One call, the word it finds, and what it lets others go on by, which is the last value of the word.
struct Publishing {
    name: &'static str,
    word: i32,
    call: fn(&SharedBuffer),
    is_published: fn(i32) -> bool,
}

/// With and without a mark of one who waits: with it, there is a wake to make.
const PUBLISHING: &[Publishing] = &[
    Publishing {
        name: "Lock::unlock",
        word: 1,
        call: |buffer| lock(buffer).unlock().unwrap(),
        is_published: |word| word == 0,
    },
    Publishing {
        name: "Lock::unlock of a contended one",
        word: 2,
        call: |buffer| lock(buffer).unlock().unwrap(),
        is_published: |word| word == 0,
    },
    Publishing {
        name: "RwLock::unlock_write",
        word: 1 << 29,
        call: |buffer| rw_lock(buffer).unlock_write().unwrap(),
        is_published: |word| word == 0,
    },
    Publishing {
        name: "RwLock::unlock_write to readers and a writer",
        word: 0b111_i32 << 29,
        call: |buffer| rw_lock(buffer).unlock_write().unwrap(),
        is_published: |word| word == 0,
    },
    Publishing {
        name: "RwLock::unlock_read of the last",
        word: 1,
        call: |buffer| rw_lock(buffer).unlock_read().unwrap(),
        is_published: |word| word == 0,
    },
    Publishing {
        name: "RwLock::unlock_read of the last to a writer and readers",
        word: 1 | 0b110 << 29,
        call: |buffer| rw_lock(buffer).unlock_read().unwrap(),
        is_published: |word| word == 0,
    },
    // The other may be out and free the memory at once.
    Publishing {
        name: "RwLock::unlock_read of one of two",
        word: 2 | i32::MIN,
        call: |buffer| rw_lock(buffer).unlock_read().unwrap(),
        is_published: |word| word == 1 | i32::MIN,
    },
    Publishing {
        name: "Semaphore::release",
        word: 0,
        call: |buffer| semaphore(buffer).release(1).unwrap(),
        is_published: |word| word == 1,
    },
    Publishing {
        name: "Semaphore::release to one",
        word: 1 << 30,
        call: |buffer| semaphore(buffer).release(1).unwrap(),
        is_published: |word| word == 1,
    },
    Publishing {
        name: "Semaphore::release to a waiter that needs several",
        word: i32::MIN,
        call: |buffer| semaphore(buffer).release(2).unwrap(),
        is_published: |word| word == 2,
    },
    Publishing { name: "Event::set", word: 0, call: |buffer| event(buffer).set(), is_published: |word| word & 1 != 0 },
    Publishing {
        name: "Event::set with a waiter",
        word: 2,
        call: |buffer| event(buffer).set(),
        is_published: |word| word & 1 != 0,
    },
    Publishing {
        name: "Latch::count_down",
        word: 1,
        call: |buffer| latch(buffer).count_down(1).unwrap(),
        is_published: |word| word == 0,
    },
    Publishing {
        name: "Latch::count_down with a waiter",
        word: 1 | i32::MIN,
        call: |buffer| latch(buffer).count_down(1).unwrap(),
        is_published: |word| word == 0,
    },
    Publishing {
        name: "the leader of a barrier",
        word: 1,
        call: |buffer| assert_eq!(barrier(buffer).wait(), BarrierRole::Leader),
        is_published: |word| word == 1 << 15,
    },
    Publishing {
        name: "the leader of a barrier with a waiter",
        word: 1 | 1 << 14,
        call: |buffer| assert_eq!(barrier(buffer).wait(), BarrierRole::Leader),
        is_published: |word| word == 1 << 15,
    },
    Publishing {
        name: "the end of an initializer",
        word: 0,
        call: |buffer| once(buffer).call_once(|| ()).unwrap(),
        is_published: |word| word == 3,
    },
    Publishing {
        name: "the end of an initializer with a waiter",
        word: 0,
        call: |buffer| once(buffer).call_once(|| mark_one_who_waits(buffer)).unwrap(),
        is_published: |word| word == 3,
    },
];

fn mark_one_who_waits(buffer: &SharedBuffer) {
    buffer.slot(0).unwrap().fetch_or(4, Relaxed);
}

/// A child makes the call while this process steps it, and takes the memory away between the instruction that publishes
/// and the next.
#[test]
fn a_call_does_not_touch_the_memory_after_it_has_published() {
    let _watchdog = Watchdog::new("a_call_does_not_touch_the_memory_after_it_has_published");
    if is_emulated() {
        return;
    }
    for publishing in PUBLISHING {
        for scope in [Scope::Private, Scope::Shared] {
            let file = tempfile::tempfile().unwrap();
            file.set_len(PAGE as u64).unwrap();
            let base = map_file(&file);
            // SAFETY: zeroed memory of that length, of which both processes use one word, until it is truncated.
            let buffer = unsafe { SharedBuffer::from_raw_parts(base, PAGE, scope) }.unwrap();
            let word = buffer.slot(0).unwrap();
            word.store(publishing.word, Relaxed);
            let mut child = Process::fork(|| {
                // SAFETY: from here on, the parent sees each stop.
                if unsafe { libc::ptrace(libc::PTRACE_TRACEME) } == -1 {
                    return NOT_TRACED;
                }
                // SAFETY: stops this process.
                unsafe { libc::raise(libc::SIGSTOP) };
                (publishing.call)(&buffer);
                0
            });
            let mut steps = 0;
            let end = loop {
                if let Some(end) = child.until_it_stops() {
                    break end;
                }
                let is_published = (publishing.is_published)(word.load(Relaxed));
                if is_published {
                    file.set_len(0).unwrap();
                }
                steps += 1;
                child.trace(if is_published { libc::PTRACE_DETACH } else { libc::PTRACE_SINGLESTEP });
                if is_published {
                    break child.end();
                }
            };
            if end == End::Exited(NOT_TRACED) {
                return skipped("a_call_does_not_touch_the_memory", "this process may not trace its children");
            }
            assert_eq!(end, End::Exited(0), "{} in {scope:?}: touched after {steps} steps", publishing.name);
            assert_eq!(file.metadata().unwrap().len(), 0, "{} in {scope:?}: never published", publishing.name);
            // SAFETY: mapped above, and used no more.
            assert_eq!(unsafe { libc::munmap(base.cast(), PAGE) }, 0);
        }
    }
}

/// The exit code of a child that could not be traced.
const NOT_TRACED: i32 = 77;

#[test]
fn a_change_that_nobody_waits_for_makes_no_system_call() {
    let _watchdog = Watchdog::new("a_change_that_nobody_waits_for_makes_no_system_call");
    if is_emulated() {
        return;
    }
    for scope in [Scope::Private, Scope::Shared] {
        in_child(|| {
            let buffer = changeable(scope);
            refuse(&DEADLY_FUTEX)?;
            for _ in 0..3 {
                drop(Lock::new(&buffer, 0).unwrap().lock());

                let rw_lock = RwLock::new(&buffer, 7).unwrap();
                let guard = rw_lock.write().downgrade();
                drop(rw_lock.read());
                let guard = guard.try_upgrade().unwrap();
                assert!(rw_lock.read_for(Duration::ZERO).is_err());
                drop(guard);
                let guard = rw_lock.read();
                assert!(rw_lock.write_for(Duration::ZERO).is_err());
                drop(guard);

                let semaphore = Semaphore::new(&buffer, 1).unwrap();
                semaphore.release(5).unwrap();
                semaphore.acquire();
                semaphore.acquire_many(3).unwrap();
                drop(semaphore.permit());
                semaphore.acquire();
                assert!(semaphore.acquire_for(Duration::ZERO).is_err());

                let event = Event::new(&buffer, 2).unwrap();
                event.set();
                event.wait();
                event.reset();
                assert!(event.wait_for(Duration::ZERO).is_err());

                let latch = Latch::initialize(&buffer, 3, 2).unwrap();
                latch.count_down(1).unwrap();
                assert!(latch.wait_for(Duration::ZERO).is_err());
                latch.count_down(1).unwrap();
                latch.wait();

                assert_eq!(Barrier::new(&buffer, 4, 1).unwrap().wait(), BarrierRole::Leader);
                assert_eq!(Barrier::new(&buffer, 4, 2).unwrap().wait_for(Duration::ZERO), Err(TimedOut));

                let once = Once::new(&buffer, 5).unwrap();
                once.call_once(|| ()).unwrap();
                once.call_once(|| ()).unwrap();
                once.reset();

                let cond = Cond::new(&buffer, 6, lock(&buffer)).unwrap();
                cond.notify_one();
                cond.notify_all();

                let synchronic = Synchronic::<u16>::initialize(&buffer, 8, 3).unwrap();
                for hint in [NotifyHint::None, NotifyHint::One, NotifyHint::All] {
                    synchronic.store(3, hint);
                    synchronic.fetch_add(1, hint);
                    synchronic.compare_exchange(4, 5, hint).unwrap();
                    synchronic.notify(hint);
                    synchronic.load_when_equal(5);
                    synchronic.expect_update(4);
                    assert!(synchronic.expect_update_for(5, Duration::ZERO).is_err());
                }
            }
            Ok(())
        });
    }
}
