//! Compares `Lock` with its peers: `cargo bench --bench lock -- [--rounds N] [--millis N] [CASE]...`
//!
//! The peers of a case take turns in short rounds, so a busy moment of the machine affects all of them. The table shows
//! medians over the rounds: of the time per operation, and of the ratios of slotsync to a peer *in the same round*.

#[cfg(all(unix, not(loom)))]
#[allow(unsafe_code, reason = "fork, and the C library's mutex")]
mod harness;

#[cfg(all(unix, not(loom)))]
const HELP: &str = "\
usage: cargo bench --bench lock -- [OPTIONS] [CASE]...

  CASE        a case to measure, or a part of its name; without any, all cases are measured
  --rounds N  how many rounds of each case: 1 to 10000, by default 15
  --millis N  how long a round takes: 1 to 10000, by default 30
  -h, --help  print this text";

#[cfg(all(unix, not(loom)))]
fn main() {
    use crossbeam_utils::CachePadded;
    use harness::{Agents, Case, Load, Options, Peer, Reach, compare, machine, pthread::PthreadMutex};
    use slotsync::{Lock, SharedBuffer};

    let options = Options::from_args(HELP, 15);
    println!("{}", machine());

    let heap = SharedBuffer::new(4096).expect("memory");
    let mapping = SharedBuffer::anonymous(4096).expect("memory");
    let private = Lock::new(&heap, 0).expect("a slot");
    let shared = Lock::new(&mapping, 0).expect("a slot");
    // Each is alone on a cache line, like the first slot of a buffer here.
    let std = CachePadded::new(std::sync::Mutex::new(()));
    let parking_lot = CachePadded::new(parking_lot::Mutex::new(()));
    let pthread = PthreadMutex::new();

    let lock_private = || private.lock();
    let lock_shared = || shared.lock();
    let lock_std = || std.lock().expect("no thread panics with it");
    let lock_parking_lot = || parking_lot.lock();
    let lock_pthread = || pthread.lock();

    // The first two are compared with all others.
    let peers = [
        Peer { name: "slotsync, private", reach: Reach::Threads, lock: &lock_private },
        Peer { name: "slotsync, shared", reach: Reach::Processes, lock: &lock_shared },
        Peer { name: "std::sync::Mutex", reach: Reach::Threads, lock: &lock_std },
        Peer { name: "parking_lot::Mutex", reach: Reach::Threads, lock: &lock_parking_lot },
        Peer { name: "pthread, shared", reach: Reach::Processes, lock: &lock_pthread },
    ];
    // Sections that do next to nothing, and sections of about one and four microseconds if a step takes 0.3 ns.
    let short = Load { inside: 0, outside: 500 };
    let long = Load { inside: 2500, outside: 2500 };
    let longer = Load { inside: 12500, outside: 12500 };
    for case in [
        Case { name: "uncontended", agents: Agents::Alone, load: short },
        Case { name: "2 threads, short sections", agents: Agents::Threads(2), load: short },
        Case { name: "4 threads, short sections", agents: Agents::Threads(4), load: short },
        Case { name: "16 threads, short sections", agents: Agents::Threads(16), load: short },
        Case { name: "2 threads, long sections", agents: Agents::Threads(2), load: long },
        Case { name: "4 threads, long sections", agents: Agents::Threads(4), load: long },
        Case { name: "2 threads, longer sections", agents: Agents::Threads(2), load: longer },
        Case { name: "2 processes, short sections", agents: Agents::Processes(2), load: short },
        Case { name: "4 processes, short sections", agents: Agents::Processes(4), load: short },
        Case { name: "2 processes, long sections", agents: Agents::Processes(2), load: long },
        Case { name: "2 processes, longer sections", agents: Agents::Processes(2), load: longer },
    ] {
        if options.selects(case.name) {
            compare(&case, &peers, &options);
        }
    }
}

#[cfg(any(not(unix), loom))]
fn main() {}
