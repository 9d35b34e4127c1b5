//! Talks and demos of one's own, and the app on them.

use anyhow::Context;
use greenroom_director::{Library, Made, Places, make, to_mend};
use std::process::{Command, ExitCode};

#[derive(Debug, clap::Subcommand)]
pub enum What {
    /// A talk that runs as it is, with a demo of its own, and with words in it that teach; or a copy of another.
    Talk {
        /// Its title; its folder is named after it
        name: String,
        /// Copies this one, with the demos that it cues: of the project, or one that came with Greenroom
        #[arg(long, value_name = "DECK")]
        from: Option<String>,
    },
    /// A demo that runs as it is.
    Demo {
        /// Its title; its folder is named after it
        name: String,
    },
}

pub fn run(places: &Places, what: &What) -> anyhow::Result<ExitCode> {
    let (made, next) = match what {
        What::Talk { name, from: None } => (make::talk(places, name)?, "greenroom open"),
        What::Talk { name, from: Some(from) } => (make::copy(places, name, from)?, "greenroom open"),
        What::Demo { name } => (make::demo(places, name)?, "greenroom demo run"),
    };
    let Made { slug, files, kept } = made;
    for file in files {
        println!("{}", file.display());
    }
    for demo in kept {
        println!("demos/{demo} was there already, and stays as it is");
    }
    println!("\nNext: {next} {slug}");
    Ok(ExitCode::SUCCESS)
}

/// Opens the app on a talk.
pub fn open(places: &Places, deck: &str) -> anyhow::Result<ExitCode> {
    Library::new(places.project()).talk(deck)?;
    app(places, deck, None)
}

/// Until its windows are closed.
pub fn app(places: &Places, deck: &str, more: Option<&str>) -> anyhow::Result<ExitCode> {
    let app = std::env::current_exe()?.with_file_name(format!("greenroom-app{}", std::env::consts::EXE_SUFFIX));
    let status = Command::new(&app)
        .args(places.arguments())
        .args(["--deck", deck])
        .args(more)
        .status()
        .with_context(|| format!("open {} ({})", app.display(), to_mend()))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
