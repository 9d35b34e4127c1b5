//! Opens a file where the user edits files, at the line that is meant.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Editors with windows of their own, the likeliest first, and how each is led to a line.
const KNOWN: [(&str, &str); 12] = [
    ("code", "code --goto {file}:{line}"),
    ("codium", "codium --goto {file}:{line}"),
    ("cursor", "cursor --goto {file}:{line}"),
    ("zed", "zed {file}:{line}"),
    ("subl", "subl {file}:{line}"),
    ("gnome-text-editor", "gnome-text-editor {file}"),
    ("gedit", "gedit +{line} {file}"),
    ("kate", "kate --line {line} {file}"),
    ("kwrite", "kwrite --line {line} {file}"),
    ("mousepad", "mousepad --line {line} {file}"),
    ("xed", "xed +{line} {file}"),
    ("emacs", "emacs +{line} {file}"),
];
/// Editors in a terminal, which needs a window.
const IN_TERMINAL: [&str; 7] = ["vi", "vim", "nvim", "nano", "micro", "hx", "helix"];
const TERMINALS: [&str; 5] = ["x-terminal-emulator", "gnome-terminal", "konsole", "xfce4-terminal", "xterm"];
/// What opens a file by whatever the desktop has for its kind.
const DESKTOP: [(&str, &str); 3] =
    [("xdg-open", "xdg-open {file}"), ("open", "open -t {file}"), ("notepad", "notepad {file}")];

#[derive(Debug, thiserror::Error)]
pub enum EditorError {
    #[error("the editor's line in the settings cannot be read: {0}")]
    BadLine(String),
    #[error("no editor was found here: name one in the settings, such as: code --goto {{file}}:{{line}}")]
    None,
    #[error("{program} does not start: {source}; another editor can be named in the settings")]
    Start { program: String, source: std::io::Error },
}

/// Opens it, and answers what was started. It goes on by itself.
pub fn open(set: &str, file: &Path, line: usize) -> Result<String, EditorError> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    let wanted = variable("VISUAL").or_else(|| variable("EDITOR"));
    let words = words(set, wanted.as_deref(), &|name| on_path(name).is_some(), file, line)?;
    start(&words)
}

/// Opens a folder where the desktop shows files.
pub fn show(folder: &Path) -> Result<String, EditorError> {
    let known = ["xdg-open", "open", "explorer"].into_iter().find(|name| on_path(name).is_some());
    let program = known.ok_or(EditorError::None)?;
    start(&[program.into(), folder.display().to_string()])
}

fn start(words: &[String]) -> Result<String, EditorError> {
    let (program, arguments) = words.split_first().ok_or(EditorError::None)?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn();
    let mut child = child.map_err(|source| EditorError::Start { program: program.clone(), source })?;
    // It is waited for, so that nothing is left of it when it ends.
    std::thread::spawn(move || child.wait());
    Ok(program.clone())
}

/// What the user has set; what their environment names; what is here.
fn words(
    set: &str,
    wanted: Option<&str>,
    is_here: &dyn Fn(&str) -> bool,
    file: &Path,
    line: usize,
) -> Result<Vec<String>, EditorError> {
    if !set.trim().is_empty() {
        return filled(set, file, line);
    }
    if let Some(wanted) = wanted {
        let name = wanted.split_whitespace().next().unwrap_or_default();
        let base = name.rsplit('/').next().unwrap_or(name);
        if let Some((_, template)) = KNOWN.iter().find(|(known, _)| *known == base) {
            return filled(template, file, line);
        }
        if !IN_TERMINAL.contains(&base) {
            return filled(&format!("{wanted} {{file}}"), file, line);
        }
        if let Some(terminal) = TERMINALS.iter().find(|name| is_here(name)) {
            let runs = if *terminal == "gnome-terminal" { "--" } else { "-e" };
            return filled(&format!("{terminal} {runs} {wanted} +{{line}} {{file}}"), file, line);
        }
    }
    let known = KNOWN.iter().chain(&DESKTOP).find(|(name, _)| is_here(name));
    known.map_or(Err(EditorError::None), |(_, template)| filled(template, file, line))
}

fn filled(template: &str, file: &Path, line: usize) -> Result<Vec<String>, EditorError> {
    let words = shell_words::split(template).map_err(|error| EditorError::BadLine(error.to_string()))?;
    let (file, line) = (file.display().to_string(), line.max(1).to_string());
    Ok(words.into_iter().map(|word| word.replace("{line}", &line).replace("{file}", &file)).collect())
}

pub fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let suffix = std::env::consts::EXE_SUFFIX;
    std::env::split_paths(&path).map(|folder| folder.join(format!("{name}{suffix}"))).find(|program| program.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_opens_where_the_user_edits_at_the_line_that_is_meant() {
        let file = Path::new("/talks of mine/deck.md");
        for (set, wanted, here, expected) in [
            ("my-editor -n {line} '{file}'", Some("code"), "code", "my-editor|-n|7|/talks of mine/deck.md"),
            ("", Some("/usr/bin/code --wait"), "", "code|--goto|/talks of mine/deck.md:7"),
            ("", Some("nvim"), "xterm", "xterm|-e|nvim|+7|/talks of mine/deck.md"),
            ("", Some("nvim"), "kate", "kate|--line|7|/talks of mine/deck.md"),
            ("", Some("ed -p x"), "kate", "ed|-p|x|/talks of mine/deck.md"),
            ("", None, "xdg-open", "xdg-open|/talks of mine/deck.md"),
        ] {
            let words = words(set, wanted, &|name| name == here, file, 7).expect("an editor");
            assert_eq!(words.join("|"), expected);
        }
        let none = words("", None, &|_| false, file, 0).expect_err("none").to_string();
        assert!(none.contains("code --goto {file}:{line}"), "{none}");
        assert!(matches!(words("'", None, &|_| true, file, 0), Err(EditorError::BadLine(_))));
    }
}
