//! What is refused, what passes, and the truth of Northwind.

use std::path::Path;

use secrecy::SecretString;
use serde_json::{Value, json};
use sqlx::{Connection, Executor, SqliteConnection, sqlite::SqliteConnectOptions};

use super::{Limits, SqlError, database::Database, queries, server::SqlServer};
use crate::sql::{Dialect, ReadOnly};

const KINDS: [Dialect; 3] = Dialect::ALL;

#[test]
fn what_does_more_than_read_is_refused() {
    for sql in [
        "",
        ";",
        "select 1; select 2",
        "select 1; drop table a",
        "insert into a values (1)",
        "update a set b = 1",
        "delete from a",
        "drop table a",
        "create table a (b int)",
        "alter table a add b int",
        "truncate table a",
        "grant all on a to b",
        "begin",
        "commit",
        "set x = 1",
        "pragma journal_mode = delete",
        "attach 'x' as y",
        "vacuum",
        "copy a to '/tmp/x'",
        "call p()",
        "explain analyze delete from a",
        "select * into b from a",
        "select * from a for update",
        "select * from a for share",
        "with x as (delete from a returning *) select * from x",
        "with x as (insert into a values (1) returning 1) select * from x",
        "select pg_sleep(10)",
        "select sleep(10)",
        "select benchmark(1000000, sha1('a'))",
        "select load_file('/etc/passwd')",
        "select pg_read_file('/etc/passwd')",
        "select lo_import('/etc/passwd')",
        "select load_extension('x')",
        "select set_config('a', 'b', false)",
        "select nextval('s')",
        "select setval('s', 1)",
        "select dblink('x', 'y')",
        "select pg_terminate_backend(1)",
        "select writefile('x', 'y')",
        "select readfile('x')",
        "select randomblob(1000000000)",
        "select query_to_xml('delete from a', true, true, '')",
        "select a.pg_sleep(1)",
        "select x'ff' union select pg_sleep(1)",
        "select (select pg_sleep(1))",
        "select 1 where exists (select pg_sleep(1))",
        "select * from pg_shadow",
        "select * from pg_catalog.pg_user",
        "select * from information_schema.tables",
        "select * from mysql.user",
        "select * from sqlite_master",
        "select * from \"pg_shadow\"",
        "select * from generate_series(1, 10)",
        "select * from pragma_table_info('a')",
        "select 1 /*! into outfile '/tmp/x' */",
        "select * from a order by pg_sleep(1)",
        "select count(*) filter (where pg_sleep(1) is null) from a",
        "select * from a limit (select pg_sleep(1))",
        "select * from a where b = ?",
        "values (pg_sleep(1))",
        "table a",
        "lock tables a write",
        "declare c cursor for select 1",
        "kill 1",
        "shutdown",
        "select '",
    ] {
        for kind in KINDS {
            assert!(ReadOnly::parse(sql, kind).is_err(), "{kind:?}: {sql}");
        }
    }
    assert!(ReadOnly::parse("select @@version", Dialect::Mysql).is_err());
    assert!(ReadOnly::parse("select 1 into outfile '/tmp/x'", Dialect::Mysql).is_err());
}

#[test]
fn what_reads_passes() {
    for sql in [
        "select 1",
        "select 1;",
        "select * from a",
        "select a.b, c from a join d on a.id = d.id where c > 1 order by c desc limit 5",
        "with x as (select 1 as a) select * from x",
        "select count(*), sum(b) from a group by c having sum(b) > 1",
        "select coalesce(a, 'delete from x') from b",
        "select 'drop table a; --' as text",
        "select a from b union all select c from d",
        "select case when a > 1 then 'x' else 'y' end from b",
        "select cast(a as integer) from b",
        "values (1), (2)",
        "select row_number() over (partition by a order by b) from c",
        "select * from (select a from b) q",
        "select * from a where b in (select c from d)",
        "select distinct a from b",
        "select max(a) - min(a) from b",
        "select upper(name), length(name) from a where name like '%x%'",
        "select * from a where d between :from and :to",
        "select round(sum(a * b), 2) as total from c",
        "select * from sales.orders",
    ] {
        for kind in KINDS {
            if let Err(error) = ReadOnly::parse(sql, kind) {
                panic!("{kind:?}: {sql}: {error}");
            }
        }
    }
}

