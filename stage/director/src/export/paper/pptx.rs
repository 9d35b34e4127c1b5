//! PPTX: the picture of each page as its ground, each block of words as a box of text over it, and what the speaker says as its notes.

use super::{Block, Run, Sheet};
use crate::export::deck::Pages;
use crate::export::{ExportError, Target};
use crate::scrub::scrub;
use std::fmt::Write as _;
use std::io::Write;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// English Metric Units for a pixel of the stage, which is a slide of 13.33 by 7.5 inches.
const EMU: f32 = 6_350.0;
const WIDTH: u32 = 12_192_000;
const HEIGHT: u32 = 6_858_000;
/// Points for a pixel of the stage.
const POINTS: f32 = 0.5;
/// Another program may set words wider.
const ROOM: f32 = 1.3;
/// Of the size of type: from the top of a line to where its letters stand, and to the next line.
const ASCENT: f32 = 0.97;
const LINE: f32 = 1.21;
/// A space, and a gap that parts one text from another.
const SPACE: f32 = 0.15;
const GAP: f32 = 0.7;

const A: &str = "http://schemas.openxmlformats.org/drawingml/2006/main";
const P: &str = "http://schemas.openxmlformats.org/presentationml/2006/main";
const R: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const REL: &str = "http://schemas.openxmlformats.org/package/2006/relationships";
const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";

pub struct Pptx<'a> {
    pages: &'a Pages,
    zip: ZipWriter<Seeking>,
    slides: usize,
}

/// A zip is written from front to back, and goes back to say how long each part was.
type Seeking = std::io::Cursor<Vec<u8>>;

