//! The pages held to the crate: the tables of `docs/src/abi.md` are run row by row, the links of all pages are followed.
//!
//! A table is marked for this by a comment above it: `<!-- checked: name -->`.
#![cfg(not(loom))]

mod support;

use slotsync::{Error, Lock, LockGuard, SharedBuffer, Slot};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::Duration;
use std::{fs, mem, thread};
use support::{Watchdog, until};

#[test]
fn the_table_of_primitives_is_true() {
    let Some(abi) = page("abi.md") else { return };
    let primitives = [("`Lock`", Lock::SLOTS, "unlocked")];
    let rows = primitives
        .map(|(name, slots, zeros)| [name, &slots.to_string(), &(4 * slots).to_string(), zeros].map(str::to_owned));
    assert_eq!(table(&abi, "primitives"), rows);
}

#[test]
fn fresh_memory_is_an_unlocked_lock() {
    let buffer = SharedBuffer::new(4 * Lock::SLOTS).unwrap();
    assert_eq!(word(&buffer).load(Relaxed), 0);
    assert!(!Lock::new(&buffer, 0).unwrap().is_locked());
}

#[test]
fn the_states_of_a_lock_are_those_of_the_table() {
    let Some(abi) = page("abi.md") else { return };
    let rows = table(&abi, "lock states");
    let words: Vec<_> = rows.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(words, ["0", "1", "2", "other"]);
    for row in &rows {
        for value in values(&row[0]) {
            let buffer = holding(value);
            assert_eq!(Lock::new(&buffer, 0).unwrap().is_locked(), row[2] == "yes", "{value}");
        }
    }
}

#[test]
fn every_transition_of_a_lock_is_that_of_the_table() {
    let _watchdog = Watchdog::new("every_transition_of_a_lock_is_that_of_the_table");
    let Some(abi) = page("abi.md") else { return };
    let mut seen: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in table(&abi, "lock transitions") {
        let [call, before, after, answer, _] = &row[..] else { panic!("five columns, but {row:?}") };
        for value in values(before) {
            let buffer = holding(value);
            let answered = make(call, &buffer);
            let expected = if after == "same" { value } else { after.parse().unwrap() };
            assert_eq!((word(&buffer).load(Relaxed), answered), (expected, answer.as_str()), "{call} on {value}");
        }
        seen.entry(call.clone()).or_default().push(before.clone());
    }

    let any = ["0", "1", "2", "other"];
    let whole: [(&str, &[&str]); 7] = [
        ("`initialize`", &any),
        ("`try_lock`", &any),
        ("`unlock`", &any),
        ("`lock` at once", &any[..1]),
        ("`lock` after a sleep", &any[..1]),
        ("`lock_for` at once", &any[..1]),
        ("`lock_for` that gives up", &any[1..]),
    ];
    let seen: Vec<_> = seen.iter().map(|(call, befores)| (call.as_str(), befores)).collect();
    assert_eq!(seen.len(), whole.len(), "the calls of the table: {seen:?}");
    for (call, befores) in whole {
        assert!(seen.iter().any(|(seen, found)| *seen == call && *found == befores), "{call}: {befores:?}");
    }
}

/// Makes the call on the lock in slot 0 and says how it answered. What it takes it keeps.
fn make(call: &str, buffer: &SharedBuffer) -> &'static str {
    let lock = Lock::new(buffer, 0).unwrap();
    match call {
        "`initialize`" => {
            Lock::initialize(buffer, 0).unwrap();
            "a handle"
        }
        "`try_lock`" => taken(lock.try_lock()),
        "`lock` at once" => taken(Some(lock.lock())),
        "`lock_for` at once" => taken(lock.lock_for(Duration::from_millis(1))),
        "`lock` after a sleep" => {
            mem::forget(lock.lock());
            thread::scope(|threads| {
                threads.spawn(move || mem::forget(lock.lock()));
                until("the waiter leaves its mark", || word(buffer).load(Relaxed) == 2);
                lock.unlock().unwrap();
            });
            "a guard"
        }
        "`lock_for` that gives up" => {
            // If this thread loses its processor for the millisecond, the deadline has passed before the call looks at
            // the lock a second time, and then it leaves no mark.
            for _ in 0..1000 {
                if taken(lock.lock_for(Duration::from_millis(1))) != "none" {
                    return "a guard";
                }
                if word(buffer).load(Relaxed) == 2 {
                    break;
                }
            }
            "none"
        }
        "`unlock`" => match lock.unlock() {
            Ok(()) => "done",
            Err(Error::NotHeld) => "`NotHeld`",
            Err(error) => panic!("{error}"),
        },
        _ => panic!("a call that this test does not know: {call}"),
    }
}

