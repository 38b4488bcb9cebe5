//! The examples beside `race`, which has a test of its own, run as a stranger runs them: with good and bad arguments,
//! with processes that die, with Ctrl-C. They must report, end, and leave nothing behind. What is the same for all of
//! them is in `arguments.rs`.
#![cfg(target_os = "linux")]

use crate::support::runs::{Ended, Run, assert_refused, is_skipped};
use crate::support::until;
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;

const QUEUE: &str = "bounded_queue";
const INITIALIZE: &str = "initialize";
const TEARING: &str = "tearing";
const STRINGS: &str = "strings";
const RECORDS: &str = "records";
const JOBS: &str = "jobs";

const WAYS: [&str; 2] = ["Lock and two Conds", "two Semaphores and a Lock"];

/// So long that it is still running when a test has seen what it waits for.
const ENDLESS: [&str; 2] = ["--items", "10000000"];

/// A run of the queue whose four workers are at work.
fn endless_queue() -> Run {
    let mut run = Run::start(QUEUE, &ENDLESS);
    until("all workers are there", || {
        assert_eq!(run.parent.try_wait().unwrap(), None, "{}", run.read("complaints"));
        run.workers().len() == 4
    });
    run
}

#[test]
fn every_item_arrives_once_whatever_the_shape() {
    if is_skipped() {
        return;
    }
    // Producers, consumers, items of each producer, capacity.
    for shape in
        [[1, 1, 1, 1], [1, 1, 2000, 1], [2, 2, 5000, 64], [4, 1, 1000, 7], [1, 4, 1000, 7], [5, 6, 333, 100_000]]
    {
        let [producers, consumers, items, capacity] = shape.map(|number: i32| number.to_string());
        let arguments =
            ["--producers", &producers, "--consumers", &consumers, "--items", &items, "--capacity", &capacity];
        let run = Run::start(QUEUE, &arguments).end();
        run.assert_code(0);
        // Not on a terminal, nothing but the result is printed.
        assert_eq!(run.complaints, "", "{shape:?}");
        let lines: Vec<_> = run.output.lines().collect();
        let what =
            format!("producers {producers}, consumers {consumers} (processes); capacity {capacity}; items of each");
        assert!(lines[0].starts_with(&what), "{}", run.output);
        assert_eq!(lines.len(), 4, "{}", run.output);
        for (way, line) in WAYS.iter().zip(&lines[2..]) {
            assert!(line.starts_with(way) && line.contains("each item arrived once"), "{line}");
            let rate = line.strip_suffix(" items per second").and_then(|line| line.split_whitespace().last());
            assert!(rate.unwrap().parse::<f64>().unwrap() > 0.0, "{line}");
        }
    }
}

#[test]
fn a_terminal_is_shown_how_far_the_queue_is() {
    if is_skipped() {
        return;
    }
    let mut terminal = File::from(openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap());
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap().into_string().unwrap();
    let theirs = File::options().read(true).write(true).open(name).unwrap();
    let run = Run::start_with(QUEUE, &["--items", "1000"], |command| _ = command.stderr(theirs)).end();
    run.assert_code(0);
    assert!(!run.output.contains('%'), "{}", run.output);
    let mut shown = Vec::new();
    // It ends by an error, as nobody has the other end any more.
    let _ = terminal.read_to_end(&mut shown);
    let shown = String::from_utf8(shown).unwrap();
    for way in WAYS {
        assert!(shown.contains(&format!("{way}: 0 %\r")), "{shown:?}");
    }
    assert!(shown.ends_with("\r\x1b[K"), "the line is still there: {shown:?}");
}

#[test]
fn a_mistake_of_the_queue_is_found_and_not_waited_for() {
    if is_skipped() {
        return;
    }
    let mishaps = [
        ("lose", "bounded_queue: item 501 of producer 1 never arrived\n"),
        ("double", "bounded_queue: consumer 1: item 501 of producer 1 arrived twice\n"),
        ("early", "bounded_queue: consumer 1: item 501 of producer 1 arrived after item 502 of it\n"),
        ("stray", "bounded_queue: consumer 1: 2147483647 arrived, which nobody put\n"),
    ];
    for (mishap, complaint) in mishaps {
        let arguments = ["--items", "1000", "--consumers", "1"];
        let run = Run::start_with(QUEUE, &arguments, |command| _ = command.env("SLOTSYNC_QUEUE_MISHAP", mishap)).end();
        run.assert_code(1);
        assert!(run.complaints.starts_with(complaint), "{mishap}: {}", run.complaints);
        assert!(!run.output.contains("once"), "{mishap}: {}", run.output);
    }
}

