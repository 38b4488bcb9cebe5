//! What producers and consumers do, and how they check that every item arrived once.

use crate::common::Result;
use crate::options::Options;
use crate::queue::{LINE, PLACES, Queue, Ring, Way};
use slotsync::{Barrier, BarrierRole, Error, Event, Latch, SharedBuffer, Slots};
use std::fmt;
use std::sync::atomic::Ordering::Relaxed;

const START: usize = 0;
const WORKING: usize = LINE;
const PRODUCING: usize = 2 * LINE;

/// Follows the last item, once for each consumer. Items are numbers from zero on.
const END: i32 = -1;

/// What a worker has to do.
#[derive(Clone, Copy)]
pub(crate) struct Job {
    pub(crate) worker: Worker,
    pub(crate) way: Way,
    pub(crate) options: Options,
}

/// A worker, numbered from 1 on.
#[derive(Clone, Copy)]
pub(crate) enum Worker {
    Producer(i32),
    Consumer(i32),
}

impl fmt::Display for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Producer(number) => write!(f, "producer {number}"),
            Self::Consumer(number) => write!(f, "consumer {number}"),
        }
    }
}

/// The contents of the memory.
pub(crate) struct Desk<'buf> {
    /// Set when all workers have started.
    pub(crate) start: Event<'buf>,
    /// Counted down by each worker that is done.
    pub(crate) working: Latch<'buf>,
    producing: Barrier<'buf>,
    queue: Box<dyn Queue + 'buf>,
    ring: Ring<'buf>,
    /// A bit for each item.
    arrived: Slots<'buf>,
    options: Options,
}

/// A worker's whole life.
pub(crate) fn work(buffer: &SharedBuffer, job: Job) -> Result<()> {
    let desk = Desk::attach(buffer, job.way, job.options)?;
    desk.start.wait();
    match job.worker {
        Worker::Producer(number) => desk.produce(number),
        Worker::Consumer(_) => desk.consume()?,
    }
    Ok(desk.working.count_down(1)?)
}

impl<'buf> Desk<'buf> {
    /// Returns the length of the memory.
    pub(crate) fn bytes(options: Options) -> usize {
        (bits(options) + words(options)) * size_of::<i32>()
    }

    /// Initializes the memory, before there are workers. It is fresh, so the words that are not written here are zero,
    /// as they should be.
    pub(crate) fn prepare(buffer: &'buf SharedBuffer, way: Way, options: Options) -> Result<Self, Error> {
        Latch::initialize(buffer, WORKING, (options.producers + options.consumers) as u32)?;
        way.prepare(buffer, options.capacity as u32)?;
        Self::attach(buffer, way, options)
    }

    fn attach(buffer: &'buf SharedBuffer, way: Way, options: Options) -> Result<Self, Error> {
        let capacity = options.capacity as usize;
        Ok(Self {
            start: Event::new(buffer, START)?,
            working: Latch::new(buffer, WORKING)?,
            producing: Barrier::new(buffer, PRODUCING, options.producers as u32)?,
            queue: way.attach(buffer, capacity)?,
            ring: Ring::new(buffer, capacity)?,
            arrived: buffer.slots(bits(options)..bits(options) + words(options))?,
            options,
        })
    }

    /// Returns how many items have been taken.
    pub(crate) fn taken(&self) -> i32 {
        self.ring.taken()
    }

    fn produce(&self, producer: i32) {
        let items = self.options.items;
        let first = (producer - 1) * items;
        let mishap = std::env::var("SLOTSYNC_QUEUE_MISHAP").ok().filter(|_| producer == 1);
        for number in 0..items {
            match mishap.as_deref() {
                Some(mishap) if number == items / 2 => self.put_with_mishap(first + number, mishap),
                _ => self.queue.put(first + number),
            }
        }
        // The leader is one producer, and when it returns, all producers have put their items.
        if self.producing.wait() == BarrierRole::Leader {
            for _ in 0..self.options.consumers {
                self.queue.put(END);
            }
        }
    }

    /// Makes a mistake, for the tests that check that a mistake is reported.
    fn put_with_mishap(&self, item: i32, mishap: &str) {
        let put: &[i32] = match mishap {
            "lose" => &[],
            "double" => &[item, item],
            "early" => &[item + 1, item],
            "stray" => &[i32::MAX, item],
            _ => std::process::abort(),
        };
        put.iter().for_each(|&item| self.queue.put(item));
    }

    fn consume(&self) -> Result<()> {
        let Options { producers, items, .. } = self.options;
        // For each producer, the lowest number that may arrive now. The queue is in order, so the items of each
        // producer are in order for each consumer.
        let mut next = vec![0; producers as usize];
        loop {
            let item = self.queue.take();
            if item == END {
                return Ok(());
            }
            if !(0..self.options.total()).contains(&item) {
                return Err(format!("{item} arrived, which nobody put").into());
            }
            let place = self.arrived.get(item as usize / 32).expect("a bit for each item");
            let bit = 1 << (item % 32);
            // Relaxed: the parent reads the bits after `working`, which orders them before that.
            if place.fetch_or(bit, Relaxed) & bit != 0 {
                return Err(format!("{} arrived twice", self.name(item)).into());
            }
            let next = &mut next[(item / items) as usize];
            if item % items < *next {
                return Err(format!("{} arrived after item {} of it", self.name(item), *next).into());
            }
            *next = item % items + 1;
        }
    }

    /// Checks that all items have arrived, after all workers are done. The consumers have checked that none came twice.
    pub(crate) fn check(&self) -> Result<()> {
        let has_arrived = |item: i32| {
            let word = self.arrived.get(item as usize / 32).map_or(0, |word| word.load(Relaxed));
            word & 1 << (item % 32) != 0
        };
        let mut lost = (0..self.options.total()).filter(|&item| !has_arrived(item));
        let Some(first) = lost.next() else { return Ok(()) };
        Err(match lost.count() {
            0 => format!("{} never arrived", self.name(first)),
            more => format!("{} and {more} others never arrived", self.name(first)),
        }
        .into())
    }

    /// Returns the name of an item for people: both of its numbers begin with 1.
    fn name(&self, item: i32) -> String {
        format!("item {} of producer {}", item % self.options.items + 1, item / self.options.items + 1)
    }
}

/// Returns the slot where the bits begin: the first line after the queue.
fn bits(options: Options) -> usize {
    PLACES + (options.capacity as usize).next_multiple_of(LINE)
}

/// Returns the number of slots with bits.
fn words(options: Options) -> usize {
    (options.total() as usize).div_ceil(32)
}
