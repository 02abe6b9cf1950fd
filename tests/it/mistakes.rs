//! Mistakes that people make in files, and what `check` says of each: what is wrong, in which line, and what to do, in one
//! line and in plain words. An instance that is right is changed in one place for each.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use sqlx::{Connection, Executor, SqliteConnection, sqlite::SqliteConnectOptions};

const SETTINGS: &str = r#"[instance]
name = "Acme"
zone = "Europe/Zurich"
objects = ["objects"]
admin = "olga"

[folder]
path = "delivered"
"#;

const QUERIES: &str = r#"[[query]]
name = "open_orders"
sql = "select id, customer, due, amount from orders where due < :day order by id"
params = [{ name = "day", type = "date" }]
"#;

const SHOP: &str = r#"[connector]
id = "shop"
title = "Shop database"
command = ["daybrief", "connector", "sql", "--dsn", "shop.db", "--queries", "queries.toml"]
tools = { query = "read", list_queries = "read" }

[role]
id = "operations"
title = "Operations"
[[role.grants]]
connector = "shop"
tools = ["query"]

[user]
id = "olga"
name = "Olga"
roles = ["operations"]
"#;

const ORDERS: &str = r#"[briefing]
id = "orders"
title = "Orders"
role = "operations"

[[signal]]
id = "late"
title = "Orders past their date"
connector = "shop"
tool = "query"
args = { name = "open_orders", params = { day = "{{ today }}" } }
items = "result.rows"
let = { late = "days_since(item.due)" }
when = "late >= 3"
severity = "'high' if late >= 5 else 'medium'"
key = "item.id"
headline = "Order {{ order }} for {{ customer }} is {{ late }} late"
say = "It is worth {{ amount }}."
next = "Give {{ customer }} a date today."

[signal.facts]
order = "item.id"
customer = "item.customer"
late = "late|days"
amount = "item.amount|money('EUR')"
"#;

const SCHEDULE: &str = r#"[schedule]
id = "orders-morning"
briefing = "orders"
when = "weekdays at 07:10"
zone = "recipient"
to = [{ user = "olga", via = ["folder"] }]
"#;

/// A file of the instance, what is written in it, what somebody wrote instead, and the line that tells them.
type Mistake<'m> = (&'m str, &'m str, &'m str, &'m str);

/// Whole files that are something else, and slips that keep a file from being read.
const UNREADABLE: [Mistake<'_>; 18] = [
    (
        "objects/orders.toml",
        "title = \"Orders\"",
        "title = \"Orders",
        "✗ objects/orders.toml:3: is not TOML: a text is not closed → end it with the quote",
    ),
    (
        "objects/orders.toml",
        "title = \"Orders\"\n",
        "title = \"Orders\"\ntitle = \"All\"\n",
        "✗ objects/orders.toml:4: is not TOML: `title` is there twice, first in line 3 → remove one of them",
    ),
    (
        "objects/orders.toml",
        "title = \"Orders\"",
        "title: \"Orders\"",
        "✗ objects/orders.toml:3: is not TOML: `title:` is written as in YAML → write `title = …`",
    ),
    (
        "objects/orders.toml",
        "[[signal]]",
        "[signal]",
        "✗ objects/orders.toml:6: `briefing.signals` is a table, expected a list in brackets → write `[[signal]]`, with two brackets",
    ),
    (
        "objects/orders.toml",
        "[briefing]",
        "[brefing]",
        "✗ objects/orders.toml:1: `[brefing]` is no kind of object → did you mean `briefing`?",
    ),
    (
        "objects/orders.toml",
        "[[signal]]",
        "[[signals]]",
        "✗ objects/orders.toml:6: `[signals]` is no kind of object → did you mean `signal`?",
    ),
    (
        "objects/orders.toml",
        "severity =",
        "severty =",
        "✗ objects/orders.toml:15: `briefing.signals[0].severty` is no known key → did you mean `severity`?",
    ),
    (
        "objects/orders.toml",
        "key = \"item.id\"\n",
        "",
        "✗ objects/orders.toml:6: signal `late`: `key` is missing: it says what makes an item the same tomorrow → name the field",
    ),
    (
        "objects/orders.toml",
        "{{ order }} for",
        "{ order } for",
        "✗ objects/orders.toml:17: signal `late`: `headline` has `order` in single braces, which would stand there as they are → write `{{ order }}`",
    ),
    (
        "objects/orders.toml",
        "Order {{ order }} for {{ customer }} is {{ late }} late",
        "",
        "✗ objects/orders.toml:17: signal `late`: `headline` is empty, so the risk would have no words → write a full sentence",
    ),
    (
        "objects/orders.toml",
        "Order {{ order }} for",
        "Order {{ item.id }} for",
        "✗ objects/orders.toml:17: signal `late`: `headline` does more than to name facts and to ask whether one is there: a sentence knows no values → add what is computed to `facts`",
    ),
    (
        "objects/orders.toml",
        "late >= 3",
        "item.customer = 'Migros'",
        "✗ objects/orders.toml:14: signal `late`: `when` cannot be read: unexpected input after expression → compare with `==`",
    ),
    (
        "objects/orders.toml",
        "\"late >= 3\"",
        "\"{{ late >= 3 }}\"",
        "→ leave `{{` and `}}` away",
    ),
    (
        "objects/orders.toml",
        "\"days_since(item.due)\"",
        "\"later + 1\", later = \"1\"",
        "✗ objects/orders.toml:13: signal `late`: `let.late` names `later`, which is computed after it → write `later` before `late`",
    ),
    (
        "objects/orders.toml",
        "\"days_since(item.due)\"",
        "\"worth + 1\", worth = \"late + 1\"",
        "✗ objects/orders.toml:13: signal `late`: `let.late` needs itself: `late` → `worth` → `late` → no order helps: compute one of them",
    ),
    (
        "objects/shop.toml",
        "[role]",
        "limits = { timeout_seconds = 0 }\n[role]",
        "✗ objects/shop.toml:7: `connector.limits.timeout_seconds` is 0, which is out of range → use a whole number, 1 or more",
    ),
    (
        "objects/shop.toml",
        "[role]",
        "limits = { concurrency = -1 }\n[role]",
        "✗ objects/shop.toml:7: `connector.limits.concurrency` is -1, which is out of range → use a whole number from 1 to 65535",
    ),
    (
        "objects/schedule.toml",
        "briefing = \"orders\"",
        "",
        "✗ objects/schedule.toml:1: `schedule`: `briefing` is missing → add `briefing = …`",
    ),
];

