//! Where an export goes: beside its name until it is whole, and pictures into a folder beside that.

use crate::system;
use std::ffi::OsString;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use tempfile::{NamedTempFile, TempDir};

/// A file that has its name once it is finished. Dropped before, it leaves nothing.
#[derive(Debug)]
pub struct Target {
    path: PathBuf,
    file: BufWriter<NamedTempFile>,
    charts: Option<TempDir>,
}

impl Target {
    /// Folders are made where they are missing.
    pub fn beside(path: &Path) -> std::io::Result<Target> {
        let folder = folder_of(path);
        std::fs::create_dir_all(folder)?;
        let file = BufWriter::new(system::file_as_any(".export-", folder)?);
        Ok(Target { path: path.to_path_buf(), file, charts: None })
    }

    /// Where it is until it has its name, for a program that writes it.
    pub fn place(&self) -> &Path {
        self.file.get_ref().path()
    }

    /// The folder that it will be in.
    pub fn folder(&self) -> &Path {
        folder_of(&self.path)
    }

    /// Puts a picture into the folder of pictures, and gives the name by which the file links to it.
    pub fn picture(&mut self, name: &str, text: &str) -> std::io::Result<String> {
        if self.charts.is_none() {
            self.charts = Some(system::folder_as_any(".export-", folder_of(&self.path))?);
        }
        if let Some(charts) = &self.charts {
            let mut file = std::fs::File::create(charts.path().join(name))?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
        }
        Ok(format!("{}/{name}", self.charts_name().to_string_lossy()))
    }

    /// Gives all of it its name, over what had it before.
    pub fn finish(mut self) -> std::io::Result<()> {
        self.file.flush()?;
        let file = self.file.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        file.as_file().sync_all()?;
        let folder = folder_of(&self.path);
        let charts = folder.join(charts_name(&self.path));
        if let Some(made) = self.charts {
            // An earlier export's pictures go out of the way first, and away when the new ones are there.
            let earlier = tempfile::Builder::new().prefix(".export-").tempdir_in(folder)?;
            if charts.exists() {
                std::fs::rename(&charts, earlier.path().join("charts"))?;
            }
            std::fs::rename(made.keep(), &charts)?;
        }
        file.persist(&self.path).map_err(|error| error.error)?;
        system::sync_folder(folder)
    }

    fn charts_name(&self) -> OsString {
        charts_name(&self.path)
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn charts_name(path: &Path) -> OsString {
    let mut name = path.file_stem().unwrap_or_default().to_os_string();
    name.push("-charts");
    name
}