#[test]
fn a_dead_producer_is_reported_not_awaited() {
    if is_skipped() {
        return;
    }
    let run = Run::start_with(QUEUE, &["--items", "1000"], |command| _ = command.env("SLOTSYNC_QUEUE_MISHAP", "die"));
    let run = run.end();
    run.assert_code(1);
    assert!(run.complaints.starts_with("bounded_queue: producer 1 (process "), "{}", run.complaints);
    assert!(run.complaints.contains("died: signal: 6 (SIGABRT)"), "{}", run.complaints);
}

#[test]
fn a_killed_worker_of_the_queue_is_reported_by_its_process_and_signal() {
    if is_skipped() {
        return;
    }
    let run = endless_queue();
    let victim = run.workers()[0];
    kill_process(victim, Signal::KILL).unwrap();
    let run = run.end();
    run.assert_code(1);
    assert!(run.complaints.contains(&format!("(process {victim}) died: signal: 9 (SIGKILL)")), "{}", run.complaints);
}

#[test]
fn workers_of_the_queue_end_with_their_parent() {
    if is_skipped() {
        return;
    }
    let signals: [fn(&Run); 2] =
        [|run| kill_process(Pid::from_child(&run.parent), Signal::KILL).unwrap(), |run| run.interrupt(Signal::INT)];
    for signal in signals {
        let mut run = endless_queue();
        signal(&run);
        run.parent.wait().unwrap();
        until("all workers have ended", || run.workers().is_empty());
        assert_eq!(run.end().code, None, "it ended by a signal");
    }
}

#[test]
fn a_bad_argument_is_refused_with_its_value_and_the_bound() {
    if is_skipped() {
        return;
    }
    let cases: [(&[&str], &[&str]); 12] = [
        (&["--producers", "0"], &["--producers", "\"0\"", "1 to 64"]),
        (&["--producers", "65"], &["\"65\"", "1 to 64"]),
        (&["--producers"], &["--producers", "1 to 64"]),
        (&["--consumers", "0"], &["--consumers", "\"0\"", "1 to 64"]),
        (&["--consumers", "many"], &["\"many\"", "1 to 64"]),
        (&["--items", "-1"], &["--items", "\"-1\"", "1 to 10000000"]),
        (&["--items", "10000001"], &["\"10000001\"", "1 to 10000000"]),
        (&["--capacity", "0"], &["--capacity", "\"0\"", "1 to 1000000"]),
        (&["--capacity", "1000001"], &["\"1000001\"", "1 to 1000000"]),
        (&["--capacity", "99999999999999999999"], &["\"99999999999999999999\"", "1 to 1000000"]),
        (&["--speed", "9"], &["\"--speed\"", "--help"]),
        (&["4"], &["\"4\"", "--help"]),
    ];
    for (arguments, words) in cases {
        assert_refused(QUEUE, arguments, words);
    }
    assert_refused(STRINGS, &["--friendly", "text"], &["\"--friendly\"", "--help"]);
    assert_refused(STRINGS, &["text", "--friendly"], &["\"--friendly\"", "--help"]);
    assert_refused(TEARING, &["--seconds", "0"], &["--seconds", "\"0\"", "1 to 600"]);
    assert_refused(TEARING, &["--seconds", "601"], &["\"601\"", "1 to 600"]);
    assert_refused(TEARING, &["--seconds"], &["--seconds", "1 to 600"]);
    assert_refused(TEARING, &["--threads"], &["\"--threads\"", "--seconds"]);
    assert_refused(INITIALIZE, &["--die"], &["\"--die\"", "--kill"]);
    assert_refused(INITIALIZE, &["--kill", "2"], &["\"2\"", "--kill"]);
    assert_refused(JOBS, &["--jobs", "0"], &["--jobs", "\"0\"", "1 to 1000"]);
    assert_refused(JOBS, &["--jobs", "1001"], &["\"1001\"", "1 to 1000"]);
    assert_refused(JOBS, &["--jobs"], &["--jobs", "1 to 1000"]);
    assert_refused(JOBS, &["5"], &["\"5\"", "--jobs"]);
}

