//! The contents of the program's memory, and the operations on it.
//!
//! For Rust the references are `'static`. POSIX guarantees that the memory lives while it is used. No code here touches
//! a mutex after unlocking it or a semaphore after posting it, except for a wake by address.

use libc::{EAGAIN, EBUSY, EDEADLK, EINVAL, ENOTSUP, EOVERFLOW, EPERM, ETIMEDOUT, c_int, clockid_t};
use rustix::thread::gettid;
use rustix::time::{ClockId, clock_gettime};
use slotsync::{Lock, LockGuard, Scope, Semaphore, Slot, Slots, TimedOut};
use std::cell::UnsafeCell;
use std::mem::{MaybeUninit, offset_of};
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};
use std::time::Duration;

/// The outcome of a call. The error is one of POSIX's numbers.
pub(crate) type Ended = Result<(), c_int>;

/// Marks an object that processes share: glibc's bit in the kind of a mutex, and its value in a semaphore.
const SHARED: c_int = 128;

/// The type of a mutex, in its kind. The other bits are glibc's hints.
const TYPE_MASK: c_int = 3;

/// How long `pthread_cond_destroy` sleeps before it looks again.
const POLL: Duration = Duration::from_millis(1);

unsafe extern "C" {
    /// Missing in libc.
    fn pthread_mutexattr_gettype(attr: *const libc::pthread_mutexattr_t, kind: *mut c_int) -> c_int;
    /// Missing in libc.
    fn pthread_mutexattr_getprotocol(attr: *const libc::pthread_mutexattr_t, protocol: *mut c_int) -> c_int;
}

fn scope(is_shared: bool) -> Scope {
    if is_shared { Scope::Shared } else { Scope::Private }
}

