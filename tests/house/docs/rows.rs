//! Tables of transitions, run row by row.
//!
//! A cell of a word is a sum of terms, as `n - 1 + WAITING`, and of several words, such sums with commas between them.
//! A term is a number or a name. A row is run for each choice of the values that its names can have.

use super::pages::{page, table};
use crate::support::{Told, is_emulated, until};
use slotsync::{SharedBuffer, Slot};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use std::{fs, thread};

/// What the names in a table can stand for.
pub(crate) type Names<'a> = &'a [(&'a str, &'a [i32])];
/// One value for each name.
pub(crate) type Choice<'a> = [(&'a str, i32)];

/// Runs each row of a table of transitions. `make` makes a call on words in which the state before is, and says how the
/// call answered. `calls` are all calls of the table, and how many rows each has.
pub(crate) fn run(
    file: &str,
    name: &str,
    names: Names<'_>,
    calls: &[(&str, usize)],
    make: impl Fn(&str, &SharedBuffer) -> String,
) {
    run_where(0, file, name, names, calls, make);
}

/// As [`run`], where agents sleep on another word than the first.
pub(crate) fn run_where(
    place: usize,
    file: &str,
    name: &str,
    names: Names<'_>,
    calls: &[(&str, usize)],
    make: impl Fn(&str, &SharedBuffer) -> String,
) {
    let Some(text) = page(file) else { return };
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for row in table(&text, name) {
        let [call, before, after, answer, wakes] = &row[..] else { panic!("five columns, but {row:?}") };
        let (before, after) = (plain(before), plain(after));
        for choice in choices(&format!("{before} {after}"), names) {
            let words = values(&before, &choice);
            let expected = if after == "same" { words.clone() } else { values(&after, &choice) };
            let buffer = holding(&words);
            let call = plain(call);
            // Where other agents take part in a call, who wakes whom is not the call's doing alone.
            let is_alone = !["after a sleep", "wait that", "wait begins"].iter().any(|part| call.contains(part));
            let make = || make(&call, &buffer);
            let (answered, woken) = if is_alone { woken_by(buffer.slot(place).unwrap(), make) } else { (make(), None) };
            let found: Vec<_> = buffer.slots(..).unwrap().iter().map(|slot| slot.load(Relaxed)).collect();
            assert_eq!((&found, &*answered), (&expected, &**answer), "{call} on {before}, with {choice:?}");
            if let Some(woken) = woken {
                assert_eq!(woken, wakes_of(wakes), "woken by {call} on {before}, with {choice:?}");
            }
        }
        *seen.entry(plain(call)).or_default() += 1;
    }
    let calls: BTreeMap<_, _> = calls.iter().map(|(call, rows)| ((*call).to_owned(), *rows)).collect();
    assert_eq!(seen, calls, "the calls of the table, and their rows");
}

/// Runs each row of a table of states: `look` says what the crate takes the words for, and the second column has it.
pub(crate) fn look(file: &str, name: &str, names: Names<'_>, rows: usize, look: impl Fn(&SharedBuffer) -> String) {
    let Some(text) = page(file) else { return };
    let table = table(&text, name);
    assert_eq!(table.len(), rows, "the states of the table");
    for row in table {
        let (words, state) = (plain(&row[0]), plain(&row[1]));
        for choice in choices(&words, names) {
            let buffer = holding(&values(&words, &choice));
            let is_named = choice.iter().any(|(name, _)| *name == state);
            let expected = if is_named { value(&state, &choice).to_string() } else { state.clone() };
            assert_eq!(look(&buffer), expected, "{words}, with {choice:?}");
        }
    }
}

/// Looks at each row of a table whose first column is the words, for each choice of the values that its names can have.
pub(crate) fn each(file: &str, name: &str, names: Names<'_>, look: impl Fn(&[String], &SharedBuffer)) {
    let Some(text) = page(file) else { return };
    for row in table(&text, name) {
        let words = plain(&row[0]);
        for choice in choices(&words, names) {
            look(&row, &holding(&values(&words, &choice)));
        }
    }
}

/// A cell without the marks of code.
fn plain(cell: &str) -> String {
    cell.replace('`', "")
}

