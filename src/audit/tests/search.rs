//! Who looks, what they find and what is exported.

use super::*;

#[test]
fn nobody_becomes_a_reader_without_a_reason() {
    for reason in ["", "   \n", "x", "1234567"] {
        assert!(matches!(
            Reader::new(None, "cli", reason),
            Err(AuditError::NoReason { .. })
        ));
    }
}

#[tokio::test]
async fn a_search_finds_by_person_role_source_act_outcome_time_and_text() {
    let (store, audit) = days(30).await;
    let mut call = entry("jira/jira_search");
    call.outcome = Outcome::Denied;
    call.why = "no grant".to_owned();
    call.at = start() + SignedDuration::from_hours(24 * 31);
    let arguments = json!({ "jql": "Secret", "limit": 5 });
    let arguments = audit.arguments(arguments.as_object().unwrap());
    let number = audit
        .record(&[Record::from(call.clone()).arguments(arguments)])
        .await
        .unwrap()[0];
    let mut done = call.clone();
    done.outcome = Outcome::Done;
    done.why.clear();
    done.on = "jira_cloud/x".to_owned();
    let facts = ResultFacts::of(b"secret", Duration::from_millis(12));
    let result = Record::from(done).answers(number).result(facts);
    audit.record(&[result]).await.unwrap();
    let mut change = Entry::new(call.at, Act::ObjectChange, "cli", "user");
    change.user = Some("admin".to_owned());
    audit
        .record(&[Record::from(change).about("mara")])
        .await
        .unwrap();
    let count = async |query: Query| {
        let page = audit.search(&reader(), &query, 1_000, start()).await;
        page.unwrap().rows.len()
    };
    let all = Query::default;
    assert_eq!(
        count(Query {
            person: Some("mara".to_owned()),
            ..all()
        })
        .await,
        31
    );
    assert_eq!(
        count(Query {
            role: Some("finance".to_owned()),
            ..all()
        })
        .await,
        2
    );
    assert_eq!(
        count(Query {
            source: Some("jira".to_owned()),
            ..all()
        })
        .await,
        1
    );
    assert_eq!(
        count(Query {
            act: Some(Act::ToolCall),
            ..all()
        })
        .await,
        2
    );
    assert_eq!(
        count(Query {
            outcome: Some(Outcome::Denied),
            ..all()
        })
        .await,
        1
    );
    assert_eq!(
        count(Query {
            text: Some("DAY 17".to_owned()),
            ..all()
        })
        .await,
        1
    );
    assert_eq!(
        count(Query {
            text: Some("grant".to_owned()),
            ..all()
        })
        .await,
        1
    );
    assert_eq!(
        count(Query {
            person: Some("nobody".to_owned()),
            ..all()
        })
        .await,
        0
    );
    let from = start() + SignedDuration::from_hours(24 * 10);
    let to = start() + SignedDuration::from_hours(24 * 12);
    let between = Query {
        from: Some(from),
        to: Some(to),
        act: Some(Act::Question),
        ..all()
    };
    assert_eq!(count(between.clone()).await, 2);

    let page = audit.search(&reader(), &between, 1, start()).await.unwrap();
    assert_eq!(
        page.rows[0].text.as_deref(),
        Some("day 11"),
        "the newest first"
    );
    assert_eq!(page.rows[0].user.as_deref(), Some("mara"));
    let rest = Query {
        below: page.below,
        ..between
    };
    let page = audit.search(&reader(), &rest, 9, start()).await.unwrap();
    assert_eq!(page.rows.len(), 1);
    assert_eq!(
        (page.rows[0].text.as_deref(), page.below),
        (Some("day 10"), None)
    );

    let page = audit
        .search(
            &reader(),
            &Query {
                act: Some(Act::ToolCall),
                ..all()
            },
            9,
            start(),
        )
        .await
        .unwrap();
    let told = serde_json::to_value(&page.rows[0]).unwrap();
    assert_eq!(
        (&told["answers"], &told["result"]["bytes"]),
        (&json!(31), &json!(6))
    );
    let call = &page.rows[1].arguments;
    assert_eq!(call.as_ref().unwrap().names, ["jql", "limit"]);
    let rows = store.audit().from(1, 1_000).await.unwrap();
    for never in ["Secret", "secret\"", "mara", "day 17"] {
        assert!(
            !format!("{rows:?}").contains(never),
            "{never} stands in the chain"
        );
    }
}

#[tokio::test]
async fn who_looks_is_a_row_with_their_reason_before_they_see_anything() {
    let (store, audit) = trail(2).await;
    let query = Query {
        person: Some("mara".to_owned()),
        ..Query::default()
    };
    let dying = Audit::new(store.that_fails_after(0), KEY);
    assert!(dying.search(&reader(), &query, 9, start()).await.is_err());
    audit.search(&reader(), &query, 9, start()).await.unwrap();
    let reads = Query {
        act: Some(Act::AuditRead),
        ..Query::default()
    };
    let found = audit
        .search(&reader(), &reads, 9, start())
        .await
        .unwrap()
        .rows;
    assert_eq!(found.len(), 1, "a search does not find itself");
    let seen = &found[0];
    assert_eq!(seen.user.as_deref(), Some("admin"));
    assert_eq!(seen.about.as_deref(), Some("mara"));
    assert_eq!(seen.text.as_deref(), Some("looking into ticket 12"));
    // Looking for somebody who has no rows leaves no name behind.
    let query = Query {
        person: Some("nobody".to_owned()),
        ..Query::default()
    };
    audit.search(&reader(), &query, 9, start()).await.unwrap();
    assert_eq!(store.audit().subject("nobody").await.unwrap(), None);
}

