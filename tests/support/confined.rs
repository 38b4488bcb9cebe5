//! Children from whom something is taken away: system calls, rights, room. It does not come back: hence children.

use super::processes::{End, Process, say};
use std::ffi::{CStr, CString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Why this system does not let a test run. It is printed, and is no failure.
#[derive(Debug)]
pub struct Skipped(&'static str);

/// The exit code of a child that was skipped.
const SKIPPED: i32 = 77;

/// Runs a part of a test in a child, where it may confine itself, and fails if that fails.
pub fn in_child(body: impl FnOnce() -> Result<(), Skipped>) {
    let child = Process::fork(|| match body() {
        Ok(()) => 0,
        Err(Skipped(reason)) => {
            // A test's thread has its name.
            say(&format!("SKIPPED {}: {reason}", std::thread::current().name().unwrap_or_default()));
            SKIPPED
        }
    });
    let end = child.end();
    assert!(matches!(end, End::Exited(0 | SKIPPED)), "a child process failed: {end:?}");
}

/// A system call that is to fail if it has all these bits in that argument, and with which error. No error: the process
/// dies of it.
#[derive(Clone, Copy)]
pub struct Refusal {
    call: libc::c_long,
    argument: u32,
    bits: u32,
    error: i32,
}

/// The call fails whatever its arguments are.
pub const fn refusal(call: libc::c_long, error: i32) -> Refusal {
    Refusal { call, argument: 0, bits: 0, error }
}

/// Whatever futex call the process makes, it dies of it, by `SIGSYS`.
pub const DEADLY_FUTEX: [Refusal; 2] = no_futex(0);

/// Files without a name are not known, as on file systems that have none.
pub const NO_NAMELESS_FILES: &[Refusal] = &[
    Refusal { call: libc::SYS_openat, argument: 2, bits: libc::O_TMPFILE as u32, error: libc::EOPNOTSUPP },
    #[cfg(any(target_arch = "x86_64", target_arch = "x86", target_arch = "arm"))]
    Refusal { call: libc::SYS_open, argument: 1, bits: libc::O_TMPFILE as u32, error: libc::EOPNOTSUPP },
];

/// Nothing can be reserved, as on file systems that make no promises.
pub const NO_RESERVATIONS: &[Refusal] = &[refusal(libc::SYS_fallocate, libc::EOPNOTSUPP)];

/// A reservation of a MiB or more is interrupted, as on the memory file system before Linux 6.11 when signals come more
/// often than that takes.
pub const NO_LONG_RESERVATIONS: &[Refusal] = &{
    // Where 64 bits are two arguments, the offset is two.
    const LENGTH: u32 = if cfg!(target_pointer_width = "64") { 3 } else { 4 };
    let mut refusals = [refusal(libc::SYS_fallocate, libc::EINTR); 12];
    let mut bit = 0;
    while bit < refusals.len() {
        (refusals[bit].argument, refusals[bit].bits) = (LENGTH, 1 << (20 + bit));
        bit += 1;
    }
    refusals
};

/// A file has one name, as on FAT.
pub const NO_LINKS: &[Refusal] = &[
    refusal(libc::SYS_linkat, libc::EPERM),
    #[cfg(any(target_arch = "x86_64", target_arch = "x86", target_arch = "arm"))]
    refusal(libc::SYS_link, libc::EPERM),
];

/// Every futex call fails with this error, as under a filter that does not know it. No lock of the standard library
/// works from then on.
pub const fn no_futex(error: i32) -> [Refusal; 2] {
    /// The same with 64-bit time, where a `long` has 32.
    const FUTEX_TIME64: libc::c_long = 422;
    [refusal(libc::SYS_futex, error), refusal(FUTEX_TIME64, error)]
}

/// From now on, these calls of this thread fail.
///
/// # Errors
///
/// This system filters no system calls.
pub fn refuse(calls: &[Refusal]) -> Result<(), Skipped> {
    if calls.is_empty() {
        return Ok(());
    }
    let filter: Vec<_> = calls.iter().flat_map(instructions).chain([returns(libc::SECCOMP_RET_ALLOW)]).collect();
    let program = libc::sock_fprog { len: filter.len().try_into().unwrap(), filter: filter.as_ptr().cast_mut() };
    // SAFETY: the program is read, and lives through the call.
    let refused = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
            || libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) != 0
    };
    if refused { Err(Skipped("this system filters no system calls")) } else { Ok(()) }
}

