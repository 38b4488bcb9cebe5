//! Handles that own a share of their buffer: they can be kept anywhere, and the memory stays for as long as one of
//! them.

use crate::support::{LONG, SHORT, Watchdog, until};
use slotsync::arrays::TypedArray;
use slotsync::{
    Cond, Error, Handle, Lock, LockGuard, Owned, Permit, RwLock, RwLockReadGuard, Semaphore, SharedBuffer, Slot,
    TimedOut,
};
use static_assertions::{assert_impl_all, assert_not_impl_any};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, OnceLock, Weak, mpsc};
use std::thread;

assert_impl_all!(Owned<Lock<'static>>: Send, Sync, Clone);
assert_impl_all!(Owned<Slot<'static>>: Send, Sync, Clone);
assert_impl_all!(Owned<Semaphore<'static>>: Send, Sync, Clone);
assert_impl_all!(Owned<TypedArray<'static, i32>>: Send, Sync, Clone);
assert_impl_all!(Owned<LockGuard<'static>>: Send, Sync);
assert_not_impl_any!(Owned<LockGuard<'static>>: Clone);
assert_not_impl_any!(Owned<Permit<'static>>: Clone);
assert_not_impl_any!(Owned<RwLockReadGuard<'static>>: Clone);

/// Whatever the lifetime of the handle's type is, the whole is `'static`.
#[test]
fn an_owned_handle_borrows_nothing() {
    fn assert_static<T: 'static>(_: &T) {}
    let buffer = Arc::new(SharedBuffer::new(64).unwrap());
    assert_static(&lock(&buffer));
    assert_static(&lock(&buffer).map::<LockGuard>(|lock| lock.lock()));
    assert_static(&Owned::<Slot>::new(Arc::clone(&buffer), |buffer| buffer.slot(1)).unwrap());
    assert_static(&Owned::<TypedArray<i32>>::new(buffer, |buffer| TypedArray::rest(buffer, 0)).unwrap());
}

/// The lock of most tests.
fn lock(buffer: &Arc<SharedBuffer>) -> Owned<Lock<'static>> {
    Owned::<Lock>::new(Arc::clone(buffer), |buffer| Lock::new(buffer, 0)).unwrap()
}

/// A counter of jobs, as a program keeps it: with its buffer, a lock, a condition, and words.
struct Jobs {
    buffer: Arc<SharedBuffer>,
    lock: Owned<Lock<'static>>,
    filled: Owned<Cond<'static>>,
    count: Owned<Slot<'static>>,
    done: Owned<TypedArray<'static, i32>>,
}

impl Jobs {
    fn new() -> Result<Self, Error> {
        let buffer = Arc::new(SharedBuffer::new(64)?);
        let share = || Arc::clone(&buffer);
        Ok(Self {
            lock: Owned::<Lock>::new(share(), |buffer| Lock::new(buffer, 0))?,
            filled: Owned::<Cond>::new(share(), |buffer| Cond::new(buffer, 1, Lock::new(buffer, 0)?))?,
            count: Owned::<Slot>::new(share(), |buffer| buffer.slot(3))?,
            done: Owned::<TypedArray<i32>>::new(share(), |buffer| TypedArray::new(buffer, 16, 2))?,
            buffer,
        })
    }

    fn add(&self) {
        let _guard = self.lock.get().lock();
        let count = self.count.get();
        count.store(count.load(Relaxed) + 1, Relaxed);
        self.filled.get().notify_one();
    }

    /// Takes a job, for the worker of this number.
    fn take(&self, worker: usize) {
        let count = self.count.get();
        let guard = self.filled.get().wait_while(self.lock.get().lock(), || count.load(Relaxed) == 0);
        count.store(count.load(Relaxed) - 1, Relaxed);
        let done = self.done.get();
        done.set(worker, done.get(worker).unwrap() + 1).unwrap();
        drop(guard);
    }
}

#[test]
fn a_struct_keeps_a_buffer_with_its_handles_and_threads_use_it_from_a_map() {
    let _watchdog = Watchdog::new("a_struct_keeps_a_buffer_with_its_handles_and_threads_use_it_from_a_map");
    const ROUNDS: i32 = 200;
    let queues: HashMap<&str, Jobs> = ["mail", "print"].map(|name| (name, Jobs::new().unwrap())).into();
    let buffers: Vec<_> = queues.values().map(|jobs| Arc::downgrade(&jobs.buffer)).collect();
    let queues = Arc::new(queues);
    let spawn = |name: &'static str, work: fn(&Jobs)| {
        let queues = Arc::clone(&queues);
        thread::spawn(move || (0..ROUNDS).for_each(|_| work(&queues[name])))
    };
    let works: [fn(&Jobs); 4] = [Jobs::add, |jobs| jobs.take(0), Jobs::add, |jobs| jobs.take(1)];
    let threads: Vec<_> = ["mail", "print"].into_iter().flat_map(|name| works.map(|work| spawn(name, work))).collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    for jobs in queues.values() {
        assert_eq!((jobs.count.get().load(Relaxed), jobs.done.get().to_vec()), (0, vec![ROUNDS; 2]));
        assert!(!jobs.lock.get().is_locked());
        assert!(Arc::ptr_eq(jobs.lock.buffer(), &jobs.buffer));
        assert_eq!(Arc::strong_count(&jobs.buffer), 5, "one share for each handle, and that of the struct");
    }
    drop(queues);
    assert!(buffers.iter().all(|buffer| buffer.upgrade().is_none()));
}

#[test]
fn an_owning_guard_that_another_thread_drops_unlocks() {
    let _watchdog = Watchdog::new("an_owning_guard_that_another_thread_drops_unlocks");
    let lock = lock(&Arc::new(SharedBuffer::new(4).unwrap()));
    let guard: Owned<LockGuard> = lock.map(|lock| lock.lock());
    let (told, tell) = mpsc::channel();
    let holder = thread::spawn(move || {
        let () = tell.recv().unwrap();
        drop(guard);
    });
    assert!(lock.get().try_lock().is_none());
    assert_eq!(lock.get().lock_for(SHORT).err(), Some(TimedOut));
    told.send(()).unwrap();
    // It sleeps or spins until the other thread unlocks.
    drop(lock.get().lock_for(LONG).unwrap());
    holder.join().unwrap();
    assert!(!lock.get().is_locked());
}

#[test]
fn a_buffer_goes_with_its_last_share() {
    let buffer = Arc::new(SharedBuffer::new(64).unwrap());
    let weak = Arc::downgrade(&buffer);
    let first = lock(&buffer);
    assert_eq!(Arc::strong_count(&buffer), 2);
    let copy = first.clone();
    let semaphore = Owned::<Semaphore>::new(Arc::clone(&buffer), |buffer| Semaphore::initialize(buffer, 1, 1)).unwrap();
    let guard: Owned<LockGuard> = copy.map(|lock| lock.lock());
    let permit: Owned<Permit> = semaphore.map(|semaphore| semaphore.permit());
    assert_eq!(Arc::strong_count(&buffer), 6);
    drop(buffer);
    assert_eq!(weak.strong_count(), 5);
    assert!(first.get().is_locked(), "the copy is of the same lock");
    drop((first, semaphore));
    assert_eq!(weak.strong_count(), 3);
    // The permit keeps the buffer of a semaphore whose handle is gone.
    assert_eq!(Semaphore::new(permit.buffer(), 1).unwrap().permits(), 0);
    drop(permit);
    assert_eq!(Semaphore::new(copy.buffer(), 1).unwrap().permits(), 1);
    drop(copy);
    assert!(Lock::new(&weak.upgrade().unwrap(), 0).unwrap().try_lock().is_none(), "the guard holds it still");
    drop(guard);
    assert!(weak.upgrade().is_none(), "the last share is gone");
}

#[test]
fn a_copy_of_an_owned_handle_has_a_share_of_its_own() {
    let buffer = Arc::new(SharedBuffer::new(4).unwrap());
    let lock = lock(&buffer);
    let copies: Vec<_> = (0..3).map(|_| lock.clone()).collect();
    assert_eq!(Arc::strong_count(&buffer), 5);
    let guard = copies[1].get().lock();
    assert!(lock.get().is_locked() && copies[2].get().try_lock().is_none());
    drop(guard);
    drop((lock, copies));
    assert_eq!(Arc::strong_count(&buffer), 1);
}

#[test]
fn an_owned_handle_shows_its_handle() {
    let lock = lock(&Arc::new(SharedBuffer::new(4).unwrap()));
    assert_eq!(format!("{lock:?}"), format!("Owned({:?})", lock.get()));
}

#[test]
fn an_attach_that_fails_keeps_no_share() {
    let buffer = Arc::new(SharedBuffer::new(4).unwrap());
    let beyond = Owned::<Lock>::new(Arc::clone(&buffer), |buffer| Lock::new(buffer, 1));
    assert_eq!(beyond.err(), Some(Error::OutOfBounds { index: 1, count: 1, length: 1 }));
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _ = Owned::<Lock>::new(Arc::clone(&buffer), |_| -> Result<Lock<'_>, Error> { panic!("no lock") });
    }));
    assert!(panicked.is_err());
    assert_eq!(Arc::strong_count(&buffer), 1);
}

/// A handle of a user: several of this crate's, and values of its own. It counts its drops, and looks at the buffer in
/// each.
struct Witness<'buf> {
    lock: Lock<'buf>,
    drops: Slot<'buf>,
    buffer: Weak<SharedBuffer>,
    dropped: Arc<AtomicUsize>,
}

impl Handle for Witness<'_> {
    type Over<'buf> = Witness<'buf>;

    fn shorten<'short, 'long: 'short>(handle: &'short Witness<'long>) -> &'short Witness<'short> {
        handle
    }
}

impl Clone for Witness<'_> {
    fn clone(&self) -> Self {
        let Self { lock, drops, buffer, dropped } = self;
        Self { lock: *lock, drops: *drops, buffer: Weak::clone(buffer), dropped: Arc::clone(dropped) }
    }
}

