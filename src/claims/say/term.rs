//! Names of columns, made columns and measures; values of cells; names of rows.

use ground::text::{Language, shorten, visible};

use super::{Voice, lexicon::fill};
use crate::{
    computed::{Column, Datum, MeasureTerm, Operation, Operator, Quantity, RowName, SetSaid, Term},
    words::ColumnWords,
};

/// Characters of a source's text that stand without quotation marks, and of one within them.
const MAX_PLAIN: usize = 60;
/// Characters of a column's name.
const MAX_LABEL: usize = 40;

impl Voice {
    /// The name of a column: as declared, else its own words.
    pub fn column(&self, column: &Column) -> String {
        match column.words.label(self.language) {
            Some(label) => label.to_owned(),
            None => {
                let own = column.name.rsplit('.').next().unwrap_or(&column.name);
                self.source_text(&shorten(&own.replace('_', " "), MAX_LABEL))
            }
        }
    }

    pub fn term(&self, term: &Term, set: &SetSaid) -> String {
        let made =
            |key: &str, column: &Column| self.words().fill(key, &[("a", &self.column(column))]);
        match term {
            Term::Column(column)
                if column.name == "today" && column.words == ColumnWords::default() =>
            {
                self.words().template("term.today").to_owned()
            }
            Term::Column(column) => self.column(column),
            Term::Change(column) => made("term.change", column),
            Term::Growth(column) => made("term.growth", column),
            Term::Then(column) => made("term.then", column),
            Term::Made(operator, pair) => {
                let [a, b] = &**pair;
                let (a, b) = (self.term(a, set), self.term(b, set));
                let key = match operator {
                    Operator::Per => "term.per",
                    Operator::Percent => "term.percent",
                    Operator::Less => "term.less",
                    Operator::Plus => "term.plus",
                    Operator::Times => "term.times",
                    Operator::Days => "term.days",
                };
                self.words().fill(key, &[("a", &a), ("b", &b)])
            }
            Term::Measure(measure) => self.measure(measure, set),
        }
    }

    pub fn measure(&self, measure: &MeasureTerm, set: &SetSaid) -> String {
        let key = match measure.operation {
            Operation::Count if self.noun_of(set).is_none() => "term.count_rows",
            Operation::Count => "term.count",
            Operation::Sum => "term.sum",
            Operation::Avg => "term.avg",
            Operation::Median => "term.median",
            Operation::Least => "term.least",
            Operation::Most => "term.most",
            Operation::Value => "term.value",
            Operation::Distinct => "term.distinct",
            Operation::Rank => "term.rank",
        };
        let of = measure.of.as_ref().map(|term| self.term(term, set));
        let many = self.noun_of(set).map(|(_, many)| many).unwrap_or_default();
        let slots = [("a", of.as_deref().unwrap_or_default()), ("many", &many)];
        self.words().fill(key, &slots)
    }

    /// What a row is called in this language: one, several.
    pub fn noun_of(&self, set: &SetSaid) -> Option<(String, String)> {
        let noun = set.source.words.words.get(&self.language)?;
        Some((noun.one.clone(), noun.many.clone()))
    }

    /// What several rows are called behind "of", in a language with cases only where it is declared.
    pub fn dative_of(&self, set: &SetSaid) -> Option<String> {
        let noun = set.source.words.words.get(&self.language)?;
        match self.language {
            // The dative of a plural that ends with -n or -s is the plural itself (Duden); an adjective before it would change.
            Language::German => noun.many_dative.clone().or_else(|| {
                let is_same = !noun.many.contains(' ') && noun.many.ends_with(['n', 's']);
                is_same.then(|| noun.many.clone())
            }),
            Language::English | Language::French | Language::Spanish => Some(noun.many.clone()),
        }
    }

    /// A value as it stands in a phrase such as "closing {}": a day as an adverb.
    pub fn with_day(&self, datum: &Datum, words: Option<&ColumnWords>) -> String {
        match datum {
            Datum::Day(date) => self.on_date(*date),
            datum => self.datum(datum, words),
        }
    }

    /// A value of a cell.
    pub fn datum(&self, datum: &Datum, words: Option<&ColumnWords>) -> String {
        match datum {
            Datum::Nothing => self.words().template("unit.nothing").to_owned(),
            Datum::Bool(value) => {
                let key = if *value { "unit.yes" } else { "unit.no" };
                let name = words.and_then(|words| words.name(&value.to_string(), self.language));
                name.map_or_else(|| self.words().template(key).to_owned(), str::to_owned)
            }
            Datum::Number(quantity) => self.quantity(quantity, 0).text,
            Datum::Day(date) => self.date(*date),
            Datum::Instant(instant) => self.instant(*instant),
            Datum::Span(span) => self.span(span),
            Datum::Text(text) => {
                let name = words.and_then(|words| words.name(text, self.language));
                name.map_or_else(|| self.source_text(text), str::to_owned)
            }
            Datum::Foreign(text) => {
                let name = words.and_then(|words| words.name(text, self.language));
                name.map_or_else(
                    || self.language.quoted(&self.cleared(&visible(text))),
                    str::to_owned,
                )
            }
        }
    }

    pub fn datum_of(&self, datum: &Datum, term: &Term) -> String {
        self.datum(datum, words_of(term))
    }

