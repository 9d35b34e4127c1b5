//! AzCopy as a user runs it, timed from outside: its own job times are rounded to about two seconds.

use super::data::ground;
use crate::family::{Kept, Limit};
use crate::requirement::AZCOPY;
use anyhow::{Result, bail};
use std::ffi::OsStr;
use std::process::Command;
use std::time::{Duration, Instant};

pub fn copy(from: impl AsRef<OsStr>, to: impl AsRef<OsStr>, direction: &str) -> Result<Duration> {
    let mut command = Command::new(AZCOPY.program());
    command.arg("copy").args([from.as_ref(), to.as_ref()]);
    command.args(["--recursive", "--from-to", direction, "--skip-version-check", "--log-level=ERROR"]);
    command.env("AZCOPY_LOG_LOCATION", ground().join("azcopy")).env("AZCOPY_DISABLE_SYSLOG", "true");
    command.env("AZCOPY_JOB_PLAN_LOCATION", ground().join("azcopy"));
    let start = Instant::now();
    let said = Kept::start(&mut command)?.finish(Limit::None)?;
    let time = start.elapsed();
    if !said.status.success() {
        // Only what it said: the command line holds a signature.
        bail!("azcopy copy {direction} failed:\n{}", String::from_utf8_lossy(&said.output));
    }
    Ok(time)
}
