//! What a synchronic promises between real processes, over every origin of memory that they can share.
#![cfg(target_os = "linux")]

use crate::processes::total;
use crate::support::processes::{
    FAR, Process, fork, fork_all, fork_asleep, fork_asleep_rescued, fork_victim, join_all,
};
use crate::support::{LONG, Memory, SHORT, Watchdog, until};
use slotsync::{NotifyHint, Number, SharedBuffer, Slot, Synchronic, TimedOut};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

over_shared_origins! {
    a_value_of_any_type_is_passed_round
    two_processes_count_to_a_number_in_turn
    the_total_of_many_is_waited_for
    each_notify_of_one_lets_one_process_go
    a_notify_of_one_reaches_the_process_that_can_use_it
    a_notify_of_all_lets_all_processes_go
    a_change_that_told_nobody_is_told_by_a_later_notify
    a_change_at_another_address_is_heard
    waits_with_a_deadline_end_by_it_or_by_a_change
    a_process_killed_while_it_waits_strands_nobody_and_stays_counted
    the_wake_of_one_is_not_spent_on_the_dead
    a_process_killed_while_one_is_woken_strands_nobody_beyond_one_slice
    a_waiter_that_was_woken_and_died_strands_nobody_beyond_one_slice
    a_process_that_wrote_and_died_before_the_notify_strands_nobody_beyond_one_slice
    a_process_that_notified_and_died_before_the_wake_strands_nobody_beyond_one_slice
}

/// Where it lies: the value, two slots further, at a multiple of 8 bytes.
const AT: usize = 6;

fn synchronic<T: Number>(buffer: &SharedBuffer) -> Synchronic<'_, T> {
    Synchronic::new(buffer, AT).unwrap()
}

/// For a caller that leaves the type to be the usual one.
fn number(buffer: &SharedBuffer) -> Synchronic<'_, i32> {
    synchronic(buffer)
}

fn waiters(memory: &Memory) -> Slot<'_> {
    memory.buffer.slot(AT).unwrap()
}

fn generation(memory: &Memory) -> Slot<'_> {
    memory.buffer.slot(AT + 1).unwrap()
}

/// Waits until there is something, and takes one of it. That lets nobody go on, so nobody hears of it.
fn take(buffer: &SharedBuffer) {
    let some = number(buffer);
    loop {
        some.load_when_not_equal(0);
        if some.fetch_update(NotifyHint::None, |value| (value > 0).then(|| value - 1)).is_ok() {
            total(buffer).fetch_add(1, Relaxed);
            return;
        }
    }
}

fn await_change(buffer: &SharedBuffer) {
    number(buffer).load_when_not_equal(0);
}

fn a_value_of_any_type_is_passed_round(memory: &Memory) {
    let _watchdog = Watchdog::new("a_value_of_any_type_is_passed_round");
    const AGENTS: u8 = 4;
    const ROUNDS: u8 = 30;
    fn pass_round<T: Number + From<u8>>(memory: &Memory, hint: NotifyHint) {
        // Another type over the same slots: nobody uses them meanwhile.
        Synchronic::initialize(&memory.buffer, AT, T::from(0)).unwrap();
        total(&memory.buffer).store(0, Relaxed);
        let agents = (0..AGENTS).map(|agent| {
            fork(memory, move |buffer| {
                let turn = synchronic::<T>(buffer);
                for mine in (0..ROUNDS).map(|round| AGENTS * round + agent) {
                    assert_eq!(turn.load_when_equal(T::from(mine)), T::from(mine));
                    // Loads and stores: whose turn it is, is alone.
                    assert_eq!(total(buffer).load(Relaxed), i32::from(mine));
                    total(buffer).store(i32::from(mine) + 1, Relaxed);
                    assert_eq!(turn.fetch_add(T::from(1), hint), T::from(mine));
                }
                0
            })
        });
        join_all(agents.collect());
        assert_eq!(synchronic::<T>(&memory.buffer).load(), T::from(AGENTS * ROUNDS));
        assert_eq!(waiters(memory).load(Relaxed), 0);
    }
    // It suffices for one, whoever is woken.
    for hint in [NotifyHint::All, NotifyHint::One] {
        pass_round::<u8>(memory, hint);
        pass_round::<u16>(memory, hint);
        pass_round::<i32>(memory, hint);
        pass_round::<f32>(memory, hint);
        pass_round::<u64>(memory, hint);
        pass_round::<f64>(memory, hint);
    }
}

