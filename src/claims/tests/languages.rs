//! What is printed for each kind of claim, in four languages.

use std::collections::{BTreeMap, BTreeSet};

use claims::line::Line;
use serde::Deserialize;
use serde_json::{Map, Value, json};

const LANGUAGES: [&str; 4] = ["en", "de", "fr", "es"];

/// Claims over results, and what is printed for each in each language; of a refusal its code.
#[derive(Deserialize)]
struct Case {
    name: String,
    results: BTreeMap<String, String>,
    claims: Vec<Expected>,
}

#[derive(Deserialize)]
struct Expected {
    claim: Value,
    #[serde(default)]
    refused: Option<String>,
    #[serde(flatten)]
    said: BTreeMap<String, String>,
}

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("data/said.json")).unwrap()
}

fn results() -> Map<String, Value> {
    let mut all: Map<String, Value> =
        serde_json::from_str(include_str!("data/results.json")).unwrap();
    let declared = all.clone();
    for result in all.values_mut() {
        let result = result.as_object_mut().unwrap();
        if let Some(like) = result.remove("like") {
            for (key, value) in declared[like.as_str().unwrap()].as_object().unwrap() {
                result.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
    }
    all
}

/// What is printed in a language for claims over results by their handles; a refusal by its code.
fn said(language: &str, handles: &BTreeMap<String, String>, claims: &[Value]) -> Vec<String> {
    let all = results();
    let used: Map<String, Value> = handles
        .iter()
        .map(|(handle, name)| (handle.clone(), all[name].clone()))
        .collect();
    let line = json!({
        "language": language,
        "today": "2026-11-24",
        "question": "What do our competitors charge?",
        "titles": ["Open deals", "Shop by month", "Open tickets"],
        "results": used,
        "claims": claims,
    });
    let line: Line = serde_json::from_value(line).unwrap_or_else(|error| panic!("{error}"));
    let answer = line
        .answer(jiff::civil::date(2026, 11, 24))
        .unwrap_or_else(|error| panic!("{error}"));
    let answer = serde_json::to_value(&answer).unwrap();
    let said = answer["said"].as_array().unwrap().iter();
    said.map(|said| match said["text"].as_str() {
        Some(text) => text.to_owned(),
        None => format!("refused: {}", said["refused"].as_str().unwrap()),
    })
    .collect()
}

/// What is printed for the last of some claims.
fn last_said(language: &str, result: &str, claims: &[&Value]) -> String {
    let handles = BTreeMap::from([("R1".to_owned(), result.to_owned())]);
    let claims: Vec<Value> = claims.iter().map(|claim| (*claim).clone()).collect();
    said(language, &handles, &claims).pop().unwrap()
}

/// With plain spaces, as a person types the table.
fn plain(text: &str) -> String {
    text.replace(['\u{202f}', '\u{a0}'], " ")
}

#[test]
fn each_kind_of_claim_is_worded_in_four_languages() {
    let mut wrong = Vec::new();
    for case in cases() {
        let claims: Vec<Value> = case.claims.iter().map(|row| row.claim.clone()).collect();
        for language in LANGUAGES {
            let texts = said(language, &case.results, &claims);
            for (text, row) in texts.iter().zip(&case.claims) {
                let expected = match &row.refused {
                    Some(code) => format!("refused: {code}"),
                    None => row.said.get(language).cloned().unwrap_or_default(),
                };
                if plain(text) != expected {
                    wrong.push(format!(
                        "{} {language} {}\n  has      {}\n  expected {expected}",
                        case.name,
                        row.claim,
                        plain(text)
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn signs_stand_as_each_language_sets_them() {
    for case in cases() {
        let claims: Vec<Value> = case.claims.iter().map(|row| row.claim.clone()).collect();
        for language in LANGUAGES {
            for text in said(language, &case.results, &claims) {
                if text.starts_with("refused: ") {
                    continue;
                }
                let (before_percent, before_colon) = match language {
                    "en" => (' ', None),
                    "fr" => ('\u{202f}', Some('\u{202f}')),
                    _ => ('\u{a0}', None),
                };
                let mut last = 'x';
                for c in text.chars() {
                    match (c, before_colon) {
                        ('%', _) => assert_eq!(last, before_percent, "{text}"),
                        (':' | ';' | '?' | '»', Some(space)) => assert_eq!(last, space, "{text}"),
                        (':' | ';' | '?' | '»' | ',' | '.' | ')', _) => {
                            assert!(!last.is_whitespace(), "{text}");
                        }
                        _ => {}
                    }
                    last = c;
                }
                assert!(!text.contains(['"', '\'', '{', '}']), "{text}");
                assert!(!text.contains("  ") && !text.contains("..") && !text.contains("()"));
                let first = text.chars().next().unwrap();
                assert!(!first.is_lowercase(), "{text}");
                assert!(
                    text.ends_with(['.', '?', ':']) || text.contains('\n'),
                    "{text}"
                );
            }
        }
    }
}

/// Conditions, and what stands for each in a sentence of each language.
fn conditions() -> Vec<(Value, [&'static str; 4])> {
    let cond = |column: &str, op: &str, value: Value| match value {
        Value::Null => json!({ "column": column, "op": op }),
        value => json!({ "column": column, "op": op, "value": value }),
    };
    vec![
        (
            cond("country", "eq", json!("AT")),
            ["in Austria", "in Österreich", "en Autriche", "en Austria"],
        ),
        (
            cond("country", "ne", json!("AT")),
            [
                "country not Austria",
                "Land nicht Österreich",
                "pays : hors Autriche",
                "país: no Austria",
            ],
        ),
        (
            cond("country", "in", json!(["AT", "NO"])),
            [
                "in Austria or Norway",
                "in Norwegen oder Österreich",
                "en Autriche ou Norvège",
                "en Austria o Noruega",
            ],
        ),
        (
            cond("stage", "eq", json!("Trial")),
            [
                "stage: Trial",
                "Phase: Trial",
                "étape : Trial",
                "fase: Trial",
            ],
        ),
        (
            cond("stage", "contains", json!("Off")),
            [
                "stage contains “Off”",
                "Phase enthält „Off“",
                "étape : contient « Off »",
                "fase: contiene «Off»",
            ],
        ),
        (
            cond("amount", "lt", json!(100000)),
            [
                "amount under 100,000 EUR",
                "Betrag unter 100.000 EUR",
                "montant : moins de 100 000 EUR",
                "importe: menos de 100.000 EUR",
            ],
        ),
        (
            cond("amount", "le", json!(61200)),
            [
                "amount at most 61,200 EUR",
                "Betrag höchstens 61.200 EUR",
                "montant : au plus 61 200 EUR",
                "importe: como máximo 61.200 EUR",
            ],
        ),
        (
            cond("amount", "gt", json!(50000)),
            [
                "amount over 50,000 EUR",
                "Betrag über 50.000 EUR",
                "montant : plus de 50 000 EUR",
                "importe: más de 50.000 EUR",
            ],
        ),
        (
            cond("amount", "ge", json!(54000)),
            [
                "amount at least 54,000 EUR",
                "Betrag mindestens 54.000 EUR",
                "montant : au moins 54 000 EUR",
                "importe: al menos 54.000 EUR",
            ],
        ),
        (
            cond("close_date", "lt", json!("today")),
            [
                "past their closing date",
                "mit überschrittenem Abschlussdatum",
                "à date de clôture dépassée",
                "con fecha de cierre vencida",
            ],
        ),
        (
            cond("close_date", "ge", json!("today")),
            [
                "closing from today on",
                "mit Abschluss ab heute",
                "avec clôture dès aujourd’hui",
                "con cierre desde hoy",
            ],
        ),
        (
            cond("close_date", "le", json!("2026-11-20")),
            [
                "closing until 20 November",
                "mit Abschluss bis zum 20. November",
                "avec clôture jusqu’au 20 novembre",
                "con cierre hasta el 20 de noviembre",
            ],
        ),
        (
            cond("close_date", "during", json!("2026-11")),
            [
                "closing in November",
                "mit Abschluss im November",
                "avec clôture en novembre",
                "con cierre en noviembre",
            ],
        ),
        (
            cond("close_date", "is_null", Value::Null),
            [
                "without a closing date",
                "ohne Abschlussdatum",
                "sans date de clôture",
                "sin fecha de cierre",
            ],
        ),
        (
            cond("close_date", "not_null", Value::Null),
            [
                "closing date given",
                "Abschlussdatum mit Angabe",
                "date de clôture : avec indication",
                "fecha de cierre: con dato",
            ],
        ),
        (
            cond("owner", "eq", json!("Lea Brandt")),
            [
                "with Lea Brandt",
                "bei Lea Brandt",
                "avec Lea Brandt comme responsable",
                "a cargo de Lea Brandt",
            ],
        ),
    ]
}

#[test]
fn a_condition_of_each_sort_stands_in_its_sentence() {
    let claims = [
        json!({ "say": "value", "of": "R1", "measures": ["count"] }),
        json!({ "say": "value", "of": "R1", "measures": ["count", { "sum": "amount" }] }),
        json!({ "say": "value", "of": "R1", "measures": [{ "most": "amount" }] }),
        json!({ "say": "rows", "of": "R1", "show": ["amount"] }),
        json!({ "say": "rows", "of": "R1", "order": { "by": "amount" }, "top": 1 }),
        json!({ "say": "rows", "of": "R1", "order": { "by": "amount", "first": "low" }, "top": 2 }),
        json!({ "say": "rows", "of": "R1", "group": "stage", "show": ["count"] }),
        json!({ "say": "which", "of": "R1", "meet": [{ "column": "amount", "op": "gt", "value": 60000 }] }),
        json!({ "say": "which", "of": "R1", "meet": [{ "column": "country", "op": "eq", "value": "DE" }] }),
        json!({ "say": "compare", "a": { "of": "R1" }, "b": { "of": "R1" }, "measure": "count", "how": "share" }),
        json!({ "say": "compare", "a": { "of": "R1" }, "b": { "of": "R1" }, "measure": { "sum": "amount" }, "how": "share" }),
        json!({ "say": "compare", "a": { "of": "R1" }, "b": { "of": "R1", "row": { "deal": "Rollout" } }, "measure": { "sum": "amount" }, "how": "difference" }),
    ];
    let mut wrong = Vec::new();
    let mut held = 0;
    for (cond, words) in conditions() {
        for claim in &claims {
            let mut bound = claim.clone();
            let set = match bound.get_mut("a") {
                Some(side) => side,
                None => &mut bound,
            };
            set["where"] = json!([cond]);
            for (language, words) in LANGUAGES.iter().zip(words) {
                let text = plain(&last_said(language, "deals", &[&bound]));
                if text.starts_with("refused: ") {
                    continue;
                }
                held += 1;
                // A row that the sentence names needs no word of how it was found, but a claim of one row by a condition does.
                if !text.to_lowercase().contains(&words.to_lowercase()) {
                    wrong.push(format!("{language} {bound}\n  {text}\n  lacks {words}"));
                }
                let without = last_said(language, "deals", &[claim]);
                if plain(&without) == text {
                    wrong.push(format!("{language} {bound}: as without it"));
                }
            }
        }
    }
    assert!(held > 500, "{held}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_part_of_a_claim_changes_its_text() {
    let claims = [
        (
            "deals",
            json!({ "say": "rows", "of": "R1", "where": [{ "column": "country", "op": "eq", "value": "DE" }], "order": { "by": "amount" }, "skip": 1, "top": 2, "show": ["stage", "owner"] }),
        ),
        (
            "deals",
            json!({ "say": "rows", "of": "R1", "order": { "by": "close_date", "first": "low" }, "top": 1, "show": ["stage"] }),
        ),
        (
            "deals",
            json!({ "say": "rows", "of": "R1", "group": { "column": "close_date", "unit": "month" }, "order": { "by": { "sum": "amount" } }, "top": 2, "show": ["count"] }),
        ),
        (
            "tied_deals",
            json!({ "say": "rows", "of": "R1", "order": { "by": "amount" }, "top": 1, "show": ["owner"] }),
        ),
        (
            "deals",
            json!({ "say": "value", "of": "R1", "where": [{ "column": "stage", "op": "eq", "value": "Offer" }], "order": { "by": "amount" }, "top": 2, "measures": ["count", { "sum": "amount" }] }),
        ),
        (
            "deals",
            json!({ "say": "value", "of": "R1", "where": [{ "column": "stage", "op": "eq", "value": "Offer" }], "row": { "deal": "Rollout" }, "measures": [{ "rank": { "by": "amount", "first": "low" } }] }),
        ),
        (
            "deals",
            json!({ "say": "which", "of": "R1", "where": [{ "column": "country", "op": "eq", "value": "DE" }], "order": { "by": "amount" }, "skip": 1, "top": 3, "meet": [{ "column": "stage", "op": "eq", "value": "Trial" }], "show": ["amount"] }),
        ),
        (
            "shop",
            json!({ "say": "trend", "of": "R1", "where": [{ "column": "month", "op": "lt", "value": "2026-10" }], "along": "month", "measure": { "sum": "revenue" } }),
        ),
        (
            "shop",
            json!({ "say": "compare", "a": { "of": "R1", "row": { "month": "2026-10" } }, "b": { "of": "R1", "row": { "month": "2026-09" } }, "measure": { "sum": "revenue" } }),
        ),
        (
            "deals",
            json!({ "say": "compare", "a": { "of": "R1", "where": [{ "column": "country", "op": "eq", "value": "AT" }], "order": { "by": "amount" }, "top": 1 }, "b": { "of": "R1", "where": [{ "column": "country", "op": "eq", "value": "DE" }] }, "measure": { "sum": "amount" }, "how": "difference" }),
        ),
    ];
    let parts = ["where", "order", "skip", "top", "group", "row", "show"];
    let mut wrong = Vec::new();
    let mut changed = 0;
    for (result, claim) in &claims {
        let mut without: Vec<Value> = Vec::new();
        for part in parts {
            if claim.get(part).is_some() {
                let mut less = claim.clone();
                less.as_object_mut().unwrap().remove(part);
                without.push(less);
            }
            for side in ["a", "b"] {
                if claim.get(side).is_some_and(|side| side.get(part).is_some()) {
                    let mut less = claim.clone();
                    less[side].as_object_mut().unwrap().remove(part);
                    without.push(less);
                }
            }
        }
        for language in LANGUAGES {
            let whole = last_said(language, result, &[claim]);
            assert!(!whole.starts_with("refused: "), "{whole} {claim}");
            for less in &without {
                changed += 1;
                if last_said(language, result, &[less]) == whole {
                    wrong.push(format!("{language} {whole}\n  is also the text of {less}"));
                }
            }
        }
    }
    assert!(changed > 100, "{changed}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_a_call_was_bounded_by_stands_in_its_sentence() {
    let claims = [
        json!({ "say": "value", "of": "R1", "measures": ["count"] }),
        json!({ "say": "rows", "of": "R1", "show": ["hours"] }),
        json!({ "say": "rows", "of": "R1", "order": { "by": "hours" }, "top": 1 }),
        json!({ "say": "which", "of": "R1", "meet": [{ "column": "due", "op": "is_null" }] }),
        json!({ "say": "quote", "of": "R1", "row": { "id": "T-1" }, "column": "text" }),
    ];
    let words = [
        ["region: North", "from 1 November to 23 November"],
        ["Region: North", "vom 1. November bis 23. November"],
        ["région : North", "du 1er novembre au 23 novembre"],
        ["región: North", "del 1 de noviembre al 23 de noviembre"],
    ];
    for claim in &claims {
        for (language, words) in LANGUAGES.iter().zip(words) {
            let text = plain(&last_said(language, "tickets", &[claim]));
            for words in words {
                assert!(text.contains(words), "{text} lacks {words}");
            }
        }
    }
}

/// The parts of a template that may stand for each other from language to language.
fn slots(template: &str) -> BTreeSet<&str> {
    let names = template.split('{').skip(1);
    names
        .filter_map(|rest| rest.split_once('}'))
        .flat_map(|(slot, _)| match slot {
            "among" | "Among" => vec!["N", "many"],
            "Noun" => vec!["noun"],
            "Met" => vec!["met"],
            "in0" => vec!["t0"],
            "in1" => vec!["t1"],
            "C" => vec!["c"],
            "one" => vec!["many"],
            slot => vec![slot],
        })
        .collect()
}

#[test]
fn all_languages_have_the_same_templates_with_the_same_slots() {
    let files = [
        include_str!("../say/words/en.toml"),
        include_str!("../say/words/de.toml"),
        include_str!("../say/words/fr.toml"),
        include_str!("../say/words/es.toml"),
    ];
    let [english, others @ ..] = files.map(|file| file.parse::<toml::Table>().unwrap());
    for (language, other) in LANGUAGES[1..].iter().zip(&others) {
        assert_eq!(other["months"].as_array().unwrap().len(), 12);
        for list in ["numbers", "ordinals"] {
            let count = |table: &toml::Table| table[list].as_array().unwrap().len();
            assert_eq!(count(other), count(&english), "{language} {list}");
        }
        let sections = english["t"].as_table().unwrap();
        let theirs = other["t"].as_table().unwrap();
        assert_eq!(keys(sections), keys(theirs), "{language}");
        for (section, templates) in sections {
            let (own, theirs) = (
                templates.as_table().unwrap(),
                theirs[section].as_table().unwrap(),
            );
            assert_eq!(keys(own), keys(theirs), "{language} {section}");
            for (name, template) in own {
                let (ours, template) = (
                    slots(template.as_str().unwrap()),
                    theirs[name].as_str().unwrap(),
                );
                assert!(!template.is_empty(), "{language} {section}.{name}");
                if !DIFFERENT.contains(&format!("{section}.{name}").as_str()) {
                    assert_eq!(ours, slots(template), "{language} {section}.{name}");
                }
            }
        }
    }
}

/// Where a language says the same by other slots: how many share a rank, how often in a row.
const DIFFERENT: [&str; 1] = ["rank.level"];

fn keys(table: &toml::Table) -> BTreeSet<&String> {
    table.keys().collect()
}
