//! Attributes of spans, logs and series.

use super::fields::{Field, Fields};
use crate::base::sanitize;
use crate::export::meter::Labels;
use crate::export::meter::names::attribute;

/// The longest text of an attribute, a status or a body, in bytes.
const MAX_TEXT: usize = 1_024;

/// The longest target in the name of a span, in bytes.
const MAX_NAME: usize = 128;

/// Cuts texts from traffic, and counts how many were cut. Credentials in them are masked.
#[derive(Debug, Default)]
pub(super) struct Texts {
    pub(super) cut: u64,
}

impl Texts {
    /// Returns a text for an attribute.
    pub(super) fn text(&mut self, text: &str) -> String {
        self.cut_to(MAX_TEXT, text)
    }

    /// Returns a part of the name of a span.
    pub(super) fn name(&mut self, name: &str) -> String {
        self.cut_to(MAX_NAME, name)
    }

    fn cut_to(&mut self, limit: usize, text: &str) -> String {
        let mut clean = sanitize::clean(text);
        if clean.len() > limit {
            clean.truncate(clean.floor_char_boundary(limit));
            self.cut += 1;
        }
        clean
    }
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Text(String),
    Word(&'static str),
    Int(i64),
    Double(f64),
    Boolean(bool),
    Words(Vec<&'static str>),
}

/// A list of attributes.
#[derive(Debug, Default)]
pub(super) struct Attributes(Vec<(&'static str, Value)>);

impl Attributes {
    pub(super) fn word(&mut self, key: &'static str, word: Option<&'static str>) {
        self.0.extend(word.map(|word| (key, Value::Word(word))));
    }

    pub(super) fn text(&mut self, key: &'static str, text: Option<String>) {
        self.0.extend(text.map(|text| (key, Value::Text(text))));
    }

    pub(super) fn number(&mut self, key: &'static str, number: Option<u64>) {
        let number = number.map(|number| i64::try_from(number).unwrap_or(i64::MAX));
        self.0.extend(number.map(|number| (key, Value::Int(number))));
    }

    /// A duration in seconds.
    pub(super) fn seconds(&mut self, key: &'static str, ns: Option<i64>) {
        self.0.extend(ns.map(|ns| (key, Value::Double(ns as f64 / 1e9))));
    }

    /// Words; left out if there are none.
    pub(super) fn words(&mut self, key: &'static str, words: impl Iterator<Item = &'static str>) {
        let words: Vec<_> = words.collect();
        if !words.is_empty() {
            self.0.push((key, Value::Words(words)));
        }
    }

    /// The attributes of a series.
    pub(super) fn of(labels: &Labels) -> Self {
        let value = |key: &str, text: &str| match key {
            attribute::SERVER_PORT => text.parse().map_or_else(|_| Value::Text(text.to_owned()), Value::Int),
            attribute::OVERFLOW => Value::Boolean(true),
            _ => Value::Text(text.to_owned()),
        };
        Self(labels.iter().map(|(key, text)| (key, value(key, text))).collect())
    }

    /// Writes them as a field `repeated KeyValue`.
    pub(super) fn write(&self, fields: &mut Fields, field: Field) {
        fields.each(field, &self.0, |pair, (key, value)| {
            pair.text(Field("key", 1), key);
            pair.message(Field("value", 2), |any| write_value(any, value));
        });
    }
}

/// Writes attributes whose keys are not known beforehand.
pub(super) fn write_pairs(fields: &mut Fields, field: Field, pairs: &[(String, String)]) {
    fields.each(field, pairs, |pair, (key, value)| {
        pair.text(Field("key", 1), key);
        pair.message(Field("value", 2), |any| any.full_text(Field("stringValue", 1), value));
    });
}

/// Writes the fields of an `AnyValue`.
pub(super) fn write_value(any: &mut Fields, value: &Value) {
    match value {
        Value::Text(text) => any.full_text(Field("stringValue", 1), text),
        Value::Word(word) => any.full_text(Field("stringValue", 1), word),
        Value::Boolean(is) => any.boolean(Field("boolValue", 2), *is),
        Value::Int(number) => any.int64(Field("intValue", 3), *number),
        Value::Double(number) => any.double(Field("doubleValue", 4), *number),
        Value::Words(words) => any.message(Field("arrayValue", 5), |array| {
            array.each(Field("values", 1), words, |any, word| any.full_text(Field("stringValue", 1), word));
        }),
    }
}
