//! The workers as threads, for platforms whose futex works within one process only.

use crate::common::Result;
use crate::work::{Job, Worker, work};
use slotsync::{MemoryError, SharedBuffer};
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

pub(crate) const AGENTS: &str = "threads";

pub(crate) fn memory(bytes: usize) -> Result<SharedBuffer, MemoryError> {
    SharedBuffer::new(bytes)
}

/// All the workers. They are not scoped threads, because a scope waits for its threads: after a failure these end with
/// the process.
pub(crate) struct Crew(Vec<(Worker, JoinHandle<Result<()>>)>);

impl Crew {
    pub(crate) fn start(jobs: impl Iterator<Item = Job>, buffer: &Arc<SharedBuffer>) -> io::Result<Self> {
        let start = |job: Job| {
            let buffer = Arc::clone(buffer);
            Ok((job.worker, thread::Builder::new().spawn(move || work(&buffer, job))?))
        };
        Ok(Self(jobs.map(start).collect::<io::Result<_>>()?))
    }

    /// Returns an error if a worker has failed.
    pub(crate) fn check(&mut self) -> Result<()> {
        while let Some(finished) = self.0.iter().position(|(_, thread)| thread.is_finished()) {
            end(self.0.swap_remove(finished))?;
        }
        Ok(())
    }

    /// Waits until all workers have ended. Returns an error if one has failed.
    pub(crate) fn join(self) -> Result<()> {
        self.0.into_iter().try_for_each(end)
    }
}

fn end((worker, thread): (Worker, JoinHandle<Result<()>>)) -> Result<()> {
    let outcome = thread.join().map_err(|_| format!("{worker} panicked"))?;
    Ok(outcome.map_err(|error| format!("{worker}: {error}"))?)
}
