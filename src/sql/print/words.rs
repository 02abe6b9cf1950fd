//! The words that a statement may be made of: functions, types, operators, units of time. What is not listed is refused.

use sqlparser::ast::{
    BinaryOperator, CharacterLength, DataType, DateTimeField, ExactNumberInfo, ObjectName,
    TimezoneInfo, UnaryOperator,
};

use super::{refused, resolved, unknown};
use crate::sql::{Dialect, Refused};

/// Functions without effects and without access to files, other servers or the session, with the databases that have them:
/// S SQLite, P PostgreSQL, M MySQL and MariaDB. One that a database does not have could be somebody's own there.
const FUNCTIONS: &[(&str, &str)] = &[
    ("abs", "SPM"),
    ("array_agg", "P"),
    ("array_length", "P"),
    ("array_to_string", "P"),
    ("avg", "SPM"),
    ("bool_and", "P"),
    ("bool_or", "P"),
    ("btrim", "P"),
    ("cardinality", "P"),
    ("ceil", "SPM"),
    ("ceiling", "SPM"),
    ("char_length", "PM"),
    ("character_length", "PM"),
    ("coalesce", "SPM"),
    ("concat", "SPM"),
    ("concat_ws", "SPM"),
    ("corr", "P"),
    ("count", "SPM"),
    ("cume_dist", "SPM"),
    ("curdate", "M"),
    ("current_date", "SPM"),
    ("current_time", "SPM"),
    ("current_timestamp", "SPM"),
    ("curtime", "M"),
    ("date", "SPM"),
    ("date_add", "M"),
    ("date_format", "M"),
    ("date_part", "P"),
    ("date_sub", "M"),
    ("date_trunc", "P"),
    ("datediff", "M"),
    ("datetime", "S"),
    ("day", "M"),
    ("dayname", "M"),
    ("dayofmonth", "M"),
    ("dayofweek", "M"),
    ("dayofyear", "M"),
    ("dense_rank", "SPM"),
    ("exp", "SPM"),
    ("extract", "PM"),
    ("first_value", "SPM"),
    ("floor", "SPM"),
    ("format", "SPM"),
    ("from_unixtime", "M"),
    ("greatest", "PM"),
    ("group_concat", "SM"),
    ("hour", "M"),
    ("if", "M"),
    ("ifnull", "SM"),
    ("iif", "S"),
    ("initcap", "P"),
    ("instr", "SM"),
    ("json_array_length", "SP"),
    ("json_extract", "SM"),
    ("json_unquote", "M"),
    ("json_value", "PM"),
    ("jsonb_array_length", "P"),
    ("julianday", "S"),
    ("lag", "SPM"),
    ("last_day", "M"),
    ("last_value", "SPM"),
    ("lead", "SPM"),
    ("least", "PM"),
    ("left", "PM"),
    ("length", "SPM"),
    ("ln", "SPM"),
    ("localtime", "PM"),
    ("localtimestamp", "PM"),
    ("log", "SPM"),
    ("log10", "SPM"),
    ("lower", "SPM"),
    ("lpad", "PM"),
    ("ltrim", "SPM"),
    ("make_date", "P"),
    ("max", "SPM"),
    ("min", "SPM"),
    ("minute", "M"),
    ("mod", "SPM"),
    ("month", "M"),
    ("monthname", "M"),
    ("now", "PM"),
    ("nth_value", "SPM"),
    ("ntile", "SPM"),
    ("nullif", "SPM"),
    ("octet_length", "SPM"),
    ("percent_rank", "SPM"),
    ("percentile_cont", "P"),
    ("percentile_disc", "P"),
    ("position", "PM"),
    ("power", "SPM"),
    ("quarter", "M"),
    ("rank", "SPM"),
    ("regexp_replace", "PM"),
    ("replace", "SPM"),
    ("reverse", "PM"),
    ("right", "PM"),
    ("round", "SPM"),
    ("row_number", "SPM"),
    ("rpad", "PM"),
    ("rtrim", "SPM"),
    ("second", "M"),
    ("sign", "SPM"),
    ("split_part", "P"),
    ("sqrt", "SPM"),
    ("stddev", "PM"),
    ("stddev_pop", "PM"),
    ("stddev_samp", "PM"),
    ("str_to_date", "M"),
    ("strftime", "S"),
    ("string_agg", "SP"),
    ("strpos", "P"),
    ("substr", "SPM"),
    ("substring", "SPM"),
    ("substring_index", "M"),
    ("sum", "SPM"),
    ("time", "SM"),
    ("timediff", "SM"),
    ("timestampadd", "M"),
    ("timestampdiff", "M"),
    ("to_char", "P"),
    ("to_date", "P"),
    ("to_number", "P"),
    ("to_timestamp", "P"),
    ("total", "S"),
    ("trim", "SPM"),
    ("trunc", "SP"),
    ("truncate", "M"),
    ("typeof", "S"),
    ("unix_timestamp", "M"),
    ("unixepoch", "S"),
    ("upper", "SPM"),
    ("utc_timestamp", "M"),
    ("var_pop", "PM"),
    ("var_samp", "PM"),
    ("variance", "PM"),
    ("week", "M"),
    ("weekday", "M"),
    ("year", "M"),
    ("yearweek", "M"),
];