impl<'a> Pptx<'a> {
    pub fn new(pages: &'a Pages) -> Pptx<'a> {
        Pptx { pages, zip: ZipWriter::new(std::io::Cursor::new(Vec::new())), slides: 0 }
    }

    pub fn add(&mut self, sheet: Sheet<'_>) -> Result<(), ExportError> {
        self.slides += 1;
        let number = self.slides;
        self.part(&format!("ppt/media/image{number}.png"), &sheet.picture, CompressionMethod::Stored)?;
        let mut links = Vec::new();
        let slide = slide(&sheet, &mut links);
        self.text(&format!("ppt/slides/slide{number}.xml"), &slide)?;
        let mut relations = vec![
            relation("rId1", "slideLayout", "../slideLayouts/slideLayout1.xml"),
            relation("rId2", "image", &format!("../media/image{number}.png")),
            relation("rId3", "notesSlide", &format!("../notesSlides/notesSlide{number}.xml")),
        ];
        for (index, to) in links.iter().enumerate() {
            relations.push(format!(
                "<Relationship Id=\"rId{}\" Type=\"{R}/hyperlink\" Target=\"{}\" TargetMode=\"External\"/>",
                index + FIRST_LINK,
                escaped(to)
            ));
        }
        self.relations(&format!("ppt/slides/_rels/slide{number}.xml.rels"), &relations)?;
        self.text(&format!("ppt/notesSlides/notesSlide{number}.xml"), &notes(&sheet.page.said))?;
        let relations = [
            relation("rId1", "notesMaster", "../notesMasters/notesMaster1.xml"),
            relation("rId2", "slide", &format!("../slides/slide{number}.xml")),
        ];
        self.relations(&format!("ppt/notesSlides/_rels/notesSlide{number}.xml.rels"), &relations)
    }

    pub fn finish(mut self, to: &mut Target) -> Result<(), ExportError> {
        let count = self.slides;
        let mut types = String::from(concat!(
            "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">",
            "<Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>",
            "<Default Extension=\"xml\" ContentType=\"application/xml\"/><Default Extension=\"png\" ContentType=\"image/png\"/>",
            "<Override PartName=\"/docProps/core.xml\" ContentType=\"application/vnd.openxmlformats-package.core-properties+xml\"/>",
        ));
        let mut part = |name: &str, kind: &str| {
            // A string takes what is written to it.
            let _ = write!(
                types,
                "<Override PartName=\"/ppt/{name}.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.{kind}+xml\"/>"
            );
        };
        part("presentation", "presentationml.presentation.main");
        part("slideMasters/slideMaster1", "presentationml.slideMaster");
        part("slideLayouts/slideLayout1", "presentationml.slideLayout");
        part("notesMasters/notesMaster1", "presentationml.notesMaster");
        part("theme/theme1", "theme");
        part("theme/theme2", "theme");
        for number in 1..=count {
            part(&format!("slides/slide{number}"), "presentationml.slide");
            part(&format!("notesSlides/notesSlide{number}"), "presentationml.notesSlide");
        }
        types.push_str("</Types>");
        self.text("[Content_Types].xml", &types)?;
        let core =
            format!("<Relationship Id=\"rId2\" Type=\"{REL}/metadata/core-properties\" Target=\"docProps/core.xml\"/>");
        self.relations("_rels/.rels", &[relation("rId1", "officeDocument", "ppt/presentation.xml"), core])?;
        let title = escaped(&scrub(&self.pages.deck.title));
        let provenance = escaped(&self.pages.provenance);
        self.text("docProps/core.xml", &format!(
            "<cp:coreProperties xmlns:cp=\"{REL}/metadata/core-properties\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\"><dc:title>{title}</dc:title><dc:description>{provenance}</dc:description></cp:coreProperties>"
        ))?;
        let mut relations = vec![
            relation("rId1", "slideMaster", "slideMasters/slideMaster1.xml"),
            relation("rId2", "notesMaster", "notesMasters/notesMaster1.xml"),
            relation("rId3", "theme", "theme/theme1.xml"),
        ];
        let mut ids = String::new();
        for number in 1..=count {
            let id = format!("rId{}", number + 3);
            relations.push(relation(&id, "slide", &format!("slides/slide{number}.xml")));
            // A string takes what is written to it.
            let _ = write!(ids, "<p:sldId id=\"{}\" r:id=\"{id}\"/>", 255 + number);
        }
        self.relations("ppt/_rels/presentation.xml.rels", &relations)?;
        self.text("ppt/presentation.xml", &format!(
            "<p:presentation xmlns:a=\"{A}\" xmlns:p=\"{P}\" xmlns:r=\"{R}\"><p:sldMasterIdLst><p:sldMasterId id=\"2147483648\" r:id=\"rId1\"/></p:sldMasterIdLst><p:notesMasterIdLst><p:notesMasterId r:id=\"rId2\"/></p:notesMasterIdLst><p:sldIdLst>{ids}</p:sldIdLst><p:sldSz cx=\"{WIDTH}\" cy=\"{HEIGHT}\"/><p:notesSz cx=\"{HEIGHT}\" cy=\"9144000\"/></p:presentation>"
        ))?;
        self.masters()?;
        let bytes = self.zip.finish().map_err(std::io::Error::from)?.into_inner();
        to.write_all(&bytes)?;
        Ok(())
    }

    fn masters(&mut self) -> Result<(), ExportError> {
        let tree = format!("<p:spTree>{GROUP}</p:spTree>");
        let colours = "<p:clrMap bg1=\"lt1\" tx1=\"dk1\" bg2=\"lt2\" tx2=\"dk2\" accent1=\"accent1\" accent2=\"accent2\" accent3=\"accent3\" accent4=\"accent4\" accent5=\"accent5\" accent6=\"accent6\" hlink=\"hlink\" folHlink=\"folHlink\"/>";
        let open = |name: &str| format!("<p:{name} xmlns:a=\"{A}\" xmlns:p=\"{P}\" xmlns:r=\"{R}\">");
        self.text("ppt/slideMasters/slideMaster1.xml", &format!(
            "{}<p:cSld>{tree}</p:cSld>{colours}<p:sldLayoutIdLst><p:sldLayoutId id=\"2147483649\" r:id=\"rId1\"/></p:sldLayoutIdLst></p:sldMaster>",
            open("sldMaster")
        ))?;
        self.relations(
            "ppt/slideMasters/_rels/slideMaster1.xml.rels",
            &[
                relation("rId1", "slideLayout", "../slideLayouts/slideLayout1.xml"),
                relation("rId2", "theme", "../theme/theme1.xml"),
            ],
        )?;
        self.text("ppt/slideLayouts/slideLayout1.xml", &format!(
            "<p:sldLayout xmlns:a=\"{A}\" xmlns:p=\"{P}\" xmlns:r=\"{R}\" type=\"blank\"><p:cSld name=\"Blank\">{tree}</p:cSld><p:clrMapOvr><a:masterClrMapping/></p:clrMapOvr></p:sldLayout>"
        ))?;
        self.relations(
            "ppt/slideLayouts/_rels/slideLayout1.xml.rels",
            &[relation("rId1", "slideMaster", "../slideMasters/slideMaster1.xml")],
        )?;
        self.text(
            "ppt/notesMasters/notesMaster1.xml",
            &format!("{}<p:cSld>{tree}</p:cSld>{colours}</p:notesMaster>", open("notesMaster")),
        )?;
        self.relations(
            "ppt/notesMasters/_rels/notesMaster1.xml.rels",
            &[relation("rId1", "theme", "../theme/theme2.xml")],
        )?;
        for number in 1..=2 {
            self.text(&format!("ppt/theme/theme{number}.xml"), &theme())?;
        }
        Ok(())
    }

    fn text(&mut self, name: &str, xml: &str) -> Result<(), ExportError> {
        self.part(name, format!("{HEAD}{xml}").as_bytes(), CompressionMethod::Deflated)
    }

    fn relations(&mut self, name: &str, relations: &[String]) -> Result<(), ExportError> {
        self.text(name, &format!("<Relationships xmlns=\"{REL}\">{}</Relationships>", relations.concat()))
    }

    fn part(&mut self, name: &str, bytes: &[u8], method: CompressionMethod) -> Result<(), ExportError> {
        // No time in it: the same deck gives the same file.
        let options = SimpleFileOptions::default().compression_method(method);
        self.zip.start_file(name, options).map_err(std::io::Error::from)?;
        self.zip.write_all(bytes)?;
        Ok(())
    }
}

/// The first relation of a slide that is a link.
const FIRST_LINK: usize = 10;
/// What every tree of shapes begins with.
const GROUP: &str = "<p:nvGrpSpPr><p:cNvPr id=\"1\" name=\"\"/><p:cNvGrpSpPr/><p:nvPr/></p:nvGrpSpPr><p:grpSpPr/>";

fn relation(id: &str, kind: &str, to: &str) -> String {
    format!("<Relationship Id=\"{id}\" Type=\"{R}/{kind}\" Target=\"{to}\"/>")
}

fn slide(sheet: &Sheet<'_>, links: &mut Vec<String>) -> String {
    let alt = escaped(&sheet.alts.join("; "));
    let mut shapes = format!(
        "<p:pic><p:nvPicPr><p:cNvPr id=\"2\" name=\"Ground\" descr=\"{alt}\"/><p:cNvPicPr><a:picLocks noChangeAspect=\"1\"/></p:cNvPicPr><p:nvPr/></p:nvPicPr><p:blipFill><a:blip r:embed=\"rId2\"/><a:stretch><a:fillRect/></a:stretch></p:blipFill><p:spPr><a:xfrm><a:off x=\"0\" y=\"0\"/><a:ext cx=\"{WIDTH}\" cy=\"{HEIGHT}\"/></a:xfrm><a:prstGeom prst=\"rect\"><a:avLst/></a:prstGeom></p:spPr></p:pic>"
    );
    let boxes =
        sheet.blocks.iter().flat_map(|block| boxes(block).into_iter().map(|lines| (block.role.as_str(), lines)));
    for (index, (role, lines)) in boxes.enumerate() {
        shapes.push_str(&text_box(index + 3, role, &lines, links));
    }
    let title = escaped(&sheet.page.title);
    format!(
        "<p:sld xmlns:a=\"{A}\" xmlns:p=\"{P}\" xmlns:r=\"{R}\"><p:cSld name=\"{title}\"><p:spTree>{GROUP}{shapes}</p:spTree></p:cSld><p:clrMapOvr><a:masterClrMapping/></p:clrMapOvr></p:sld>"
    )
}

type Line<'a> = Vec<&'a Run>;

/// Lines of a block that stand together; each part of its own where a line has gaps, as a foot has.
fn boxes(block: &Block) -> Vec<Vec<Line<'_>>> {
    let lines: Vec<Vec<Line<'_>>> = lines(block).into_iter().map(parts).collect();
    if lines.iter().all(|parts| parts.len() == 1) {
        return vec![lines.into_iter().flatten().collect()];
    }
    lines.into_iter().flatten().map(|part| vec![part]).collect()
}

