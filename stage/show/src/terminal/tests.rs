use super::*;
use crate::playback::Line;
use crate::{Event, Outcome, Show, Stamped};
use proptest::prelude::*;

/// What a terminal keeps beside its cells, each set and then used: a snapshot at any byte of these may lose it.
const STATES: [&str; 20] = [
    "\x1b[1;33mbold\x1b[0m plain\r\n\x1b[31mred",
    "a\x1b[1mred",
    "\x1b[38;2;1;2;3;48:5:200mshades\x1b[3;4;5;7;9mall\x1b[22;24mless",
    "10 %\x1b7\r\n\r\n\x1b[5;10Hfar\x1b8 20 %\r\nnext",
    "\x1b[10;20H\x1b[1;35m\x1b[s\x1b[H\x1b[mhome\x1b[uback",
    "top\x1b[3;6r\x1b[6;1Ha\r\nb\r\nc\r\nd\x1b[r\x1b[24;1Hbottom\n\nx",
    "\x1b[3;6r\x1b[?6h\x1b[2;2Hin the region\x1b[99;99Hlast\x1b[?6l\x1b[1;1Hfirst",
    "\x1b[5;9r\x1b[?6h\x1b[2;1H\x1b7\x1b[12;20r\x1b8\x1b[?1047hoff the region\n\x1b[Aup",
    "main\x1b[?1049h\x1b[Hother\x1b[?1049l again",
    "main\x1b[?47h\x1b[4;4Hother\x1b7\x1b[?47lmain\x1b[?1047h\x1b8x",
    "\x1b(0lqqk\x1b(B lqqk \x1b)0\x0eqqq\x0fqqq",
    "\x1b[3g\x1b[5G\x1bH\x1b[11G\x1bH\r\ta\tb\tc",
    "abc\x1b[4hXY\x1b[1GZ\x1b[4l!",
    "\x1b[?7l\x1b[1;95Hruns off the edge\x1b[?7h\x1b[1;98Hwraps",
    "\x1b[1;100HX\r\n\x1b[3;100H\x1b[44mY\x1b[mZ",
    "\x1b[1;100Hw\x1b[?7lv\x1b[20h\nnew\nline\x1b[20l\nl",
    "\x1b]0;a title that is long\x07after\x1b]8;;http://h/\x1b\\link\x1b]8;;\x1b\\",
    "\x1bP1$r0m\x1b\\ after \x1b_apc\x1b\\ x \u{9b}31mc1\u{9c}",
    "日本語 é e\u{301} 🚀\x1b[1;99H語語\x1b[1D\x1b[Px",
    "x\x1b[6b\x1b[!p\x1b#8\x1b[2J\x1bc\x1b[?25l\x1b[?1h\x1b[2@\x1b[3L\x1b[2M\x1b[4X",
];

fn terminal(output: &str) -> Terminal {
    let mut terminal = Terminal::default();
    terminal.write(output);
    terminal
}

fn over_the_wire<T: Serialize + serde::de::DeserializeOwned>(sent: &T) -> T {
    serde_json::from_str(&serde_json::to_string(sent).expect("plain values")).expect("what was written")
}

/// Whoever gets a snapshot after any character sees what those see who were there from the beginning, in all that the emulator knows.
fn snapshot_is_the_state_at(cuts: impl Iterator<Item = usize>, output: &str) {
    let whole = terminal(output);
    for cut in cuts.filter(|cut| output.is_char_boundary(*cut)) {
        let (before, after) = output.split_at(cut);
        let early = terminal(before);
        for mut late in [early.clone(), over_the_wire(&early), over_the_wire(&over_the_wire(&early))] {
            assert_eq!(late, early, "a snapshot after {before:?}");
            late.write(after);
            assert_eq!(late, whole, "{before:?} | {after:?}");
            assert_eq!(late.screen.dump(), whole.screen.dump(), "{before:?} | {after:?}");
        }
    }
}

#[test]
fn progress_lines_replace_each_other() {
    assert_eq!(terminal("$ copy\r\n10 %\r20 %\r100 %\r\ndone\r\n").text(), "$ copy\n100 %\ndone");
}

#[test]
fn a_copy_over_the_wire_shows_the_same_screen() {
    let sent = terminal("\x1b[1;33mbold\x1b[0m plain\r\n\x1b[31mred");
    let copy = over_the_wire(&sent);
    assert_eq!(copy, sent);
    assert_eq!(copy.text(), "bold plain\nred");
}

