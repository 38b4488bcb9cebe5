//! Worker processes: how they start, how they get the memory, and how all of them end when one process dies.

use crate::common::Result;
use crate::track::{Task, work};
use crate::{Crew, WORKER};
use rustix::io::{Errno, retry_on_intr};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, setpgid, waitpid};
use slotsync::{Error, Origin, SharedBuffer};
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus};
use std::{panic, thread};

#[derive(Default)]
pub(crate) struct Processes(Vec<Worker>);

struct Worker {
    number: i32,
    pid: Pid,
    /// The parent's end of a pair of sockets. The worker sleeps on the other end, and ends when this one closes. So it
    /// ends with the parent, however the parent ends.
    _lifeline: UnixStream,
}

impl Processes {
    /// Starts this program again, once per task. The new process shares nothing with this one until this one sends it
    /// the memory through its lifeline, which is its standard input.
    pub(crate) fn spawn(tasks: impl Iterator<Item = Task>, buffer: &SharedBuffer) -> Result<Self> {
        let mut crew = Self::default();
        for task in tasks {
            let (lifeline, theirs) = UnixStream::pair()?;
            // A process group of its own keeps the terminal's Ctrl-C from the worker: the parent ends it.
            let child = Command::new(std::env::current_exe()?)
                .arg(WORKER)
                .stdin(OwnedFd::from(theirs))
                .process_group(0)
                .spawn()
                .map_err(|error| format!("cannot start worker {}: {error}", task.worker))?;
            let posted = post_message(&lifeline, &task, buffer);
            crew.0.push(Worker { number: task.worker, pid: Pid::from_child(&child), _lifeline: lifeline });
            posted?;
        }
        Ok(crew)
    }

    /// Forks this process, once per task. The new process has everything that this one has, and so the memory, too.
    pub(crate) fn fork(tasks: impl Iterator<Item = Task>, buffer: &SharedBuffer) -> Result<Self> {
        let mut crew = Self::default();
        for task in tasks {
            let (lifeline, theirs) = UnixStream::pair()?;
            // SAFETY: this process has no other thread, so the child inherits no lock without its owner. The child may
            // do whatever this process may do.
            match unsafe { libc::fork() } {
                0 => {
                    // The crew and its lifelines belong to the parent alone.
                    crew.0.clear();
                    drop(lifeline);
                    let _ = setpgid(None, None);
                    // A panic must not unwind into the parent's frames.
                    let life = panic::AssertUnwindSafe(|| live(theirs, || work(buffer, task)));
                    let _ = panic::catch_unwind(life);
                    leave(101);
                }
                pid => {
                    let pid = Pid::from_raw(pid).filter(|_| pid > 0).ok_or_else(io::Error::last_os_error)?;
                    crew.0.push(Worker { number: task.worker, pid, _lifeline: lifeline });
                }
            }
        }
        Ok(crew)
    }
}

impl Crew for Processes {
    /// A worker does not end by itself, so a worker that has ended has died.
    fn check(&mut self) -> Result<()> {
        let mut deaths = Vec::new();
        self.0.retain(|Worker { number, pid, .. }| {
            let how = match waitpid(Some(*pid), WaitOptions::NOHANG) {
                Ok(None) => return true,
                Ok(Some((_, status))) => ExitStatus::from_raw(status.as_raw()).to_string(),
                Err(errno) => errno.to_string(),
            };
            deaths.push(format!("worker {number} (process {pid}) died: {how}"));
            false
        });
        if deaths.is_empty() { Ok(()) } else { Err(deaths.join("\nrace: ").into()) }
    }
}

impl Drop for Processes {
    /// Kills the workers. Some may be in the middle of a round, or hold the lock, but nobody waits for them any more.
    fn drop(&mut self) {
        for worker in &self.0 {
            // Only this process reaps the worker, so the number still belongs to it.
            let _ = kill_process(worker.pid, Signal::KILL);
        }
        for worker in &self.0 {
            let _ = retry_on_intr(|| waitpid(Some(worker.pid), WaitOptions::empty()));
        }
    }
}

/// The main function of a spawned worker.
pub(crate) fn work_as_process() -> Result<()> {
    let lifeline = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let (task, buffer) = receive_message(&lifeline)?;
    Ok(live(lifeline, || work(&buffer, task))?)
}

/// Works, and then is idle until the lifeline closes. Returns only if the work fails.
fn live(mut lifeline: UnixStream, work: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
    thread::spawn(move || {
        // Nothing more is sent, so this sleeps until the parent closes its end, or dies.
        let _ = lifeline.read(&mut [0]);
        leave(0);
    });
    work()?;
    loop {
        thread::park();
    }
}

/// Ends a worker without the exit handlers that its parent may have registered.
fn leave(status: i32) -> ! {
    // SAFETY: `_exit` ends this process and has no preconditions.
    unsafe { libc::_exit(status) }
}

/// Sends a worker its task and the memory, as `worker.postMessage({ memory, slot })` does in JavaScript. The message
/// ends with a NUL, which no name contains.
fn post_message(mut lifeline: &UnixStream, task: &Task, buffer: &SharedBuffer) -> io::Result<()> {
    let Task { worker, increments, first_slot } = task;
    let (kind, name) = match buffer.origin() {
        Origin::Named(name) => ("named", name),
        Origin::File(path) => ("file", path.to_str().ok_or_else(|| io::Error::other("a path that is not UTF-8"))?),
        _ => ("descriptor", ""),
    };
    let message = format!("{worker} {increments} {first_slot} {kind} {name}\0").into_bytes();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut rights = SendAncillaryBuffer::new(&mut space);
    let descriptor = buffer.as_fd();
    if descriptor.is_some() {
        rights.push(SendAncillaryMessage::ScmRights(descriptor.as_slice()));
    }
    match sendmsg(lifeline, &[IoSlice::new(&message)], &mut rights, SendFlags::empty()) {
        Ok(sent) => lifeline.write_all(&message[sent..]),
        // The worker is dead: `check` will report how it died.
        Err(Errno::PIPE | Errno::CONNRESET) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// Receives what [`post_message`] sends.
fn receive_message(lifeline: &UnixStream) -> Result<(Task, SharedBuffer)> {
    let mut message = Vec::new();
    let mut descriptor = None;
    while message.last() != Some(&0) {
        let mut part = [0; 1024];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut rights = RecvAncillaryBuffer::new(&mut space);
        let received = recvmsg(lifeline, &mut [IoSliceMut::new(&mut part)], &mut rights, RecvFlags::empty())?;
        if received.bytes == 0 {
            return Err("the parent is gone".into());
        }
        message.extend_from_slice(&part[..received.bytes]);
        for right in rights.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = right {
                descriptor = descriptors.last();
            }
        }
    }
    message.pop();
    let message = String::from_utf8(message)?;
    let mut fields = message.splitn(5, ' ');
    let mut field = || fields.next().unwrap_or_default();
    let task = Task { worker: field().parse()?, increments: field().parse()?, first_slot: field().parse()? };
    let buffer = match (field(), descriptor) {
        ("named", _) => SharedBuffer::open_named(field())?,
        ("file", _) => SharedBuffer::open_file(field())?,
        (_, Some(descriptor)) => SharedBuffer::from_fd(descriptor)?,
        (_, None) => return Err("a message without memory".into()),
    };
    Ok((task, buffer))
}
