//! One suite, every driver. MongoDB's runs against a real server of its wire protocol.

use std::sync::Arc;

use super::{
    Fault, StoreError,
    driver::{Collection, Content, Driver, Fits, Range, Write},
    drivers::{Mongo, Sqlite},
};
use crate::testing::peer;

fn content(body: &str) -> Content {
    Content {
        body: format!("\"{body}\""),
        ..Content::default()
    }
}

fn due(body: &str, due: i64) -> Content {
    Content {
        due: Some(due),
        order: due,
        ..content(body)
    }
}

const C: Collection = Collection::Runs;

async fn an_insert_of_a_key_that_exists_changes_nothing(driver: Arc<dyn Driver>) {
    assert!(driver.insert(C, "a", &content("first")).await.unwrap());
    assert!(!driver.insert(C, "a", &content("second")).await.unwrap());
    let found = driver.get(C, "a").await.unwrap().unwrap();
    assert_eq!((found.body.as_str(), found.version), ("\"first\"", 1));
    assert!(driver.get(C, "b").await.unwrap().is_none());
    assert!(
        driver.get(Collection::Outbox, "a").await.unwrap().is_none(),
        "collections are apart"
    );
}

async fn of_many_at_once_one_inserts(driver: Arc<dyn Driver>) {
    let tries = (0..20).map(|n| {
        let driver = driver.clone();
        tokio::spawn(async move {
            driver
                .insert(C, "once", &content(&n.to_string()))
                .await
                .unwrap()
        })
    });
    let won = futures_util::future::join_all(tries)
        .await
        .into_iter()
        .filter(|won| *won.as_ref().unwrap())
        .count();
    assert_eq!(won, 1);
}

async fn several_writes_end_before_the_first_that_does_not_fit(driver: Arc<dyn Driver>) {
    let write = |c, key: &str, body: &str, fits| Write {
        collection: c,
        key: key.to_owned(),
        content: content(body),
        fits,
    };
    let fresh = |n: u32| write(Collection::Audit, &n.to_string(), "new", Fits::Fresh);
    let there = [write(Collection::Audit, "3", "there", Fits::Fresh)];
    assert_eq!(driver.write_all(&there).await.unwrap(), 1);
    let rows: Vec<_> = (1..=5).map(fresh).collect();
    assert_eq!(driver.write_all(&rows).await.unwrap(), 2);
    assert!(driver.get(Collection::Audit, "2").await.unwrap().is_some());
    assert!(driver.get(Collection::Audit, "4").await.unwrap().is_none());
    assert_eq!(driver.write_all(&[]).await.unwrap(), 0);
    // Together they fit or go one by one, with whatever a body holds.
    let odd = "line\nbreak, \\\"quotes\\\", ü and \u{1F600}";
    let written = [
        write(Collection::AuditTexts, "a", odd, Fits::Fresh),
        Write {
            content: Content {
                group: Some("all".to_owned()),
                order: i64::MAX,
                expires: Some(4_000_000_000_000_000),
                ..content("b")
            },
            ..write(Collection::Audit, "10", "", Fits::Fresh)
        },
    ];
    assert_eq!(driver.write_all(&written).await.unwrap(), 2);
    let keys = ["a", "none"];
    let found = driver.get_all(Collection::AuditTexts, &keys).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].body, content(odd).body);
    let in_group = driver.list(Collection::Audit, "all", Range::all(9)).await;
    assert_eq!(in_group.unwrap()[0].order, i64::MAX);
    // Over several collections, with versions.
    let mark = |fits| write(Collection::AuditMarks, "head", "two", fits);
    let put = [mark(Fits::Always)];
    assert_eq!(driver.write_all(&put).await.unwrap(), 1);
    let stale = [fresh(6), mark(Fits::Version(7)), fresh(7)];
    assert_eq!(driver.write_all(&stale).await.unwrap(), 1);
    let right = [
        fresh(7),
        mark(Fits::Version(1)),
        mark(Fits::Always),
        fresh(8),
    ];
    assert_eq!(driver.write_all(&right).await.unwrap(), 4);
    let head = driver.get(Collection::AuditMarks, "head").await.unwrap();
    assert_eq!(head.unwrap().version, 3);
    assert!(driver.get(Collection::Audit, "8").await.unwrap().is_some());
    // What is as it should be stays as it is, and what is not ends them.
    let is = |body| write(Collection::AuditMarks, "head", body, Fits::Same);
    assert_eq!(driver.write_all(&[is("two"), fresh(9)]).await.unwrap(), 2);
    assert_eq!(driver.write_all(&[is("one"), fresh(11)]).await.unwrap(), 0);
    let gone = write(Collection::AuditMarks, "none", "two", Fits::Same);
    let and_gone = [is("two"), gone, fresh(11)];
    assert_eq!(driver.write_all(&and_gone).await.unwrap(), 1);
    let head = driver.get(Collection::AuditMarks, "head").await.unwrap();
    assert_eq!(head.unwrap().version, 3);
    let eleventh = driver.get(Collection::Audit, "11").await.unwrap();
    assert!(eleventh.is_none());
}

