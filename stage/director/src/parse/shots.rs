//! What a demo's head says of its stage: a shot for each group, and figures to compare.

use super::{Report, hint, yaml};
use greenroom_show::demo::{Comparison, Demo, Hero, SIDES_MAX, Shot, TILES_MAX};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// How the head of a demo directs it, for its reference.
pub const REFERENCE: &str = "\
In the head, 'stage' says what is on stage while a group runs, by the group's name:

  stage:
    flood: { name: No control, hero: { chart: Latency }, then: { compare: p99 }, tiles: [Throughput], result: off.get.p99_ms }

  name    the group on charts, in the speaker's words
  short   the same where there is less room
  hero    what fills the stage: { chart: TITLE }, { compare: TITLE }, topology or terminal
  then    in its place once the group has passed
  tiles   up to three charts, made small
  result  a figure beside the group's name

'compare' lists figures that belong beside each other, each against the first:

  compare:
    - { title: p99, unit: milliseconds, sides: [{ figure: solo.get.p99_ms, label: alone }, { figure: off.get.p99_ms, label: no control }] }

A chart's 'thresholds' are lines with names: a value, or how often a figure:

  thresholds: [{ label: 1.5 x of alone, at: 1.5, figure: solo.get.p99_ms }]
";

/// What is on stage while a group runs.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShotYaml {
    /// The group on charts, in the speaker's words.
    name: String,
    /// The same where there is less room.
    short: Option<String>,
    hero: HeroYaml,
    /// In its place once the group has passed.
    then: Option<HeroYaml>,
    /// Titles of charts, made small.
    #[serde(default)]
    #[schemars(length(max = TILES_MAX))]
    tiles: Vec<String>,
    /// A figure beside the group's name.
    result: Option<String>,
}

/// What fills the stage: `{ chart: TITLE }`, `{ compare: TITLE }`, `topology` or `terminal`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum HeroYaml {
    Chart(String),
    Compare(String),
    Topology,
    Terminal,
}

/// Gives each group its shot. `line` is that of the key.
pub fn direct(shots: BTreeMap<String, ShotYaml>, line: usize, demo: &mut Demo, report: &mut Report) {
    for (group, yaml) in shots {
        let read = shot(yaml, demo);
        let names = demo.groups.iter().map(|group| group.name.clone()).collect::<Vec<_>>();
        let found = demo.groups.iter_mut().find(|known| known.name == group);
        match (found, read) {
            (Some(found), Ok(shot)) => found.shot = Some(shot),
            (None, _) => {
                let near = hint(&group, names.iter().map(String::as_str));
                report
                    .fault(line, format!("'stage' names a group '{group}', and no fence of steps has that name{near}"));
            }
            (_, Err(said)) => report.fault(line, format!("'stage' of '{group}': {said}")),
        }
    }
}

/// Reads what stands in a ```` ```compare ```` fence of a deck, whose text begins at line `first`.
pub fn comparison(text: &str, first: usize, report: &mut Report) -> Option<Comparison> {
    match yaml::document(text) {
        Ok(comparison) => {
            check(std::slice::from_ref(&comparison), first, report);
            Some(comparison)
        }
        Err((line, why)) => {
            report.fault(first + line - 1, format!("a comparison has 'title', 'unit' and 'sides': {why}"));
            None
        }
    }
}

/// Whether there is something to compare, and room for it.
pub fn check(comparisons: &[Comparison], line: usize, report: &mut Report) {
    for Comparison { title, sides, .. } in comparisons {
        if !(2..=SIDES_MAX).contains(&sides.len()) {
            let count = sides.len();
            report.fault(line, format!("'compare': '{title}' has {count} sides, and 2 to {SIDES_MAX} can be read"));
        }
    }
}

