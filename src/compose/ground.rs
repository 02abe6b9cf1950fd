//! Grounding: what of a model's sentences may stand. Not by pleading but by restriction: a sentence is kept only if it is
//! made of the finding's own words and handles, framed as in the finding's own sentences, joined by words that say
//! nothing by themselves. So no figure, date, name, key or link can be written that is not in the evidence, and the
//! usual ways of turning a true sentence around (another subject, a dropped "not", a swapped unit) are struck too.
//!
//! Linear in the length of the text.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::finding::{Fact, Finding, Wording, WordingPart};

/// Words that join and say nothing by themselves.
pub(super) const JOINING: [&str; 43] = [
    "the",
    "a",
    "an",
    "and",
    "of",
    "for",
    "in",
    "on",
    "at",
    "to",
    "from",
    "with",
    "is",
    "are",
    "was",
    "were",
    "has",
    "have",
    "had",
    "it",
    "its",
    "this",
    "that",
    "these",
    "those",
    "there",
    "which",
    "who",
    "also",
    "both",
    "needs",
    "need",
    "please",
    "look",
    "risk",
    "item",
    "attention",
    "here",
    "now",
    "next",
    "step",
    "so",
    "as",
];

/// Joining words that may stand in each other's place before or after a handle.
const NEUTRAL: [&str; 20] = [
    "the", "a", "an", "and", "of", "for", "in", "on", "at", "to", "from", "with", "is", "are",
    "was", "has", "have", "its", "that", "which",
];

/// Words that turn around what stands near them.
const NEGATIONS: [&str; 24] = [
    "not", "no", "never", "none", "nobody", "nothing", "without", "cannot", "neither", "nor",
    "hardly", "isn", "aren", "wasn", "hasn", "haven", "doesn", "don", "didn", "nicht", "kein",
    "keine", "pas", "sin",
];
/// So many of the words and handles that follow one may follow it in a sentence: what lies between may be left out.
const PAIR_REACH: usize = 3;
/// A negation reaches so many words.
const NEGATION_REACH: usize = 2;

/// Words that say a number.
const NUMBERS: [&str; 62] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "twenty",
    "thirty",
    "forty",
    "fifty",
    "hundred",
    "hundreds",
    "thousand",
    "thousands",
    "million",
    "millions",
    "billion",
    "dozen",
    "dozens",
    "half",
    "third",
    "quarter",
    "double",
    "twice",
    "thrice",
    "triple",
    "couple",
    "several",
    "percent",
    "first",
    "second",
    "once",
    "single",
    "zwei",
    "drei",
    "vier",
    "fünf",
    "sechs",
    "sieben",
    "acht",
    "neun",
    "zehn",
    "hundert",
    "tausend",
    "deux",
    "trois",
    "quatre",
    "cinq",
    "dix",
    "cent",
    "dos",
    "tres",
    "cuatro",
    "cinco",
];

/// A longer text is not looked at.
const LONGEST_CHARACTERS: usize = 2_000;

/// Why a sentence was struck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    TooLong,
    Markup,
    Figure,
    UnknownHandle,
    ForeignHandle,
    RepeatedHandle,
    Frame,
    Order,
    Word,
    Negation,
    Empty,
}

impl Refusal {
    /// In words, for the report. Quotes nothing of what was written.
    pub fn reason(self) -> &'static str {
        match self {
            Self::TooLong => "longer than may stand there",
            Self::Markup => "a link, markup or hidden character",
            Self::Figure => "a number that no fact holds",
            Self::UnknownHandle => "a handle that names no fact",
            Self::ForeignHandle => "a fact of another finding",
            Self::RepeatedHandle => "the same fact twice",
            Self::Frame => "a fact in words that the evidence does not put around it",
            Self::Order => "facts in another relation than in the evidence",
            Self::Word => "a word that the evidence does not hold",
            Self::Negation => "turns around what the evidence says",
            Self::Empty => "says nothing",
        }
    }
}

/// A piece of a text: a word in lower case, a handle, or a mark that parts clauses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Token {
    Word(String),
    Handle { item: String, fact: String },
    Mark,
}

