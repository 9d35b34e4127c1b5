//! Facts into go, look or stop, each with what was found and what to do.

use super::facts::{Around, Facts, Recording};
use super::offline::Proof;
use crate::measures;
use crate::parse::figures;
use crate::places;
use crate::tool::StandIn;
use bytesize::ByteSize;
use greenroom_show::deck::{Deck, Slide};
use greenroom_show::preflight::{Check, Verdict};
use std::collections::BTreeSet;

const BATTERY_MIN_PERCENT: u8 = 60;
/// A recording older than this was made with another stack.
const RECORDING_DAYS_MAX: u64 = 30;
const DAY_MS: u64 = 86_400_000;
const WORDS_OVER: f64 = 1.15;
/// Minutes that differ by less than this are the same.
const MINUTES_OFF: f64 = 0.05;

/// The whole board, in the order in which a speaker would mend it.
pub fn judge(facts: &Facts) -> Vec<Check> {
    let mut board = vec![files(facts)];
    board.extend(pictures(facts));
    let Some((deck, _)) = &facts.shown else {
        let todo = "choose another level, or mend the front matter that is at fault";
        board.push(Check::stop("level", "no slide may be shown to this audience", todo));
        return board;
    };
    board.push(level(facts));
    board.extend(demos(facts, deck));
    board.extend(trust(facts, deck));
    board.extend(bound(facts, deck));
    board.push(budget(facts));
    board.push(words(deck, facts.around.budgets.words_per_minute));
    board.extend(tools(facts));
    board.extend(vault(facts, deck));
    board.extend(recordings(facts, deck));
    board.extend(facts.readiness.iter().cloned());
    board.extend(judge_around(&facts.around));
    board
}

/// What the machine has for any talk.
pub fn judge_around(around: &Around) -> Vec<Check> {
    let Around { disk_free, memory_free, budgets, .. } = around;
    vec![
        room("disk", *disk_free, budgets.disk_free_bytes, "make room, or start it with --home on another disk"),
        room("memory", *memory_free, budgets.memory_free_bytes, "close other programs"),
        power(around),
        sleep(around),
        ports(around),
    ]
}

fn files(facts: &Facts) -> Check {
    let talk = &facts.talk;
    match (talk.faults.first(), talk.warnings.iter().find(|warning| !warning.message.contains("to run yet"))) {
        (Some(fault), _) => Check::stop(
            "files",
            format!("{} faults, the first: {fault}", talk.faults.len()),
            "mend the file and save it",
        ),
        (None, Some(warning)) => Check::look("files", format!("a warning: {warning}"), "mend it, or leave it"),
        (None, None) => {
            Check::go("files", format!("{} slides and {} demos parse", talk.deck.slides.len(), talk.programs.len()))
        }
    }
}

/// One that cannot be shown is a fault of its file.
fn pictures(facts: &Facts) -> Option<Check> {
    let pictures = &facts.talk.pictures;
    let bytes: usize = pictures.values().map(|picture| picture.bytes.len()).sum();
    let found =
        format!("{} pictures, {}, all in the deck's folder", pictures.len(), ByteSize::b(bytes as u64).display().si());
    (!pictures.is_empty()).then(|| Check::go("pictures", found))
}

fn level(facts: &Facts) -> Check {
    let Some((deck, out)) = &facts.shown else { return Check::go("level", "") };
    let highest = deck.slides.iter().map(|slide| slide.level).max().unwrap_or_default();
    let mut left = Vec::new();
    if !out.above_level.is_empty() {
        left.push(format!("slides above it: {}", out.above_level.join("; ")));
    }
    if out.paragraphs > 0 {
        left.push(format!("{} paragraphs of narrative", out.paragraphs));
    }
    if !out.cut.is_empty() {
        left.push(format!("{} slides that this length cuts", out.cut.len()));
    }
    let left =
        if left.is_empty() { "nothing is left out".to_string() } else { format!("left out: {}", left.join(", ")) };
    Check::go("level", format!("{} slides, up to {}; {left}", deck.slides.len(), highest.as_str()))
}

