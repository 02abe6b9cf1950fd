//! Secrets: forms of vendors, keys, tokens, and what stands after the word for one.

use std::{ops::Range, sync::LazyLock};

use super::{
    Reason,
    fold::Folded,
    locks,
    pattern::{Patterns, compile, compile_with},
    spans::{Spans, With},
};

/// Forms that are secrets wherever they stand; over the folded text with its case.
static FORMS: LazyLock<Patterns> = LazyLock::new(|| {
    compile(&[
        r"-----BEGIN [A-Z0-9 ]{0,40}-----(?s:.*?)(?:-----END [A-Z0-9 ]{0,40}-----|\z)",
        r"-----END [A-Z0-9 ]{0,40}-----",
        r"\b(?:AKIA|ASIA|AGPA|AIDA|AROA|ABIA|ACCA)[A-Z0-9]{12,}\b",
        r"\b(?:sk|rk|pk)[-_](?:live|test|ant|proj|svcacct|or|lf|admin)?[-_]?[A-Za-z0-9_-]{14,}",
        r"\bgh[pousr]_[A-Za-z0-9]{16,}|\bgithub_pat_\w{16,}|\bgl(?:pat|rt|dt|cbt|soat|ft)-[\w-]{12,}",
        r"\bxox[abeprs]-[\w-]{8,}|\bxapp-[\w-]{8,}|hooks\.slack\.com/\S+",
        r"\bAIza[\w-]{20,}|\bya29\.[\w-]{10,}|\bGOCSPX-[\w-]{10,}",
        r"\bSG\.[\w-]{10,}\.[\w-]{10,}|\bkey-[0-9a-f]{24,}\b",
        r"\b(?:npm|dop_v1|doo_v1|hf|whsec|shpat|shpss|shpca|lin_api|gsk|r8|glsa|figd|pscale_tkn|pscale_pw|tfp|rubygems|sbp|ntn|secret|PMAK|dckr_pat|EAAC)_[A-Za-z0-9_]{12,}",
        r"\b(?:pypi|xai|nvapi|PMAK|sqp|sq0atp|sq0csp|hvs|hvb|patu?|NRAK|dp\.pt|op|atlasv1|CFPAT|AGE-SECRET-KEY)[-.][A-Za-z0-9_.-]{16,}",
        r"\b(?:AC|SK)[0-9a-f]{32}\b|\bdapi[0-9a-f]{24,}|\bATATT3\S{10,}|\bATCTT3\S{10,}",
        r"\beyJ[\w-]{6,}(?:\.[\w-]*){0,2}",
        r"(?i:AccountKey|SharedAccessKey|SharedAccessSignature|sig)=[A-Za-z0-9+/%=]{12,}",
        r"(?i:\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{12,}",
        r"(?i:\bcookie\s*:\s*[\w.-]+=)[^\s;]{6,}|(?i:\b(?:session|session_?id|sid|jsessionid|phpsessid|csrftoken)=)[^\s;&]{8,}",
        r"\bssh-(?:rsa|ed25519|dss)\s+AAAA\S*|\becdsa-sha2-\S+\s+AAAA\S*",
        r"\b\d{8,10}:AA[\w-]{30,}",
        r"\$2[aby]\$\d\d\$[./A-Za-z0-9]{20,}|\$argon2\S+|\$[156]\$\S{8,}",
        r"\bMII[A-Za-z0-9+/]{30,}[A-Za-z0-9+/=\s]*",
        r"\b[MN][A-Za-z\d]{23,25}\.[\w-]{6}\.[\w-]{27,}",
    ])
});

