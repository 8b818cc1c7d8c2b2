//! The types of members of objects, as the schema of MCP has them.

use super::outline::Outline;
use crate::base::text;

/// The type of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Text,
    Number,
    Flag,
    Object,
    List,
}

impl Type {
    fn fits(self, value: &Outline<'_>) -> bool {
        matches!(
            (self, value),
            (Self::Text, Outline::Text(_))
                | (Self::Number, Outline::Number)
                | (Self::Flag, Outline::Flag)
                | (Self::Object, Outline::Object(_))
                | (Self::List, Outline::List(_))
        )
    }

    fn name(self) -> &'static str {
        match self {
            Self::Text => "a string",
            Self::Number => "a number",
            Self::Flag => "a boolean",
            Self::Object => "an object",
            Self::List => "an array",
        }
    }
}

/// A member of an object, and whether it has to be there.
pub(super) type Member = (&'static str, Type, bool);

/// A URI with a name, in lists of resources and in results of tools.
pub(super) const RESOURCE: &[Member] = &[
    ("uri", Type::Text, true),
    ("name", Type::Text, true),
    ("title", Type::Text, false),
    ("description", Type::Text, false),
    ("mimeType", Type::Text, false),
    ("size", Type::Number, false),
    ("annotations", Type::Object, false),
    ("icons", Type::List, false),
    ("_meta", Type::Object, false),
];

/// Describes the first member of another type, or one that is missing; `None` if all are right.
pub(super) fn find_wrong_member(object: &Outline<'_>, members: &[Member]) -> Option<String> {
    members.iter().find_map(|(name, kind, is_due)| {
        let value = object.get(name);
        let is_right = value.map_or(!is_due, |value| kind.fits(value));
        (!is_right).then(|| describe_mismatch(name, value, *kind))
    })
}

/// Describes which type a member has, and which it must have.
pub(super) fn describe_mismatch(name: &str, value: Option<&Outline<'_>>, expected: Type) -> String {
    let found = value.map_or("missing", Outline::kind);
    format!("{name} is {found}, {} is due", expected.name())
}

/// Describes the first wrong item of an array that the object must have; `None` if all are right.
/// Items must be objects.
pub(super) fn find_wrong_item(
    object: &Outline<'_>,
    name: &str,
    wrong: impl Fn(&Outline<'_>) -> Option<String>,
) -> Option<String> {
    let Some(items) = object.get(name).and_then(Outline::items) else {
        return Some(describe_mismatch(name, object.get(name), Type::List));
    };
    let of_item = |item: &Outline<'_>| match item {
        Outline::Object(_) => wrong(item),
        other => Some(format!("it is {}, {} is due", other.kind(), Type::Object.name())),
    };
    items.iter().enumerate().find_map(|(at, item)| {
        let label = ["name", "type"].iter().find_map(|label| item.get(label)?.as_str());
        let label = label.map_or_else(String::new, |label| format!(" ({})", text::kept_name(label)));
        of_item(item).map(|wrong| format!("{name}[{at}]{label}: {wrong}"))
    })
}
