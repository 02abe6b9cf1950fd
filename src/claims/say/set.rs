//! What a set owes to its sentence, made in one place. A sentence pays by saying a part; what is left is appended in brackets,
//! so that a poor sentence is ugly and never false.

use super::{Before, Voice};
use crate::{
    claim::{Comparison, End, Unit},
    computed::{CondSaid, Cut, Datum, OperandSaid, SetSaid, SourceSaid, SpanPart, Term},
    result::Whole,
};

/// A set's phrase under way.
pub(super) struct Debt {
    one: String,
    many: String,
    many_dative: Option<String>,
    /// Conditions with words of their own: "in Austria".
    modifiers: Vec<String>,
    /// What has none: "amount: over 100,000 EUR".
    brackets: Vec<String>,
    /// The key of the one row.
    picked: Vec<String>,
    order: Option<String>,
    cut: Option<String>,
    scope: Vec<String>,
    rest: Vec<String>,
    /// Rows before conditions, where there are any.
    pub of_total: Option<String>,
}

/// A condition, with words of its own or under its column's name.
pub(super) enum Worded {
    Modifier(String),
    Colon(String),
}

impl Worded {
    pub fn text(&self) -> &str {
        match self {
            Self::Modifier(text) | Self::Colon(text) => text,
        }
    }
}

impl Debt {
    /// The noun with its conditions; brackets stay to be paid.
    pub fn noun(&self, voice: &Voice, count: usize) -> String {
        let is_one = voice.language.is_one(count.into());
        let noun = if is_one { &self.one } else { &self.many };
        self.with_modifiers(voice, noun)
    }

    pub fn many(&self, voice: &Voice) -> String {
        self.with_modifiers(voice, &self.many)
    }

    /// "of the 8 open deals": all of them, as those that a part is taken of.
    pub fn among(&self, voice: &Voice, count: usize) -> String {
        let (key, many) = match &self.many_dative {
            Some(dative) => ("noun.among", dative),
            None => ("noun.among_undeclared", &self.many),
        };
        let slots = [
            ("N", voice.digits(count)),
            ("many", self.with_modifiers(voice, many)),
        ];
        let [(a, n), (b, many)] = &slots;
        voice
            .words()
            .fill(key, &[(a, n.as_str()), (b, many.as_str())])
    }

    fn with_modifiers(&self, voice: &Voice, noun: &str) -> String {
        if self.modifiers.is_empty() {
            return noun.to_owned();
        }
        let modifiers = self.modifiers.join(" ");
        voice.words().fill(
            "noun.modified",
            &[("noun", noun), ("modifiers", &modifiers)],
        )
    }

    /// The sentence says the noun with its conditions.
    pub fn pay_modifiers(&mut self) {
        self.modifiers.clear();
    }

    /// The sentence names the row, and so has no noun that would say its conditions.
    pub fn pay_picked(&mut self) {
        self.picked.clear();
        if !self.modifiers.is_empty() {
            let modifiers: Vec<String> = self.modifiers.drain(..).collect();
            self.brackets
                .insert(0, format!("{} {}", self.one, modifiers.join(" ")));
        }
    }

    /// The sentence says by what and from which end it is ordered.
    pub fn pay_order(&mut self) {
        self.order = None;
    }

    /// The sentence says where it is cut.
    pub fn pay_cut(&mut self) {
        self.cut = None;
    }

    /// The conditions without words of their own, for a noun that stands apart from its rest.
    pub fn rest_of_conditions(&mut self, voice: &Voice) -> String {
        let parts: Vec<String> = self.brackets.drain(..).collect();
        voice.bracketed(&parts)
    }

