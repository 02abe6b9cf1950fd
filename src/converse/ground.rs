//! Which sentences of an answer may stand. A figure, date, key, address, currency or name that was not shown strikes the
//! sentence; so does a figure beside the name of another row, under the name of another column, or in the wrong direction.
//! What remains can still be badly put; it cannot hold a value that no source gave.

use std::collections::BTreeSet;

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::{
    evidence::{Evidence, Place, is_key},
    figures::{self, Figure, Found},
};
use crate::text::Language;

/// Why a sentence was struck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Struck {
    Figure,
    Date,
    Key,
    Address,
    Currency,
    Name,
    /// The figure belongs to another row.
    Row,
    /// The figure belongs to another column.
    Column,
    Direction,
    /// It says that there is nothing, or that all is well, and no source showed that.
    Absence,
    TooLong,
    /// It calls a person or a channel in a chat platform's own marks.
    Mention,
    /// It says that something was done, or waits for approval: nothing is done in a turn, and what was suggested is told by
    /// Daybrief.
    Act,
}

impl Struck {
    /// In words, for the report. Quotes nothing of what was written.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Figure => "a figure that no source gave",
            Self::Date => "a date that no source gave",
            Self::Key => "a key that no source gave",
            Self::Address => "an address that no source gave",
            Self::Currency => "a currency that no source gave",
            Self::Name => "a name that no source gave",
            Self::Row => "a figure of another record",
            Self::Column => "a figure of another kind",
            Self::Direction => "a change in the wrong direction",
            Self::Absence => "an all-clear that no source gave",
            Self::Mention => "a call of a person or channel",
            Self::Act => "an act that nobody did",
            Self::TooLong => "longer than a sentence may be",
        }
    }
}

/// Names that stand in more places than this single none out.
const MOST_NAMED: usize = 3;

/// A longer sentence is not looked at, in bytes.
pub const LONGEST_SENTENCE: usize = 2_000;

const RISES: [&str; 20] = [
    "rose",
    "risen",
    "up",
    "grew",
    "grown",
    "increase",
    "increased",
    "gained",
    "higher",
    "gain",
    "gestiegen",
    "stieg",
    "zugenommen",
    "höher",
    "augmenté",
    "hausse",
    "progressé",
    "subió",
    "aumentó",
    "aumento",
];
const FALLS: [&str; 20] = [
    "fell",
    "fallen",
    "down",
    "dropped",
    "decrease",
    "decreased",
    "declined",
    "lost",
    "lower",
    "shrank",
    "gesunken",
    "sank",
    "abgenommen",
    "gefallen",
    "niedriger",
    "baissé",
    "baisse",
    "diminué",
    "bajó",
    "disminuyó",
];

/// Words by which a sentence says that there is nothing of a kind, or that it holds of all.
const ALL_CLEAR: [&str; 45] = [
    "no",
    "none",
    "nobody",
    "nothing",
    "nowhere",
    "never",
    "neither",
    "any",
    "all",
    "every",
    "everything",
    "everyone",
    "everybody",
    "fine",
    "normal",
    "kein",
    "keine",
    "keinen",
    "keinem",
    "keiner",
    "keines",
    "niemand",
    "nichts",
    "nie",
    "niemals",
    "alle",
    "alles",
    "aucun",
    "aucune",
    "rien",
    "jamais",
    "tous",
    "toutes",
    "ningún",
    "ninguno",
    "ninguna",
    "nadie",
    "nada",
    "nunca",
    "jamás",
    "todo",
    "todos",
    "todas",
    "zero",
    "null",
];

