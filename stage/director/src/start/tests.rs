use super::*;
use greenroom_show::start::{
    EditFile, ExportTalk, ForgetFolder, NewDemo, NewTalk, OpenFolder, Origin, ReadDraft, ReadLobby, ReadRetention,
    ReadSettings, Readiness, WriteRetention, WriteSettings, settings::Settings,
};
use serde::de::DeserializeOwned;
use tokio::time::Instant as Clock;

struct Page {
    start: Start,
    root: tempfile::TempDir,
}

impl Page {
    /// On a project of the user's own that is not there yet.
    fn new() -> Page {
        let root = tempfile::tempdir().expect("a folder");
        let home = Home::find(Some(root.path().join("home"))).expect("a home");
        let places = Places::of(&root.path().join("talks of mine"), &home);
        let start = Start::open(Opening { home, places, trusts_all: true, clipboard: None });
        Page { start, root }
    }

    async fn ask<C: Call>(&self, call: C) -> Result<C::Reply, String>
    where
        C::Reply: DeserializeOwned,
    {
        let greenroom_show::call::Request::Start(request) = call.request() else { panic!("a call of the start page") };
        let reply = self.start.call(Role::Start, request).await.map_err(|error| error.to_string())?;
        Ok(serde_json::from_value(reply).expect("its own kind of answer"))
    }

