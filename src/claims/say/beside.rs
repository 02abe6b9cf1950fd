//! What stands beside computed sentences: quotes, gaps, questions back, a model's own words under their mark.

use super::{Before, Voice};
use crate::{
    claim::Role,
    computed::{Assessment, Gap, Meant, Quote},
};

impl Voice {
    pub(super) fn quote(&self, quote: &Quote, before: &Before<'_>) -> String {
        let mut debt = self.debt(&quote.set, before);
        debt.of_total = None;
        debt.pay_picked();
        let rest = debt.rest(self);
        let mut by: Vec<String> = Vec::new();
        by.extend(quote.by.as_ref().map(|datum| self.datum(datum, None)));
        by.extend(quote.on.as_ref().map(|datum| self.datum(datum, None)));
        let by = if by.is_empty() {
            String::new()
        } else {
            format!(" ({})", by.join(", "))
        };
        let text = self.language.quoted(&self.cleared(&quote.text));
        let (row, label) = (self.row(&quote.row), self.column(&quote.column));
        let slots = [
            ("row", row.as_str()),
            ("label", &label),
            ("text", &text),
            ("by", &by),
            ("rest", &rest),
        ];
        self.words().fill("beside.quote", &slots)
    }

    pub(super) fn gap(&self, gap: &Gap) -> String {
        match gap {
            Gap::Failed { source, title } => {
                let (source, title) = (self.source_text(source), self.source_text(title));
                let source = self.capital(&source);
                self.words()
                    .fill("beside.failed", &[("source", &source), ("title", &title)])
            }
            Gap::Topic {
                words,
                titles,
                nearest,
            } => {
                let words = self.language.quoted(words);
                let nearest: Vec<String> = nearest
                    .iter()
                    .map(|title| self.source_text(title))
                    .collect();
                let key = if nearest.is_empty() {
                    "beside.topic"
                } else {
                    "beside.nearest"
                };
                let (n, titles) = (self.digits(*titles), nearest.join(", "));
                let slots = [("words", words.as_str()), ("n", &n), ("titles", &titles)];
                self.words().fill(key, &slots)
            }
        }
    }

    pub(super) fn ask(&self, meant: &[Meant]) -> String {
        let options: Vec<String> = meant
            .iter()
            .map(|meant| match meant {
                Meant::Title(title) => self.source_text(title),
                Meant::Row(name) => self.row(name),
            })
            .collect();
        let options = self.listed(&options, "noun.or");
        self.words().fill("beside.ask", &[("options", &options)])
    }

    pub(super) fn assessment(&self, assessment: &Assessment) -> String {
        let key = match assessment.role {
            Role::Suggestion => "beside.suggestion",
            Role::Guess => "beside.guess",
            Role::Caution => "beside.caution",
        };
        let text = self.cleared(&assessment.text);
        self.words().fill(key, &[("text", &text)])
    }
}
