//! The fixed words of a brief, per language, in one place: the same thing is called the same every day.

use rust_decimal::Decimal;

use crate::{
    domain::{
        brief::Edition,
        finding::{Severity, Status},
    },
    money::Currency,
    text::Language,
};

/// The fixed words of one language. `{}`-marks stand where a value is put in.
#[derive(Debug)]
pub(super) struct Words {
    language: Language,
    /// Between a label and what it is of.
    pub colon: &'static str,
    pub bottom_line: &'static str,
    pub decide: &'static str,
    pub watch: &'static str,
    pub resolved: &'static str,
    pub sources: &'static str,
    pub not_checked: &'static str,
    pub next: &'static str,
    pub open: &'static str,
    pub source: &'static str,
    pub page: &'static str,
    pub why_title: &'static str,
    /// `{title}`, `{role}`, `{due}`.
    why: &'static str,
    /// `{checked}`, `{total}`.
    checked: &'static str,
    /// `{times}`.
    data: &'static str,
    pub rest: &'static str,
    /// `{n}`: one, several.
    more: [&'static str; 2],
    /// `{n}`, `{high}`: more, of which some are high; one, several.
    more_high: [&'static str; 2],
    /// `{n}`: one, several.
    highs: [&'static str; 2],
    /// `{currencies}`, `{first}`.
    apart: &'static str,
    and: &'static str,
    /// `{n}`: those below the line that are not listed either; one, several.
    unlisted: [&'static str; 2],
    /// `{n}`: one, several.
    more_resolved: [&'static str; 2],
    /// `{n}`: one, several.
    open_days: [&'static str; 2],
    /// `{n}`: one, several.
    ongoing_days: [&'static str; 2],
    /// `{n}`: one, several.
    signals: [&'static str; 2],
    /// `{n}`: one, several. Signals of which some records could not be read.
    signals_in_part: [&'static str; 2],
    /// `{when}`.
    last_good: &'static str,
    /// `{n}`: one, several. Items that stand in the thread.
    in_thread: [&'static str; 2],
    new: &'static str,
    ongoing: &'static str,
    worse: &'static str,
    better: &'static str,
    severity: [&'static str; 3],
    selected_local: &'static str,
    selected_cloud: &'static str,
    built_in: &'static str,
}

impl Words {
    /// The words of a language.
    pub fn of(language: Language) -> &'static Self {
        match language {
            Language::English => &ENGLISH,
            Language::German => &GERMAN,
            Language::French => &FRENCH,
            Language::Spanish => &SPANISH,
        }
    }

    pub fn language(&self) -> Language {
        self.language
    }

    /// High, Medium, Low.
    pub fn severity(&self, severity: Severity) -> &'static str {
        let [low, medium, high] = self.severity;
        match severity {
            Severity::Low => low,
            Severity::Medium => medium,
            Severity::High => high,
        }
    }

    /// "new", "ongoing 4 days", "worse 1 → 3 failed runs".
    pub fn status(&self, status: &Status, severity: Severity) -> String {
        let change = |word: &str, from: Decimal, to: Decimal, unit: &str| {
            let number = |value| self.language.number(value, None);
            format!("{word} {} → {} {unit}", number(from), number(to))
                .trim_end()
                .to_owned()
        };
        match status {
            Status::New => self.new.to_owned(),
            Status::Ongoing { days } if *days < 1 => self.ongoing.to_owned(),
            Status::Ongoing { days } => self.counted(self.ongoing_days, *days),
            Status::Raised { from, .. } => format!(
                "{} {} → {}",
                self.worse,
                self.severity(*from).to_lowercase(),
                self.severity(severity).to_lowercase()
            ),
            Status::Worse { from, to, unit, .. } => change(self.worse, *from, *to, unit),
            Status::Better { from, to, unit, .. } => change(self.better, *from, *to, unit),
        }
    }

    /// Who chose in the brief; nothing where nobody had to, or a notice says it.
    pub fn edition(&self, edition: &Edition) -> Option<&'static str> {
        match edition {
            Edition::Selected { local: true, .. } => Some(self.selected_local),
            Edition::Selected { local: false, .. } => Some(self.selected_cloud),
            Edition::BuiltIn | Edition::Plain { .. } => Some(self.built_in),
            Edition::Quiet | Edition::Nothing | Edition::TooLate | Edition::Notice => None,
        }
    }

    /// "Open PAY-1182": the label, led by the verb unless it has it already.
    pub fn button(&self, label: &str) -> String {
        if label == ENGLISH.open {
            self.open.trim_end_matches(':').to_owned()
        } else if label.starts_with(self.open) || label.starts_with(ENGLISH.open) {
            label.to_owned()
        } else {
            format!("{} {label}", self.open)
        }
    }

    /// "Checked 18 of 21 signals".
    pub fn checked(&self, checked: usize, total: usize) -> String {
        self.checked
            .replace("{checked}", &self.count(checked))
            .replace("{total}", &self.count(total))
    }

    /// "data 06:58–06:59".
    pub fn data(&self, times: &str) -> String {
        self.data.replace("{times}", times)
    }

    /// Why the reader gets this.
    pub fn why(&self, title: &str, role: &str, due: &str) -> String {
        let mut why = self.why.to_owned();
        // From the end on: what was put in is not looked at again.
        let mut values = [("{title}", title), ("{role}", role), ("{due}", due)];
        values.sort_by_key(|(mark, _)| std::cmp::Reverse(self.why.find(mark)));
        for (mark, value) in values {
            if let Some(at) = self.why.find(mark) {
                why.replace_range(at..at + mark.len(), value);
            }
        }
        why
    }

    /// "2 high", of those that have no room; nothing where none is.
    pub fn highs(&self, high: usize) -> Option<String> {
        (high > 0).then(|| self.counted(self.highs, as_days(high)))
    }

    /// "+ 5 more below, 2 high".
    pub fn more(&self, count: usize, high: usize) -> String {
        match high {
            0 => self.counted(self.more, as_days(count)),
            high => self
                .counted(self.more_high, as_days(count))
                .replace("{high}", &self.counted(self.highs, as_days(high))),
        }
    }

    /// That amounts of these currencies are not held against each other; nothing for one currency.
    pub fn apart(&self, currencies: &[Currency]) -> Option<String> {
        let (first, last) = (currencies.first()?, currencies.last()?);
        let before: Vec<&str> = currencies
            .iter()
            .take(currencies.len().saturating_sub(1))
            .map(Currency::code)
            .collect();
        let all = format!("{} {} {}", before.join(", "), self.and, last.code());
        let said = self.apart.replace("{currencies}", &all);
        (!before.is_empty()).then(|| said.replace("{first}", first.code()))
    }

    pub fn unlisted(&self, count: usize) -> String {
        self.counted(self.unlisted, as_days(count))
    }

    pub fn more_resolved(&self, count: usize) -> String {
        self.counted(self.more_resolved, as_days(count))
    }

    pub fn open_days(&self, days: i64) -> String {
        self.counted(self.open_days, days)
    }

    pub fn signals(&self, count: usize) -> String {
        self.counted(self.signals, as_days(count))
    }

    pub fn signals_in_part(&self, count: usize) -> String {
        self.counted(self.signals_in_part, as_days(count))
    }

    pub fn last_good(&self, when: &str) -> String {
        self.last_good.replace("{when}", when)
    }

    pub fn in_thread(&self, count: usize) -> String {
        self.counted(self.in_thread, as_days(count))
    }

    fn count(&self, count: usize) -> String {
        self.language.number(Decimal::from(count), None)
    }

    fn counted(&self, [one, several]: [&str; 2], count: i64) -> String {
        let pattern = if self.language.is_one(Decimal::from(count)) {
            one
        } else {
            several
        };
        pattern.replace("{n}", &self.language.number(Decimal::from(count), None))
    }
}

fn as_days(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

static ENGLISH: Words = Words {
    language: Language::English,
    colon: ": ",
    bottom_line: "Bottom line",
    decide: "Decide today",
    watch: "Watch",
    resolved: "Resolved since the last brief",
    sources: "Sources",
    not_checked: "Not checked",
    next: "Next:",
    open: "Open",
    source: "Source",
    page: "Read this brief in the browser",
    why_title: "Why you get this",
    why: "You have the role {role}; “{title}” was due {due}.",
    checked: "Checked {checked} of {total} signals",
    data: "data {times}",
    rest: "Also open",
    more: ["+ {n} more, listed below", "+ {n} more, listed below"],
    more_high: ["+ {n} more below, {high}", "+ {n} more below, {high}"],
    highs: ["{n} high", "{n} high"],
    apart: "Amounts in {currencies} are ranked apart, {first} first",
    and: "and",
    unlisted: ["and {n} more", "and {n} more"],
    more_resolved: ["and {n} more", "and {n} more"],
    open_days: ["open {n} day", "open {n} days"],
    ongoing_days: ["ongoing {n} day", "ongoing {n} days"],
    signals: ["{n} signal", "{n} signals"],
    signals_in_part: ["{n} signal in part", "{n} signals in part"],
    last_good: "last good check {when}",
    in_thread: ["+ {n} more in this thread", "+ {n} more in this thread"],
    new: "new",
    ongoing: "ongoing",
    worse: "worse",
    better: "better",
    severity: ["Low", "Medium", "High"],
    selected_local: "selection by a local model",
    selected_cloud: "selection by a cloud model",
    built_in: "no AI",
};

static GERMAN: Words = Words {
    language: Language::German,
    colon: ": ",
    bottom_line: "Das Wichtigste",
    decide: "Heute entscheiden",
    watch: "Beobachten",
    resolved: "Erledigt seit dem letzten Bericht",
    sources: "Quellen",
    not_checked: "Nicht geprüft",
    next: "Nächster Schritt:",
    open: "Öffnen:",
    source: "Quelle",
    page: "Diesen Bericht im Browser lesen",
    why_title: "Warum Sie das erhalten",
    why: "Sie haben die Rolle {role}; „{title}“ war fällig: {due}.",
    checked: "{checked} von {total} Signalen geprüft",
    data: "Daten von {times}",
    rest: "Außerdem offen",
    more: [
        "+ {n} weiteres, unten genannt",
        "+ {n} weitere, unten genannt",
    ],
    more_high: [
        "+ {n} weiteres unten, {high}",
        "+ {n} weitere unten, {high}",
    ],
    highs: ["{n} hoch", "{n} hoch"],
    apart: "Beträge in {currencies} stehen getrennt, {first} zuerst",
    and: "und",
    unlisted: ["und {n} weiteres", "und {n} weitere"],
    more_resolved: ["und {n} weiteres", "und {n} weitere"],
    open_days: ["{n} Tag offen", "{n} Tage offen"],
    ongoing_days: ["seit {n} Tag", "seit {n} Tagen"],
    signals: ["{n} Signal", "{n} Signale"],
    signals_in_part: ["{n} Signal zum Teil", "{n} Signale zum Teil"],
    last_good: "zuletzt geprüft {when}",
    in_thread: [
        "+ {n} weiteres in diesem Thread",
        "+ {n} weitere in diesem Thread",
    ],
    new: "neu",
    ongoing: "unverändert",
    worse: "schlechter",
    better: "besser",
    severity: ["Gering", "Mittel", "Hoch"],
    selected_local: "Auswahl durch ein lokales Modell",
    selected_cloud: "Auswahl durch ein Cloud-Modell",
    built_in: "ohne KI",
};

static FRENCH: Words = Words {
    language: Language::French,
    colon: "\u{a0}: ",
    bottom_line: "L’essentiel",
    decide: "À décider aujourd’hui",
    watch: "À surveiller",
    resolved: "Résolu depuis le dernier point",
    sources: "Sources",
    not_checked: "Non vérifié",
    next: "Prochaine étape\u{a0}:",
    open: "Ouvrir",
    source: "Source",
    page: "Lire ce point dans le navigateur",
    why_title: "Pourquoi vous recevez ceci",
    why: "Vous avez le rôle {role}\u{202f}; «\u{a0}{title}\u{a0}» était prévu pour {due}.",
    checked: "{checked} signaux vérifiés sur {total}",
    data: "données de {times}",
    rest: "Également ouverts",
    more: [
        "+ {n} autre, listé ci-dessous",
        "+ {n} autres, listés ci-dessous",
    ],
    more_high: [
        "+ {n} autre ci-dessous, {high}",
        "+ {n} autres ci-dessous, {high}",
    ],
    highs: ["{n} élevé", "{n} élevés"],
    apart: "Les montants en {currencies} sont classés à part, {first} d’abord",
    and: "et",
    unlisted: ["et {n} autre", "et {n} autres"],
    more_resolved: ["et {n} autre", "et {n} autres"],
    open_days: ["ouvert {n} jour", "ouvert {n} jours"],
    ongoing_days: ["depuis {n} jour", "depuis {n} jours"],
    signals: ["{n} signal", "{n} signaux"],
    signals_in_part: ["{n} signal en partie", "{n} signaux en partie"],
    last_good: "dernière vérification {when}",
    in_thread: ["+ {n} autre dans ce fil", "+ {n} autres dans ce fil"],
    new: "nouveau",
    ongoing: "inchangé",
    worse: "aggravé",
    better: "amélioré",
    severity: ["Faible", "Moyen", "Élevé"],
    selected_local: "sélection par un modèle local",
    selected_cloud: "sélection par un modèle dans le cloud",
    built_in: "sans IA",
};

static SPANISH: Words = Words {
    language: Language::Spanish,
    colon: ": ",
    bottom_line: "Lo esencial",
    decide: "Decidir hoy",
    watch: "Vigilar",
    resolved: "Resuelto desde el último informe",
    sources: "Fuentes",
    not_checked: "Sin comprobar",
    next: "Siguiente paso:",
    open: "Abrir",
    source: "Fuente",
    page: "Leer este informe en el navegador",
    why_title: "Por qué recibe esto",
    why: "Usted tiene el rol {role}; «{title}» estaba previsto para {due}.",
    checked: "{checked} de {total} señales comprobadas",
    data: "datos de {times}",
    rest: "También abiertos",
    more: ["+ {n} más, abajo", "+ {n} más, abajo"],
    more_high: ["+ {n} más abajo, {high}", "+ {n} más abajo, {high}"],
    highs: ["{n} alto", "{n} altos"],
    apart: "Los importes en {currencies} se ordenan por separado, primero {first}",
    and: "y",
    unlisted: ["y {n} más", "y {n} más"],
    more_resolved: ["y {n} más", "y {n} más"],
    open_days: ["abierto {n} día", "abierto {n} días"],
    ongoing_days: ["desde hace {n} día", "desde hace {n} días"],
    signals: ["{n} señal", "{n} señales"],
    signals_in_part: ["{n} señal en parte", "{n} señales en parte"],
    last_good: "última comprobación {when}",
    in_thread: ["+ {n} más en este hilo", "+ {n} más en este hilo"],
    new: "nuevo",
    ongoing: "sin cambios",
    worse: "peor",
    better: "mejor",
    severity: ["Bajo", "Medio", "Alto"],
    selected_local: "selección por un modelo local",
    selected_cloud: "selección por un modelo en la nube",
    built_in: "sin IA",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_from_what_to_what() {
        let worse = Status::Worse {
            from: Decimal::ONE,
            to: Decimal::new(30005, 1),
            unit: "failed runs".to_owned(),
            days: 2,
        };
        assert_eq!(
            Words::of(Language::English).status(&worse, Severity::High),
            "worse 1 → 3,000.5 failed runs"
        );
        assert_eq!(
            Words::of(Language::German).status(&worse, Severity::High),
            "schlechter 1 → 3.000,5 failed runs"
        );
        let raised = Status::Raised {
            from: Severity::Medium,
            days: 2,
        };
        assert_eq!(
            Words::of(Language::French).status(&raised, Severity::High),
            "aggravé moyen → élevé"
        );
        let ongoing = |days| {
            let status = Status::Ongoing { days };
            Words::of(Language::English).status(&status, Severity::High)
        };
        assert_eq!(ongoing(0), "ongoing");
        assert_eq!(ongoing(1), "ongoing 1 day");
        assert_eq!(ongoing(4), "ongoing 4 days");
    }

    #[test]
    fn amounts_of_several_currencies_are_told_to_stand_apart() {
        let apart = |language, codes: &[&str]| {
            let currencies: Vec<Currency> = codes
                .iter()
                .map(|code| Currency::new(code).unwrap())
                .collect();
            Words::of(language).apart(&currencies)
        };
        assert_eq!(apart(Language::English, &[]), None);
        assert_eq!(apart(Language::English, &["EUR"]), None);
        assert_eq!(
            apart(Language::English, &["EUR", "CHF", "USD"]).unwrap(),
            "Amounts in EUR, CHF and USD are ranked apart, EUR first"
        );
    }

    #[test]
    fn a_button_has_its_verb_once() {
        let words = Words::of(Language::English);
        assert_eq!(words.button("PAY-1182"), "Open PAY-1182");
        assert_eq!(words.button("Open PAY-1182"), "Open PAY-1182");
        assert_eq!(Words::of(Language::German).button("Open"), "Öffnen");
    }
}
