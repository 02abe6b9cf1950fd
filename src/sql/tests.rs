//! What is printed is what was read, whatever stands in it.

use std::ops::ControlFlow;

use proptest::prelude::*;
use sqlparser::ast::{
    BinaryOperator, CaseWhen, CastKind, DataType, Expr, Ident, Query, SetExpr, Value,
    ValueWithSpan, VisitMut, VisitorMut,
};

use super::{Dialect, ReadOnly, print, query_of, reads_only};

/// The statement with which a dialect's database runs what was read.
fn printed(sql: &str, dialect: Dialect) -> String {
    let statement =
        ReadOnly::parse(sql, dialect).unwrap_or_else(|error| panic!("{dialect:?} {sql}: {error}"));
    print::print(&statement.query, dialect, None, &|name| format!(":{name}")).unwrap()
}

#[test]
fn a_text_ends_where_it_was_read_to_end() {
    // Read as one text by all; written by doubling what is doubled, it would have ended at the second mark.
    let hidden = r"select '\'' as a, ' as c0, pg_sleep(1) as b, 'x'";
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        assert!(ReadOnly::parse(hidden, dialect).is_err(), "{dialect:?}");
    }
    let text = r"select '\'' as a, ' as c0";
    assert_eq!(
        printed(text, Dialect::Sqlite),
        r"SELECT '\'' as a, ' AS `c0`"
    );
    assert_eq!(
        printed(text, Dialect::Postgres),
        r#"SELECT E'\\'' as a, ' AS "c0""#
    );
    assert_eq!(
        printed(
            r"select 'a\\.b' as c, 'it''s' as d, 'x\'y' as e",
            Dialect::Mysql
        ),
        r"SELECT 'a\\.b' AS `c`, 'it''s' AS `d`, 'x''y' AS `e`"
    );
    assert_eq!(
        printed(
            r"select a from t where b like '50\%' escape '\\'",
            Dialect::Mysql
        ),
        r"SELECT `a` FROM `t` WHERE `b` LIKE '50\\%' ESCAPE '\\'"
    );
    assert_eq!(
        printed(
            r#"select 'it''s "so"' as a, e'\x41\'' as b, $q$it's$q$ as c"#,
            Dialect::Postgres
        ),
        r#"SELECT 'it''s "so"' AS "a", 'A''' AS "b", 'it''s' AS "c""#
    );
    assert_eq!(
        printed(r#"select "it's ""so""" as a"#, Dialect::Mysql),
        r#"SELECT 'it''s "so"' AS `a`"#
    );
}

#[test]
fn comments_and_hints_are_not_run() {
    for (sql, dialect) in [
        (
            "select /*+ MAX_EXECUTION_TIME(1) */ a from t -- x",
            Dialect::Mysql,
        ),
        ("select /* x */ a from t use index (i)", Dialect::Mysql),
        ("select a /* ' */ from t -- '", Dialect::Sqlite),
        ("select a /* /* ' */ */ from t -- '", Dialect::Postgres),
    ] {
        let expected = match dialect {
            Dialect::Postgres => r#"SELECT "a" FROM "t""#,
            _ => "SELECT `a` FROM `t`",
        };
        assert_eq!(printed(sql, dialect), expected);
    }
}

#[test]
fn names_stand_in_marks_and_mean_what_they_meant() {
    assert_eq!(
        printed(
            r#"select Id, "Id", Who."x y" from T Who"#,
            Dialect::Postgres
        ),
        r#"SELECT "id", "Id", "who"."x y" FROM "t" AS "who""#
    );
    assert_eq!(
        printed(
            "select [a b], \"c\", current_user, max(id) from T",
            Dialect::Sqlite
        ),
        "SELECT `a b`, `c`, `current_user`, max(`id`) AS `max(id)` FROM `T`"
    );
    assert_eq!(
        printed(
            "select timestampdiff(day, a, b) as d, - -1 as e from t",
            Dialect::Mysql
        ),
        "SELECT timestampdiff(DAY, `a`, `b`) AS `d`, - - 1 AS `e` FROM `t`"
    );
    for (sql, dialect) in [
        ("select \"a\"\"b\" from t", Dialect::Postgres),
        ("select `a``b` from t", Dialect::Mysql),
        ("select 'a' 'b'", Dialect::Postgres),
        ("select a || b from t", Dialect::Mysql),
    ] {
        assert!(ReadOnly::parse(sql, dialect).is_err(), "{sql}");
    }
}