#[test]
fn help_names_every_option() {
    if is_skipped() {
        return;
    }
    let options = ["--producers", "--consumers", "--items", "--capacity", "64", "10000000", "1000000"];
    for (name, words) in [
        (QUEUE, &options[..]),
        (INITIALIZE, &["--kill"]),
        (TEARING, &["--seconds", "600", "10"]),
        (STRINGS, &["--hostile", "256"]),
        (JOBS, &["--jobs", "1000"]),
    ] {
        let run = Run::start(name, &["--help"]).end();
        run.assert_code(0);
        for word in words {
            assert!(run.output.contains(word), "{name}: no {word:?} in {}", run.output);
        }
    }
}

/// Each process says once how it found the segment, and `ready` of them found it ready.
fn assert_one_initialized(run: &Ended, ready: usize) {
    run.assert_code(0);
    assert_eq!(run.complaints, "");
    let count =
        |ending| run.output.lines().filter(|line| line.starts_with("process ") && line.ends_with(ending)).count();
    assert_eq!(count(" initialized the segment"), 1, "{}", run.output);
    assert_eq!(count(" found the segment ready"), ready, "{}", run.output);
    let result = format!("one process has initialized the segment, and {ready} found it ready");
    assert_eq!(run.output.lines().last(), Some(&*result));
}

#[test]
fn one_of_the_processes_initializes_the_segment() {
    if is_skipped() {
        return;
    }
    for _ in 0..20 {
        let run = Run::start(INITIALIZE, &[]).end();
        assert_one_initialized(&run, 3);
        assert_eq!(run.output.lines().count(), 5, "{}", run.output);
    }
}

#[test]
fn another_initializes_the_segment_after_a_kill_half_way() {
    if is_skipped() {
        return;
    }
    for _ in 0..5 {
        let run = Run::start(INITIALIZE, &["--kill"]).end();
        assert_one_initialized(&run, 2);
        let lines: Vec<_> = run.output.lines().collect();
        let killed = lines.iter().find(|line| line.ends_with("killed and reaped it: signal: 9 (SIGKILL)"));
        let victim: String = killed.expect("a line about the kill").split(' ').take(2).collect::<Vec<_>>().join(" ");
        // The dead one says nothing; each other one that it has waited, and then how it found the segment.
        let says = |who: &str| lines.iter().filter(|line| line.starts_with(who) && Some(*line) != killed).count();
        for process in 1..=4 {
            let process = format!("process {process}");
            assert_eq!(says(&process), if process == victim { 0 } else { 2 }, "{process}: {}", run.output);
        }
        let place = |words| lines.iter().position(|line| line.contains(words)).expect(words);
        assert!(place("has waited") < place("resets the once"), "{}", run.output);
        assert!(place("resets the once") < place(" initialized the segment"), "{}", run.output);
    }
}

#[test]
fn an_interrupt_leaves_no_segment() {
    if is_skipped() {
        return;
    }
    for signal in [Signal::INT, Signal::TERM] {
        // Between the look at the name and the signal it may end: then the run has tested something else.
        until("an interrupt comes in time", || {
            let mut run = Run::start(INITIALIZE, &["--kill"]);
            let mut has_ended = false;
            until("there is a name, or no run any more", || {
                has_ended = run.parent.try_wait().unwrap().is_some();
                has_ended || !run.leftovers().is_empty()
            });
            // If it has ended, but nobody has asked how, then its number is still its own.
            if !has_ended {
                run.interrupt(signal);
            }
            run.end().code == Some(130)
        });
    }
}

#[test]
fn an_error_leaves_nothing() {
    if is_skipped() {
        return;
    }
    let records = cfg!(feature = "guarded").then_some(RECORDS);
    let names = [QUEUE, INITIALIZE, TEARING, STRINGS, JOBS].into_iter().chain(records);
    for (name, arguments) in names.flat_map(|name| [(name, &[][..]), (name, &["--help"])]) {
        // Nothing can be printed.
        let full = File::create("/dev/full").unwrap();
        let run = Run::start_with(name, arguments, |command| _ = command.stdout(full)).end();
        run.assert_code(1);
        assert!(run.complaints.contains("No space left"), "{}", run.complaints);
        assert!(!run.complaints.contains("panicked"), "{}", run.complaints);
    }
}

