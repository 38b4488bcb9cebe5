//! The command line.

use std::ffi::OsString;

pub(crate) const HELP: &str = "\
Workers add to the same slot of shared memory, in four ways. Two of the ways lose updates.

usage: cargo run --release --example race -- [options]

  --workers N      how many workers race: 1 to 128, else 4
  --increments N   how often each adds 1: 1 to 100000000, else 10000000;
                   all together 2147483647 times at most, which is as far as a slot counts
  --origin ORIGIN  where the shared memory comes from: else memfd (on macOS named; for threads heap)
      memfd        it has no name: each worker is sent a descriptor (not on macOS)
      named        a POSIX shared memory object: each worker is sent its name
      file         a file in the temporary folder: each worker is sent its path
      anonymous    neither name nor descriptor, so only a fork can hand it on: here the workers are
                   forked, where else they are new processes that share nothing until they are sent it
      heap         of this process alone: only with --threads
  --threads        the workers are threads, not processes (on Windows they always are)
  --help           this text

Exit status: 0; 1 if fetch_add or the Lock lost an update, a worker died, or the system refused
something; 2 for a bad argument; 130 after Ctrl-C.
";

/// Each costs the parent a descriptor, of which some systems allow 256.
const MAX_WORKERS: i32 = 128;
const MAX_INCREMENTS: i32 = 100_000_000;

pub(crate) struct Options {
    pub(crate) workers: i32,
    pub(crate) increments: i32,
    pub(crate) origin: Origin,
    pub(crate) threads: bool,
}

impl Options {
    /// What the slot must hold in the end. That it can is checked by `parse`.
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

/// `None` is a call for help. An error is a complaint that names the value and the bound.
pub(crate) fn parse(mut arguments: impl Iterator<Item = OsString>) -> Result<Option<Options>, String> {
    let mut options = Options { workers: 4, increments: 10_000_000, origin: Origin::Heap, threads: !cfg!(unix) };
    let mut origin = None;
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("--workers") => options.workers = parse_number("--workers", arguments.next(), MAX_WORKERS)?,
            Some("--increments") => {
                options.increments = parse_number("--increments", arguments.next(), MAX_INCREMENTS)?;
            }
            Some("--origin") => origin = Some(parse_origin(arguments.next())?),
            Some("--threads") => options.threads = true,
            Some("--help" | "-h") => return Ok(None),
            _ => return Err(format!("{argument:?} is not an option; --help lists them")),
        }
    }
    let Options { workers, increments, threads, .. } = options;
    if workers.checked_mul(increments).is_none() {
        let total = i64::from(workers) * i64::from(increments);
        return Err(format!("{workers} workers times {increments} is {total}, but a slot counts to {}", i32::MAX));
    }
    options.origin = match origin {
        None if threads => Origin::Heap,
        None if cfg!(target_os = "macos") => Origin::Named,
        None => Origin::Memfd,
        Some(Origin::Heap) if !threads => return Err("--origin \"heap\" is for threads only: add --threads".into()),
        Some(origin) => origin,
    };
    Ok(Some(options))
}

fn parse_number(option: &str, value: Option<OsString>, max: i32) -> Result<i32, String> {
    let value = value.ok_or_else(|| format!("{option} needs a number from 1 to {max}"))?;
    let number = value.to_str().and_then(|digits| digits.parse().ok());
    let in_bounds = number.filter(|number| (1..=max).contains(number));
    in_bounds.ok_or_else(|| format!("{option} {value:?} is not a number from 1 to {max}"))
}

fn parse_origin(value: Option<OsString>) -> Result<Origin, String> {
    let all = Origin::ALL.map(Origin::name).join(", ");
    let value = value.ok_or_else(|| format!("--origin needs one of {all}"))?;
    let origin = Origin::ALL.into_iter().find(|origin| value == origin.name());
    origin.ok_or_else(|| format!("--origin {value:?} is not one of {all}"))
}
