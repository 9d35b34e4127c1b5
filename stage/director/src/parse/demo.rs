//! `demos/<slug>/demo.md` into what windows draw and what the director runs.

use super::vault::{KeyTimes, VaultYaml};
use super::{Faults, Parsed, Report, diagram, markdown, script, shots, source, yaml};
use greenroom_show::deck::{Block, plain};
use greenroom_show::demo::{Chart, Comparison, Demo, Group, Step};
use schemars::{JsonSchema, Schema, schema_for};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;

pub(super) const KEYS: &[&str] =
    &["title", "minutes", "tools", "charts", "compare", "stage", "profile", "flash", "vault"];

/// Which stack a demo runs on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// The one that demos share; a reset removes the containers that the demo has made.
    #[default]
    Shared,
    /// One of its own; a reset gives it a new one.
    Fresh,
    /// One of its own, with a second node as its cloud.
    Offload,
}

impl Profile {
    /// Whether its tenants are the demo's alone.
    pub fn has_own_stack(self) -> bool {
        match self {
            Profile::Shared => false,
            Profile::Fresh | Profile::Offload => true,
        }
    }
}

/// Steps without a time-out of their own and without past runs get this much.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(60);

/// The head of a demo.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(title = "Head of a demo", deny_unknown_fields, extend("required" = ["title"]))]
struct DemoYaml {
    /// What the demo is called.
    // A head without one is refused by name, with its other faults.
    #[serde(default)]
    title: String,
    /// How long it takes on stage.
    #[serde(default)]
    minutes: f64,
    /// Programs that its steps run.
    #[serde(default)]
    tools: Vec<ToolYaml>,
    /// What is measured and drawn while it runs.
    #[serde(default)]
    charts: Vec<Chart>,
    /// Figures that belong beside each other.
    #[serde(default)]
    compare: Vec<Comparison>,
    /// What is on stage while a group of steps runs, by the group's name.
    #[serde(default)]
    stage: BTreeMap<String, shots::ShotYaml>,
    #[serde(default)]
    profile: Profile,
    /// What its stack may take of the disk, for a stack of its own.
    #[serde(default)]
    #[schemars(with = "Option<crate::schema::Bytes>")]
    flash: Option<greenroom_model::tenancy::ByteCount>,
    /// A vault of the demo's own, beside a stack of its own.
    #[serde(default)]
    vault: Option<VaultYaml>,
}