fn terms(cell: &str) -> impl Iterator<Item = &str> {
    cell.split([' ', ',']).filter(|term| !term.is_empty() && !["+", "-"].contains(term))
}

/// Every choice of values for the names in a cell.
fn choices<'a>(cell: &str, names: Names<'a>) -> Vec<Vec<(&'a str, i32)>> {
    let mut choices = vec![Vec::new()];
    for (name, values) in names.iter().filter(|(name, _)| terms(cell).any(|term| term == *name)) {
        let with = |choice: &Vec<_>, value| choice.iter().copied().chain([(*name, value)]).collect();
        choices = choices.iter().flat_map(|choice| values.iter().map(move |value| with(choice, *value))).collect();
    }
    choices
}

/// The words of a cell.
fn values(cell: &str, choice: &Choice<'_>) -> Vec<i32> {
    cell.split(',').map(|sum| value(sum, choice)).collect()
}

fn value(sum: &str, choice: &Choice<'_>) -> i32 {
    let (mut total, mut is_minus) = (0_i32, false);
    for term in sum.split_whitespace() {
        if ["+", "-"].contains(&term) {
            is_minus = term == "-";
            continue;
        }
        let named = choice.iter().find(|(name, _)| *name == term).map(|(_, value)| *value);
        let value =
            named.unwrap_or_else(|| term.parse().unwrap_or_else(|_| panic!("a term that means nothing: {term}")));
        total = if is_minus { total.wrapping_sub(value) } else { total.wrapping_add(value) };
    }
    total
}

fn wakes_of(cell: &str) -> u32 {
    match cell {
        "nobody" => 0,
        "one" => 1,
        "two" => 2,
        "all" => SLEEPERS as u32,
        _ => panic!("a number of wakes that this test does not know: {cell}"),
    }
}

pub(crate) fn holding(words: &[i32]) -> SharedBuffer {
    let buffer = SharedBuffer::new(4 * words.len()).unwrap();
    for (slot, value) in buffer.slots(..).unwrap().iter().zip(words) {
        slot.store(*value, Relaxed);
    }
    buffer
}

pub(crate) fn word(buffer: &SharedBuffer) -> Slot<'_> {
    buffer.slot(0).unwrap()
}

/// A time that is over soon.
pub(crate) const SHORT: Duration = Duration::from_millis(1);

/// Makes a timed call until it has left the mark that it leaves when it has slept, and more than once, as the mark may
/// be an older one. If its thread loses the processor for the short time that it has, its deadline passes before it
/// looks a second time, and then it leaves no mark.
pub(crate) fn giving_up(buffer: &SharedBuffer, mark: i32, call: impl Fn() -> String) -> String {
    let mut answer = call();
    for turn in 0..1000 {
        if turn >= 4 && word(buffer).load(Relaxed) & mark == mark {
            break;
        }
        answer = call();
    }
    answer
}

/// How many threads sleep on the word while a call is made. More than any call wakes that does not wake all.
const SLEEPERS: usize = 3;

/// Makes the call while threads sleep on the word, and says how many of them it woke. `None`: nobody can tell.
fn woken_by<T>(word: Slot<'_>, call: impl FnOnce() -> T) -> (T, Option<u32>) {
    if !cfg!(target_os = "linux") || is_emulated() {
        return (call(), None);
    }
    let value = word.load(Relaxed);
    thread::scope(|threads| {
        let numbers = Told::default();
        for _ in 0..SLEEPERS {
            let numbers = numbers.clone();
            threads.spawn(move || {
                let thread = fs::read_link("/proc/thread-self").unwrap();
                numbers.tell(thread.file_name().unwrap().to_str().unwrap().parse().unwrap());
                let _ = word.wait(value);
            });
        }
        for number in numbers.hear(SLEEPERS) {
            until("it sleeps", || is_asleep(Path::new(&format!("/proc/self/task/{number}/stat"))));
        }
        let answer = call();
        let left = word.wake_counted(u32::MAX).unwrap();
        (answer, Some(SLEEPERS as u32 - left))
    })
}

/// Its state is the first letter after its name, which is in brackets and may hold any letter.
fn is_asleep(stat: &Path) -> bool {
    fs::read_to_string(stat).unwrap().rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('S'))
}
