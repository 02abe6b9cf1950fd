//! A line of `daybrief claims --json`: results and claims in, sentences and refusals out. So anyone can check claims over tables
//! of their own.

use std::{collections::BTreeMap, sync::Arc};

use ground::text::Language;
use jiff::{civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    Evaluator,
    claim::End,
    compute::Table,
    computed::Origin,
    refusal::Refusal,
    result::{Reader, Results, Source, Whole},
    say::{Said, Writer},
    words::{ColumnWords, DeclaredOrder, Noun, PeriodArguments, Words},
};

/// One line of input.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    #[serde(default)]
    id: Value,
    #[serde(default)]
    language: Language,
    /// The reader's day; without it that of the machine.
    #[serde(default)]
    today: Option<Date>,
    #[serde(default)]
    zone: Option<String>,
    #[serde(default)]
    question: String,
    /// The titles of all that may be asked.
    #[serde(default)]
    titles: Vec<String>,
    #[serde(default)]
    results: BTreeMap<String, Given>,
    #[serde(default)]
    claims: Vec<Value>,
}

/// A result of the line.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    #[serde(default)]
    title: String,
    #[serde(default = "yes")]
    whole: GivenWhole,
    /// Columns' names, or by language.
    #[serde(default)]
    labels: BTreeMap<String, Labels>,
    #[serde(default)]
    units: BTreeMap<String, String>,
    #[serde(default)]
    words: BTreeMap<Language, Noun>,
    #[serde(default)]
    key: Vec<String>,
    #[serde(default)]
    order: Option<DeclaredOrder>,
    #[serde(default)]
    cut: Option<String>,
    #[serde(default)]
    period: Option<PeriodArguments>,
    #[serde(default)]
    absent: Option<u8>,
    #[serde(default)]
    column: BTreeMap<String, ColumnWords>,
    #[serde(default)]
    argument: BTreeMap<String, crate::words::ArgumentWords>,
    /// What the call was made with.
    #[serde(default, alias = "args")]
    arguments: Map<String, Value>,
    /// The name of a source that did not answer.
    #[serde(default)]
    failed: Option<String>,
    #[serde(default)]
    rows: Value,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Labels {
    One(String),
    Each(BTreeMap<String, String>),
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum GivenWhole {
    All(bool),
    First {
        #[serde(rename = "first")]
        _first: Value,
        by: GivenOrder,
    },
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum GivenOrder {
    Column(String),
    Order(DeclaredOrder),
}

fn yes() -> GivenWhole {
    GivenWhole::All(true)
}

/// One line of output.
#[derive(Debug, Serialize)]
pub struct Answer {
    id: Value,
    said: Vec<Told>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Told {
    Said {
        #[serde(flatten)]
        said: Said,
        rows: Vec<String>,
    },
    Refused(Refusal),
}

impl Line {
    /// Computes and words the line's claims, on `today` where the line names no day.
    pub fn answer(self, today: Date) -> Result<Answer, String> {
        let zone = match &self.zone {
            Some(name) => ground::zones::get(name).map_err(|error| error.to_string())?,
            None => TimeZone::UTC,
        };
        let reader = Reader {
            language: self.language,
            today: self.today.unwrap_or(today),
            zone,
            question: self.question,
            blind: false,
        };
        let mut results = Results::default();
        results.titles = self.titles;
        for (handle, given) in self.results {
            let source = given
                .source(&handle, self.language)
                .map_err(|error| format!("{handle}: {error}"))?;
            results.insert(source);
        }
        let mut writer = Writer::new(&reader);
        let mut evaluator = Evaluator::new(results, reader);
        let said = self
            .claims
            .iter()
            .map(|claim| match evaluator.compute(claim) {
                Ok(computed) => Told::Said {
                    rows: computed.origins.iter().map(place).collect(),
                    said: writer.say(&computed),
                },
                Err(refusal) => Told::Refused(refusal),
            })
            .collect();
        Ok(Answer { id: self.id, said })
    }
}

/// `R1#3`: the row counted from 0; `R1` the result as a whole.
fn place(origin: &Origin) -> String {
    match origin.row {
        Some(row) => format!("{}#{row}", origin.result),
        None => origin.result.clone(),
    }
}

impl Given {
    fn source(self, handle: &str, language: Language) -> Result<Source, String> {
        let table = match (&self.rows, &self.failed) {
            (Value::Null, Some(_)) => Table::default(),
            (rows, _) => Table::from_value(rows, Some("")).map_err(|error| error.to_string())?,
        };
        let mut column = self.column;
        for (name, unit) in self.units {
            column.entry(name).or_default().unit = Some(unit);
        }
        for (name, labels) in self.labels {
            match labels {
                Labels::One(label) => column.entry(name).or_default().set_label(language, label),
                // By language, or by column within a language.
                Labels::Each(each) => {
                    let tag = |tag: &str| serde_json::from_value::<Language>(tag.into()).ok();
                    for (inner, label) in each {
                        match (tag(&name), tag(&inner)) {
                            (Some(language), None) => {
                                column.entry(inner).or_default().set_label(language, label);
                            }
                            (_, Some(language)) => {
                                column
                                    .entry(name.clone())
                                    .or_default()
                                    .set_label(language, label);
                            }
                            (None, None) => {
                                return Err(format!("`labels.{name}.{inner}` is no language"));
                            }
                        }
                    }
                }
            }
        }
        let whole = match self.whole {
            GivenWhole::All(true) => Whole::Whole,
            GivenWhole::All(false) => Whole::Part,
            GivenWhole::First { by, .. } => {
                let order = match by {
                    GivenOrder::Column(by) => DeclaredOrder {
                        by,
                        first: End::High,
                    },
                    GivenOrder::Order(order) => order,
                };
                Whole::First {
                    by: order.by,
                    first: order.first,
                }
            }
        };
        Ok(Source {
            handle: handle.to_owned(),
            title: if self.title.is_empty() {
                handle.to_owned()
            } else {
                self.title
            },
            table,
            whole,
            words: Arc::new(Words {
                words: self.words,
                key: self.key,
                order: self.order,
                cut: self.cut,
                period: self.period,
                absent: self.absent,
                column,
                argument: self.argument,
            }),
            arguments: self.arguments,
            failed: self.failed,
        })
    }
}
