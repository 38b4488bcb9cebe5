//! The example `posix`, loaded into programs that know nothing of it: xz, pigz and Python must do what they do over
//! glibc, and the calls must answer as glibc's do.
#![cfg(all(
    target_os = "linux",
    target_env = "gnu",
    target_pointer_width = "64",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
#![allow(unsafe_code, reason = "C calls, and memory that a fork shares")]

use crate::support::processes::Process;
use crate::support::runs::example_file;
use crate::support::{Plain, SHORT, Watchdog, is_emulated, skipped, unique_name};
use libc::{
    CLOCK_MONOTONIC, CLOCK_REALTIME, EAGAIN, EBUSY, EDEADLK, EINVAL, ENOTSUP, EOVERFLOW, EPERM, ETIMEDOUT,
    PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_RECURSIVE, PTHREAD_PROCESS_PRIVATE,
    PTHREAD_PROCESS_SHARED, c_int, c_uint, c_void, clockid_t, timespec,
};
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};
use std::cell::UnsafeCell;
use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::fs;
use std::io::Error;
use std::mem::zeroed;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::ptr;
use std::thread;
use tempfile::TempDir;

/// What the calls return that succeed.
const OK: c_int = 0;

/// Set where a test runs over the words.
const PRELOADED: &str = "SLOTSYNC_POSIX_PRELOADED";

const EMULATED: &str = "what an emulator runs cannot be started with a library of ours";

const REPORT: &str = "SLOTSYNC_POSIX_REPORT";

/// A command over the words, that does not outlive this test, and its report.
fn preload(command: &mut Command, report: &Path) {
    command.env("LD_PRELOAD", example_file("posix", "libposix.so")).env(REPORT, report).env(PRELOADED, "1");
}

/// It ends with this thread, should the test fail.
fn tie(command: &mut Command) {
    // SAFETY: between fork and exec there is one system call.
    unsafe {
        command.pre_exec(|| {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            Ok(())
        });
    }
}

/// What the processes counted that shared the report, one line each: some programs are scripts that call others.
fn read_report(report: &Path) -> HashMap<String, u64> {
    let lines = fs::read_to_string(report).expect("it was loaded, and has left a report");
    let mut sums = HashMap::new();
    for count in lines.split_whitespace() {
        let (what, count) = count.split_once('=').unwrap();
        *sums.entry(what.to_owned()).or_default() += count.parse::<u64>().unwrap();
    }
    sums
}

// ------------------------------------------------------------------------------------------------------- real programs

/// Some MiB of text that a compressor has work with: the same each time.
fn text() -> Vec<u8> {
    const WORDS: [&str; 12] =
        ["lock", "wait", "wake", "the", "word", "of", "a", "sleeper", "notify", "memory", "is", "between"];
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut text = Vec::new();
    while text.len() < 6 << 20 {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        text.extend(WORDS[(random % 12) as usize].as_bytes());
        text.extend(if random >> 60 == 0 { format!(" {}\n", random >> 32) } else { " ".to_owned() }.as_bytes());
    }
    text
}

/// What the program prints, and its report if it ran over the words.
fn run(arguments: &[&str], input: &Path, report: Option<&Path>) -> Vec<u8> {
    let mut command = Command::new(arguments[0]);
    command.args(&arguments[1..]).arg(input);
    // Options of somebody else's.
    command.env_remove("XZ_OPT").env_remove("XZ_DEFAULTS").env_remove("GZIP").env_remove("PIGZ");
    command.env_remove(REPORT);
    tie(&mut command);
    if let Some(report) = report {
        preload(&mut command, report);
    }
    let output = command.output().unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {}, {complaints}", output.status);
    assert_eq!(complaints, "", "{arguments:?}");
    output.stdout
}

/// Whether the test can be run; if not, it says so.
fn has(test: &str, program: &str) -> bool {
    let is_installed = Command::new(program).arg("--version").output().is_ok();
    if is_emulated() {
        skipped(test, EMULATED);
    } else if !is_installed {
        skipped(test, &format!("{program} is not installed"));
    }
    is_installed && !is_emulated()
}

