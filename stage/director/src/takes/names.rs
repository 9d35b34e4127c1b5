//! Finds the take that a person means: by its id, its name, the beginning of either, or a part of them.

use crate::parse::hint;
use std::path::PathBuf;

/// Candidates that a message lists.
const LISTED_MAX: usize = 10;

#[derive(Debug, thiserror::Error)]
pub enum NameError {
    #[error("there is no take '{asked}' in {}{hint}; 'greenroom take list' names them", folder.display())]
    NotFound { asked: String, folder: PathBuf, hint: String },
    #[error("'{asked}' may be any of these: say more of it{}", listed(candidates))]
    Ambiguous { asked: String, candidates: Vec<String> },
}

fn listed(candidates: &[String]) -> String {
    let named = candidates.iter().take(LISTED_MAX).map(|id| format!("\n  {id}")).collect::<String>();
    let more = candidates.len().saturating_sub(LISTED_MAX);
    if more > 0 { format!("{named}\n  and {more} more") } else { named }
}

/// The id of the one take that is meant, of `known` ids with the names that people gave. What fits better hides what fits worse.
pub fn find(asked: &str, folder: PathBuf, known: &[(String, Option<String>)]) -> Result<String, NameError> {
    let wanted = asked.to_lowercase();
    let fits: [&dyn Fn(&str) -> bool; 3] =
        [&|text| text == wanted, &|text| text.starts_with(&wanted), &|text| text.contains(&wanted)];
    for fit in fits {
        let fitting = |(id, name): &&(String, Option<String>)| {
            fit(&id.to_lowercase()) || name.as_ref().is_some_and(|name| fit(&name.to_lowercase()))
        };
        let found: Vec<String> = known.iter().filter(fitting).map(|(id, _)| id.clone()).collect();
        match found.as_slice() {
            _ if wanted.is_empty() => break,
            [] => {}
            [one] => return Ok(one.clone()),
            _ => return Err(NameError::Ambiguous { asked: asked.into(), candidates: found }),
        }
    }
    let words = known.iter().flat_map(|(id, name)| std::iter::once(id.as_str()).chain(name.as_deref()));
    Err(NameError::NotFound { asked: asked.into(), folder, hint: hint(asked, words) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_take_is_meant_by_its_id_its_name_or_a_part_that_only_it_has() {
        let takes = [
            ("20260921T141320Z-copy", None),
            ("20260921T141320Z-copy-2", Some("Before the upgrade")),
            ("20260922T080000Z-list", Some("Copy")),
        ];
        let takes = takes.map(|(id, name)| (id.to_string(), name.map(String::from)));
        let find = |asked: &str| find(asked, PathBuf::from("takes"), &takes);
        for (asked, wanted) in [
            ("20260921T141320Z-copy", 0),
            ("20260921t141320z-copy-2", 1),
            ("before", 1),
            ("upgrade", 1),
            ("copy", 2),
            ("20260922", 2),
            ("lis", 2),
        ] {
            assert_eq!(find(asked).expect(asked), takes[wanted].0, "{asked}");
        }
        let said = find("20260921").expect_err("two of them").to_string();
        assert!(said.ends_with("\n  20260921T141320Z-copy\n  20260921T141320Z-copy-2"), "{said}");
        let said = find("20260921T141321Z-cop").expect_err("none").to_string();
        assert!(said.contains("did you mean '20260921T141320Z-copy'?"), "{said}");
        assert!(matches!(find(""), Err(NameError::NotFound { .. })));
    }
}