fn demos(facts: &Facts, deck: &Deck) -> Vec<Check> {
    let cued: BTreeSet<&str> = cues(deck).collect();
    let missing: Vec<_> = cued.iter().filter(|demo| !facts.talk.programs.contains_key(**demo)).copied().collect();
    match (cued.len(), missing.is_empty()) {
        (0, _) => vec![],
        (count, true) => vec![Check::go("demos", format!("{count} demos are there"))],
        (_, false) => {
            let todo = "write demos/<name>/demo.md; until then these slides show their words";
            vec![Check::look("demos", format!("not yet runnable: {}", missing.join(", ")), todo)]
        }
    }
}

/// Steps that wait for a yes would do so on stage.
fn trust(facts: &Facts, deck: &Deck) -> Option<Check> {
    let shown: BTreeSet<&str> = cues(deck).collect();
    let held: Vec<_> = facts.held.iter().map(String::as_str).filter(|demo| shown.contains(demo)).collect();
    let todo = format!(
        "press Shift Y in the talk, beside the lines that it is for, or run: greenroom trust {}",
        facts.talk.deck.slug
    );
    let first = held.first()?;
    let found = format!("steps that you have not said yes to: {}", held.join(", "));
    Some(Check::stop("trust", found, todo).mended_by(first))
}

fn cues(deck: &Deck) -> impl Iterator<Item = &str> {
    deck.slides.iter().filter_map(|slide| slide.cue.as_ref()).map(|cue| cue.demo.as_str())
}

/// A figure without a measurement behind it must not be on a slide.
fn bound(facts: &Facts, deck: &Deck) -> Option<Check> {
    let shown = figures(deck);
    let measured: BTreeSet<String> =
        facts.talk.programs.values().flat_map(|program| measures::figures(program)).collect();
    let open: Vec<_> = shown.iter().filter(|(_, name)| !measured.contains(name)).collect();
    match open.first() {
        None if shown.is_empty() => None,
        None => Some(Check::go("figures", format!("{} figures are bound to measurements", shown.len()))),
        Some((line, name)) => {
            let found =
                format!("{} figures that nothing measures, the first: {{{{ {name} }}}} on line {line}", open.len());
            Some(Check::stop("figures", found, "bind it to a figure of a demo that the deck cues, or take it off"))
        }
    }
}

/// Judged on the whole deck: a shorter version plans its minutes anew.
fn budget(facts: &Facts) -> Check {
    let whole = &facts.talk.deck;
    for (index, section) in whole.sections.iter().enumerate() {
        let own = whole.slides.iter().filter(|slide| slide.section == index).filter_map(|slide| slide.minutes);
        let own: f64 = own.sum();
        let title = &section.title;
        if section.minutes <= 0.0 {
            return Check::look(
                "budget",
                format!("section '{title}' has no minutes"),
                "write 'minutes: N' where it opens",
            );
        }
        if own > section.minutes + MINUTES_OFF {
            let found = format!("slides of '{title}' take {own:.1} min of their own, and it has {}", section.minutes);
            return Check::look("budget", found, "shorten a slide's 'duration', or give the section more minutes");
        }
    }
    Check::go("budget", format!("{} sections, {} min", whole.sections.len(), whole.minutes))
}

/// What is to be said must fit the time that it has.
fn words(deck: &Deck, pace: f64) -> Check {
    let minutes = |section: usize| {
        let words: usize = deck.slides.iter().filter(|slide| slide.section == section).map(Slide::words).sum();
        words as f64 / pace
    };
    let over = deck.sections.iter().enumerate().find(|(index, section)| minutes(*index) > section.minutes * WORDS_OVER);
    let total: usize = deck.slides.iter().map(Slide::words).sum();
    match over {
        Some((index, section)) => {
            let found =
                format!("'{}' takes {:.1} min to say and has {}", section.title, minutes(index), section.minutes);
            Check::look("words", found, "say less, or give it more minutes")
        }
        None => Check::go("words", format!("{total} words, {:.0} min at {pace:.0} a minute", total as f64 / pace)),
    }
}