/// A SQLite file from a script.
pub(super) async fn sqlite(folder: &Path, script: &str) -> SecretString {
    let path = folder.join("data.db");
    let options = SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(true)
        .synchronous(sqlx::sqlite::SqliteSynchronous::Off);
    let mut session = SqliteConnection::connect_with(&options).await.unwrap();
    session
        .execute(sqlx::AssertSqlSafe(script.to_owned()))
        .await
        .unwrap();
    session.close().await.unwrap();
    SecretString::from(path.display().to_string())
}

fn server(address: &SecretString, file: &str, allow_select: bool, limits: Limits) -> SqlServer {
    let database = Database::open(address, None).unwrap();
    let queries = queries::read(file, "queries.toml", database.kind()).unwrap();
    SqlServer::new(database, queries, allow_select, limits)
}

async fn call(server: &SqlServer, tool: &str, args: Value) -> Result<Value, SqlError> {
    server.call(tool, args.as_object().unwrap()).await
}

const SMALL: &str = "create table a (id integer, name text, worth real, day text); \
    insert into a values (1, 'Ä; drop', 4680.9, '1998-05-06'), (2, null, 0.1, '1998-05-07'), (3, 'c', 3, '1998-05-08');";
const FILE: &str = "[[query]]\nname = 'since'\nsql = 'select id, name, worth from a where day >= :day order by id'\n\
    params = [{ name = 'day', type = 'date' }]";

#[tokio::test]
async fn a_named_query_binds_its_parameters_and_gives_rows() {
    let folder = tempfile::tempdir().unwrap();
    let address = sqlite(folder.path(), SMALL).await;
    let server = server(&address, FILE, false, Limits::default());
    let all = call(
        &server,
        "query",
        json!({ "name": "since", "params": { "day": "1998-05-06" } }),
    )
    .await
    .unwrap();
    assert_eq!(
        all,
        json!({ "row_count": 3, "truncated": false, "columns": ["id", "name", "worth"], "rows": [
        { "id": 1, "name": "Ä; drop", "worth": 4680.9 }, { "id": 2, "name": null, "worth": 0.1 }, { "id": 3, "name": "c", "worth": 3.0 },
    ] })
    );
    let first = call(
        &server,
        "query",
        json!({ "name": "since", "params": { "day": "1998-05-06" }, "limit": 1 }),
    )
    .await
    .unwrap();
    assert_eq!(
        (&first["row_count"], &first["truncated"]),
        (&json!(1), &json!(true))
    );
    for (args, part) in [
        (json!({ "name": "nope" }), "no query `nope`"),
        (json!({ "name": "since" }), "`day`: is missing"),
        (
            json!({ "name": "since", "params": { "day": "' or 1=1" } }),
            "is no date",
        ),
        (
            json!({ "name": "since", "params": { "day": "1998-05-06", "x": 1 } }),
            "not known",
        ),
    ] {
        let error = call(&server, "query", args).await.unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    assert!(
        call(&server, "select", json!({ "sql": "select 1" }))
            .await
            .is_err(),
        "free SELECT stands behind a setting"
    );
}

#[tokio::test]
async fn the_session_itself_cannot_write() {
    let folder = tempfile::tempdir().unwrap();
    let address = sqlite(folder.path(), SMALL).await;
    let database = Database::open(&address, None).unwrap();
    for sql in [
        "insert into a values (9, '', 0, '')",
        "create temp table x (a)",
        "pragma query_only = off",
        "attach ':memory:' as x",
    ] {
        let error = unparsed(&database, sql).await.unwrap_err();
        let refused = ["readonly", "authorized", "attached"];
        assert!(
            refused.iter().any(|word| error.contains(word)),
            "{sql}: {error}"
        );
    }
}

#[tokio::test]
async fn an_answer_beyond_the_bytes_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let address = sqlite(folder.path(), SMALL).await;
    let server = server(
        &address,
        "",
        true,
        Limits {
            max_bytes: 50,
            ..Limits::default()
        },
    );
    assert_eq!(
        call(&server, "select", json!({ "sql": "select * from a" })).await,
        Err(SqlError::TooLarge(50))
    );
    assert!(
        call(
            &server,
            "select",
            json!({ "sql": "select id as id from a" })
        )
        .await
        .is_ok()
    );
    let error = call(
        &server,
        "select",
        json!({ "sql": "select secret from missing" }),
    )
    .await
    .unwrap_err()
    .to_string();
    assert_eq!(error, "the database says: no such table: missing");
}

