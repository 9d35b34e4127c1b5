//! The book, as a reader goes through it: in the order of its contents, with nothing but a home of their own, each file is written and each command
//! typed, and what the book says a command prints is what it prints.
//!
//! What a fence says behind its language: `console` is typed and read; `console exit=1` ends so, and `exit=0,1` in either way; `console interrupt` is
//! ended by Ctrl-C once it has printed what is shown; `console window` opens a window or draws by the app, and only its words are looked at, as are those of
//! `console page` where the stage's page has not been built. Any other language with
//! `file=PATH` is written to that path of the reader's talks. In what is printed, `...` stands for any text, and alone on a line for any lines.

#[expect(dead_code, reason = "what the other tests share, not all of which is needed here")]
mod support;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use support::{stack, until, workspace, write};

/// The programs that a reader types.
const PROGRAMS: [&str; 4] = ["greenroom", "greenroom-stack", "greenroom-vault", "greenroom-app"];
/// Where a new user's talks lie.
const TALKS: &str = "Documents/Greenroom";
/// What stands for anything.
const ANYTHING: &str = "...";

fn book() -> PathBuf {
    workspace().join("docs/book")
}

fn read(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// A chapter's file, with a link's target, as Markdown has them.
fn links(text: &str) -> Vec<String> {
    let links = Parser::new(text).filter_map(|event| match event {
        Event::Start(Tag::Link { dest_url, .. }) => Some(dest_url.to_string()),
        _ => None,
    });
    links.collect()
}

/// In the order of the contents.
fn chapters() -> Vec<(String, String)> {
    let is_chapter = |link: &String| link.ends_with(".md") && !link.contains('/');
    let names: Vec<_> = links(&read(&book().join("README.md"))).into_iter().filter(is_chapter).collect();
    names.into_iter().map(|name| (name.clone(), read(&book().join(name)))).collect()
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    /// Commands, each with the lines that it prints.
    Typed {
        commands: Vec<(String, Vec<String>)>,
        how: How,
    },
    Written {
        path: String,
        text: String,
    },
    /// A command in a sentence.
    Named(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum How {
    Ends(Vec<i32>),
    Interrupted,
    Window,
    Page,
}

/// What of a chapter is typed and written, in order, each with its line; or what nobody would try.
fn pieces(text: &str) -> Result<Vec<(usize, Piece)>, String> {
    let mut found = Vec::new();
    let mut block: Option<(usize, String, String)> = None;
    for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
        let line = text[..range.start].matches('\n').count() + 1;
        match event {
            Event::Start(Tag::CodeBlock(kind)) => {
                let info = match kind {
                    CodeBlockKind::Fenced(info) => info.to_string(),
                    CodeBlockKind::Indented => String::new(),
                };
                block = Some((line, info, String::new()));
            }
            Event::Text(words) => {
                if let Some((_, _, code)) = &mut block {
                    code.push_str(&words);
                }
            }
            Event::End(TagEnd::CodeBlock) => {
                let (line, info, code) = block.take().expect("a block begins before it ends");
                found.extend(fence(&info, &code).map_err(|why| format!("{line}: {why}"))?.map(|piece| (line, piece)));
            }
            Event::Code(code) if is_command(&code) => found.push((line, Piece::Named(code.to_string()))),
            _ => {}
        }
    }
    Ok(found)
}

fn fence(info: &str, code: &str) -> Result<Option<Piece>, String> {
    let mut words = info.split_whitespace();
    let (language, words) = (words.next().unwrap_or_default(), words.collect::<Vec<_>>());
    if language == "console" {
        let how = match words[..] {
            [] => How::Ends(vec![0]),
            ["interrupt"] => How::Interrupted,
            ["window"] => How::Window,
            ["page"] => How::Page,
            [word] => How::Ends(codes(word)?),
            _ => return Err(format!("'{info}' says more than one thing of how it ends")),
        };
        return typed(code).map(|commands| Some(Piece::Typed { commands, how }));
    }
    if let [path] = words[..]
        && let Some(path) = path.strip_prefix("file=")
    {
        return Ok(Some(Piece::Written { path: path.to_string(), text: code.to_string() }));
    }
    match code.lines().find(|line| is_command(line.trim().trim_start_matches("$ "))) {
        Some(line) => Err(format!("'{line}' stands in a fence that nobody tries: open it by ```console")),
        None if words.is_empty() => Ok(None),
        None => Err(format!("'{info}' means nothing here")),
    }
}

fn codes(word: &str) -> Result<Vec<i32>, String> {
    let codes = word.strip_prefix("exit=").and_then(|codes| codes.split(',').map(|code| code.parse().ok()).collect());
    codes.ok_or_else(|| format!("'{word}' is none of 'exit=CODE', 'interrupt', 'page' and 'window'"))
}

fn typed(code: &str) -> Result<Vec<(String, Vec<String>)>, String> {
    let mut commands: Vec<(String, Vec<String>)> = Vec::new();
    for line in code.lines() {
        match (line.strip_prefix("$ "), commands.last_mut()) {
            (Some(command), _) => commands.push((command.to_string(), Vec::new())),
            (None, Some((_, printed))) => printed.push(line.to_string()),
            (None, None) => return Err(format!("'{line}' is printed by no command: type one behind '$ '")),
        }
    }
    if commands.is_empty() { Err("a console in which nothing is typed".into()) } else { Ok(commands) }
}

fn is_command(line: &str) -> bool {
    PROGRAMS.iter().any(|program| line.strip_prefix(program).is_some_and(|rest| rest.starts_with(' ')))
}

/// Whether a line is as shown, `...` standing for any text.
fn is_as(shown: &str, line: &str) -> bool {
    let mut parts = shown.split(ANYTHING);
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    let mut last = None;
    for part in parts {
        last = Some(part);
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    match last {
        None => rest.is_empty(),
        Some(part) => rest.is_empty() || line[first.len()..].ends_with(part),
    }
}

/// Whether lines are as shown, a line of `...` standing for any lines, none among them.
fn are_as(shown: &[String], lines: &[&str]) -> bool {
    match shown {
        [] => lines.is_empty(),
        [any, rest @ ..] if any == ANYTHING => (0..=lines.len()).any(|skipped| are_as(rest, &lines[skipped..])),
        [first, rest @ ..] => {
            lines.split_first().is_some_and(|(line, lines)| is_as(first, line) && are_as(rest, lines))
        }
    }
}

/// A terminal without a display, in which nothing is set but the reader's home.
struct Reader {
    home: tempfile::TempDir,
    said: PathBuf,
}

impl Reader {
    fn new() -> Reader {
        stack();
        let home = tempfile::tempdir().expect("a folder");
        Reader { said: home.path().join(".said"), home }
    }

    fn shell(&self, command: &str) -> Command {
        let programs = Path::new(env!("CARGO_BIN_EXE_greenroom")).parent().expect("a folder");
        let said = std::fs::File::create(&self.said).expect("a file");
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", command]).current_dir(self.home.path()).env_clear().env("HOME", self.home.path());
        shell.env("PATH", format!("{}:/usr/bin:/bin", programs.display())).stdin(Stdio::null());
        shell.stdout(said.try_clone().expect("a file")).stderr(said).process_group(0);
        shell
    }

    /// What was printed, as a terminal without colours shows it.
    fn said(&self) -> String {
        plain(&String::from_utf8_lossy(&std::fs::read(&self.said).expect("a file")))
    }

    async fn types(&self, command: &str, shown: &[String], how: &How) -> Result<(), String> {
        match how {
            How::Ends(codes) => self.runs(command, shown, codes),
            How::Page if workspace().join("ui/dist").is_dir() => self.runs(command, shown, &[0]),
            How::Page | How::Window => self.can_be_typed(command),
            How::Interrupted => {
                let mut child = self.shell(&format!("exec {command}")).spawn().expect("a shell");
                let group = Pid::from_raw(i32::try_from(child.id()).expect("a process id"));
                let is_as_shown = || are_as(shown, &self.said().trim_end().lines().collect::<Vec<_>>()).then_some(());
                until(&format!("{command}: {shown:?}"), is_as_shown).await;
                killpg(group, Signal::SIGINT).expect("it runs");
                let status = until("Ctrl-C ends it", || child.try_wait().expect("a child")).await;
                match status.code() {
                    Some(0) => Ok(()),
                    code => Err(format!("'{command}' ended with {code:?} ({:?}) after Ctrl-C", status.signal())),
                }
            }
        }
    }

    fn runs(&self, command: &str, shown: &[String], codes: &[i32]) -> Result<(), String> {
        let code = self.shell(command).status().expect("a shell").code();
        let said = self.said();
        if !codes.iter().any(|wanted| code == Some(*wanted)) {
            return Err(format!("'{command}' ended with {code:?} and not {codes:?}:\n{said}"));
        }
        let is_well = shown.is_empty() || are_as(shown, &said.trim_end().lines().collect::<Vec<_>>());
        if is_well { Ok(()) } else { Err(format!("'{command}' printed\n{said}\nand not\n{}", shown.join("\n"))) }
    }

    /// Whether these are words that the program knows.
    fn can_be_typed(&self, command: &str) -> Result<(), String> {
        let program = command.split(' ').next().unwrap_or_default();
        assert_ne!(program, "greenroom-app", "it is not built here: say 'greenroom open'");
        let status = self.shell(&format!("{command} --help")).status().expect("a shell");
        if status.success() { Ok(()) } else { Err(format!("'{command}' is no command:\n{}", self.said())) }
    }
}

/// Without what colours it.
fn plain(text: &str) -> String {
    let mut parts = text.split('\x1b');
    let first = parts.next().unwrap_or_default().to_string();
    let rest =
        parts.map(|part| part.split_once(|letter: char| letter.is_ascii_alphabetic()).map_or("", |(_, rest)| rest));
    (first + &rest.collect::<String>()).replace('\r', "")
}

#[tokio::test]
async fn all_that_the_book_says_is_so() {
    let reader = Reader::new();
    let (mut typed, mut wrong) = (0, Vec::new());
    for (name, text) in chapters() {
        for (line, piece) in pieces(&text).unwrap_or_else(|why| panic!("docs/book/{name}:{why}")) {
            let mut came = Vec::new();
            match piece {
                Piece::Typed { commands, how } => {
                    for (command, shown) in commands {
                        typed += 1;
                        came.push(reader.types(&command, &shown, &how).await);
                    }
                }
                Piece::Written { path, text } => write(&reader.home.path().join(TALKS).join(path), &text),
                Piece::Named(command) => came.push(reader.can_be_typed(&command)),
            }
            wrong.extend(came.into_iter().filter_map(Result::err).map(|why| format!("docs/book/{name}:{line}: {why}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(typed > 30, "{typed} commands");
}

#[test]
fn each_chapter_is_in_the_contents_and_each_link_leads_somewhere() {
    let name = |entry: std::fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    let mut files: Vec<String> = std::fs::read_dir(book()).expect("the book").flatten().map(name).collect();
    files.sort();
    let mut listed: Vec<String> =
        chapters().into_iter().map(|(name, _)| name).chain(["README.md".to_string()]).collect();
    listed.sort();
    assert_eq!(files, listed);
    for file in files {
        for link in links(&read(&book().join(&file))).iter().filter(|link| !link.contains("://")) {
            let target = link.split('#').next().unwrap_or_default();
            assert!(target.is_empty() || book().join(target).exists(), "{file}: {link}");
        }
    }
}

#[test]
fn what_nobody_would_try_is_refused() {
    let fenced = |info: &str, code: &str| pieces(&format!("Words.\n\n```{info}\n{code}\n```\n"));
    for (info, code) in [
        ("", "greenroom deck list"),
        ("sh", "$ greenroom deck list"),
        ("text", "greenroom-stack serve --data DIR"),
        ("console", "greenroom deck list"),
        ("console", ""),
        ("console exit=one", "$ true"),
        ("console windows", "$ greenroom open talk"),
        ("yaml lines=3", "a: 1"),
    ] {
        assert!(fenced(info, code).is_err(), "{info}: {code}");
    }
    assert!(pieces("Words.\n\n    greenroom deck list\n").is_err(), "indented code");
    assert_eq!(fenced("yaml", "title: greenroom").expect("no command"), []);
    let named = pieces("Say `greenroom deck list`, or `greenroom`.\n").expect("a command");
    assert_eq!(named, [(1, Piece::Named("greenroom deck list".into()))]);
}

#[test]
fn what_is_shown_is_compared() {
    let shown = |text: &str| text.lines().map(str::to_string).collect::<Vec<_>>();
    let is = |wanted: &str, said: &str| are_as(&shown(wanted), &said.lines().collect::<Vec<_>>());
    for (wanted, said) in [
        ("one\ntwo", "one\ntwo"),
        ("one\n...\nfour", "one\ntwo\nthree\nfour"),
        ("one\n...", "one"),
        ("...\n2 of ... slides", "a\nb\n2 of 14 slides"),
        ("... UTC  no faults", "12:00:00 UTC  no faults"),
        (".../deck.md", "/home/a/deck.md"),
    ] {
        assert!(is(wanted, said), "{wanted} against {said}");
    }
    for (wanted, said) in [
        ("one", "one\ntwo"),
        ("one\ntwo", "one"),
        ("one", "ones"),
        ("... faults", "no faults, 1 warning"),
        ("one\n...\nfour", "one\ntwo"),
        ("2 of ... slides", "2 of 14 slide"),
    ] {
        assert!(!is(wanted, said), "{wanted} against {said}");
    }
}

#[tokio::test]
async fn a_command_that_does_something_else_is_named() {
    let reader = Reader::new();
    let printed = |text: &str| vec![text.to_string()];
    let ends = |codes: &[i32]| How::Ends(codes.to_vec());
    assert_eq!(reader.types("echo one", &printed("one"), &ends(&[0])).await, Ok(()));
    assert!(reader.types("echo two", &printed("one"), &ends(&[0])).await.is_err());
    assert!(reader.types("exit 1", &[], &ends(&[0])).await.is_err());
    assert_eq!(reader.types("exit 1", &[], &ends(&[0, 1])).await, Ok(()));
    assert_eq!(reader.types("greenroom open talk", &[], &How::Window).await, Ok(()));
    assert!(reader.types("greenroom opne talk", &[], &How::Window).await.is_err());
    assert!(reader.can_be_typed("greenroom deck export talk --as pfd").is_err());
}