/// All of these were called, and somebody slept.
fn assert_called(what: &str, report: &Path, calls: &[&str]) {
    let report = read_report(report);
    println!("{what}: {report:?}");
    for call in calls.iter().chain(&["sleeps"]) {
        assert!(report[*call] > 0, "{what}: no {call}: {report:?}");
    }
    assert_eq!(report["rescues"], 0, "a lost wakeup, found by the end of a slice");
}

/// Compresses and decompresses over glibc and over the words: the same bytes, and somebody slept on them.
fn writes_the_same_bytes(test: &'static str, compress: &[&str], decompress: &[&str], ending: &str) {
    if !has(test, compress[0]) {
        return;
    }
    let _watchdog = Watchdog::new(test);
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    let text = text();
    fs::write(at("text"), &text).unwrap();
    let plain = run(compress, &at("text"), None);
    assert!(plain.len() < text.len() / 2, "{} bytes", plain.len());
    let packed = run(compress, &at("text"), Some(&at("compressed")));
    assert!(packed == plain, "not what it writes over glibc");
    let packed_file = at(&format!("text{ending}"));
    fs::write(&packed_file, &packed).unwrap();
    assert!(run(decompress, &packed_file, None) == text, "over glibc it is not the text again");
    assert!(run(decompress, &packed_file, Some(&at("decompressed"))) == text, "it is not the text again");
    for name in ["compressed", "decompressed"] {
        assert_called(&format!("{} {name}", compress[0]), &at(name), &["locks", "unlocks", "waits", "notifies"]);
    }
}

#[test]
fn xz_writes_the_same_bytes() {
    // Blocks so small that all threads have several.
    let compress = ["xz", "-T4", "-1", "--block-size=256KiB", "-c"];
    writes_the_same_bytes("xz_writes_the_same_bytes", &compress, &["xz", "-dc", "-T4"], ".xz");
}

#[test]
fn pigz_writes_the_same_bytes() {
    // Without the name and the time of the file.
    let compress = ["pigz", "-p4", "-b", "128", "-n", "-c"];
    writes_the_same_bytes("pigz_writes_the_same_bytes", &compress, &["pigz", "-dc", "-p4"], ".gz");
}

/// Its locks are semaphores; its interpreter goes from thread to thread by a mutex and conditions with a time limit.
#[test]
fn python_counts_the_same() {
    const SCRIPT: &str = "
import queue, sys, threading, zlib
lines, counted, lock, total = queue.Queue(64), queue.Queue(), threading.Lock(), 0
def work():
    global total
    while (line := lines.get()) is not None:
        with lock:
            total += len(line)
        counted.put(zlib.crc32(zlib.compress(line)))
workers = [threading.Thread(target=work) for _ in range(4)]
for worker in workers: worker.start()
with open(sys.argv[1], 'rb') as text:
    for line in text: lines.put(line)
for worker in workers: lines.put(None)
for worker in workers: worker.join()
print(total, counted.qsize(), sum(counted.get() for _ in range(counted.qsize())))
";
    let test = "python_counts_the_same";
    if !has(test, "python3") {
        return;
    }
    let _watchdog = Watchdog::new(test);
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    let text = text();
    fs::write(at("text"), &text).unwrap();
    let count = ["python3", "-c", SCRIPT];
    let counted = run(&count, &at("text"), Some(&at("counted")));
    assert_eq!(String::from_utf8(counted.clone()).unwrap().split(' ').next().unwrap(), text.len().to_string());
    assert_eq!(counted, run(&count, &at("text"), None));
    assert_called("python3", &at("counted"), &["locks", "waits", "notifies", "sem_waits", "sem_posts"]);
}

// --------------------------------------------------------------------------------------------------------- the answers

/// Two tests from each function: over glibc, so that the test is right, and over the words, in a process of its own.
macro_rules! over_glibc_and_over_the_words {
    ($($test:ident)*) => { $(
        mod $test {
            #[test]
            fn over_glibc() {
                let _watchdog = super::Watchdog::new(concat!(stringify!($test), "::over_glibc"));
                super::$test();
            }
            #[test]
            fn over_the_words() {
                super::over_the_words(concat!(stringify!($test), "::over_the_words"), super::$test);
            }
        }
    )* };
}

