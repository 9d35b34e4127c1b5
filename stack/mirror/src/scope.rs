//! What of an origin is shown, and in which container here. Pure.

use greenroom_model::{AccountName, BlobName, BlobPath, ContainerName, ContainerPath};

/// Containers that an account keeps for itself begin so.
const SYSTEM: char = '$';

/// What a mirror shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    pub account: AccountName,
    /// The origin's container; `None` for all of its account's.
    pub there: Option<String>,
    /// What is shown begins so.
    pub prefix: String,
    /// Ours; `None`: as it is called there.
    pub into: Option<ContainerName>,
}

impl Scope {
    /// The container here that shows one of the origin's; `None` for one that is not shown, whatever its name is.
    pub fn shown(&self, there: &str) -> Option<ContainerPath> {
        let container = match &self.there {
            Some(only) if only != there => return None,
            Some(_) => self.into.clone().or_else(|| ContainerName::new(there).ok())?,
            None if there.starts_with(SYSTEM) => return None,
            None => ContainerName::new(there).ok()?,
        };
        Some(ContainerPath { account: self.account.clone(), container })
    }

    /// Where a blob of the origin's is shown. `None` for one outside, and for a name that none can have here.
    pub fn place(&self, there: &str, name: &str) -> Option<BlobPath> {
        let container = self.shown(there)?;
        let name = name.starts_with(&self.prefix).then(|| BlobName::new(name).ok())??;
        Some(container.blob(name))
    }

    /// Whether a name is one that the mirror may show, as far as the origin is concerned.
    pub fn holds(&self, there: &str, name: &str) -> bool {
        self.shown(there).is_some() && name.starts_with(&self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(there: Option<&str>, prefix: &str, into: Option<&str>) -> Scope {
        Scope {
            account: AccountName::new("photos").expect("a good name"),
            there: there.map(str::to_owned),
            prefix: prefix.to_owned(),
            into: into.map(|name| ContainerName::new(name).expect("a good name")),
        }
    }

    #[test]
    fn nothing_outside_is_ever_shown() {
        for (scope, there, name, expected) in [
            (scope(Some("raw"), "", None), "raw", "a/b", Some("photos/raw/a/b")),
            (scope(Some("raw"), "", Some("lake")), "raw", "a/b", Some("photos/lake/a/b")),
            (scope(Some("raw"), "a/", None), "raw", "a/b", Some("photos/raw/a/b")),
            (scope(Some("raw"), "a/", None), "raw", "ab", None),
            (scope(Some("raw"), "", None), "other", "a/b", None),
            (scope(Some("raw"), "", None), "../raw", "a", None),
            (scope(None, "", None), "other", "a", Some("photos/other/a")),
            (scope(None, "", None), "$logs", "a", None),
            (scope(None, "", None), "$blobchangefeed", "a", None),
            (scope(None, "", None), "No", "a", None),
            (scope(None, "", None), "raw", "", None),
        ] {
            let place = scope.place(there, name);
            let shown =
                place.map(|path| format!("{}/{}/{}", path.container.account, path.container.container, path.name));
            assert_eq!(shown.as_deref(), expected, "{there} {name}");
        }
    }
}
