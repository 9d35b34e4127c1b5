//! What asks the app to end, besides its windows.

use std::io;

pub use system::listen;

#[cfg(unix)]
mod system {
    use super::io;
    use tokio::signal::unix::{Signal, SignalKind, signal};

    #[derive(Debug)]
    pub struct Wishes {
        terminate: Signal,
        interrupt: Signal,
        /// A terminal that closes: a wish to end, and no crash.
        hangup: Signal,
    }

    /// From now on they end nothing by themselves.
    pub fn listen() -> io::Result<Wishes> {
        Ok(Wishes {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    impl Wishes {
        pub async fn next(&mut self) {
            tokio::select! {
                _ = self.terminate.recv() => {}
                _ = self.interrupt.recv() => {}
                _ = self.hangup.recv() => {}
            }
        }
    }
}

#[cfg(windows)]
mod system {
    use super::io;
    use tokio::signal::windows::{CtrlBreak, CtrlC, CtrlClose, ctrl_break, ctrl_c, ctrl_close};

    #[derive(Debug)]
    pub struct Wishes {
        terminate: CtrlBreak,
        interrupt: CtrlC,
        hangup: CtrlClose,
    }

    pub fn listen() -> io::Result<Wishes> {
        Ok(Wishes { terminate: ctrl_break()?, interrupt: ctrl_c()?, hangup: ctrl_close()? })
    }

    impl Wishes {
        pub async fn next(&mut self) {
            tokio::select! {
                _ = self.terminate.recv() => {}
                _ = self.interrupt.recv() => {}
                _ = self.hangup.recv() => {}
            }
        }
    }
}