over_glibc_and_over_the_words! {
    a_mutex_excludes
    a_mutex_that_is_held_is_busy_and_times_out
    an_errorcheck_mutex_knows_its_owner
    a_recursive_mutex_is_free_when_it_was_unlocked_as_often
    static_initializers_have_their_kind
    a_condition_hands_over
    a_condition_times_out_on_each_clock
    a_condition_gives_up_a_recursive_mutex_and_takes_it_as_often
    only_the_owner_waits_with_an_errorcheck_mutex
    a_condition_can_go_when_all_were_notified
    a_semaphore_counts
    a_semaphore_wakes_who_sleeps
    processes_share_them
    a_named_semaphore_works
}

fn is_preloaded() -> bool {
    std::env::var_os(PRELOADED).is_some()
}

fn over_the_words(test: &'static str, body: fn()) {
    if is_emulated() {
        return skipped(test, EMULATED);
    }
    let _watchdog = Watchdog::new(test);
    if is_preloaded() {
        return body();
    }
    let folder = TempDir::new().unwrap();
    let report = folder.path().join("report");
    let mut command = Command::new(std::env::current_exe().unwrap());
    // A test is called by its path within the program.
    let (_, module) = module_path!().split_once("::").unwrap();
    command.args(["--exact", &format!("{module}::{test}"), "--nocapture"]);
    tie(&mut command);
    preload(&mut command, &report);
    let output = command.output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("1 passed"), "{}: {said}", output.status);
    let report = read_report(&report);
    assert!(report["locks"] + report["sem_waits"] + report["others"] > 0, "never called: {report:?}");
    assert_eq!(report["rescues"], 0, "a lost wakeup, found by the end of a slice");
}

/// An object of C, which is shared as C has it.
#[repr(transparent)]
struct Object<T>(UnsafeCell<T>);

// SAFETY: POSIX has these calls made by several threads at once.
unsafe impl<T> Sync for Object<T> {}
// SAFETY: none of them belongs to a thread; one that is held stays where it is.
unsafe impl<T> Send for Object<T> {}

type Mutex = Object<libc::pthread_mutex_t>;
type Cond = Object<libc::pthread_cond_t>;
type Sem = Object<libc::sem_t>;

// As the headers have them, and by references, which are valid.
unsafe extern "C" {
    safe fn pthread_mutex_destroy(mutex: &Mutex) -> c_int;
    safe fn pthread_mutex_lock(mutex: &Mutex) -> c_int;
    safe fn pthread_mutex_trylock(mutex: &Mutex) -> c_int;
    safe fn pthread_mutex_timedlock(mutex: &Mutex, time: &timespec) -> c_int;
    safe fn pthread_mutex_clocklock(mutex: &Mutex, clock: clockid_t, time: &timespec) -> c_int;
    safe fn pthread_mutex_unlock(mutex: &Mutex) -> c_int;
    safe fn pthread_cond_destroy(cond: &Cond) -> c_int;
    safe fn pthread_cond_wait(cond: &Cond, mutex: &Mutex) -> c_int;
    safe fn pthread_cond_timedwait(cond: &Cond, mutex: &Mutex, time: &timespec) -> c_int;
    safe fn pthread_cond_clockwait(cond: &Cond, mutex: &Mutex, clock: clockid_t, time: &timespec) -> c_int;
    safe fn pthread_cond_signal(cond: &Cond) -> c_int;
    safe fn pthread_cond_broadcast(cond: &Cond) -> c_int;
    safe fn sem_init(sem: &Sem, shared: c_int, permits: c_uint) -> c_int;
    safe fn sem_destroy(sem: &Sem) -> c_int;
    safe fn sem_wait(sem: &Sem) -> c_int;
    safe fn sem_trywait(sem: &Sem) -> c_int;
    safe fn sem_timedwait(sem: &Sem, time: &timespec) -> c_int;
    safe fn sem_clockwait(sem: &Sem, clock: clockid_t, time: &timespec) -> c_int;
    safe fn sem_post(sem: &Sem) -> c_int;
    safe fn sem_getvalue(sem: &Sem, value: &mut c_int) -> c_int;
}

impl<T> Object<T> {
    fn zeroed() -> Self {
        // SAFETY: these are numbers in C.
        Self(UnsafeCell::new(unsafe { zeroed() }))
    }
}