/// The name of a function that only computes.
pub(super) fn function(name: &ObjectName, dialect: Dialect) -> Result<String, Refused> {
    let shown = name
        .0
        .last()
        .and_then(|part| part.as_ident())
        .map(|name| resolved(name, dialect))
        .unwrap_or_default();
    let not_known = || {
        let shown = shown.to_lowercase();
        refused(format!(
            "the function `{shown}` is not among those that only read"
        ))
    };
    let [_] = name.0.as_slice() else {
        return Err(not_known());
    };
    let lower = match dialect {
        Dialect::Postgres => shown.clone(),
        Dialect::Sqlite | Dialect::Mysql => shown.to_ascii_lowercase(),
    };
    let letter = match dialect {
        Dialect::Sqlite => 'S',
        Dialect::Postgres => 'P',
        Dialect::Mysql => 'M',
    };
    FUNCTIONS
        .iter()
        .find(|(known, databases)| *known == lower && databases.contains(letter))
        .map(|_| lower)
        .ok_or_else(not_known)
}

/// Is this one of the functions that SQL writes without brackets?
pub(super) fn stands_without_brackets(function: &str) -> bool {
    matches!(
        function,
        "current_date" | "current_time" | "current_timestamp" | "localtime" | "localtimestamp"
    )
}

/// Is the first argument of this function a unit of time?
pub(super) fn begins_with_unit(function: &str) -> bool {
    matches!(function, "timestampdiff" | "timestampadd")
}

/// A unit of time that is read as a name.
pub(super) fn unit(name: &str) -> Result<&'static str, Refused> {
    const UNITS: [&str; 9] = [
        "YEAR",
        "QUARTER",
        "MONTH",
        "WEEK",
        "DAY",
        "HOUR",
        "MINUTE",
        "SECOND",
        "MICROSECOND",
    ];
    UNITS
        .into_iter()
        .find(|unit| unit.eq_ignore_ascii_case(name))
        .ok_or_else(|| refused("it uses a unit of time that is not known here"))
}

