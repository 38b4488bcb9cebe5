//! Compares `RwLock` with its peers: `cargo bench --bench rw_lock -- [--rounds N] [--millis N] [CASE]...`
//!
//! Each agent reads a number of times and then writes once. As for the lock (`benches/lock.rs`), the peers of a case
//! take turns in short rounds, and the table shows medians, also of the ratios *in the same round*.

#[cfg(all(unix, not(loom)))]
#[allow(unsafe_code, reason = "fork, and the C library's lock")]
mod harness;

#[cfg(all(unix, not(loom)))]
const HELP: &str = "\
usage: cargo bench --bench rw_lock -- [OPTIONS] [CASE]...

  CASE        a case to measure, or a part of its name; without any, all cases are measured
  --rounds N  how many rounds of each case: 1 to 10000, by default 15
  --millis N  how long a round takes: 1 to 10000, by default 30
  -h, --help  print this text";

#[cfg(all(unix, not(loom)))]
fn main() {
    use crossbeam_utils::CachePadded;
    use harness::{
        Agents, Case, FOR_EVER, Load, Options, Peer, Reach, Readers, compare, machine, pthread::PthreadRwLock,
    };
    use slotsync::{RwLock, SharedBuffer};

    let options = Options::from_args(HELP, 15);
    println!("{}", machine());

    let heap = SharedBuffer::new(4096).expect("memory");
    let mapping = SharedBuffer::anonymous(4096).expect("memory");
    let private = RwLock::new(&heap, 0).expect("a slot");
    let shared = RwLock::new(&mapping, 0).expect("a slot");
    let std = CachePadded::new(std::sync::RwLock::new(()));
    let parking_lot = CachePadded::new(parking_lot::RwLock::new(()));
    let pthread = PthreadRwLock::new();

    // Sections that do next to nothing, and sections of about a microsecond if a step takes 0.3 ns.
    let short = Load { inside: 0, outside: 500 };
    let long = Load { inside: 2500, outside: 2500 };
    for (name, agents, load, reads) in [
        ("uncontended read", Agents::Alone, short, FOR_EVER),
        ("uncontended write", Agents::Alone, short, 0),
        ("2 threads only read", Agents::Threads(2), short, FOR_EVER),
        ("2 threads, 100 reads a write", Agents::Threads(2), short, 100),
        ("2 threads, 10 reads a write", Agents::Threads(2), short, 10),
        ("4 threads, 10 reads a write", Agents::Threads(4), short, 10),
        ("16 threads, 10 reads a write", Agents::Threads(16), short, 10),
        ("2 threads, 10 long reads", Agents::Threads(2), long, 10),
        ("4 threads, 10 long reads", Agents::Threads(4), long, 10),
        ("2 threads only write", Agents::Threads(2), short, 0),
        ("2 processes, 10 reads a write", Agents::Processes(2), short, 10),
        ("4 processes, 10 reads a write", Agents::Processes(4), short, 10),
        ("2 processes, 10 long reads", Agents::Processes(2), long, 10),
    ] {
        if !options.selects(name) {
            continue;
        }
        let of_private = Readers { read: || private.read(), write: || private.write(), reads };
        let of_shared = Readers { read: || shared.read(), write: || shared.write(), reads };
        let of_std =
            Readers { read: || std.read().expect("no panic"), write: || std.write().expect("no panic"), reads };
        let of_parking_lot = Readers { read: || parking_lot.read(), write: || parking_lot.write(), reads };
        let of_pthread = Readers { read: || pthread.read(), write: || pthread.write(), reads };
        // The first two are compared with all others.
        let peers = [
            Peer { name: "slotsync, private", reach: Reach::Threads, lock: &of_private },
            Peer { name: "slotsync, shared", reach: Reach::Processes, lock: &of_shared },
            Peer { name: "std::sync::RwLock", reach: Reach::Threads, lock: &of_std },
            Peer { name: "parking_lot::RwLock", reach: Reach::Threads, lock: &of_parking_lot },
            Peer { name: "pthread, shared", reach: Reach::Processes, lock: &of_pthread },
        ];
        compare(&Case { name, agents, load }, &peers, &options);
    }
}

#[cfg(any(not(unix), loom))]
fn main() {}
