//! The modes in which keys are not actions of the view: filter line, search line, help, copy menu.

use super::action::Action;
use super::app::{App, Mode, ReturnPoint};
use super::effect::{CopyMenu, Effect, SaveAs};
use super::frame_info::Pane;
use super::help;
use super::key_bindings::KeyPress;
use super::model::SLICE;
use super::occurring_values::occurring_values;
use super::view_name::ViewName;

impl App {
    /// Handles a key in the filter line.
    pub(super) fn filter_key(&mut self, key: KeyPress) -> Vec<Effect> {
        let model = &self.model;
        let occurring = |field: &str, typed: &str| occurring_values(model, field, typed);
        let is_known = match key.to_string().as_str() {
            "enter" => return self.enter_filter(),
            "esc" => {
                self.filter.set(self.model.filter().text());
                self.mode = Mode::View;
                true
            }
            "tab" => self.filter.complete(false, occurring),
            "shift-tab" => self.filter.complete(true, occurring),
            "up" => {
                self.filter.recall(true);
                true
            }
            "down" => {
                self.filter.recall(false);
                true
            }
            _ => self.filter.key(key),
        };
        if is_known { Vec::new() } else { vec![Effect::Bell] }
    }

    /// Applies the typed filter and leaves the filter line, if the filter is valid.
    fn enter_filter(&mut self) -> Vec<Effect> {
        if self.filter.filter().is_err() {
            return vec![Effect::Bell];
        }
        let new = self.filter.add_to_history().map(str::to_owned);
        self.origin = None;
        // The overview is that of the whole capture: what the filter finds is shown.
        if self.current == ViewName::Overview && !self.filter.text().trim().is_empty() {
            let filter = self.model.filter().text().to_owned();
            self.origin = Some(ReturnPoint { from: self.current, filter, opens: false });
            self.current = ViewName::Exchanges;
        }
        self.apply_filter();
        self.mode = Mode::View;
        new.map(Effect::SaveFilter).into_iter().collect()
    }

    /// Applies the text of the filter line, if it is a valid filter.
    pub(super) fn apply_filter(&mut self) {
        if let Ok(filter) = self.filter.filter() {
            self.model.set_filter(filter);
            // A short list is complete at once.
            self.model.scan_exchanges(SLICE);
        }
    }

    /// Handles a key in the search line: searches while the text is typed.
    pub(super) fn search_key(&mut self, key: KeyPress) -> Vec<Effect> {
        match key.to_string().as_str() {
            "enter" => {
                self.search.add_to_history();
                self.mode = Mode::View;
            }
            "esc" => {
                self.search.set("");
                self.mode = Mode::View;
            }
            "up" => self.search.recall(true),
            "down" => self.search.recall(false),
            _ => drop(self.search.key(key)),
        }
        let text = self.search.text().to_owned();
        let found = self.with_view(|view, _, _| view.search(&text)).flatten();
        match (found, text.is_empty()) {
            (_, true) => Vec::new(),
            (Some(0), _) => vec![Effect::ShowMessage("not found".to_owned())],
            (Some(matches), _) => vec![Effect::ShowMessage(format!("{matches} found; n: next, N: previous"))],
            (None, _) => vec![Effect::ShowMessage("nothing to search here".to_owned())],
        }
    }

    /// Handles a key while the help is shown.
    pub(super) fn help_key(&mut self, action: Option<Action>) -> Vec<Effect> {
        let rows = help::lines(self).len();
        let lines = self.frame.visible_rows(Pane::Detail);
        if let (Mode::Help(list), Some(action)) = (&mut self.mode, action)
            && help::scroll(list, action, lines, rows)
        {
            return Vec::new();
        }
        match action {
            Some(Action::Help | Action::Back | Action::Open) => self.mode = Mode::View,
            _ => return vec![Effect::Bell],
        }
        Vec::new()
    }

    /// Opens the copy menu of the selection.
    pub(super) fn open_copy_menu(&mut self) -> Vec<Effect> {
        let menu = self.with_view(|view, model, _| view.copy_menu(model)).unwrap_or_default();
        if menu.choices.is_empty() {
            return vec![Effect::Bell, Effect::ShowMessage("nothing to copy".to_owned())];
        }
        if self.model.is_private() {
            return vec![
                Effect::Bell,
                Effect::ShowMessage("cannot copy while ids and payloads are masked (P unmasks)".to_owned()),
            ];
        }
        self.mode = Mode::Copy(menu);
        Vec::new()
    }

    /// Closes the copy menu; copies if the key is one of its choices.
    pub(super) fn copy_key(&mut self, key: KeyPress) -> Vec<Effect> {
        let Mode::Copy(menu) = std::mem::take(&mut self.mode) else { return Vec::new() };
        let chosen = menu.choices.into_iter().find(|choice| key.typed() == Some(choice.key));
        chosen.map_or_else(Vec::new, |choice| {
            let message = format!("copied: {}, {} bytes", choice.name, choice.text.len());
            vec![Effect::Copy(choice.text), Effect::ShowMessage(message)]
        })
    }

    /// Opens the menu of what can be saved.
    pub(super) fn open_save_menu(&mut self) -> Vec<Effect> {
        if self.model.is_private() {
            let why = "cannot save while ids and payloads are masked (P unmasks)";
            return vec![Effect::Bell, Effect::ShowMessage(why.to_owned())];
        }
        let menu = SaveAs::ALL
            .into_iter()
            .fold(CopyMenu::default(), |menu, (_, key, name, what)| menu.with(key, name, what));
        self.mode = Mode::Save(menu);
        Vec::new()
    }

    /// Closes the menu; saves if the key is one of its choices.
    pub(super) fn save_key(&mut self, key: KeyPress) -> Vec<Effect> {
        self.mode = Mode::View;
        let chosen = SaveAs::ALL.into_iter().find(|(_, letter, ..)| key.typed() == Some(*letter));
        chosen.map_or_else(Vec::new, |(save_as, ..)| {
            let filter = self.model.filter().text().to_owned();
            vec![Effect::ShowMessage("saving...".to_owned()), Effect::Save(save_as, filter)]
        })
    }

    /// Pastes text into the filter or search line.
    pub(super) fn paste(&mut self, text: &str) -> Vec<Effect> {
        match self.mode {
            Mode::Filter => self.filter.paste(text),
            Mode::Search => self.search.paste(text),
            _ => return vec![Effect::Bell],
        }
        Vec::new()
    }
}
