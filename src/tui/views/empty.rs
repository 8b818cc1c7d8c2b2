//! The text that is shown in place of an empty list.

use ratatui::layout::Rect;

use crate::base::fact::Speaks;
use crate::base::{sanitize, units};
use crate::ledger::ConnectionCount;
use crate::tui::model::Model;
use crate::tui::painter::Painter;
use crate::tui::theme::Role;

/// Explains why a list is empty. `what` names the items; `any`: some exist, but none passes the
/// filter.
pub(super) fn draw_empty(model: &Model, what: &str, any: bool, area: Rect, painter: &mut Painter<'_>) {
    let lines =
        if any { vec![format!("no {what} matches the filter; esc clears it")] } else { explain(what, model) };
    draw_lines(&lines, Role::Faint, area, painter);
}

/// Explains in lines why there is no `what`: none so far, reading failed, or at the end of a
/// capture what it contains instead.
pub(super) fn explain(what: &str, model: &Model) -> Vec<String> {
    if let Some(why) = model.progress().failure() {
        return vec![format!("reading failed before the first {what}:"), why.to_owned()];
    }
    if !model.has_ended() {
        return vec![format!("waiting for the first {what}...")];
    }
    let front = format!("no {what} in this capture");
    [front].into_iter().chain(describe_traffic(model)).collect()
}

/// Describes in a sentence the connections that are not MCP or cannot be decoded; `None` if all are
/// MCP.
pub(super) fn describe_traffic(model: &Model) -> Option<String> {
    let count = |of: &dyn Fn(&ConnectionCount) -> bool| -> u64 {
        model
            .all()
            .summary()
            .connections
            .iter()
            .filter(|count| of(count))
            .map(|count| count.connections)
            .sum()
    };
    let all = count(&|_| true);
    if all == 0 && model.store().is_empty() {
        return Some(match model.store().capture().packets {
            0 => "it has no packets".to_owned(),
            packets => format!("{} with no TCP connection", units::several(packets, "packet")),
        });
    }
    let unread = count(&|count| count.speaks == Speaks::Tls && !count.mcp);
    let (carry, them) = if unread == 1 { ("carries", "it") } else { ("carry", "them") };
    match (unread == 0, model.store().is_empty()) {
        (false, _) => Some(format!(
            "{} {carry} TLS without its secrets (--tls-keylog FILE); 6 shows {them}",
            units::several(unread, "connection")
        )),
        (true, true) => Some(format!(
            "{} without MCP; 5, 6 and 7 show what there is",
            units::several(all, "TCP connection")
        )),
        (true, false) => None,
    }
}

/// Draws lines in the middle of an area, in place of a list.
pub(super) fn draw_lines(lines: &[String], role: Role, area: Rect, painter: &mut Painter<'_>) {
    for (y, text) in (area.y + area.height / 3..area.bottom()).zip(lines) {
        let columns = sanitize::width(&sanitize::escape(text)).min(area.width.into()) as u16;
        painter.draw_text((area.x + (area.width - columns) / 2, y).into(), columns, role, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::source::Source;

    #[test]
    fn an_empty_list_says_what_the_capture_has() {
        let mut model = Model::new(Source::saved("test"), 0);
        assert_eq!(explain("session", &model), ["waiting for the first session..."]);
        model.progress_mut().end();
        assert_eq!(explain("session", &model), ["no session in this capture", "it has no packets"]);
        let carry = |speaks, connections| ConnectionCount { speaks, connections, ..Default::default() };
        model.all_mut().summary_mut().connections = vec![carry(Speaks::Http1, 3)];
        assert_eq!(
            describe_traffic(&model).unwrap(),
            "3 TCP connections without MCP; 5, 6 and 7 show what there is"
        );
        model.all_mut().summary_mut().connections.push(carry(Speaks::Tls, 1));
        assert_eq!(
            describe_traffic(&model).unwrap(),
            "1 connection carries TLS without its secrets (--tls-keylog FILE); 6 shows it"
        );
        model.all_mut().summary_mut().connections.push(carry(Speaks::Tls, 2));
        let all = "3 connections carry TLS without its secrets (--tls-keylog FILE); 6 shows them";
        assert_eq!(describe_traffic(&model).unwrap(), all);
        model.progress_mut().fail("input/output error".to_owned());
        assert_eq!(explain("session", &model).last().unwrap(), "input/output error");
    }
}
