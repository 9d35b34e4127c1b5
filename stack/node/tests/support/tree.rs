//! Files to move, made from a seed, and how to tell that they are the same.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// A file's path below the root, and the hash of its content.
pub type Hashes = BTreeMap<String, blake3::Hash>;

/// Content that does not compress and differs with every seed.
pub fn content(seed: &str, bytes: usize) -> Vec<u8> {
    let mut content = vec![0; bytes];
    blake3::Hasher::new().update(seed.as_bytes()).finalize_xof().fill(&mut content);
    content
}

/// Writes one file and says what it should hash to.
pub fn write(root: &Path, path: &str, bytes: usize) -> (String, blake3::Hash) {
    let file = root.join(path);
    fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
    let content = content(path, bytes);
    fs::write(&file, &content).expect("a file");
    (path.to_owned(), blake3::hash(&content))
}

/// The hashes of all files below a folder.
pub fn hashes(root: &Path) -> Hashes {
    let mut found = Hashes::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).expect("below the root").to_str().expect("UTF-8").to_owned();
                found.insert(name, blake3::hash(&fs::read(&path).expect("a file")));
            }
        }
    }
    found
}
