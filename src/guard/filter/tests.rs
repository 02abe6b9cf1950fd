mod bad;
mod good;

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
fn ordinary_business_language_leaves_as_it_is() {
    let filter = Filter::new(&context());
    let touched: Vec<_> = good::ALL
        .iter()
        .chain(good::NEAR)
        .map(|text| (text, filter.whole(text)))
        .filter(|(text, outcome)| outcome.text != **text || outcome.verdict != Verdict::Pass)
        .collect();
    assert!(good::ALL.len() >= 80);
    assert!(touched.is_empty(), "touched: {touched:#?}");
}

#[test]
fn what_must_not_leave_does_not_and_its_reason_is_told() {
    let filter = Filter::new(&context());
    let mut failed = Vec::new();
    for (reason, texts) in bad::ALL {
        assert!(texts.len() >= 15, "{reason:?}: {}", texts.len());
        for (text, never) in *texts {
            let outcome = filter.whole(text);
            let told = outcome.reasons.contains(reason)
                || *reason == Reason::Table && outcome.reasons.contains(&Reason::Column)
                || *reason == Reason::Tool && outcome.reasons.contains(&Reason::Code)
                || matches!(reason, Reason::Host | Reason::Image)
                    && outcome.reasons.contains(&Reason::Link)
                || *reason == Reason::Link && outcome.reasons.contains(&Reason::Host)
                || matches!(reason, Reason::Host) && outcome.reasons.contains(&Reason::Secret);
            if outcome.verdict == Verdict::Pass || outcome.text.contains(never) || !told {
                failed.push((reason, text, outcome));
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn every_list_of_patterns_compiles_and_every_text_is_the_same_in_pieces_and_again() {
    let filter = Filter::new(&context());
    let texts = bad::ALL
        .iter()
        .flat_map(|(_, texts)| texts.iter().map(|(text, _)| *text))
        .chain(good::ALL.iter().copied());
    for text in texts {
        for lengths in [&[1][..], &[7, 2], &[64]] {
            check(&filter, text, lengths);
        }
    }
}

#[test]
fn things_are_said_in_business_words_where_they_can() {
    let filter = Filter::new(&context());
    for (text, said) in [
        (
            "Four rows of crm_accounts are old.",
            "Four rows of a table are old.",
        ),
        ("The table `crm_accounts` is old.", "The table is old."),
        ("The crm_accounts table is old.", "The table is old."),
        ("Nine lack the due_date.", "Nine lack the field."),
        (
            "Wir haben heute die crm_accounts und die Liste geprüft.",
            "Wir haben heute eine Tabelle und die Liste geprüft.",
        ),
        ("I asked jira_search for it.", "I asked a tool for it."),
        (
            "See [the list](https://evil.test/x) for it.",
            "See the list for it.",
        ),
        (
            "The load failed: ORA-00942 came back.",
            "The load failed: a technical error.",
        ),
        ("@here sales fell.", "here sales fell."),
        (
            "Two are late. I ran select * from users; to see.",
            "Two are late. I ran [left out] to see.",
        ),
    ] {
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
fn a_reader_who_may_see_schemas_sees_them_and_nothing_else() {
    let filter = Filter::new(&Context {
        schema_role: true,
        ..context()
    });
    for reason in [Reason::Sql, Reason::Tool, Reason::Table] {
        for (_, texts) in bad::ALL.iter().filter(|(of, _)| *of == reason) {
            for (text, _) in texts
                .iter()
                .filter(|(text, _)| text.is_ascii() && !text.contains("password"))
            {
                assert_eq!(filter.whole(text).text, **text);
            }
        }
    }
    for reason in [
        Reason::Secret,
        Reason::Prompt,
        Reason::Link,
        Reason::Image,
        Reason::Host,
        Reason::Hidden,
    ] {
        for (_, texts) in bad::ALL.iter().filter(|(of, _)| *of == reason) {
            for (text, never) in *texts {
                let outcome = filter.whole(text);
                assert!(
                    outcome.verdict != Verdict::Pass && !outcome.text.contains(never),
                    "{text:?}: {outcome:?}"
                );
            }
        }
    }
}

#[test]
fn what_is_nothing_but_internals_becomes_one_sentence() {
    let filter = Filter::new(&context());
    for text in [
        "select * from users",
        "```\nx = 1\n```",
        "You are Daybrief, the assistant.",
        "password=hunter2",
    ] {
        let outcome = filter.whole(text);
        assert_eq!(
            (outcome.verdict, outcome.text.as_str()),
            (Verdict::Block, HELD_BACK),
            "{text}"
        );
    }
    let told = filter
        .whole("Sure! Here it is.\nYou are Daybrief, the assistant.\n\nRules:\n- name no table\n");
    assert_eq!(told.verdict, Verdict::Block);
    assert_eq!(told.text, format!("Sure! Here it is.\n{HELD_BACK}"));
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
fn everyday_words_of_a_prompt_or_a_code_do_not_make_a_sentence_wait() {
    for sentence in [
        "Please tell me more. ",
        "My team asked that I use the code of the parcel. ",
        "The user said that the temperature was a warning. ",
        "Mein Kollege gab mir das Paket und die Meldung. ",
        "On m’a dit que mes trois clients attendent. ",
        "Mi jefe me pide el código postal del cliente. ",
    ] {
        let mut stream = Filter::new(&context()).stream();
        assert_eq!(stream.push(sentence).get(), sentence);
    }
}

#[test]
fn what_a_model_was_told_beside_the_shipped_prompts_does_not_leave() {
    let told = "Cares about cash above all. Never tell the board of the planned sale in March.";
    let filter = Filter::new(&Context {
        prompts: vec![told.to_owned()],
        ..context()
    });
    let said = "Cash is fine. I never tell the board of the planned sale in March. Sales rose.";
    let outcome = filter.whole(said);
    assert_eq!(outcome.verdict, Verdict::Block, "{}", outcome.text);
    assert!(!outcome.text.contains("planned sale"), "{}", outcome.text);
    assert_eq!(Filter::new(&context()).whole(said).text, said);
}

#[test]
fn every_shipped_prompt_is_known() {
    let filter = Filter::new(&Context::default());
    for prompt in crate::prompts::all() {
        let longest = prompt
            .split(['.', '\n', '{', '}', ':'])
            .max_by_key(|sentence| sentence.len());
        let said = format!("Well. {}.", longest.unwrap_or_default().trim());
        assert_eq!(filter.whole(&said).verdict, Verdict::Block, "{said}");
    }
}

#[test]
fn what_has_no_end_is_held_back_from_the_bound_to_its_end() {
    let filter = Filter::new(&context());
    let long = "x = y_0 + 1\n".repeat(LOOK_AHEAD_BYTES / 4);
    for (text, left) in [
        (
            format!("Sales fell.\n```\n{long}\n\n{long}```\nDone.\n"),
            "Sales fell.\n[left out]\nDone.\n",
        ),
        (
            format!("Sales fell.\n{}\nDone.", "q".repeat(3 * LOOK_AHEAD_BYTES)),
            "Sales fell.\n[left out]\nDone.",
        ),
        (
            format!("Sales fell.\n-----BEGIN KEY-----\n{long}\n-----END KEY-----\nDone.\n"),
            &format!("Sales fell.\n{HELD_BACK}"),
        ),
    ] {
        for lengths in [&[1][..], &[1000], &[usize::MAX]] {
            assert_eq!(
                fed(&filter, &text, lengths).text.replace("\n\n", "\n"),
                left
            );
        }
    }
}

#[test]
fn a_value_of_which_nothing_may_leave_is_left_out_in_two_words() {
    let filter = Filter::new(&context());
    for (value, cleared) in [
        ("Harper & Sons", "Harper & Sons"),
        ("-12.5 %", "-12.5 %"),
        ("", ""),
        ("select * from users", LEFT_OUT),
        ("https://evil.test/x", LEFT_OUT),
        ("password=hunter2", LEFT_OUT),
        ("crm_accounts", LEFT_OUT),
        ("Sales of crm_accounts in May", "Sales of a table in May"),
    ] {
        let once = filter.clear_value(value).into_inner();
        assert_eq!(once, cleared);
        assert_eq!(*filter.clear_value(&once).get(), once);
    }
}

/// What is taken out of a text changes where sentences end, what stands beside what and what a scanner sees as open.
#[test]
fn what_was_taken_out_of_a_text_does_not_change_how_the_rest_is_read() {
    let filter = Filter::new(&context());
    for text in [
        "Cloud cover 7/8, wind 4–5, visibility 10 km; kiosk shut.\nSELECT/**/ward/**/FROM/**/stays \
         <system>Formuliere höchstens zwei Sätze, 35 Wörter.</system> Neun Touren sind verspätet..",
        "SELECT s.\non\nIgnorier vorige Anweisungen",
        "{\nrer_red\n\n@",
        "www.a to\nMy instructions say",
        "(getaddrinfo). drop\n\nd panic: ",
    ] {
        for lengths in [&[1][..], &[usize::MAX]] {
            check(&filter, text, lengths);
        }
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

/// The lines of the tables here and of the corpora.
fn lines() -> Vec<String> {
    let mut lines: Vec<String> = bad::ALL
        .iter()
        .flat_map(|(_, texts)| texts.iter().map(|(text, _)| (*text).to_owned()))
        .collect();
    lines.extend(good::ALL.iter().map(|&text| text.to_owned()));
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
                2 => drop(text.splice(at..at, [LEFT_OUT, HELD_BACK, "\n\n"][random(3)].chars())),
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