/// The name of a scalar type.
pub(super) fn kind(kind: &DataType, dialect: Dialect) -> Result<String, Refused> {
    let plain = |word: &str| Ok(word.to_owned());
    let digits = |word: &str, info: &ExactNumberInfo| {
        Ok(match info {
            ExactNumberInfo::None => word.to_owned(),
            ExactNumberInfo::Precision(digits) => format!("{word}({digits})"),
            ExactNumberInfo::PrecisionAndScale(digits, scale) => {
                format!("{word}({digits}, {scale})")
            }
        })
    };
    let precision = |word: &str, precision: &Option<u64>| match precision {
        Some(precision) => format!("{word}({precision})"),
        None => word.to_owned(),
    };
    let length = |word: &str, length: &Option<CharacterLength>| match length {
        None => Ok(word.to_owned()),
        Some(CharacterLength::IntegerLength { length, unit: None }) => {
            Ok(format!("{word}({length})"))
        }
        Some(_) => unknown("this length of a text"),
    };
    match kind {
        DataType::Int(None) | DataType::Integer(None) | DataType::Int4(None) => plain("integer"),
        DataType::SmallInt(None) | DataType::Int2(None) => plain("smallint"),
        DataType::BigInt(None) | DataType::Int8(None) => plain("bigint"),
        DataType::Signed | DataType::SignedInteger if dialect == Dialect::Mysql => plain("signed"),
        DataType::Unsigned | DataType::UnsignedInteger if dialect == Dialect::Mysql => {
            plain("unsigned")
        }
        DataType::Numeric(info) => digits("numeric", info),
        DataType::Decimal(info) | DataType::Dec(info) => digits("decimal", info),
        DataType::Real | DataType::Float4 => plain("real"),
        DataType::Float(ExactNumberInfo::None) => plain("float"),
        DataType::Double(ExactNumberInfo::None) | DataType::DoublePrecision | DataType::Float8 => {
            plain(match dialect {
                Dialect::Postgres => "double precision",
                Dialect::Sqlite | Dialect::Mysql => "double",
            })
        }
        DataType::Text => plain("text"),
        DataType::Char(size) | DataType::Character(size) => length("char", size),
        DataType::Varchar(size)
        | DataType::CharacterVarying(size)
        | DataType::CharVarying(size) => length("varchar", size),
        DataType::Boolean | DataType::Bool => plain("boolean"),
        DataType::Date => plain("date"),
        DataType::Datetime(digits) => Ok(precision("datetime", digits)),
        DataType::Time(digits, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => {
            Ok(precision("time", digits))
        }
        DataType::Timestamp(digits, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => {
            Ok(precision("timestamp", digits))
        }
        DataType::Timestamp(digits, TimezoneInfo::Tz | TimezoneInfo::WithTimeZone)
            if dialect == Dialect::Postgres =>
        {
            Ok(format!("{} with time zone", precision("timestamp", digits)))
        }
        DataType::Interval {
            fields: None,
            precision: None,
        } if dialect == Dialect::Postgres => plain("interval"),
        DataType::Uuid if dialect == Dialect::Postgres => plain("uuid"),
        DataType::JSON => plain("json"),
        DataType::JSONB if dialect == Dialect::Postgres => plain("jsonb"),
        _ => Err(refused(
            "it casts to a type that is not among the plain ones (numbers, texts, dates, times, booleans, json, uuid)",
        )),
    }
}

/// An operator with the spaces around it.
pub(super) fn binary(operator: &BinaryOperator, dialect: Dialect) -> Result<&'static str, Refused> {
    use BinaryOperator as Op;
    use Dialect::{Mysql, Postgres, Sqlite};
    Ok(match (operator, dialect) {
        (Op::Plus, _) => " + ",
        (Op::Minus, _) => " - ",
        (Op::Multiply, _) => " * ",
        (Op::Divide, _) => " / ",
        (Op::Modulo, _) => " % ",
        (Op::Gt, _) => " > ",
        (Op::Lt, _) => " < ",
        (Op::GtEq, _) => " >= ",
        (Op::LtEq, _) => " <= ",
        (Op::Eq, _) => " = ",
        (Op::NotEq, _) => " <> ",
        (Op::And, _) => " AND ",
        (Op::Or, _) => " OR ",
        (Op::StringConcat, Postgres | Sqlite) => " || ",
        (Op::StringConcat, Mysql) => {
            return Err(refused(
                "`||` joins texts or means OR, as the server is set: write `concat(a, b)` or `a or b`",
            ));
        }
        (Op::BitwiseAnd, _) => " & ",
        (Op::BitwiseOr, _) => " | ",
        (Op::PGBitwiseShiftLeft, _) => " << ",
        (Op::PGBitwiseShiftRight, _) => " >> ",
        (Op::Spaceship, Mysql) => " <=> ",
        (Op::Xor, Mysql) => " XOR ",
        (Op::MyIntegerDivide, Mysql) => " DIV ",
        (Op::Glob, Sqlite) => " GLOB ",
        (Op::Arrow, _) => " -> ",
        (Op::LongArrow, _) => " ->> ",
        (Op::HashArrow, Postgres) => " #> ",
        (Op::HashLongArrow, Postgres) => " #>> ",
        (Op::AtArrow, Postgres) => " @> ",
        (Op::ArrowAt, Postgres) => " <@ ",
        (Op::PGOverlap, Postgres) => " && ",
        (Op::PGExp, Postgres) => " ^ ",
        (Op::PGRegexMatch, Postgres) => " ~ ",
        (Op::PGRegexIMatch, Postgres) => " ~* ",
        (Op::PGRegexNotMatch, Postgres) => " !~ ",
        (Op::PGRegexNotIMatch, Postgres) => " !~* ",
        _ => return Err(refused("it uses an operator that is not known here")),
    })
}

/// A sign with the space behind it: two signs never touch, so none becomes a comment.
pub(super) fn unary(operator: UnaryOperator, dialect: Dialect) -> Result<&'static str, Refused> {
    Ok(match (operator, dialect) {
        (UnaryOperator::Plus, _) => "+ ",
        (UnaryOperator::Minus, _) => "- ",
        (UnaryOperator::Not, _) => "NOT ",
        (UnaryOperator::BitwiseNot, _) => "~ ",
        _ => return Err(refused("it uses an operator that is not known here")),
    })
}

/// A unit of time.
pub(super) fn field(field: &DateTimeField) -> Result<&'static str, Refused> {
    use DateTimeField as Field;
    Ok(match field {
        Field::Year | Field::Years => "YEAR",
        Field::Quarter => "QUARTER",
        Field::Month | Field::Months => "MONTH",
        Field::Week(None) | Field::Weeks => "WEEK",
        Field::Day | Field::Days => "DAY",
        Field::Hour | Field::Hours => "HOUR",
        Field::Minute | Field::Minutes => "MINUTE",
        Field::Second | Field::Seconds => "SECOND",
        Field::Millisecond | Field::Milliseconds => "MILLISECONDS",
        Field::Microsecond => "MICROSECOND",
        Field::Microseconds => "MICROSECONDS",
        Field::Dow => "DOW",
        Field::Doy => "DOY",
        Field::Isodow => "ISODOW",
        Field::Isoyear => "ISOYEAR",
        Field::Epoch => "EPOCH",
        Field::Century => "CENTURY",
        Field::Decade => "DECADE",
        _ => return Err(refused("it uses a unit of time that is not known here")),
    })
}