fn two_processes_count_to_a_number_in_turn(memory: &Memory) {
    let _watchdog = Watchdog::new("two_processes_count_to_a_number_in_turn");
    // Some of them are beyond 32 bits.
    const FIRST: i64 = (1 << 32) - 1_000;
    const TURNS: i64 = 4_000;
    Synchronic::initialize(&memory.buffer, AT, FIRST).unwrap();
    let count = |buffer: &SharedBuffer, from: i64| {
        let count = synchronic::<i64>(buffer);
        for turn in (from..TURNS).step_by(2).map(|turn| FIRST + turn) {
            if turn > FIRST {
                assert_eq!(count.load_when_not_equal(turn - 1), turn);
            }
            total(buffer).fetch_add(1, Relaxed);
            // There is one other.
            assert_eq!(count.compare_exchange(turn, turn + 1, NotifyHint::One), Ok(turn));
        }
        0
    };
    let other = fork(memory, |buffer| count(buffer, 1));
    count(&memory.buffer, 0);
    other.join();
    assert_eq!(synchronic::<i64>(&memory.buffer).load(), FIRST + TURNS);
    assert_eq!(i64::from(total(&memory.buffer).load(Relaxed)), TURNS);
    assert_eq!(waiters(memory).load(Relaxed), 0);
}

fn the_total_of_many_is_waited_for(memory: &Memory) {
    let _watchdog = Watchdog::new("the_total_of_many_is_waited_for");
    const AGENTS: u16 = 4;
    const ADDITIONS: u16 = 1_000;
    fn add_up<T: Number + From<u16>>(memory: &Memory, hint: NotifyHint) {
        Synchronic::initialize(&memory.buffer, AT, T::from(0)).unwrap();
        let all = T::from(AGENTS * ADDITIONS);
        let waiter = fork_asleep(memory, 1, |buffer| assert_eq!(synchronic::<T>(buffer).load_when_equal(all), all));
        let agents = fork_all(memory, AGENTS.into(), |buffer| {
            let sum = synchronic::<T>(buffer);
            for _ in 0..ADDITIONS {
                if sum.fetch_add(T::from(1), hint) == T::from(AGENTS * ADDITIONS - 1) {
                    // For the hint that tells nobody.
                    sum.notify(NotifyHint::One);
                }
            }
        });
        join_all(agents);
        join_all(waiter);
        assert_eq!(synchronic::<T>(&memory.buffer).load(), all);
        assert_eq!(waiters(memory).load(Relaxed), 0);
    }
    for hint in [NotifyHint::None, NotifyHint::One, NotifyHint::All] {
        add_up::<u16>(memory, hint);
        add_up::<i32>(memory, hint);
        add_up::<u64>(memory, hint);
        add_up::<f64>(memory, hint);
    }
}

fn each_notify_of_one_lets_one_process_go(memory: &Memory) {
    let _watchdog = Watchdog::new("each_notify_of_one_lets_one_process_go");
    let taken = || total(&memory.buffer).load(Relaxed);
    let sleepers = fork_asleep(memory, 4, take);
    assert_eq!(waiters(memory).load(Relaxed), 4);
    for number_of_them in 1..=4 {
        number(&memory.buffer).fetch_add(1, NotifyHint::One);
        until("one has taken it", || taken() == number_of_them);
    }
    join_all(sleepers); // And without having been rescued.
    assert_eq!((number(&memory.buffer).load(), waiters(memory).load(Relaxed)), (0, 0));

    // One after the other, without looking; and of what is there already.
    let sleepers = fork_asleep(memory, 4, take);
    for _ in 0..2 {
        number(&memory.buffer).fetch_add(1, NotifyHint::One);
    }
    number(&memory.buffer).fetch_add(2, NotifyHint::None);
    for _ in 0..2 {
        number(&memory.buffer).notify(NotifyHint::One);
    }
    join_all(sleepers);
    assert_eq!((number(&memory.buffer).load(), waiters(memory).load(Relaxed)), (0, 0));
}

fn a_notify_of_one_reaches_the_process_that_can_use_it(memory: &Memory) {
    let _watchdog = Watchdog::new("a_notify_of_one_reaches_the_process_that_can_use_it");
    let await_value =
        |value| fork_asleep(memory, 1, move |buffer| assert_eq!(number(buffer).load_when_equal(value), value));
    let sleepers: Vec<_> = (1..=4).map(|value| (value, await_value(value))).collect();
    // The agent that has slept longest is woken first, and comes last.
    for (value, sleeper) in sleepers.into_iter().rev() {
        number(&memory.buffer).store(value, NotifyHint::One);
        join_all(sleeper); // And without having been rescued.
    }
    assert_eq!(waiters(memory).load(Relaxed), 0);
}