/// Codes that open something, with no other word needed; over the folded text without its case.
static CODES: LazyLock<Patterns> = LazyLock::new(|| {
    compile(&[
        r"\b(?:\w+-)?(?:pin|puk)(?:\s+(?:code|maestro|master|principal))?(?:\s+(?:is|was|ist|war|lautet|lautete|est|(?:é|e)tait|es|era))?\s*:?\s+\d{4,8}(?:-\d{1,4})?\b",
        // What a door, an alarm or a network asks for.
        r"\b(?:alarm|door|gate|entry|access|security|safe|lock|keypad|garage|vault|burglar)[\s-]codes?\b[^.!?\n\d]{0,40}\s[0-9]{3,8}[#*]?|\b(?:alarm|t(?:ü|ue)r|tor|zugangs|zutritts|sicherheits|tresor|safe|schlie(?:ß|ss)fach|eingangs)-?codes?\b[^.!?\n\d]{0,40}\s[0-9]{3,8}[#*]?",
        r"\b(?:digicode|code\s+(?:de\s+)?(?:l'alarme|d'acc(?:è|e)s|du\s+(?:coffre|portail|digicode)|de\s+la\s+porte|d'entr(?:é|e)e))\b[^.!?\n\d]{0,60}?\s[a-z]?\d{3,6}[a-z]?\b[^.!?\n;]{0,60}|\bc(?:ó|o)digo\s+(?:de\s+(?:la\s+)?(?:alarma|puerta|acceso|entrada)|del\s+(?:port(?:ó|o)n|garaje|portal|almac(?:é|e)n)|de\s+la\s+caja\s+fuerte)\b[^.!?\n\d]{0,40}\s\d{3,8}[#*]?",
        r"\b(?:code\s+secret|c(?:o|ó)digo\s+secreto|geheimcode|secret\s+code)(?:\s+(?:is|ist|lautet|est|es))?\s*:?\s+\d{4,8}\b",
        r"\b(?:combination|kombination|combinaison|combinaci(?:o|ó)n)(?:\s+(?:is|ist|lautet|est|es))?\s*:?\s+\d{1,2}(?:[-\s]\d{1,2}){2,5}\b",
        // What opens it stands in the sentence.
        r"(?:\xc3\xb6ffnet|\b(?:unlock\w*|disarm\w*|open(?:s|ed)?|switched\s+off|entsperr\w*|oeffnet|entsch(?:ä|ae)rf\w*|s'ouvre|d(?:é|e)verrouill\w*|d(?:é|e)sactiv\w*|desactiv\w*|abre\w*|desbloque\w*)\b)[^.!?\n]{0,40}\b(?:with|mit|avec|con|par)\s+(?:\S+\s+)?(?:code|clave|c(?:o|ó)digo|passcode|kennung)\s+\d{4,8}#?",
        r"\b(?:one-time\s+(?:code|password)|einmal(?:code|passwort)|code\s+(?:à|a)\s+usage\s+unique|c(?:o|ó)digo\s+de\s+un\s+solo\s+uso|otp)\b[^.!?\n\d]{0,50}\b\d{3}[\s-]?\d{3}\b",
        r"\b(?:(?:backup|recovery|emergency|rescue)\s+codes?|wiederherstellungs(?:code|schl(?:ü|ue)ssel)\w*|notfallcodes?|codes?\s+de\s+(?:secours|r(?:é|e)cup(?:é|e)ration)|c(?:ó|o)digos?\s+de\s+(?:emergencia|recuperaci(?:ó|o)n|respaldo))\b[^.!?\n]{0,50}?\b[a-z0-9]{4,8}(?:-[a-z0-9]{4,8})+\b[^.!?\n]{0,80}",
        r"\b(?:seed\s+(?:phrase|words)|restored?\s+with\s+the\s+words|recovery\s+phrase|phrase\s+de\s+r(?:é|e)cup(?:é|e)ration|phrase\s+de\s+secours|backup\s+phrase|frase\s+(?:semilla|de\s+(?:recuperaci(?:ó|o)n|respaldo))|wiederherstellungsphrase|sicherungsphrase|seed-?phrase)\b[^.!?\n]{0,30}?(?:[:\x22]|\xc2\xab|\xe2\x80.)[\s\xc2\xa0\x22]*(?:[a-z\x80-\xff]+\s+){7,}[a-z\x80-\xff]+",
    ])
});

