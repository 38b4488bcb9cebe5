//! Every primitive, with a process killed at each instruction that an operation comes by.
//!
//! A *victim* process is brought so many instructions into one operation and killed, for every number from zero to the
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
//! `tests/slot_waits.rs` holds that.
//!
//! Not killed in here: `initialize`, the calls that only try, the forms with `_until`, the changes of a synchronic that are made
//! as those which are, the calls of a guarded value that write as `set` and `update` do, attaching by name or file, and what
//! only a panic reaches. All of it over an anonymous mapping.
#![cfg(all(target_os = "linux", target_arch = "x86_64", not(loom)))]

mod support;

use slotsync::{
    Barrier, BumpAllocator, Cond, Event, Latch, Lock, Once, OnceState, RwLock, Semaphore, SharedBuffer, Slot, counters,
};
use slotsync::{NotifyHint, Synchronic, Value};
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

/// So many kills may wait for the end of their survivors, while the next ones go on: most of that is sleep.
const MOST_PENDING: usize = 48;

/// How long a scenario may take before it is taken to hang.
const PATIENCE: Duration = Duration::from_secs(400);

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
    /// Does what the docs say for what the victim held, and what this process itself owes the survivors. Says whether
    /// the victim left anything to be done in its name.
    aftermath: fn(&mut Scene) -> bool,
    /// Are there places to die at after which only the end of a slice helps?
    strands: bool,
    /// So many sleeps more may a survivor need, because it waits for more than one thing.
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

    /// The victim sleeps: the others come who wait for that.
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
            // A slice of its own, and a sleep for each of those who were served before it.
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

/// Where the victim is to be killed: after so many sleeps, before so many instructions more; or asleep, if there are
/// not so many before it sleeps again.
#[derive(Clone, Copy, Debug)]
struct Place {
    sleeps: usize,
    instructions: usize,
}

/// The addresses of the instructions of an operation that was stepped from its beginning to its end: first those up to
/// the first sleep, then those from there to the second, and so on. The last is behind the operation.
type Path = Vec<Vec<u64>>;

/// So many scenarios kill at a time, while the others wait for their survivors. More would only take the processors
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
/// where it can be stopped without doubt, which is an instruction that is met but once, and stepped from there. A short
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

// The lock

fn lock(buffer: &SharedBuffer) -> Lock<'_> {
    Lock::new(buffer, WORD).unwrap()
}

fn hold(buffer: &SharedBuffer) {
    forget(lock(buffer).lock());
}

fn unlock(buffer: &SharedBuffer) {
    // Not held is for the aftermath to see.
    let _ = lock(buffer).unlock();
}

fn pass(buffer: &SharedBuffer) {
    drop(lock(buffer).lock());
}

fn lock_in_vain(buffer: &SharedBuffer) {
    forget(lock(buffer).lock_for(SHORT));
}

/// What is held stays held, until it is unlocked in the name of its holder.
fn unlock_in_its_name(scene: &mut Scene) -> bool {
    let [word, ..] = scene.words();
    assert!((0..=2).contains(&word), "no state of a lock: {}", scene.describe(&[]));
    let lock = lock(&scene.buffer);
    if word != 0 {
        assert!(lock.try_lock().is_none(), "held, but not held: {}", scene.describe(&[]));
        lock.unlock().unwrap();
    }
    word != 0
}

/// As long as there was no nudge, this process holds the lock itself.
fn unlock_unless_it_was_ours(scene: &mut Scene) -> bool {
    unlock_in_its_name(scene) && scene.nudges > 0
}

scenarios! {
    lock_that_is_free {
        survivors: &[(Last, pass)],
        victim: hold,
        aftermath: unlock_in_its_name
    }
    lock_that_sleeps_before_another {
        before: hold,
        survivors: &[(Midway, pass)],
        victim: hold,
        nudges: &[unlock],
        aftermath: unlock_unless_it_was_ours,
        strands: true,
        least_kills: SLEEPS
    }
    lock_that_sleeps_behind_another {
        before: hold,
        survivors: &[(First, pass)],
        victim: hold,
        nudges: &[unlock],
        aftermath: unlock_unless_it_was_ours,
        least_kills: SLEEPS
    }
    lock_that_sleeps_between_two {
        before: hold,
        survivors: &[(First, pass), (Midway, pass)],
        victim: hold,
        nudges: &[unlock],
        aftermath: unlock_unless_it_was_ours,
        strands: true,
        least_kills: SLEEPS
    }
    unlock_with_nobody_asleep {
        before: hold,
        survivors: &[(Last, pass)],
        victim: unlock,
        aftermath: unlock_in_its_name
    }
    unlock_with_one_asleep {
        before: hold,
        survivors: &[(First, pass)],
        victim: unlock,
        aftermath: unlock_in_its_name,
        strands: true
    }
    unlock_with_two_asleep {
        before: hold,
        survivors: &[(First, pass), (First, pass)],
        victim: unlock,
        aftermath: unlock_in_its_name,
        strands: true
    }
    lock_for_that_runs_out_beside_another {
        before: hold,
        survivors: &[(First, pass)],
        victim: lock_in_vain,
        aftermath: unlock_unless_it_was_ours,
        least_kills: SLEEPS
    }
}

// The reader-writer lock

fn rw_lock(buffer: &SharedBuffer) -> RwLock<'_> {
    RwLock::new(buffer, WORD).unwrap()
}

fn hold_to_read(buffer: &SharedBuffer) {
    forget(rw_lock(buffer).read().unwrap());
}

fn hold_to_write(buffer: &SharedBuffer) {
    forget(rw_lock(buffer).write());
}

fn unlock_read(buffer: &SharedBuffer) {
    let _ = rw_lock(buffer).unlock_read();
}