#[test]
fn a_field_of_a_value_is_no_column() {
    let columns = |table: &[String]| match table {
        [name] if name == "t" => Some(vec!["id".to_owned(), "name".to_owned()]),
        [name] if name == "o" => Some(vec!["id".to_owned(), "t_id".to_owned()]),
        [schema, name] if schema == "s" && name == "t" => Some(vec!["evil".to_owned()]),
        _ => None,
    };
    let check = |sql: &str| {
        ReadOnly::parse(sql, Dialect::Postgres)
            .and_then(|statement| statement.check_columns(&columns))
    };
    for sql in [
        "select t.id, t.name from t",
        "select T.ID from t",
        "select x.id, y.t_id from t x join o y on y.t_id = x.id",
        "select x.n from (select name as n from t) x",
        "select x.count from (select count(*) from t) x",
        "select x.name, x.id from (select * from t) x",
        "select x.a, x.name from t as x (a)",
        "select id from t where exists (select 1 from o where o.t_id = t.id)",
        "with w as (select id as n from t) select w.n from w",
        "with recursive w as (select 1 as n union all select w.n + 1 from w where w.n < 3) select w.n from w",
        "select v.column1 from (values (1)) v",
        "select s.t.evil from s.t",
        "select t.id from t order by t.name",
        "select x.id from (select t.* from t) x",
    ] {
        assert_eq!(check(sql), Ok(()), "{sql}");
    }
    for sql in [
        "select t.evil from t",
        "select x.evil from t x",
        "select t.id from t order by t.evil",
        "select t.ts_stat from (select name from t) t",
        "select x.evil from (select * from t) x",
        "select id from t where exists (select 1 from o where t.evil = 1)",
        "with w as (select id from t) select w.evil from w",
        // Which of the two is meant is not decided here: it has to be a column of both.
        "with a as (select t.evil from t), t as (select 1 as evil) select * from a",
        "select t.evil from t union all select t.evil from (select 1 as evil) t",
        "select x.name from t as x (a, b)",
        "select evil.id from t",
    ] {
        assert!(check(sql).is_err(), "{sql}");
    }
    // Without knowledge of the tables what the statement itself says is known all the same.
    let tables = vec!["t".to_owned()];
    let role = |sql: &str| reads_only(sql, &tables, Some(Dialect::Postgres));
    assert_eq!(role("select x.id from t x"), Ok(()));
    assert!(role("select t.ts_stat from (select name from t) t").is_err());
    assert!(role("select (name).ts_stat from t").is_err());
}

#[test]
fn a_long_sum_is_refused_before_it_is_a_deep_tree() {
    let sum = |terms: usize| format!("select {}1 as a", "1 + ".repeat(terms));
    assert!(ReadOnly::parse(&sum(1_900), Dialect::Sqlite).is_ok());
    assert!(ReadOnly::parse(&sum(10_000), Dialect::Sqlite).is_err());
    let list = vec!["1"; 20_000].join(",");
    assert!(
        ReadOnly::parse(
            &format!("select a from t where a in ({list})"),
            Dialect::Sqlite
        )
        .is_ok()
    );
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[^\0]{0,12}",
        // What ends texts, escapes and comments, in every order.
        prop::collection::vec(
            prop::sample::select(vec![
                "'", "''", "\\", "\"", "`", "--", "/*", "*/", ";", "a", " ", "\n", "%", "_", "$",
                "#", "E'", ":x", "\u{a0}"
            ]),
            0..10,
        )
        .prop_map(|parts| parts.concat()),
    ]
}

fn name(dialect: Dialect) -> impl Strategy<Value = Ident> {
    let mark = match dialect {
        Dialect::Postgres => '"',
        _ => '`',
    };
    prop_oneof![
        "[a-z_][a-z0-9_]{0,6}",
        "[^\\p{C}\"`\\[\\]\\\\]{1,8}",
        Just("select".to_owned()),
        Just("it's".to_owned())
    ]
    .prop_map(move |value| Ident::with_quote(mark, value))
}

fn value(value: Value) -> Expr {
    Expr::Value(ValueWithSpan::from(value))
}

