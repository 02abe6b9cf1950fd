//! The three live databases: what they hold comes out as it is, and nothing else than reading is done.

use std::{path::Path, time::Duration};

use secrecy::SecretString;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, Executor, MySqlConnection, PgConnection};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::{Limits, SqlError, database::Database, queries, server::SqlServer, tests::sqlite};
use crate::{sql::Dialect, testing::peer};

/// Whom a script is run by, past the connector.
async fn postgres(script: &str) -> Option<String> {
    let address = peer("DAYBRIEF_TEST_POSTGRES")?;
    let mut session = PgConnection::connect(&address).await.unwrap();
    session
        .execute(sqlx::raw_sql(AssertSqlSafe(script.to_owned())))
        .await
        .unwrap();
    Some(address)
}

async fn mariadb(script: &str) -> Option<String> {
    let address = peer("DAYBRIEF_TEST_MARIADB")?;
    let mut session = MySqlConnection::connect(&address).await.unwrap();
    session
        .execute(sqlx::raw_sql(AssertSqlSafe(script.to_owned())))
        .await
        .unwrap();
    Some(address)
}

fn server(address: &str, limits: Limits) -> SqlServer {
    let database = Database::open(&SecretString::from(address), None).unwrap();
    SqlServer::new(database, Default::default(), true, limits)
}

async fn select(server: &SqlServer, sql: &str) -> Result<Value, SqlError> {
    server
        .call("select", json!({ "sql": sql }).as_object().unwrap())
        .await
}

/// The rows of a statement as text: numbers with the digits that they have.
async fn rows(server: &SqlServer, sql: &str) -> String {
    let answer = select(server, sql)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
    answer["rows"].to_string()
}

#[tokio::test]
async fn numbers_keep_every_digit() {
    let sql = "select big, amount, part from digits order by big desc";
    let expected = "[{\"big\":9007199254740993,\"amount\":90071992547409.93,\"part\":100000000000000000002.0000000001},\
                     {\"big\":-9223372036854775808,\"amount\":-0.10,\"part\":0.1000000000}]";
    let make = "drop table if exists digits; \
                create table digits (big bigint, amount numeric(20, 2), part numeric(38, 10)); \
                insert into digits values (9007199254740993, 90071992547409.93, 100000000000000000002.0000000001), \
                (-9223372036854775808, -0.1, 0.1)";
    for address in [postgres(make).await, mariadb(make).await]
        .into_iter()
        .flatten()
    {
        let server = server(&address, Limits::default());
        assert_eq!(rows(&server, sql).await, expected);
    }
    if let Some(address) = mariadb("select 1").await {
        let server = server(&address, Limits::default());
        let sql =
            "select cast(18446744073709551615 as unsigned) as u, 0.1 + 0.2 as d, 1e0 / 3 as f";
        assert_eq!(
            rows(&server, sql).await,
            "[{\"u\":18446744073709551615,\"d\":0.3,\"f\":0.3333333333333333}]"
        );
    }
    if let Some(address) = postgres("select 1").await {
        let server = server(&address, Limits::default());
        let sql = "select cast('123456789012345678901234567890123456789.123' as numeric) as n, \
                   cast(0.1 as double precision) + cast(0.2 as double precision) as f, cast(0.1 as real) as r, \
                   cast('{\"id\": 100000000000000000001, \"x\": [1.10]}' as jsonb) as j";
        assert_eq!(
            rows(&server, sql).await,
            "[{\"n\":123456789012345678901234567890123456789.123,\"f\":0.30000000000000004,\"r\":0.1,\
             \"j\":{\"x\":[1.10],\"id\":100000000000000000001}}]"
        );
    }
    let folder = tempfile::tempdir().unwrap();
    let address = sqlite(
        folder.path(),
        "create table digits (big integer, f real); insert into digits values (9223372036854775807, 90071992547409.93), (-1, 0.1)",
    )
    .await;
    let server = SqlServer::new(
        Database::open(&address, None).unwrap(),
        Default::default(),
        true,
        Limits::default(),
    );
    assert_eq!(
        rows(&server, "select big, f, f + 0.2 as sum from digits").await,
        "[{\"big\":9223372036854775807,\"f\":90071992547409.94,\"sum\":90071992547410.14},\
         {\"big\":-1,\"f\":0.1,\"sum\":0.30000000000000004}]"
    );
}

