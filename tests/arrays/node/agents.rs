//! Waits and notifies of several agents: the script in `waits.txt`, by processes here, which share memory of each
//! origin and attach to it by themselves, and by worker threads in Node. The result of each call, the agents that
//! return from a wait, and how many go on sleeping must be the same.
//!
//! Two things that this crate does not promise are looked at all the same:
//!
//! - *The order of wakeups.* The standard wakes in the order of arrival. So does Linux, among sleepers of one priority; the
//!   cases that have the order in their name find that it does.
//! - *That nothing but a notify ends a wait, and that none is missed.* In shared memory a sleep is interrupted after each
//!   slice of a second, and a notify at that moment finds nobody. A case that differs and took so long is run again. So is
//!   one in which a wait ended for no reason, or somebody else interrupted a sleep, though a few times at most. Both are
//!   counted and printed.

use super::javascript::{self, Input};
use super::operations::said;
use super::{file, is_here, output};
use crate::support::processes::{Process, fork_rescued};
use crate::support::{Memory, Watchdog, skipped, until};
use slotsync::SharedBuffer;
use slotsync::arrays::{Atomics, Int32Array};
use std::ops::Range;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

over_shared_origins! {
    agents_here_and_in_node_do_the_same
}

const SCRIPT: &str = include_str!("waits.txt");
const NAMES: [&str; 4] = ["a", "b", "c", "d"];
/// A case that was over before the first slice of its first sleep was, saw none end.
const SLICE: Duration = Duration::from_secs(1);
/// How many runs of a case may be disturbed, one after the other, before that is taken for a mistake.
const DISTURBED: usize = 10;

/// A line of the script.
#[derive(Clone, Copy)]
enum Step<'a> {
    Case(&'a str),
    Who,
    Call { agent: usize, operation: &'a str, offset: usize, index: usize, operands: [Input; 2] },
}

fn parse(line: &str) -> Step<'_> {
    if let Some(name) = line.strip_prefix("case ") {
        return Step::Case(name);
    }
    let mut words = line.split(' ');
    let name = words.next().unwrap();
    if name == "who" {
        return Step::Who;
    }
    let agent = NAMES.iter().position(|agent| *agent == name).unwrap();
    let operation = words.next().unwrap();
    let [offset, index] = [(); 2].map(|()| words.next().unwrap().parse().unwrap());
    let operands = [(); 2].map(|()| match words.next() {
        None | Some("undefined") => Input::Undefined,
        Some(number) => Input::Number(number.parse().unwrap()),
    });
    assert_eq!(words.next(), None, "{line}");
    Step::Call { agent, operation, offset, index, operands }
}

/// The work of an agent for a step, and its answer.
fn perform(step: Step<'_>, buffer: &SharedBuffer) -> String {
    let Step::Call { operation, offset, index, operands: [a, b], .. } = step else { panic!("no call") };
    let array = Int32Array::rest(buffer, offset).unwrap();
    let value = || javascript::integer(a.number()) as i32;
    match operation {
        "wait" | "sleep" => said(Atomics::wait(array, index, value(), javascript::timeout(b.number())).unwrap()),
        "notify" => Atomics::notify(array, index, a.count()).unwrap().unwrap().to_string(),
        "store" => Atomics::store(array, index, value()).unwrap().to_string(),
        "exchange" => Atomics::exchange(array, index, value()).unwrap().to_string(),
        "add" => Atomics::add(array, index, value()).unwrap().to_string(),
        _ => panic!("{operation} is no operation"),
    }
}

/// A process that does one step after the other, each when it gets the step's number, and answers. It sleeps on a futex in
/// `Atomics::wait` and nowhere else.
struct Agent {
    name: &'static str,
    process: Process,
    socket: UnixDatagram,
    /// On which word, from a step `sleep` until the notify that woke it is over.
    sleeps_on: Option<usize>,
    /// Which of its sleeps that is, as long as it goes on.
    sleep_number: Option<u64>,
    answer: Option<String>,
}

/// The number of no step.
const END: usize = usize::MAX;

