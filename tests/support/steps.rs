//! Steps through an operation, instruction by instruction.

use core::arch::asm;
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr::null_mut;
use std::io;

use super::{is_emulated, processes, skipped};

/// `int3`.
const BREAKPOINT: u8 = 0xcc;
/// The first byte of `syscall`, and of much else.
const SYSTEM_CALL: u8 = 0x0f;

/// A child that stands still between two instructions of an operation. Each `next` lets it execute one.
///
/// Dropping this kills the child, as SIGKILL does, wherever it stands. Only the thread that made it may use it.
pub struct Steps {
    child: libc::pid_t,
    /// It has ended, and its number may be another's by now.
    is_reaped: bool,
    /// It sleeps in a wait that it was made to step over, and has not come out of it.
    is_in_wait: bool,
    /// A breakpoint in its text: the address, and the word that was there.
    planted: Option<(u64, libc::c_long)>,
    not_send: PhantomData<*const ()>,
}

/// Where a step has left the child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stand {
    /// Before another instruction.
    Between,
    /// In the kernel, asleep on a futex. The next step lasts until something wakes it.
    Asleep,
    /// Behind the last instruction of the operation. There are no more steps.
    AtTheEnd,
}

impl Steps {
    /// As [`new`](Self::new). `None`, and a line that says why, where nobody may look.
    pub fn unless_refused(test: &str, operation: impl FnOnce()) -> Option<Self> {
        if is_emulated() {
            skipped(test, "SLOTSYNC_EMULATED is set, and emulators do not step");
            return None;
        }
        match Self::new(operation) {
            Ok(steps) => Some(steps),
            Err(error) if matches!(error.raw_os_error(), Some(libc::EPERM | libc::EACCES | libc::ENOSYS)) => {
                skipped(test, &format!("this system does not let a process trace its child: {error}"));
                None
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Forks a child that stands before the first instruction of `operation`.
    ///
    /// The operation must keep to what a signal handler may do: the child is a copy of a process whose other
    /// threads are gone, with the locks that they held.
    ///
    /// # Errors
    ///
    /// This process must not fork, or not trace its children.
    pub fn new(operation: impl FnOnce()) -> io::Result<Self> {
        // SAFETY: the child makes system calls and runs `operation`, which may run there.
        let child = match unsafe { libc::fork() } {
            -1 => return Err(io::Error::last_os_error()),
            0 => run(operation),
            child => child,
        };
        let mut steps = Self { child, is_reaped: false, is_in_wait: false, planted: None, not_send: PhantomData };
        let status = steps.wait();
        if libc::WIFEXITED(status) {
            return Err(io::Error::from_raw_os_error(libc::WEXITSTATUS(status)));
        }
        assert_trapped(status);
        // So that no child outlives this process.
        steps.ptrace(libc::PTRACE_SETOPTIONS, 0, libc::PTRACE_O_EXITKILL as usize);
        Ok(steps)
    }

    /// Where the child stands, before its first step too.
    pub fn stand(&self) -> Stand {
        match self.is_in_wait {
            true => Stand::Asleep,
            false if self.text() == BREAKPOINT => Stand::AtTheEnd,
            false => Stand::Between,
        }
    }

    /// The address of the instruction that the child executes next. Not for one that sleeps.
    pub fn address(&self) -> u64 {
        const RIP: usize = core::mem::offset_of!(libc::user_regs_struct, rip);
        // SAFETY: reads the child's registers, not ours.
        unsafe { libc::ptrace(libc::PTRACE_PEEKUSER, self.child, RIP, 0) as u64 }
    }

    /// Lets the child execute one instruction. If that is a wait in which it falls asleep, this returns at once, and
    /// the next step is to come out of it: somebody must see to it that something wakes it.
    pub fn step(&mut self) -> Stand {
        if self.is_in_wait {
            let status = self.wait();
            self.is_in_wait = false;
            self.trapped(status);
            return self.stand();
        }
        let is_wait = self.is_before_a_wait();
        self.ptrace(libc::PTRACE_SINGLESTEP, 0, 0);
        if is_wait {
            self.until_trapped_or_asleep();
        } else {
            assert_trapped(self.wait());
        }
        self.stand()
    }

    /// Lets the child run until it stands before the instruction at `address` for the next time; for nothing, if it
    /// stands there. It may fall asleep or come to the end before.
    pub fn run_to(&mut self, address: u64) -> Stand {
        assert!(!self.is_in_wait && self.planted.is_none());
        if self.address() != address {
            let word = self.peek(address as usize);
            self.planted = Some((address, word));
            self.poke(address, word & !0xff | libc::c_long::from(BREAKPOINT));
            self.ptrace(libc::PTRACE_CONT, 0, 0);
            self.until_trapped_or_asleep();
        }
        self.stand()
    }

    fn until_trapped_or_asleep(&mut self) {
        /// To ask where it is costs much more than to ask whether it has trapped.
        const QUESTIONS: usize = 16;
        for question in 1_usize.. {
            if self.has_trapped() {
                break;
            }
            if question % QUESTIONS == 0 && processes::is_asleep(self.child, self.child) {
                // A child that has come out of the wait and trapped looks just as much asleep.
                self.is_in_wait = !self.has_trapped();
                break;
            }
            std::thread::yield_now();
        }
    }

    /// Has the child trapped? It is asked without waiting.
    fn has_trapped(&mut self) -> bool {
        let mut status = 0;
        // SAFETY: a child of ours that nobody has reaped; writes the status.
        match unsafe { libc::waitpid(self.child, &raw mut status, libc::WNOHANG) } {
            0 => false,
            pid => {
                assert_eq!(pid, self.child, "waitpid: {}", io::Error::last_os_error());
                self.is_reaped = !libc::WIFSTOPPED(status);
                self.trapped(status);
                true
            }
        }
    }

    /// After a run, the child stands behind the breakpoint that stopped it: sets it before that, which is taken away if
    /// it is ours.
    fn trapped(&mut self, status: libc::c_int) {
        assert_trapped(status);
        if let Some((address, word)) = self.planted.take() {
            self.poke(address, word);
            let mut registers = self.registers();
            registers.rip -= 1;
            self.ptrace(libc::PTRACE_SETREGS, 0, (&raw mut registers) as usize);
        }
    }

    /// Is its next instruction a system call that can put it to sleep on a futex?
    fn is_before_a_wait(&self) -> bool {
        const OPERATION_MASK: i32 = !(libc::FUTEX_PRIVATE_FLAG | libc::FUTEX_CLOCK_REALTIME);
        // Most begin otherwise, and nothing more needs to be asked.
        if self.text() != SYSTEM_CALL || !self.instruction().is_system_call() {
            return false;
        }
        let registers = self.registers();
        registers.rax == libc::SYS_futex as u64
            && matches!(registers.rsi as i32 & OPERATION_MASK, libc::FUTEX_WAIT | libc::FUTEX_WAIT_BITSET)
    }

    /// The first byte of its next instruction.
    fn text(&self) -> u8 {
        // SAFETY: the child is a copy of this process, and what it executes is at the same address here: text, and the
        // kernel's, which nobody takes away.
        unsafe { (self.address() as *const u8).read() }
    }

    fn poke(&self, address: u64, word: libc::c_long) {
        self.ptrace(libc::PTRACE_POKETEXT, address as usize, word as usize);
    }

    /// Waits for the child to stop or end. Its alarm is the latest occasion.
    fn wait(&mut self) -> libc::c_int {
        let mut status = 0;
        // SAFETY: writes the status.
        while unsafe { libc::waitpid(self.child, &raw mut status, 0) } == -1 {
            assert_eq!(io::Error::last_os_error().kind(), io::ErrorKind::Interrupted);
        }
        self.is_reaped = !libc::WIFSTOPPED(status);
        status
    }

    /// What the child executes next.
    fn instruction(&self) -> Instruction {
        let address = self.registers().rip as usize;
        let mut bytes = [0; 16];
        for (offset, word) in [0, 8].into_iter().zip(bytes.chunks_exact_mut(8)) {
            word.copy_from_slice(&self.peek(address + offset).to_ne_bytes());
        }
        Instruction(bytes)
    }

    fn registers(&self) -> libc::user_regs_struct {
        let mut registers = MaybeUninit::<libc::user_regs_struct>::uninit();
        self.ptrace(libc::PTRACE_GETREGS, 0, registers.as_mut_ptr() as usize);
        // SAFETY: a request that succeeds has filled them.
        unsafe { registers.assume_init() }
    }

    /// A word of the child's memory. Where there is none, as behind the last instruction of a page, it reads as -1,
    /// with which nothing starts that we look for.
    fn peek(&self, address: usize) -> libc::c_long {
        // SAFETY: reads the child's memory, not ours.
        unsafe { libc::ptrace(libc::PTRACE_PEEKTEXT, self.child, address, 0) }
    }

    fn ptrace(&self, request: libc::c_uint, address: usize, data: usize) {
        // SAFETY: the requests used here write nowhere in this process but to registers that the caller provides.
        let outcome = unsafe { libc::ptrace(request, self.child, address, data) };
        assert_eq!(outcome, 0, "ptrace: {}", io::Error::last_os_error());
    }
}

impl Iterator for Steps {
    type Item = Instruction;

    fn next(&mut self) -> Option<Instruction> {
        let instruction = self.instruction();
        if instruction.is_breakpoint() {
            return None;
        }
        self.ptrace(libc::PTRACE_SINGLESTEP, 0, 0);
        assert_trapped(self.wait());
        Some(instruction)
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        if self.is_reaped {
            return;
        }
        // SAFETY: a system call on our child, and one that may write a status, but need not.
        unsafe {
            libc::kill(self.child, libc::SIGKILL);
            libc::waitpid(self.child, null_mut(), 0);
        }
    }
}

/// The child's whole life. It ends here and says why if it cannot be traced; else its parent ends it.
fn run(operation: impl FnOnce()) -> ! {
    // SAFETY: system calls, and errno. The alarm, to be seen by the parent, bounds its wait.
    unsafe {
        libc::alarm(60);
        if libc::ptrace(libc::PTRACE_TRACEME) == -1 {
            libc::_exit(*libc::__errno_location());
        }
    }
    bracket(operation);
    // SAFETY: ends the child.
    unsafe { libc::_exit(0) }
}

/// A function of its own: a compiler inlines next to nothing into one that never returns.
#[inline(never)]
fn bracket(operation: impl FnOnce()) {
    breakpoint();
    operation();
    breakpoint();
}

#[inline(always)]
fn breakpoint() {
    // SAFETY: stops this process for its tracer, and changes nothing. It may be taken to change memory, so that no
    // access moves across it.
    unsafe { asm!("int3") };
}

fn assert_trapped(status: libc::c_int) {
    let trapped = libc::WIFSTOPPED(status) && libc::WSTOPSIG(status) == libc::SIGTRAP;
    assert!(trapped, "the child neither stepped nor came to a breakpoint: wait status {status:#x}");
}

/// The bytes from an instruction on: 15 at most are its own.
pub struct Instruction([u8; 16]);

impl Instruction {
    /// Locked, or an exchange with memory, which is so without saying it.
    pub fn is_atomic(&self) -> bool {
        let (prefixes, opcode) = self.split();
        prefixes.contains(&0xf0) || matches!(opcode, [0x86 | 0x87, operands, ..] if operands >> 6 != 0b11)
    }

    /// Relative, or by a pointer, near or far.
    pub fn is_call(&self) -> bool {
        matches!(self.split().1, [0xe8, ..])
            || matches!(self.split().1, [0xff, operands, ..] if matches!(operands >> 3 & 7, 2 | 3))
    }

    /// `syscall`, `sysenter` or `int 0x80`.
    pub fn is_system_call(&self) -> bool {
        matches!(self.split().1, [0x0f, 0x05 | 0x34, ..] | [0xcd, 0x80, ..])
    }

    fn is_breakpoint(&self) -> bool {
        self.0[0] == BREAKPOINT
    }

    /// The legacy prefixes, and from the opcode on. A REX prefix, which is the last if there is one, is left out.
    fn split(&self) -> (&[u8], &[u8]) {
        const LEGACY: [u8; 11] = [0xf0, 0xf2, 0xf3, 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65, 0x66, 0x67];
        let end = self.0.iter().position(|byte| !LEGACY.contains(byte)).unwrap_or(self.0.len());
        let (prefixes, rest) = self.0.split_at(end);
        match rest {
            [0x40..=0x4f, opcode @ ..] => (prefixes, opcode),
            opcode => (prefixes, opcode),
        }
    }
}
