//! A ```` ```code ```` fence of a deck: a piece of a file of the project, so that a slide shows the real one.
//!
//! ```text
//! file: ../../demos/noisy-neighbour/tenants.yaml
//! lines: 2-8
//! focus: 4 | 5-6, 8 | all
//! ```
//!
//! Each part of `focus` is what one click brings forward, by the numbers that the lines have in their file. Code that stands in the deck
//! itself says the same behind its language, and counts from 1: ```` ```yaml {4 | 5-6, 8 | all} ````.

use super::{Files, Report, hint};
use greenroom_show::code::{Code, Focus, Lines};
use std::path::Path;

/// What a slide can carry and be read; more is cut with a warning.
const LINES_MAX: usize = 15;
/// More clicks than a piece of code has points to make.
const FOCUS_MAX: usize = 12;
const KEYS: [&str; 3] = ["file", "lines", "focus"];

/// Reads what stands in a fence whose text begins at line `first` of the deck. What cannot be shown is named, and costs itself.
pub fn piece(text: &str, first: usize, files: Files<'_>, report: &mut Report) -> Option<Code> {
    let (mut file, mut lines, mut focus) = (None, Lines::ALL, vec![]);
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let at = first + index;
        let (key, value) = line.split_once(':').map_or((line.trim(), ""), |(key, value)| (key.trim(), value.trim()));
        let read = match key {
            "file" => {
                file = Some((at, value));
                Ok(())
            }
            "lines" => lines_of(value).map(|read| lines = read),
            "focus" => focus_of(value).map(|read| focus = read),
            _ => Err(format!("'{key}' is none of {}{}", KEYS.join(", "), hint(key, KEYS))),
        };
        if let Err(why) = read {
            report.fault(at, why);
        }
    }
    let Some((at, name)) = file.filter(|(_, name)| !name.is_empty()) else {
        report.fault(first, "a piece of code is of a file: write 'file: ../../demos/NAME/tenants.yaml'");
        return None;
    };
    let (file, text) = (files.text)(name).map_err(|why| report.fault(at, why)).ok()?;
    let count = text.lines().count();
    let (from, to) = (lines.from as usize, (lines.to as usize).min(count));
    if from > to || (lines != Lines::ALL && lines.to as usize > count) {
        report.fault(at, format!("'{name}' has {count} lines: name some of them with 'lines: 1-{count}'"));
        return None;
    }
    let language = Path::new(name).extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let text: String = text.lines().skip(from - 1).take(to + 1 - from).flat_map(|line| [line, "\n"]).collect();
    let code = Code { language: language.to_string(), text, file, first: from, focus };
    Some(bounded(code, at, report))
}

/// Code as it stands in the deck, in a fence that `info` opens at `line`.
pub fn fenced(info: &str, text: String, line: usize, report: &mut Report) -> Code {
    let language = info.split(|c: char| c.is_whitespace() || c == '{').next().unwrap_or_default().to_string();
    let focus = match info.split_once('{').and_then(|(_, rest)| rest.rsplit_once('}')) {
        None => vec![],
        Some((focus, _)) => focus_of(focus).unwrap_or_else(|why| {
            report.warn(line, why);
            vec![]
        }),
    };
    bounded(Code { language, text, file: String::new(), first: 1, focus }, line, report)
}

/// Leaves of it what can be read, and says what it leaves out.
fn bounded(mut code: Code, line: usize, report: &mut Report) -> Code {
    let lines: Vec<&str> = code.text.split_inclusive('\n').collect();
    if lines.len() > LINES_MAX {
        let count = lines.len();
        report.warn(line, format!("code of {count} lines cannot be read on a slide: the first {LINES_MAX} are shown"));
        code.text = lines[..LINES_MAX].concat();
    }
    let shown = code.text.lines().count();
    let last = code.first + shown.saturating_sub(1);
    let is_shown =
        |lines: &Lines| *lines == Lines::ALL || (lines.from as usize <= last && lines.to as usize >= code.first);
    if !code.focus.iter().all(|focus| focus.iter().all(is_shown)) {
        report.warn(line, format!("'focus' names lines that are not shown: they are {} to {last}", code.first));
    }
    code
}

