//! One page that plays the take in any browser: the stage's own wasm, its style and fonts, and the reel. It asks nothing of any network,
//! and a policy in it forbids it to.

mod parts;

use super::reel::Reel;
use super::{ByLevel, ExportError, Format, Source, Target};
use crate::pictures::Picture;
use base64::engine::general_purpose::STANDARD;
use base64::{Engine, write::EncoderWriter};
use flate2::{Compression, write::GzEncoder};
use greenroom_show::deck::Theme;
pub use parts::Parts;
use std::collections::BTreeMap;
use std::io::{self, Seek, SeekFrom, Write};

/// Where the page's parts go, each by its name in braces.
const TEMPLATE: &str = include_str!("page.html");

#[derive(Debug)]
pub struct Page;

impl Format for Page {
    fn name(&self) -> &'static str {
        "html"
    }

    fn extension(&self) -> &'static str {
        "html"
    }

    fn holds(&self) -> &'static str {
        "one page that plays the take in any browser, offline: slide, panes, time line, speed, full screen"
    }

    fn by_level(&self) -> ByLevel {
        ByLevel::LeavesOut
    }

    fn export(&self, take: &mut Source<'_>, to: &mut Target) -> Result<(), ExportError> {
        let reel = Reel::shoot(take)?;
        write(reel, &Parts::of(take.root())?, to)
    }
}

/// Writes the page that plays a reel.
pub fn write(mut reel: Reel, parts: &Parts, to: &mut impl Write) -> Result<(), ExportError> {
    let mut rest = TEMPLATE;
    while let Some((before, part)) = rest.split_once('{') {
        // A brace that names no part is the script's own.
        let named = part.split_once('}').filter(|(name, _)| name.chars().all(|letter| letter.is_ascii_lowercase()));
        let Some((name, after)) = named.filter(|(name, _)| !name.is_empty()) else {
            write!(to, "{before}{{")?;
            rest = part;
            continue;
        };
        to.write_all(before.as_bytes())?;
        write_part(name, &mut reel, parts, to)?;
        rest = after;
    }
    to.write_all(rest.as_bytes())?;
    Ok(())
}

fn write_part(name: &str, reel: &mut Reel, parts: &Parts, to: &mut impl Write) -> Result<(), ExportError> {
    match name {
        "theme" => to.write_all(theme(reel.theme).as_bytes())?,
        "greenroom" => to.write_all(env!("CARGO_PKG_VERSION").as_bytes())?,
        "provenance" => to.write_all(escaped(&reel.head.provenance).as_bytes())?,
        "title" => to.write_all(escaped(&reel.head.title).as_bytes())?,
        "style" => to.write_all(parts.style(&reel.letters).as_bytes())?,
        "head" => to.write_all(in_script(&serde_json::to_string(&reel.head).map_err(io::Error::from)?).as_bytes())?,
        "lines" => {
            reel.lines.seek(SeekFrom::Start(0))?;
            packed(&mut reel.lines, to)?;
        }
        "pictures" => {
            let pictures = serde_json::to_string(&urls(&reel.pictures)).map_err(io::Error::from)?;
            to.write_all(in_script(&pictures).as_bytes())?;
        }
        "wasm" => packed(&mut parts.wasm.as_slice(), to)?,
        "glue" => to.write_all(parts.glue.as_bytes())?,
        // The template is ours, and a test writes it.
        other => write!(to, "{{{other}}}")?,
    }
    Ok(())
}

fn theme(theme: Theme) -> &'static str {
    match theme {
        Theme::Dark => "dark",
        Theme::Light => "light",
    }
}

/// Smaller, and in letters that a page may hold.
fn packed(from: &mut impl io::Read, to: &mut impl Write) -> io::Result<()> {
    let mut packing = GzEncoder::new(EncoderWriter::new(to, &STANDARD), Compression::best());
    io::copy(from, &mut packing)?;
    packing.finish()?.finish().map(|_| ())
}

fn urls(pictures: &BTreeMap<String, Picture>) -> BTreeMap<&str, String> {
    let url =
        |picture: &Picture| format!("data:{};base64,{}", picture.kind.media_type(), STANDARD.encode(&picture.bytes));
    pictures.iter().map(|(id, picture)| (id.as_str(), url(picture))).collect()
}

/// JSON that cannot end the script that it lies in.
fn in_script(json: &str) -> String {
    json.replace('<', "\\u003c")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_take_says_ends_its_script_or_its_attribute() {
        assert_eq!(in_script(r#"{"a":"</script><!--"}"#), r#"{"a":"\u003c/script>\u003c!--"}"#);
        assert_eq!(escaped(r#"<a & "b">"#), "&lt;a &amp; &quot;b&quot;&gt;");
    }
}
