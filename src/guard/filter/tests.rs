use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use proptest::prelude::*;

use super::*;

fn context() -> Context {
    let list = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    Context {
        tables: list(&[
            "crm_accounts",
            "fct_sales",
            "orders",
            "order",
            "customer",
            "tblCust",
        ]),
        columns: list(&["status", "date", "name", "customerId", "due_date"]),
        tools: list(&[
            "jira_search",
            "stripe_list_payouts",
            "query_orders",
            "search",
        ]),
        allowed_hosts: list(&["acme.example"]),
        schema_role: false,
        ..Context::default()
    }
}

/// The outcome of a stream that is fed in pieces of these lengths, over and over.
fn fed(filter: &Filter, text: &str, lengths: &[usize]) -> Outcome {
    let (mut stream, mut out, mut rest) = (filter.stream(), String::new(), text);
    let mut lengths = lengths.iter().cycle();
    while !rest.is_empty() {
        let length = lengths.next().copied().unwrap_or(1).max(1);
        let mut at = length.min(rest.len());
        while !rest.is_char_boundary(at) {
            at += 1;
        }
        out.push_str(stream.push(&rest[..at]).get());
        rest = &rest[at..];
    }
    let tail = stream.finish();
    out.push_str(tail.text.get());
    Outcome {
        verdict: tail.verdict,
        text: out,
        reasons: tail.reasons,
    }
}

fn check(filter: &Filter, text: &str, lengths: &[usize]) {
    let whole = filter.whole(text);
    assert_eq!(
        fed(filter, text, lengths),
        whole,
        "in pieces {lengths:?}: {text:?}"
    );
    let again = filter.whole(&whole.text);
    assert_eq!(again.text, whole.text, "filtered again, of {text:?}");
    assert_eq!(whole.verdict == Verdict::Pass, whole.reasons.is_empty());
    assert!(
        whole.verdict != Verdict::Pass || whole.text == text,
        "{text:?}"
    );
}

#[test]
fn what_was_taken_out_is_said_in_the_readers_language_and_what_stands_beside_it_stays() {
    for (language, text, said) in [
        (
            Language::English,
            "Revenue was 412k (SELECT sum(amount) FROM invoices WHERE paid = 1).",
            "Revenue was 412k [left out].",
        ),
        (
            Language::German,
            "Der Umsatz liegt bei 412 T€ (SELECT sum(amount) FROM invoices WHERE paid = 1).",
            "Der Umsatz liegt bei 412 T€ [ausgelassen].",
        ),
        (
            Language::French,
            "Deux clients sont en retard. Voir crm_accounts pour le détail.",
            "Deux clients sont en retard. Voir [omis] pour le détail.",
        ),
        (
            Language::Spanish,
            "Hay dos pagos. Escriba a https://evil.test/x hoy.",
            "Hay dos pagos. Escriba a [omitido] hoy.",
        ),
        (
            Language::English,
            "See [the list](https://evil.test/x) for it.",
            "See the list for it.",
        ),
        (Language::English, "@here sales fell.", "here sales fell."),
    ] {
        let filter = Filter::new(&Context {
            language,
            ..context()
        });
        assert_eq!(filter.whole(text).text, said);
    }
}

#[test]
fn a_name_that_is_a_plain_word_is_held_back_only_where_it_looks_technical() {
    let filter = Filter::new(&context());
    for (text, passes) in [
        ("The status of the order is late.", true),
        ("Status: open.", true),
        ("The `status` is late.", false),
        ("The \"status\" is late.", false),
        ("It is orders.status.", false),
        ("The orders. Status is late.", true),
        ("The tblCust is late.", false),
        ("The tbl_cust is late.", false),
        ("The customer_id is late.", false),
        ("The search took long.", true),
    ] {
        assert_eq!(
            filter.whole(text).verdict == Verdict::Pass,
            passes,
            "{text}"
        );
    }
}

#[test]
fn of_two_spellings_of_a_name_one_never_cancels_the_other() {
    let names = |tables: &[&str]| Context {
        tables: tables.iter().map(|&name| name.to_owned()).collect(),
        ..Context::default()
    };
    for tables in [
        &["dueDate", "duedate"][..],
        &["duedate", "dueDate"],
        &["due_date", "duedate"],
    ] {
        let filter = Filter::new(&names(tables));
        for text in ["Nine lack the dueDate.", "Nine lack the due_date."] {
            assert_ne!(
                filter.whole(text).verdict,
                Verdict::Pass,
                "{tables:?}: {text}"
            );
        }
    }
}