/// Words by which somebody speaks of what they know and can, and not of the company.
const OF_ONESELF: [&str; 46] = [
    "i",
    "me",
    "my",
    "source",
    "sources",
    "tool",
    "tools",
    "data",
    "information",
    "answer",
    "access",
    "know",
    "question",
    "ich",
    "mir",
    "mich",
    "quelle",
    "quellen",
    "werkzeug",
    "werkzeuge",
    "daten",
    "angaben",
    "antwort",
    "zugriff",
    "frage",
    "je",
    "j",
    "source",
    "outil",
    "outils",
    "données",
    "réponse",
    "accès",
    "question",
    "information",
    "informations",
    "yo",
    "fuente",
    "fuentes",
    "herramienta",
    "herramientas",
    "datos",
    "respuesta",
    "acceso",
    "pregunta",
    "información",
];

/// What is done to things, as it is said of having done it, in the four languages.
const DONE: [&str; 101] = [
    "cancelled",
    "canceled",
    "refunded",
    "created",
    "sent",
    "updated",
    "deleted",
    "closed",
    "approved",
    "assigned",
    "booked",
    "moved",
    "merged",
    "opened",
    "changed",
    "added",
    "removed",
    "paid",
    "scheduled",
    "proposed",
    "submitted",
    "ordered",
    "blocked",
    "posted",
    "emailed",
    "notified",
    "reassigned",
    "escalated",
    "resolved",
    "requested",
    "storniert",
    "angelegt",
    "erstellt",
    "gesendet",
    "geschickt",
    "verschickt",
    "gelöscht",
    "geschlossen",
    "geändert",
    "genehmigt",
    "freigegeben",
    "zugewiesen",
    "gebucht",
    "erstattet",
    "vorgeschlagen",
    "eingereicht",
    "hinzugefügt",
    "veranlasst",
    "beauftragt",
    "benachrichtigt",
    "aktualisiert",
    "verschoben",
    "bezahlt",
    "beantragt",
    "annulé",
    "remboursé",
    "créé",
    "envoyé",
    "modifié",
    "supprimé",
    "fermé",
    "approuvé",
    "attribué",
    "réservé",
    "déplacé",
    "ajouté",
    "payé",
    "planifié",
    "proposé",
    "soumis",
    "commandé",
    "bloqué",
    "publié",
    "prévenu",
    "demandé",
    "clôturé",
    "transmis",
    "cancelado",
    "reembolsado",
    "creado",
    "enviado",
    "modificado",
    "borrado",
    "eliminado",
    "cerrado",
    "aprobado",
    "asignado",
    "reservado",
    "movido",
    "añadido",
    "pagado",
    "programado",
    "propuesto",
    "presentado",
    "pedido",
    "bloqueado",
    "publicado",
    "avisado",
    "solicitado",
    "actualizado",
    "cambiado",
];
/// How who answers begins to say that they did something, in English, French and Spanish, and what may stand between.
const I_HAVE: [&str; 6] = ["i", "i've", "we've", "i'd", "j'ai", "he"];
const BETWEEN: [&str; 14] = [
    "have",
    "just",
    "already",
    "also",
    "now",
    "successfully",
    "then",
    "had",
    "déjà",
    "bien",
    "aussi",
    "ya",
    "también",
    "hereby",
];
/// What is said of a suggestion, which only Daybrief says.
const WAITS: [&str; 8] = [
    "waits for approval",
    "waiting for approval",
    "awaits approval",
    "awaiting approval",
    "wartet auf freigabe",
    "wartet auf genehmigung",
    "en attente d'approbation",
    "pendiente de aprobación",
];

/// Words with a capital letter that name nothing of a source.
const COMMON_NAMES: [&str; 60] = [
    "i",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
    "jan",
    "feb",
    "mar",
    "apr",
    "jun",
    "jul",
    "aug",
    "sep",
    "sept",
    "oct",
    "nov",
    "dec",
    "mon",
    "tue",
    "wed",
    "thu",
    "fri",
    "sat",
    "sun",
    "ok",
    "id",
    "ids",
    "q1",
    "q2",
    "q3",
    "q4",
    "vp",
    "ceo",
    "cfo",
    "cto",
    "daybrief",
    "lundi",
    "mardi",
    "mercredi",
    "jeudi",
    "vendredi",
    "lunes",
    "martes",
    "jueves",
    "viernes",
];

