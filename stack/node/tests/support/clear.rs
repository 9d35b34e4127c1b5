//! What lies in a folder in clear.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use std::path::Path;

/// The files of a folder, and of those in it, that hold one of these.
pub fn files_with(dir: &Path, marks: &[Vec<u8>]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files_with(&path, marks));
        } else {
            let content = std::fs::read(&path).expect("a file");
            let has = |mark: &Vec<u8>| content.windows(mark.len()).any(|part| part == mark);
            found.extend(marks.iter().any(has).then(|| path.display().to_string()));
        }
    }
    found
}

/// An account's key in both of its forms.
pub fn forms(key: &str) -> [Vec<u8>; 2] {
    [BASE64_STANDARD.decode(key).expect("Base64"), key.as_bytes().to_vec()]
}
