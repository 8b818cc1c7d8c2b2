//! Rust source as far as `house` reads it: code without comments, literals and tests, and the paths into the crate.

/// The code of a file: comments and the contents of literals are blanks, items behind `#[cfg(test)]` are gone.
pub(crate) fn code_of(text: &str) -> String {
    without_tests(&without_literals(text))
}

/// Puts blanks in the place of comments and of what stands in text and character literals.
fn without_literals(text: &str) -> String {
    let (mut code, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(first) = rest.chars().next() {
        let skipped = comment(rest).or_else(|| literal(rest, code.chars().last()));
        match skipped {
            Some(len) => {
                code.push(' ');
                code.extend(rest[..len].chars().filter(|c| *c == '\n'));
                rest = &rest[len..];
            }
            None => {
                code.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    code
}

/// How long the comment is that `rest` begins with.
fn comment(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    rest.starts_with("/*").then_some(())?;
    // Block comments nest.
    let (mut depth, mut at) = (1, 2);
    while depth > 0 && at < rest.len() {
        let tail = &rest.as_bytes()[at..];
        let (step, change) = match tail {
            [b'/', b'*', ..] => (2, 1),
            [b'*', b'/', ..] => (2, -1),
            _ => (1, 0),
        };
        at += step;
        depth += change;
    }
    Some(at)
}

/// How long the text or character literal is that `rest` begins with; `before` is the character in front of it.
fn literal(rest: &str, before: Option<char>) -> Option<usize> {
    let in_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if !in_word && let Some(len) = raw_text(rest) {
        return Some(len);
    }
    let quote = rest.chars().next().filter(|c| ['"', '\''].contains(c))?;
    if quote == '\'' && !is_character(rest) {
        return None;
    }
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return Some(at + 1),
            _ => {}
        }
    }
    Some(rest.len())
}

/// Whether a single quote begins a character and not a lifetime.
fn is_character(rest: &str) -> bool {
    let mut chars = rest.chars().skip(1);
    chars.next() == Some('\\') || chars.next() == Some('\'')
}

/// How long the raw text literal (`r#"…"#`, `br"…"`) is that `rest` begins with.
fn raw_text(rest: &str) -> Option<usize> {
    let marks = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r'))?;
    let hashes = marks.len() - marks.trim_start_matches('#').len();
    let body = marks[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let at = body.find(&end)?;
    Some(rest.len() - body.len() + at + end.len())
}

/// Takes out the items that stand behind `#[cfg(test)]`.
fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let (mut kept, mut rest) = (String::with_capacity(code.len()), code);
    while let Some(at) = rest.find(MARK) {
        kept.push_str(&rest[..at]);
        rest = &rest[at + MARK.len()..];
        rest = &rest[item_len(rest)..];
    }
    kept.push_str(rest);
    kept
}

/// How long an item is: to the semicolon, or to the brace that closes it.
fn item_len(code: &str) -> usize {
    let mut depth = 0;
    for (at, c) in code.char_indices() {
        match c {
            ';' if depth == 0 => return at + 1,
            '{' | '[' | '(' => depth += 1,
            '}' if depth == 1 => return at + 1,
            '}' | ']' | ')' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

/// Every path of a file that leads to the top of the crate, from there on: `crate::a::B` and, as far up as that,
/// `super::super::a::B`. Trees of `use` are taken apart.
pub(crate) fn crate_paths(file: &str, code: &str) -> Vec<Vec<String>> {
    let depth = depth_of(file);
    let mut paths = Vec::new();
    for (at, word) in words(code) {
        let is_start = !code[..at].trim_end().ends_with("::");
        let (ups, mut rest) = match word {
            "crate" if is_start => (depth, &code[at + word.len()..]),
            "super" if is_start => climb(&code[at..]),
            _ => continue,
        };
        if ups != depth {
            continue;
        }
        if let Some(tree) = rest.trim_start().strip_prefix("::") {
            rest = tree;
            take_tree(&mut rest, &mut Vec::new(), &mut paths);
        }
    }
    paths
}

/// How many `super` lead from a file's module to the top: `http/h1/head.rs` is `http::h1::head`, three.
fn depth_of(file: &str) -> usize {
    let parts = file.split('/').count();
    match file.rsplit('/').next() {
        Some("mod.rs" | "lib.rs" | "main.rs") => parts - 1,
        _ => parts,
    }
}

/// The words of code, with where they begin.
fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let starts = code
        .char_indices()
        .filter(move |(at, c)| is_word(*c) && !code[..*at].chars().next_back().is_some_and(is_word));
    starts.map(move |(at, _)| (at, first_word(&code[at..])))
}

fn first_word(code: &str) -> &str {
    let end = code.find(|c: char| !(c.is_alphanumeric() || c == '_'));
    &code[..end.unwrap_or(code.len())]
}

/// How many `super` a path begins with, and what follows them.
fn climb(code: &str) -> (usize, &str) {
    let (mut ups, mut rest) = (0, code);
    loop {
        if first_word(rest) != "super" {
            // What follows is handed on with its `::`, as behind `crate`.
            return (ups, &code[code.len() - rest.len() - 2..]);
        }
        ups += 1;
        let behind = rest["super".len()..].trim_start();
        match behind.strip_prefix("::") {
            Some(next) => rest = next.trim_start(),
            None => return (ups, behind),
        }
    }
}

/// Reads one tree of paths, `a::{b, c::D}`, and adds each with what leads to it.
fn take_tree(rest: &mut &str, to: &mut Vec<String>, paths: &mut Vec<Vec<String>>) {
    *rest = rest.trim_start();
    if let Some(inside) = rest.strip_prefix('{') {
        *rest = inside;
        while !rest.trim_start().starts_with('}') && !rest.trim_start().is_empty() {
            let before = rest.len();
            take_tree(rest, &mut to.clone(), paths);
            *rest = rest.trim_start().trim_start_matches(',');
            if rest.len() == before {
                return;
            }
        }
        *rest = rest.trim_start().trim_start_matches('}');
        return;
    }
    let word = if rest.starts_with('*') { "*" } else { first_word(rest) };
    *rest = &rest[word.len()..];
    if word != "self" && !word.is_empty() {
        to.push(word.to_owned());
    }
    if let Some(next) = rest.trim_start().strip_prefix("::") {
        *rest = next;
        return take_tree(rest, to, paths);
    }
    if let Some(renamed) = rest.trim_start().strip_prefix("as ") {
        *rest = &renamed.trim_start()[first_word(renamed.trim_start()).len()..];
    }
    paths.push(to.clone());
}