impl Mutex {
    fn new(kind: c_int) -> Self {
        let mutex = Self::zeroed();
        assert_eq!(mutex.init(kind, PTHREAD_PROCESS_PRIVATE, libc::PTHREAD_MUTEX_STALLED), OK);
        mutex
    }

    fn init(&self, kind: c_int, shared: c_int, robust: c_int) -> c_int {
        // SAFETY: the attributes and the mutex are ours, and nobody uses it yet.
        unsafe {
            let mut attr = zeroed();
            assert_eq!(libc::pthread_mutexattr_init(&mut attr), OK);
            assert_eq!(libc::pthread_mutexattr_settype(&mut attr, kind), OK);
            assert_eq!(libc::pthread_mutexattr_setpshared(&mut attr, shared), OK);
            assert_eq!(libc::pthread_mutexattr_setrobust(&mut attr, robust), OK);
            let ended = libc::pthread_mutex_init(self.0.get(), &attr);
            assert_eq!(libc::pthread_mutexattr_destroy(&mut attr), OK);
            ended
        }
    }

    fn lock(&self) {
        assert_eq!(pthread_mutex_lock(self), OK);
    }

    fn unlock(&self) {
        assert_eq!(pthread_mutex_unlock(self), OK);
    }
}

impl Cond {
    fn new(shared: c_int, clock: clockid_t) -> Self {
        let cond = Self::zeroed();
        cond.init(shared, clock);
        cond
    }

    fn init(&self, shared: c_int, clock: clockid_t) {
        // SAFETY: the attributes and the condition are ours, and nobody uses it yet.
        unsafe {
            let mut attr = zeroed();
            assert_eq!(libc::pthread_condattr_init(&mut attr), OK);
            assert_eq!(libc::pthread_condattr_setpshared(&mut attr, shared), OK);
            assert_eq!(libc::pthread_condattr_setclock(&mut attr, clock), OK);
            assert_eq!(libc::pthread_cond_init(self.0.get(), &attr), OK);
            assert_eq!(libc::pthread_condattr_destroy(&mut attr), OK);
        }
    }
}

impl Sem {
    fn new(permits: c_uint) -> Self {
        let sem = Self::zeroed();
        assert_eq!(sem_init(&sem, 0, permits), OK);
        sem
    }

    fn value(&self) -> c_int {
        let mut value = -1;
        assert_eq!(sem_getvalue(self, &mut value), OK);
        value
    }
}

fn errno() -> c_int {
    Error::last_os_error().raw_os_error().unwrap()
}

/// A call of a semaphore fails.
#[track_caller]
fn assert_fails(ended: c_int, error: c_int) {
    assert_eq!((ended, errno()), (-1, error));
}

/// By that clock.
fn now(clock: clockid_t) -> timespec {
    // SAFETY: there is room for the answer.
    unsafe {
        let mut now = zeroed();
        assert_eq!(libc::clock_gettime(clock, &mut now), 0);
        now
    }
}

fn soon(clock: clockid_t) -> timespec {
    let mut time = now(clock);
    time.tv_nsec += i64::from(SHORT.subsec_nanos());
    time.tv_sec += time.tv_nsec / 1_000_000_000;
    time.tv_nsec %= 1_000_000_000;
    time
}

/// A wait until soon, by each clock, times out, and not early.
#[track_caller]
fn assert_times_out(wait: impl Fn(clockid_t, &timespec) -> c_int) {
    for clock in [CLOCK_REALTIME, CLOCK_MONOTONIC] {
        let time = soon(clock);
        assert_eq!(wait(clock, &time), ETIMEDOUT);
        let now = now(clock);
        assert!((now.tv_sec, now.tv_nsec) >= (time.tv_sec, time.tv_nsec), "early");
    }
}

const NO_TIME: timespec = timespec { tv_sec: 0, tv_nsec: 1_000_000_000 };

/// In a thread that owns nothing.
fn elsewhere<T: Send>(call: impl FnOnce() -> T + Send) -> T {
    thread::scope(|threads| threads.spawn(call).join().unwrap())
}

