//! Parser of filter expressions.
//!
//! Precedence: `not`, then `and` (or a blank), then `or`.

use std::sync::Arc;

use winnow::Parser as _;
use winnow::combinator::opt;
use winnow::error::ErrMode;
use winnow::stream::TokenSlice;
use winnow::token::any;

use super::contents::ContentTest;
use super::error::Error;
use super::eval::{Expr, Test};
use super::fields::{self, FIELDS, FieldInfo};
use super::lex::{self, Op, Token, TokenKind};
use super::number;
use super::text::nearest;
use super::value;

/// Maximum length of an expression in bytes. The TUI compiles it at every key press.
const MAX_LENGTH: usize = 4096;
/// Maximum nesting of parentheses and negations, which are parsed and evaluated recursively.
const MAX_DEPTH: usize = 64;
/// Maximum number of regexes in an expression. Each may use `MAX_REGEX` bytes.
const MAX_REGEXES: usize = 16;

type Input<'t, 'a> = TokenSlice<'t, Token<'a>>;
type Parsed<T> = Result<T, ErrMode<Error>>;

/// Compiles an expression. `None` if it is blank.
pub(super) fn expression(text: &str) -> Result<Option<Expr>, Error> {
    if text.len() > MAX_LENGTH {
        let at = (0..=MAX_LENGTH).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let message = format!("the expression is longer than {MAX_LENGTH} bytes");
        return Err(Error::new(at, message));
    }
    let (tokens, error) = lex::tokens(text);
    if let Some(error) = error {
        return Err(error);
    }
    limit_regexes(&tokens)?;
    if matches!(tokens.as_slice(), [Token { kind: TokenKind::End, .. }]) {
        return Ok(None);
    }
    whole(&mut TokenSlice::new(&tokens)).map(Some).map_err(|error| match error {
        ErrMode::Backtrack(error) | ErrMode::Cut(error) => error,
        ErrMode::Incomplete(_) => Error::new(text.len(), "unfinished expression"),
    })
}

