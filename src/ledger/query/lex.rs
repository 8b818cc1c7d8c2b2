//! Tokens of a filter expression.
//!
//! Tokens are parentheses, `and`/`or`/`not`, words, quoted text, and whole comparisons (`field
//! operator value`), because the end of a value depends on the operator before it. Field names are
//! not checked here.

use winnow::LocatingSlice;
use winnow::Parser as _;
use winnow::combinator::{alt, eof, not, opt, peek};
use winnow::error::ErrMode;
use winnow::stream::{AsChar as _, Location, Stream as _};
use winnow::token::{take, take_while};

use super::error::Error;

/// Comparison operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Op {
    Equal,
    NotEqual,
    Regex,
    Greater,
    GreaterEqual,
    Less,
    LessEqual,
}

impl Op {
    /// Returns the operator as written.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Equal => ":",
            Self::NotEqual => "!=",
            Self::Regex => "~",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::Less => "<",
            Self::LessEqual => "<=",
        }
    }
}

/// Token in the bytes `at..end` of the expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token<'a> {
    pub(super) at: usize,
    pub(super) end: usize,
    pub(super) kind: TokenKind<'a>,
}

impl Location for Token<'_> {
    fn previous_token_end(&self) -> usize {
        self.end
    }

    fn current_token_start(&self) -> usize {
        self.at
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum TokenKind<'a> {
    Open,
    Close,
    And,
    Or,
    Not,
    /// Bare word.
    Word(&'a str),
    /// Quoted text without a field.
    Quoted(Value),
    Comparison(Comparison<'a>),
    /// End of the expression.
    End,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Comparison<'a> {
    pub(super) field: &'a str,
    pub(super) op: Op,
    pub(super) op_at: usize,
    /// `None` if the value is missing.
    pub(super) value: Option<Value>,
}

/// Right side of a comparison, without quotes and escapes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Value {
    pub(super) text: String,
    pub(super) quoted: bool,
    /// Offset in the expression of the `*` that was removed from the end.
    pub(super) star: Option<usize>,
    /// Pairs of an offset in `text` and its offset in the expression. The text up to the next pair
    /// has no escapes.
    positions: Vec<(usize, usize)>,
}

impl Value {
    /// Returns the offset in the expression of the byte at `offset` in the text.
    pub(super) fn position(&self, offset: usize) -> usize {
        self.positions
            .iter()
            .rev()
            .find(|(from, _)| *from <= offset)
            .map_or(0, |(from, position)| position + (offset - from))
    }

    fn raw(text: &str, at: usize) -> Self {
        Self { text: text.to_owned(), quoted: false, star: None, positions: vec![(0, at)] }
    }
}

type Input<'a> = LocatingSlice<&'a str>;
type Lexed<T> = Result<T, ErrMode<Error>>;

/// Splits the text into tokens. The last one is [`TokenKind::End`]. On an error, returns the tokens
/// before it as well, for completion.
pub(super) fn tokens(text: &str) -> (Vec<Token<'_>>, Option<Error>) {
    let mut input = LocatingSlice::new(text);
    let mut tokens = Vec::new();
    loop {
        match token(&mut input) {
            Ok(token) => {
                let is_end = token.kind == TokenKind::End;
                tokens.push(token);
                if is_end {
                    return (tokens, None);
                }
            }
            Err(ErrMode::Backtrack(error) | ErrMode::Cut(error)) => return (tokens, Some(error)),
            Err(ErrMode::Incomplete(_)) => return (tokens, Some(Error::new(text.len(), "unfinished"))),
        }
    }
}

fn token<'a>(input: &mut Input<'a>) -> Lexed<Token<'a>> {
    blanks(input)?;
    let at = input.current_token_start();
    let kind = alt((
        '('.value(TokenKind::Open),
        ')'.value(TokenKind::Close),
        "&&".value(TokenKind::And),
        "||".value(TokenKind::Or),
        ('!', peek(not('='))).value(TokenKind::Not),
        eof.value(TokenKind::End),
        quoted_text,
        word_or_test,
    ))
    .parse_next(input)?;
    let end = input.previous_token_end();
    Ok(Token { at, end, kind })
}

fn blanks(input: &mut Input<'_>) -> Lexed<()> {
    take_while(0.., char::is_whitespace).void().parse_next(input)
}

