//! What a guarded value promises between real processes, over every origin of memory that they can share.
#![cfg(target_os = "linux")]

use crate::processes::INDEX;
use crate::support::processes::{fork, fork_all, join_all, kill_where_it_stays, say, stay};
use crate::support::{Memory, SHORT, Watchdog, until};
use slotsync::{Error, Guarded, SharedBuffer, TimedOut};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use zerocopy::{FromBytes, Immutable, IntoBytes};

over_shared_origins! {
    processes_that_attach_at_once_keep_the_sum
    a_process_of_another_type_is_told
    a_process_that_dies_in_a_closure_leaves_the_old_value
    a_process_that_dies_while_it_reads_leaves_the_lock_held_and_the_value_whole
    writers_killed_at_any_time_leave_a_whole_value
}

const VERSION: u32 = 1;
/// All that there is to give away.
const TOTAL: u64 = 1_000;

/// What the accounts lack of the total is in the bank, so that zeros are right.
#[derive(Clone, Copy, Debug, Default, PartialEq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct Accounts {
    balances: [u64; 7],
    given: u64,
    changes: u64,
    changes_again: u64,
}

impl Accounts {
    fn change(&mut self, seed: u64) {
        let place = (seed % 7) as usize;
        let amount = (seed * 7_919) % (TOTAL / 7);
        self.given = self.given - self.balances[place] + amount;
        self.balances[place] = amount;
        self.changes += 1;
        self.changes_again += 1;
    }

    fn is_right(&self) -> bool {
        self.balances.iter().sum::<u64>() == self.given && self.given <= TOTAL && self.changes == self.changes_again
    }
}

fn accounts(buffer: &SharedBuffer) -> Guarded<'_, Accounts, VERSION> {
    Guarded::new(buffer, INDEX).unwrap()
}

fn processes_that_attach_at_once_keep_the_sum(memory: &Memory) {
    let _watchdog = Watchdog::new("processes_that_attach_at_once_keep_the_sum");
    join_all(fork_all(memory, 4, |buffer| {
        let accounts = accounts(buffer);
        for seed in 0..1_000 {
            match seed % 4 {
                0 => assert!(accounts.get().is_right(), "a torn value"),
                1 => {
                    let refused = accounts.transact(|accounts| {
                        accounts.balances[0] += 1; // And not given.
                        Err::<(), ()>(())
                    });
                    assert!(refused.is_err());
                }
                2 => {
                    let change = |accounts: &mut Accounts| {
                        accounts.change(seed);
                        if accounts.is_right() { Ok(()) } else { Err("a torn value") }
                    };
                    assert_eq!(accounts.transact_for(change, Duration::MAX), Ok(Ok(())));
                }
                _ => accounts.update(|accounts| {
                    assert!(accounts.is_right(), "a torn value");
                    accounts.change(seed);
                }),
            }
        }
    }));
    let value = accounts(&memory.buffer).get();
    assert!(value.is_right(), "{value:?}");
    assert_eq!(value.changes, 2_000);
}

fn a_process_of_another_type_is_told(memory: &Memory) {
    let _ = accounts(&memory.buffer);
    let stranger = fork(memory, |buffer| {
        let size = Error::GuardedMismatch { what: "size", found: size_of::<Accounts>() as u32, expected: 8 };
        assert_eq!(Guarded::<u64, VERSION>::new(buffer, INDEX).map(drop), Err(size));
        let alignment = Error::GuardedMismatch { what: "alignment", found: align_of::<Accounts>() as u32, expected: 1 };
        assert_eq!(Guarded::<[u8; size_of::<Accounts>()], VERSION>::new(buffer, INDEX).map(drop), Err(alignment));
        let version = Error::GuardedMismatch { what: "version", found: VERSION, expected: 2 };
        assert_eq!(Guarded::<Accounts, 2>::new(buffer, INDEX).map(drop), Err(version));
        0
    });
    stranger.join();
}

fn a_process_that_dies_in_a_closure_leaves_the_old_value(memory: &Memory) {
    let _watchdog = Watchdog::new("a_process_that_dies_in_a_closure_leaves_the_old_value");
    let accounts = accounts(&memory.buffer);
    accounts.update(|accounts| accounts.change(5));
    let before = accounts.get();
    let victim = fork(memory, |buffer| {
        self::accounts(buffer).update(|accounts| {
            accounts.balances[0] = 1;
            stay(buffer)
        })
    });
    kill_where_it_stays(memory, victim);
    assert_eq!(accounts.get_for(SHORT), Err(TimedOut), "nobody sees what is locked");
    assert!(accounts.set_for(before, SHORT).is_err());
    accounts.lock().unlock().unwrap();
    assert_eq!(accounts.get(), before);
    accounts.update(|accounts| accounts.change(6));
    assert_eq!(accounts.get().changes, 2);
}

fn a_process_that_dies_while_it_reads_leaves_the_lock_held_and_the_value_whole(memory: &Memory) {
    let _watchdog = Watchdog::new("a_process_that_dies_while_it_reads");
    let accounts = accounts(&memory.buffer);
    let victim = fork(memory, |buffer| {
        let _held = self::accounts(buffer).lock().lock();
        stay(buffer)
    });
    kill_where_it_stays(memory, victim);
    assert_eq!(accounts.try_get(), None);
    // Another process may be the one that repairs it.
    let heir = fork(memory, |buffer| {
        let accounts = self::accounts(buffer);
        accounts.lock().unlock().unwrap();
        accounts.update(|accounts| accounts.change(3));
        0
    });
    heir.join();
    assert_eq!(accounts.get().changes, 1);
}

