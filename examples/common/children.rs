//! Processes that run the same program, and share memory with it under a name.

use slotsync::SharedBuffer;
use std::process::{Child, Command, id};
use std::{env, io};

/// The first argument of a child. It is not for people.
const ATTACH: &str = "--attach";

/// The children of a process, and the name of the memory that they share with it. When this is dropped, the children
/// have ended and the name is gone.
pub(crate) struct Children {
    pub(crate) name: String,
    pub(crate) processes: Vec<Child>,
}

impl Children {
    /// No children yet, and a name that no other process uses.
    pub(crate) fn new(program: &str) -> Self {
        Self { name: format!("/slotsync-{program}-{}", id()), processes: Vec::new() }
    }

    /// Starts this program again. There, [`attached`] returns the name and these arguments.
    pub(crate) fn start(&mut self, arguments: &[&str]) -> io::Result<()> {
        let mut command = Command::new(env::current_exe()?);
        command.arg(ATTACH).arg(&self.name).args(arguments);
        // A process group of its own keeps the terminal's Ctrl-C from the child: the parent ends it.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        self.processes.push(command.spawn()?);
        Ok(())
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        for process in &mut self.processes {
            let _ = (process.kill(), process.wait());
        }
        // There may be no memory of that name yet.
        let _ = SharedBuffer::unlink(&self.name);
    }
}

/// Returns the name of the shared memory and the other arguments, if this process is a child.
pub(crate) fn attached() -> Option<Vec<String>> {
    let mut arguments = env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned());
    (arguments.next()? == ATTACH).then(|| arguments.collect())
}
