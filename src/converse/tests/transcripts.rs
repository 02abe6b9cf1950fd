//! Random hostile transcripts: whatever a model says and asks for, in whatever order.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Instant,
};

use serde_json::{Map, Value, json};

use super::{
    bench::{Bench, ask, deals, issues, question},
    scripted::{Piece, Scripted, call, say},
};
use crate::{
    converse::Question,
    domain::{
        proposal::ProposalState,
        turn::{TurnEvent, TurnOutcome},
    },
    models::{Model, ModelError, Stop},
    text::Language,
};

/// So many are tried where the environment does not say another number.
const USUAL_CASES: u64 = 300;

/// Numbers that follow from a seed (SplitMix64, Steele and others 2014).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn one<'l, T>(&mut self, list: &'l [T]) -> &'l T {
        &list[self.below(list.len())]
    }

    /// True once in so many times.
    fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }
}

const WORDS: [&str; 44] = [
    "PAY-1182 is 9 days late. ",
    "Northgate is worth 48,200. ",
    "Bob Miller owes 99,999 EUR. ",
    "{R1.1.amount}",
    "{C1.1.total} ",
    "{R1.1.}",
    "{R99999999999999999999999.1.key}",
    "{R1.18446744073709551615.key}",
    "{R0.0.x}",
    "{",
    "}",
    "{{}} ",
    "{ürgent.1.ß}",
    "79228162514264337593543950335 ",
    "-79228162514264337593543950335.5 % ",
    "1e400 ",
    "about 79228162514264337593543950335 million ",
    "0.0000000000000000000000000001k ",
    "9999-12-31 ",
    "-9999-01-01T00:00:00Z ",
    "31 February 2026, 32.13.2026 at 25:61 ",
    "1,2.3,4.5'6 ",
    "!!!1!!! #1# ~~1~~ ",
    "three million two hundred ",
    "\u{202e}dlrow\u{202c} \u{200b}\u{feff}",
    "İstanbul ẞ ﬀ Ǆ 𝟗𝟗 ٣٤ ",
    "🏴\u{e0067}\u{e0062}\u{e007f} ",
    "\u{0}\u{1b}[2J\r\n",
    "```\nselect * from issue;\n",
    "~~~",
    "{\"a\": [1, 2",
    "[x](https://evil.example/?q=1) ",
    "![x](//evil.example/1.png)",
    "<!channel> <@U1> @here ",
    "<a href='javascript:1'>x</a> ",
    "-----BEGIN PRIVATE KEY-----\n",
    "Traceback (most recent call last):\n  File \"x\"\n",
    "\n\n\n",
    "1. ",
    "? ! . … ",
    "$€£¥ -$-5 ",
    "Never answer from memory. ",
    "tracker__search_issues tracker.delete_project ",
    "revenue rose by -5 and fell by 5 ",
];

/// Names that somebody may call, so that transcripts get somewhere.
const OFTEN: [&str; 6] = [
    "tracker__search_issues",
    "tracker__get_issue",
    "tracker__add_comment",
    "crm__list_deals",
    "web__web_search",
    "payroll__list_salaries",
];

const NAMES: [&str; 22] = [
    "tracker__search_issues",
    "tracker__get_issue",
    "tracker__add_comment",
    "tracker__delete_project",
    "tracker__",
    "crm__list_deals",
    "crm__list_secrets",
    "crm__list_deals ",
    "CRM__LIST_DEALS",
    "web__web_search",
    "payroll__list_salaries",
    "search_issues",
    "delete_project",
    "say",
    "say",
    "say",
    "find_tools",
    "approve",
    "",
    "🏴",
    "tracker/delete_project",
    "tracker__search_issues\u{200b}",
];

const COLUMNS: [&str; 12] = [
    "key",
    "amount",
    "customer",
    "days_late",
    "status",
    "closes",
    "deep.list",
    "x",
    "",
    "R2.key",
    "💥",
    "total",
];

const HANDLES: [&str; 10] = [
    "R1",
    "R2",
    "C1",
    "C2",
    "R0",
    "C99999999999999999999",
    "R",
    "",
    "ß1",
    "r1",
];

fn value(dice: &mut Dice, depth: usize) -> Value {
    match dice.below(if depth > 4 { 6 } else { 8 }) {
        0 => Value::Null,
        1 => json!(dice.once_in(2)),
        2 => json!(dice.next() as i64),
        3 => json!(f64::from_bits(dice.next())),
        4 => json!(*dice.one(&WORDS)),
        5 => json!(*dice.one(&COLUMNS)),
        6 => (0..dice.below(4)).map(|_| value(dice, depth + 1)).collect(),
        _ => Value::Object(
            (0..dice.below(4))
                .map(|_| ((*dice.one(&COLUMNS)).to_owned(), value(dice, depth + 1)))
                .collect::<Map<_, _>>(),
        ),
    }
}

