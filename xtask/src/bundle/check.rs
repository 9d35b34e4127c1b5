//! The packages on machines that have nothing: installed, used by an ordinary user, and removed.

use crate::family::Limit;
use crate::ui::copy;
use crate::{paths, shell};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Debian 12, and the one after it.
const SUITES: [&str; 2] = ["bookworm", "trixie"];
const MIRROR: &str = "http://deb.debian.org/debian";
/// What a package is tried with, besides what it names itself: a screen, keys, and what unpacks the archive.
const BESIDES: &str = "xvfb xauth xdotool zstd";
/// A data folder of a format that older versions wrote.
const OLDER_DATA: &str = "stack/store/tests/golden/format-5.tar.gz";
const SUITE_MAX: Duration = Duration::from_secs(1800);
/// Run inside, as root; it ends at the first line that fails. `$1` is the archive's name, `$2` whether AzCopy is at hand.
const TRIAL: &str = r#"
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
say() { echo "== $*"; }
say "installs an older version"
apt-get update -q
apt-get install -q -y --no-install-recommends /trial/older.deb $BESIDES
! command -v cargo && ! command -v cc
useradd --create-home --shell /bin/sh speaker
chmod -R a+rX /trial
as_user() { su speaker -c "cd && $*"; }
say "a talk, its trust, a take, a rehearsal, and data of an older format still"
as_user "greenroom new talk 'From before' && greenroom trust from-before && greenroom demo run from-before --headless"
as_user "xvfb-run -a sh /trial/rehearse from-before"
as_user "mkdir older-data && tar -xzf /trial/older-data.tar.gz -C older-data"
as_user "greenroom take list > takes-before && greenroom --root Documents/Greenroom rehearsal list from-before > rehearsals-before"
test -s /home/speaker/takes-before && grep -q '^[0-9]' /home/speaker/rehearsals-before
say "upgrades, and keeps them"
apt-get install -q -y --no-install-recommends /trial/greenroom.deb
as_user "greenroom take list | diff takes-before - && greenroom --root Documents/Greenroom rehearsal list from-before | diff rehearsals-before -"
as_user "greenroom demo run from-before --headless"
as_user "greenroom-stack migrate --data older-data/cloud && greenroom-stack verify --data older-data/cloud"
say "says what it is"
as_user "greenroom --version && man=/usr/share/man/man1/greenroom.1 && test -s \$man && greenroom deck list"
say "a talk of one's own"
as_user "greenroom new talk 'My customer'"
as_user "greenroom deck check my-customer"
as_user "greenroom demo run my-customer --headless --trust"
say "the shipped demo"
if [ "$2" = yes ]; then
    as_user "mkdir -p .local/share/greenroom/.tools && cp -r /trial/azcopy .local/share/greenroom/.tools/"
    as_user "greenroom --root /usr/share/greenroom demo run azcopy-into-blob --headless"
fi
say "an export"
as_user "greenroom take list && greenroom deck export my-customer --as html && test -s Documents/Greenroom/exports/my-customer.html"
say "the window"
code=0
as_user "timeout 20 xvfb-run -a greenroom-app --deck my-customer" || code=$?
[ "$code" = 124 ] || { echo "the window ended with $code"; exit 1; }
say "the archive, from a folder with a space in its name"
as_user "mkdir -p 'a folder' && cd 'a folder' && tar -xf /trial/$1 && ./greenroom-*/bin/greenroom demo run my-customer --headless --trust"
say "removes cleanly"
apt-get purge -q -y greenroom
left=$(find /usr /etc /var/lib -iname '*greenroom*' -not -path '/var/lib/apt/*' -not -path '/var/lib/dpkg/*')
[ -z "$left" ] || { echo "left behind: $left"; exit 1; }
as_user "test -s Documents/Greenroom/slides/my-customer/deck.md && ls .local/share/greenroom/takes"
say "all is well"
"#;
/// Run inside with a display: a talk whose clock goes for as long as makes a rehearsal of it. `$1` is the talk.
const REHEARSAL: &str = r#"
set -eu
greenroom-app --deck "$1" --trust &
app=$!
sleep 15
xdotool key t
sleep 15
xdotool key Next
sleep 10
kill -TERM $app
wait $app || true
"#;

/// `older`: a package of a version before this one. Where there is none, this one's programs stand for it.
pub fn all(archive: &Path, deb: &Path, older: Option<&Path>) -> Result<()> {
    if paths::program("debootstrap").is_none() {
        bail!("debootstrap is missing, which makes a bare machine: apt-get install debootstrap");
    }
    let older = match older {
        Some(older) => older.to_owned(),
        None => shell::step("Pack what is upgraded from", || as_older(deb))?,
    };
    SUITES.iter().try_for_each(|suite| shell::step(&format!("A bare {suite}"), || on(suite, archive, deb, &older)))
}

/// The same programs, as of an earlier version.
fn as_older(deb: &Path) -> Result<PathBuf> {
    let (tree, older) = (deb.with_file_name("older"), deb.with_file_name("older.deb"));
    paths::remove_folder(&tree)?;
    shell::run(Command::new("dpkg-deb").arg("--raw-extract").arg(deb).arg(&tree))?;
    let control = tree.join("DEBIAN/control");
    let said = fs::read_to_string(&control).context("read what the package says of itself")?;
    let version = concat!("Version: ", env!("CARGO_PKG_VERSION"));
    fs::write(&control, said.replace(version, &format!("{version}~older"))).context("write an earlier version")?;
    shell::run(Command::new("dpkg-deb").args(["--build", "--root-owner-group"]).arg(&tree).arg(&older))?;
    Ok(older)
}

fn on(suite: &str, archive: &Path, deb: &Path, older: &Path) -> Result<()> {
    let root = archive.with_file_name(format!("bare-{suite}"));
    paths::remove_folder(&root)?;
    shell::run_quietly(Command::new("debootstrap").args(["--variant=minbase", suite]).arg(&root).arg(MIRROR))?;
    let trial = root.join("trial");
    fs::create_dir_all(&trial).context("make the folder of the trial")?;
    let name = archive.file_name().and_then(|name| name.to_str()).expect("a named archive");
    copy(deb, &trial.join("greenroom.deb"))?;
    copy(older, &trial.join("older.deb"))?;
    copy(&paths::root().join(OLDER_DATA), &trial.join("older-data.tar.gz"))?;
    copy(archive, &trial.join(name))?;
    let azcopy = paths::tools().join("azcopy");
    let has_azcopy = azcopy.is_dir();
    if has_azcopy {
        copy(&azcopy, &trial.join("azcopy"))?;
    }
    for (name, lines) in [("run", TRIAL), ("rehearse", REHEARSAL)] {
        fs::write(trial.join(name), lines).context("write the trial")?;
    }
    fs::copy("/etc/resolv.conf", root.join("etc/resolv.conf")).context("say who resolves names")?;
    // Whatever is mounted goes with the namespace, however it ends.
    let inside = format!(
        "mount --rbind /dev dev && mount -t proc proc proc && mount -t tmpfs tmpfs tmp && exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
         BESIDES='{BESIDES}' chroot . sh /trial/run {name} {}",
        if has_azcopy { "yes" } else { "no" }
    );
    let mut command = Command::new("unshare");
    command.args(["--mount", "--pid", "--fork", "--kill-child", "sh", "-c", &inside]).current_dir(&root);
    shell::run_within(&mut command, Limit::Within(SUITE_MAX))?;
    paths::remove_folder(&root)
}
