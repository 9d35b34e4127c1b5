//! `greenroom-stack ca`: what it makes, whom it lets read the key, and that `remove` leaves nothing of it.

use crate::support::authority::Authority;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort_unstable();
    names
}

#[test]
fn what_is_made_is_its_owners_is_told_and_goes_when_told() {
    let authority = Authority::make();
    let mode = |name: &str| fs::metadata(authority.folder().join(name)).expect("a file").permissions().mode() & 0o777;
    assert_eq!(mode("key.pem"), 0o600);
    // The authority's own key is not among them.
    assert_eq!(names(authority.folder()), ["authority.pem", "ca.json", "certificate.pem", "key.pem"]);

    let again = authority.ca(&["make"], None);
    assert!(!again.status.success() && said(&again).contains("there is an authority"), "{}", said(&again));
    let status = authority.ca(&["status"], None);
    assert!(status.status.success(), "{}", said(&status));
    let told =
        ["*.blob.core.windows.net", "SSL_CERT_FILE=", "REQUESTS_CA_BUNDLE=", "--tls-key", "Nothing else on this"];
    for words in told {
        assert!(said(&status).contains(words), "{words} is not in:\n{}", said(&status));
    }

    fs::write(authority.folder().join("mine"), "mine").expect("a file");
    assert!(authority.ca(&["remove"], None).status.success());
    assert_eq!(names(authority.folder()), ["mine"], "only what was made is removed");
    fs::remove_file(authority.folder().join("mine")).expect("a file");
    let nothing = authority.ca(&["remove"], None);
    assert!(nothing.status.success() && said(&nothing).contains("nothing was removed"), "{}", said(&nothing));
    assert!(!authority.ca(&["status"], None).status.success());
    assert!(authority.ca(&["make"], None).status.success(), "and again from the start");
    assert!(authority.ca(&["remove"], None).status.success());
    assert!(!authority.folder().exists());
}

#[test]
fn names_that_are_none_are_refused() {
    let authority = Authority::make();
    assert!(authority.ca(&["remove"], None).status.success());
    let made = authority.ca(&["make", "--name", "not a host \u{1f419}"], None);
    assert!(!made.status.success() && said(&made).contains("cannot sign a certificate"), "{}", said(&made));
}

/// The real update-ca-certificates, led to folders of the test's own.
#[test]
fn the_system_trusts_it_only_when_asked_and_no_more_when_it_is_removed() {
    let real = Path::new("/usr/sbin/update-ca-certificates");
    assert!(real.is_file(), "there is no {}: install ca-certificates", real.display());
    let system = tempfile::tempdir().expect("a folder");
    let [store, etc, hooks, programs] = ["store", "etc", "hooks", "programs"].map(|name| system.path().join(name));
    for folder in [&store, &etc, &hooks, &programs] {
        fs::create_dir(folder).expect("a folder");
    }
    fs::write(system.path().join("conf"), "# none\n").expect("a file");
    let led = format!(
        "#!/bin/sh\nexec {} \"$@\" --localcertsdir {} --etccertsdir {} --hooksdir {} --certsdir {} --certsconf {}\n",
        real.display(),
        store.display(),
        etc.display(),
        hooks.display(),
        hooks.display(),
        system.path().join("conf").display()
    );
    let program = programs.join("update-ca-certificates");
    fs::write(&program, led).expect("a program");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("rights");
    let bundle = || fs::read_to_string(etc.join("ca-certificates.crt")).unwrap_or_default();

    let (authority, other) = (Authority::make(), Authority::make());
    assert_eq!((names(&store), bundle()), (vec![], String::new()), "nobody asked");
    // Somebody else's, which stays throughout.
    fs::copy(other.certificate(), store.join("other.crt")).expect("a copy");
    let others = fs::read_to_string(other.certificate()).expect("a certificate");
    assert!(authority.ca(&["remove"], None).status.success());
    let store_text = store.to_str().expect("UTF-8");
    let made = authority.ca(&["make", "--install", "--store", store_text], Some(&programs));
    assert!(made.status.success() && said(&made).contains("The whole system trusts it too"), "{}", said(&made));
    let certificate = fs::read_to_string(authority.certificate()).expect("a certificate");
    assert_eq!(names(&store).len(), 2);
    assert!(bundle().contains(others.trim()) && bundle().contains(certificate.trim()), "the system's list has it");

    let removed = authority.ca(&["remove"], Some(&programs));
    assert!(removed.status.success(), "{}", said(&removed));
    assert_eq!(names(&store), ["other.crt"]);
    assert!(
        bundle().contains(others.trim()) && !bundle().contains(certificate.trim()),
        "the system's list has it no more"
    );
    let links = names(&etc).into_iter().filter(|name| name.contains("greenroom")).count();
    assert_eq!(links, 0, "{:?}", names(&etc));
    assert!(!authority.folder().exists());
}

/// A store that cannot be written leaves a note, and `remove` cleans up all the same.
#[test]
fn an_installation_that_fails_says_so_and_can_be_undone() {
    let authority = Authority::make();
    assert!(authority.ca(&["remove"], None).status.success());
    let made = authority.ca(&["make", "--install", "--store", "/nowhere/at/all"], None);
    assert!(!made.status.success() && said(&made).contains("cannot change what the system trusts"), "{}", said(&made));
    assert!(authority.ca(&["remove"], None).status.success());
    assert!(!authority.folder().exists());
}
