//! The form of a model's answer, as a JSON Schema: each item under its id, with just the texts that it has.

use serde_json::{Map, Value, json};

use super::word::with_handles;
use crate::domain::{
    brief::Item,
    finding::{Finding, Wording},
};

/// How much of the form the model's server holds its model to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Objects and strings: what each vendor takes. Lengths and patterns are refused by some (OpenAI's strict mode).
    Portable,
    /// Besides, what a text may be made of: the finding's own sentences, from which parts may be left out. llama.cpp,
    /// vLLM and Ollama sample by it, so that a model of any size comes to an end and to sentences that can stand. It is a
    /// help for the model and no fence: what comes back is held against the evidence like any other answer.
    Guided,
}

/// Findings whose sentences the bottom line may be made of: it speaks of the worst.
const BOTTOM_LINE_FINDINGS: usize = 2;

/// Words that may begin a part which can be left out.
const OPENERS: [&str; 24] = [
    "the", "a", "an", "and", "of", "for", "in", "on", "at", "to", "from", "with", "is", "are",
    "was", "were", "has", "have", "its", "that", "which", "since", "until", "over",
];

pub(super) fn schema(items: &[(String, &Item, &Finding)], form: Form) -> Value {
    let text = |most: usize, own: &[String]| match (form, pattern(own)) {
        (Form::Portable, _) => json!({ "type": "string" }),
        (Form::Guided, Some(pattern)) => json!({ "type": "string", "pattern": pattern }),
        (Form::Guided, None) => json!({ "type": "string", "maxLength": most }),
    };
    let object = |properties: Map<String, Value>| {
        let required: Vec<&String> = properties.keys().collect();
        json!({ "type": "object", "required": required, "properties": properties, "additionalProperties": false })
    };
    let own = |id: &str, wording: &Wording| vec![with_handles(id, wording)];
    let mut properties = Map::new();
    for (id, item, finding) in items {
        let mut fields = Map::new();
        let headline = text(160, &own(id, &finding.headline));
        fields.insert("headline".to_owned(), headline);
        if !item.body.is_empty() {
            fields.insert("body".to_owned(), text(320, &own(id, &finding.body)));
        }
        // What stands where a signal has no step is ours to say.
        if !item.next.is_empty() && !finding.next.is_empty() {
            fields.insert("next".to_owned(), text(200, &own(id, &finding.next)));
        }
        properties.insert(id.clone(), object(fields));
    }
    let worst: Vec<String> = items
        .iter()
        .take(BOTTOM_LINE_FINDINGS)
        .flat_map(|(id, _, finding)| [(id, &finding.headline), (id, &finding.next)])
        .map(|(id, wording)| with_handles(id, wording))
        .filter(|sentence| sentence.contains('{'))
        .collect();
    properties.insert("bottom_line".to_owned(), text(400, &worst));
    object(properties)
}

/// A pattern of one of the texts, each with or without the parts after its first. None where a text cannot stand in a
/// pattern that all servers read alike.
fn pattern(texts: &[String]) -> Option<String> {
    let fits = |c: char| !c.is_control() && !matches!(c, '"' | '\\' | '/');
    if texts.is_empty() || !texts.iter().all(|text| text.chars().all(fits)) {
        return None;
    }
    let choices: Vec<String> = texts
        .iter()
        .map(|text| {
            let mut parts = parts(text.trim().trim_end_matches('.')).into_iter();
            let first = escaped(&parts.next().unwrap_or_default());
            parts.fold(first, |pattern, part| {
                format!("{pattern}( {})?", escaped(&part))
            })
        })
        .collect();
    Some(format!("^({})$", choices.join("|")))
}

/// The parts of a text: each begins with a word that joins it to what stands before, or after a mark.
fn parts(text: &str) -> Vec<String> {
    let opens = |word: &str| OPENERS.contains(&word.to_lowercase().as_str());
    let mut parts: Vec<String> = Vec::new();
    // Whether the last part holds more than words that join.
    let mut tells = false;
    for word in text.split_whitespace() {
        let closed = parts
            .last()
            .is_some_and(|part| part.ends_with([',', ';', ':', '.']));
        match parts.last_mut() {
            Some(part) if !(closed || tells && opens(word)) => {
                part.push(' ');
                part.push_str(word);
                tells |= !opens(word);
            }
            _ => {
                parts.push(word.to_owned());
                tells = !opens(word);
            }
        }
    }
    parts
}

/// A text that stands for itself in a pattern.
fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut escaped, c| {
        if "^$.[]()|{}*+?".contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
        escaped
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_takes_the_own_sentence_with_and_without_its_parts_and_nothing_else() {
        let own =
            "{F1.first} ({F1.what}) blocks {F1.blocked}; it has waited {F1.waited} for a reviewer.";
        let pattern = regex::Regex::new(&pattern(&[own.to_owned()]).unwrap()).unwrap();
        for kept in [
            "{F1.first} ({F1.what}) blocks {F1.blocked}; it has waited {F1.waited} for a reviewer",
            "{F1.first} ({F1.what}) blocks {F1.blocked}; it has waited {F1.waited}",
        ] {
            assert!(pattern.is_match(kept), "{kept}");
        }
        for struck in [
            "for a reviewer",
            "{F2.first} ({F1.what})",
            "It is 14 days late",
            "",
        ] {
            assert!(!pattern.is_match(struck), "{struck}");
        }
    }

    #[test]
    fn a_text_that_a_server_could_read_otherwise_gives_no_pattern() {
        assert_eq!(pattern(&["a \"quoted\" word".to_owned()]), None);
        assert_eq!(pattern(&[]), None);
    }
}
