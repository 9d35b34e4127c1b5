use greenroom_show::{COLUMNS, ROWS};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::libc;
use nix::pty::{Winsize, openpty};
use nix::sys::signal::{SigHandler, Signal, signal};
use nix::sys::termios::{LocalFlags, tcgetattr};
use nix::unistd::{read, setsid, ttyname};
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::Stdio;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::process::Command;

#[derive(Debug)]
pub struct Pty {
    master: AsyncFd<OwnedFd>,
    /// Held until the end: a terminal that nobody holds open hangs up, also on a tool that would open it again.
    slave: OwnedFd,
}

impl Pty {
    pub fn open() -> io::Result<Pty> {
        let size = Winsize { ws_row: ROWS.get(), ws_col: COLUMNS.get(), ws_xpixel: 0, ws_ypixel: 0 };
        let ends = openpty(&size, None)?;
        for end in [&ends.master, &ends.slave] {
            fcntl(end, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
        }
        fcntl(&ends.master, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        Ok(Pty { master: registered(ends.master)?, slave: ends.slave })
    }

    /// Gives a program this terminal, for its input and output and to be controlled by.
    pub fn control(&self, command: &mut Command) -> io::Result<()> {
        let end = || self.slave.try_clone().map(Stdio::from);
        command.stdin(end()?).stdout(end()?).stderr(end()?);
        own_session(command, Controls::ByItsInput);
        Ok(())
    }

    /// Waits for output.
    pub async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut ready = self.master.readable().await?;
            match ready.try_io(|master| Ok(read(master, buffer)?)) {
                Ok(result) => return result,
                Err(_would_block) => {}
            }
        }
    }

    /// What has been printed already; an error where that is nothing.
    pub fn read_now(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(read(self.master.get_ref(), buffer)?)
    }

    pub fn name(&self) -> Option<PathBuf> {
        ttyname(&self.slave).ok()
    }

    /// Whether a program has asked for single keys, or for input that is not echoed: as pagers, editors and questions for a password do.
    pub fn is_taken_over(&self) -> bool {
        tcgetattr(&self.slave).is_ok_and(|mode| !mode.local_flags.contains(LocalFlags::ICANON | LocalFlags::ECHO))
    }
}

#[expect(unsafe_code, reason = "the runtime has to be promised that the file stays open")]
fn registered(file: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: the file is owned by what is registered, and closed with it.
    Ok(unsafe { AsyncFd::register_with_interest(file, Interest::READABLE) }?)
}

/// Who controls a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Controls {
    /// The terminal that is its input.
    ByItsInput,
    Nobody,
}

/// Starts a program in a session of its own that no terminal controls: it cannot ask anybody anything.
pub fn without_terminal(command: &mut Command) {
    own_session(command, Controls::Nobody);
}

/// Signals that a program may find ignored because Greenroom was started so, as behind `nohup`.
const AS_USUAL: [Signal; 5] = [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGPIPE];

#[expect(unsafe_code, reason = "a session can only be made in the new process, before its program begins")]
fn own_session(command: &mut Command, controls: Controls) {
    let begin = move || {
        setsid()?;
        // SAFETY: the request takes a number, and file 0 is open.
        if controls == Controls::ByItsInput && unsafe { libc::ioctl(0, libc::TIOCSCTTY as _, 0) } != 0 {
            return Err(Errno::last().into());
        }
        for usual in AS_USUAL {
            // SAFETY: no handler is set.
            unsafe { signal(usual, SigHandler::SigDfl) }?;
        }
        Ok(())
    };
    // SAFETY: between fork and exec only system calls are made, and nothing is allocated.
    unsafe { command.pre_exec(begin) };
}
