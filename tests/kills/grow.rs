//! A buffer that grows, over every origin that other processes can share.

use crate::support::steps::{Stand, Steps};
use crate::support::{Memory, Watchdog};
use std::sync::atomic::Ordering::Relaxed;

over_shared_growable_origins! { a_process_killed_at_an_instruction_of_it_leaves_the_old_length_or_the_new }

fn a_process_killed_at_an_instruction_of_it_leaves_the_old_length_or_the_new(memory: &Memory) {
    const TEST: &str = "a_process_killed_at_an_instruction_of_it_leaves_the_old_length_or_the_new";
    let _watchdog = Watchdog::new(TEST);
    let buffer = &memory.buffer;
    let mut outcomes = [0, 0];
    // An unoptimized operation has ten times as many: some of them must do.
    for number in (0..).step_by(if cfg!(debug_assertions) { 7 } else { 1 }) {
        let old = buffer.byte_length();
        let Some(mut victim) = Steps::unless_refused(TEST, || drop(buffer.grow(old + 4))) else { return };
        let is_over = (0..number).any(|_| victim.step() == Stand::AtTheEnd);
        drop(victim);
        let new = buffer.byte_length();
        assert!(new == old || new == old + 4, "{new} after {old}, {number} instructions on");
        outcomes[usize::from(new > old)] += 1;
        // Whatever it left, others go on.
        buffer.grow(new + 4).unwrap();
        assert_eq!(buffer.slot(new / 4).unwrap().swap(1, Relaxed), 0);
        if is_over {
            break;
        }
    }
    assert!(outcomes.iter().all(|count| *count > 3), "{outcomes:?}");
    println!(
        "killed at {} instructions, {} of them after the length was published",
        outcomes[0] + outcomes[1],
        outcomes[1]
    );
}
