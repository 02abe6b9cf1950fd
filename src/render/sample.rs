//! Briefs for tests: the day that the documentation shows, a quiet day, a degraded one.

use jiff::Timestamp;
use rust_decimal::Decimal;
use url::Url;

use crate::{
    domain::{
        brief::{Brief, Checked, Edition, Grounding, Item, Open, Resolved, Source},
        finding::{Evidence, Fingerprint, Gap, GapCause, Severity, Status},
        rich::Rich,
    },
    ids::{BriefingId, ConnectorId, RoleId, RunId, SignalId},
    text::Language,
};

fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn url(path: &str) -> Url {
    Url::parse(&format!("https://{path}")).unwrap()
}

/// Text in which `[words](host/path)` is a link.
pub(super) fn rich(text: &str) -> Rich {
    let mut rich = Rich::default();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('[') {
        let (words, after) = after.split_once("](").unwrap();
        let (path, after) = after.split_once(')').unwrap();
        rich.push(before, None);
        rich.push(words, Some(url(path)));
        rest = after;
    }
    rich.push(rest, None);
    rich
}

fn evidence(connector: &str, at: &str) -> Evidence {
    Evidence {
        connector: ConnectorId::new(connector).unwrap(),
        tool: format!("{connector}_search"),
        pointer: "/issues/0".to_owned(),
        as_of: instant(&format!("2026-11-24T{at}:30Z")),
    }
}

fn source(connector: &str, title: &str, at: Option<&str>) -> Source {
    Source {
        connector: ConnectorId::new(connector).unwrap(),
        title: title.to_owned(),
        as_of: at.map(|at| instant(&format!("2026-11-24T{at}:30Z"))),
    }
}

struct Words<'a> {
    headline: &'a str,
    body: &'a str,
    next: &'a str,
    open: Option<(&'a str, &'a str)>,
}

fn item(
    number: usize,
    severity: Severity,
    status: Status,
    words: &Words<'_>,
    evidence: Vec<Evidence>,
) -> Item {
    Item {
        number,
        signal: SignalId::new(format!("signal-{number}")).unwrap(),
        fingerprint: Fingerprint(format!("{number:064}")),
        severity,
        status,
        headline: rich(words.headline),
        body: rich(words.body),
        next: rich(words.next),
        also: Rich::default(),
        open: words.open.map(|(label, path)| Open {
            label: label.to_owned(),
            url: url(path),
        }),
        evidence,
    }
}

/// What stands below the line.
fn rest() -> Vec<Item> {
    let one = |number: usize, headline: &str, open: Option<(&str, &str)>| {
        let words = Words {
            headline,
            body: "",
            next: "",
            open,
        };
        let status = Status::Ongoing { days: 9 };
        item(number, Severity::Medium, status, &words, Vec::new())
    };
    vec![
        one(
            6,
            "Merge request [!2029](gitlab.acme.example/api/-/merge_requests/2029) has waited 5 days for a review",
            Some(("!2029", "gitlab.acme.example/api/-/merge_requests/2029")),
        ),
        one(7, "Two certificates end within 30 days", None),
    ]
}