/// Tools against those of the last run that went well.
fn tools(facts: &Facts) -> Vec<Check> {
    let known = |tool: &str| facts.recordings.values().filter_map(|take| take.tools.get(tool)).next();
    let judge = |(name, version): (&String, &Option<String>)| match (version, known(name)) {
        (None, _) => {
            let found = format!("{name} is not on this machine");
            match StandIn::of(name) {
                Some(StandIn::Nothing) => Check::go("tools", format!("{name} is built in")),
                Some(StandIn::Mover) => Check::look(
                    "tools",
                    found,
                    format!("'greenroom tools fetch {name}' fetches it; until then the built-in mover stands in"),
                ),
                None => {
                    Check::stop("tools", found, "install it; until then its steps fail, and V shows the recorded run")
                }
            }
        }
        (Some(version), Some(before)) if version != before => Check::look(
            "tools",
            format!("{name} is {version}, and was {before} when it last went well"),
            "rehearse once more",
        ),
        (Some(version), Some(_)) => Check::go("tools", format!("{version}, as when it last went well")),
        (Some(version), None) => Check::go("tools", version.clone()),
    };
    facts.tools.iter().map(judge).collect()
}

/// Whether keys of tenants can be made and turned here, where a demo of the deck does.
fn vault(facts: &Facts, deck: &Deck) -> Option<Check> {
    let has_one = |demo: &&str| facts.talk.programs.get(*demo).is_some_and(|program| program.vault.is_some());
    let demos: BTreeSet<&str> = cues(deck).filter(has_one).collect();
    let demos = demos.into_iter().collect::<Vec<_>>().join(", ");
    match facts.vault.as_ref().filter(|_| !demos.is_empty()) {
        // What holds their steps back has a line of its own.
        None => None,
        Some(Ok(())) => Some(Check::go("vault", format!("it starts here and makes keys, for {demos}"))),
        Some(Err(why)) => {
            let todo = format!("{}; until it starts, press V at {demos} for the recorded run", places::to_mend());
            Some(Check::stop("vault", why.clone(), todo))
        }
    }
}

fn recordings(facts: &Facts, deck: &Deck) -> Vec<Check> {
    let cued: BTreeSet<&str> = cues(deck).filter(|demo| facts.talk.programs.contains_key(*demo)).collect();
    let judge = |demo: &str| match facts.recordings.get(demo) {
        None => {
            let found = format!("there is no recording of '{demo}' to fall back on");
            Check::stop("recording", found, format!("run it once: greenroom demo run {demo} --headless"))
                .mended_by(demo)
        }
        Some(take) => recording(facts, demo, take),
    };
    cued.into_iter().map(judge).collect()
}

fn recording(facts: &Facts, demo: &str, take: &Recording) -> Check {
    let days = facts.now_unix_ms.saturating_sub(take.at_unix_ms) / DAY_MS;
    let age = match days {
        0 => "today".to_string(),
        1 => "a day ago".to_string(),
        days => format!("{days} days ago"),
    };
    let again = format!("run it again: greenroom demo run {demo} --headless");
    if take.is_of_another_edition {
        return Check::look("recording", format!("'{demo}' has been edited since it was recorded {age}"), again)
            .mended_by(demo);
    }
    if days > RECORDING_DAYS_MAX {
        return Check::look("recording", format!("'{demo}' was recorded {age}"), again).mended_by(demo);
    }
    if take.machine != facts.machine {
        return Check::look(
            "recording",
            format!("'{demo}' was recorded {age} on another machine ({})", take.machine.cpu),
            again,
        )
        .mended_by(demo);
    }
    Check::go("recording", format!("'{demo}' was recorded {age}"))
}

fn room(id: &'static str, free: Option<u64>, min: u64, todo: &str) -> Check {
    match free {
        None => Check::look(id, "cannot be read on this system", "look yourself"),
        Some(free) if free < min => Check::stop(
            id,
            format!("{} free, {} needed", ByteSize::b(free).display().si(), ByteSize::b(min).display().si()),
            todo,
        ),
        Some(free) => Check::go(id, format!("{} free", ByteSize::b(free).display().si())),
    }
}

fn power(around: &Around) -> Check {
    match around.power {
        None => Check::go("power", "mains"),
        Some(power) if power.on_mains => Check::go("power", "mains"),
        Some(power) => {
            let percent = power.percent.unwrap_or(0);
            let found = format!("on battery, {percent} %");
            let verdict = if percent < BATTERY_MIN_PERCENT { Verdict::Stop } else { Verdict::Look };
            Check::new("power", verdict, found, "plug it in")
        }
    }
}

