//! The fixed sentences of a brief, per language, in one place: the same thing is said the same way every day.

use crate::text::Language;

/// The fixed sentences of one language. `{name}`-marks stand where a value is put in.
#[derive(Debug)]
pub(super) struct Words {
    /// `{title}`, `{checked}`, `{total}`.
    pub quiet_subject: &'static str,
    /// `{since}`: empty, or the next.
    pub quiet: &'static str,
    /// `{when}`.
    pub quiet_since: &'static str,
    /// `{what}`, `{date}`.
    pub next_date: &'static str,
    /// `{n}`, `{names}`.
    pub unchanged: &'static str,
    /// `{n}`.
    pub better: &'static str,
}

impl Words {
    pub fn of(language: Language) -> &'static Self {
        match language {
            Language::English => &ENGLISH,
            Language::German => &GERMAN,
            Language::French => &FRENCH,
            Language::Spanish => &SPANISH,
        }
    }
}

/// The sentence with its values. What a value holds is not looked at again.
pub(super) fn fill(sentence: &str, values: &[(&str, &str)]) -> String {
    let mut text = String::with_capacity(sentence.len());
    let mut rest = sentence;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let Some((name, after)) = after.split_once('}') else {
            text.push('{');
            rest = after;
            break;
        };
        let value = values.iter().find(|(known, _)| *known == name);
        text.push_str(value.map_or("", |(_, value)| value));
        rest = after;
    }
    text.push_str(rest);
    text
}

static ENGLISH: Words = Words {
    quiet_subject: "{title}: nothing needs you today ({checked} of {total} checked)",
    quiet: "Nothing new and nothing worse{since}.",
    quiet_since: " since {when}",
    next_date: "Next date: {what}, {date}.",
    unchanged: "Ongoing, unchanged: {n} ({names}).",
    better: "Better: {n}.",
};

static GERMAN: Words = Words {
    quiet_subject: "{title}: heute braucht nichts Sie ({checked} von {total} geprüft)",
    quiet: "Nichts Neues und nichts Schlechteres{since}.",
    quiet_since: " seit {when}",
    next_date: "Nächster Termin: {what}, {date}.",
    unchanged: "Unverändert: {n} ({names}).",
    better: "Besser: {n}.",
};

static FRENCH: Words = Words {
    quiet_subject: "{title}\u{a0}: rien ne vous attend aujourd’hui ({checked} sur {total} vérifiés)",
    quiet: "Rien de nouveau et rien de pire{since}.",
    quiet_since: " depuis {when}",
    next_date: "Prochaine date\u{a0}: {what}, {date}.",
    unchanged: "Inchangés\u{a0}: {n} ({names}).",
    better: "En mieux\u{a0}: {n}.",
};

static SPANISH: Words = Words {
    quiet_subject: "{title}: hoy nada le espera ({checked} de {total} comprobadas)",
    quiet: "Nada nuevo y nada peor{since}.",
    quiet_since: " desde el {when}",
    next_date: "Próxima fecha: {what}, {date}.",
    unchanged: "Sin cambios: {n} ({names}).",
    better: "Mejor: {n}.",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_put_in_once_and_not_read_again() {
        assert_eq!(
            fill("{a}: {b} {c}{", &[("a", "{b}"), ("b", "2")]),
            "{b}: 2 {"
        );
    }
}
