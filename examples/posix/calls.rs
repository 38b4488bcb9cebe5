//! The functions that C calls by name, and the report of how often it called them.
//!
//! None of them allocates, prints or takes a lock of the C library, because that lock could be one of these. The caller
//! guarantees that the memory is valid, as POSIX demands; nothing else makes the references valid. A panic does not
//! leave an `extern "C"` function: it would end the process.

use crate::words::{Cond, Deadline, Ended, Mutex, Sem};
use libc::{c_int, c_uint, clockid_t, pthread_condattr_t, pthread_mutexattr_t, timespec};
use std::cell::Cell;
use std::io::Write;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering::Relaxed};

static LOCKS: AtomicUsize = AtomicUsize::new(0);
static UNLOCKS: AtomicUsize = AtomicUsize::new(0);
static WAITS: AtomicUsize = AtomicUsize::new(0);
static NOTIFIES: AtomicUsize = AtomicUsize::new(0);
static SEM_WAITS: AtomicUsize = AtomicUsize::new(0);
static SEM_POSTS: AtomicUsize = AtomicUsize::new(0);
/// Making an object, destroying it, and asking for its value.
static OTHERS: AtomicUsize = AtomicUsize::new(0);

/// Makes a call that returns its error. It restores `errno`, which a futex call may change.
fn pthread(calls: &AtomicUsize, call: impl FnOnce() -> Ended) -> c_int {
    calls.fetch_add(1, Relaxed);
    let errno = errno();
    let was = errno.get();
    let ended = call();
    errno.set(was);
    ended.err().unwrap_or(0)
}

/// Makes a call that returns -1 on an error, and puts the error into `errno`.
fn sem(calls: &AtomicUsize, call: impl FnOnce() -> Ended) -> c_int {
    match pthread(calls, call) {
        0 => 0,
        error => {
            errno().set(error);
            -1
        }
    }
}

/// Returns the `errno` of this thread.
fn errno<'thread>() -> &'thread Cell<c_int> {
    // SAFETY: the place belongs to this thread alone and lives as long as it; no code here keeps it for longer than a
    // call. The C library may change it meanwhile, as a `Cell` allows.
    unsafe { &*libc::__errno_location().cast() }
}

#[unsafe(no_mangle)]
extern "C" fn pthread_mutex_init(mutex: &Mutex, attr: Option<&pthread_mutexattr_t>) -> c_int {
    pthread(&OTHERS, || mutex.init(attr))
}

#[unsafe(no_mangle)]
extern "C" fn pthread_mutex_destroy(mutex: &'static Mutex) -> c_int {
    pthread(&OTHERS, || mutex.destroy())
}

#[unsafe(no_mangle)]
extern "C" fn pthread_mutex_lock(mutex: &'static Mutex) -> c_int {
    pthread(&LOCKS, || mutex.lock())
}

#[unsafe(no_mangle)]
extern "C" fn pthread_mutex_trylock(mutex: &'static Mutex) -> c_int {
    pthread(&LOCKS, || mutex.try_lock())
}

#[unsafe(no_mangle)]
extern "C" fn pthread_mutex_timedlock(mutex: &'static Mutex, time: &timespec) -> c_int {
    pthread(&LOCKS, || mutex.lock_until(Deadline::new(libc::CLOCK_REALTIME, time)))
}

#[unsafe(no_mangle)]
extern "C" fn pthread_mutex_clocklock(mutex: &'static Mutex, clock: clockid_t, time: &timespec) -> c_int {
    pthread(&LOCKS, || mutex.lock_until(Deadline::new(clock, time)))
}

#[unsafe(no_mangle)]
extern "C" fn pthread_mutex_unlock(mutex: &'static Mutex) -> c_int {
    pthread(&UNLOCKS, || mutex.unlock())
}

#[unsafe(no_mangle)]
extern "C" fn pthread_cond_init(cond: &Cond, attr: Option<&pthread_condattr_t>) -> c_int {
    pthread(&OTHERS, || cond.init(attr))
}

#[unsafe(no_mangle)]
extern "C" fn pthread_cond_destroy(cond: &'static Cond) -> c_int {
    pthread(&OTHERS, || cond.destroy())
}

#[unsafe(no_mangle)]
extern "C" fn pthread_cond_wait(cond: &'static Cond, mutex: &'static Mutex) -> c_int {
    pthread(&WAITS, || cond.wait(mutex, None))
}

#[unsafe(no_mangle)]
extern "C" fn pthread_cond_timedwait(cond: &'static Cond, mutex: &'static Mutex, time: &timespec) -> c_int {
    pthread(&WAITS, || cond.wait(mutex, Some(Deadline::new(cond.clock(), time)?)))
}

