//! What is handed on, opened by the programs that people open it with: browsers, players, readers, another presentation program.

mod beside;
mod browser;
#[path = "../likeness/mod.rs"]
mod likeness;
#[path = "../processes/mod.rs"]
mod processes;

use browser::Browser;
use greenroom_director::export::deck::{self, Form, Notes, Reveals};
use greenroom_director::export::{Idle, Shape, Wanted, export, format};
use greenroom_director::takes::library::Takes;
use greenroom_director::{Library, Places};
use greenroom_show::deck::Level;
use greenroom_show::version::Version;
use likeness::Picture;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;

const TAKE: &str = include_str!("../../../stage/director/tests/golden/small.take.ndjson");
/// Of its tiles, so many may be others in another browser: letters are drawn a little differently, and nothing else is.
const OTHERS_MAX: f64 = 0.03;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace").to_path_buf()
}

/// A project with one take, one deck, and the page as it was built.
fn project() -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a folder");
    for folder in ["takes", "slides/mixed", "ui", "demos"] {
        std::fs::create_dir_all(root.path().join(folder)).expect("a folder");
    }
    let page = workspace().join("ui/dist");
    assert!(page.join("index.html").is_file(), "{} is missing: run 'cargo xtask build'", page.display());
    std::os::unix::fs::symlink(page, root.path().join("ui/dist")).expect("a link");
    std::fs::write(root.path().join("takes/small.take.ndjson"), TAKE).expect("written");
    std::fs::write(root.path().join("slides/mixed/deck.md"), DECK).expect("written");
    root
}

fn exported(root: &Path, name: &str, shape: Shape) -> PathBuf {
    let format = format(name).expect("a format");
    let path = root.join("exports").join(format!("run.{}", format.extension()));
    let wanted = Wanted { format, idle: Idle::Cut, level: Level::Public, shape };
    export(&Takes::open(&Places::within(root)), "small", wanted, &path, &mut |_| ControlFlow::Continue(()))
        .expect("exported");
    path
}

fn ran(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}; run 'cargo xtask setup'"));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program} {arguments:?}: {out}{err}");
    out.into_owned()
}

#[tokio::test]
#[ignore = "needs browsers and a display in memory: 'cargo xtask test' brings them"]
async fn a_page_plays_from_a_file_in_every_browser_and_asks_for_nothing() {
    let root = project();
    let page = exported(root.path(), "html", Shape::default());
    let profile = tempfile::tempdir().expect("a folder");
    let moments: Vec<u64> = (0..5).map(|index| index * 1_500).collect();
    let wanted: Vec<_> = moments
        .iter()
        .map(|ms| {
            let shape = Shape { at: Some(ms * 1_000), ..Shape::default() };
            Picture::read(&std::fs::read(exported(root.path(), "png", shape)).expect("written"))
        })
        .collect();
    let moved = wanted[0].others(&wanted[wanted.len() - 1]);
    assert!(moved > OTHERS_MAX, "the take moves by more than browsers differ: {moved}");
    for mut browser in [Browser::chromium().await, Browser::firefox(profile.path()).await] {
        let url = format!("file://{}", page.display());
        browser.open(&url).await;
        browser.until("it begins", "return !!document.querySelector('[data-testid=begin]')").await;
        let at = "Number(document.querySelector('[data-testid=player]').dataset.at)";
        browser.ask("document.querySelector('[data-testid=play]').click()").await;
        browser.until("it plays", &format!("return {at} > 0 && {at} < 60e6 && document.querySelector('[data-testid=player]').dataset.playing === 'true'")).await;
        browser.ask("document.querySelector('[data-testid=play]').click()").await;
        let key = |key: &str| format!("window.dispatchEvent(new KeyboardEvent('keydown', {{ key: '{key}' }}));");
        browser.ask(&key("Home")).await;
        browser.until("it goes back", &format!("return {at} === 0")).await;
        browser.ask(&key("]")).await;
        browser.until("it goes on by a step", &format!("return {at} > 0")).await;
        browser.ask(&key("End")).await;
        browser
            .until(
                "it shows what the tool printed",
                "return document.querySelector('[data-testid=terminal]').innerText.includes('10.25')",
            )
            .await;
        browser.until("it draws what was measured", "return Array.from(document.querySelectorAll('canvas.curves')).some((curves) => Number(curves.dataset.drawn) > 0)").await;
        let asked = browser.ask("return performance.getEntriesByType('resource').map((entry) => entry.name).filter((name) => !name.startsWith('data:'))").await;
        assert_eq!(asked, serde_json::json!([]), "{}", browser.name());

        browser.open(&format!("{url}#film")).await;
        browser.until("the film begins", "return !!window.greenroom").await;
        for (ms, wanted) in moments.iter().zip(&wanted) {
            // As a camera takes it once all has come to rest.
            let still = format!("for (const rests of [0, 33, 400, 800]) await greenroom.frame({ms} + rests, {ms});");
            assert!(!browser.ask(&still).await.is_string());
            let seen = browser.picture().await;
            seen.keep(&format!("{}-{ms}", browser.name()));
            wanted.keep(&format!("window-{ms}"));
            let others = seen.others(wanted);
            eprintln!("{} at {ms} ms: {:.3} % of the tiles are others", browser.name(), others * 100.0);
            assert!(others < OTHERS_MAX, "{} at {ms} ms: {others}", browser.name());
        }
    }
}

