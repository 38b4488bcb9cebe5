//! The house rules that a compiler does not check: which file may import which, where `unsafe` and `cfg` may live, how long a
//! primitive is, and words that the prose does without.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each room and its floor. A room imports from lower floors only.
const FLOORS: &[(&str, u32)] = &[
    ("sync", 0),
    ("error", 0),
    ("deadline", 1),
    ("futex", 2),
    ("memory", 3),
    ("words", 4),
    ("primitives", 5),
    ("arrays", 5),
    ("places", 6),
    ("lock_api", 6),
    ("lib", 7),
];

/// What a primitive is built on: no other primitive imports a sibling.
const BUILT_ON: &[(&str, &str)] = &[("cond", "lock"), ("guarded", "lock")];

/// Where `unsafe` may be written: rooms, and files of `words` that touch an address. In `lock_api` only because the traits
/// are unsafe to implement.
const UNSAFE: &[&str] = &["futex/", "memory/", "words/slot", "words/access/", "lock_api/"];

/// Which files may switch on the platform, on loom or on a feature.
const CFG: &[&str] = &[
    "lib",
    "sync",
    "futex/mod",
    "memory/mod",
    "memory/platform",
    "memory/origin/mod",
    "memory/object/mod",
    "words/access/mod",
    "primitives/mod",
    "lock_api/mutex",
    "lock_api/rw_lock",
    "lock_api/condvar",
];

/// The lines of code of a primitive's file, counting neither docs nor blank lines.
const ONE_SCREEN: usize = 150;

/// Phrases of a private idiom. Plain English names the subject.
const REFUSED: &[&str] = &[
    "whoever",
    "so many",
    "in the name of",
    "in its name",
    "in the midst",
    "astray",
    "linger",
    "owes a",
    ", who ",
    "; who ",
    ": who ",
    "(who ",
    "of those who ",
    "one who ",
    "all who ",
];

/// One source file: its module path, such as `words/slot` or `words/mod`, and its code without comments.
struct File {
    module: String,
    code: Vec<String>,
}

impl File {
    fn room(&self) -> &str {
        self.module.split('/').next().unwrap()
    }

