//! Expressions: minijinja's syntax, its functions and filters, and operators of our own that compare and compute by the rule of
//! [`kinds`](super::kinds).

use minijinja::{
    Environment, Error, ErrorKind, State,
    machinery::{
        ast::{self, Expr},
        parse_expr,
    },
    value::{Kwargs, Value},
};

use super::{
    filters, functions,
    kinds::{self, Arithmetic, COULD_NOT_BE_READ, Failed, Kind, unreadable},
};

/// Parts within parts of an expression.
const MAX_DEPTH: usize = 120;
/// The longest part of an expression that an error names, in characters.
const LONGEST_NAMED: usize = 60;
/// Instructions that one evaluation may take, beside those that minijinja counts.
const MAX_STEPS: u32 = 500_000;
/// Names whose texts are points in time of our own.
const MOMENTS: [&str; 3] = ["today", "now", "since_last"];

/// A compiled expression.
pub(super) struct Expression<'e> {
    env: &'e Environment<'e>,
    root: Node,
    names: Vec<String>,
    paths: Vec<String>,
}

impl<'e> Expression<'e> {
    pub(super) fn compile(env: &'e Environment<'e>, source: &str) -> Result<Self, Error> {
        let root = Reader { source }.node(&parse_expr(source)?, 0)?;
        let (names, paths) = {
            let known = env.compile_expression_owned(source.to_owned())?;
            let sorted = |nested: bool| {
                let mut names: Vec<String> =
                    known.undeclared_variables(nested).into_iter().collect();
                names.sort();
                names
            };
            (sorted(false), sorted(true))
        };
        Ok(Self {
            env,
            root,
            names,
            paths,
        })
    }

    /// The names that it takes from outside.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// The same with the fields that are taken of them: `item.amount`.
    pub(super) fn paths(&self) -> &[String] {
        &self.paths
    }

    /// The value over what a rule sees; undefined where it ends in a field that is not there.
    pub(super) fn eval(&self, scope: &[(String, Value)]) -> Result<Value, Error> {
        let mut run = Run {
            state: filters::counting(self.env.empty_state()),
            scope,
            steps: 0,
        };
        run.eval(&self.root)
    }
}

/// Whether a value that a rule gave is true.
pub(super) fn truth(value: &Value) -> Result<bool, Error> {
    kinds::truth(value)
}

