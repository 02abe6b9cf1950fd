//! The brief as one HTML document for a mail or a page: one column of 600 px, tables, no script, nothing remote, no
//! background of its own, so that it stands in light and dark and in Word's renderer.

use minijinja::{AutoEscape, Environment, context, value::Value};

use super::{clock, closed, more_line, resolved_lines, sources_line, status_words};
use crate::domain::{
    brief::{Brief, Item},
    rich::Rich,
};

const TEMPLATE: &str = include_str!("templates/brief.html.j2");

/// The document. `sender` is the company's name. An error means that the template itself is wrong.
pub fn html(brief: &Brief, sender: &str) -> Result<String, minijinja::Error> {
    let mut env = Environment::new();
    env.set_auto_escape_callback(|_| AutoEscape::Html);
    let sections: Vec<Value> = [("Decide today", &brief.decide), ("Watch", &brief.watch)]
        .into_iter()
        .filter(|(_, items)| !items.is_empty())
        .map(|(title, items)| {
            context! { title, items => items.iter().map(|item| item_value(brief, item)).collect::<Vec<_>>() }
        })
        .collect();
    env.render_str(
        TEMPLATE,
        context! {
            sender,
            sections,
            language => brief.language.tag(),
            subject => brief.subject.clone(),
            preheader => brief.preheader.clone(),
            title => brief.title.clone(),
            notices => brief.notices.iter().map(spans).collect::<Vec<_>>(),
            bottom_line => spans(&brief.bottom_line),
            more => more_line(brief),
            resolved => resolved_lines(brief),
            foot => sources_line(brief),
            due => format!("{} {}", clock(brief, brief.due), brief.zone),
        },
    )
}

fn item_value(brief: &Brief, item: &Item) -> Value {
    let (mut body, mut next) = (item.body.clone(), item.next.clone());
    for text in [&mut body, &mut next] {
        if closed(text) != text.text() {
            text.push(".", None);
        }
    }
    context! {
        number => item.number,
        severity => item.severity.word(),
        status => status_words(brief, &item.status),
        headline => spans(&item.headline),
        body => spans(&body),
        next => spans(&next),
        open => item.open.as_ref().map(|open| open.url.to_string()),
        open_label => item.open.as_ref().map(|open| open.label.clone()),
    }
}

fn spans(text: &Rich) -> Value {
    text.spans()
        .iter()
        .map(|span| context! { text => span.text.clone(), link => span.link.as_ref().map(ToString::to_string) })
        .collect()
}
