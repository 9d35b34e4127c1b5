//! Films, drawn frame by frame by a page whose time is handed in, and never filmed: the same take gives the same frames. What a frame
//! shows is the audience's stage; ffmpeg makes the file of it.

mod ffmpeg;
mod marks;

use super::page::{self, Parts};
use super::reel::Reel;
use super::{ByLevel, ExportError, Format, Source, Target, scratch};
use crate::camera::{Another, Camera, Size};
use ffmpeg::{Cut, Encoder};
use greenroom_show::Micros;
use marks::Marks;
use std::io::Write;
use std::sync::Arc;
use tempfile::{NamedTempFile, TempPath};

/// How a film is wanted, where it is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// In pixels, of a picture of the stage's shape.
    pub height: u32,
    /// Frames a second.
    pub rate: u32,
    /// Of the file, for forms that may be made smaller.
    pub bytes_max: Option<u64>,
    /// Where a picture is taken, as the take is played; what it comes to where absent.
    pub at: Option<Micros>,
}

impl Default for Shape {
    fn default() -> Shape {
        Shape { height: Size::STAGE.height, rate: 30, bytes_max: None, at: None }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Film {
    Mp4,
    Webm,
    Gif,
    Webp,
}

impl Format for Film {
    fn name(&self) -> &'static str {
        match self {
            Film::Mp4 => "mp4",
            Film::Webm => "webm",
            Film::Gif => "gif",
            Film::Webp => "webp",
        }
    }

    fn extension(&self) -> &'static str {
        self.name()
    }

    fn holds(&self) -> &'static str {
        match self {
            Film::Mp4 => "a film (H.264) with steps as chapters and captions as a track",
            Film::Webm => "a film (VP9) with steps as chapters and captions as a track",
            Film::Gif => "a moving picture for a README, as large as fits into the size that is named",
            Film::Webp => "a moving picture for a page, smaller and finer than a GIF",
        }
    }

    fn by_level(&self) -> ByLevel {
        ByLevel::LeavesOut
    }

    fn export(&self, take: &mut Source<'_>, to: &mut Target) -> Result<(), ExportError> {
        ffmpeg::is_there()?;
        let reel = Reel::shoot(take)?;
        let shape = take.shape;
        let size = Size::of_height(shape.height);
        match self {
            Film::Mp4 | Film::Webm => {
                let marks = Marks::of(&reel)?;
                let encoder = Encoder::film(*self, size, shape.rate, &marks, to.place())?;
                roll(reel, shape, encoder, take)
            }
            Film::Gif | Film::Webp => {
                let whole = NamedTempFile::new_in(to.folder())?.into_temp_path();
                let encoder = Encoder::whole(size, shape.rate, &whole)?;
                roll(reel, shape, encoder, take)?;
                fit(*self, &whole, shape.bytes_max, to)
            }
        }
    }
}

/// The picture that a take comes to.
#[derive(Debug)]
pub struct Poster;

impl Format for Poster {
    fn name(&self) -> &'static str {
        "png"
    }

    fn extension(&self) -> &'static str {
        "png"
    }

    fn holds(&self) -> &'static str {
        "one picture: what the take comes to, or how it stands at a time"
    }

    fn by_level(&self) -> ByLevel {
        ByLevel::LeavesOut
    }

    fn export(&self, take: &mut Source<'_>, to: &mut Target) -> Result<(), ExportError> {
        let reel = Reel::shoot(take)?;
        let length = reel.head.timeline.length;
        let at = take.shape.at.unwrap_or(length).min(length);
        let page = on_disk(reel, &Parts::of(take.root())?)?;
        let size = Size::of_height(take.shape.height);
        let mut camera = Camera::open(&page, size)?;
        let (picture, _) = camera.still(at as f64 / 1e3)?;
        write_png(size, picture, to)
    }
}

/// Draws every frame.
fn roll(reel: Reel, shape: Shape, mut encoder: Encoder, take: &mut Source<'_>) -> Result<(), ExportError> {
    let length = reel.head.timeline.length;
    let page = on_disk(reel, &Parts::of(take.root())?)?;
    let mut camera = Camera::open(&page, Size::of_height(shape.height))?;
    let frames = (length * u64::from(shape.rate)).div_ceil(1_000_000).max(1);
    let mut picture: Arc<Vec<u8>> = Arc::default();
    for frame in 0..frames {
        let (drawn, another) = camera.frame(frame as f64 * 1e3 / f64::from(shape.rate))?;
        if another == Another::Yes || frame == 0 {
            picture = Arc::new(drawn.to_vec());
        }
        encoder.show(picture.clone())?;
        take.tell(frame as f64 / frames as f64)?;
    }
    encoder.finish()
}

/// Smaller and smaller, until it fits.
fn fit(film: Film, whole: &TempPath, bytes_max: Option<u64>, to: &Target) -> Result<(), ExportError> {
    let mut smallest = u64::MAX;
    for cut in Cut::ALL {
        ffmpeg::cut(film, whole, cut, to.place())?;
        smallest = std::fs::metadata(to.place())?.len();
        if bytes_max.is_none_or(|max| smallest <= max) {
            return Ok(());
        }
    }
    Err(ExportError::TooLarge { smallest, bytes_max: bytes_max.unwrap_or_default() })
}

/// The page that plays the reel, until it has been taken pictures of.
pub(super) fn on_disk(reel: Reel, parts: &Parts) -> Result<TempPath, ExportError> {
    let mut file = scratch(".html")?;
    page::write(reel, parts, &mut file)?;
    file.flush()?;
    Ok(file.into_temp_path())
}

/// Blue, green, red and one more, as a camera gives them.
pub(super) fn write_png(size: Size, picture: &[u8], to: &mut impl Write) -> Result<(), ExportError> {
    let pixels: Vec<u8> = picture.chunks_exact(4).flat_map(|pixel| [pixel[2], pixel[1], pixel[0]]).collect();
    let mut encoder = png::Encoder::new(to, size.width, size.height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(&pixels));
    Ok(written.map_err(std::io::Error::other)?)
}
