//! Every primitive, with a process killed at each instruction that an operation comes by.
//!
//! A *victim* process is brought some instructions into one operation and killed, for every number from zero to the
//! end of the operation. Other processes, the *survivors*, use the same words: they sleep there already, or come later.
//! After each kill this process looks at the words, and does what the docs of the primitive say for what the victim
//! visibly held, and nothing else. Then every survivor must come to its end, after no more than one slice of sleep in
//! vain. The same scenario is also played without a kill, and then there must be no rescue.
//!
//! A wait in which the victim falls asleep is two places to die at: asleep, and having been woken. In between, this
//! process does what wakes it.
//!
//! What a number of instructions means is recorded first: the operation is stepped to its end, and each address noted.
//! That is done several times and the shortest way taken, since on others a clock was read twice because it had moved.
//! The victims are not stepped from the beginning, which would take the square of the time, but run to the last
//! instruction before their place that is met only once, and are stepped from there. Where one stands is compared with
//! the recorded address. If it has taken another way, it is killed all the same, and another is sent; how many places
//! were reached in the end is printed.
//!
//! How long a survivor waits is counted in slices, not in seconds, so that a slow machine cannot fail this: a sleep on
//! a shared word ends after a slice at the latest, and each process counts its sleeps. The clock is only asked for
//! excuses: how many slices can have ended before the kill was dealt with, and whether the survivor was at its end
//! within a slice of that in any case. That a slice is no longer than it is meant to be, the count cannot tell:
//! `tests/words/waits.rs` holds that.
//!
//! Not killed in here: `initialize`, the calls that only try, the forms with `_until`, the changes of a synchronic that are made
//! as those which are, the calls of a guarded value that write as `set` and `update` do, attaching by name or file, and what
//! only a panic reaches. All but a growth is over an anonymous mapping.
#![cfg(all(target_os = "linux", target_arch = "x86_64", not(loom)))]

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod barrier;
mod bump;
mod cond;
mod event;
mod grow;
#[cfg(feature = "guarded")]
mod guarded;
mod latch;
mod lock;
mod once;
mod rw_lock;
mod semaphore;
mod synchronic;

use slotsync::{
    Barrier, BumpAllocator, Cond, Event, Latch, Lock, Once, OnceState, RwLock, Semaphore, SharedBuffer, Slot, counters,
};
use slotsync::{NotifyHint, Number, Synchronic};
use std::collections::VecDeque;
use std::ffi::CString;
use std::mem::forget;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use support::processes::{End, Process};
use support::steps::{Stand, Steps};
use support::{Watchdog, is_emulated, skipped};

/// The longest sleep on a shared word.
const SLICE: Duration = Duration::from_secs(1);

/// How long the timed operations wait: longer than it takes to step to the sleep, on most machines.
const SHORT: Duration = Duration::from_millis(20);

/// That many kills may wait for the end of their survivors, while the next ones go on: most of that is sleep.
const MOST_PENDING: usize = 48;

/// How long a scenario may take before it is taken to hang.
const PATIENCE: Duration = Duration::from_secs(1200);

/// How often a scenario is played without a kill.
const CONTROLS: usize = 8;

/// The primitive, from the first slot on; for a condition, its lock is the first.
const WORD: usize = 0;
const COND: usize = 1;
/// What a condition is about, or whether a victim that sleeps on purpose may go on.
const FLAG: usize = 3;
/// These are looked at together.
const WORDS: usize = 4;
/// Where the survivors report, three slots for each.
const REPORTS: usize = 64;

/// Something that a process does with the memory.
type Body = fn(&SharedBuffer);

fn nothing(_: &SharedBuffer) {}

