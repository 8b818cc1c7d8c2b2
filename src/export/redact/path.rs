//! Paths of JSON that say what is masked: a part of RFC 9535.

/// A step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    /// Whether it may be any number of levels deeper (`..`).
    is_descendant: bool,
    selector: Selector,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Selector {
    Name(String),
    Index(usize),
    Any,
}

/// A path: `$`, then at least one of `.name`, `['name']`, `[0]`, `[*]`, `.*`, each also after `..`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Path(Vec<Step>);

/// A member of an object, or an element of an array.
#[derive(Clone, Copy, Debug)]
pub(super) enum Child<'a> {
    Member(&'a str),
    Element(usize),
}

impl Path {
    /// Parses a path.
    ///
    /// # Errors
    /// What is not understood, and what is.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let help = "expected steps such as .name, ['name'], [0], [*] or ..name";
        let mut rest = text.strip_prefix('$').ok_or_else(|| format!("{text:?} does not begin with $"))?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let is_descendant = rest.starts_with("..");
            let after = rest.trim_start_matches('.');
            let dots = rest.len() - after.len();
            let (selector, left) = match after.strip_prefix('[') {
                Some(inside) if dots == 0 || is_descendant => bracketed(inside),
                None if dots == 1 || dots == 2 => named(after),
                _ => None,
            }
            .ok_or_else(|| format!("{rest:?} in {text:?} is not understood: {help}"))?;
            steps.push(Step { is_descendant, selector });
            rest = left;
        }
        if steps.is_empty() {
            return Err(format!("{text:?} is the whole message: {help}"));
        }
        Ok(Self(steps))
    }

    /// Returns where a child stands that is reached from this place: whether the path ends there,
    /// and the places that lead on. A place is the number of steps that were taken.
    pub(super) fn advance(&self, place: usize, child: Child<'_>, on: &mut Vec<usize>) -> bool {
        let Some(step) = self.0.get(place) else { return false };
        let fits = match (&step.selector, child) {
            (Selector::Any, _) => true,
            (Selector::Name(name), Child::Member(member)) => name == member,
            (Selector::Index(index), Child::Element(element)) => *index == element,
            (Selector::Name(_), Child::Element(_)) | (Selector::Index(_), Child::Member(_)) => false,
        };
        if step.is_descendant {
            on.push(place);
        }
        if fits {
            on.push(place + 1);
        }
        fits && place + 1 == self.0.len()
    }
}

/// A selector before its `]`, and what follows.
fn bracketed(inside: &str) -> Option<(Selector, &str)> {
    if let Some(quote) = inside.chars().next().filter(|c| matches!(c, '\'' | '"')) {
        let (name, left) = inside.get(1..)?.split_once(quote)?;
        return Some((Selector::Name(name.to_owned()), left.strip_prefix(']')?));
    }
    let (selector, left) = inside.split_once(']')?;
    let selector = match selector {
        "*" => Selector::Any,
        digits => Selector::Index(digits.parse().ok()?),
    };
    Some((selector, left))
}

/// A name or `*` after a dot, and what follows.
fn named(after: &str) -> Option<(Selector, &str)> {
    let (name, left) = after.split_at_checked(after.find(['.', '[']).unwrap_or(after.len()))?;
    let is_name = !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || "'\"]?()@".contains(c));
    let selector = if name == "*" { Selector::Any } else { Selector::Name(name.to_owned()) };
    is_name.then_some((selector, left))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_understood_is_named() {
        for text in ["$", "a.b", "$a", "$.", "$...a", "$.a[?@.b]", "$.a[-1]", "$.a['b", "$.a[0:2]", "$.a b"] {
            assert!(Path::parse(text).is_err(), "{text}");
        }
        let error = Path::parse("$.a[?@.b]").unwrap_err();
        assert!(error.contains("[?@.b]") && error.contains("[*]"), "{error}");
        for text in ["$.a", "$['a b']", "$..a[0]", "$.*", "$..[*].x", "$.params.arguments['e.mail']"] {
            assert!(Path::parse(text).is_ok(), "{text}");
        }
    }
}
