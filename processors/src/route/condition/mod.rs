//! Conditions: a small language on typed fields, checked when it is loaded.
//!
//! ```text
//! condition := all ("or" all)*            all := one ("and" one)*
//! one       := "not" one | "(" condition ")" | "exists" field | field
//!            | field ("==" | "!=" | "<" | "<=" | ">" | ">=") value
//!            | field ["not"] "in" "[" value ("," value)* "]"
//!            | list "contains" text | text "in" list
//! value     := "text" | 12 | 0.99 | 90s | 1h30m | true | false | null | field
//! ```
//!
//! A field that an event does not carry equals nothing but `null`: `==`, `in`, `contains` and the
//! orderings are false of it, `!=` and `not in` true.

mod check;
mod lexer;
mod parser;

use std::cmp::Ordering;
use std::ops::Range;

use schemas::Timestamp;

use self::check::Checker;
use self::parser::Operator;
use super::{Field, RouteCode, RouteFamily, Subject, Value, fields};

/// A fault in a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConditionFault {
    /// What kind of fault.
    pub code: RouteCode,
    /// Where, in bytes of the condition.
    pub span: Range<usize>,
    /// What is wrong, to be read after the name of the route or objective.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

/// A checked condition.
#[derive(Debug)]
pub struct Condition(Test);

/// A checked condition's tree. Fields are accessors; nothing is looked up by name any more.
#[derive(Debug)]
enum Test {
    /// All hold; none is true.
    And(Box<[Test]>),
    /// One holds; none is false.
    Or(Box<[Test]>),
    Not(Box<Test>),
    Exists(&'static Field),
    Compare(&'static Field, Operator, Constant),
    Fields(&'static Field, Operator, &'static Field),
    OneOf(&'static Field, Box<[Constant]>),
    Contains(&'static Field, Box<str>),
}

/// A literal of its field's kind.
#[derive(Debug)]
enum Constant {
    Text(Box<str>),
    Number(i128),
    Bool(bool),
    Time(Timestamp),
    Duration(i64),
    Null,
}

impl Constant {
    fn value(&self) -> Value<'_> {
        match self {
            Self::Text(text) => Value::Text(text),
            Self::Number(number) => Value::Number(*number),
            Self::Bool(value) => Value::Bool(*value),
            Self::Time(time) => Value::Time(*time),
            Self::Duration(millis) => Value::Duration(*millis),
            Self::Null => Value::Absent,
        }
    }
}

impl Condition {
    /// The condition that holds always.
    pub(crate) fn always() -> Self {
        Self(Test::And(Box::default()))
    }

    /// Reads and checks a condition on the fields of a family.
    ///
    /// # Errors
    /// Every fault that can be found at once.
    pub fn compile(text: &str, family: RouteFamily) -> Result<Self, Vec<ConditionFault>> {
        Self::check(text, family, &fields(family).collect::<Vec<_>>())
    }

    /// Reads and checks a condition on lifecycle facts of a family, without the entity.
    ///
    /// # Errors
    /// Every fault that can be found at once.
    pub fn on_fact(text: &str, family: RouteFamily) -> Result<Self, Vec<ConditionFault>> {
        Self::check(text, family, &super::fields::fact_fields(family).collect::<Vec<_>>())
    }

    fn check(text: &str, family: RouteFamily, fields: &[&'static Field]) -> Result<Self, Vec<ConditionFault>> {
        let node = parser::parse(text).map_err(|fault| vec![fault])?;
        let mut checker = Checker { family, fields, faults: Vec::new() };
        match checker.test(&node) {
            Some(tree) if checker.faults.is_empty() => Ok(Self(tree)),
            _ => Err(checker.faults),
        }
    }

    /// Whether it holds of this subject.
    pub fn holds(&self, subject: &Subject<'_>) -> bool {
        self.0.holds(subject)
    }
}

impl Test {
    fn holds(&self, subject: &Subject<'_>) -> bool {
        match self {
            Self::And(tests) => tests.iter().all(|test| test.holds(subject)),
            Self::Or(tests) => tests.iter().any(|test| test.holds(subject)),
            Self::Not(test) => !test.holds(subject),
            Self::Exists(field) => field.get(subject).exists(),
            Self::Compare(field, operator, constant) => compare(field.get(subject), *operator, constant.value()),
            Self::Fields(left, operator, right) => compare(left.get(subject), *operator, right.get(subject)),
            Self::OneOf(field, constants) => {
                let value = field.get(subject);
                constants.iter().any(|constant| compare(value, Operator::Equal, constant.value()))
            }
            Self::Contains(field, text) => match field.get(subject) {
                Value::List(list) => list.iter().any(|item| item == &**text),
                _ => false,
            },
        }
    }
}

fn compare(left: Value<'_>, operator: Operator, right: Value<'_>) -> bool {
    let ordering = match (left, right) {
        (Value::Absent, Value::Absent) => return operator == Operator::Equal,
        (Value::Text(left), Value::Text(right)) => Some(left.cmp(right)),
        (Value::Number(left), Value::Number(right)) => Some(left.cmp(&right)),
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(&right)),
        (Value::Time(left), Value::Time(right)) => Some(left.cmp(&right)),
        (Value::Duration(left), Value::Duration(right)) => Some(left.cmp(&right)),
        // One side is absent: the check has seen to it that kinds agree.
        _ => None,
    };
    match operator {
        Operator::Equal => ordering == Some(Ordering::Equal),
        Operator::NotEqual => ordering != Some(Ordering::Equal),
        Operator::Less => ordering == Some(Ordering::Less),
        Operator::LessOrEqual => matches!(ordering, Some(Ordering::Less | Ordering::Equal)),
        Operator::Greater => ordering == Some(Ordering::Greater),
        Operator::GreaterOrEqual => matches!(ordering, Some(Ordering::Greater | Ordering::Equal)),
    }
}

/// A length of time as configuration writes it, such as `90s` or `1h30m`, in milliseconds.
pub fn parse_duration(text: &str) -> Option<i64> {
    lexer::duration(text).filter(|_| !text.is_empty())
}
