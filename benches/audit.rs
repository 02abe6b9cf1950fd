//! What the audit trail costs: an append to a short and to a long trail, recomputing the chain, a search, an export.
//!
//! `cargo bench --bench audit -- 100000` prints one line each; the number is that of rows, 100 000 without it.

use std::time::{Duration, Instant};

use daybrief::{
    audit::{Act, Audit, Entry, Format, Query, Reader, Record},
    settings,
    store::Store,
};
use jiff::{SignedDuration, Timestamp};

/// Appends that are measured, one after another.
const APPENDS: u32 = 200;
/// Rows written at once while the trail is filled.
const BATCH: u64 = 500;

fn record(number: u64) -> Record {
    let at = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(i64::try_from(number).unwrap_or(0));
    let mut entry = Entry::new(
        at,
        Act::ToolCall,
        "schedule",
        format!("jira/tool{}", number % 40),
    );
    entry.role = Some("finance".to_owned());
    if !number.is_multiple_of(10) {
        return Record::from(entry);
    }
    entry.act = Act::Question;
    entry.user = Some(format!("user{}", number % 200));
    Record::from(entry).text(format!("why is invoice {number} still open?"))
}

async fn appends(audit: &Audit, from: u64) -> Duration {
    let begin = Instant::now();
    for number in 0..u64::from(APPENDS) {
        let written = audit.record(&[record(from + number)]).await;
        written.expect("the store takes rows");
    }
    begin.elapsed() / APPENDS
}

#[tokio::main]
async fn main() {
    let rows = std::env::args().find_map(|argument| argument.parse().ok());
    let rows: u64 = rows.unwrap_or(100_000);
    let folder = tempfile::tempdir().expect("a folder can be made");
    let store = Store::open(&settings::Store::default(), None, folder.path()).await;
    let audit = Audit::new(store.expect("a store can be made"), [7; 32]);

    println!(
        "append to an empty trail: {:?} each",
        appends(&audit, 0).await
    );
    let begin = Instant::now();
    for first in (0..rows).step_by(usize::try_from(BATCH).unwrap_or(1)) {
        let batch: Vec<Record> = (first..rows.min(first + BATCH)).map(record).collect();
        audit.record(&batch).await.expect("the store takes rows");
    }
    println!("fill: {}", per_second(rows, begin.elapsed()));
    println!(
        "append to {rows} rows: {:?} each",
        appends(&audit, rows).await
    );

    let begin = Instant::now();
    let verified = audit.verify().await.expect("the trail can be read");
    assert!(verified.ok, "{verified:?}");
    println!("verify: {}", per_second(verified.entries, begin.elapsed()));

    let reader = Reader::new(None, "bench", "measuring it").expect("a reason");
    let now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * 365 * 10);
    let query = Query {
        person: Some("user10".to_owned()),
        text: Some("invoice".to_owned()),
        ..Query::default()
    };
    let begin = Instant::now();
    let page = audit.search(&reader, &query, 50, now).await;
    let found = page.expect("the trail can be read").rows.len();
    println!(
        "search by person and words, {found} found: {:?}",
        begin.elapsed()
    );

    for format in [Format::Jsonl, Format::Csv] {
        let begin = Instant::now();
        let mut out = std::io::BufWriter::new(std::io::sink());
        let exported = audit
            .export(&reader, &Query::default(), format, &mut out, now)
            .await
            .expect("the trail can be read");
        println!(
            "export as {format:?}: {}",
            per_second(exported.rows, begin.elapsed())
        );
    }
}

fn per_second(rows: u64, took: Duration) -> String {
    let rate = u128::from(rows) * 1_000 / took.as_millis().max(1);
    format!("{rows} rows in {took:?}, {rate} rows/s")
}
