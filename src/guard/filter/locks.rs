//! What opens a door, a network or an account, told in a sentence of everyday: a thing that is locked, and a value that no
//! amount, date or number of a thing has. Each alone is ordinary language.

use std::{ops::Range, sync::LazyLock};

use super::{
    fold::Folded,
    pattern::{Patterns, compile},
};

/// Digits that a code has.
const FEWEST_DIGITS: usize = 3;

/// Things that a code opens, with the word that says so. One for each kind of value, in the order of [`Kind`].
static LOCKED: LazyLock<Patterns> = LazyLock::new(|| {
    compile(&[
        // A door, an alarm.
        r"(?:\b(?:keypad|key\s+box|key\s+safe|mailbox|voicemail|alarm|intruder|hofeinfahrt|anlage|bo(?:î|i)te\s+(?:à|a)\s+cl(?:é|e)s?|bo(?:î|i)te\s+murale|clavier|r(?:é|e)pondeur|immeuble|ascenseur|portero|buz(?:ó|o)n|panel|door|gate|safe|vault|padlock|lockers?|barrier|depot|warehouse|tastenfeld|bedienteil|alarmanlage|tresor|schlie(?:ß|ss)fach|schranke|tor|portail|alarme|coffre|porte|serrure|casier|entrep(?:ô|o)t|d(?:é|e)p(?:ô|o)t|port(?:ó|o)n|puerta|alarma|caja\s+fuerte|almac(?:é|e)n|teclado|taquilla|candado|t(?:ü|ue)r)\b[^.!?\n]*?(?:\b(?:opens?|opened|unlock\w*|disarm\w*|takes|switched\s+off|s'ouvre|se\s+coupe|d(?:é|e)sactiv\w*|d(?:é|e)verrouill\w*|abre\w*|desconect\w*|desactiv\w*|desbloque\w*|unscharf|entsch(?:ä|ae)rf\w*|entsperr\w*|eintippen|eingeben|tippen|w(?:ä|ae)hlen|taper|tapant|tapez|compose[rz]?|marcar?|teclear?|enter|dial|punch|press)\b|ffnet\b|ffnen\b))|\b(?:unscharf|disarm\w*|desconectar|d(?:é|e)sarmer)\b|\b(?:taper|tapant|tapez|compose[rz]?|enter|press|marcar?|teclear?)\b[^.!?\n]*?\b(?:clavier|keypad|teclado|annonce|mailbox|voicemail|r(?:é|e)pondeur|portero)\b",
        // A safe with a wheel.
        r"\b(?:safe|vault|padlock|lockers?|tresor|schloss|schlie(?:ß|ss)fach|coffre|cadenas|caja\s+fuerte|candado)\b[^.!?\n]*?\b(?:combination|kombination|combinaison|combinaci(?:o|ó)n)\b|\b(?:combination|kombination|combinaison|combinaci(?:o|ó)n)\b[^.!?\n]*?\b(?:safe|vault|padlock|tresor|schloss|coffre|cadenas|caja\s+fuerte|candado)\b",
        // A code that is good once.
        r"\b(?:one-time\s+(?:code|password|pin|passcode)|einmal(?:code|passwort|kennwort|pin)|code\s+(?:re(?:ç|c)u|envoy(?:é|e))\s+par\s+(?:sms|texto)|code\s+(?:à|a)\s+usage\s+unique|(?:clave|c(?:ó|o)digo|contrase(?:ñ|n)a)\s+de\s+un\s+solo\s+uso|(?:photo|push|sms|mobile)?-?tan|sms-?code|verification\s+code|passcode|best(?:ä|ae)tigungscode|code\s+de\s+(?:v(?:é|e)rification|confirmation)|c(?:ó|o)digo\s+de\s+verificaci(?:ó|o)n|otp)\b",
        // A network.
        r"\b(?:wi-?fi|w-?lan|network|netzwerk|g(?:ä|ae)stenetz|r(?:é|e)seau|red)\b[^.!?\n]*?\b(?:cl\xc3\xa9|(?:key|schl(?:ü|ue)ssel|cle|clave|password|passphrase|passwort|kennwort|mot\s+de\s+passe|phrase\s+de\s+passe|contrase(?:ñ|n)a)\b)",
        // A card.
        r"\b(?:bank|debit|credit|fuel|purchasing|corporate)?\s?(?:card|karte|\w+karte|carte|tarjeta)\b[^.!?\n]*?\b(?:code|code\s+pin|geheimzahl|geheimnummer|clave|c(?:ó|o)digo|pin)\b",
    ])
});

