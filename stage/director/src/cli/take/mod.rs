//! Takes at the command line: found, looked into, named, compared, handed on.

mod diff;
mod hand_on;
mod list;
mod show;
mod time;
mod verify;

use clap::Subcommand;
use greenroom_director::Places;
use greenroom_director::takes::library::{Limits, Takes};
use greenroom_show::Micros;
use std::path::PathBuf;
use std::process::ExitCode;

/// ID is the id of a take, its name, the beginning of either, or a part that only it has.
#[derive(Debug, Subcommand)]
pub enum Take {
    /// Lists the takes, newest first.
    List {
        #[command(flatten)]
        asked: list::Asked,
    },
    /// What a take holds: machine, tools, steps with what each came to, figures, and the last words of its screen.
    Show {
        id: String,
        /// As it stood at this time of the recording: 90s, 1m30s or 1:30
        #[arg(long, value_name = "TIME", value_parser = time::parse)]
        at: Option<Micros>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Reads every line of takes and says what is wrong, where, and what is kept. Exits with 1 where something is.
    Verify {
        /// Takes, or files of takes
        #[arg(required = true)]
        ids: Vec<String>,
        /// As JSON, one object a take
        #[arg(long)]
        json: bool,
    },
    /// Says where a take begins and ends when it is played and handed on. Nothing of it is rewritten.
    Trim {
        id: String,
        /// Begins at this time of the recording: 90s, 1m30s or 1:30
        #[arg(long = "in", value_name = "TIME", value_parser = time::parse, required_unless_present_any = ["ends", "none"])]
        begins: Option<Micros>,
        /// Ends at this time of the recording
        #[arg(long = "out", id = "ends", value_name = "TIME", value_parser = time::parse)]
        ends: Option<Micros>,
        /// The whole take again
        #[arg(long, conflicts_with_all = ["begins", "ends"])]
        none: bool,
    },
    /// What changed between two takes, step by step and figure by figure, and what of it is beyond noise. Exits with 1 where a check
    /// came to something else.
    Diff {
        a: String,
        b: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Writes a take in a form that other programs open, from where it begins to where it ends.
    Export {
        #[command(flatten)]
        asked: hand_on::Asked,
    },
    /// Makes a take of an asciicast (versions 1 to 3). Exits with 1 where not all of it is in the take.
    Import {
        file: PathBuf,
        /// What it is called, and its demo 'cast-NAME'; the file's name where absent
        #[arg(long)]
        name: Option<String>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Gives a take a name.
    Rename { id: String, name: String },
    /// Marks takes as worth keeping: 'tidy' leaves them alone.
    Star {
        #[arg(required = true)]
        ids: Vec<String>,
    },
    /// Takes the mark away.
    Unstar {
        #[arg(required = true)]
        ids: Vec<String>,
    },
    /// Puts takes into takes/.deleted/, from where 'undelete' brings them back.
    Delete {
        #[arg(required = true)]
        ids: Vec<String>,
    },
    /// Brings deleted takes back; 'list --deleted' names them.
    Undelete {
        #[arg(required = true)]
        ids: Vec<String>,
    },
    /// Deletes the oldest takes that are more than limits allow; starred ones stay. Without --apply it says which.
    Tidy {
        /// All takes together, such as 20GiB
        #[arg(long, value_name = "SIZE", value_parser = size, required_unless_present_any = ["keep_days", "never"])]
        keep_size: Option<u64>,
        /// Takes of the last days
        #[arg(long, value_name = "DAYS")]
        keep_days: Option<u64>,
        #[arg(long)]
        apply: bool,
        /// And so whenever a show begins, from now on
        #[arg(long, conflicts_with = "never")]
        always: bool,
        /// No longer when a show begins
        #[arg(long, conflicts_with_all = ["keep_size", "keep_days", "apply"])]
        never: bool,
    },
    /// Removes deleted takes for good.
    Empty {
        /// They cannot be brought back after this
        #[arg(long)]
        yes: bool,
    },
}

fn size(text: &str) -> Result<u64, String> {
    text.parse::<bytesize::ByteSize>().map(|size| size.0).map_err(|_| "a size such as 500MiB or 20GiB".into())
}

pub fn run(places: &Places, what: &Take) -> anyhow::Result<ExitCode> {
    let takes = Takes::open(places);
    match what {
        Take::List { asked } => list::run(&takes, asked),
        Take::Show { id, at, json } => show::run(&takes, id, *at, *json),
        Take::Verify { ids, json } => verify::run(&takes, ids, *json),
        Take::Trim { id, begins, ends, none: _ } => trim(&takes, id, *begins, *ends),
        Take::Diff { a, b, json } => diff::run(&takes, a, b, *json),
        Take::Export { asked } => hand_on::run(places, &takes, asked),
        Take::Import { file, name, json } => hand_on::run_import(&takes, file, name.as_deref(), *json),
        Take::Rename { id, name } => rename(&takes, id, name),
        Take::Star { ids } => each(&takes, ids, "starred", |id| Ok(takes.say(id, |about| about.starred = true)?)),
        Take::Unstar { ids } => {
            each(&takes, ids, "no longer starred", |id| Ok(takes.say(id, |about| about.starred = false)?))
        }
        Take::Delete { ids } => {
            each(&takes, ids, "deleted; 'greenroom take undelete' brings it back", |id| Ok(takes.delete(id)?))
        }
        Take::Undelete { ids } => undelete(&takes, ids),
        Take::Tidy { never: true, .. } => {
            takes.keep_limits(None)?;
            println!("Nothing is deleted when a show begins.");
            Ok(ExitCode::SUCCESS)
        }
        Take::Tidy { keep_size, keep_days, apply, always, never: false } => {
            let limits = Limits { bytes: *keep_size, days: *keep_days };
            if *always {
                takes.keep_limits(Some(limits))?;
                println!("Whenever a show begins, what is more than that is deleted; --never ends it.");
            }
            tidy(&takes, limits, if *apply { Tidy::Apply } else { Tidy::Say })
        }
        Take::Empty { yes } => empty(&takes, *yes),
    }
}

/// Finds all of them before it does anything to one.
fn each(
    takes: &Takes,
    asked: &[String],
    done: &str,
    act: impl Fn(&str) -> anyhow::Result<()>,
) -> anyhow::Result<ExitCode> {
    let ids: Result<Vec<_>, _> = asked.iter().map(|id| takes.find(id)).collect();
    for id in ids? {
        act(&id)?;
        println!("{id} {done}");
    }
    Ok(ExitCode::SUCCESS)
}

fn trim(takes: &Takes, id: &str, begins: Option<Micros>, ends: Option<Micros>) -> anyhow::Result<ExitCode> {
    let id = takes.find(id)?;
    takes.trim(&id, begins, ends)?;
    match (begins, ends) {
        (None, None) => println!("{id} is whole again"),
        (begins, ends) => {
            let end = ends.map_or_else(|| "its end".to_string(), time::say);
            println!("{id} goes from {} to {end}", time::say(begins.unwrap_or(0)));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn rename(takes: &Takes, id: &str, name: &str) -> anyhow::Result<ExitCode> {
    let id = takes.find(id)?;
    takes.rename(&id, name)?;
    println!("{id} is now '{}'", name.trim());
    Ok(ExitCode::SUCCESS)
}

fn undelete(takes: &Takes, ids: &[String]) -> anyhow::Result<ExitCode> {
    for id in ids {
        println!("{} is back", takes.undelete(id)?);
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tidy {
    Say,
    Apply,
}

fn tidy(takes: &Takes, limits: Limits, tidy: Tidy) -> anyhow::Result<ExitCode> {
    let going = takes.surplus(limits);
    for take in &going {
        if tidy == Tidy::Apply {
            takes.delete(&take.id)?;
        }
        println!("{}  {}  {}", take.id, list::date(take.at_unix_ms), list::bytes(take.bytes));
    }
    let bytes = list::bytes(going.iter().map(|take| take.bytes).sum());
    let count = going.len();
    match tidy {
        Tidy::Say => {
            println!("{count} takes of {bytes} would go; --apply deletes them, and 'undelete' brings them back")
        }
        Tidy::Apply => println!("{count} takes of {bytes} are deleted; 'greenroom take empty --yes' frees the disk"),
    }
    let left: u64 =
        takes.list().iter().map(|take| take.bytes).sum::<u64>() - going.iter().map(|take| take.bytes).sum::<u64>();
    if let Some(limit) = limits.bytes.filter(|limit| left > *limit) {
        println!(
            "{} stay all the same, more than {}: they are starred, or were recorded just now",
            list::bytes(left),
            list::bytes(limit)
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn empty(takes: &Takes, yes: bool) -> anyhow::Result<ExitCode> {
    if !yes {
        let deleted = takes.deleted();
        let bytes = list::bytes(deleted.iter().map(|take| take.bytes).sum());
        anyhow::bail!("{} deleted takes of {bytes} would be gone for good: say --yes", deleted.len());
    }
    let (count, bytes) = takes.empty()?;
    println!("{count} deleted takes of {} are gone", list::bytes(bytes));
    Ok(ExitCode::SUCCESS)
}
