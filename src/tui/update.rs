//! How events and actions change the state, without I/O or a clock. Work for the event loop and the
//! terminal is returned as effects.

use std::time::Duration;

use ratatui::crossterm::event::{KeyEvent, KeyEventKind};

use crate::base::time_style::{TimeFormat, TimeStyle};

use super::action::{Action, KeyContext};
use super::app::{App, Mode, ReturnPoint};
use super::effect::Effect;
use super::event::Event;
use super::key_bindings::KeyPress;
use super::list_state::ListState;
use super::model::SLICE;
use super::view_name::ViewName;

impl App {
    /// Handles an event. Returns the effects for the event loop and the terminal.
    pub fn handle(&mut self, event: Event) -> Vec<Effect> {
        self.dirty = true;
        let effects = match event {
            Event::Key(key) => self.handle_key(key),
            Event::Mouse(mouse) => self.handle_mouse(mouse),
            Event::Paste(text) => self.paste(&text),
            Event::Resize => Vec::new(),
            Event::Batch(batch) => {
                let (entries, claim) = batch.open();
                self.model.push(entries);
                drop(claim);
                self.model
                    .take_store_error()
                    .map_or_else(Vec::new, |what| vec![Effect::Bell, Effect::ShowMessage(what)])
            }
            Event::Loading(loading) => {
                self.model.progress_mut().set_loading(loading);
                Vec::new()
            }
            Event::InProgress(in_progress) => {
                self.model.set_in_progress(*in_progress);
                Vec::new()
            }
            Event::Inspected(read) => {
                self.model.set_inspected(read);
                Vec::new()
            }
            Event::Explained(explanation) => {
                self.model.set_explained(*explanation);
                Vec::new()
            }
            Event::End => {
                self.model.progress_mut().end();
                Vec::new()
            }
            Event::Failed(why) => {
                self.model.progress_mut().fail(why);
                vec![Effect::Bell]
            }
            Event::Done(what) => vec![Effect::ShowMessage(what)],
            Event::Warned(what) => vec![Effect::Bell, Effect::ShowMessage(what)],
            Event::Resumed => vec![Effect::RetakeTerminal],
            Event::Terminate => vec![Effect::Quit],
        };
        self.perform_effects(effects)
    }

    /// Performs an action, as if its key had been pressed.
    pub fn handle_action(&mut self, action: Action) -> Vec<Effect> {
        self.dirty = true;
        let effects = self.perform(action);
        self.perform_effects(effects)
    }

    /// Sets the time that the program has run.
    pub fn tick(&mut self, uptime: Duration) {
        self.model.set_uptime(uptime);
        self.dirty |= self.is_animated();
    }

    /// Does a slice of long work: a new filter, a new order. Returns whether some is left.
    pub fn work(&mut self) -> bool {
        let mut more = false;
        if self.model.is_scanning() {
            self.dirty = true;
            more = self.model.scan_exchanges(SLICE);
        }
        if self.shows_matching_totals() && self.model.is_behind() {
            self.dirty = true;
            more |= self.model.scan_totals(SLICE);
        }
        more
    }

    /// Whether the current view shows totals of what matches the filter.
    fn shows_matching_totals(&self) -> bool {
        self.current_view().is_some_and(|view| view.uses_filter())
    }

    /// Brings the current view up to date. To be called before a frame.
    pub fn refresh(&mut self) {
        self.model.summarize();
        if self.shows_matching_totals() {
            self.model.scan_totals(SLICE);
        }
        self.with_view(|view, model, _| view.refresh(model));
    }

    /// Returns the effect that the last [`App::refresh`] asks for; `None` if it asks for none.
    pub fn take_refresh_effect(&mut self) -> Option<Effect> {
        self.model.take_unexplained().map(|story| Effect::Explain(Box::new(story)))
    }

    /// Shows a message in the footer until the next key.
    pub(super) fn notify(&mut self, text: String) {
        (self.message, self.dirty) = (Some(text), true);
    }

