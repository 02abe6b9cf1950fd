//! A brief is made as short as one may be.

use super::{MOST_REST, MOST_WORDS, title};
use crate::domain::{
    brief::{Brief, Item},
    finding::Severity,
    rich::Rich,
};

pub fn headline_alone(mut item: Item) -> Item {
    item.body = Rich::default();
    item.next = Rich::default();
    item.also = Rich::default();
    item
}

/// Makes it shorter from the end until it is read within the minute.
pub fn fit(brief: &mut Brief) {
    while brief.words_above_the_line() > MOST_WORDS && shorten_once(brief) {}
    if brief.items().next().is_some() {
        title(brief);
    }
}

/// Takes the least from a brief that it can do without: steps of what is to be watched, names of what is resolved, what is
/// not high and to be watched before what is said of what is high, then whole items. Items stand below the line then. False
/// where nothing is left to take.
fn shorten_once(brief: &mut Brief) -> bool {
    let is_high = |item: &Item| item.severity == Severity::High;
    for high in [false, true] {
        let step = brief
            .watch
            .iter_mut()
            .rev()
            .find(|item| is_high(item) == high && !item.next.is_empty());
        if let Some(item) = step {
            item.next = Rich::default();
            return true;
        }
    }
    if brief.resolved.len() > 1 {
        brief.resolved.pop();
        brief.more_resolved += 1;
        return true;
    }
    let explained = brief.watch.iter().any(|item| !item.body.is_empty());
    if explained && let Some(item) = brief.watch.pop_if(|item| !is_high(item)) {
        below_the_line(brief, item);
        return true;
    }
    let last_body = |items: &mut [Item]| {
        let item = items.iter_mut().rev().find(|item| !item.body.is_empty());
        item.map(|item| item.body = Rich::default()).is_some()
    };
    if last_body(&mut brief.watch) {
        return true;
    }
    if let Some(item) = brief.watch.pop() {
        below_the_line(brief, item);
        return true;
    }
    if last_body(&mut brief.decide) {
        return true;
    }
    if brief.decide.len() > 1
        && let Some(item) = brief.decide.pop()
    {
        below_the_line(brief, item);
        return true;
    }
    if brief.resolved.pop().is_some() {
        brief.more_resolved += 1;
        return true;
    }
    false
}

fn below_the_line(brief: &mut Brief, item: Item) {
    brief.more += 1;
    brief.more_high += usize::from(item.severity == Severity::High);
    brief.rest.insert(0, headline_alone(item));
    brief.rest.truncate(MOST_REST);
}
