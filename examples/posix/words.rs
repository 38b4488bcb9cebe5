//! What lies in the program's memory, and what is done with it.
//!
//! The references are `'static` as far as Rust is told: POSIX has it that the memory lives while it is used, and nobody
//! touches a mutex after unlocking it or a semaphore after posting it, but for a wake by address.

use libc::{EAGAIN, EBUSY, EDEADLK, EINVAL, ENOTSUP, EOVERFLOW, EPERM, ETIMEDOUT, c_int, clockid_t};
use rustix::thread::gettid;
use rustix::time::{ClockId, clock_gettime};
use slotsync::{Lock, LockGuard, Outcome, Scope, Semaphore, Slot};
use std::cell::UnsafeCell;
use std::mem::{MaybeUninit, offset_of};
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};
use std::time::Duration;

/// How a call ended: an error is one of POSIX's numbers.
pub(crate) type Ended = Result<(), c_int>;

/// Between processes: glibc's bit in the kind of a mutex, and its value in a semaphore.
const SHARED: c_int = 128;

/// Which of the types a mutex is, in its kind: the rest are glibc's hints.
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
    /// Written by who takes the lock, and read by the same thread only.
    guard: UnsafeCell<MaybeUninit<LockGuard<'static>>>,
}

const _: () = assert!(offset_of!(Mutex, kind) == 16);
const _: () = assert!(size_of::<Mutex>() <= size_of::<libc::pthread_mutex_t>());
const _: () = assert!(align_of::<Mutex>() <= align_of::<libc::pthread_mutex_t>());

