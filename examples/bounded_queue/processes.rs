//! The workers as processes, made by `fork`: they have the memory from the start, and all of them end when one process
//! dies.

use crate::common::{Result, complain};
use crate::work::{Job, Worker, work};
use rustix::io::retry_on_intr;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use slotsync::{MemoryError, SharedBuffer};
use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::{panic, thread};

pub(crate) const AGENTS: &str = "processes";

/// Makes memory that has neither a name nor a descriptor, so there is nothing to clean up, however this program ends.
pub(crate) fn memory(bytes: usize) -> Result<SharedBuffer, MemoryError> {
    SharedBuffer::anonymous(bytes)
}

/// All the workers. They have ended when it is dropped.
pub(crate) struct Crew {
    workers: Vec<(Worker, Pid)>,
    /// The parent's end of a pair of sockets. Each worker has a thread that sleeps on the other end, and ends the
    /// worker when this one closes. So the workers end with the parent, however the parent ends.
    _lifeline: UnixStream,
}

impl Crew {
    /// Forks this process, once for each job.
    pub(crate) fn start(jobs: impl Iterator<Item = Job>, buffer: &SharedBuffer) -> io::Result<Self> {
        let (lifeline, theirs) = UnixStream::pair()?;
        let mut crew = Self { workers: Vec::new(), _lifeline: lifeline };
        for job in jobs {
            // SAFETY: this process has no other thread, so the child inherits no lock without its owner. The child may
            // do whatever this process may do.
            match unsafe { libc::fork() } {
                0 => {
                    // The crew and its end of the lifeline belong to the parent alone.
                    crew.workers.clear();
                    drop(crew);
                    live(theirs, job, buffer);
                }
                pid => {
                    let pid = Pid::from_raw(pid).filter(|_| pid > 0).ok_or_else(io::Error::last_os_error)?;
                    crew.workers.push((job.worker, pid));
                }
            }
        }
        Ok(crew)
    }

    /// Returns an error if a worker has died.
    pub(crate) fn check(&mut self) -> Result<()> {
        self.reap(WaitOptions::NOHANG)
    }

    /// Waits until all workers have ended. Returns an error if one has died.
    pub(crate) fn join(mut self) -> Result<()> {
        self.reap(WaitOptions::empty())
    }

    fn reap(&mut self, options: WaitOptions) -> Result<()> {
        let mut deaths = Vec::new();
        self.workers.retain(|(worker, pid)| {
            let how = match retry_on_intr(|| waitpid(Some(*pid), options)) {
                Ok(None) => return true,
                Ok(Some((_, status))) if status.exit_status() == Some(0) => return false,
                Ok(Some((_, status))) => ExitStatus::from_raw(status.as_raw()).to_string(),
                Err(errno) => errno.to_string(),
            };
            deaths.push(format!("{worker} (process {pid}) died: {how}"));
            false
        });
        if deaths.is_empty() { Ok(()) } else { Err(deaths.join("\nbounded_queue: ").into()) }
    }
}

impl Drop for Crew {
    /// Kills the workers. Some may be at work, or hold the lock, but nobody waits for them any more.
    fn drop(&mut self) {
        for (_, pid) in &self.workers {
            // Only this process reaps the worker, so the number still belongs to it.
            let _ = kill_process(*pid, Signal::KILL);
        }
        for (_, pid) in &self.workers {
            let _ = retry_on_intr(|| waitpid(Some(*pid), WaitOptions::empty()));
        }
    }
}

/// A worker's main function.
fn live(mut lifeline: UnixStream, job: Job, buffer: &SharedBuffer) -> ! {
    // A panic must not unwind into the parent's frames.
    let life = panic::catch_unwind(panic::AssertUnwindSafe(|| {
        thread::spawn(move || {
            // Nothing is ever sent, so this sleeps until the parent closes its end, or dies.
            let _ = lifeline.read(&mut [0]);
            leave(1);
        });
        work(buffer, job)
    }));
    match life {
        Ok(Ok(())) => leave(0),
        Ok(Err(error)) => {
            complain("bounded_queue", format_args!("{}: {error}", job.worker));
            leave(1);
        }
        Err(_) => leave(101),
    }
}

/// Ends a worker without the exit handlers that its parent may have registered.
fn leave(status: i32) -> ! {
    // SAFETY: `_exit` ends this process and has no preconditions.
    unsafe { libc::_exit(status) }
}
