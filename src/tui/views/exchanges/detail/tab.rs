//! The tabs of an open exchange, and the lines that they show.

use crate::tui::theme::Role;

/// A line as parts with a role each.
pub(super) type Line = Vec<(Role, String)>;

/// The tabs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Tab {
    Why,
    #[default]
    Timeline,
    Request,
    Response,
    Events,
    Http,
    Packets,
    Findings,
}

impl Tab {
    /// The tabs with their titles, in order.
    pub(super) const ALL: [(Self, &'static str); 8] = [
        (Self::Why, "Why"),
        (Self::Timeline, "Timeline"),
        (Self::Request, "Request"),
        (Self::Response, "Response"),
        (Self::Events, "Events"),
        (Self::Http, "HTTP"),
        (Self::Packets, "Packets"),
        (Self::Findings, "Findings"),
    ];
}