fn unlock_write(buffer: &SharedBuffer) {
    let _ = rw_lock(buffer).unlock_write();
}

fn pass_to_read(buffer: &SharedBuffer) {
    drop(rw_lock(buffer).read().unwrap());
}

fn pass_to_write(buffer: &SharedBuffer) {
    drop(rw_lock(buffer).write());
}

fn write_and_downgrade(buffer: &SharedBuffer) {
    let guard = rw_lock(buffer).write();
    sleep_on_purpose(buffer);
    forget(guard.downgrade());
}

/// What is held stays held, until it is unlocked in the name of its holder: a writer, or the only reader.
fn unlock_either_in_its_name(scene: &mut Scene) -> bool {
    scene.words();
    let lock = rw_lock(&scene.buffer);
    let (readers, is_writing) = (lock.readers(), lock.is_writing());
    assert!(readers <= 1, "nobody holds it with the victim: {}", scene.describe(&[]));
    if is_writing {
        assert!(lock.try_read().unwrap().is_none(), "held, but not held: {}", scene.describe(&[]));
        lock.unlock_write().unwrap();
    }
    if readers == 1 {
        assert!(lock.try_write().is_none(), "held, but not held: {}", scene.describe(&[]));
        lock.unlock_read().unwrap();
    }
    is_writing || readers == 1
}

/// As above, but if the victim came to read, it stays, and readers come in beside it.
fn unlock_the_writer_in_its_name(scene: &mut Scene) -> bool {
    let [word, ..] = scene.words();
    if word & (1 << 29) != 0 {
        return unlock_either_in_its_name(scene);
    }
    let readers = rw_lock(&scene.buffer).readers();
    assert!(readers <= 1, "nobody holds it with the victim: {}", scene.describe(&[]));
    readers == 1
}

fn unlock_the_writer_unless_it_was_ours(scene: &mut Scene) -> bool {
    unlock_the_writer_in_its_name(scene) && scene.nudges > 0
}

/// As long as there was no nudge, this process holds the lock itself.
fn unlock_either_unless_it_was_ours(scene: &mut Scene) -> bool {
    unlock_either_in_its_name(scene) && scene.nudges > 0
}

scenarios! {
    read_that_is_free {
        survivors: &[(Last, pass_to_write)],
        victim: hold_to_read,
        aftermath: unlock_either_in_its_name
    }
    write_that_is_free {
        survivors: &[(Last, pass_to_read), (Last, pass_to_write)],
        victim: hold_to_write,
        aftermath: unlock_either_in_its_name
    }
    upgrade_of_the_only_reader {
        survivors: &[(Last, pass_to_read)],
        victim: |buffer| forget(rw_lock(buffer).read().unwrap().try_upgrade()),
        aftermath: unlock_either_in_its_name
    }
    read_that_sleeps_behind_a_writer_between_two {
        before: hold_to_write,
        survivors: &[(First, pass_to_read), (Midway, pass_to_read)],
        victim: hold_to_read,
        nudges: &[unlock_write],
        aftermath: unlock_either_unless_it_was_ours,
        least_kills: SLEEPS
    }
    read_that_sleeps_behind_a_writer_before_another {
        before: hold_to_write,
        survivors: &[(Midway, pass_to_write)],
        victim: hold_to_read,
        nudges: &[unlock_write],
        aftermath: unlock_either_unless_it_was_ours,
        least_kills: SLEEPS
    }
    write_that_sleeps_behind_a_reader_before_another {
        before: hold_to_read,
        survivors: &[(Midway, pass_to_read)],
        victim: hold_to_write,
        nudges: &[unlock_read],
        aftermath: unlock_either_unless_it_was_ours,
        strands: true,
        least_kills: SLEEPS
    }
    write_that_sleeps_behind_a_reader_before_one_of_each {
        before: hold_to_read,
        survivors: &[(Midway, pass_to_write), (Midway, pass_to_read)],
        victim: hold_to_write,
        nudges: &[unlock_read],
        aftermath: unlock_either_unless_it_was_ours,
        strands: true,
        least_kills: SLEEPS
    }
    write_that_sleeps_behind_a_writer_between_one_of_each {
        before: hold_to_write,
        survivors: &[(First, pass_to_read), (Midway, pass_to_write)],
        victim: hold_to_write,
        nudges: &[unlock_write],
        aftermath: unlock_either_unless_it_was_ours,
        strands: true,
        least_kills: SLEEPS
    }
    // The reader stays: nobody but who waits behind the victim's mark can take it away.
    write_for_that_runs_out_behind_a_reader_that_stays {
        before: |buffer| {
            hold_to_read(buffer);
            // Said falsely, as is legal, so that the victim does not spin: its time would be over before it sleeps.
            buffer.slot(WORD).unwrap().fetch_or(1 << 30, Relaxed);
        },
        survivors: &[(Midway, pass_to_read)],
        victim: |buffer| forget(rw_lock(buffer).write_for(2 * SHORT)),
        aftermath: |scene| {
            let [word, ..] = scene.words();
            assert_eq!(word & !(0b11 << 30), 1, "the reader stays: {}", scene.describe(&[]));
            word < 0
        },
        strands: true,
        // Who doubts a writer sleeps once more, for some milliseconds.
        more_sleeps: 1,
        least_kills: SLEEPS
    }
    read_for_that_runs_out_beside_another {
        before: hold_to_write,
        survivors: &[(First, pass_to_read)],
        victim: |buffer| forget(rw_lock(buffer).read_for(SHORT)),
        aftermath: unlock_either_unless_it_was_ours,
        least_kills: SLEEPS
    }
    unlock_write_with_one_of_each_asleep {
        before: hold_to_write,
        survivors: &[(First, pass_to_write), (First, pass_to_read)],
        victim: unlock_write,
        aftermath: unlock_either_in_its_name,
        strands: true
    }
    unlock_write_with_two_readers_asleep {
        before: hold_to_write,
        survivors: &[(First, pass_to_read), (First, pass_to_read)],
        victim: unlock_write,
        aftermath: unlock_either_in_its_name,
        strands: true
    }
    unlock_read_with_a_writer_asleep_and_a_reader_behind_it {
        before: hold_to_read,
        survivors: &[(First, pass_to_write), (First, pass_to_read)],
        victim: unlock_read,
        aftermath: unlock_either_in_its_name,
        strands: true
    }
    write_that_sleeps_and_downgrades_before_a_reader {
        before: hold_to_write,
        survivors: &[(Midway, pass_to_read)],
        victim: |buffer| forget(rw_lock(buffer).write().downgrade()),
        nudges: &[unlock_write],
        aftermath: unlock_the_writer_unless_it_was_ours,
        strands: true,
        // As above: it leaves a false mark of writers until it has found that there are none.
        more_sleeps: 1,
        least_kills: SLEEPS
    }
    downgrade_with_two_readers_asleep {
        survivors: &[(Midway, pass_to_read), (Midway, pass_to_read)],
        victim: write_and_downgrade,
        nudges: &[let_the_victim_go_on],
        aftermath: unlock_the_writer_in_its_name,
        strands: true,
        // Whose slice is over gives the writers time, whatever the word says.
        more_sleeps: 1,
        least_kills: SLEEPS
    }
    downgrade_with_one_of_each_asleep {
        survivors: &[(Midway, pass_to_write), (Midway, pass_to_read)],
        victim: write_and_downgrade,
        nudges: &[let_the_victim_go_on],
        // The marks stay, so who unlocks in its name wakes them.
        aftermath: unlock_either_in_its_name,
        least_kills: SLEEPS
    }
}