/// What the parent made stays, if it is killed; but nobody sleeps for ever on a lock that it alone would unlock.
#[cfg(feature = "guarded")]
#[test]
fn one_that_waits_for_a_dead_ones_lock_gives_up_when_the_parent_is_gone_too() {
    if is_skipped() {
        return;
    }
    let mut run = Run::start(RECORDS, &[]);
    until("there are processes", || run.workers().len() == 4 || run.parent.try_wait().unwrap().is_some());
    run.parent.kill().unwrap();
    run.parent.wait().unwrap();
    // A process that has not come to it yet does not find it, and ends.
    for left in run.leftovers() {
        std::fs::remove_file(left).unwrap();
    }
    until("the others have given up", || run.workers().is_empty());
    run.end();
}

#[cfg(feature = "guarded")]
#[test]
fn no_money_is_lost_though_one_dies_in_the_middle_of_a_transfer() {
    if is_skipped() {
        return;
    }
    for _ in 0..3 {
        let run = Run::start(RECORDS, &[]).end();
        run.assert_code(0);
        assert_eq!(run.complaints, "");
        let place = |words| run.output.lines().position(|line| line.contains(words)).expect(words);
        assert!(place("process 2 died in the middle of a transfer") < place("account  balance"), "{}", run.output);
        let reports = run.output.lines().filter(|line| line.ends_with("were refused"));
        assert_eq!(reports.count(), 3, "{}", run.output);
        assert!(run.output.lines().last().unwrap().starts_with("all money is there after "), "{}", run.output);
    }
    assert_refused(RECORDS, &["--kill"], &["\"--kill\"", "--help"]);
    let help = Run::start(RECORDS, &["--help"]).end();
    help.assert_code(0);
    assert!(help.output.contains("--features guarded"), "{}", help.output);
}

/// Luck is needed for the mixtures; the time is such that it never fails to come.
#[test]
fn a_view_is_seen_to_tear_and_an_array_is_not() {
    if is_skipped() {
        return;
    }
    let run = Run::start(TEARING, &["--seconds", "60"]).end();
    run.assert_code(0);
    assert_eq!(run.complaints, "");
    let lines: Vec<Vec<_>> = run.output.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines.len(), 6, "{}", run.output);
    for (place, agents) in [(1, "threads"), (3, "processes")] {
        let [view, array] = &lines[place..place + 2] else { unreachable!() };
        assert_eq!((&view[..3], &array[..3]), (&["two", agents, "DataView"][..], &["two", agents, "TypedArray"][..]));
        let number = |text: &str| text.parse::<u64>().unwrap();
        assert!(number(view[3]) >= 200_000 && number(view[4]) > 0, "{}", run.output);
        assert!(number(array[3]) >= 200_000 && number(array[4]) == 0, "{}", run.output);
        let example = u64::from_str_radix(view[5].strip_prefix("0x").unwrap(), 16).unwrap();
        assert!(example.to_ne_bytes().iter().all(|byte| [0, 0xff].contains(byte)), "{example:x}");
    }
    assert!(run.output.ends_with("through the array, none\n"), "{}", run.output);
}

#[test]
fn text_goes_to_another_process_and_comes_back() {
    if is_skipped() {
        return;
    }
    let longest = "ß".repeat(128);
    let cases: [&[&str]; 4] = [&[], &["Grüße", "日本", "", "🔒 a"], &[&longest, "x", &longest], &["--", "--help"]];
    for texts in cases {
        let run = Run::start(STRINGS, texts).end();
        run.assert_code(0);
        assert_eq!(run.complaints, "");
        let mut lines = run.output.lines();
        for text in texts.iter().filter(|text| **text != "--") {
            let answer: String = text.chars().rev().collect();
            assert_eq!(lines.next().unwrap(), format!("sent {} bytes: {text:?}", text.len()));
            assert_eq!(lines.next().unwrap(), format!("the child answered {} bytes: {answer:?}", text.len()));
        }
        assert_eq!(lines.count(), if texts.is_empty() { 8 } else { 0 }, "{}", run.output);
    }
}

#[test]
fn a_text_without_room_is_not_sent() {
    if is_skipped() {
        return;
    }
    // Of as many characters as there is room for bytes.
    let run = Run::start(STRINGS, &["x", &"ß".repeat(256), "y"]).end();
    run.assert_code(1);
    assert_eq!(run.complaints, "strings: a text of 512 bytes is too long: there is room for 256\n");
    assert_eq!(run.output.lines().count(), 2, "of the one before: {}", run.output);
    let not_utf8 = OsStr::from_bytes(b"no\xfftext");
    let run = Run::start_with(STRINGS, &[], |command| _ = command.arg(not_utf8)).end();
    run.assert_code(2);
    assert_eq!((&*run.output, &*run.complaints), ("", "strings: \"no\\xFFtext\" is not UTF-8\n"));
}

