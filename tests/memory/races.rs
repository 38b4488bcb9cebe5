//! Races with other processes, which may create the same memory, remove its name, be killed on the way, or truncate it.
#![cfg(target_os = "linux")]

use crate::support::confined::{NO_NAMELESS_FILES, NO_RESERVATIONS, Refusal, Skipped, in_child, limit, mount, refuse};
use crate::support::kept::Kept;
use crate::support::processes::{End, Process, say};
use crate::support::{Watchdog, is_emulated, until};
use rustix::fs::{FlockOperation, flock};
use rustix::process::Resource;
use slotsync::{MemoryError, SharedBuffer, Wait};
use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::{Duration, Instant};

const RACERS: usize = 8;
const ROUNDS: i32 = 50;
const BYTES: usize = 8192;

/// Words that a race is run by. Each has a cache line to itself.
const ROUND: usize = 0;
const ARRIVED: usize = 16;
const FAILED: usize = 32;
const WINNERS: usize = 48;
const LOSERS: usize = 64;

/// Processes that do the same at the same time, in rounds. After each, the judge looks on. Both get the memory of the race.
fn race(
    lacking: &[Refusal],
    run: impl Fn(&SharedBuffer, usize) -> Result<(), MemoryError>,
    judge: impl Fn(&SharedBuffer),
) -> Result<(), Skipped> {
    let memory = SharedBuffer::anonymous(4096).unwrap();
    let [round, arrived, failed] = [ROUND, ARRIVED, FAILED].map(|index| memory.slot(index).unwrap());
    let racer = |number| {
        Process::fork(|| {
            for next in 1..=ROUNDS {
                // Without a sleep: who has to be woken comes too late.
                until("the round begins", || (0..1000).any(|_| round.load(Acquire) >= next));
                if let Err(error) = run(&memory, number) {
                    say(&error.to_string());
                    failed.fetch_add(1, Relaxed);
                }
                arrived.fetch_add(1, Release);
            }
            0
        })
    };
    refuse(lacking)?;
    let racers: Vec<_> = (0..RACERS).map(racer).collect();
    for _ in 0..ROUNDS {
        arrived.store(0, Relaxed);
        round.fetch_add(1, Release);
        until("all have arrived", || arrived.load(Acquire) == RACERS as i32);
        assert_eq!(failed.load(Relaxed), 0, "racers failed");
        judge(&memory);
    }
    racers.into_iter().for_each(Process::join);
    Ok(())
}

/// Both kinds of memory, on file systems that can do more and less.
fn on_every_file_system(test: impl Fn(&Kept, &[Refusal]) -> Result<(), Skipped>) {
    let _watchdog = Watchdog::new("a race");
    for kept in Kept::both() {
        for lacking in [&[], NO_NAMELESS_FILES, NO_RESERVATIONS] {
            in_child(|| test(&kept, lacking));
        }
    }
}

/// Refuses what is not whole.
fn whole(kept: &Kept, buffer: SharedBuffer) -> Result<SharedBuffer, MemoryError> {
    match buffer.byte_length() {
        BYTES => Ok(buffer),
        found => Err(MemoryError::TooShort { name: kept.name(), found: found as u64, bytes: BYTES as u64 }),
    }
}

#[test]
fn processes_that_come_at_once_get_one_object_and_get_it_whole() {
    on_every_file_system(|kept, lacking| {
        race(
            lacking,
            |_, number| {
                let buffer = loop {
                    // Some only open, and must find nothing or all.
                    let opened = if number % 4 == 3 { kept.open() } else { kept.open_or_create(BYTES) };
                    match opened {
                        Err(MemoryError::NotFound { .. }) => {}
                        other => break whole(kept, other?)?,
                    }
                };
                buffer.slot(0).unwrap().fetch_add(1, Relaxed);
                buffer.slot(BYTES / 4 - 1).unwrap().fetch_add(1, Relaxed);
                Ok(())
            },
            |_| {
                let buffer = kept.open().unwrap();
                assert_eq!(buffer.byte_length(), BYTES);
                for index in [0, BYTES / 4 - 1] {
                    assert_eq!(buffer.slot(index).unwrap().load(Relaxed), RACERS as i32, "all wrote into one");
                }
                kept.unlink();
                assert_nothing_left(kept);
            },
        )
    });
}