/// Every engine with a table of two columns, `id` and `other`, and one row.
async fn everywhere(folder: &Path, table: &str) -> Vec<SqlServer> {
    let addresses = addresses(folder, table).await;
    addresses
        .iter()
        .map(|address| server(address, Limits::default()))
        .collect()
}

async fn addresses(folder: &Path, table: &str) -> Vec<String> {
    let make =
        format!("create table {table} (id int, other int); insert into {table} values (1001, 7)");
    let file = sqlite(folder, &make).await;
    let make = format!("drop table if exists {table}; {make}");
    let file = secrecy::ExposeSecret::expose_secret(&file).to_owned();
    [Some(file), postgres(&make).await, mariadb(&make).await]
        .into_iter()
        .flatten()
        .collect()
}

#[tokio::test]
async fn two_columns_of_one_name_are_refused_and_names_keep_their_case() {
    let folder = tempfile::tempdir().unwrap();
    for server in everywhere(folder.path(), "twins_names").await {
        for sql in [
            "select a.id, b.id from twins_names a join twins_names b on b.id = a.id",
            "select * from twins_names a join twins_names b on b.id = a.id",
            "select id as x, other as x from twins_names where id = 0",
        ] {
            let error = select(&server, sql).await.unwrap_err().to_string();
            assert!(error.contains("name each with `as`"), "{error}");
        }
        let cased = match select(&server, "select id as `Id`, other as `ID` from twins_names").await
        {
            Ok(answer) => answer,
            Err(_) => select(
                &server,
                "select id as \"Id\", other as \"ID\" from twins_names",
            )
            .await
            .unwrap(),
        };
        assert_eq!(cased["rows"], json!([{ "Id": 1001, "ID": 7 }]));
        let none = select(
            &server,
            "select id, count(*) as n from twins_names where id = 0 group by id",
        )
        .await
        .unwrap();
        assert_eq!(none["columns"], json!(["id", "n"]));
        assert_eq!(none["rows"], json!([]));
        let unnamed = select(&server, "select count(*), max(id) from twins_names")
            .await
            .unwrap();
        let names = unnamed["columns"].as_array().unwrap();
        assert!(names[0].as_str().unwrap().starts_with("count"), "{unnamed}");
        assert!(names[1].as_str().unwrap().starts_with("max"), "{unnamed}");
    }
}

