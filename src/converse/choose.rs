//! Which tools a model is offered for a question: those whose words meet the question's, so that a hundred tools cost no
//! more than the few that matter. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{
    domain::connector::ToolClass,
    ids::ConnectorId,
    models::PortableSchema,
    text::{shorten, visible},
};

/// All tools are offered where there are no more than these.
const OFFERED_WITHOUT_CHOICE: usize = 8;
/// Tools offered at most.
const MOST_OFFERED: usize = 12;
/// Where the question's words meet fewer, others are added up to this.
const FEWEST_OFFERED: usize = 4;
/// A tool that meets the question this much less than the best one is not offered.
const WORTH_OFFERING: f64 = 0.25;
/// Letters that words must share from their beginning to be one word in another form.
const SHARED_LETTERS: usize = 4;
/// Words of every question, which tell nothing of what it asks for.
const ASKING: [&str; 44] = [
    "what", "which", "when", "where", "whose", "that", "this", "these", "those", "there", "with",
    "from", "have", "does", "many", "much", "were", "will", "welche", "welcher", "welches", "wann",
    "wieviel", "wieviele", "gibt", "sind", "haben", "wurde", "diese", "dieser", "dieses", "nicht",
    "quel", "quels", "quelle", "quelles", "combien", "quand", "cette", "dans", "cuantos",
    "cuántos", "cuáles", "cuando",
];
/// Characters of a description, which its server wrote.
const DESCRIPTION_CHARACTERS: usize = 1_000;
/// Bytes of an argument schema as its server wrote it; of a larger one what matters most is told.
const SCHEMA_BYTES: usize = 3_000;
/// Characters of a tool's name on every wire.
const NAME_CHARACTERS: usize = 64;

/// A tool that a role may ask for.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    /// Its name on the wire: `jira__search`.
    pub name: String,
    pub connector: ConnectorId,
    /// What readers call the source.
    pub source: String,
    pub tool: String,
    pub class: ToolClass,
    /// The server's own words, cut and made visible.
    pub description: String,
    pub input_schema: Value,
}

impl Offer {
    /// A tool as it is offered. What the server says of it is cut and cleaned.
    pub fn new(
        connector: &ConnectorId,
        source: &str,
        tool: &str,
        class: ToolClass,
        description: &str,
        input_schema: &Value,
    ) -> Self {
        let small = input_schema.is_object() && input_schema.to_string().len() <= SCHEMA_BYTES;
        Self {
            name: wire_name(connector, tool),
            connector: connector.clone(),
            source: source.to_owned(),
            tool: tool.to_owned(),
            class,
            description: shorten(&visible(description), DESCRIPTION_CHARACTERS),
            input_schema: if small {
                input_schema.clone()
            } else {
                PortableSchema::new(input_schema).get().clone()
            },
        }
    }

    fn words(&self) -> [(f64, BTreeSet<String>); 3] {
        let arguments: Vec<&str> = self
            .input_schema
            .get("properties")
            .and_then(Value::as_object)
            .map(|properties| properties.keys().map(String::as_str).collect())
            .unwrap_or_default();
        [
            (3.0, words(&self.tool)),
            (2.0, words(&format!("{} {}", self.connector, self.source))),
            (
                1.0,
                words(&format!("{} {}", self.description, arguments.join(" "))),
            ),
        ]
    }
}

/// Letters, digits, `_` and `-`, at most 64, a letter first: what every wire takes. Names that would be the same differ by a
/// hash.
fn wire_name(connector: &ConnectorId, tool: &str) -> String {
    let clean = |text: &str| -> String {
        text.chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || c == '-' {
                    c
                } else {
                    '_'
                }
            })
            .collect()
    };
    let mut name = format!("{}__{}", clean(connector.as_str()), clean(tool));
    let mut exact = clean(tool) == tool && !connector.as_str().contains(['.', '_']);
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        name.insert_str(0, "s_");
        exact = false;
    }
    if name.len() <= NAME_CHARACTERS && exact {
        return name;
    }
    let hash = crate::ids::derived(&[connector.as_str(), tool]);
    let hash = hash.get(..8).unwrap_or_default();
    let head: String = name.chars().take(NAME_CHARACTERS - 10).collect();
    format!("{head}__{hash}")
}

