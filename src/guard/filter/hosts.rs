//! Hosts, addresses, ports, file paths and connection strings.

use std::{borrow::Cow, ops::Range, sync::LazyLock};

use url::Url;

use super::{
    Reason,
    fold::Folded,
    pattern::{Patterns, compile, compile_with},
    spans::{Spans, With},
};
use crate::guard::Guard;

/// What a second look must tell from numbers and words.
#[derive(Clone, Copy)]
enum Look {
    /// Four numbers.
    Four,
    /// Groups of hexadecimal digits.
    Six,
    /// Four numbers with something else for dots.
    Masked,
    /// What runs in a cluster: a name, a hash and five signs.
    Pod,
    /// Names with slashes.
    Path,
}

static ADDRESSES: LazyLock<Patterns<Look>> = LazyLock::new(|| {
    compile_with(
        &[
            r"\b(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}\b",
            r"\blocalhost(?::\d+)?(?:/\S*)?",
            r"\b(?:tcp/|udp/)?ports?\s+(?:number\s+)?\d{3,5}\b|\bport\s*[=:]\s*\d+",
            r"\b[a-z][a-z0-9-]*[a-z0-9]:(?:22|25|80|443|465|587|993|1433|1521|2181|2375|3000|3306|4222|5000|5432|5672|5984|6379|6443|7687|8000|8080|8086|8088|8123|8443|8500|9000|9090|9092|9200|9300|11211|11434|15672|27017|27018|50051)\b",
            r"\b(?:[a-z0-9]+-)*(?:db|database|srv|server|prod|stg|staging|vm|redis|mysql|postgres|pg|mongo|mongodb|kafka|k8s|proxy|vpn|ldap|nas|ec2|ip|dc|smtp)(?:-[a-z]+)*(?:-?\d+[a-z]?)(?:-\d+)*\b",
            r"\b(?:[a-z0-9]+-)+(?:prd|uat|tst|qas)-?\d{1,3}\b",
            // A name of two parts with its port, which is no year of a standard.
            r"\b[a-z][a-z0-9]*(?:-[a-z0-9]+)+:(?:1[0-8]\d\d|2[1-9]\d\d|[3-9]\d{3}|[1-6]\d{4})\b",
            r"\b(?:lb|fw|gw|rtr)-[a-z]{2,}(?:-[a-z]+)*-\d{1,3}\b",
            r"\b(?:db|srv|server|redis|mysql|postgres|pg|mongo|mongodb|kafka|k8s|ldap|web|app|api|cache|worker|node|internal)-(?:[a-z]+-)*(?:prod|stg|staging|dev|primary|replica|master|slave|db|internal|eu|us)\b(?:-[a-z0-9]+)*|\b(?:prod|stg|staging|dev)-(?:[a-z0-9]+-)*(?:db|srv|server|redis|mysql|postgres|pg|mongo|mongodb|kafka|k8s|cluster|web|api|app)\b(?:-[a-z0-9]+)*",
        ],
        &[
            (Look::Four, r"\b(?:\d{1,3}\.){3}\d{1,3}(?:[:/]\d{1,5})?\b"),
            (
                Look::Six,
                r"\[?\b(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}\b\]?(?:[:/]\d+)?|\[?(?:\b(?:[0-9a-f]{1,4}:){1,6}|::)(?::?[0-9a-f]{1,4}\b)(?::[0-9a-f]{1,4}){0,6}\]?(?:[:/]\d+)?",
            ),
            (
                Look::Pod,
                r"\b(?:pods?/)?[a-z][a-z0-9]*(?:-[a-z]+)*-[a-f0-9]{6,10}-[a-z0-9]{5}\b",
            ),
            (
                Look::Masked,
                r"\b\d{1,3}(?:\s?(?:\.|[(\[](?:dot|punkt|point|punto|\.)[)\]]|\sdot\s)\s?\d{1,3}){3}\b",
            ),
        ],
    )
});

