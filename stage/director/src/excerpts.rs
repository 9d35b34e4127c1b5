//! Files that slides show as text: of the project's decks and demos, and nothing from anywhere else.

use crate::parse::nearest;
use bytesize::ByteSize;
use std::path::{Component, Path, PathBuf};

/// A slide shows a few lines: what is much larger is not what somebody wrote by hand.
const BYTES_MAX: u64 = 64 << 10;
/// Where such files may lie in the project.
const FOLDERS: [&str; 2] = ["slides", "demos"];
/// Names that are looked through for the one that was meant.
const NAMES_MAX: usize = 1000;

/// Where a file lies in the project that the deck `slug` names from its own folder, and what it says; or in a sentence why it cannot be
/// shown. Links are followed.
pub fn read(root: &Path, slug: &str, name: &str) -> Result<(String, String), String> {
    let path = path(root, &root.join("slides").join(slug), name)?;
    let unread = |error: std::io::Error| format!("the file '{name}' cannot be read: {error}");
    let file = std::fs::metadata(&path).map_err(unread)?;
    if !file.is_file() {
        return Err(format!("'{name}' is no file"));
    }
    if file.len() > BYTES_MAX {
        let (has, may) = (ByteSize::b(file.len()).display().si(), ByteSize::b(BYTES_MAX).display().si());
        return Err(format!("the file '{name}' has {has}, and may have {may}: show a shorter one"));
    }
    let text = String::from_utf8(std::fs::read(&path).map_err(unread)?);
    let text = text.map_err(|_| format!("'{name}' is no text: a picture is shown by '![what it shows]({name})'"))?;
    let root = root.canonicalize().map_err(unread)?;
    let place = path.strip_prefix(&root).unwrap_or(&path).display().to_string();
    Ok((place, text.replace("\r\n", "\n")))
}

/// The file itself, in one of the folders.
fn path(root: &Path, deck: &Path, name: &str) -> Result<PathBuf, String> {
    let outside = || {
        format!(
            "'{name}' is not in the project's slides/ or demos/: write it from the deck's folder, as in '../../demos/NAME/tenants.yaml'"
        )
    };
    let relative = Path::new(name);
    if relative.is_absolute() || name.contains("://") {
        return Err(outside());
    }
    let missing = |_| {
        let near = nearest(name, names(deck, relative).iter().map(String::as_str));
        let near = near.map(|near| format!("; did you mean '{near}'?")).unwrap_or_default();
        format!("there is no file '{name}', seen from the deck's folder{near}")
    };
    let path = deck.join(relative).canonicalize().map_err(missing)?;
    let within = |folder: &&str| root.join(folder).canonicalize().is_ok_and(|folder| path.starts_with(folder));
    if !FOLDERS.iter().any(within) {
        return Err(outside());
    }
    let is_hidden = |part: Component<'_>| part.as_os_str().to_string_lossy().starts_with('.');
    let below = path.strip_prefix(root.canonicalize().map_err(|error| error.to_string())?).unwrap_or(&path);
    if below.components().any(is_hidden) {
        return Err(format!("'{name}' is hidden, as files with secrets are: show one that is not"));
    }
    if path.file_name().is_some_and(|name| name == "deck.md") {
        return Err(format!("'{name}' holds what only its speaker may read: put what is shown into a file of its own"));
    }
    Ok(path)
}

/// What lies where a file was looked for, as a slide would name it.
fn names(deck: &Path, looked_for: &Path) -> Vec<String> {
    let parent = looked_for.parent().unwrap_or(Path::new(""));
    let entries = std::fs::read_dir(deck.join(parent)).into_iter().flatten().flatten();
    let names = entries.take(NAMES_MAX).map(|entry| parent.join(entry.file_name()).display().to_string());
    names.filter(|name| name != "deck.md").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project() -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a folder");
        for (name, text) in [
            ("slides/a/deck.md", "# A"),
            ("slides/a/error.txt", "409\r\n"),
            ("slides/b/deck.md", "# B"),
            ("demos/neighbour/tenants.yaml", "version: 1\n"),
            ("demos/neighbour/.env", "secret"),
            ("takes/one.take", "one"),
            ("key.pem", "secret"),
        ] {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(path, text).expect("written");
        }
        root
    }

    #[test]
    fn a_file_of_the_deck_and_one_of_a_demo_are_read() {
        let root = project();
        let read = |name: &str| read(root.path(), "a", name);
        assert_eq!(read("error.txt"), Ok(("slides/a/error.txt".into(), "409\n".into())));
        let (place, text) = read("../../demos/neighbour/tenants.yaml").expect("there");
        assert_eq!((place.as_str(), text.as_str()), ("demos/neighbour/tenants.yaml", "version: 1\n"));
    }

    #[test]
    fn what_may_not_be_shown_says_why() {
        let root = project();
        let deck = root.path().join("slides/a");
        std::os::unix::fs::symlink(root.path().join("key.pem"), deck.join("link.txt")).expect("a link");
        std::fs::write(deck.join("rack.png"), [0xff, 0xd8, 0xff]).expect("written");
        std::fs::File::create(deck.join("large.txt")).expect("a file").set_len(BYTES_MAX + 1).expect("a size");
        let absolute = deck.join("error.txt").display().to_string();
        for (name, wanted) in [
            ("eror.txt", "there is no file 'eror.txt', seen from the deck's folder; did you mean 'error.txt'?"),
            ("../../demos/neighbour/tenant.yaml", "did you mean '../../demos/neighbour/tenants.yaml'?"),
            ("../../key.pem", "is not in the project's slides/ or demos/"),
            ("../../takes/one.take", "is not in the project's slides/ or demos/"),
            ("link.txt", "is not in the project's slides/ or demos/"),
            (&absolute, "is not in the project's slides/ or demos/"),
            ("https://example.org/a.yaml", "is not in the project's slides/ or demos/"),
            ("../../demos/neighbour/.env", "is hidden"),
            ("../../demos/neighbour", "is no file"),
            ("../b/deck.md", "holds what only its speaker may read"),
            ("rack.png", "is no text: a picture is shown by '![what it shows](rack.png)'"),
            ("large.txt", "may have 65.5 kB"),
        ] {
            let said = read(root.path(), "a", name).expect_err(name);
            assert!(said.contains(wanted), "wanted {wanted}\nsaid   {said}");
        }
    }
}