    /// All that is owed, conditions with words of their own too, part by part: for a sentence that has no noun.
    pub fn rest_with_modifiers(&mut self) -> Vec<String> {
        let mut parts: Vec<String> = Vec::new();
        if !self.modifiers.is_empty() {
            let many = self.many.clone();
            let modifiers: Vec<String> = self.modifiers.drain(..).collect();
            parts.push(format!("{many} {}", modifiers.join(" ")));
        }
        parts.append(&mut self.brackets);
        parts.append(&mut self.picked);
        parts.extend(self.cut.take());
        parts.extend(self.order.take());
        parts.append(&mut self.rest);
        parts.append(&mut self.scope);
        parts
    }

    /// What was not said, in brackets.
    pub fn rest(&mut self, voice: &Voice) -> String {
        let mut parts: Vec<String> = self.of_total.take().into_iter().collect();
        parts.append(&mut self.brackets);
        parts.append(&mut self.picked);
        parts.extend(self.cut.take());
        parts.extend(self.order.take());
        parts.append(&mut self.rest);
        parts.append(&mut self.scope);
        voice.bracketed(&parts)
    }
}

impl Voice {
    /// Parts in brackets behind a phrase; nothing where there are none.
    pub fn bracketed(&self, parts: &[String]) -> String {
        if parts.is_empty() {
            return String::new();
        }
        format!(" ({})", self.apart(parts))
    }

    /// Parts that stand beside each other without a word between them.
    pub fn apart(&self, parts: &[String]) -> String {
        parts.join(self.words().template("noun.apart"))
    }

    /// What a set owes.
    pub fn debt(&self, set: &SetSaid, before: &Before<'_>) -> Debt {
        self.debt_but(set, before, false)
    }

    /// What a set owes to a sentence that says its time.
    pub fn debt_but_time(&self, set: &SetSaid, before: &Before<'_>) -> Debt {
        self.debt_but(set, before, true)
    }

    fn debt_but(&self, set: &SetSaid, before: &Before<'_>, is_time_said: bool) -> Debt {
        let own = |kind: &str| {
            let word = |form: &str| self.word(&format!("noun.{kind}{form}"));
            (word("one"), word("many"), Some(word("many_dative")))
        };
        let (one, many, many_dative) = match (&set.group, self.noun_of(set)) {
            (Some(_), _) => own("group_"),
            (None, Some((one, many))) => (one, many, self.dative_of(set)),
            (None, None) => own(""),
        };
        let mut debt = Debt {
            one,
            many,
            many_dative,
            modifiers: Vec::new(),
            brackets: Vec::new(),
            picked: Vec::new(),
            order: None,
            cut: None,
            scope: Vec::new(),
            rest: Vec::new(),
            of_total: None,
        };
        self.own(set, &mut debt, is_time_said);
        let mut root = set;
        while let Some(base) = root.base.as_deref() {
            root = base;
        }
        let all = if set.group.is_some() {
            set.count
        } else {
            root.total
        };
        if all != set.count && all > 0 && matches!(set.whole, Whole::Whole) {
            debt.of_total = Some(
                self.words()
                    .fill("owes.of_total", &[("n", &self.digits(all))]),
            );
        }
        self.wholeness(set, &mut debt);
        if let Some(other) = &set.against {
            let title = self.title_with_scope(other);
            debt.rest
                .push(self.words().fill("owes.against", &[("title", &title)]));
            if set.without_partner > 0 {
                let (n, k) = (self.digits(set.without_partner), self.digits(other.rows));
                let slots = [("n", n.as_str()), ("title", &title), ("k", &k)];
                let key = match other.whole {
                    Whole::First { .. } => "owes.no_partner_first",
                    _ => "owes.no_partner",
                };
                debt.rest.push(self.words().fill(key, &slots));
            }
        }
        if !before.has_scope_of(set) {
            if self.noun_of(set).is_none() || set.group.is_some() {
                debt.scope.push(self.source_text(&set.source.title));
            }
            let is_said = is_time_said && set.span() == set.source.period;
            debt.scope.extend(self.scope(&set.source, !is_said));
        }
        debt
    }

