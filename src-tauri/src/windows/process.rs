//! The process that draws a window's page. Where it dies, the window would stay empty: the page is loaded again, and begins with the
//! show as it stands.

#[cfg(target_os = "linux")]
pub use linux::keep;
#[cfg(not(target_os = "linux"))]
pub use unasked::keep;

#[cfg(target_os = "linux")]
mod linux {
    use std::cell::Cell;
    use std::time::Duration;
    use tauri::WebviewWindow;
    use webkit2gtk::WebViewExt;

    /// How long a page waits that is loaded again: twice as long each time, so that one that dies of itself does not take the machine.
    const AGAIN_AFTER: Duration = Duration::from_millis(50);
    const AGAIN_AFTER_MAX: Duration = Duration::from_secs(10);

    /// Loads the window's page again whenever its process dies.
    pub fn keep(window: &WebviewWindow) -> tauri::Result<()> {
        let kept = window.clone();
        window.with_webview(move |webview| {
            let deaths = Cell::new(0);
            webview.inner().connect_web_process_terminated(move |_, reason| {
                let wait = wait(deaths.get());
                deaths.set(deaths.get() + 1);
                eprintln!("greenroom-app: the {}'s page has ended ({reason:?}): it is loaded again", kept.label());
                let window = kept.clone();
                tauri::async_runtime::spawn(async move {
                    tokio::time::sleep(wait).await;
                    if let Err(error) = window.reload() {
                        eprintln!("greenroom-app: the {}'s page cannot be loaded again: {error}", window.label());
                    }
                });
            });
        })
    }

    fn wait(deaths: u32) -> Duration {
        AGAIN_AFTER.saturating_mul(2_u32.saturating_pow(deaths)).min(AGAIN_AFTER_MAX)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_page_that_dies_again_and_again_waits_longer_and_never_for_ever() {
            assert_eq!([0, 1, 2].map(wait), [1, 2, 4].map(|times| times * AGAIN_AFTER));
            assert_eq!([9, 32, u32::MAX].map(wait), [AGAIN_AFTER_MAX; 3]);
        }
    }
}

/// Other web views are not asked.
#[cfg(not(target_os = "linux"))]
mod unasked {
    use tauri::WebviewWindow;

    pub fn keep(_window: &WebviewWindow) -> tauri::Result<()> {
        Ok(())
    }
}
