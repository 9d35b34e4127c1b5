use super::*;
use std::fs;
use std::os::unix::fs::symlink;
use tempfile::TempDir;

fn tree(names: &[&str]) -> TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    for name in names {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("it is made");
        if !name.ends_with('/') {
            fs::write(path, name).expect("it is written");
        }
    }
    dir
}

fn list(dir: &TempDir, prefix: &str, depth: Depth, after: Option<&str>, max: usize) -> Listed {
    page(Folder::root(dir.path()).expect("it opens"), prefix, depth, after, max).expect("it is listed")
}

/// All names, page by page, as they come; folders among them.
fn all(dir: &TempDir, prefix: &str, depth: Depth, max: usize) -> Vec<String> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = list(dir, prefix, depth, after.as_deref(), max);
        assert!(page.blobs.len() + page.folders.len() <= max);
        let mut names: Vec<_> = page.blobs.into_iter().map(|blob| blob.name).chain(page.folders).collect();
        names.sort();
        found.extend(names);
        match page.next {
            Some(next) => after = Some(next),
            None => return found,
        }
    }
}

#[test]
fn names_come_in_order_whatever_the_page() {
    let names = ["a", "a b", "a.txt", "a0/x", "a/b/c", "a/b.c", "a/b/d", "b/empty/", "b0", "ü/%20", "z/..z", "z/a&<>"];
    let dir =
        tree(&["a b", "a.txt", "a0/x", "a/b/c", "a/b.c", "a/b/d", "b/empty/x/", "b0", "ü/%20", "z/..z", "z/a&<>"]);
    let mut sorted: Vec<_> = names.into_iter().filter(|name| *name != "a" && !name.ends_with('/')).collect();
    sorted.sort_unstable();
    for max in 1..=12 {
        assert_eq!(all(&dir, "", Depth::Tree, max), sorted, "{max}");
        assert_eq!(all(&dir, "", Depth::Folder, max), ["a b", "a.txt", "a/", "a0/", "b/", "b0", "z/", "ü/"], "{max}");
        assert_eq!(all(&dir, "a/", Depth::Folder, max), ["a/b.c", "a/b/"], "{max}");
        assert_eq!(all(&dir, "a/b", Depth::Tree, max), ["a/b.c", "a/b/c", "a/b/d"], "{max}");
        assert_eq!(all(&dir, "a", Depth::Folder, max), ["a b", "a.txt", "a/", "a0/"], "{max}");
    }
    for none in ["b/empty/", "c", "nowhere/a", "../", "a/../a0/", "./a", "a//b", "/", "b0/", "a\0b"] {
        assert_eq!(all(&dir, none, Depth::Tree, 5), Vec::<String>::new(), "{none:?}");
    }
}

#[test]
fn a_folder_with_more_names_than_are_held_is_listed_to_its_end() {
    let dir = tempfile::tempdir().expect("a folder");
    let names: Vec<_> = (0..NAMES_MAX + 20).map(|number| format!("{number:05}")).collect();
    // Folders with nothing in them come first, and fill no page.
    for name in &names[..NAMES_MAX + 10] {
        fs::create_dir(dir.path().join(name)).expect("it is made");
    }
    for name in &names[NAMES_MAX + 10..] {
        fs::write(dir.path().join(name), "").expect("it is written");
    }
    assert_eq!(all(&dir, "", Depth::Tree, 3), names[NAMES_MAX + 10..]);
}

#[test]
fn links_are_not_followed_and_what_is_no_file_is_passed_over() {
    let (outside, dir) = (tree(&["secret", "in/secret"]), tree(&["a/b", "c"]));
    symlink(outside.path(), dir.path().join("out")).expect("a link");
    symlink(outside.path().join("secret"), dir.path().join("secret")).expect("a link");
    symlink("..", dir.path().join("a/round")).expect("a link");
    let socket = std::os::unix::net::UnixListener::bind(dir.path().join("socket")).expect("a socket");
    assert_eq!(all(&dir, "", Depth::Tree, 10), ["a/b", "c"]);
    assert_eq!(all(&dir, "out/", Depth::Tree, 10), Vec::<String>::new());
    let open = |name: &str| Folder::root(dir.path()).expect("it opens").file(name).map(|(_, there)| there.length);
    assert_eq!(open("a/b").expect("a file"), 3);
    for none in
        ["secret", "out/secret", "a/round/c", "socket", "a", "a/", "/c", "../c", "a/../c", "", ".", "no", "c/d", "a\0"]
    {
        assert_eq!(open(none).expect_err(none).kind(), io::ErrorKind::NotFound, "{none}");
    }
    drop(socket);
}

#[test]
fn another_content_has_another_etag() {
    let dir = tree(&["a", "b"]);
    let etag = |name| list(&dir, name, Depth::Tree, None, 1).blobs.remove(0).etag;
    let first = etag("a");
    assert_eq!(etag("a"), first);
    assert_ne!(etag("b"), first);
    // Put in its place, as long, and as old.
    let old = fs::metadata(dir.path().join("a")).expect("it is there").modified().expect("a moment");
    fs::write(dir.path().join("new"), "A").expect("it is written");
    let file = File::options().write(true).open(dir.path().join("new")).expect("it opens");
    file.set_modified(old).expect("it is set");
    fs::rename(dir.path().join("new"), dir.path().join("a")).expect("it is renamed");
    assert_ne!(etag("a"), first);
}