/// Tuesday 24 November 2026, 07:10 in Zurich: five risks.
pub(super) fn engineering() -> Brief {
    let decide = vec![
        item(
            1,
            Severity::High,
            Status::New,
            &Words {
                headline: "Release 4.12 has [3 open blockers](jira.acme.example/issues/?jql=fixVersion%3D4.12&order=due) with 2 working days left",
                body: "[PAY-1182](jira.acme.example/browse/PAY-1182) blocks [PAY-1190](jira.acme.example/browse/PAY-1190) and [WEB-877](jira.acme.example/browse/WEB-877) and has had no reviewer for 31 working hours.",
                next: "name a reviewer for [!2041](gitlab.acme.example/pay/-/merge_requests/2041) (Jonas or Priya).",
                open: Some(("PAY-1182", "jira.acme.example/browse/PAY-1182")),
            },
            vec![evidence("jira", "05:58"), evidence("gitlab", "05:58")],
        ),
        item(
            2,
            Severity::High,
            Status::New,
            &Words {
                headline: "Checkout fails for [212 users](sentry.acme.example/issues/77/) since Mon 22:40",
                body: "“CardRetryTimeout” in web 4.11.3: 4.1\u{a0}% of checkouts against 0.3\u{a0}%.",
                next: "revert [!2036](gitlab.acme.example/web/-/merge_requests/2036) or switch off flag card_retry.",
                open: Some(("Sentry", "sentry.acme.example/issues/77/")),
            },
            vec![evidence("sentry", "05:59")],
        ),
        item(
            3,
            Severity::High,
            Status::Worse {
                from: Decimal::ONE,
                to: Decimal::from(3),
                unit: "failed runs".to_owned(),
                days: 1,
            },
            &Words {
                headline: "payment-service main has been red for [13 h](gitlab.acme.example/pay/-/pipelines/88)",
                body: "Test retry_backoff fails since commit [4f2c9e1](gitlab.acme.example/pay/-/commit/4f2c9e1) (Priya, Mon 18:05), the change of risk 2.",
                next: "settle with 2.",
                open: Some(("pipeline", "gitlab.acme.example/pay/-/pipelines/88")),
            },
            vec![evidence("gitlab", "05:58")],
        ),
    ];
    let watch = vec![
        item(
            4,
            Severity::Medium,
            Status::Ongoing { days: 4 },
            &Words {
                headline: "Sprint 23 is 22 points behind: 34 of 61 done, 3 working days left.",
                body: "",
                next: "",
                open: Some(("board", "jira.acme.example/boards/12")),
            },
            vec![evidence("jira", "05:58")],
        ),
        item(
            5,
            Severity::Medium,
            Status::New,
            &Words {
                headline: "Nobody is on call for Search on Sat 28 Nov: Tom is on leave.",
                body: "",
                next: "ask Ines to swap with Tom.",
                open: Some(("rota", "pagerduty.acme.example/schedules/S1")),
            },
            vec![evidence("pagerduty", "05:59")],
        ),
    ];
    Brief {
        run: RunId::new("0123456789abcdef01234567").unwrap(),
        briefing: BriefingId::new("vp-engineering-morning").unwrap(),
        title: "Engineering".to_owned(),
        role: RoleId::new("vp-engineering").unwrap(),
        language: Language::English,
        zone: "Europe/Zurich".to_owned(),
        due: instant("2026-11-24T06:10:00Z"),
        made: instant("2026-11-24T06:09:20Z"),
        edition: Edition::Selected {
            model: "qwen3".to_owned(),
            local: true,
        },
        subject: "Release 4.12 is at risk: 3 blockers, 2 working days left (+4 more)".to_owned(),
        preheader:
            "Checkout errors hit 212 users since 22:40; payment-service main is red for 13 h."
                .to_owned(),
        notices: Vec::new(),
        bottom_line: rich(
            "Release 4.12 (Thu 26 Nov) will slip unless [PAY-1182](jira.acme.example/browse/PAY-1182) gets a reviewer today. Risks 2 and 3 share one cause: the card-retry change merged Monday 18:05.",
        ),
        decide,
        watch,
        more: 2,
        more_high: 0,
        rest: rest(),
        resolved: vec![
            Resolved {
                fingerprint: Fingerprint("a".repeat(64)),
                said: "INFRA-402 disk growth on db-3".to_owned(),
                passed: false,
                open_days: 6,
            },
            Resolved {
                fingerprint: Fingerprint("b".repeat(64)),
                said: "2 merge requests waiting > 72 h were reviewed".to_owned(),
                passed: false,
                open_days: 0,
            },
        ],
        more_resolved: 0,
        ranked_apart: Vec::new(),
        sources: vec![
            source("jira", "Jira", Some("05:58")),
            source("gitlab", "GitLab", Some("05:58")),
            source("sentry", "Sentry", Some("05:59")),
            source("pagerduty", "PagerDuty", Some("05:59")),
        ],
        checked: Checked {
            checked: 21,
            total: 21,
        },
        gaps: Vec::new(),
        grounding: Grounding::default(),
        marks: Vec::new(),
    }
}