fn a_mutex_excludes() {
    for kind in [PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_ERRORCHECK] {
        let (mutex, total) = (Mutex::new(kind), Plain::default());
        thread::scope(|threads| {
            for _ in 0..4 {
                threads.spawn(|| {
                    for _ in 0..5_000 {
                        mutex.lock();
                        total.write(total.read() + 1);
                        mutex.unlock();
                    }
                });
            }
        });
        assert_eq!(total.read(), 20_000);
        assert_eq!(pthread_mutex_destroy(&mutex), OK);
    }
}

fn a_mutex_that_is_held_is_busy_and_times_out() {
    for kind in [PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_ERRORCHECK] {
        let mutex = Mutex::new(kind);
        // A time that is none matters to nobody who need not wait.
        assert_eq!(pthread_mutex_timedlock(&mutex, &NO_TIME), OK);
        elsewhere(|| {
            // SAFETY: this thread's own.
            unsafe { *libc::__errno_location() = 77 };
            assert_eq!(pthread_mutex_trylock(&mutex), EBUSY);
            assert_eq!(pthread_mutex_timedlock(&mutex, &NO_TIME), EINVAL);
            assert_times_out(|clock, time| pthread_mutex_clocklock(&mutex, clock, time));
            let time = soon(CLOCK_REALTIME);
            assert_eq!(pthread_mutex_timedlock(&mutex, &time), ETIMEDOUT);
            assert_eq!(pthread_mutex_clocklock(&mutex, libc::CLOCK_PROCESS_CPUTIME_ID, &time), EINVAL);
            assert_eq!(errno(), 77, "none of these touches errno");
        });
        assert_eq!(pthread_mutex_destroy(&mutex), EBUSY);
        mutex.unlock();
        assert_eq!(pthread_mutex_trylock(&mutex), OK);
        mutex.unlock();
        assert_eq!(pthread_mutex_clocklock(&mutex, CLOCK_MONOTONIC, &soon(CLOCK_MONOTONIC)), OK);
        mutex.unlock();
        assert_eq!(pthread_mutex_destroy(&mutex), OK);
    }
}

fn an_errorcheck_mutex_knows_its_owner() {
    let mutex = Mutex::new(PTHREAD_MUTEX_ERRORCHECK);
    assert_eq!(pthread_mutex_unlock(&mutex), EPERM);
    mutex.lock();
    assert_eq!(pthread_mutex_lock(&mutex), EDEADLK);
    assert_eq!(pthread_mutex_timedlock(&mutex, &soon(CLOCK_REALTIME)), EDEADLK);
    assert_eq!(pthread_mutex_trylock(&mutex), EBUSY);
    assert_eq!(elsewhere(|| pthread_mutex_unlock(&mutex)), EPERM);
    mutex.unlock();
    assert_eq!(pthread_mutex_unlock(&mutex), EPERM);
    elsewhere(|| {
        mutex.lock();
        mutex.unlock();
    });
}

fn a_recursive_mutex_is_free_when_it_was_unlocked_as_often() {
    let mutex = Mutex::new(PTHREAD_MUTEX_RECURSIVE);
    assert_eq!(pthread_mutex_unlock(&mutex), EPERM);
    mutex.lock();
    assert_eq!(pthread_mutex_trylock(&mutex), OK);
    assert_eq!(pthread_mutex_timedlock(&mutex, &soon(CLOCK_REALTIME)), OK);
    for _ in 0..3 {
        assert_eq!(elsewhere(|| pthread_mutex_trylock(&mutex)), EBUSY);
        assert_eq!(elsewhere(|| pthread_mutex_unlock(&mutex)), EPERM);
        mutex.unlock();
    }
    assert_eq!(pthread_mutex_unlock(&mutex), EPERM);
    elsewhere(|| {
        mutex.lock();
        mutex.unlock();
    });
}

fn static_initializers_have_their_kind() {
    let is = |initializer, relocked| {
        let mutex = Object(UnsafeCell::new(initializer));
        mutex.lock();
        assert_eq!(elsewhere(|| pthread_mutex_trylock(&mutex)), EBUSY);
        let time = soon(CLOCK_REALTIME);
        assert_eq!(pthread_mutex_timedlock(&mutex, &time), relocked);
        mutex.unlock();
    };
    is(libc::PTHREAD_MUTEX_INITIALIZER, ETIMEDOUT);
    is(libc::PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP, ETIMEDOUT);
    is(libc::PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP, OK);
    is(libc::PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP, EDEADLK);
}

