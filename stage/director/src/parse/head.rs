//! Whether what stands below a ruler is front matter. Prose may look like it, and front matter may be mistyped: what names a key is
//! front matter, also where YAML cannot read it, since its slide may be somebody's secret.

use super::nearest;
use super::yaml::is_mapping_of;

/// Letters by which a level, or the key that names one, may be mistyped.
const SLIPS_MAX: usize = 2;
const LEVELS: [&str; 3] = ["public", "partner", "internal"];

/// What stands below a ruler, by offsets from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Head {
    None,
    /// Up to `at`, where the ruler stands that ends it; what it heads begins at `to`.
    Ends {
        at: usize,
        to: usize,
    },
    /// Nothing ends it before the next one begins below the ruler at `next`, or before the file ends.
    Endless {
        next: Option<usize>,
    },
}

pub fn look(text: &str, known: &[&str]) -> Head {
    let Some((at, to)) = close(text) else {
        let is_head = begins(text, known, Close::Never);
        return if is_head { Head::Endless { next: None } } else { Head::None };
    };
    let ends = if text[..at].lines().next_back().is_some_and(|line| bare(line).is_empty()) {
        Close::AfterEmptyLine
    } else {
        Close::AtOnce
    };
    if !begins(&text[..at], known, ends) {
        return Head::None;
    }
    if is_head_by_itself(&text[to..], known) { Head::Endless { next: Some(at) } } else { Head::Ends { at, to } }
}

/// Whether a body ends in what reads like front matter without the ruler that should stand above it.
pub fn stands_above_ruler(body: &str, known: &[&str]) -> bool {
    let directly = body.lines().next_back().is_some_and(|line| !bare(line).is_empty());
    let block = body.lines().rev().map(bare).skip_while(|line| line.is_empty()).take_while(|line| !line.is_empty());
    for line in block {
        let names_known = key(line).is_some_and(|key| known.contains(&key));
        if (directly && names_known) || names_level(line).is_some_and(|found| found == Names::Both) {
            return true;
        }
        if key(line).is_none() && !line.starts_with(['-', '[', '#']) {
            return false;
        }
    }
    false
}

/// How the ruler comes that would end the front matter. Prose has an empty line before the next slide, and front matter has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Close {
    AtOnce,
    AfterEmptyLine,
    Never,
}

/// Where the first ruler stands, and where the line below it begins.
fn close(text: &str) -> Option<(usize, usize)> {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let dashes = line.trim_end().trim_start_matches(' ');
        let indent = line.len() - line.trim_start_matches(' ').len();
        if dashes.len() >= 3 && indent <= 3 && dashes.bytes().all(|byte| byte == b'-') {
            return Some((at, at + line.len()));
        }
        at += line.len();
    }
    None
}

/// Whether front matter begins here: its first line that says something decides, and any line that names a level.
fn begins(text: &str, known: &[&str], close: Close) -> bool {
    let lines = || text.lines().map(bare).take_while(|line| !is_markup(line));
    let below_heading = lines().find(|line| !line.is_empty()).is_some_and(|line| line.starts_with('#'));
    let names_a_level = |line: &str| match names_level(line) {
        // Below a heading and with an empty line behind it, a sentence may look like that.
        Some(Names::Both) => !below_heading || close == Close::AtOnce || line.contains("audience"),
        Some(Names::LevelAlone) => !below_heading && close != Close::Never,
        None => false,
    };
    if lines().any(names_a_level) {
        return true;
    }
    let Some(first) = lines().find(|line| !line.is_empty() && !line.starts_with('#')) else { return false };
    match key(first) {
        Some(key) if known.contains(&key) => true,
        _ if below_heading => false,
        Some(key) if key.starts_with(char::is_lowercase) => {
            nearest(key, known.iter().copied()).is_some() || close == Close::AtOnce && lines().all(reads_like_yaml)
        }
        Some(key) => close == Close::AtOnce && known.iter().any(|known| slips(key, known) <= 1),
        None => close == Close::AtOnce && names_known_without_key(first, known),
    }
}

/// Front matter for certain, which no slide's text is: the first line is a key, and nothing parts it from the ruler that ends it.
fn is_head_by_itself(text: &str, known: &[&str]) -> bool {
    let Some((at, _)) = close(text) else { return false };
    let inside = &text[..at];
    let first = inside.lines().map(bare).find(|line| !line.is_empty() && !line.starts_with('#')).unwrap_or_default();
    let names_known = key(first).is_some_and(|key| known.contains(&key));
    let at_once = inside.lines().next_back().is_some_and(|line| !bare(line).is_empty());
    names_level(first) == Some(Names::Both) || names_known && at_once && is_mapping_of(inside, known)
}

/// A line without what an editor may have put around it and nobody sees.
fn bare(line: &str) -> &str {
    line.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\u{feff}' | '\u{200b}' | '\u{2060}'))
}

/// A line that YAML has no use for and Markdown has: front matter does not go on beyond it.
fn is_markup(line: &str) -> bool {
    ["```", "~~~", "<", "|", ">", "![", "* "].iter().any(|mark| line.starts_with(mark))
}

fn reads_like_yaml(line: &str) -> bool {
    line.is_empty() || line.starts_with(['#', '-', ']', '}']) || key(line).is_some()
}

/// The key that a line sets: `key: …`, also in quotes, or before a blank and the colon.
fn key(line: &str) -> Option<&str> {
    let (key, rest) = line.split_once(':')?;
    let key = key.trim_end().trim_matches(['"', '\'']);
    let is_key = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    (is_key && (rest.is_empty() || rest.starts_with(char::is_whitespace))).then_some(key)
}

