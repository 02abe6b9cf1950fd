//! How fast the filter is: `cargo bench --bench guard`. Prints MB/s on one core, the best of several rounds; ends with 1
//! where ordinary text is slower than the bound.

use std::{
    hint::black_box,
    path::Path,
    process::ExitCode,
    sync::LazyLock,
    time::{Duration, Instant},
};

use daybrief::guard::filter::{Context, Filter};

/// Megabytes a second that ordinary text must reach.
const BOUND_MB_A_SECOND: f64 = 50.0;
const ROUNDS: usize = 7;
const TEXT_BYTES: usize = 4_000_000;

/// A page of what briefs and answers say.
const ORDINARY: &str = "Two orders of Harper & Sons are late, worth £18,233.50 together; the oldest has waited 41 days. \
Priya Nair owns both and is away until Thursday, so nobody has answered the customer since Monday. The venue in Lisbon \
wants a deposit by 17:00, and the contract says that we lose the date without it.\n\n\
Revenue in May was €412k, 4.2 % below April, because three shops were closed for two days each. Stock accuracy is 98.2 %, \
and ~40 bins were recounted. Marta Ruiz asks for a decision on the second carrier: the first one brought 9 of 120 parcels late \
in week 24.\n\n\
- PAY-1182 has no owner since Monday and blocks the June release.\n- The lease of the Cork shop ends on 30 September.\n\
- Seventeen claims are open, four of them for longer than 60 days.\n\n\
Der Umsatz in Köln fiel um 4,5 % auf 120.000 €, weil zwei Filialen geschlossen waren. Am längsten wartet Frau Brandt: seit \
61 Stunden ohne Antwort. Morgen um 10:30 Uhr entscheidet der Beirat über den zweiten Standort.\n\n\
Le chiffre d'affaires de Lyon a baissé de 3 % en mai ; deux factures de Morvan restent impayées depuis 45 jours. Il faut \
relancer avant midi, sinon la livraison de jeudi est perdue.\n\n\
Mentioned in the minutes: the team wants to move the call to Friday, the board asked for the forecast, and Helen signs until \
30 June [1]. Please look at the three contracts that end this month, and tell Tom who takes over from Anna [2].\n\n";

fn context() -> Context {
    Context {
        tables: (0..200)
            .map(|number| format!("crm_table_{number}"))
            .collect(),
        columns: (0..1000)
            .map(|number| format!("column_{number}_id"))
            .collect(),
        tools: (0..100)
            .map(|number| format!("tool_{number}_search"))
            .collect(),
        allowed_hosts: vec!["acme.example".to_owned()],
        schema_role: false,
        ..Context::default()
    }
}

/// Time that this thread had on a core, where the system tells it; else time by the clock. Other load then counts for nothing.
fn spent() -> Duration {
    static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);
    std::fs::read_to_string("/proc/thread-self/schedstat")
        .ok()
        .and_then(|text| text.split_whitespace().next()?.parse().ok())
        .map_or_else(|| BEGUN.elapsed(), Duration::from_nanos)
}

fn measure(name: &str, page: &str) -> f64 {
    let text = page.repeat(TEXT_BYTES / page.len());
    let filter = Filter::new(&context());
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let begun = spent();
        black_box(filter.whole(black_box(&text)));
        best = best.min((spent() - begun).as_secs_f64());
    }
    #[allow(clippy::cast_precision_loss)] // A count of bytes far below 2^52.
    let rate = text.len() as f64 / best / 1e6;
    println!(
        "{name}: {rate:.0} MB/s ({})",
        filter.whole(&text).verdict.name()
    );
    rate
}

/// The texts of a corpus that need no context, as one page.
fn corpus(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/guard")
        .join(name);
    std::fs::read_to_string(path)
        .unwrap_or_default()
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|line| line["context"].is_null())
        .filter_map(|line| Some(format!("{}\n\n", line["text"].as_str()?)))
        .collect()
}

fn main() -> ExitCode {
    let ordinary = measure("ordinary text", ORDINARY);
    measure(
        "texts that are near to what must not pass",
        &corpus("must-pass.jsonl"),
    );
    measure(
        "text that needs a close look",
        "Please update the table where the error is; see https://acme.example/x for 12 items (late).\n\n",
    );
    measure(
        "queries",
        "Two are late.\nselect id, total from invoices where due < now() order by id desc;\n\n",
    );
    let begun = spent();
    black_box(Filter::new(&context()));
    println!(
        "a filter for 1300 names: {} µs",
        (spent() - begun).as_micros()
    );
    if ordinary < BOUND_MB_A_SECOND {
        eprintln!("ordinary text passes at less than {BOUND_MB_A_SECOND} MB/s");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