async fn a_replace_needs_the_version_that_was_read(driver: Arc<dyn Driver>) {
    driver.insert(C, "v", &content("one")).await.unwrap();
    assert!(driver.replace(C, "v", 1, &content("two")).await.unwrap());
    assert!(!driver.replace(C, "v", 1, &content("three")).await.unwrap());
    let found = driver.get(C, "v").await.unwrap().unwrap();
    assert_eq!((found.body.as_str(), found.version), ("\"two\"", 2));
    assert!(!driver.replace(C, "none", 1, &content("x")).await.unwrap());
}

async fn of_many_replaces_at_once_none_is_lost(driver: Arc<dyn Driver>) {
    driver
        .insert(Collection::Usage, "n", &content("0"))
        .await
        .unwrap();
    let adds = (0..10).map(|_| {
        let driver = driver.clone();
        tokio::spawn(async move {
            loop {
                let found = driver.get(Collection::Usage, "n").await.unwrap().unwrap();
                let n: u32 = found.body.trim_matches('"').parse().unwrap();
                let next = content(&(n + 1).to_string());
                if driver
                    .replace(Collection::Usage, "n", found.version, &next)
                    .await
                    .unwrap()
                {
                    break;
                }
            }
        })
    });
    futures_util::future::join_all(adds).await;
    let found = driver.get(Collection::Usage, "n").await.unwrap().unwrap();
    assert_eq!(found.body, "\"10\"");
}

async fn a_group_is_listed_in_its_order(driver: Arc<dyn Driver>) {
    let in_group = |group: &str, order| Content {
        group: Some(group.to_owned()),
        order,
        ..content("x")
    };
    for (key, group, order) in [
        ("c", "g", 3),
        ("a", "g", 1),
        ("b2", "g", 2),
        ("b1", "g", 2),
        ("z", "other", 1),
        ("m", "g", i64::MIN),
    ] {
        driver
            .insert(C, key, &in_group(group, order))
            .await
            .unwrap();
    }
    let keys = async |range| -> Vec<String> {
        driver
            .list(C, "g", range)
            .await
            .unwrap()
            .into_iter()
            .map(|found| found.key)
            .collect()
    };
    assert_eq!(keys(Range::all(10)).await, ["m", "a", "b1", "b2", "c"]);
    assert_eq!(keys(Range::all(2)).await, ["m", "a"]);
    assert_eq!(keys(Range::up_to(2, 2)).await, ["b2", "b1"]);
    assert_eq!(
        keys(Range {
            from: 2,
            to: 2,
            newest_first: false,
            limit: 9
        })
        .await,
        ["b1", "b2"]
    );
}