/// `4 | 5-6, 8 | all`.
fn focus_of(text: &str) -> Result<Vec<Focus>, String> {
    let read = |part: &str| part.split(',').map(|lines| lines_of(lines.trim())).collect::<Result<Focus, _>>();
    let focus = text.split('|').map(read).collect::<Result<Vec<_>, _>>()?;
    if focus.len() > FOCUS_MAX {
        return Err(format!("'{text}' are {} clicks: {FOCUS_MAX} at most", focus.len()));
    }
    Ok(focus)
}

/// `4`, `5-6` or `all`.
fn lines_of(text: &str) -> Result<Lines, String> {
    if text == "all" {
        return Ok(Lines::ALL);
    }
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let number = |text: &str| text.trim().parse::<u32>().ok().filter(|number| *number > 0);
    match (number(from), number(to)) {
        (Some(from), Some(to)) if from <= to => Ok(Lines { from, to }),
        _ => Err(format!("'{text}' is not a line or some, such as '4', '5-6' or 'all'; clicks are parted by '|'")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "one\ntwo\nthree\nfour\n";

    fn read(text: &str) -> (Option<Code>, Vec<String>) {
        let mut report = Report::new("deck.md");
        let picture = |_: &str| Err(String::new());
        let text_of = |name: &str| match name {
            "a.yaml" => Ok(("slides/a/a.yaml".to_string(), FILE.to_string())),
            "long.txt" => Ok(("slides/a/long.txt".to_string(), "x\n".repeat(40))),
            _ => Err(format!("there is no file '{name}'")),
        };
        let code = piece(text, 10, Files { picture: &picture, text: &text_of }, &mut report);
        (code, report.faults.iter().chain(&report.warnings).map(ToString::to_string).collect())
    }

    #[test]
    fn a_piece_of_a_file_keeps_its_numbers() {
        let (code, said) = read("file: a.yaml\nlines: 2-3\nfocus: 2 | 2, 3 | all\n");
        assert_eq!(said, Vec::<String>::new());
        let code = code.expect("read");
        assert_eq!((code.text.as_str(), code.first, code.language.as_str()), ("two\nthree\n", 2, "yaml"));
        assert_eq!(code.file, "slides/a/a.yaml");
        let line = |line| Lines { from: line, to: line };
        assert_eq!(code.focus, [vec![line(2)], vec![line(2), line(3)], vec![Lines::ALL]]);
        assert_eq!(read("file: a.yaml").0.expect("whole").text, FILE);
    }

    #[test]
    fn what_is_wrong_names_its_line_and_what_to_do() {
        for (text, wanted) in [
            ("lines: 2", "deck.md:10: a piece of code is of a file: write 'file: "),
            ("file: b.yaml", "deck.md:10: there is no file 'b.yaml'"),
            ("\nfile: a.yaml\nlines: 3-9", "deck.md:11: 'a.yaml' has 4 lines: name some of them with 'lines: 1-4'"),
            ("file: a.yaml\nlines: 3-2", "deck.md:11: '3-2' is not a line or some"),
            ("file: a.yaml\nfocus: 1 | x", "deck.md:11: 'x' is not a line or some"),
            ("file: a.yaml\nfocus: 9", "deck.md:10: 'focus' names lines that are not shown: they are 1 to 4"),
            ("file: a.yaml\nfoucs: 1", "deck.md:11: 'foucs' is none of file, lines, focus; did you mean 'focus'?"),
            ("file: long.txt", "deck.md:10: code of 40 lines cannot be read on a slide: the first 15"),
        ] {
            let (_, said) = read(text);
            assert!(said.iter().any(|line| line.starts_with(wanted)), "{text:?}\nwanted {wanted}\nsaid   {said:?}");
        }
    }

    #[test]
    fn code_in_the_deck_says_it_behind_its_language() {
        let mut report = Report::new("deck.md");
        let mut read = |info: &str| fenced(info, FILE.into(), 3, &mut report);
        assert_eq!((read("sh {1|2-3}").focus.len(), read("sh {1|2-3}").language), (2, "sh".to_string()));
        assert_eq!((read("").focus.len(), read("yaml{2}").language), (0, "yaml".to_string()));
        assert_eq!(read("js {monaco}").focus.len(), 0);
        assert!(report.warnings[0].to_string().starts_with("deck.md:3: 'monaco' is not a line"));
    }
}