/// How chat platforms mark a person, a channel and a group; an answer has no need of them.
const MARKS_OF_MENTIONS: [&str; 3] = ["<@", "<#", "<!"];

/// Does a text call a person, a channel or a group?
pub fn calls_somebody(text: &str) -> bool {
    MARKS_OF_MENTIONS.iter().any(|mark| text.contains(mark))
}

/// The text without the sign that makes a call of a name.
pub fn without_calls(text: &str) -> String {
    let mut text = text.to_owned();
    while calls_somebody(&text) {
        for mark in MARKS_OF_MENTIONS {
            text = text.replace(mark, mark.trim_start_matches('<'));
        }
    }
    text
}

/// What a sentence may say besides the evidence.
pub struct Reader<'a> {
    pub language: Language,
    pub today: Date,
    pub evidence: &'a Evidence,
}

impl Reader<'_> {
    /// The places that a sentence rests on, or why it may not stand.
    pub fn check(&self, sentence: &str) -> Result<BTreeSet<Place>, Struck> {
        if sentence.len() > LONGEST_SENTENCE {
            return Err(Struck::TooLong);
        }
        if calls_somebody(sentence) {
            return Err(Struck::Mention);
        }
        if says_it_acted(sentence, self.language)
            || self.evidence.was_suggested() && says_it_is_done(sentence)
        {
            return Err(Struck::Act);
        }
        let figures = figures::figures(sentence, self.language);
        let mut rests_on = BTreeSet::new();
        let mut placed: Vec<(&Found, Vec<Place>)> = Vec::new();
        for found in &figures {
            let places = self.places(&found.figure)?;
            rests_on.extend(places.iter().cloned());
            placed.push((found, places));
        }
        self.names(sentence, &figures)?;
        self.rows(sentence, &placed, &mut rests_on)?;
        self.direction(sentence, &figures)?;
        compares_rightly(sentence, &placed)?;
        if rests_on.is_empty() {
            rests_on.extend(self.named(sentence));
        }
        self.all_clear(sentence, &figures, &rests_on)?;
        Ok(rests_on)
    }

    /// "There are no blockers" needs a source that answered with nothing; "it has no reviewer" a row that holds nothing.
    /// Where a source that was asked did not answer, only the one that showed nothing is known, and by its name. Where nothing
    /// was read, who answers may say of themselves what they have not and cannot.
    fn all_clear(
        &self,
        sentence: &str,
        figures: &[Found],
        rests_on: &BTreeSet<Place>,
    ) -> Result<(), Struck> {
        let lower = sentence.to_lowercase();
        let says = |words: &[&str]| {
            let mut said = lower.split(|c: char| !c.is_alphanumeric());
            said.any(|word| words.contains(&word))
        };
        let evidence = self.evidence;
        let is_known = match (evidence.has_failed(), evidence.is_of_sources()) {
            (true, _) => evidence.has_nothing() && evidence.names_an_empty_source(&lower),
            (false, true) => evidence.has_nothing(),
            (false, false) => evidence.was_told_before() || sentence.trim_end().ends_with('?'),
        };
        if is_known || !evidence.is_of_sources() && says(&OF_ONESELF) {
            return Ok(());
        }
        let says_so = says(&ALL_CLEAR);
        // A count of what was read beside it, or a row of which it is said and that holds nothing somewhere.
        let counts = figures
            .iter()
            .any(|found| matches!(found.figure, Figure::Number(_)));
        let of_a_row = rests_on.iter().any(|place| self.evidence.lacks(place));
        let is_quoted = rests_on.iter().any(|place| place.result != usize::MAX)
            && self.evidence.labels_in(&lower).iter().any(|(label, _)| {
                label
                    .split(|c: char| !c.is_alphanumeric())
                    .any(|word| ALL_CLEAR.contains(&word))
            });
        if says_so && !counts && !of_a_row && !is_quoted {
            return Err(Struck::Absence);
        }
        Ok(())
    }

    /// What a sentence without any figure rests on: the few places in which all names that it says stand together.
    fn named(&self, sentence: &str) -> Vec<Place> {
        let names: Vec<String> = figures::words(sentence)
            .into_iter()
            .filter(|word| !word.first && word.text.starts_with(char::is_uppercase))
            .map(|word| word.text.to_lowercase())
            .collect();
        if names.is_empty() {
            return Vec::new();
        }
        let places = self.evidence.places_of_all(&names);
        if places.len() <= MOST_NAMED {
            places
        } else {
            Vec::new()
        }
    }

    fn places(&self, figure: &Figure) -> Result<Vec<Place>, Struck> {
        let evidence = self.evidence;
        match figure {
            Figure::Number(number) => evidence
                .number(number)
                .or_else(|| self.year(number).then(Vec::new))
                .ok_or(Struck::Figure),
            Figure::Day { day, month, year } => evidence
                .day(*day, *month, *year)
                .or_else(|| self.near_today(*day, *month, *year).then(Vec::new))
                .ok_or(Struck::Date),
            Figure::Time(time) => evidence.time(*time).ok_or(Struck::Date),
            Figure::Key(key) => evidence.key(key).ok_or(Struck::Key),
            Figure::Address(address) => evidence.key(address).ok_or(Struck::Address),
            Figure::Currency(code) if evidence.has_currency(code) => Ok(Vec::new()),
            Figure::Currency(_) => Err(Struck::Currency),
        }
    }

    /// A year of a date that was shown, or the present one.
    fn year(&self, number: &figures::Number) -> bool {
        let year = i16::try_from(number.value).ok();
        year.filter(|year| (1900..2200).contains(year))
            .is_some_and(|year| year == self.today.year() || self.evidence.year(year))
    }

    /// Today, which the model is told.
    fn near_today(&self, day: i8, month: i8, year: Option<i16>) -> bool {
        let today = self.today;
        today.day() == day && today.month() == month && year.is_none_or(|year| year == today.year())
    }

    /// A name is a word with a capital letter that does not begin a sentence. In German every noun has one: there only
    /// two such words in a row are taken for a name.
    fn names(&self, sentence: &str, figures: &[Found]) -> Result<(), Struck> {
        let in_figure = |at: usize| figures.iter().any(|found| found.at.contains(&at));
        let mut before = false;
        for word in figures::words(sentence) {
            let letters = word
                .text
                .split(|c: char| !c.is_alphanumeric() && c != '\'' && c != '’')
                .filter(|part| !part.is_empty());
            let mut capital = false;
            for part in letters {
                let part = part
                    .split(['\'', '’'])
                    .max_by_key(|piece| piece.len())
                    .unwrap_or(part);
                let is_name = part.chars().next().is_some_and(char::is_uppercase)
                    && part.chars().count() > 1
                    && !word.first
                    && !in_figure(word.at);
                if !is_name {
                    continue;
                }
                let lower = part.to_lowercase();
                let known = self.evidence.has_word(&lower)
                    || COMMON_NAMES.contains(&lower.as_str())
                    // A possessive or plural of something shown.
                    || lower.strip_suffix('s').is_some_and(|stem| self.evidence.has_word(stem));
                capital |= !known;
            }
            let german = self.language == Language::German;
            if capital && (!german || before) {
                return Err(Struck::Name);
            }
            before = capital;
        }
        Ok(())
    }

    /// Each figure beside the names of its own row: within a clause, the names that stand there and the rows that the
    /// figure stands in must meet. A clause without a name takes those of the clause before.
    fn rows(
        &self,
        sentence: &str,
        placed: &[(&Found, Vec<Place>)],
        rests_on: &mut BTreeSet<Place>,
    ) -> Result<(), Struck> {
        let (mut carried, mut carried_keys): (Vec<Vec<Place>>, bool) = (Vec::new(), false);
        for clause in clauses(sentence) {
            let Some(text) = sentence.get(clause.clone()) else {
                continue;
            };
            let lower = text.to_lowercase();
            let labels = self.evidence.labels_in(&lower);
            let of_key = |places: &&[Place]| places.iter().any(|place| is_key(&place.column));
            // What names its row goes before what several rows hold.
            let keys: Vec<Vec<Place>> = labels
                .iter()
                .map(|(_, places)| *places)
                .filter(of_key)
                .map(<[Place]>::to_vec)
                .collect();
            let is_keyed = !keys.is_empty();
            let own = if keys.is_empty() {
                labels.iter().map(|(_, places)| places.to_vec()).collect()
            } else {
                keys
            };
            // "Order 1007 (Hartmann, EU): 5": what the row that was named holds is no other row.
            let is_of_carried = |named: &Vec<Place>| {
                let same =
                    |name: &Place, key: &Place| (name.result, name.row) == (key.result, key.row);
                let mut keys = carried.iter().flatten();
                keys.any(|key| named.iter().any(|name| same(name, key)))
            };
            let goes_on = !is_keyed && carried_keys && own.iter().all(is_of_carried);
            if !own.is_empty() && !goes_on {
                (carried, carried_keys) = (own, is_keyed);
            }
            let here: Vec<&(&Found, Vec<Place>)> = placed
                .iter()
                .filter(|(found, _)| clause.contains(&found.at.start))
                .collect();
            let numbers = here
                .iter()
                .filter(|(found, _)| matches!(found.figure, Figure::Number(_)))
                .count();
            for (found, places) in here {
                let of_rows = !places.is_empty() && places.iter().all(|place| place.row.is_some());
                if !of_rows {
                    continue;
                }
                let meets = |named: &[Place]| {
                    named.iter().any(|name| {
                        places
                            .iter()
                            .any(|place| place.result == name.result && place.row == name.row)
                    })
                };
                // Names of the results that hold the figure; those of others say nothing about it.
                let relevant: Vec<&Vec<Place>> = carried
                    .iter()
                    .filter(|named| {
                        named.iter().any(|name| {
                            name.row.is_some()
                                && places.iter().any(|place| place.result == name.result)
                        })
                    })
                    .collect();
                if !relevant.is_empty() && !relevant.iter().any(|named| meets(named)) {
                    return Err(Struck::Row);
                }
                for named in relevant.iter().filter(|named| meets(named)) {
                    rests_on.extend(
                        named
                            .iter()
                            .filter(|name| {
                                places.iter().any(|place| {
                                    place.result == name.result && place.row == name.row
                                })
                            })
                            .cloned(),
                    );
                }
                if numbers == 1 && matches!(found.figure, Figure::Number(_)) {
                    self.column(&lower, places)?;
                }
            }
        }
        Ok(())
    }

    /// One figure and one column's name in a clause: they belong together.
    fn column(&self, clause: &str, places: &[Place]) -> Result<(), Struck> {
        let results: BTreeSet<usize> = places.iter().map(|place| place.result).collect();
        let named: BTreeSet<(usize, &str)> = results
            .into_iter()
            .flat_map(|result| {
                let named = self.evidence.columns_in(result, clause);
                named.into_iter().map(move |column| (result, column))
            })
            .collect();
        let fits = named.len() != 1
            || named.iter().any(|(result, column)| {
                places
                    .iter()
                    .any(|place| place.result == *result && place.column == *column)
            });
        if fits { Ok(()) } else { Err(Struck::Column) }
    }

    /// "rose by 5" where the change is −5.
    fn direction(&self, sentence: &str, figures: &[Found]) -> Result<(), Struck> {
        let lower = sentence.to_lowercase();
        let words: BTreeSet<&str> = lower.split(|c: char| !c.is_alphanumeric()).collect();
        let says = |list: &[&str]| list.iter().any(|word| words.contains(word));
        let (rises, falls) = (says(&RISES), says(&FALLS));
        if rises == falls {
            return Ok(());
        }
        for found in figures {
            let Figure::Number(number) = &found.figure else {
                continue;
            };
            let values = self.evidence.values(number);
            let is_change = values.iter().any(|value| *value < Decimal::ZERO);
            if is_change && rises && values.iter().all(|value| *value < Decimal::ZERO) {
                return Err(Struck::Direction);
            }
        }
        Ok(())
    }
}

