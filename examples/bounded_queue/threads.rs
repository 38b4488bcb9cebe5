//! The workers as threads, for platforms whose futex knows one process only.

use crate::Failure;
use crate::work::{Job, Worker, work};
use slotsync::{Error, SharedBuffer};
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

pub(crate) const AGENTS: &str = "threads";

pub(crate) fn memory(bytes: usize) -> Result<SharedBuffer, Error> {
    SharedBuffer::new(bytes)
}

/// All the workers. Not scoped threads, which would have to be waited for: after a failure these end with the process.
pub(crate) struct Crew(Vec<(Worker, JoinHandle<Result<(), Failure>>)>);

impl Crew {
    pub(crate) fn start(jobs: impl Iterator<Item = Job>, buffer: &Arc<SharedBuffer>) -> io::Result<Self> {
        let start = |job: Job| {
            let buffer = Arc::clone(buffer);
            Ok((job.worker, thread::Builder::new().spawn(move || work(&buffer, job))?))
        };
        Ok(Self(jobs.map(start).collect::<io::Result<_>>()?))
    }

    /// An error if any has failed.
    pub(crate) fn check(&mut self) -> Result<(), Failure> {
        while let Some(finished) = self.0.iter().position(|(_, thread)| thread.is_finished()) {
            end(self.0.swap_remove(finished))?;
        }
        Ok(())
    }

    /// Waits until all have ended.
    pub(crate) fn join(self) -> Result<(), Failure> {
        self.0.into_iter().try_for_each(end)
    }
}

fn end((worker, thread): (Worker, JoinHandle<Result<(), Failure>>)) -> Result<(), Failure> {
    let outcome = thread.join().map_err(|_| Failure(format!("{worker} panicked")))?;
    outcome.map_err(|Failure(reason)| Failure(format!("{worker}: {reason}")))
}