/// `layout:cover`, `layout=cover`, `layout cover`, `{layout: cover}`, `- layout: cover`.
fn names_known_without_key(line: &str, known: &[&str]) -> bool {
    let inside = line.trim_start_matches(['{', '-', '?', ' ', '"', '\'']);
    let end = inside.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(inside.len());
    known.contains(&&inside[..end])
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Names {
    /// `audience: internal`, whatever parts the two, and with a slip in either.
    Both,
    /// `level: internal`: a level, under a key of another name.
    LevelAlone,
}

fn names_level(line: &str) -> Option<Names> {
    let line = line.trim_start_matches(['{', '-', '?', '"', '\'', ' ']);
    let at = line.find(|c: char| matches!(c, ':' | '=' | '：') || c.is_whitespace())?;
    let (key, rest) = line.split_at(at);
    let key = key.trim_matches(['"', '\'', '*', '`']);
    let parted = rest.trim_start().starts_with([':', '=', '：']);
    let value = rest.split('#').next().unwrap_or_default();
    let value = value.trim_matches(|c: char| !c.is_alphanumeric());
    let is_level = LEVELS.iter().any(|level| value.len() > SLIPS_MAX + 1 && slips(value, level) <= SLIPS_MAX);
    let is_audience = slips(key, "audience") <= SLIPS_MAX;
    match (is_audience, is_level) {
        (true, true) => Some(Names::Both),
        (true, false) if parted && key == "audience" => Some(Names::Both),
        (false, true) if parted && LEVELS.iter().any(|level| value.eq_ignore_ascii_case(level)) => {
            Some(Names::LevelAlone)
        }
        (true | false, _) => None,
    }
}

fn slips(word: &str, meant: &str) -> usize {
    strsim::damerau_levenshtein(&word.to_lowercase(), &meant.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[&str] = &["title", "layout", "audience", "demo", "steps", "hide", "priority", "minutes", "section"];

    fn is_head(text: &str) -> bool {
        look(text, KNOWN) != Head::None
    }

    #[test]
    fn what_names_a_key_is_front_matter() {
        for head in [
            "layout: cover\n---\n# A",
            "layuot: cover\n---\n# A",
            "layuot: cover\n\n---\n# A",
            "background: red\n---\n# A",
            "Layout: cover\n---\n# A",
            "\"layout\": cover\n---\n# A",
            "'layout' : cover\n---\n# A",
            "layout:\tcover\n---\n# A",
            "\tlayout: cover\n---\n# A",
            "\u{feff}layout: cover\n---\n# A",
            "\nlayout: cover\n---\n# A",
            "# a comment\nlayout: cover\n---\n# A",
            "# a comment\n\nlayout: cover\n\n---\n# A",
            "layout:cover\n---\n# A",
            "layout=cover\n---\n# A",
            "{layout: cover}\n---\n# A",
            "- layout: cover\n---\n# A",
            "layout: [\n---\n# A",
            "audience internal\n---\n# A",
            "audience:internal\n\n---\n# A",
            "audience = Internal\n---\n# A",
            "Audiance: internl\n\n---\n# A",
            "level: internal\n\n---\n# A",
            "foo bar\naudience: internal\n---\n# A",
            "layout: cover\n----\n# A",
        ] {
            assert!(is_head(head), "{head:?}");
        }
    }

    #[test]
    fn prose_is_prose() {
        for prose in [
            "Remember: measure first\n\n---\n# A",
            "Remember: measure first\n---\n# A",
            "note: measure first\n\n---\n# A",
            "Demo: what you will see\n\n---\n# A",
            "# Agenda\n\nDuration: two hours\n\n---\n# A",
            "# Who\n\nAudience: Partner\n\n---\n# B",
            "# Tiers\n\nGold: internal\n\n---\n# B",
            "# A\n\n```yaml\nlayout: cover\naudience: internal\n```\n\n---\n# B",
            "# A\n\n---\nlayout: cover\n---\n# B",
            "https://example.org: a page\n---\n# A",
            "- one: two\n- three\n\n---\n# A",
            "Why: because\n",
            "note: thanks\n",
            "The audience is internal today.\n\n---\n",
            "steps we take\n\n---\n",
            "",
        ] {
            assert!(!is_head(prose), "{prose:?}");
        }
    }

    #[test]
    fn what_lacks_its_end_does_not_take_the_next_one_for_it() {
        let text = "layout: quote\n# Two\n\n---\nlayout: cover\naudience: internal\n---\n# Three";
        assert_eq!(look(text, KNOWN), Head::Endless { next: Some(21) });
        assert_eq!(look("layout: quote\n# Two\n", KNOWN), Head::Endless { next: None });
        assert_eq!(look("layout: quote\n---\nMinutes matter.\n\n---\n", KNOWN), Head::Ends { at: 14, to: 18 });
    }

    #[test]
    fn what_lacks_its_beginning_is_seen_from_its_end() {
        for body in
            ["# A\n\nlayout: cover\naudience: internal\n", "# A\n\n--\naudience: internal\n", "audience: internal\n\n"]
        {
            assert!(stands_above_ruler(body, KNOWN), "{body:?}");
        }
        for body in
            ["# A\n\nNote: this\n", "# A\n\n```yaml\naudience: internal\n```\n", "# A\n\nsection: one\n\n", "", "# A"]
        {
            assert!(!stands_above_ruler(body, KNOWN), "{body:?}");
        }
    }
}
