//! Filters and tests of minijinja's names that compare, order or compute: here by the rule of [`kinds`](super::kinds).

use std::sync::atomic::{AtomicU64, Ordering};

use minijinja::{
    Environment, Error, ErrorKind, State,
    value::{Kwargs, Object, Rest, Value},
};

use super::{
    functions::number,
    kinds::{self, Kind, Ordered, Unit, unreadable},
};
use crate::exact::Exact;

/// Values that the filters of one evaluation may look at.
const MAX_VALUES: u64 = 500_000;
/// The name under which an evaluation counts them.
const COUNTER: &str = "values looked at";

#[derive(Debug, Default)]
struct Counter(AtomicU64);

impl Object for Counter {}

/// A state that counts what the filters of an evaluation look at.
pub(super) fn counting<'t, 'e>(mut state: State<'t, 'e>) -> State<'t, 'e> {
    state.set_temp(COUNTER, Value::from_object(Counter::default()));
    state
}

/// Counts what a filter looks at, so that no rule works without an end.
fn charge(state: &State<'_, '_>, values: usize) -> Result<(), Error> {
    let counter = state.get_temp(COUNTER);
    let counter = counter
        .as_ref()
        .and_then(|counter| counter.downcast_object_ref::<Counter>());
    let values = u64::try_from(values).unwrap_or(u64::MAX).min(MAX_VALUES);
    match counter {
        Some(counter) if counter.0.fetch_add(values, Ordering::Relaxed) > MAX_VALUES => {
            Err(Error::from(ErrorKind::OutOfFuel))
        }
        _ => Ok(()),
    }
}

/// The field at a path of names and places with dots between; undefined where it is not there.
pub(super) fn field(record: &Value, path: &str) -> Value {
    path.split('.').fold(record.clone(), |value, name| {
        let key = name
            .parse::<i64>()
            .map_or_else(|_| Value::from(name), Value::from);
        value.get_item(&key).unwrap_or(Value::UNDEFINED)
    })
}

fn list(state: &State<'_, '_>, value: &Value) -> Result<Vec<Value>, Error> {
    let items: Vec<Value> = value.try_iter()?.collect();
    charge(state, items.len())?;
    Ok(items)
}

/// The values by which items are compared.
fn keys(items: &[Value], attribute: Option<&str>) -> Result<Vec<Value>, Error> {
    items
        .iter()
        .map(|item| {
            let key = attribute.map_or_else(|| item.clone(), |path| field(item, path.trim()));
            if key.is_undefined() {
                return Err(Error::new(
                    ErrorKind::UndefinedError,
                    format!("an item has no `{}`", attribute.unwrap_or_default()),
                ));
            }
            Ok(key)
        })
        .collect()
}

/// How items are compared.
struct Options {
    attribute: Option<String>,
    reverse: bool,
    fold_case: bool,
}

impl Options {
    fn of(attribute: Option<String>, given: &Kwargs) -> Result<Self, Error> {
        let named: Option<String> = given.get("attribute")?;
        let options = Self {
            attribute: attribute.or(named),
            reverse: given.get::<Option<bool>>("reverse")?.unwrap_or(false),
            fold_case: !given
                .get::<Option<bool>>("case_sensitive")?
                .unwrap_or(false),
        };
        given.assert_all_used()?;
        Ok(options)
    }

    /// The paths of the attributes, the first the most important.
    fn paths(&self) -> Vec<Option<&str>> {
        match &self.attribute {
            Some(paths) => paths.split(',').map(Some).collect(),
            None => vec![None],
        }
    }
}

fn sort(state: &State<'_, '_>, value: Value, options: Kwargs) -> Result<Value, Error> {
    let options = Options::of(None, &options)?;
    let mut items = list(state, &value)?;
    // The last first: what is equal by one attribute keeps the order of those behind it.
    for path in options.paths().into_iter().rev() {
        let order = Ordered::of(&keys(&items, path)?, true, options.fold_case)
            .map_err(|unlike| unlike.error())?
            .sorted(options.reverse);
        items = order
            .into_iter()
            .filter_map(|at| items.get(at).cloned())
            .collect();
    }
    Ok(Value::from(items))
}

