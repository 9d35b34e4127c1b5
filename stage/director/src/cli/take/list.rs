//! The takes of a project, a line each.

use super::time;
use greenroom_director::takes::library::{Listed, Takes};
use greenroom_show::unit::Unit;
use std::process::ExitCode;

/// Which takes are wanted.
#[derive(Debug, clap::Args)]
pub struct Asked {
    /// Of this demo
    #[arg(long)]
    demo: Option<String>,
    /// Of this deck
    #[arg(long)]
    deck: Option<String>,
    /// Only those that are starred
    #[arg(long)]
    starred: bool,
    /// With this text in id, name, title, demo, deck or machine
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Those that were deleted and can be brought back
    #[arg(long)]
    deleted: bool,
    /// As JSON, one object a take
    #[arg(long)]
    json: bool,
}

pub fn run(takes: &Takes, asked: &Asked) -> anyhow::Result<ExitCode> {
    let all = if asked.deleted { takes.deleted() } else { takes.list() };
    let is_empty = all.is_empty();
    let found: Vec<Listed> = all.into_iter().filter(|take| asked.wants(take)).collect();
    for take in &found {
        if let Some(warning) = &take.warning {
            eprintln!("warning: what was said of {} cannot be read: {warning}", take.id);
        }
        if asked.json {
            println!("{}", serde_json::to_string(take)?);
        } else {
            println!("{}", line(take));
        }
    }
    if asked.json {
        return Ok(ExitCode::SUCCESS);
    }
    match (is_empty, asked.deleted) {
        (true, false) => println!("No take yet: 'greenroom demo run' records one, and so does every demo of a talk."),
        (true, true) => println!("No take was deleted."),
        (false, _) => {
            println!("{} takes, {}", found.len(), bytes(found.iter().map(|take| take.bytes).sum()));
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl Asked {
    fn wants(&self, take: &Listed) -> bool {
        let is = |asked: &Option<String>, of: &str| asked.as_ref().is_none_or(|asked| asked == of);
        is(&self.demo, &take.demo)
            && is(&self.deck, &take.deck)
            && (!self.starred || take.starred)
            && self.search.as_ref().is_none_or(|text| has(take, text))
    }
}

fn has(take: &Listed, text: &str) -> bool {
    let words = [&take.id, &take.title, &take.demo, &take.deck, &take.machine.cpu, &take.machine.system];
    let text = text.to_lowercase();
    words.into_iter().chain(&take.name).any(|word| word.to_lowercase().contains(&text))
}

fn line(take: &Listed) -> String {
    let star = if take.starred { '*' } else { ' ' };
    let of = if take.demo.is_empty() { format!("talk {}", take.deck) } else { take.demo.clone() };
    let name = take.name.as_ref().map(|name| format!("  '{name}'")).unwrap_or_default();
    let trim = match (take.begins, take.ends) {
        (None, None) => String::new(),
        (begins, ends) => {
            let end = ends.map_or_else(|| "end".to_string(), time::say);
            format!("  [{} to {end}]", time::say(begins.unwrap_or(0)))
        }
    };
    let damage = if take.damaged_lines > 0 { "  damaged: see 'take verify'" } else { "" };
    format!(
        "{star} {:<40} {of:<26} {} {:<7} {:>8} {:>8}  {}, {} cores{name}{trim}{damage}",
        take.id,
        date(take.at_unix_ms),
        take.outcome.as_str(),
        time::say(take.duration_us / 1_000_000 * 1_000_000),
        bytes(take.bytes),
        take.machine.cpu,
        take.machine.cores
    )
}

pub fn bytes(count: u64) -> String {
    Unit::Bytes.say(count as f64)
}

/// In UTC, to the minute.
pub fn date(at_unix_ms: u64) -> String {
    let at = i64::try_from(at_unix_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    at.unwrap_or_default().strftime("%Y-%m-%d %H:%M").to_string()
}
