//! Every chart of a take as a picture, for a document: as SVG, and as PNG for what takes no SVG.

use super::film::write_png;
use super::report::{CHARTS_MAX, Told, drawings};
use super::{ExportError, Format, Source, Target, scratch};
use crate::camera::{Camera, Size};
use crate::scrub::scrub;
use greenroom_show::picture::SIZE;
use std::io::{Cursor, Write};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// Pixels of a PNG for one of the drawing.
const DENSITY: u32 = 2;

#[derive(Debug)]
pub struct Charts;

impl Format for Charts {
    fn name(&self) -> &'static str {
        "charts"
    }

    fn extension(&self) -> &'static str {
        "zip"
    }

    fn holds(&self) -> &'static str {
        "each chart as SVG and as PNG, for a document"
    }

    fn export(&self, take: &mut Source<'_>, to: &mut Target) -> Result<(), ExportError> {
        let drawn = drawn(take)?;
        if drawn.is_empty() {
            return Err(ExportError::NoCharts { take: take.id.clone() });
        }
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        // No time in it: the same take gives the same file.
        let options = SimpleFileOptions::default();
        let page = page(&drawn)?;
        let size = Size { width: SIZE.0 * DENSITY, height: SIZE.1 * DENSITY };
        let mut camera = Camera::open(&page, size)?;
        for (index, (name, svg)) in drawn.iter().enumerate() {
            zip.start_file(format!("{name}.svg"), options).map_err(std::io::Error::from)?;
            zip.write_all(svg.as_bytes())?;
            let (picture, _) = camera.frame(index as f64)?;
            let mut png = Vec::new();
            write_png(size, picture, &mut png)?;
            zip.start_file(format!("{name}.png"), options).map_err(std::io::Error::from)?;
            zip.write_all(&png)?;
            take.tell(index as f64 / drawn.len() as f64)?;
        }
        to.write_all(zip.finish().map_err(std::io::Error::from)?.get_ref())?;
        Ok(())
    }
}

/// Each by a name that a file may have.
fn drawn(take: &mut Source<'_>) -> Result<Vec<(String, String)>, ExportError> {
    let mut told = Told::default();
    take.each(&mut |heard| {
        told.hear(heard);
        Ok(())
    })?;
    let mut drawn = Vec::new();
    for ran in take.fold()?.runs {
        let Some(played) = told.runs.get(&ran.run.demo) else { continue };
        for (title, svg) in drawings(&ran, played).take(CHARTS_MAX - drawn.len()) {
            drawn.push((file_name(drawn.len() + 1, &scrub(title)), svg));
        }
    }
    Ok(drawn)
}

fn file_name(number: usize, title: &str) -> String {
    let words = title.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let words: Vec<String> = words.map(str::to_lowercase).collect();
    std::iter::once(format!("{number:02}")).chain(words).collect::<Vec<_>>().join("-")
}

/// One drawing at a time, by its number.
fn page(drawn: &[(String, String)]) -> Result<tempfile::TempPath, ExportError> {
    let mut file = scratch(".html")?;
    let drawings: String = drawn.iter().map(|(_, svg)| format!("<div>{svg}</div>")).collect();
    write!(
        file,
        "<!doctype html><meta charset=\"utf-8\"><style>body{{margin:0;background:#fff}}div{{display:none}}div.shown{{display:block}}svg{{width:100vw;height:100vh}}</style>{drawings}<script>window.greenroom = {{ frame: async (index) => {{ document.querySelectorAll('div').forEach((drawing, at) => drawing.classList.toggle('shown', at === index)); return true; }} }};</script>"
    )?;
    file.flush()?;
    Ok(file.into_temp_path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_becomes_a_name_that_any_system_takes() {
        assert_eq!(file_name(1, "Latency p99"), "01-latency-p99");
        assert_eq!(file_name(12, "../In & out: é"), "12-in-out");
    }
}
