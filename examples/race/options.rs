//! The command line.

use crate::common::{Stop, args};
use lexopt::Arg::{Long, Short};

const HELP: &str = "\
Workers add to the same slot of shared memory, in four ways. Two of the ways lose updates.

usage: cargo run --release --example race -- [OPTIONS]

  --workers N      how many workers race: 1 to 128, by default 4
  --increments N   how often each worker adds 1: 1 to 100000000, by default 10000000; all together at
                   most 2147483647 times, which is as far as a slot counts
  --origin ORIGIN  where the shared memory comes from: by default memfd (on macOS named), and for
                   threads heap
      memfd        it has no name: each worker is sent a descriptor (not on macOS)
      named        a POSIX shared memory object: each worker is sent its name
      file         a file in the temporary folder: each worker is sent its path
      anonymous    neither a name nor a descriptor, so only a fork can hand it on: the workers are
                   forked; otherwise they are new processes that are sent the memory
      heap         memory of this process alone: only with --threads
  --threads        the workers are threads, not processes (on Windows they always are)
  -h, --help       print this text

Exit status: 0; 1 if fetch_add or the Lock lost an update, a worker died, or the system refused
something; 2 for a wrong argument; 130 after Ctrl-C.
";

/// Each worker costs the parent a descriptor, and some systems allow 256.
const MAX_WORKERS: i32 = 128;
const MAX_INCREMENTS: i32 = 100_000_000;

pub(crate) struct Options {
    pub(crate) workers: i32,
    pub(crate) increments: i32,
    pub(crate) origin: Origin,
    pub(crate) threads: bool,
}

impl Options {
    /// What the slot must hold in the end. `parse` checks that it can.
    pub(crate) fn expected(&self) -> i32 {
        self.workers * self.increments
    }
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Origin {
    Memfd,
    Named,
    File,
    Anonymous,
    Heap,
}

impl Origin {
    const ALL: [Self; 5] = [Self::Memfd, Self::Named, Self::File, Self::Anonymous, Self::Heap];

    pub(crate) fn name(self) -> &'static str {
        ["memfd", "named", "file", "anonymous", "heap"][self as usize]
    }
}

pub(crate) fn parse() -> Result<Options, Stop> {
    let mut options = Options { workers: 4, increments: 10_000_000, origin: Origin::Heap, threads: !cfg!(unix) };
    let mut origin = None;
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("workers") => options.workers = args::number(&mut parser, "--workers", 1..=MAX_WORKERS)?,
            Long("increments") => options.increments = args::number(&mut parser, "--increments", 1..=MAX_INCREMENTS)?,
            Long("origin") => origin = Some(parse_origin(&mut parser)?),
            Long("threads") => options.threads = true,
            Short('h') | Long("help") => return Err(Stop::Help(HELP)),
            argument => return Err(args::unknown(argument, "--workers, --increments, --origin, --threads, --help")),
        }
    }
    let Options { workers, increments, threads, .. } = options;
    if workers.checked_mul(increments).is_none() {
        let total = i64::from(workers) * i64::from(increments);
        let max = i32::MAX;
        return Err(Stop::Usage(format!(
            "{workers} workers times {increments} is {total}, but a slot counts to {max}"
        )));
    }
    options.origin = match origin {
        None if threads => Origin::Heap,
        None if cfg!(target_os = "macos") => Origin::Named,
        None => Origin::Memfd,
        Some(Origin::Heap) if !threads => {
            return Err(Stop::Usage("--origin \"heap\" is for threads only: add --threads".into()));
        }
        Some(origin) => origin,
    };
    Ok(options)
}

fn parse_origin(parser: &mut lexopt::Parser) -> Result<Origin, Stop> {
    let allowed = format!("one of {}", Origin::ALL.map(Origin::name).join(", "));
    let value = args::value(parser, "--origin", &allowed)?;
    let origin = Origin::ALL.into_iter().find(|origin| value == origin.name());
    origin.ok_or_else(|| Stop::Usage(format!("--origin {value:?} is not {allowed}")))
}