fn claim(dice: &mut Dice) -> Value {
    if dice.once_in(6) {
        return value(dice, 0);
    }
    let column = |dice: &mut Dice| json!(*dice.one(&COLUMNS));
    let likely = if dice.once_in(3) { HANDLES.len() } else { 2 };
    let kinds = [
        "rows",
        "value",
        "which",
        "compare",
        "trend",
        "quote",
        "gap",
        "ask",
        "again",
        "assessment",
    ];
    let mut claim = json!({ "say": *dice.one(&kinds), "of": *dice.one(&HANDLES[..likely]) });
    if dice.once_in(2) {
        claim["as"] = json!(*dice.one(&["a", "b", "late"]));
    }
    let condition = |dice: &mut Dice| {
        let ops = ["eq", "lt", "in", "contains", "is_null", "during", "like"];
        json!({ "column": column(dice), "op": *dice.one(&ops), "value": value(dice, 2) })
    };
    let measure = |dice: &mut Dice| {
        let ops = ["sum", "avg", "median", "least", "most", "distinct", "value"];
        if dice.once_in(3) {
            json!("count")
        } else {
            json!({ *dice.one(&ops): column(dice) })
        }
    };
    if dice.once_in(3) {
        claim["where"] = json!([condition(dice)]);
    }
    if dice.once_in(2) {
        claim["show"] = json!([column(dice), column(dice)]);
    }
    if dice.once_in(2) {
        claim["measures"] = json!([measure(dice)]);
    }
    if dice.once_in(3) {
        claim["meet"] = json!([condition(dice)]);
    }
    if dice.once_in(3) {
        claim["order"] = json!({ "by": column(dice), "first": "low" });
        claim["top"] = json!(dice.next());
    }
    if dice.once_in(4) {
        claim["group"] = if dice.once_in(2) {
            column(dice)
        } else {
            json!({ "column": column(dice), "unit": *dice.one(&["day", "week", "month", "quarter", "year", "age"]) })
        };
    }
    if dice.once_in(4) {
        claim["row"] = json!({ *dice.one(&COLUMNS): value(dice, 4) });
        claim["column"] = column(dice);
    }
    if dice.once_in(4) {
        claim["along"] = column(dice);
        claim["measure"] = measure(dice);
    }
    if dice.once_in(4) {
        claim["a"] = json!({ "of": *dice.one(&HANDLES), "measure": measure(dice) });
        claim["b"] = json!({ "of": *dice.one(&HANDLES), "measure": measure(dice) });
    }
    if dice.once_in(4) {
        claim["topic"] = json!(*dice.one(&WORDS));
        claim["text"] = json!(*dice.one(&WORDS));
        claim["role"] = json!("guess");
        claim["about"] = json!(["a"]);
    }
    claim
}

fn round(dice: &mut Dice) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for _ in 0..dice.below(7) {
        if dice.once_in(2) {
            let mut text: String = (0..1 + dice.below(6)).map(|_| *dice.one(&WORDS)).collect();
            if dice.once_in(400) {
                text = text.repeat(400);
            }
            pieces.push(say(text));
            continue;
        }
        let name = if dice.once_in(2) {
            *dice.one(&OFTEN)
        } else {
            *dice.one(&NAMES)
        };
        let args = match name {
            "say" => {
                json!({ "claims": (0..dice.below(4)).map(|_| claim(dice)).collect::<Vec<_>>() })
            }
            "find_tools" => json!({ "words": *dice.one(&WORDS) }),
            _ if dice.once_in(4) => value(dice, 0),
            _ => json!({ "text": value(dice, 2) }),
        };
        pieces.push(call(name, args));
    }
    match dice.below(40) {
        0 => pieces.push(Piece::Fail(ModelError::Refused(crate::models::Refusal {
            cause: crate::models::Cause::Overloaded,
            status: Some(529),
            within: false,
            taught: false,
            said: String::new(),
            fits: None,
        }))),
        1 => pieces.push(Piece::Stop(Stop::Length)),
        2 => pieces.push(Piece::Stop(Stop::Refused)),
        _ => {}
    }
    pieces
}

fn answer(dice: &mut Dice) -> Value {
    match dice.below(8) {
        0 => value(dice, 0),
        1 => json!(
            "key,amount\nPAY-1,79228162514264337593543950335\nPAY-2,79228162514264337593543950335\n"
        ),
        2 => {
            json!({ "rows": (0..40).map(|at| json!({ "key": at, "amount": value(dice, 3), "closes": "2026-11-27" })).collect::<Vec<_>>() })
        }
        3 => json!(WORDS.concat()),
        4 => {
            json!({ "rows": [{ "amount": "-79228162514264337593543950335", "closes": "-9999-01-01" }, { "amount": 1e300, "closes": "9999-12-31T23:59:59Z" }] })
        }
        5 => deals(),
        _ => issues(),
    }
}

/// What a role may ask for in a place; everything else that reached a server is a failure.
fn granted(role: &str, channel: Option<&str>) -> Vec<&'static str> {
    match (role, channel) {
        (_, Some("C1")) => vec!["tracker/search_issues"],
        (_, Some(_)) => vec![],
        ("vp", None) => vec![
            "tracker/search_issues",
            "tracker/get_issue",
            "crm/list_deals",
        ],
        ("outward", None) => vec!["tracker/search_issues", "web/web_search"],
        _ => vec!["tracker/search_issues", "payroll/list_salaries"],
    }
}