async fn a_claim_takes_what_is_due_and_free(driver: Arc<dyn Driver>) {
    for (key, at) in [("late", 10), ("now", 20), ("later", 30)] {
        driver.insert(C, key, &due(key, at)).await.unwrap();
    }
    driver.insert(C, "never", &content("x")).await.unwrap();
    let keys = |found: &[super::Document]| -> Vec<String> {
        found.iter().map(|found| found.key.clone()).collect()
    };
    let first = driver.claim(C, 20, 120, 1).await.unwrap();
    assert_eq!(keys(&first), ["late"], "the longest due first");
    assert_eq!(keys(&driver.claim(C, 20, 120, 9).await.unwrap()), ["now"]);
    assert!(driver.claim(C, 20, 120, 9).await.unwrap().is_empty());
    assert!(driver.claim(C, 29, 120, 9).await.unwrap().is_empty());
    assert_eq!(keys(&driver.claim(C, 30, 130, 9).await.unwrap()), ["later"]);
    let again = driver.claim(C, 120, 220, 9).await.unwrap();
    assert_eq!(keys(&again), ["late", "now"], "what has lost its worker");
    assert!(again[0].fence > first[0].fence);
}

async fn no_two_claim_the_same(driver: Arc<dyn Driver>) {
    for n in 0..40 {
        driver
            .insert(C, &format!("{n:02}"), &due("x", 1))
            .await
            .unwrap();
    }
    let workers = (0..8).map(|_| {
        let driver = driver.clone();
        tokio::spawn(async move {
            let mut got = Vec::new();
            loop {
                let claimed = driver.claim(C, 1, 1_000, 3).await.unwrap();
                if claimed.is_empty() {
                    return got;
                }
                got.extend(claimed.into_iter().map(|found| found.key));
            }
        })
    });
    let mut got: Vec<String> = futures_util::future::join_all(workers)
        .await
        .into_iter()
        .flat_map(|got| got.unwrap())
        .collect();
    got.sort();
    assert_eq!(got, (0..40).map(|n| format!("{n:02}")).collect::<Vec<_>>());
}

async fn an_older_fence_writes_nothing(driver: Arc<dyn Driver>) {
    driver.insert(C, "f", &due("0", 1)).await.unwrap();
    let old = driver.claim(C, 1, 10, 1).await.unwrap().remove(0);
    let new = driver.claim(C, 10, 20, 1).await.unwrap().remove(0);
    assert!(
        !driver
            .save(C, "f", old.fence, &due("old", 1), None)
            .await
            .unwrap()
    );
    assert!(!driver.extend(C, "f", old.fence, 99).await.unwrap());
    assert!(driver.extend(C, "f", new.fence, 30).await.unwrap());
    assert!(driver.claim(C, 29, 40, 1).await.unwrap().is_empty());
    assert!(
        driver
            .save(C, "f", new.fence, &due("new", 50), Some(60))
            .await
            .unwrap()
    );
    assert!(
        driver.claim(C, 55, 70, 1).await.unwrap().is_empty(),
        "the lease was kept"
    );
    assert!(
        driver
            .save(C, "f", new.fence, &due("newer", 50), None)
            .await
            .unwrap()
    );
    let next = driver.claim(C, 55, 70, 1).await.unwrap();
    assert_eq!(next[0].body, "\"newer\"");
    assert!(
        driver
            .save(C, "f", next[0].fence, &content("done"), None)
            .await
            .unwrap()
    );
    assert!(driver.claim(C, 999, 1_000, 1).await.unwrap().is_empty());
}

async fn what_has_expired_goes_and_nothing_else(driver: Arc<dyn Driver>) {
    let second = 1_000_000;
    // Far in the future, so that the server's own expiry leaves them to us.
    let base = 4_000_000_000 * second;
    for (key, at) in [
        ("gone", Some(base)),
        ("stays", Some(base + second)),
        ("forever", None),
    ] {
        let content = Content {
            expires: at,
            ..content(key)
        };
        driver.insert(C, key, &content).await.unwrap();
    }
    assert_eq!(driver.expire(base).await.unwrap(), 1);
    assert!(driver.get(C, "gone").await.unwrap().is_none());
    assert!(driver.get(C, "stays").await.unwrap().is_some());
    assert!(driver.get(C, "forever").await.unwrap().is_some());
}

