//! A display of its own for the window tests: Xvfb with openbox, ended when the guard is dropped.

use crate::family::Family;
use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

/// A second does on a busy machine; a display that takes this long does not come.
const START_MAX: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub struct Display {
    pub name: String,
    /// The display after what it shows, which goes first.
    _families: Vec<Family>,
}

impl Display {
    /// Xvfb picks a free display number and says which once it takes connections, so there is nothing to wait or guess for.
    pub fn open() -> Result<Self> {
        let mut xvfb = Command::new("Xvfb");
        xvfb.args(["-displayfd", "1", "-screen", "0", "1920x1080x24", "-nolisten", "tcp"]);
        let mut xvfb = Family::start(xvfb.stdout(Stdio::piped()).stderr(Stdio::null()))?;
        let mut said = BufReader::new(xvfb.child().stdout.take().expect("its output is piped"));
        let (tell, told) = channel();
        std::thread::spawn(move || {
            let mut number = String::new();
            let read = said.read_line(&mut number);
            tell.send(read.map(|_| number)).ok();
        });
        let number = told.recv_timeout(START_MAX).context("wait for Xvfb to say which display it took")?;
        let number = number.context("hear which display Xvfb took")?;
        if number.trim().is_empty() {
            bail!("Xvfb ended before it took a display");
        }
        let name = format!(":{}", number.trim());
        let mut openbox = Command::new("openbox");
        let openbox = Family::start(openbox.env("DISPLAY", &name).stdout(Stdio::null()).stderr(Stdio::null()))?;
        Ok(Self { name, _families: vec![openbox, xvfb] })
    }

    /// Lets `command` open its windows here.
    pub fn lend<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        // Shared-memory buffers: on a virtual display half the CPU, and every frame is drawn.
        command.env("DISPLAY", &self.name).env("WEBKIT_DISABLE_DMABUF_RENDERER", "1");
        command.env_remove("WAYLAND_DISPLAY").env("GDK_BACKEND", "x11")
    }
}