/// One operation to be killed in, and who else is there.
struct Scenario {
    name: &'static str,
    /// Prepares the memory, which is zero.
    before: Body,
    survivors: &'static [(When, Body)],
    /// What happens when the first survivors sleep.
    then: Body,
    victim: Body,
    /// What happens when the victim has fallen asleep for the first time, for the second time, and so on.
    nudges: &'static [Body],
    /// What happens when it sleeps once more after that, as when a survivor has got what was meant for it.
    relief: Body,
    /// Does what the docs say for what the victim held, and what this process itself has yet to do for the survivors. Says whether
    /// the victim left anything to be done on its behalf.
    aftermath: fn(&mut Scene) -> bool,
    /// Are there places to die at after which only the end of a slice helps?
    strands: bool,
    /// That many more sleeps may a survivor need, because it waits for more than one thing.
    more_sleeps: usize,
    /// Fewer places to die at than this, and the harness is broken. From [`SLEEPS`] on, the victim is meant to sleep.
    least_kills: usize,
}

/// When a survivor comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    /// It sleeps before the victim starts.
    First,
    /// It sleeps once the victim does, behind it. If the victim does not live to sleep, it comes after the kill.
    Midway,
    /// It comes when everything has been done for the victim.
    Last,
}
use When::{First, Last, Midway};

/// What there was to be done was for this process to do, not for the victim.
fn ours(_is_missing: bool) -> bool {
    false
}

const PLAIN: Scenario = Scenario {
    name: "",
    before: nothing,
    survivors: &[],
    then: nothing,
    victim: nothing,
    nudges: &[],
    relief: nothing,
    aftermath: |_| false,
    strands: false,
    more_sleeps: 0,
    least_kills: 10,
};

/// A scenario while it is played.
struct Scene<'s> {
    scenario: &'s Scenario,
    buffer: SharedBuffer,
    /// For messages: where the victim was killed.
    point: String,
    began: Instant,
    survivors: Vec<Survivor>,
    has_midway_come: bool,
    nudges: usize,
    reliefs: usize,
    /// The words when the victim was dead and nothing had been done for it yet.
    words: Option<[i32; WORDS]>,
    left: bool,
    /// When everything had been done, from the beginning on.
    settled: Duration,
}

struct Survivor {
    /// None: it has ended well.
    process: Option<Process>,
}

/// What a survivor says of itself at its end.
#[derive(Clone, Copy, Debug)]
struct Report {
    sleeps: usize,
    rescues: usize,
    /// From the beginning of the scene on.
    ended: Duration,
}

impl<'s> Scene<'s> {
    fn new(scenario: &'s Scenario, point: String) -> Self {
        let mut scene = Self {
            scenario,
            buffer: SharedBuffer::anonymous(support::BYTES).unwrap(),
            point,
            began: Instant::now(),
            survivors: Vec::new(),
            has_midway_come: false,
            nudges: 0,
            reliefs: 0,
            words: None,
            left: false,
            settled: Duration::ZERO,
        };
        (scenario.before)(&scene.buffer);
        scene.come(First);
        (scenario.then)(&scene.buffer);
        scene
    }

    /// Lets those survivors come, one after the other.
    fn come(&mut self, when: When) {
        for (_, body) in self.scenario.survivors.iter().filter(|survivor| survivor.0 == when) {
            self.fork(*body);
        }
    }

    /// One more survivor, which is then asleep or at its end.
    fn fork(&mut self, body: Body) {
        let number = self.survivors.len();
        let name = CString::new(format!("{number} {}", self.point)).unwrap();
        let process = Process::fork_as(&name, || {
            let start = counters();
            body(&self.buffer);
            let end = counters();
            // Such numbers fit.
            let ended = self.began.elapsed().as_millis() as i32;
            let report = [(end.sleeps - start.sleeps) as i32, (end.rescues - start.rescues) as i32, ended];
            for (slot, value) in self.report_slots(number).into_iter().zip(report) {
                slot.store(value, Relaxed);
            }
            0
        });
        self.survivors.push(Survivor { process: Some(process) });
        while !self.survivors[number].is_at_rest() {
            thread::yield_now();
        }
    }

    fn report_slots(&self, number: usize) -> [Slot<'_>; 3] {
        [0, 1, 2].map(|part| self.buffer.slot(REPORTS + 3 * number + part).unwrap())
    }

    /// The victim sleeps: the others come that wait for that.
    fn midway(&mut self) {
        if !self.has_midway_come {
            self.has_midway_come = true;
            self.come(Midway);
        }
    }