fn taken(guard: Option<LockGuard<'_>>) -> &'static str {
    match guard {
        Some(guard) => {
            mem::forget(guard);
            "a guard"
        }
        None => "none",
    }
}

/// What a cell of the column "word before" stands for.
fn values(cell: &str) -> Vec<i32> {
    match cell {
        "other" => vec![-1, 3, 7, i32::MIN, i32::MAX],
        _ => vec![cell.parse().unwrap()],
    }
}

fn holding(value: i32) -> SharedBuffer {
    let buffer = SharedBuffer::new(4).unwrap();
    word(&buffer).store(value, Relaxed);
    buffer
}

fn word(buffer: &SharedBuffer) -> Slot<'_> {
    buffer.slot(0).unwrap()
}

/// The steps of "Sharing a lock with another language", on a bare word, beside agents who use the crate.
#[test]
fn who_follows_the_page_shares_the_lock() {
    const TURNS: i32 = 10_000;
    let _watchdog = Watchdog::new("who_follows_the_page_shares_the_lock");
    let buffer = SharedBuffer::new(8).unwrap();
    let (word, total) = (word(&buffer), buffer.slot(1).unwrap());
    let turn = move || total.store(total.load(Relaxed) + 1, Relaxed);
    thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(move || {
                for _ in 0..TURNS {
                    take(word);
                    turn();
                    release(word);
                }
            });
            threads.spawn(move || {
                for _ in 0..TURNS {
                    let _guard = Lock::from_slot(word).lock();
                    turn();
                }
            });
        }
    });
    assert_eq!((total.load(Relaxed), word.load(Relaxed)), (4 * TURNS, 0));
}

fn take(word: Slot<'_>) {
    if word.compare_exchange(0, 1, Acquire, Relaxed).is_ok() {
        return;
    }
    while word.swap(2, Acquire) != 0 {
        let _ = word.wait(2);
    }
}

fn release(word: Slot<'_>) {
    let was = word.swap(0, Release);
    if was != 0 && was != 1 {
        word.wake(1);
    }
}

#[cfg(unix)]
#[test]
fn slot_i_is_the_four_bytes_at_four_i_in_native_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("slots");
    let buffer = SharedBuffer::file(&path, 16).unwrap();
    for (index, value) in [(0, 1), (1, -2), (2, i32::MIN), (3, 0x0102_0304)] {
        buffer.slot(index).unwrap().store(value, Relaxed);
        let bytes = fs::read(&path).unwrap();
        assert_eq!(bytes.len(), 16);
        assert_eq!(bytes[4 * index..][..4], value.to_ne_bytes());
    }
}