    /// A set in one phrase, for a sentence about another.
    pub fn phrase(&self, set: &SetSaid, before: &Before<'_>) -> String {
        let mut debt = self.debt(set, before);
        debt.of_total = None;
        let noun = debt.many(self);
        format!("{noun}{}", debt.rest(self))
    }

    fn word(&self, key: &str) -> String {
        self.words().template(key).to_owned()
    }

    /// The conditions, picks, groups, orders and cuts of a set and of those that it leans on.
    fn own(&self, set: &SetSaid, debt: &mut Debt, is_time_said: bool) {
        if let Some(base) = &set.base {
            self.own(base, debt, false);
            debt.brackets.append(&mut debt.picked);
            // An order or a cut of an earlier set is not this one's to pay.
            debt.brackets.extend(debt.cut.take());
            debt.brackets.extend(debt.order.take());
        }
        let said = is_time_said.then(|| set.span_part()).flatten();
        for (at, cond) in set.conditions.iter().enumerate() {
            if said == Some(SpanPart::Condition(at)) {
                continue;
            }
            match self.condition(cond, set) {
                Worded::Modifier(text) if set.group.is_none() => debt.modifiers.push(text),
                worded => debt.brackets.push(worded.text().to_owned()),
            }
        }
        for (at, (column, datum)) in set.picked.iter().enumerate() {
            if said == Some(SpanPart::Picked(at)) {
                continue;
            }
            let v = self.datum(datum, Some(&column.words));
            let label = self.column(column);
            let slots = [("label", label.as_str()), ("v", v.as_str())];
            debt.picked.push(self.words().fill("owes.picked", &slots));
        }
        if let Some(except) = &set.except {
            let without = self.phrase(except, &Before(Some(set)));
            debt.brackets
                .push(self.words().fill("owes.except", &[("set", &without)]));
        }
        let is_new_group = set.base.as_ref().is_none_or(|base| base.group != set.group);
        if let (Some((column, unit)), true) = (&set.group, is_new_group) {
            let label = self.column(column);
            let unit = unit.map(|unit| self.word(unit_key(unit)));
            let key = if unit.is_some() {
                "owes.group_unit"
            } else {
                "owes.group"
            };
            let slots = [
                ("label", label.as_str()),
                ("unit", unit.as_deref().unwrap_or_default()),
            ];
            debt.brackets.push(self.words().fill(key, &slots));
        }
        for (term, count) in &set.unknown {
            debt.rest.push(self.unknown(term, *count, set));
        }
        if let Some(order) = &set.order {
            let label = self.term(&order.by, set);
            let key = match order.first {
                End::High => "owes.order_high",
                End::Low => "owes.order_low",
            };
            debt.order = Some(self.words().fill(key, &[("label", &label)]));
            if order.empty > 0 {
                debt.rest.push(self.unknown(&order.by, order.empty, set));
            }
        }
        if let Some(cut) = &set.cut {
            debt.cut = Some(self.cut(cut));
            if cut.level > 0 {
                let n = self.digits(cut.level);
                debt.rest
                    .push(self.words().fill("owes.level", &[("n", &n)]));
            }
        }
    }

    fn cut(&self, cut: &Cut) -> String {
        let key = match (cut.skip, cut.top) {
            (0, Some(1)) => "owes.top_one",
            (0, Some(_)) => "owes.top",
            (_, Some(1)) => "owes.skip_top_one",
            (_, Some(_)) => "owes.skip_top",
            (1, None) => "owes.skip_one",
            (_, None) => "owes.skip",
        };
        let top = cut.top.unwrap_or_default();
        let slots = [
            ("n", self.digits(top)),
            ("skip", self.digits(cut.skip)),
            ("from", self.digits(cut.skip + 1)),
            ("to", self.digits(cut.skip + top)),
        ];
        let slots = slots.each_ref().map(|(slot, text)| (*slot, text.as_str()));
        self.words().fill(key, &slots)
    }