#[unsafe(no_mangle)]
extern "C" fn pthread_cond_clockwait(
    cond: &'static Cond,
    mutex: &'static Mutex,
    clock: clockid_t,
    time: &timespec,
) -> c_int {
    pthread(&WAITS, || cond.wait(mutex, Some(Deadline::new(clock, time)?)))
}

#[unsafe(no_mangle)]
extern "C" fn pthread_cond_signal(cond: &'static Cond) -> c_int {
    pthread(&NOTIFIES, || cond.signal())
}

#[unsafe(no_mangle)]
extern "C" fn pthread_cond_broadcast(cond: &'static Cond) -> c_int {
    pthread(&NOTIFIES, || cond.broadcast())
}

#[unsafe(no_mangle)]
extern "C" fn sem_init(semaphore: &'static Sem, shared: c_int, permits: c_uint) -> c_int {
    sem(&OTHERS, || semaphore.init(shared != 0, permits))
}

#[unsafe(no_mangle)]
extern "C" fn sem_destroy(_semaphore: &'static Sem) -> c_int {
    sem(&OTHERS, || Ok(()))
}

#[unsafe(no_mangle)]
extern "C" fn sem_wait(semaphore: &'static Sem) -> c_int {
    sem(&SEM_WAITS, || semaphore.wait())
}

#[unsafe(no_mangle)]
extern "C" fn sem_trywait(semaphore: &'static Sem) -> c_int {
    sem(&SEM_WAITS, || semaphore.try_wait())
}

#[unsafe(no_mangle)]
extern "C" fn sem_timedwait(semaphore: &'static Sem, time: &timespec) -> c_int {
    sem(&SEM_WAITS, || semaphore.wait_until(Deadline::new(libc::CLOCK_REALTIME, time)))
}

#[unsafe(no_mangle)]
extern "C" fn sem_clockwait(semaphore: &'static Sem, clock: clockid_t, time: &timespec) -> c_int {
    sem(&SEM_WAITS, || semaphore.wait_until(Deadline::new(clock, time)))
}

#[unsafe(no_mangle)]
extern "C" fn sem_post(semaphore: &'static Sem) -> c_int {
    sem(&SEM_POSTS, || semaphore.post())
}

#[unsafe(no_mangle)]
extern "C" fn sem_getvalue(semaphore: &'static Sem, value: &mut c_int) -> c_int {
    sem(&OTHERS, || {
        *value = semaphore.value();
        Ok(())
    })
}

/// The descriptor of the report. It is opened at the start, because a program may confine itself later.
static REPORT: AtomicI32 = AtomicI32::new(-1);

/// Runs before `main`.
// SAFETY: the C library calls the functions in this section, which may ignore its arguments.
#[used]
#[unsafe(link_section = ".init_array")]
static OPEN: extern "C" fn() = open;

/// Runs after `main`, or at `exit`.
// SAFETY: as above.
#[used]
#[unsafe(link_section = ".fini_array")]
static WRITE: extern "C" fn() = write;

extern "C" fn open() {
    const FLAGS: c_int = libc::O_WRONLY | libc::O_CREAT | libc::O_APPEND | libc::O_CLOEXEC;
    // SAFETY: no other thread changes the environment before `main`, and both strings end with a NUL.
    unsafe {
        let path = libc::getenv(c"SLOTSYNC_POSIX_REPORT".as_ptr());
        if !path.is_null() {
            REPORT.store(libc::open(path, FLAGS, 0o666), Relaxed);
        }
    }
}

/// Writes one line by one call, so that several processes can share a file.
extern "C" fn write() {
    let descriptor = REPORT.load(Relaxed);
    if descriptor < 0 {
        return;
    }
    let mut line = [0; 512];
    let mut rest = &mut line[..];
    let [locks, unlocks, waits, notifies, sem_waits, sem_posts, others] =
        [&LOCKS, &UNLOCKS, &WAITS, &NOTIFIES, &SEM_WAITS, &SEM_POSTS, &OTHERS].map(|calls| calls.load(Relaxed));
    let slept = slotsync::counters();
    // The line has room for the longest numbers.
    let _ = writeln!(
        rest,
        "process={} locks={locks} unlocks={unlocks} waits={waits} notifies={notifies} sem_waits={sem_waits} \
         sem_posts={sem_posts} others={others} sleeps={} rescues={}",
        std::process::id(),
        slept.sleeps,
        slept.rescues,
    );
    let length = 512 - rest.len();
    // SAFETY: that many bytes were written there. If the report cannot be written, there is none.
    let _ = unsafe { libc::write(descriptor, line.as_ptr().cast(), length) };
}