fn shot(yaml: ShotYaml, demo: &Demo) -> Result<Shot, String> {
    let ShotYaml { name, short, hero, then, tiles, result } = yaml;
    if tiles.len() > TILES_MAX {
        return Err(format!("{} tiles, and at most {TILES_MAX} are quiet", tiles.len()));
    }
    Ok(Shot {
        name,
        short,
        hero: self::hero(hero, demo)?,
        then: then.map(|then| self::hero(then, demo)).transpose()?,
        tiles: tiles.iter().map(|title| chart(title, demo)).collect::<Result<_, _>>()?,
        result,
    })
}

fn hero(yaml: HeroYaml, demo: &Demo) -> Result<Hero, String> {
    match yaml {
        HeroYaml::Chart(title) => chart(&title, demo).map(Hero::Chart),
        HeroYaml::Compare(title) => {
            let titles = || demo.comparisons.iter().map(|comparison| comparison.title.as_str());
            placed(&title, "comparison", titles).map(Hero::Compare)
        }
        HeroYaml::Topology if demo.topology.is_none() => {
            Err("there is no topology: add a fence opened by '```topology'".into())
        }
        HeroYaml::Topology => Ok(Hero::Topology),
        HeroYaml::Terminal => Ok(Hero::Terminal),
    }
}

fn chart(title: &str, demo: &Demo) -> Result<usize, String> {
    placed(title, "chart", || demo.charts.iter().map(|chart| chart.title.as_str()))
}

fn placed<'a, I: Iterator<Item = &'a str>>(title: &str, kind: &str, titles: impl Fn() -> I) -> Result<usize, String> {
    let found = titles().position(|known| known == title);
    found.ok_or_else(|| format!("there is no {kind} '{title}'{}", hint(title, titles())))
}

#[cfg(test)]
mod tests {
    use crate::parse::parse_demo;
    use greenroom_show::demo::Hero;

    const HEAD: &str = "---
title: Flood
charts:
  - title: Latency
    unit: milliseconds
    series: [{ metric: gold.p99_ms, label: gold }]
    thresholds: [{ label: 1.5 x of alone, at: 1.5, figure: solo.get.p99_ms }]
compare:
  - { title: p99, unit: milliseconds, sides: [{ figure: solo.get.p99_ms, label: alone }, { figure: off.get.p99_ms, label: off }] }
stage:
  alone: { name: Alone, hero: { chart: Latency }, then: { compare: p99 }, tiles: [Latency] }
---
```steps alone
load solo --tenant gold --get 1 --size 4KiB --rate 9/s --for 1s --seed 1
```
";

    fn faults(text: &str) -> String {
        parse_demo("demos/flood/demo.md", "flood", text).expect_err("bad").to_string()
    }

    #[test]
    fn a_shot_names_what_there_is() {
        let read = parse_demo("demos/flood/demo.md", "flood", HEAD).expect("good").value;
        let shot = read.demo.groups[0].shot.as_ref().expect("a shot");
        assert_eq!((shot.hero, shot.then, &shot.tiles[..]), (Hero::Chart(0), Some(Hero::Compare(0)), &[0][..]));
        assert_eq!(read.demo.charts[0].thresholds[0].at, 1.5);
    }

    #[test]
    fn what_there_is_not_is_named_where_it_stands() {
        let with = |from: &str, to: &str| faults(&HEAD.replace(from, to));
        let said = with("chart: Latency", "chart: Latencies");
        assert!(
            said.starts_with(
                "demos/flood/demo.md:10: 'stage' of 'alone': there is no chart 'Latencies'; did you mean 'Latency'?"
            ),
            "{said}"
        );
        assert!(with("  alone: {", "  alon: {").contains("no fence of steps has that name; did you mean 'alone'?"));
        assert!(with("{ chart: Latency }", "topology").contains("there is no topology"));
        assert!(with("[Latency]", "[Latency, Latency, Latency, Latency]").contains("4 tiles, and at most 3"));
        assert!(with(", { figure: off.get.p99_ms, label: off }", "").contains("has 1 sides, and 2 to 5 can be read"));
        assert!(with("{ chart: Latency }", "{ pie: Latency }").contains("front matter"));
    }
}
