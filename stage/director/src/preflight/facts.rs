//! What is so on this machine, now.

use crate::clock::wall_unix_ms;
use crate::library::{Library, LibraryError, Talk};
use crate::places::Places;
use crate::takes::Index;
use crate::trust::Trust;
use crate::vault;
use crate::version::{Found, Versions, find_tools};
use crate::{awake, machine, rehearsals, settings, system};
use greenroom_show::deck::Deck;
use greenroom_show::demo::Demo;
use greenroom_show::preflight::Check;
use greenroom_show::rehearsal::{reliability, report};
use greenroom_show::start::settings::Budgets;
use greenroom_show::take::{Edition, Machine, Verdict};
use greenroom_show::version::{LeftOut, Version, version};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Everything that the board judges.
#[derive(Debug, Clone)]
pub struct Facts {
    pub talk: Talk,
    /// The version that will be shown; `None` where nothing of the deck may be.
    pub shown: Option<(Deck, LeftOut)>,
    /// Demos whose steps may not run yet.
    pub held: BTreeSet<String>,
    /// Version of each tool that the demos run, where it is on this machine.
    pub tools: BTreeMap<String, Option<String>>,
    /// The newest take of each demo in which every step passed.
    pub recordings: BTreeMap<String, Recording>,
    pub machine: Machine,
    /// What past runs of the talk and of its demos tell.
    pub readiness: Vec<Check>,
    /// Whether the demos that have a vault get one, or why not; absent where no demo that may run has one.
    pub vault: Option<Result<(), String>>,
    pub around: Around,
    pub now_unix_ms: u64,
}

/// What is so of the machine, whatever the talk, and what the user holds it to.
#[derive(Debug, Clone)]
pub struct Around {
    pub disk_free: Option<u64>,
    pub memory_free: Option<u64>,
    pub power: Option<Power>,
    /// Programs that keep the machine awake.
    pub keepers: Vec<&'static str>,
    /// Why the stack could not listen on loopback.
    pub ports: Option<String>,
    pub budgets: Budgets,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    pub at_unix_ms: u64,
    /// Versions that it was recorded with.
    pub tools: BTreeMap<String, String>,
    pub machine: Machine,
    /// Whether the demo has been edited since.
    pub is_of_another_edition: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Power {
    pub on_mains: bool,
    /// Of the battery.
    pub percent: Option<u8>,
}

impl Facts {
    pub async fn gather(
        places: &Places,
        deck: &str,
        of: Version,
        trust: &Trust,
        versions: &Versions,
        stack: &Path,
    ) -> Result<Facts, LibraryError> {
        let (folder, slug, trust) = (places.clone(), deck.to_string(), trust.clone());
        let (talk, held, found) = at_the_disk(move || {
            let talk = Library::new(folder.project()).talk(&slug)?;
            let held = trust.held(folder.project(), &talk);
            let found = find_tools(&folder, &talk, &held);
            Ok::<_, LibraryError>((talk, held, found))
        })
        .await?;
        let ask = |(name, found): (String, Option<Found>)| async move {
            match found {
                Some(found) => (name, Some(versions.of(&found).await)),
                None => (name, None),
            }
        };
        let tools = futures::future::join_all(found.into_iter().map(ask)).await.into_iter().collect();
        let vault = match needs_vault(&talk, &held) {
            true => Some(vault::trial(&vault::program(stack)).await),
            false => None,
        };
        let folder = places.clone();
        let facts = at_the_disk(move || Facts::of(&folder, talk, held, tools, of)).await;
        Ok(Facts { vault, ..facts })
    }