/// A name of two labels or more. What it is its last label says.
static DOTTED: LazyLock<Patterns> = LazyLock::new(|| {
    compile(&[
        r"[a-z0-9_-]+(?:(?:\.|\[\.\]|\(\.\))[a-z0-9_-]+)+(?::\d{1,5})?(?:[/?#][^\s<>\x22'`|)\]]*)?",
    ])
});

static FILES: LazyLock<Patterns<Look>> = LazyLock::new(|| {
    compile_with(
        &[
            r#"\b[a-z]:\\[^\s"'`<>|]*(?:\s[^\s"'`<>|\\]+\\[^\s"'`<>|]*)*|\b[a-z]:/[^\s"'`<>|]+|\\\\[a-z0-9._$-]+\\[^\s"'`<>|]*|%(?:appdata|userprofile|temp|windir|programfiles)%\S*"#,
            r"\b(?:[\w.-]+/)+[\w.-]+\.(?:py|rs|jsx?|tsx?|java|go|rb|php|cs|cpp|cc?|h|sh|ya?ml|json|toml|sql|conf|cfg|env|ini|xml|log|key|pem|crt|db|sqlite3?|vue|kt|swift|scala|pl|lua|tf|lock|gradle|ipynb|parquet|avro|bak|dump|proto)\b(?::\d+(?::\d+)?)?",
            r"(?:\b[\w-]+|\B)\.(?:py|rs|tsx|jsx|java|rb|php|sh|ya?ml|toml|sql|conf|cfg|env|ini|log|pem|sqlite3?|tf|ipynb|bak|dump|tfstate|htaccess|bashrc|npmrc|pgpass)\b(?::\d+(?::\d+)?)?",
            r"\B\.[a-z][\w-]+/[\w./-]+|\bid_(?:rsa|ed25519|ecdsa|dsa)\b|\b(?:etc/passwd|etc/shadow|authorized_keys|docker-compose|dockerfile|makefile)\b",
        ],
        &[(
            Look::Path,
            r#"(?:^|[\s"'`(=:,\[>])((?:~|\.{1,2})?/(?:[\w.@+~-]+/)*[\w.@+~*-]+/?)"#,
        )],
    )
});

/// Names and values that open a database, in one line.
static CONNECTIONS: LazyLock<Patterns> = LazyLock::new(|| {
    compile(&[
        r"\bjdbc:[a-z0-9]+:[^\s\x22'`]+",
        r"\b(?:server|data source|host|hostname|addr(?:ess)?|driver|dsn)\s*=\s*[^;\n\s]+\s*(?:;\s*|\s+)(?:[a-z_ ]+=[^;\n]*;?\s*)*(?:database|dbname|initial catalog|user id|uid|user|pwd|password|port)\s*=[^\n]*",
        r"\bdriver=\{[^}]*\}[^\n]*",
    ])
});

/// Last labels that make a name a host of the net. A host inside is told by [`INSIDE`].
const NET: &str = "com net org io dev app co de fr es uk eu us ch at it nl be pl ai info biz ru cn in jp br me tv cc to ly sh gg xyz \
    top site online store shop cloud tech link click live page pages run host website example edu gov mil int su tk ml \
    ga cf pw ws icu zip mov digital company agency systems solutions email news blog club pro mobi asia cat onion goog \
    aws azure se no dk fi pt ie gr cz hu ro tr ua ca au nz mx ar cl za sg hk kr tw id";

/// Last labels of hosts that only a network of its own knows.
const INSIDE: &str = "internal local lan corp intranet localdomain svc home private test invalid localhost intern intra prod staging \
    cluster consul vpn arpa domain interne interno priv";

fn is_one_of(words: &str, word: &str) -> bool {
    words.split_ascii_whitespace().any(|one| one == word)
}

