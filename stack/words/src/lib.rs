//! What a package brings beside a program: its manual pages, and what shells complete its command line by; both made of the command line itself.

use clap::Command;
use clap_complete::Shell;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Writes them where systems look, below `share`, such as `/usr/share`.
pub fn write(command: &Command, share: &Path) -> io::Result<()> {
    let pages = share.join("man/man1");
    fs::create_dir_all(&pages)?;
    clap_mangen::generate_to(command.clone(), &pages)?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        let (mut command, name) = (command.clone(), command.get_name().to_owned());
        let mut words = Vec::new();
        clap_complete::generate(shell, &mut command, &name, &mut words);
        let file = share.join(place(shell, &name));
        fs::create_dir_all(file.parent().expect("it lies in a folder"))?;
        fs::write(file, words)?;
    }
    Ok(())
}

fn place(shell: Shell, name: &str) -> PathBuf {
    match shell {
        Shell::Zsh => PathBuf::from("zsh/vendor-completions").join(format!("_{name}")),
        Shell::Fish => PathBuf::from("fish/vendor_completions.d").join(format!("{name}.fish")),
        _ => PathBuf::from("bash-completion/completions").join(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_described_and_completed_where_systems_look() {
        let share = tempfile::tempdir().expect("a folder");
        let command = Command::new("tool").about("Does it").subcommand(Command::new("run").about("Runs it"));
        write(&command, share.path()).expect("written");
        for (file, part) in [
            ("man/man1/tool.1", "Does it"),
            ("man/man1/tool-run.1", "Runs it"),
            ("bash-completion/completions/tool", "run"),
            ("zsh/vendor-completions/_tool", "#compdef tool"),
            ("fish/vendor_completions.d/tool.fish", "run"),
        ] {
            let text = fs::read_to_string(share.path().join(file)).expect(file);
            assert!(text.contains(part), "{file}: {text}");
        }
    }
}