/// Neither under the name nor under a temporary one. In the folder of the named objects others may have theirs.
fn assert_nothing_left(kept: &Kept) {
    assert!(kept.found().is_empty());
    if let Kept::File(folder) = kept {
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

#[test]
fn processes_that_come_at_once_succeed_where_there_is_room_for_one_object() {
    const ROOM: usize = 64 * 1024;
    if is_emulated() {
        return;
    }
    on_every_file_system(|kept, lacking| {
        mount(c"tmpfs", &kept.folder(), c"size=64k")?;
        race(
            lacking,
            |_, _| {
                kept.open_or_create(ROOM)?.slot(0).unwrap().fetch_add(1, Relaxed);
                Ok(())
            },
            |_| {
                assert_eq!(kept.open().unwrap().slot(0).unwrap().load(Relaxed), RACERS as i32);
                kept.unlink();
                assert_nothing_left(kept);
            },
        )
    });
}

#[test]
fn of_processes_that_create_at_once_one_succeeds() {
    on_every_file_system(|kept, lacking| {
        race(
            lacking,
            |memory, _| {
                let outcome = match kept.create(BYTES) {
                    Ok(_) => WINNERS,
                    Err(MemoryError::AlreadyExists { .. }) => LOSERS,
                    Err(error) => return Err(error),
                };
                memory.slot(outcome).unwrap().fetch_add(1, Relaxed);
                Ok(())
            },
            |memory| {
                let [won, lost] = [WINNERS, LOSERS].map(|index| memory.slot(index).unwrap().swap(0, Relaxed));
                assert_eq!((won, lost), (1, RACERS as i32 - 1));
                assert_eq!(kept.open().unwrap().byte_length(), BYTES);
                kept.unlink();
                assert_nothing_left(kept);
            },
        )
    });
}

#[test]
fn creating_or_opening_succeeds_though_others_remove_the_name() {
    on_every_file_system(|kept, lacking| {
        race(
            lacking,
            |_, number| {
                let buffer = whole(kept, kept.open_or_create(BYTES)?)?;
                buffer.slot(number).unwrap().store(1, Relaxed);
                match kept {
                    Kept::Named(name) => match SharedBuffer::unlink(name) {
                        Ok(()) | Err(MemoryError::NotFound { .. }) => {}
                        Err(error) => return Err(error),
                    },
                    // Another may have been faster.
                    Kept::File(_) => drop(fs::remove_file(kept.path())),
                }
                assert_eq!(buffer.slot(number).unwrap().load(Relaxed), 1);
                Ok(())
            },
            |_| assert_nothing_left(kept),
        )
    });
}

#[test]
fn a_process_killed_while_creating_leaves_nothing_or_a_whole_object() {
    let _watchdog = Watchdog::new("a_process_killed_while_creating_leaves_nothing_or_a_whole_object");
    let memory = SharedBuffer::anonymous(64).unwrap();
    let made = memory.slot(0).unwrap();
    for kept in Kept::both() {
        for round in 0..40 {
            made.store(0, Relaxed);
            let victim = Process::fork(|| {
                loop {
                    drop(kept.create(BYTES).unwrap());
                    made.fetch_add(1, Relaxed);
                    kept.unlink();
                }
            });
            // It is killed wherever it happens to be.
            until("it is at work", || made.load(Relaxed) > round);
            let temporary = format!(".slotsync-{}-", victim.pid());
            victim.kill();
            for entry in fs::read_dir(kept.folder()).unwrap() {
                let name = entry.unwrap().file_name().to_string_lossy().into_owned();
                assert!(!name.starts_with(&temporary), "{name} is left behind");
            }
            if !kept.found().is_empty() {
                let buffer = kept.open().unwrap();
                assert_eq!(buffer.byte_length(), BYTES);
                assert!(buffer.slots(..).unwrap().iter().all(|slot| slot.load(Relaxed) == 0));
                kept.unlink();
            }
        }
    }
}

/// A peer that is stopped or hostile has the turn to create in the folder, and never gives it back. That takes the ten
/// seconds of everybody's patience.
fn where_a_peer_keeps_the_turn(test: impl Fn(&Kept)) {
    let kept = Kept::file();
    let folder = File::open(kept.folder()).unwrap();
    flock(&folder, FlockOperation::LockExclusive).unwrap();
    // In a child, for which this process has patience.
    in_child(|| {
        test(&kept);
        Ok(())
    });
}

#[test]
fn a_process_that_never_gets_a_turn_creates_without() {
    where_a_peer_keeps_the_turn(|kept| {
        assert_eq!(kept.open_or_create(BYTES).unwrap().byte_length(), BYTES);
        assert_eq!(kept.open().unwrap().byte_length(), BYTES);
        assert_eq!(kept.found(), [kept.path()]);
    });
}

#[test]
fn a_process_that_never_gets_a_turn_is_patient_once_and_not_in_every_round() {
    where_a_peer_keeps_the_turn(|kept| {
        // It exists and does not open, however often one tries.
        symlink(kept.folder().join("nothing"), kept.path()).unwrap();
        assert!(matches!(kept.open_or_create(BYTES), Err(MemoryError::BadName { .. })));
    });
}

/// A buffer of two pages, and its file, which a peer can truncate.
fn truncatable(kept: &Kept) -> (SharedBuffer, File) {
    let buffer = kept.create(BYTES).unwrap();
    buffer.slots(..).unwrap().iter().for_each(|slot| slot.store(7, Relaxed));
    (buffer, File::options().read(true).write(true).open(kept.path()).unwrap())
}

/// How a process ends that touches a slot.
fn touch(buffer: &SharedBuffer, index: usize) -> End {
    Process::fork(|| {
        limit(Resource::Core, 0);
        buffer.slot(index).unwrap().fetch_add(1, Relaxed);
        0
    })
    .end()
}

const SIGBUS: End = End::Killed(libc::SIGBUS);

#[test]
fn a_touch_beyond_the_end_of_what_a_peer_truncated_is_sigbus() {
    if is_emulated() {
        return;
    }
    for kept in Kept::both() {
        let (buffer, file) = truncatable(&kept);
        let by_descriptor =
            SharedBuffer::options().allow_unsealed(true).from_fd(OwnedFd::from(file.try_clone().unwrap())).unwrap();
        assert_eq!(touch(&buffer, 0), End::Exited(0));
        file.set_len(0).unwrap();
        for buffer in [&buffer, &by_descriptor] {
            for index in [0, 1023, 1024, 2047] {
                assert_eq!(touch(buffer, index), SIGBUS, "{index} of {buffer:?}");
            }
        }
    }
}

#[test]
fn a_truncation_cuts_off_whole_pages_and_zeroes_the_rest_of_one() {
    if is_emulated() {
        return;
    }
    for kept in Kept::both() {
        let (buffer, file) = truncatable(&kept);
        file.set_len(4).unwrap();
        assert_eq!(touch(&buffer, 1024), SIGBUS);
        let values = [0, 1, 1023].map(|index| buffer.slot(index).unwrap().load(Relaxed));
        assert_eq!(values, [7, 0, 0]);
    }
}

#[test]
fn what_is_truncated_and_extended_again_reads_as_zero() {
    for kept in Kept::both() {
        let (buffer, file) = truncatable(&kept);
        file.set_len(0).unwrap();
        file.set_len(BYTES as u64).unwrap();
        assert!(buffer.slots(..).unwrap().iter().all(|slot| slot.swap(1, Relaxed) == 0));
    }
}

#[test]
fn waits_and_wakes_on_a_page_that_is_cut_off_are_no_touch() {
    const TIMEOUT: Duration = Duration::from_millis(20);
    let _watchdog = Watchdog::new("waits_and_wakes_on_a_page_that_is_cut_off_are_no_touch");
    if is_emulated() {
        return;
    }
    for kept in Kept::both() {
        in_child(|| {
            let (buffer, file) = truncatable(&kept);
            let word = buffer.slot(1024).unwrap();
            file.set_len(4096).unwrap();
            word.wake(1);
            word.wake(u32::MAX);
            assert_eq!(word.wake_counted(u32::MAX), Ok(0));
            // The kernel looks at the word, and finds no page.
            assert_eq!(word.wait(7), Wait::Woken);
            let (start, mut refused) = (Instant::now(), 0);
            while word.wait_until(7, start + TIMEOUT) != Wait::TimedOut {
                refused += 1;
            }
            assert!(start.elapsed() >= TIMEOUT);
            assert!(refused <= start.elapsed().as_millis(), "each sleeps a millisecond, but there were {refused}");
            drop(buffer);
            Ok(())
        });
    }
}