/// What a sentence is held against: one finding, or several of one cause.
pub(super) struct Evidence<'a> {
    /// Item's id (`F1`) → its finding.
    findings: Vec<(&'a str, &'a Finding)>,
    words: BTreeSet<String>,
    /// Words that stand near a negation wherever they stand.
    negated: BTreeSet<String>,
    /// Words that stand somewhere away from every negation.
    plain: BTreeSet<String>,
    /// (item, fact) → what stands before and after it.
    frames: BTreeMap<(String, String), (BTreeSet<Side>, BTreeSet<Side>)>,
    /// What follows what, closely, in an own sentence: words and handles that say something.
    pairs: BTreeSet<(Token, Token)>,
}

/// What stands beside a handle.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    /// A joining word, a mark or the end of the text.
    Neutral,
    Word(String),
    Handle,
}

impl<'a> Evidence<'a> {
    pub fn new(findings: Vec<(&'a str, &'a Finding)>) -> Self {
        let mut evidence = Self {
            findings: findings.clone(),
            words: BTreeSet::new(),
            negated: BTreeSet::new(),
            plain: BTreeSet::new(),
            frames: BTreeMap::new(),
            pairs: BTreeSet::new(),
        };
        for (id, finding) in findings {
            for own in [&finding.headline, &finding.body, &finding.next] {
                evidence.learn(&own_tokens(id, own));
            }
        }
        evidence
    }

    fn learn(&mut self, tokens: &[Token]) {
        for (at, token) in tokens.iter().enumerate() {
            match token {
                Token::Word(word) => {
                    self.words.insert(word.clone());
                    if near_negation(tokens, at) {
                        self.negated.insert(word.clone());
                    } else {
                        self.plain.insert(word.clone());
                    }
                }
                Token::Handle { item, fact } => {
                    let frame = self.frames.entry((item.clone(), fact.clone())).or_default();
                    frame.0.insert(side(before(tokens, at)));
                    frame.1.insert(side(tokens.get(at + 1)));
                }
                Token::Mark => {}
            }
        }
        let telling: Vec<&Token> = tokens.iter().filter(|token| tells(token)).collect();
        for (at, first) in telling.iter().enumerate() {
            for second in telling.iter().skip(at + 1).take(PAIR_REACH) {
                self.pairs.insert(((*first).clone(), (*second).clone()));
            }
        }
    }

    fn fact(&self, item: &str, fact: &str) -> Option<&Fact> {
        let (_, finding) = self.findings.iter().find(|(id, _)| *id == item)?;
        finding.facts.get(fact)
    }

    /// Checks one sentence; its parts, the facts under their item's id, where it may stand.
    pub fn check(&self, text: &str) -> Result<Vec<(Option<String>, WordingPart)>, Refusal> {
        let tokens = tokens(text)?;
        if tokens.iter().all(|token| *token == Token::Mark) {
            return Err(Refusal::Empty);
        }
        let handles = handles(&tokens);
        for (at, (item, fact)) in handles.iter().enumerate() {
            if !self.findings.iter().any(|(id, _)| id == item) {
                return Err(Refusal::ForeignHandle);
            }
            if self.fact(item, fact).is_none()
                || !self.frames.contains_key(&(item.clone(), fact.clone()))
            {
                return Err(Refusal::UnknownHandle);
            }
            if handles
                .get(..at)
                .is_some_and(|before| before.contains(&(item.clone(), fact.clone())))
            {
                return Err(Refusal::RepeatedHandle);
            }
        }
        for (at, token) in tokens.iter().enumerate() {
            match token {
                Token::Word(word) => self.word(word, &tokens, at)?,
                Token::Handle { item, fact } => self.frame(item, fact, &tokens, at)?,
                Token::Mark => {}
            }
        }
        self.chain(&tokens)?;
        Ok(parts(text))
    }

    fn word(&self, word: &str, tokens: &[Token], at: usize) -> Result<(), Refusal> {
        let own = self.words.contains(word);
        if NUMBERS.contains(&word) && !own {
            return Err(Refusal::Figure);
        }
        if !own && !JOINING.contains(&word) {
            return Err(Refusal::Word);
        }
        let near = near_negation(tokens, at);
        let may = if near {
            self.negated.contains(word) || JOINING.contains(&word)
        } else {
            self.plain.contains(word) || JOINING.contains(&word)
        };
        if own && !may {
            return Err(Refusal::Negation);
        }
        Ok(())
    }

    fn frame(&self, item: &str, fact: &str, tokens: &[Token], at: usize) -> Result<(), Refusal> {
        let Some((left, right)) = self.frames.get(&(item.to_owned(), fact.to_owned())) else {
            return Err(Refusal::UnknownHandle);
        };
        if left.contains(&side(before(tokens, at))) && right.contains(&side(tokens.get(at + 1))) {
            Ok(())
        } else {
            Err(Refusal::Frame)
        }
    }

