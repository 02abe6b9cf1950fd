//! The fixed sentences of a brief, per language, in one place: the same thing is said the same way every day.

use super::select::Plain;
use crate::text::Language;

/// The fixed sentences of one language. `{name}`-marks stand where a value is put in.
#[derive(Debug)]
pub(super) struct Words {
    /// `{reason}`.
    pub plain: &'static str,
    plain_reasons: [&'static str; 15],
    /// `{title}`.
    pub too_late_subject: &'static str,
    /// `{due}`, `{expired}`.
    pub too_late: &'static str,
    /// `{n}`, `{since}`: one, several.
    pub missed: [&'static str; 2],
    /// `{due}`.
    pub not_reached: &'static str,
    /// `{n}`: one, several.
    pub quiet_days: [&'static str; 2],
    /// `{due}`, `{made}`: times of day.
    pub late: &'static str,
    /// `{source}`, `{cause}`.
    pub not_checked: &'static str,
    /// The same where some records could not be read.
    pub partly_checked: &'static str,
    /// `{n}`, `{total}`, `{signals}`: one, several.
    pub unknown: [&'static str; 2],
    pub incomplete: [&'static str; 2],
    /// `{n}`: one, several.
    pub and_more: [&'static str; 2],
    /// `{when}`.
    pub last_good: &'static str,
    /// `{sources}`.
    pub others_unchecked: &'static str,
    /// `{title}`.
    pub no_source_subject: &'static str,
    pub no_source: &'static str,
    /// `{title}`, `{n}`, `{total}`: one, several.
    pub unchecked_subject: [&'static str; 2],
    /// `{title}`, `{risks}`, `{unchecked}`.
    pub degraded_subject: &'static str,
    /// `{source}`.
    pub source_unchecked: &'static str,
    /// `{n}`, `{of}`, `{source}`: one, several.
    pub source_partly: [&'static str; 2],
    /// `{n}`: one, several.
    pub risks: [&'static str; 2],
    /// `{n}`: one, several.
    pub more: [&'static str; 2],
    /// `{risks}`, `{n}`: one that is all there is, several.
    pub to_decide: [&'static str; 2],
    /// `{risks}`.
    pub none_to_decide: &'static str,
    /// `{numbers}`.
    pub share_cause: &'static str,
    /// `{numbers}`: of items that a model shows side by side.
    pub see_also: &'static str,
    /// `{n}`, `{subject}`: one, several. Others of a subject of which one is shown.
    pub about_subject: [&'static str; 2],
    /// Between a label and what it is of.
    pub colon: &'static str,
    /// The step where a signal has none.
    pub no_next: &'static str,
    /// Before the last of several numbers.
    pub and: &'static str,
    /// Before the step of the worst, and before that of the next.
    pub first: &'static str,
    pub then: &'static str,
    /// Something was checked and showed nothing, something was not.
    pub nothing_found: &'static str,
    /// Sources answered, but no signal could be checked.
    pub nothing_checked: &'static str,
    /// `{title}`, `{checked}`, `{total}`.
    pub quiet_subject: &'static str,
    /// `{since}`: empty, or the next.
    pub quiet: &'static str,
    /// `{when}`.
    pub quiet_since: &'static str,
    /// `{what}`, `{date}`.
    pub next_date: &'static str,
    /// `{n}`, `{names}`: one, several.
    pub unchanged: [&'static str; 2],
    /// `{n}`: one, several.
    pub better: [&'static str; 2],
    /// `{what}`: a sentence that was said of something that is over.
    pub was: &'static str,
    /// `{what}`: found no more because its date is over.
    pub passed: &'static str,
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

    /// Why no model chose in it, as a clause.
    pub fn plain_reason(&self, reason: Plain) -> &'static str {
        let [
            timeout,
            refused,
            over_budget,
            not_local,
            not_set_up,
            unanswered,
            form,
            unreachable,
            access,
            quota,
            busy,
            too_long,
            misfit,
            unreadable,
            unfinished,
        ] = self.plain_reasons;
        match reason {
            Plain::Timeout => timeout,
            Plain::Refused => refused,
            Plain::OverBudget => over_budget,
            Plain::NotLocal => not_local,
            Plain::NotSetUp => not_set_up,
            Plain::Unanswered => unanswered,
            Plain::Form => form,
            Plain::Unreachable => unreachable,
            Plain::Access => access,
            Plain::Quota => quota,
            Plain::Busy => busy,
            Plain::TooLong => too_long,
            Plain::Misfit => misfit,
            Plain::Unreadable => unreadable,
            Plain::Unfinished => unfinished,
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
        // A value may end with the full stop that the sentence has too: "19. Dez."
        rest = match after.strip_prefix('.') {
            Some(after) if text.ends_with('.') => after,
            _ => after,
        };
    }
    text.push_str(rest);
    text
}

static ENGLISH: Words = Words {
    to_decide: ["{risks} to decide today", "{risks}, {n} to decide today"],
    none_to_decide: "{risks} to watch, none to decide today",
    share_cause: "; {numbers} share one cause",
    see_also: "See also {numbers}.",
    about_subject: [
        "And {n} more about {subject}",
        "And {n} more about {subject}",
    ],
    colon: ": ",
    no_next: "decide who looks at it.",
    and: "and",
    first: " First: ",
    then: "; then: ",
    plain: "Plain edition: {reason}. Facts, order and links are the same.",
    plain_reasons: [
        "the model did not answer in time",
        "the model refused",
        "this month's budget for the model is used up",
        "these data may be shown to a local model only, and none is set",
        "the model is not set up completely",
        "the model did not answer",
        "the model's answer was not in the form asked for",
        "the model could not be reached",
        "the model did not accept Daybrief's key",
        "the model's quota is used up",
        "the model is overloaded",
        "the brief was too long for the model",
        "the model's server did not take the request",
        "what came from the model was no answer",
        "the model did not come to an end within its longest answer",
    ],
    too_late_subject: "{title}: no brief today, too late",
    too_late: "The brief due {due} could not be made before {expired}: Daybrief or its machine was not running. Nothing was checked; the next one comes at its usual time.",
    missed: [
        "Since {since}, {n} brief before this one was not made: Daybrief was not running.",
        "Since {since}, {n} briefs before this one were not made: Daybrief was not running.",
    ],
    not_reached: "The brief of {due} may not have reached everyone it was for.",
    quiet_days: [
        "The day before was quiet: nothing was sent.",
        "The {n} days before were quiet: nothing was sent.",
    ],
    late: "This brief was due {due} and was made at {made}.",
    not_checked: "Not checked: {source} {cause}.",
    partly_checked: "Not fully checked: {source} {cause}.",
    unknown: [
        "{n} of {total} signals is unknown: {signals}.",
        "{n} of {total} signals are unknown: {signals}.",
    ],
    incomplete: [
        "{n} of {total} signals is incomplete: {signals}.",
        "{n} of {total} signals are incomplete: {signals}.",
    ],
    and_more: ["and {n} more", "and {n} more"],
    last_good: "Last good check: {when}.",
    others_unchecked: "Also not checked in full: {sources}.",
    no_source_subject: "{title}: no brief today, no source answered",
    no_source: "No brief today: no source answered. Nothing is known about this morning's risks.",
    unchecked_subject: [
        "{title}: {n} of {total} signals not checked",
        "{title}: {n} of {total} signals not checked",
    ],
    degraded_subject: "{title}: {risks}, {unchecked}",
    source_unchecked: "{source} not checked",
    source_partly: [
        "{n} of {of} {source} signals not checked",
        "{n} of {of} {source} signals not checked",
    ],
    risks: ["{n} risk", "{n} risks"],
    more: ["(+{n} more)", "(+{n} more)"],
    nothing_found: "What was checked shows nothing that needs you; the rest is unknown.",
    nothing_checked: "No signal could be checked: nothing is known about today's risks.",
    quiet_subject: "{title}: nothing needs you today ({checked} of {total} checked)",
    quiet: "Nothing new and nothing worse{since}.",
    quiet_since: " since {when}",
    next_date: "Next date: {what}, {date}.",
    unchanged: [
        "Ongoing, unchanged: {n} ({names}).",
        "Ongoing, unchanged: {n} ({names}).",
    ],
    better: ["Better: {n}.", "Better: {n}."],
    was: "Was: {what}",
    passed: "No longer due: {what}",
};

static GERMAN: Words = Words {
    to_decide: [
        "{risks}, heute zu entscheiden",
        "{risks}, davon {n} heute zu entscheiden",
    ],
    none_to_decide: "{risks} zu beobachten, heute nichts zu entscheiden",
    share_cause: "; {numbers} haben dieselbe Ursache",
    see_also: "Siehe auch {numbers}.",
    about_subject: [
        "Und {n} weiteres zu {subject}",
        "Und {n} weitere zu {subject}",
    ],
    colon: ": ",
    no_next: "entscheiden, wer sich darum kümmert.",
    and: "und",
    first: " Zuerst: ",
    then: "; dann: ",
    plain: "Einfache Ausgabe: {reason}. Fakten, Reihenfolge und Links sind dieselben.",
    plain_reasons: [
        "das Modell hat nicht rechtzeitig geantwortet",
        "das Modell hat abgelehnt",
        "das Budget dieses Monats für das Modell ist verbraucht",
        "diese Daten darf nur ein lokales Modell sehen, und keines ist eingerichtet",
        "das Modell ist nicht fertig eingerichtet",
        "das Modell hat nicht geantwortet",
        "die Antwort des Modells hatte nicht die verlangte Form",
        "das Modell war nicht zu erreichen",
        "das Modell hat den Schlüssel von Daybrief nicht angenommen",
        "das Kontingent des Modells ist aufgebraucht",
        "das Modell ist überlastet",
        "der Bericht war zu lang für das Modell",
        "der Server des Modells hat die Anfrage nicht angenommen",
        "was vom Modell kam, war keine Antwort",
        "das Modell ist innerhalb seiner längsten Antwort nicht zum Ende gekommen",
    ],
    too_late_subject: "{title}: heute kein Bericht, zu spät",
    too_late: "Der Bericht für {due} konnte nicht vor {expired} erstellt werden: Daybrief oder sein Rechner lief nicht. Nichts wurde geprüft; der nächste kommt zur üblichen Zeit.",
    missed: [
        "Seit {since} wurde {n} Bericht vor diesem nicht erstellt: Daybrief lief nicht.",
        "Seit {since} wurden {n} Berichte vor diesem nicht erstellt: Daybrief lief nicht.",
    ],
    not_reached: "Der Bericht für {due} hat vielleicht nicht alle erreicht, für die er bestimmt war.",
    quiet_days: [
        "Der Tag davor war ruhig: Nichts wurde gesendet.",
        "Die {n} Tage davor waren ruhig: Nichts wurde gesendet.",
    ],
    late: "Dieser Bericht war um {due} Uhr fällig und wurde um {made} Uhr erstellt.",
    not_checked: "Nicht geprüft: {source} {cause}.",
    partly_checked: "Nicht vollständig geprüft: {source} {cause}.",
    unknown: [
        "{n} von {total} Signalen ist unbekannt: {signals}.",
        "{n} von {total} Signalen sind unbekannt: {signals}.",
    ],
    incomplete: [
        "{n} von {total} Signalen ist unvollständig: {signals}.",
        "{n} von {total} Signalen sind unvollständig: {signals}.",
    ],
    and_more: ["und {n} weiteres", "und {n} weitere"],
    last_good: "Zuletzt geprüft: {when}.",
    others_unchecked: "Ebenfalls nicht vollständig geprüft: {sources}.",
    no_source_subject: "{title}: heute kein Bericht, keine Quelle hat geantwortet",
    no_source: "Heute kein Bericht: Keine Quelle hat geantwortet. Über die Risiken von heute ist nichts bekannt.",
    unchecked_subject: [
        "{title}: {n} von {total} Signalen nicht geprüft",
        "{title}: {n} von {total} Signalen nicht geprüft",
    ],
    degraded_subject: "{title}: {risks}, {unchecked}",
    source_unchecked: "{source} nicht geprüft",
    source_partly: [
        "{n} von {of} Signalen aus {source} nicht geprüft",
        "{n} von {of} Signalen aus {source} nicht geprüft",
    ],
    risks: ["{n} Risiko", "{n} Risiken"],
    more: ["(+{n} weiteres)", "(+{n} weitere)"],
    nothing_found: "Was geprüft wurde, verlangt heute nichts von Ihnen; der Rest ist unbekannt.",
    nothing_checked: "Kein Signal konnte geprüft werden: Über die Risiken von heute ist nichts bekannt.",
    quiet_subject: "{title}: heute nichts für Sie zu tun ({checked} von {total} geprüft)",
    quiet: "Nichts Neues und nichts schlechter{since}.",
    quiet_since: " seit {when}",
    next_date: "Nächster Termin: {what}, {date}.",
    unchanged: ["Unverändert: {n} ({names}).", "Unverändert: {n} ({names})."],
    better: ["Besser: {n}.", "Besser: {n}."],
    was: "War: {what}",
    passed: "Termin vorbei: {what}",
};

static FRENCH: Words = Words {
    to_decide: [
        "{risks} à décider aujourd’hui",
        "{risks}, dont {n} à décider aujourd’hui",
    ],
    none_to_decide: "{risks} à surveiller, rien à décider aujourd’hui",
    share_cause: "\u{202f}; {numbers} ont la même cause",
    see_also: "Voir aussi {numbers}.",
    about_subject: [
        "Et {n} autre concernant {subject}",
        "Et {n} autres concernant {subject}",
    ],
    colon: "\u{a0}: ",
    no_next: "décider qui s’en occupe.",
    and: "et",
    first: " D’abord\u{a0}: ",
    then: "\u{202f}; puis\u{a0}: ",
    plain: "Édition simple\u{a0}: {reason}. Les faits, l’ordre et les liens sont les mêmes.",
    plain_reasons: [
        "le modèle n’a pas répondu à temps",
        "le modèle a refusé",
        "le budget de ce mois pour le modèle est épuisé",
        "seul un modèle local peut voir ces données, et aucun n’est défini",
        "le modèle n’est pas entièrement configuré",
        "le modèle n’a pas répondu",
        "la réponse du modèle n’avait pas la forme demandée",
        "le modèle n’était pas joignable",
        "le modèle n’a pas accepté la clé de Daybrief",
        "le quota du modèle est épuisé",
        "le modèle est surchargé",
        "le point était trop long pour le modèle",
        "le serveur du modèle n’a pas accepté la demande",
        "ce qui est venu du modèle n’était pas une réponse",
        "le modèle n’a pas fini dans la longueur permise",
    ],
    too_late_subject: "{title}\u{a0}: pas de point aujourd’hui, trop tard",
    too_late: "Le point prévu pour {due} n’a pas pu être établi avant {expired}\u{a0}: Daybrief ou sa machine ne tournait pas. Rien n’a été vérifié\u{202f}; le prochain vient à son heure habituelle.",
    missed: [
        "Depuis {since}, {n} point avant celui-ci n’a pas été établi\u{a0}: Daybrief ne tournait pas.",
        "Depuis {since}, {n} points avant celui-ci n’ont pas été établis\u{a0}: Daybrief ne tournait pas.",
    ],
    not_reached: "Le point prévu pour {due} n’est peut-être pas arrivé à tous ses lecteurs.",
    quiet_days: [
        "Le jour précédent était calme\u{a0}: rien n’a été envoyé.",
        "Les {n} jours précédents étaient calmes\u{a0}: rien n’a été envoyé.",
    ],
    late: "Ce point était prévu à {due} et a été établi à {made}.",
    not_checked: "Non vérifié\u{a0}: {source} {cause}.",
    partly_checked: "Vérifié en partie\u{a0}: {source} {cause}.",
    unknown: [
        "{n} signal sur {total} est inconnu\u{a0}: {signals}.",
        "{n} signaux sur {total} sont inconnus\u{a0}: {signals}.",
    ],
    incomplete: [
        "{n} signal sur {total} est incomplet\u{a0}: {signals}.",
        "{n} signaux sur {total} sont incomplets\u{a0}: {signals}.",
    ],
    and_more: ["et {n} de plus", "et {n} de plus"],
    last_good: "Dernière vérification\u{a0}: {when}.",
    others_unchecked: "Vérifiés en partie ou pas du tout\u{a0}: {sources}.",
    no_source_subject: "{title}\u{a0}: pas de point aujourd’hui, aucune source n’a répondu",
    no_source: "Pas de point aujourd’hui\u{a0}: aucune source n’a répondu. On ne sait rien des risques de ce matin.",
    unchecked_subject: [
        "{title}\u{a0}: {n} signal sur {total} non vérifié",
        "{title}\u{a0}: {n} signaux sur {total} non vérifiés",
    ],
    degraded_subject: "{title}\u{a0}: {risks}, {unchecked}",
    source_unchecked: "{source} non vérifié",
    source_partly: [
        "{n} signal sur {of} de {source} non vérifié",
        "{n} signaux sur {of} de {source} non vérifiés",
    ],
    risks: ["{n} risque", "{n} risques"],
    more: ["(+{n} autre)", "(+{n} autres)"],
    nothing_found: "Rien à traiter dans ce qui a été vérifié\u{202f}; le reste est inconnu.",
    nothing_checked: "Aucun signal n’a pu être vérifié\u{a0}: on ne sait rien des risques d’aujourd’hui.",
    quiet_subject: "{title}\u{a0}: rien à traiter aujourd’hui ({checked} sur {total} vérifiés)",
    quiet: "Rien de nouveau ni d’aggravé{since}.",
    quiet_since: " depuis {when}",
    next_date: "Prochaine date\u{a0}: {what}, {date}.",
    unchanged: [
        "Inchangé\u{a0}: {n} ({names}).",
        "Inchangés\u{a0}: {n} ({names}).",
    ],
    better: ["En amélioration\u{a0}: {n}.", "En amélioration\u{a0}: {n}."],
    was: "C’était\u{a0}: {what}",
    passed: "Échéance passée\u{a0}: {what}",
};

static SPANISH: Words = Words {
    to_decide: [
        "{risks} para decidir hoy",
        "{risks}, {n} de ellos para decidir hoy",
    ],
    none_to_decide: "{risks} para vigilar, nada que decidir hoy",
    share_cause: "; {numbers} tienen la misma causa",
    see_also: "Véase también {numbers}.",
    about_subject: ["Y {n} más sobre {subject}", "Y {n} más sobre {subject}"],
    colon: ": ",
    no_next: "decidir quién se ocupa de ello.",
    and: "y",
    first: " Primero: ",
    then: "; después: ",
    plain: "Edición simple: {reason}. Los hechos, el orden y los enlaces son los mismos.",
    plain_reasons: [
        "el modelo no respondió a tiempo",
        "el modelo se negó",
        "el presupuesto de este mes para el modelo está agotado",
        "solo un modelo local puede ver estos datos, y no hay ninguno",
        "el modelo no está configurado del todo",
        "el modelo no respondió",
        "la respuesta del modelo no tenía la forma pedida",
        "no se pudo llegar al modelo",
        "el modelo no aceptó la clave de Daybrief",
        "la cuota del modelo está agotada",
        "el modelo está sobrecargado",
        "el informe era demasiado largo para el modelo",
        "el servidor del modelo no aceptó la petición",
        "lo que llegó del modelo no era una respuesta",
        "el modelo no terminó dentro de la longitud permitida",
    ],
    too_late_subject: "{title}: hoy no hay informe, demasiado tarde",
    too_late: "El informe previsto para {due} no se pudo hacer antes de {expired}: Daybrief o su máquina no funcionaba. No se comprobó nada; el próximo llega a su hora habitual.",
    missed: [
        "Desde {since}, {n} informe anterior a este no se hizo: Daybrief no funcionaba.",
        "Desde {since}, {n} informes anteriores a este no se hicieron: Daybrief no funcionaba.",
    ],
    not_reached: "Puede que el informe previsto para {due} no haya llegado a todos sus lectores.",
    quiet_days: [
        "El día anterior fue tranquilo: no se envió nada.",
        "Los {n} días anteriores fueron tranquilos: no se envió nada.",
    ],
    late: "Este informe estaba previsto a las {due} y se hizo a las {made}.",
    not_checked: "Sin comprobar: {source} {cause}.",
    partly_checked: "Comprobado en parte: {source} {cause}.",
    unknown: [
        "{n} de {total} señales no se conoce: {signals}.",
        "{n} de {total} señales no se conocen: {signals}.",
    ],
    incomplete: [
        "{n} de {total} señales está incompleta: {signals}.",
        "{n} de {total} señales están incompletas: {signals}.",
    ],
    and_more: ["y {n} más", "y {n} más"],
    last_good: "Última comprobación: {when}.",
    others_unchecked: "Comprobadas en parte o nada: {sources}.",
    no_source_subject: "{title}: hoy no hay informe, ninguna fuente respondió",
    no_source: "Hoy no hay informe: ninguna fuente respondió. No se sabe nada de los riesgos de esta mañana.",
    unchecked_subject: [
        "{title}: {n} de {total} señales sin comprobar",
        "{title}: {n} de {total} señales sin comprobar",
    ],
    degraded_subject: "{title}: {risks}, {unchecked}",
    source_unchecked: "{source} sin comprobar",
    source_partly: [
        "{n} de {of} señales de {source} sin comprobar",
        "{n} de {of} señales de {source} sin comprobar",
    ],
    risks: ["{n} riesgo", "{n} riesgos"],
    more: ["(+{n} más)", "(+{n} más)"],
    nothing_found: "En lo comprobado no hay nada que atender; el resto se desconoce.",
    nothing_checked: "No se pudo comprobar ninguna señal: no se sabe nada de los riesgos de hoy.",
    quiet_subject: "{title}: hoy no hay nada que atender ({checked} de {total} comprobadas)",
    quiet: "Nada nuevo ni nada peor{since}.",
    quiet_since: " desde {when}",
    next_date: "Próxima fecha: {what}, {date}.",
    unchanged: ["Sin cambios: {n} ({names}).", "Sin cambios: {n} ({names})."],
    better: ["Ha mejorado: {n}.", "Han mejorado: {n}."],
    was: "Era: {what}",
    passed: "Plazo cumplido: {what}",
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
