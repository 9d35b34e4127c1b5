use super::*;
use std::process::{Command, Stdio};

const KEY: &str = "q3Xv+Zs8/T1mKd0aWbYh7uRpLcJe5GfNo2iVx9tBzQw4EyHk6SjMlPn+Ur/AgDFCOIvTqXsKZ8mWbYh1uRpLc==";
const SIGNATURE: &str = "Fz9Qm+2/LkW7hTgYbVcXsRpDn4JaUe6Ko1iGt0rMw8E=";

/// Knows a key and a signature, as the stack tells them.
fn secrets() -> Secrets {
    let secrets = Secrets::default();
    secrets.know(KEY);
    secrets.know_sas(&format!("sv=2025-07-05&sr=c&sp=rw&sig={}&se=2030", encoded(SIGNATURE)));
    secrets
}

fn encoded(text: &str) -> String {
    text.replace('%', "%25").replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
}

fn lower_hex(text: &str) -> String {
    text.replace("%2B", "%2b").replace("%2F", "%2f").replace("%3D", "%3d").replace("%253D", "%253d")
}

fn json(text: &str) -> String {
    text.replace('/', "\\/").replace('+', "\\u002b").replace('=', "\\u003D")
}

/// One in each chunk.
fn in_chunks(secrets: &Secrets, private: &str, chunks: &[&str]) -> String {
    let mut scrubber = Scrubber::new(secrets.clone(), Path::new(private));
    let mut shown: String = chunks.iter().map(|chunk| scrubber.push(chunk)).collect();
    shown.push_str(&scrubber.finish());
    shown
}

/// What is left of a secret once colours, line ends and frames are taken away: not even a part of it.
fn shows(text: &str, secret: &str) -> bool {
    let bare = |text: &str| row(text).into_iter().map(char::from).collect::<String>();
    let (text, secret) = (bare(text), bare(secret));
    (0..=secret.len() - 8).any(|from| text.contains(&secret[from..from + 8]))
}

fn without_steering(text: &str) -> String {
    let is_text = |kind: &Kind| matches!(kind, Kind::Char { .. } | Kind::Blank { .. });
    pieces(text).all.iter().filter(|piece| is_text(&piece.kind)).map(|piece| &text[piece.from..piece.to]).collect()
}

#[test]
fn signatures_are_masked_wherever_they_stand() {
    for (text, clean) in [
        ("http://h/a?sv=1&sig=abc%2B&se=2 next", "http://h/a?sv=1&sig=•••&se=2 next"),
        ("SIG=abc\r\n", "SIG=•••\r\n"),
        ("\"sig=abc\"", "\"sig=•••\""),
        ("design is=fine", "design is=fine"),
        ("sig=", "sig="),
    ] {
        assert_eq!(scrub(text), clean);
    }
}

#[test]
fn what_nobody_told_of_is_known_by_the_words_before_it() {
    for (text, clean) in [
        ("from=http%3A%2F%2Fh%3Fsig%3Dabc%252B%26se%3D2&x", "from=http%3A%2F%2Fh%3Fsig%3D•••%26se%3D2&x"),
        ("a%253Fsig%253Dabc%25252Bd%2526se", "a%253Fsig%253D•••%2526se"),
        ("AccountName=a;AccountKey=abc==;EndpointSuffix=h", "AccountName=a;AccountKey=•••;EndpointSuffix=h"),
        ("SharedAccessSignature=sv=1&sp=r&sig=abc;B=1", "SharedAccessSignature=•••;B=1"),
        ("> Authorization: Bearer abc.def\r\n> Host: h", "> Authorization: Bearer •••\r\n> Host: h"),
        ("Authorization: SharedKey acc:abc=\n", "Authorization: SharedKey •••\n"),
        ("{'Authorization': 'Bearer abc', 'x': 1}", "{'Authorization': 'Bearer •••', 'x': 1}"),
        ("{'sig': ['abc+/='], 'se': ['2']}", "{'sig': ['•••'], 'se': ['2']}"),
        ("{\"accountKey\": \"abc==\", \"n\": 1}", "{\"accountKey\": \"•••\", \"n\": 1}"),
        ("\x1b[1msig=\x1b[32mabc\x1b[0m&se=2", "\x1b[1msig=\x1b[32m•••\x1b[0m&se=2"),
        ("s\x1b[31mi\x1b[0mg\x1b[K=\x1b[32mab\x1b[mc&se", "s\x1b[31mi\x1b[0mg\x1b[K=\x1b[32m•••\x1b[m&se"),
        ("the bearer of this authorization is welcome", "the bearer of this authorization is welcome"),
        ("Authorization: none", "Authorization: none"),
    ] {
        assert_eq!(scrub(text), clean);
    }
}

