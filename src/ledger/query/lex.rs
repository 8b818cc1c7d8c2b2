//! Text in; the tokens of an expression out: parentheses, `and`/`or`/`not`, words, quoted text, and whole tests
//! (`field operator value`), since what ends a value depends on the operator before it. Knows no field.

use winnow::LocatingSlice;
use winnow::Parser as _;
use winnow::combinator::{alt, eof, not, opt, peek};
use winnow::error::ErrMode;
use winnow::stream::{AsChar as _, Location, Stream as _};
use winnow::token::{take, take_while};

use super::error::Error;

/// How a test compares.
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
    /// As it is written.
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

/// A piece of the expression, from byte `at` to before byte `end`.
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
    /// A bare word.
    Word(&'a str),
    /// Quoted text without a field.
    Quoted(Value),
    Test(Test<'a>),
    /// The end of the expression.
    End,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Test<'a> {
    pub(super) field: &'a str,
    pub(super) op: Op,
    pub(super) op_at: usize,
    /// `None` where nothing stands behind the operator.
    pub(super) value: Option<Value>,
}

/// The right side of a test, its quotes and escapes taken off.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Value {
    pub(super) text: String,
    pub(super) quoted: bool,
    /// Where the `*` stands that was taken off the end.
    pub(super) star: Option<usize>,
    /// Offset in `text`, offset in the expression: from there to the next pair they go in step.
    places: Vec<(usize, usize)>,
}

impl Value {
    /// Where in the expression the byte `offset` of the text stands.
    pub(super) fn place(&self, offset: usize) -> usize {
        self.places
            .iter()
            .rev()
            .find(|(from, _)| *from <= offset)
            .map_or(0, |(from, place)| place + (offset - from))
    }

    fn raw(text: &str, at: usize) -> Self {
        Self { text: text.to_owned(), quoted: false, star: None, places: vec![(0, at)] }
    }
}

type Input<'a> = LocatingSlice<&'a str>;
type Lexed<T> = Result<T, ErrMode<Error>>;

/// Cuts the text into tokens. The last is [`TokenKind::End`], unless there is an error: then the tokens before it are given
/// too, for completion.
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
        lone_text,
        word_or_test,
    ))
    .parse_next(input)?;
    let end = input.previous_token_end();
    Ok(Token { at, end, kind })
}

fn blanks(input: &mut Input<'_>) -> Lexed<()> {
    take_while(0.., char::is_whitespace).void().parse_next(input)
}

fn lone_text<'a>(input: &mut Input<'a>) -> Lexed<TokenKind<'a>> {
    let value = quoted(input, false)?;
    apart(input, "the text")?;
    Ok(TokenKind::Quoted(value))
}

fn word_or_test<'a>(input: &mut Input<'a>) -> Lexed<TokenKind<'a>> {
    let word = taken(input, word_len)?;
    let after_word = input.checkpoint();
    let glued = opt(peek(operator)).parse_next(input)?.is_some();
    if !glued && let Some(keyword) = keyword(word) {
        return Ok(keyword);
    }
    blanks(input)?;
    let op_at = input.current_token_start();
    let Some(op) = opt(operator).parse_next(input)? else {
        input.reset(&after_word);
        apart(input, "the word")?;
        return Ok(TokenKind::Word(word));
    };
    if word.is_empty() {
        let error = Error::new(op_at, format!("no field stands before `{}`", op.text()));
        return Err(ErrMode::Cut(error.hint("text with : = ~ < or > in it must be quoted")));
    }
    let value = value(input, op)?;
    Ok(TokenKind::Test(Test { field: word, op, op_at, value }))
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

/// TokenKind a bare word is, where it is no word.
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
    if let Some(mut value) = opt(|input: &mut Input<'_>| quoted(input, op == Op::Regex)).parse_next(input)? {
        let star = input.current_token_start();
        value.star = opt('*').parse_next(input)?.map(|_| star);
        apart(input, "the value")?;
        return Ok(Some(value));
    }
    let text = taken(input, if op == Op::Regex { regex_len } else { value_len })?;
    // `dur > and x`: the word after the blank joins two tests, it is no value.
    if text.is_empty() || (at > operator_end && keyword(text).is_some()) {
        input.reset(&before);
        return Ok(None);
    }
    apart(input, "the value")?;
    let mut value = Value::raw(text, at);
    if op != Op::Regex && value.text.ends_with('*') {
        value.text.pop();
        value.star = Some(value.place(value.text.len()));
    }
    Ok(Some(value))
}

/// Takes as many bytes as `length` says of the rest.
fn taken<'a>(input: &mut Input<'a>, length: fn(&str) -> usize) -> Lexed<&'a str> {
    let rest: &str = input.as_ref();
    let length = length(rest);
    // `take` counts characters.
    let characters = rest.get(..length).map_or(0, |text| text.chars().count());
    take(characters).parse_next(input)
}

/// A word ends at a blank, a parenthesis, a quote or an operator.
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

/// A regex ends at a blank, or at a parenthesis that it did not open (outside of a class).
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

/// TokenKind follows a word, text or value must be set apart from it, so that `f(x)` is not taken for `f and x`.
fn apart(input: &mut Input<'_>, what: &str) -> Lexed<()> {
    let at = input.current_token_start();
    let rest: &str = input.as_ref();
    let Some(c) = rest.chars().next() else {
        return Ok(());
    };
    if c.is_whitespace() || c == ')' || rest.starts_with("&&") || rest.starts_with("||") {
        return Ok(());
    }
    let error = Error::new(at, format!("`{c}` directly after {what}"));
    Err(ErrMode::Cut(error.hint("a blank is missing, or quotes around it all")))
}

/// Text in quotes. In a regex only `\"` is an escape: all others are the regex's own.
fn quoted(input: &mut Input<'_>, regex: bool) -> Lexed<Value> {
    let start = input.current_token_start();
    '"'.parse_next(input)?;
    let mut value = Value { quoted: true, places: vec![(0, start + 1)], ..Value::default() };
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
        value.places.push((value.text.len(), input.current_token_start()));
    }
    let error = Error::new(start, "this quote is not closed");
    Err(ErrMode::Cut(error.hint("a \" is missing at the end of the text")))
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
        ErrMode::Cut(Error::new(at, "an unknown escape").hint("\\\" \\\\ \\n \\r \\t and \\u{…} are known"))
    })
}
