//! From the written tree to a checked one, its fields resolved.

use super::parser::{Node, Operand, OperandKind, Operator};
use super::{ConditionFault, Constant, Test};
use crate::route::error::nearest_help;
use crate::route::{Field, Kind, RouteCode, RouteFamily};

/// Checks a tree against the fields that may be tested. Goes on after a fault, to name them all.
pub(super) struct Checker<'a> {
    pub(super) family: RouteFamily,
    pub(super) fields: &'a [&'static Field],
    pub(super) faults: Vec<ConditionFault>,
}

impl Checker<'_> {
    /// The checked tree; `None` where a fault was noted.
    pub(super) fn test(&mut self, node: &Node) -> Option<Test> {
        match node {
            Node::And(nodes) => self.all(nodes).map(Test::And),
            Node::Or(nodes) => self.all(nodes).map(Test::Or),
            Node::Not(node) => Some(Test::Not(Box::new(self.test(node)?))),
            Node::Exists(operand) => Some(Test::Exists(self.field(operand)?)),
            Node::Bare(operand) => self.bare(operand),
            Node::Compare { left, operator, right } => self.compare(left, *operator, right),
            Node::In { left, list } => self.one_of(left, list),
            Node::Contains { list, item } => self.contains(list, item),
        }
    }

    fn all(&mut self, nodes: &[Node]) -> Option<Box<[Test]>> {
        // Every node is checked before the first fault ends it.
        let tests: Vec<_> = nodes.iter().map(|node| self.test(node)).collect();
        tests.into_iter().collect()
    }

    fn fault<T>(&mut self, code: RouteCode, operand: &Operand, message: String, help: Option<String>) -> Option<T> {
        self.faults.push(ConditionFault { code, span: operand.span.clone(), message, help });
        None
    }

    fn field(&mut self, operand: &Operand) -> Option<&'static Field> {
        let OperandKind::Field(path) = &operand.kind else {
            let message = "has a value where a field must stand".to_owned();
            return self.fault(RouteCode::TypeMismatch, operand, message, None);
        };
        if let Some(field) = self.fields.iter().find(|field| field.path == path) {
            return Some(field);
        }
        let paths: Vec<_> = self.fields.iter().map(|field| field.path).collect();
        let message = format!("tests field {path:?}, which {} does not have", self.family);
        self.fault(RouteCode::UnknownField, operand, message, nearest_help(path, &paths))
    }

    fn bare(&mut self, operand: &Operand) -> Option<Test> {
        if let OperandKind::Bool(value) = operand.kind {
            return Some(if value { Test::And(Box::default()) } else { Test::Or(Box::default()) });
        }
        let field = self.field(operand)?;
        if field.kind == Kind::Bool {
            return Some(Test::Compare(field, Operator::Equal, Constant::Bool(true)));
        }
        let message = format!("has field {:?} for a condition, which is {}", field.path, field.kind.name());
        self.fault(
            RouteCode::TypeMismatch,
            operand,
            message,
            Some(format!("compare it, or write: exists {}", field.path)),
        )
    }

    fn compare(&mut self, left: &Operand, operator: Operator, right: &Operand) -> Option<Test> {
        match (&left.kind, &right.kind) {
            (OperandKind::Field(_), OperandKind::Field(_)) => {
                let (one, other) = (self.field(left), self.field(right));
                let (one, other) = (one?, other?);
                self.comparable(one, operator, left)?;
                self.comparable(other, operator, right)?;
                if one.kind.compares_with(other.kind) {
                    return Some(Test::Fields(one, operator, other));
                }
                let message = format!(
                    "compares field {:?}, which is {}, with field {:?}, which is {}",
                    one.path,
                    one.kind.name(),
                    other.path,
                    other.kind.name()
                );
                self.fault(RouteCode::TypeMismatch, right, message, None)
            }
            (OperandKind::Field(_), _) => {
                let field = self.field(left)?;
                self.comparable(field, operator, left)?;
                let constant = self.constant(field, operator, right)?;
                Some(Test::Compare(field, operator, constant))
            }
            (_, OperandKind::Field(_)) => self.compare(right, operator.flipped(), left),
            _ => {
                let message = "compares two values, which no event can change".to_owned();
                self.fault(RouteCode::TypeMismatch, left, message, None)
            }
        }
    }

    /// Whether the field's kind has this operator at all.
    fn comparable(&mut self, field: &'static Field, operator: Operator, at: &Operand) -> Option<()> {
        let ordered = !matches!(operator, Operator::Equal | Operator::NotEqual);
        let help = match field.kind {
            Kind::List => format!("write: {} contains \"...\"", field.path),
            Kind::Objects => format!("write: exists {}", field.path),
            Kind::Bool | Kind::OneOf(_) | Kind::State if ordered => "its values have no order: use ==, != or in".into(),
            _ => return Some(()),
        };
        let message = format!("compares field {:?}, which is {}", field.path, field.kind.name());
        self.fault(RouteCode::TypeMismatch, at, message, Some(help))
    }

    /// The literal as a value of the field's kind.
    fn constant(&mut self, field: &'static Field, operator: Operator, literal: &Operand) -> Option<Constant> {
        let found = match (&literal.kind, field.kind) {
            (OperandKind::Null, _) if matches!(operator, Operator::Equal | Operator::NotEqual) => {
                return Some(Constant::Null);
            }
            (OperandKind::Text(text), Kind::Text | Kind::OneOf(_) | Kind::State) => {
                self.value(field, text, literal)?;
                return Some(Constant::Text(text.as_str().into()));
            }
            (OperandKind::Text(text), Kind::Time) => {
                if let Ok(instant) = text.parse::<jiff::Timestamp>() {
                    return Some(Constant::Time(schemas::Timestamp(instant.as_millisecond())));
                }
                let help = Some("instants are written \"2026-01-31T09:30:00Z\"".to_owned());
                let message = format!("compares field {:?} with a text that is no instant", field.path);
                return self.fault(RouteCode::TypeMismatch, literal, message, help);
            }
            (OperandKind::Number(number), Kind::Number) => return Some(Constant::Number(*number)),
            (OperandKind::Duration(millis), Kind::Duration) => return Some(Constant::Duration(*millis)),
            (OperandKind::Bool(value), Kind::Bool) => return Some(Constant::Bool(*value)),
            (OperandKind::Field(_), _) => "another field",
            (OperandKind::Text(_), _) => "text",
            (OperandKind::Number(_), _) => "a number",
            (OperandKind::Duration(_), _) => "a duration",
            (OperandKind::Bool(_), _) => "a boolean",
            (OperandKind::Null, _) => "null",
        };
        let message = format!("compares field {:?}, which is {}, with {found}", field.path, field.kind.name());
        let help = match (&literal.kind, field.kind) {
            (OperandKind::Number(_), Kind::Text) => Some("put the number in quotes".to_owned()),
            (OperandKind::Number(_), Kind::Duration) => Some("write a unit, such as 90s, 15m or 4h".to_owned()),
            (OperandKind::Null, _) => Some("null may only be compared by == and !=".to_owned()),
            _ => None,
        };
        self.fault(RouteCode::TypeMismatch, literal, message, help)
    }

    /// Whether a field with a closed list of values can have this one.
    fn value(&mut self, field: &'static Field, text: &str, literal: &Operand) -> Option<()> {
        match field.values(self.family) {
            Some(values) if !values.contains(&text) => {
                let message = format!("compares field {:?} with {text:?}, a value that it never has", field.path);
                self.fault(RouteCode::UnknownValue, literal, message, nearest_help(text, values))
            }
            _ => Some(()),
        }
    }

    fn one_of(&mut self, left: &Operand, list: &[Operand]) -> Option<Test> {
        let field = self.field(left)?;
        self.comparable(field, Operator::Equal, left)?;
        let constants: Vec<_> = list.iter().map(|item| self.constant(field, Operator::Equal, item)).collect();
        Some(Test::OneOf(field, constants.into_iter().collect::<Option<_>>()?))
    }

    fn contains(&mut self, list: &Operand, item: &Operand) -> Option<Test> {
        let field = self.field(list)?;
        if field.kind != Kind::List {
            let message = format!("looks into field {:?}, which is {}, not a list", field.path, field.kind.name());
            return self.fault(RouteCode::TypeMismatch, list, message, None);
        }
        if let OperandKind::Text(text) = &item.kind {
            return Some(Test::Contains(field, text.as_str().into()));
        }
        let message = format!("looks for something in field {:?} that is not a text in quotes", field.path);
        self.fault(RouteCode::TypeMismatch, item, message, None)
    }
}