/// A tool by its name, or with the arguments that make it tell its version.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "a tool is its name, or { name: NAME, version: --version } with the arguments that make it tell its version"
)]
enum ToolYaml {
    Named(String),
    Asked(AskedTool),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AskedTool {
    name: String,
    version: String,
}

/// A demo with the lines that run it, one for each of its steps.
#[derive(Debug, Clone)]
pub struct Program {
    pub demo: Demo,
    pub lines: Vec<script::Line>,
    pub profile: Profile,
    /// What its stack may take of the disk; for a stack of its own.
    pub flash_bytes: Option<u64>,
    /// Where it has a vault.
    pub vault: Option<KeyTimes>,
    /// The arguments with which tools tell their versions, where the demo says so.
    pub versions: BTreeMap<String, Vec<String>>,
}

impl Program {
    /// The files that it applies, with the lines that name them.
    pub fn tenants_files(&self) -> Vec<(usize, &str)> {
        let files = self.lines.iter().zip(&self.demo.steps);
        let files = files.filter_map(|(line, step)| line.verb.file().map(|file| (step.line, file.0.as_str())));
        files.collect()
    }
}

/// What the head of a demo may say.
pub fn demo_head() -> Schema {
    schema_for!(DemoYaml)
}

pub fn parse_demo(file: &str, slug: &str, text: &str) -> Result<Parsed<Program>, Faults> {
    let mut report = Report::new(file);
    let plain = source::plain_lines(text);
    let source = source::read(&plain, KEYS);
    source.say_slips(&mut report);
    let part = match &source.parts[..] {
        [part] if report.faults.is_empty() => part,
        _ => {
            if report.faults.is_empty() {
                report.fault(1, "a demo is one part: a line of '---' may only end its front matter");
            }
            return report.finish_strictly(None);
        }
    };
    let Some(head) = part.yaml else {
        report.fault(1, "a demo opens with front matter: '---', 'title: …', '---'");
        return report.finish_strictly(None);
    };
    let yaml: DemoYaml = yaml::read(head, KEYS, &mut report).value;
    if yaml.title.is_empty() && report.faults.is_empty() {
        report.fault(head.line, "a demo needs a 'title'");
    }
    for (key, is_said) in [("flash", yaml.flash.is_some()), ("vault", yaml.vault.is_some())] {
        if is_said && yaml.profile == Profile::Shared {
            let own = format!("'{key}' is for a stack of the demo's own: add 'profile: fresh' or 'profile: offload'");
            report.fault(yaml::key_line(head, key), own);
        }
    }
    let vault = yaml.vault.as_ref().map(VaultYaml::times).transpose().unwrap_or_else(|why| {
        report.fault(yaml::key_line(head, "vault"), format!("'vault': {why}"));
        None
    });
    let (tools, versions) = read_tools(yaml.tools, yaml::key_line(head, "tools"), &mut report);
    let mut program = Program {
        versions,
        profile: yaml.profile,
        flash_bytes: yaml.flash.map(|bytes| bytes.0),
        vault,
        demo: Demo {
            slug: slug.to_string(),
            title: yaml.title,
            minutes: yaml.minutes,
            tools,
            charts: yaml.charts,
            comparisons: yaml.compare,
            topology: None,
            groups: vec![],
            steps: vec![],
            hash: blake3::hash(text.as_bytes()).to_hex().to_string(),
        },
        lines: vec![],
    };
    let markdown = markdown::read(&part.body, markdown::Text::Demo, &mut report);
    for fence in &markdown.fences {
        match fence.info.split_whitespace().next() {
            Some("steps") => read_group(fence, &markdown.blocks, &mut program, &mut report),
            Some("topology") if program.demo.topology.is_some() => {
                report.fault(fence.line, "a demo has one topology: this is a second");
            }
            Some("topology") => {
                let topology = diagram::read(&fence.text, fence.line + 1, &mut report);
                if !topology.clicks.is_empty() {
                    report.fault(
                        fence.line,
                        "a topology shows what runs, and waits for no click: take '[click]' out of it",
                    );
                }
                program.demo.topology = Some(topology);
            }
            _ => {}
        }
    }
    shots::check(&program.demo.comparisons, yaml::key_line(head, "compare"), &mut report);
    shots::direct(yaml.stage, yaml::key_line(head, "stage"), &mut program.demo, &mut report);
    if program.demo.steps.is_empty() && report.faults.is_empty() {
        report.fault(part.body.line, "a demo needs a step: a line in a fence opened by '```steps'");
    }
    report.finish_strictly(Some(program))
}

fn read_tools(tools: Vec<ToolYaml>, line: usize, report: &mut Report) -> (Vec<String>, BTreeMap<String, Vec<String>>) {
    let (mut names, mut versions) = (Vec::new(), BTreeMap::new());
    for tool in tools {
        match tool {
            ToolYaml::Named(name) => names.push(name),
            ToolYaml::Asked(AskedTool { name, version }) => {
                match shell_words::split(&version) {
                    Ok(words) => {
                        versions.insert(name.clone(), words);
                    }
                    Err(error) => report.fault(line, format!("'version' of tool '{name}': {error}")),
                }
                names.push(name);
            }
        }
    }
    (names, versions)
}

fn read_group(fence: &markdown::Fence, blocks: &[Block], program: &mut Program, report: &mut Report) {
    let words: Vec<&str> = fence.info.split_whitespace().collect();
    let name = match words[..] {
        ["steps"] => format!("steps-{}", program.demo.groups.len() + 1),
        ["steps", name] => name.to_string(),
        _ => {
            report.fault(fence.line, format!("'```{}': a fence of steps has one name", fence.info));
            return;
        }
    };
    if program.demo.group(&name).is_some() {
        report.fault(fence.line, format!("steps '{name}' stand here twice: give each fence its own name"));
        return;
    }
    let first = program.demo.steps.len();
    for (index, text) in fence.text.lines().enumerate() {
        let line = fence.line + 1 + index;
        if text.trim().is_empty() || text.trim_start().starts_with('#') {
            continue;
        }
        let read = script::read(text).and_then(|read| known_tool(&program.demo.tools, read));
        let read = read.and_then(|read| fits_profile(program.profile, read));
        match read.and_then(|read| fits_vault(program.vault, read)) {
            Ok(read) => {
                if matches!(read.verb, script::Verb::Expect { .. }) && read.proves.is_none() {
                    report.warn(line, "the audience does not see this check: say what it proves, as in --proves '2,004 files are back'");
                }
                program.demo.steps.push(step(&read, line));
                program.lines.push(read);
            }
            Err(message) => report.fault(line, message),
        }
    }
    let steps = first..program.demo.steps.len();
    if steps.is_empty() && report.faults.is_empty() {
        report.fault(fence.line, format!("steps '{name}' hold no step"));
    }
    program.demo.groups.push(Group { name, about: about(&blocks[..fence.block]), steps, shot: None });
}

/// Tools are named in the front matter, so that preflight can look for them.
fn known_tool(tools: &[String], line: script::Line) -> Result<script::Line, String> {
    let strange =
        line.verb.tool().filter(|tool| !matches!(*tool, "true" | "false") && !tools.iter().any(|it| it == tool));
    match strange {
        Some(tool) => Err(format!("tool '{tool}' is not named in the front matter: add it to 'tools'")),
        None => Ok(line),
    }
}

/// What needs a stack of the demo's own is refused where it would happen to the one that demos share.
fn fits_profile(profile: Profile, line: script::Line) -> Result<script::Line, String> {
    match (line.verb.profile(), profile) {
        (Profile::Offload, Profile::Shared | Profile::Fresh) => {
            Err(format!("'{}' needs a cloud: add 'profile: offload' to the front matter", line.text))
        }
        (Profile::Fresh, Profile::Shared) => {
            Err(format!("'{}' needs a stack of the demo's own: add 'profile: fresh' to the front matter", line.text))
        }
        (Profile::Shared, _)
        | (Profile::Fresh, Profile::Fresh | Profile::Offload)
        | (Profile::Offload, Profile::Offload) => Ok(line),
    }
}

/// A vault is there from the demo's beginning, or not at all.
fn fits_vault(vault: Option<KeyTimes>, line: script::Line) -> Result<script::Line, String> {
    match vault {
        None if matches!(line.verb, script::Verb::Vault { .. }) => {
            Err(format!("'{}' needs a vault: add 'vault: {{ fresh: 5s }}' to the front matter", line.text))
        }
        Some(_) | None => Ok(line),
    }
}

fn step(line: &script::Line, number: usize) -> Step {
    let timeout = line.timeout.or(line.verb.may_take(TIMEOUT_DEFAULT)).unwrap_or(TIMEOUT_DEFAULT);
    Step {
        text: line.text.clone(),
        proves: line.proves.clone().or_else(|| line.verb.proves()),
        timeout_ms: u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
        if_fails: line.if_fails.clone(),
        line: number,
    }
}

/// The first sentence of the last paragraph.
fn about(blocks: &[Block]) -> String {
    let paragraph = blocks.iter().rev().find_map(|block| match block {
        Block::Paragraph(text) => Some(plain(text)),
        _ => None,
    });
    let paragraph = paragraph.unwrap_or_default();
    let end = paragraph.find(". ").map_or(paragraph.len(), |at| at + 1);
    paragraph[..end].to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "---
title: Copy
minutes: 3
tools: [azcopy]
charts:
  - title: Throughput
    unit: bytes-per-second
    series: [{ metric: a.bytes_in_per_s, label: in }]
---
# Copy

We make data. It is small.

```steps make
# a comment
data make photos --files 2 --size 4KiB

tenant create a --container in-box
```

Then it moves.

```steps copy
run azcopy copy {data:photos} {blob:acc/in-box} --recursive --timeout 5s --if-fails 'Press V'
expect a.blobs == 2 --proves '2 blobs'
```
";

    fn faults(text: &str) -> String {
        parse_demo("demos/copy/demo.md", "copy", text).expect_err("bad").to_string()
    }

    #[test]
    fn a_good_demo_is_read_whole() {
        let program = parse_demo("demos/copy/demo.md", "copy", GOOD).expect("good").value;
        let demo = &program.demo;
        assert_eq!((demo.title.as_str(), demo.tools.len(), demo.charts.len()), ("Copy", 1, 1));
        assert_eq!(
            demo.groups[0],
            Group { name: "make".into(), about: "We make data.".into(), steps: 0..2, shot: None }
        );
        assert_eq!(demo.groups[1].steps, 2..4);
        assert_eq!(demo.steps[0].line, 16);
        assert_eq!((demo.steps[2].timeout_ms, demo.steps[2].if_fails.as_deref()), (5000, Some("Press V")));
        assert_eq!(demo.steps[3].proves.as_deref(), Some("2 blobs"));
        assert_eq!(program.lines.len(), demo.steps.len());
    }

    #[test]
    fn a_check_without_a_sentence_is_not_shown_and_that_is_said() {
        let parsed = parse_demo("demos/copy/demo.md", "copy", &GOOD.replace(" --proves '2 blobs'", "")).expect("good");
        assert_eq!(parsed.value.demo.steps[3].proves, None);
        let said: Vec<_> = parsed.warnings.iter().map(ToString::to_string).collect();
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].starts_with("demos/copy/demo.md:25: the audience does not see this check"), "{}", said[0]);
    }

    #[test]
    fn a_topology_waits_for_no_click() {
        let said = faults(&format!("{GOOD}\n```topology\ncolumn: A\n[click]\ncolumn: B\n```\n"));
        assert!(said.contains("waits for no click"), "{said}");
    }

    #[test]
    fn faults_name_file_and_line() {
        let with = |line: &str| faults(&GOOD.replace("tenant create a --container in-box", line));
        assert!(
            with("tennant create a")
                .starts_with("demos/copy/demo.md:18: unknown step 'tennant'; did you mean 'tenant'?")
        );
        assert!(with("run rclone copy").starts_with("demos/copy/demo.md:18: tool 'rclone' is not named"));
        assert!(faults("# no front matter").starts_with("demos/copy/demo.md:1: a demo opens with front matter"));
        assert!(faults("---\ntitle: A\n---\n```steps\n").starts_with("demos/copy/demo.md:4: this fence never ends"));
        assert!(faults("---\ntitle: A\n---\ntext\n").contains("a demo needs a step"));
        assert!(
            faults(&GOOD.replace("steps copy", "steps make"))
                .starts_with("demos/copy/demo.md:23: steps 'make' stand here twice")
        );
    }

    #[test]
    fn a_tool_may_come_with_how_it_tells_its_version() {
        let own = GOOD.replace("tools: [azcopy]", "tools: [azcopy, { name: mine, version: 'version --short' }]");
        let program = parse_demo("demos/copy/demo.md", "copy", &own).expect("good").value;
        assert_eq!(program.demo.tools, ["azcopy", "mine"]);
        assert_eq!(program.versions, [("mine".to_string(), vec!["version".to_string(), "--short".into()])].into());
        let said = faults(&GOOD.replace("tools: [azcopy]", "tools: [{ name: azcopy, version: \"'\" }]"));
        assert!(said.starts_with("demos/copy/demo.md:4: 'version' of tool 'azcopy'"), "{said}");
        let said = faults(&GOOD.replace("tools: [azcopy]", "tools: [{ name: azcopy, verison: --version }]"));
        assert!(said.contains("a tool is its name, or { name: NAME, version: --version }"), "{said}");
    }

    #[test]
    fn a_vault_is_declared_in_the_head() {
        let head = "minutes: 3\nprofile: fresh\nvault: { fresh: 5s }\n";
        let with = |head: &str| {
            let text = GOOD.replace("minutes: 3\n", head);
            text.replace("tenant create a --container in-box", "vault key create gold\nvault key disable gold")
        };
        let program = parse_demo("demos/copy/demo.md", "copy", &with(head)).expect("good").value;
        assert_eq!(program.vault.expect("a vault").args(), ["--key-fresh-s", "5"]);
        let usual = parse_demo("d", "copy", &with(&head.replace("{ fresh: 5s }", "{}"))).expect("good").value;
        assert_eq!(usual.vault.expect("a vault").args(), Vec::<String>::new());
        for (head, wanted) in [
            ("minutes: 3\nprofile: fresh\n", "'vault key create gold' needs a vault: add 'vault: { fresh: 5s }'"),
            ("minutes: 3\nvault: {}\n", ":4: 'vault' is for a stack of the demo's own: add 'profile: fresh'"),
            (&head.replace("5s", "500ms"), "'vault': '500ms' are no whole seconds"),
            (&head.replace("fresh: 5s", "frsh: 5s"), "frsh"),
        ] {
            assert!(faults(&with(head)).contains(wanted), "wanted {wanted}\nsaid   {}", faults(&with(head)));
        }
    }

    #[test]
    fn what_needs_a_cloud_says_so() {
        let with = |line: &str| faults(&GOOD.replace("tenant create a --container in-box", line));
        assert!(
            with("fault cloud offline").contains(":18: 'fault cloud offline' needs a cloud: add 'profile: offload'")
        );
        let feed = GOOD.replace("--container in-box", "--container in-box\nfeed acc --segment 1s");
        assert!(
            faults(&feed)
                .contains(":19: 'feed acc --segment 1s' needs a stack of the demo's own: add 'profile: fresh'")
        );
        for profile in ["fresh", "offload"] {
            let own = feed.replace("minutes: 3", &format!("minutes: 3\nprofile: {profile}"));
            parse_demo("demos/copy/demo.md", "copy", &own).expect("good");
        }
        let small = GOOD.replace("minutes: 3", "minutes: 3\nflash: 64MiB");
        assert!(faults(&small).starts_with("demos/copy/demo.md:4: 'flash' is for a stack of the demo's own"));
        let own = small.replace("minutes: 3", "minutes: 3\nprofile: offload").replace("expect", "stack wipe\nexpect");
        let program = parse_demo("demos/copy/demo.md", "copy", &own).expect("good").value;
        assert_eq!((program.profile, program.flash_bytes), (Profile::Offload, Some(64 << 20)));
        assert!(faults(&GOOD.replace("minutes: 3", "profile: own")).starts_with("demos/copy/demo.md:3: front matter"));
    }

    #[test]
    fn a_wrong_unit_is_named_where_it_stands() {
        let said = faults(&GOOD.replace("bytes-per-second", "furlongs"));
        assert!(said.starts_with("demos/copy/demo.md:7: front matter"), "{said}");
        assert!(said.contains("furlongs"), "{said}");
    }
}