    async fn lobby_that(&self, what: &str, fits: impl Fn(&Lobby) -> bool) -> Lobby {
        let begun = Clock::now();
        loop {
            let lobby = self.ask(ReadLobby {}).await.expect("a lobby");
            if fits(&lobby) {
                return lobby;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{what} never came: {lobby:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn project(&self) -> String {
        self.start.places().project().display().to_string()
    }
}

#[tokio::test]
async fn a_talk_is_made_judged_broken_and_mended() {
    let page = Page::new();
    let empty = page.ask(ReadLobby {}).await.expect("a lobby");
    assert_eq!((empty.shelves[0].talks.len(), empty.shelves[0].origin, empty.is_first_time), (0, Origin::Own, true));
    assert_eq!(page.ask(NewTalk { name: "My customer".into(), from: None }).await.as_deref(), Ok("my-customer"));
    assert_eq!(page.ask(NewDemo { name: "Another".into() }).await.as_deref(), Ok("another"));
    let lobby =
        page.lobby_that("its card", |lobby| lobby.shelves.first().is_some_and(|shelf| shelf.demos.len() == 2)).await;
    let card = &lobby.shelves[0].talks[0];
    assert_eq!((card.title.as_str(), card.slides, card.demos), ("My customer", 2, 1));
    let cover = card.cover.as_ref().expect("a cover");
    assert_eq!(cover.slides.len(), 1, "no more than is drawn");
    let will = lobby.shelves[0].demos[0].will.join("\n");
    assert!(will.contains("127.0.0.1") && will.contains("steps"), "{will}");
    let judged = page.lobby_that("a verdict", |lobby| lobby.shelves[0].talks[0].checks.is_some()).await;
    assert_eq!(judged.shelves[0].talks[0].readiness(), Readiness::Amber, "never run");

    let (folder, deck) = (page.project(), "my-customer".to_owned());
    let draft = page.ask(ReadDraft { folder: folder.clone(), deck: deck.clone() }).await.expect("a draft");
    assert_eq!(draft.files, ["slides/my-customer/deck.md", "demos/my-customer/demo.md"]);
    assert!(draft.faults.is_empty() && draft.demos.contains_key("my-customer"), "{draft:?}");
    let file = Path::new(&folder).join("slides/my-customer/deck.md");
    let good = std::fs::read_to_string(&file).expect("a deck");
    std::fs::write(&file, "---\nnonsense: [\n---\n").expect("written");
    let broken = page.ask(ReadDraft { folder: folder.clone(), deck: deck.clone() }).await.expect("a draft");
    assert!(!broken.faults.is_empty(), "{broken:?}");
    let red = page
        .lobby_that("red", |lobby| {
            lobby.shelves.first().is_some_and(|shelf| shelf.talks[0].readiness() == Readiness::Red)
        })
        .await;
    assert!(red.shelves[0].talks[0].says().says.contains("slides/my-customer/deck.md:"));
    std::fs::write(&file, good).expect("written");
    page.lobby_that("mended", |lobby| lobby.shelves[0].talks[0].readiness() != Readiness::Red).await;

    let taken = page.ask(NewTalk { name: "my CUSTOMER".into(), from: None }).await.expect_err("it is there");
    assert!(taken.contains("already"), "{taken}");
    let copy = page.ask(NewTalk { name: "Second".into(), from: Some("my-customer".into()) }).await;
    assert_eq!(copy.as_deref(), Ok("second"));
}

#[tokio::test]
async fn folders_are_opened_remembered_and_forgotten() {
    let page = Page::new();
    page.ask(NewTalk { name: "First".into(), from: None }).await.expect("made");
    let first = page.project();
    let other = page.root.path().join("Ü other");
    let deck = other.join("slides/a/deck.md");
    std::fs::create_dir_all(deck.parent().expect("a folder")).expect("a folder");
    std::fs::write(&deck, "---\ntitle: A\nminutes: 1\n---\n# A\n").expect("written");
    let other = other.canonicalize().expect("there").display().to_string();
    // A file in it will do, and a project needs no demo.
    page.ask(OpenFolder { path: deck.display().to_string() }).await.expect("opened");
    let lobby = page.ask(ReadLobby {}).await.expect("a lobby");
    assert_eq!((lobby.shelves[0].folder.path.as_str(), lobby.shelves[0].talks.len()), (other.as_str(), 1));
    assert_eq!(lobby.recent.iter().map(|folder| folder.path.as_str()).collect::<Vec<_>>(), [first.as_str()]);
    page.ask(OpenFolder { path: first.clone() }).await.expect("opened");
    assert_eq!(page.ask(ReadLobby {}).await.expect("a lobby").recent[0].path, other);
    page.ask(ForgetFolder { path: other }).await.expect("forgotten");
    assert!(page.ask(ReadLobby {}).await.expect("a lobby").recent.is_empty());

    let nothing = page.root.path().join("nothing");
    std::fs::create_dir(&nothing).expect("a folder");
    let error = page.ask(OpenFolder { path: nothing.display().to_string() }).await.expect_err("no talk");
    assert!(error.contains("there is no talk in") && error.contains("deck.md"), "{error}");
    page.start.dropped(&nothing);
    let said = page.ask(ReadLobby {}).await.expect("a lobby").said.expect("said");
    assert!(said.failed && said.text.contains("no talk"), "{said:?}");
    assert!(page.ask(OpenFolder { path: "/no/such/place".into() }).await.is_err());
}

#[tokio::test]
async fn nothing_outside_what_is_open_is_read_edited_or_handed_on() {
    let page = Page::new();
    page.ask(NewTalk { name: "First".into(), from: None }).await.expect("made");
    std::fs::write(page.root.path().join("secret"), "").expect("written");
    let folder = page.project();
    for file in ["../secret", "/etc/hostname", "slides/none/deck.md"] {
        let refused =
            page.ask(EditFile { folder: folder.clone(), file: file.into(), line: 1 }).await.expect_err("outside");
        assert!(refused.contains("there is no"), "{refused}");
    }
    let elsewhere = page.root.path().display().to_string();
    let refused = page.ask(ReadDraft { folder: elsewhere.clone(), deck: "first".into() }).await.expect_err("not open");
    assert!(refused.contains("is not open"), "{refused}");
    let export = |folder: String, form: &str| ExportTalk {
        folder,
        deck: "first".into(),
        form: form.into(),
        level: Default::default(),
    };
    assert!(page.ask(export(elsewhere, "html")).await.expect_err("not open").contains("is not open"));
    assert!(page.ask(export(folder, "doc")).await.expect_err("no such form").contains("pdf, pptx or html"));
}

#[tokio::test]
async fn settings_are_kept_and_a_presenter_may_ask_for_them_and_no_more() {
    let page = Page::new();
    let mut settings = page.ask(ReadSettings {}).await.expect("as usual");
    assert_eq!(settings, Settings::default());
    settings.notes_px = 30;
    page.ask(WriteSettings { settings: settings.clone() }).await.expect("kept");
    assert_eq!(page.ask(ReadSettings {}).await, Ok(settings.clone()));
    settings.notes_px = 1;
    assert!(page.ask(WriteSettings { settings }).await.expect_err("refused").contains("pixels"));

    let mut retention = page.ask(ReadRetention {}).await.expect("none");
    assert_eq!((retention.gib, retention.days), (None, None));
    retention.gib = Some(3);
    page.ask(WriteRetention { retention }).await.expect("kept");
    assert_eq!(page.ask(ReadRetention {}).await, Ok(retention));
    retention.days = Some(0);
    assert!(page.ask(WriteRetention { retention }).await.expect_err("refused").contains("delete each take"));

    let call = |role, request| page.start.call(role, request);
    assert!(call(Role::Presenter, StartRequest::ReadSettings(ReadSettings {})).await.is_ok());
    assert_eq!(call(Role::Presenter, StartRequest::ReadLobby(ReadLobby {})).await, Err(CallError::NotAllowed));
    assert_eq!(call(Role::Audience, StartRequest::ReadSettings(ReadSettings {})).await, Err(CallError::NotAllowed));
}