    /// Rows of which nothing is known, because a cell is empty.
    pub fn unknown(&self, term: &Term, count: usize, set: &SetSaid) -> String {
        let n = self.digits(count);
        if let Some(phrase) = self.none_phrase(term) {
            return self
                .words()
                .fill("owes.unknown_with", &[("n", &n), ("phrase", phrase)]);
        }
        let label = self.term(term, set);
        self.words()
            .fill("owes.unknown", &[("n", &n), ("label", &label)])
    }

    /// The declared phrase of an empty cell.
    pub fn none_phrase<'t>(&self, term: &'t Term) -> Option<&'t str> {
        match term {
            Term::Column(column) => column
                .words
                .phrase(column.words.none.as_ref(), self.language),
            _ => None,
        }
    }

    fn wholeness(&self, set: &SetSaid, debt: &mut Debt) {
        let n = self.digits(set.source.rows);
        match &set.whole {
            Whole::Whole => {}
            Whole::First { by, .. } => {
                let label = self.column_named(set, by);
                debt.rest.push(
                    self.words()
                        .fill("owes.of_first", &[("n", &n), ("label", &label)]),
                );
            }
            Whole::Part => debt
                .rest
                .push(self.words().fill("owes.of_part", &[("n", &n)])),
        }
    }

    fn column_named(&self, set: &SetSaid, name: &str) -> String {
        let words = set
            .source
            .words
            .column
            .get(name)
            .cloned()
            .unwrap_or_default();
        let name = name.to_owned();
        self.column(&crate::computed::Column { name, words })
    }

    /// What the call was bounded by.
    fn scope(&self, source: &SourceSaid, with_period: bool) -> Vec<String> {
        let mut scope = Vec::new();
        if let (Some(span), true) = (&source.period, with_period) {
            scope.push(self.during(span));
        }
        for (name, datum) in &source.arguments {
            let words = source.words.argument.get(name);
            let label = words.and_then(|words| words.label(self.language));
            let label =
                label.map_or_else(|| self.source_text(&name.replace('_', " ")), str::to_owned);
            let v = self.datum(datum, None);
            let slots = [("label", label.as_str()), ("v", v.as_str())];
            scope.push(self.words().fill("owes.argument", &slots));
        }
        scope
    }

    fn title_with_scope(&self, source: &SourceSaid) -> String {
        let scope = self.scope(source, true);
        let title = self.source_text(&source.title);
        if scope.is_empty() {
            title
        } else {
            format!("{title}, {}", scope.join(", "))
        }
    }

    /// A condition in words.
    pub fn condition(&self, cond: &CondSaid, set: &SetSaid) -> Worded {
        if let Some(text) = self.declared(cond) {
            return Worded::Modifier(text);
        }
        let label = self.term(&cond.term, set);
        let v = self.operand(cond, set);
        let v = match cond.op {
            Comparison::IsNull => self.word("cond.is_null"),
            Comparison::NotNull => self.word("cond.not_null"),
            Comparison::During => v,
            Comparison::Eq | Comparison::In => self.words().fill("cond.eq", &[("v", &v)]),
            op => self
                .words()
                .fill(op_key(op, time_of(&cond.operand)), &[("v", &v)]),
        };
        let key = match cond.op {
            Comparison::Eq | Comparison::In => "cond.colon",
            _ => "cond.relation",
        };
        Worded::Colon(self.words().fill(key, &[("label", &label), ("v", &v)]))
    }

    /// The condition by its column's declared phrase, where that says all of it.
    fn declared(&self, cond: &CondSaid) -> Option<String> {
        let Term::Column(column) = &cond.term else {
            return None;
        };
        let words = &column.words;
        let phrase = |phrase| words.phrase(phrase, self.language);
        if cond.op == Comparison::IsNull {
            return phrase(words.none.as_ref()).map(str::to_owned);
        }
        if let (Comparison::Lt, OperandSaid::Today, Some(past)) =
            (cond.op, &cond.operand, phrase(words.past.as_ref()))
        {
            return Some(past.to_owned());
        }
        // A thing that is so or not: its name is its phrase.
        if let (Comparison::Eq, OperandSaid::One(Datum::Bool(value))) = (cond.op, &cond.operand)
            && let Some(name) = words.name(&value.to_string(), self.language)
        {
            return Some(name.to_owned());
        }
        let with = phrase(words.with.as_ref())?;
        let value = match (cond.op, &cond.operand) {
            (Comparison::Eq, OperandSaid::One(datum)) => self.with_day(datum, Some(words)),
            (Comparison::In, OperandSaid::Several(_)) => self.operand_plain(&cond.operand, words),
            (Comparison::During, OperandSaid::During(span)) => self.within(span),
            (op, OperandSaid::One(Datum::Day(_) | Datum::Instant(_)) | OperandSaid::Today)
                if !matches!(op, Comparison::Eq | Comparison::Ne) =>
            {
                let v = self.operand_plain(&cond.operand, words);
                self.words()
                    .fill(op_key(op, time_of(&cond.operand)), &[("v", &v)])
            }
            _ => return None,
        };
        Some(with.replacen("{}", &value, 1))
    }

    fn operand(&self, cond: &CondSaid, set: &SetSaid) -> String {
        match (&cond.operand, &cond.term) {
            (OperandSaid::Column(term), _) => self.term(term, set),
            (operand, Term::Column(column)) => self.operand_plain(operand, &column.words),
            (operand, _) => self.operand_plain(operand, &Default::default()),
        }
    }

    fn operand_plain(&self, operand: &OperandSaid, words: &crate::words::ColumnWords) -> String {
        match operand {
            OperandSaid::None | OperandSaid::Column(_) => String::new(),
            OperandSaid::One(datum) => self.datum(datum, Some(words)),
            OperandSaid::Several(data) => {
                let mut said: Vec<String> = data
                    .iter()
                    .map(|datum| self.datum(datum, Some(words)))
                    .collect();
                said.sort();
                self.listed(&said, "noun.or")
            }
            OperandSaid::Today => self.word("cond.today"),
            OperandSaid::During(span) => self.within(span),
        }
    }
}

