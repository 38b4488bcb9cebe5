//! The workers as processes, made by `fork`: they have the memory from their birth, and nobody is left over when
//! somebody dies.

use crate::Failure;
use crate::work::{Job, Worker, work};
use rustix::io::retry_on_intr;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use slotsync::{Error, SharedBuffer};
use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::{panic, thread};

pub(crate) const AGENTS: &str = "processes";

/// Has neither a name nor a descriptor, so there is nothing to clean up, however this program ends.
pub(crate) fn memory(bytes: usize) -> Result<SharedBuffer, Error> {
    SharedBuffer::anonymous(bytes)
}

/// All the workers. Nothing of them is left when it is dropped.
pub(crate) struct Crew {
    workers: Vec<(Worker, Pid)>,
    /// Our end of a pair of sockets. Each worker has a thread that sleeps on the other end, and ends the worker when
    /// ours closes: so they end with this process, in whatever way that dies.
    _lifeline: UnixStream,
}

impl Crew {
    /// Splits this process once for each job.
    pub(crate) fn start(jobs: impl Iterator<Item = Job>, buffer: &SharedBuffer) -> io::Result<Self> {
        let (lifeline, theirs) = UnixStream::pair()?;
        let mut crew = Self { workers: Vec::new(), _lifeline: lifeline };
        for job in jobs {
            // SAFETY: this process has no other thread, whose locks the child would inherit without their owner. So the
            // child may do whatever this process may.
            match unsafe { libc::fork() } {
                0 => {
                    // Workers to kill, and our end of the lifeline, are the parent's alone.
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

    /// An error if any has died.
    pub(crate) fn check(&mut self) -> Result<(), Failure> {
        self.reap(WaitOptions::NOHANG)
    }

    /// Waits until all have ended.
    pub(crate) fn join(mut self) -> Result<(), Failure> {
        self.reap(WaitOptions::empty())
    }

    fn reap(&mut self, options: WaitOptions) -> Result<(), Failure> {
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
        if deaths.is_empty() { Ok(()) } else { Err(Failure(deaths.join("\nbounded_queue: "))) }
    }
}

impl Drop for Crew {
    /// However it came to this, the workers are of no more use: even a lock that one of them holds is not waited for.
    fn drop(&mut self) {
        for (_, pid) in &self.workers {
            // Nobody else reaps them, so the number is still theirs.
            let _ = kill_process(*pid, Signal::KILL);
        }
        for (_, pid) in &self.workers {
            let _ = retry_on_intr(|| waitpid(Some(*pid), WaitOptions::empty()));
        }
    }
}

fn live(mut lifeline: UnixStream, job: Job, buffer: &SharedBuffer) -> ! {
    // A panic must not unwind into what the parent was doing.
    let life = panic::catch_unwind(panic::AssertUnwindSafe(|| {
        thread::spawn(move || {
            // Nothing is ever sent: this sleeps until the parent closes its end, or dies.
            let _ = lifeline.read(&mut [0]);
            leave(1);
        });
        work(buffer, job)
    }));
    match life {
        Ok(Ok(())) => leave(0),
        Ok(Err(Failure(reason))) => {
            eprintln!("bounded_queue: {}: {reason}", job.worker);
            leave(1);
        }
        Err(_) => leave(101),
    }
}

/// Ends a worker, and runs nothing that its parent may have registered for its own exit.
fn leave(status: i32) -> ! {
    // SAFETY: `_exit` ends this process and asks nothing of its caller.
    unsafe { libc::_exit(status) }
}
