//! No circle between the files of a module.
//!
//! A directory is a graph: its files and subdirectories are the nodes (a subdirectory is one node
//! here, and a graph of its own), imports are the edges. An item that `mod.rs` re-exports counts as
//! imported from where it is defined, so a `mod.rs` that only declares and re-exports has no part
//! in a circle; one with code that imports children which import from it has.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

use super::source::{Found, Source, Sources, module_of, paths, words};
use crate::support::assert_no_problems;

/// Circles that exist: the directory, its nodes in order, and why they cannot be apart.
const CIRCLES: &[(&str, &[&str], &str)] = &[];

/// The node for what is defined in a `mod.rs`.
const MOD: &str = "mod";

/// The edges of each directory: importing node, imported node, and a path that shows it.
type Graphs = BTreeMap<String, BTreeMap<(String, String), String>>;

fn graphs(sources: &Sources) -> Graphs {
    let mod_files = sources.shipped().filter(|file| is_mod(file));
    let modules: Modules =
        mod_files.map(|file| (module_of(&file.path).join("/"), Declarations::of(sources, file))).collect();
    let mut graphs = Graphs::new();
    for file in sources.shipped().filter(|file| !["lib.rs", "main.rs"].contains(&file.path.as_str())) {
        let mut from: Vec<String> = module_of(&file.path).into_iter().map(str::to_owned).collect();
        let imports = if is_mod(file) {
            let declarations = &modules[&from.join("/")];
            from.push(MOD.to_owned());
            declarations.imports(sources, file)
        } else {
            paths(&module_of(&file.path), &[], &file.code).into_iter().map(|found| found.path).collect()
        };
        for path in imports {
            let to = node_of(sources, &modules, &path, 0);
            let Some(at) = from.iter().zip(&to).position(|(a, b)| a != b) else {
                continue;
            };
            // Between layers the order of layers holds.
            if at > 0 {
                let edge = (from[at].clone(), to[at].clone());
                let shown = format!("{} imports {}", file.path, path.join("::"));
                graphs.entry(from[..at].join("/")).or_default().entry(edge).or_insert(shown);
            }
        }
    }
    graphs
}

fn is_mod(file: &Source) -> bool {
    file.path.ends_with("/mod.rs")
}

/// The `mod.rs` of each directory.
type Modules = BTreeMap<String, Declarations>;

/// What the `use` statements of a `mod.rs` bring in.
struct Declarations {
    /// What lies in the crate, and whether the statement is `pub`.
    inside: Vec<(Found, bool)>,
    /// The words of the statements that lead out of the crate.
    outside: BTreeSet<String>,
    /// The code without these statements.
    rest: String,
}

impl Declarations {
    fn of(sources: &Sources, file: &Source) -> Self {
        let statement = Regex::new(r"(?m)^\s*(pub(?:\([^)]*\))?\s+)?use\s[^;]*;").unwrap();
        let module = module_of(&file.path);
        let children = sources.children(&module);
        let (mut inside, mut outside) = (Vec::new(), BTreeSet::new());
        for statement in statement.captures_iter(&file.code) {
            let found = paths(&module, &children, &statement[0]);
            if found.is_empty() {
                outside.extend(words(&statement[0]).map(|(_, word)| word.to_owned()));
            }
            inside.extend(found.into_iter().map(|found| (found, statement.get(1).is_some())));
        }
        Self { inside, outside, rest: statement.replace_all(&file.code, "").into_owned() }
    }

    /// The paths that the file itself uses: what it re-exports only if its own code names it.
    fn imports(&self, sources: &Sources, file: &Source) -> Vec<Vec<String>> {
        let module = module_of(&file.path);
        let own = paths(&module, &sources.children(&module), &self.rest).into_iter();
        let named: BTreeSet<&str> = words(&self.rest).map(|(_, word)| word).collect();
        let used = self.inside.iter().filter(|(found, is_public)| !is_public || named.contains(&*found.name));
        own.chain(used.map(|(found, _)| found.clone())).map(|found| found.path).collect()
    }
}

/// The file or `mod.rs` in which the target of a path is defined, as the names of the nodes from
/// the top; the directory's nodes alone if it lies outside the crate.
fn node_of(sources: &Sources, modules: &Modules, path: &[String], depth: usize) -> Vec<String> {
    const MOST_RE_EXPORTS: usize = 8;
    let mut node: Vec<&str> = Vec::new();
    for name in path {
        if sources.has_child(&node, name) {
            node.push(name);
            continue;
        }
        let Some(declarations) = modules.get(&node.join("/")) else {
            break;
        };
        if let Some((found, _)) = declarations.inside.iter().find(|(found, _)| found.name == *name) {
            if depth < MOST_RE_EXPORTS {
                return node_of(sources, modules, &found.path, depth + 1);
            }
        } else if !declarations.outside.contains(name) {
            node.push(MOD);
        }
        break;
    }
    node.into_iter().map(str::to_owned).collect()
}