#[tokio::test]
async fn what_json_cannot_hold_costs_the_cell_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let address = sqlite(
        folder.path(),
        "create table t (id integer, name text, photo blob, r real); insert into t values \
         (1, 'Lindt', x'0001ff', 1.5), (2, cast(x'4DFC6C6C6572' as text), null, -0.5), (3, 'a' || char(0) || 'b', null, 9e999)",
    )
    .await;
    let sqlite = SqlServer::new(
        Database::open(&address, None).unwrap(),
        Default::default(),
        true,
        Limits::default(),
    );
    let answer = select(&sqlite, "select * from t").await.unwrap();
    assert_eq!(
        answer,
        json!({
            "row_count": 3, "truncated": false, "columns": ["id", "name", "photo", "r"],
            "unreadable": {
                "photo": { "bytes": 1 },
                "name": { "text that is not UTF-8": 1 },
                "r": { "NaN or Infinity": 1 },
            },
            "rows": [
                { "id": 1, "name": "Lindt", "photo": { "unreadable": "bytes" }, "r": 1.5 },
                { "id": 2, "name": { "unreadable": "text that is not UTF-8" }, "photo": null, "r": -0.5 },
                { "id": 3, "name": "a\0b", "photo": null, "r": { "unreadable": "NaN or Infinity" } },
            ],
        })
    );
    if let Some(address) = postgres(
        "drop table if exists kinds; drop type if exists mood_k; drop type if exists pair_k; \
         create type mood_k as enum ('ok', 'bad'); create type pair_k as (a int, b text); \
         create table kinds (id int, b bytea, f float8, n numeric, i interval, m money, a int[], e mood_k, bi bit(1), \
         ts timestamptz, plain timestamp, ip inet, u uuid, j json, pt point, d date, bc char(5), p pair_k, r int4range, \
         fs float8[], t time, old date, me mood_k[], yes boolean); \
         insert into kinds values (1, '\\x00ff', 'NaN', 'Infinity', '1 day 2 hours', '$1,234.50', '{1,2}', 'ok', B'1', \
         '2026-11-24 07:10:00.5+01', '2026-11-24 07:10:00', '10.0.0.1', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', \
         '{\"x\": [1]}', '(1,2)', 'infinity', 'ab', '(1,x)', '[1,3)', '{1,NaN}', '07:10', '0044-03-15 BC', '{ok,bad}', true)",
    )
    .await
    {
        let server = server(&address, Limits::default());
        let answer = select(&server, "select * from kinds").await.unwrap();
        assert_eq!(
            answer["rows"],
            json!([{
                "id": 1, "b": { "unreadable": "bytes" }, "f": { "unreadable": "NaN or Infinity" },
                "n": { "unreadable": "NaN or Infinity" }, "i": "1 day 02:00:00", "m": "$1,234.50", "a": [1, 2], "e": "ok",
                "bi": "1", "ts": "2026-11-24T06:10:00.5+00:00", "plain": "2026-11-24T07:10:00", "ip": "10.0.0.1",
                "u": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "j": { "x": [1] }, "pt": "(1,2)",
                "d": { "unreadable": "a date outside of the calendar" }, "bc": "ab", "p": { "a": 1, "b": "x" }, "r": "[1,3)",
                "fs": { "unreadable": "NaN or Infinity" }, "t": "07:10:00",
                "old": { "unreadable": "a date outside of the calendar" }, "me": ["ok", "bad"], "yes": true,
            }]),
            "{answer}"
        );
    }
    if let Some(address) = mariadb(
        "drop table if exists kinds; create table kinds (id int, bi bit(8), bn binary(2), vb varbinary(5), bl blob, g geometry, \
         zero date, half datetime, y year, t time, j json, d datetime(3), f float, db double, e enum('ok', 'bad'), s set('a', 'b'), \
         tx text, b tinyint(1)) default charset utf8mb4; \
         set session sql_mode = ''; \
         insert into kinds values (1, b'101', 'ab', 'cd', 'ef', point(1, 2), '0000-00-00', '2026-00-00 00:00:00', 2026, '-838:59:59', \
         '{\"x\": 1}', '2026-11-24 07:10:00.125', 0.1, 0.1, 'ok', 'a,b', 'ü', 1)",
    )
    .await
    {
        let server = server(&address, Limits::default());
        let answer = select(&server, "select * from kinds").await.unwrap();
        assert_eq!(
            answer["rows"],
            json!([{
                "id": 1, "bi": 5, "bn": { "unreadable": "bytes" }, "vb": { "unreadable": "bytes" },
                "bl": { "unreadable": "bytes" }, "g": { "unreadable": "bytes" }, "zero": { "unreadable": "a date of zeros" },
                "half": { "unreadable": "a date of zeros" }, "y": 2026, "t": "-838:59:59", "j": { "x": 1 },
                "d": "2026-11-24T07:10:00.125000", "f": 0.1, "db": 0.1, "e": "ok", "s": "a,b", "tx": "ü", "b": 1,
            }]),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_cell_that_is_too_large_costs_itself_and_an_answer_that_is_too_large_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let address = sqlite(
        folder.path(),
        "create table t (id integer, note text); insert into t values (1, printf('%.*c', 1100000, 'x')), (2, 'y')",
    )
    .await;
    let server = SqlServer::new(
        Database::open(&address, None).unwrap(),
        Default::default(),
        true,
        Limits::default(),
    );
    let answer = select(&server, "select id, note from t").await.unwrap();
    assert_eq!(
        answer["rows"],
        json!([{ "id": 1, "note": { "unreadable": "more than 1 MiB" } }, { "id": 2, "note": "y" }])
    );
    assert_eq!(
        answer["unreadable"],
        json!({ "note": { "more than 1 MiB": 1 } })
    );
    let many = "with recursive r as (select 1 as n union all select n + 1 from r where n < 9000) \
                select n, substr((select note from t where id = 1), 1, 1000) as note from r";
    assert_eq!(
        select(&server, many).await,
        Err(SqlError::TooLarge(4 * 1024 * 1024))
    );
}

/// A pooler as PgBouncer is by default: it refuses settings at the start that it does not keep, or drops them.
async fn pooler(target: String, drops: bool) -> u16 {
    const KEPT: [&str; 7] = [
        "user",
        "database",
        "client_encoding",
        "datestyle",
        "timezone",
        "standard_conforming_strings",
        "application_name",
    ];
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let target = target.clone();
            tokio::spawn(async move {
                let (version, body) = loop {
                    let length = client.read_u32().await.ok()?;
                    let version = client.read_u32().await.ok()?;
                    let mut body = vec![0; length as usize - 8];
                    client.read_exact(&mut body).await.ok()?;
                    if version == 0x0003_0000 {
                        break (version, body);
                    }
                    client.write_all(b"N").await.ok()?;
                };
                let parts: Vec<&[u8]> = body.split(|byte| *byte == 0).collect();
                let mut kept = Vec::new();
                for pair in parts.chunks_exact(2).filter(|pair| !pair[0].is_empty()) {
                    let name = String::from_utf8_lossy(pair[0]).to_lowercase();
                    if KEPT.contains(&name.as_str()) {
                        kept.extend_from_slice(&[pair[0], b"\0", pair[1], b"\0"].concat());
                    } else if !drops {
                        let words = format!(
                            "SFATAL\0VFATAL\0C08P01\0Munsupported startup parameter: {name}\0\0"
                        );
                        client.write_all(b"E").await.ok()?;
                        client.write_u32(words.len() as u32 + 4).await.ok()?;
                        client.write_all(words.as_bytes()).await.ok()?;
                        return None;
                    }
                }
                kept.push(0);
                let mut server = TcpStream::connect(target).await.ok()?;
                server.write_u32(kept.len() as u32 + 8).await.ok()?;
                server.write_u32(version).await.ok()?;
                server.write_all(&kept).await.ok()?;
                tokio::io::copy_bidirectional(&mut client, &mut server)
                    .await
                    .ok()
            });
        }
    });
    port
}