#[test]
fn an_escape_after_a_value_stays_whole() {
    for (text, clean) in [
        (r#"{"u":"http://h?sig=abc\"}"}"#, r#"{"u":"http://h?sig=•••\"}"}"#),
        (r#""?sig=abc\r\nDone. 5 files""#, r#""?sig=•••\r\nDone. 5 files""#),
        (r#""?sig=abc\u001b[0m rest""#, r#""?sig=•••\u001b[0m rest""#),
        (r#""?sig=abc\u0026se=2""#, r#""?sig=•••\u0026se=2""#),
        (r#""?sig=a\u002Bb\/c&amp;se=2""#, r#""?sig=•••&amp;se=2""#),
    ] {
        assert_eq!(scrub(text), clean);
    }
}

#[test]
fn a_secret_is_known_by_its_value_in_every_form() {
    let secrets = secrets();
    for secret in [KEY, SIGNATURE] {
        let (once, twice) = (encoded(secret), encoded(&encoded(secret)));
        let coloured: String = secret.chars().map(|c| format!("\x1b[31m{c}\x1b[0m")).collect();
        let folded = |end: &str| {
            secret
                .as_bytes()
                .chunks(20)
                .map(|part| String::from_utf8_lossy(part).into_owned() + end)
                .collect::<String>()
        };
        for form in [
            secret.to_string(),
            secret.trim_end_matches('=').to_string(),
            secret.replace('+', "-").replace('/', "_"),
            secret.replace('+', " "),
            secret.to_uppercase(),
            once.clone(),
            lower_hex(&once),
            twice.clone(),
            lower_hex(&twice),
            encoded(&twice),
            json(secret),
            json(secret).replace('\\', "\\\\"),
            secret.replace('=', "&#x3D;").replace('+', "&#43;"),
            coloured.clone(),
            coloured.replace('\x1b', "\\u001b"),
            folded("\n"),
            folded("\r\n"),
            folded("\\n"),
            folded(" │\r\n│ "),
            folded("\x1b[K\r\n\x1b[2C"),
            folded("\x1b]0;at work\x07"),
        ] {
            let clean = secrets.scrub(&format!("before {form}\nafter"));
            assert!(!shows(&clean, secret), "{form:?} became {clean:?}");
            let bare = without_steering(&clean);
            assert!(bare.starts_with("before •••") && bare.ends_with("\nafter"), "{form:?} became {clean:?}");
        }
        for before in ["", "a", "ab"] {
            let within =
                base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("{before}{secret}, x"));
            let clean = secrets.scrub(&within);
            assert!(clean.contains(MASK) && clean.len() < within.len() / 2, "{within} became {clean}");
        }
    }
}

#[test]
fn colours_and_line_ends_within_a_secret_stay() {
    let secrets = secrets();
    let (left, right) = KEY.split_at(30);
    assert_eq!(secrets.scrub(&format!("a {left}\x1b[32m\r\n{right} b")), "a •••\x1b[32m\r\n b");
    assert_eq!(secrets.scrub(&format!("{KEY} {KEY}\n{KEY}")), "••• •••\n•••");
    let link = format!("\x1b]8;;http://h?sig={}\x1b\\here\x1b]8;;\x1b\\", encoded(SIGNATURE));
    assert_eq!(secrets.scrub(&link), "\x1b]8;;http://h?sig=•••\x1b\\here\x1b]8;;\x1b\\");
}

#[test]
fn no_cut_of_the_stream_lets_a_secret_through() {
    let text = "log /home/ann/show-1/a.log http://h/b?sr=c&sig=SECRET%3D&se=9 é sig=SECRET /home/ann";
    let whole = "log …/a.log http://h/b?sr=c&sig=•••&se=9 é sig=••• /home/ann";
    let borders: Vec<_> = (0..=text.len()).filter(|at| text.is_char_boundary(*at)).collect();
    for a in &borders {
        for b in borders.iter().filter(|b| b >= &a) {
            let chunks = [&text[..*a], &text[*a..*b], &text[*b..]];
            assert_eq!(in_chunks(&Secrets::default(), "/home/ann/show-1", &chunks), whole, "cut at {a} and {b}");
        }
    }
}

#[test]
fn no_cut_lets_a_known_secret_through_either() {
    let secrets = secrets();
    let twice = encoded(&encoded(SIGNATURE));
    let text = format!(
        "Key \x1b[32m{}\x1b[0m, {}\r\n{} and \"{}\" 45 %\r{}= \x1b]0;{twice}\x07 sig={}\\u0026x \\\"é",
        &KEY[..40],
        &KEY[..50],
        &KEY[50..],
        json(SIGNATURE),
        encoded(KEY),
        encoded(SIGNATURE),
    );
    let whole = secrets.scrub(&text);
    assert!(!shows(&whole, SIGNATURE) && !shows(&whole, &KEY[50..]), "{whole}");
    for a in (0..=text.len()).filter(|at| text.is_char_boundary(*at)) {
        let shown = in_chunks(&secrets, "", &[&text[..a], &text[a..]]);
        // So many characters were shown before anybody could know.
        let seen = shown.len().abs_diff(whole.len());
        assert!(
            shown == whole || (seen < BEGUN_MIN && !shows(&shown, SIGNATURE)),
            "cut at {a}: {shown:?}\n not {whole:?}"
        );
    }
    let single: Vec<_> = text.split_inclusive(|_: char| true).collect();
    let shown = in_chunks(&secrets, "", &single);
    assert!(!shows(&shown, SIGNATURE) && !shows(&shown, &KEY[50..]), "{shown}");
}

#[test]
fn a_line_that_ends_within_an_encoded_character_lets_no_secret_through() {
    // What is encoded stands at its beginning, where least of it was seen, and behind.
    let signatures = (0..7).map(|from| {
        let (end, begin) = SIGNATURE.trim_end_matches('=').split_at(from);
        format!("{begin}{end}=")
    });
    for signature in signatures {
        let secrets = Secrets::default();
        secrets.know(&signature);
        let html = signature.replace('=', "&#x3D;").replace('+', "&#43;").replace('/', "&#x2F;");
        for form in [encoded(&signature), encoded(&encoded(&signature)), json(&signature), html] {
            for before in ["se=2030&sig=", "x "] {
                no_fold_tells(&secrets, &signature, &format!("{before}{form}&sp=r"));
            }
        }
    }
}

fn no_fold_tells(secrets: &Secrets, signature: &str, text: &str) {
    for width in 1..text.len() {
        let lines = text.as_bytes().chunks(width).map(|line| String::from_utf8_lossy(line).into_owned());
        let lines: Vec<_> = lines.collect();
        for end in ["", "\n", "\r\n", "\x1b[0m\r\n\x1b[32m", "\\n"] {
            // What writes a line's end as an escape writes a backslash as one.
            let lines = lines.iter().map(|line| if end == "\\n" { line.replace('\\', "\\\\") } else { line.clone() });
            let lines: Vec<_> = lines.collect();
            let folded = lines.join(end);
            let single: Vec<_> = folded.split_inclusive(|_: char| true).collect();
            let parts: Vec<_> = lines.iter().flat_map(|line| [line.as_str(), end]).collect();
            for clean in [secrets.scrub(&folded), in_chunks(secrets, "", &single), in_chunks(secrets, "", &parts)] {
                assert!(!shows(&clean, signature), "{folded:?} became {clean:?}");
            }
        }
    }
}

#[test]
fn progress_without_secrets_is_not_held_back() {
    let mut scrubber = Scrubber::new(secrets(), Path::new("/home/ann/show-1"));
    for line in
        ["\r12.5 %, 10 Done", "\r 45%", "q3", "\r12,345 files &", "a\\", "photos/\r\n", "\x1b[K\x1b[32mq3X\x1b[0m"]
    {
        assert_eq!(scrubber.push(line), line);
    }
    assert_eq!(scrubber.push("q3Xv"), "", "a beginning is held");
    assert_eq!(scrubber.push(" no"), "q3Xv no", "until it is none");
}

#[test]
fn a_beginning_that_never_ends_is_not_held_for_ever() {
    let mut scrubber = Scrubber::new(secrets(), Path::new(""));
    assert_eq!(scrubber.push(&KEY[..20]), "");
    let ends = "\n".repeat(HELD_BYTES_MAX);
    assert!(scrubber.push(&ends).len() >= HELD_BYTES_MAX);
    assert_eq!(scrubber.push("done"), "done");
}

#[test]
fn the_signature_that_is_forgotten_first_is_the_oldest() {
    let secrets = Secrets::default();
    secrets.know(KEY);
    let name = |number: u32| format!("{number:08}signature");
    (0..1000).for_each(|number| secrets.know_sas(&format!("sig={}", name(number))));
    assert_eq!(secrets.scrub(KEY), MASK, "a key is kept");
    assert_eq!(secrets.scrub(&name(999)), MASK);
    assert_eq!(secrets.scrub(&name(0)), name(0));
    assert!(format!("{secrets:?}").starts_with("Secrets("), "and its Debug says nothing");
    secrets.know("short");
    secrets.know("");
    assert_eq!(secrets.scrub("short and sweet"), "short and sweet");
}

/// What a shell line makes of a file with a URL and a key in it.
fn said_by(line: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("http://127.0.0.1:1/gold/box?sv=2025&sig={}&se=2030", encoded(SIGNATURE));
    std::fs::write(folder.path().join("url"), &url).expect("written");
    std::fs::write(folder.path().join("key"), KEY).expect("written");
    let output = Command::new("/bin/sh").args(["-c", line]).current_dir(folder.path()).stdin(Stdio::null()).output();
    let output = output.expect("a shell");
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn what_real_tools_make_of_a_secret_is_masked() {
    let secrets = secrets();
    let python = |code: &str| {
        format!(
            "python3 -c 'import urllib.parse as u, json, sys\nurl = open(\"url\").read(); key = open(\"key\").read()\n{code}'"
        )
    };
    let mut lines: Vec<String> = [
        "cat url key",
        "grep --color=always sig url",
        "grep --color=always 'sig=[A-Z]' url",
        "grep --color=always -o . key",
        "fold -w 20 url; echo; fold -w 20 key",
        "fold -w 7 key | sed 's/^/    /'",
        "fold -w 3 key",
        "base64 url; base64 -w 20 key; base64 -w 0 key",
        "(printf a; cat key) | base64 -w 33; (printf ab; cat key) | base64",
        "cat key | tr a-z A-Z",
        "grep --color=always A key | cat -v",
    ]
    .map(String::from)
    .into();
    lines.extend(
        [
            "print(u.quote(url)); print(u.quote(u.quote(url, \"\"), \"\")); print(u.quote_plus(key)); print(u.unquote(url))",
            "print(u.parse_qs(u.urlparse(url).query)); print({\"key\": key, \"url\": url})",
            "print(json.dumps({\"url\": url, \"key\": key}).replace(\"/\", \"\\\\/\")); print(json.dumps(json.dumps({\"k\": key})))",
            "print(repr(key.encode())); print([c for c in [key, url]]); print(u.unquote_plus(key))",
            "import textwrap; print(textwrap.fill(key, 30, subsequent_indent=\"  \"))",
            "import pprint; pprint.pprint({\"AccountKey\": key, \"url\": url}, width=40)",
            "import html; print(html.escape(url))",
        ]
        .map(python),
    );
    for line in lines {
        let said = said_by(&line);
        let chunks: Vec<_> = said.as_bytes().chunks(11).map(String::from_utf8_lossy).collect();
        let chunks: Vec<&str> = chunks.iter().map(AsRef::as_ref).collect();
        for clean in [secrets.scrub(&said), in_chunks(&secrets, "", &chunks)] {
            assert!(clean.contains(MASK), "{line}: {clean}");
            for secret in [KEY, SIGNATURE] {
                assert!(!shows(&clean, secret) && !clean.contains(&secret[8..20]), "{line}: {said}\nbecame {clean}");
            }
        }
    }
}
