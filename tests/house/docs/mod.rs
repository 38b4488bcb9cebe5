//! The pages held to the crate: the tables of the book are run row by row, the links of all pages are followed.
//!
//! A table is marked for this by a comment above it: `<!-- checked: name -->`.

mod barrier;
mod cond;
mod event;
#[cfg(unix)]
mod growable;
#[cfg(feature = "guarded")]
mod guarded;
mod latch;
#[cfg(target_has_atomic = "64")]
mod layout;
mod lock;
mod once;
mod pages;
mod rows;
mod rw_lock;
mod semaphore;
mod strangers;
mod synchronic;

use pages::{page, table};
use slotsync::arrays::{
    BigInt64Array, BigUint64Array, Float32Array, Float64Array, Int8Array, Int16Array, Int32Array, TypedArray,
    Uint8Array, Uint16Array, Uint32Array,
};
use slotsync::{
    Barrier, BumpAllocator, Cond, Event, Latch, Lock, NotifyHint, Number, Once, OnceState, RwLock, Semaphore,
    SharedBuffer, Synchronic,
};
use std::fs;
use std::sync::atomic::Ordering::Relaxed;

#[test]
fn the_table_of_primitives_is_true() {
    let Some(abi) = page("abi.md") else { return };
    let primitives = [
        ("`Lock`", Lock::SLOTS, "unlocked"),
        ("`RwLock`", RwLock::SLOTS, "unlocked"),
        ("`Semaphore`", Semaphore::SLOTS, "no permits"),
        ("`Event`", Event::SLOTS, "not set"),
        ("`Latch`", Latch::SLOTS, "done: the count is zero"),
        ("`Barrier`", Barrier::SLOTS, "nobody has arrived"),
        ("`Once`", Once::SLOTS, "not run"),
        ("`Cond`", Cond::SLOTS, "nobody waits"),
        ("`Synchronic`", Synchronic::<i32>::SLOTS, "the value 0, and nobody waits"),
        ("`BumpAllocator`", BumpAllocator::SLOTS, "nothing is handed out"),
    ];
    let rows = primitives
        .map(|(name, slots, zeros)| [name, &slots.to_string(), &(4 * slots).to_string(), zeros].map(str::to_owned));
    assert_eq!(table(&abi, "primitives"), rows);
}

/// What the last column of that table says.
#[test]
fn fresh_memory_is_a_valid_state_of_every_primitive() {
    let buffer = SharedBuffer::new(4 * 14).unwrap();
    assert!(buffer.slots(..).unwrap().iter().all(|slot| slot.load(Relaxed) == 0));
    let lock = Lock::new(&buffer, 0).unwrap();
    assert!(!lock.is_locked());
    drop(lock.try_lock().unwrap());

    let semaphore = Semaphore::new(&buffer, 1).unwrap();
    assert_eq!((semaphore.permits(), semaphore.try_acquire()), (0, false));
    semaphore.release(1).unwrap();
    semaphore.acquire();

    let event = Event::new(&buffer, 2).unwrap();
    assert!(!event.is_set());
    event.set();
    event.wait();

    let latch = Latch::new(&buffer, 3).unwrap();
    assert_eq!((latch.count(), latch.is_done()), (0, true));
    latch.wait();

    let barrier = Barrier::new(&buffer, 4, 2).unwrap();
    assert_eq!(barrier.arrived(), 0);
    std::thread::scope(|threads| {
        threads.spawn(move || barrier.wait());
        barrier.wait();
    });

    let once = Once::new(&buffer, 5).unwrap();
    assert_eq!(once.state(), OnceState::NotRun);
    once.call_once(|| ()).unwrap();

    let cond = Cond::new(&buffer, 6, lock).unwrap();
    cond.notify_all();
    assert!([6, 7].iter().all(|index| buffer.slot(*index).unwrap().load(Relaxed) == 0), "somebody was found waiting");
    assert!(cond.wait_for(lock.lock(), std::time::Duration::ZERO).is_err());

    let rw_lock = RwLock::new(&buffer, 8).unwrap();
    assert_eq!((rw_lock.readers(), rw_lock.is_write_locked()), (0, false));
    drop(rw_lock.try_read().unwrap());
    drop(rw_lock.try_write().unwrap());

    assert_eq!(BumpAllocator::new(&buffer, 10, 11..14).unwrap().used(), 0);

    fn is_zero<T: Number>(buffer: &SharedBuffer, zero: T) {
        let synchronic = Synchronic::<T>::new(buffer, 10).unwrap();
        assert_eq!(synchronic.load(), zero);
        synchronic.notify(NotifyHint::All);
        assert!((10..14).all(|index| buffer.slot(index).unwrap().load(Relaxed) == 0), "somebody was found waiting");
        assert_eq!(synchronic.load_when_equal(zero), zero);
    }
    is_zero(&buffer, 0_i8);
    is_zero(&buffer, 0_u8);
    is_zero(&buffer, 0_i16);
    is_zero(&buffer, 0_u16);
    is_zero(&buffer, 0_i32);
    is_zero(&buffer, 0_u32);
    is_zero(&buffer, 0.0_f32);
    #[cfg(target_has_atomic = "64")]
    {
        is_zero(&buffer, 0_i64);
        is_zero(&buffer, 0_u64);
        is_zero(&buffer, 0.0_f64);
    }
}

