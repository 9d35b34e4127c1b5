//! The pictures of a deck: files of its own folder, and nothing from anywhere else.

use crate::parse::nearest;
use bytes::Bytes;
use bytesize::ByteSize;
use imagesize::ImageType;
use percent_encoding::percent_decode_str;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

/// A larger one would still be read from disk while its slide fades in.
const BYTES_MAX: u64 = 8 << 20;
/// Of all pictures of a deck: they stay in memory while it is on stage.
const DECK_BYTES_MAX: u64 = 128 << 20;
/// Pixels to a side: four times what a projector shows. A window holds a picture unpacked.
const SIDE_MAX: usize = 8192;
const KINDS: &str = "svg, png, jpg or webp";
/// Names that are looked through for the one that was meant.
const NAMES_MAX: usize = 1000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    pub kind: Kind,
    pub bytes: Bytes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Svg,
    Png,
    Jpeg,
    Webp,
}

impl Kind {
    /// As HTTP names it.
    pub fn media_type(self) -> &'static str {
        match self {
            Kind::Svg => "image/svg+xml",
            Kind::Png => "image/png",
            Kind::Jpeg => "image/jpeg",
            Kind::Webp => "image/webp",
        }
    }

    /// By what a file holds, where its name promises a picture.
    fn of(name: &Path, bytes: &[u8]) -> Option<Kind> {
        let extension = name.extension()?.to_str()?.to_ascii_lowercase();
        if extension == "svg" {
            return std::str::from_utf8(bytes).is_ok_and(|text| text.contains("<svg")).then_some(Kind::Svg);
        }
        match imagesize::image_type(bytes).ok()? {
            ImageType::Png => Some(Kind::Png),
            ImageType::Jpeg => Some(Kind::Jpeg),
            ImageType::Webp => Some(Kind::Webp),
            _ => None,
        }
    }
}

/// The folder of a deck that is being read, and what its slides have named so far.
#[derive(Debug)]
pub struct Shelf {
    folder: PathBuf,
    found: RefCell<BTreeMap<String, Picture>>,
}

impl Shelf {
    pub fn new(folder: PathBuf) -> Shelf {
        Shelf { folder, found: RefCell::default() }
    }

    /// The id of the picture of this name, which is the hash of its file; or in a sentence why it cannot be shown.
    /// Markdown writes names as addresses are written, so that `a%20b.svg` may be `a b.svg`.
    pub fn find(&self, name: &str) -> Result<String, String> {
        let decoded = percent_decode_str(name).decode_utf8().unwrap_or(name.into());
        let path = match self.path(name) {
            Err(_) if decoded != name => self.path(&decoded)?,
            found => found?,
        };
        let unread = |error: std::io::Error| format!("the picture '{name}' cannot be read: {error}");
        let file = std::fs::metadata(&path).map_err(unread)?;
        if !file.is_file() {
            return Err(format!("'{name}' is no file"));
        }
        if file.len() > BYTES_MAX {
            let (has, may) = (ByteSize::b(file.len()).display().si(), ByteSize::b(BYTES_MAX).display().si());
            return Err(format!("the picture '{name}' has {has}, and may have {may}: make it smaller"));
        }
        let bytes = Bytes::from(std::fs::read(&path).map_err(unread)?);
        let Some(kind) = Kind::of(&path, &bytes) else {
            return Err(format!("'{name}' does not hold what its name says: {KINDS}"));
        };
        if kind != Kind::Svg {
            small_enough(name, &bytes)?;
        }
        let id = blake3::hash(&bytes).to_hex().to_string();
        let mut found = self.found.borrow_mut();
        found.insert(id.clone(), Picture { kind, bytes });
        if found.values().map(|picture| picture.bytes.len() as u64).sum::<u64>() > DECK_BYTES_MAX {
            found.remove(&id);
            let may = ByteSize::b(DECK_BYTES_MAX).display().si();
            return Err(format!("with '{name}' the pictures of this deck have more than {may}: make them smaller"));
        }
        Ok(id)
    }

    /// All that were found, by id.
    pub fn into_found(self) -> BTreeMap<String, Picture> {
        self.found.into_inner()
    }

    /// A file of the folder, links followed.
    fn path(&self, name: &str) -> Result<PathBuf, String> {
        let outside = || format!("'{name}' is not in the deck's folder: save the picture beside deck.md");
        let relative = Path::new(name);
        let stays = relative.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if !stays || name.contains("://") || name.starts_with("data:") {
            return Err(outside());
        }
        let extension = relative.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        if !["svg", "png", "jpg", "jpeg", "webp"].contains(&extension.to_ascii_lowercase().as_str()) {
            return Err(format!("'{name}' is no picture that a slide can show: {KINDS}"));
        }
        let missing = |_| {
            let near = nearest(name, self.names(relative).iter().map(String::as_str));
            let near = near.map(|near| format!("; did you mean '{near}'?")).unwrap_or_default();
            format!("there is no picture '{name}' in the deck's folder{near}")
        };
        let path = self.folder.join(relative).canonicalize().map_err(missing)?;
        let folder = self.folder.canonicalize().map_err(|error| error.to_string())?;
        if path.starts_with(folder) { Ok(path) } else { Err(outside()) }
    }

