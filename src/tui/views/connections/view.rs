//! The view of connections: the table, or in its place the open connection.

use ratatui::layout::Rect;

use crate::ledger::ConnectionFact;
use crate::tui::action::{Action, KeyContext};
use crate::tui::config::Config;
use crate::tui::effect::{CopyMenu, Effect};
use crate::tui::frame_info::{FrameInfo, Hit, Pane};
use crate::tui::model::Model;
use crate::tui::painter::Painter;
use crate::tui::view_name::ViewName;
use crate::tui::views::table_view::{TableKind, TableView};
use crate::tui::views::view::View;

use super::open_connection::OpenConnection;

/// View of the TCP connections.
#[derive(Debug)]
pub(in crate::tui::views) struct Connections {
    table: TableView<ConnectionFact>,
    open: Option<OpenConnection>,
}

impl View for Connections {
    fn new(config: &Config, model: &Model) -> Self {
        Self { table: TableView::new(config, model), open: None }
    }

    fn name(&self) -> ViewName {
        ViewName::Connections
    }

    fn draw(&self, model: &Model, area: Rect, painter: &mut Painter<'_>) {
        match &self.open {
            Some(open) => open.draw(area, painter),
            None => self.table.draw(model, area, painter),
        }
    }

    fn handle_action(&mut self, action: Action, model: &mut Model, frame: &FrameInfo) -> Option<Vec<Effect>> {
        if let Some(open) = &mut self.open {
            if action == Action::Back {
                self.open = None;
                return Some(Vec::new());
            }
            return open.handle_action(action, frame);
        }
        self.table.refresh(model);
        match action {
            Action::Open => {
                let Some(fact) = self.table.selected(model) else { return Some(vec![Effect::Bell]) };
                self.open = Some(OpenConnection::new(fact.clone()));
                let tcp_stream = fact.tcp_stream;
                Some(vec![Effect::Inspect(tcp_stream)])
            }
            Action::Partner => {
                let filter = self.table.selected(model).map(|fact| model.filter_with(&fact.filter()));
                Some(filter.map_or(vec![Effect::Bell], |text| vec![Effect::Filter(text)]))
            }
            action => self.table.handle_action(action, model, frame),
        }
    }

    fn handle_click(&mut self, hit: Hit, model: &mut Model, frame: &FrameInfo) -> Vec<Effect> {
        match &mut self.open {
            Some(open) => {
                open.handle_click(hit);
                Vec::new()
            }
            None => self.table.handle_click(hit, model, frame),
        }
    }

    fn handle_wheel(&mut self, pane: Pane, down: bool, model: &mut Model, frame: &FrameInfo) {
        match &mut self.open {
            Some(open) => open.handle_wheel(down, frame),
            None => self.table.handle_wheel(pane, down, model, frame),
        }
    }

    fn refresh(&mut self, model: &mut Model) {
        match &mut self.open {
            Some(open) => {
                if let Some(inspected) = model.take_inspected(open.tcp_stream()) {
                    open.set_packets(inspected);
                }
            }
            None => self.table.refresh(model),
        }
    }

    fn uses_filter(&self) -> bool {
        self.open.is_none()
    }

    fn supports(&self, action: Action) -> bool {
        let of_list = [Action::Sort, Action::Filter];
        let of_none = [Action::Follow, Action::Search, Action::Fold, Action::Bytes, Action::NextPane];
        !of_none.contains(&action) && (self.open.is_none() || !of_list.contains(&action))
    }

    fn key_context(&self) -> KeyContext {
        if self.open.is_some() { KeyContext::Detail } else { KeyContext::List }
    }

    fn copy_menu(&self, model: &mut Model) -> CopyMenu {
        match &self.open {
            Some(open) => open.copy_menu(model.files()),
            None => self.table.copy_menu(model),
        }
    }

    fn select_connection(&mut self, tcp_stream: u32, model: &mut Model) {
        self.open = None;
        self.table.select_connection(tcp_stream, model);
    }

    fn status(&self, model: &Model) -> String {
        match &self.open {
            Some(open) => open.status(),
            None => self.table.status(model),
        }
    }

    fn help(&self) -> &'static [&'static str] {
        self.table.help()
    }
}
