//! What the owner of a query declares of its results: names, units, and what a column may be asked.

use std::collections::BTreeMap;

use ground::text::Language;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::claim::End;

/// The words and the nature of a result.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Words {
    /// What a row is called, by language.
    pub words: BTreeMap<Language, Noun>,
    /// The columns that tell a row from all others.
    pub key: Vec<String>,
    /// The order in which the source gives its rows.
    pub order: Option<DeclaredOrder>,
    /// The argument that limits the number of rows.
    pub cut: Option<String>,
    /// The arguments that bound the time of the rows.
    pub period: Option<PeriodArguments>,
    /// What a row that is missing in another result stands for; only 0 can be meant.
    pub absent: Option<u8>,
    pub column: BTreeMap<String, ColumnWords>,
    /// The other arguments of the call.
    pub argument: BTreeMap<String, ArgumentWords>,
}

/// What a row is called.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Noun {
    pub one: String,
    pub many: String,
    /// In a language with cases, behind "von": "offenen Deals".
    pub many_dative: Option<String>,
    /// How a row is named: `{deal} ({account})`.
    pub row: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeclaredOrder {
    pub by: String,
    #[serde(default)]
    pub first: End,
}

/// The arguments that bound the time of the rows: two names, the last day included, or with `before` for a last day that is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum PeriodArguments {
    Days([String; 2]),
    Before { from: String, before: String },
}

/// What a column is called and may be asked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ColumnWords {
    pub en: Option<String>,
    pub de: Option<String>,
    pub fr: Option<String>,
    pub es: Option<String>,
    /// `EUR`, `%`, `h`, `pieces`.
    pub unit: Option<String>,
    /// The column that holds each row's unit, such as its currency.
    pub unit_column: Option<String>,
    /// False for a rate, an average, a stock over time.
    pub adds: Option<bool>,
    /// The two columns that a rate is made of.
    pub of: Option<[String; 2]>,
    /// Which end is better; without it nothing is said to have improved.
    pub better: Option<End>,
    /// A row by its value: `with {}`, `closing {}`.
    pub with: Option<Phrase>,
    /// A row without a value: `without an owner`.
    pub none: Option<Phrase>,
    /// A row whose day is over: `past their closing date`.
    pub past: Option<Phrase>,
    /// A row that has more than its partner: `took longer`.
    pub more: Option<Phrase>,
    /// Names of values: `AT = "Austria"`.
    pub names: BTreeMap<String, Phrase>,
    /// The columns that hold who wrote this text, and when.
    pub by: Option<String>,
    pub on: Option<String>,
}

/// Words of a call's argument.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ArgumentWords {
    pub en: Option<String>,
    pub de: Option<String>,
    pub fr: Option<String>,
    pub es: Option<String>,
    /// The value that says nothing.
    pub default: Option<String>,
}

/// Words in one language or several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Phrase {
    Plain(String),
    Each(BTreeMap<Language, String>),
}

impl ColumnWords {
    /// The column's name in a language.
    pub fn label(&self, language: Language) -> Option<&str> {
        by_language([&self.en, &self.de, &self.fr, &self.es], language)
    }

    /// The name in a language becomes this one.
    pub fn set_label(&mut self, language: Language, label: String) {
        let place = match language {
            Language::English => &mut self.en,
            Language::German => &mut self.de,
            Language::French => &mut self.fr,
            Language::Spanish => &mut self.es,
        };
        *place = Some(label);
    }

    /// A phrase in a language. A plain one is in the only language that the column has a name in, else in English.
    pub fn phrase<'p>(&self, phrase: Option<&'p Phrase>, language: Language) -> Option<&'p str> {
        match phrase? {
            Phrase::Each(each) => each.get(&language).map(String::as_str),
            Phrase::Plain(text) => (self.own_language() == language).then_some(text),
        }
    }

    /// The name of a value; a plain one serves all languages.
    pub fn name(&self, value: &str, language: Language) -> Option<&str> {
        match self.names.get(value)? {
            Phrase::Each(each) => each
                .get(&language)
                .or_else(|| each.get(&Language::English))
                .map(String::as_str),
            Phrase::Plain(text) => Some(text),
        }
    }

    fn own_language(&self) -> Language {
        let all = [
            (Language::English, self.en.is_some()),
            (Language::German, self.de.is_some()),
            (Language::French, self.fr.is_some()),
            (Language::Spanish, self.es.is_some()),
        ];
        let mut named = all.into_iter().filter(|(_, is_named)| *is_named);
        match (named.next(), named.next()) {
            (Some((language, _)), None) => language,
            _ => Language::English,
        }
    }
}

impl ArgumentWords {
    /// The argument's name in a language.
    pub fn label(&self, language: Language) -> Option<&str> {
        by_language([&self.en, &self.de, &self.fr, &self.es], language)
    }
}

fn by_language(labels: [&Option<String>; 4], language: Language) -> Option<&str> {
    labels
        .get(language as usize)
        .and_then(|label| label.as_deref())
}
