//! Where what is handed on came from: which take, recorded by which Greenroom, when and on what.

use crate::scrub::scrub;
use greenroom_show::take::{Header, Machine};
use greenroom_show::unit::Unit;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    pub greenroom: String,
    pub take: String,
    /// In UTC.
    pub recorded: String,
    pub machine: String,
}

impl Provenance {
    pub fn of(id: &str, header: &Header) -> Provenance {
        let at = i64::try_from(header.at_unix_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
        Provenance {
            greenroom: scrub(&header.greenroom),
            take: scrub(id),
            recorded: at.unwrap_or_default().strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
            machine: scrub(&machine(&header.machine)),
        }
    }

    /// In one line.
    pub fn say(&self) -> String {
        let Provenance { greenroom, take, recorded, machine } = self;
        format!("recorded {recorded} on {machine} by Greenroom {greenroom}, take {take}")
    }

    /// By names, for formats that have such a place.
    pub fn pairs(&self) -> [(&'static str, String); 4] {
        [
            ("GREENROOM_VERSION", self.greenroom.clone()),
            ("GREENROOM_TAKE", self.take.clone()),
            ("GREENROOM_RECORDED", self.recorded.clone()),
            ("GREENROOM_MACHINE", self.machine.clone()),
        ]
    }
}

fn machine(machine: &Machine) -> String {
    let Machine { cpu, cores, memory_bytes, system } = machine;
    if *cores == 0 {
        return cpu.clone();
    }
    format!("{cpu}, {cores} cores, {}, {system}", Unit::Bytes.say(*memory_bytes as f64))
}