/// What a file says and nobody else has, or what would quietly do nothing.
const MEANINGLESS: [Mistake<'_>; 27] = [
    (
        "objects/orders.toml",
        "connector = \"shop\"",
        "connector = \"shopp\"",
        "✗ objects/orders.toml:9: briefing `orders`: there is no connector `shopp` → did you mean `shop`?",
    ),
    (
        "objects/shop.toml",
        "roles = [\"operations\"]",
        "roles = [\"operatons\"]",
        "✗ objects/shop.toml:17: user `olga`: there is no role `operatons` → did you mean `operations`?",
    ),
    (
        "objects/schedule.toml",
        "zone =",
        "calendar = \"swiss\"\nzone =",
        "✗ objects/schedule.toml:5: schedule `orders-morning`: there is no calendar `swiss` → none is defined yet",
    ),
    (
        "objects/schedule.toml",
        "{ user = \"olga\", via = [\"folder\"] }",
        "{ folder = \"../outside\", as = \"operations\" }",
        "✗ objects/schedule.toml:6: schedule `orders-morning`: `folder` is `../outside`, which is not the name of a folder below the one in the settings → use 1 to 100",
    ),
    (
        "objects/schedule.toml",
        "weekdays at 07:10",
        "0 7 31 2 *",
        "✗ objects/schedule.toml:4: schedule `orders-morning`: `0 7 31 2 *` names no day that there is",
    ),
    (
        "objects/shop.toml",
        "[user]",
        "[calendar]\nid = \"c\"\nworking_days = []\n[user]",
        "✗ objects/shop.toml:16: calendar `c`: `working_days` names no day, so nothing that uses it is ever due → name them",
    ),
    (
        "objects/shop.toml",
        "[user]",
        "[calendar]\nid = \"c\"\nholidays = { \"25.12.2026\" = \"Christmas\" }\n[user]",
        "✗ objects/shop.toml:16: `25.12.2026` of `holidays` is no date that there is: write year, month and day, such as 2026-12-25",
    ),
    (
        "objects/shop.toml",
        "[user]",
        "[place]\nid = \"p\"\nsurface = \"slack\"\nchannel = \"#ops\"\nas = \"operations\"\n[user]",
        "✗ objects/shop.toml:17: place `p`: `channel` is `#ops`, which is no channel id, so nobody ever asks from there → copy it from",
    ),
    (
        "objects/shop.toml",
        "name = \"Olga\"",
        "name = \"Olga\"\nemail = \"olga@acme\"",
        "✓ objects/shop.toml:17: warning: user `olga`: the domain `acme` of `email` has no dot → write it in full",
    ),
    (
        "objects/shop.toml",
        "tools = [\"query\"]",
        "tools = [\"query\"]\nwhen = [{ arg = \"limit\", at_least = 9, at_most = 1 }]",
        "✗ objects/shop.toml:13: role `operations`: the condition `grants[0].when[0]` on `limit` has `at_least` above `at_most`, so it never holds → exchange the two",
    ),
    (
        "objects/shop.toml",
        "tools = { query = \"read\", list_queries = \"read\" }",
        "tools = { query = \"read\" }\nlink_hosts = [\"https://shop.acme.example\"]",
        "✗ objects/shop.toml:6: connector `shop`: `https://shop.acme.example` is no host name, so no link is let through by it → write the name alone",
    ),
    (
        "objects/orders.toml",
        "next = ",
        "link = \"'https://shop.acme.example/' ~ item.id\"\nnext = ",
        "✓ objects/orders.toml:19: warning: briefing `orders`: signal `late`: `link` leads to `shop.acme.example`, which is allowed nowhere, so it is left out of the brief → add \"shop.acme.example\" to `link_hosts` of the connector `shop`",
    ),
    (
        "objects/orders.toml",
        "tool = \"query\"",
        "tool = \"qery\"",
        "→ correct `tool` (did you mean `query`?), or name `qery` in `tools` of the connector `shop`",
    ),
    (
        "objects/shop.toml",
        "query = \"read\", list",
        "query = \"action\", list",
        "→ a brief only reads: ask a tool that reads",
    ),
    (
        "objects/shop.toml",
        "tools = [\"query\"]",
        "tools = [\"list_queries\"]",
        "→ grant `query` of `shop` to the role `operations`, or remove the signal",
    ),
    (
        "objects/shop.toml",
        "tools = [\"query\"]",
        "tools = [\"query\"]\nwhen = [{ arg = \"limit\", at_most = 9, optional = true },\n  { arg = \"name\", equals = \"all_orders\" }]",
        "`shop` may not be asked by this role: role operations, grant on shop, grants[0].when[1]: the argument `name` is not the one that is allowed (objects/orders.toml:7) → give `name` in `args` of the signal as the condition of the role `operations` allows it, or change the condition (objects/shop.toml:14)",
    ),
    (
        "objects/shop.toml",
        "tools = [\"query\"]",
        "tools = [\"query\"]\nwhen = [{ arg = \"nmae\", equals = \"open_orders\" }]",
        "→ correct `arg` of the condition (objects/shop.toml:13): did you mean `name`, which the signal gives?",
    ),
    (
        "objects/shop.toml",
        "tools = [\"query\"]",
        "tools = [\"query\"]\ndeny = [\"q*\"]",
        "→ take `q*` out of `deny` of the role `operations` (objects/shop.toml:13), or remove the signal",
    ),
    (
        "daybrief.toml",
        "[folder]",
        "[[model]]\nid = \"spare\"\nkind = \"ollama\"\nmodel = \"m\"\nbase_url = \"http://127.0.0.1:9\"\n[folder]",
        "✓ daybrief.toml:8: warning: the model `spare` is set up and never asked: no route names it → add \"spare\" to `route`",
    ),
    (
        "daybrief.toml",
        "admin = \"olga\"",
        "admin = \"olgaa\"",
        "✗ daybrief.toml:5: `instance.admin` names `olgaa`, and there is no user of that id → did you mean `olga`?",
    ),
    (
        "objects/shop.toml",
        "[\"daybrief\", \"connector\"",
        "[\"/opt/shop/server\", \"connector\"",
        "✗ briefing orders, shop: the program `/opt/shop/server` is not there; so nothing can be said of late (objects/shop.toml:4) → ",
    ),
    (
        "objects/orders.toml",
        "item.amount|money",
        "item.customer|money",
        "(objects/orders.toml:25) → correct the expression",
    ),
    (
        "objects/orders.toml",
        "result.rows",
        "result",
        "gives a table, not a list; a list in it is `columns`, `rows` (objects/orders.toml:12) → correct `items`",
    ),
    (
        "daybrief.toml",
        "admin = \"olga\"",
        "",
        "✓ the setting `instance.admin`: warning: is not set, so nobody is told of what fails → name the id of a user",
    ),
    (
        "daybrief.toml",
        "path = \"delivered\"",
        "path = \"shop.db\"",
        "shop.db: is no folder but a file: name another in `[folder] path`",
    ),
    (
        "daybrief.toml",
        "[\"objects\"]",
        "[\"delivered\"]",
        "✗ objects: no file in delivered ends in `.toml` and has an object → put your objects there",
    ),
    (
        "objects/orders.toml",
        "role = \"operations\"",
        "role = \"operatons\"",
        "✗ objects/orders.toml:4: briefing `orders`: there is no role `operatons` → did you mean `operations`?",
    ),
];

