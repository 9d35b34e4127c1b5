//! The names of all that a demo can compare, draw or bind, known before it runs. Pure.

use crate::load::{Meter, Op, OpReport, Report};
use crate::parse::{Fault, Profile, Program, hint, nearest};
use crate::rates;
use greenroom_model::TenantName;
use greenroom_show::deck::Deck;
use std::collections::BTreeSet;

/// Of a tool's run, behind the name of its group.
const OF_TOOL: [&str; 3] = ["seconds", "bytes", "bytes_per_s"];

/// Of a consumer, behind its name.
pub const OF_CONSUMER: [&str; 3] = ["events", "again", "events_per_s"];
/// What is measured of the account on the second node stands behind this name: `origin.blobs`. Its own is that of the stack's cloud.
pub const ORIGIN: &str = "origin";
/// Whether the line to it is whole.
pub const ORIGIN_STATE: &str = "origin.state";

pub fn of_tool(group: &str) -> Vec<String> {
    OF_TOOL.map(|figure| format!("{group}.{figure}")).to_vec()
}

/// Of the last `wait` of a group: how long it took.
pub fn waited(group: &str) -> String {
    format!("{group}.waited_seconds")
}

pub fn of_consumer(name: &TenantName) -> Vec<String> {
    OF_CONSUMER.map(|figure| format!("{name}.{figure}")).to_vec()
}

/// Of a load: its curves, and the figures that stand once it is over.
pub fn of_load(load: &str) -> Vec<String> {
    let all = Report { ops: Op::ALL.map(|op| (op, OpReport::default())).into(), ..Report::default() };
    let stands = all.figures().into_iter().map(|(name, ..)| name);
    let drawn = Meter::default().live().into_iter().map(|(name, _)| name);
    stands.chain(drawn).map(|name| format!("{load}.{name}")).collect()
}

/// What the steps of a demo leave, and what its charts draw: what a slide may bind.
pub fn figures(program: &Program) -> BTreeSet<String> {
    let groups = program.demo.groups.iter().flat_map(|group| {
        let lines = program.lines.get(group.steps.clone()).unwrap_or_default();
        lines.iter().flat_map(|line| line.verb.figures(&group.name))
    });
    groups.chain(program.demo.metrics().cloned()).collect()
}

/// What of a demo's names means nothing: what keeps it from running, and what may be somebody else's.
#[derive(Debug, Default)]
pub struct Strange {
    pub faults: Vec<Fault>,
    pub warnings: Vec<Fault>,
}

/// Looks through the conditions, charts and the topology of a demo. `text` is its file, `tenants` those that its files declare.
pub fn check(file: &str, text: &str, program: &Program, mut tenants: BTreeSet<TenantName>) -> Strange {
    tenants.extend(program.lines.iter().filter_map(|line| line.verb.tenant()).cloned());
    let drawn = |name: &String| (line_of(text, name), name.clone());
    let mut names: Vec<(usize, String)> = program.demo.metrics().map(drawn).collect();
    for (line, step) in program.lines.iter().zip(&program.demo.steps) {
        let condition = line.verb.condition().ok().flatten();
        names.extend(
            condition.iter().flat_map(|condition| condition.metrics()).map(|name| (step.line, name.to_string())),
        );
    }
    names.sort();
    names.dedup();
    let known = Known::of(program, &tenants);
    let mut strange = Strange::default();
    for (line, name) in names {
        let fault = |message| Fault { file: file.to_string(), line, message };
        match known.judge(&name) {
            Meaning::Known => {}
            Meaning::SomebodyElses => strange.warnings.push(fault(format!(
                "no step of this demo makes what '{name}' looks at: another demo must have made it"
            ))),
            Meaning::Nothing(near) => strange.faults.push(fault(format!("there is no metric '{name}'{near}"))),
        }
    }
    let measured = figures(program);
    for name in program.demo.figures().filter(|name| !measured.contains(*name)) {
        let near = hint(name, measured.iter().map(String::as_str));
        let message = format!("no step of this demo leaves a figure '{name}'{near}");
        strange.faults.push(Fault { file: file.to_string(), line: line_of(text, name), message });
    }
    strange
}

/// Figures that the slides of a deck bind and nothing measures.
pub fn unbound(file: &str, deck: &Deck, measured: &BTreeSet<String>) -> Vec<Fault> {
    let strange = crate::parse::figures(deck).into_iter().filter(|(_, name)| !measured.contains(name));
    let said = strange.map(|(line, name)| Fault {
        file: file.to_string(),
        line,
        message: format!(
            "no demo that the deck cues measures '{{{{ {name} }}}}' of this slide{}",
            hint(&name, measured.iter().map(String::as_str))
        ),
    });
    said.collect()
}

struct Known {
    names: BTreeSet<String>,
    /// What there is of any tenant, behind its name.
    of_tenants: BTreeSet<String>,
    /// What names begin with, up to their first dot.
    beginnings: BTreeSet<String>,
    has_own_stack: bool,
}

enum Meaning {
    Known,
    /// Near nothing of the demo's own, on the stack that demos share.
    SomebodyElses,
    /// With the nearest name.
    Nothing(String),
}