    /// A text of a source: as it stands where it is a name, in quotation marks and cut where it could be read as a sentence.
    pub fn source_text(&self, text: &str) -> String {
        let text = self.cleared(visible(text).trim());
        let text = text.trim();
        let ends = |c: char| matches!(c, '.' | '!' | '?' | ';' | ':');
        let mut chars = text.chars().peekable();
        let mut is_sentence = text.ends_with(['!', '?', ':', ';']);
        while let Some(c) = chars.next() {
            is_sentence |= ends(c) && chars.peek().is_some_and(|next| next.is_whitespace());
        }
        let holds_marks = text.contains(['"', '“', '”', '„', '«', '»']);
        if text.chars().count() > MAX_PLAIN || is_sentence || holds_marks {
            return self.language.quoted(&shorten(text, MAX_PLAIN));
        }
        if text.is_empty() {
            return self.words().template("unit.row_unknown").to_owned();
        }
        text.to_owned()
    }

    /// How a row is called.
    pub fn row(&self, name: &RowName) -> String {
        let template = name
            .words
            .words
            .get(&self.language)
            .or_else(|| name.words.words.values().next())
            .and_then(|noun| noun.row.as_deref());
        if let Some(template) = template {
            let cells: Vec<(&str, String)> = name
                .cells
                .iter()
                .map(|(column, datum)| {
                    (column.name.as_str(), self.datum(datum, Some(&column.words)))
                })
                .collect();
            let slots: Vec<(&str, &str)> = cells
                .iter()
                .map(|(name, text)| (*name, text.as_str()))
                .collect();
            let said = fill(template, &slots);
            if !said.trim().is_empty() {
                return said;
            }
        }
        let said: Vec<String> = name
            .key
            .iter()
            .map(|(column, datum)| match datum {
                Datum::Nothing | Datum::Number(_) | Datum::Bool(_) => self.words().fill(
                    "cond.colon",
                    &[
                        ("label", &self.column(column)),
                        ("v", &self.datum(datum, Some(&column.words))),
                    ],
                ),
                datum => {
                    let value = self.datum(datum, Some(&column.words));
                    let kind = column.kind_of_row();
                    match kind.filter(|_| column.words.label(self.language).is_none()) {
                        Some(kind) => format!("{} {value}", self.capital(&self.source_text(&kind))),
                        None => value,
                    }
                }
            })
            .collect();
        if said.is_empty() {
            return self.words().template("unit.row_unknown").to_owned();
        }
        said.join(", ")
    }

    /// Names in a row: "A, B and C".
    pub fn listed(&self, names: &[String], key: &str) -> String {
        match names {
            [] => String::new(),
            [one] => one.clone(),
            [init @ .., last] => {
                let mut word = self.words().template(key).to_owned();
                if self.language == Language::Spanish {
                    word = before_vowel(&word, last);
                }
                format!("{}{word}{last}", init.join(", "))
            }
        }
    }

    /// One shown value of a row: by its declared phrase, else under its name.
    pub fn detail(&self, term: &Term, datum: &Datum, set: &SetSaid) -> String {
        if let Term::Column(column) = term {
            let words = &column.words;
            if *datum == Datum::Nothing
                && let Some(phrase) = words.phrase(words.none.as_ref(), self.language)
            {
                return phrase.to_owned();
            }
            if *datum != Datum::Nothing
                && let Some(phrase) = words.phrase(words.with.as_ref(), self.language)
            {
                let value = match datum {
                    Datum::Day(date) => self.near_date_after(*date, &self.on_date(*date)),
                    datum => self.datum(datum, Some(words)),
                };
                return phrase.replacen("{}", &value, 1);
            }
        }
        if let (Term::Measure(measure), Datum::Number(quantity)) = (term, datum)
            && let (Operation::Count, None, Some((one, many))) =
                (measure.operation, measure.pace, self.noun_of(set))
        {
            let n = self.quantity(quantity, 0);
            let noun = if self.is_one(&n.value) { one } else { many };
            let slots = [("n", n.text.as_str()), ("noun", &noun)];
            return self.words().fill("rows.counted", &slots);
        }
        let slots = [
            ("label", self.term(term, set)),
            ("v", self.near(datum, words_of(term))),
        ];
        let [(a, label), (b, v)] = &slots;
        self.words()
            .fill("rows.detail", &[(a, label.as_str()), (b, v.as_str())])
    }

    /// A value as [`Self::datum`] has it, a day with its distance.
    pub fn near(&self, datum: &Datum, words: Option<&ColumnWords>) -> String {
        match datum {
            Datum::Day(date) => self.near_date(*date),
            datum => self.datum(datum, words),
        }
    }

    /// A number of the datum, if it is one.
    pub fn number_of<'d>(&self, datum: &'d Datum) -> Option<&'d Quantity> {
        match datum {
            Datum::Number(quantity) => Some(quantity),
            _ => None,
        }
    }
}

/// Spanish "y" before the sound of i is "e", "o" before that of o is "u" (Ortografía de la lengua española).
fn before_vowel(word: &str, next: &str) -> String {
    let next = next.to_lowercase();
    let sound = next.strip_prefix('h').unwrap_or(&next);
    let glides = ["ia", "ie", "io", "iu"]
        .iter()
        .any(|glide| sound.starts_with(glide));
    match word.trim() {
        "y" if sound.starts_with(['i', 'í']) && !glides => " e ".to_owned(),
        "o" if sound.starts_with(['o', 'ó']) || next.starts_with('8') => " u ".to_owned(),
        _ => word.to_owned(),
    }
}

fn words_of(term: &Term) -> Option<&ColumnWords> {
    match term {
        Term::Column(column) | Term::Then(column) => Some(&column.words),
        Term::Measure(measure) => measure.of.as_ref().and_then(words_of),
        _ => None,
    }
}