/// A word for one and then its value in quotes.
static QUOTED: LazyLock<Patterns> = LazyLock::new(|| {
    compile(&[
        r"(?i)\b(?:passwords?|passwort|kennwort|passphrase|mot\s+de\s+passe|contrase(?:n|ñ)a|phrase\s+secr(?:e|è)te|palabra\s+de\s+paso|(?:wpa|wi-?fi|wlan)[\s-]*(?:key|schl(?:ü|ue)ssel|code)|cl(?:e|é)|clave|key|schl(?:ü|ue)ssel)[\s:,][^.!?\n\x22\xab\xe2]{0,60}?(?:\x22|\xc2\xab|\xe2\x80[\x9c\x9e])[\s\xc2\xa0]*([^\s\x22\xab\xbb\xe2]{6,40})[\s\xc2\xa0]*(?:\x22|\xc2\xbb|\xe2\x80[\x9c\x9d])",
        r"(?i)\b(?:wpa2?|wi-?fi|wlan|wireless)[\s-]*(?:key|schl(?:ü|ue)ssel|kennwort|passwort|password|code|pass\w*)(?:\s+(?:is|ist|lautet|reads|jetzt|now))*\s*:?\s+([^\s\x22\xab\xe2]*\d[^\s\x22\xab\xe2]*)|(?i)\b(?:cl(?:é|e)|clave|contrase(?:ñ|n)a|mot\s+de\s+passe)\s+(?:du\s+|del\s+|de\s+la\s+)?wi-?fi(?:\s+\S+){0,2}?\s*:?\s+([^\s\x22\xab\xe2]*\d[^\s\x22\xab\xe2]*)",
        r"(?i)\b(?:palabra\s+de\s+paso|losungswort|mot\s+de\s+passe|contrase(?:n|ñ)a|passwort|kennwort|password)\s+([^\s\x22\xab\xe2]{8,40})",
    ])
});

/// What a second look must tell from a sentence that goes on.
#[derive(Clone, Copy)]
enum Look {
    /// The word, what joins, and the value.
    Joined,
    /// The value right after the word.
    Right,
    /// The value before its word.
    Before,
    /// A short password right after its word.
    Short,
    /// A long token anywhere.
    Token,
    /// A name and its secret.
    Named,
    /// The value after a comma.
    Listed,
}