fn a_notify_of_all_lets_all_processes_go(memory: &Memory) {
    let _watchdog = Watchdog::new("a_notify_of_all_lets_all_processes_go");
    let mut sleepers = fork_asleep(memory, 2, |buffer| assert_eq!(number(buffer).load_when_equal(-7), -7));
    sleepers.extend(fork_asleep(memory, 2, |buffer| number(buffer).expect_update(0)));
    assert_eq!(waiters(memory).load(Relaxed), 4);
    assert_eq!(number(&memory.buffer).swap(-7, NotifyHint::All), 0);
    join_all(sleepers);
    assert_eq!(waiters(memory).load(Relaxed), 0);
}

fn a_change_that_told_nobody_is_told_by_a_later_notify(memory: &Memory) {
    let _watchdog = Watchdog::new("a_change_that_told_nobody");
    let sleepers = fork_asleep(memory, 3, await_change);
    number(&memory.buffer).store(1, NotifyHint::None);
    assert_eq!(generation(memory).load(Relaxed), 0, "it told nobody");
    number(&memory.buffer).notify(NotifyHint::All);
    join_all(sleepers);
    // An agent that comes now sees it without being told.
    join_all(fork_all(memory, 2, await_change));
    assert_eq!(waiters(memory).load(Relaxed), 0);
}

fn a_change_at_another_address_is_heard(memory: &Memory) {
    let _watchdog = Watchdog::new("a_change_at_another_address_is_heard");
    let Some(again) = memory.again() else { return };
    let [here, there] = [&memory.buffer, &again].map(synchronic::<f64>);
    assert_ne!(here, there, "the same address");
    for (round, from) in [here, there, here].into_iter().enumerate() {
        let value = round as f64 + 0.5;
        // A third address.
        let sleepers = fork_asleep(memory, 2, |buffer| {
            assert_eq!(synchronic::<f64>(buffer).load_when_equal(value), value);
        });
        from.store(value, NotifyHint::All);
        assert_eq!([here, there].map(|value| value.load()), [value; 2]);
        join_all(sleepers);
    }
}