    /// In each clause, what tells something follows what it follows in the evidence. A word alone between two marks tells
    /// nothing that could be compared.
    fn chain(&self, tokens: &[Token]) -> Result<(), Refusal> {
        for clause in tokens.split(|token| *token == Token::Mark) {
            let telling: Vec<&Token> = clause.iter().filter(|token| tells(token)).collect();
            if let [Token::Word(_)] = telling.as_slice() {
                return Err(Refusal::Order);
            }
            for pair in telling.windows(2) {
                if let [first, second] = pair
                    && !self.pairs.contains(&((*first).clone(), (*second).clone()))
                {
                    return Err(Refusal::Order);
                }
            }
        }
        Ok(())
    }
}

/// Does it say something by itself?
fn tells(token: &Token) -> bool {
    match token {
        Token::Word(word) => {
            !JOINING.contains(&word.as_str()) && !NEGATIONS.contains(&word.as_str())
        }
        Token::Handle { .. } => true,
        Token::Mark => false,
    }
}

fn before(tokens: &[Token], at: usize) -> Option<&Token> {
    at.checked_sub(1).and_then(|at| tokens.get(at))
}

fn side(token: Option<&Token>) -> Side {
    match token {
        None | Some(Token::Mark) => Side::Neutral,
        Some(Token::Word(word)) if NEUTRAL.contains(&word.as_str()) => Side::Neutral,
        Some(Token::Word(word)) => Side::Word(word.clone()),
        Some(Token::Handle { .. }) => Side::Handle,
    }
}

/// Does a negation stand within its reach before this token?
fn near_negation(tokens: &[Token], at: usize) -> bool {
    tokens
        .iter()
        .take(at)
        .rev()
        .take(NEGATION_REACH)
        .take_while(|token| **token != Token::Mark)
        .any(|token| matches!(token, Token::Word(word) if NEGATIONS.contains(&word.as_str())))
}

fn handles(tokens: &[Token]) -> Vec<(String, String)> {
    tokens
        .iter()
        .filter_map(|token| match token {
            Token::Handle { item, fact } => Some((item.clone(), fact.clone())),
            _ => None,
        })
        .collect()
}

/// The tokens of a finding's own sentence.
fn own_tokens(id: &str, wording: &Wording) -> Vec<Token> {
    let mut tokens = Vec::new();
    for part in &wording.0 {
        match part {
            WordingPart::Fact(fact) => tokens.push(Token::Handle {
                item: id.to_owned(),
                fact: fact.clone(),
            }),
            WordingPart::Words(words) => words_of(words, &mut tokens),
        }
    }
    tokens
}

/// Words and marks of text without handles. Only what parts clauses is a mark.
fn words_of(text: &str, tokens: &mut Vec<Token>) {
    let mut word = String::new();
    for c in text.chars().chain([' ']) {
        if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
            continue;
        }
        if !word.is_empty() {
            tokens.push(Token::Word(std::mem::take(&mut word)));
        }
        if matches!(c, ',' | ';' | ':' | '.' | '!' | '?' | '(' | ')' | '–' | '—') {
            tokens.push(Token::Mark);
        }
    }
}

/// The tokens of a model's sentence, or why it holds what no sentence may hold.
fn tokens(text: &str) -> Result<Vec<Token>, Refusal> {
    if text.chars().count() > LONGEST_CHARACTERS {
        return Err(Refusal::TooLong);
    }
    if crate::text::visible(text) != text {
        return Err(Refusal::Markup);
    }
    let mut tokens = Vec::new();
    let mut before = Beside::Nothing;
    for piece in pieces(text) {
        match piece {
            Piece::Handle(item, fact) => {
                if !before.may_precede() {
                    return Err(Refusal::Frame);
                }
                before = Beside::Handle;
                tokens.push(Token::Handle {
                    item: item.to_owned(),
                    fact: fact.to_owned(),
                });
            }
            Piece::Words(words) => {
                plain(words)?;
                if before == Beside::Handle && !may_follow(words) {
                    return Err(Refusal::Frame);
                }
                before = words.chars().last().map_or(before, Beside::Character);
                words_of(words, &mut tokens);
            }
        }
    }
    Ok(tokens)
}