// The semaphore

fn semaphore(buffer: &SharedBuffer) -> Semaphore<'_> {
    Semaphore::new(buffer, WORD).unwrap()
}

fn acquire(buffer: &SharedBuffer) {
    semaphore(buffer).acquire();
}

fn acquire_two(buffer: &SharedBuffer) {
    let _ = semaphore(buffer).acquire_many(2);
}

fn release(buffer: &SharedBuffer) {
    let _ = semaphore(buffer).release(1);
}

fn release_two(buffer: &SharedBuffer) {
    let _ = semaphore(buffer).release(2);
}

/// What the victim took, which is negative if it released. `released` by others, and each survivor needs and keeps
/// `each`. Releases what the survivors still need that is not there.
fn permits_of_the_victim(scene: &mut Scene, released: usize, each: u32) -> i64 {
    /// All but the two marks.
    const PERMITS: i32 = (1 << 30) - 1;
    let available = scene.words()[WORD] & PERMITS;
    let [waiting, ended] = [scene.waiting(), scene.ended()].map(|count| count as i64 * i64::from(each));
    let missing = waiting - i64::from(available);
    if missing > 0 {
        semaphore(&scene.buffer).release(missing as u32).unwrap();
    }
    released as i64 - i64::from(available) - ended
}

/// Has the victim taken `count`? It takes all or nothing.
fn release_in_its_name(scene: &mut Scene, released: usize, each: u32, count: i64) -> bool {
    let took = permits_of_the_victim(scene, released, each);
    assert!(took == 0 || took == count, "took {took}: {}", scene.describe(&[]));
    took == count
}

/// The victim releases `count`, and nobody else does. If it has not, that is left to do.
fn release_if_it_did_not(scene: &mut Scene, count: i64) -> bool {
    let took = permits_of_the_victim(scene, 0, 1);
    assert!(took == 0 || took == -count, "took {took}: {}", scene.describe(&[]));
    took == 0
}

scenarios! {
    acquire_that_finds_a_permit {
        before: release,
        survivors: &[(Last, |buffer| { acquire(buffer); release(buffer); })],
        victim: acquire,
        aftermath: |scene| {
            let took = release_in_its_name(scene, 1, 1, 1);
            assert_eq!(semaphore(&scene.buffer).permits(), u32::from(!took));
            if took { release(&scene.buffer); }
            took
        }
    }
    acquire_that_sleeps_before_another {
        survivors: &[(Midway, acquire)],
        victim: acquire,
        nudges: &[release],
        relief: release,
        aftermath: |scene| {
            let released = scene.nudges + scene.reliefs;
            release_in_its_name(scene, released, 1, 1)
        },
        strands: true,
        least_kills: SLEEPS
    }
    acquire_that_sleeps_behind_another {
        survivors: &[(First, acquire)],
        victim: acquire,
        nudges: &[release_two],
        relief: release,
        aftermath: |scene| {
            let released = 2 * scene.nudges + scene.reliefs;
            release_in_its_name(scene, released, 1, 1)
        },
        least_kills: SLEEPS
    }
    acquire_that_sleeps_before_one_that_needs_two {
        survivors: &[(Midway, acquire_two)],
        victim: acquire,
        nudges: &[release],
        aftermath: |scene| {
            let released = scene.nudges;
            release_in_its_name(scene, released, 2, 1)
        },
        least_kills: SLEEPS
    }
    acquire_two_that_sleeps_beside_two_that_need_one {
        survivors: &[(First, acquire), (Midway, acquire)],
        victim: acquire_two,
        nudges: &[release, release_two, release_two],
        aftermath: |scene| {
            let released = [0, 1, 3, 5][scene.nudges];
            release_in_its_name(scene, released, 1, 2)
        },
        least_kills: SLEEPS
    }
    acquire_for_that_runs_out_beside_another {
        survivors: &[(First, acquire)],
        victim: |buffer| { let _ = semaphore(buffer).acquire_for(SHORT); },
        aftermath: |scene| ours(release_in_its_name(scene, 0, 1, 0)),
        least_kills: SLEEPS
    }
    release_with_one_asleep {
        survivors: &[(First, acquire)],
        victim: release,
        aftermath: |scene| release_if_it_did_not(scene, 1),
        strands: true
    }
    release_with_two_asleep {
        survivors: &[(First, acquire), (First, acquire)],
        victim: release,
        aftermath: |scene| release_if_it_did_not(scene, 1),
        strands: true
    }
    release_of_two_with_two_asleep {
        survivors: &[(First, acquire), (First, acquire)],
        victim: release_two,
        aftermath: |scene| release_if_it_did_not(scene, 2),
        strands: true
    }
    release_of_two_with_one_asleep_that_needs_both {
        survivors: &[(First, acquire_two)],
        victim: release_two,
        aftermath: |scene| {
            let took = permits_of_the_victim(scene, 0, 2);
            assert!(took == 0 || took == -2, "took {took}: {}", scene.describe(&[]));
            took == 0
        },
        strands: true
    }
}

