//! What the audience sees, live or played from a file.

fn main() {
    greenroom_ui::audience();
}
