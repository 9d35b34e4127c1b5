use super::*;
use crate::places::Places;
use crate::takes::library::Takes;
use greenroom_show::take::{Edition, Machine, TakeInfo, Verdict};
use greenroom_show::{Event, Outcome, Replay, Show, Stamped, Terminal};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;

const SMALL: &str = include_str!("../../tests/golden/small.take.ndjson");

/// The golden take with other lines after what draws it, or as it is.
fn project(text: &str) -> (tempfile::TempDir, Takes) {
    let root = tempfile::tempdir().expect("a folder");
    std::fs::create_dir_all(root.path().join("takes")).expect("a folder");
    std::fs::write(root.path().join("takes/small.take.ndjson"), text).expect("written");
    let page = root.path().join("ui/dist");
    std::fs::create_dir_all(page.join("theme")).expect("a folder");
    let parts = [
        ("index.html", "<link href=\"theme/all.css\" />"),
        ("theme/all.css", ""),
        ("greenroom-audience.js", ""),
        ("greenroom-audience_bg.wasm", ""),
    ];
    for (name, text) in parts {
        std::fs::write(page.join(name), text).expect("written");
    }
    let takes = Takes::open(&Places::within(root.path()));
    (root, takes)
}

/// Those that the app draws of the page's reel are tested with it.
fn drawn_by_the_app(name: &str) -> bool {
    ["mp4", "webm", "gif", "webp", "png", "charts"].contains(&name)
}

/// The lines of the reel that a page plays.
fn unpacked(page: &[u8]) -> Vec<u8> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let page = String::from_utf8_lossy(page);
    let (_, packed) = page.split_once("id=\"lines\">").expect("lines");
    let packed = STANDARD.decode(packed.split('<').next().unwrap_or_default()).expect("base64");
    let mut lines = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(packed.as_slice()), &mut lines).expect("gzip");
    lines
}

fn with_lines(events: &[Stamped]) -> String {
    let mut text: String = SMALL.split_inclusive('\n').take(4).collect();
    for stamped in events {
        text += &serde_json::to_string(stamped).expect("plain values");
        text.push('\n');
    }
    text
}

fn way(format: &'static dyn Format, idle: Idle) -> Wanted {
    Wanted { format, idle, level: Level::Internal, shape: Shape::default() }
}

/// All files of an export, by name.
fn exported(takes: &Takes, name: &str, idle: Idle) -> BTreeMap<String, Vec<u8>> {
    let folder = tempfile::tempdir().expect("a folder");
    let format = format(name).expect("a format");
    let path = folder.path().join("out").join(format!("run.{}", format.extension()));
    export(takes, "small", way(format, idle), &path, &mut |_| ControlFlow::Continue(())).expect("exported");
    files(folder.path(), folder.path())
}

fn files(root: &Path, folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("there").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(root, &path));
        } else {
            let name = path.strip_prefix(root).expect("within").to_string_lossy().into_owned();
            found.insert(name, std::fs::read(&path).expect("readable"));
        }
    }
    found
}

fn text(takes: &Takes, name: &str, idle: Idle) -> String {
    let files = exported(takes, name, idle);
    let main = files.into_iter().find(|(name, _)| !name.contains("-charts")).expect("a file").1;
    String::from_utf8(main).expect("text")
}

/// Rows of a CSV: the cells after its comment and its head.
fn rows_of(csv: &str) -> Vec<Vec<String>> {
    let mut reader = ::csv::ReaderBuilder::new().comment(Some(b'#')).from_reader(csv.as_bytes());
    reader.records().map(|row| row.expect("a row").iter().map(String::from).collect()).collect()
}

/// What a terminal shows that prints a cast.
fn screen_of(cast: &str) -> String {
    let mut terminal = Terminal::default();
    for line in cast.lines().skip(1) {
        let (_, code, text): (f64, String, String) = serde_json::from_str(line).expect(line);
        if code == "o" {
            terminal.write(&text);
        }
    }
    terminal.text()
}

#[test]
fn each_format_writes_what_it_wrote_before() {
    let (_root, takes) = project(SMALL);
    for (name, golden) in [
        ("cast2", include_str!("../../tests/golden/small.v2.cast")),
        ("cast3", include_str!("../../tests/golden/small.v3.cast")),
        ("csv", include_str!("../../tests/golden/small.csv")),
        ("report", include_str!("../../tests/golden/small.md")),
    ] {
        assert_eq!(text(&takes, name, Idle::Cut), golden, "{name}");
    }
    let report = exported(&takes, "report", Idle::Cut);
    let chart = String::from_utf8(report["out/run-charts/1.svg"].clone()).expect("text");
    assert_eq!(chart, include_str!("../../tests/golden/small-chart.svg"));
    assert_eq!(report.len(), 3, "a page and two charts");
}