/// What takes something away without an error; the first two are seen only once the source has answered.
const QUIET: [Mistake<'_>; 3] = [
    (
        "objects/orders.toml",
        "key = \"item.id\"",
        "key = \"'order'\"",
        "✓ objects/orders.toml:16: warning: briefing orders, signal `late`: `key` tells only 1 of 2 records of today apart: all are told, but which of them is new, goes on or is resolved cannot be known → name what is different in each record",
    ),
    (
        "objects/orders.toml",
        "next = ",
        "link = \"item.id\"\nnext = ",
        "✓ objects/orders.toml:19: warning: briefing orders, signal `late`: `link` gives no web address for 2 records of today, so it is left out → begin it with https://",
    ),
    (
        "objects/shop.toml",
        "tools = [\"query\"]",
        "tools = [\"query\", \"list_query\"]",
        "✓ objects/shop.toml:12: warning: role `operations`: `list_query` names no tool that `shop` has → did you mean `list_queries`?",
    ),
];

/// An instance in which nothing is wrong.
struct Instance(tempfile::TempDir);

impl Instance {
    async fn new() -> Self {
        let instance = Self(tempfile::tempdir().unwrap());
        let root = instance.0.path();
        fs::create_dir(root.join("objects")).unwrap();
        for (file, text) in [
            ("daybrief.toml", SETTINGS),
            ("queries.toml", QUERIES),
            ("objects/shop.toml", SHOP),
            ("objects/orders.toml", ORDERS),
            ("objects/schedule.toml", SCHEDULE),
        ] {
            fs::write(root.join(file), text).unwrap();
        }
        let options = SqliteConnectOptions::new()
            .filename(root.join("shop.db"))
            .create_if_missing(true);
        let mut session = SqliteConnection::connect_with(&options).await.unwrap();
        session
            .execute(
                "create table orders (id text, customer text, due text, amount text);
                 insert into orders values ('1', 'Migros', '2026-01-02', '4000.5'), ('2', 'Hartmann', '2026-01-05', '10');",
            )
            .await
            .unwrap();
        session.close().await.unwrap();
        instance
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_daybrief"))
            .args(arguments)
            .current_dir(self.0.path())
            .env_remove("DAYBRIEF_CONFIG")
            .output()
            .unwrap()
    }

