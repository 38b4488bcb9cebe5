//! The conventions that all examples share: how they take arguments, ask for help, refuse, and end without a reader.
#![cfg(target_os = "linux")]

use crate::support::runs::{Ended, Run, is_skipped};
use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;

/// An example with a run of it that is short, in which every option that takes a value has one.
struct Example {
    name: &'static str,
    /// What cargo needs beside the name.
    features: &'static str,
    short: &'static [&'static str],
}

const EXAMPLES: &[Example] = &[
    Example { name: "race", features: "", short: &["--workers", "2", "--increments", "1000", "--origin", "file"] },
    Example {
        name: "bounded_queue",
        features: "",
        short: &["--producers", "3", "--consumers", "1", "--items", "100", "--capacity", "5"],
    },
    Example { name: "initialize", features: "", short: &[] },
    Example { name: "tearing", features: "", short: &["--seconds", "60"] },
    Example { name: "strings", features: "", short: &["one text"] },
    Example { name: "jobs", features: "", short: &["--jobs", "4"] },
    #[cfg(feature = "guarded")]
    Example { name: "records", features: " --features guarded", short: &[] },
];

/// The options that take no value, beside `--help`.
const FLAGS: &[(&str, &str)] = &[("race", "--threads"), ("initialize", "--kill"), ("strings", "--hostile")];

#[test]
fn every_example_is_tested() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        // One is a module of the others, and one is a library.
        let is_program = !["common", "posix"].contains(&&*name);
        let needs_more = name == "records" && cfg!(not(feature = "guarded"));
        let is_tested = EXAMPLES.iter().any(|example| example.name == name);
        assert!(is_tested || needs_more || !is_program, "{name} is in no test");
    }
}

#[test]
fn every_example_prints_its_help() {
    if is_skipped() {
        return;
    }
    for Example { name, features, short } in EXAMPLES {
        let help = Run::start(name, &["--help"]).end();
        help.assert_code(0);
        assert_eq!(help.complaints, "", "{name}");
        let usage = format!("usage: cargo run --release{features} --example {name}");
        let text = help.output.split_whitespace().collect::<Vec<_>>().join(" ");
        for words in [&*usage, "-h, --help print this text", "Exit status: 0; 1 if ", "; 2 for a wrong argument"] {
            assert!(text.contains(words), "{name}: no {words:?} in {}", help.output);
        }
        // Behind other options, too.
        for arguments in [&["-h"], &[short, &["--help"][..]].concat()[..], &[short, &["-h"][..]].concat()[..]] {
            let run = Run::start(name, arguments).end();
            run.assert_code(0);
            assert_eq!((run.output, run.complaints), (help.output.clone(), String::new()), "{name} {arguments:?}");
        }
    }
}

/// Nothing is printed but one line about the argument, which begins with the name of the program.
fn assert_one_line(run: &Ended, name: &str, argument: &str) {
    run.assert_code(2);
    assert_eq!(run.output, "", "{name} {argument:?}");
    let lines: Vec<_> = run.complaints.lines().collect();
    let [line] = lines[..] else { panic!("{name} {argument:?} brings other than one line: {}", run.complaints) };
    assert!(line.starts_with(&format!("{name}: ")) && line.contains(argument), "{argument:?}: {line}");
}

#[test]
fn every_example_refuses_a_bad_option_in_one_line_that_names_it() {
    if is_skipped() {
        return;
    }
    for Example { name, short, .. } in EXAMPLES {
        for bad in ["--no-such-option", "--no-such-option=5", "-x", "-xh", "-"] {
            let named = match bad {
                "-xh" => "-x",
                bad => bad.strip_suffix("=5").unwrap_or(bad),
            };
            // A single dash is a text.
            if bad == "-" && *name == "strings" {
                continue;
            }
            for arguments in [vec![bad], [short, &[bad][..]].concat()] {
                let run = Run::start(name, &arguments).end();
                assert_one_line(&run, name, &format!("\"{named}\""));
                assert!(run.complaints.contains("--help"), "{name} {bad}: {}", run.complaints);
            }
        }
        let run = Run::start_with(name, &[], |command| _ = command.arg(OsStr::from_bytes(b"no\xfftext"))).end();
        assert_one_line(&run, name, "\"no\\xFFtext\"");
    }
}

#[test]
fn an_option_without_a_value_takes_none() {
    if is_skipped() {
        return;
    }
    for (name, flag) in FLAGS {
        let run = Run::start(name, &[&format!("{flag}=yes")]).end();
        assert_one_line(&run, name, &format!("{flag} takes no value, but it was given \"yes\""));
    }
}

/// The options of an example, each with its value.
fn options(example: &Example) -> impl Iterator<Item = [&'static str; 2]> {
    example.short.chunks(2).filter(|pair| pair[0].starts_with("--")).map(|pair| [pair[0], pair[1]])
}

#[test]
fn every_option_takes_its_value_behind_an_equals_sign() {
    if is_skipped() {
        return;
    }
    for example in EXAMPLES.iter().filter(|example| options(example).count() > 0) {
        let name = example.name;
        let joined: Vec<_> = options(example).map(|[option, value]| format!("{option}={value}")).collect();
        let joined: Vec<_> = joined.iter().map(String::as_str).collect();
        let [apart, joined] = [example.short, &joined].map(|arguments| {
            let run = Run::start(name, arguments).end();
            run.assert_code(0);
            assert_eq!(run.complaints, "", "{name} {arguments:?}");
            run
        });
        // The first line says what was asked for.
        assert_eq!(apart.output.lines().next(), joined.output.lines().next(), "{name}");
        // What is wrong is the value alone, and the same as without the sign.
        for [option, _] in options(example) {
            let joined = Run::start(name, &[&format!("{option}=nothing")]).end();
            assert_one_line(&joined, name, &format!("{option} \"nothing\" is not "));
            let apart = Run::start(name, &[option, "nothing"]).end();
            assert_eq!(apart.complaints, joined.complaints);
            assert_one_line(&Run::start(name, &[&format!("{option}=")]).end(), name, &format!("{option} \"\" is not "));
        }
    }
}

/// As before `| head`, which has gone.
#[test]
fn every_example_ends_quietly_if_nobody_reads_what_it_prints() {
    if is_skipped() {
        return;
    }
    for Example { name, short, .. } in EXAMPLES {
        for arguments in [short, &["--help"][..]] {
            let (ours, theirs) = UnixStream::pair().unwrap();
            drop(ours);
            let run = Run::start_with(name, arguments, |command| _ = command.stdout(OwnedFd::from(theirs))).end();
            run.assert_code(0);
            assert_eq!(run.complaints, "", "{name} {arguments:?}");
        }
    }
}

/// As after `>&-`. What the program opens then must not be taken for its output.
#[allow(unsafe_code, reason = "a descriptor is closed between fork and exec")]
#[test]
fn every_example_runs_with_its_output_closed() {
    if is_skipped() {
        return;
    }
    for Example { name, short, .. } in EXAMPLES {
        let run = Run::start_with(name, short, |command| {
            // SAFETY: between fork and exec it makes one system call, which is async-signal-safe.
            unsafe {
                command.pre_exec(|| {
                    libc::close(1);
                    Ok(())
                })
            };
        });
        let run = run.end();
        run.assert_code(0);
        assert_eq!((&*run.output, &*run.complaints), ("", ""), "{name}");
    }
}