#[test]
fn parquet_holds_the_rows_of_the_csv() {
    use ::parquet::file::reader::{FileReader as _, SerializedFileReader};
    use ::parquet::record::Field;
    let (_root, takes) = project(SMALL);
    let file = exported(&takes, "parquet", Idle::Cut).remove("out/run.parquet").expect("a file");
    let file = SerializedFileReader::new(bytes::Bytes::from(file)).expect("a Parquet file");
    let told = |field: &Field| match field {
        Field::Null => String::new(),
        Field::Str(text) => text.clone(),
        Field::Double(number) => number.to_string(),
        other => panic!("{other:?} is of no kind that was written"),
    };
    let rows = file.get_row_iter(None).expect("rows").map(|row| row.expect("a row"));
    let rows: Vec<Vec<String>> =
        rows.map(|row| row.get_column_iter().map(|(_, field)| told(field)).collect()).collect();
    let mut wanted = rows_of(&text(&takes, "csv", Idle::Cut));
    for row in wanted.iter_mut().filter(|row| !row[0].is_empty()) {
        row[0] = row[0].parse::<f64>().expect("a number").to_string();
    }
    assert_eq!(rows, wanted);
    let pairs = file.metadata().file_metadata().key_value_metadata().expect("where it is from").clone();
    assert!(pairs.iter().any(|pair| pair.key == "GREENROOM_TAKE" && pair.value.as_deref() == Some("small")));
}

#[test]
fn the_times_of_both_casts_agree_and_pauses_are_cut_unless_they_are_kept() {
    let (_root, takes) = project(SMALL);
    let times = |name: &str, idle| -> Vec<f64> {
        let cast = text(&takes, name, idle);
        let lines = cast.lines().skip(1).map(|line| serde_json::from_str::<(f64, String, String)>(line).expect(line));
        lines.map(|line| line.0).collect()
    };
    let mut at = 0.0;
    let summed: Vec<f64> = times("cast3", Idle::Kept)
        .into_iter()
        .map(|gap| {
            at += gap;
            (at * 1e6_f64).round() / 1e6
        })
        .collect();
    assert_eq!(summed, times("cast2", Idle::Kept));
    assert_eq!(*summed.last().expect("lines"), 23.3);
    assert!(*times("cast2", Idle::Cut).last().expect("lines") < 6.0);
    let marks = |idle| text(&takes, "cast2", idle).lines().filter(|line| line.contains(", \"m\", ")).count();
    assert_eq!((marks(Idle::Cut), marks(Idle::Kept)), (4, 4));
    assert!(text(&takes, "cast2", Idle::Cut).contains("idle_time_limit"));
    assert!(!text(&takes, "cast2", Idle::Kept).contains("idle_time_limit"));
}

#[test]
fn every_format_goes_from_where_a_take_begins_to_where_it_ends() {
    let (_root, takes) = project(SMALL);
    takes.trim("small", Some(21_000_000), Some(23_050_000)).expect("within it");
    let rows = rows_of(&text(&takes, "csv", Idle::Cut));
    assert_eq!(rows[0][..2], ["0.100000", "run azcopy copy {data:photos} {blob:photos/inbox} --recursive"]);
    let timed = rows.iter().filter(|row| !row[0].is_empty());
    assert_eq!((timed.count(), rows.len()), (6 * 3, 6 * 3 + 3));
    for name in ["cast2", "cast3"] {
        let cast = text(&takes, name, Idle::Cut);
        assert_eq!(
            screen_of(&cast),
            "$ azcopy copy\n0 % done, é ✓\n36 % done, é ✓\n72 % done, é ✓",
            "with what led to it"
        );
        assert_eq!(cast.lines().filter(|line| line.contains("\"m\"")).count(), 1, "the step that begins within");
    }
    let report = text(&takes, "report", Idle::Cut);
    assert!(!report.contains("tenant create") && report.contains("azcopy copy"), "{report}");
    assert!(report.contains("a part of the take") && !report.contains("10.25, wanted"), "{report}");
}