#[test]
fn what_is_no_text_is_refused_by_who_receives_it() {
    if is_skipped() {
        return;
    }
    let run = Run::start(STRINGS, &["--hostile"]).end();
    run.assert_code(1);
    assert_eq!(run.complaints, "strings: 4 of 4 answers were refused\n");
    let refused: Vec<_> = run.output.lines().filter_map(|line| line.strip_prefix("the child's answer was ")).collect();
    let expected = [
        "refused: its length is 257 bytes, but there is room for 256",
        "refused: its length is -1 bytes, but there is room for 256",
        "refused: its bytes are not UTF-8 from byte 4 of 5 on",
        "refused: its bytes are not UTF-8 from byte 2 of 6 on",
    ];
    assert_eq!(refused, expected);
    // The option may come behind a text, but not behind `--`.
    let run = Run::start(STRINGS, &["text", "--hostile"]).end();
    run.assert_code(1);
    assert_eq!(run.complaints, "strings: 1 of 1 answers were refused\n");
    let run = Run::start(STRINGS, &["--", "--hostile"]).end();
    run.assert_code(0);
    assert!(run.output.ends_with("the child answered 9 bytes: \"elitsoh--\"\n"), "{}", run.output);
}

#[test]
fn one_that_waits_for_an_answer_hears_of_a_death_and_of_an_interrupt() {
    if is_skipped() {
        return;
    }
    // More than fits into the pair of sockets that the parent prints to: it goes on when we read.
    let texts = ["x"; 20_000];
    let run = |mishap: fn(&Run)| {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        let run = Run::start_with(STRINGS, &texts, |command| _ = command.stdout(OwnedFd::from(theirs)));
        until("there is a child", || run.workers().len() == 1);
        mishap(&run);
        io::copy(&mut ours, &mut io::sink()).unwrap();
        run.end()
    };
    let killed = run(|run| kill_process(run.workers()[0], Signal::KILL).unwrap());
    killed.assert_code(1);
    assert_eq!(killed.complaints, "strings: the child died: signal: 9 (SIGKILL)\n");
    // It may be told late.
    until("an interrupt comes in time", || run(|run| run.interrupt(Signal::INT)).code == Some(130));
}

#[test]
fn each_queue_does_its_jobs_in_order_and_a_held_one_waits() {
    if is_skipped() {
        return;
    }
    let runs: [(&[&str], usize); 4] =
        [(&[], 3), (&["--jobs", "1"], 1), (&["--jobs", "7"], 7), (&["--jobs", "1000"], 1000)];
    for (arguments, jobs) in runs {
        for _ in 0..5 {
            let run = Run::start(JOBS, arguments).end();
            run.assert_code(0);
            assert_eq!(run.complaints, "");
            let lines: Vec<_> = run.output.lines().collect();
            assert_eq!(lines.len(), 2 * jobs + 4, "{}", run.output);
            assert_eq!(lines[0], "print: locked by the main thread");
            assert_eq!(lines.last(), Some(&&*format!("print: all {jobs} jobs were done")));

            let done = |name: &str| -> Vec<(usize, usize)> {
                let job = |line: &str| line.strip_prefix(name)?.strip_prefix(": job ")?.parse().ok();
                lines.iter().enumerate().filter_map(|(place, line)| Some((place, job(line)?))).collect()
            };
            let (mail, print) = (done("mail"), done("print"));
            for done in [&mail, &print] {
                assert!(done.iter().map(|(_, job)| *job).eq(1..=jobs), "{}", run.output);
            }
            // The other queue may still be at work then.
            let end = format!("mail: all {jobs} jobs were done");
            let end = lines.iter().position(|line| *line == end).expect("a line about the end");
            assert!(end > mail[jobs - 1].0, "{}", run.output);
            let unlocked = lines.iter().position(|line| *line == "print: inspected and unlocked by another thread");
            let unlocked = unlocked.expect("a line about the guard");
            assert!(unlocked < print[0].0, "{}", run.output);
            // Of the other queue all jobs were put before, so that all but those in its two places, and one in the
            // worker's hands, were done.
            assert!(mail.iter().filter(|(place, _)| *place < unlocked).count() + 3 >= jobs, "{}", run.output);
        }
    }
}
