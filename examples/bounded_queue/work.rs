//! What producers and consumers do, and how it is known that every item arrived once.

use crate::Failure;
use crate::options::Options;
use crate::queue::{LINE, PLACES, Queue, Ring, Way};
use slotsync::{Barrier, Error, Event, Latch, Role, SharedBuffer, Slots};
use std::fmt;
use std::sync::atomic::Ordering::Relaxed;

const START: usize = 0;
const WORKING: usize = LINE;
const PRODUCING: usize = 2 * LINE;

/// Behind the last item, once for each consumer: there are no more. Items are numbers from zero.
const END: i32 = -1;

/// What a worker is told.
#[derive(Clone, Copy)]
pub(crate) struct Job {
    pub(crate) worker: Worker,
    pub(crate) way: Way,
    pub(crate) options: Options,
}

/// Which worker: numbered from 1 on.
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

/// All that is in the memory, beside what the queue is made of.
pub(crate) struct Desk<'buf> {
    /// Set when all workers are there.
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
pub(crate) fn work(buffer: &SharedBuffer, job: Job) -> Result<(), Failure> {
    let desk = Desk::attach(buffer, job.way, job.options)?;
    desk.start.wait();
    match job.worker {
        Worker::Producer(number) => desk.produce(number),
        Worker::Consumer(_) => desk.consume()?,
    }
    Ok(desk.working.count_down(1)?)
}

impl<'buf> Desk<'buf> {
    /// How much memory all of it needs.
    pub(crate) fn bytes(options: Options) -> usize {
        (bits(options) + words(options)) * size_of::<i32>()
    }

    /// For the parent, before there are workers. What is not written here is as it should be: the memory is fresh.
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

    /// How many items have been taken.
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
        // The last one to come here knows that all items are in the queue.
        if self.producing.wait() == Role::Leader {
            for _ in 0..self.options.consumers {
                self.queue.put(END);
            }
        }
    }

    /// For the tests of what becomes of a mistake, which is to be found, and not to be waited for.
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

    fn consume(&self) -> Result<(), Failure> {
        let Options { producers, items, .. } = self.options;
        // For each producer, the first number that may come now: the queue is in order, so for each consumer the items
        // of each producer are.
        let mut next = vec![0; producers as usize];
        loop {
            let item = self.queue.take();
            if item == END {
                return Ok(());
            }
            if !(0..self.options.total()).contains(&item) {
                return Err(Failure(format!("{item} arrived, which nobody put")));
            }
            let place = self.arrived.get(item as usize / 32).expect("a bit for each item");
            let bit = 1 << (item % 32);
            // Relaxed: who looks at all bits in the end looks after `working`, which orders that.
            if place.fetch_or(bit, Relaxed) & bit != 0 {
                return Err(Failure(format!("{} arrived twice", self.name(item))));
            }
            let next = &mut next[(item / items) as usize];
            if item % items < *next {
                return Err(Failure(format!("{} arrived after item {} of it", self.name(item), *next)));
            }
            *next = item % items + 1;
        }
    }

    /// For the parent, when all workers are done: has everything arrived? That nothing did twice, they know themselves.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let has_arrived = |item: i32| {
            let word = self.arrived.get(item as usize / 32).map_or(0, |word| word.load(Relaxed));
            word & 1 << (item % 32) != 0
        };
        let mut lost = (0..self.options.total()).filter(|&item| !has_arrived(item));
        let Some(first) = lost.next() else { return Ok(()) };
        Err(Failure(match lost.count() {
            0 => format!("{} never arrived", self.name(first)),
            more => format!("{} and {more} others never arrived", self.name(first)),
        }))
    }

    /// Numbers are from 1 on for people.
    fn name(&self, item: i32) -> String {
        format!("item {} of producer {}", item % self.options.items + 1, item / self.options.items + 1)
    }
}

/// Where the bits begin: in a line that is not one of the queue's.
fn bits(options: Options) -> usize {
    PLACES + (options.capacity as usize).next_multiple_of(LINE)
}

/// How many slots they take.
fn words(options: Options) -> usize {
    (options.total() as usize).div_ceil(32)
}