#[derive(Debug)]
enum Node {
    Const(Value),
    Var(String),
    Attr(Box<Node>, String),
    Item(Box<Node>, Box<Node>),
    Slice(Box<Node>, [Option<Box<Node>>; 3]),
    Not(Box<Node>),
    Negative(Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Arithmetic(Arithmetic, Box<Node>, Box<Node>),
    Concat(Box<Node>, Box<Node>),
    Compare(Box<Node>, Vec<(Comparison, Node)>),
    If(Box<Node>, Box<Node>, Option<Box<Node>>),
    Filter(String, Box<Node>, Vec<Argument>),
    Test(String, Box<Node>, Vec<Argument>),
    Call(String, Vec<Argument>),
    Method(Box<Node>, String, Vec<Argument>),
    List(Vec<Node>),
    Table(Vec<(Node, Node)>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    In,
    NotIn,
}

#[derive(Debug)]
struct Argument {
    name: Option<String>,
    value: Node,
}

/// Reads minijinja's syntax tree into ours.
struct Reader<'s> {
    source: &'s str,
}

impl Reader<'_> {
    fn node(&self, expr: &Expr<'_>, depth: usize) -> Result<Node, Error> {
        if depth > MAX_DEPTH {
            return Err(Error::new(
                ErrorKind::SyntaxError,
                format!("more than {MAX_DEPTH} parts stand within each other"),
            ));
        }
        let inner = |expr: &Expr<'_>| self.node(expr, depth + 1);
        let boxed = |expr: &Expr<'_>| inner(expr).map(Box::new);
        let optional = |expr: &Option<Expr<'_>>| expr.as_ref().map(boxed).transpose();
        let arguments = |args: &[ast::CallArg<'_>]| self.arguments(args, depth + 1);
        Ok(match expr {
            Expr::Var(var) => Node::Var(var.id.to_owned()),
            Expr::Const(constant) => Node::Const(self.constant(constant)),
            Expr::Slice(slice) => Node::Slice(
                boxed(&slice.expr)?,
                [
                    optional(&slice.start)?,
                    optional(&slice.stop)?,
                    optional(&slice.step)?,
                ],
            ),
            Expr::UnaryOp(op) => match op.op {
                ast::UnaryOpKind::Not => Node::Not(boxed(&op.expr)?),
                ast::UnaryOpKind::Neg => Node::Negative(boxed(&op.expr)?),
            },
            Expr::BinOp(op) => {
                let (left, right) = (boxed(&op.left)?, boxed(&op.right)?);
                let compare = |left, comparison, right: Box<Node>| {
                    Node::Compare(left, vec![(comparison, *right)])
                };
                use ast::BinOpKind as Op;
                match op.op {
                    Op::Eq => compare(left, Comparison::Eq, right),
                    Op::Ne => compare(left, Comparison::Ne, right),
                    Op::Lt => compare(left, Comparison::Lt, right),
                    Op::Lte => compare(left, Comparison::Le, right),
                    Op::Gt => compare(left, Comparison::Gt, right),
                    Op::Gte => compare(left, Comparison::Ge, right),
                    Op::In => compare(left, Comparison::In, right),
                    Op::ScAnd => Node::And(left, right),
                    Op::ScOr => Node::Or(left, right),
                    Op::Add => Node::Arithmetic(Arithmetic::Add, left, right),
                    Op::Sub => Node::Arithmetic(Arithmetic::Subtract, left, right),
                    Op::Mul => Node::Arithmetic(Arithmetic::Multiply, left, right),
                    Op::Div => Node::Arithmetic(Arithmetic::Divide, left, right),
                    Op::FloorDiv => Node::Arithmetic(Arithmetic::DivideWhole, left, right),
                    Op::Rem => Node::Arithmetic(Arithmetic::Remainder, left, right),
                    Op::Pow => Node::Arithmetic(Arithmetic::Power, left, right),
                    Op::Concat => Node::Concat(left, right),
                }
            }
            Expr::Compare(chain) => {
                use ast::CompareOpKind as Op;
                let ops = chain.ops.iter().map(|op| {
                    let comparison = match op.op {
                        Op::Eq => Comparison::Eq,
                        Op::Ne => Comparison::Ne,
                        Op::Lt => Comparison::Lt,
                        Op::Lte => Comparison::Le,
                        Op::Gt => Comparison::Gt,
                        Op::Gte => Comparison::Ge,
                        Op::In => Comparison::In,
                        Op::NotIn => Comparison::NotIn,
                    };
                    Ok((comparison, inner(&op.expr)?))
                });
                Node::Compare(boxed(&chain.expr)?, ops.collect::<Result<_, Error>>()?)
            }
            Expr::IfExpr(choice) => Node::If(
                boxed(&choice.test_expr)?,
                boxed(&choice.true_expr)?,
                optional(&choice.false_expr)?,
            ),
            Expr::Filter(filter) => {
                let Some(of) = &filter.expr else {
                    return Err(Error::new(ErrorKind::SyntaxError, "a filter of nothing"));
                };
                Node::Filter(filter.name.to_owned(), boxed(of)?, arguments(&filter.args)?)
            }
            Expr::Test(test) => Node::Test(
                test.name.to_owned(),
                boxed(&test.expr)?,
                arguments(&test.args)?,
            ),
            Expr::GetAttr(attr) => Node::Attr(boxed(&attr.expr)?, attr.name.to_owned()),
            Expr::GetItem(item) => Node::Item(boxed(&item.expr)?, boxed(&item.subscript_expr)?),
            Expr::Call(call) => match &call.expr {
                Expr::Var(var) => Node::Call(var.id.to_owned(), arguments(&call.args)?),
                Expr::GetAttr(attr) => Node::Method(
                    boxed(&attr.expr)?,
                    attr.name.to_owned(),
                    arguments(&call.args)?,
                ),
                _ => {
                    return Err(Error::new(
                        ErrorKind::SyntaxError,
                        "only a function can be called",
                    ));
                }
            },
            Expr::List(list) => Node::List(list.items.iter().map(inner).collect::<Result<_, _>>()?),
            Expr::Tuple(list) => {
                Node::List(list.items.iter().map(inner).collect::<Result<_, _>>()?)
            }
            Expr::Map(map) => Node::Table(
                map.keys
                    .iter()
                    .zip(&map.values)
                    .map(|(key, value)| Ok((inner(key)?, inner(value)?)))
                    .collect::<Result<_, Error>>()?,
            ),
        })
    }

    fn arguments(&self, args: &[ast::CallArg<'_>], depth: usize) -> Result<Vec<Argument>, Error> {
        args.iter()
            .map(|arg| {
                let (name, value) = match arg {
                    ast::CallArg::Pos(value) => (None, value),
                    ast::CallArg::Kwarg(name, value) => (Some((*name).to_owned()), value),
                    ast::CallArg::PosSplat(_) | ast::CallArg::KwargSplat(_) => {
                        return Err(Error::new(
                            ErrorKind::SyntaxError,
                            "arguments are written one by one, without `*`",
                        ));
                    }
                };
                Ok(Argument {
                    name,
                    value: self.node(value, depth)?,
                })
            })
            .collect()
    }

    /// A constant; a number with the digits that stand in the expression.
    fn constant(&self, constant: &ast::Spanned<ast::Const>) -> Value {
        let value = &constant.value;
        if !value.is_number() {
            return value.clone();
        }
        let span = constant.span();
        let place = |offset: u32| usize::try_from(offset).unwrap_or(usize::MAX);
        let written = self
            .source
            .get(place(span.start_offset)..place(span.end_offset))
            .map(|text| text.replace('_', ""))
            .filter(|text| crate::exact::Exact::parse(text).is_ok());
        kinds::as_written(&written.unwrap_or_else(|| value.to_string()))
    }
}

/// One evaluation.
struct Run<'r, 'e> {
    state: State<'e, 'e>,
    scope: &'r [(String, Value)],
    steps: u32,
}

impl Run<'_, '_> {
    /// The value of a part; undefined where a field is not there.
    fn eval(&mut self, node: &Node) -> Result<Value, Error> {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return Err(Error::from(ErrorKind::OutOfFuel));
        }
        Ok(match node {
            Node::Const(value) => value.clone(),
            Node::Var(name) => self.named(name),
            Node::Attr(of, name) => self.there(of)?.get_attr(name)?,
            Node::Item(of, key) => {
                let (of, key) = (self.there(of)?, self.there(key)?);
                of.get_item(&key)?
            }
            Node::Slice(of, [start, stop, step]) => {
                let of = self.there(of)?;
                let mut bound = |node: &Option<Box<Node>>| match node {
                    Some(node) => self.there(node),
                    None => Ok(Value::from(())),
                };
                let (start, stop, step) = (bound(start)?, bound(stop)?, bound(step)?);
                slice(&self.state, of, start, stop, step)?
            }
            Node::Not(of) => Value::from(!self.truth(of)?),
            Node::Negative(of) => {
                let value = self.there(of)?;
                match Kind::of(&value) {
                    Kind::Number(number, kinds::Unit::Plain) => kinds::plain(number.negated()),
                    Kind::Number(number, unit) => kinds::with_unit(number.negated(), unit),
                    other => {
                        return Err(unreadable(&format!(
                            "{} is {}, not a number",
                            named(of),
                            other.told()
                        )));
                    }
                }
            }
            Node::And(left, right) => {
                if self.truth(left)? {
                    self.there(right)?
                } else {
                    self.there(left)?
                }
            }
            Node::Or(left, right) => {
                if self.truth(left)? {
                    self.there(left)?
                } else {
                    self.there(right)?
                }
            }
            Node::Arithmetic(op, left, right) => {
                let (a, b) = (self.there(left)?, self.there(right)?);
                kinds::compute(*op, &a, &b).map_err(|failed| match failed {
                    Failed::Unlike(unlike) => {
                        let empty = unless_empty([(&**left, &a), (&**right, &b)]);
                        unlike.error_of(&named(left), &named(right), &empty)
                    }
                    Failed::NotExact(why) => unreadable(&format!(
                        "what is computed of {} and {} {why}",
                        named(left),
                        named(right)
                    )),
                })?
            }
            Node::Concat(left, right) => {
                let (a, b) = (self.there(left)?, self.there(right)?);
                Value::from(format!("{}{}", text_of(&a), text_of(&b)))
            }
            Node::Compare(first, rest) => self.compare(first, rest)?,
            Node::If(test, yes, no) => match (self.truth(test)?, no) {
                (true, _) => self.eval(yes)?,
                (false, Some(no)) => self.eval(no)?,
                (false, None) => Value::UNDEFINED,
            },
            Node::Filter(name, of, arguments) => {
                let input = self.eval(of)?;
                let mut values = vec![input.clone()];
                self.arguments(arguments, &mut values)?;
                self.state.apply_filter(name, &values).map_err(|error| {
                    if error.kind() == ErrorKind::UnknownFilter {
                        Error::new(
                            ErrorKind::UnknownFilter,
                            format!("there is no filter `{name}`"),
                        )
                    } else {
                        located(node, &[(of, &input)], error)
                    }
                })?
            }
            Node::Test(name, of, arguments) => {
                let mut values = vec![self.eval(of)?];
                self.arguments(arguments, &mut values)?;
                Value::from(self.state.perform_test(name, &values)?)
            }
            Node::Call(name, arguments) => {
                let Some(function) = self.state.lookup(name) else {
                    return Err(Error::new(
                        ErrorKind::UnknownFunction,
                        format!("there is no function `{name}`"),
                    ));
                };
                let mut values = Vec::new();
                self.arguments(arguments, &mut values)?;
                let called = function.call(&mut self.state, &values);
                called.map_err(|error| {
                    let parts = arguments.iter().filter(|argument| argument.name.is_none());
                    let inputs: Vec<(&Node, &Value)> =
                        parts.map(|argument| &argument.value).zip(&values).collect();
                    located(node, &inputs, error)
                })?
            }
            Node::Method(of, name, arguments) => {
                let of = self.there(of)?;
                let mut values = Vec::new();
                self.arguments(arguments, &mut values)?;
                of.call_method(&mut self.state, name, &values)?
            }
            Node::List(items) => {
                let items = items.iter().map(|item| self.there(item));
                Value::from(items.collect::<Result<Vec<_>, _>>()?)
            }
            Node::Table(fields) => {
                let fields = fields
                    .iter()
                    .map(|(name, value)| Ok((self.there(name)?, self.there(value)?)));
                Value::from_pairs(fields.collect::<Result<Vec<(Value, Value)>, Error>>()?)
            }
        })
    }

    /// A value of the scope; a name of a rule goes before a function of that name.
    fn named(&self, name: &str) -> Value {
        let found = self.scope.iter().rev().find(|(known, _)| known == name);
        found
            .map(|(_, value)| value.clone())
            .or_else(|| self.state.lookup(name))
            .unwrap_or(Value::UNDEFINED)
    }

    /// The value of a part that has to be there.
    fn there(&mut self, node: &Node) -> Result<Value, Error> {
        let value = self.eval(node)?;
        if value.is_undefined() {
            return Err(Error::new(
                ErrorKind::UndefinedError,
                format!("{} is not there", named(node)),
            ));
        }
        Ok(value)
    }

    fn truth(&mut self, node: &Node) -> Result<bool, Error> {
        let value = self.there(node)?;
        kinds::truth(&value).map_err(|_| {
            unreadable(&format!(
                "{} is {}, which is neither true nor false; compare it, or ask `is empty`",
                named(node),
                Kind::of(&value).told()
            ))
        })
    }

    /// Compares in a chain: `0 < item.rate <= 1` asks both.
    fn compare(&mut self, first: &Node, rest: &[(Comparison, Node)]) -> Result<Value, Error> {
        let mut left_node = first;
        let mut left = self.there(first)?;
        for (comparison, right_node) in rest {
            let right = self.there(right_node)?;
            let (a, b) = (
                read_as(left_node, &left, &right),
                read_as(right_node, &right, &left),
            );
            let holds = match comparison {
                Comparison::Eq => kinds::same(&a, &b),
                Comparison::Ne => kinds::same(&a, &b).map(|same| !same),
                Comparison::In => kinds::holds(&b, &a),
                Comparison::NotIn => kinds::holds(&b, &a).map(|holds| !holds),
                Comparison::Lt => kinds::order(&a, &b).map(std::cmp::Ordering::is_lt),
                Comparison::Le => kinds::order(&a, &b).map(std::cmp::Ordering::is_le),
                Comparison::Gt => kinds::order(&a, &b).map(std::cmp::Ordering::is_gt),
                Comparison::Ge => kinds::order(&a, &b).map(std::cmp::Ordering::is_ge),
            };
            let holds = holds.map_err(|unlike| {
                let empty = unless_empty([(left_node, &left), (right_node, &right)]);
                unlike.error_of(&named(left_node), &named(right_node), &empty)
            })?;
            if !holds {
                return Ok(Value::from(false));
            }
            (left_node, left) = (right_node, right);
        }
        Ok(Value::from(true))
    }

    fn arguments(&mut self, arguments: &[Argument], values: &mut Vec<Value>) -> Result<(), Error> {
        let mut named: Vec<(String, Value)> = Vec::new();
        for argument in arguments {
            let value = self.eval(&argument.value)?;
            match &argument.name {
                Some(name) => named.push((name.clone(), value)),
                None => values.push(value),
            }
        }
        if !named.is_empty() {
            values.push(named.into_iter().collect::<Kwargs>().into());
        }
        Ok(())
    }
}

/// What the author wrote as text, or `today`, is read as a date where it stands against one.
fn read_as(node: &Node, value: &Value, other: &Value) -> Value {
    let is_ours = match node {
        Node::Const(_) => true,
        Node::Var(name) => MOMENTS.contains(&name.as_str()),
        _ => false,
    };
    if !is_ours || value.as_str().is_none() {
        return value.clone();
    }
    let read = match Kind::of(other) {
        Kind::Date(_) => functions::day_of(value),
        Kind::Instant(_) => functions::instant_of(value),
        _ => None,
    };
    read.unwrap_or_else(|| value.clone())
}

/// A value in a text; nothing (null) is nothing there.
fn text_of(value: &Value) -> String {
    match value.as_str() {
        Some(text) => text.to_owned(),
        None if value.is_none() => String::new(),
        None => value.to_string(),
    }
}

/// A part of a text or list, as minijinja takes it.
fn slice(
    state: &State<'_, '_>,
    of: Value,
    start: Value,
    stop: Value,
    step: Value,
) -> Result<Value, Error> {
    let values = [("of", of), ("start", start), ("stop", stop), ("step", step)];
    state
        .env()
        .compile_expression("of[start:stop:step]")?
        .eval(Value::from_pairs(values))
}

/// An error of a function or filter, with the part of the expression that it failed on: its fields are named, not their values.
/// `inputs` are the parts that it works on, each with its value.
fn located(node: &Node, inputs: &[(&Node, &Value)], error: Error) -> Error {
    let of_ours = matches!(
        error.kind(),
        ErrorKind::InvalidOperation | ErrorKind::UndefinedError
    );
    let empty = inputs.iter().find(|(_, value)| value.is_none());
    match error.detail() {
        Some(detail) if of_ours && !detail.starts_with(COULD_NOT_BE_READ) => {
            let advice = empty.and_then(|(field, _)| {
                let (field, whole) = (written(field)?, written(node)?);
                Some(format!(
                    "; where it may be empty, say what counts then: `{whole} if {field} is not none else …`"
                ))
            });
            let what = format!("in {}: {detail}{}", named(node), advice.unwrap_or_default());
            Error::new(error.kind(), what)
        }
        _ => error,
    }
}

/// What helps where something empty is compared or computed with.
fn unless_empty(parts: [(&Node, &Value); 2]) -> String {
    let empty = parts.into_iter().find(|(_, value)| value.is_none());
    let field = empty.and_then(|(field, _)| written(field));
    field.map_or_else(String::new, |field| {
        format!("; where it may be empty, ask that first: `{field} is not none and …`")
    })
}

/// A part of an expression as an error names it.
fn named(node: &Node) -> String {
    written(node).map_or_else(|| "what is computed".to_owned(), |text| format!("`{text}`"))
}

/// A part of an expression as its author wrote it; nothing where that is long.
fn written(node: &Node) -> Option<String> {
    fn arguments(arguments: &[Argument]) -> Option<String> {
        let each = arguments.iter().map(|argument| {
            let value = part(&argument.value)?;
            Some(match &argument.name {
                Some(name) => format!("{name}={value}"),
                None => value,
            })
        });
        Some(each.collect::<Option<Vec<_>>>()?.join(", "))
    }
    fn part(node: &Node) -> Option<String> {
        Some(match node {
            Node::Const(value) if value.as_str().is_some() => format!("'{value}'"),
            Node::Const(value) => value.to_string(),
            Node::Var(name) => name.clone(),
            Node::Attr(of, name) => format!("{}.{name}", part(of)?),
            Node::Item(of, key) => format!("{}[{}]", part(of)?, part(key)?),
            Node::Slice(of, _) => format!("{}[…]", part(of)?),
            Node::Negative(of) => format!("-{}", part(of)?),
            Node::Filter(name, of, given) if given.is_empty() => format!("{}|{name}", part(of)?),
            Node::Filter(name, of, given) => {
                let given = arguments(given).unwrap_or_else(|| "…".to_owned());
                format!("{}|{name}({given})", part(of)?)
            }
            Node::Call(name, given) => {
                let given = arguments(given).unwrap_or_else(|| "…".to_owned());
                format!("{name}({given})")
            }
            Node::List(_) => "the list".to_owned(),
            _ => return None,
        })
    }
    part(node).filter(|text| text.chars().count() <= LONGEST_NAMED)
}
