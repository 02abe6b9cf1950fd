//! The shipped prompts (`prompts/`): told to models, and by no model to anybody (`guard::filter`).

use std::sync::LazyLock;

use include_dir::{Dir, include_dir};
use minijinja::Environment;

static PROMPTS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/prompts");

/// Read once: a question renders one more than once.
static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut templates = Environment::new();
    for file in PROMPTS.files() {
        let name = file.path().to_str().unwrap_or_default();
        if let Some(text) = file.contents_utf8() {
            // One that cannot be read renders as nothing, which the tests of those who use it would see.
            let _ = templates.add_template(name, text);
        }
    }
    templates
});

/// A prompt by its file's name, with its values. What is put in is never read as a template.
pub fn render(name: &str, values: minijinja::Value) -> String {
    TEMPLATES
        .get_template(name)
        .and_then(|template| template.render(values))
        .unwrap_or_default()
}

/// A prompt that takes no values, by its file's name.
pub fn text(name: &str) -> &'static str {
    PROMPTS
        .get_file(name)
        .and_then(|file| file.contents_utf8())
        .unwrap_or_default()
}

/// All of them, as templates.
pub fn all() -> impl Iterator<Item = &'static str> {
    PROMPTS.files().filter_map(|file| file.contents_utf8())
}