    /// What a command says on both outputs.
    fn told(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
    }
}

fn change(root: &Path, (file, from, to, _): Mistake<'_>) {
    let text = fs::read_to_string(root.join(file)).unwrap();
    assert!(text.contains(from), "{from} is not in {file}");
    fs::write(root.join(file), text.replacen(from, to, 1)).unwrap();
}

#[tokio::test]
async fn an_instance_without_mistakes_has_nothing_to_mend() {
    let instance = Instance::new().await;
    let told = instance.told(&["check"]);
    assert!(!told.contains('✗'), "{told}");
}

#[tokio::test]
async fn what_keeps_a_file_from_being_read_is_told_once_and_nothing_untrue_beside_it() {
    for mistake in UNREADABLE {
        let instance = Instance::new().await;
        change(instance.0.path(), mistake);
        let told = instance.told(&["check"]);
        assert!(told.contains(mistake.3), "{}\nnot in\n{told}", mistake.3);
        let wrong = told.lines().filter(|line| line.starts_with('✗'));
        // The mistake, and that the files cannot be applied.
        assert_eq!(wrong.count(), 2, "{told}");
        assert!(told.contains("nothing is in force yet, so no source is asked"));
    }
}

#[tokio::test]
async fn what_leads_nowhere_or_would_quietly_do_nothing_is_told_with_its_line() {
    for mistake in MEANINGLESS.into_iter().chain(QUIET) {
        let instance = Instance::new().await;
        change(instance.0.path(), mistake);
        let told = instance.told(&["check"]);
        assert!(told.contains(mistake.3), "{}\nnot in\n{told}", mistake.3);
        assert!(!told.contains("✗ :"), "{told}");
    }
}

#[tokio::test]
async fn a_command_on_what_is_not_there_says_what_is_and_what_brings_it_there() {
    let instance = Instance::new().await;
    for (arguments, expected) in [
        (
            &["schedule", "send", "orders-morning"][..],
            "there is no schedule `orders-morning`\n  → none is in force: `daybrief apply` brings those of your files into force",
        ),
        (
            &["ask", "What is late?", "--user", "olga"],
            "there is no user `olga`\n  → none is in force: `daybrief apply`",
        ),
        (
            &["run", "orders"],
            "there is no briefing `orders`\n  → none is in force: `daybrief apply` brings those of your files into force, `--objects DIR` tries them without",
        ),
        (
            &["run", "orders", "--objects", "object"],
            "object: cannot be read: No such file or directory (os error 2)\n  → name a folder that is there",
        ),
    ] {
        let told = instance.told(arguments);
        assert!(told.contains(expected), "{expected}\nnot in\n{told}");
    }
    let told = instance.told(&["apply", "--yes"]);
    assert!(told.contains("objects applied"), "{told}");
    for (arguments, expected) in [
        (
            &["schedule", "send", "order-morning"][..],
            "there is no schedule `order-morning`\n  → did you mean `orders-morning`?",
        ),
        (
            &[
                "ask",
                "What is late?",
                "--user",
                "olga",
                "--role",
                "finance",
            ],
            "`olga` does not have the role `finance`\n  → use one of theirs (`operations`), or add it to `roles` of the user `olga`",
        ),
        (
            &["user", "approve", "olga", "--role", "operations"],
            "`olga` is let in already, and has all of these roles\n  → ",
        ),
        (
            &[
                "audit",
                "search",
                "--reason",
                "ticket twelve",
                "--from",
                "2026-02-01",
                "--to",
                "2026-01-01",
            ],
            "--from is not before --to, so no row is between them\n  → exchange the two",
        ),
    ] {
        let output = instance.run(arguments);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.contains(expected), "{expected}\nnot in\n{told}");
        assert_eq!(output.status.code(), Some(1), "{told}");
    }
}