#[test]
fn an_escape_sequence_goes_on_in_the_copy() {
    let early = terminal("a\x1b[3");
    for mut copy in [early.clone(), over_the_wire(&early)] {
        copy.write("1mred");
        assert_eq!(copy.text(), "ared");
    }
}

#[test]
fn a_snapshot_is_the_state_at_every_cut() {
    for output in STATES {
        snapshot_is_the_state_at(0..=output.len(), output);
    }
    let all = STATES.concat();
    snapshot_is_the_state_at((0..=all.len()).step_by(7), &all);
}

#[test]
fn a_snapshot_is_the_state_where_the_screen_is_painted_anew() {
    let all = STATES.concat().repeat(3 * TAIL_BYTES_MAX / STATES.concat().len());
    let near = |border: usize| border.saturating_sub(5)..border + 6;
    snapshot_is_the_state_at(near(TAIL_BYTES_MAX).chain(near(2 * TAIL_BYTES_MAX)).chain([0, all.len()]), &all);
}

#[test]
fn two_terminals_with_different_states_differ() {
    for (left, right) in [("a", "b"), ("a", "a\x1b[4h"), ("a", "a\x1b["), ("a", "a\x1b7"), ("", "\x1b[2;5r\x1b[H")] {
        assert_ne!(terminal(left), terminal(right), "{left:?} {right:?}");
    }
}

/// Output as tools print it: lines, colours, progress, long lines, more of it than a tail holds.
fn as_tools_print() -> String {
    let lines = (0..2_000).map(|line| match line % 5 {
        0 => format!("\x1b[32mINFO\x1b[0m line {line}\r\n"),
        1 => format!("\r{line} of 2000\x1b[K"),
        2 => format!("\r\n{}\r\n", "long ".repeat(30)),
        3 => format!("\x1b[1A\x1b[2K\x1b[36m{line}\x1b[m 語 done\r\n"),
        _ => "\tindented\r\n".into(),
    });
    lines.collect()
}

#[test]
fn painting_anew_changes_nothing_of_what_tools_print() {
    let output = as_tools_print();
    assert!(output.len() > 4 * TAIL_BYTES_MAX);
    let mut plain = avt::Terminal::new(COLUMNS.get().into(), ROWS.get().into()).expect("a size");
    let mut painted = Terminal::default();
    for line in output.split_inclusive('\n') {
        plain.feed(line);
        painted.write(line);
        assert_eq!(painted.screen.dump(), plain.dump(), "after {line:?}");
    }
}

#[test]
fn a_snapshot_is_bounded_whatever_is_printed() {
    // Each cell with all that a cell can have, and another than its neighbour.
    let cell = |index: usize| {
        let (red, one) = (200 + index % 50, index % 2);
        let pen = format!("\x1b[0;38;2;{red};255;255;48;2;255;255;{red};{};3;4;5;7;9m", 1 + one);
        pen + if one == 0 { "\u{10ffff}" } else { "\u{10fffe}" }
    };
    let cells = usize::from(ROWS.get()) * usize::from(COLUMNS.get());
    let screen: String = (0..cells).map(cell).collect();
    let modes = format!("\x1b[2;9r\x1b[?6h\x1b7\x1b[3g{}", "\x1b[C\x1bH".repeat(99));
    let title = format!("\x1b]0;{}", "\u{10ffff}".repeat(3 * TAIL_BYTES_MAX));
    let colourful = terminal(&format!("\x1b[H{screen}{modes}\x1b[?6l\x1b[r\x1b[?1047h\x1b[H{screen}{modes}{title}"));
    let bytes = colourful.log.painted.len() + colourful.log.tail.len();
    assert!(bytes > cells * 80, "both screens are in it: {bytes} bytes");
    assert!(bytes <= SNAPSHOT_BYTES_MAX, "{bytes} bytes");
    assert_eq!(over_the_wire(&colourful), colourful);
}

#[test]
fn a_snapshot_beyond_the_bound_is_refused_in_words() {
    let log = Log { painted: "x".repeat(SNAPSHOT_BYTES_MAX + 1), tail: String::new() };
    let wire = serde_json::to_string(&log).expect("plain values");
    let said = serde_json::from_str::<Terminal>(&wire).expect_err("too large").to_string();
    assert!(said.contains("terminal") && said.contains(&SNAPSHOT_BYTES_MAX.to_string()), "{said}");
}