fn quoted_text<'a>(input: &mut Input<'a>) -> Lexed<TokenKind<'a>> {
    let value = quoted(input, false)?;
    expect_delimiter(input, "the text")?;
    Ok(TokenKind::Quoted(value))
}

fn word_or_test<'a>(input: &mut Input<'a>) -> Lexed<TokenKind<'a>> {
    let word = take_bytes(input, word_len)?;
    let after_word = input.checkpoint();
    let is_field = opt(peek(operator)).parse_next(input)?.is_some();
    if !is_field && let Some(keyword) = keyword(word) {
        return Ok(keyword);
    }
    blanks(input)?;
    let op_at = input.current_token_start();
    let Some(op) = opt(operator).parse_next(input)? else {
        input.reset(&after_word);
        expect_delimiter(input, "the word")?;
        return Ok(TokenKind::Word(word));
    };
    if word.is_empty() {
        let error = Error::new(op_at, format!("a field is missing before `{}`", op.text()));
        return Err(ErrMode::Cut(error.hint("text with : = ~ < or > in it must be quoted")));
    }
    let value = value(input, op)?;
    Ok(TokenKind::Comparison(Comparison { field: word, op, op_at, value }))
}

fn operator(input: &mut Input<'_>) -> Lexed<Op> {
    alt((
        ">=".value(Op::GreaterEqual),
        "<=".value(Op::LessEqual),
        "!=".value(Op::NotEqual),
        "==".value(Op::Equal),
        ":".value(Op::Equal),
        "=".value(Op::Equal),
        "~".value(Op::Regex),
        ">".value(Op::Greater),
        "<".value(Op::Less),
    ))
    .parse_next(input)
}

/// Returns the keyword that a word is, in any case. `None` for other words.
pub(super) fn keyword(word: &str) -> Option<TokenKind<'static>> {
    let is = |name: &str| word.eq_ignore_ascii_case(name);
    if is("and") {
        Some(TokenKind::And)
    } else if is("or") {
        Some(TokenKind::Or)
    } else if is("not") {
        Some(TokenKind::Not)
    } else {
        None
    }
}

fn value(input: &mut Input<'_>, op: Op) -> Lexed<Option<Value>> {
    let before = input.checkpoint();
    let operator_end = input.current_token_start();
    blanks(input)?;
    let at = input.current_token_start();
    let rest: &str = input.as_ref();
    if let Some(len) = apostrophes_len(rest) {
        let text = take_bytes(input, |rest| apostrophes_len(rest).unwrap_or_default())?;
        let text = text.get(1..len - 1).unwrap_or_default().to_owned();
        let star = input.current_token_start();
        let star = opt('*').parse_next(input)?.map(|_| star);
        expect_delimiter(input, "the value")?;
        return Ok(Some(Value { text, quoted: true, star, positions: vec![(0, at + 1)] }));
    }
    if let Some(mut value) = opt(|input: &mut Input<'_>| quoted(input, op == Op::Regex)).parse_next(input)? {
        let star = input.current_token_start();
        value.star = opt('*').parse_next(input)?.map(|_| star);
        expect_delimiter(input, "the value")?;
        return Ok(Some(value));
    }
    let text = take_bytes(input, if op == Op::Regex { regex_len } else { value_len })?;
    // `dur > and x`: the keyword joins two tests and is not the value.
    if text.is_empty() || (at > operator_end && keyword(text).is_some()) {
        input.reset(&before);
        return Ok(None);
    }
    expect_delimiter(input, "the value")?;
    let mut value = Value::raw(text, at);
    if op != Op::Regex && value.text.ends_with('*') {
        value.text.pop();
        value.star = Some(value.position(value.text.len()));
    }
    Ok(Some(value))
}

/// Returns the length of a value in apostrophes, with them; `None` if there is none. An apostrophe
/// within a word does not end it.
fn apostrophes_len(rest: &str) -> Option<usize> {
    let inner = rest.strip_prefix('\'')?;
    let mut ends = inner.match_indices('\'').map(|(at, _)| at + 2);
    let is_end = |len: &usize| {
        let next = rest.get(*len..).and_then(|rest| rest.chars().next());
        next.is_none_or(|c| c.is_whitespace() || matches!(c, ')' | '*'))
    };
    ends.find(is_end)
}

