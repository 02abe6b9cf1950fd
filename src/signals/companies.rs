//! Companies by what different systems write of them: the domain of an address, a name without its legal form.

use unicode_normalization::UnicodeNormalization;

/// Domains whose addresses belong to people, not to companies; one a line.
const FREE_MAIL: &str = include_str!("free_mail.txt");
/// Providers of the same under many countries' suffixes: `yahoo.co.uk`, `gmx.at`.
const FREE_MAIL_ANYWHERE: [&str; 10] = [
    "aol",
    "gmail",
    "gmx",
    "googlemail",
    "hotmail",
    "outlook",
    "protonmail",
    "tutanota",
    "yahoo",
    "yandex",
];

/// The registrable domain of an address, host or web address by the public suffix list, lower case and in Unicode; empty for
/// free mail and for what is none.
pub(super) fn email_domain(text: &str) -> String {
    let text = text.trim().trim_end_matches(['>', '.']);
    let host = match text.split_once("://") {
        Some((_, rest)) => {
            let host = rest.split(['/', '?', '#']).next().unwrap_or(rest);
            let host = host.rsplit('@').next().unwrap_or(host);
            host.split(':').next().unwrap_or(host)
        }
        None => text.rsplit('@').next().unwrap_or(text),
    };
    let host = url::quirks::domain_to_unicode(host.trim().trim_end_matches('.'));
    let Some(domain) = psl::domain_str(&host) else {
        return String::new();
    };
    let provider = domain.split('.').next().unwrap_or(domain);
    if FREE_MAIL_ANYWHERE.contains(&provider) || FREE_MAIL.lines().any(|free| free == domain) {
        return String::new();
    }
    domain.to_owned()
}

/// Legal forms as they end a name, folded as names are; words of one form with a space between.
const LEGAL_FORMS: &[&str] = &[
    "ab",
    "ag",
    "aktiengesellschaft",
    "amba",
    "aps",
    "as",
    "asa",
    "bhd",
    "bv",
    "bvba",
    "co",
    "company",
    "corp",
    "corporation",
    "cv",
    "dac",
    "doo",
    "dd",
    "ead",
    "eeig",
    "eg",
    "ehf",
    "ek",
    "eood",
    "eurl",
    "ev",
    "gesellschaft mbh",
    "gesellschaft mit beschrankter haftung",
    "gbr",
    "gie",
    "gmbh",
    "ggmbh",
    "gesmbh",
    "hf",
    "inc",
    "incorporated",
    "jsc",
    "kda",
    "kft",
    "kg",
    "kgaa",
    "kk",
    "ks",
    "ky",
    "lda",
    "limitada",
    "limited",
    "limited liability company",
    "llc",
    "llp",
    "lp",
    "ltd",
    "ltda",
    "mbh",
    "nv",
    "nyrt",
    "oao",
    "oe",
    "og",
    "ohg",
    "ood",
    "ooo",
    "ou",
    "oy",
    "oyj",
    "pao",
    "pc",
    "plc",
    "private limited",
    "pllc",
    "pte",
    "pty",
    "pvt",
    "public limited company",
    "sa",
    "sa de cv",
    "sab de cv",
    "sapi de cv",
    "sarl",
    "sas",
    "sasu",
    "sca",
    "scrl",
    "sdn",
    "se",
    "sl",
    "slu",
    "sociedad anonima",
    "societa per azioni",
    "societe anonyme",
    "sp z oo",
    "spa",
    "spol sro",
    "srl",
    "sro",
    "ug",
    "zrt",
];

/// Forms that follow another with `& Co.` before them: `GmbH & Co. KG`.
const PARTNERSHIPS: [&str; 4] = ["kg", "kgaa", "ohg", "og"];
/// What joins a partner to the first: the sign itself, or its word.
const AND: [&str; 7] = ["&", "+", "and", "und", "et", "e", "y"];
/// Forms that stand before the name, in quotation marks or not, where they are unmistakable.
const LEGAL_FORMS_BEFORE: [&str; 5] = ["ооо", "оао", "зао", "пао", "тов"];