/// Runs of a block by the line that they stand on.
fn lines(block: &Block) -> Vec<Line<'_>> {
    let mut lines: Vec<Line<'_>> = Vec::new();
    for run in &block.runs {
        match lines.last_mut().filter(|line| line.iter().all(|other| (other.y - run.y).abs() < run.size / 2.0)) {
            Some(line) => line.push(run),
            None => lines.push(vec![run]),
        }
    }
    lines
}

fn parts(line: Line<'_>) -> Vec<Line<'_>> {
    let mut parts: Vec<Line<'_>> = Vec::new();
    for run in line {
        let begins = run.x.first().copied().unwrap_or_default();
        match parts.last_mut().filter(|part| part.last().is_some_and(|last| (begins - last.end).abs() < GAP * run.size))
        {
            Some(part) => part.push(run),
            None => parts.push(vec![run]),
        }
    }
    parts
}

/// Lines as the stage has broken them: another program sets them wider, and must not break them again.
fn text_box(id: usize, role: &str, lines: &[Line<'_>], links: &mut Vec<String>) -> String {
    let left = lines.iter().flatten().filter_map(|run| run.x.first()).copied().fold(f32::MAX, f32::min);
    let right = lines.iter().flatten().map(|run| run.end).fold(0.0, f32::max);
    let Some(first) = lines.first() else { return String::new() };
    let size = first.iter().map(|run| run.size).fold(0.0, f32::max);
    let top = first.iter().map(|run| run.y).fold(0.0, f32::max) - size * ASCENT;
    let pitch = lines.windows(2).map(|pair| pair[1][0].y - pair[0][0].y).fold(0.0, f32::max);
    let pitch = if pitch > 0.0 { pitch } else { size * LINE };
    let spacing = format!("<a:lnSpc><a:spcPts val=\"{}\"/></a:lnSpc>", (pitch * POINTS * 100.0) as u32);
    let mut paragraph = format!("<a:p><a:pPr algn=\"l\">{spacing}</a:pPr>");
    for (index, line) in lines.iter().enumerate() {
        if index > 0 {
            paragraph.push_str("<a:br/>");
        }
        let mut last: Option<&Run> = None;
        for run in line {
            let begins = run.x.first().copied().unwrap_or_default();
            let is_apart = last.is_some_and(|last| begins - last.end > run.size * SPACE && !last.text.ends_with(' '));
            paragraph.push_str(&run_xml(run, if is_apart { " " } else { "" }, links));
            last = Some(run);
        }
    }
    paragraph.push_str("</a:p>");
    let emu = |pixels: f32| (pixels.max(0.0) * EMU) as u64;
    let name = escaped(role);
    format!(
        "<p:sp><p:nvSpPr><p:cNvPr id=\"{id}\" name=\"{name} {id}\"/><p:cNvSpPr txBox=\"1\"/><p:nvPr/></p:nvSpPr><p:spPr><a:xfrm><a:off x=\"{}\" y=\"{}\"/><a:ext cx=\"{}\" cy=\"{}\"/></a:xfrm><a:prstGeom prst=\"rect\"><a:avLst/></a:prstGeom><a:noFill/></p:spPr><p:txBody><a:bodyPr wrap=\"square\" lIns=\"0\" tIns=\"0\" rIns=\"0\" bIns=\"0\"><a:noAutofit/></a:bodyPr><a:lstStyle/>{paragraph}</p:txBody></p:sp>",
        emu(left),
        emu(top - (pitch - size * LINE) / 2.0),
        emu((right - left) * ROOM + size),
        emu(pitch * lines.len() as f32),
    )
}

fn run_xml(run: &Run, before: &str, links: &mut Vec<String>) -> String {
    let [red, green, blue] = run.colour.map(|part| part.clamp(0.0, 255.0) as u8);
    let font = if run.mono { "JetBrains Mono" } else { "Inter" };
    let mut marks = String::new();
    if run.weight >= 600.0 {
        marks.push_str(" b=\"1\"");
    }
    if run.italic {
        marks.push_str(" i=\"1\"");
    }
    if run.struck {
        marks.push_str(" strike=\"sngStrike\"");
    }
    let link = run.to.as_ref().map(|to| {
        links.push(to.clone());
        format!("<a:hlinkClick r:id=\"rId{}\"/>", links.len() - 1 + FIRST_LINK)
    });
    let opacity = if run.opacity < 1.0 {
        format!("<a:alpha val=\"{}\"/>", (run.opacity.clamp(0.0, 1.0) * 100_000.0) as u32)
    } else {
        String::new()
    };
    format!(
        "<a:r><a:rPr lang=\"en-US\" sz=\"{}\"{marks}><a:solidFill><a:srgbClr val=\"{red:02X}{green:02X}{blue:02X}\">{opacity}</a:srgbClr></a:solidFill><a:latin typeface=\"{font}\"/>{}</a:rPr><a:t>{before}{}</a:t></a:r>",
        (run.size * POINTS * 100.0) as u32,
        link.unwrap_or_default(),
        escaped(&run.text)
    )
}

fn notes(said: &[String]) -> String {
    let paragraphs: String = said
        .iter()
        .map(|said| format!("<a:p><a:r><a:rPr lang=\"en-US\"/><a:t>{}</a:t></a:r></a:p>", escaped(said)))
        .collect();
    let paragraphs = if paragraphs.is_empty() { "<a:p/>".to_string() } else { paragraphs };
    format!(
        "<p:notes xmlns:a=\"{A}\" xmlns:p=\"{P}\" xmlns:r=\"{R}\"><p:cSld><p:spTree>{GROUP}<p:sp><p:nvSpPr><p:cNvPr id=\"2\" name=\"Slide\"/><p:cNvSpPr><a:spLocks noGrp=\"1\" noRot=\"1\" noChangeAspect=\"1\"/></p:cNvSpPr><p:nvPr><p:ph type=\"sldImg\"/></p:nvPr></p:nvSpPr><p:spPr/></p:sp><p:sp><p:nvSpPr><p:cNvPr id=\"3\" name=\"Notes\"/><p:cNvSpPr><a:spLocks noGrp=\"1\"/></p:cNvSpPr><p:nvPr><p:ph type=\"body\" idx=\"1\"/></p:nvPr></p:nvSpPr><p:spPr/><p:txBody><a:bodyPr/><a:lstStyle/>{paragraphs}</p:txBody></p:sp></p:spTree></p:cSld><p:clrMapOvr><a:masterClrMapping/></p:clrMapOvr></p:notes>"
    )
}

fn theme() -> String {
    let colour = |name: &str, value: &str| format!("<a:{name}><a:srgbClr val=\"{value}\"/></a:{name}>");
    let colours: String = [
        ("dk1", "161A22"),
        ("lt1", "FFFFFF"),
        ("dk2", "0B0E14"),
        ("lt2", "E9EDF5"),
        ("accent1", "56B4E9"),
        ("accent2", "E28FC0"),
        ("accent3", "2CC295"),
        ("accent4", "F07C3C"),
        ("accent5", "F0E442"),
        ("accent6", "E69F00"),
        ("hlink", "56B4E9"),
        ("folHlink", "93A0B8"),
    ]
    .map(|(name, value)| colour(name, value))
    .concat();
    let font = "<a:latin typeface=\"Inter\"/><a:ea typeface=\"\"/><a:cs typeface=\"\"/>";
    let fill = "<a:solidFill><a:schemeClr val=\"phClr\"/></a:solidFill>";
    let line = format!("<a:ln w=\"9525\">{fill}</a:ln>");
    let effect = "<a:effectStyle><a:effectLst/></a:effectStyle>";
    format!(
        "<a:theme xmlns:a=\"{A}\" name=\"Greenroom\"><a:themeElements><a:clrScheme name=\"Greenroom\">{colours}</a:clrScheme><a:fontScheme name=\"Greenroom\"><a:majorFont>{font}</a:majorFont><a:minorFont>{font}</a:minorFont></a:fontScheme><a:fmtScheme name=\"Greenroom\"><a:fillStyleLst>{}</a:fillStyleLst><a:lnStyleLst>{}</a:lnStyleLst><a:effectStyleLst>{}</a:effectStyleLst><a:bgFillStyleLst>{}</a:bgFillStyleLst></a:fmtScheme></a:themeElements></a:theme>",
        fill.repeat(3),
        line.repeat(3),
        effect.repeat(3),
        fill.repeat(3)
    )
}

/// As XML has it; what XML has no letter for is left out.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' => escaped.push(' '),
            letter if letter.is_control() => {}
            letter => escaped.push(letter),
        }
    }
    escaped
}