impl Agent {
    fn fork(name: &'static str, memory: &Memory, steps: &[Step<'_>]) -> Self {
        let (socket, theirs) = UnixDatagram::pair().unwrap();
        socket.set_nonblocking(true).unwrap();
        // If it takes long to get from a change to its notify, the end of a slice may find the change: no wake was lost.
        let process = fork_rescued(memory, 0..=usize::MAX, |buffer| {
            let mut number = [0; size_of::<usize>()];
            loop {
                theirs.recv(&mut number).unwrap();
                let Some(&step) = steps.get(usize::from_ne_bytes(number)) else { return 0 };
                theirs.send(perform(step, buffer).as_bytes()).unwrap();
            }
        });
        Self { name, process, socket, sleeps_on: None, sleep_number: None, answer: None }
    }

    fn start(&mut self, number: usize) {
        (self.answer, self.sleep_number) = (None, None);
        self.socket.send(&number.to_ne_bytes()).unwrap();
    }

    fn has_answered(&mut self) -> bool {
        let mut text = [0; 64];
        if let Ok(length) = self.socket.recv(&mut text) {
            self.answer = Some(String::from_utf8_lossy(&text[..length]).into_owned());
        }
        self.answer.is_some()
    }

    fn has_returned(&mut self) -> bool {
        self.sleeps_on.is_some() && self.has_answered()
    }

    /// Remembers its sleep, if it has fallen asleep.
    fn has_fallen_asleep(&mut self) -> bool {
        if self.sleeps_on.is_some() {
            self.sleep_number = self.process.sleep_number();
        }
        self.sleep_number.is_some()
    }

    /// Has it slept since then?
    fn is_asleep(&mut self) -> bool {
        self.sleeps_on.is_some() && !self.has_answered() && self.process.sleep_number() == self.sleep_number
    }
}

/// One run of a case, which says for each step what Node's says.
struct Run<'a> {
    memory: &'a Memory,
    agents: &'a mut [Agent],
    lines: Vec<String>,
    woken: Vec<String>,
    /// Has a sleep ended, or been interrupted, for which there was no notify?
    is_disturbed: bool,
}

impl Run<'_> {
    /// `false`: an agent that is to do this sleeps still, as it does not in Node, and the case cannot go on.
    fn step(&mut self, number: usize, step: Step<'_>) -> bool {
        self.collect(0);
        let line = match step {
            Step::Case(name) => format!("case {name}"),
            Step::Who => {
                self.woken.sort();
                let said = std::mem::take(&mut self.woken).join(", ");
                if said.is_empty() { "nobody".to_owned() } else { said }
            }
            Step::Call { agent, operation, offset, index, .. } => {
                let agent = &mut self.agents[agent];
                if agent.sleeps_on.is_some() {
                    self.lines.push(format!("{} sleeps still", agent.name));
                    return false;
                }
                agent.sleeps_on = (operation == "sleep").then_some(offset / 4 + index);
                agent.start(number);
                until("an agent sleeps or answers", || agent.has_answered() || agent.has_fallen_asleep());
                let answer = agent.answer.clone().unwrap_or("sleeps".to_owned());
                if operation == "notify" {
                    let count = answer.parse().unwrap();
                    until("whoever was woken returns", || self.returned() >= count);
                    self.collect(count);
                }
                let asleep: usize = self.agents.iter_mut().map(|agent| usize::from(agent.is_asleep())).sum();
                format!("{answer}; asleep: {asleep}")
            }
        };
        self.lines.push(line);
        true
    }

    fn returned(&mut self) -> usize {
        self.agents.iter_mut().map(|agent| usize::from(agent.has_returned())).sum()
    }

    /// Keeps in mind who has returned. So many were notified; who was not should be asleep.
    fn collect(&mut self, notified: usize) {
        let mut woken = 0;
        for agent in self.agents.iter_mut() {
            if agent.has_returned() {
                agent.sleeps_on = None;
                let answer = agent.answer.as_ref().unwrap();
                woken += usize::from(answer == "ok");
                self.woken.push(format!("{} {answer}", agent.name));
            }
        }
        let mut sleepers = self.agents.iter_mut().filter(|agent| agent.sleeps_on.is_some());
        self.is_disturbed |= woken > notified || !sleepers.all(|agent| agent.is_asleep());
    }

    /// Wakes those who sleep, and leaves the memory as it was found.
    fn end(&mut self) {
        let words = Int32Array::rest(&self.memory.buffer, 0).unwrap();
        until("nobody sleeps", || {
            // Once more, if it came between two slices.
            for word in self.agents.iter().filter_map(|agent| agent.sleeps_on) {
                Atomics::notify(words, word, u32::MAX).unwrap();
            }
            self.collect(usize::MAX);
            self.agents.iter().all(|agent| agent.sleeps_on.is_none())
        });
        words.fill(0);
    }
}