/// How an operand names a time: languages put other words before "5 May" than before "October" or "today".
#[derive(Clone, Copy, PartialEq, Eq)]
enum Time {
    No,
    Day,
    Other,
}

fn time_of(operand: &OperandSaid) -> Time {
    match operand {
        OperandSaid::One(Datum::Day(_) | Datum::Instant(_)) => Time::Day,
        OperandSaid::Today | OperandSaid::One(Datum::Span(_)) => Time::Other,
        _ => Time::No,
    }
}

fn op_key(op: Comparison, time: Time) -> &'static str {
    match (op, time) {
        (Comparison::Lt, Time::Day) => "cond.lt_day",
        (Comparison::Le, Time::Day) => "cond.le_day",
        (Comparison::Gt, Time::Day) => "cond.gt_day",
        (Comparison::Ge, Time::Day) => "cond.ge_day",
        (Comparison::Lt, Time::Other) => "cond.lt_time",
        (Comparison::Le, Time::Other) => "cond.le_time",
        (Comparison::Gt, Time::Other) => "cond.gt_time",
        (Comparison::Ge, Time::Other) => "cond.ge_time",
        (Comparison::Lt, _) => "cond.lt",
        (Comparison::Le, _) => "cond.le",
        (Comparison::Gt, _) => "cond.gt",
        (Comparison::Ge, _) => "cond.ge",
        (Comparison::Ne, _) => "cond.ne",
        (Comparison::Contains, _) => "cond.contains",
        _ => "cond.eq",
    }
}

fn unit_key(unit: Unit) -> &'static str {
    match unit {
        Unit::Day => "owes.day",
        Unit::Week => "owes.week",
        Unit::Month => "owes.month",
        Unit::Quarter => "owes.quarter",
        Unit::Year => "owes.year",
    }
}