/// The least or the greatest of the items; undefined where there is none.
fn extreme(
    state: &State<'_, '_>,
    value: &Value,
    options: &Kwargs,
    greatest: bool,
) -> Result<Value, Error> {
    let options = Options::of(None, options)?;
    let items = list(state, value)?;
    let order = Ordered::of(
        &keys(&items, options.attribute.as_deref())?,
        true,
        options.fold_case,
    )
    .map_err(|unlike| unlike.error())?
    .sorted(greatest);
    let first = order.first().and_then(|at| items.get(*at));
    Ok(first.cloned().unwrap_or(Value::UNDEFINED))
}

fn unique(
    state: &State<'_, '_>,
    value: Value,
    attribute: Option<String>,
    options: Kwargs,
) -> Result<Value, Error> {
    let options = Options::of(attribute, &options)?;
    let items = list(state, &value)?;
    let mut firsts: Vec<usize> = groups(&items, &options)?
        .into_iter()
        .filter_map(|members| members.first().copied())
        .collect();
    firsts.sort_unstable();
    Ok(firsts
        .into_iter()
        .filter_map(|at| items.get(at).cloned())
        .collect())
}

/// Groups of items with an equal key; those with nothing there are one of their own, the last.
fn groups(items: &[Value], options: &Options) -> Result<Vec<Vec<usize>>, Error> {
    let keys = keys(items, options.attribute.as_deref())?;
    let (nothing, some): (Vec<usize>, Vec<usize>) =
        (0..keys.len()).partition(|at| keys.get(*at).is_some_and(Value::is_none));
    let there: Vec<Value> = some
        .iter()
        .filter_map(|at| keys.get(*at).cloned())
        .collect();
    let found = Ordered::of(&there, false, options.fold_case).map_err(|unlike| unlike.error())?;
    let mut groups: Vec<Vec<usize>> = found
        .groups()
        .into_iter()
        .map(|members| {
            members
                .into_iter()
                .filter_map(|at| some.get(at).copied())
                .collect()
        })
        .collect();
    if !nothing.is_empty() {
        groups.push(nothing);
    }
    Ok(groups)
}

fn groupby(
    state: &State<'_, '_>,
    value: Value,
    attribute: Option<String>,
    options: Kwargs,
) -> Result<Value, Error> {
    let options = Options::of(attribute, &options)?;
    let items = list(state, &value)?;
    let groups = groups(&items, &options)?.into_iter().map(|members| {
        let members: Vec<Value> = members
            .into_iter()
            .filter_map(|at| items.get(at).cloned())
            .collect();
        let grouper = members.first().map_or(Value::UNDEFINED, |first| {
            options
                .attribute
                .as_deref()
                .map_or_else(|| first.clone(), |path| field(first, path))
        });
        Value::from_pairs([("grouper", grouper), ("list", Value::from(members))])
    });
    Ok(groups.collect())
}

fn dictsort(state: &State<'_, '_>, value: Value, options: Kwargs) -> Result<Value, Error> {
    let by_value = options.get::<Option<String>>("by")?.as_deref() == Some("value");
    let options = Options::of(None, &options)?;
    let pairs: Vec<[Value; 2]> = list(state, &value)?
        .into_iter()
        .map(|name| {
            let found = value.get_item(&name)?;
            Ok([name, found])
        })
        .collect::<Result<_, Error>>()?;
    let keys: Vec<Value> = pairs
        .iter()
        .map(|[name, value]| if by_value { value } else { name }.clone())
        .collect();
    let order = Ordered::of(&keys, true, options.fold_case)
        .map_err(|unlike| unlike.error())?
        .sorted(options.reverse);
    Ok(order
        .into_iter()
        .filter_map(|at| pairs.get(at))
        .map(|pair| Value::from(pair.to_vec()))
        .collect())
}

