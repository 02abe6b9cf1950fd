use serde_json::json;

use super::*;

fn condition(toml: &str) -> Condition {
    toml::from_str(toml).unwrap()
}

fn holds(rule: &str, args: Value) -> bool {
    let Value::Object(args) = args else {
        panic!("no table");
    };
    unmet(&condition(rule), &args).is_none()
}

#[test]
fn a_schema_says_what_the_conditions_say_and_all_that_it_said_before() {
    let conditions = [
        condition("arg = 'repo_path'\nequals = '/srv/pay'"),
        condition("arg = 'params.region'\none_of = ['EU', 'US']\noptional = true"),
        condition("arg = 'limit'\nat_least = 1\nat_most = 100\noptional = true"),
        condition("arg = 'sql'\nstatement = 'select'\ntables = ['v']"),
    ];
    let schema = json!({
        "type": "object", "required": ["sql"], "additionalProperties": false,
        "properties": { "repo_path": { "type": "string" }, "sql": { "type": "string" }, "since": { "type": "string" } },
    });
    let told = told(&conditions.iter().collect::<Vec<_>>(), &schema);
    let expected = json!({
        "type": "object", "required": ["sql", "repo_path"], "additionalProperties": false,
        "properties": {
            "repo_path": { "type": "string", "const": "/srv/pay" },
            "params": { "properties": { "region": { "enum": ["EU", "US"] } } },
            "limit": { "minimum": 1.0, "maximum": 100.0 },
            "sql": { "type": "string" },
            "since": { "type": "string" },
        },
    });
    assert_eq!(told, expected);
}

#[test]
fn a_schema_that_is_no_table_stays_as_it_is() {
    let condition = condition("arg = 'a.b'\nequals = 1");
    for schema in [
        json!(true),
        json!("x"),
        json!({ "properties": [] }),
        json!({ "required": "x" }),
    ] {
        assert_eq!(told(&[&condition], &schema), schema);
    }
}