#[test]
fn a_reader_who_may_see_schemas_sees_them_and_nothing_else() {
    let filter = Filter::new(&Context {
        schema_role: true,
        ..context()
    });
    for text in [
        "I ran select id, name from crm_accounts where status = 'late'.",
        "Nine lack the due_date; asked by jira_search.",
    ] {
        assert_eq!(filter.whole(text).text, text);
    }
    for text in [
        "The key is AKIAZ7QWN3RTVXB5LMKD.",
        "See https://evil.test/x now.",
        "![x](https://evil.test/p.png)",
        "It runs on 10.2.3.4:5432.",
    ] {
        assert_ne!(filter.whole(text).verdict, Verdict::Pass, "{text}");
    }
}

#[test]
fn what_is_nothing_but_internals_becomes_one_sentence() {
    let filter = Filter::new(&context());
    for text in [
        "select * from users",
        "```\nx = 1\n```",
        "password=hunter2",
        "select id from users where x = 1;\n\nselect name from orders o join users u on u.id = o.user_id",
    ] {
        let outcome = filter.whole(text);
        assert_eq!(
            (outcome.verdict, outcome.text.trim()),
            (Verdict::Block, held_back(Language::English)),
            "{text}"
        );
    }
}

#[test]
fn a_sentence_leaves_as_soon_as_it_is_whole_and_a_fence_is_held_to_its_end() {
    let mut stream = Filter::new(&context()).stream();
    assert_eq!(stream.push("Sales fell. Costs").get(), "Sales fell. ");
    assert_eq!(stream.push(" rose.\n```\nx = 1\n\n").get(), "Costs rose.\n");
    assert_eq!(
        stream.push("y = 2\n```\n\nDone. ").get(),
        "[left out]\n\nDone. "
    );
    let tail = stream.finish();
    assert_eq!(
        (tail.text.get().as_str(), tail.verdict),
        ("", Verdict::Redact)
    );
}

#[test]
fn what_a_model_was_told_does_not_leave_to_the_word_or_nearly() {
    let told = "Cares about cash above all. Never tell the board of the planned sale in March.";
    let filter = Filter::new(&Context {
        prompts: vec![told.to_owned()],
        ..context()
    });
    for said in [
        "Cash is fine. I never tell the board of the planned sale in March. Sales rose.",
        "Cash is fine. I must never tell the board of our planned sale in March. Sales rose.",
    ] {
        let outcome = filter.whole(said);
        assert_eq!(outcome.text, "Cash is fine. [left out]. Sales rose.");
        assert_eq!(Filter::new(&context()).whole(said).text, said);
    }
    for said in ["The board meets in March.", "Tell the board of the sale."] {
        assert_eq!(filter.whole(said).text, said);
    }
}

#[test]
fn every_sentence_of_a_shipped_prompt_is_known() {
    let filter = Filter::new(&Context::default());
    for prompt in crate::prompts::all() {
        let longest = prompt
            .split(['.', '\n', '{', '}', ':'])
            .max_by_key(|sentence| sentence.len());
        let said = format!("Well. {}.", longest.unwrap_or_default().trim());
        assert_eq!(filter.whole(&said).reasons, [Reason::Prompt], "{said}");
    }
}

#[test]
fn a_secret_of_this_instance_leaves_in_no_spelling() {
    let secrets = crate::guard::Secrets::default();
    let filter = Filter::with_secrets(&context(), secrets.clone());
    secrets.add(&secrecy::SecretString::from("plum trolley/58"));
    for text in [
        "It is plum trolley/58.",
        "It is plum+trolley%2F58 in the address.",
        "PAY-1 plum trolley/58 fails",
    ] {
        let outcome = filter.whole(text);
        assert_eq!(outcome.reasons, [Reason::Secret], "{text}");
        assert!(!outcome.text.contains("trolley"), "{}", outcome.text);
    }
}