fn sleep(around: &Around) -> Check {
    match around.keepers.first() {
        Some(keeper) => Check::go("sleep", format!("held off during the talk by {keeper}")),
        None => {
            Check::look("sleep", "nothing here can hold it off", "switch sleep and the screen saver off for the talk")
        }
    }
}

fn ports(around: &Around) -> Check {
    match &around.ports {
        None => Check::go("ports", "the stack takes free ones of 127.0.0.1"),
        Some(why) => {
            Check::stop("ports", format!("127.0.0.1 gives none: {why}"), "see what holds loopback back: a firewall?")
        }
    }
}

/// What the demos did without a network.
pub fn judge_offline(proofs: &[Proof]) -> Vec<Check> {
    let judge = |Proof { demo, passed, attempts }: &Proof| match (attempts.is_empty(), passed) {
        (true, true) => {
            Check::go("offline", format!("'{demo}' ran with all but loopback denied, and nothing reached out"))
        }
        (false, _) => Check::stop(
            "offline",
            format!("'{demo}' reached out: {}", attempts.join("; ")),
            "switch it off in the tool, or take it out of the demo",
        ),
        (true, false) => Check::stop(
            "offline",
            format!("'{demo}' does not run with all but loopback denied"),
            format!("run it by hand: greenroom demo run {demo} --headless"),
        ),
    };
    proofs.iter().map(judge).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::Talk;
    use crate::parse::{Files, parse_deck, parse_demo};
    use crate::preflight::facts::Power;
    use greenroom_show::take::Machine;
    use greenroom_show::version::{Version, version};
    use std::collections::BTreeMap;
    use std::sync::Arc;

    const DEMO: &str = "---\ntitle: Copy\ntools: [azcopy]\n---\n```steps up\nrun azcopy copy a b\n```\n";
    const DECK: &str = "---\ntitle: A\nsection: All\nminutes: 2\n---\n# A\n\n{{ up.seconds }}\n\n<!-- Few words. -->\n\n---\ndemo: copy\n---\n# B\n";

    fn facts(deck: &str) -> Facts {
        let program = parse_demo("demos/copy/demo.md", "copy", DEMO).expect("good").value;
        let demos = [("copy".to_string(), program.demo.clone())].into();
        let parsed = parse_deck("slides/a/deck.md", "a", deck, &demos, Files::NONE).expect("slides");
        let recording = Recording {
            at_unix_ms: 10 * DAY_MS,
            tools: [("azcopy".to_string(), "azcopy 10".to_string())].into(),
            machine: Machine::default(),
            is_of_another_edition: false,
        };
        Facts {
            held: BTreeSet::new(),
            shown: version(&parsed.value, Version::default()),
            talk: Talk {
                deck: parsed.value,
                programs: [("copy".to_string(), Arc::new(program))].into(),
                pictures: BTreeMap::new(),
                faults: parsed.faults,
                warnings: parsed.warnings,
            },
            tools: [("azcopy".to_string(), Some("azcopy 10".to_string()))].into(),
            recordings: [("copy".to_string(), recording)].into(),
            machine: Machine::default(),
            readiness: vec![],
            vault: None,
            around: Around {
                disk_free: Some(100 << 30),
                memory_free: Some(8 << 30),
                power: None,
                keepers: vec!["systemd-inhibit"],
                ports: None,
                budgets: greenroom_show::start::settings::Budgets::default(),
            },
            now_unix_ms: 11 * DAY_MS,
        }
    }

    #[test]
    fn a_vault_is_looked_at_where_a_demo_has_one() {
        let mut facts = facts(DECK);
        facts.vault = Some(Ok(()));
        assert!(judge(&facts).iter().all(|check| check.id != "vault"), "no demo of this deck has one");
        let demo = DEMO.replace("tools: [azcopy]", "tools: [azcopy]\nprofile: fresh\nvault: { fresh: 5s }");
        let program = parse_demo("demos/copy/demo.md", "copy", &demo).expect("good").value;
        facts.talk.programs.insert("copy".into(), Arc::new(program));
        assert_eq!(not_go(&facts), []);
        assert!(judge(&facts).iter().any(|check| check.found == "it starts here and makes keys, for copy"));
        facts.vault = Some(Err("the vault's program is missing".into()));
        assert_eq!(not_go(&facts), [("vault".into(), Verdict::Stop, "the vault's program is missing".into())]);
    }

    fn not_go(facts: &Facts) -> Vec<(String, Verdict, String)> {
        let board = judge(facts).into_iter().filter(|check| check.verdict != Verdict::Go);
        board
            .map(|check| {
                assert!(!check.todo.is_empty(), "{check:?}");
                (check.id, check.verdict, check.found)
            })
            .collect()
    }

    #[test]
    fn a_good_talk_is_go() {
        assert_eq!(not_go(&facts(DECK)), []);
        assert!(judge(&facts(DECK)).iter().any(|check| check.found == "'copy' was recorded a day ago"));
    }

    #[test]
    fn each_red_line_says_what_is_wrong_in_the_deck() {
        let cases = [
            (DECK.replace("up.seconds", "upp.seconds"), "figures", Verdict::Stop, "{{ upp.seconds }}"),
            (DECK.replace("demo: copy", "demo: later"), "demos", Verdict::Look, "not yet runnable: later"),
            (
                DECK.replace("minutes: 2", "duration: 9\nminutes: 2"),
                "budget",
                Verdict::Look,
                "slides of 'All' take 9.0 min",
            ),
            (DECK.replace("minutes: 2", "minutes: 0"), "budget", Verdict::Look, "section 'All' has no minutes"),
            (DECK.replace("Few words.", &"word ".repeat(400)), "words", Verdict::Look, "'All' takes 3.1 min"),
            (DECK.replace("demo: copy", "layout: x"), "files", Verdict::Stop, "1 faults"),
            (DECK.replace("title: A", "title: A\naudience: internal"), "level", Verdict::Go, "up to internal"),
        ];
        for (deck, id, verdict, wanted) in cases {
            let board = judge(&facts(&deck));
            let found = board.iter().find(|check| check.id == id && check.verdict == verdict);
            assert!(found.is_some_and(|check| check.found.contains(wanted)), "{id} {wanted}\n{board:#?}");
        }
    }

    #[test]
    fn each_red_line_says_what_is_wrong_on_the_machine() {
        type Change = fn(&mut Facts);
        let cases: [(Change, &str, Verdict); 14] = [
            (|facts| facts.held = ["copy".to_string()].into(), "trust", Verdict::Stop),
            (|facts| facts.around.disk_free = Some(1), "disk", Verdict::Stop),
            (|facts| facts.around.memory_free = Some(1), "memory", Verdict::Stop),
            (|facts| facts.around.power = Some(Power { on_mains: false, percent: Some(20) }), "power", Verdict::Stop),
            (|facts| facts.around.power = Some(Power { on_mains: false, percent: Some(90) }), "power", Verdict::Look),
            (|facts| facts.tools = BTreeMap::from([("azcopy".into(), None)]), "tools", Verdict::Look),
            (|facts| facts.tools = BTreeMap::from([("psql".into(), None)]), "tools", Verdict::Stop),
            (|facts| facts.tools = BTreeMap::from([("azcopy".into(), Some("11".into()))]), "tools", Verdict::Look),
            (|facts| facts.around.keepers.clear(), "sleep", Verdict::Look),
            (|facts| facts.around.ports = Some("refused".into()), "ports", Verdict::Stop),
            (|facts| facts.readiness = vec![Check::look("coverage", "never", "rehearse")], "coverage", Verdict::Look),
            (|facts| facts.recordings.clear(), "recording", Verdict::Stop),
            (|facts| facts.now_unix_ms = 90 * DAY_MS, "recording", Verdict::Look),
            (|facts| facts.machine.cores = 64, "recording", Verdict::Look),
        ];
        for (change, id, verdict) in cases {
            let mut facts = facts(DECK);
            change(&mut facts);
            let found = not_go(&facts);
            assert_eq!(
                found.iter().map(|(id, verdict, _)| (id.as_str(), *verdict)).collect::<Vec<_>>(),
                [(id, verdict)]
            );
        }
    }
}