fn a_condition_hands_over() {
    const ROUNDS: i32 = 2_000;
    let (mutex, cond, turn) = (Mutex::zeroed(), Cond::zeroed(), Plain::default());
    thread::scope(|threads| {
        for own in 0..2 {
            let (mutex, cond, turn) = (&mutex, &cond, &turn);
            threads.spawn(move || {
                mutex.lock();
                while turn.read() < ROUNDS {
                    if turn.read() % 2 == own {
                        turn.write(turn.read() + 1);
                        let notify = if turn.read() % 3 == 0 { pthread_cond_broadcast } else { pthread_cond_signal };
                        assert_eq!(notify(cond), OK);
                    } else {
                        assert_eq!(pthread_cond_wait(cond, mutex), OK);
                    }
                }
                mutex.unlock();
            });
        }
    });
    assert_eq!(turn.read(), ROUNDS);
    assert_eq!(pthread_cond_destroy(&cond), OK);
}

fn a_condition_times_out_on_each_clock() {
    let mutex = Mutex::zeroed();
    mutex.lock();
    // A wait may return for no reason.
    let patiently = |wait: &dyn Fn() -> c_int| {
        loop {
            let ended = wait();
            if ended != OK {
                return ended;
            }
        }
    };
    for clock in [CLOCK_REALTIME, CLOCK_MONOTONIC] {
        let cond = Cond::new(PTHREAD_PROCESS_PRIVATE, clock);
        assert_times_out(|clock, time| patiently(&|| pthread_cond_clockwait(&cond, &mutex, clock, time)));
        let time = soon(clock);
        assert_eq!(patiently(&|| pthread_cond_timedwait(&cond, &mutex, &time)), ETIMEDOUT);
        let now = now(clock);
        assert!((now.tv_sec, now.tv_nsec) >= (time.tv_sec, time.tv_nsec), "early");
        let long_ago = timespec { tv_sec: -5, tv_nsec: 0 };
        assert_eq!(patiently(&|| pthread_cond_timedwait(&cond, &mutex, &long_ago)), ETIMEDOUT);
        assert_eq!(pthread_cond_timedwait(&cond, &mutex, &NO_TIME), EINVAL);
        assert_eq!(elsewhere(|| pthread_mutex_trylock(&mutex)), EBUSY, "it was not given up for that");
        assert_eq!(pthread_cond_destroy(&cond), OK);
    }
    mutex.unlock();
}

fn a_condition_gives_up_a_recursive_mutex_and_takes_it_as_often() {
    let (mutex, cond, is_set) = (Mutex::new(PTHREAD_MUTEX_RECURSIVE), Cond::zeroed(), Plain::default());
    // glibc gives up one of several only.
    let times = if is_preloaded() { 3 } else { 1 };
    for _ in 0..times {
        mutex.lock();
    }
    thread::scope(|threads| {
        threads.spawn(|| {
            mutex.lock();
            is_set.write(1);
            mutex.unlock();
            assert_eq!(pthread_cond_signal(&cond), OK);
        });
        while is_set.read() == 0 {
            assert_eq!(pthread_cond_wait(&cond, &mutex), OK);
        }
    });
    for _ in 0..times {
        assert_eq!(elsewhere(|| pthread_mutex_trylock(&mutex)), EBUSY);
        mutex.unlock();
    }
    assert_eq!(pthread_mutex_unlock(&mutex), EPERM);
}

fn only_the_owner_waits_with_an_errorcheck_mutex() {
    let (mutex, cond) = (Mutex::new(PTHREAD_MUTEX_ERRORCHECK), Cond::zeroed());
    assert_eq!(pthread_cond_wait(&cond, &mutex), EPERM);
    mutex.lock();
    assert_eq!(elsewhere(|| pthread_cond_wait(&cond, &mutex)), EPERM);
    mutex.unlock();
}