#[test]
fn all_that_is_wrong_with_a_file_is_told_at_once() {
    let file =
        "[[query]]\nname = 'a'\nsql = 'delete from x'\n[[query]]\nname = 'b'\nsql = 'select :p'";
    let problems = queries::read(file, "q.toml", Dialect::Sqlite).unwrap_err();
    assert_eq!(problems.0.len(), 2, "{problems}");
    assert!(problems.to_string().contains("`:p` is not declared"));
}

/// An amount as it stands in a brief: exact, rounded half away from zero to two digits.
fn cents(value: &Value) -> String {
    let exact: rust_decimal::Decimal = value.to_string().parse().unwrap();
    let mut rounded = exact
        .round_dp(6)
        .round_dp_with_strategy(2, rust_decimal::RoundingStrategy::MidpointAwayFromZero);
    rounded.rescale(2);
    rounded.to_string()
}

#[tokio::test]
async fn northwind_gives_its_known_figures() {
    let folder = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let script = std::fs::read_to_string(root.join("northwind.sql")).unwrap();
    let address = sqlite(folder.path(), &script).await;
    let file = std::fs::read_to_string(root.join("northwind-queries.toml")).unwrap();
    let server = server(&address, &file, false, Limits::default());
    let ask = async |name: &str| {
        let args = json!({ "name": name, "params": { "today": "1998-05-20" } });
        call(&server, "query", args).await.unwrap()["rows"]
            .as_array()
            .unwrap()
            .clone()
    };
    let open = ask("open_orders").await;
    assert_eq!(open.len(), 21);
    let late: Vec<(i64, String)> = open
        .iter()
        .filter(|row| row["required_date"].as_str().unwrap() < "1998-05-20")
        .map(|row| (row["order_id"].as_i64().unwrap(), cents(&row["value"])))
        .collect();
    assert_eq!(
        late,
        [
            (11008, "4680.90".into()),
            (11019, "76.00".into()),
            (11039, "3090.00".into())
        ]
    );
    let short = ask("stock_short").await;
    assert_eq!(short.len(), 17);
    assert_eq!(
        (&short[0]["ordered"], &short[0]["in_stock"]),
        (&json!(132), &json!(22))
    );
    assert_eq!(ask("reorder").await.len(), 2);
    let silent = ask("silent_customers").await;
    assert_eq!(silent.len(), 10);
    assert_eq!(
        (
            &silent[0]["customer_id"],
            cents(&silent[0]["lifetime_value"])
        ),
        (&json!("MEREP"), "28872.19".into())
    );
    let discount = ask("discount_by_employee").await;
    assert_eq!(discount[0]["employee_id"], json!(7));
    assert_eq!(
        [
            cents(&discount[0]["discount"]),
            cents(&discount[0]["gross"])
        ],
        ["4582.49", "29438.45"]
    );
    let months = ask("revenue_by_month").await;
    let value =
        |month: &str| cents(&months.iter().find(|row| row["month"] == month).unwrap()["revenue"]);
    assert_eq!(
        ["1998-05", "1998-04", "1998-03", "1998-02", "1998-01"].map(value),
        ["18333.63", "123798.68", "104854.16", "99415.29", "94222.11",]
    );
}

/// The two servers, where there are such, under a user who may write.
fn servers() -> Vec<Database> {
    ["DAYBRIEF_TEST_POSTGRES", "DAYBRIEF_TEST_MARIADB"]
        .iter()
        .filter_map(|variable| crate::testing::peer(variable))
        .map(|address| Database::open(&SecretString::from(address), None).unwrap())
        .collect()
}

