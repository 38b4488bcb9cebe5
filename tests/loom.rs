//! Models of the lock, and of the doubles that the models stand on. Run by
//! `RUSTFLAGS="--cfg loom" cargo test --release --test loom`.
//!
//! Two agents are explored whole; three to three preemptions, and whole with `SLOTSYNC_WHOLE=1` in the environment,
//! which takes hours.
#![cfg(loom)]
#![allow(unsafe_code, reason = "loom's cell hands out raw pointers, to check that accesses through it are ordered")]

use slotsync::model::loom::sync::atomic::{AtomicI32, fence};
use slotsync::model::loom::{cell::UnsafeCell, thread};
use slotsync::model::{Double, Model};
use slotsync::{Error, Lock, Scope, SharedBuffer, Slot, Wait};
use std::cell::UnsafeCell as StdUnsafeCell;
use std::collections::HashSet;
use std::mem;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What the agents of a model share: words, and data that must only be touched one at a time and in order.
struct World {
    buffer: SharedBuffer,
    data: UnsafeCell<i32>,
    /// A word that is in no buffer.
    other: AtomicI32,
}

impl World {
    #[allow(clippy::arc_with_non_send_sync, reason = "loom's threads are coroutines of one thread")]
    fn new() -> Arc<Self> {
        Arc::new(Self { buffer: SharedBuffer::new(8).unwrap(), data: UnsafeCell::new(0), other: AtomicI32::new(0) })
    }

    fn word(&self) -> Slot<'_> {
        self.buffer.slot(0).unwrap()
    }

    fn lock(&self) -> Lock<'_> {
        Lock::from_slot(self.word())
    }

    /// Loom reports a causality violation unless the caller is alone here, and after all who were here before.
    fn touch(&self) {
        // SAFETY: loom checks just this, and ends the model if it does not hold.
        self.data.with_mut(|data| unsafe { *data += 1 });
    }

    fn touched(&self) -> i32 {
        // SAFETY: as in `touch`.
        self.data.with(|data| unsafe { *data })
    }
}

type Agent = fn(&World);

/// Runs the agents at once, the last of them on the main thread, and looks at what they left.
fn check(double: Double, agents: &'static [Agent], at_end: Agent) {
    check_from(double, agents, |_| {}, at_end);
}