#[test]
fn a_step_begins_on_a_line_of_its_own() {
    let full = (0..40).map(|line| format!("line {line}\r\n")).collect::<String>();
    let hundred = "x".repeat(100);
    for (last, seen) in [
        ("no end of line", "no end of line\n$ next"),
        ("an end\r\n", "an end\n$ next"),
        ("half\rHALF", "HALF\n$ next"),
        ("a\r\nb\x1b[H", "a\nb\n$ next"),
        (hundred.as_str(), &format!("{hundred}\n$ next")),
        // The second row of a line that wraps was cleared, but belongs to it.
        (&format!("{hundred}y\r\x1b[1K"), &format!("{hundred}\n$ next")),
        ("", "$ next"),
    ] {
        let mut terminal = terminal(last);
        terminal.begin_step();
        terminal.write("$ next");
        assert_eq!(terminal.text(), seen, "after {last:?}");
    }
    for last in ["", "no end"] {
        let mut terminal = terminal(&format!("{full}{last}"));
        terminal.begin_step();
        terminal.write("$ next");
        let above = if last.is_empty() { "line 39" } else { last };
        assert!(terminal.text().ends_with(&format!("{above}\n$ next")), "{}", terminal.text());
    }
}

#[test]
fn a_step_begins_on_a_sane_screen() {
    let mut fresh = terminal("before\r\n");
    fresh.begin_step();
    for left in [
        "\x1b[?1049hother\x1b[2;5r",
        "\x1b[?1047h\x1b[20;7Hother",
        "\x1b[?47hother\x1b7",
        "\x1b[3;6r",
        "\x1b[1;3r\x1b[?6h\x1b[2;1H",
        "\x1b[2;1H\x1b[4h",
        "\x1b(0",
        "\x1b)0\x0e",
        "\x1b[1;3;7;31;44m",
        "\x1b[?25l",
        "\x1b[?7l",
        "\x1b[20h",
        "\x1b[?1h\x1b=",
        "\x1b[?2004h\x1b[?1000h\x1b[?1002h\x1b[?1006h",
        "\x1b[3g\x1b[4G\x1bH\r",
        "\x1b[2;5H\x1b7\x1b[2;1H",
        "\x1b[?1049h\x1b[9;9H\x1b[31m\x1b7\x1b[?6h\x1b[?1049l",
        "\x1b[31;44m\x1b[J",
        "\x1b[38;5",
        "\x1b",
        "\x1b]0;title",
        "\x1bP+q",
        "\x1b_apc",
        "\x1b(",
    ] {
        let mut terminal = terminal(&format!("before\r\n{left}"));
        terminal.begin_step();
        assert_eq!(terminal.screen.dump(), fresh.screen.dump(), "after {left:?}");
        terminal.write("ab\tlqqk\r\nwraps");
        assert_eq!(terminal.text(), "before\nab      lqqk\nwraps", "after {left:?}");
    }
}

#[test]
fn what_the_last_tool_printed_stays_where_it_was_drawn_over() {
    let mut terminal = terminal("copied 3 files\r\nshell\x1b[?1049h\x1b[2J\x1b[Hfull screen\x1b[24;1Hstatus");
    terminal.begin_step();
    terminal.write("$ next\r\n");
    assert_eq!(terminal.text(), "copied 3 files\nshell\n$ next");
}

#[test]
fn steps_begin_cleanly_live_and_recorded() {
    let events = [
        Event::Begun { demo: "a".into() },
        Event::StepStarted { step: 0, timeout_ms: 1 },
        Event::Output("$ first\r\n".into()),
        Event::Output("\x1b[4h\x1b(0no end of line\x1b[3;6r\x1b[38;5".into()),
        Event::StepEnded { step: 0, outcome: Outcome::TimedOut { why: String::new() } },
        Event::StepStarted { step: 1, timeout_ms: 1 },
        Event::Output("$ second\r\n".into()),
    ];
    let (seen, mut run) = ("$ first\n┼⎺ ␊┼␍ ⎺° ┌␋┼␊\n$ second", crate::Run::default());
    let mut live = Show::default();
    for (at, event) in events.iter().enumerate() {
        live.apply(at as u64, event);
        run.apply(at as u64, &over_the_wire(&Stamped { at: at as u64, event: event.clone() }).event);
    }
    assert_eq!(live.runs["a"].terminal.text(), seen);
    assert_eq!(run, live.runs["a"]);
}