impl Mutex {
    pub(crate) fn init(&self, attr: Option<&libc::pthread_mutexattr_t>) -> Ended {
        let [mut kind, mut shared, mut robust, mut protocol] = [0; 4];
        if let Some(attr) = attr {
            // SAFETY: the caller's attributes, which POSIX has initialized; each answer has a place.
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

    /// A deadline that is none matters to those only who have to wait.
    pub(crate) fn lock_until(&'static self, deadline: Result<Deadline, c_int>) -> Ended {
        self.take(EDEADLK, |lock| match lock.try_lock() {
            Some(guard) => Ok(guard),
            None => deadline?.wait(|remaining| lock.lock_for(remaining)),
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
        // Not held by anybody: POSIX does not say what follows.
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

    /// The kernel is asked each time: a child of `fork` has another number than its parent remembered. Relaxed, here
    /// and elsewhere: only the thread itself writes its number there, and takes it away.
    fn is_mine(&self) -> bool {
        self.owner.load(Relaxed) == gettid().as_raw_pid()
    }

    /// `held` is what a thread is told that holds it already, unless it may take it again.
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
        // SAFETY: the holder alone gets here, and the guard says that we are. What was there is a former holder's, who
        // has unlocked without it.
        unsafe { (*self.guard.get()).write(guard) };
    }

    /// The guard of the thread that holds the mutex, and how often it has locked it again. Its number may stay: who
    /// locks the mutex next writes another, and who has this one sleeps meanwhile.
    fn give_up(&'static self) -> Result<(LockGuard<'static>, c_int), c_int> {
        if !self.word().is_locked() || self.has_owner() && !self.is_mine() {
            return Err(EPERM);
        }
        // SAFETY: POSIX has it that the caller holds the mutex; so it has written its guard, and nobody has since.
        let guard = unsafe { (*self.guard.get()).assume_init_read() };
        Ok((guard, self.again.load(Relaxed)))
    }
}

/// A `pthread_cond_t`.
#[repr(C)]
pub(crate) struct Cond {
    seq: AtomicI32,
    waiters: AtomicI32,
    shared: AtomicI32,
    clock: AtomicI32,
}

const _: () = assert!(size_of::<Cond>() <= size_of::<libc::pthread_cond_t>());
const _: () = assert!(align_of::<Cond>() <= align_of::<libc::pthread_cond_t>());

impl Cond {
    pub(crate) fn init(&self, attr: Option<&libc::pthread_condattr_t>) -> Ended {
        let [mut shared, mut clock] = [0, libc::CLOCK_REALTIME];
        if let Some(attr) = attr {
            // SAFETY: the caller's attributes, which POSIX has initialized; each answer has a place.
            unsafe {
                libc::pthread_condattr_getpshared(attr, &mut shared);
                libc::pthread_condattr_getclock(attr, &mut clock);
            }
        }
        self.seq.store(0, Relaxed);
        self.waiters.store(0, Relaxed);
        self.shared.store(shared, Relaxed);
        self.clock.store(clock, Relaxed);
        Ok(())
    }

    /// Who was notified may be on its way still. It counts itself out before it locks the mutex, which may be ours.
    pub(crate) fn destroy(&'static self) -> Ended {
        let [_, waiters] = self.slots();
        loop {
            // Relaxed: whoever frees the memory takes it from nobody who writes there.
            match waiters.load(Relaxed) {
                0 => return Ok(()),
                // Nobody wakes us here.
                some => drop(waiters.wait_for(some, POLL)),
            }
        }
    }

    pub(crate) fn wait(&'static self, mutex: &'static Mutex, deadline: Option<Deadline>) -> Ended {
        let cond = slotsync::Cond::from_slots(self.slots(), mutex.word()).map_err(|_| EINVAL)?;
        let (guard, again) = mutex.give_up()?;
        let (guard, outcome) = match deadline {
            None => (cond.wait(guard), Outcome::Done),
            Some(deadline) => cond.wait_for(guard, deadline.remaining()),
        };
        mutex.keep(guard, again);
        // Clocks differ a little. If it is not time yet, then this is a spurious return.
        let is_over = |deadline: Deadline| deadline.remaining().is_zero();
        if outcome.is_timed_out() && deadline.is_some_and(is_over) { Err(ETIMEDOUT) } else { Ok(()) }
    }

    pub(crate) fn signal(&'static self) -> Ended {
        self.unlocked().notify_one();
        Ok(())
    }

    pub(crate) fn broadcast(&'static self) -> Ended {
        self.unlocked().notify_all();
        Ok(())
    }

    /// The clock that `pthread_cond_timedwait` goes by.
    pub(crate) fn clock(&self) -> clockid_t {
        self.clock.load(Relaxed)
    }

    fn slots(&'static self) -> [Slot<'static>; 2] {
        let scope = scope(self.shared.load(Relaxed) == libc::PTHREAD_PROCESS_SHARED);
        [&self.seq, &self.waiters].map(|word| slot(word, scope))
    }

    /// To notify takes no lock, but a handle names one: this is a word that nobody locks.
    fn unlocked(&'static self) -> slotsync::Cond<'static> {
        let [seq, waiters] = self.slots();
        slotsync::Cond::from_slots([seq, waiters], Lock::from_slot(seq)).expect("all in one scope")
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
            false => deadline?.wait(|remaining| semaphore.acquire_for(remaining).is_done().then_some(())),
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

    /// How long to go: zero once it has passed.
    fn remaining(self) -> Duration {
        const SECOND: i128 = 1_000_000_000;
        let now = clock_gettime(self.clock);
        let seconds = i128::from(self.seconds) - i128::from(now.tv_sec);
        let nanos = (seconds * SECOND + i128::from(self.nanos) - i128::from(now.tv_nsec)).max(0);
        Duration::new(u64::try_from(nanos / SECOND).unwrap_or(u64::MAX), (nanos % SECOND) as u32)
    }

    /// Waits for the rest of the time, and again if by this clock it was not over.
    fn wait<T>(self, wait_for: impl Fn(Duration) -> Option<T>) -> Result<T, c_int> {
        loop {
            let remaining = self.remaining();
            match wait_for(remaining) {
                Some(done) => return Ok(done),
                None if remaining.is_zero() => return Err(ETIMEDOUT),
                None => {}
            }
        }
    }
}