/// The words for a secret and what stands after one; over the folded text with its case.
static TOLD: LazyLock<Patterns<Look>> = LazyLock::new(|| {
    compile_with(
        &[
            r"(?i)(?:\s|^)(?:-p|--password|--token|--secret|--api-key)[=\s]\s*\S+",
            // The word after the value.
            r"(?i)\S{6,}\s*\((?:the\s+|das\s+|le\s+|la\s+)?(?:password|passwd|pwd|passwort|kennwort|mot\s+de\s+passe|contrase\S{1,3}a)\)",
            r"(?i)\S{3,}\d\S{2,}\s*\((?:the\s+|das\s+|le\s+|la\s+)?(?:pin|token|secret|api\s?key)\)",
            // "user / password" pairs.
            r#"(?i)\b(?:user(?:name)?|login|benutzer(?:name)?|usuario|utilisateur)\s*[:=]\s*\S+[\s,;/]+(?:and\s+|und\s+|et\s+|y\s+)?(?:pass\w*|pwd|kennwort|contrase\S+|mot\s+de\s+passe|pin)\s*[:=]\s*\S+"#,
        ],
        &[
            // The word, what joins, and the value.
            (
                Look::Joined,
                r#"(?i)\b((?:[a-z0-9]+[_-])*(?:passwords?|passwd|passwort|pwd|kennwort|mot\s+de\s+passe|contrase(?:n|\xc3\xb1)a|clave|secrets?|secreto|api[\s_-]?keys?|api-?schl(?:u|\xc3\xbc)ssel|apikey|(?:access|auth|refresh|bearer|session|bot|api|csrf|id)?[\s_-]?token|client[\s_-]?secret|(?:access|secret|private|signing|encryption|master|license)[\s_-]?key|passphrase|credentials?|geheimnis|zugangsdaten|pin|pat|pass|webhook[\s_-]?secret|dsn|login)(?:[_-](?:key|id|secret|hash|prod|live|value))?)["'`*]{0,3}(?:\s+(?:for|of|to|on|at|in|f(?:u|\xc3\xbc)r|von|vom|zu|zum|zur|im|am|pour|de|du|des|para|del|al|en)\s+(?:the\s+|our\s+|your\s+|die\s+|das\s+|den\s+|der\s+|dem\s+|le\s+|la\s+|les\s+|l'|el\s+|los\s+)?[^\s:=\x22'`]+){0,4}\s*(:=|=>|->|=|:|\b(?:is|was|were|has\s+been|have\s+been|wurde|a\s+\xc3\xa9t\xc3\xa9|fue|se)\s+(?:(?:re)?set|changed|ge\xc3\xa4ndert|chang\xc3\xa9e?|cambi\S+)\s+(?:to|auf|en|pour|a)\b|\blautet\s*:|\bis\s*:|\best\s*:|\bist\s*:|\bes\s*:|\bis\b|\bwas\b|\blautet\b|\bist\b|\best\b|\bes\b|\breads\b|\bset to\b|\bchanged to\b)\s*(?:(?:now|set to|currently|still|jetzt|nun)\s+)?["'`*]{0,3}([^\s"'`<>|*]+)"#,
            ),
            // A word for one with the value right after it.
            (
                Look::Right,
                r#"(?i)\b(?:passwords?|passwd|passwort|pwd|kennwort|passphrase|api[\s_-]?key|token|secret|credentials?|mot\s+de\s+passe|contrase(?:n|\xc3\xb1)a|key|schl(?:u|\xc3\xbc)ssel|pat|login|clave)\b[\s"'`(:=-]{1,4}([A-Za-z0-9+/_!@#$%^&*.~=-]{8,})"#,
            ),
            // The value before its word.
            (
                Look::Before,
                r"(?i)([^\s\x22'`(]{6,40})[\x22'`)]?\s+(?:as|als|comme|como)\s+(?:the\s+|das\s+|le\s+|la\s+)?(?:new\s+|neues\s+|nouveau\s+|nueva\s+)?(?:password|passwort|kennwort|mot\s+de\s+passe|contrase(?:n|\xc3\xb1)a|passphrase|pin)\b",
            ),
            // A short password right after its word.
            (
                Look::Short,
                r"(?i)\b(?:passwords?|passwort|kennwort|mot\s+de\s+passe|contrase(?:n|\xc3\xb1)a)\s+([A-Za-z0-9#!?*_-]{5,7})(?:[\s.,;]|$)",
            ),
            // A long token anywhere.
            (Look::Token, r"[A-Za-z0-9+/_=-]{20,}"),
            // A name and its secret after a word for both.
            (
                Look::Named,
                r"(?i)\b(?:logins?|zugangsdaten|credentials?|identifiants?|credenciales|anmeldung|zugang|acceso|acc\S{1,2}s)\b[^:\n.]{0,60}:\s*\S+\s*/\s*(\S{5,})",
            ),
            // The value after a comma.
            (
                Look::Listed,
                r"(?i)\b(?:passwords?|passwort|kennwort|secret|token|api[\s_-]?key|passphrase|contrase(?:n|\xc3\xb1)a|mot\s+de\s+passe),\s+([A-Za-z0-9+/_!@#$%^&*.~=-]{10,})",
            ),
        ],
    )
});

/// Is a code in it, or a quoted secret?
pub fn codes_are_in(folded: &Folded<'_>) -> bool {
    CODES.are_in(folded.lower.as_bytes())
        || QUOTED.are_in(folded.plain.as_bytes())
        || !locks::values(folded).is_empty()
}