/// One refusal; any other call goes on behind it.
fn instructions(refusal: &Refusal) -> [libc::sock_filter; 6] {
    /// Where the numbers of the call and its arguments lie in `struct seccomp_data`. Of an argument, its low half.
    const NUMBER: u32 = 0;
    const ARGUMENTS: u32 = if cfg!(target_endian = "big") { 20 } else { 16 };
    let load = |from| instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, from, 0, 0);
    let jump_unless = |value, over| instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, value, 0, over);
    [
        load(NUMBER),
        jump_unless(refusal.call as u32, 4),
        load(ARGUMENTS + 8 * refusal.argument),
        instruction(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, refusal.bits, 0, 0),
        jump_unless(refusal.bits, 1),
        returns(match refusal.error {
            0 => libc::SECCOMP_RET_KILL_PROCESS,
            error => libc::SECCOMP_RET_ERRNO | error as u32,
        }),
    ]
}

fn returns(what: u32) -> libc::sock_filter {
    instruction(libc::BPF_RET | libc::BPF_K, what, 0, 0)
}

fn instruction(code: u32, k: u32, jt: u8, jf: u8) -> libc::sock_filter {
    libc::sock_filter { code: code as u16, jt, jf, k }
}

/// Mounts a file system of that kind over a folder, for this process alone.
///
/// # Errors
///
/// Only root may do that, and not everywhere.
pub fn mount(kind: &CStr, folder: &Path, options: &CStr) -> Result<(), Skipped> {
    let folder = CString::new(folder.as_os_str().as_bytes()).unwrap();
    let (none, keep) = (c"none".as_ptr(), std::ptr::null());
    // SAFETY: strings that live through the calls. What is mounted from now on, this process alone sees.
    let mounted = unsafe {
        libc::unshare(libc::CLONE_NEWNS) == 0
            && libc::mount(none, c"/".as_ptr(), keep, libc::MS_REC | libc::MS_PRIVATE, keep.cast()) == 0
            && libc::mount(none, folder.as_ptr(), kind.as_ptr(), 0, options.as_ptr().cast()) == 0
    };
    if mounted { Ok(()) } else { Err(Skipped("this process may not mount a file system")) }
}

/// From now on, this process is a stranger who owns nothing.
///
/// # Errors
///
/// Only root may do that.
pub fn become_a_stranger() -> Result<(), Skipped> {
    const NOBODY: libc::c_long = 65534;
    // SAFETY: system calls on this thread, the only one of a child.
    let changed = unsafe {
        libc::syscall(libc::SYS_setgroups, 0, 0) == 0
            && libc::syscall(libc::SYS_setresgid, NOBODY, NOBODY, NOBODY) == 0
            && libc::syscall(libc::SYS_setresuid, NOBODY, NOBODY, NOBODY) == 0
    };
    if changed { Ok(()) } else { Err(Skipped("this process may not change its user")) }
}

/// From now on, this process may have no more of the resource.
pub fn limit(resource: rustix::process::Resource, most: u64) {
    let limits = rustix::process::Rlimit { current: Some(most), ..rustix::process::getrlimit(resource) };
    rustix::process::setrlimit(resource, limits).unwrap();
}

/// From now on, the signal is caught and nothing is done about it, and a system call that it interrupts is not resumed.
pub fn catch(signal: i32) {
    extern "C" fn ignore(_: libc::c_int) {}
    // SAFETY: a zeroed action has no flags and blocks no signals; the handler does nothing.
    let caught = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = ignore as extern "C" fn(libc::c_int) as libc::sighandler_t;
        libc::sigaction(signal, &raw const action, std::ptr::null_mut())
    };
    assert_eq!(caught, 0, "sigaction: {}", io::Error::last_os_error());
}