fn check_from(double: Double, agents: &'static [Agent], before: Agent, at_end: Agent) {
    let whole = agents.len() < 3 || std::env::var_os("SLOTSYNC_WHOLE").is_some();
    let model = Model::new(double);
    let model = if whole { model } else { model.preemption_bound(3) };
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

/// A model that must hold, under each double.
macro_rules! holds {
    ($($(#[$attribute:meta])* $name:ident = $agents:expr, $at_end:expr;)*) => {
        mod parking { use super::*; $($(#[$attribute])* #[test] fn $name() { check(Double::Parking, $agents, $at_end); })* }
        mod erring { use super::*; $($(#[$attribute])* #[test] fn $name() { check(Double::Erring, $agents, $at_end); })* }
        mod polling { use super::*; $($(#[$attribute])* #[test] fn $name() { check(Double::Polling, $agents, $at_end); })* }
    };
}

// What one agent does.

fn locks(world: &World) {
    let _guard = world.lock().lock();
    world.touch();
}

fn locks_twice(world: &World) {
    locks(world);
    locks(world);
}

fn tries(world: &World) {
    if let Some(_guard) = world.lock().try_lock() {
        world.touch();
    }
}

/// In a model, a deadline that is far away passes whenever the schedule lets it.
fn far() -> Instant {
    Instant::now() + Duration::from_secs(1_000_000)
}

fn locks_or_gives_up(world: &World) {
    if let Some(_guard) = world.lock().lock_until(far()) {
        world.touch();
    }
}

/// Unlocks a lock that another agent left locked for it.
fn unlocks_for_another(world: &World) {
    world.touch();
    world.lock().unlock().unwrap();
}

/// A wake that is meant for somebody who used the memory before.
fn wakes_astray(world: &World) {
    world.word().wake(1);
}

fn js_locks(world: &World) {
    js::lock(world.word());
    world.touch();
    js::unlock(world.word());
}

/// The steps of Hansen's `lock.js`, as published: Drepper's mutex 2.
mod js {
    use super::*;

    pub(super) fn lock(word: Slot<'_>) {
        let mut was = compare_exchange(word, 0, 1);
        while was != 0 {
            if was == 2 || compare_exchange(word, 1, 2) != 0 {
                let _ = word.wait(2);
            }
            was = compare_exchange(word, 0, 2);
        }
    }

    pub(super) fn unlock(word: Slot<'_>) {
        if word.fetch_sub(1, Release) != 1 {
            word.store(0, Release);
            word.wake(1);
        }
    }

    fn compare_exchange(word: Slot<'_>, current: i32, new: i32) -> i32 {
        word.compare_exchange(current, new, Acquire, Relaxed).unwrap_or_else(|was| was)
    }
}

fn nobody_holds_it(world: &World) {
    assert!(!world.lock().is_locked());
}

fn all_two_were_in(world: &World) {
    nobody_holds_it(world);
    assert_eq!(world.touched(), 2);
}

fn all_three_were_in(world: &World) {
    nobody_holds_it(world);
    assert_eq!(world.touched(), 3);
}

fn all_four_were_in(world: &World) {
    nobody_holds_it(world);
    assert_eq!(world.touched(), 4);
}

fn two_or_three_were_in(world: &World) {
    nobody_holds_it(world);
    assert!((2..=3).contains(&world.touched()));
}

holds! {
    two_lock = &[locks, locks], all_two_were_in;
    two_lock_twice = &[locks_twice, locks_twice], all_four_were_in;
    three_lock = &[locks, locks, locks], all_three_were_in;
    one_tries_beside_another = &[locks_twice, tries], two_or_three_were_in;
    one_tries_beside_two = &[locks, locks, tries], two_or_three_were_in;
    one_gives_up_beside_another = &[locks_twice, locks_or_gives_up], two_or_three_were_in;
    /// Who gives up must not take a wake with it that another sleeper needs.
    one_gives_up_beside_two = &[locks, locks, locks_or_gives_up], two_or_three_were_in;
    stray_wakes_let_nobody_in = &[locks, locks, wakes_astray], all_two_were_in;
    ours_beside_lock_js = &[locks_twice, js_locks], all_three_were_in;
    two_of_ours_beside_lock_js = &[locks, locks, js_locks], all_three_were_in;
    one_of_ours_beside_two_lock_js = &[locks, js_locks, js_locks], all_three_were_in;
    one_of_ours_gives_up_beside_two_lock_js = &[locks_or_gives_up, js_locks, js_locks], two_or_three_were_in;
}

fn is_held(world: &World) {
    mem::forget(world.lock().lock());
    world.touch();
}

#[test]
fn a_lock_is_handed_to_an_agent_that_unlocks_it() {
    for double in Double::ALL {
        check_from(double, &[locks, unlocks_for_another], is_held, all_three_were_in);
        check_from(double, &[locks, locks, unlocks_for_another], is_held, all_four_were_in);
    }
}

/// Memory that outlived its users may hold a held lock: what was repaired before it was initialized is seen by all.
#[test]
fn initializing_publishes_what_was_repaired() {
    fn repairs(world: &World) {
        world.touch();
        Lock::initialize(&world.buffer, 0).unwrap();
    }
    for double in Double::ALL {
        check_from(double, &[repairs, tries], |world| world.word().store(1, Relaxed), nobody_holds_it);
    }
}

#[test]
fn of_two_unlocks_of_one_lock_one_is_refused() {
    fn unlocks(world: &World) {
        match world.lock().unlock() {
            Ok(()) => world.touch(),
            Err(error) => assert_eq!(error, Error::NotHeld),
        }
    }
    fn is_held_and_contended(world: &World) {
        world.word().store(2, Relaxed);
    }
    fn one_was_let(world: &World) {
        nobody_holds_it(world);
        assert_eq!(world.touched(), 1);
    }
    for double in Double::ALL {
        check_from(double, &[unlocks, unlocks], is_held_and_contended, one_was_let);
    }
}

/// A guard that never was must not unlock what another agent holds.
#[test]
fn a_failed_try_leaves_the_lock_held() {
    fn fails(world: &World) {
        assert!(world.lock().try_lock().is_none());
        assert!(world.lock().lock_until(Instant::now()).is_none());
        assert!(world.lock().lock_until(far()).is_none());
    }
    for double in Double::ALL {
        check_from(double, &[fails, fails], is_held, |world| assert!(world.lock().is_locked()));
    }
}

/// A word that is freed by the next holder of the lock in it. Loom checks that no other access comes after, or beside.
struct Mortal(StdUnsafeCell<AtomicI32>);

// SAFETY: for loom's threads, which are coroutines of one thread.
unsafe impl Send for Mortal {}
// SAFETY: as above.
unsafe impl Sync for Mortal {}

impl Mortal {
    fn word(&self) -> Slot<'_> {
        // SAFETY: it is never moved or written but through `free`, which loom checks against all accesses of the word.
        Slot::from_ref(unsafe { &*self.0.get() }, Scope::Private).unwrap()
    }

    fn free(&self) {
        // SAFETY: loom ends the model unless this is the only access, and ordered after all others.
        unsafe { (*self.0.get()).with_mut(|word| *word = 0x0bad) };
    }
}

/// One agent holds the lock and unlocks it; the other takes it and frees the memory, while the first may still be at it.
fn free_after(unlock: fn(Slot<'_>), double: Double) {
    Model::new(double).check(move || {
        let mortal = Arc::new(Mortal(StdUnsafeCell::new(AtomicI32::new(1))));
        let holder = mortal.clone();
        let holder = thread::spawn(move || unlock(holder.word()));
        mem::forget(Lock::from_slot(mortal.word()).lock());
        mortal.free();
        holder.join().unwrap();
    });
}

#[test]
fn the_next_holder_may_free_the_memory_at_once() {
    for double in Double::ALL {
        free_after(|word| Lock::from_slot(word).unlock().unwrap(), double);
    }
}

/// Models that must fail: a double that lets one of these pass proves nothing about the lock either.
mod must_fail {
    use super::*;

    /// A lock whose steps can be got wrong one at a time.
    struct Broken {
        /// What a contended agent takes the lock with.
        takes: i32,
        /// The ordering of taking it after a sleep.
        retakes: std::sync::atomic::Ordering,
        releases: std::sync::atomic::Ordering,
        wakes: bool,
    }

    const RIGHT: Broken = Broken { takes: 2, retakes: Acquire, releases: Release, wakes: true };

    impl Broken {
        fn pass(&self, world: &World) {
            let word = world.word();
            if word.compare_exchange(0, 1, Acquire, Relaxed).is_err() {
                while word.swap(self.takes, self.retakes) != 0 {
                    let _ = word.wait(self.takes);
                }
            }
            world.touch();
            if word.swap(0, self.releases) != 1 && self.wakes {
                word.wake(1);
            }
        }
    }

    fn right(world: &World) {
        RIGHT.pass(world);
    }

    fn forgets_to_wake(world: &World) {
        Broken { wakes: false, ..RIGHT }.pass(world);
    }

    fn retakes_without_the_mark(world: &World) {
        Broken { takes: 1, ..RIGHT }.pass(world);
    }

    fn releases_relaxed(world: &World) {
        Broken { releases: Relaxed, ..RIGHT }.pass(world);
    }

    fn retakes_relaxed(world: &World) {
        Broken { retakes: Relaxed, ..RIGHT }.pass(world);
    }

    #[test]
    fn the_control_holds() {
        for double in Double::ALL {
            check(double, &[right, right], all_two_were_in);
            check(double, &[right, right, right], all_three_were_in);
        }
    }

    #[test]
    #[should_panic(expected = "deadlock")]
    fn a_lock_that_forgets_to_wake() {
        check(Double::Parking, &[forgets_to_wake, forgets_to_wake], |_| {});
    }

    #[test]
    #[should_panic(expected = "deadlock")]
    fn a_lock_that_forgets_who_else_sleeps() {
        check(Double::Parking, &[retakes_without_the_mark, retakes_without_the_mark, retakes_without_the_mark], |_| {});
    }

    #[test]
    #[should_panic(expected = "Causality violation")]
    fn a_relaxed_release() {
        check(Double::Polling, &[releases_relaxed, releases_relaxed], |_| {});
    }

    #[test]
    #[should_panic(expected = "Causality violation")]
    fn a_relaxed_recheck_after_sleeping() {
        check(Double::Polling, &[retakes_relaxed, retakes_relaxed], |_| {});
    }

    /// Takes it for granted that a wake orders memory, as no futex does.
    fn trusts_the_wake(world: &World) {
        let word = world.word();
        let mut order = Acquire;
        while word.swap(2, order) != 0 {
            order = if word.wait(2) == Wait::Woken { Relaxed } else { Acquire };
        }
        world.touch();
        word.swap(0, Release);
        word.wake(1);
    }

    #[test]
    #[should_panic(expected = "Causality violation")]
    fn a_wake_that_is_trusted_to_order_memory() {
        check(Double::Polling, &[trusts_the_wake, trusts_the_wake], |_| {});
    }

    /// Why one double is not enough: unparking orders what the kernel does not.
    #[test]
    fn parking_alone_is_blind_to_a_wake_that_is_trusted() {
        check(Double::Parking, &[trusts_the_wake, trusts_the_wake], all_two_were_in);
    }

    /// Why one double is not enough: who polls needs no wake.
    #[test]
    fn polling_alone_is_blind_to_a_lost_wakeup() {
        check(Double::Polling, &[forgets_to_wake, forgets_to_wake], all_two_were_in);
    }

    #[test]
    #[should_panic(expected = "Causality violation")]
    fn an_unlock_that_looks_back() {
        fn looks_back(word: Slot<'_>) {
            if word.swap(0, Release) != 1 {
                word.wake(1);
            }
            let _ = word.load(Relaxed);
        }
        free_after(looks_back, Double::Polling);
    }

    /// Sleeps on a flag, says so in a second word, and takes that back after every wait: also after one that was in vain.
    #[test]
    #[should_panic(expected = "deadlock")]
    fn a_mark_that_is_taken_back_after_a_wait_in_vain() {
        fn waits(world: &World) {
            let [flag, sleeping] = [0, 1].map(|index| world.buffer.slot(index).unwrap());
            sleeping.swap(1, AcqRel);
            fence(SeqCst);
            while flag.load(Acquire) == 0 {
                let _ = flag.wait(0);
                sleeping.swap(0, AcqRel);
            }
        }
        fn raises(world: &World) {
            let [flag, sleeping] = [0, 1].map(|index| world.buffer.slot(index).unwrap());
            flag.swap(1, AcqRel);
            fence(SeqCst);
            if sleeping.swap(0, AcqRel) != 0 {
                flag.wake(1);
            }
        }
        check(Double::Erring, &[waits, raises], |_| {});
    }

    /// Goes away when its time is up, with whatever wake it swallowed, and leaves no mark for the others.
    #[test]
    #[should_panic(expected = "deadlock")]
    fn who_times_out_and_takes_a_wake_along() {
        fn leaves(world: &World) {
            let word = world.word();
            if word.compare_exchange(0, 1, Acquire, Relaxed).is_err() {
                while word.swap(2, Acquire) != 0 {
                    if word.wait_until(2, far()) == Wait::TimedOut {
                        return;
                    }
                }
            }
            world.touch();
            if word.swap(0, Release) != 1 {
                word.wake(1);
            }
        }
        check(Double::Erring, &[right, right, leaves], |_| {});
    }

    #[test]
    #[should_panic(expected = "deadlock")]
    fn a_wake_in_another_scope() {
        fn sleeps(world: &World) {
            let word = Slot::from_ref(&world.other, Scope::Shared).unwrap();
            while word.load(Acquire) == 0 {
                let _ = word.wait(0);
            }
        }
        fn wakes(world: &World) {
            let word = Slot::from_ref(&world.other, Scope::Private).unwrap();
            word.store(1, Release);
            word.wake(1);
        }
        check(Double::Parking, &[sleeps, wakes], |_| {});
    }

    /// Drepper's mutex 1 counts every attempt to take it: after 2^32 of them it is free while it is held. Here all but
    /// one of them have been made.
    #[test]
    #[should_panic(expected = "Causality violation")]
    fn mutex_1_which_overflows() {
        fn mutex_1(world: &World) {
            let word = world.word();
            loop {
                let was = word.fetch_add(1, Acquire);
                if was == 0 {
                    break;
                }
                let _ = word.wait(was.wrapping_add(1));
            }
            world.touch();
            word.store(0, Release);
            word.wake(1);
        }
        fn held_since_long(world: &World) {
            world.word().store(-1, Relaxed);
        }
        fn holder(world: &World) {
            world.touch();
            world.word().store(0, Release);
            world.word().wake(1);
        }
        check_from(Double::Parking, &[holder, mutex_1, mutex_1], held_since_long, |_| {});
    }
}

/// What the doubles explore. A double that never shows an outcome makes every model that depends on it vacuous.
mod doubles {
    use super::*;

    /// Every distinct result of `agents`, over all interleavings.
    fn outcomes<T: std::hash::Hash + Eq + Send + 'static>(
        double: Double,
        agents: impl Fn() -> T + Send + Sync + 'static,
    ) -> HashSet<T> {
        let seen = Arc::new(Mutex::new(HashSet::new()));
        let all = seen.clone();
        Model::new(double).check(move || {
            let outcome = agents();
            all.lock().unwrap().insert(outcome);
        });
        Arc::into_inner(seen).unwrap().into_inner().unwrap()
    }

    fn waiter(world: &Arc<World>, deadline: Option<Instant>) -> thread::JoinHandle<Wait> {
        let world = world.clone();
        thread::spawn(move || match deadline {
            Some(deadline) => world.word().wait_until(0, deadline),
            None => world.word().wait(0),
        })
    }

    #[test]
    fn a_wake_finds_a_waiter_or_comes_too_early() {
        // Who comes too early leaves the waiter asleep; the change of the word and the second wake are for it.
        let outcomes = outcomes(Double::Parking, || {
            let world = World::new();
            let sleeper = waiter(&world, None);
            let first = world.word().wake_counted(1).unwrap();
            world.word().store(1, Relaxed);
            let second = world.word().wake_counted(1).unwrap();
            (first, second, sleeper.join().unwrap())
        });
        assert_eq!(outcomes, HashSet::from([(1, 0, Wait::Woken), (0, 1, Wait::Woken), (0, 0, Wait::NotEqual)]));
    }

    #[test]
    fn any_waiter_may_be_the_one_that_is_woken() {
        let outcomes = outcomes(Double::Parking, || {
            let world = World::new();
            let sleepers = [waiter(&world, Some(far())), waiter(&world, Some(far()))];
            let woken = world.word().wake_counted(1).unwrap();
            let [first, second] = sleepers.map(|sleeper| sleeper.join().unwrap());
            assert_eq!(u32::from(first == Wait::Woken) + u32::from(second == Wait::Woken), woken);
            (first, second)
        });
        use Wait::{TimedOut, Woken};
        assert_eq!(outcomes, HashSet::from([(Woken, TimedOut), (TimedOut, Woken), (TimedOut, TimedOut)]));
    }

    /// Two sleepers that cannot time out, and two wakes of one: both return, whichever first.
    #[test]
    fn two_wakes_reach_two_sleepers_in_either_order() {
        let outcomes = outcomes(Double::Parking, || {
            let world = World::new();
            let first_to_return = world.clone();
            let sleepers = [1, 2].map(|number| {
                let world = world.clone();
                thread::spawn(move || {
                    while world.word().load(Relaxed) == 0 {
                        let _ = world.word().wait(0);
                    }
                    let _ = world.buffer.slot(1).unwrap().compare_exchange(0, number, Relaxed, Relaxed);
                })
            });
            world.word().store(1, Relaxed);
            world.word().wake(1);
            world.word().wake(1);
            for sleeper in sleepers {
                sleeper.join().unwrap();
            }
            first_to_return.buffer.slot(1).unwrap().load(Relaxed)
        });
        assert_eq!(outcomes, HashSet::from([1, 2]));
    }

    #[test]
    fn a_wake_of_two_wakes_two_and_one_of_none_wakes_nobody() {
        let outcomes = outcomes(Double::Parking, || {
            let world = World::new();
            let sleepers = [waiter(&world, Some(far())), waiter(&world, Some(far()))];
            assert_eq!(world.word().wake_counted(0).unwrap(), 0);
            let woken = world.word().wake_counted(2).unwrap();
            let heard =
                sleepers.map(|sleeper| sleeper.join().unwrap()).iter().filter(|&&end| end == Wait::Woken).count();
            assert_eq!(heard, usize::try_from(woken).unwrap());
            woken
        });
        assert_eq!(outcomes, HashSet::from([0, 1, 2]));
    }

    #[test]
    fn a_wake_of_one_word_wakes_nobody_on_another() {
        let outcomes = outcomes(Double::Parking, || {
            let world = World::new();
            let sleeper = waiter(&world, Some(far()));
            let neighbour = world.buffer.slot(1).unwrap().wake_counted(1).unwrap();
            (neighbour, sleeper.join().unwrap())
        });
        assert_eq!(outcomes, HashSet::from([(0, Wait::TimedOut)]));
    }

    #[test]
    fn a_deadline_that_has_passed_ends_the_wait_unless_the_word_differs() {
        for double in Double::ALL {
            let outcomes = outcomes(double, || {
                let world = World::new();
                let now = Instant::now();
                (world.word().wait_until(0, now), world.word().wait_until(1, now))
            });
            assert_eq!(outcomes, HashSet::from([(Wait::TimedOut, Wait::NotEqual)]));
        }
    }

    /// Every wait under polling ends without a wake, which is what a primitive must bear.
    #[test]
    fn polling_returns_for_no_reason() {
        let outcomes = outcomes(Double::Polling, || World::new().word().wait(0));
        assert_eq!(outcomes, HashSet::from([Wait::Woken]));
    }

    /// A sleeper that the kernel woke must not find the world in order by the wake alone.
    #[test]
    fn polling_orders_no_memory() {
        let outcomes = outcomes(Double::Polling, || {
            let world = World::new();
            let flag = world.clone();
            let raiser = thread::spawn(move || {
                flag.buffer.slot(1).unwrap().store(1, Relaxed);
                flag.word().store(1, Relaxed);
                flag.word().wake(1);
            });
            while world.word().load(Relaxed) == 0 {
                let _ = world.word().wait(0);
            }
            let seen = world.buffer.slot(1).unwrap().load(Relaxed);
            raiser.join().unwrap();
            seen
        });
        assert_eq!(outcomes, HashSet::from([0, 1]));
    }
}