async fn a_deleted_document_is_gone(driver: Arc<dyn Driver>) {
    driver.insert(C, "d", &content("x")).await.unwrap();
    assert!(driver.delete(C, "d").await.unwrap());
    assert!(!driver.delete(C, "d").await.unwrap());
    assert!(driver.get(C, "d").await.unwrap().is_none());
}

async fn every_text_comes_back_as_it_was(driver: Arc<dyn Driver>) {
    let nasty = "\"{$where: 1} ' \\\" \\u0000 \u{1f980} \u{202e} a.b.$c\"";
    let document = Content {
        body: nasty.to_owned(),
        group: Some("$g.é".to_owned()),
        order: -5,
        ..Content::default()
    };
    driver.insert(C, "k/ey.$x é", &document).await.unwrap();
    let found = driver.get(C, "k/ey.$x é").await.unwrap().unwrap();
    assert_eq!((found.body.as_str(), found.order), (nasty, -5));
    assert_eq!(
        driver.list(C, "$g.é", Range::all(5)).await.unwrap().len(),
        1
    );
}

async fn a_group_is_removed_up_to_a_place(driver: Arc<dyn Driver>) {
    for (key, group, order) in [
        ("a", "g", 1),
        ("b", "g", 2),
        ("c", "g", 3),
        ("z", "other", 1),
    ] {
        let content = Content {
            group: Some(group.to_owned()),
            order,
            ..content("x")
        };
        driver.insert(C, key, &content).await.unwrap();
    }
    assert_eq!(driver.delete_up_to(C, "g", 2).await.unwrap(), 2);
    assert_eq!(driver.delete_up_to(C, "g", 2).await.unwrap(), 0);
    assert!(driver.get(C, "c").await.unwrap().is_some());
    assert!(driver.get(C, "z").await.unwrap().is_some());
}

async fn all_documents_are_gone_through_by_key(driver: Arc<dyn Driver>) {
    for key in ["b", "ä", "a", "d/1", "c"] {
        driver.insert(C, key, &content(key)).await.unwrap();
    }
    driver
        .insert(Collection::Outbox, "x", &content("x"))
        .await
        .unwrap();
    let (mut keys, mut after) = (Vec::new(), None);
    loop {
        let page = driver.scan(C, after.as_deref(), 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.key.clone());
        keys.extend(page.into_iter().map(|found| found.key));
    }
    assert_eq!(keys, ["a", "b", "c", "d/1", "ä"]);
}

async fn a_body_is_replaced_and_all_else_stays(driver: Arc<dyn Driver>) {
    let before = Content {
        group: Some("g".to_owned()),
        expires: Some(4_000_000_000_000_000),
        ..due("one", 20)
    };
    driver.insert(C, "b", &before).await.unwrap();
    assert!(driver.replace_body(C, "b", 1, "\"two\"").await.unwrap());
    assert!(!driver.replace_body(C, "b", 1, "\"three\"").await.unwrap());
    let listed = driver.list(C, "g", Range::up_to(20, 9)).await.unwrap();
    assert_eq!((listed[0].body.as_str(), listed[0].version), ("\"two\"", 2));
    assert_eq!(driver.claim(C, 20, 30, 9).await.unwrap().len(), 1);
    assert_eq!(driver.expire(4_000_000_000_000_000).await.unwrap(), 1);
}

async fn scrubbing_takes_nothing_that_is_there(driver: Arc<dyn Driver>) {
    driver.insert(C, "a", &content("stays")).await.unwrap();
    driver.insert(C, "b", &content("goes")).await.unwrap();
    driver.delete(C, "b").await.unwrap();
    driver.scrub().await.unwrap();
    assert!(driver.get(C, "a").await.unwrap().is_some());
    assert!(driver.insert(C, "b", &content("again")).await.unwrap());
}