fn expression(dialect: Dialect) -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![
        4 => text().prop_map(|text| value(Value::SingleQuotedString(text))),
        1 => (0_u64..).prop_map(|number| value(Value::Number(number.to_string(), false))),
        1 => Just(value(Value::Null)),
        1 => any::<bool>().prop_map(|yes| value(Value::Boolean(yes))),
        1 => Just(value(Value::Placeholder(":p".to_owned()))),
        3 => name(dialect).prop_map(Expr::Identifier),
        1 => (name(dialect), name(dialect)).prop_map(|(table, column)| Expr::CompoundIdentifier(vec![table, column])),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let nested = inner
            .prop_map(|expression| Box::new(Expr::Nested(Box::new(expression))))
            .boxed();
        let operators = vec![
            BinaryOperator::Plus,
            BinaryOperator::Minus,
            BinaryOperator::Eq,
            BinaryOperator::NotEq,
            BinaryOperator::And,
            BinaryOperator::Or,
            BinaryOperator::LtEq,
        ];
        prop_oneof![
            (
                nested.clone(),
                prop::sample::select(operators),
                nested.clone()
            )
                .prop_map(|(left, op, right)| Expr::BinaryOp { left, op, right }),
            (nested.clone(), any::<bool>(), text()).prop_map(|(expr, negated, pattern)| {
                Expr::Like {
                    negated,
                    any: false,
                    expr,
                    pattern: Box::new(value(Value::SingleQuotedString(pattern))),
                    escape_char: None,
                }
            }),
            (
                nested.clone(),
                prop::collection::vec(nested.clone().prop_map(|boxed| *boxed), 1..4),
                any::<bool>()
            )
                .prop_map(|(expr, list, negated)| Expr::InList {
                    expr,
                    list,
                    negated
                }),
            (nested.clone(), nested.clone(), nested.clone()).prop_map(|(expr, low, high)| {
                Expr::Between {
                    expr,
                    negated: false,
                    low,
                    high,
                }
            }),
            nested.clone().prop_map(|expr| Expr::Cast {
                kind: CastKind::Cast,
                expr,
                data_type: DataType::Date,
                format: None,
            }),
            nested.clone().prop_map(Expr::IsNull),
            (nested.clone(), nested.clone(), nested).prop_map(|(condition, result, otherwise)| {
                Expr::Case {
                    case_token: sqlparser::ast::helpers::attached_token::AttachedToken::empty(),
                    end_token: sqlparser::ast::helpers::attached_token::AttachedToken::empty(),
                    operand: None,
                    conditions: vec![CaseWhen {
                        condition: *condition,
                        result: *result,
                    }],
                    else_result: Some(otherwise),
                }
            }),
        ]
    })
}

/// Texts in one form: which marks they had is no part of what they say.
struct OneForm;

impl VisitorMut for OneForm {
    type Break = ();

    fn pre_visit_value(&mut self, value: &mut ValueWithSpan) -> ControlFlow<()> {
        if let Some(text) = print::text_of(&value.value) {
            value.value = Value::SingleQuotedString(text.to_owned());
        }
        ControlFlow::Continue(())
    }
}

/// A query that selects this.
fn query(expression: Expr, alias: Ident, dialect: Dialect) -> Box<Query> {
    let mut query = query_of("select 1 as a from t where 1", dialect).unwrap();
    if let SetExpr::Select(select) = query.body.as_mut() {
        select.projection = vec![sqlparser::ast::SelectItem::ExprWithAlias {
            expr: expression.clone(),
            alias,
        }];
        select.selection = Some(Expr::Nested(Box::new(expression)));
    }
    query
}

proptest! {
    #[test]
    fn a_tree_is_the_same_after_it_was_printed_and_read(
        (dialect, expression, alias) in prop::sample::select(Dialect::ALL.to_vec())
            .prop_flat_map(|dialect| (Just(dialect), expression(dialect), name(dialect)))
    ) {
        let tree = query(expression, alias, dialect);
        let text = print::print(&tree, dialect, None, &|name| format!(":{name}")).unwrap();
        let mut again = query_of(&text, dialect).unwrap_or_else(|error| panic!("{text}: {error}"));
        let _ = VisitMut::visit(&mut again, &mut OneForm);
        let SetExpr::Select(tree) = *tree.body else { unreachable!() };
        let SetExpr::Select(again) = *again.body else { unreachable!() };
        prop_assert_eq!(&tree.projection, &again.projection, "{}", text);
        prop_assert_eq!(&tree.selection, &again.selection, "{}", text);
    }

    #[test]
    fn no_text_is_read_otherwise_when_it_is_printed(sql in "(select )?[a-z0-9'\\\\\"`,;:()=*/ \\-#$\\[\\]]{0,40}") {
        for dialect in Dialect::ALL {
            if let Ok(statement) = ReadOnly::parse(&sql, dialect) {
                let text = print::print(&statement.query, dialect, None, &|name| format!(":{name}")).unwrap();
                let again = ReadOnly::parse(&text, dialect).unwrap();
                prop_assert_eq!(again.query, statement.query);
            }
        }
    }
}
