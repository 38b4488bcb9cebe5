//! Compares ways to wake many waiters: `cargo bench --bench cond -- [--rounds N]`.
//!
//! All waiters of a condition are notified at once, and each of them then has to take the lock. `Cond` wakes all of
//! them. The other way is to wake one, and to let the kernel move the others into the queue of the lock
//! (`FUTEX_CMP_REQUEUE`), so that they wake one by one. The benchmark measures the time from the notify until the last
//! waiter has had the lock. The ways take turns in rounds, and the table shows medians, and ratios to `Cond` in the
//! same round: on all processors, and on one.

#[cfg(all(target_os = "linux", not(loom)))]
#[allow(unsafe_code, reason = "fork, and the C library's locks")]
mod harness;

#[cfg(all(target_os = "linux", not(loom)))]
#[allow(unsafe_code, reason = "requeueing, and pinning to one processor")]
mod herd {
    use crate::harness::Options;
    use crossbeam_utils::CachePadded;
    use slotsync::{Barrier, Cond, Latch, Lock, Scope, SharedBuffer, Slot};
    use std::sync::atomic::AtomicI32;
    use std::sync::atomic::Ordering::{Acquire, Relaxed};
    use std::thread;
    use std::time::{Duration, Instant};

    /// One way to wait for a round to begin, and to begin it.
    pub(crate) trait Way: Sync {
        /// Waits until `has_begun` returns `true` under the lock. Calls `arrive` once, under the lock.
        fn wait(&self, arrive: &dyn Fn(), has_begun: &dyn Fn() -> bool);
        /// Begins the round under the lock, and notifies all waiters: still under the lock, or after unlocking.
        fn begin(&self, begin: &dyn Fn(), under_the_lock: bool);
        /// Asks a question under the lock.
        fn ask(&self, question: &dyn Fn() -> bool) -> bool;
    }