pub fn find(folded: &Folded<'_>, spans: &mut Spans) {
    let plain = folded.plain.as_bytes();
    for (_, form) in FORMS.of(plain) {
        for found in form.find_iter(plain) {
            spans.add(folded, found.range(), Reason::Secret, With::Mark);
        }
    }
    let lower = folded.lower.as_bytes();
    for (_, form) in CODES.of(lower) {
        for found in form.find_iter(lower) {
            spans.add(folded, found.range(), Reason::Secret, With::Mark);
        }
    }
    for value in locks::values(folded) {
        spans.add(folded, value, Reason::Secret, With::Mark);
    }
    for (_, form) in QUOTED.of(plain) {
        for value in form.captures_iter(plain).filter_map(|found| found.get(1)) {
            let bare = told_range(plain, value.range());
            let bare = plain.get(bare).unwrap_or_default();
            let words = bare.iter().filter(|&&byte| byte == b'-').count();
            if !is_left_out(bare) && (mixed(bare, 6) || words >= 2) {
                spans.add(folded, value.range(), Reason::Secret, With::Mark);
            }
        }
    }
    for (look, form) in TOLD.of(plain) {
        for found in form.captures_iter(plain) {
            let Some(all) = found.get(0) else { continue };
            let text = |group: usize| {
                found
                    .get(group)
                    .map(|group| group.as_bytes())
                    .unwrap_or_default()
            };
            let rest = plain.get(all.end()..).unwrap_or_default();
            let secret = match look {
                Some(Look::Joined) => is_told(text(1), text(2), text(3), rest),
                Some(Look::Right) => mixed(text(1), 8) && !is_left_out(text(1)),
                Some(Look::Token) => {
                    is_random(all.as_bytes())
                        && (has_word_before(plain, all.start()) || is_long(all.as_bytes()))
                }
                Some(Look::Before) => mixed(text(1), 6),
                Some(Look::Short) => {
                    let has = |is: fn(&u8) -> bool| text(1).iter().any(is);
                    has(u8::is_ascii_digit) && has(u8::is_ascii_lowercase)
                }
                Some(Look::Named) => mixed(text(1), 5),
                Some(Look::Listed) => mixed(text(1), 10) && !is_left_out(text(1)),
                None => true,
            };
            if secret {
                spans.add(
                    folded,
                    told_range(plain, all.range()),
                    Reason::Secret,
                    With::Mark,
                );
            }
        }
    }
}

/// Without what ends the sentence.
fn told_range(plain: &[u8], mut range: Range<usize>) -> Range<usize> {
    while range.end > range.start
        && plain
            .get(range.end - 1)
            .is_some_and(|byte| matches!(byte, b'.' | b',' | b';'))
    {
        range.end -= 1;
    }
    range
}

fn is_left_out(value: &[u8]) -> bool {
    value.starts_with(b"[left") || value.starts_with(b"[")
}

/// Is what stands after the word its value, or the sentence going on?
fn is_told(word: &[u8], joint: &[u8], value: &[u8], rest: &[u8]) -> bool {
    let value = value.trim_ascii_end();
    let bare: Vec<u8> = value
        .iter()
        .copied()
        .filter(|byte| !matches!(byte, b'.' | b',' | b';' | b')' | b'!' | b'?'))
        .collect();
    if is_left_out(value) || bare.is_empty() {
        return false;
    }
    let word = word.to_ascii_lowercase();
    let leading = value
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    if word == b"pin" || word == b"login" || word == b"pass" || word == b"dsn" || word == b"pat" {
        return match joint {
            b"=" | b":=" => true,
            _ => {
                word == b"pin"
                    && leading >= 4
                    && !value.get(leading).is_some_and(u8::is_ascii_alphanumeric)
                    || word != b"pin" && mixed(&bare, 6) && joint == b":"
            }
        };
    }
    if matches!(joint, b"=" | b":=" | b"=>" | b"->") {
        return bare.len() >= 2;
    }
    if mixed(&bare, 5) {
        return true;
    }
    // "Password: swordfish", alone in its line or sentence, and not a word for its state.
    const STATES: [&str; 32] = [
        "required",
        "expired",
        "reset",
        "changed",
        "yes",
        "no",
        "none",
        "unknown",
        "optional",
        "missing",
        "invalid",
        "safe",
        "secure",
        "set",
        "wrong",
        "weak",
        "strong",
        "abgelaufen",
        "falsch",
        "sicher",
        "expirado",
        "caducada",
        "expir",
        "perdu",
        "simple",
        "out",
        "ready",
        "done",
        "key",
        "sicherheit",
        "trust",
        "people",
    ];
    let ends = rest
        .trim_ascii_start()
        .first()
        .is_none_or(|byte| matches!(byte, b'"' | b'\'' | b'`' | b'.' | b',' | b')'))
        || rest.first() == Some(&b'\n')
        || value.ends_with(b".");
    let lower = String::from_utf8_lossy(&bare).to_lowercase();
    let is_password = [&b"pass"[..], b"pwd", b"kennwort", b"contrase", b"mot"]
        .iter()
        .any(|stem| word.windows(stem.len()).any(|part| part == *stem));
    is_password && joint == b":" && ends && bare.len() >= 4 && !STATES.contains(&lower.as_str())
}