/// Letters with a stroke and ligatures, which Unicode does not take apart.
const LETTERS: [(char, &str); 10] = [
    ('ø', "o"),
    ('ł', "l"),
    ('đ', "d"),
    ('ħ', "h"),
    ('æ', "ae"),
    ('œ', "oe"),
    ('þ', "th"),
    ('ð', "d"),
    ('ı', "i"),
    ('ŧ', "t"),
];

/// The text without case and accents: compatibility forms, Unicode case folding, marks of European scripts.
fn folded(text: &str) -> String {
    let is_accent = |c: &char| ('\u{300}'..='\u{36f}').contains(c);
    let plain: String = text
        .nfkd()
        .filter(|c| !is_accent(c))
        // By way of capital letters what has no other small form is folded too: ß is SS is ss, and ς is σ.
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .nfkd()
        .filter(|c| !is_accent(c))
        .collect();
    let mut out = String::with_capacity(plain.len());
    for c in plain.chars() {
        match LETTERS.iter().find(|(letter, _)| *letter == c) {
            Some((_, written)) => out.push_str(written),
            None => out.push(c),
        }
    }
    out.nfc().collect()
}

/// A word of a name.
struct Word {
    text: String,
    /// It is made of single letters that end with a dot: `S.A.`.
    is_initials: bool,
}

/// The words of a name. Letters with dots or a stroke between are one word (`S.A.`, `G.m.b.H.`, `A/S`), also where spaces
/// stand between (`S. A.`); `&` and `+` are words, other signs part them.
fn words(text: &str) -> Vec<Word> {
    let text = text
        .replace(['\'', '’'], "")
        .replace('&', " & ")
        .replace('+', " + ");
    let is_inside = |c: char| c.is_alphanumeric() || matches!(c, '.' | '/' | '&' | '+');
    let mut words: Vec<Word> = Vec::new();
    for token in text.split(|c| !is_inside(c)) {
        let parts: Vec<&str> = token
            .split(['.', '/'])
            .filter(|part| !part.is_empty())
            .collect();
        let lengths = || parts.iter().map(|part| part.chars().count());
        let are_letters = parts
            .iter()
            .all(|part| part.chars().all(char::is_alphabetic));
        let singles = lengths().filter(|length| *length == 1).count();
        let is_short = are_letters && lengths().all(|length| length <= 3);
        if is_short && parts.len() > 1 && singles + 1 >= parts.len()
            || singles == 1 && parts.len() == 1
        {
            let text = parts.concat();
            let is_initials = are_letters && singles == parts.len() && token.ends_with('.');
            match words.last_mut() {
                Some(last) if is_initials && last.is_initials => last.text.push_str(&text),
                _ => words.push(Word { text, is_initials }),
            }
        } else {
            words.extend(parts.iter().map(|part| Word {
                text: (*part).to_owned(),
                is_initials: false,
            }));
        }
    }
    words
}

/// How many words at the end are a legal form.
fn form_at_end(words: &[&str]) -> usize {
    LEGAL_FORMS
        .iter()
        .filter_map(|form| {
            let form: Vec<&str> = form.split(' ').collect();
            words.ends_with(&form).then_some(form.len())
        })
        .max()
        .unwrap_or(0)
}