#[test]
#[ignore = "needs ffmpeg and a display in memory: 'cargo xtask test' brings them"]
fn a_film_has_every_frame_once_and_is_the_same_again() {
    let root = project();
    let shape = Shape { height: 360, rate: 10, ..Shape::default() };
    let film = exported(root.path(), "mp4", shape);
    let first = std::fs::read(&film).expect("written");
    let shown = film.display().to_string();
    let probed = ran(
        "ffprobe",
        &[
            "-v",
            "error",
            "-count_frames",
            "-select_streams",
            "v",
            "-show_entries",
            "stream=width,height,nb_read_frames,codec_name:format=duration",
            "-show_chapters",
            "-of",
            "json",
            &shown,
        ],
    );
    let probed: serde_json::Value = serde_json::from_str(&probed).expect("JSON");
    let stream = &probed["streams"][0];
    assert_eq!((stream["width"].as_u64(), stream["height"].as_u64()), (Some(640), Some(360)));
    let seconds: f64 = probed["format"]["duration"].as_str().expect("a duration").parse().expect("seconds");
    let frames: f64 = stream["nb_read_frames"].as_str().expect("frames").parse().expect("a count");
    assert!((frames - seconds * 10.0).abs() <= 1.0, "{frames} frames in {seconds} s");
    assert!(probed["chapters"].as_array().expect("chapters").len() >= 3, "{probed}");
    let again = exported(root.path(), "mp4", shape);
    assert_eq!(std::fs::read(again).expect("written"), first, "frame by frame, and byte by byte");
    for (name, codec) in [("webm", "vp9"), ("gif", "gif")] {
        let shown = exported(root.path(), name, shape).display().to_string();
        let probed = ran("ffprobe", &["-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0", &shown]);
        assert_eq!(probed.lines().next().unwrap_or_default().trim_end_matches(','), codec);
    }
    let webp = std::fs::read(exported(root.path(), "webp", shape)).expect("written");
    assert!(webp.starts_with(b"RIFF") && webp.windows(4).any(|four| four == b"ANIM"));
}

#[test]
#[ignore = "needs ffmpeg and a display in memory: 'cargo xtask test' brings them"]
fn a_moving_picture_fits_into_the_size_that_is_named_or_is_not_written() {
    let root = project();
    let shape = |bytes| Shape { height: 360, rate: 5, bytes_max: Some(bytes), ..Shape::default() };
    let gif = exported(root.path(), "gif", shape(400_000));
    assert!(std::fs::metadata(&gif).expect("written").len() <= 400_000);
    std::fs::remove_file(&gif).expect("gone");
    let wanted =
        Wanted { format: format("gif").expect("a format"), idle: Idle::Cut, level: Level::Public, shape: shape(1_000) };
    let error =
        export(&Takes::open(&Places::within(root.path())), "small", wanted, &gif, &mut |_| ControlFlow::Continue(()))
            .expect_err("no room");
    assert!(error.to_string().contains("1000"), "{error}");
    assert_eq!(std::fs::read_dir(root.path().join("exports")).expect("a folder").count(), 0, "nothing half-written");
}