#[tokio::test]
async fn a_secret_that_cannot_be_had_or_that_all_may_read_is_told_and_never_shown() {
    use std::os::unix::fs::PermissionsExt;
    let instance = Instance::new().await;
    let root = instance.0.path();
    let token = root.join("token");
    let settings = |reference: &str| {
        let more =
            format!("\n[slack]\ntoken = \"{reference}\"\napi_url = \"http://127.0.0.1:9/\"\n");
        fs::write(root.join("daybrief.toml"), format!("{SETTINGS}{more}")).unwrap();
    };
    settings("env:DAYBRIEF_TEST_NO_TOKEN");
    let told = instance.told(&["check"]);
    let expected = "✗ [slack]: the secret `env:DAYBRIEF_TEST_NO_TOKEN` is not set → set `DAYBRIEF_TEST_NO_TOKEN` where `daybrief` is started";
    assert!(told.contains(expected), "{told}");
    fs::write(&token, "hunter2-token\n").unwrap();
    fs::set_permissions(&token, fs::Permissions::from_mode(0o644)).unwrap();
    settings(&format!("file:{}", token.display()));
    let told = instance.told(&["check"]);
    let expected = format!(
        "{0}: warning: holds a secret that every account of this machine may read → `chmod 600 {0}`",
        token.display()
    );
    assert!(told.contains(&expected), "{told}");
    assert!(told.contains("cannot be reached"), "{told}");
    assert!(!told.contains("hunter2"), "{told}");
    fs::write(&token, "\n").unwrap();
    let told = instance.told(&["check"]);
    assert!(
        told.contains("is empty: its first line has nothing in it → put the secret"),
        "{told}"
    );

    let key = root.join("data/daybrief.key");
    fs::write(&key, "c2hvcnQ=").unwrap();
    let told = instance.told(&["check"]);
    let expected = format!(
        "{}: holds no key: a key is 32 bytes in base64\n  → restore the file from a backup",
        key.strip_prefix(root).unwrap().display()
    );
    assert!(told.contains(&expected), "{told}");
    assert!(
        !told.contains("openssl"),
        "a new key would open nothing: {told}"
    );
}

#[tokio::test]
async fn a_mail_server_that_cannot_be_used_is_told_once_with_what_to_do() {
    let instance = Instance::new().await;
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let email = format!(
        "{SETTINGS}\n[email]\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"none\"\nfrom = \"Daybrief <daybrief@acme.example>\"\n"
    );
    fs::write(instance.0.path().join("daybrief.toml"), &email).unwrap();
    let mail: [Mistake<'_>; 2] = [
        (
            "objects/shop.toml",
            "name = \"Olga\"",
            "name = \"Olga\"\nemail = \"olga@acme.example\"",
            "",
        ),
        ("objects/schedule.toml", "\"folder\"", "\"email\"", ""),
    ];
    for mistake in mail {
        change(instance.0.path(), mistake);
    }
    let told = instance.told(&["check"]);
    let expected = format!(
        "✗ channel email: 127.0.0.1:{port}: nothing listens there (connection refused) → correct `[email] host` or `port`"
    );
    assert!(told.contains(&expected), "{told}");
    assert_eq!(told.matches("connection refused").count(), 1, "{told}");

    let ca = email.replace(
        "tls = \"none\"",
        "tls = \"starttls\"\nca_file = \"none.pem\"",
    );
    fs::write(instance.0.path().join("daybrief.toml"), ca).unwrap();
    let told = instance.told(&["check"]);
    assert!(
        told.contains("✗ [email]: `ca_file`: none.pem cannot be read"),
        "{told}"
    );
    assert!(!told.contains("has no [email]"), "{told}");
}