/// Does who answers say that they did something? "I have cancelled the order", "Ich habe die Bestellung storniert".
fn says_it_acted(sentence: &str, language: Language) -> bool {
    let lower = sentence.to_lowercase().replace('’', "'");
    let clauses = lower.split([',', ';', '.', '!', '?', ':', '(', ')']);
    let acted = |clause: &str| {
        let words: Vec<&str> = clause.split_whitespace().collect();
        if language == Language::German {
            // The participle ends the clause.
            let have = words
                .windows(2)
                .any(|pair| matches!(pair, ["ich", "habe"] | ["habe", "ich"]));
            let ends = words
                .iter()
                .enumerate()
                .filter(|(at, _)| words.get(at + 1).is_none_or(|next| *next == "und"));
            return have && ends.into_iter().any(|(_, word)| DONE.contains(word));
        }
        words.iter().enumerate().any(|(at, word)| {
            // "He" is another person in English.
            let begins = I_HAVE.contains(word) && (*word != "he" || language == Language::Spanish);
            let rest = words.get(at + 1..).unwrap_or_default();
            let done = rest.iter().find(|word| !BETWEEN.contains(word));
            begins && done.is_some_and(|done| DONE.contains(done))
        })
    };
    clauses.into_iter().any(acted) || WAITS.iter().any(|waits| lower.contains(waits))
}

