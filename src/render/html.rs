//! The two HTML forms: for mail programs, and for a browser.

use std::sync::LazyLock;

use minijinja::{
    AutoEscape, Environment, Error, Output, State, UndefinedBehavior, Value, escape_formatter,
    value::Serde,
};

use super::view::View;

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(environment);

const SOURCES: [(&str, &str); 2] = [
    ("email.html", include_str!("templates/email.html")),
    ("web.html", include_str!("templates/web.html")),
];

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_formatter(write_escaped);
    for (name, source) in SOURCES {
        environment
            .add_template(name, source)
            .unwrap_or_else(|error| unreachable!("the embedded {name} is read in tests: {error}"));
    }
    environment
}

/// Escapes what HTML gives a meaning, in text and in attributes alike, and leaves the slashes of addresses readable.
fn write_escaped(out: &mut Output, state: &mut State, value: &Value) -> Result<(), Error> {
    let Some(text) = value.as_str().filter(|_| !value.is_safe()) else {
        return escape_formatter(out, state, value);
    };
    let mut rest = text;
    while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
        let (head, tail) = rest.split_at(at);
        let mut tail = tail.chars();
        let entity = match tail.next() {
            Some('&') => "&amp;",
            Some('<') => "&lt;",
            Some('>') => "&gt;",
            Some('"') => "&quot;",
            _ => "&#39;",
        };
        out.write_str(head)?;
        out.write_str(entity)?;
        rest = tail.as_str();
    }
    out.write_str(rest)?;
    Ok(())
}

pub(super) fn email(view: &View) -> String {
    render("email.html", view)
}

pub(super) fn web(view: &View) -> String {
    render("web.html", view)
}

/// The templates are embedded and a view has each field that they name, whatever a brief holds; tests render both with
/// every edition.
fn render(name: &str, view: &View) -> String {
    TEMPLATES
        .get_template(name)
        .and_then(|template| template.render(Serde(view)))
        .unwrap_or_else(|error| unreachable!("{name} renders every view: {error:#}"))
}