macro_rules! suite {
    ($($case:ident),* $(,)?) => {
        mod sqlite {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                let folder = tempfile::tempdir().unwrap();
                let driver = Sqlite::open(&folder.path().join("test.db")).await.unwrap();
                super::$case(Arc::new(driver)).await;
            })*
        }
        mod sqlite_in_memory {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                super::$case(Arc::new(Sqlite::in_memory().await.unwrap())).await;
            })*
        }
        mod mongo {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                let Some(url) = peer("DAYBRIEF_TEST_MONGO") else { return };
                let database = format!("test{}", crate::ids::fresh());
                let driver = Mongo::open(&url, &database).await.unwrap();
                super::$case(Arc::new(driver)).await;
            })*
        }
    };
}

suite!(
    an_insert_of_a_key_that_exists_changes_nothing,
    of_many_at_once_one_inserts,
    several_writes_end_before_the_first_that_does_not_fit,
    a_replace_needs_the_version_that_was_read,
    of_many_replaces_at_once_none_is_lost,
    a_group_is_listed_in_its_order,
    a_claim_takes_what_is_due_and_free,
    no_two_claim_the_same,
    an_older_fence_writes_nothing,
    what_has_expired_goes_and_nothing_else,
    a_deleted_document_is_gone,
    every_text_comes_back_as_it_was,
    a_group_is_removed_up_to_a_place,
    all_documents_are_gone_through_by_key,
    a_body_is_replaced_and_all_else_stays,
    scrubbing_takes_nothing_that_is_there,
);

#[tokio::test]
async fn a_secret_that_changed_meanwhile_is_not_replaced() {
    let store = crate::store::Store::in_memory().await.unwrap();
    let secrets = store.secrets();
    let vault = crate::secrets::vault::Vault::ephemeral().unwrap();
    let seal = |text: &str| vault.seal("a", &text.to_owned().into()).unwrap();
    let (first, second, third) = (seal("1"), seal("2"), seal("3"));
    assert!(secrets.replace("a", None, &first).await.unwrap());
    assert!(!secrets.replace("a", None, &second).await.unwrap());
    assert!(secrets.replace("a", Some(&first), &second).await.unwrap());
    assert!(!secrets.replace("a", Some(&first), &third).await.unwrap());
    assert_eq!(secrets.get("a").await.unwrap(), Some(second));
}

#[tokio::test]
async fn a_file_outlives_its_process_and_takes_a_second_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    let first = Sqlite::open(&path).await.unwrap();
    first.insert(C, "a", &content("x")).await.unwrap();
    let second = Sqlite::open(&path).await.unwrap();
    assert!(second.get(C, "a").await.unwrap().is_some());
    second.insert(C, "b", &content("y")).await.unwrap();
    assert!(first.get(C, "b").await.unwrap().is_some());
    drop((first, second));
    // One file is all there is to copy.
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[tokio::test]
async fn a_mongodb_that_is_not_there_is_named_without_its_password() {
    let error = Mongo::open(
        "mongodb://someone:s3cret@127.0.0.1:1/?serverSelectionTimeoutMS=300",
        "x",
    )
    .await
    .err()
    .unwrap()
    .to_string();
    assert!(!error.contains("s3cret"), "{error}");
}

#[tokio::test]
async fn a_store_whose_file_is_gone_or_another_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let settings = crate::settings::Store::default();
    let store = crate::store::Store::open(&settings, None, folder.path())
        .await
        .unwrap();
    let path = folder.path().join(super::SQLITE_FILE);
    store.ping().await.unwrap();
    store.ping().await.unwrap();
    std::fs::rename(&path, folder.path().join("away.db")).unwrap();
    assert!(store.ping().await.is_err());
    std::fs::write(&path, "").unwrap();
    assert!(store.ping().await.is_err());
}

