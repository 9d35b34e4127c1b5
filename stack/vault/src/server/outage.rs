//! What goes wrong on purpose, by a file that the command line writes.

use super::folder::Folder;
use serde::{Deserialize, Serialize};
use std::io;

const FILE: &str = "fault.json";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outage {
    None,
    Away,
    Throttle { retry_after_s: u32 },
    Cut,
}

impl Outage {
    pub fn read(folder: &Folder) -> io::Result<Outage> {
        folder.read(FILE)?.map_or(Ok(Outage::None), |bytes| Ok(serde_json::from_slice(&bytes)?))
    }

    pub fn write(self, folder: &Folder) -> io::Result<()> {
        let held = folder.hold()?;
        match self {
            Self::None => folder.remove(&held, FILE),
            Self::Away | Self::Throttle { .. } | Self::Cut => folder.write(&held, FILE, &serde_json::to_vec(&self)?),
        }
    }
}
