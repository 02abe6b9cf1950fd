//! The shipped prompts (`prompts/`): told to models, and by no model to anybody (`guard::filter`).

use include_dir::{Dir, include_dir};
use minijinja::Environment;

static PROMPTS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/prompts");

/// A prompt by its file's name, with its values. What is put in is never read as a template.
pub fn render(name: &str, values: minijinja::Value) -> String {
    let source = PROMPTS
        .get_file(name)
        .and_then(|file| file.contents_utf8())
        .unwrap_or_default();
    Environment::new()
        .render_str(source, values)
        .unwrap_or_default()
}

/// All of them, as templates.
pub fn all() -> impl Iterator<Item = &'static str> {
    PROMPTS.files().filter_map(|file| file.contents_utf8())
}
