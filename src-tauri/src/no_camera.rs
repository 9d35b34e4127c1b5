//! In place of the camera, where the web view has no window without a screen.

use std::path::Path;
use std::process::ExitCode;

pub fn serve(_page: &Path, _size: (i32, i32)) -> ExitCode {
    eprintln!("greenroom-app: pictures of a page are taken on Linux only");
    ExitCode::FAILURE
}
