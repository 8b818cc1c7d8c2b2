//! Looking up a value by its name, as given on the command line.

/// A name that no value of its kind has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no {kind} {name:?}: expected {known}")]
pub struct UnknownName {
    /// What was looked for, as in `format`.
    pub kind: &'static str,
    /// The name that was given.
    pub name: String,
    /// The names that exist, separated by commas.
    pub known: String,
}

/// Returns the value among `all` whose name, according to `name_of`, is `name`.
///
/// # Errors
/// No value has this name. The error lists those that exist.
pub(crate) fn find_by_name<T: Copy>(
    kind: &'static str,
    all: &[T],
    name_of: fn(T) -> &'static str,
    name: &str,
) -> Result<T, UnknownName> {
    let found = all.iter().copied().find(|value| name_of(*value) == name);
    found.ok_or_else(|| {
        let known: Vec<_> = all.iter().map(|value| name_of(*value)).collect();
        UnknownName { kind, name: name.to_owned(), known: known.join(", ") }
    })
}