pub fn find(folded: &Folded<'_>, allowed: &Guard, spans: &mut Spans) {
    let lower = folded.lower.as_bytes();
    let connections = folded.holds(b"=:").then_some(&CONNECTIONS);
    for (_, form) in connections
        .into_iter()
        .flat_map(|connections| connections.of(lower))
    {
        for found in form.find_iter(lower) {
            spans.add(
                folded,
                found.range(),
                Reason::Host,
                With::Words("the database".into()),
            );
        }
    }
    for (look, form) in ADDRESSES.of(lower) {
        for found in form.find_iter(lower) {
            let is_address = match look {
                Some(Look::Four) => is_address(lower, &found.range()),
                Some(Look::Six) => is_v6(lower, &found.range()),
                Some(Look::Pod) => is_pod(found.as_bytes()),
                Some(Look::Masked) => is_masked(found.as_bytes()),
                _ => true,
            };
            if !is_address {
                continue;
            }
            let words = if found.as_bytes().starts_with(b"port") {
                "a port"
            } else {
                "an internal address"
            };
            spans.add(
                folded,
                found.range(),
                Reason::Host,
                With::Words(words.into()),
            );
        }
    }
    for found in DOTTED.each().iter().flat_map(|form| form.find_iter(lower)) {
        dotted(folded, found.range(), allowed, spans);
    }
    for (look, form) in FILES.of(lower) {
        for found in form.captures_iter(lower) {
            let Some(path) = found.get(1).or(found.get(0)) else {
                continue;
            };
            if matches!(look, Some(Look::Path)) && !is_path(path.as_bytes()) {
                continue;
            }
            spans.add(
                folded,
                path.range(),
                Reason::File,
                With::Words("a file".into()),
            );
        }
    }
}

/// Four numbers below 256, and not the version of something.
fn is_address(lower: &[u8], range: &Range<usize>) -> bool {
    let text = lower.get(range.clone()).unwrap_or_default();
    let before = before_numbers(
        lower
            .get(range.start.saturating_sub(60)..range.start)
            .unwrap_or_default(),
    );
    let after = lower
        .get(range.end..(range.end + 2).min(lower.len()))
        .unwrap_or_default();
    let numbers: Vec<u32> = text
        .split(|byte| !byte.is_ascii_digit())
        .take(4)
        .filter_map(|number| std::str::from_utf8(number).ok()?.parse().ok())
        .collect();
    let is_inside = matches!(
        numbers.as_slice(),
        [10 | 127, ..] | [172, 16..=31, ..] | [192, 168, ..] | [169, 254, ..]
    );
    let is_large = numbers.iter().any(|&number| number >= 40);
    let has_port = text.iter().any(|byte| matches!(byte, b':' | b'/'));
    let is_version = VERSIONS.iter().any(|word| before.ends_with(word)) || before == b"v";
    let goes_on = after.first() == Some(&b'.') && after.get(1).is_some_and(u8::is_ascii_digit)
        || range.start > 0 && lower.get(range.start - 1) == Some(&b'.');
    numbers.len() == 4
        && numbers.iter().all(|&number| number < 256)
        && !goes_on
        && (has_port
            || is_inside && is_large
            || !is_version && (is_inside || is_large || is_repeated(&numbers)))
}

/// Are the hash and what follows it of letters and digits both, as the number of an order is not?
fn is_pod(name: &[u8]) -> bool {
    let mut parts = name.rsplit(|&byte| byte == b'-');
    let mixed = |part: Option<&[u8]>| {
        part.is_some_and(|part| {
            part.iter().any(u8::is_ascii_digit) && part.iter().any(u8::is_ascii_alphabetic)
        })
    };
    let (last, hash) = (parts.next(), parts.next());
    mixed(last) && mixed(hash)
}

/// Four numbers below 256 with at least one sign between them that is not a dot alone.
fn is_masked(found: &[u8]) -> bool {
    let numbers = found
        .split(|byte| !byte.is_ascii_digit())
        .filter(|number| !number.is_empty())
        .filter_map(|number| std::str::from_utf8(number).ok()?.parse::<u32>().ok());
    found
        .iter()
        .any(|byte| !byte.is_ascii_digit() && *byte != b'.')
        && numbers.clone().count() == 4
        && numbers.clone().all(|number| number < 256)
}