/// The items that a test, or without one their truth, lets through, or holds back.
fn chosen(
    state: &mut State<'_, '_>,
    value: &Value,
    attribute: Option<&str>,
    test: &[Value],
    wanted: bool,
) -> Result<Value, Error> {
    let items = list(state, value)?;
    let mut kept = Vec::new();
    for item in items {
        let of = attribute.map_or_else(|| item.clone(), |path| field(&item, path));
        let holds = match test.split_first() {
            Some((name, rest)) => {
                let name = name
                    .as_str()
                    .ok_or_else(|| unreadable("the name of a test is no text"))?;
                let mut values = vec![of];
                values.extend(rest.iter().cloned());
                state.perform_test(name, &values)?
            }
            None if of.is_undefined() => false,
            None => kinds::truth(&of)?,
        };
        if holds == wanted {
            kept.push(item);
        }
    }
    Ok(Value::from(kept))
}

fn round(
    value: Value,
    places: Option<i32>,
    method: Option<String>,
    options: Kwargs,
) -> Result<Value, Error> {
    let places = match places {
        Some(places) => places,
        None => options.get::<Option<i32>>("precision")?.unwrap_or(0),
    };
    let method = match method {
        Some(method) => method,
        None => options
            .get::<Option<String>>("method")?
            .unwrap_or_else(|| "common".to_owned()),
    };
    options.assert_all_used()?;
    each_number(&value, |number| match method.as_str() {
        "common" => Ok(number.round(places)),
        "ceil" => Ok(number.ceil(places)),
        "floor" => Ok(number.floor(places)),
        _ => Err(unreadable("`round` goes by common, ceil or floor")),
    })
}

/// What becomes of a number that keeps its unit.
fn each_number(
    value: &Value,
    make: impl Fn(&Exact) -> Result<Exact, Error>,
) -> Result<Value, Error> {
    match Kind::of(value) {
        Kind::Number(number, Unit::Plain) => Ok(kinds::plain(make(&number)?)),
        Kind::Number(number, unit) => Ok(kinds::with_unit(make(&number)?, unit)),
        other => Err(unreadable(&format!(
            "a number is wanted and this is {}",
            other.told()
        ))),
    }
}

/// Reads a value as a number, or gives `default`.
fn read_or(
    value: &Value,
    default: Option<Value>,
    options: &Kwargs,
) -> Result<Exact, Result<Value, Error>> {
    let default = match default {
        Some(default) => Some(default),
        None => options.get::<Option<Value>>("default").map_err(Err)?,
    };
    options.assert_all_used().map_err(Err)?;
    let read = match Kind::of(value) {
        Kind::Bool(value) => Ok(i64::from(value).into()),
        _ => number(value),
    };
    read.map_err(|error| match default {
        Some(default) if !value.is_undefined() => Ok(default),
        _ => Err(error),
    })
}

/// `|int`: the whole part.
fn int(value: Value, default: Option<Value>, options: Kwargs) -> Result<Value, Error> {
    match read_or(&value, default, &options) {
        Ok(number) if number < 0.into() => Ok(kinds::plain(number.ceil(0))),
        Ok(number) => Ok(kinds::plain(number.floor(0))),
        Err(other) => other,
    }
}

/// `|float`: the number, exactly.
fn float(value: Value, default: Option<Value>, options: Kwargs) -> Result<Value, Error> {
    match read_or(&value, default, &options) {
        Ok(number) => Ok(kinds::plain(number)),
        Err(other) => other,
    }
}

/// Is there nothing: no field, null, a text of spaces, a list or table without anything?
fn is_empty(value: &Value) -> bool {
    match Kind::of(value) {
        Kind::Missing | Kind::Nothing => true,
        Kind::Text(text) => text.trim().is_empty(),
        Kind::List | Kind::Table => !value.is_true(),
        _ => false,
    }
}

fn whole(value: &Value) -> Result<Exact, Error> {
    match Kind::of(value) {
        Kind::Number(number, _) if number.is_whole() => Ok(number),
        other => Err(unreadable(&format!(
            "a whole number is wanted and this is {}",
            match other {
                Kind::Number(..) => "one with a fraction".to_owned(),
                other => other.told(),
            }
        ))),
    }
}

fn divides(value: &Value, by: &Exact) -> Result<bool, Error> {
    let rest = whole(value)?
        .remainder(by)
        .map_err(|why| unreadable(&format!("the remainder {why}")))?;
    Ok(rest.is_zero())
}

