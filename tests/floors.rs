//! The house rules that a compiler does not check: who may import whom, and where `unsafe` and `cfg` may live.
#![cfg(not(loom))]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Each room and its floor. A room imports from lower floors only; a primitive never from a sibling.
const FLOORS: &[(&str, u32)] = &[
    ("sync", 0),
    ("error", 0),
    ("deadline", 0),
    ("futex", 1),
    ("buffer", 2),
    ("slot", 3),
    ("sleeper", 3),
    ("spin", 3),
    ("value", 3),
    ("wide", 3),
    ("element", 3),
    ("typed_array", 3),
    ("bytes", 3),
    ("copies", 3),
    ("data_view", 3),
    ("atomics", PRIMITIVES),
    ("barrier", PRIMITIVES),
    ("event", PRIMITIVES),
    ("latch", PRIMITIVES),
    ("lock", PRIMITIVES),
    ("guarded_words", PRIMITIVES),
    ("once", PRIMITIVES),
    ("rw_lock", PRIMITIVES),
    ("semaphore", PRIMITIVES),
    ("synchronic", PRIMITIVES),
    ("cond", 5),
    ("guarded", 5),
    ("permit", 5),
    ("rw_lock_guard", 5),
    ("synchronic_calls", 5),
    ("rw_lock_queue", 5),
    ("lock_api", 6),
    ("primitive", 6),
    ("guarded_place", 7),
    ("place", 7),
    ("bump", 8),
    ("layout", 8),
    ("lib", 9),
];

const PRIMITIVES: u32 = 4;

/// Where `unsafe` may be written. In `lock_api` only because the traits are unsafe to implement.
const UNSAFE: &[&str] = &["futex", "buffer", "slot", "wide", "element", "lock_api"];
/// Which files may switch on the platform, on loom or on a feature. Those of `lock_api` leave out the shared types where
/// the futex is private.
const CFG: &[&str] = &[
    "src/sync.rs",
    "src/futex/mod.rs",
    "src/buffer/mod.rs",
    "src/lib.rs",
    "src/lock_api/mutex.rs",
    "src/lock_api/rw_lock.rs",
    "src/lock_api/condvar.rs",
];
/// A primitive's file reads on one screen, counting code and not docs.
const ONE_SCREEN: usize = 150;

/// One source file: its path from the root, its room, and its lines without comments and blank lines.
struct File {
    path: String,
    room: String,
    code: Vec<String>,
}

fn sources() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join("src")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(file(path.strip_prefix(root).unwrap().to_owned(), &fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(files.len() > 10, "the sources are somewhere else");
    files
}

fn file(path: PathBuf, text: &str) -> File {
    let room = path.components().nth(1).unwrap().as_os_str().to_string_lossy().replace(".rs", "");
    let code = text.lines().map(|line| line.split("//").next().unwrap().trim_end()).filter(|line| !line.is_empty());
    let path = path.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/");
    File { path, room, code: code.map(str::to_owned).collect() }
}

fn floor(room: &str) -> u32 {
    let floor = FLOORS.iter().find(|(name, _)| *name == room);
    floor.unwrap_or_else(|| panic!("{room} has no floor: give it one in tests/floors.rs")).1
}

/// The rooms that a file names, as `crate::room`, also in a braced list.
fn imports(file: &File) -> Vec<String> {
    let text = file.code.join(" ");
    let mut rooms = Vec::new();
    for (place, _) in text.match_indices("crate::") {
        let rest = &text[place + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(list) => rooms.extend(heads(list)),
            None => rooms.push(identifier(rest)),
        }
    }
    rooms
}

/// The first identifier of each item of a braced list, up to its closing brace.
fn heads(list: &str) -> Vec<String> {
    let (mut depth, mut item, mut heads) = (0, String::new(), Vec::new());
    for c in list.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => heads.push(std::mem::take(&mut item)),
            _ => {}
        }
        if depth == 0 && c != ',' {
            item.push(c);
        }
    }
    heads.push(item);
    heads.iter().map(|item| identifier(item.trim())).filter(|head| !head.is_empty()).collect()
}

fn identifier(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

#[test]
fn imports_point_downward() {
    let mut arrows = BTreeMap::new();
    for file in sources().iter().filter(|file| file.room != "lib") {
        for room in imports(file).into_iter().filter(|room| *room != file.room) {
            arrows.insert((file.room.clone(), room), file.path.clone());
        }
    }
    assert!(arrows.len() > 10, "no imports were found: {arrows:?}");
    for ((from, to), path) in &arrows {
        let (above, below) = (floor(from), floor(to));
        assert!(below < above || above == below && above < PRIMITIVES, "{path} imports {to}, which is not below it");
    }
}

#[test]
fn unsafe_stays_in_its_rooms() {
    for file in sources() {
        let is_unsafe = file.code.iter().any(|line| words(line).any(|word| word == "unsafe"));
        assert!(!is_unsafe || UNSAFE.contains(&&*file.room), "{} has unsafe code", file.path);
    }
}

#[test]
fn platform_switches_stay_in_their_files() {
    for file in sources().iter().filter(|file| !CFG.contains(&&*file.path)) {
        for line in &file.code {
            let is_switch = ["#[cfg", "cfg!(", "cfg_attr("].iter().any(|switch| line.contains(switch));
            assert!(!is_switch, "{} switches: {line}", file.path);
        }
    }
}

#[test]
fn a_primitive_reads_on_one_screen() {
    let primitives: Vec<_> = sources().into_iter().filter(|file| floor(&file.room) >= PRIMITIVES).collect();
    for file in primitives.iter().filter(|file| file.room != "lib") {
        let lines = file.code.len();
        assert!(lines <= ONE_SCREEN, "{} has {lines} lines of code", file.path);
        let forbids_unsafe = file.code.iter().any(|line| line == "#![forbid(unsafe_code)]");
        assert!(forbids_unsafe || UNSAFE.contains(&&*file.room), "{} forbids no unsafe code", file.path);
        assert!(!file.code.iter().any(|line| line.contains("#[test]")), "{} has tests in it", file.path);
    }
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_alphanumeric() && c != '_')
}