/// What is looked for after the word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Door,
    Wheel,
    Once,
    Network,
    Card,
}

const KINDS: [Kind; 5] = [
    Kind::Door,
    Kind::Wheel,
    Kind::Once,
    Kind::Network,
    Kind::Card,
];

/// The values, in the order of [`Kind`].
static VALUES: LazyLock<Patterns> = LazyLock::new(|| {
    compile(&[
        r"(?i)\b(?:with|mit|avec|con|takes|par|using|code|c(?:ó|o)digo|taper|tapant|tapez|compose[rz]?|marcar?|teclear?|enter|punch\s+in|press)\s+(?:the\s+|den\s+|dem\s+|le\s+|el\s+)?((?:[A-Za-z][ -]?)?\d{1,8}(?:[ #*A-Za-z-]\d{1,6}){0,4}[#*]?)|\s(\d{3,8}[#*]?|\d+[#*]\d+)\s+(?:eintippen|eingeben|tippen|w(?:ä|ae)hlen)\b|,\s+(\d{4,8}[#*]?)\s*(?:[.;,]|$)",
        r"((?:\d{2})(?:\s?(?:-|\xe2\x80\x93|\s|/)\s?\d{2}){2,5})\b",
        r"\b(\d{3}[ -]\d{3}|\d{6}|\d{4}|\d{8})\b",
        r"(?i)\b(?:cl\xc3\xa9|(?:key|schl(?:ü|ue)ssel|cle|clave|password|passphrase|passwort|kennwort|mot\s+de\s+passe|phrase\s+de\s+passe|contrase(?:ñ|n)a)\b)(?:\s+\S+){0,6}?[\s:,]+([^\s\x22]*[a-z][^\s\x22]*[0-9][^\s\x22]*)",
        r"(?i)\b(?:code|code\s+pin|geheimzahl|geheimnummer|clave|c(?:ó|o)digo|pin)\b(?:\s+\S+){0,4}?\s+(\d{4})\b",
    ])
});

/// Where the values stand.
pub fn values(folded: &Folded<'_>) -> Vec<Range<usize>> {
    let (plain, lower) = (folded.plain.as_bytes(), folded.lower.as_bytes());
    let mut found = Vec::new();
    if !LOCKED.are_in(lower) {
        return found;
    }
    for sentence in sentences(lower) {
        for ((kind, locked), value) in KINDS.iter().zip(LOCKED.each()).zip(VALUES.each()) {
            let text = lower.get(sentence.clone()).unwrap_or_default();
            if !locked.is_match(text) {
                continue;
            }
            let text = plain.get(sentence.clone()).unwrap_or_default();
            let values = value
                .captures_iter(text)
                .filter_map(|found| found.get(1).or(found.get(2)).or(found.get(3)));
            for value in values {
                let (before, after) = text.split_at(value.start());
                let after = after.get(value.len()..).unwrap_or_default();
                if is_value(*kind, value.as_bytes(), before, after) {
                    found.push(sentence.start + value.start()..sentence.start + value.end());
                }
            }
        }
    }
    found
}

/// Is it neither an amount nor a time nor the number of a thing?
fn is_value(kind: Kind, value: &[u8], before: &[u8], after: &[u8]) -> bool {
    let digits = value.iter().filter(|byte| byte.is_ascii_digit()).count();
    let is_year =
        value.len() == 4 && digits == 4 && (value.starts_with(b"19") || value.starts_with(b"20"));
    // 4.905, 12:30, $663 019, 663 019 €.
    let part_before = before.last().is_some_and(|byte| {
        matches!(byte, b'.' | b',' | b':' | b'$' | b'-' | b'/') || byte.is_ascii_digit()
    });
    let spaced_digit =
        before.ends_with(b" ") && before.iter().rev().nth(1).is_some_and(u8::is_ascii_digit);
    let money = |text: &[u8]| {
        let text = text.trim_ascii_start();
        let signs: [&[u8]; 9] = [
            b"\xe2\x82\xac",
            b"\xc2\xa3",
            b"$",
            b"%",
            b"eur",
            b"usd",
            b"chf",
            b"gbp",
            b"k",
        ];
        let lower = text
            .get(..4.min(text.len()))
            .unwrap_or_default()
            .to_ascii_lowercase();
        signs.iter().any(|sign| lower.starts_with(sign))
    };
    let part_after = matches!(after, [b'.' | b',' | b':' | b'/' | b'-', next, ..] if next.is_ascii_digit())
        || matches!(after, [b' ', next, ..] if next.is_ascii_digit())
        || money(after)
        || before.ends_with(b"\xe2\x82\xac");
    match kind {
        Kind::Network => {
            let bare = value
                .strip_suffix(b".")
                .or(value.strip_suffix(b","))
                .or(value.strip_suffix(b";"))
                .unwrap_or(value);
            let letters = bare.iter().filter(|byte| byte.is_ascii_lowercase()).count();
            digits > 0 && letters > 1 && bare.len() >= 8
        }
        Kind::Door => {
            digits >= FEWEST_DIGITS && !part_before && !part_after && !is_year && ends_clause(after)
        }
        Kind::Wheel => true,
        Kind::Once => !part_before && !spaced_digit && !part_after && !is_year && !counts(after),
        Kind::Card => !part_before && !part_after && !is_year && !counts(after),
    }
}