/// Adds what replaces minijinja's own.
pub(super) fn add(env: &mut Environment<'_>) {
    env.add_filter("sort", sort);
    env.add_filter("min", |state: &State, value: Value, options: Kwargs| {
        extreme(state, &value, &options, false)
    });
    env.add_filter("max", |state: &State, value: Value, options: Kwargs| {
        extreme(state, &value, &options, true)
    });
    env.add_filter("unique", unique);
    env.add_filter("groupby", groupby);
    env.add_filter("dictsort", dictsort);
    env.add_filter(
        "select",
        |state: &mut State, value: Value, test: Rest<Value>| {
            chosen(state, &value, None, &test, true)
        },
    );
    env.add_filter(
        "reject",
        |state: &mut State, value: Value, test: Rest<Value>| {
            chosen(state, &value, None, &test, false)
        },
    );
    env.add_filter(
        "selectattr",
        |state: &mut State, value: Value, attribute: String, test: Rest<Value>| {
            chosen(state, &value, Some(&attribute), &test, true)
        },
    );
    env.add_filter(
        "rejectattr",
        |state: &mut State, value: Value, attribute: String, test: Rest<Value>| {
            chosen(state, &value, Some(&attribute), &test, false)
        },
    );
    env.add_filter("round", round);
    env.add_filter("abs", |value: Value| {
        each_number(&value, |number| Ok(number.abs()))
    });
    env.add_filter("int", int);
    env.add_filter("float", float);
    env.add_filter("bool", |value: Value| kinds::truth(&value));
    for name in ["eq", "equalto", "=="] {
        env.add_test(name, |a: Value, b: Value| {
            kinds::same(&a, &b).map_err(|unlike| unlike.error())
        });
    }
    for name in ["ne", "!="] {
        env.add_test(name, |a: Value, b: Value| {
            kinds::same(&a, &b)
                .map(|same| !same)
                .map_err(|unlike| unlike.error())
        });
    }
    type Holds = fn(std::cmp::Ordering) -> bool;
    let orders: [(&str, Holds); 11] = [
        ("lt", std::cmp::Ordering::is_lt),
        ("lessthan", std::cmp::Ordering::is_lt),
        ("<", std::cmp::Ordering::is_lt),
        ("le", std::cmp::Ordering::is_le),
        ("<=", std::cmp::Ordering::is_le),
        ("gt", std::cmp::Ordering::is_gt),
        ("greaterthan", std::cmp::Ordering::is_gt),
        (">", std::cmp::Ordering::is_gt),
        ("ge", std::cmp::Ordering::is_ge),
        (">=", std::cmp::Ordering::is_ge),
        ("greaterthanorequal", std::cmp::Ordering::is_ge),
    ];
    for (name, holds) in orders {
        env.add_test(name, move |a: Value, b: Value| {
            kinds::order(&a, &b)
                .map(holds)
                .map_err(|unlike| unlike.error())
        });
    }
    env.add_test("in", |value: Value, container: Value| {
        kinds::holds(&container, &value).map_err(|unlike| unlike.error())
    });
    env.add_test("empty", |value: Value| is_empty(&value));
    env.add_test("number", |value: Value| {
        matches!(Kind::of(&value), Kind::Number(..) | Kind::Long(_))
    });
    for name in ["integer", "int"] {
        env.add_test(
            name,
            |value: Value| matches!(Kind::of(&value), Kind::Number(number, _) if number.is_whole()),
        );
    }
    env.add_test(
        "float",
        |value: Value| matches!(Kind::of(&value), Kind::Number(number, _) if !number.is_whole()),
    );
    env.add_test("even", |value: Value| divides(&value, &2.into()));
    env.add_test("odd", |value: Value| {
        divides(&value, &2.into()).map(|even| !even)
    });
    env.add_test("divisibleby", |value: Value, by: Value| {
        divides(&value, &whole(&by)?)
    });
    env.add_test("sameas", |a: Value, b: Value| {
        kinds::same(&a, &b).map_err(|unlike| unlike.error())
    });
}