/// Takes the number of bytes that `length` returns for the rest of the input.
fn take_bytes<'a>(input: &mut Input<'a>, length: fn(&str) -> usize) -> Lexed<&'a str> {
    let rest: &str = input.as_ref();
    let length = length(rest);
    // `take` counts characters.
    let characters = rest.get(..length).map_or(0, |text| text.chars().count());
    take(characters).parse_next(input)
}

/// Returns the length of a word, which ends at a blank, a parenthesis, a quote or an operator.
fn word_len(rest: &str) -> usize {
    ends_at(rest, |c, rest| {
        matches!(c, ':' | '=' | '~' | '<' | '>') || ends_value(c, rest) || rest.starts_with("!=")
    })
}

fn value_len(rest: &str) -> usize {
    ends_at(rest, ends_value)
}

fn ends_value(c: char, rest: &str) -> bool {
    c.is_whitespace() || matches!(c, '(' | ')' | '"') || rest.starts_with("&&") || rest.starts_with("||")
}

fn ends_at(rest: &str, end: impl Fn(char, &str) -> bool) -> usize {
    rest.char_indices()
        .find(|(at, c)| end(*c, rest.get(*at..).unwrap_or("")))
        .map_or(rest.len(), |(at, _)| at)
}

/// Returns the length of a regex, which ends at a blank or an unmatched parenthesis outside of a
/// character class.
fn regex_len(rest: &str) -> usize {
    let (mut open, mut class, mut escaped) = (0_u32, false, false);
    for (at, c) in rest.char_indices() {
        match c {
            c if c.is_whitespace() => return at,
            _ if escaped => {
                escaped = false;
                continue;
            }
            '\\' => escaped = true,
            '[' => class = true,
            ']' => class = false,
            '(' if !class => open += 1,
            ')' if !class && open == 0 => return at,
            ')' if !class => open -= 1,
            _ => {}
        }
    }
    rest.len()
}

/// Checks that a blank or delimiter follows a word, text or value. Otherwise `f(x)` would mean `f
/// and x`.
fn expect_delimiter(input: &mut Input<'_>, what: &str) -> Lexed<()> {
    let at = input.current_token_start();
    let rest: &str = input.as_ref();
    let Some(c) = rest.chars().next() else {
        return Ok(());
    };
    if c.is_whitespace() || c == ')' || rest.starts_with("&&") || rest.starts_with("||") {
        return Ok(());
    }
    let error = Error::new(at, format!("`{c}` directly after {what}"));
    Err(ErrMode::Cut(error.hint("add a blank, or quote the whole text")))
}

/// Parses quoted text. In a regex only `\"` is an escape; other escapes belong to the regex.
fn quoted(input: &mut Input<'_>, regex: bool) -> Lexed<Value> {
    let start = input.current_token_start();
    '"'.parse_next(input)?;
    let mut value = Value { quoted: true, positions: vec![(0, start + 1)], ..Value::default() };
    while let Some(c) = input.next_token() {
        match c {
            '"' => return Ok(value),
            '\\' if regex => match opt(winnow::token::any).parse_next(input)? {
                Some('"') => value.text.push('"'),
                Some(c) => value.text.extend(['\\', c]),
                None => break,
            },
            '\\' => value.text.push(escape(input)?),
            c => {
                value.text.push(c);
                continue;
            }
        }
        value.positions.push((value.text.len(), input.current_token_start()));
    }
    let error = Error::new(start, "unclosed quote");
    Err(ErrMode::Cut(error.hint("add a \" at the end of the text")))
}

fn escape(input: &mut Input<'_>) -> Lexed<char> {
    let at = input.previous_token_end().saturating_sub(1);
    let c = alt((
        '"'.value('"'),
        '\\'.value('\\'),
        'n'.value('\n'),
        'r'.value('\r'),
        't'.value('\t'),
        ("u{", take_while(1..=6, char::is_hex_digit), '}')
            .verify_map(|(_, digits, _): (_, &str, _)| char::from_u32(u32::from_str_radix(digits, 16).ok()?)),
    ))
    .parse_next(input);
    c.map_err(|_: ErrMode<Error>| {
        ErrMode::Cut(Error::new(at, "unknown escape").hint("\\\" \\\\ \\n \\r \\t and \\u{…} are supported"))
    })
}