// The event

fn event(buffer: &SharedBuffer) -> Event<'_> {
    Event::new(buffer, WORD).unwrap()
}

fn await_event(buffer: &SharedBuffer) {
    event(buffer).wait();
}

fn set(buffer: &SharedBuffer) {
    event(buffer).set();
}

/// Sets the event, if it is not set.
fn set_in_its_name(scene: &mut Scene) -> bool {
    let [word, ..] = scene.words();
    assert!(word >> 2 == 0, "nobody has reset it: {}", scene.describe(&[]));
    let is_missing = word & 1 == 0;
    if is_missing {
        set(&scene.buffer);
    }
    is_missing
}

scenarios! {
    set_with_two_asleep {
        survivors: &[(First, await_event), (First, await_event)],
        victim: set,
        aftermath: set_in_its_name,
        strands: true
    }
    reset_of_an_event {
        before: set,
        survivors: &[(Last, await_event)],
        victim: |buffer| event(buffer).reset(),
        aftermath: |scene| {
            let [word, ..] = scene.words();
            assert!(matches!(word, 1 | 4), "set, or reset once: {}", scene.describe(&[]));
            set(&scene.buffer);
            word == 4
        }
    }
    wait_for_an_event_between_two {
        survivors: &[(First, await_event), (Midway, await_event)],
        victim: await_event,
        nudges: &[set],
        aftermath: |scene| ours(set_in_its_name(scene)),
        least_kills: SLEEPS
    }
    wait_for_an_event_that_runs_out_beside_another {
        survivors: &[(First, await_event)],
        victim: |buffer| { let _ = event(buffer).wait_for(SHORT); },
        aftermath: |scene| ours(set_in_its_name(scene)),
        least_kills: SLEEPS
    }
}

// The latch

fn latch(buffer: &SharedBuffer) -> Latch<'_> {
    Latch::new(buffer, WORD).unwrap()
}

fn start_from_one(buffer: &SharedBuffer) {
    Latch::initialize(buffer, WORD, 1).unwrap();
}

fn count_down(buffer: &SharedBuffer) {
    let _ = latch(buffer).count_down(1);
}

fn await_latch(buffer: &SharedBuffer) {
    latch(buffer).wait();
}

/// Counts down, if that is left to do.
fn count_down_in_its_name(scene: &mut Scene) -> bool {
    let left = scene.words()[WORD] & i32::MAX;
    assert!(matches!(left, 0 | 1), "counted otherwise: {}", scene.describe(&[]));
    if left == 1 {
        latch(&scene.buffer).count_down(1).unwrap();
    }
    left == 1
}

scenarios! {
    count_down_with_two_asleep {
        before: start_from_one,
        survivors: &[(First, await_latch), (First, await_latch)],
        victim: count_down,
        aftermath: count_down_in_its_name,
        strands: true
    }
    wait_for_a_latch_between_two {
        before: start_from_one,
        survivors: &[(First, await_latch), (Midway, await_latch)],
        victim: await_latch,
        nudges: &[count_down],
        aftermath: |scene| ours(count_down_in_its_name(scene)),
        least_kills: SLEEPS
    }
    wait_for_a_latch_that_runs_out_beside_another {
        before: start_from_one,
        survivors: &[(First, await_latch)],
        victim: |buffer| { let _ = latch(buffer).wait_for(SHORT); },
        aftermath: |scene| ours(count_down_in_its_name(scene)),
        least_kills: SLEEPS
    }
}

// The barrier, which is for three

fn barrier(buffer: &SharedBuffer) -> Barrier<'_> {
    Barrier::new(buffer, WORD, 3).unwrap()
}

fn arrive(buffer: &SharedBuffer) {
    barrier(buffer).wait();
}

/// How many had arrived in the round, all but this process's missing one among them; three, if it is complete. Lets
/// others arrive until it is.
fn arrived(scene: &mut Scene) -> i32 {
    let [word, ..] = scene.words();
    if word >> 15 != 0 {
        assert_eq!(word & !(1 << 14), 1 << 15, "one round, and nobody in the next: {}", scene.describe(&[]));
        return 3;
    }
    let arrived = word & ((1 << 14) - 1);
    assert!((1..=2).contains(&arrived), "{}", scene.describe(&[]));
    for _ in arrived..2 {
        scene.fork(arrive);
    }
    // The last does not sleep.
    arrive(&scene.buffer);
    arrived
}

