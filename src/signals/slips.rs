//! What a person most often meant where an expression or a sentence cannot be read: the advice beside the parser's words.

use std::collections::BTreeMap;

/// Returns what to write instead of an expression that cannot be read.
pub(super) fn of_expression(text: &str) -> String {
    let bare = without_texts(text);
    let Some(bare) = bare else {
        return "a text in it is not closed: end it with the quote that it begins with".to_owned();
    };
    for (sign, advice) in [
        (
            "{{",
            "leave `{{` and `}}` away: this is an expression by itself, only sentences have them",
        ),
        ("{%", "leave `{%` away: write `a if condition else b`"),
        ("&&", "write `and` instead of `&&`"),
        ("||", "write `or` instead of `||`"),
        ("<>", "write `!=` instead of `<>`"),
        (
            "?",
            "write `a if condition else b` instead of `condition ? a : b`",
        ),
    ] {
        if bare.contains(sign) {
            return advice.to_owned();
        }
    }
    if let Some(advice) = unbalanced(&bare) {
        return advice;
    }
    // Inside of brackets a single `=` names an argument.
    let assigns = outside_of_brackets(&bare)
        .replace(">=", " ")
        .replace("<=", " ")
        .replace("!=", " ")
        .replace("==", " ")
        .contains('=');
    if assigns {
        return "compare with `==`; a single `=` does not".to_owned();
    }
    if bare.contains('!') && !bare.contains("!=") {
        return "write `not` instead of `!`".to_owned();
    }
    let ends_open = |c: char| "+-*/%<>=~|,.(".contains(c);
    if bare.trim_end().ends_with(ends_open) {
        return "something is missing at its end".to_owned();
    }
    "write it as in `item.amount > 1000 and item.state != 'done'`; docs/objects.md has more under Expressions"
        .to_owned()
}

/// Returns what to write instead of a sentence whose template cannot be read.
pub(super) fn of_sentence(text: &str) -> String {
    if text.matches("{{").count() != text.matches("}}").count() {
        return "close each `{{` with `}}`: `{{ fact }}`".to_owned();
    }
    if text.matches("{%").count() != text.matches("%}").count() {
        return "close each `{%` with `%}`: `{% if fact %}…{% endif %}`".to_owned();
    }
    if text.contains("{%") {
        return "end each `{% if fact %}` with `{% endif %}`".to_owned();
    }
    "name one fact in each pair of braces: `{{ fact }}`; what is computed is a fact of its own in `facts`"
        .to_owned()
}

/// The fact that a sentence names in single braces, which would stand in it as they are.
pub(super) fn in_single_braces<'f>(
    sentence: &str,
    facts: &'f BTreeMap<String, String>,
) -> Option<&'f str> {
    let pieces = sentence.split('{').skip(1);
    let names: Vec<&str> = pieces
        .filter_map(|piece| piece.split_once('}'))
        .filter(|(_, rest)| !rest.starts_with('}'))
        .map(|(name, _)| name.trim())
        .collect();
    facts
        .keys()
        .map(String::as_str)
        .find(|fact| names.contains(fact))
}

/// The expression without the texts in it; nothing where one is not closed.
fn without_texts(text: &str) -> Option<String> {
    let mut bare = String::with_capacity(text.len());
    let mut inside: Option<char> = None;
    let mut escaped = false;
    for c in text.chars() {
        match inside {
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(quote) if c == quote => inside = None,
            Some(_) => {}
            None if matches!(c, '\'' | '"') => inside = Some(c),
            None => bare.push(c),
        }
    }
    inside.is_none().then_some(bare)
}

/// A bracket that is not closed, or closed and not opened.
fn unbalanced(bare: &str) -> Option<String> {
    let mut open: Vec<char> = Vec::new();
    for c in bare.chars() {
        match c {
            '(' => open.push(')'),
            '[' => open.push(']'),
            '{' => open.push('}'),
            ')' | ']' | '}' if open.pop() != Some(c) => {
                return Some(format!("a `{c}` closes nothing"));
            }
            _ => {}
        }
    }
    open.pop()
        .map(|close| format!("a bracket is not closed: a `{close}` is missing"))
}

fn outside_of_brackets(bare: &str) -> String {
    let mut depth = 0_usize;
    bare.chars()
        .filter(|c| {
            match c {
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth = depth.saturating_sub(1),
                _ => return depth == 0,
            }
            false
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_slip_in_an_expression_has_its_advice() {
        for (text, advice) in [
            ("item.state = 'open'", "compare with `==`"),
            ("late >= 3 && item.x", "write `and`"),
            ("a || b", "write `or`"),
            ("a <> b", "write `!=`"),
            ("!item.done", "write `not`"),
            ("late > 3 ? 'high' : 'low'", "`a if condition else b`"),
            ("{{ late >= 3 }}", "leave `{{` and `}}` away"),
            ("days_since(item.due", "a `)` is missing"),
            ("item.list[0", "a `]` is missing"),
            ("item.due)", "a `)` closes nothing"),
            ("item.state == 'open", "a text in it is not closed"),
            ("item.x >", "something is missing at its end"),
            ("item.x item.y", "docs/objects.md"),
        ] {
            let told = of_expression(text);
            assert!(told.contains(advice), "{text}: {told}");
        }
        // A sign within a text, and an argument's name, are no slips.
        assert!(of_expression("item.a == '&& = {{' item").contains("docs/objects.md"));
        assert!(of_expression("items|sort(attribute='x') y").contains("docs/objects.md"));
    }

    #[test]
    fn each_slip_in_a_sentence_has_its_advice() {
        for (text, advice) in [
            ("Order {{ order is late", "close each `{{`"),
            ("{% if a }x", "close each `{%`"),
            ("{% if a %}x", "`{% endif %}`"),
            ("{{ a b }}", "one fact in each pair"),
        ] {
            let told = of_sentence(text);
            assert!(told.contains(advice), "{text}: {told}");
        }
        let facts = BTreeMap::from([("order".to_owned(), String::new())]);
        for (text, fact) in [
            ("Order { order } is late", Some("order")),
            ("Order {order} is late", Some("order")),
            ("Order {{ order }} is late", None),
            ("Use {braces} freely", None),
        ] {
            assert_eq!(in_single_braces(text, &facts), fact, "{text}");
        }
    }
}
