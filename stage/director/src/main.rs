//! The `greenroom` command line: the same director as the windows have, in a terminal.

mod cli;

use clap::{CommandFactory as _, Parser, Subcommand};
use greenroom_director::{Home, Places};
use greenroom_show::{deck::Level, version::Version};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

/// A storage talk that runs live: its decks, and the demos behind them.
#[derive(Debug, Parser)]
#[command(name = "greenroom", version, propagate_version = true)]
struct Cli {
    /// The project folder, with slides/ and demos/: found upward from here where absent, or else the user's own, or the one that came with Greenroom.
    #[arg(long, global = true)]
    root: Option<PathBuf>,
    /// Folder that holds all that Greenroom keeps, in place of the user's: talks, takes, rehearsals, exports, tools. Also GREENROOM_HOME.
    #[arg(long, global = true)]
    home: Option<PathBuf>,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Live demos: what there is, and running one.
    Demo {
        #[command(subcommand)]
        what: Demo,
    },
    /// Makes a talk or a demo of your own.
    New {
        #[command(subcommand)]
        what: cli::make::What,
    },
    /// Opens a talk in its windows.
    Open { deck: String },
    /// Writes manual pages and completions of this program below a folder, as a package has them.
    #[command(hide = true)]
    Words { share: PathBuf },
    /// Prints what an editor completes and checks a file by.
    Schema { of: greenroom_director::Schema },
    /// Talks.
    Deck {
        #[command(subcommand)]
        what: Deck,
    },
    /// Runs of a talk: where its time went. Every run whose clock ran is kept, on this machine alone.
    Rehearsal {
        #[command(subcommand)]
        what: Rehearsal,
    },
    /// Recordings: found, looked into, named, compared and handed on.
    ///
    /// ID is the id of a take, its name, the beginning of either, or a part that only it has.
    Take {
        #[command(subcommand)]
        what: cli::take::Take,
    },
    /// A certificate authority of this machine's own, for clients that insist on HTTPS: make, status or remove.
    #[command(disable_help_flag = true)]
    Ca {
        /// Handed on to the stack's program, which has the certificates.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<OsString>,
    },
    /// Open-loop load on any Azure Blob endpoint: latencies count from when each request was due. Exits with 1 where requests failed.
    Load {
        /// A container with its SAS, such as 'http://127.0.0.1:10000/account/container?sv=…'; repeat it to load several at once
        #[arg(long = "to", required = true, value_name = "URL")]
        to: Vec<String>,
        #[command(flatten)]
        shape: greenroom_director::load::Shape,
        /// As JSON, one report a target
        #[arg(long)]
        json: bool,
    },
    /// What this machine has and lacks, and what to do: a report that one can hand on, without names or keys. Exits with 1 where something stops a talk.
    Doctor {
        #[arg(long)]
        json: bool,
    },
    /// Programs of others that demos and exports run: which are here, what the others are for, and how one comes by them.
    Tools {
        #[command(subcommand)]
        what: Option<cli::machine::Tools>,
    },
    /// Says yes to the steps of a talk's demos as they are now, after showing what they run. A change of them asks again.
    Trust { deck: String },
    /// Go or no-go: looks at everything that a talk needs, and says what to do.
    Preflight {
        #[command(flatten)]
        asked: cli::Asked,
        /// Looks at what this audience will see: public, partner or internal; the deck's own level where absent.
        #[arg(long, value_parser = level)]
        audience: Option<Level>,
        /// Looks at a shorter version: one of the minutes in the deck's 'cuts'.
        #[arg(long)]
        minutes: Option<f64>,
    },
}

#[derive(Debug, Subcommand)]
enum Demo {
    /// Lists the demos.
    List,
    /// Runs a demo from its first step to its last, and records it.
    Run {
        #[command(flatten)]
        asked: cli::RunAsked,
    },
    /// Prints the grammar of step lines.
    Reference,
}