#[tokio::test]
async fn a_pooler_that_refuses_or_drops_settings_leaves_the_session_read_only() {
    let make = "drop schema if exists pooled cascade; create schema pooled; create table pooled.t (id int); \
                insert into pooled.t values (1); create function pooled.evil() returns int language plpgsql as \
                $$ begin insert into pooled.t values (2); return 1; end $$; create view pooled.v as select pooled.evil() as id";
    let Some(address) = postgres(make).await else {
        return;
    };
    let target = address
        .split('@')
        .nth(1)
        .unwrap()
        .split('/')
        .next()
        .unwrap()
        .to_owned();
    for drops in [false, true] {
        let port = pooler(target.clone(), drops).await;
        let server = server(
            &address.replace(&target, &format!("127.0.0.1:{port}")),
            Limits::default(),
        );
        for _ in 0..3 {
            assert_eq!(
                rows(&server, "select id from pooled.t").await,
                "[{\"id\":1}]"
            );
            let error = select(&server, "select id from pooled.v")
                .await
                .unwrap_err()
                .to_string();
            assert!(error.contains("read-only transaction"), "{error}");
        }
    }
}

#[tokio::test]
async fn endless_queries_are_ended_and_the_next_one_answers() {
    let folder = tempfile::tempdir().unwrap();
    let quick = Limits {
        timeout: Duration::from_secs(1),
        ..Limits::default()
    };
    let endless = "with recursive r as (select 1 as n union all select n + 1 from r) select count(*) as n from r, r as s, r as q";
    let heavy = "select count(*) as n from twins_time a, twins_time b, twins_time c, twins_time d, twins_time e, twins_time f, twins_time g, twins_time h, twins_time i, twins_time j \
                 where a.id + b.id + c.id + d.id + e.id + f.id + g.id + h.id + i.id + j.id < 0";
    everywhere(folder.path(), "twins_time").await;
    let many = "insert into twins_time (id) select a.id + b.other from twins_time a, twins_time b; insert into twins_time (id) select a.id from twins_time a, twins_time b, twins_time c; \
                insert into twins_time (id) select a.id from twins_time a, twins_time b;";
    let file = folder.path().join("data.db").display().to_string();
    let mut session = <sqlx::SqliteConnection as Connection>::connect(&file)
        .await
        .unwrap();
    session
        .execute(AssertSqlSafe(many.to_owned()))
        .await
        .unwrap();
    let addresses = [Some(file), postgres(many).await, mariadb(many).await];
    for address in addresses.into_iter().flatten() {
        let server = server(&address, quick);
        let statement = match Database::kind_of(&address) {
            Dialect::Sqlite => endless,
            Dialect::Postgres | Dialect::Mysql => heavy,
        };
        let four = futures_util::future::join_all((0..4).map(|_| select(&server, statement))).await;
        for ended in four {
            assert_eq!(ended, Err(SqlError::Timeout(1)), "{address}");
        }
        assert_eq!(rows(&server, "select 1 as n").await, "[{\"n\":1}]");
    }
}