fn a_condition_can_go_when_all_were_notified() {
    for _ in 0..200 {
        let (mutex, cond) = (Mutex::zeroed(), Cond::zeroed());
        let (waiting, is_over) = (Plain::default(), Plain::default());
        thread::scope(|threads| {
            for _ in 0..3 {
                threads.spawn(|| {
                    mutex.lock();
                    waiting.write(waiting.read() + 1);
                    // Once it is over, the condition is no more.
                    while is_over.read() == 0 {
                        assert_eq!(pthread_cond_wait(&cond, &mutex), OK);
                    }
                    mutex.unlock();
                });
            }
            crate::support::until("all wait", || {
                mutex.lock();
                let all = waiting.read() == 3;
                if all {
                    is_over.write(1);
                    assert_eq!(pthread_cond_broadcast(&cond), OK);
                    // They cannot get the mutex now, and need not for this.
                    assert_eq!(pthread_cond_destroy(&cond), OK);
                    // SAFETY: it is memory of ours again.
                    unsafe { ptr::write_bytes(cond.0.get(), 0x5a, 1) };
                }
                mutex.unlock();
                all
            });
        });
        // SAFETY: nobody else is there.
        let bytes = unsafe { &*cond.0.get().cast::<[u8; size_of::<Cond>()]>() };
        assert_eq!(*bytes, [0x5a; size_of::<Cond>()], "it was touched after it was destroyed");
    }
}

fn a_semaphore_counts() {
    let sem = Sem::new(2);
    assert_eq!(sem.value(), 2);
    assert_eq!([sem_wait(&sem), sem_trywait(&sem)], [OK; 2]);
    assert_fails(sem_trywait(&sem), EAGAIN);
    assert_fails(sem_timedwait(&sem, &NO_TIME), EINVAL);
    assert_times_out(|clock, time| {
        assert_eq!(sem_clockwait(&sem, clock, time), -1);
        errno()
    });
    assert_fails(sem_timedwait(&sem, &soon(CLOCK_REALTIME)), ETIMEDOUT);
    assert_eq!(sem.value(), 0);
    assert_eq!(sem_post(&sem), OK);
    assert_eq!(sem.value(), 1);
    assert_eq!(sem_timedwait(&sem, &soon(CLOCK_REALTIME)), OK);
    assert_eq!(sem_destroy(&sem), OK);
    let most = if is_preloaded() { slotsync::Semaphore::MAX_PERMITS } else { c_int::MAX as c_uint };
    let full = Sem::new(most);
    assert_fails(sem_post(&full), EOVERFLOW);
    assert_eq!(full.value(), most as c_int);
    assert_fails(sem_init(&full, 0, c_int::MAX as c_uint + 1), EINVAL);
}

fn a_semaphore_wakes_who_sleeps() {
    let (there, back) = (Sem::new(0), Sem::new(0));
    thread::scope(|threads| {
        threads.spawn(|| {
            for _ in 0..2_000 {
                assert_eq!([sem_wait(&there), sem_post(&back)], [OK; 2]);
            }
        });
        for _ in 0..2_000 {
            assert_eq!([sem_post(&there), sem_wait(&back)], [OK; 2]);
        }
    });
    assert_eq!([there.value(), back.value()], [0; 2]);
}

/// In memory that lives through a fork.
struct Family {
    mutexes: [Mutex; 3],
    cond: Cond,
    sem: Sem,
    total: Plain,
    ended: Plain,
}

fn processes_share_them() {
    const CHILDREN: i32 = 4;
    let access = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: fresh memory, which is never unmapped; all zeros are valid for each part.
    let family: &Family =
        unsafe { &*mmap_anonymous(ptr::null_mut(), size_of::<Family>(), access, MapFlags::SHARED).unwrap().cast() };
    let kinds = [PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_ERRORCHECK];
    for (mutex, kind) in family.mutexes.iter().zip(kinds) {
        assert_eq!(mutex.init(kind, PTHREAD_PROCESS_SHARED, libc::PTHREAD_MUTEX_STALLED), OK);
    }
    family.cond.init(PTHREAD_PROCESS_SHARED, CLOCK_MONOTONIC);
    assert_eq!(sem_init(&family.sem, 1, 0), OK);
    let children = [(); CHILDREN as usize].map(|()| {
        Process::fork(|| {
            for _ in 0..1_000 {
                family.mutexes.iter().for_each(Mutex::lock);
                family.total.write(family.total.read() + 1);
                family.mutexes.iter().for_each(Mutex::unlock);
            }
            family.mutexes[0].lock();
            family.ended.write(family.ended.read() + 1);
            family.mutexes[0].unlock();
            assert_eq!(pthread_cond_signal(&family.cond), OK);
            sem_wait(&family.sem)
        })
    });
    family.mutexes[0].lock();
    while family.ended.read() < CHILDREN {
        assert_eq!(pthread_cond_wait(&family.cond, &family.mutexes[0]), OK);
    }
    family.mutexes[0].unlock();
    assert_eq!(family.total.read(), CHILDREN * 1_000);
    // Another process is another owner.
    family.mutexes[2].lock();
    Process::fork(|| {
        let unlocked = family.mutexes[1..].iter().map(|mutex| pthread_mutex_unlock(mutex));
        i32::from(!unlocked.eq([EPERM; 2]) || pthread_mutex_trylock(&family.mutexes[2]) != EBUSY)
    })
    .join();
    family.mutexes[2].unlock();
    for _ in &children {
        assert_eq!(sem_post(&family.sem), OK);
    }
    children.into_iter().for_each(Process::join);
}