    fn of(
        places: &Places,
        talk: Talk,
        held: BTreeSet<String>,
        tools: BTreeMap<String, Option<String>>,
        of: Version,
    ) -> Facts {
        let machine = machine::describe();
        let mut takes = Index::open(places.takes());
        takes.refresh();
        let demos: BTreeMap<_, _> =
            talk.programs.iter().map(|(slug, program)| (slug.clone(), program.demo.clone())).collect();
        let steps = reliability(demos.values(), &takes.trials(&demos, &machine));
        let now_unix_ms = wall_unix_ms();
        Facts {
            readiness: report(&rehearsals::list(places, &talk.deck.slug), steps, now_unix_ms).readiness,
            shown: version(&talk.deck, of),
            held,
            recordings: recordings(&takes, &talk, &demos),
            tools,
            machine,
            vault: None,
            around: Around::look(places),
            now_unix_ms,
            talk,
        }
    }
}

impl Around {
    pub fn look(places: &Places) -> Around {
        Around {
            disk_free: disk_free(places.shows()),
            memory_free: memory_free(),
            power: power(Path::new("/sys/class/power_supply")),
            keepers: awake::keepers(),
            ports: std::net::TcpListener::bind(("127.0.0.1", 0)).err().map(|error| error.to_string()),
            budgets: settings::of(places).budgets,
        }
    }
}

/// Whether a demo that may run has a vault: nothing is started for one that nobody has said yes to.
fn needs_vault(talk: &Talk, held: &BTreeSet<String>) -> bool {
    talk.programs.iter().any(|(slug, program)| program.vault.is_some() && !held.contains(slug))
}

/// Reads decks, tools of a hundred megabytes and takes without holding whoever shares this thread.
async fn at_the_disk<T: Send + 'static>(read: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(read).await.expect("reading files does not panic")
}

fn recordings(takes: &Index, talk: &Talk, demos: &BTreeMap<String, Demo>) -> BTreeMap<String, Recording> {
    let mut newest = BTreeMap::new();
    let listed = takes.list(&talk.deck.slug, &talk.deck.hash, demos);
    for take in listed.into_iter().filter(|take| take.verdict == Verdict::Passed && !take.is_of_talk()) {
        let tools = takes.header(&take.id).map(|header| header.tools.clone()).unwrap_or_default();
        newest.entry(take.demo).or_insert(Recording {
            at_unix_ms: take.at_unix_ms,
            is_of_another_edition: take.edition == Edition::Earlier,
            tools,
            machine: take.machine,
        });
    }
    newest
}

/// Where a folder is, or will be.
fn disk_free(folder: &Path) -> Option<u64> {
    let there = folder.ancestors().find(|folder| folder.is_dir())?;
    system::disk_free(there)
}

fn memory_free() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

/// Mains and battery as Linux tells them; `None` on a machine that has neither, which is on mains.
fn power(folder: &Path) -> Option<Power> {
    let read =
        |folder: &Path, name: &str| std::fs::read_to_string(folder.join(name)).ok().map(|text| text.trim().to_string());
    let mut power: Option<Power> = None;
    for entry in std::fs::read_dir(folder).ok()?.flatten() {
        let found = power.get_or_insert(Power { on_mains: false, percent: None });
        match read(&entry.path(), "type").as_deref() {
            Some("Mains" | "USB") => found.on_mains |= read(&entry.path(), "online").as_deref() == Some("1"),
            Some("Battery") => {
                found.percent = read(&entry.path(), "capacity").and_then(|text| text.parse().ok());
                let charging = read(&entry.path(), "status");
                found.on_mains |= matches!(charging.as_deref(), Some("Charging" | "Full" | "Not charging"));
            }
            _ => {}
        }
    }
    power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn power_is_read_from_what_linux_tells() {
        let root = tempfile::tempdir().expect("a folder");
        assert_eq!(power(&root.path().join("none")), None);
        assert_eq!(power(root.path()), None, "neither mains nor battery");
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            std::fs::write(path, text).expect("written");
        };
        write("BAT0/type", "Battery\n");
        write("BAT0/capacity", "41\n");
        write("BAT0/status", "Discharging\n");
        assert_eq!(power(root.path()), Some(Power { on_mains: false, percent: Some(41) }));
        write("AC/type", "Mains\n");
        write("AC/online", "1\n");
        assert_eq!(power(root.path()), Some(Power { on_mains: true, percent: Some(41) }));
    }
}