fn slot(word: &'static AtomicI32, scope: Scope) -> Slot<'static> {
    Slot::from_ref(word, scope).expect("Linux has both scopes")
}

/// A `pthread_mutex_t`.
#[repr(C)]
pub(crate) struct Mutex {
    state: AtomicI32,
    again: AtomicI32,
    owner: AtomicI32,
    _nothing: AtomicI32,
    kind: AtomicI32,
    _nothing_either: AtomicI32,
    /// Written by the thread that takes the lock, and read by the same thread only.
    guard: UnsafeCell<MaybeUninit<LockGuard<'static>>>,
}

const _: () = assert!(offset_of!(Mutex, kind) == 16);
const _: () = assert!(size_of::<Mutex>() <= size_of::<libc::pthread_mutex_t>());
const _: () = assert!(align_of::<Mutex>() <= align_of::<libc::pthread_mutex_t>());

impl Mutex {
    pub(crate) fn init(&self, attr: Option<&libc::pthread_mutexattr_t>) -> Ended {
        let [mut kind, mut shared, mut robust, mut protocol] = [0; 4];
        if let Some(attr) = attr {
            // SAFETY: these are the caller's attributes, which POSIX demands to be initialized; each result has a
            // place.
            unsafe {
                pthread_mutexattr_gettype(attr, &mut kind);
                libc::pthread_mutexattr_getpshared(attr, &mut shared);
                libc::pthread_mutexattr_getrobust(attr, &mut robust);
                pthread_mutexattr_getprotocol(attr, &mut protocol);
            }
        }
        if robust != libc::PTHREAD_MUTEX_STALLED || protocol != libc::PTHREAD_PRIO_NONE {
            return Err(ENOTSUP);
        }
        for word in [&self.state, &self.again, &self.owner] {
            word.store(0, Relaxed);
        }
        let shared = if shared == libc::PTHREAD_PROCESS_SHARED { SHARED } else { 0 };
        self.kind.store((kind & TYPE_MASK) | shared, Relaxed);
        Ok(())
    }

    pub(crate) fn destroy(&'static self) -> Ended {
        if self.word().is_locked() { Err(EBUSY) } else { Ok(()) }
    }

    pub(crate) fn lock(&'static self) -> Ended {
        self.take(EDEADLK, |lock| Ok(lock.lock()))
    }

    pub(crate) fn try_lock(&'static self) -> Ended {
        self.take(EBUSY, |lock| lock.try_lock().ok_or(EBUSY))
    }

    /// An invalid deadline is an error only if the caller has to wait.
    pub(crate) fn lock_until(&'static self, deadline: Result<Deadline, c_int>) -> Ended {
        self.take(EDEADLK, |lock| match lock.try_lock() {
            Some(guard) => Ok(guard),
            None => deadline?.wait_for(|remaining| lock.lock_for(remaining)),
        })
    }

    pub(crate) fn unlock(&'static self) -> Ended {
        let lock = self.word();
        if self.has_owner() {
            if !self.is_mine() {
                return Err(EPERM);
            }
            let again = self.again.load(Relaxed);
            if again > 0 {
                self.again.store(again - 1, Relaxed);
                return Ok(());
            }
            self.owner.store(0, Relaxed);
        }
        // POSIX does not define the unlocking of a mutex that is not held.
        lock.unlock().map_err(|_| EPERM)
    }

    fn word(&'static self) -> Lock<'static> {
        let scope = scope(self.kind.load(Relaxed) & SHARED != 0);
        Lock::from_slot(slot(&self.state, scope))
    }

    fn has_owner(&self) -> bool {
        let kind = self.kind.load(Relaxed) & TYPE_MASK;
        kind == libc::PTHREAD_MUTEX_RECURSIVE || kind == libc::PTHREAD_MUTEX_ERRORCHECK
    }

    /// Returns `true` if this thread owns the mutex. It asks the kernel each time, because a child of `fork` has
    /// another number than its parent.
    // Relaxed, here and elsewhere: only the thread itself writes its number there, and takes it away.
    fn is_mine(&self) -> bool {
        self.owner.load(Relaxed) == gettid().as_raw_pid()
    }

    /// Takes the mutex. `held` is the error for a thread that holds it already and may not take it again.
    fn take(
        &'static self,
        held: c_int,
        lock: impl FnOnce(Lock<'static>) -> Result<LockGuard<'static>, c_int>,
    ) -> Ended {
        if self.has_owner() && self.is_mine() {
            if self.kind.load(Relaxed) & TYPE_MASK != libc::PTHREAD_MUTEX_RECURSIVE {
                return Err(held);
            }
            let again = self.again.load(Relaxed).checked_add(1).ok_or(EAGAIN)?;
            self.again.store(again, Relaxed);
        } else {
            self.keep(lock(self.word())?, 0);
        }
        Ok(())
    }

    fn keep(&self, guard: LockGuard<'static>, again: c_int) {
        if self.has_owner() {
            self.owner.store(gettid().as_raw_pid(), Relaxed);
            self.again.store(again, Relaxed);
        }
        // SAFETY: the guard shows that this thread holds the mutex, and only the holder comes here. The old guard
        // belonged to a former holder, which has unlocked without it.
        unsafe { (*self.guard.get()).write(guard) };
    }

    /// Takes the holder's guard out of the mutex, and returns it with the number of times that the holder has locked
    /// the mutex again. The owner's number may stay: the next holder writes another one, and this thread sleeps
    /// meanwhile.
    fn give_up(&'static self) -> Result<(LockGuard<'static>, c_int), c_int> {
        if !self.word().is_locked() || self.has_owner() && !self.is_mine() {
            return Err(EPERM);
        }
        // SAFETY: POSIX demands that the caller holds the mutex. So it has written its guard, and no other thread has
        // since.
        let guard = unsafe { (*self.guard.get()).assume_init_read() };
        Ok((guard, self.again.load(Relaxed)))
    }
}

/// A `pthread_cond_t`.
#[repr(C)]
pub(crate) struct Cond {
    /// The slots of a `Cond`: the sequence, and the number of waiters.
    words: [AtomicI32; 2],
    shared: AtomicI32,
    clock: AtomicI32,
}

const _: () = assert!(size_of::<Cond>() <= size_of::<libc::pthread_cond_t>());
const _: () = assert!(align_of::<Cond>() <= align_of::<libc::pthread_cond_t>());

impl Cond {
    pub(crate) fn init(&self, attr: Option<&libc::pthread_condattr_t>) -> Ended {
        let [mut shared, mut clock] = [0, libc::CLOCK_REALTIME];
        if let Some(attr) = attr {
            // SAFETY: these are the caller's attributes, which POSIX demands to be initialized; each result has a
            // place.
            unsafe {
                libc::pthread_condattr_getpshared(attr, &mut shared);
                libc::pthread_condattr_getclock(attr, &mut clock);
            }
        }
        self.words.iter().for_each(|word| word.store(0, Relaxed));
        self.shared.store(shared, Relaxed);
        self.clock.store(clock, Relaxed);
        Ok(())
    }

    /// Waits until all notified waiters have left. They count themselves out before they lock the mutex, which the
    /// caller may hold.
    pub(crate) fn destroy(&'static self) -> Ended {
        let waiters = slot(&self.words[1], self.scope());
        loop {
            // Relaxed: the caller, which frees the memory, does not read what the waiters wrote.
            match waiters.load(Relaxed) {
                0 => return Ok(()),
                // A waiter that leaves does not wake this thread, so it looks again after a while.
                some => drop(waiters.wait_for(some, POLL)),
            }
        }
    }

    pub(crate) fn wait(&'static self, mutex: &'static Mutex, deadline: Option<Deadline>) -> Ended {
        let lock = mutex.word();
        let cond = slotsync::Cond::from_slots(self.slots(), lock).map_err(|_| EINVAL)?;
        let (guard, again) = mutex.give_up()?;
        let outcome = match deadline {
            None => Ok(cond.wait(guard)),
            Some(deadline) => cond.wait_for(guard, deadline.remaining()),
        };
        let has_timed_out = outcome.is_err();
        // A `Cond` gives the lock up when the time runs out, but POSIX demands it back.
        mutex.keep(outcome.unwrap_or_else(|TimedOut| lock.lock()), again);
        // The clocks differ a little. If the deadline has not passed on the caller's clock, this return is a spurious
        // one.
        let has_passed = |deadline: Deadline| deadline.remaining().is_zero();
        if has_timed_out && deadline.is_some_and(has_passed) { Err(ETIMEDOUT) } else { Ok(()) }
    }

    pub(crate) fn signal(&'static self) -> Ended {
        self.unlocked().notify_one();
        Ok(())
    }

    pub(crate) fn broadcast(&'static self) -> Ended {
        self.unlocked().notify_all();
        Ok(())
    }

    /// Returns the clock of `pthread_cond_timedwait`.
    pub(crate) fn clock(&self) -> clockid_t {
        self.clock.load(Relaxed)
    }

    fn scope(&self) -> Scope {
        scope(self.shared.load(Relaxed) == libc::PTHREAD_PROCESS_SHARED)
    }

    fn slots(&'static self) -> Slots<'static> {
        Slots::from_ref(&self.words, self.scope()).expect("Linux has both scopes")
    }

    /// Returns a handle for notifying, which takes no lock. The handle needs one, so this names a word that nobody
    /// locks.
    fn unlocked(&'static self) -> slotsync::Cond<'static> {
        let lock = Lock::from_slot(slot(&self.words[0], self.scope()));
        slotsync::Cond::from_slots(self.slots(), lock).expect("two slots of one scope")
    }
}

/// A `sem_t`.
#[repr(C)]
pub(crate) struct Sem {
    permits: AtomicI32,
    _nothing: AtomicI32,
    shared: AtomicI32,
}

const _: () = assert!(offset_of!(Sem, shared) == 8);
const _: () = assert!(size_of::<Sem>() <= size_of::<libc::sem_t>());
const _: () = assert!(align_of::<Sem>() <= align_of::<libc::sem_t>());

impl Sem {
    pub(crate) fn init(&'static self, is_shared: bool, permits: u32) -> Ended {
        self.permits.store(0, Relaxed);
        self.shared.store(if is_shared { SHARED } else { 0 }, Relaxed);
        self.word().release(permits).map_err(|_| EINVAL)
    }

    pub(crate) fn wait(&'static self) -> Ended {
        self.word().acquire();
        Ok(())
    }

    pub(crate) fn try_wait(&'static self) -> Ended {
        if self.word().try_acquire() { Ok(()) } else { Err(EAGAIN) }
    }

    pub(crate) fn wait_until(&'static self, deadline: Result<Deadline, c_int>) -> Ended {
        let semaphore = self.word();
        match semaphore.try_acquire() {
            true => Ok(()),
            false => deadline?.wait_for(|remaining| semaphore.acquire_for(remaining)),
        }
    }

    pub(crate) fn post(&'static self) -> Ended {
        self.word().release(1).map_err(|_| EOVERFLOW)
    }

    pub(crate) fn value(&'static self) -> c_int {
        self.word().permits() as c_int
    }

    fn word(&'static self) -> Semaphore<'static> {
        Semaphore::from_slot(slot(&self.permits, scope(self.shared.load(Relaxed) != 0)))
    }
}

/// A point in time on one of the system's clocks.
#[derive(Clone, Copy)]
pub(crate) struct Deadline {
    clock: ClockId,
    seconds: i64,
    nanos: i64,
}

impl Deadline {
    pub(crate) fn new(clock: clockid_t, time: &libc::timespec) -> Result<Self, c_int> {
        let clock = match clock {
            libc::CLOCK_REALTIME => ClockId::Realtime,
            libc::CLOCK_MONOTONIC => ClockId::Monotonic,
            _ => return Err(EINVAL),
        };
        let is_time = (0..1_000_000_000).contains(&time.tv_nsec);
        if is_time { Ok(Self { clock, seconds: time.tv_sec, nanos: time.tv_nsec }) } else { Err(EINVAL) }
    }

    /// Returns the time until the deadline: zero once it has passed.
    fn remaining(self) -> Duration {
        const SECOND: i128 = 1_000_000_000;
        let now = clock_gettime(self.clock);
        let seconds = i128::from(self.seconds) - i128::from(now.tv_sec);
        let nanos = (seconds * SECOND + i128::from(self.nanos) - i128::from(now.tv_nsec)).max(0);
        Duration::new(u64::try_from(nanos / SECOND).unwrap_or(u64::MAX), (nanos % SECOND) as u32)
    }

    /// Makes a timed call, and repeats it if the deadline has not passed on this clock when the call times out.
    fn wait_for<T>(self, call: impl Fn(Duration) -> Result<T, TimedOut>) -> Result<T, c_int> {
        loop {
            let remaining = self.remaining();
            match call(remaining) {
                Ok(done) => return Ok(done),
                Err(TimedOut) if remaining.is_zero() => return Err(ETIMEDOUT),
                Err(TimedOut) => {}
            }
        }
    }
}