    /// Does what makes the victim go on, if there is something.
    fn nudge(&mut self) {
        if let Some(nudge) = self.scenario.nudges.get(self.nudges) {
            nudge(&self.buffer);
            self.nudges += 1;
        } else {
            (self.scenario.relief)(&self.buffer);
            self.reliefs += 1;
        }
    }

    /// The victim is dead: does what there is to do.
    fn after(&mut self) {
        self.midway();
        self.left = (self.scenario.aftermath)(self);
        self.settled = self.began.elapsed();
        self.come(Last);
    }

    /// The words at one moment at which every survivor slept or had ended. What is held then, the victim holds, or this
    /// process.
    fn words(&mut self) -> [i32; WORDS] {
        loop {
            let before = self.rest();
            let words = [0, 1, 2, 3].map(|index| self.buffer.slot(WORD + index).unwrap().load(Acquire));
            // Asleep on both sides, and not awake in between.
            if before.is_some() && self.rest() == before {
                self.words.get_or_insert(words);
                return words;
            }
            thread::yield_now();
        }
    }

    /// Which sleep each survivor is in, if it has not ended. `None`: one of them is awake.
    fn rest(&mut self) -> Option<Vec<Option<u64>>> {
        self.survivors.iter_mut().map(Survivor::rest).collect()
    }

    /// How many survivors have not ended. Of the moment of [`words`](Self::words), if asked right after it.
    fn waiting(&self) -> usize {
        self.survivors.iter().filter(|survivor| survivor.process.is_some()).count()
    }

    fn ended(&self) -> usize {
        self.survivors.len() - self.waiting()
    }

    /// Waits until every survivor has ended, and holds what it says against what is promised.
    fn judge(&mut self) -> Vec<Report> {
        for survivor in &mut self.survivors {
            if let Some(process) = survivor.process.take() {
                let end = process.reap();
                assert_eq!(end, End::Exited(0), "a survivor failed: {} {}", self.scenario.name, self.point);
            }
        }
        let mut reports: Vec<Report> = (0..self.survivors.len()).map(|number| self.report(number)).collect();
        reports.sort_by_key(|report| report.sleeps);
        let slices_before = (self.settled.as_millis() / SLICE.as_millis()) as usize;
        for (before_it, report) in reports.iter().enumerate() {
            // A slice of its own, and a sleep for each of those that were served before it.
            let most = 1 + before_it + self.scenario.more_sleeps + slices_before;
            let is_soon = report.ended.saturating_sub(self.settled) <= SLICE;
            assert!(is_soon || report.sleeps <= most, "waited longer than a slice: {}", self.describe(&reports));
            assert!(report.rescues <= 1 + slices_before, "rescued again: {}", self.describe(&reports));
            let is_rescued = report.rescues > slices_before;
            assert!(self.scenario.strands || !is_rescued, "stranded by nobody: {}", self.describe(&reports));
        }
        reports
    }

    fn report(&self, number: usize) -> Report {
        let [sleeps, rescues, ended] = self.report_slots(number).map(|slot| slot.load(Relaxed) as usize);
        Report { sleeps, rescues, ended: Duration::from_millis(ended as u64) }
    }

    fn describe(&self, reports: &[Report]) -> String {
        format!(
            "{}, killed at {}: words {:?}, {} nudges, left something: {}, settled after {:?}; {reports:?}",
            self.scenario.name, self.point, self.words, self.nudges, self.left, self.settled
        )
    }
}

impl Survivor {
    fn is_at_rest(&mut self) -> bool {
        self.rest().is_some()
    }

    /// Which sleep it is in, or that it has ended. `None`: it is awake.
    fn rest(&mut self) -> Option<Option<u64>> {
        let Some(process) = &mut self.process else { return Some(None) };
        match process.has_ended() {
            None => process.sleep_number().map(Some),
            Some(end) => {
                assert_eq!(end, End::Exited(0), "a survivor failed");
                self.process = None;
                Some(None)
            }
        }
    }
}

/// Where the victim is to be killed: after that many sleeps, before that many instructions more; or asleep, if there
/// are fewer before it sleeps again.
#[derive(Clone, Copy, Debug)]
struct Place {
    sleeps: usize,
    instructions: usize,
}