/// A daemon that is ended with the test.
struct Daemon(std::process::Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_second_daemon_on_a_data_folder_is_told_of_the_first() {
    use std::io::{BufRead, BufReader};
    let instance = Instance::new().await;
    let mut first = Daemon(
        Command::new(env!("CARGO_BIN_EXE_daybrief"))
            .args(["serve", "--listen", "127.0.0.1:0"])
            .current_dir(instance.0.path())
            .env_remove("DAYBRIEF_CONFIG")
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap(),
    );
    let mut ready = String::new();
    BufReader::new(first.0.stdout.take().unwrap())
        .read_line(&mut ready)
        .unwrap();
    let url = ready.trim().strip_prefix("ready on ").unwrap();
    let output = instance.run(&["serve", "--listen", "127.0.0.1:0"]);
    let told = String::from_utf8_lossy(&output.stderr);
    let expected = format!(
        "data: another `daybrief serve` works on this data folder (process {}, {url})\n  → stop that one first",
        first.0.id()
    );
    assert!(told.contains(&expected), "{expected}\nnot in\n{told}");
    assert_eq!(output.status.code(), Some(1));
}

#[tokio::test]
async fn a_field_that_is_empty_in_some_rows_is_named_with_its_line_and_what_helps() {
    let instance = Instance::new().await;
    let root = instance.0.path();
    let options = SqliteConnectOptions::new().filename(root.join("shop.db"));
    let mut session = SqliteConnection::connect_with(&options).await.unwrap();
    let empty = "insert into orders values ('3', 'Empty', null, '1');";
    session.execute(empty).await.unwrap();
    session.close().await.unwrap();
    let all = QUERIES.replace("where due < :day", "where due < :day or due is null");
    fs::write(root.join("queries.toml"), all).unwrap();
    assert!(instance.told(&["apply", "--yes"]).contains("applied"));
    for arguments in [
        &["run", "orders", "--objects", "objects"][..],
        &["run", "orders"],
        &["check"],
    ] {
        let told = instance.told(arguments);
        for part in [
            "let.late: in `days_since(item.due)`: nothing (null) is no date; where it may be empty, say what counts then: \
             `days_since(item.due) if item.due is not none else …`",
            "(objects/orders.toml:13) → correct the expression",
        ] {
            assert!(told.contains(part), "{part}\nnot in\n{told}");
        }
    }
    // What it says helps.
    let mended = ORDERS.replace(
        "days_since(item.due)",
        "days_since(item.due) if item.due is not none else 0",
    );
    fs::write(root.join("objects/orders.toml"), mended).unwrap();
    let told = instance.told(&["run", "orders", "--objects", "objects"]);
    assert!(!told.contains("not checked"), "{told}");
    let told = instance.told(&["run", "orders"]);
    assert!(
        told.contains("note: this is `orders` as it is in force; its file has it otherwise (objects/orders.toml:2)"),
        "{told}"
    );
}

#[tokio::test]
async fn a_key_that_records_share_is_told_by_a_run_too() {
    let instance = Instance::new().await;
    change(instance.0.path(), QUIET[0]);
    let told = instance.told(&["run", "orders", "--objects", "objects"]);
    let expected = "note: objects/orders.toml:16: briefing orders, signal `late`: `key` tells only 1 of 2 records of today apart";
    assert!(told.contains(expected), "{told}");
    // Both are told.
    assert!(
        told.contains("Migros") && told.contains("Hartmann"),
        "{told}"
    );
}

#[tokio::test]
async fn a_command_about_a_person_says_what_keeps_it_from_being_done() {
    let instance = Instance::new().await;
    assert!(instance.told(&["apply", "--yes"]).contains("applied"));
    let nobody = "nothing is kept of a person `olgaa`\n  → did you mean `olga`?";
    for (arguments, expected) in [
        (
            &[
                "data",
                "erase",
                "--user",
                "olgaa",
                "--reason",
                "ticket twelve",
            ][..],
            nobody,
        ),
        (&["data", "export", "--user", "olgaa"], nobody),
        (
            &[
                "data",
                "erase",
                "--user",
                "zoe",
                "--reason",
                "ticket twelve",
            ],
            "nothing is kept of a person `zoe`\n  → name the id of a user: `daybrief user list`",
        ),
        (
            &["ask", "What is late?", "--role", "operations"],
            "the settings have no model, so no question is answered\n  → add a `[[model]]`",
        ),
        (
            &["user", "invite", "ann@acme", "--role", "operations"],
            "the domain `acme` of `ann@acme` has no dot, so mail reaches it in your own network alone\n  → write it in full",
        ),
        (
            &[
                "user",
                "invite",
                "ann@acme",
                "--role",
                "operations",
                "--yes",
            ],
            "ann is let in",
        ),
        (
            &[
                "ask",
                "What is late?",
                "--user",
                "ann",
                "--role",
                "operatons",
            ],
            "there is no role `operatons`\n  → did you mean `operations`?",
        ),
        (&["user", "disable", "ann"], "ann is shut out"),
        (
            &[
                "ask",
                "What is late?",
                "--user",
                "ann",
                "--role",
                "operatons",
            ],
            "`ann` is disabled\n  → let them in again with `daybrief user enable ann`\nthere is no role `operatons`",
        ),
    ] {
        let told = instance.told(arguments);
        assert!(told.contains(expected), "{expected}\nnot in\n{told}");
        assert!(!told.contains("[y/N]") && !told.contains("{\""), "{told}");
    }
}

/// A mail server that takes everything but recipients.
fn mail_server_without_people() -> u16 {
    use std::io::{BufRead, BufReader, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            stream.write_all(b"220 mail.acme.example\r\n").unwrap();
            for line in lines.map_while(Result::ok) {
                let answer: &[u8] = match line.split(' ').next() {
                    Some("RCPT") => b"550 5.1.1 No such user here\r\n",
                    Some("QUIT") => b"221 Bye\r\n",
                    _ => b"250 OK\r\n",
                };
                if stream.write_all(answer).is_err() {
                    break;
                }
            }
        }
    });
    port
}