#[test]
fn every_relative_link_leads_somewhere() {
    let mut broken = Vec::new();
    for path in pages() {
        for link in links(&read(&path)) {
            if let Err(reason) = follow(&path, &link) {
                broken.push(format!("{}: {link}: {reason}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

fn follow(from: &Path, link: &str) -> Result<(), &'static str> {
    if link.contains("://") || link.starts_with("mailto:") {
        return Ok(());
    }
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    if is_of_the_book(from) && file.starts_with("..") {
        return Err("leads out of the book");
    }
    let to = if file.is_empty() { from.to_owned() } else { from.with_file_name("").join(file) };
    if !to.exists() {
        return Err("no such file");
    }
    if !anchor.is_empty() && !anchors(&read(&to)).contains(anchor) {
        return Err("no such heading");
    }
    Ok(())
}

#[test]
fn the_summary_lists_every_page_and_no_other() {
    let Some(summary) = page("SUMMARY.md") else { return };
    let listed: BTreeSet<_> = links(&summary).into_iter().collect();
    let found = pages().into_iter().filter(|path| is_of_the_book(path)).map(|path| name(&path));
    assert_eq!(listed, found.filter(|name| name != "SUMMARY.md").collect());
}

#[test]
fn every_page_of_the_book_has_a_title_and_then_some_text() {
    for path in pages().iter().filter(|path| is_of_the_book(path)) {
        let text = read(path);
        assert!(text.starts_with("# "), "{}: no title", path.display());
        assert!(text.lines().skip(1).any(|line| !line.trim().is_empty()), "{}: empty", path.display());
    }
}

#[test]
fn every_fenced_block_names_its_language() {
    for path in pages() {
        let text = read(&path);
        for fence in text.lines().filter(|line| line.trim_start().starts_with("```")).step_by(2) {
            assert_ne!(fence.trim(), "```", "{}: a block without a language", path.display());
        }
    }
}

/// `SharedBuffer::memfd` and the like: what a page names is in the source.
#[test]
fn what_the_pages_name_exists() {
    const TYPES: [&str; 10] =
        ["SharedBuffer", "BufferOptions", "Origin", "Slot", "Slots", "Scope", "Wait", "Lock", "LockGuard", "Error"];
    let source: String = rust_files(&root().join("src")).iter().map(|path| read(path)).collect();
    let mut missing = BTreeSet::new();
    // The changelog may name what is gone.
    for path in pages().into_iter().filter(|path| name(path) != "CHANGELOG.md") {
        let text = read(&path);
        for code in text.split('`').skip(1).step_by(2) {
            let Some((owner, item)) = code.split_once("::") else { continue };
            let item: String = item.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let forms = [format!("fn {item}("), format!("const {item}:"), format!("const fn {item}(")];
            let is_variant = || source.lines().any(|line| line.trim().split(['(', ',', ' ']).next() == Some(&*item));
            if TYPES.contains(&owner) && !forms.iter().any(|form| source.contains(form)) && !is_variant() {
                missing.insert(format!("{owner}::{item}, in {}", path.display()));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:?}");
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { rust_files(&path) } else { vec![path] }).collect()
}

/// The crate's folder. Tests that run on another system than they were built on find it by the working directory, which
/// cargo sets.
fn root() -> PathBuf {
    let built = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    if built.is_dir() { built } else { PathBuf::from(".") }
}

/// A page of the book; none in a copy of the crate that came without.
fn page(name: &str) -> Option<String> {
    let path = root().join("docs").join("src").join(name);
    path.exists().then(|| read(&path))
}

/// Every page of the book, and those beside the sources, which lead there; none in a copy that came without the book.
fn pages() -> Vec<PathBuf> {
    let Ok(book) = fs::read_dir(root().join("docs").join("src")) else { return Vec::new() };
    let book = book.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|end| end == "md"));
    let beside = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(|name| root().join(name));
    book.chain(beside.into_iter().filter(|path| path.exists())).collect()
}

fn is_of_the_book(path: &Path) -> bool {
    path.parent().is_some_and(|folder| folder.ends_with("docs/src"))
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).replace("\r\n", "\n")
}

/// The rows of the table under the comment of that name, less its head.
fn table(text: &str, name: &str) -> Vec<Vec<String>> {
    let mark = format!("<!-- checked: {name} -->");
    let (_, below) = text.split_once(&mark).unwrap_or_else(|| panic!("no table is marked {mark}"));
    let lines = below.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    lines.skip(2).map(cells).collect()
}

fn outside_fences(text: &str) -> impl Iterator<Item = &str> {
    let mut is_code = false;
    text.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    })
}

/// The targets of `[text](target)` and of `[name]: target`. Inline code is left out, and so are fenced blocks.
fn links(text: &str) -> Vec<String> {
    let prose: Vec<&str> = outside_fences(text).collect();
    let prose: String = prose.join("\n").split('`').step_by(2).collect();
    let inline = prose.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    let defined = prose.lines().filter(|line| line.starts_with('[')).filter_map(|line| line.split_once("]: "));
    inline.chain(defined.map(|(_, target)| target)).map(|target| target.trim().to_owned()).collect()
}

/// The names that headings can be linked by, as mdBook makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    let headings = outside_fences(text).filter(|line| line.starts_with('#'));
    for heading in headings {
        let heading = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || c.is_whitespace() || "_-".contains(*c));
        let anchor: String = kept.map(|c| if c.is_whitespace() { '-' } else { c }).collect();
        let number = (1..).find(|number| !anchors.contains(&format!("{anchor}-{number}"))).unwrap();
        let is_new = !anchors.contains(&anchor);
        anchors.insert(if is_new { anchor } else { format!("{anchor}-{number}") });
    }
    anchors
}
