//! The start page.

fn main() {
    greenroom_ui::start();
}