#[test]
#[ignore = "needs ffmpeg and a display in memory: 'cargo xtask test' brings them"]
fn a_film_that_is_cancelled_leaves_nothing() {
    let root = project();
    let path = root.path().join("exports/run.mp4");
    let shape = Shape { height: 360, rate: 10, ..Shape::default() };
    let wanted = Wanted { format: format("mp4").expect("a format"), idle: Idle::Cut, level: Level::Public, shape };
    let mut told = 0;
    let mut patience = |_| {
        told += 1;
        if told > 8 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    export(&Takes::open(&Places::within(root.path())), "small", wanted, &path, &mut patience).expect_err("cancelled");
    assert_eq!(std::fs::read_dir(root.path().join("exports")).expect("a folder").count(), 0);
}

#[test]
#[ignore = "needs a display in memory: 'cargo xtask test' brings it"]
fn every_chart_is_there_as_a_drawing_and_as_a_picture() {
    let root = project();
    let file = std::fs::File::open(exported(root.path(), "charts", Shape::default())).expect("written");
    let mut parts = zip::ZipArchive::new(file).expect("a zip");
    let mut named = Vec::new();
    for index in 0..parts.len() {
        let mut part = parts.by_index(index).expect("a part");
        let name = part.name().expect("a name").into_owned();
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut part, &mut bytes).expect("whole");
        if name.ends_with(".svg") {
            assert!(String::from_utf8_lossy(&bytes).contains("<svg"), "{name}");
        } else {
            let mut reader = png::Decoder::new(std::io::Cursor::new(&bytes)).read_info().expect("a PNG");
            let mut pixels = vec![0; reader.output_buffer_size().expect("a size")];
            reader.next_frame(&mut pixels).expect("a picture");
            let inked = pixels.chunks_exact(3).filter(|pixel| pixel.iter().any(|part| *part < 200)).count();
            assert!(inked > 1_000, "{name} is blank");
        }
        named.push(name);
    }
    assert_eq!(named, ["01-in-out.svg", "01-in-out.png", "02-latency.svg", "02-latency.png"]);
}

const DECK: &str = "---
title: A mixed deck
audience: public
section: First
minutes: 2
layout: bullets
---
# The first slide

