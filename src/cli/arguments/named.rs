//! Values that are named on the command line.

use clap::builder::{PossibleValuesParser, TypedValueParser};

/// Parses the names of values: those of a layer's enum, which knows nothing of clap.
pub(super) fn named<T: Copy + Send + Sync + 'static>(
    values: &'static [T],
    name: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(values.iter().map(|value| name(*value))).try_map(move |word| {
        let value = values.iter().find(|value| name(**value) == word);
        value.copied().ok_or("not a possible value")
    })
}
