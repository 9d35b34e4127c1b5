use super::{KeyName, Kid, NameError};

const VERSION: &str = "0123456789abcdef0123456789abcdef";

#[test]
fn a_key_is_named_by_its_url() {
    for (text, said) in [
        ("https://v.vault.azure.net/keys/a".to_owned(), "https://v.vault.azure.net/keys/a".to_owned()),
        ("https://V.Vault.azure.net:443/keys/a/".to_owned(), "https://v.vault.azure.net/keys/a".to_owned()),
        (format!("https://localhost:8443/keys/A-1/{VERSION}"), format!("https://localhost:8443/keys/A-1/{VERSION}")),
        (
            format!("https://[::1]:8443/keys/a/{}", VERSION.to_uppercase()),
            format!("https://[::1]:8443/keys/a/{VERSION}"),
        ),
    ] {
        let kid: Kid = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(kid.to_string(), said);
        assert_eq!(Kid::new(kid.vault(), kid.name().clone(), kid.version().cloned()), Ok(kid));
    }
}

#[test]
fn what_is_not_the_name_of_a_key_is_refused() {
    let long = "a".repeat(128);
    for text in [
        "",
        "http://v.vault.azure.net/keys/a",
        "https://v.vault.azure.net",
        "https://v.vault.azure.net/secrets/a",
        "https:///keys/a",
        "https://v.vault.azure.net/keys/",
        "https://v.vault.azure.net/keys/..",
        "https://v.vault.azure.net/keys/../keys/a",
        "https://v.vault.azure.net/x/../keys/a",
        "https://v.vault.azure.net/keys/%2e%2e",
        "https://v.vault.azure.net/keys/a%00",
        "https://v.vault.azure.net/keys/a\0",
        "https://v.vault.azure.net\\keys\\a",
        "https://v.vault.azure.net/keys/a/short",
        "https://v.vault.azure.net/keys/a?api-version=7.4",
        "https://v.vault.azure.net/keys/a#b",
        "https://user@v.vault.azure.net/keys/a",
        "https://v.vault.azure.net@evil.example/keys/a",
        "https://v.vault.azure.net:x/keys/a",
        "https://v.vault.azure.net:99999/keys/a",
        " https://v.vault.azure.net/keys/a",
        "https://v.vault.azure.net/keys/a\n",
        "https://v.vault.azure.net/keys/é",
        &format!("https://v.vault.azure.net/keys/{long}"),
        &format!("https://v.vault.azure.net/keys/a/{VERSION}/wrapkey"),
        &format!("https://v.vault.azure.net/keys/a/{VERSION}/"),
        &format!("https://{}.net/keys/a", "v.".repeat(300)),
    ] {
        assert!(text.parse::<Kid>().is_err(), "{text:?}");
    }
}

#[test]
fn case_makes_no_other_key() {
    let name = |text: &str| text.parse::<KeyName>().expect("a name");
    assert_eq!(name("Root"), name("rOOT"));
    assert_eq!("".parse::<KeyName>(), Err(NameError::Name));
}
