//! A bounded queue in shared memory, in two ways. Both are Dijkstra's bounded buffer: the first as Hoare's monitor has
//! it, the second as he had it himself.

use slotsync::{Cond, Error, Lock, Semaphore, SharedBuffer, Slot, Slots};
use std::sync::atomic::Ordering::Relaxed;

/// Where one thing begins and the next: see the table in `main.rs`.
pub(crate) const LINE: usize = 32;

const LOCK: usize = 3 * LINE;
const HEAD: usize = 4 * LINE;
const TAIL: usize = 5 * LINE;
const NOT_FULL_OR_FREE: usize = 6 * LINE;
const NOT_EMPTY_OR_FILLED: usize = 7 * LINE;
pub(crate) const PLACES: usize = 8 * LINE;

pub(crate) trait Queue {
    /// Puts an item at the end, and sleeps until there is a place for it.
    fn put(&self, item: i32);
    /// Takes the item at the front, and sleeps until there is one.
    fn take(&self) -> i32;
}

/// What the queue is made of.
#[derive(Clone, Copy)]
pub(crate) enum Way {
    Conds,
    Semaphores,
}

impl Way {
    pub(crate) const ALL: [Self; 2] = [Self::Conds, Self::Semaphores];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Conds => "Lock and two Conds",
            Self::Semaphores => "two Semaphores and a Lock",
        }
    }

    /// For the parent, before anybody uses the queue. The memory is fresh, and zeros are an unlocked lock, a condition
    /// that nobody waits for, and a semaphore without permits: only one word is to be something else.
    pub(crate) fn prepare(self, buffer: &SharedBuffer, capacity: u32) -> Result<(), Error> {
        match self {
            Self::Conds => {}
            Self::Semaphores => _ = Semaphore::initialize(buffer, NOT_FULL_OR_FREE, capacity)?,
        }
        Ok(())
    }

    /// For everybody: finds the queue in the memory, and writes nothing.
    pub(crate) fn attach<'buf>(
        self,
        buffer: &'buf SharedBuffer,
        capacity: usize,
    ) -> Result<Box<dyn Queue + 'buf>, Error> {
        let (lock, ring) = (Lock::new(buffer, LOCK)?, Ring::new(buffer, capacity)?);
        Ok(match self {
            Self::Conds => Box::new(Conds {
                lock,
                not_full: Cond::new(buffer, NOT_FULL_OR_FREE, lock)?,
                not_empty: Cond::new(buffer, NOT_EMPTY_OR_FILLED, lock)?,
                ring,
            }),
            Self::Semaphores => Box::new(Semaphores {
                free: Semaphore::new(buffer, NOT_FULL_OR_FREE)?,
                filled: Semaphore::new(buffer, NOT_EMPTY_OR_FILLED)?,
                lock,
                ring,
            }),
        })
    }
}

/// One lock for all there is, and two conditions: producers wait for one, consumers for the other, so that each notify
/// reaches somebody who can use it.
struct Conds<'buf> {
    lock: Lock<'buf>,
    not_full: Cond<'buf>,
    not_empty: Cond<'buf>,
    ring: Ring<'buf>,
}

impl Queue for Conds<'_> {
    fn put(&self, item: i32) {
        let guard = self.not_full.wait_while(self.lock.lock(), || self.ring.is_full());
        self.ring.put(item);
        // Who is woken needs the lock, and should find it free.
        drop(guard);
        self.not_empty.notify_one();
    }

    fn take(&self) -> i32 {
        let guard = self.not_empty.wait_while(self.lock.lock(), || self.ring.is_empty());
        let item = self.ring.take();
        drop(guard);
        self.not_full.notify_one();
        item
    }
}

/// The semaphores count: who has a permit of `free` will find a place, who has one of `filled` will find an item. The
/// lock is for the ring alone, and nobody waits for anything while holding it.
struct Semaphores<'buf> {
    free: Semaphore<'buf>,
    filled: Semaphore<'buf>,
    lock: Lock<'buf>,
    ring: Ring<'buf>,
}

/// There are never more permits than places, and of these never so many.
const TOO_MANY: &str = "more permits than a semaphore holds";

impl Queue for Semaphores<'_> {
    fn put(&self, item: i32) {
        self.free.acquire();
        let guard = self.lock.lock();
        self.ring.put(item);
        drop(guard);
        self.filled.release(1).expect(TOO_MANY);
    }

    fn take(&self) -> i32 {
        self.filled.acquire();
        let guard = self.lock.lock();
        let item = self.ring.take();
        drop(guard);
        self.free.release(1).expect(TOO_MANY);
        item
    }
}

/// Places for items, used in turn: no more than loads and stores, so only for who holds the lock.
pub(crate) struct Ring<'buf> {
    head: Slot<'buf>,
    tail: Slot<'buf>,
    places: Slots<'buf>,
}

// Relaxed throughout: the lock orders all of it.
impl<'buf> Ring<'buf> {
    pub(crate) fn new(buffer: &'buf SharedBuffer, capacity: usize) -> Result<Self, Error> {
        let places = buffer.slots(PLACES..PLACES + capacity)?;
        Ok(Self { head: buffer.slot(HEAD)?, tail: buffer.slot(TAIL)?, places })
    }

    /// How many items have been taken: without the lock too, but then there may be more by now.
    pub(crate) fn taken(&self) -> i32 {
        self.head.load(Relaxed)
    }

    fn is_empty(&self) -> bool {
        self.head.load(Relaxed) == self.tail.load(Relaxed)
    }

    fn is_full(&self) -> bool {
        (self.tail.load(Relaxed) - self.head.load(Relaxed)) as usize == self.places.len()
    }

    fn put(&self, item: i32) {
        let tail = self.tail.load(Relaxed);
        self.place(tail).store(item, Relaxed);
        self.tail.store(tail + 1, Relaxed);
    }

    fn take(&self) -> i32 {
        let head = self.head.load(Relaxed);
        let item = self.place(head).load(Relaxed);
        self.head.store(head + 1, Relaxed);
        item
    }

    fn place(&self, count: i32) -> Slot<'buf> {
        self.places.get(count as usize % self.places.len()).expect("a remainder is less than the divisor")
    }
}