fn limit_regexes(tokens: &[Token<'_>]) -> Result<(), Error> {
    let regexes = tokens
        .iter()
        .filter(|token| matches!(&token.kind, TokenKind::Comparison(test) if test.op == Op::Regex));
    match regexes.map(|token| token.at).nth(MAX_REGEXES) {
        Some(at) => Err(Error::new(at, format!("more than {MAX_REGEXES} regexes")).hint("combine them: a|b")),
        None => Ok(()),
    }
}

fn whole(input: &mut Input<'_, '_>) -> Parsed<Expr> {
    let expr = or(input, 0)?;
    match input.first() {
        Some(token) if token.kind == TokenKind::Close => {
            let error = Error::new(token.at, "unmatched `)`");
            Err(ErrMode::Cut(error.hint("add the `(`")))
        }
        _ => Ok(expr),
    }
}

fn or(input: &mut Input<'_, '_>, depth: usize) -> Parsed<Expr> {
    let mut parts = vec![and(input, depth)?];
    while opt(token(&TokenKind::Or)).parse_next(input)?.is_some() {
        parts.push(and(input, depth)?);
    }
    Ok(Expr::or(parts))
}

fn and(input: &mut Input<'_, '_>, depth: usize) -> Parsed<Expr> {
    let mut parts = vec![operand(input, depth)?];
    while opt(token(&TokenKind::And)).parse_next(input)?.is_some() || starts_operand(input) {
        parts.push(operand(input, depth)?);
    }
    Ok(Expr::and(parts))
}

fn starts_operand(input: &Input<'_, '_>) -> bool {
    input
        .first()
        .is_some_and(|token| !matches!(token.kind, TokenKind::Or | TokenKind::Close | TokenKind::End))
}

fn operand(input: &mut Input<'_, '_>, depth: usize) -> Parsed<Expr> {
    let token: &Token<'_> = any.parse_next(input)?;
    if depth >= MAX_DEPTH {
        return Err(cut(token.at, format!("nested deeper than {MAX_DEPTH}")));
    }
    match &token.kind {
        TokenKind::Not => Ok(Expr::Not(Box::new(operand(input, depth + 1)?))),
        TokenKind::Open => group(input, token.at, depth + 1),
        TokenKind::Word(word) => Ok(Expr::Test(Test::anywhere(word))),
        TokenKind::Quoted(value) => Ok(Expr::Test(Test::anywhere(&value.text))),
        TokenKind::Comparison(test) => {
            reject_detached_unit(test, input.first()).map_err(ErrMode::Cut)?;
            Ok(Expr::Test(compile(token, test).map_err(ErrMode::Cut)?))
        }
        TokenKind::End => Err(cut(token.at, "a test is missing at the end")),
        TokenKind::Close => Err(cut(token.at, "a test is missing before `)`")),
        TokenKind::And => Err(missing_test(token.at, "and")),
        TokenKind::Or => Err(missing_test(token.at, "or")),
    }
}

fn missing_test(at: usize, word: &str) -> ErrMode<Error> {
    let error = Error::new(at, format!("a test is missing before `{word}`"));
    ErrMode::Cut(error.hint(format!("to look for the word itself, quote it: \"{word}\"")))
}

fn group(input: &mut Input<'_, '_>, open: usize, depth: usize) -> Parsed<Expr> {
    let expr = or(input, depth)?;
    if opt(token(&TokenKind::Close)).parse_next(input)?.is_some() {
        return Ok(expr);
    }
    Err(ErrMode::Cut(Error::new(open, "unclosed `(`").hint("add the `)`")))
}

/// Returns a parser for one specific token.
fn token<'t, 'a: 't>(
    what: &'static TokenKind<'static>,
) -> impl winnow::Parser<Input<'t, 'a>, &'t Token<'a>, ErrMode<Error>> {
    any.verify(move |token: &Token<'a>| token.kind == *what)
}

fn cut(at: usize, message: impl Into<String>) -> ErrMode<Error> {
    ErrMode::Cut(Error::new(at, message))
}

fn compile(token: &Token<'_>, test: &lex::Comparison<'_>) -> Result<Test, Error> {
    let Some(info) = fields::find(test.field) else {
        return Err(unknown_field(token.at, test.field));
    };
    if !info.kind.takes(test.op) {
        return Err(wrong_operator(info, test));
    }
    let Some(value) = &test.value else {
        let error = Error::new(token.end, format!("a value is missing after `{}`", test.op.text()));
        return Err(error.hint(format!("for example {}", info.example)));
    };
    if info.field.is_content() {
        return Ok(Test::Content(0, Arc::new(ContentTest::new(info.field, test.op, value)?)));
    }
    let condition = value::condition(info, test.op, value)?;
    Ok(Test::Field(info.field, condition))
}

/// Rejects a unit after a blank: `dur>500 ms` would search for the word `ms`.
fn reject_detached_unit(test: &lex::Comparison<'_>, next: Option<&Token<'_>>) -> Result<(), Error> {
    let (Some(info), Some(value)) = (fields::find(test.field), &test.value) else {
        return Ok(());
    };
    match next {
        Some(Token { at, kind: TokenKind::Word(word), .. })
            if value.text.ends_with(|c: char| c.is_ascii_digit()) && number::is_unit(info.kind, word) =>
        {
            let error = Error::new(*at, format!("blank before the unit `{word}`"));
            Err(error.hint("write the unit directly after the number, or quote the word"))
        }
        _ => Ok(()),
    }
}

fn unknown_field(at: usize, name: &str) -> Error {
    let error = Error::new(at, format!("unknown field `{name}`"));
    match nearest(name, FIELDS.iter().flat_map(FieldInfo::names)) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint("text with : = ~ < or > in it must be quoted"),
    }
}

fn wrong_operator(info: &FieldInfo, test: &lex::Comparison<'_>) -> Error {
    Error::new(test.op_at, format!("`{}` cannot be compared with `{}`", info.name, test.op.text()))
        .hint(format!("it takes {}", info.kind.operators().join(" ")))
}