- One thing
- And [a place to read on](https://example.org/read)

<!--
What is said about the first.

[internal] WITHHELD aside.
-->

---
section: Second
layout: bullets
audience: internal
---
# WITHHELD title

- WITHHELD item

<!--
WITHHELD words.
-->

---
layout: table
---
# A table

| Name | Value |
| --- | --- |
| one | 1 |
| two | 2 |
";

fn deck_to(root: &Path, form: Form, level: Level, notes: Notes) -> PathBuf {
    let talk = Library::new(root).talk("mixed").expect("a talk");
    assert_eq!(talk.faults, vec![]);
    let path = root.join("exports").join(format!("mixed.{}", form.extension()));
    let version = Version { level: Some(level), cut: None };
    let wanted = deck::Wanted { form, version, reveals: Reveals::Done, notes, height: 1080 };
    deck::export(&Places::within(root), &talk, wanted, &path, &mut |_| ControlFlow::Continue(())).expect("exported");
    path
}

#[test]
#[ignore = "needs readers of PDF and a display in memory: 'cargo xtask test' brings them"]
fn a_pdf_has_words_links_an_outline_tags_and_nothing_above_its_level() {
    let root = project();
    let pdf = deck_to(root.path(), Form::Pdf, Level::Public, Notes::Yes);
    let shown = pdf.display().to_string();
    ran("qpdf", &["--check", &shown]);
    let text = ran("pdftotext", &["-layout", &shown, "-"]);
    for words in ["The first slide", "One thing", "And a place to read on", "What is said about the first.", "A table"]
    {
        assert!(text.contains(words), "{words}: {text}");
    }
    let info = ran("pdfinfo", &["-struct-text", &shown]);
    for tag in ["H1", "LI", "TH", "TD", "Link", "Table"] {
        let is_tag = |line: &str| {
            line.split(|letter: char| !letter.is_alphanumeric()).find(|word| !word.is_empty()) == Some(tag)
        };
        assert!(info.lines().any(is_tag), "{tag}: {info}");
    }
    assert!(ran("pdfinfo", &["-url", &shown]).contains("https://example.org/read"));
    let fonts = ran("pdffonts", &[&shown]);
    assert!(fonts.contains("Inter") && !fonts.contains(" no "), "embedded, and with their letters: {fonts}");
    let unpacked = root.path().join("unpacked.pdf");
    ran("qpdf", &["--qdf", "--object-streams=disable", &shown, &unpacked.display().to_string()]);
    let bytes = std::fs::read(unpacked).expect("written");
    assert!(String::from_utf8_lossy(&bytes).contains("/Outlines"));
    for place in [String::from_utf8_lossy(&bytes).into_owned(), text, info] {
        assert!(!place.contains("WITHHELD"));
    }
    let internal = deck_to(root.path(), Form::Pdf, Level::Internal, Notes::No).display().to_string();
    assert!(ran("pdftotext", &[&internal, "-"]).contains("WITHHELD"), "the search finds what is there");
}

#[test]
#[ignore = "needs LibreOffice and a display in memory: 'cargo xtask test' brings them"]
fn another_presentation_program_opens_the_slides_with_their_words_and_notes() {
    let root = project();
    let pptx = deck_to(root.path(), Form::Pptx, Level::Public, Notes::No);
    let shown = pptx.display().to_string();
    let (out, profile) = (root.path().join("out"), root.path().join("profile"));
    let profile = format!("-env:UserInstallation=file://{}", profile.display());
    ran("soffice", &[&profile, "--headless", "--convert-to", "pdf", "--outdir", &out.display().to_string(), &shown]);
    let text = ran("pdftotext", &["-layout", &out.join("mixed.pdf").display().to_string(), "-"]);
    for words in ["The first slide", "One thing", "a place to read on", "A table"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let mut parts = zip::ZipArchive::new(std::fs::File::open(&pptx).expect("written")).expect("a zip");
    let mut notes = String::new();
    for index in 0..parts.len() {
        let mut part = parts.by_index(index).expect("a part");
        let name = part.name().expect("a name").into_owned();
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut part, &mut bytes).expect("whole");
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(!text.contains("WITHHELD"), "{name}");
        if name.contains("notesSlides/") {
            notes.push_str(&text);
        }
    }
    assert!(notes.contains("What is said about the first."), "{notes}");
}

#[tokio::test]
#[ignore = "needs browsers: 'cargo xtask test' brings them"]
async fn a_deck_as_a_page_turns_in_a_browser_and_has_nothing_above_its_level() {
    let root = project();
    let page = deck_to(root.path(), Form::Html, Level::Public, Notes::No);
    let mut browser = Browser::chromium().await;
    browser.open(&format!("file://{}", page.display())).await;
    browser.until("the first slide", "return document.querySelector('h1')?.innerText === 'The first slide'").await;
    let lines = browser.ask("return window.__GREENROOM_REEL__.head + window.__GREENROOM_REEL__.lines").await;
    let lines = lines.as_str().expect("a reel");
    assert!(lines.contains("One thing") && !lines.contains("WITHHELD") && !lines.contains("What is said"), "{lines}");
    browser.ask("window.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight' }))").await;
    browser
        .until(
            "the next one",
            "return Array.from(document.querySelectorAll('h1')).some((title) => title.innerText === 'A table')",
        )
        .await;
}

#[tokio::test]
#[ignore = "needs browsers and the player: 'cargo xtask test' brings them"]
async fn asciinema_plays_the_cast() {
    let root = project();
    let player = workspace().join(".tools/asciinema-player/node_modules/asciinema-player/dist/bundle");
    for name in ["cast2", "cast3"] {
        let cast = std::fs::read_to_string(exported(root.path(), name, Shape::default())).expect("written");
        let page = root.path().join(format!("{name}.html"));
        let script = std::fs::read_to_string(player.join("asciinema-player.min.js")).expect("run 'cargo xtask setup'");
        let cast = serde_json::to_string(&cast).expect("text").replace('<', "\\u003c");
        let html = format!(
            "<!doctype html><meta charset=utf-8><div id=player></div><script>{script}</script><script>window.player = AsciinemaPlayer.create({{ data: {cast} }}, document.getElementById('player'), {{ preload: true }});</script>"
        );
        std::fs::write(&page, html).expect("written");
        let mut browser = Browser::chromium().await;
        browser.open(&format!("file://{}", page.display())).await;
        let shows = "await window.player.play(); await window.player.seek('100%'); return document.querySelector('#player').innerText.includes('10.25')";
        browser.until("it shows what the tool printed last", shows).await;
    }
}