#[test]
fn no_secret_leaves_in_any_format_though_somebody_wrote_it_into_the_take() {
    let secret = "c2VjcmV0LXNlY3JldC1zZWNyZXQ%3D";
    let leak = format!("http://h/a?se=1&sig={secret}");
    let mut text = SMALL.to_string();
    for place in [
        "Linux",
        "azcopy version",
        "tenant create",
        "every file arrived",
        "In & out",
        "out <2>",
        "42 files",
        "10.25, wanted",
        "upload.seconds",
        "is 10.25",
        "A talk",
    ] {
        assert!(text.contains(place), "{place}");
        text = text.replace(place, &format!("{leak} {place}"));
    }
    let (_root, takes) = project(&text);
    takes.rename("small", &format!("x {leak}")).expect("named");
    for format in FORMATS.into_iter().filter(|format| !drawn_by_the_app(format.name())) {
        for (name, mut bytes) in exported(&takes, format.name(), Idle::Cut) {
            if format.name() == "html" {
                bytes.extend(unpacked(&bytes));
            }
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{} in {name}", format.name());
        }
    }
}

#[test]
fn a_secret_that_was_torn_in_two_does_not_leave() {
    let part = |at, text: &str| Stamped { at, event: Event::Output(text.into()) };
    let (_root, takes) = project(&with_lines(&[
        part(1, "GET http://h/a?se=1&si"),
        part(2, "g=c2VjcmV0"),
        part(3, "LXNlY3JldA%3D%3D HTTP\r\n"),
    ]));
    let page = exported(&takes, "html", Idle::Cut).into_values().next().expect("a page");
    let lines = String::from_utf8_lossy(&unpacked(&page)).into_owned();
    assert!(lines.contains("g=•••") && !lines.contains("NlY3") && !lines.contains("c2Vjc"), "{lines}");
    for name in ["cast2", "cast3"] {
        let shown = screen_of(&text(&takes, name, Idle::Cut));
        assert!(shown.contains("sig=•••") && !shown.contains("NlY3"), "{shown}");
    }
}

/// A talk that began while its demo stood on stage, and in which a take of the demo was shown while a step ran.
fn talk() -> String {
    let opened = SMALL.lines().nth(1).expect("what draws it");
    let Event::Opened(opened) = serde_json::from_str::<Stamped>(opened).expect("an event").event else {
        panic!("opened")
    };
    let mut show = Show { deck: Some(opened.deck), demos: opened.demos, ..Show::default() };
    let output = |text: &str| Event::Output(text.into());
    for event in
        [Event::Begun { demo: "small".into() }, Event::StepStarted { step: 1, timeout_ms: 1 }, output("before\r\n")]
    {
        show.apply(70_000_000, &event);
    }
    let take = TakeInfo {
        id: "old".into(),
        demo: "small".into(),
        at_unix_ms: 0,
        duration_ms: 0,
        machine: Machine::default(),
        verdict: Verdict::Passed,
        edition: Edition::Todays,
    };
    let value = |value: f64| Event::Sample([("photos.p99_ms".to_string(), value)].into());
    let recorded = [output("recorded\r\n"), value(2.0)].map(|event| Stamped { at: 5, event });
    let events = [
        (0, Event::Showed { now: 70_000_000, show: Box::new(show) }),
        (1_000_000, output("live\r\n")),
        (1_500_000, value(1.0)),
        (2_000_000, Event::Replay(Replay::Opened(take))),
        (3_000_000, Event::Replay(Replay::Events(recorded.into()))),
        (4_000_000, output("behind\r\n")),
        (4_500_000, value(9.0)),
        (5_000_000, Event::Replay(Replay::Closed)),
        (6_000_000, Event::StepEnded { step: 1, outcome: Outcome::Passed { seen: "42".into() } }),
    ];
    let header = SMALL.lines().next().expect("a header").replace("\"demo\":\"small\"", "\"demo\":\"\"");
    let lines = events.map(|(at, event)| serde_json::to_string(&Stamped { at, event }).expect("plain values"));
    format!("{header}\n{}\n", lines.join("\n"))
}