#[test]
fn an_argument_must_be_there_be_of_the_type_and_be_the_value() {
    let project = "arg = 'project'\none_of = ['ENG', 'PAY']";
    let region = "arg = 'params.region'\nequals = 'EU'";
    let limit = "arg = 'limit'\nat_most = 100";
    let range = "arg = 'limit'\nat_least = 1\nat_most = 100";
    let price = "arg = 'price'\nat_most = 9.5";
    let whole = "arg = 'limit'\nequals = 9007199254740993";
    let number = |text: &str| serde_json::from_str(&format!(r#"{{"limit": {text}}}"#)).unwrap();
    let optional = "arg = 'limit'\nat_most = 100\noptional = true";
    let flag = "arg = 'dry_run'\nequals = true";
    let fields = "arg = 'fields'\nequals = ['id', 'title']";
    for (rule, args, expected) in [
        (project, json!({"project": "ENG"}), true),
        (project, json!({"project": "PAY", "other": 1}), true),
        (project, json!({"project": "HR"}), false),
        (project, json!({"project": "eng"}), false),
        (project, json!({"project": "ENG "}), false),
        (project, json!({"project": ""}), false),
        (project, json!({"project": ["ENG"]}), false),
        (project, json!({"project": {"ENG": 1}}), false),
        (project, json!({"project": 1}), false),
        (project, json!({"project": true}), false),
        (project, json!({"project": null}), false),
        (project, json!({"Project": "ENG"}), false),
        (project, json!({}), false),
        (
            "arg = 'project'\none_of = []",
            json!({"project": "ENG"}),
            false,
        ),
        (region, json!({"params": {"region": "EU"}}), true),
        (region, json!({"params": {"region": "US"}}), false),
        (region, json!({"params": {"region": ["EU"]}}), false),
        (region, json!({"params.region": "EU"}), false),
        (region, json!({"region": "EU"}), false),
        (region, json!({"params": ["EU"]}), false),
        (region, json!({"params": "EU"}), false),
        (
            region,
            json!({"params": {"params": {"region": "EU"}}}),
            false,
        ),
        (limit, json!({"limit": 100}), true),
        (limit, json!({"limit": 1e2}), true),
        (limit, number("100.00000000000000000001"), false),
        (limit, number("99.99999999999999999999"), true),
        (whole, number("9007199254740993"), true),
        (whole, number("9007199254740993.0"), true),
        (whole, number("9007199254740992"), false),
        (whole, json!({"limit": "9007199254740993"}), false),
        (limit, json!({"limit": -5}), true),
        (limit, json!({"limit": 99.5}), true),
        (limit, json!({"limit": 100.5}), false),
        (limit, json!({"limit": 101}), false),
        (limit, json!({"limit": u64::MAX}), false),
        (limit, json!({"limit": 1e300}), false),
        (limit, json!({"limit": "100"}), false),
        (limit, json!({"limit": [1]}), false),
        (limit, json!({"limit": true}), false),
        (limit, json!({}), false),
        (range, json!({"limit": 1}), true),
        (range, json!({"limit": 0}), false),
        (range, json!({"limit": 101}), false),
        (price, json!({"price": 9.5}), true),
        (price, json!({"price": 9}), true),
        (price, json!({"price": 10}), false),
        (optional, json!({}), true),
        (optional, json!({"limit": null}), true),
        (optional, json!({"limit": 100}), true),
        (optional, json!({"limit": 101}), false),
        (optional, json!({"limit": "1"}), false),
        (flag, json!({"dry_run": true}), true),
        (flag, json!({"dry_run": "true"}), false),
        (flag, json!({"dry_run": 1}), false),
        (fields, json!({"fields": ["id", "title"]}), true),
        (fields, json!({"fields": ["title", "id"]}), false),
        (fields, json!({"fields": ["id", "title", "salary"]}), false),
    ] {
        assert_eq!(holds(rule, args.clone()), expected, "{rule}\n{args}");
    }
}

#[test]
fn a_bound_is_exact_where_floats_are_not() {
    // 2^53 + 1 is 2^53 as a float.
    let most = "arg = 'n'\nat_most = 9007199254740992";
    assert!(holds(most, json!({"n": 9_007_199_254_740_992_i64})));
    assert!(!holds(most, json!({"n": 9_007_199_254_740_993_i64})));
}

#[test]
fn a_condition_without_a_rule_never_holds() {
    assert!(!holds("arg = 'a'", json!({"a": "x"})));
    assert!(!holds(
        "arg = 'a'\ntables = ['t']",
        json!({"a": "select 1"})
    ));
    assert!(!holds("arg = ''\nequals = 1", json!({"a": 1})));
}

#[test]
fn all_rules_of_a_condition_must_hold() {
    let both = "arg = 'a'\none_of = [1, 500]\nat_most = 100";
    assert!(holds(both, json!({"a": 1})));
    assert!(!holds(both, json!({"a": 500})));
    assert!(!holds(both, json!({"a": 2})));
}

#[test]
fn a_condition_is_about_the_tools_it_names_or_about_all() {
    let named = condition("tools = ['jira_get_*', 'jira_search']\narg = 'a'\nequals = 1");
    for (tool, about) in [
        ("jira_search", true),
        ("jira_get_issue", true),
        ("jira_search_users", false),
        ("search", false),
    ] {
        assert_eq!(is_about(&named, tool), about, "{tool}");
    }
    assert!(is_about(&condition("arg = 'a'\nequals = 1"), "anything"));
}

#[test]
fn what_is_not_met_is_told_without_the_value() {
    let Value::Object(args) = json!({"name": "salary of Mara", "sql": "select mara from pay"})
    else {
        panic!();
    };
    for rule in [
        "arg = 'name'\none_of = ['a']",
        "arg = 'name'\nat_most = 3",
        "arg = 'sql'\nstatement = 'select'\ntables = ['v_orders']",
        "arg = 'missing'\nequals = 1",
    ] {
        let why = unmet(&condition(rule), &args).unwrap();
        assert!(!why.to_lowercase().contains("mara"), "{why}");
    }
}

const VIEWS: &str =
    "arg = 'sql'\nstatement = 'select'\ntables = ['v_orders', 'v_items', 'sales.v_sum']";

/// What a statement may look like in each of the dialects, or in one that is named.
fn sql_holds(sql: &str, dialect: &str) -> bool {
    let dialect = match dialect {
        "any" => String::new(),
        named => format!("\ndialect = '{named}'"),
    };
    holds(&format!("{VIEWS}{dialect}"), json!({"sql": sql}))
}

#[test]
fn select_statements_on_the_listed_views_pass() {
    for sql in [
        "select 1",
        "select * from v_orders",
        "SELECT id, sum(total) FROM v_orders WHERE day >= '2026-01-01' GROUP BY id ORDER BY 2 DESC LIMIT 10",
        "select * from v_orders o join v_items i on i.order_id = o.id",
        "select * from sales.v_sum",
        "select (select max(total) from v_orders) as most",
        "select * from (select id from v_orders) x",
        "select id from v_orders union all select id from v_items",
        "select * from v_orders where id in (select order_id from v_items)",
        "with o as (select * from v_orders) select * from o",
        "with o as (select * from v_orders), i as (select * from o) select * from o, i",
        "with recursive r as (select 1 as n union all select n + 1 from r where n < 5) select * from r",
        "select 'from secret' as text from v_orders",
        "select * from v_orders;",
    ] {
        assert!(sql_holds(sql, "any"), "{sql}");
        for dialect in ["sqlite", "postgres", "mysql"] {
            assert!(sql_holds(sql, dialect), "{dialect}: {sql}");
        }
    }
    for (sql, dialect) in [
        ("select day::date from v_orders", "postgres"),
        ("select * from \"v_orders\"", "postgres"),
        // In MySQL a text stands between these marks, and a text has no field.
        ("select \"v_orders\".id from v_orders", "postgres"),
        ("select \"v_orders\".id from v_orders", "sqlite"),
        ("select * from V_ORDERS", "postgres"),
        ("select * from `v_orders`", "mysql"),
        ("select * from [v_orders]", "sqlite"),
        ("select * from V_Orders", "sqlite"),
    ] {
        assert!(sql_holds(sql, dialect), "{dialect}: {sql}");
    }
}

#[test]
fn what_reads_anything_else_does_not() {
    for sql in [
        // Another table, in every place where one can stand.
        "select * from secret",
        "select * from v_orders, secret",
        "select * from v_orders o join secret s on s.id = o.id",
        "select * from v_orders natural join secret",
        "select * from v_orders left join (v_items join secret on true) on true",
        "select * from v_orders where id in (select id from secret)",
        "select * from v_orders where exists (select 1 from secret)",
        "select (select max(pay) from secret) from v_orders",
        "select * from (select * from secret) v_orders",
        "select * from v_orders order by (select pay from secret limit 1)",
        "select * from v_orders limit (select count(*) from secret)",
        "select * from v_orders group by id having count(*) > (select 1 from secret)",
        "select case when exists (select 1 from secret) then 1 else 0 end from v_orders",
        "select sum(total) over (order by (select pay from secret)) from v_orders",
        "select id from v_orders union select id from secret",
        "select id from v_orders union all (select id from v_items except select id from secret)",
        "select id from v_orders intersect select id from secret",
        "values ((select pay from secret))",
        "table secret",
        "select * from lateral (select * from secret) x",
        // Names of its own that hide, or seem to hide, a table.
        "with o as (select * from secret) select * from o",
        "with v_orders as (select * from secret) select * from v_orders",
        "with secret as (select * from secret) select * from secret",
        "with a as (select * from b), b as (select 1) select * from a",
        "select * from (with secret as (select 1) select * from secret) x, secret",
        "select * from v_orders where id in (with v_items as (select * from secret) select * from v_items)",
        "with Secret as (select 1) select * from secret",
        "with \"Secret\" as (select 1) select * from Secret",
        // Other ways to write a name.
        "select * from \"secret\"",
        "select * from public.v_orders",
        "select * from sales.v_orders",
        "select * from v_sum",
        "select * from other.v_sum",
        "select * from db.sales.v_sum",
        "select * from \"sales.v_sum\"",
        "select * from \"V_ORDERS\"",
        "select * from v_orders secret, secret",
        "select * from v_orders_secret",
        "select * from v\u{43e}rders",
        "select * from only secret",
        // Comments and what hides in them.
        "select * from v_orders -- , secret",
        "select * from v_orders /* x */, secret",
        "select * from/**/secret",
        "select * from v_orders /* /* */ , secret -- */",
        "select * from v_orders /*! , secret */",
        "select * from v_orders # \n, secret",
        "select 1 --\n from secret",
        "select 1--1 from v_orders",
        "select '\\' from v_orders where name = ' or 1=1 union select pay from secret -- '",
        // More than one statement, and what writes.
        "select * from v_orders; select * from secret",
        "select * from v_orders; drop table v_orders",
        "insert into v_orders values (1)",
        "update v_orders set total = 0",
        "delete from v_orders",
        "with x as (insert into v_orders values (1) returning *) select * from x",
        "with x as (delete from v_orders returning *) select * from x",
        "with x as (update v_orders set total = 0 returning *) select * from x",
        "select * into secret from v_orders",
        "select * from v_orders for update",
        "create table t as select * from v_orders",
        "explain select * from secret",
        "copy v_orders to '/tmp/x'",
        "pragma table_info(secret)",
        // Functions that read elsewhere, run elsewhere or wait.
        "select pg_read_file('/etc/passwd')",
        "select pg_read_file('/etc/passwd') from v_orders",
        "select load_file('/etc/passwd') from v_orders",
        "select load_extension('x') from v_orders",
        "select pg_sleep(10) from v_orders",
        "select sleep(10) from v_orders",
        "select query_to_xml('select * from secret', true, true, '') from v_orders",
        "select dblink('x', 'select 1') from v_orders",
        "select pg_catalog.pg_read_file('x') from v_orders",
        "select \"pg_read_file\"('x') from v_orders",
        "select set_config('a', 'b', false) from v_orders",
        "select * from generate_series(1, 3)",
        "select * from pg_ls_dir('/')",
        "select * from dblink('x', 'select 1') as t(a int)",
        "select * from unnest(array[1])",
        "select * from json_each('[1]')",
        // A field of a value, by which PostgreSQL calls a function.
        "select (name).ts_stat from v_orders",
        "select (name).pg_read_file from v_orders",
        "select ('select to_tsvector(who) from secret'::text).ts_stat from v_orders",
        "select (array[name])[1].ts_stat from v_orders",
        "select (v_orders).evil from v_orders",
        "select (v_orders).* from v_orders",
        "select x.ts_stat from (select name from v_orders) x",
        "with x as (select name from v_orders) select x.ts_stat from x",
        // Types that are no plain ones: a name of a table read as its number, a row, a type of somebody's own.
        "select 'secret'::regclass from v_orders",
        "select cast('secret' as regclass) from v_orders",
        "select cast('(1)' as v_orders) from v_orders",
        "select cast(name as evil) from v_orders",
        // What ends elsewhere for another database or mode.
        "select n'x' from v_orders",
        "select x'ff' from v_orders",
        "select\u{a0}1 from v_orders",
        "select\u{b}1 from v_orders",
        // Tables that no file holds.
        "select * from dbstat",
        "select * from pragma_database_list",
        // The catalogue of the database.
        "select * from pg_catalog.pg_user",
        "select * from information_schema.tables",
        "select * from sqlite_master",
        "select * from mysql.user",
        "select @@version from v_orders",
        // No statement at all.
        "",
        ";",
        "v_orders",
        "select",
        "select * from",
        "select * from v_orders where id in secret",
        "select * from v_orders where 'x",
    ] {
        assert!(!sql_holds(sql, "any"), "{sql}");
        for dialect in ["sqlite", "postgres", "mysql"] {
            // In one dialect this is another name for a listed view, a subtraction, an operator on a column, or a column
            // that is not there: only PostgreSQL calls a function that way.
            let same = [
                (
                    "sqlite",
                    "select x.ts_stat from (select name from v_orders) x",
                ),
                (
                    "mysql",
                    "select x.ts_stat from (select name from v_orders) x",
                ),
                (
                    "sqlite",
                    "with x as (select name from v_orders) select x.ts_stat from x",
                ),
                (
                    "mysql",
                    "with x as (select name from v_orders) select x.ts_stat from x",
                ),
                ("sqlite", "select * from \"V_ORDERS\""),
                ("mysql", "select 1--1 from v_orders"),
                ("postgres", "select @@version from v_orders"),
            ];
            if !same.contains(&(dialect, sql)) {
                assert!(!sql_holds(sql, dialect), "{dialect}: {sql}");
            }
        }
    }
    // What is a text to one database is a name or a sum to another.
    for sql in [
        "select $$x$$ from v_orders",
        "select e'x' from v_orders",
        "select u&'x' from v_orders",
    ] {
        assert!(!sql_holds(sql, "any"), "{sql}");
        assert!(!sql_holds(sql, "postgres"), "{sql}");
    }
    let long = format!("select {} from v_orders", "1 + ".repeat(40_000) + "1");
    assert!(!sql_holds(&long, "any"));
    let deep = format!(
        "select {}1{} from v_orders",
        "(".repeat(500),
        ")".repeat(500)
    );
    assert!(!sql_holds(&deep, "any"));
    assert!(!holds(VIEWS, json!({"sql": ["select * from v_orders"]})));
    assert!(!holds(
        VIEWS,
        json!({"sql": {"text": "select * from v_orders"}})
    ));
}