    /// Whether the screen changes with time alone: clock, spinners.
    fn is_animated(&self) -> bool {
        !self.model.is_frozen() && !self.model.has_ended()
    }

    /// Performs the effects that concern the app itself. Returns the others.
    fn perform_effects(&mut self, effects: Vec<Effect>) -> Vec<Effect> {
        let mut outside = Vec::new();
        for effect in effects {
            match effect {
                Effect::ShowView(name) => {
                    self.origin = None;
                    self.show_view(name, &mut outside);
                }
                Effect::OpenExchange(n) => {
                    self.go_to_exchanges(true, &mut outside);
                    self.with_view(|view, model, _| view.open_exchange(n, model));
                }
                Effect::OpenPacket(tcp_stream, packet) => {
                    self.show_view(ViewName::Streams, &mut outside);
                    self.with_view(|view, model, _| view.open_packet(tcp_stream, packet, model));
                }
                Effect::ShowConnection(tcp_stream) => {
                    self.show_view(ViewName::Connections, &mut outside);
                    self.with_view(|view, model, _| view.select_connection(tcp_stream, model));
                }
                Effect::Filter(text) => {
                    self.go_to_exchanges(false, &mut outside);
                    self.filter.set(&text);
                    self.apply_filter();
                }
                Effect::ShowMessage(text) => self.message = Some(text),
                effect => outside.push(effect),
            }
        }
        outside
    }

    fn show_view(&mut self, name: ViewName, outside: &mut Vec<Effect>) {
        if self.has_view(name) {
            self.current = name;
        } else {
            outside.push(Effect::Bell);
        }
    }

    /// Goes to the exchanges, and remembers the view to return to.
    fn go_to_exchanges(&mut self, opens: bool, outside: &mut Vec<Effect>) {
        if self.current != ViewName::Exchanges {
            let filter = self.model.filter().text().to_owned();
            self.origin = Some(ReturnPoint { from: self.current, filter, opens });
        }
        self.show_view(ViewName::Exchanges, outside);
    }

    /// Returns to the view that led to the exchanges, and restores its filter. Returns false if
    /// there is none.
    fn return_to_origin(&mut self) -> bool {
        let Some(origin) = self.origin.take() else { return false };
        self.current = origin.from;
        if origin.filter != self.model.filter().text() {
            self.filter.set(&origin.filter);
            self.apply_filter();
        }
        true
    }

    fn handle_key(&mut self, event: KeyEvent) -> Vec<Effect> {
        if event.kind == KeyEventKind::Release {
            return Vec::new();
        }
        self.message = None;
        let has_asked = std::mem::take(&mut self.has_asked_to_quit);
        let key = KeyPress::from(event);
        let action = self.config.keys.action(key, self.key_context());
        // A typed character is no action. ctrl-c quits and ctrl-z suspends in every mode.
        match action {
            Some(Action::Quit) if key.typed().is_none() => return vec![Effect::Quit],
            Some(Action::Suspend) if key.typed().is_none() => return vec![Effect::Suspend],
            _ => {}
        }
        match &self.mode {
            Mode::View | Mode::Help(_) if action == Some(Action::Quit) => self.quit(has_asked),
            Mode::View => action.map_or_else(Vec::new, |action| self.perform(action)),
            Mode::Filter => self.filter_key(key),
            Mode::Search => self.search_key(key),
            Mode::Help(_) => self.help_key(action),
            Mode::Copy(_) => self.copy_key(key),
            Mode::Save(_) => self.save_key(key),
        }
    }

    /// Quits. For a device it first shows where the packets are kept, and quits when asked again.
    pub(super) fn quit(&mut self, has_asked: bool) -> Vec<Effect> {
        let Some(device) =
            self.model.source().device.as_ref().filter(|_| !has_asked && !self.model.has_ended())
        else {
            return vec![Effect::Quit];
        };
        self.has_asked_to_quit = true;
        vec![Effect::ShowMessage(match &device.written_to {
            Some(kept) => format!("packets are kept in {kept}; quit again to end the capture"),
            None => "packets are not kept (no -w FILE); quit again to end the capture".to_owned(),
        })]
    }

