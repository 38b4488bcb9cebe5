//! A bank in shared memory that stays consistent when a process is killed in the middle of a transfer: structs, and an
//! array of them, that several processes update.
//!
//! ```text
//! cargo run --release --features guarded --example records
//! ```
//!
//! One of the processes dies when the money has left one account and has not reached the other. It holds the lock then,
//! but its half transfer is visible nowhere: a `Guarded` has the old value or the new one, and nothing in between. The
//! parent reaps the process, so it *knows* that it is dead, and unlocks on its behalf.

mod common;

use common::children::{Children, attached};
use common::{Result, Stop, args, check_interrupt, finish, print, watch_for_interrupts};
use lexopt::Arg::{Long, Short};
use slotsync::{Guarded, SharedBuffer, TimedOut};
use std::process::{ExitCode, exit};
use std::{thread, time::Duration};
use zerocopy::{FromBytes, Immutable, IntoBytes};

const HELP: &str = "\
Several processes transfer money between the accounts of a bank in shared memory. One of them dies in
the middle of a transfer, and no money is lost.

usage: cargo run --release --features guarded --example records

  -h, --help  print this text

Exit status: 0; 1 if money was lost, another process died, or the system refused something; 2 for a
wrong argument; 130 after Ctrl-C.
";

const PROCESSES: usize = 4;
/// The process that dies, half way through its transfers.
const VICTIM: usize = 2;
/// The exit status of a process that dies while it holds the lock.
const HELD: i32 = 3;
/// How many transfers each process tries.
const TRANSFERS: u64 = 20_000;
const ACCOUNTS: usize = 8;
const MONEY: i64 = 1_000;
/// A wait this long is a reason to check the other processes.
const LONG: Duration = Duration::from_millis(100);
/// A wait this long means that the parent is gone, which would unlock on behalf of a dead process.
const FOREVER: Duration = Duration::from_secs(10);

/// Raised whenever the fields below change, so that old and new programs refuse each other's memory.
const VERSION: u32 = 1;

/// Lies in memory in this order and without padding: each byte means something.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct Account {
    balance: i64,
    sent: u32,
    received: u32,
}

#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct Bank {
    accounts: [Account; ACCOUNTS],
    transfers: u64,
}

/// An account has too little money for a transfer.
struct NoMoney;

impl Bank {
    fn new() -> Self {
        Self { accounts: [Account { balance: MONEY, sent: 0, received: 0 }; ACCOUNTS], transfers: 0 }
    }

    fn send(&mut self, from: usize, amount: i64) -> Result<(), NoMoney> {
        let account = &mut self.accounts[from];
        account.balance -= amount;
        account.sent += 1;
        // This check comes late on purpose: no code undoes the changes above, and yet nobody will see them.
        if account.balance < 0 { Err(NoMoney) } else { Ok(()) }
    }

    fn receive(&mut self, to: usize, amount: i64) {
        self.accounts[to].balance += amount;
        self.accounts[to].received += 1;
        self.transfers += 1;
    }

    /// Checks what is true between any two transfers.
    fn check(&self) -> Result<()> {
        let sum = |of: fn(&Account) -> i64| self.accounts.iter().map(of).sum::<i64>();
        let (money, sent, received) = (sum(|a| a.balance), sum(|a| a.sent.into()), sum(|a| a.received.into()));
        let is_right = money == MONEY * ACCOUNTS as i64
            && [sent, received] == [self.transfers as i64; 2]
            && self.accounts.iter().all(|account| account.balance >= 0);
        let found = || format!("{money} in all, {sent} sent, {received} received, {} transfers", self.transfers);
        if is_right { Ok(()) } else { Err(found().into()) }
    }
}

fn main() -> ExitCode {
    let outcome = match attached() {
        Some(arguments) => attach(&arguments),
        None => parse().map_err(Into::into).and_then(|()| parent()),
    };
    finish("records", outcome)
}

fn parse() -> Result<(), Stop> {
    match lexopt::Parser::from_env().next()? {
        None => Ok(()),
        Some(Short('h') | Long("help")) => Err(Stop::Help(HELP)),
        Some(argument) => Err(args::unknown(argument, "--help")),
    }
}

/// What each of the processes does.
fn attach(arguments: &[String]) -> Result<()> {
    let [name, number] = arguments else { return Err("--attach is for the parent only".into()) };
    let buffer = SharedBuffer::open_named(name)?;
    let bank = Guarded::<Bank, VERSION>::new(&buffer, 0)?;
    let number: usize = number.parse()?;
    let (mut random, mut refused) = (number as u64, 0);
    for turn in 0..TRANSFERS {
        // Marsaglia's xorshift.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let [from, to] = [random % 8, random / 8 % 8].map(|account| account as usize);
        let amount = (random / 64 % 1_000) as i64;
        let transfer = |bank: &mut Bank| {
            bank.send(from, amount)?;
            if number == VICTIM && turn >= TRANSFERS / 2 {
                exit(HELD);
            }
            bank.receive(to, amount);
            Ok::<(), NoMoney>(())
        };
        let outcome = bank.transact_for(transfer, FOREVER).map_err(|TimedOut| "the parent is gone")?;
        refused += u64::from(outcome.is_err());
    }
    print(format_args!("process {number} made {} transfers, and {refused} were refused", TRANSFERS - refused))
}

fn parent() -> Result<()> {
    watch_for_interrupts()?;
    let mut children = Children::new("records");
    let bytes = 4 * Guarded::<Bank, VERSION>::SLOTS;
    let buffer = SharedBuffer::options().create_new(true).named(&children.name, bytes)?;
    let bank = Guarded::<_, VERSION>::initialize(&buffer, 0, Bank::new())?;
    for number in 1..=PROCESSES {
        children.start(&[&number.to_string()])?;
    }
    let mut looks = 0;
    while !children.processes.is_empty() {
        check_interrupt()?;
        match bank.get_for(LONG) {
            Ok(bank) => {
                bank.check()?;
                looks += 1;
            }
            Err(TimedOut) => {
                print(format_args!("the bank has been locked for {LONG:?}: its holder is slow or dead"))?;
            }
        }
        thread::sleep(Duration::from_millis(1));
        if reap(&mut children)? {
            let consequence = "the parent reaped it, and unlocks on its behalf";
            print(format_args!("process {VICTIM} died in the middle of a transfer; {consequence}"))?;
            bank.lock().unlock()?;
            bank.get().check()?;
        }
    }
    let bank = bank.get();
    bank.check()?;
    print("account  balance  sent  received")?;
    for (number, account) in (1..).zip(&bank.accounts) {
        print(format_args!("{number:7}  {:7}  {:4}  {:8}", account.balance, account.sent, account.received))?;
    }
    let summary = format_args!("all money is there after {} transfers", bank.transfers);
    print(format_args!("{summary}, and was whenever the parent looked: {looks} times"))
}

/// Reaps the children that have ended. Returns `true` if one of them held the lock.
fn reap(children: &mut Children) -> Result<bool> {
    for place in (0..children.processes.len()).rev() {
        if children.processes[place].try_wait()?.is_some() {
            let status = children.processes.remove(place).wait()?;
            match status.code() {
                Some(0) => {}
                Some(HELD) => return Ok(true),
                _ => return Err(format!("a process died: {status}").into()),
            }
        }
    }
    Ok(false)
}
