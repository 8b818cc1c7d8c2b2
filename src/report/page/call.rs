//! A call: its method, and the tool, prompt or resource.

use super::html::Html;
use crate::base::Side;
use crate::report::label;

/// Adds a method, and the name if it has one.
pub(super) fn write(origin: Side, method: &str, name: Option<&str>, html: &mut Html) {
    html.raw("<span class=\"method\">").text(&label::call(origin, method, None)).raw("</span>");
    if let Some(name) = name {
        html.raw(" <span class=\"name\">").text(name).raw("</span>");
    }
}