/// Does the clause end here, or go on with a word that does not say what was counted?
fn ends_clause(after: &[u8]) -> bool {
    const GOING_ON: &str = "and und et y within unscharf scharf on en am in to zu at now then from until since jetzt dann \
        wieder ab bis seit depuis ahora desde hasta after nach instead statt when \
        wenn quand cuando sur auf pendant puis après eintippen eingeben tippen wählen";
    let after = after.trim_ascii_start();
    let word = after
        .split(|byte| !byte.is_ascii_alphabetic() && *byte < 0x80)
        .next()
        .unwrap_or_default();
    word.is_empty()
        || GOING_ON
            .split_ascii_whitespace()
            .any(|going_on| going_on.as_bytes() == word)
}

/// Does a capital or a unit follow, as in "4500 Kunden"?
fn counts(after: &[u8]) -> bool {
    matches!(after, [b' ', next, ..] if next.is_ascii_uppercase())
}

/// Sentences and lines.
fn sentences(text: &[u8]) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut start = 0;
    std::iter::from_fn(move || {
        if start >= text.len() {
            return None;
        }
        let rest = text.get(start..).unwrap_or_default();
        let end = rest
            .iter()
            .enumerate()
            .position(|(at, byte)| {
                let next = rest.get(at + 1).copied().unwrap_or(b'\n');
                *byte == b'\n' || matches!(byte, b'.' | b'!' | b'?') && next.is_ascii_whitespace()
            })
            .map_or(text.len(), |at| start + at + 1);
        let sentence = start..end;
        start = end;
        Some(sentence)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::filter::fold::Start;

    fn told(text: &str) -> Vec<String> {
        let folded = Folded::new(text, Start::Line);
        let values = values(&folded).into_iter();
        values.map(|range| folded.plain[range].to_owned()).collect()
    }

    #[test]
    fn what_opens_something_is_found_beside_what_it_opens() {
        for (text, value) in [
            ("The side door opens with 4471# now.", "4471#"),
            (
                "Die Alarmanlage wird mit 7304 92 unscharf geschaltet.",
                "7304 92",
            ),
            ("Para desconectar la alarma, 114093.", "114093"),
            (
                "La combinación de la caja fuerte es 35-08-61-22.",
                "35-08-61-22",
            ),
            ("Le code reçu par SMS est le 417 688.", "417 688"),
            (
                "Das WLAN heißt Akademie, der Schlüssel ist Birke-Mond_2207.",
                "Birke-Mond_2207.",
            ),
            ("The fuel card has the code 3902.", "3902"),
        ] {
            assert_eq!(told(text), [value], "{text}");
        }
    }

    #[test]
    fn amounts_times_years_and_numbers_of_things_are_not() {
        for text in [
            "The gate opens at 07:30 and takes 4500 visitors a day.",
            "The warehouse opened with 4.905 € in the safe.",
            "The depot opens in 2027 with 1200 places.",
            "Die neue Filiale öffnet mit 4500 Artikeln.",
            "La puerta se abre con retraso, 12:30 en lugar de 12:00.",
            "The verification code was sent at 09:14 on 2026-11-25.",
            "Le réseau a une clé de répartition de 60 à 40.",
            "Each card has a code on its back.",
        ] {
            assert_eq!(told(text), [""; 0], "{text}");
        }
    }
}