/// Letters and digits, or other signs among letters: no word of a language.
fn mixed(value: &[u8], least: usize) -> bool {
    let letters = value.iter().any(u8::is_ascii_alphabetic);
    let digits = value.iter().any(u8::is_ascii_digit);
    let inner = value
        .get(1..value.len().saturating_sub(1))
        .unwrap_or_default();
    let signs = inner.iter().any(|byte| {
        matches!(
            byte,
            b'!' | b'@' | b'#' | b'$' | b'%' | b'^' | b'&' | b'*' | b'~' | b'+' | b'='
        )
    });
    let hump = value
        .windows(2)
        .any(|pair| matches!(pair, [a, b] if a.is_ascii_lowercase() && b.is_ascii_uppercase()));
    let is_date = value
        .iter()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'.' | b':' | b'T' | b'Z'));
    let is_key = value
        .iter()
        .take_while(|byte| byte.is_ascii_uppercase())
        .count()
        >= 2
        && value.iter().filter(|&&byte| byte == b'-').count() == 1
        && value
            .rsplit(|&byte| byte == b'-')
            .next()
            .is_some_and(|tail| tail.iter().all(u8::is_ascii_digit));
    value.len() >= least
        && letters
        && (digits || signs || hump)
        && !is_date
        && !is_key
        && value.len() < 4096
}

/// A token with digits and letters of both cases, or of hexadecimal digits: none of a language, of a number, of a date.
fn is_random(token: &[u8]) -> bool {
    let count = |is: fn(&u8) -> bool| token.iter().filter(|byte| is(byte)).count();
    let (digits, lower, upper) = (
        count(u8::is_ascii_digit),
        count(u8::is_ascii_lowercase),
        count(u8::is_ascii_uppercase),
    );
    let hex = token.iter().all(u8::is_ascii_hexdigit) && digits >= 4 && lower + upper >= 4;
    let slashes = token.iter().filter(|&&byte| byte == b'/').count();
    hex || digits >= 2 && lower >= 4 && upper >= 3 && slashes <= token.len() / 8
}

fn is_long(token: &[u8]) -> bool {
    token.len() >= 32
}

fn has_word_before(plain: &[u8], at: usize) -> bool {
    const NEAR_BYTES: usize = 80;
    const STEMS: [&[u8]; 12] = [
        b"password",
        b"passwor",
        b"secret",
        b"token",
        b"key",
        b"credential",
        b"kennwort",
        b"bearer",
        b"geheim",
        b"contrase",
        b"passe",
        b"auth",
    ];
    let before = plain
        .get(at.saturating_sub(NEAR_BYTES)..at)
        .unwrap_or_default()
        .to_ascii_lowercase();
    STEMS
        .iter()
        .any(|stem| before.windows(stem.len()).any(|part| part == *stem))
}
