//! What tools print of the secrets that they were given, as it is shown and recorded.

#[path = "support/director.rs"]
mod director;
#[expect(dead_code, reason = "what the other tests share, not all of which is needed here")]
mod support;

use director::{call, of_talk, open};
use greenroom_show::call::RunGroup;
use greenroom_show::{Event, Stamped, StepState};
use support::{Tools, project, until};

/// The tool is given a signed URL, and prints it as tools do.
const TELLTALE: &str = r#"---
title: Small
tools: [sh, python3]
---
```steps tell
tenant create photos --container inbox
run sh -c 'printf %s "$0" > url; echo $0' {blob:photos/inbox}
run sh -c 'printf %s "$0" > again; grep --color=always -i sig again; grep --color=always "[A-Z0-9]" again' {blob:photos/inbox}
run sh -c 'fold -w 20 url; echo; fold -w 20 again; echo; base64 -w 30 url'
run python3 -c 'import urllib.parse as u; s = open("url").read(); print(u.quote(s)); print(u.quote(u.quote(s, ""), "")); print(u.unquote(s))'
run python3 -c 'import urllib.parse as u; s = open("again").read(); q = u.urlparse(s).query; print(dict(u.parse_qsl(q))); print(u.parse_qs(q)["sig"])'
run python3 -c 'import urllib.parse as u; s = open("url").read(); [print(chr(27) + "[32m" + c, end="") for c in u.parse_qs(u.urlparse(s).query)["sig"][0]]'
run sh -c 'sed -e "s/.*sig=//" -e "s/&.*//" url; echo; cat url >&2; exit 3' --fails-with 'exit code 3'
run sh -c 'sed -e "s/.*sig=//" -e "s/&.*//" again; exit 1'
```
"#;

#[tokio::test(flavor = "multi_thread")]
async fn no_tool_tells_a_signature_whatever_it_makes_of_it() {
    let root = project(TELLTALE, Tools::Absent);
    let director = open(of_talk(root.path())).await;
    call(&director, RunGroup { demo: "small".into(), group: "tell".into() }).await.expect("it starts");
    until("the last step fails", || {
        let show = director.show();
        let run = show.runs.get("small")?;
        (run.group_state(&show.demos["small"], "tell") == StepState::Failed).then_some(())
    })
    .await;
    let show = director.show();
    let run = &show.runs["small"];
    assert_eq!(run.steps.len(), 9, "only the last one fails: {:?}\n{}", run.steps, run.terminal.text());
    let signatures: Vec<_> = ["url", "again"].into_iter().map(|name| signature(root.path(), name)).collect();
    director.close().await;

    let mut takes = std::fs::read_dir(root.path().join("takes")).expect("takes").flatten().map(|entry| entry.path());
    let take = takes.find(|path| path.to_string_lossy().ends_with(".take.ndjson")).expect("a take");
    let take = std::fs::read_to_string(take).expect("a take");
    let events = take.lines().filter_map(|line| serde_json::from_str::<Stamped>(line).ok());
    let output: String =
        events.filter_map(|stamped| if let Event::Output(text) = stamped.event { Some(text) } else { None }).collect();
    assert!(output.matches("•••").count() > 10, "{output}");
    for (place, text) in [
        ("shown", run.terminal.text()),
        ("why", format!("{:?}", run.steps)),
        ("take", take.clone()),
        ("output", output),
    ] {
        for signature in &signatures {
            assert!(!tells(&text, signature), "{place} tells {signature}: {text}");
        }
    }
}

/// The characters of the signature that are letters and digits: what no encoding changes.
fn signature(root: &std::path::Path, name: &str) -> String {
    let mut shows = std::fs::read_dir(root.join(".greenroom")).expect("a workshop").flatten();
    let url = shows.find_map(|show| std::fs::read_to_string(show.path().join("data").join(name)).ok());
    let url = url.expect("the tool has noted it");
    let value = url.split_once("sig=").expect("it is signed").1.split('&').next().unwrap_or_default();
    letters(&value.replace("%2B", "").replace("%2F", "").replace("%3D", ""))
}

fn letters(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).collect()
}

/// Whether eight characters of it follow each other, without what colours or encodes them.
fn tells(text: &str, signature: &str) -> bool {
    let mut bare = text.to_string();
    for noise in [
        "\u{1b}[32m",
        "\u{1b}[01;31m",
        "\u{1b}[m",
        "\u{1b}[K",
        "\\u001b[32m",
        "%2B",
        "%2F",
        "%3D",
        "%252B",
        "%252F",
        "%253D",
        "\\r",
        "\\n",
    ] {
        bare = bare.replace(noise, "");
    }
    let bare = letters(&bare);
    (0..=signature.len() - 8).any(|at| bare.contains(&signature[at..at + 8]))
}