#[tokio::test]
async fn a_call_that_nobody_waits_for_ends_its_work() {
    let folder = tempfile::tempdir().unwrap();
    let servers = everywhere(folder.path(), "twins_call").await;
    let endless = "with recursive r as (select 1 as n union all select n + 1 from r) select count(*) as n from r";
    for _ in 0..8 {
        let call = select(&servers[0], endless);
        let _ = tokio::time::timeout(Duration::from_millis(20), call).await;
    }
    assert_eq!(
        rows(&servers[0], "select id from twins_call").await,
        "[{\"id\":1001}]"
    );
}

#[tokio::test]
async fn errors_say_in_the_databases_words_what_is_wrong_and_never_where() {
    let folder = tempfile::tempdir().unwrap();
    for server in everywhere(folder.path(), "twins_errors").await {
        for (sql, part) in [
            ("select nowhere from twins_errors", "nowhere"),
            ("select id from nowhere", "nowhere"),
        ] {
            let error = select(&server, sql).await.unwrap_err().to_string();
            assert!(error.contains(part), "{sql}: {error}");
        }
    }
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    drop(taken);
    for scheme in ["postgres", "mysql"] {
        let dead = server(
            &format!("{scheme}://app:hunter2@127.0.0.1:{port}/x"),
            Limits::default(),
        );
        let error = select(&dead, "select 1 as a").await.unwrap_err();
        let words = error.to_string();
        assert!(matches!(error, SqlError::Unreachable(_)), "{words}");
        assert!(words.contains("nothing listens there"), "{words}");
        for secret in ["hunter2", "127.0.0.1", &port.to_string(), "app"] {
            assert!(!words.contains(secret), "{words}");
        }
    }
    let rights = "drop table if exists closed; drop role if exists reader_k; create table closed (id int); create role reader_k login";
    if let Some(address) = postgres(rights).await {
        let reader = address.replace("postgres@", "reader_k@");
        let error = select(&server(&reader, Limits::default()), "select id from closed")
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("permission denied for table closed"),
            "{error}"
        );
        let unknown = address.replace("postgres@", "nobody_k@");
        let error = select(&server(&unknown, Limits::default()), "select 1 as a")
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains("refused the login"), "{error}");
        assert!(!error.contains("nobody_k"), "{error}");
        let gone = format!("{}nosuch", address.trim_end_matches("northwind"));
        let error = select(&server(&gone, Limits::default()), "select 1 as a")
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains("\"nosuch\" does not exist"), "{error}");
        let error = select(
            &server(&address, Limits::default()),
            "select cast('Mara' as integer) as a",
        )
        .await
        .unwrap_err()
        .to_string();
        assert!(
            error.contains("cannot be read as the type") && !error.contains("Mara"),
            "{error}"
        );
    }
    if let Some(address) = mariadb("select 1").await {
        let wrong = address.replace(":test@", ":hunter2@");
        let error = select(&server(&wrong, Limits::default()), "select 1 as a")
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains("refused the login (1045)"), "{error}");
        let gone = format!("{}nosuch", address.trim_end_matches("northwind"));
        let error = select(&server(&gone, Limits::default()), "select 1 as a")
            .await
            .unwrap_err()
            .to_string();
        assert!(
            !error.contains("127.0.0.1") && !error.contains("daybrief'"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn the_session_keeps_the_servers_zone_or_has_the_one_that_is_asked_for() {
    if let Some(address) = mariadb("select 1").await {
        // The server's zone is what its root sets; every session that begins has it.
        let root = address.replace("daybrief:test@", "root@");
        let mut root = MySqlConnection::connect(&root).await.unwrap();
        root.execute("set global time_zone = '+05:00'")
            .await
            .unwrap();
        let apart = "select timestampdiff(minute, utc_timestamp(), now()) as minutes";
        let own = server(&address, Limits::default());
        let found = rows(&own, apart).await;
        root.execute("set global time_zone = 'SYSTEM'")
            .await
            .unwrap();
        assert_eq!(found, "[{\"minutes\":300}]");
        let zone = Some("-09:30".parse().unwrap());
        let database = Database::open(&SecretString::from(address), zone).unwrap();
        let asked = SqlServer::new(database, Default::default(), true, Limits::default());
        assert_eq!(rows(&asked, apart).await, "[{\"minutes\":-570}]");
    }
    if let Some(address) = postgres("select 1").await {
        let zone = Some("Asia/Kolkata".parse().unwrap());
        let database = Database::open(&SecretString::from(address), zone).unwrap();
        let asked = SqlServer::new(database, Default::default(), true, Limits::default());
        let text = rows(
            &asked,
            "select cast('2026-11-24 07:10:00+01' as timestamp with time zone) as t",
        )
        .await;
        assert_eq!(text, "[{\"t\":\"2026-11-24T11:40:00+05:30\"}]");
    }
    assert!(
        "Europe/Zurich'; drop"
            .parse::<super::zone::SessionZone>()
            .is_err()
    );
}

#[tokio::test]
async fn numbers_are_compared_as_numbers_when_they_are_parameters() {
    let folder = tempfile::tempdir().unwrap();
    let file = "[[query]]\nname = 'q'\nsql = 'select id from twins_numbers where id + 0 > :least and :least < 1001'\n\
                params = [{ name = 'least', type = 'number' }]";
    for address in addresses(folder.path(), "twins_numbers").await {
        let database = Database::open(&SecretString::from(address), None).unwrap();
        let queries = queries::read(file, "q.toml", database.kind()).unwrap();
        let server = SqlServer::new(database, queries, false, Limits::default());
        for (least, found) in [(json!(999), 1), (json!("1001"), 0), (json!(1000.5), 1)] {
            let args = json!({ "name": "q", "params": { "least": least } });
            let answer = server
                .call("query", args.as_object().unwrap())
                .await
                .unwrap();
            assert_eq!(answer["row_count"], json!(found), "{least}: {answer}");
        }
    }
}

const TABLES: &str = "create table items (id int primary key, name varchar(40), amount numeric(10, 2), day date, note varchar(40)); \
    create table parts (id int, item_id int, qty int); create table payroll (who varchar(40), salary int); \
    insert into items values (1, 'Lindt', 12.50, '2026-11-01', null), (2, 'Coop', 7.25, '2026-11-02', 'x'); \
    insert into parts values (1, 1, 3), (2, 1, 4); insert into payroll values ('anna', 98765);";

#[tokio::test]
async fn ordinary_statements_answer_and_hostile_ones_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = sqlite(folder.path(), TABLES).await;
    let file = secrecy::ExposeSecret::expose_secret(&file).to_owned();
    let traps = "create type mood as enum ('ok'); create sequence s; \
        create function steal() returns text language sql security definer as 'select who from payroll'; \
        create function steal_row(items) returns text language sql security definer as 'select who from payroll';";
    let pg = format!(
        "drop schema if exists statements cascade; create schema statements; set search_path = statements; {TABLES} {traps}"
    );
    let pg = postgres(&pg)
        .await
        .map(|address| format!("{address}?options=-c%20search_path%3Dstatements"));
    let traps = "drop function if exists steal; create function steal() returns text reads sql data return (select who from payroll);";
    let maria = format!("drop table if exists items, parts, payroll; {TABLES} {traps}");
    let maria = mariadb(&maria).await;
    let servers = [("S", Some(file)), ("P", pg), ("M", maria)];
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let statements = std::fs::read_to_string(data.join("statements.txt")).unwrap();
    let mut wrong = Vec::new();
    for (letter, address) in servers {
        let Some(address) = address else { continue };
        let server = server(&address, Limits::default());
        let count = "select (select count(*) from items) as i, (select count(*) from parts) as l, (select sum(salary) from payroll) as p";
        let before = rows(&server, count).await;
        let mut seen = 0;
        for line in statements.lines().filter(|line| !line.starts_with('#')) {
            let mut parts = line.splitn(3, ' ');
            let (engines, right) = (parts.next().unwrap(), parts.next().unwrap());
            let sql = parts
                .next()
                .unwrap_or_default()
                .replace("\\n", "\n")
                .replace("\\r", "\r")
                .replace("\\t", "\t");
            if !engines.contains(letter) {
                continue;
            }
            seen += 1;
            match (right, select(&server, &sql).await) {
                ("ok", Ok(_)) => {}
                ("no", Err(error)) => {
                    let words = error.to_string();
                    assert!(
                        !words.contains("anna") && !words.contains("98765"),
                        "{letter} {sql}: {words}"
                    );
                    assert!(
                        !matches!(error, SqlError::Timeout(_)),
                        "{letter} {sql}: {words}"
                    );
                }
                (_, got) => wrong.push(format!("{letter} {right} {sql}: {got:?}")),
            }
        }
        assert!(seen > 200, "{letter}: {seen}");
        assert_eq!(rows(&server, count).await, before);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