/// The script, step by step: as it is written, as it is done here, and what Node said.
struct Script<'a> {
    lines: Vec<&'a str>,
    steps: Vec<Step<'a>>,
    theirs: Vec<&'a str>,
}

/// How often cases were run again, because they took long or were disturbed.
#[derive(Default)]
struct Again {
    slow: usize,
    disturbed: usize,
}

impl Script<'_> {
    fn cases(&self) -> Vec<Range<usize>> {
        let heads = (0..self.steps.len()).filter(|number| matches!(self.steps[*number], Step::Case(_)));
        let ends: Vec<_> = heads.chain([self.steps.len()]).collect();
        ends.windows(2).map(|ends| ends[0]..ends[1]).collect()
    }

    /// Runs a case until it does what it does in Node, or there is no excuse for it.
    fn compare(&self, case: Range<usize>, agents: &mut [Agent], memory: &Memory, again: &mut Again) {
        let theirs = &self.theirs[case.clone()];
        let mut disturbed = 0;
        loop {
            let start = Instant::now();
            let mut run = Run { memory, agents, lines: Vec::new(), woken: Vec::new(), is_disturbed: false };
            let _ = case.clone().all(|number| run.step(number, self.steps[number]));
            run.collect(0);
            let is_slow = start.elapsed() >= SLICE;
            run.end();
            if run.lines == theirs {
                break;
            }
            let place = run.lines.iter().zip(theirs).position(|(ours, theirs)| ours != theirs).unwrap();
            if is_slow {
                again.slow += 1;
            } else if run.is_disturbed && disturbed < DISTURBED {
                disturbed += 1;
                again.disturbed += 1;
            } else {
                let line = self.lines[case.start + place];
                panic!("{}\n{line}: {}, and in Node {}", theirs[0], run.lines[place], theirs[place]);
            }
        }
    }
}

fn agents_here_and_in_node_do_the_same(memory: &Memory) {
    const TEST: &str = "agents_here_and_in_node_do_the_same";
    let _watchdog = Watchdog::new(TEST);
    if !is_here(TEST) {
        return;
    }
    let (script, bytes) = (file("waits.txt"), memory.buffer.byte_length().to_string());
    let theirs = output(&["--allow-natives-syntax"], "agents.js", &[script.as_ref(), bytes.as_ref()]);
    if theirs.is_empty() {
        skipped(TEST, "this Node does not tell how many wait");
        return;
    }
    let lines: Vec<_> = SCRIPT.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let steps = lines.iter().map(|line| parse(line)).collect();
    let script = Script { lines, steps, theirs: theirs.lines().collect() };
    assert_eq!(script.theirs.len(), script.lines.len(), "steps that Node did, and steps of the script");

    let mut agents = NAMES.map(|name| Agent::fork(name, memory, &script.steps));
    let (cases, mut again) = (script.cases(), Again::default());
    cases.iter().for_each(|case| script.compare(case.clone(), &mut agents, memory, &mut again));
    for agent in agents {
        agent.socket.send(&END.to_ne_bytes()).unwrap();
        agent.process.join();
    }
    println!(
        "compared with Node: {} cases, {} steps, over {:?}; run again: {} that took long, {} that were disturbed",
        cases.len(),
        script.steps.len() - cases.len(),
        memory.buffer.origin(),
        again.slow,
        again.disturbed
    );
}
