//! A display of its own for the window tests: Xvfb with openbox, ended when the guard is dropped.

use crate::shell;
use anyhow::{Context, Result};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

#[derive(Debug)]
pub struct Display {
    pub name: String,
    processes: Vec<Child>,
}

impl Display {
    /// Xvfb picks a free display number and says which once it takes connections, so there is nothing to wait or guess for.
    pub fn open() -> Result<Self> {
        let mut xvfb = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "1920x1080x24", "-nolisten", "tcp"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("start Xvfb")?;
        let said = xvfb.stdout.take().expect("its output is piped");
        let mut display = Self { name: String::new(), processes: vec![xvfb] };
        let mut number = String::new();
        BufReader::new(said).read_line(&mut number).context("hear which display Xvfb took")?;
        display.name = format!(":{}", number.trim());
        let mut openbox = Command::new("openbox");
        openbox.env("DISPLAY", &display.name).stdout(Stdio::null()).stderr(Stdio::null());
        display.processes.push(openbox.spawn().with_context(|| format!("start {}", shell::shown(&openbox)))?);
        Ok(display)
    }

    /// Lets `command` open its windows here.
    pub fn lend<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        // Shared-memory buffers: on a virtual display half the CPU, and every frame is drawn.
        command.env("DISPLAY", &self.name).env("WEBKIT_DISABLE_DMABUF_RENDERER", "1");
        command.env_remove("WAYLAND_DISPLAY").env("GDK_BACKEND", "x11")
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        for process in self.processes.iter_mut().rev() {
            // Nothing to be done about a process that is gone already.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