#[derive(Debug, Subcommand)]
enum Rehearsal {
    /// Lists the runs of a talk.
    List { deck: String },
    /// Slide by slide over all runs: plan, median, spread, and where it runs over.
    Show { deck: String },
    /// All runs as CSV on standard output.
    Export { deck: String },
    /// Deletes a run, or all runs of a talk with --all.
    Delete {
        deck: String,
        #[arg(required_unless_present = "all")]
        id: Option<String>,
        #[arg(long, conflicts_with = "id")]
        all: bool,
    },
}

#[derive(Debug, Subcommand)]
enum Deck {
    /// Lists the decks.
    List,
    /// Parses a deck with the demos that it cues, and names each fault with its place.
    Check {
        #[command(flatten)]
        asked: cli::CheckAsked,
    },
    /// Writes a deck for paper, for other programs, or for who was not there; its panes show what the chosen takes came to.
    Export {
        #[command(flatten)]
        asked: cli::deck::Asked,
    },
}

fn level(name: &str) -> Result<Level, String> {
    Level::ALL
        .into_iter()
        .find(|level| level.as_str() == name)
        .ok_or_else(|| "levels are public, partner and internal".into())
}

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let cli = Cli::parse();
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("greenroom: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let Cli { root, home, what } = cli;
    let places = || Places::find(root.clone(), home.clone());
    match what {
        What::Ca { words } => cli::ca(&words),
        What::Load { to, shape, json } => cli::load::run(&to, &shape, json),
        What::Demo { what: Demo::Reference } => {
            print!("{}", greenroom_director::reference());
            Ok(ExitCode::SUCCESS)
        }
        What::Schema { of } => cli::schema(of),
        What::Words { share } => {
            greenroom_words::write(&Cli::command().name("greenroom"), &share)?;
            Ok(ExitCode::SUCCESS)
        }
        What::New { what } => cli::make::run(&Places::to_write(root.clone(), home.clone())?, &what),
        What::Doctor { json } => cli::machine::examine(&places_or_own(&root, &home)?, &Home::find(home.clone())?, json),
        What::Tools { what } => {
            cli::machine::tools(&places_or_own(&root, &home)?, &Home::find(home.clone())?, what.as_ref())
        }
        What::Open { deck } => cli::make::open(&places()?, &deck),
        What::Demo { what: Demo::List } => cli::list_demos(places()?.project()),
        What::Demo { what: Demo::Run { asked } } => cli::run_demo(&places()?, &asked),
        What::Deck { what: Deck::List } => cli::list_decks(places()?.project()),
        What::Deck { what: Deck::Check { asked } } => cli::check_deck(places()?.project(), &asked),
        What::Deck { what: Deck::Export { asked } } => cli::deck::run_export(&places()?, &asked),
        What::Rehearsal { what: Rehearsal::List { deck } } => cli::rehearsal::list(&places()?, &deck),
        What::Rehearsal { what: Rehearsal::Show { deck } } => cli::rehearsal::show(&places()?, &deck),
        What::Rehearsal { what: Rehearsal::Export { deck } } => cli::rehearsal::export(&places()?, &deck),
        What::Rehearsal { what: Rehearsal::Delete { deck, id, .. } } => {
            cli::rehearsal::delete(&places()?, &deck, id.as_deref())
        }
        What::Take { what } => cli::take::run(&places()?, &what),
        What::Trust { deck } => cli::trust(&places()?, &deck),
        What::Preflight { asked, audience, minutes } => {
            cli::preflight(&places()?, &asked, Version { level: audience, cut: minutes })
        }
    }
}

/// Where there is no talk yet, of the place where one would be made.
fn places_or_own(root: &Option<PathBuf>, home: &Option<PathBuf>) -> anyhow::Result<Places> {
    let places = Places::find(root.clone(), home.clone());
    Ok(places.or_else(|_| Places::to_write(root.clone(), home.clone()))?)
}
