//! How alike two pictures of the stage are.

use std::path::Path;

/// Pixels to a side of a tile, and by so much the middle colour of one is another.
const TILE: usize = 8;
const DIFFERS: f64 = 16.0;

#[derive(Debug, PartialEq)]
pub struct Picture {
    size: (u32, u32),
    pixels: Vec<[u8; 3]>,
}

impl Picture {
    /// Of a PNG.
    pub fn read(png: &[u8]) -> Picture {
        let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().expect("a PNG");
        let mut bytes = vec![0; reader.output_buffer_size().expect("a size")];
        let info = reader.next_frame(&mut bytes).expect("a picture");
        let letters = if info.color_type == png::ColorType::Rgba { 4 } else { 3 };
        let pixels = bytes.chunks_exact(letters).map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
        Picture { size: (info.width, info.height), pixels }
    }

    /// Which share of it is another, in tiles.
    pub fn others(&self, other: &Picture) -> f64 {
        assert_eq!(self.size, other.size, "pictures of one size");
        let (ours, theirs) = (self.tiles(), other.tiles());
        let differs = |(a, b): (&[f64; 3], &[f64; 3])| a.iter().zip(b).any(|(a, b)| (a - b).abs() > DIFFERS);
        ours.iter().zip(&theirs).filter(|pair| differs(*pair)).count() as f64 / ours.len() as f64
    }

    /// The middle colour of each tile.
    fn tiles(&self) -> Vec<[f64; 3]> {
        let stride = self.size.0 as usize;
        let (width, height) = (stride / TILE, self.size.1 as usize / TILE);
        let tile = |index: usize| {
            let (left, top) = (index % width * TILE, index / width * TILE);
            let mut sum = [0.0; 3];
            for place in 0..TILE * TILE {
                let pixel = self.pixels[(top + place / TILE) * stride + left + place % TILE];
                sum.iter_mut().zip(pixel).for_each(|(sum, part)| *sum += f64::from(part));
            }
            sum.map(|sum| sum / (TILE * TILE) as f64)
        };
        (0..width * height).map(tile).collect()
    }

    /// For whoever wants to look: `GREENROOM_SHOTS` names the folder.
    pub fn keep(&self, name: &str) {
        let Some(folder) = std::env::var_os("GREENROOM_SHOTS") else { return };
        std::fs::create_dir_all(&folder).expect("a folder");
        let file = std::fs::File::create(Path::new(&folder).join(format!("{name}.png"))).expect("a file");
        let mut encoder = png::Encoder::new(file, self.size.0, self.size.1);
        encoder.set_color(png::ColorType::Rgb);
        let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(self.pixels.as_flattened()));
        written.expect("written");
    }
}
