//! The user's yes to what a talk runs.

use greenroom_director::Places;
use greenroom_director::{Library, Trust};
use std::process::ExitCode;

/// Shows each line that runs a program, and remembers the yes.
pub fn trust(places: &Places, deck: &str) -> anyhow::Result<ExitCode> {
    let talk = Library::new(places.project()).talk(deck)?;
    let trust = Trust::of_user(places.project());
    let held = trust.held(places.project(), &talk);
    if held.is_empty() {
        println!("Nothing of '{deck}' waits for a yes: its steps may run.");
        return Ok(ExitCode::SUCCESS);
    }
    for line in held.iter().filter_map(|slug| talk.programs.get(slug)).flat_map(|program| program.demo.programs()) {
        println!("{line}");
    }
    trust.remember(places.project(), &talk, &held)?;
    let held: Vec<_> = held.iter().map(String::as_str).collect();
    println!(
        "These steps may run from now on, with the scripts and tools of the project that they run, until any of it changes: {}",
        held.join(", ")
    );
    Ok(ExitCode::SUCCESS)
}
