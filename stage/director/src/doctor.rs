//! Looks at this machine: what Greenroom has here, what it lacks, and what to do. Nothing that it tells names a user, an account or a key.

use crate::places::{Home, Places};
use crate::preflight;
use crate::toolbox;
use crate::version::Versions;
use crate::{machine, places, settings, system};
use greenroom_show::preflight::Check;
use greenroom_show::start::doctor::{Chapter, Examination, Tool};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

/// A program of ours that does not tell its version by then hangs.
const ASK_MAX: Duration = Duration::from_secs(5);

pub async fn examine(places: &Places, home: &Home, versions: &Versions, stack: &Path) -> Examination {
    let tools = toolbox::look(places, versions).await;
    let tools = tools.into_iter().map(|tool| Tool { path: tool.path.map(|path| short(Path::new(&path))), ..tool });
    Examination {
        chapters: vec![programs(stack).await, this_machine(places), lies(places, home)],
        tools: tools.collect(),
    }
}

/// Ours, which are of one build.
async fn programs(stack: &Path) -> Chapter {
    let own = env!("CARGO_PKG_VERSION");
    let mut lines = vec![Check::go("greenroom", own)];
    let beside = |name: &str| stack.with_file_name(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    for (name, program) in [
        ("greenroom-stack", stack.to_path_buf()),
        ("greenroom-vault", beside("greenroom-vault")),
        ("greenroom-app", beside("greenroom-app")),
    ] {
        let found = match version(&program).await {
            Ok(version) if version.ends_with(&format!(" {own}")) => Check::go(name, own),
            Ok(version) => Check::stop(
                name,
                format!("{version}, and this is {own}"),
                "install all programs from one package, or build them together",
            ),
            Err(why) => Check::stop(name, why, format!("it belongs beside the other programs: {}", places::to_mend())),
        };
        lines.push(found);
    }
    Chapter { title: "Programs".into(), lines }
}

async fn version(program: &Path) -> Result<String, String> {
    let mut command = tokio::process::Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    match tokio::time::timeout(ASK_MAX, command.output()).await {
        Ok(Ok(answer)) => Ok(String::from_utf8_lossy(&answer.stdout).lines().next().unwrap_or_default().to_owned()),
        Ok(Err(error)) => Err(format!("{}: {error}", short(program))),
        Err(_) => Err(format!("{} does not answer", short(program))),
    }
}

fn this_machine(places: &Places) -> Chapter {
    let machine = machine::describe();
    let mut lines = vec![
        Check::go("system", machine.system),
        Check::go("processor", format!("{}, {} cores", machine.cpu, machine.cores)),
    ];
    lines.extend(preflight::judge_around(&preflight::Around::look(places)));
    Chapter { title: "This machine".into(), lines }
}

/// Where all lies, and whether it can be written there.
fn lies(places: &Places, home: &Home) -> Chapter {
    let tools = home.tools();
    let settings = settings::read(places.settings());
    let (takes, exports, shows) = (places.takes(), places.exports(), places.shows());
    let kept = [("takes", takes), ("exports", exports), ("shows' work", shows), ("tools", tools.as_path())];
    let project = places.project();
    let origin = match () {
        () if places::is_shipped(project) => "came with Greenroom",
        // One that is not there yet can be made.
        () if !project.exists() || system::is_writable(project) => "yours",
        () => "read-only: talks there can be shown, and copied",
    };
    let mut lines = vec![Check::go("project", format!("{} ({origin})", short(project)))];
    lines.extend(kept.map(|(name, folder)| match folder.ancestors().find(|folder| folder.is_dir()) {
        Some(there) if system::is_writable(there) => Check::go(name, short(folder)),
        Some(_) | None => Check::stop(
            name,
            format!("{} cannot be written", short(folder)),
            "give yourself the right to, or start it with --home DIR",
        ),
    }));
    lines.push(match settings {
        Ok(_) => Check::go("settings", short(places.settings())),
        Err(error) => Check::look("settings", error.to_string(), "until then all is as usual"),
    });
    Chapter { title: "Places".into(), lines }
}

/// Below the user's own folder by `~`: a report is handed on, and whose it is need not be in it.
pub fn short(path: &Path) -> String {
    short_of(path, std::env::var_os("HOME").map(PathBuf::from).as_deref())
}

fn short_of(path: &Path, home: Option<&Path>) -> String {
    match home.filter(|home| home.parent().is_some()).and_then(|home| path.strip_prefix(home).ok()) {
        Some(below) if below.as_os_str().is_empty() => "~".into(),
        Some(below) => format!("~/{}", below.display()),
        None => path.display().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_users_own_folder_is_not_named() {
        for (path, home, expected) in [
            ("/home/ada/Talks", Some("/home/ada"), "~/Talks"),
            ("/home/ada", Some("/home/ada"), "~"),
            ("/home/adam/x", Some("/home/ada"), "/home/adam/x"),
            ("/srv/talks", Some("/"), "/srv/talks"),
            ("/srv/talks", None, "/srv/talks"),
        ] {
            assert_eq!(short_of(Path::new(path), home.map(Path::new)), expected);
        }
    }

    #[tokio::test]
    async fn what_is_lacking_is_named_with_what_to_do() {
        let folder = tempfile::tempdir().expect("a folder");
        let home = Home::find(Some(folder.path().to_owned())).expect("a home");
        let places = Places::of(&folder.path().join("project"), &home);
        std::fs::create_dir_all(places.settings().parent().expect("a folder")).expect("a folder");
        std::fs::write(places.settings(), "{").expect("written");
        let examined = examine(&places, &home, &Versions::default(), &folder.path().join("greenroom-stack")).await;
        let report = examined.report();
        for wanted in ["stop greenroom-stack: ", "look settings: ", "mend it", "## This machine", "AzCopy"] {
            assert!(report.contains(wanted), "{wanted}: {report}");
        }
    }
}