fn waits_with_a_deadline_end_by_it_or_by_a_change(memory: &Memory) {
    let _watchdog = Watchdog::new("waits_with_a_deadline_end_by_it_or_by_a_change");
    join_all(fork_all(memory, 3, |buffer| {
        let number = number(buffer);
        assert_eq!(number.load_when_equal_for(1, SHORT), Err(TimedOut));
        assert_eq!(number.load_when_not_equal_until(0, Instant::now() + SHORT), Err(TimedOut));
        assert!(number.expect_update_for(0, SHORT).is_err());
    }));
    assert_eq!(waiters(memory).load(Relaxed), 0, "a waiter that gave up is counted out");
    let ways: [fn(Synchronic<'_, i32>); 3] = [
        |number| assert_eq!(number.load_when_equal_for(1, LONG), Ok(1)),
        |number| assert_eq!(number.load_when_not_equal_until(0, Instant::now() + LONG), Ok(1)),
        |number| assert!(number.expect_update_for(0, LONG).is_ok()),
    ];
    let sleepers: Vec<_> =
        ways.into_iter().flat_map(|wait| fork_asleep(memory, 1, |buffer| wait(number(buffer)))).collect();
    // Beside some that give up meanwhile.
    let others = fork_all(memory, 2, |buffer| assert_eq!(number(buffer).load_when_equal_for(2, SHORT), Err(TimedOut)));
    number(&memory.buffer).store(1, NotifyHint::All);
    join_all(sleepers);
    join_all(others);
    assert_eq!(waiters(memory).load(Relaxed), 0);
}

fn a_process_killed_while_it_waits_strands_nobody_and_stays_counted(memory: &Memory) {
    let _watchdog = Watchdog::new("a_process_killed_while_it_waits_strands_nobody");
    fork_asleep(memory, 1, await_change).into_iter().for_each(Process::kill);
    assert_eq!(waiters(memory).load(Relaxed), 1);
    number(&memory.buffer).notify(NotifyHint::One);
    assert_ne!(generation(memory).swap(0, Relaxed), 0, "a waiter is counted, so it was told");
    // Others wait and are notified as before.
    let sleepers = fork_asleep(memory, 2, await_change);
    assert_eq!(waiters(memory).load(Relaxed), 3);
    number(&memory.buffer).store(1, NotifyHint::All);
    join_all(sleepers); // And without having been rescued.
    assert_eq!(waiters(memory).load(Relaxed), 1);
    // The remedy.
    Synchronic::initialize(&memory.buffer, AT, 0).unwrap();
    number(&memory.buffer).notify(NotifyHint::All);
    assert_eq!((waiters(memory).load(Relaxed), generation(memory).load(Relaxed)), (0, 0), "nobody is counted");
    let sleepers = fork_asleep(memory, 2, take);
    number(&memory.buffer).fetch_add(2, NotifyHint::All);
    join_all(sleepers);
    assert_eq!(waiters(memory).load(Relaxed), 0);
}

fn the_wake_of_one_is_not_spent_on_the_dead(memory: &Memory) {
    let _watchdog = Watchdog::new("the_wake_of_one_is_not_spent_on_the_dead");
    let mut sleepers = fork_asleep(memory, 5, take);
    sleepers.drain(..3).for_each(Process::kill);
    for _ in 0..2 {
        number(&memory.buffer).fetch_add(1, NotifyHint::One);
    }
    join_all(sleepers); // And without having been rescued.
    assert_eq!((number(&memory.buffer).load(), waiters(memory).load(Relaxed)), (0, 3));
}

fn a_process_killed_while_one_is_woken_strands_nobody_beyond_one_slice(memory: &Memory) {
    let _watchdog = Watchdog::new("a_process_killed_while_one_is_woken");
    // Could the victim use the change, or was it to pass the wake on?
    for (wanted, is_killed_first) in [(1, true), (1, false), (2, true), (2, false)] {
        Synchronic::initialize(&memory.buffer, AT, 0).unwrap();
        // It sleeps longest, so the wake is most likely its.
        let victim = fork_asleep(memory, 1, |buffer| {
            number(buffer).load_when_equal(wanted);
        })
        .remove(0);
        let survivors = [(); 2].map(|()| fork_asleep_rescued(memory, 0..=1, await_change));
        let kill = || victim.signal(libc::SIGKILL);
        if is_killed_first {
            kill();
        }
        number(&memory.buffer).store(1, NotifyHint::One);
        if !is_killed_first {
            kill();
        }
        join_all(survivors.into());
        drop(victim);
        let counted = waiters(memory).load(Relaxed);
        assert!((0..=1).contains(&counted), "{counted} are counted, though no more than one was killed");
    }
}

fn a_waiter_that_was_woken_and_died_strands_nobody_beyond_one_slice(memory: &Memory) {
    let _watchdog = Watchdog::new("a_waiter_that_was_woken_and_died");
    let victim = fork_victim(memory, AT + 1);
    let survivor = fork_asleep_rescued(memory, 0..=1, take);
    // The victim has slept longer, so the one wake is most likely its.
    number(&memory.buffer).fetch_add(1, NotifyHint::One);
    survivor.join();
    drop(victim);
}

/// Two children that wait for a change, and are rescued once each.
fn fork_rescued(memory: &Memory) -> Vec<Process> {
    let sleepers = FAR.map(|timeout| {
        fork_asleep_rescued(memory, 1..=1, |buffer| {
            assert!(number(buffer).load_when_not_equal_for(0, timeout).is_ok());
        })
    });
    assert_eq!(waiters(memory).load(Relaxed), 2);
    sleepers.into()
}

fn a_process_that_wrote_and_died_before_the_notify_strands_nobody_beyond_one_slice(memory: &Memory) {
    let _watchdog = Watchdog::new("a_process_that_wrote_and_died_before_the_notify");
    let sleepers = fork_rescued(memory);
    number(&memory.buffer).store(1, NotifyHint::None);
    join_all(sleepers);
    assert_eq!(waiters(memory).load(Relaxed), 0);
}

fn a_process_that_notified_and_died_before_the_wake_strands_nobody_beyond_one_slice(memory: &Memory) {
    let _watchdog = Watchdog::new("a_process_that_notified_and_died_before_the_wake");
    // For all, and for one.
    for mark in [0, 1] {
        Synchronic::initialize(&memory.buffer, AT, 0).unwrap();
        let sleepers = fork_rescued(memory);
        number(&memory.buffer).store(1, NotifyHint::None);
        // All that a notify does before its wake.
        generation(memory).fetch_add(2 + mark, Relaxed);
        join_all(sleepers);
        assert_eq!(waiters(memory).load(Relaxed), 0);
    }
}