/// The words of a text in lower case, also the parts of `someName_like-this`.
fn words(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut word = String::new();
    let mut lower_before = false;
    for c in text.chars().chain([' ']) {
        let parts = !c.is_alphanumeric() || (c.is_uppercase() && lower_before);
        if parts && !word.is_empty() {
            found.insert(std::mem::take(&mut word));
        }
        if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        }
        lower_before = c.is_lowercase();
    }
    found.retain(|word| word.chars().count() > 2);
    found
}

/// One word in two forms: the shorter but for its end.
fn same_word(a: &str, b: &str) -> bool {
    let shared = a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count();
    let shorter = a.chars().count().min(b.chars().count());
    a == b || (shared >= SHARED_LETTERS && shared + 2 >= shorter)
}

/// How many words of a question stand in a text, also in another form.
pub fn words_in_common(question: &str, text: &str) -> usize {
    let known = words(text);
    words(question)
        .iter()
        .filter(|asked| asked.chars().count() >= SHARED_LETTERS)
        .filter(|asked| known.iter().any(|known| same_word(asked, known)))
        .count()
}

/// The tools for a question, the fitting ones first; all of them where there are few.
pub fn choose<'o>(question: &str, offers: &'o [Offer]) -> Vec<&'o Offer> {
    let scored = scores(question, offers);
    if offers.len() <= OFFERED_WITHOUT_CHOICE {
        return scored.into_iter().map(|(_, offer)| offer).collect();
    }
    let best = scored.first().map_or(0.0, |(score, _)| *score);
    scored
        .into_iter()
        .enumerate()
        .take_while(|(at, (score, _))| {
            let fits = *score > 0.0 && *score >= best * WORTH_OFFERING;
            *at < MOST_OFFERED && (fits || *at < FEWEST_OFFERED)
        })
        .map(|(_, (_, offer))| offer)
        .collect()
}

/// The sources that a question speaks of, each with its tools that read, the fitting ones first. A further source counts where
/// it knows a word of the question's that those before it do not. Where the question by itself speaks of none, what it goes on
/// from does; where that does not either, it is the first source.
pub fn sources<'o>(question: &str, topic: &str, offers: &'o [Offer]) -> Vec<Vec<&'o Offer>> {
    let told = [question, topic]
        .map(|text| spoken_of(text, offers))
        .into_iter()
        .find(|sources| !sources.is_empty());
    told.unwrap_or_else(|| by_source(question, offers).into_iter().take(1).collect())
}

fn by_source<'o>(question: &str, offers: &'o [Offer]) -> Vec<Vec<&'o Offer>> {
    let mut sources: Vec<Vec<&Offer>> = Vec::new();
    let reading = |(_, offer): &(f64, &Offer)| offer.class == ToolClass::Read;
    for (_, offer) in scores(question, offers).into_iter().filter(reading) {
        let known = sources.iter_mut().find(|tools| {
            let first = tools.first();
            first.is_some_and(|first| first.connector == offer.connector)
        });
        match known {
            Some(tools) => tools.push(offer),
            None => sources.push(vec![offer]),
        }
    }
    sources
}

fn spoken_of<'o>(question: &str, offers: &'o [Offer]) -> Vec<Vec<&'o Offer>> {
    let mut unmet = words(question);
    unmet.retain(|word| word.chars().count() >= SHARED_LETTERS && !ASKING.contains(&&**word));
    let mut sources = by_source(question, offers);
    sources.retain(|tools| {
        let before = unmet.len();
        let known = tools.iter().flat_map(|offer| offer.words());
        let known: BTreeSet<String> = known.flat_map(|(_, words)| words).collect();
        unmet.retain(|word| !known.iter().any(|known| same_word(word, known)));
        unmet.len() < before
    });
    sources
}