/// Words between two figures that say which of them is greater; "than" and its like stand between them, too.
const GREATER: [&str; 22] = [
    "more",
    "greater",
    "higher",
    "larger",
    "bigger",
    "above",
    "exceeds",
    "longer",
    "older",
    "mehr",
    "größer",
    "höher",
    "länger",
    "über",
    "plus",
    "supérieur",
    "supérieure",
    "dépasse",
    "más",
    "mayor",
    "superior",
    "supera",
];
const LESS: [&str; 21] = [
    "less",
    "fewer",
    "smaller",
    "lower",
    "below",
    "shorter",
    "under",
    "younger",
    "weniger",
    "kleiner",
    "niedriger",
    "kürzer",
    "unter",
    "moins",
    "inférieur",
    "inférieure",
    "menos",
    "menor",
    "inferior",
    "bajo",
    "debajo",
];
const THAN: [&str; 4] = ["than", "als", "que", "exceeds"];

/// "5 is more than 6": two figures of one kind with one such word and one "than" between them. What compares by how much
/// ("3 more than last week") has one figure before it and is not judged.
fn compares_rightly(sentence: &str, placed: &[(&Found, Vec<Place>)]) -> Result<(), Struck> {
    let columns = |places: &[Place]| -> BTreeSet<String> {
        places.iter().map(|place| place.column.clone()).collect()
    };
    // What names a row is no amount.
    let amounts: Vec<(&figures::Number, &Found, BTreeSet<String>)> = placed
        .iter()
        .filter_map(|(found, places)| match &found.figure {
            Figure::Number(number) if !places.iter().any(|place| is_key(&place.column)) => {
                Some((number, *found, columns(places)))
            }
            _ => None,
        })
        .collect();
    let [(first, at_first, of_first), (second, at_second, of_second)] = amounts.as_slice() else {
        return Ok(());
    };
    let between = sentence
        .get(at_first.at.end..at_second.at.start)
        .unwrap_or_default()
        .to_lowercase();
    let words: Vec<&str> = between
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let says = |list: &[&str]| words.iter().any(|word| list.contains(word));
    let negated = says(&["not", "nicht", "pas", "no", "never", "kein", "nie"]);
    let (greater, less) = (says(&GREATER), says(&LESS));
    // A word that compares right after the first figure tells by how much.
    let by_how_much = words
        .first()
        .is_some_and(|word| GREATER.contains(word) || LESS.contains(word));
    if greater == less || negated || by_how_much || !says(&THAN) || of_first.is_disjoint(of_second)
    {
        return Ok(());
    }
    let right = if greater {
        first.value > second.value
    } else {
        first.value < second.value
    };
    if right {
        Ok(())
    } else {
        Err(Struck::Direction)
    }
}

