//! Rust source as the checks of the structure read it: code without comments, literals and tests,
//! and the paths in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// A source file.
pub(crate) struct Source {
    /// Its path below `src`, with `/` on every system.
    pub(crate) path: String,
    /// The whole text.
    pub(crate) text: String,
    /// The text without comments, the contents of literals and `#[cfg(test)]` items.
    pub(crate) code: String,
}

impl Source {
    /// A file with this path below `src`.
    pub(crate) fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned(), code: code_of(text) }
    }

    /// Whether the file holds nothing but tests: `#[cfg(test)] mod tests;`.
    fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }
}

/// All files below `src`.
pub(crate) struct Sources {
    files: BTreeMap<String, Source>,
    /// The names of the files and directories in each directory.
    children: BTreeMap<String, BTreeSet<String>>,
}

impl Sources {
    /// Reads `src`.
    pub(crate) fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let paths = files_below(&root).into_iter().filter(|path| path.ends_with(".rs"));
        let files = paths.map(|path| {
            let text = fs::read_to_string(root.join(&path)).unwrap();
            Source::new(&path, &text)
        });
        Self::new(files)
    }

    /// A tree of these files.
    pub(crate) fn new(files: impl Iterator<Item = Source>) -> Self {
        let files: BTreeMap<String, Source> = files.map(|file| (file.path.clone(), file)).collect();
        let mut children: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for file in files.values().filter(|file| !file.is_test()) {
            let module = module_of(&file.path);
            for (at, name) in module.iter().enumerate() {
                children.entry(module[..at].join("/")).or_default().insert((*name).to_owned());
            }
        }
        Self { files, children }
    }

    /// Every file, tests included.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Source> {
        self.files.values()
    }

    /// Every file that is not a test.
    pub(crate) fn shipped(&self) -> impl Iterator<Item = &Source> {
        self.all().filter(|file| !file.is_test())
    }

    /// The file with this path.
    pub(crate) fn file(&self, path: &str) -> &Source {
        self.files.get(path).unwrap_or_else(|| panic!("src/{path} is missing"))
    }

    /// The names of the files and directories in a directory, without `mod.rs`.
    pub(crate) fn children(&self, directory: &[&str]) -> Vec<String> {
        let children = self.children.get(&directory.join("/"));
        children.into_iter().flatten().cloned().collect()
    }

    /// Whether a directory holds a file or directory with this name.
    pub(crate) fn has_child(&self, directory: &[&str], name: &str) -> bool {
        self.children.get(&directory.join("/")).is_some_and(|children| children.contains(name))
    }
}

/// The paths of the files below a directory, relative to it, in order.
pub(crate) fn files_below(root: &Path) -> Vec<String> {
    let (mut files, mut directories) = (Vec::new(), vec![root.to_owned()]);
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else {
                files.push(path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/"));
            }
        }
    }
    files.sort();
    files
}

/// The code of a file: comments and the contents of literals are blanks, items behind
/// `#[cfg(test)]` are gone.
fn code_of(text: &str) -> String {
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

/// How long the text or character literal is that `rest` begins with; `before` is the character in
/// front of it.
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

/// The module of a file: `http/h1/head.rs` is `http::h1::head`, `http/mod.rs` is `http`.
pub(crate) fn module_of(path: &str) -> Vec<&str> {
    let mut module: Vec<&str> = path.trim_end_matches(".rs").split('/').collect();
    if matches!(module.last(), Some(&"mod" | &"lib" | &"main")) {
        module.pop();
    }
    module
}

/// The paths of a file that begin at the top of the crate: `crate::a::B`, and `super::super::a::B`
/// that leads as far up.
pub(crate) fn crate_paths(path: &str, code: &str) -> Vec<Vec<String>> {
    let module = module_of(path);
    // A path of the file's own layer begins with its name.
    paths(&module, &[], code).into_iter().map(|found| found.path).collect()
}

/// A path from the top of the crate, and the name that a `use` gives to what it leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) path: Vec<String>,
    pub(crate) name: String,
}

/// Every path in the code of `module` that leads into the crate: what begins with `crate`, `super`,
/// `self` or the name of one of the module's `children`. Trees of `use` are taken apart.
pub(crate) fn paths(module: &[&str], children: &[String], code: &str) -> Vec<Found> {
    let (mut found, mut taken) = (Vec::new(), 0);
    for (at, word) in words(code) {
        if at < taken || code[..at].trim_end().ends_with("::") {
            continue;
        }
        let (base, mut rest) = match word {
            "crate" => (Vec::new(), &code[at + word.len()..]),
            "self" => (module.to_vec(), &code[at + word.len()..]),
            "super" => {
                let (ups, rest) = climb(&code[at..]);
                (module[..module.len().saturating_sub(ups)].to_vec(), rest)
            }
            _ if children.iter().any(|child| child == word) => {
                ([module, &[word]].concat(), &code[at + word.len()..])
            }
            _ => continue,
        };
        if let Some(tree) = rest.trim_start().strip_prefix("::") {
            rest = tree;
            let mut base = base.into_iter().map(str::to_owned).collect();
            take_tree(&mut rest, &mut base, &mut found);
            taken = code.len() - rest.len();
        }
    }
    found
}

/// The words of code, with where they begin.
pub(crate) fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
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

/// Reads one tree of paths, `a::{b, c::D}`, and adds each of its paths to `found`, after `to`.
fn take_tree(rest: &mut &str, to: &mut Vec<String>, found: &mut Vec<Found>) {
    *rest = rest.trim_start();
    if let Some(inside) = rest.strip_prefix('{') {
        *rest = inside;
        while !rest.trim_start().starts_with('}') && !rest.trim_start().is_empty() {
            let before = rest.len();
            take_tree(rest, &mut to.clone(), found);
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
        return take_tree(rest, to, found);
    }
    let mut name = to.last().cloned().unwrap_or_default();
    if let Some(renamed) = rest.trim_start().strip_prefix("as ") {
        name = first_word(renamed.trim_start()).to_owned();
        *rest = &renamed.trim_start()[name.len()..];
    }
    found.push(Found { path: to.clone(), name });
}
