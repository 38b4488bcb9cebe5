//! What the doubles explore. A double that never shows an outcome makes every model that depends on it vacuous.
#![cfg(loom)]

use crate::world::*;

/// Every distinct result of `agents`, over all interleavings with up to four preemptions.
fn outcomes<T: std::hash::Hash + Eq + Send + 'static>(
    double: Double,
    agents: impl Fn() -> T + Send + Sync + 'static,
) -> HashSet<T> {
    let seen = Arc::new(Mutex::new(HashSet::new()));
    let all = seen.clone();
    Model::new(double).preemption_bound(4).check(move || {
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
    // A wake that comes too early leaves the waiter asleep; the change of the word and the second wake are for it.
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
        let heard = sleepers.map(|sleeper| sleeper.join().unwrap()).iter().filter(|&&end| end == Wait::Woken).count();
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