    /// What lies where a picture was looked for, as a slide would name it.
    fn names(&self, looked_for: &Path) -> Vec<String> {
        let parent = looked_for.parent().unwrap_or(Path::new(""));
        let entries = std::fs::read_dir(self.folder.join(parent)).into_iter().flatten().flatten();
        let names = entries.take(NAMES_MAX).map(|entry| parent.join(entry.file_name()).display().to_string());
        names.filter(|name| name != "deck.md").collect()
    }
}

fn small_enough(name: &str, bytes: &[u8]) -> Result<(), String> {
    let size = imagesize::blob_size(bytes).map_err(|error| format!("the picture '{name}' is damaged: {error}"))?;
    if size.width.max(size.height) > SIDE_MAX {
        let (width, height) = (size.width, size.height);
        return Err(format!("the picture '{name}' is {width} by {height}, and may be {SIDE_MAX} to a side"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SVG: &str = "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 4 3'/>";

    /// The first bytes of a PNG, which say how large it is.
    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        bytes.extend(width.to_be_bytes());
        bytes.extend(height.to_be_bytes());
        bytes.extend([8, 6, 0, 0, 0]);
        bytes
    }

    fn folder() -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a folder");
        let deck = root.path().join("deck");
        std::fs::create_dir_all(deck.join("pictures")).expect("a folder");
        std::fs::write(root.path().join("secret.svg"), SVG).expect("written");
        std::fs::write(deck.join("plan.svg"), SVG).expect("written");
        std::fs::write(deck.join("pictures/rack.png"), png(640, 480)).expect("written");
        root
    }

    #[test]
    fn pictures_of_the_folder_are_found_by_what_they_hold() {
        let root = folder();
        let shelf = Shelf::new(root.path().join("deck"));
        let (plan, rack) = (shelf.find("plan.svg").expect("there"), shelf.find("./pictures/rack.png").expect("there"));
        assert_eq!(shelf.find("plan.svg").as_ref(), Ok(&plan), "the same file, the same id");
        let found = shelf.into_found();
        assert_eq!((found[&plan].kind, found[&rack].kind, found.len()), (Kind::Svg, Kind::Png, 2));
    }

    #[test]
    fn names_may_be_written_as_addresses_are() {
        let root = folder();
        let deck = root.path().join("deck");
        for name in ["bild ü.svg", "100%.svg", "a%20b.svg"] {
            std::fs::write(deck.join(name), SVG).expect("written");
        }
        let shelf = Shelf::new(deck);
        for name in ["bild%20%C3%BC.svg", "bild ü.svg", "100%.svg", "100%25.svg", "a%20b.svg", "pictures%2Frack.png"] {
            assert!(shelf.find(name).is_ok(), "{name}");
        }
        for name in ["..%2Fsecret.svg", "%2e%2e/secret.svg", "%2Fetc/a.svg"] {
            assert!(shelf.find(name).expect_err(name).contains("is not in the deck's folder"), "{name}");
        }
        let said = shelf.find("bidl%20%C3%BC.svg").expect_err("there is none");
        assert!(said.ends_with("did you mean 'bild ü.svg'?"), "{said}");
    }

    #[test]
    fn what_cannot_be_shown_says_why() {
        let root = folder();
        let deck = root.path().join("deck");
        std::os::unix::fs::symlink(root.path().join("secret.svg"), deck.join("link.svg")).expect("a link");
        std::fs::write(deck.join("huge.png"), png(90_000, 2)).expect("written");
        std::fs::write(deck.join("words.png"), "hello").expect("written");
        std::fs::write(deck.join("words.svg"), "hello").expect("written");
        std::fs::create_dir(deck.join("folder.svg")).expect("a folder");
        std::fs::File::create(deck.join("large.png")).expect("a file").set_len(BYTES_MAX + 1).expect("a size");
        let absolute = deck.join("plan.svg").display().to_string();
        for (name, wanted) in [
            ("paln.svg", "there is no picture 'paln.svg' in the deck's folder; did you mean 'plan.svg'?"),
            ("pictures/rakc.png", "did you mean 'pictures/rack.png'?"),
            ("../secret.svg", "is not in the deck's folder"),
            ("link.svg", "is not in the deck's folder"),
            (&absolute, "is not in the deck's folder"),
            ("https://example.org/a.png", "is not in the deck's folder"),
            ("data:image/png;base64,AA", "is not in the deck's folder"),
            ("deck.md", "no picture that a slide can show: svg, png, jpg or webp"),
            ("large.png", "may have 8.4 MB"),
            ("huge.png", "is 90000 by 2"),
            ("words.png", "does not hold what its name says"),
            ("words.svg", "does not hold what its name says"),
            ("folder.svg", "is no file"),
        ] {
            let said = Shelf::new(deck.clone()).find(name).expect_err(name);
            assert!(said.contains(wanted), "wanted {wanted}\nsaid   {said}");
        }
    }
}
