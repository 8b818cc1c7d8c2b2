//! The fuzz target of the configuration.

use super::config::{Config, Environment};

/// A configuration: it is read, or refused with the number of one of its lines.
pub fn configuration(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Err(error) = Config::parse(&text, Environment::default()) else { return };
    let line = error.strip_prefix("line ").and_then(|rest| rest.split_once(':')).map(|(line, _)| line);
    let line = line.and_then(|line| line.parse::<usize>().ok());
    assert!(line.is_some_and(|line| line > 0 && line <= text.split('\n').count()), "{error}");
}
