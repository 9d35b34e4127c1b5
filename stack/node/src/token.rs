//! The control API's bearer token: in a file that only its owner may read.

use crate::fault::Fault;
use greenroom_model::control::TOKEN_FILE;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use subtle::ConstantTimeEq as _;

/// 256 bits, in hexadecimal.
const TOKEN_CHARS: usize = 64;

#[derive(Clone)]
pub struct Token(String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(redacted)")
    }
}

impl Token {
    /// The folder's token: the one that is there, so that whoever holds it outlives a restart, or else a new one.
    pub fn of(dir: &Path) -> Result<Token, Fault> {
        let file = dir.join(TOKEN_FILE);
        let kept = fs::read_to_string(&file).ok().map(|text| text.trim().to_owned());
        let kept = kept.filter(|text| text.len() == TOKEN_CHARS && text.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let token = match kept {
            Some(token) => token,
            None => {
                let mut random = [0; TOKEN_CHARS / 2];
                getrandom::fill(&mut random)?;
                random.iter().map(|byte| format!("{byte:02x}")).collect()
            }
        };
        write_private(&file, &token).map_err(|source| Fault::Token { file, source })?;
        Ok(Token(token))
    }

    /// Compares in a time that does not depend on where the two differ.
    pub fn is(&self, claimed: &str) -> bool {
        self.0.as_bytes().ct_eq(claimed.as_bytes()).into()
    }
}

/// Written beside and renamed over: a file left with wider permissions does not keep them, and none is ever half written.
fn write_private(file: &Path, text: &str) -> io::Result<()> {
    let beside = file.with_extension("token.new");
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut new = private(&beside)?;
    writeln!(new, "{text}")?;
    new.sync_all()?;
    fs::rename(&beside, file)
}

fn private(file: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)
}