    fn is_in(&self, places: &[&str]) -> bool {
        places.iter().any(|place| self.module == *place || place.ends_with('/') && self.module.starts_with(place))
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files below a folder that end so.
fn files_below(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut folders = vec![root().join(folder)];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn sources() -> Vec<File> {
    let files: Vec<_> = files_below("src", "rs").iter().map(|path| source(path)).collect();
    assert!(files.len() > 50, "the sources are somewhere else");
    files
}

fn source(path: &Path) -> File {
    let text = fs::read_to_string(path).unwrap();
    let module = path.strip_prefix(root().join("src")).unwrap().with_extension("");
    let module = module.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/");
    let code = text.lines().map(|line| line.split("//").next().unwrap().trim_end()).filter(|line| !line.is_empty());
    File { module, code: code.map(str::to_owned).collect() }
}

fn floor(room: &str) -> u32 {
    let floor = FLOORS.iter().find(|(name, _)| *name == room);
    floor.unwrap_or_else(|| panic!("{room} has no floor: give it one in the table of floors")).1
}

/// The paths that a file names from `crate` or from `super`, each as its segments. What a folder's file re-exports from its
/// own files is its table of contents, and no import.
fn paths(file: &File) -> Vec<Vec<String>> {
    let text = file.code.join(" ");
    let mut found = Vec::new();
    for (place, word) in text.match_indices("crate::").chain(text.match_indices("super::")) {
        let before = &text[..place];
        if before.ends_with(|c: char| c.is_alphanumeric() || "_:$".contains(c)) {
            continue;
        }
        expand(&text[place..], &mut vec![], &mut found);
        let _ = word;
    }
    if file.module.ends_with("/mod") {
        for (place, _) in text.match_indices(" use ").filter(|(place, _)| !text[..*place].ends_with(')')) {
            let rest = &text[place + 5..];
            let is_public = text[..place].ends_with("pub");
            if !is_public && !["crate", "super", "core", "std", "self"].iter().any(|head| rest.starts_with(head)) {
                expand(rest, &mut vec!["self".to_owned()], &mut found);
            }
        }
    }
    found
}

/// Adds the paths of `a::b::{c, d::e}`: `a::b::c` and `a::b::d::e`.
fn expand(text: &str, before: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    let depth = before.len();
    let mut rest = text;
    loop {
        let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        rest = &rest[name.len()..];
        before.push(name);
        match rest.strip_prefix("::") {
            Some(more) if more.starts_with('{') => {
                for item in items(&more[1..]) {
                    expand(item.trim(), before, found);
                }
                break;
            }
            Some(more) => rest = more,
            None => {
                found.push(before.clone());
                break;
            }
        }
    }
    before.truncate(depth);
}

/// The items of a braced list, up to its closing brace.
fn items(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut items) = (0, 0, Vec::new());
    for (place, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                items.push(&text[start..place]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                items.push(&text[start..place]);
                start = place + 1;
            }
            _ => {}
        }
    }
    items
}

/// The file that a path leads to, as seen from another: the longest part of it that is a module.
fn target(from: &File, path: &[String], modules: &BTreeSet<String>) -> Option<String> {
    let mut folder: Vec<&str> = from.module.split('/').collect();
    folder.pop();
    let mut names = path.iter().map(String::as_str).peekable();
    match names.next()? {
        "crate" => folder.clear(),
        "self" => {}
        // `super` of a folder's file is the folder above; of another file it is the folder's file.
        _ => {
            if from.module.ends_with("/mod") {
                folder.pop();
            }
        }
    }
    while names.peek() == Some(&"super") {
        names.next();
        folder.pop();
    }
    let mut module = folder.join("/");
    for name in names {
        let next = if module.is_empty() { name.to_owned() } else { format!("{module}/{name}") };
        if modules.contains(&next) {
            return Some(next);
        }
        if !modules.contains(&format!("{next}/mod")) {
            break;
        }
        module = next;
    }
    let folder = if module.is_empty() { "lib".to_owned() } else { format!("{module}/mod") };
    modules.contains(&folder).then_some(folder)
}

/// Every arrow from a file to another.
fn arrows() -> BTreeMap<String, BTreeSet<String>> {
    let sources = sources();
    let modules: BTreeSet<_> = sources.iter().map(|file| file.module.clone()).collect();
    let arrows: BTreeMap<_, _> = sources
        .iter()
        .filter(|file| file.module != "lib")
        .map(|file| {
            let targets = paths(file).into_iter().filter_map(|path| target(file, &path, &modules));
            (file.module.clone(), targets.filter(|target| *target != file.module).collect::<BTreeSet<_>>())
        })
        .collect();
    assert!(arrows.values().map(BTreeSet::len).sum::<usize>() > 100, "no imports were found: {arrows:?}");
    arrows
}

fn room(module: &str) -> &str {
    module.split('/').next().unwrap()
}

#[test]
fn imports_point_downward() {
    for (from, targets) in arrows() {
        for to in targets.iter().filter(|to| room(to) != room(&from)) {
            let (above, below) = (floor(room(&from)), floor(room(to)));
            // An intra-doc link or a macro may name the crate's own root.
            assert!(below < above || to == "lib", "{from} imports {to}, which is not below it");
        }
    }
}

#[test]
fn no_file_imports_itself_by_way_of_others() {
    let arrows = arrows();
    for start in arrows.keys() {
        let mut reached = BTreeSet::new();
        let mut next: Vec<_> = arrows[start].iter().collect();
        while let Some(module) = next.pop() {
            assert_ne!(module, start, "{start} imports itself by way of {reached:?}");
            if reached.insert(module.clone()) {
                next.extend(arrows.get(module).into_iter().flatten());
            }
        }
    }
}

#[test]
fn a_primitive_imports_no_sibling() {
    let name = |module: &str| module.split('/').nth(1).unwrap().to_owned();
    for (from, targets) in arrows().iter().filter(|(from, _)| room(from) == "primitives") {
        for to in targets.iter().filter(|to| room(to) == "primitives") {
            let (from, to) = (name(from), name(to));
            let is_built_on = BUILT_ON.contains(&(&*from, &*to));
            assert!(from == to || is_built_on, "the primitive {from} imports {to}");
        }
    }
}

#[test]
fn unsafe_stays_in_its_rooms() {
    for file in sources() {
        let is_unsafe = file.code.iter().any(|line| words(line).any(|word| word == "unsafe"));
        assert!(!is_unsafe || file.is_in(UNSAFE), "{} has unsafe code", file.module);
    }
}

#[test]
fn platform_switches_stay_in_their_files() {
    for file in sources().iter().filter(|file| !file.is_in(CFG)) {
        for line in &file.code {
            let is_switch = ["#[cfg", "cfg!(", "cfg_attr("].iter().any(|switch| line.contains(switch));
            assert!(!is_switch, "{} switches: {line}", file.module);
        }
    }
}

#[test]
fn no_file_is_mounted_under_another_name() {
    for file in sources() {
        assert!(!file.code.iter().any(|line| line.contains("#[path")), "{} mounts a file by its path", file.module);
    }
}

#[test]
fn a_primitive_reads_on_one_screen() {
    for file in sources().iter().filter(|file| ["primitives", "arrays", "places"].contains(&file.room())) {
        let lines = file.code.len();
        let is_primitive = file.room() == "primitives";
        assert!(lines <= ONE_SCREEN || !is_primitive, "{} has {lines} lines of code", file.module);
        let is_table = file.module.matches('/').count() == 1 && file.module == "primitives/mod";
        let forbids_unsafe = file.code.iter().any(|line| line == "#![forbid(unsafe_code)]");
        assert!(forbids_unsafe || is_table, "{} forbids no unsafe code", file.module);
        assert!(!file.code.iter().any(|line| line.contains("#[test]")), "{} has tests in it", file.module);
    }
}

#[test]
fn the_prose_names_its_subjects() {
    let mut files = files_below("src", "rs");
    files.extend(files_below("docs/src", "md"));
    files.extend(files_below("examples", "rs"));
    files.extend(["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"].map(|name| root().join(name)));
    let mut refused = Vec::new();
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        for (number, line) in text.lines().enumerate() {
            let lower = line.to_lowercase();
            let phrase = REFUSED.iter().find(|phrase| lower.contains(**phrase));
            let begins_with_who = (line.contains("Who ") || line.contains("/// who ")) && !line.contains('?');
            if phrase.is_some() || begins_with_who {
                refused.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
            }
        }
    }
    assert!(refused.is_empty(), "these lines do not name their subject:\n{}", refused.join("\n"));
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_alphanumeric() && c != '_')
}