scenarios! {
    arrival_of_the_last_with_two_asleep {
        survivors: &[(First, arrive), (First, arrive)],
        victim: arrive,
        aftermath: |scene| arrived(scene) == 2,
        strands: true
    }
    arrival_that_sleeps_beside_another {
        survivors: &[(First, arrive)],
        victim: arrive,
        nudges: &[arrive],
        // An arrival that was counted stays counted.
        aftermath: |scene| arrived(scene) == 2,
        least_kills: SLEEPS
    }
    arrival_that_is_withdrawn_beside_another {
        survivors: &[(First, arrive)],
        victim: |buffer| { let _ = barrier(buffer).wait_for(2 * SHORT); },
        aftermath: |scene| arrived(scene) == 2,
        least_kills: SLEEPS
    }
}

// The once

fn once(buffer: &SharedBuffer) -> Once<'_> {
    Once::new(buffer, WORD).unwrap()
}

fn call_once(buffer: &SharedBuffer) {
    once(buffer).call_once(|| ()).unwrap();
}

/// The initializer sleeps until it may go on, so that others can come meanwhile.
fn call_once_and_sleep(buffer: &SharedBuffer) {
    let _ = once(buffer).call_once(|| sleep_on_purpose(buffer));
}

/// As if this process ran the initializer: no call could stop halfway and stay.
fn run(buffer: &SharedBuffer) {
    buffer.slot(WORD).unwrap().store(1, Release);
}

/// The end of what [`run`] began.
fn end(buffer: &SharedBuffer) {
    let word = buffer.slot(WORD).unwrap();
    word.swap(3, Release);
    word.wake(u32::MAX);
}

fn reset(buffer: &SharedBuffer) {
    once(buffer).reset();
}

/// Resets the once, if somebody ran the initializer who is dead.
fn reset_in_its_name(scene: &mut Scene) -> bool {
    scene.words();
    let state = once(&scene.buffer).state();
    assert_ne!(state, OnceState::Panicked, "{}", scene.describe(&[]));
    if state == OnceState::Running {
        reset(&scene.buffer);
    }
    state == OnceState::Running
}

scenarios! {
    call_once_that_runs_the_initializer_before_two {
        survivors: &[(Midway, call_once), (Midway, call_once)],
        victim: call_once_and_sleep,
        nudges: &[let_the_victim_go_on],
        aftermath: reset_in_its_name,
        strands: true,
        least_kills: SLEEPS
    }
    call_once_that_waits_for_the_end_between_two {
        before: run,
        survivors: &[(First, call_once), (Midway, call_once)],
        victim: call_once,
        nudges: &[end],
        aftermath: |scene| reset_in_its_name(scene) && scene.nudges > 0,
        least_kills: SLEEPS
    }
    // Others who wait would be woken too, and be faster than who is stepped.
    call_once_that_waits_alone_and_runs_it_after_a_reset {
        before: run,
        survivors: &[(Last, call_once)],
        victim: call_once,
        nudges: &[reset],
        aftermath: |scene| reset_in_its_name(scene) && scene.nudges > 0,
        least_kills: SLEEPS
    }
    call_once_for_that_runs_out_beside_another {
        before: run,
        survivors: &[(First, call_once)],
        victim: |buffer| { let _ = once(buffer).call_once_for(|| (), SHORT); },
        aftermath: |scene| ours(reset_in_its_name(scene)),
        least_kills: SLEEPS
    }
    reset_of_a_once_with_two_asleep {
        before: run,
        survivors: &[(First, call_once), (First, call_once)],
        victim: reset,
        aftermath: reset_in_its_name,
        strands: true
    }
}

// The condition: that the flag is set. Who has seen that passes the notify on.

fn cond(buffer: &SharedBuffer) -> Cond<'_> {
    Cond::new(buffer, COND, lock(buffer)).unwrap()
}

fn set_flag(buffer: &SharedBuffer) {
    let _guard = lock(buffer).lock();
    buffer.slot(FLAG).unwrap().store(1, Relaxed);
}

fn notify_one(buffer: &SharedBuffer) {
    cond(buffer).notify_one();
}

fn set_flag_and_notify_one(buffer: &SharedBuffer) {
    set_flag(buffer);
    notify_one(buffer);
}

fn notify_one_under_the_lock(buffer: &SharedBuffer) {
    let guard = lock(buffer).lock();
    buffer.slot(FLAG).unwrap().store(1, Relaxed);
    notify_one(buffer);
    drop(guard);
}

fn await_flag(buffer: &SharedBuffer) {
    let flag = buffer.slot(FLAG).unwrap();
    drop(cond(buffer).wait_while(lock(buffer).lock(), || flag.load(Relaxed) == 0));
    notify_one(buffer);
}

fn unlock_and_notify_in_its_name(scene: &mut Scene) -> bool {
    let [_, sequence, _, flag] = scene.words();
    let held = unlock_in_its_name(scene);
    let buffer = &scene.buffer;
    if flag == 0 {
        // The change was not made yet, by whomever.
        set_flag_and_notify_one(buffer);
    } else if sequence == 0 {
        notify_one(buffer);
    }
    held || sequence == 0
}

/// Nobody is to be notified in the victim's name.
fn unlock_after_a_wait(scene: &mut Scene) -> bool {
    let [word, ..] = scene.words();
    unlock_and_notify_in_its_name(scene);
    word != 0
}