#[tokio::test]
async fn a_recipient_that_the_mail_server_does_not_know_is_told_without_a_log_and_with_what_to_do()
{
    let instance = Instance::new().await;
    let email = format!(
        "{SETTINGS}\n[email]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\nfrom = \"Daybrief <daybrief@acme.example>\"\n",
        mail_server_without_people()
    );
    fs::write(instance.0.path().join("daybrief.toml"), email).unwrap();
    let mail: [Mistake<'_>; 2] = [
        (
            "objects/shop.toml",
            "name = \"Olga\"",
            "name = \"Olga\"\nemail = \"olga@acme.example\"",
            "",
        ),
        ("objects/schedule.toml", "\"folder\"", "\"email\"", ""),
    ];
    for mistake in mail {
        change(instance.0.path(), mistake);
    }
    assert!(instance.told(&["apply", "--yes"]).contains("applied"));
    let told = instance.told(&["schedule", "send", "orders-morning"]);
    assert!(told.contains("email olga@acme.example: failed: "), "{told}");
    assert!(
        told.contains("No such user here; correct the recipient's `email`"),
        "{told}"
    );
    assert!(!told.contains("{\""), "a log beside the answer: {told}");
}

/// Mistakes in different files, objects and keys of one instance.
const SEVEN: [Mistake<'_>; 8] = [
    (
        "objects/orders.toml",
        "severity =",
        "severty =",
        "✗ objects/orders.toml:15: `briefing.signals[0].severty` is no known key",
    ),
    (
        "objects/orders.toml",
        "role = \"operations\"",
        "role = \"operatons\"",
        "✗ objects/orders.toml:4: briefing `orders`: there is no role `operatons` → did you mean `operations`?",
    ),
    (
        "objects/orders.toml",
        "connector = \"shop\"",
        "connector = \"shopp\"",
        "✗ objects/orders.toml:9: briefing `orders`: there is no connector `shopp` → did you mean `shop`?",
    ),
    (
        "objects/schedule.toml",
        "weekdays at 07:10",
        "weekdays at 25:10",
        "✗ objects/schedule.toml:4: schedule `orders-morning`: ",
    ),
    (
        "objects/schedule.toml",
        "user = \"olga\"",
        "user = \"olgaa\"",
        "✗ objects/schedule.toml:6: schedule `orders-morning`: there is no user `olgaa` → did you mean `olga`?",
    ),
    (
        "objects/shop.toml",
        "name = \"Olga\"",
        "name = \"Olga\"\nemail = \"olga@acme..example\"\nzoned = \"UTC\"",
        "✗ objects/shop.toml:21: user `olga`: `email` is `olga@acme..example`, which is no address",
    ),
    (
        "objects/shop.toml",
        "title = \"Shop database\"",
        "title = \"Shop database\"\nlimits = { timeout_seconds = 0 }",
        "✗ objects/shop.toml:4: `connector.limits.timeout_seconds` is 0",
    ),
    (
        "objects/shop.toml",
        "[user]",
        "[calendar]\nid = \"c\"\nworking_days = [\"mo\"]\n[user]",
        "✗ objects/shop.toml:17: `calendar.working_days[0]` is not one of ",
    ),
];

#[tokio::test]
async fn mistakes_in_one_place_hide_none_in_another() {
    let instance = Instance::new().await;
    let root = instance.0.path();
    for mistake in SEVEN {
        change(root, mistake);
    }
    let told = instance.told(&["check"]);
    for (_, _, _, expected) in SEVEN {
        assert!(told.contains(expected), "{expected}\nnot in\n{told}");
    }
    let all = told.lines().filter(|line| line.starts_with('✗')).count();
    // The unknown key `zoned`, and that the files cannot be applied.
    assert_eq!(all, SEVEN.len() + 2, "{told}");

    // One that keeps a file from being TOML hides the other tables of it no more than the other files.
    let broken = ORDERS.replace("title = \"Orders\"", "title = Orders");
    fs::write(
        root.join("objects/orders.toml"),
        format!("{broken}\n[rolle]\nid = \"x\"\n"),
    )
    .unwrap();
    let told = instance.told(&["check"]);
    for expected in [
        "✗ objects/orders.toml:3: is not TOML: a text stands without quotes",
        "`[rolle]` is no kind of object → did you mean `role`?",
        "✗ objects/schedule.toml:6: schedule `orders-morning`: there is no user `olgaa`",
    ] {
        assert!(told.contains(expected), "{expected}\nnot in\n{told}");
    }
    assert!(
        !told.contains("no briefing `orders`"),
        "it is in the file: {told}"
    );

    // Nor do mistakes in the settings hide those of the objects.
    change(root, ("daybrief.toml", "[folder]", "[foldr]", ""));
    let told = instance.told(&["check"]);
    for expected in [
        "daybrief.toml:7: `foldr` is no known key\n  → did you mean `folder`?",
        "objects/schedule.toml:6: schedule `orders-morning`: there is no user `olgaa`",
    ] {
        assert!(told.contains(expected), "{expected}\nnot in\n{told}");
    }
    assert!(!told.contains("the settings have no"), "{told}");
}