/// What stands right before a piece of text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Beside {
    Nothing,
    Character(char),
    Handle,
}

impl Beside {
    /// May a value stand right after it? A letter, a sign or a point there would make another value of it.
    fn may_precede(self) -> bool {
        match self {
            Self::Nothing => true,
            Self::Character(c) => matches!(c, ' ' | '(' | '"' | '“'),
            Self::Handle => false,
        }
    }
}

/// May these words stand right after a value? The `s` of a name may, what would make another value of it may not.
fn may_follow(words: &str) -> bool {
    let mut chars = words.chars();
    match (chars.next(), chars.next()) {
        (None, _) => true,
        (Some('\'' | '’'), Some('s')) => !chars.next().is_some_and(char::is_alphanumeric),
        (Some(' ' | ')' | '"' | '”'), _) => true,
        (Some(',' | ';' | ':' | '.' | '!' | '?'), next) => {
            next.is_none_or(|c| matches!(c, ' ' | '"' | '”'))
        }
        _ => false,
    }
}

/// Refuses figures and whatever is more than words and their punctuation.
fn plain(words: &str) -> Result<(), Refusal> {
    let mut before = ' ';
    for c in words.chars() {
        if c.is_numeric() {
            return Err(Refusal::Figure);
        }
        let allowed = c.is_alphabetic()
            || matches!(
                c,
                ' ' | ','
                    | ';'
                    | ':'
                    | '.'
                    | '!'
                    | '?'
                    | '\''
                    | '’'
                    | '-'
                    | '–'
                    | '—'
                    | '('
                    | ')'
                    | '"'
                    | '“'
                    | '”'
                    | '%'
            ) && !(c == ':' && before == '/');
        if c == '%' {
            return Err(Refusal::Figure);
        }
        // A full stop within a word is an address.
        if !allowed || (before == '.' && c.is_alphabetic()) {
            return Err(Refusal::Markup);
        }
        before = c;
    }
    Ok(())
}

enum Piece<'a> {
    Words(&'a str),
    Handle(&'a str, &'a str),
}

/// Splits a text into words and handles (`{F1.customer}`); a brace that begins no handle stays in the words, where it is
/// refused.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        let (words, from) = rest.split_at(open);
        let name = |text: &str| {
            !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        let handle = from.find('}').and_then(|close| {
            let (item, fact) = from.get(1..close)?.trim().split_once('.')?;
            (name(item) && name(fact)).then_some((item, fact, close))
        });
        match handle {
            Some((item, fact, close)) => {
                if !words.is_empty() {
                    pieces.push(Piece::Words(words));
                }
                pieces.push(Piece::Handle(item, fact));
                rest = from.get(close + 1..).unwrap_or_default();
            }
            None => {
                pieces.push(Piece::Words(rest));
                return pieces;
            }
        }
    }
    if !rest.is_empty() {
        pieces.push(Piece::Words(rest));
    }
    pieces
}

/// The parts of a sentence that was checked.
fn parts(text: &str) -> Vec<(Option<String>, WordingPart)> {
    pieces(text)
        .into_iter()
        .map(|piece| match piece {
            Piece::Words(words) => (None, WordingPart::Words(words.to_owned())),
            Piece::Handle(item, fact) => {
                (Some(item.to_owned()), WordingPart::Fact(fact.to_owned()))
            }
        })
        .collect()
}

/// The sentences of a text, each without its full stop. A full stop within a handle ends nothing.
pub(super) fn sentences(text: &str) -> Vec<&str> {
    let (mut found, mut from, mut inside) = (Vec::new(), 0, false);
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '{' => inside = true,
            '}' => inside = false,
            '.' | '!' | '?' if !inside => {
                let ends = chars.peek().is_none_or(|(_, next)| next.is_whitespace());
                if ends {
                    found.push(text.get(from..at).unwrap_or_default().trim());
                    from = at + c.len_utf8();
                }
            }
            _ => {}
        }
    }
    found.push(text.get(from..).unwrap_or_default().trim());
    found.retain(|sentence| !sentence.is_empty());
    found
}

/// The items whose handles a sentence uses, each once.
pub(super) fn items_of(text: &str) -> BTreeSet<&str> {
    pieces(text)
        .into_iter()
        .filter_map(|piece| match piece {
            Piece::Handle(item, _) => Some(item),
            Piece::Words(_) => None,
        })
        .collect()
}
