//! Real processes, made by `fork`, and what Linux tells of them.

use super::{Memory, is_emulated, until};
use slotsync::{SharedBuffer, Slot, counters};
use std::ffi::CStr;
use std::fmt::Write;
use std::fs;
use std::io;
use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::{Acquire, Release};
use std::time::{Duration, Instant};

/// No wait without a deadline takes another way than one with a deadline that is far away.
pub const FAR: [Duration; 2] = [Duration::MAX, Duration::from_secs(1_000)];

/// A child process that runs one closure. Killed and reaped when dropped.
pub struct Process {
    pid: libc::pid_t,
    is_reaped: bool,
}

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Exited(i32),
    Killed(i32),
}

impl End {
    fn of(status: libc::c_int) -> Self {
        if libc::WIFSIGNALED(status) {
            Self::Killed(libc::WTERMSIG(status))
        } else {
            Self::Exited(libc::WEXITSTATUS(status))
        }
    }
}

impl Process {
    /// The child shares what is mapped as shared, has a copy of all else, and no other thread of ours. It must not
    /// print, and should not allocate much: another thread may hold those locks at the time of the fork.
    pub fn fork(body: impl FnOnce() -> i32) -> Self {
        // SAFETY: the child runs `body` alone and leaves by `_exit`.
        let pid = unsafe { libc::fork() };
        assert!(pid >= 0, "fork: {}", io::Error::last_os_error());
        if pid == 0 {
            // SAFETY: a child does not outlive a test that dies, and `_exit` runs none of the parent's handlers.
            unsafe {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                let code = catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| {
                    let text = panic.downcast_ref::<String>().map(String::as_str);
                    say(text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("panic"));
                    101
                });
                libc::_exit(code)
            }
        }
        Self { pid, is_reaped: false }
    }

    /// As [`fork`](Self::fork), under a name by which [`whereabouts`] tells it from others: 15 characters at most.
    pub fn fork_as(name: &CStr, body: impl FnOnce() -> i32) -> Self {
        Self::fork(|| {
            // SAFETY: reads the name.
            unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) };
            body()
        })
    }

    pub fn pid(&self) -> libc::pid_t {
        self.pid
    }

    /// Waits until it ends.
    pub fn end(mut self) -> End {
        let mut end = None;
        until("a child process ends", || {
            end = self.has_ended();
            end.is_some()
        });
        end.unwrap()
    }

    /// Waits until it ends, and fails unless it did so in good order.
    pub fn join(self) {
        assert_eq!(self.end(), End::Exited(0), "a child process failed");
    }

    pub fn has_ended(&mut self) -> Option<End> {
        let mut status = 0;
        // SAFETY: a child of ours that nobody has reaped.
        let pid = unsafe { libc::waitpid(self.pid, &mut status, libc::WNOHANG) };
        if pid == 0 {
            return None;
        }
        assert_eq!(pid, self.pid, "waitpid: {}", io::Error::last_os_error());
        Some(self.ended(status))
    }

    /// Waits until it ends, without a limit and without using a processor: for who has a watchdog.
    pub fn reap(mut self) -> End {
        let mut status = 0;
        // SAFETY: a child of ours that nobody has reaped.
        while unsafe { libc::waitpid(self.pid, &mut status, 0) } != self.pid {
            assert_eq!(io::Error::last_os_error().kind(), io::ErrorKind::Interrupted);
        }
        self.ended(status)
    }

    fn ended(&mut self, status: i32) -> End {
        self.is_reaped = true;
        End::of(status)
    }

    pub fn signal(&self, signal: i32) {
        // SAFETY: a child of ours that nobody has reaped.
        assert_eq!(unsafe { libc::kill(self.pid, signal) }, 0);
    }

    /// Waits until it stops for its tracer, or says how it ended.
    pub fn until_it_stops(&mut self) -> Option<End> {
        let mut status = 0;
        // SAFETY: a child of ours that nobody has reaped.
        let pid = unsafe { libc::waitpid(self.pid, &mut status, 0) };
        assert_eq!(pid, self.pid, "waitpid: {}", std::io::Error::last_os_error());
        if libc::WIFSTOPPED(status) {
            return None;
        }
        self.is_reaped = true;
        Some(End::of(status))
    }

    /// Lets a child that stopped go on, one step or without a tracer. A signal that stopped it is not delivered.
    pub fn trace(&self, request: libc::c_uint) {
        // SAFETY: a request without data, to a child of ours that nobody has reaped.
        let outcome = unsafe { libc::ptrace(request, self.pid, 0, 0) };
        assert_eq!(outcome, 0, "ptrace: {}", std::io::Error::last_os_error());
    }

    /// Kills it, and waits until it is gone.
    pub fn kill(self) {
        self.signal(libc::SIGKILL);
        assert_eq!(self.end(), End::Killed(libc::SIGKILL));
    }

    /// Waits until it sleeps on a futex.
    pub fn until_asleep(&self) {
        // An emulator has futexes of its own, too, but does not sleep on them for long: there a sleep must last.
        const LASTING: Duration = Duration::from_millis(30);
        let mut seen = None;
        until("a process sleeps on a futex", || {
            if !is_emulated() {
                return self.is_asleep();
            }
            let number = self.sleep_number();
            let since = seen.filter(|(before, _)| *before == number).map_or_else(Instant::now, |(_, since)| since);
            seen = Some((number, since));
            number.is_some() && since.elapsed() >= LASTING
        });
    }

    pub fn is_asleep(&self) -> bool {
        is_asleep(self.pid, self.pid)
    }

    /// `Some` if it sleeps on a futex: how often it had fallen asleep, for whatever reason. If that is the same later,
    /// then it has slept throughout.
    pub fn sleep_number(&self) -> Option<u64> {
        if !self.is_asleep() {
            return None;
        }
        // Asked on both sides, so that the answers are of one moment.
        let number = || fallen_asleep(self.pid, self.pid);
        let before = number()?;
        (self.is_asleep() && number() == Some(before)).then_some(before)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.is_reaped {
            // SAFETY: a child of ours that nobody has reaped.
            unsafe {
                libc::kill(self.pid, libc::SIGKILL);
                libc::waitpid(self.pid, std::ptr::null_mut(), 0);
            }
        }
    }
}