/// The events of every take that the tests keep.
fn takes() -> Vec<Vec<Stamped>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../director/tests/golden");
    let files = std::fs::read_dir(folder).expect("golden takes").map(|file| file.expect("a file").path());
    let events = |path| {
        let take = std::fs::read_to_string(path).expect("a take");
        let lines = take.lines().skip(1).map(Line::read);
        lines.filter_map(|line| if let Line::Event(stamped) = line { Some(*stamped) } else { None }).collect()
    };
    files.filter(|path| path.extension().is_some_and(|end| end == "ndjson")).map(events).collect()
}

/// Events that fold into the same show, with their output cut into characters.
fn by_character(events: &[Stamped]) -> Vec<Stamped> {
    let cut = |stamped: &Stamped| match &stamped.event {
        Event::Output(text) => {
            let one = |letter: char| Stamped { at: stamped.at, event: Event::Output(letter.to_string()) };
            text.chars().map(one).collect()
        }
        _ => vec![stamped.clone()],
    };
    events.iter().flat_map(cut).collect()
}

#[test]
fn a_show_goes_on_from_its_snapshot_at_every_cut_of_every_take() {
    let fold = |mut show: Show, events: &[Stamped]| {
        events.iter().for_each(|stamped| show.apply(stamped.at, &stamped.event));
        show
    };
    let takes = takes();
    assert!(takes.iter().any(|take| !take.is_empty()));
    for take in takes {
        let whole = fold(Show::default(), &take);
        let take = by_character(&take);
        for cut in 0..=take.len() {
            let early = fold(Show::default(), &take[..cut]);
            for late in [early.clone(), over_the_wire(&early)] {
                assert_eq!(fold(late, &take[cut..]), whole, "cut after {cut} events");
            }
        }
    }
}

/// Output that is wrong, right and unfinished, in any order.
fn output() -> impl Strategy<Value = String> {
    let csi = ("[?!]?", proptest::collection::vec(0u16..120, 0..4), "[@-z]");
    let csi = csi.prop_map(|(private, numbers, end)| {
        let numbers: Vec<_> = numbers.iter().map(u16::to_string).collect();
        format!("\x1b[{private}{}{end}", numbers.join(";"))
    });
    let modes = proptest::sample::select(vec!["1", "6", "7", "25", "47", "1047", "1048", "1049"]);
    let modes = (modes, "[hl]").prop_map(|(mode, end)| format!("\x1b[?{mode}{end}"));
    let piece = prop_oneof![
        4 => "[ -~]{1,120}",
        1 => "\\PC{1,20}",
        1 => "[\\x00-\\x1f\\x7f-\\x9f]{1,3}",
        6 => csi,
        4 => modes,
        2 => "\x1b[ -~]{1,2}",
        2 => proptest::sample::select(STATES.to_vec()).prop_map(String::from),
        1 => proptest::sample::select(STATES.to_vec()).prop_map(|state| state.repeat(200)),
        1 => "\x1b[\\]P_^X][ -~]{0,30}",
    ];
    proptest::collection::vec(piece, 1..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_snapshot_is_the_state_of_any_output(output in output(), cuts in proptest::collection::vec(0.0..1.0, 6)) {
        let at = |share: f64| output.ceil_char_boundary((share * output.len() as f64) as usize);
        snapshot_is_the_state_at(cuts.into_iter().map(at), &output);
    }

    #[test]
    fn any_output_leaves_a_step_a_clean_line_and_a_sane_screen(output in output()) {
        let mut terminal = terminal(&output);
        terminal.begin_step();
        let above = terminal.text();
        terminal.write("$ l\tqk\r\nnext");
        let text = terminal.text();
        prop_assert!(text.ends_with("$ l     qk\nnext"), "{text:?}");
        let shown = text.trim_end_matches("$ l     qk\nnext").trim_end();
        prop_assert!(above.trim_end().ends_with(shown), "{above:?} then {text:?}");
        prop_assert!(terminal.log.painted.len() + terminal.log.tail.len() <= SNAPSHOT_BYTES_MAX);
    }
}
