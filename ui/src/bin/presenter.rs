//! The presenter's window.

fn main() {
    greenroom_ui::presenter();
}