impl Drop for Witness<'_> {
    fn drop(&mut self) {
        assert!(self.buffer.strong_count() > 0, "the buffer is there until the handle is dropped");
        self.drops.fetch_add(1, Relaxed);
        self.dropped.fetch_add(1, Relaxed);
    }
}

assert_impl_all!(Owned<Witness<'static>>: Send, Sync, Clone);

fn witness(buffer: &Arc<SharedBuffer>, dropped: &Arc<AtomicUsize>) -> Owned<Witness<'static>> {
    let (weak, dropped) = (Arc::downgrade(buffer), Arc::clone(dropped));
    Owned::<Witness>::new(Arc::clone(buffer), |buffer| {
        Ok::<_, Error>(Witness { lock: Lock::new(buffer, 0)?, drops: buffer.slot(1)?, buffer: weak, dropped })
    })
    .unwrap()
}

#[test]
fn a_handle_of_a_user_is_kept_like_any_other() {
    let (buffer, dropped) = (Arc::new(SharedBuffer::new(8).unwrap()), Arc::default());
    let witness = witness(&buffer, &dropped);
    let guard: Owned<LockGuard> = witness.map(|witness| witness.lock.lock());
    let lock: Owned<Lock> = witness.map(|witness| witness.lock);
    assert!(lock.get().is_locked());
    let copy = witness.clone();
    thread::spawn(move || drop((guard, copy))).join().unwrap();
    assert_eq!((lock.get().is_locked(), dropped.load(Relaxed)), (false, 1));
    drop(witness);
    assert_eq!((dropped.load(Relaxed), buffer.slot(1).unwrap().load(Relaxed)), (2, 2));
    drop(lock);
    assert_eq!(Arc::strong_count(&buffer), 1);
}

