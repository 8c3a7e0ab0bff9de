//! What a template consists of. Chains of operators are flat, so that only real nesting nests.

use std::sync::Arc;

#[derive(Debug)]
pub struct Statement {
    pub line: u32,
    pub kind: StatementKind,
}

pub type Body = Vec<Statement>;

#[derive(Debug)]
pub enum StatementKind {
    Text(String),
    Print(Expression),
    /// The branches in order, then the `else`.
    If(Vec<(Expression, Body)>, Body),
    For(Arc<For>),
    Set(Target, Expression),
    /// `{% set x | filters %}…{% endset %}`.
    Capture(Target, Vec<(u32, Suffix)>, Body),
    With(Vec<(Target, Expression)>, Body),
    Macro(Arc<Macro>),
    /// A call, and the macro that is its `caller`.
    Call(Expression, Arc<Macro>),
    Filter(Vec<(u32, Suffix)>, Body),
    /// `{% generation %}`: as transparent as a scope is.
    Scope(Body),
    /// `{% block %}`: sees the template's own variables alone.
    Block(Body),
    Break,
    Continue,
    /// A tag that needs other templates.
    Load(String),
}

#[derive(Debug)]
pub struct For {
    pub target: Target,
    pub iterable: Expression,
    pub condition: Option<Expression>,
    pub recursive: bool,
    /// Whether the body looks at `loop`.
    pub uses_loop: bool,
    pub body: Body,
    pub otherwise: Body,
}

#[derive(Debug)]
pub struct Macro {
    pub name: Arc<str>,
    pub parameters: Vec<(Arc<str>, Option<Expression>)>,
    /// Whether the body looks at `varargs`, `kwargs`, `caller`.
    pub varargs: bool,
    pub kwargs: bool,
    pub caller: bool,
    pub body: Body,
}

#[derive(Debug)]
pub enum Target {
    Name(Arc<str>),
    Tuple(Vec<Target>),
    /// `{% set namespace.attribute = … %}`.
    Attribute(Arc<str>, Arc<str>),
}

#[derive(Debug)]
pub enum Expression {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(Arc<str>),
    Name(Arc<str>),
    List(Vec<Expression>),
    Tuple(Vec<Expression>),
    Dict(Vec<(Expression, Expression)>),
    Not(Box<Expression>),
    Negative(Box<Expression>),
    Positive(Box<Expression>),
    And(Vec<Expression>),
    Or(Vec<Expression>),
    Concat(Vec<Expression>),
    Compare(Box<Expression>, Vec<(Comparison, Expression)>),
    /// From left to right.
    Arithmetic(Box<Expression>, Vec<(Operator, Expression)>),
    Conditional(Box<Conditional>),
    /// Subscripts, calls, filters and tests in order, each with its line.
    Postfix(Box<Expression>, Vec<(u32, Suffix)>),
}

#[derive(Debug)]
pub struct Conditional {
    pub then: Expression,
    /// `then if a if b else otherwise`: the last is asked first, and the `else` is its own.
    pub conditions: Vec<Expression>,
    pub otherwise: Option<Expression>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    FloorDivide,
    Modulo,
    Power,
}

#[derive(Debug)]
pub enum Suffix {
    Attribute(Arc<str>),
    Item(Expression),
    /// Start, stop, step.
    Slice([Option<Expression>; 3]),
    Call(CallArguments),
    Filter(Arc<str>, CallArguments),
    Test {
        name: Arc<str>,
        negated: bool,
        arguments: CallArguments,
    },
}

#[derive(Debug, Default)]
pub struct CallArguments {
    pub positional: Vec<Expression>,
    pub named: Vec<(Arc<str>, Expression)>,
    /// `*expression`.
    pub more: Option<Expression>,
    /// `**expression`.
    pub more_named: Option<Expression>,
}