#[test]
fn a_value_of_which_nothing_may_leave_is_left_out_in_two_words() {
    let filter = Filter::new(&context());
    for (value, cleared) in [
        ("Harper & Sons", "Harper & Sons"),
        ("-12.5 %", "-12.5 %"),
        ("", ""),
        ("select * from users", "[left out]"),
        ("https://evil.test/x", "[left out]"),
        ("password=hunter2", "[left out]"),
        ("crm_accounts", "[left out]"),
        ("Sales of crm_accounts in May", "Sales of [left out] in May"),
    ] {
        let once = filter.clear_value(value).into_inner();
        assert_eq!(once, cleared);
        assert_eq!(*filter.clear_value(&once).get(), once);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_the_same_in_pieces_and_again(text in "\\PC{0,200}", lengths in prop::collection::vec(1_usize..40, 1..6)) {
        check(&Filter::new(&context()), &text, &lengths);
    }

    #[test]
    fn any_mixture_of_lines_is_the_same_in_pieces_and_again(
        picks in prop::collection::vec(0_usize..10_000, 1..12),
        lengths in prop::collection::vec(1_usize..200, 1..6),
        joint in prop::sample::select(vec!["\n", " ", "\n\n"]),
    ) {
        let lines = lines();
        let text = picks.iter().map(|pick| lines[pick % lines.len()].as_str()).collect::<Vec<_>>().join(joint);
        let filter = Filter::new(&context());
        check(&filter, &text, &lengths);
    }
}

/// The lines of the corpora.
fn lines() -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/guard");
    for name in [
        "must-pass.jsonl",
        "must-not-pass.jsonl",
        "last-fresh-good.jsonl",
        "last-fresh-bad.jsonl",
    ] {
        let text = std::fs::read_to_string(folder.join(name)).unwrap_or_default();
        lines.extend(text.lines().filter_map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).ok()?;
            Some(line["text"].as_str()?.to_owned())
        }));
    }
    lines
}

/// Cuts, doubles, joins and disturbs lines for `DAYBRIEF_FUZZ_SECONDS`; every text must be the same in pieces, and none may
/// make the filter panic.
#[test]
fn disturbed_lines_are_the_same_in_pieces_and_again() {
    let seconds = std::env::var("DAYBRIEF_FUZZ_SECONDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(1);
    let (lines, filter, begun) = (lines(), Filter::new(&context()), Instant::now());
    let mut state = std::env::var("DAYBRIEF_FUZZ_SEED")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(0x9e37_79b9_7f4a_7c15_u64);
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % u64::try_from(below.max(1)).unwrap()).unwrap()
    };
    let disturbing: Vec<char> =
        "`{}()[]<>=;:.,/\\|@#$%&*_-~^'\"!?\n \r\u{200b}\u{200d}\u{fe0f}\u{301}аé0A"
            .chars()
            .collect();
    let (mut seen, mut cases) = (BTreeSet::new(), 0_u64);
    while begun.elapsed() < Duration::from_secs(seconds) {
        let mut text: Vec<char> = Vec::new();
        // Now and then more than is held at once.
        let many = if random(30) == 0 { 40 } else { 3 };
        for _ in 0..=random(many) {
            let line: Vec<char> = lines[random(lines.len())].chars().collect();
            let from = if random(3) == 0 {
                random(line.len())
            } else {
                0
            };
            text.extend(line.iter().skip(from));
            text.extend(["\n", " ", ".", "\n\n", ""][random(5)].chars());
        }
        for _ in 0..random(6) {
            if text.is_empty() {
                text.push(' ');
            }
            let at = random(text.len());
            match random(4) {
                0 => text.insert(at, disturbing[random(disturbing.len())]),
                1 => drop(text.drain(at..(at + random(20)).min(text.len()))),
                2 => drop(
                    text.splice(
                        at..at,
                        [
                            left_out(Language::English),
                            held_back(Language::English),
                            "\n\n",
                        ][random(3)]
                        .chars(),
                    ),
                ),
                _ => {
                    text[at] = disturbing[random(disturbing.len())];
                }
            }
        }
        let text: String = if random(8) == 0 {
            // Bytes of no text at all.
            let bytes: Vec<u8> = (0..random(300))
                .map(|_| u8::try_from(random(256)).unwrap())
                .collect();
            String::from_utf8_lossy(&bytes).into_owned()
        } else {
            text.into_iter().collect()
        };
        let whole = filter.whole(&text);
        assert_eq!(
            fed(&filter, &text, &[1 + random(30), 1 + random(9)]),
            whole,
            "{text:?}"
        );
        assert_eq!(
            filter.whole(&whole.text).text,
            whole.text,
            "filtered again, of {text:?}"
        );
        seen.extend(whole.reasons);
        cases += 1;
    }
    println!("{cases} texts");
    assert!(seen.len() > 8, "the lines disturb nothing: {seen:?}");
}