/// Under a sanitizer of addresses, a handle that outlived its buffer would be a use after free in each of these drops.
#[test]
fn a_handle_is_dropped_before_the_last_share_of_its_buffer() {
    let dropped = Arc::default();
    let buffer = Arc::new(SharedBuffer::new(8).unwrap());
    let weak = Arc::downgrade(&buffer);
    let witness = witness(&buffer, &dropped);
    drop(buffer);
    assert_eq!(weak.strong_count(), 1, "its own is the last share");
    drop(witness);
    assert_eq!((dropped.load(Relaxed), weak.strong_count()), (1, 0));
}

#[test]
fn a_guard_unlocks_before_the_last_share_of_its_buffer_goes() {
    for _ in 0..100 {
        let buffer = Arc::new(SharedBuffer::new(8).unwrap());
        let weak = Arc::downgrade(&buffer);
        let guard: Owned<LockGuard> = lock(&buffer).map(|lock| lock.lock());
        let rw_lock = Owned::<RwLock>::new(buffer, |buffer| RwLock::new(buffer, 1)).unwrap();
        let reader: Owned<RwLockReadGuard> = rw_lock.map(|rw_lock| rw_lock.read());
        drop(rw_lock);
        thread::spawn(move || drop(guard)).join().unwrap();
        assert_eq!(weak.strong_count(), 1);
        thread::spawn(move || drop(reader)).join().unwrap();
        assert!(weak.upgrade().is_none());
    }
}

/// Shared memory too: a guard that unlocked after the mapping is gone would end this process.
#[test]
#[cfg(unix)]
fn a_guard_over_a_mapping_unlocks_before_the_mapping_goes() {
    let buffer = Arc::new(SharedBuffer::anonymous(4096).unwrap());
    let guard: Owned<LockGuard> = lock(&buffer).map(|lock| lock.lock());
    drop(buffer);
    drop(guard);
}