fn writers_killed_at_any_time_leave_a_whole_value(memory: &Memory) {
    let _watchdog = Watchdog::new("writers_killed_at_any_time_leave_a_whole_value");
    let accounts = accounts(&memory.buffer);
    let mut in_the_middle = 0;
    for round in 0..40 {
        let before = accounts.get().changes;
        let writer = fork(memory, |buffer| {
            let accounts = self::accounts(buffer);
            for seed in round.. {
                accounts.update(|accounts| accounts.change(seed));
            }
            0
        });
        let changes = || memory.buffer.slot(INDEX + 6).unwrap().load(Relaxed);
        let was = changes();
        until("it writes", || changes() != was);
        std::thread::sleep(Duration::from_micros(50 * (round % 7)));
        writer.kill();
        if accounts.lock().is_locked() {
            in_the_middle += 1;
            accounts.lock().unlock().unwrap();
        }
        let value = accounts.get();
        assert!(value.is_right() && value.changes > before, "{value:?}, after {before}");
        accounts.update(|accounts| accounts.change(1));
    }
    if in_the_middle == 0 {
        say("none of 40 writers was killed while it held the lock");
    }
}

/// A writer is stopped after each instruction. Were it killed there, this is what it would leave.
#[cfg(target_arch = "x86_64")]
mod stepped {
    use super::*;
    use crate::support::steps::{Stand, Steps};

    /// The words now, in memory of their own.
    fn snapshot(buffer: &SharedBuffer) -> SharedBuffer {
        let copy = SharedBuffer::new(buffer.byte_length()).unwrap();
        for (to, from) in copy.slots(..).unwrap().iter().zip(buffer.slots(..).unwrap()) {
            to.store(from.load(Relaxed), Relaxed);
        }
        copy
    }

    /// What is there after each instruction, until the end. `None`: nobody may step here.
    fn each_step(
        test: &str,
        buffer: &SharedBuffer,
        call: impl FnOnce(),
        mut look: impl FnMut(SharedBuffer),
    ) -> Option<()> {
        let mut steps = Steps::unless_refused(test, call)?;
        while steps.stand() != Stand::AtTheEnd {
            look(snapshot(buffer));
            steps.step();
        }
        look(snapshot(buffer));
        Some(())
    }

    #[test]
    fn a_writer_that_dies_after_any_instruction_leaves_the_old_value_or_the_new() {
        let _watchdog = Watchdog::new("a_writer_that_dies_after_any_instruction");
        let buffer = SharedBuffer::anonymous(256).unwrap();
        let guarded = Guarded::<[u32; 5], VERSION>::new(&buffer, 0).unwrap();
        type Call<'a> = (&'a str, &'a dyn Fn());
        let calls: [Call<'_>; 2] = [
            ("set", &|| guarded.set([9; 5])),
            ("update", &|| guarded.update(|value| value.iter_mut().for_each(|number| *number = 9))),
        ];
        for (name, call) in calls {
            // Whichever copy is the value.
            for old in [[1; 5], [2; 5]] {
                guarded.set(old);
                guarded.set(old); // So that no copy has a nine.
                let (mut is_new, mut held, mut torn) = (false, 0, 0);
                let look = |buffer: SharedBuffer| {
                    let guarded = Guarded::<[u32; 5], VERSION>::new(&buffer, 0).unwrap();
                    // On its behalf.
                    held += usize::from(guarded.lock().unlock().is_ok());
                    let value = guarded.get();
                    assert!(value == [9; 5] || value == old && !is_new, "{name}: {value:?}");
                    is_new |= value == [9; 5];
                    for copy in 0..2 {
                        let words = buffer.slots(7 + 5 * copy..12 + 5 * copy).unwrap();
                        let nines = words.iter().filter(|slot| slot.load(Relaxed) == 9).count();
                        torn += usize::from((1..5).contains(&nines));
                    }
                    guarded.set([7; 5]);
                    assert_eq!(guarded.get(), [7; 5], "the next write goes well");
                };
                if each_step("a_writer_that_dies", &buffer, call, look).is_some() {
                    assert!(is_new && held > 10 && torn > 4, "{name}: {held} steps under the lock, {torn} in a copy");
                    assert_eq!(guarded.get(), [9; 5]);
                }
            }
        }
    }

    #[test]
    fn a_process_that_dies_while_it_attaches_leaves_the_rest_to_the_next() {
        let _watchdog = Watchdog::new("a_process_that_dies_while_it_attaches");
        let buffer = SharedBuffer::anonymous(64).unwrap();
        let mut headers = Vec::new();
        let attach = || assert!(Guarded::<u64, VERSION>::new(&buffer, 0).is_ok());
        let stepped = each_step("a_process_that_dies_while_it_attaches", &buffer, attach, |buffer| {
            let header = || buffer.slots(1..6).unwrap().iter().filter(|slot| slot.load(Relaxed) != 0).count();
            headers.push(header());
            let guarded = Guarded::<u64, VERSION>::new(&buffer, 0).unwrap();
            assert_eq!((header(), guarded.try_get()), (5, Some(0)));
        });
        headers.dedup();
        assert!(stepped.is_none() || headers == [0, 1, 2, 3, 4, 5], "{headers:?}");
    }
}