/// A child that attaches to the memory by itself, at an address of its own, where the origin allows that. It fails if
/// it was ever rescued: nobody is killed here unless the test says so.
pub fn fork(memory: &Memory, body: impl FnOnce(&SharedBuffer) -> i32) -> Process {
    fork_rescued(memory, 0..=0, body)
}

/// The same, for a child that is to be rescued so often: somebody dies before it wakes this one.
pub fn fork_rescued(
    memory: &Memory,
    rescues: RangeInclusive<usize>,
    body: impl FnOnce(&SharedBuffer) -> i32,
) -> Process {
    Process::fork(|| {
        let again = memory.again();
        let code = body(again.as_ref().unwrap_or(&memory.buffer));
        let found = counters().rescues;
        assert!(rescues.contains(&found), "{found} lost wakeups, found by the end of a slice, and not {rescues:?}");
        code
    })
}

/// So many children that all do this.
pub fn fork_all(memory: &Memory, number: usize, body: impl Fn(&SharedBuffer)) -> Vec<Process> {
    let child = |_| {
        fork(memory, |buffer| {
            body(buffer);
            0
        })
    };
    (0..number).map(child).collect()
}

/// So many children that all do this, and sleep while they do.
pub fn fork_asleep(memory: &Memory, number: usize, body: impl Fn(&SharedBuffer)) -> Vec<Process> {
    let children = fork_all(memory, number, body);
    children.iter().for_each(Process::until_asleep);
    children
}

/// A child that does this, sleeps while it does, and then is rescued so often.
pub fn fork_asleep_rescued(memory: &Memory, rescues: RangeInclusive<usize>, body: impl Fn(&SharedBuffer)) -> Process {
    let child = fork_rescued(memory, rescues, |buffer| {
        body(buffer);
        0
    });
    child.until_asleep();
    child
}