#[tokio::test]
async fn a_full_and_a_locked_file_are_told_as_that() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    let driver = Sqlite::open(&path).await.unwrap();
    // A disk that is full, as far as the database knows.
    driver.grows_by_no_more_than(20).await;
    let long = content(&"x".repeat(1 << 20));
    let error = driver.insert(C, "long", &long).await.unwrap_err();
    let is_full = |error: &StoreError| {
        matches!(
            error,
            StoreError::Faulty {
                fault: Fault::Full,
                ..
            }
        )
    };
    assert!(is_full(&error), "{error:?}");
    assert_eq!(error.in_short(), "the store's disk is full");
    assert!(driver.insert(C, "short", &content("x")).await.unwrap());

    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = driver.insert(C, "a", &content("x")).await.unwrap_err();
    assert_eq!(error.in_short(), "the store is locked by another process");
    other.execute_batch("ROLLBACK").unwrap();
    assert!(driver.insert(C, "a", &content("x")).await.unwrap());

    std::fs::remove_file(&path).unwrap();
    let error = driver.is_there().await.unwrap_err();
    assert_eq!(error.in_short(), "the store's file is gone or was replaced");
}

/// Answers as MongoDB does where the password is wrong.
mod refusing {
    use std::{
        io::{Read, Write},
        net::{TcpListener, TcpStream},
    };

    use mongodb::bson::{Document, doc};

    const MESSAGE: i32 = 2013;
    const QUERY: i32 = 2004;
    const REPLY: i32 = 1;

    pub fn begin() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                std::thread::spawn(move || serve(stream));
            }
        });
        format!("mongodb://mara:hunter2@{address}/?directConnection=true")
    }

    fn number(bytes: &[u8], at: usize) -> i32 {
        i32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
    }

    fn serve(mut stream: TcpStream) -> Option<()> {
        loop {
            let mut header = [0; 16];
            stream.read_exact(&mut header).ok()?;
            let rest = usize::try_from(number(&header, 0)).ok()? - 16;
            let mut body = vec![0; rest];
            stream.read_exact(&mut body).ok()?;
            let asked = match number(&header, 12) {
                MESSAGE => &body[5..],
                QUERY => {
                    let name = body[4..].iter().position(|&byte| byte == 0)?;
                    &body[4 + name + 1 + 8..]
                }
                _ => return None,
            };
            let asked = Document::from_reader(asked).ok()?;
            let answer = answer(&asked).to_vec().ok()?;
            let (code, before) = match number(&header, 12) {
                MESSAGE => (MESSAGE, vec![0; 5]),
                _ => {
                    let mut before = vec![0; 20];
                    before[16] = 1;
                    (REPLY, before)
                }
            };
            let length = i32::try_from(16 + before.len() + answer.len()).ok()?;
            let mut reply = Vec::new();
            for part in [length, 1, number(&header, 4), code] {
                reply.extend(part.to_le_bytes());
            }
            reply.extend(before);
            reply.extend(answer);
            stream.write_all(&reply).ok()?;
        }
    }

    fn answer(asked: &Document) -> Document {
        match asked.keys().next().map(String::as_str) {
            Some("saslStart") => doc! {
                "ok": 0.0, "errmsg": "Authentication failed.", "code": 18, "codeName": "AuthenticationFailed",
            },
            _ => doc! {
                "ok": 1.0, "ismaster": true, "isWritablePrimary": true, "helloOk": true, "maxBsonObjectSize": 16_777_216,
                "maxMessageSizeBytes": 48_000_000, "maxWriteBatchSize": 100_000, "minWireVersion": 0, "maxWireVersion": 25,
                "readOnly": false, "saslSupportedMechs": ["SCRAM-SHA-256"],
            },
        }
    }
}

#[tokio::test]
async fn a_wrong_password_of_the_store_is_told_as_that_and_not_said() {
    let error = Mongo::open(&refusing::begin(), "d").await.err().unwrap();
    assert!(
        error
            .to_string()
            .contains("refused the user or the password"),
        "{error:?}"
    );
    let problem = crate::error::Problem::from(error).to_string();
    assert!(
        problem.contains("password") && !problem.contains("hunter2"),
        "{problem}"
    );
}