#[test]
fn a_talk_is_handed_on_as_the_audience_saw_it() {
    let (_root, takes) = project(&talk());
    let cast = text(&takes, "cast3", Idle::Cut);
    assert!(cast.contains("before") && cast.contains("live") && !cast.contains("behind"), "{cast}");
    assert_eq!(screen_of(&cast), "recorded");
    let rows = rows_of(&text(&takes, "csv", Idle::Cut));
    let told: Vec<_> = rows.iter().map(|row| (row[0].as_str(), row[4].as_str())).collect();
    assert_eq!(told, [("1.500000", "1"), ("3.000000", "2")]);
    assert!(rows[0][1].starts_with("run azcopy copy"), "the step that ran when the talk began");
    let report = text(&takes, "report", Idle::Cut);
    assert!(report.contains("the whole talk") && report.contains("| 2 | `run azcopy copy"), "{report}");
}

#[test]
fn an_export_that_is_cancelled_leaves_nothing() {
    let (root, takes) = project(SMALL);
    for format in FORMATS.into_iter().filter(|format| !drawn_by_the_app(format.name())) {
        let path = root.path().join("exports").join(format!("run.{}", format.extension()));
        for patience in 0..2 {
            let mut calls = 0;
            let mut progress = |share: f64| {
                assert!((0.0..=1.0).contains(&share));
                calls += 1;
                if calls > patience { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            let error = export(&takes, "small", way(format, Idle::Cut), &path, &mut progress).expect_err("cancelled");
            assert!(matches!(error, ExportError::Cancelled), "{error}");
            assert_eq!(files(root.path(), &root.path().join("exports")), BTreeMap::new());
        }
    }
}

#[test]
fn an_export_over_an_earlier_one_leaves_nothing_of_it() {
    let (root, takes) = project(SMALL);
    let path = root.path().join("exports/run.md");
    let report = format("report").expect("a format");
    for wanted in [2, 1] {
        export(&takes, "small", way(report, Idle::Cut), &path, &mut |_| ControlFlow::Continue(())).expect("exported");
        let found = files(root.path(), &root.path().join("exports"));
        assert_eq!(found.len(), 1 + wanted, "{:?}", found.keys());
        for made in [path.clone(), root.path().join("exports/run-charts")] {
            let mode = std::fs::metadata(made).expect("there").permissions().mode();
            assert_eq!(mode & 0o400, 0o400);
            assert_eq!(
                mode & 0o040,
                std::fs::metadata(takes.path("small")).expect("there").permissions().mode() & 0o040
            );
        }
        let other = SMALL.replace("\"photos.p99_ms\":", "\"other.p99_ms\":");
        std::fs::write(takes.path("small"), other).expect("written");
    }
}

#[test]
fn every_format_has_a_recipe_and_a_name_of_its_own() {
    let page = include_str!("../../../../docs/CAPTURE.md");
    let readme = include_str!("../../../../README.md");
    for format in FORMATS {
        let name = format.name();
        assert!(
            page.contains(&format!("--as {name} ")) || page.contains(&format!("`{name}`")),
            "docs/CAPTURE.md: {name}"
        );
        assert!(readme.contains(name), "README.md: {name}");
        assert_eq!(FORMATS.iter().filter(|other| other.name() == name).count(), 1);
    }
}

#[test]
fn an_unknown_format_is_told_with_those_that_there_are() {
    let said = format("cvs").expect_err("none").to_string();
    assert!(said.contains("did you mean 'csv'?") && said.contains("cast2, cast3"), "{said}");
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), -1e12..1e12, any::<f64>().prop_filter("a number", |value| value.is_finite())]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn series_that_are_read_back_from_csv_are_those_of_the_take(
        samples in proptest::collection::vec((0u64..1_000_000, proptest::collection::btree_map("[a-z\",]{1,6}", value(), 1..4)), 1..30)
    ) {
        let mut at = 0;
        let events: Vec<Stamped> = samples.into_iter().map(|(gap, values)| {
            at += gap;
            Stamped { at, event: Event::Sample(values) }
        }).collect();
        let (_root, takes) = project(&with_lines(&events));
        let read: Vec<(u64, String, u64)> = rows_of(&text(&takes, "csv", Idle::Cut)).into_iter().map(|row| {
            let micros = row[0].replace('.', "").parse().expect("a time");
            (micros, row[2].clone(), row[4].parse::<f64>().expect("a number").to_bits())
        }).collect();
        let wanted: Vec<(u64, String, u64)> = events.iter().flat_map(|stamped| match &stamped.event {
            Event::Sample(values) => values.iter().map(|(name, value)| (stamped.at, name.clone(), value.to_bits())).collect::<Vec<_>>(),
            _ => vec![],
        }).collect();
        prop_assert_eq!(read, wanted);
    }
}