/// The addresses of the instructions of an operation that was stepped from its beginning to its end: first those up to
/// the first sleep, then those from there to the second, and so on. The last is behind the operation.
type Path = Vec<Vec<u64>>;

/// That many scenarios kill at a time, while the others wait for their survivors. More would only take the processors
/// away from each other's processes.
static TURNS: [Mutex<()>; 2] = [const { Mutex::new(()) }; 2];

/// All the kills of one scenario.
struct Sweep<'s> {
    scenario: &'s Scenario,
    /// Held while it kills.
    turn: &'static Mutex<()>,
    pending: VecDeque<Scene<'s>>,
    path: Path,
    kills: usize,
    asleep: usize,
    /// Places at which no victim stood, though one was sent there several times.
    missed: Vec<Place>,
    left: usize,
    rescues: usize,
    stranded: usize,
    /// How long after everything had been done a rescued survivor was at its end: the first and the last of them all.
    waits: Option<(Duration, Duration)>,
}

impl<'s> Sweep<'s> {
    fn new(scenario: &'s Scenario, turn: &'static Mutex<()>) -> Self {
        Self {
            scenario,
            turn,
            pending: VecDeque::new(),
            path: Path::new(),
            kills: 0,
            asleep: 0,
            missed: Vec::new(),
            left: 0,
            rescues: 0,
            stranded: 0,
            waits: None,
        }
    }

    /// How many there are to die at: before each instruction, and in each sleep.
    fn places(&self) -> usize {
        self.path.iter().map(Vec::len).sum::<usize>() + self.path.len() - 1
    }

    fn has_lost_its_way(&self) -> bool {
        self.missed.len() * 10 > self.places()
    }

    /// `None` where nobody may step. Ends early if too many places are missed.
    fn run(&mut self) -> Option<()> {
        self.record()?;
        'way: for sleeps in 0..self.path.len() {
            let is_last = sleeps + 1 == self.path.len();
            for instructions in 0..self.path[sleeps].len() + usize::from(!is_last) {
                self.kill_at(Place { sleeps, instructions })?;
                if self.has_lost_its_way() {
                    break 'way;
                }
            }
        }
        while !self.pending.is_empty() {
            self.judge_one();
        }
        Some(())
    }

    /// Steps through the operation to the end, several times: it may take different ways. The best one to be followed
    /// again is the one that sleeps as often as it is meant to, and of these the shortest, on which no clock had to be
    /// read twice.
    fn record(&mut self) -> Option<()> {
        const ENOUGH: usize = 8;
        const TIMES: usize = 32;
        let sleeps = match self.scenario.least_kills >= SLEEPS {
            true => self.scenario.nudges.len().max(1),
            false => 0,
        };
        let key = |path: &Path| ((path.len() - 1).abs_diff(sleeps), path.iter().map(Vec::len).sum::<usize>());
        let mut paths = Vec::new();
        while paths.len() < TIMES && paths.iter().filter(|path| key(path).0 == 0).count() < ENOUGH {
            paths.push(self.record_one()?);
        }
        self.path = paths.into_iter().min_by_key(key)?;
        Some(())
    }

    fn record_one(&mut self) -> Option<Path> {
        let _turn = take(self.turn);
        let mut scene = Scene::new(self.scenario, "the end".to_owned());
        let mut victim = self.start(&scene)?;
        let mut path = vec![Vec::new()];
        let mut stand = victim.stand();
        loop {
            if stand == Stand::Asleep {
                scene.midway();
                scene.nudge();
                path.push(Vec::new());
            } else if let Some(way) = path.last_mut() {
                way.push(victim.address());
            }
            if stand == Stand::AtTheEnd {
                break;
            }
            stand = victim.step();
        }
        self.kill(scene, victim);
        Some(path)
    }

    fn start(&self, scene: &Scene) -> Option<Steps> {
        Steps::unless_refused(self.scenario.name, || (self.scenario.victim)(&scene.buffer))
    }

    /// One that takes another way, as it may if it reads the clock at another time, is killed where that has led to,
    /// and another is sent.
    fn kill_at(&mut self, place: Place) -> Option<()> {
        // Where the victim runs beside those whom it woke, its way varies, and the more so the busier the machine is.
        const TRIES: usize = 16;
        for _ in 0..TRIES {
            while self.pending.len() > MOST_PENDING {
                self.judge_one();
            }
            let _turn = take(self.turn);
            let mut scene = Scene::new(self.scenario, format!("{}+{}", place.sleeps, place.instructions));
            let mut victim = self.start(&scene)?;
            let is_there = self.lead(&mut victim, &mut scene, place);
            self.kill(scene, victim);
            if is_there {
                return Some(());
            }
        }
        self.missed.push(place);
        Some(())
    }

    /// Lets the victim come to the place. False: it stands elsewhere.
    fn lead(&self, victim: &mut Steps, scene: &mut Scene, place: Place) -> bool {
        for (sleeps, way) in self.path.iter().enumerate() {
            let is_here = sleeps == place.sleeps;
            let last = if is_here && place.instructions < way.len() { place.instructions } else { way.len() - 1 };
            if !follow(victim, way, last) || is_here && last == place.instructions {
                return victim.stand() != Stand::Asleep && victim.address() == way[last];
            }
            if victim.step() != Stand::Asleep {
                return false;
            }
            scene.midway();
            if is_here {
                return true;
            }
            scene.nudge();
            victim.step();
        }
        false
    }

    fn kill(&mut self, mut scene: Scene<'s>, victim: Steps) {
        if victim.stand() == Stand::Asleep {
            self.asleep += 1;
        }
        drop(victim);
        scene.after();
        self.kills += 1;
        self.left += usize::from(scene.left);
        self.pending.push_back(scene);
    }

    fn judge_one(&mut self) {
        if let Some(mut scene) = self.pending.pop_front() {
            let reports = scene.judge();
            let rescues: usize = reports.iter().map(|report| report.rescues).sum();
            self.rescues += rescues;
            self.stranded += usize::from(rescues > 0);
            for rescued in reports.iter().filter(|report| report.rescues > 0) {
                let wait = rescued.ended.saturating_sub(scene.settled);
                let (first, last) = self.waits.unwrap_or((wait, wait));
                self.waits = Some((first.min(wait), last.max(wait)));
            }
        }
    }
}