#[tokio::test]
async fn an_export_holds_every_row_of_its_time_and_no_cell_is_a_formula() {
    let (_, audit) = days(5).await;
    let evil = question("=cmd|' /C calc'!A0", "+1, \"quoted\"\nand a line");
    audit.record(&[evil]).await.unwrap();
    let mut out = Vec::new();
    let query = Query {
        from: Some(at("2026-11-24T07:00:00Z")),
        ..Query::default()
    };
    let exported = audit
        .export(&reader(), &query, Format::Jsonl, &mut out, start())
        .await
        .unwrap();
    let lines: Vec<Value> = String::from_utf8(out)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!((exported.rows, lines.len()), (4, 4));
    assert_eq!(lines[0]["text"], "day 1");

    let mut out = Vec::new();
    audit
        .export(&reader(), &Query::default(), Format::Csv, &mut out, start())
        .await
        .unwrap();
    let mut reader = csv::Reader::from_reader(out.as_slice());
    let head = reader.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 5 + 1 + 1, "and the row of the export before");
    let cell = |row: &csv::StringRecord, name: &str| {
        let at = head.iter().position(|known| known == name).unwrap();
        row[at].to_owned()
    };
    assert_eq!(cell(&rows[5], "user"), "'=cmd|' /C calc'!A0");
    assert_eq!(cell(&rows[5], "text"), "'+1, \"quoted\"\nand a line");
    for row in &rows {
        assert!(
            row.iter()
                .all(|cell| !cell.starts_with(['=', '+', '-', '@']))
        );
    }
}

#[tokio::test]
async fn a_time_is_found_by_halving() {
    let (_, audit) = days(40).await;
    for day in [0, 1, 17, 39] {
        let then = start() + SignedDuration::from_hours(24 * day);
        assert_eq!(
            audit.border(then).await.unwrap(),
            u64::try_from(day).unwrap() + 1
        );
    }
    assert_eq!(
        audit
            .border(start() + SignedDuration::from_hours(24 * 99))
            .await
            .unwrap(),
        41
    );
}

#[tokio::test]
async fn how_a_call_ended_is_a_row_that_names_the_call_and_holds_size_and_hash() {
    use crate::access::{Access, Clearance, Ended, Principal, Wanted};
    let (store, audit) = trail(1).await;
    let access = Access::new(audit.clone(), store.clone());
    let role =
        toml::from_str("id = 'r'\ntitle = 'R'\n[[grants]]\nconnector = 'jira'\ntools = ['*']");
    let role: crate::domain::people::Role = role.unwrap();
    let connector = toml::from_str(
        "id = 'jira'\ntitle = 'Jira'\ncommand = ['jira']\n[tools]\n'jira_*' = 'read'",
    )
    .unwrap();
    let principal = Principal::nobody(role.id.clone(), crate::access::Surface::Schedule);
    let wanted = ["jira_search", "jira_get"].map(|tool| Wanted {
        connector: &connector,
        tool,
        args: Map::new(),
    });
    let permits = access
        .permits(
            &principal,
            &role,
            Clearance::Alone,
            wanted.to_vec(),
            start(),
        )
        .await
        .unwrap();
    let rows: Vec<u64> = permits
        .iter()
        .map(|permit| permit.as_ref().unwrap().row())
        .collect();
    assert_eq!(rows, [2, 3]);
    let ended = |row, tool: &str, result| Ended {
        row,
        on: format!("jira/{tool}"),
        at: start(),
        result,
    };
    let facts = ResultFacts::of(b"{\"salary\":1}", Duration::from_millis(3));
    let calls = vec![
        ended(3, "jira_get", Err("did not answer in time")),
        ended(2, "jira_search", Ok(facts.clone())),
    ];
    access.ended(&principal, calls).await.unwrap();
    let source = Query {
        source: Some("jira".to_owned()),
        ..Query::default()
    };
    let found = audit
        .search(&reader(), &source, 2, start())
        .await
        .unwrap()
        .rows;
    assert_eq!(
        (found[0].answers, found[0].outcome),
        (Some(2), Outcome::Done)
    );
    assert_eq!(found[0].result, Some(facts));
    assert_eq!(
        (found[1].answers, found[1].outcome),
        (Some(3), Outcome::Failed)
    );
    assert_eq!(found[1].why, "did not answer in time");
    let all = format!("{:?}", store.audit().from(1, 99).await.unwrap());
    assert!(!all.contains("salary"));
}
