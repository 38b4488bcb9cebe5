//! A guarded value whose fields belong together, which all attach to at once.

use crate::support::Memory;
use crate::{AGENTS, Random, Stress, stress, times};
use slotsync::{Guarded, SharedBuffer};
use zerocopy::{FromBytes, Immutable, IntoBytes};

stress! { Stress { name: "accounts in a guarded value", prepare: |_| (), agent, conclude } }

/// What the accounts have more than nothing, the bank has less.
#[derive(Clone, Copy, Default, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct Accounts {
    balances: [i32; AGENTS],
    bank: i32,
    transfers: u32,
}

impl Accounts {
    fn transfer(&mut self, account: usize, amount: i32) {
        self.balances[account] += amount;
        self.bank -= amount;
        self.transfers += 1;
    }

    fn sum(&self) -> i32 {
        self.balances.iter().sum::<i32>() + self.bank
    }
}

fn accounts(buffer: &SharedBuffer) -> Guarded<'_, Accounts, 1> {
    Guarded::new(buffer, 0).unwrap()
}

/// One transfer for each turn, and much that is none.
fn agent(buffer: &SharedBuffer, number: usize) {
    let accounts = accounts(buffer);
    let mut random = Random::of(number);
    for turn in 0..times(2_000) {
        let (timeout, account, amount) = (random.timeout(), random.bits(4) as usize, random.bits(8) as i32);
        match turn % 4 {
            0 => assert_eq!(accounts.get().sum(), 0, "a mixture"),
            1 => assert_eq!(accounts.get_for(timeout).map_or(0, |accounts| accounts.sum()), 0, "a mixture"),
            2 => {
                let refused = accounts.transact(|accounts| {
                    accounts.balances[account] += amount;
                    random.yield_sometimes();
                    Err::<(), ()>(())
                });
                assert!(refused.is_err());
            }
            _ => {}
        }
        let yields = random.bits(2) == 0;
        let transfer = |accounts: &mut Accounts| {
            assert_eq!(accounts.sum(), 0, "a mixture");
            accounts.transfer(account, amount);
            // Let others run into it.
            if yields {
                std::thread::yield_now();
            }
        };
        if accounts.update_for(transfer, timeout).is_err() {
            accounts.update(transfer);
        }
    }
}

fn conclude(buffer: &SharedBuffer) -> String {
    let accounts = accounts(buffer).try_get().expect("nobody holds it");
    assert_eq!((accounts.sum(), accounts.transfers), (0, times(2_000) as u32 * AGENTS as u32), "none is lost");
    format!("{} transfers", accounts.transfers)
}