/// Lets the victim come to the instruction `last` of the way, on which it stands at the first one. It is let run to
/// where it can surely be stopped, which is an instruction that is met but once, and stepped from there. A short
/// way is stepped as a whole, since a survivor that is woken on it may be in time to change the rest. False: it fell
/// asleep or came to its end before.
fn follow(victim: &mut Steps, way: &[u64], last: usize) -> bool {
    let is_met_once = |index: &usize| way.iter().filter(|address| **address == way[*index]).count() == 1;
    let stop = (1..=last).rev().find(is_met_once).filter(|_| way.len() >= SLEEPS);
    if stop.is_some_and(|stop| victim.run_to(way[stop]) != Stand::Between && stop != way.len() - 1) {
        return false;
    }
    (stop.unwrap_or(0)..last).all(|_| victim.stand() == Stand::Between && victim.step() != Stand::Asleep)
}

/// Where nobody is killed.
const CONTROL: &str = "control";

/// Plays a scenario to its end, with nobody killed, and returns the rescues. `None`: it took so long that a slice may
/// have ended in between.
fn control(scenario: &Scenario, _turn: MutexGuard<'_, ()>) -> Option<usize> {
    let mut scene = Scene::new(scenario, CONTROL.to_owned());
    let rescued = scene.buffer.slot(REPORTS - 1).unwrap();
    let mut victim = Process::fork(|| {
        let start = counters().rescues;
        (scenario.victim)(&scene.buffer);
        rescued.store((counters().rescues - start) as i32, Relaxed);
        0
    });
    let end = loop {
        if let Some(end) = victim.has_ended() {
            break end;
        }
        if victim.is_asleep() {
            scene.midway();
            scene.nudge();
        }
        thread::yield_now();
    };
    assert_eq!(end, End::Exited(0), "the victim that nobody killed failed: {}", scenario.name);
    scene.after();
    let rescues = scene.judge().iter().map(|report| report.rescues).sum::<usize>();
    let rescued = scene.buffer.slot(REPORTS - 1).unwrap().load(Relaxed) as usize;
    (scene.settled < SLICE).then_some(rescues + rescued)
}