/// What came of a statement past all parsing, in a session as the connector has it.
async fn unparsed(database: &Database, sql: &'static str) -> Result<(), String> {
    let limits = Limits {
        timeout: std::time::Duration::from_secs(1),
        ..Limits::default()
    };
    match database {
        Database::Sqlite(database) => database.unparsed(sql, &limits),
        Database::Postgres(database) => database.unparsed(sql, &limits).await,
        Database::Mysql(database) => database.unparsed(sql, &limits).await,
    }
}

#[tokio::test]
async fn the_session_itself_cannot_write_whatever_is_parsed() {
    // Made in a session of its own, by the same user: it is not the user's rights that refuse below.
    let make = "create table if not exists writable (x int)";
    if let Some(address) = crate::testing::peer("DAYBRIEF_TEST_POSTGRES") {
        let mut session = sqlx::PgConnection::connect(&address).await.unwrap();
        session.execute(make).await.unwrap();
    }
    if let Some(address) = crate::testing::peer("DAYBRIEF_TEST_MARIADB") {
        let mut session = sqlx::MySqlConnection::connect(&address).await.unwrap();
        session.execute(make).await.unwrap();
    }
    for database in servers() {
        for sql in [
            "create table written (x int)",
            "insert into writable values (1)",
            "update writable set x = 1",
            "delete from writable",
            "drop table if exists writable",
        ] {
            let error = unparsed(&database, sql).await.unwrap_err();
            let read_only = error.to_lowercase();
            // A table that is not there is refused too, but proves nothing.
            assert!(
                read_only.contains("read-only") || read_only.contains("read only"),
                "{:?} {sql}: {error}",
                database.kind()
            );
        }
    }
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_ended_by_the_server() {
    for database in servers() {
        let sql = match database.kind() {
            Dialect::Postgres => "select pg_sleep(20)",
            _ => "select sleep(20)",
        };
        let begun = std::time::Instant::now();
        let _ = unparsed(&database, sql).await;
        assert!(
            begun.elapsed() < std::time::Duration::from_secs(5),
            "{:?}",
            database.kind()
        );
    }
}

#[tokio::test]
async fn values_have_one_form_on_every_server() {
    for database in servers() {
        let sql = "select 9007199254740993 as big, cast(12.50 as decimal(8,2)) as amount, cast('2026-11-24' as date) as day, \
                   null as nothing, 'ü \"x\"' as words, 1 = 1 as yes";
        let statement = ReadOnly::parse(sql, database.kind()).unwrap();
        let rows = database
            .rows(&statement, Vec::new(), &Limits::default())
            .await
            .unwrap();
        let row = Value::Object(rows.rows[0].clone());
        assert_eq!(row["big"], json!(9_007_199_254_740_993_i64), "{row}");
        assert_eq!(row["amount"].to_string(), "12.50", "{row}");
        assert_eq!(row["day"], "2026-11-24", "{row}");
        assert_eq!(row["nothing"], Value::Null, "{row}");
        assert_eq!(row["words"], "ü \"x\"", "{row}");
        assert!(row["yes"] == json!(true) || row["yes"] == json!(1), "{row}");
    }
}

#[tokio::test]
async fn rows_and_bytes_are_bounded_on_every_server() {
    for database in servers() {
        let sql = "select 1 as n union all select 2 union all select 3";
        let statement = ReadOnly::parse(sql, database.kind()).unwrap();
        let two = Limits {
            max_rows: 2,
            ..Limits::default()
        };
        let rows = database.rows(&statement, Vec::new(), &two).await.unwrap();
        assert_eq!((rows.rows.len(), rows.truncated), (2, true));
        let small = Limits {
            max_bytes: 12,
            ..Limits::default()
        };
        let error = database
            .rows(&statement, Vec::new(), &small)
            .await
            .unwrap_err();
        assert_eq!(error, SqlError::TooLarge(12));
    }
}