/// The sets of two and more nodes that reach each other.
fn circles(edges: &BTreeMap<(String, String), String>) -> Vec<BTreeSet<&str>> {
    let reach = |start: &str| -> BTreeSet<&str> {
        let (mut reached, mut open) = (BTreeSet::new(), vec![start.to_owned()]);
        while let Some(from) = open.pop() {
            for (_, to) in edges.keys().filter(|(a, _)| *a == from) {
                if reached.insert(to.as_str()) {
                    open.push(to.clone());
                }
            }
        }
        reached
    };
    let nodes: BTreeSet<&str> = edges.keys().map(|(from, _)| from.as_str()).collect();
    let reached: BTreeMap<&str, BTreeSet<&str>> = nodes.iter().map(|node| (*node, reach(node))).collect();
    let mut circles: Vec<BTreeSet<&str>> = Vec::new();
    for (node, others) in &reached {
        let is_mutual = |other: &&&str| reached.get(**other).is_some_and(|back| back.contains(node));
        let circle: BTreeSet<&str> = others.iter().filter(is_mutual).copied().collect();
        if circle.len() > 1 && !circles.contains(&circle) {
            circles.push(circle);
        }
    }
    circles
}

#[test]
fn the_files_of_a_module_form_no_circle() {
    let sources = Sources::read();
    let graphs = graphs(&sources);
    let mut problems = Vec::new();
    for (directory, edges) in &graphs {
        for circle in circles(edges) {
            let is_listed = CIRCLES.iter().any(|(listed, nodes, _)| {
                listed == directory && circle.iter().all(|node| nodes.contains(node))
            });
            if !is_listed {
                let inside = |(from, to): &(String, String)| {
                    circle.contains(from.as_str()) && circle.contains(to.as_str())
                };
                let shown: Vec<&str> =
                    edges.iter().filter(|(edge, _)| inside(edge)).map(|(_, shown)| shown.as_str()).collect();
                problems.push(format!("{directory}: {circle:?}\n    {}", shown.join("\n    ")));
            }
        }
    }
    assert_no_problems(&problems);
}

#[test]
fn a_listed_circle_exists() {
    let sources = Sources::read();
    let graphs = graphs(&sources);
    let mut problems = Vec::new();
    for (directory, nodes, reason) in CIRCLES {
        let found = graphs.get(*directory).map(circles).unwrap_or_default();
        if !found.iter().any(|circle| circle.iter().copied().eq(nodes.iter().copied())) {
            problems.push(format!("{directory}: {nodes:?} is no circle any more ({reason})"));
        }
    }
    assert_no_problems(&problems);
}

#[test]
fn a_circle_is_found_however_it_is_imported() {
    let found = |files: &[(&str, &str)]| {
        let sources = Sources::new(files.iter().map(|(path, text)| Source::new(path, text)));
        let graphs = graphs(&sources);
        let found = graphs.iter().flat_map(|(directory, edges)| {
            circles(edges).into_iter().map(move |circle| {
                format!("{directory}: {}", circle.into_iter().collect::<Vec<_>>().join(" "))
            })
        });
        found.collect::<Vec<_>>()
    };
    let declare = ("tcp/mod.rs", "mod a;\nmod b;\npub use a::A;\npub(crate) use b::{B, C as D};");
    let (a, b) = (("tcp/a.rs", "use super::D;"), ("tcp/b.rs", "use crate::tcp::a::A;"));
    assert_eq!(found(&[declare, a, b]), ["tcp: a b"], "through a re-export");
    assert_eq!(found(&[declare, a, ("tcp/b.rs", "use crate::base::Span;")]), [""; 0]);
    assert_eq!(found(&[declare, ("tcp/a.rs", "fn f() { super::b::g() }"), b]), ["tcp: a b"], "without a use");
    let test = ("tcp/a.rs", "#[cfg(test)]\nmod tests { use super::super::b::B; }");
    assert_eq!(found(&[declare, test, b]), [""; 0], "tests may use anything");
    let code = ("tcp/mod.rs", "mod a;\nuse a::A;\npub struct End(A);");
    assert_eq!(found(&[code, ("tcp/a.rs", "use super::End;")]), ["tcp: a mod"], "a mod.rs with code");
    let used = ("tcp/mod.rs", "mod a;\npub use a::A;\npub struct End(A);");
    assert_eq!(found(&[used, ("tcp/a.rs", "use super::End;")]), ["tcp: a mod"], "a re-export that is used");
    let outside = ("tcp/mod.rs", "mod a;\nuse a::A;\nuse bytes::Bytes;\nfn f(a: A) {}");
    assert_eq!(found(&[outside, ("tcp/a.rs", "use super::Bytes;")]), [""; 0], "defined outside the crate");
    let (inner, outer) = (("tcp/half/x.rs", "use super::super::a::A;"), ("tcp/a.rs", "use super::half::X;"));
    assert_eq!(found(&[declare, inner, outer]), ["tcp: a half"], "a directory is one node");
    let (x, y) = (("tcp/half/x.rs", "use super::y::Y;"), ("tcp/half/y.rs", "use super::x::X;"));
    assert_eq!(found(&[declare, x, y]), ["tcp/half: x y"], "and has a graph of its own");
}
