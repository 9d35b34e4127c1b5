//! Who puts a window's picture together. Without a graphics card, a program that stands in for one does, in each frame for the whole window,
//! and takes the cores that the stack and its tools need: WebKit's own drawing touches only what has changed.

use tauri::WebviewWindow;

/// Cards offer themselves here to whoever draws.
#[cfg(target_os = "linux")]
const CARDS: &str = "/dev/dri";
#[cfg(target_os = "linux")]
const CARD: &str = "renderD";

/// Draws the window's page by the processor where there is no card.
#[cfg(target_os = "linux")]
pub fn choose(window: &WebviewWindow) -> tauri::Result<()> {
    use webkit2gtk::{HardwareAccelerationPolicy, SettingsExt, WebViewExt};

    let mut cards = std::fs::read_dir(CARDS).into_iter().flatten().flatten();
    if cards.any(|entry| entry.file_name().to_string_lossy().starts_with(CARD)) {
        return Ok(());
    }
    window.with_webview(|webview| {
        if let Some(settings) = webview.inner().settings() {
            settings.set_hardware_acceleration_policy(HardwareAccelerationPolicy::Never);
        }
    })
}

/// Other web views are not asked.
#[cfg(not(target_os = "linux"))]
pub fn choose(_window: &WebviewWindow) -> tauri::Result<()> {
    Ok(())
}
