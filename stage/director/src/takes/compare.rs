//! What there is to compare two runs by: which of them belong together, what past runs tell of noise, and what makes them hard to compare.

use super::library::Takes;
use super::{Folded, Ran};
use greenroom_show::diff::{Past, Side};
use greenroom_show::take::Header;

pub fn side(ran: &Ran) -> Side<'_> {
    Side { demo: ran.demo.as_ref(), run: &ran.run }
}

/// Runs of the same demo; two takes of one demo each are compared whatever their demos are called.
pub fn pairs<'a>(a: &'a Folded, b: &'a Folded) -> Vec<(&'a Ran, &'a Ran)> {
    if let ([first], [second]) = (a.runs.as_slice(), b.runs.as_slice()) {
        return vec![(first, second)];
    }
    let other = |ran: &Ran| b.runs.iter().find(|other| other.run.demo == ran.run.demo);
    a.runs.iter().filter_map(|ran| Some((ran, other(ran)?))).collect()
}

/// Past runs of the editions that are compared, on the machines that they ran on; each once.
pub fn past(takes: &Takes, compared: &[(&Header, &Ran)], except: &[&str]) -> Past {
    let mut past = Past::default();
    let mut heard = Vec::new();
    for (header, ran) in compared {
        let Some(demo) = &ran.demo else { continue };
        let of = (&demo.slug, &demo.hash, &header.machine);
        if heard.contains(&of) {
            continue;
        }
        heard.push(of);
        for run in takes.index.past(demo, &header.machine, except) {
            past.hear_trials(demo, &run.trials);
            past.hear_figures(run.figures);
        }
    }
    past
}

pub fn notes(a: &Header, b: &Header) -> Vec<String> {
    let mut notes = Vec::new();
    if a.demo != b.demo {
        notes.push(format!("they are of different demos: '{}' and '{}'", a.demo, b.demo));
    } else if (&a.demo_hash, &a.deck_hash) != (&b.demo_hash, &b.deck_hash) && !a.demo.is_empty() {
        notes.push("they are of different editions of the demo, or of its deck".into());
    }
    if a.machine != b.machine {
        notes.push("they ran on different machines".into());
    }
    for (tool, version) in &a.tools {
        if let Some(other) = b.tools.get(tool).filter(|other| *other != version) {
            notes.push(format!("{tool}: {version}, then {other}"));
        }
    }
    notes
}
