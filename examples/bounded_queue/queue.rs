//! A bounded queue in shared memory, in two ways. Both are Dijkstra's bounded buffer: the first in the form of Hoare's
//! monitor, the second in Dijkstra's own form.

use slotsync::{Cond, Error, Lock, Semaphore, SharedBuffer, Slot, Slots};
use std::sync::atomic::Ordering::Relaxed;

/// The number of slots in a line: see the table in `main.rs`.
pub(crate) const LINE: usize = 32;

const LOCK: usize = 3 * LINE;
const HEAD: usize = 4 * LINE;
const TAIL: usize = 5 * LINE;
const NOT_FULL_OR_FREE: usize = 6 * LINE;
const NOT_EMPTY_OR_FILLED: usize = 7 * LINE;
pub(crate) const PLACES: usize = 8 * LINE;

pub(crate) trait Queue {
    /// Puts an item at the end, sleeping until there is a place for it.
    fn put(&self, item: i32);
    /// Takes the item at the front, sleeping until there is one.
    fn take(&self) -> i32;
}

/// The primitives that the queue is made of.
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

    /// Initializes the queue, before it is used. The memory is fresh, and zeros are an unlocked lock, a condition
    /// without waiters, and a semaphore without permits. Only one word must have another value.
    pub(crate) fn prepare(self, buffer: &SharedBuffer, capacity: u32) -> Result<(), Error> {
        match self {
            Self::Conds => {}
            Self::Semaphores => _ = Semaphore::initialize(buffer, NOT_FULL_OR_FREE, capacity)?,
        }
        Ok(())
    }

    /// Attaches to the queue. This writes nothing.
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

/// One lock for everything, and two conditions. Producers wait for one, consumers for the other, so each notify reaches
/// a worker that can use it.
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
        // The woken worker needs the lock, and should find it free.
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

/// The semaphores count. A worker with a permit of `free` will find a place, and one with a permit of `filled` will
/// find an item. The lock is for the ring alone, and no worker waits for anything while holding it.
struct Semaphores<'buf> {
    free: Semaphore<'buf>,
    filled: Semaphore<'buf>,
    lock: Lock<'buf>,
    ring: Ring<'buf>,
}

/// There are never more permits than places, and the capacity is far below the maximum of a semaphore.
const FEW: &str = "the permits are within the maximum";

impl Queue for Semaphores<'_> {
    fn put(&self, item: i32) {
        self.free.acquire();
        let guard = self.lock.lock();
        self.ring.put(item);
        drop(guard);
        self.filled.release(1).expect(FEW);
    }

    fn take(&self) -> i32 {
        self.filled.acquire();
        let guard = self.lock.lock();
        let item = self.ring.take();
        drop(guard);
        self.free.release(1).expect(FEW);
        item
    }
}

/// Places for items, used in turn. These are plain loads and stores, so only the holder of the lock may use them.
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

    /// Returns how many items have been taken. Without the lock, the number may be out of date.
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