/// A server that answers whatever comes with these bytes; ends with the test.
fn stranger(says: &'static str) -> u16 {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 64 * 1024]);
            let _ = stream.write_all(says.as_bytes());
        }
    });
    port
}

const PAGE: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<title>Sign in</title>";

#[tokio::test]
async fn a_server_that_is_no_server_of_mcp_is_told_before_it_is_a_connector() {
    let instance = Instance::new().await;
    let page = format!("http://127.0.0.1:{}/", stranger(PAGE));
    let secured = page.replace("http://", "https://");
    let script = instance.0.path().join("server");
    fs::write(&script, "#!/bin/sh\n").unwrap();
    let script = script.display().to_string();
    for (arguments, expected) in [
        (
            &["connector", "probe", &page][..],
            format!(
                "{page}: what answers there is a web page and no MCP server (HTTP 200); the page is titled \"Sign in\"\n  → correct the address"
            ),
        ),
        (
            &["connector", "probe", &secured],
            "speaks plain http, and the address begins with `https://`\n  → write `http://` in the address".to_owned(),
        ),
        (
            &["connector", "probe", "--", &script],
            format!("`{script}`: the file `{script}` is not executable\n  → `chmod +x {script}`"),
        ),
        (
            &["connector", "probe", "--", "sh", "-c", "echo Listening on 3000"],
            "what it writes on standard output is no message of MCP; it begins: \"Listening on 3000\"\n  → standard output is for messages alone".to_owned(),
        ),
        (
            &["connector", "probe", "--", "daybrief", "connector", "sql", "--dsn", "daybrief.toml"],
            "--dsn: the SQLite file ".to_owned(),
        ),
    ] {
        let output = instance.run(arguments);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.contains(&expected), "{expected}\nnot in\n{told}");
        assert!(!told.starts_with('{'), "{told}");
        assert_eq!(output.status.code(), Some(1), "{told}");
    }
}

#[tokio::test]
async fn what_is_wrong_behind_our_own_server_is_told_where_it_is_and_not_at_the_call() {
    let wrong: [Mistake<'_>; 5] = [
        (
            "queries.toml",
            "[[query]]",
            "[[querys]]",
            "✗ briefing orders, shop: queries.toml:1: `querys` is no known key; so nothing can be said of late (objects/shop.toml:4) → did you mean `query`?",
        ),
        (
            "queries.toml",
            "select id",
            "delete from orders; select id",
            "queries.toml:3: query `open_orders`: ",
        ),
        (
            "queries.toml",
            "from orders",
            "from order_lines",
            "signal late: `shop` could not answer: the database says: no such table: order_lines (queries.toml:3: query `open_orders`; the connector: objects/shop.toml:4) → correct `sql` of the query",
        ),
        (
            "objects/shop.toml",
            "\"shop.db\"",
            "\"daybrief.toml\"",
            "daybrief.toml is no SQLite database, by how it begins; so nothing can be said of late (objects/shop.toml:4) → name the file of the database itself",
        ),
        (
            "objects/orders.toml",
            "name = \"open_orders\"",
            "name = \"open_order\"",
            "there is no query `open_order`; `list_queries` names them (objects/orders.toml:11) → did you mean `open_orders`?",
        ),
    ];
    for mistake in wrong {
        let instance = Instance::new().await;
        change(instance.0.path(), mistake);
        let told = instance.told(&["check"]);
        assert!(told.contains(mistake.3), "{}\nnot in\n{told}", mistake.3);
        assert!(!told.contains("the server said"), "{told}");
    }
}

#[tokio::test]
async fn a_model_of_another_kind_is_told_by_check_with_the_kind_that_answers() {
    const NO_PATH: &str = "HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{\"detail\":\"Not Found\"}";
    const NO_BODY: &str = "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{\"error\":{\"message\":\"messages is missing\"}}";
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut asked = [0; 64 * 1024];
            let count = stream.read(&mut asked).unwrap_or_default();
            let known = asked[..count].starts_with(b"POST /v1/chat/completions ");
            let says = if known { NO_BODY } else { NO_PATH };
            let _ = stream.write_all(says.as_bytes());
        }
    });
    let instance = Instance::new().await;
    let model = format!(
        "{SETTINGS}\n[[model]]\nid = \"fast\"\nkind = \"ollama\"\nmodel = \"m\"\nbase_url = \"http://127.0.0.1:{port}\"\nlocal = true\n[wording]\nroute = [\"fast\"]\n"
    );
    fs::write(instance.0.path().join("daybrief.toml"), model).unwrap();
    let told = instance.told(&["check"]);
    let expected =
        format!("set `kind = \"openai\"` and `base_url = \"http://127.0.0.1:{port}/v1\"`");
    assert!(told.contains(&expected), "{expected}\nnot in\n{told}");
    let run = instance.run(&["run", "orders", "--objects", "objects"]);
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(said.contains(&expected), "{said}");
    assert!(!said.contains('{'), "{said}");
}