    /// Returns the context in which keys are looked up.
    pub(super) fn key_context(&self) -> KeyContext {
        match self.mode {
            Mode::Help(_) | Mode::Copy(_) | Mode::Save(_) => KeyContext::Anywhere,
            _ => self.current_view().map_or(KeyContext::List, |view| view.key_context()),
        }
    }

    pub(super) fn perform(&mut self, action: Action) -> Vec<Effect> {
        match action {
            Action::Show(name) => vec![Effect::ShowView(name)],
            Action::Quit => vec![Effect::Quit],
            Action::Suspend => vec![Effect::Suspend],
            Action::Help => {
                self.mode = Mode::Help(ListState::default());
                Vec::new()
            }
            Action::NextView | Action::PreviousView => {
                vec![Effect::ShowView(self.adjacent_view(action == Action::NextView))]
            }
            Action::Filter => {
                self.mode = Mode::Filter;
                Vec::new()
            }
            Action::Search => {
                self.mode = Mode::Search;
                Vec::new()
            }
            Action::Freeze => {
                if self.model.is_frozen() {
                    self.model.thaw()
                } else {
                    self.model.freeze()
                }
                Vec::new()
            }
            Action::Privacy => {
                self.model.set_private(!self.model.is_private());
                Vec::new()
            }
            Action::Time => {
                let times = self.model.times();
                let style = times.next_style();
                self.model.set_time_format(TimeFormat { style, ..times.format });
                let what = match style {
                    TimeStyle::Local => "local time",
                    TimeStyle::Relative => "time since the first packet",
                    TimeStyle::Utc | TimeStyle::Epoch => "time of day, UTC",
                };
                vec![Effect::ShowMessage(format!("times: {what}"))]
            }
            Action::Mouse => {
                self.mouse = !self.mouse;
                let message = if self.mouse { "mouse captured" } else { "mouse left to the terminal" };
                vec![Effect::CaptureMouse(self.mouse), Effect::ShowMessage(message.to_owned())]
            }
            Action::Copy => self.open_copy_menu(),
            Action::Save => self.open_save_menu(),
            Action::Back => self.back(),
            other => self.handle_in_view(other).unwrap_or_else(|| vec![Effect::Bell]),
        }
    }

    pub(super) fn handle_in_view(&mut self, action: Action) -> Option<Vec<Effect>> {
        self.with_view(|view, model, frame| view.handle_action(action, model, frame)).flatten()
    }

    /// Clears the search, closes the opened item, returns to the view that led here, or clears the
    /// filter. Never quits.
    fn back(&mut self) -> Vec<Effect> {
        if self.key_context() == KeyContext::List && self.model.stop_search() {
            return vec![Effect::ShowMessage("the search was stopped; what it found stays".to_owned())];
        }
        if !self.search.text().is_empty() {
            self.search.set("");
            self.with_view(|view, _, _| view.search(""));
            return Vec::new();
        }
        if let Some(effects) = self.handle_in_view(Action::Back) {
            // The exchange was opened from another view: the user did not ask for the list.
            if self.origin.as_ref().is_some_and(|origin| origin.opens)
                && self.key_context() == KeyContext::List
            {
                self.return_to_origin();
            }
            return effects;
        }
        if self.return_to_origin() {
            return Vec::new();
        }
        if self.model.filter().is_empty() {
            return vec![Effect::Bell];
        }
        self.filter.set("");
        self.apply_filter();
        Vec::new()
    }

    fn adjacent_view(&self, next: bool) -> ViewName {
        let at = self.views.iter().position(|view| view.name() == self.current).unwrap_or(0);
        let step = if next { 1 } else { self.views.len().saturating_sub(1) };
        let to = (at + step) % self.views.len().max(1);
        self.views.get(to).map_or(self.current, |view| view.name())
    }
}
