//! From words to a tree that is not yet checked.

use std::ops::Range;

use super::ConditionFault;
use super::lexer::{Keyword, Token, lex};
use crate::route::RouteCode;

/// How deep parentheses and `not` may nest.
const DEPTH_MAX: usize = 32;
/// How long a condition may be, in bytes.
const LENGTH_MAX: usize = 4_096;

/// How two operands are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Operator {
    const SYMBOLS: [(&'static str, Self); 6] = [
        ("==", Self::Equal),
        ("!=", Self::NotEqual),
        ("<=", Self::LessOrEqual),
        (">=", Self::GreaterOrEqual),
        ("<", Self::Less),
        (">", Self::Greater),
    ];

    /// The operator for exchanged operands.
    pub(super) const fn flipped(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
            Self::Equal | Self::NotEqual => self,
        }
    }
}

/// A field or a literal, with its place.
#[derive(Debug)]
pub(super) struct Operand {
    pub(super) kind: OperandKind,
    pub(super) span: Range<usize>,
}

#[derive(Debug)]
pub(super) enum OperandKind {
    Field(String),
    Text(String),
    Number(i128),
    Duration(i64),
    Bool(bool),
    Null,
}

/// A condition as written.
#[derive(Debug)]
pub(super) enum Node {
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    Compare { left: Operand, operator: Operator, right: Operand },
    In { left: Operand, list: Vec<Operand> },
    Contains { list: Operand, item: Operand },
    Exists(Operand),
    Bare(Operand),
}

/// Reads a condition; nothing but blanks holds always.
pub(super) fn parse(text: &str) -> Result<Node, ConditionFault> {
    if text.len() > LENGTH_MAX {
        return Err(ConditionFault {
            code: RouteCode::TooComplex,
            span: LENGTH_MAX..text.len(),
            message: format!("has a condition of more than {LENGTH_MAX} bytes"),
            help: Some("split it into several routes or objectives".into()),
        });
    }
    let mut parser = Parser { tokens: lex(text)?, at: 0, depth: 0 };
    if parser.peek() == &Token::End {
        return Ok(Node::And(Vec::new()));
    }
    let node = parser.or()?;
    match parser.peek() {
        Token::End => Ok(node),
        Token::Symbol(")") => Err(parser.unexpected("has a closing parenthesis that nothing opened", None)),
        _ => Err(parser.unexpected("goes on where its condition has ended", Some("join conditions by: and, or"))),
    }
}

struct Parser {
    tokens: Vec<(Token, Range<usize>)>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> &Token {
        &self.tokens[self.at].0
    }

    fn span(&self) -> Range<usize> {
        self.tokens[self.at].1.clone()
    }

    fn next(&mut self) -> (Token, Range<usize>) {
        let token = self.tokens[self.at].clone();
        // The end stays, so that looking ahead never runs out.
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        token
    }

    fn take(&mut self, token: &Token) -> bool {
        let found = self.peek() == token;
        if found {
            self.next();
        }
        found
    }

    fn keyword(&mut self, keyword: Keyword) -> bool {
        self.take(&Token::Keyword(keyword))
    }

    fn unexpected(&self, message: &str, help: Option<&str>) -> ConditionFault {
        ConditionFault {
            code: RouteCode::Syntax,
            span: self.span(),
            message: message.to_owned(),
            help: help.map(str::to_owned),
        }
    }

    fn or(&mut self) -> Result<Node, ConditionFault> {
        let mut nodes = vec![self.and()?];
        while self.keyword(Keyword::Or) {
            nodes.push(self.and()?);
        }
        Ok(if nodes.len() == 1 { nodes.remove(0) } else { Node::Or(nodes) })
    }

    fn and(&mut self) -> Result<Node, ConditionFault> {
        let mut nodes = vec![self.not()?];
        while self.keyword(Keyword::And) {
            nodes.push(self.not()?);
        }
        Ok(if nodes.len() == 1 { nodes.remove(0) } else { Node::And(nodes) })
    }

    fn not(&mut self) -> Result<Node, ConditionFault> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            let fault = self.unexpected("has a condition nested too deeply", Some("write it flatter"));
            return Err(ConditionFault { code: RouteCode::TooComplex, ..fault });
        }
        let node = if self.keyword(Keyword::Not) {
            Node::Not(Box::new(self.not()?))
        } else if self.take(&Token::Symbol("(")) {
            let inner = self.or()?;
            if !self.take(&Token::Symbol(")")) {
                return Err(self.unexpected("has a parenthesis that is not closed", Some("add ) here")));
            }
            inner
        } else {
            self.test()?
        };
        self.depth -= 1;
        Ok(node)
    }

    fn test(&mut self) -> Result<Node, ConditionFault> {
        if self.keyword(Keyword::Exists) {
            return Ok(Node::Exists(self.operand()?));
        }
        let left = self.operand()?;
        if let Token::Symbol(symbol) = *self.peek()
            && let Some((_, operator)) = Operator::SYMBOLS.iter().find(|(name, _)| *name == symbol)
        {
            self.next();
            return Ok(Node::Compare { left, operator: *operator, right: self.operand()? });
        }
        if self.keyword(Keyword::Contains) {
            return Ok(Node::Contains { list: left, item: self.operand()? });
        }
        if self.keyword(Keyword::Not) {
            if !self.keyword(Keyword::In) {
                return Err(self.unexpected("has \"not\" where an operator must stand", Some("write: not in")));
            }
            return Ok(Node::Not(Box::new(self.membership(left)?)));
        }
        if self.keyword(Keyword::In) {
            return self.membership(left);
        }
        Ok(Node::Bare(left))
    }

    /// What follows `in`: a list in brackets, or a field that is a list.
    fn membership(&mut self, left: Operand) -> Result<Node, ConditionFault> {
        if !self.take(&Token::Symbol("[")) {
            return Ok(Node::Contains { list: self.operand()?, item: left });
        }
        let mut list = vec![self.operand()?];
        while self.take(&Token::Symbol(",")) {
            list.push(self.operand()?);
        }
        if self.take(&Token::Symbol("]")) {
            Ok(Node::In { left, list })
        } else {
            Err(self.unexpected("has a list that is not closed", Some("add ] here, or a comma between values")))
        }
    }

    fn operand(&mut self) -> Result<Operand, ConditionFault> {
        let kind = match self.peek().clone() {
            Token::Path(path) => OperandKind::Field(path),
            Token::Text(text) => OperandKind::Text(text),
            Token::Number(number) => OperandKind::Number(number),
            Token::Duration(duration) => OperandKind::Duration(duration),
            Token::Keyword(Keyword::True) => OperandKind::Bool(true),
            Token::Keyword(Keyword::False) => OperandKind::Bool(false),
            Token::Keyword(Keyword::Null) => OperandKind::Null,
            Token::End => return Err(self.unexpected("ends where a field or a value must stand", None)),
            Token::Keyword(_) | Token::Symbol(_) => {
                return Err(self.unexpected(
                    "has a word or sign where a field or a value must stand",
                    Some("fields are written such as order.state, values such as \"completed\", 12, 4h, true, null"),
                ));
            }
        };
        let (_, span) = self.next();
        Ok(Operand { kind, span })
    }
}
