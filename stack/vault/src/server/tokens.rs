//! Tokens, in memory only: a server that starts anew asks everyone to sign in again.

use super::random;
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use zeroize::Zeroizing;

pub const TOKEN_SECONDS: u64 = 60 * 60;
/// One client's; its oldest goes first, so that it is in nobody's way but its own.
const TOKENS_MAX: usize = 32;

#[derive(Debug, Default)]
pub struct Tokens {
    /// By client, the oldest first. Those of clients that are gone go with the next that is given out.
    given: Mutex<HashMap<String, Vec<Given>>>,
}

#[derive(Debug)]
struct Given {
    /// What is found in memory is no token.
    hash: [u8; 32],
    until_ms: u64,
}

impl Tokens {
    pub fn give(
        &self,
        client_id: &str,
        clients: &[String],
        now_ms: u64,
    ) -> Result<Zeroizing<String>, getrandom::Error> {
        let token = random::secret()?;
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        given.retain(|id, _| clients.contains(id));
        let own = given.entry(client_id.to_owned()).or_default();
        own.retain(|one| one.until_ms > now_ms);
        if own.len() >= TOKENS_MAX {
            own.remove(0);
        }
        own.push(Given { hash: hash(&token), until_ms: now_ms + TOKEN_SECONDS * 1000 });
        Ok(token)
    }

    /// Whose it is. It is looked for by its hash, so how long that takes tells nothing of a token.
    pub fn whose(&self, token: &str, now_ms: u64) -> Option<String> {
        let hash = hash(token);
        let given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        let mine = |own: &[Given]| own.iter().any(|one| one.hash == hash && one.until_ms > now_ms);
        given.iter().find(|(_, own)| mine(own)).map(|(id, _)| id.clone())
    }
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

#[cfg(test)]
mod tests {
    use super::{TOKEN_SECONDS, TOKENS_MAX, Tokens};

    #[test]
    fn a_token_is_its_clients_for_an_hour_and_there_are_few() {
        let (tokens, clients) = (Tokens::default(), ["a".to_owned(), "b".to_owned()]);
        let give = |client: &str, at| tokens.give(client, &clients, at).expect("a token");
        let (first, other) = (give("a", 0), give("b", 0));
        let end = TOKEN_SECONDS * 1000;
        assert_eq!(tokens.whose(&first, end - 1).as_deref(), Some("a"));
        assert_eq!(tokens.whose(&other, end - 1).as_deref(), Some("b"));
        assert_eq!(tokens.whose(&first, end), None);
        assert_eq!(tokens.whose("", 0), None);
        let later: Vec<_> = (0..TOKENS_MAX).map(|_| give("a", 1)).collect();
        assert_eq!(tokens.whose(&first, 1), None, "the oldest went");
        assert!(later.iter().all(|token| tokens.whose(token, 1).is_some()));
        assert_eq!(tokens.whose(&other, 1).as_deref(), Some("b"), "in nobody's way");
        tokens.give("b", &clients[1..], 1).expect("a token");
        assert_eq!(tokens.whose(&later[0], 1), None, "the client is gone");
    }
}