/// A company's name for exact comparison: without case, accents, punctuation and the legal form that ends it. A name that is
/// nothing but a legal form stays, as does a form that begins one ("SAS Institute").
pub(super) fn legal_name(text: &str) -> String {
    let all = words(&folded(text));
    let mut words: Vec<&str> = all.iter().map(|word| word.text.as_str()).collect();
    if words.len() > 1
        && let Some(first) = words.first()
        && LEGAL_FORMS_BEFORE.contains(first)
    {
        words.remove(0);
    }
    loop {
        let length = form_at_end(&words);
        let rest = words.len().saturating_sub(length);
        let is_and = |at: usize| words.get(at).is_some_and(|word| AND.contains(word));
        if length == 0 || rest == 0 || (rest == 1 && is_and(0)) {
            break;
        }
        let form = words.get(rest..).unwrap_or_default();
        // "& Co." is a name's own part ("Merck & Co., Inc."), but for a partnership: "Müller & Co. KG".
        if matches!(form, ["co" | "company"]) && is_and(rest - 1) {
            break;
        }
        let is_partnership = matches!(form, [form] if PARTNERSHIPS.contains(form));
        words.truncate(rest);
        if is_partnership
            && words.len() > 2
            && words.last() == Some(&"co")
            && words
                .get(words.len() - 2)
                .is_some_and(|word| AND.contains(word))
        {
            words.truncate(words.len() - 2);
        }
    }
    words.retain(|word| !matches!(*word, "&" | "+"));
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_those_that_a_company_registers_and_free_mail_is_nobody() {
        for (address, domain) in [
            ("it@eu.hartmann.example", "hartmann.example"),
            ("hartmann.example", "hartmann.example"),
            ("Nora <nora@Mail.Hartmann.Example.>", "hartmann.example"),
            ("https://www.hartmann.example/contact", "hartmann.example"),
            ("a@shop.acme.co.uk", "acme.co.uk"),
            ("a@shop.acme.com.sg", "acme.com.sg"),
            ("a@acme.or.at", "acme.or.at"),
            ("a@b.acme.k12.ca.us", "acme.k12.ca.us"),
            ("it@xn--mnchen-3ya.de", "münchen.de"),
            ("it@MÜNCHEN.de", "münchen.de"),
            ("a@会社.みんな", "会社.みんな"),
            ("maria@gmail.com", ""),
            ("maria@yahoo.co.uk", ""),
            ("maria@gmx.at", ""),
            ("maria@web.de", ""),
            ("maria@live.example", "live.example"),
            ("nonsense", ""),
            ("co.uk", ""),
            ("10.0.0.1", ""),
            ("", ""),
        ] {
            assert_eq!(email_domain(address), domain, "{address}");
        }
    }

    #[test]
    fn names_of_one_company_are_one_however_a_system_writes_them() {
        for (one, other) in [
            ("Müller & Söhne GmbH", "MULLER  SOHNE"),
            ("Groß GmbH", "GROSS G.m.b.H."),
            ("Telefónica, S.A.", "TELEFONICA SA"),
            ("Telefónica, S. A.", "Telefonica"),
            ("Rossi S.r.l.", "ROSSI SRL"),
            ("Rossi S.p.A.", "Rossi SpA"),
            ("Hartmann GmbH & Co. KG", "Hartmann GmbH + Co KG"),
            ("Hartmann GmbH & Co. KG", "Hartmann"),
            ("Müller & Co. KG", "Muller"),
            ("Ørsted A/S", "Orsted AS"),
            ("Huawei Technologies Co., Ltd.", "HUAWEI TECHNOLOGIES"),
            ("Acme (Pty) Ltd", "ACME Pty. Ltd."),
            ("Kowalski Sp. z o.o.", "KOWALSKI SP. Z O. O."),
            ("Cemex, S.A.B. de C.V.", "CEMEX SAB de CV"),
            ("Grupo Ejemplo S.A. de C.V.", "Grupo Ejemplo"),
            ("ΟΔΥΣΣΕΥΣ", "οδυσσευς"),
            ("ＡＣＭＥ Ltd", "Acme Limited"),
            ("J.P. Morgan", "JP Morgan"),
            ("ООО «Ромашка»", "Ромашка"),
        ] {
            assert_eq!(legal_name(one), legal_name(other), "{one} = {other}");
        }
    }

    #[test]
    fn names_of_different_companies_stay_different() {
        for (one, other) in [
            ("Müller", "Mueller"),
            ("SAS Institute Inc.", "Institute Inc."),
            ("AG Insurance SA", "Insurance SA"),
            ("Merck & Co., Inc.", "Merck KGaA"),
            ("AS", "SA"),
            ("AS", ""),
            ("Limited", "Inc"),
            ("かき", "がき"),
            ("Plan A", "Plan B"),
            ("Amazon.com", "Amazon"),
        ] {
            assert_ne!(legal_name(one), legal_name(other), "{one} / {other}");
        }
        assert_eq!(legal_name("AS"), "as");
        assert_eq!(legal_name(" & "), "");
    }
}