fn a_named_semaphore_works() {
    let name = CString::new(unique_name()).unwrap();
    // SAFETY: the name ends; the semaphore is never closed.
    let sem: &Sem = unsafe {
        let sem = libc::sem_open(name.as_ptr(), libc::O_CREAT | libc::O_EXCL, 0o600, 2 as c_uint);
        assert!(sem != libc::SEM_FAILED, "{}", Error::last_os_error());
        libc::sem_unlink(name.as_ptr());
        &*sem.cast()
    };
    assert_eq!(sem.value(), 2);
    assert_eq!([sem_wait(sem), sem_wait(sem)], [OK; 2]);
    assert_fails(sem_trywait(sem), EAGAIN);
    let child = Process::fork(|| sem_post(sem));
    assert_eq!(sem_wait(sem), OK);
    child.join();
    assert_eq!(sem.value(), 0);
}

/// This test program asks for versions of glibc's, `pthread_cond_wait@GLIBC_2.3.2` for instance, as C programs do.
#[test]
fn every_call_reaches_the_words() {
    macro_rules! calls {
        ($($call:ident)*) => { [$((stringify!($call), $call as *const c_void)),*] };
    }
    over_the_words("every_call_reaches_the_words", || {
        use libc::{pthread_cond_init, pthread_mutex_init};
        let calls = calls! {
            pthread_mutex_init pthread_mutex_destroy pthread_mutex_lock pthread_mutex_trylock pthread_mutex_timedlock
            pthread_mutex_clocklock pthread_mutex_unlock
            pthread_cond_init pthread_cond_destroy pthread_cond_wait pthread_cond_timedwait pthread_cond_clockwait
            pthread_cond_signal pthread_cond_broadcast
            sem_init sem_destroy sem_wait sem_trywait sem_timedwait sem_clockwait sem_post sem_getvalue
        };
        for (call, address) in calls {
            // SAFETY: there is room for the answer, and the library that it names is never unloaded.
            let file = unsafe {
                let mut place = zeroed::<libc::Dl_info>();
                assert!(libc::dladdr(address, &mut place) != 0, "{call}");
                CStr::from_ptr(place.dli_fname)
            };
            assert!(file.to_str().unwrap().ends_with("/libposix.so"), "{call} is of {file:?}");
        }
        Mutex::zeroed().lock();
    });
}

#[test]
fn what_is_not_there_is_refused() {
    over_the_words("what_is_not_there_is_refused", || {
        let mutex = Mutex::zeroed();
        let robust = mutex.init(PTHREAD_MUTEX_NORMAL, PTHREAD_PROCESS_PRIVATE, libc::PTHREAD_MUTEX_ROBUST);
        assert_eq!(robust, ENOTSUP);
        let (mutex, cond) = (Mutex::zeroed(), Cond::new(PTHREAD_PROCESS_SHARED, CLOCK_REALTIME));
        assert_eq!(pthread_cond_wait(&cond, &mutex), EINVAL, "of two scopes");
        assert_eq!(pthread_cond_wait(&Cond::zeroed(), &mutex), EPERM, "nobody holds it");
        let max = slotsync::Semaphore::MAX_PERMITS;
        assert_fails(sem_init(&Sem::zeroed(), 0, max + 1), EINVAL);
    });
}
