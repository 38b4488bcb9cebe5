//! The pages as text: links, names, blocks, and the tables in them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

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
    // rustdoc follows those to items.
    if link.contains("://") || link.starts_with("mailto:") || link.starts_with("crate::") {
        return Ok(());
    }
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let to = if file.is_empty() { from.to_owned() } else { from.with_file_name("").join(file) };
    if is_of_the_book(from) && !is_of_the_book(&to) && file.contains("..") {
        return Err("leads out of the book");
    }
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

/// mdBook leaves what it does not find as it is.
#[test]
fn every_file_that_a_page_includes_exists() {
    for path in pages() {
        for file in
            read(&path).split("{{#include ").skip(1).filter_map(|rest| Some(rest.split_once("}}")?.0.to_owned()))
        {
            assert!(path.with_file_name(&file).is_file(), "{} includes {file}", path.display());
        }
    }
}

/// `SharedBuffer::memfd` and the like: the source has the items that a page names.
#[test]
fn the_items_that_the_pages_name_exist() {
    const TYPES: [&str; 38] = [
        "SharedBuffer",
        "BufferOptions",
        "Origin",
        "Slot",
        "Slots",
        "Scope",
        "Wait",
        "Lock",
        "LockGuard",
        "RwLock",
        "RwLockReadGuard",
        "RwLockWriteGuard",
        "Error",
        "MemoryError",
        "Semaphore",
        "Permit",
        "Event",
        "Latch",
        "Barrier",
        "BarrierRole",
        "Once",
        "OnceState",
        "OnceError",
        "Cond",
        "Synchronic",
        "NotifyHint",
        "Number",
        "Owned",
        "TypedArray",
        "Int32Array",
        "DataView",
        "Atomics",
        "Guarded",
        "Layout",
        "Place",
        "ArrayPlace",
        "Primitive",
        "BumpAllocator",
    ];
    let source: String = files(&root().join("src")).iter().map(|path| read(path)).collect();
    let mut missing = BTreeSet::new();
    // The changelog may name what is gone.
    for path in pages().into_iter().filter(|path| name(path) != "CHANGELOG.md") {
        let text = read(&path);
        for code in text.split('`').skip(1).step_by(2) {
            let Some((owner, item)) = code.split_once("::") else { continue };
            let item: String = item.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let forms = [format!("fn {item}("), format!("fn {item}<"), format!("const {item}:")];
            let is_variant = || source.lines().any(|line| line.trim().split(['(', ',', ' ']).next() == Some(&*item));
            if TYPES.contains(&owner) && !forms.iter().any(|form| source.contains(form)) && !is_variant() {
                missing.insert(format!("{owner}::{item}, in {}", path.display()));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:?}");
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// The crate's folder. Tests that run on another system than they were built on find it by the working directory, which
/// cargo sets.
fn root() -> PathBuf {
    let built = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    if built.is_dir() { built } else { PathBuf::from(".") }
}

/// A page of the book; none in a copy of the crate that came without.
pub(crate) fn page(name: &str) -> Option<String> {
    let path = root().join("docs").join("src").join(name);
    path.exists().then(|| read(&path))
}

/// Every page of the book, and those beside the sources, which lead there; none in a copy that came without the book.
fn pages() -> Vec<PathBuf> {
    let book = book();
    if !book.is_dir() {
        return Vec::new();
    }
    let pages = files(&book).into_iter().filter(|path| path.extension().is_some_and(|end| end == "md"));
    let beside = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"].map(|name| root().join(name));
    pages.chain(beside.into_iter().filter(|path| path.exists())).collect()
}

fn book() -> PathBuf {
    root().join("docs").join("src")
}

fn is_of_the_book(path: &Path) -> bool {
    match (path.canonicalize(), book().canonicalize()) {
        (Ok(path), Ok(book)) => path.starts_with(book),
        _ => false,
    }
}

/// The path from the book's folder; of a file beside the sources, its name.
fn name(path: &Path) -> String {
    let from = if is_of_the_book(path) { book() } else { root() };
    path.strip_prefix(from).unwrap().to_str().unwrap().replace('\\', "/")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).replace("\r\n", "\n")
}

/// The rows of the table under the comment of that name, less its head.
pub(crate) fn table(text: &str, name: &str) -> Vec<Vec<String>> {
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