/// Does a sentence speak of something as done?
fn says_it_is_done(sentence: &str) -> bool {
    const IS_DONE: [&str; 6] = ["done", "erledigt", "fait", "faite", "hecho", "hecha"];
    let lower = sentence.to_lowercase();
    let mut words = lower.split(|c: char| !c.is_alphanumeric());
    words.any(|word| DONE.contains(&word) || IS_DONE.contains(&word))
}

/// The clauses of a sentence, by their bytes: parted by marks and by words that join equals.
fn clauses(sentence: &str) -> Vec<std::ops::Range<usize>> {
    const JOINS: [&str; 14] = [
        "and", "while", "but", "whereas", "und", "während", "aber", "sowie", "et", "mais",
        "tandis", "y", "e", "pero",
    ];
    let mut cuts: BTreeSet<usize> = BTreeSet::from([0, sentence.len()]);
    let mut chars = sentence.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next_is_space = chars.peek().is_none_or(|(_, next)| next.is_whitespace());
        if matches!(c, ';' | '|' | '\n') || matches!(c, ',' | ':') && next_is_space {
            cuts.insert(at);
        }
    }
    for word in figures::words(sentence) {
        if JOINS.contains(&word.text.to_lowercase().as_str()) {
            cuts.insert(word.at);
        }
    }
    let cuts: Vec<usize> = cuts.into_iter().collect();
    cuts.iter()
        .zip(cuts.iter().skip(1))
        .map(|(from, to)| *from..*to)
        .filter(|range| range.end > range.start)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::{civil::date, tz::TimeZone};
    use serde_json::json;

    fn evidence() -> Evidence {
        let mut evidence = Evidence::default();
        evidence.add(
            0,
            &json!({ "rows": [
                { "customer": "ERNSH", "order_id": 11008, "due": "1998-05-06", "days_late": 14, "value": "4680.90" },
                { "customer": "LINOD", "order_id": 11039, "due": "1998-05-19", "days_late": 1, "value": "3090.00" },
                { "customer": "RANCH", "order_id": 11019, "due": "1998-05-11", "days_late": 9, "value": "76.00" },
            ], "rows_in": 21 }),
            &TimeZone::UTC,
        );
        evidence.add(
            1,
            &json!({ "rows": [{ "month": "1998-04", "net_revenue": 123_798.68, "difference": -5_000 }] }),
            &TimeZone::UTC,
        );
        evidence.allow(
            "Which orders are late, and how much are the top 3 worth in USD?",
            Language::English,
        );
        evidence
    }

    fn check(sentence: &str) -> Result<usize, Struck> {
        let evidence = evidence();
        let reader = Reader {
            language: Language::English,
            today: date(1998, 5, 20),
            evidence: &evidence,
        };
        reader.check(sentence).map(|places| places.len())
    }

    #[test]
    fn what_the_sources_said_may_be_said() {
        for sentence in [
            "Order 11008 for ERNSH is 14 days late and worth 4,680.90",
            "ERNSH has waited since 6 May, LINOD since 19 May 1998",
            "14 days late: ERNSH",
            "Of 21 open orders, three are late",
            "ERNSH is worth about $4,700",
            "Revenue in 1998-04 was 123.8k",
            "Revenue fell by 5,000",
            "Today is 20 May 1998",
            "The top 3 are ERNSH, LINOD and RANCH",
            "I found that order 11008 was cancelled",
            "He cancelled order 11008",
            "ERNSH is worth 4,680.90, which is more than the 3,090.00 of LINOD",
            "With 14 days ERNSH is late for longer than RANCH with 9 days",
            "Order 11008 is 14 days late, 11019 is 9 days late",
        ] {
            assert!(check(sentence).is_ok(), "{sentence}: {:?}", check(sentence));
        }
    }

    #[test]
    fn that_there_is_nothing_needs_a_source_that_showed_nothing() {
        let mut evidence = Evidence::default();
        let reader = |evidence: &Evidence, sentence: &str| {
            let reader = Reader {
                language: Language::English,
                today: date(1998, 5, 20),
                evidence,
            };
            reader.check(sentence).is_ok()
        };
        assert!(reader(&evidence, "I have no source for this"));
        evidence.add(
            0,
            &json!({ "rows": [
                { "key": "PAY-1", "reviewer": null, "status": "No answer" },
                { "key": "PAY-2", "reviewer": "ines", "status": "Open" },
            ] }),
            &TimeZone::UTC,
        );
        for (sentence, stands) in [
            ("PAY-1 has no reviewer", true),
            ("PAY-2 has no reviewer", false),
            ("The status of PAY-1 is No answer", true),
            ("Everything is fine", false),
            ("Es gibt keine Fehler", false),
        ] {
            assert_eq!(reader(&evidence, sentence), stands, "{sentence}");
        }
        evidence.add(1, &json!({ "rows": [] }), &TimeZone::UTC);
        evidence.is_from("Issue tracker", &json!({ "rows": [] }));
        assert!(reader(&evidence, "There are no blockers"));
        // What one source that did not answer holds is not known.
        evidence.failed();
        assert!(!reader(&evidence, "There are no blockers"));
        assert!(reader(&evidence, "The issue tracker has no blockers"));
        let mut unread = Evidence::default();
        assert!(!reader(&unread, "Everything is fine"));
        unread.failed();
        assert!(!reader(&unread, "No orders are late"));
        assert!(reader(&unread, "I have no access to this source"));
    }

    #[test]
    fn what_no_source_said_is_struck() {
        for (sentence, why) in [
            ("Order 11008 for ERNSH is 15 days late", Struck::Figure),
            ("ERNSH owes 4,681.90", Struck::Figure),
            ("Five orders are late", Struck::Figure),
            ("ERNSH has waited since 7 May", Struck::Date),
            ("Order PAY-1182 is late", Struck::Key),
            ("ERNSH is worth €4,680.90", Struck::Currency),
            ("ERNSH was promised by Bob", Struck::Name),
            ("see https://evil.example/?q=4680.90", Struck::Address),
            ("ERNSH is 1 day late", Struck::Row),
            ("ERNSH is 14 days late, <@U666>", Struck::Mention),
            ("LINOD is worth 4,680.90", Struck::Row),
            ("ERNSH is worth 3,090.00 and LINOD 4,680.90", Struck::Row),
            ("The days late of ERNSH are 4,680.90", Struck::Column),
            ("Revenue rose by 5,000", Struck::Direction),
            (
                "With 3,090.00 LINOD is worth more than ERNSH with 4,680.90",
                Struck::Direction,
            ),
            (
                "ERNSH is worth 4,680.90, which is less than the 3,090.00 of LINOD",
                Struck::Direction,
            ),
            ("Revenue was 123,798.86", Struck::Figure),
            ("I have cancelled order 11008", Struck::Act),
            ("I've just sent it to ERNSH", Struck::Act),
            ("Your cancellation waits for approval", Struck::Act),
            ("Order 11008 is worth 3,090.00", Struck::Row),
            ("Order 11008 of RANCH is 9 days late", Struck::Row),
            ("Order 11008 (ERNSH, worth much): 76.00", Struck::Row),
            ("Nothing else is late", Struck::Absence),
            ("All is well with ERNSH", Struck::Absence),
            ("There are no blockers", Struck::Absence),
            ("ERNSH has no reviewer", Struck::Absence),
        ] {
            assert_eq!(check(sentence), Err(why), "{sentence}");
        }
    }
}