scenarios! {
    notify_one_with_one_waiting {
        survivors: &[(First, await_flag)],
        then: set_flag,
        victim: notify_one,
        aftermath: unlock_and_notify_in_its_name,
        strands: true,
        more_sleeps: 1
    }
    notify_one_with_two_waiting {
        survivors: &[(First, await_flag), (First, await_flag)],
        then: set_flag,
        victim: notify_one,
        aftermath: unlock_and_notify_in_its_name,
        strands: true,
        more_sleeps: 1
    }
    notify_one_under_the_lock_with_one_waiting {
        survivors: &[(First, await_flag)],
        victim: notify_one_under_the_lock,
        aftermath: unlock_and_notify_in_its_name,
        strands: true,
        more_sleeps: 1
    }
    notify_one_under_the_lock_with_two_waiting {
        survivors: &[(First, await_flag), (First, await_flag)],
        victim: notify_one_under_the_lock,
        aftermath: unlock_and_notify_in_its_name,
        strands: true,
        more_sleeps: 1
    }
    notify_all_with_two_waiting {
        survivors: &[(First, await_flag), (First, await_flag)],
        then: set_flag,
        victim: |buffer| cond(buffer).notify_all(),
        aftermath: unlock_and_notify_in_its_name,
        strands: true,
        more_sleeps: 1
    }
    wait_for_a_condition_before_another {
        survivors: &[(Midway, await_flag)],
        victim: await_flag,
        nudges: &[set_flag_and_notify_one],
        aftermath: unlock_after_a_wait,
        strands: true,
        more_sleeps: 1,
        least_kills: SLEEPS
    }
    wait_for_a_condition_between_two {
        survivors: &[(First, await_flag), (Midway, await_flag)],
        victim: await_flag,
        nudges: &[set_flag_and_notify_one],
        aftermath: unlock_after_a_wait,
        strands: true,
        more_sleeps: 1,
        least_kills: SLEEPS
    }
    wait_for_a_condition_that_runs_out_beside_another {
        survivors: &[(First, await_flag)],
        victim: |buffer| drop(cond(buffer).wait_for(lock(buffer).lock(), SHORT)),
        aftermath: unlock_after_a_wait,
        more_sleeps: 1,
        least_kills: SLEEPS
    }
}

// The synchronic: that the value is 1; or, of a pool, how many there are. It takes all the words that are looked at.

fn synchronic<T: Value>(buffer: &SharedBuffer) -> Synchronic<'_, T> {
    Synchronic::new(buffer, WORD).unwrap()
}

fn generation(buffer: &SharedBuffer) -> Slot<'_> {
    buffer.slot(WORD + 1).unwrap()
}

/// A generation that somebody reached by a notify for one.
const NOTIFIED_ONE: i32 = 3;

fn await_value_1<T: Value + From<u8>>(buffer: &SharedBuffer) {
    synchronic(buffer).load_when_equal(T::from(1));
}

fn store_1<T: Value + From<u8>>(buffer: &SharedBuffer) {
    synchronic(buffer).store(T::from(1), NotifyHint::All);
}

fn store_1_and_tell_nobody(buffer: &SharedBuffer) {
    synchronic(buffer).store(1, NotifyHint::None);
}

fn await_value_1_and_pass_it_on(buffer: &SharedBuffer) {
    await_value_1::<u8>(buffer);
    synchronic::<u8>(buffer).notify(NotifyHint::One);
}

fn take_one(buffer: &SharedBuffer) {
    let pool = synchronic::<i32>(buffer);
    let take = |number| (number > 0).then(|| number - 1);
    while pool.fetch_update(NotifyHint::None, take).is_err() {
        pool.load_when_not_equal(0);
    }
}

fn give_one(buffer: &SharedBuffer) {
    synchronic::<i32>(buffer).fetch_add(1, NotifyHint::One);
}

/// Is the victim counted as one who waits? Not if nobody has killed it.
fn is_counted(scene: &mut Scene) -> bool {
    let [waiters, ..] = scene.words();
    let dead = waiters - scene.waiting() as i32;
    assert!(dead == 0 || dead == 1 && scene.point != CONTROL, "counted otherwise: {}", scene.describe(&[]));
    dead == 1
}

/// The victim was to write 1. It never waits.
fn write_in_its_name<T: Value + From<u8>>(scene: &mut Scene) -> bool {
    assert!(!is_counted(scene), "it did not wait: {}", scene.describe(&[]));
    write_unless_it_is_there::<T>(scene)
}

fn write_unless_it_is_there<T: Value + From<u8>>(scene: &Scene) -> bool {
    let is_missing = synchronic::<T>(&scene.buffer).load() == T::from(0);
    if is_missing {
        store_1::<T>(&scene.buffer);
    }
    is_missing
}

/// The victim was one of those who wait. The place of one who died stays, until nobody waits.
fn write_and_look_who_is_counted(scene: &mut Scene) -> bool {
    let is_counted = is_counted(scene);
    write_unless_it_is_there::<i32>(scene);
    is_counted
}

/// What the victim took of the pool, which is negative if it gave, after others gave so many. Gives what the survivors
/// still need that is not there.
fn taken_by_the_victim(scene: &mut Scene, given: usize) -> i32 {
    let [_, _, available, _] = scene.words();
    let [waiting, ended] = [scene.waiting(), scene.ended()].map(|count| count as i32);
    for _ in available..waiting {
        give_one(&scene.buffer);
    }
    given as i32 - available - ended
}

fn give_and_look_who_is_counted(scene: &mut Scene, given: usize) -> bool {
    let is_counted = is_counted(scene);
    let took = taken_by_the_victim(scene, given);
    assert!(matches!(took, 0 | 1), "took {took}: {}", scene.describe(&[]));
    is_counted
}