fn random_question(dice: &mut Dice) -> Question {
    let role = *dice.one(&["vp", "outward", "finance"]);
    let text = *dice.one(&[
        "What is late?",
        "And last week?",
        "Was ist überfällig, und wie viel?",
        "{R1.1.x} 9,9.9 \u{202e}",
        "",
    ]);
    Question {
        channel: dice
            .one(&[None, None, Some("C1"), Some("C9")])
            .map(str::to_owned),
        zone: (*dice.one(&["UTC", "Europe/Berlin", "Pacific/Kiritimati", "No/Where"])).to_owned(),
        language: *dice.one(&[
            Language::English,
            Language::German,
            Language::French,
            Language::Spanish,
        ]),
        ..question("mara", role, text)
    }
}

async fn company() -> Bench {
    let bench = Bench::new().await;
    for role in ["vp", "outward", "finance"] {
        bench
            .role(role, |role| {
                role.monthly_tokens = u64::MAX / 4;
                role.user_monthly_tokens = Some(u64::MAX / 4);
            })
            .await;
    }
    bench
}

/// What was done in all transcripts together.
#[derive(Debug, Default)]
struct Tried {
    calls: usize,
    proposals: usize,
    said: usize,
}

async fn hold(seeds: impl Iterator<Item = u64>) -> Tried {
    let (mut bench, mut kept) = (company().await, None);
    let mut converse = bench.converse(vec![Scripted::steps(Vec::new())]);
    let mut tried = Tried::default();
    for (at, seed) in seeds.enumerate() {
        if at > 0 && at % 250 == 0 {
            assert!(bench.verify().await.ok, "seed {seed}");
            println!("{at} transcripts held");
            (bench, kept) = (company().await, None);
            converse = bench.converse(vec![Scripted::steps(Vec::new())]);
        }
        let mut dice = Dice(seed);
        if at % 5 == 0 {
            for (connector, tool) in [
                ("tracker", "search_issues"),
                ("crm", "list_deals"),
                ("web", "web_search"),
            ] {
                let fresh = answer(&mut dice);
                bench.tool(connector, tool, |tool| tool["answer"] = fresh);
            }
        }
        bench.forget_calls();
        let mut question = random_question(&mut dice);
        if dice.once_in(3) {
            // Going on with a conversation of another role is refused, and that is one of the cases.
            question.conversation.clone_from(&kept);
        }
        let role = question.principal.role.to_string();
        let channel = question.channel.clone();
        let dice = Arc::new(Mutex::new(dice));
        let local = at % 2 == 0;
        let model = Scripted::new(local, move |_, _| round(&mut dice.lock().unwrap()));
        // One process answers all, with another model each time: lists of tools are shared.
        converse.models = Arc::new(BTreeMap::from([(
            model.id().clone(),
            model as Arc<dyn Model>,
        )]));
        let told = ask(&converse, question).await;
        let granted = granted(&role, channel.as_deref());
        for called in bench.called() {
            assert!(
                granted.contains(&called.as_str()),
                "seed {seed}: {called} as {role} in {channel:?}"
            );
            tried.calls += 1;
        }
        for proposal in bench.store.proposals().newest(20).await.unwrap() {
            assert_eq!(proposal.state, ProposalState::Open, "seed {seed}");
            assert_eq!(proposal.tool, "add_comment", "seed {seed}");
        }
        let proposed = told
            .events
            .iter()
            .filter(|event| matches!(event, TurnEvent::Proposed { .. }));
        tried.proposals += proposed.count();
        let shown = told.all();
        for never in ["evil.example", "<!channel>", "javascript:"] {
            assert!(!shown.contains(never), "seed {seed}: {never} in {shown}");
        }
        if told.done.outcome != TurnOutcome::Refused {
            kept = Some(told.done.conversation.clone());
        }
        tried.said += told.text().len();
        bench.clock.advance(jiff::SignedDuration::from_secs(30));
    }
    assert!(bench.verify().await.ok);
    tried
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_transcript_calls_beyond_its_grants_acts_or_ends_without_a_word() {
    let cases =
        std::env::var("DAYBRIEF_TRANSCRIPTS").map_or(USUAL_CASES, |cases| cases.parse().unwrap());
    let begun = Instant::now();
    let even = tokio::spawn(hold((0..cases).step_by(2)));
    let odd = tokio::spawn(hold((1..cases).step_by(2)));
    let (even, odd) = (even.await.unwrap(), odd.await.unwrap());
    println!(
        "{cases} transcripts in {:?}: {even:?} {odd:?}",
        begun.elapsed()
    );
    assert!(even.calls + odd.calls > 20, "nothing was tried");
    assert!(even.proposals + odd.proposals > 0 && even.said > 0 && odd.said > 0);
}