/// What stands before a list of numbers: "sections 3.1, 3.2.4 and" ends with "sections".
fn before_numbers(before: &[u8]) -> &[u8] {
    const JOINTS: [&[u8]; 8] = [b"and", b"to", b"or", b"und", b"bis", b"et", b"y", b"&"];
    let mut before = before.trim_ascii_end();
    loop {
        let word = before
            .iter()
            .rev()
            .take_while(|byte| !byte.is_ascii_whitespace())
            .count();
        let (rest, last) = before.split_at(before.len() - word);
        let is_number = last.first().is_some_and(u8::is_ascii_digit)
            && last
                .iter()
                .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b',' | b'-'));
        if rest.is_empty() || !is_number && !JOINTS.contains(&last) {
            return before;
        }
        before = rest.trim_ascii_end();
    }
}

/// Words before the number of a version or a section.
const VERSIONS: [&[u8]; 39] = [
    b"version",
    b"release",
    b"build",
    b" v",
    b"firmware",
    b"revision",
    b" rev.",
    b"clause",
    b"clauses",
    b"section",
    b"sections",
    b"chapter",
    b"article",
    b"paragraph",
    b"point",
    b"annex",
    b"appendix",
    b"schedule",
    b"abschnitt",
    b"kapitel",
    b"ziffer",
    b"punkt",
    b"artikel",
    b"absatz",
    b"anlage",
    b"anhang",
    b"annexe",
    b"chapitre",
    b"alin\xc3\xa9a",
    b"punto",
    b"anexo",
    b"cl\xc3\xa1usula",
    b"art\xc3\xadculo",
    b"cap\xc3\xadtulo",
    b"secci\xc3\xb3n",
    b"apartado",
    b" art.",
    b" abs.",
    b"\xc2\xa7",
];

/// `8.8.8.8`: nobody numbers a section so.
fn is_repeated(numbers: &[u32]) -> bool {
    matches!(numbers, [a, b, c, d] if a == b && c == d)
}

/// At least two groups, one of them with a letter or the whole long or shortened: not a time.
fn is_v6(lower: &[u8], range: &Range<usize>) -> bool {
    let text = lower.get(range.clone()).unwrap_or_default();
    let shortened = text.windows(2).any(|pair| pair == b"::");
    let colons = text.iter().filter(|&&byte| byte == b':').count();
    let before = range.start.checked_sub(1).and_then(|at| lower.get(at));
    let after = lower.get(range.end);
    let inside_word =
        |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    (colons >= 7 || shortened && (colons >= 3 || text.iter().any(u8::is_ascii_digit)))
        && !inside_word(before)
        && !inside_word(after)
}