/// An error that counts its drops.
struct Refusal(Arc<AtomicUsize>);

impl Drop for Refusal {
    fn drop(&mut self) {
        self.0.fetch_add(1, Relaxed);
    }
}

#[test]
fn a_map_that_fails_drops_everything_once_and_keeps_no_share() {
    let (buffer, dropped, refusals) = (Arc::new(SharedBuffer::new(8).unwrap()), Arc::default(), Arc::default());
    let first = witness(&buffer, &dropped);
    let refused: Result<Owned<Witness>, Refusal> = first.try_map(|witness| {
        // It is made, and then thrown away.
        drop(witness.clone());
        Err(Refusal(Arc::clone(&refusals)))
    });
    assert_eq!((dropped.load(Relaxed), refusals.load(Relaxed)), (1, 0));
    assert_eq!(Arc::strong_count(&buffer), 2, "of the buffer's owner and of the handle");
    drop(refused);
    assert_eq!((dropped.load(Relaxed), refusals.load(Relaxed)), (1, 1));
    let made: Owned<Witness> = first.try_map(|witness| Ok::<_, Refusal>(witness.clone())).ok().unwrap();
    assert_eq!((dropped.load(Relaxed), Arc::strong_count(&buffer)), (1, 3));
    drop((first, made));
    assert_eq!((dropped.load(Relaxed), refusals.load(Relaxed), Arc::strong_count(&buffer)), (3, 1, 1));
}

#[test]
fn a_map_that_panics_drops_everything_once_and_keeps_no_share() {
    let (buffer, dropped) = (Arc::new(SharedBuffer::new(8).unwrap()), Arc::default());
    let first = witness(&buffer, &dropped);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _: Owned<LockGuard> = first.map(|witness| {
            let _guard = witness.lock.lock();
            panic!("in the middle of it")
        });
    }));
    assert!(panicked.is_err());
    assert_eq!((dropped.load(Relaxed), Arc::strong_count(&buffer)), (0, 2));
    assert!(!first.get().lock.is_locked(), "the guard was dropped on the way");
    drop(first);
    assert_eq!((dropped.load(Relaxed), Arc::strong_count(&buffer)), (1, 1));
}

#[test]
fn a_timed_map_hands_on_that_the_time_ran_out() {
    let lock = lock(&Arc::new(SharedBuffer::new(4).unwrap()));
    let guard: Owned<LockGuard> = lock.try_map(|lock| lock.lock_for(LONG)).unwrap();
    let late: Result<Owned<LockGuard>, TimedOut> = lock.try_map(|lock| lock.lock_for(SHORT));
    assert_eq!(late.err(), Some(TimedOut));
    assert!(lock.get().is_locked(), "the guard that failed has unlocked nothing");
    drop(guard);
    assert!(!lock.get().is_locked());
}

#[test]
fn an_owned_handle_sees_its_buffer_grow() {
    let buffer = Arc::new(SharedBuffer::options().max_byte_length(64).heap(8).unwrap());
    let words = Owned::<TypedArray<i32>>::new(Arc::clone(&buffer), |buffer| TypedArray::rest(buffer, 0)).unwrap();
    assert_eq!(words.get().len(), 2);
    words.buffer().grow(64).unwrap();
    words.get().set(15, 7).unwrap();
    assert_eq!((words.get().len(), buffer.slot(15).unwrap().load(Relaxed)), (16, 7));
}

#[test]
fn a_leaked_buffer_lends_its_handles_for_ever() {
    let _watchdog = Watchdog::new("a_leaked_buffer_lends_its_handles_for_ever");
    struct Kept {
        lock: Lock<'static>,
        count: Slot<'static>,
    }
    // In a static, where a sanitizer that looks for lost memory finds it.
    static BUFFER: OnceLock<&SharedBuffer> = OnceLock::new();
    let buffer: &'static SharedBuffer = BUFFER.get_or_init(|| SharedBuffer::new(8).unwrap().leak());
    let kept = Arc::new(Kept { lock: Lock::new(buffer, 0).unwrap(), count: buffer.slot(1).unwrap() });
    let guard: LockGuard<'static> = kept.lock.lock();
    let threads = [(); 2].map(|()| {
        let kept = Arc::clone(&kept);
        thread::spawn(move || {
            let _guard = kept.lock.lock();
            kept.count.store(kept.count.load(Relaxed) + 1, Relaxed);
        })
    });
    thread::spawn(move || drop(guard)).join().unwrap();
    until("both have counted", || kept.count.load(Relaxed) == 2);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert!(!kept.lock.is_locked());
}
