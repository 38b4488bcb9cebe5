//! Structs, and an array of them, in flat memory that several processes share: a bank, and transfers between its accounts.
//!
//! ```text
//! cargo run --release --features guarded --example records
//! ```
//!
//! One of the processes dies in the midst of a transfer, when the money has left one account and not come to the other. It
//! holds the lock then, but what it did is nowhere to be seen: a `Guarded` has the old value or the new, and nothing in
//! between. The parent reaps it, so it *knows* that it is dead, and unlocks in its name.

use slotsync::{Guarded, SharedBuffer};
use std::io::{self, Write};
use std::process::{Child, Command, ExitCode, exit, id};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::{env, thread, time::Duration};
use zerocopy::{FromBytes, Immutable, IntoBytes};

const PROCESSES: usize = 4;
/// The one that dies, half way through its transfers.
const VICTIM: usize = 2;
/// How a process ends that dies while it holds the lock.
const HELD: i32 = 3;
/// How many transfers each process tries.
const TRANSFERS: u64 = 20_000;
const ACCOUNTS: usize = 8;
const MONEY: i64 = 1_000;
/// So long that it is worth a look at what is wrong.
const LONG: Duration = Duration::from_millis(100);
/// So long that the parent must be gone: nobody unlocks in a dead one's name any more.
const FOREVER: Duration = Duration::from_secs(10);

/// Raised whenever the fields below change, so that old and new programs do not meet.
const VERSION: u32 = 1;

/// In the order in which it is written, and without padding: each byte means something.
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

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

impl Bank {
    fn new() -> Self {
        Self { accounts: [Account { balance: MONEY, sent: 0, received: 0 }; ACCOUNTS], transfers: 0 }
    }

    fn send(&mut self, from: usize, amount: i64) -> std::result::Result<(), NoMoney> {
        let account = &mut self.accounts[from];
        account.balance -= amount;
        account.sent += 1;
        // Said late on purpose: what was done is undone by nobody, and yet it is as if it had not been done.
        if account.balance < 0 { Err(NoMoney) } else { Ok(()) }
    }

    fn receive(&mut self, to: usize, amount: i64) {
        self.accounts[to].balance += amount;
        self.accounts[to].received += 1;
        self.transfers += 1;
    }

    /// What is so between any two transfers.
    fn check(&self) -> Result<()> {
        let sum = |of: fn(&Account) -> i64| self.accounts.iter().map(of).sum::<i64>();
        let (money, sent, received) = (sum(|a| a.balance), sum(|a| a.sent.into()), sum(|a| a.received.into()));
        let is_right = money == MONEY * ACCOUNTS as i64
            && [sent, received] == [self.transfers as i64; 2]
            && self.accounts.iter().all(|account| account.balance >= 0);
        let what = || format!("{money} in all, {sent} sent, {received} received, {} transfers", self.transfers);
        if is_right { Ok(()) } else { Err(what().into()) }
    }
}

struct NoMoney;

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned()).collect();
    let outcome = match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => parent(),
        ["--help"] => {
            let usage = "usage: cargo run --release --features guarded --example records";
            writeln!(io::stdout(), "{usage}").map_err(Into::into)
        }
        // A process that the parent has started: not for people.
        ["--attach", name, number] => attach(name, number),
        _ => {
            eprintln!("records: {arguments:?} is not understood: there are no options but --help");
            return ExitCode::from(2);
        }
    };
    let Err(error) = outcome else { return ExitCode::SUCCESS };
    eprintln!("records: {error}");
    ExitCode::from(if INTERRUPTED.load(Relaxed) { 130 } else { 1 })
}

/// What each process does.
fn attach(name: &str, number: &str) -> Result<()> {
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
        let outcome = bank.try_update_for(transfer, FOREVER).ok_or("the parent is gone")?;
        refused += u64::from(outcome.is_err());
    }
    let made = TRANSFERS - refused;
    Ok(writeln!(io::stdout(), "process {number} made {made} transfers, and {refused} were refused")?)
}

fn parent() -> Result<()> {
    #[cfg(unix)]
    ctrlc::set_handler(|| INTERRUPTED.store(true, Relaxed))?;
    let mut crew = Crew { name: format!("/slotsync-records-{}", id()), processes: Vec::new() };
    let buffer = SharedBuffer::create_named(&crew.name, 4 * Guarded::<Bank, VERSION>::SLOTS)?;
    let bank = Guarded::<_, VERSION>::initialize(&buffer, 0, Bank::new())?;
    for number in 1..=PROCESSES {
        let mut command = Command::new(env::current_exe()?);
        command.args(["--attach", &crew.name, &number.to_string()]);
        // In a group of its own, a process does not hear the terminal's Ctrl-C: that is for the parent.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        crew.processes.push(command.spawn()?);
    }
    let mut looks = 0;
    while !crew.processes.is_empty() {
        if INTERRUPTED.load(Relaxed) {
            return Err("interrupted".into());
        }
        match bank.get_for(LONG) {
            Some(bank) => {
                bank.check()?;
                looks += 1;
            }
            None => writeln!(io::stdout(), "the bank has been locked for {LONG:?}: who locked it is slow, or dead")?,
        }
        thread::sleep(Duration::from_millis(1));
        if crew.has_lost_one_that_held_the_lock()? {
            let what = "died in the midst of a transfer; the parent reaped it, and unlocks in its name";
            writeln!(io::stdout(), "process {VICTIM} {what}")?;
            bank.lock().unlock()?;
            bank.get().check()?;
        }
    }
    let bank = bank.get();
    bank.check()?;
    writeln!(io::stdout(), "account  balance  sent  received")?;
    for (number, account) in (1..).zip(&bank.accounts) {
        writeln!(io::stdout(), "{number:7}  {:7}  {:4}  {:8}", account.balance, account.sent, account.received)?;
    }
    let made = bank.transfers;
    let result = "and was whenever the parent looked";
    Ok(writeln!(io::stdout(), "all money is there after {made} transfers, {result}: {looks} times")?)
}

/// When it is dropped, the processes have ended and the name is gone.
struct Crew {
    name: String,
    processes: Vec<Child>,
}

impl Crew {
    /// Reaps who has ended.
    fn has_lost_one_that_held_the_lock(&mut self) -> Result<bool> {
        for place in (0..self.processes.len()).rev() {
            if self.processes[place].try_wait()?.is_some() {
                let status = self.processes.remove(place).wait()?;
                match status.code() {
                    Some(0) => {}
                    Some(HELD) => return Ok(true),
                    _ => return Err(format!("a process died: {status}").into()),
                }
            }
        }
        Ok(false)
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        for process in &mut self.processes {
            let _ = (process.kill(), process.wait());
        }
        // It may be that there was none.
        let _ = SharedBuffer::unlink(&self.name);
    }
}