fn dotted(folded: &Folded<'_>, range: Range<usize>, allowed: &Guard, spans: &mut Spans) {
    let text = folded.lower.get(range.clone()).unwrap_or_default();
    let bytes = folded.lower.as_bytes();
    let before = range
        .start
        .checked_sub(1)
        .and_then(|at| bytes.get(at))
        .copied()
        .unwrap_or(b' ');
    // The host of somebody's mail address.
    if before == b'@'
        || bytes.get(range.end) == Some(&b'@')
        || spans.stands(&folded.origin(range.clone()))
    {
        return;
    }
    let host_end = text.find([':', '/', '?', '#']).unwrap_or(text.len());
    let Some(host) = text.get(..host_end) else {
        return;
    };
    let has_more = host_end < text.len() && text.len() > host_end + 1;
    let clean: Cow<'_, str> = if host.contains(['[', '(']) {
        host.replace("[.]", ".").replace("(.)", ".").into()
    } else {
        host.into()
    };
    let last = clean.rsplit('.').next().unwrap_or_default();
    let labels = clean.split('.').count();
    let plain = folded
        .plain
        .get(range.start..range.start + host_end)
        .unwrap_or_default();
    let written_last = plain.rsplit(['.', ']', ')']).next().unwrap_or_default();
    // "…done.It goes on": a sentence without its space; the last label of a host has one case.
    let one_case =
        written_last.chars().all(|c| !c.is_uppercase()) || plain.chars().all(|c| !c.is_lowercase());
    let known = is_one_of(NET, last) && one_case && plain != "ASP.NET";
    let inside = is_one_of(INSIDE, last) && (labels > 2 || one_case);
    let word_in_front = clean.split('.').next().unwrap_or_default();
    let is_abbreviation = labels == 2 && word_in_front.len() < 2 && !has_more;
    let is_number = clean
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let has_port = text
        .get(host_end..)
        .is_some_and(|rest| rest.starts_with(':') && rest.len() > 2);
    // An address made harmless: 10[.]20[.]31[.]4.
    if is_number && labels == 4 && clean != host {
        let words = With::Words("an internal address".into());
        spans.add(folded, range, Reason::Host, words);
        return;
    }
    if is_number || is_abbreviation || clean.starts_with('-') || word_in_front.is_empty() {
        return;
    }
    // "Booking.com" is a company.
    let is_brand = labels == 2
        && !has_more
        && clean == host
        && plain.starts_with(|c: char| c.is_ascii_uppercase())
        && is_one_of(NET, last);
    // Three labels or more in small letters are the name of a machine or of a program's part, never a word.
    let is_machine = labels >= 3
        && plain.bytes().all(|byte| !byte.is_ascii_uppercase())
        && clean
            .split('.')
            .all(|label| label.len() >= 2 && label.starts_with(|c: char| c.is_ascii_alphabetic()));
    let is_host = inside
        || is_machine
        || known && !is_brand
        || has_port && last.chars().all(|c| c.is_ascii_alphabetic());
    if !is_host || is_file(last, has_more) {
        return;
    }
    let raw = folded
        .raw
        .get(folded.origin(range.clone()))
        .unwrap_or_default();
    let host_alone = !has_port && clean == host;
    let url = Url::parse(&format!(
        "https://{}",
        raw.trim_end_matches(['.', ',', ';', ':', '!', '?'])
    ));
    if host_alone && url.is_ok_and(|url| allowed.allows(&url)) {
        spans.let_stand(folded.origin(range));
        return;
    }
    let end = range.start + text.trim_end_matches(['.', ',', ';', ':', '!', '?']).len();
    let with = if has_more && !has_port {
        With::Mark
    } else {
        With::Words("an internal system".into())
    };
    let reason = if inside || has_port || is_machine && !known {
        Reason::Host
    } else {
        Reason::Link
    };
    spans.add(folded, range.start..end, reason, with);
}

/// Endings that are files' before they are hosts'.
fn is_file(last: &str, has_more: bool) -> bool {
    !has_more && matches!(last, "md" | "sh" | "zip" | "mov" | "pages" | "pl" | "ps")
}

/// A path of two parts, or one that begins as those of a system do.
fn is_path(path: &[u8]) -> bool {
    const ROOTS: [&[u8]; 27] = [
        b"etc",
        b"var",
        b"usr",
        b"home",
        b"opt",
        b"tmp",
        b"srv",
        b"root",
        b"mnt",
        b"app",
        b"data",
        b"proc",
        b"dev",
        b"bin",
        b"lib",
        b"users",
        b"workspace",
        b"code",
        b"src",
        b"run",
        b"private",
        b"api",
        b"admin",
        b"internal",
        b"v1",
        b"v2",
        b"debug",
    ];
    let prefixed = !path.starts_with(b"/");
    let mut parts = path
        .split(|&byte| byte == b'/')
        .filter(|part| !part.is_empty() && !matches!(*part, [b'.'] | [b'.', b'.'] | [b'~']));
    let first = parts.next().unwrap_or_default();
    let letters = path.iter().any(u8::is_ascii_alphabetic);
    let more = parts.count();
    letters
        && (prefixed
            || more >= 2
            || more == 1
                && (ROOTS.contains(&first) || path.contains(&b'.') || path.contains(&b'_'))
            || ROOTS.contains(&first) && more >= 1)
}