/// The first sleep of a process looks for the kernel's clock in its own memory, which takes thousands of instructions
/// and touches no shared word. Children inherit what it finds.
fn warm_up() {
    let buffer = SharedBuffer::anonymous(support::BYTES).unwrap();
    let _ = buffer.slot(0).unwrap().wait_for(0, Duration::from_millis(1));
}

/// Also if another scenario failed during its turn.
fn take(turn: &Mutex<()>) -> MutexGuard<'_, ()> {
    turn.lock().unwrap_or_else(PoisonError::into_inner)
}

fn play(name: &'static str, scenario: Scenario) {
    if is_emulated() {
        return skipped(name, "SLOTSYNC_EMULATED is set, and emulators do not step");
    }
    let _watchdog = Watchdog::with_patience(name, PATIENCE);
    let start = Instant::now();
    let scenario = &Scenario { name, ..scenario };
    warm_up();
    static TURN: AtomicUsize = AtomicUsize::new(0);
    let turn = &TURNS[TURN.fetch_add(1, Relaxed) % TURNS.len()];
    let controls: Vec<usize> = (0..CONTROLS).filter_map(|_| control(scenario, take(turn))).collect();
    assert!(controls.iter().all(|rescues| *rescues == 0), "nobody was killed in {name}, but rescues: {controls:?}");
    assert!(!controls.is_empty(), "{name} was never fast enough to say anything");
    if cfg!(debug_assertions) {
        return skipped(name, "only optimized builds are short enough to be killed at each instruction: use --release");
    }
    // On a busy machine a way may be recorded that is hardly ever taken again: then another one is.
    const WAYS: usize = 3;
    let mut sweep = Sweep::new(scenario, turn);
    for way in 1..=WAYS {
        let Some(()) = sweep.run() else { return };
        if way == WAYS || !sweep.has_lost_its_way() {
            break;
        }
        println!("{name}: {} places were not met again: another way is recorded", sweep.missed.len());
        sweep = Sweep::new(scenario, turn);
    }
    let places = sweep.places();
    println!(
        "{name}: {} kills at {} of {places} places, {} of them asleep; {} left something; {} stranded somebody, {} \
         rescues{}; {} runs without a kill, 0 rescues; {:.1} s",
        sweep.kills,
        places - sweep.missed.len(),
        sweep.asleep,
        sweep.left,
        sweep.stranded,
        sweep.rescues,
        sweep.waits.map_or(String::new(), |(first, last)| format!(" after {first:.2?} to {last:.2?}")),
        controls.len(),
        start.elapsed().as_secs_f64()
    );
    assert!(places >= scenario.least_kills, "{name} has more places to die at");
    assert_eq!(sweep.asleep > 0, scenario.least_kills >= SLEEPS, "{name}: does the victim sleep?");
    assert_eq!(sweep.rescues > 0, scenario.strands, "{name}: is somebody stranded?");
    assert!(!sweep.has_lost_its_way(), "{name}: too many places were not met again");
}

/// An operation that sleeps is longer than this, and one that does not is shorter.
const SLEEPS: usize = 150;

macro_rules! scenarios {
    ($($name:ident { $($fields:tt)* })*) => { $(
        #[test]
        fn $name() {
            play(stringify!($name), Scenario { $($fields)*, ..PLAIN });
        }
    )* };
}

/// Until the victim may go on, so that others can come meanwhile.
fn sleep_on_purpose(buffer: &SharedBuffer) {
    let flag = buffer.slot(FLAG).unwrap();
    while flag.load(Acquire) == 0 {
        let _ = flag.wait(0);
    }
}

fn let_the_victim_go_on(buffer: &SharedBuffer) {
    let flag = buffer.slot(FLAG).unwrap();
    flag.store(1, Release);
    flag.wake(u32::MAX);
}
use scenarios;