/// Nothing new and nothing worse.
pub(super) fn quiet() -> Brief {
    Brief {
        edition: Edition::Quiet,
        subject: "Engineering: nothing needs you today (21 of 21 checked)".to_owned(),
        preheader: String::new(),
        bottom_line: rich(
            "Nothing new and nothing worse since Mon 23 Nov 07:10. Next date that matters: release 4.12, Thu 26 Nov (on track: 0 blockers). Ongoing, unchanged: 1 (Sprint 23, 4 points behind).",
        ),
        decide: Vec::new(),
        watch: Vec::new(),
        more: 0,
        more_high: 0,
        resolved: vec![Resolved {
            fingerprint: Fingerprint("a".repeat(64)),
            said: "INFRA-402 disk growth on db-3".to_owned(),
            passed: false,
            open_days: 6,
        }],
        ..engineering()
    }
}

/// One source did not answer and the model neither.
pub(super) fn degraded() -> Brief {
    let mut brief = engineering();
    brief.edition = Edition::Plain {
        reason: "timeout after 60 s".to_owned(),
    };
    brief.subject = "Engineering: 2 risks, Sentry not checked (+1 more)".to_owned();
    brief.notices = vec![
        rich(
            "Not checked: Sentry did not answer in time. 4 of 21 signals are unknown, among them new error spikes.",
        ),
        rich(
            "Plain edition: the model did not answer (timeout after 60 s), so the items are in standard wording.",
        ),
    ];
    brief.decide.remove(1);
    brief.checked.checked = 17;
    if let Some(source) = brief
        .sources
        .iter_mut()
        .find(|source| source.title == "Sentry")
    {
        source.as_of = None;
    }
    let gap = |connector: &str, high| Gap {
        connector: ConnectorId::new(connector).unwrap(),
        signals: vec![
            SignalId::new("error-spikes").unwrap(),
            SignalId::new("slow-pages").unwrap(),
        ],
        titles: Vec::new(),
        of: 4,
        in_part: false,
        last_good: None,
        high,
        cause: GapCause::Timeout,
        detail: "connection refused by 10.0.0.7".to_owned(),
        hint: None,
    };
    brief.gaps = vec![gap("sentry", true), gap("jira", false)];
    brief
}

/// No source answered.
pub(super) fn nothing() -> Brief {
    let mut brief = degraded();
    brief.edition = Edition::Nothing;
    brief.subject = "Engineering: no brief today, no source answered".to_owned();
    brief.notices.clear();
    brief.preheader.clear();
    brief.bottom_line = rich("No brief today: no source answered. Admin informed 07:16.");
    brief.decide.clear();
    brief.watch.clear();
    brief.resolved.clear();
    brief.rest.clear();
    brief.more = 0;
    brief.checked.checked = 0;
    for source in &mut brief.sources {
        source.as_of = None;
    }
    brief
}

/// Every text as long and as hostile as a source could make it.
pub(super) fn hostile() -> Brief {
    let mut brief = engineering();
    let text = format!(
        "<script>alert(1)</script> & \"'*_~` <!channel> \u{1b}[2J\u{202e} {}",
        "<&> word ".repeat(400)
    );
    let long = rich(&format!(
        "{text} [link & <b>](evil.example/?q={})",
        "a|b>".repeat(700)
    ));
    brief.subject = text.clone();
    brief.preheader = text.clone();
    brief.title = text.clone();
    brief.notices = vec![long.clone(); 8];
    brief.bottom_line = long.clone();
    let mut items: Vec<Item> = Vec::new();
    for number in 1..=12 {
        let mut item = brief.decide[0].clone();
        item.number = number;
        item.headline = long.clone();
        item.body = long.clone();
        item.next = long.clone();
        item.status = Status::Worse {
            from: Decimal::ONE,
            to: Decimal::TEN,
            unit: text.clone(),
            days: 1,
        };
        item.open = Some(Open {
            label: text.clone(),
            url: url(&format!("evil.example/{}", "x".repeat(900))),
        });
        items.push(item);
    }
    brief.watch = items.split_off(3);
    brief.decide = items;
    brief.resolved = vec![
        Resolved {
            fingerprint: Fingerprint("a".repeat(64)),
            said: text.clone(),
            passed: true,
            open_days: 3,
        };
        40
    ];
    for source in &mut brief.sources {
        source.title = text.clone();
    }
    brief
}
