//! Says what this machine has of what Greenroom needs, what it lacks, and why that matters.

use crate::requirement::{Purpose, REQUIREMENTS};
use anyhow::{Result, bail};

/// Fails when something is missing that building, talking or testing needs.
pub fn report() -> Result<()> {
    let mut lacking = 0;
    for need in REQUIREMENTS {
        let found = need.found();
        let (mark, fact) = match (&found, need.purpose) {
            (Some(fact), _) => ("✓", fact.as_str()),
            // Wanted by one command only, which brings it along.
            (None, Purpose::Fetch(_) | Purpose::Bench) => ("·", "not here; installed when it is wanted"),
            (None, Purpose::Build | Purpose::Talk | Purpose::Test | Purpose::Peer) => {
                lacking += 1;
                ("✗", "MISSING")
            }
        };
        println!("{mark} {:<16} {:<6} {fact}", need.name, word(need.purpose));
        if found.is_none() {
            println!("  {:<16} {:<6} {}", "", "", need.why);
        }
    }
    if lacking > 0 {
        bail!("{lacking} missing: `cargo xtask setup` installs them");
    }
    Ok(())
}

fn word(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Build => "build",
        Purpose::Talk => "talk",
        Purpose::Test => "test",
        Purpose::Bench => "bench",
        Purpose::Peer => "peer",
        Purpose::Fetch(_) => "fetch",
    }
}