scenarios! {
    store_in_a_synchronic_for_all_with_two_waiting {
        survivors: &[(First, await_value_1::<i32>), (First, await_value_1::<i32>)],
        victim: store_1::<i32>,
        aftermath: write_in_its_name::<i32>,
        strands: true
    }
    fetch_add_to_a_synchronic_for_all_with_two_waiting {
        survivors: &[(First, await_value_1::<u64>), (First, await_value_1::<u64>)],
        victim: |buffer| { synchronic::<u64>(buffer).fetch_add(1, NotifyHint::All); },
        aftermath: write_in_its_name::<u64>,
        strands: true
    }
    compare_exchange_of_a_synchronic_for_all_with_two_waiting {
        survivors: &[(First, await_value_1::<f64>), (First, await_value_1::<f64>)],
        victim: |buffer| { let _ = synchronic::<f64>(buffer).compare_exchange(0.0, 1.0, NotifyHint::All); },
        aftermath: write_in_its_name::<f64>,
        strands: true
    }
    notify_by_a_synchronic_of_all_with_two_waiting {
        survivors: &[(First, await_value_1::<i32>), (First, await_value_1::<i32>)],
        then: store_1_and_tell_nobody,
        victim: |buffer| synchronic::<i32>(buffer).notify(NotifyHint::All),
        aftermath: write_in_its_name::<i32>,
        strands: true
    }
    store_in_a_synchronic_for_one_with_two_waiting_that_pass_it_on {
        survivors: &[(First, await_value_1_and_pass_it_on), (First, await_value_1_and_pass_it_on)],
        victim: |buffer| synchronic::<u8>(buffer).store(1, NotifyHint::One),
        aftermath: write_in_its_name::<u8>,
        strands: true
    }
    fetch_add_to_a_synchronic_for_one_with_two_waiting_that_take_one {
        survivors: &[(First, take_one), (First, take_one)],
        victim: give_one,
        aftermath: |scene| {
            assert!(!is_counted(scene), "it did not wait: {}", scene.describe(&[]));
            let took = taken_by_the_victim(scene, 0);
            assert!(matches!(took, 0 | -1), "took {took}: {}", scene.describe(&[]));
            took == 0
        },
        strands: true
    }
    wait_for_a_synchronic_between_two {
        survivors: &[(First, await_value_1::<i32>), (Midway, await_value_1::<i32>)],
        victim: await_value_1::<i32>,
        nudges: &[store_1::<i32>],
        aftermath: write_and_look_who_is_counted,
        least_kills: SLEEPS
    }
    wait_for_a_synchronic_that_runs_out_beside_another {
        survivors: &[(First, await_value_1::<i32>)],
        victim: |buffer| { synchronic::<i32>(buffer).load_when_equal_for(1, 2 * SHORT); },
        aftermath: write_and_look_who_is_counted,
        least_kills: SLEEPS
    }
    wait_to_take_from_a_synchronic_before_another {
        survivors: &[(Midway, take_one)],
        victim: take_one,
        nudges: &[give_one],
        relief: give_one,
        aftermath: |scene| {
            let given = scene.nudges + scene.reliefs;
            give_and_look_who_is_counted(scene, given)
        },
        strands: true,
        least_kills: SLEEPS
    }
    wait_to_take_from_a_synchronic_behind_another {
        survivors: &[(First, take_one)],
        victim: take_one,
        nudges: &[|buffer| { give_one(buffer); give_one(buffer); }],
        relief: give_one,
        aftermath: |scene| {
            let given = 2 * scene.nudges + scene.reliefs;
            give_and_look_who_is_counted(scene, given)
        },
        least_kills: SLEEPS
    }
    wait_for_a_synchronic_that_cannot_use_its_wake_before_another {
        survivors: &[(Midway, |buffer| { synchronic(buffer).load_when_not_equal(0); })],
        victim: |buffer| { synchronic(buffer).load_when_equal(2); },
        nudges: &[
            |buffer| synchronic(buffer).store(1, NotifyHint::One),
            |buffer| synchronic(buffer).store(2, NotifyHint::One),
        ],
        aftermath: write_and_look_who_is_counted,
        strands: true,
        least_kills: SLEEPS
    }
    // The survivor sleeps behind the victim, but on a generation of before: as if one who notified it were slow to make its
    // wake, and the victim had come since then, and is woken all the same.
    wait_for_a_synchronic_that_catches_the_wake_of_another {
        before: |buffer| generation(buffer).store(NOTIFIED_ONE, Relaxed),
        survivors: &[(Midway, |buffer| {
            generation(buffer).store(NOTIFIED_ONE - 1, Relaxed);
            await_value_1::<i32>(buffer);
        })],
        victim: await_value_1::<i32>,
        nudges: &[|buffer| {
            synchronic(buffer).store(1, NotifyHint::None);
            generation(buffer).store(NOTIFIED_ONE, Relaxed);
            generation(buffer).wake(1);
        }],
        aftermath: write_and_look_who_is_counted,
        strands: true,
        least_kills: SLEEPS
    }
}

// The allocator. It has no lock, and nobody waits: what is to be seen is who is handed what.

/// An odd first slot, so that to align is to skip one.
const HEAP: std::ops::Range<usize> = 5..32;
/// What the word was when the victim was dead.
const FOUND: usize = 1;
const OF_THE_VICTIM: i32 = 1;
const OF_A_SURVIVOR: i32 = 16;

fn allocator(buffer: &SharedBuffer) -> BumpAllocator<'_> {
    BumpAllocator::new(buffer, WORD, HEAP).unwrap()
}

/// Puts its mark on what it was handed.
fn mark(buffer: &SharedBuffer, offset: usize, slots: usize, mark: i32) {
    let first = offset / 4;
    for slot in buffer.slots(first..first + slots).unwrap() {
        assert_eq!(slot.fetch_add(mark, Relaxed), 0, "it was another's");
    }
}

fn allocate_three_slots(buffer: &SharedBuffer) {
    mark(buffer, allocator(buffer).allocate(12, 8).unwrap(), 3, OF_THE_VICTIM);
}