#[cfg(target_has_atomic = "64")]
#[test]
fn the_table_of_array_types_is_true() {
    let Some(arrays) = page("arrays.md") else { return };
    fn row<T: Number>(name: &str, has_operations: bool) -> [String; 5] {
        let yes_or_no = |yes| if yes { "yes" } else { "no" }.to_owned();
        let element = std::any::type_name::<T>();
        let size = TypedArray::<T>::BYTES_PER_ELEMENT.to_string();
        [format!("`{element}`"), format!("`{name}`"), size, yes_or_no(has_operations), yes_or_no(element == "i32")]
    }
    // That the one is a name of the other, the compiler says.
    macro_rules! rows {
        ($($name:ident: $element:ty, $has_operations:literal;)*) => {
            [$({
                let _: Option<$name<'static>> = None::<TypedArray<'static, $element>>;
                row::<$element>(stringify!($name), $has_operations)
            }),*]
        };
    }
    let rows = rows! {
        Int8Array: i8, true; Uint8Array: u8, true; Int16Array: i16, true; Uint16Array: u16, true;
        Int32Array: i32, true; Uint32Array: u32, true; Float32Array: f32, false;
        BigInt64Array: i64, true; BigUint64Array: u64, true; Float64Array: f64, false;
    };
    assert_eq!(table(&arrays, "array types"), rows);
}

/// That they are right is found where there is a Node: each is in the file by which `node` calls this crate.
#[test]
fn the_conversions_of_the_page_are_those_that_are_compared_with_node() {
    let Some(arrays) = page("arrays.md") else { return };
    let squeezed = |text: &str| text.split_whitespace().collect::<String>();
    let source = squeezed(include_str!("../../arrays/node/javascript.rs"));
    let rows = table(&arrays, "conversions");
    assert!(!rows.is_empty());
    for row in rows {
        assert!(source.contains(&squeezed(row[1].trim_matches('`'))), "{row:?}");
    }
}

#[cfg(unix)]
#[test]
fn slot_i_is_the_four_bytes_at_four_i_in_native_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("slots");
    let buffer = SharedBuffer::file(&path, 16).unwrap();
    for (index, value) in [(0, 1), (1, -2), (2, i32::MIN), (3, 0x0102_0304)] {
        buffer.slot(index).unwrap().store(value, Relaxed);
        let bytes = fs::read(&path).unwrap();
        assert_eq!(bytes.len(), 16);
        assert_eq!(bytes[4 * index..][..4], value.to_ne_bytes());
    }
}