    struct Ours<'buf>(Cond<'buf>);

    impl Way for Ours<'_> {
        fn wait(&self, arrive: &dyn Fn(), has_begun: &dyn Fn() -> bool) {
            let guard = self.0.lock().lock();
            arrive();
            drop(self.0.wait_while(guard, || !has_begun()));
        }

        fn begin(&self, begin: &dyn Fn(), under_the_lock: bool) {
            let guard = self.0.lock().lock();
            begin();
            let guard = under_the_lock.then_some(guard);
            self.0.notify_all();
            drop(guard);
        }

        fn ask(&self, question: &dyn Fn() -> bool) -> bool {
            let _guard = self.0.lock().lock();
            question()
        }
    }

    /// The same words and steps, except for the notify, and for how the lock is taken afterwards.
    struct Requeueing<'buf> {
        lock: &'buf AtomicI32,
        seq: &'buf AtomicI32,
    }

    impl Requeueing<'_> {
        fn slot(word: &AtomicI32) -> Slot<'_> {
            Slot::from_ref(word, Scope::Private).expect("every platform has the private scope")
        }

        fn lock(&self) -> Lock<'_> {
            Lock::from_slot(Self::slot(self.lock))
        }
    }

    impl Way for Requeueing<'_> {
        fn wait(&self, arrive: &dyn Fn(), has_begun: &dyn Fn() -> bool) {
            std::mem::forget(self.lock().lock());
            arrive();
            while !has_begun() {
                let seq = self.seq.load(Relaxed);
                self.lock().unlock().expect("held");
                let _ = Self::slot(self.seq).wait(seq);
                // As contended: the lock's queue may have moved waiters, which have set no mark.
                while self.lock.swap(2, Acquire) != 0 {
                    let _ = Self::slot(self.lock).wait(2);
                }
            }
            self.lock().unlock().expect("held");
        }

        fn begin(&self, begin: &dyn Fn(), under_the_lock: bool) {
            let guard = self.lock().lock();
            begin();
            let guard = under_the_lock.then_some(guard);
            let seq = self.seq.fetch_add(1, Relaxed).wrapping_add(1);
            let operation = libc::FUTEX_CMP_REQUEUE | libc::FUTEX_PRIVATE_FLAG;
            let (one, all) = (1, i32::MAX as usize);
            let (from, to) = (self.seq.as_ptr(), self.lock.as_ptr());
            // SAFETY: both words are live.
            let moved = unsafe { libc::syscall(libc::SYS_futex, from, operation, one, all, to, seq) };
            assert!(moved >= 0, "only this thread notifies");
            drop(guard);
        }

        fn ask(&self, question: &dyn Fn() -> bool) -> bool {
            let _guard = self.lock().lock();
            question()
        }
    }

    struct Std(std::sync::Mutex<()>, std::sync::Condvar);

    impl Way for Std {
        fn wait(&self, arrive: &dyn Fn(), has_begun: &dyn Fn() -> bool) {
            let guard = self.0.lock().expect("no thread panics");
            arrive();
            drop(self.1.wait_while(guard, |()| !has_begun()));
        }

        fn begin(&self, begin: &dyn Fn(), under_the_lock: bool) {
            let guard = self.0.lock().expect("no thread panics");
            begin();
            let guard = under_the_lock.then_some(guard);
            self.1.notify_all();
            drop(guard);
        }

        fn ask(&self, question: &dyn Fn() -> bool) -> bool {
            let _guard = self.0.lock().expect("no thread panics");
            question()
        }
    }

    /// Wakes that many waiters `rounds` times, by each way in turn. Returns the times of each way, round by round.
    fn measure<const N: usize>(ways: &[&dyn Way; N], waiters: i32, under: bool, rounds: i32) -> [Vec<Duration>; N] {
        let words = SharedBuffer::new(4 * 128).expect("memory");
        let [arrived, begun] = [0, 32].map(|index| words.slot(index).expect("a slot"));
        // All threads meet at the barrier between two rounds. The latch is done when all waiters have had the lock.
        let meeting = Barrier::new(&words, 64, waiters as u32 + 1).expect("a slot");
        let passed = Latch::new(&words, 96).expect("a slot");
        let mut times = [(); N].map(|()| Vec::new());
        thread::scope(|threads| {
            for _ in 0..waiters {
                threads.spawn(move || {
                    for round in 1..=rounds * N as i32 {
                        meeting.wait();
                        let way = ways[round as usize % N];
                        way.wait(&|| _ = arrived.fetch_add(1, Relaxed), &|| begun.load(Relaxed) == round);
                        passed.count_down(1).expect("one for each");
                    }
                });
            }
            for round in 1..=rounds * N as i32 {
                arrived.store(0, Relaxed);
                Latch::initialize(&words, 96, waiters as u32).expect("a slot");
                meeting.wait();
                let place = round as usize % N;
                while !ways[place].ask(&|| arrived.load(Relaxed) == waiters) {
                    thread::yield_now();
                }
                let start = Instant::now();
                ways[place].begin(&|| begun.store(round, Relaxed), under);
                passed.wait();
                times[place].push(start.elapsed());
            }
        });
        times
    }

    fn median(mut values: Vec<f64>) -> f64 {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    }

    fn pin_to_one_processor() {
        // SAFETY: the set consists of plain numbers. The call concerns this thread alone, and the threads that it
        // starts.
        unsafe {
            let mut set: libc::cpu_set_t = std::mem::zeroed();
            libc::CPU_SET(libc::sched_getcpu() as usize, &mut set);
            assert_eq!(libc::sched_setaffinity(0, size_of_val(&set), &set), 0);
        }
    }

    const HELP: &str = "\
usage: cargo bench --bench cond -- [OPTIONS]

  --rounds N  how many rounds of each way: 1 to 10000, by default 200
  -h, --help  print this text";

    pub(crate) fn main() {
        let rounds = Options::from_args(HELP, 200).rounds as i32;
        let buffer = SharedBuffer::new(4 * 64).expect("memory");
        let lock = Lock::new(&buffer, 0).expect("a slot");
        let ours = Ours(Cond::new(&buffer, 32, lock).expect("two slots"));
        let [lock, seq] = [(); 2].map(|()| CachePadded::new(AtomicI32::new(0)));
        let requeueing = Requeueing { lock: &lock, seq: &seq };
        let std = Std(std::sync::Mutex::new(()), std::sync::Condvar::new());
        for one in [false, true] {
            if one {
                pin_to_one_processor();
            }
            let where_ = if one { "one processor" } else { "all processors" };
            println!("\n{where_:<40}{:>12}{:>24}{:>24}", "Cond, us", "requeue, x its time", "std, x its time");
            for (waiters, under) in [4, 16, 64].into_iter().flat_map(|waiters| [(waiters, false), (waiters, true)]) {
                let times = measure(&[&ours, &requeueing, &std], waiters, under, rounds);
                let ratios = |place: usize| {
                    let pairs = times[place].iter().zip(&times[0]);
                    median(pairs.map(|(peer, ours)| peer.as_secs_f64() / ours.as_secs_f64()).collect())
                };
                let micros = median(times[0].iter().map(|time| time.as_secs_f64() * 1e6).collect());
                let how = if under { "notified under the lock" } else { "notified after unlocking" };
                let case = format!("  {waiters} waiters, {how}");
                println!("{case:<40}{micros:>12.0}{:>24.2}{:>24.2}", ratios(1), ratios(2));
            }
        }
    }
}

#[cfg(all(target_os = "linux", not(loom)))]
fn main() {
    herd::main();
}

#[cfg(not(all(target_os = "linux", not(loom))))]
fn main() {}