fn exhaust(buffer: &SharedBuffer) {
    while let Ok(offset) = allocator(buffer).allocate(4, 4) {
        mark(buffer, offset, 1, OF_A_SURVIVOR);
    }
}

/// Behind who exhausted it: each slot is of a survivor, or of what the victim was handed.
fn look_who_was_handed_what(buffer: &SharedBuffer) {
    let found = buffer.slot(FOUND).unwrap().load(Relaxed) as usize;
    for (place, slot) in buffer.slots(HEAP).unwrap().iter().enumerate() {
        let owner = slot.load(Relaxed);
        let is_right = if place < found { [0, OF_THE_VICTIM].contains(&owner) } else { owner == OF_A_SURVIVOR };
        assert!(is_right, "slot {place} of the range is of {owner}");
    }
}

/// The victim was handed all or nothing, with what was skipped to align it.
fn look_what_is_lost(scene: &mut Scene) -> bool {
    let [word, ..] = scene.words();
    assert!([0, 4].contains(&word) && (word == 4 || scene.point != CONTROL), "{}", scene.describe(&[]));
    scene.buffer.slot(FOUND).unwrap().store(word, Relaxed);
    word != 0
}

scenarios! {
    allocation_before_others {
        survivors: &[(Last, exhaust), (Last, look_who_was_handed_what)],
        victim: allocate_three_slots,
        aftermath: look_what_is_lost
    }
    allocation_of_an_array_before_others {
        survivors: &[(Last, exhaust), (Last, look_who_was_handed_what)],
        // It was aligned by what it skipped, and has half a slot more than it needs.
        victim: |buffer| {
            let array = allocator(buffer).allocate_array::<u16>(5).unwrap();
            mark(buffer, array.byte_offset(), 3, OF_THE_VICTIM);
        },
        aftermath: |scene| {
            let [word, ..] = scene.words();
            assert!([0, 3].contains(&word) && (word == 3 || scene.point != CONTROL), "{}", scene.describe(&[]));
            scene.buffer.slot(FOUND).unwrap().store(word, Relaxed);
            word != 0
        }
    }
}

// The guarded value. Its first word is a lock.

#[cfg(feature = "guarded")]
mod guarded {
    use super::*;
    use slotsync::Guarded;

    type Value = [u32; 5];
    const OLD: Value = [1; 5];
    const NEW: Value = [2; 5];
    /// Behind the value.
    const MAY_GO_ON: usize = 32;

    fn guarded(buffer: &SharedBuffer) -> Guarded<'_, Value, 1> {
        Guarded::new(buffer, WORD).unwrap()
    }

    /// In both copies.
    fn old(buffer: &SharedBuffer) {
        guarded(buffer).set(OLD);
        guarded(buffer).set(OLD);
    }

    fn get(buffer: &SharedBuffer) {
        let value = guarded(buffer).get();
        assert!([OLD, NEW].contains(&value), "a mixture: {value:?}");
    }

    fn update(buffer: &SharedBuffer) {
        guarded(buffer).update(|value| {
            assert!([OLD, NEW].contains(value), "a mixture: {value:?}");
            *value = NEW;
        });
        assert_eq!(guarded(buffer).get(), NEW);
    }

    fn sleep_and_update(buffer: &SharedBuffer) {
        let flag = buffer.slot(MAY_GO_ON).unwrap();
        guarded(buffer).update(|value| {
            while flag.load(Acquire) == 0 {
                let _ = flag.wait(0);
            }
            *value = NEW;
        });
    }

    fn let_it_go_on(buffer: &SharedBuffer) {
        let flag = buffer.slot(MAY_GO_ON).unwrap();
        flag.store(1, Release);
        flag.wake(u32::MAX);
    }

    /// To unlock is all there is to repair.
    fn unlock_and_look(scene: &mut Scene) -> bool {
        let was_held = unlock_in_its_name(scene);
        let value = guarded(&scene.buffer).get_for(PATIENCE).unwrap();
        assert!([OLD, NEW].contains(&value), "a mixture, {value:?}: {}", scene.describe(&[]));
        assert!(value == NEW || scene.point != CONTROL, "{}", scene.describe(&[]));
        was_held
    }

    scenarios! {
        set_of_a_guarded_value_that_is_free {
            before: old,
            survivors: &[(Last, get), (Last, update)],
            victim: |buffer| guarded(buffer).set(NEW),
            aftermath: unlock_and_look
        }
        update_of_a_guarded_value_that_is_free {
            before: old,
            survivors: &[(Last, get), (Last, update)],
            victim: |buffer| guarded(buffer).update(|value| *value = NEW),
            aftermath: unlock_and_look
        }
        update_of_a_guarded_value_before_one_who_reads_and_one_who_writes {
            before: old,
            survivors: &[(Midway, get), (Midway, update)],
            victim: sleep_and_update,
            nudges: &[let_it_go_on],
            aftermath: unlock_and_look,
            strands: true,
            least_kills: SLEEPS
        }
        get_of_a_guarded_value_that_is_free {
            before: |buffer| guarded(buffer).set(NEW),
            survivors: &[(Last, update)],
            victim: get,
            aftermath: unlock_and_look
        }
        attachment_to_a_guarded_value_before_another {
            survivors: &[(Last, |buffer| {
                guarded(buffer).set(NEW);
                assert!(Guarded::<Value, 2>::new(buffer, WORD).is_err(), "the header is whole");
            })],
            victim: |buffer| { guarded(buffer); },
            aftermath: |scene| {
                let [lock, mark, ..] = scene.words();
                assert_eq!(lock, 0, "who attaches locks nothing: {}", scene.describe(&[]));
                mark != 0
            }
        }
    }
}