/// Every tool with how well it fits, the best first. A word that few tools hold weighs more.
fn scores<'o>(question: &str, offers: &'o [Offer]) -> Vec<(f64, &'o Offer)> {
    let asked = words(question);
    let known: Vec<_> = offers.iter().map(Offer::words).collect();
    let mut holders: BTreeMap<&String, f64> = BTreeMap::new();
    for word in &asked {
        let holding = known
            .iter()
            .filter(|fields| {
                fields
                    .iter()
                    .any(|(_, words)| words.iter().any(|known| same_word(word, known)))
            })
            .count();
        let holding = u32::try_from(holding).map_or(f64::MAX, f64::from);
        let all = u32::try_from(offers.len()).map_or(f64::MAX, f64::from);
        holders.insert(word, (1.0 + all / (1.0 + holding)).ln());
    }
    let mut scored: Vec<(f64, &Offer)> = offers
        .iter()
        .zip(&known)
        .map(|(offer, fields)| {
            let score: f64 = holders
                .iter()
                .map(|(word, rarity)| {
                    let weight = fields
                        .iter()
                        .filter(|(_, words)| words.iter().any(|known| same_word(word, known)))
                        .map(|(weight, _)| *weight)
                        .fold(0.0, f64::max);
                    weight * rarity
                })
                .sum();
            (score, offer)
        })
        .collect();
    scored.sort_by(|(a, first), (b, second)| b.total_cmp(a).then(first.name.cmp(&second.name)));
    scored
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn offer(connector: &str, tool: &str, description: &str) -> Offer {
        Offer::new(
            &ConnectorId::new(connector).unwrap(),
            connector,
            tool,
            ToolClass::Read,
            description,
            &json!({ "type": "object", "properties": {} }),
        )
    }

    fn hundred() -> Vec<Offer> {
        let mut offers: Vec<Offer> = (0..96)
            .map(|n| {
                offer(
                    &format!("source{n}"),
                    &format!("get_thing{n}"),
                    "Gets a thing.",
                )
            })
            .collect();
        offers.push(offer("jira", "search_issues", "Finds issues by a query."));
        offers.push(offer(
            "stripe",
            "list_disputes",
            "Lists disputes of payments.",
        ));
        offers.push(offer(
            "crm",
            "list_opportunities",
            "Deals with stage and amount.",
        ));
        offers.push(offer(
            "gitlab",
            "list_merge_requests",
            "Merge requests and reviewers.",
        ));
        offers
    }

    #[test]
    fn of_a_hundred_tools_those_are_offered_that_the_question_speaks_of() {
        let offers = hundred();
        for (question, expected) in [
            ("Which issues block the release?", "jira__search_issues"),
            (
                "Is there a dispute open at Stripe?",
                "stripe__list_disputes",
            ),
            (
                "Which merge request waits longest for a reviewer?",
                "gitlab__list_merge_requests",
            ),
            (
                "Which opportunity closes this week?",
                "crm__list_opportunities",
            ),
        ] {
            let chosen = choose(question, &offers);
            assert_eq!(chosen[0].name, expected, "{question}");
            assert!(chosen.len() <= MOST_OFFERED);
        }
    }

    #[test]
    fn a_question_about_two_sources_chooses_both_and_one_about_one_chooses_one() {
        let offers = hundred();
        let of = |question: &str| -> Vec<String> {
            sources(question, "", &offers)
                .iter()
                .map(|tools| tools[0].connector.to_string())
                .collect()
        };
        assert_eq!(of("Which issues block the release?"), ["jira"]);
        let mut both = of("Which disputes are open, and which merge requests wait?");
        both.sort();
        assert_eq!(both, ["gitlab", "stripe"]);
        assert_eq!(of("Wie geht es?").len(), 1);
        let goes_on = sources("And last week?", "Which issues were closed?", &offers);
        assert_eq!(goes_on[0][0].name, "jira__search_issues");
        assert!(sources("Which issues?", "", &[]).is_empty());
    }

    #[test]
    fn a_question_that_meets_no_tool_still_gets_a_few() {
        let offers = hundred();
        assert_eq!(choose("Wie geht es?", &offers).len(), FEWEST_OFFERED);
    }

    #[test]
    fn names_on_the_wire_are_short_plain_and_differ() {
        let names: BTreeSet<String> = ["a.b", "a", "3cx"]
            .iter()
            .flat_map(|connector| {
                let connector = ConnectorId::new(*connector).unwrap();
                let long = ["t".repeat(90), "t".repeat(91)];
                let short = ["tool.x", "tool/x", "tool_x", "tööl"].map(str::to_owned);
                let tools = short.into_iter().chain(long);
                tools
                    .map(move |tool| wire_name(&connector, &tool))
                    .collect::<Vec<_>>()
            })
            .collect();
        assert_eq!(names.len(), 18);
        for name in names {
            assert!(name.len() <= NAME_CHARACTERS, "{name}");
            assert!(
                name.starts_with(|c: char| c.is_ascii_alphabetic()),
                "{name}"
            );
            assert!(
                name.chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')),
                "{name}"
            );
        }
    }
}