/// A child that sleeps on a word as a waiter of a primitive does, and is gone when it was woken.
pub fn fork_victim(memory: &Memory, index: usize) -> Process {
    let victim = fork_rescued(memory, 0..=1, |buffer| {
        let word = buffer.slot(index).unwrap();
        let _ = word.wait(word.load(Acquire));
        0
    });
    victim.until_asleep();
    victim
}

pub fn join_all(children: Vec<Process>) {
    children.into_iter().for_each(Process::join);
}

/// A word by which a child says how far it is. No test puts anything else there.
pub fn sign(buffer: &SharedBuffer) -> Slot<'_> {
    buffer.slot(128).unwrap()
}

/// Says so, and waits to be killed.
pub fn stay(buffer: &SharedBuffer) -> ! {
    sign(buffer).store(1, Release);
    loop {
        let _ = sign(buffer).wait(1);
    }
}

/// Waits until a child [stays](stay), and kills it there.
pub fn kill_where_it_stays(memory: &Memory, child: Process) {
    until("the other process says that it stays", || sign(&memory.buffer).load(Acquire) == 1);
    child.kill();
    sign(&memory.buffer).store(0, Release);
}

/// Writes to standard error without a lock.
pub fn say(text: &str) {
    let text = format!("child process: {text}\n");
    // SAFETY: a live buffer of that length.
    unsafe { libc::write(2, text.as_ptr().cast(), text.len()) };
}

/// This thread, as /proc knows it.
pub fn thread_id() -> libc::pid_t {
    // SAFETY: no preconditions.
    unsafe { libc::gettid() }
}

/// Sends a thread of this process a signal that is caught. If the thread is gone, that does nothing.
pub fn signal_thread(thread: libc::pid_t, signal: i32) {
    // SAFETY: the system looks the thread up, and says so if there is none.
    unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), thread, signal) };
}

/// Waits until a thread of this process sleeps on a futex.
pub fn until_thread_asleep(thread: libc::pid_t) {
    let pid = std::process::id().try_into().unwrap();
    until("a thread sleeps on a futex", || is_asleep(pid, thread));
}

/// The numbers of `futex` on x86-64, aarch64, i386, and everywhere with 64-bit time on 32-bit machines.
const FUTEX: [&str; 4] = ["202", "98", "240", "422"];

/// Is it blocked inside the system call? The kernel says `running` otherwise.
pub(super) fn is_asleep(pid: libc::pid_t, thread: libc::pid_t) -> bool {
    let call = fs::read_to_string(format!("/proc/{pid}/task/{thread}/syscall")).unwrap_or_default();
    call.split(' ').next().is_some_and(|number| FUTEX.contains(&number))
}

/// How often a thread of this process has fallen asleep, for whatever reason.
pub fn thread_fallen_asleep(thread: libc::pid_t) -> u64 {
    fallen_asleep(std::process::id().try_into().unwrap(), thread).unwrap()
}

fn fallen_asleep(pid: libc::pid_t, thread: libc::pid_t) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/task/{thread}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
    line.trim().parse().ok()
}

/// Where every thread of this process and of its children is: its name, its system call with arguments (for a futex
/// the address, the operation and the expected value), and the kernel function it waits in.
pub fn whereabouts() -> String {
    let mut text = String::new();
    let mut pids = vec![std::process::id().to_string()];
    while let Some(pid) = pids.pop() {
        for task in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
            let read = |file| fs::read_to_string(task.path().join(file)).unwrap_or_default();
            let [name, call, place] = ["comm", "syscall", "wchan"].map(read);
            let id = task.file_name().to_string_lossy().into_owned();
            let _ = writeln!(text, "  {pid}/{id}: {}: {} in {place}", name.trim(), call.trim());
            pids.extend(read("children").split_whitespace().map(str::to_owned));
        }
    }
    text
}