impl Known {
    fn of(program: &Program, tenants: &BTreeSet<TenantName>) -> Known {
        let mut tenants = tenants.clone();
        tenants.extend(TenantName::new(ORIGIN).ok().filter(|_| program.profile == Profile::Offload));
        let mut names = rates::names(&tenants);
        names.extend((program.profile == Profile::Offload).then(|| ORIGIN_STATE.to_string()));
        names.extend(program.lines.iter().zip(groups(program)).flat_map(|(line, group)| line.verb.figures(group)));
        let any = TenantName::new("any").into_iter().collect();
        let of_tenants =
            rates::names(&any).iter().filter_map(|name| name.strip_prefix("any.")).map(String::from).collect();
        let beginnings =
            names.iter().filter_map(|name| name.split_once('.')).map(|(name, _)| name.to_string()).collect();
        let has_own_stack = program.profile.has_own_stack();
        Known { names, of_tenants, beginnings, has_own_stack }
    }

    fn judge(&self, name: &str) -> Meaning {
        if self.names.contains(name) {
            return Meaning::Known;
        }
        let (beginning, rest) = name.split_once('.').unwrap_or((name, ""));
        let near = hint(name, self.names.iter().map(String::as_str));
        let is_tenants =
            self.of_tenants.contains(rest) && nearest(beginning, self.beginnings.iter().map(String::as_str)).is_none();
        let may_be = !self.has_own_stack && !self.beginnings.contains(beginning);
        if may_be && (is_tenants || near.is_empty()) { Meaning::SomebodyElses } else { Meaning::Nothing(near) }
    }
}

/// The group of each step.
fn groups(program: &Program) -> impl Iterator<Item = &str> {
    program.demo.groups.iter().flat_map(|group| group.steps.clone().map(|_| group.name.as_str()))
}

/// The first line of the file that names a metric.
fn line_of(text: &str, name: &str) -> usize {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let names_it = |line: &str| line.split(|c: char| !is_of_name(c)).any(|word| word == name);
    text.lines().position(names_it).map_or(1, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::parse_demo;

    const DEMO: &str = "---
title: Copy
tools: [azcopy]
charts:
  - title: Throughput
    unit: bytes-per-second
    series: [{ metric: photos.bytes_in_per_s, label: in }]
---
```topology
column: Gateway
column: Flash [flash] {flash.used_bytes of flash.capacity_bytes}
Gateway -> Flash: {photos.bytes_in_per_s} while {cloud.state}
```

```steps up
tenant create photos --container inbox
load work --tenant photos --rate 1/s --for 1s
run azcopy copy a b
wait photos.blobs == 1 within 1s
expect up.seconds < 0.5 * work.put.p99_ms
expect jain.x == 1
```
";

    fn said(text: &str) -> Vec<String> {
        let program = parse_demo("d", "copy", text).expect("good").value;
        let strange = check("d", text, &program, BTreeSet::new());
        strange.faults.iter().chain(&strange.warnings).map(ToString::to_string).collect()
    }

    #[test]
    fn what_a_run_will_know_is_known() {
        assert_eq!(said(&DEMO.replace("expect jain.x == 1", "")), Vec::<String>::new());
        assert!(said(DEMO)[0].starts_with("d:21: there is no metric 'jain.x'"), "{:?}", said(DEMO));
    }

    #[test]
    fn what_is_mistyped_is_named_where_it_stands() {
        let demo = DEMO.replace("expect jain.x == 1", "");
        for (right, wrong, wanted) in [
            (
                "metric: photos.bytes_in_per_s",
                "metric: photos.byte_in_per_s",
                "d:7: there is no metric 'photos.byte_in_per_s'; did you mean 'photos.bytes_in_per_s'?",
            ),
            (
                "wait photos.blobs",
                "wait photos.blob",
                "d:19: there is no metric 'photos.blob'; did you mean 'photos.blobs'?",
            ),
            (
                "wait photos.blobs",
                "wait phtos.blobs",
                "d:19: there is no metric 'phtos.blobs'; did you mean 'photos.blobs'?",
            ),
            (
                "wait photos.blobs",
                "wait archive.blobs",
                "d:19: no step of this demo makes what 'archive.blobs' looks at",
            ),
            (
                "work.put.p99_ms",
                "work.put.p98_ms",
                "d:20: there is no metric 'work.put.p98_ms'; did you mean 'work.put.p9",
            ),
            ("up.seconds", "upp.seconds", "d:20: there is no metric 'upp.seconds'; did you mean 'up.seconds'?"),
            ("of flash.capacity_bytes", "of flash.capacty_bytes", "d:11: there is no metric 'flash.capacty_bytes'"),
            (
                "while {cloud.state}",
                "while {cloud.stat}",
                "d:12: there is no metric 'cloud.stat'; did you mean 'cloud.state'?",
            ),
        ] {
            let said = said(&demo.replace(right, wrong));
            assert!(said.len() == 1 && said[0].starts_with(wanted), "wanted {wanted}\nsaid   {said:?}");
        }
    }
}
