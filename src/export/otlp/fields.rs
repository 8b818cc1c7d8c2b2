//! Writes the messages of OTLP, in protobuf or in JSON, from one description of their fields.
//!
//! A field is written by its name in JSON and its number in protobuf. JSON is that of OTLP
//! (opentelemetry-proto, "JSON Protobuf Encoding"): ids in hexadecimal digits, 64-bit integers as
//! strings, enumerations as numbers.

use crate::base::{json, units};

/// How messages are spelled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// Protocol Buffers (`application/x-protobuf`).
    #[default]
    Protobuf,
    /// JSON (`application/json`).
    Json,
}

impl Encoding {
    /// Returns the media type.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }
}

/// A field: its name in JSON and its number in protobuf.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field(pub(super) &'static str, pub(super) u32);

/// Wire types of protobuf.
mod wire {
    pub(super) const VARINT: u32 = 0;
    pub(super) const FIXED_64: u32 = 1;
    pub(super) const BYTES: u32 = 2;
    pub(super) const FIXED_32: u32 = 5;
}

/// Fields of a message under construction. Nested messages are written in place.
#[derive(Debug)]
pub(super) struct Fields {
    bytes: Vec<u8>,
    encoding: Encoding,
}

impl Fields {
    /// Returns the message that `write` writes: without its length in protobuf, with its braces in
    /// JSON.
    pub(super) fn message_of(encoding: Encoding, write: impl FnOnce(&mut Self)) -> Vec<u8> {
        let mut fields = Self { bytes: Vec::with_capacity(512), encoding };
        match encoding {
            Encoding::Protobuf => write(&mut fields),
            Encoding::Json => fields.braced(write),
        }
        fields.bytes
    }

    /// A text; one that is empty is left out, which means the same.
    pub(super) fn text(&mut self, field: Field, text: &str) {
        if !text.is_empty() {
            self.full_text(field, text);
        }
    }

    /// A text, written if it is empty, too: where one of several fields must be there.
    pub(super) fn full_text(&mut self, field: Field, text: &str) {
        match self.encoding {
            Encoding::Protobuf => self.length_delimited(field, text.as_bytes()),
            Encoding::Json => {
                self.key(field);
                // A buffer takes everything.
                drop(json::write_string(&mut self.bytes, text));
            }
        }
    }

    /// The bytes of an id.
    pub(super) fn id(&mut self, field: Field, id: &[u8]) {
        match self.encoding {
            Encoding::Protobuf => self.length_delimited(field, id),
            Encoding::Json => {
                self.key(field);
                self.bytes.push(b'"');
                for byte in id {
                    self.bytes.extend_from_slice(format!("{byte:02x}").as_bytes());
                }
                self.bytes.push(b'"');
            }
        }
    }

    /// A `fixed64`.
    pub(super) fn fixed64(&mut self, field: Field, number: u64) {
        match self.encoding {
            Encoding::Protobuf => {
                self.tag(field, wire::FIXED_64);
                self.bytes.extend_from_slice(&number.to_le_bytes());
            }
            Encoding::Json => {
                self.key(field);
                self.quoted_digits(number);
            }
        }
    }

    /// An `sfixed64`.
    pub(super) fn signed_fixed64(&mut self, field: Field, number: i64) {
        match self.encoding {
            Encoding::Protobuf => self.fixed64(field, number.cast_unsigned()),
            Encoding::Json => self.int64(field, number),
        }
    }

    /// An `int64`.
    pub(super) fn int64(&mut self, field: Field, number: i64) {
        match self.encoding {
            Encoding::Protobuf => {
                self.tag(field, wire::VARINT);
                self.varint(number.cast_unsigned());
            }
            Encoding::Json => {
                self.key(field);
                self.bytes.extend_from_slice(format!("\"{number}\"").as_bytes());
            }
        }
    }

    /// A `fixed32`.
    pub(super) fn fixed32(&mut self, field: Field, number: u32) {
        match self.encoding {
            Encoding::Protobuf => {
                self.tag(field, wire::FIXED_32);
                self.bytes.extend_from_slice(&number.to_le_bytes());
            }
            Encoding::Json => self.digits(field, number.into()),
        }
    }

    /// An enumeration.
    pub(super) fn number(&mut self, field: Field, number: u32) {
        match self.encoding {
            Encoding::Protobuf => {
                self.tag(field, wire::VARINT);
                self.varint(number.into());
            }
            Encoding::Json => self.digits(field, number.into()),
        }
    }

    /// An `sint32`.
    pub(super) fn signed32(&mut self, field: Field, number: i32) {
        match self.encoding {
            Encoding::Protobuf => {
                self.tag(field, wire::VARINT);
                self.varint(((number << 1) ^ (number >> 31)).cast_unsigned().into());
            }
            Encoding::Json => self.digits(field, number.into()),
        }
    }

    /// A `bool`.
    pub(super) fn boolean(&mut self, field: Field, is: bool) {
        match self.encoding {
            Encoding::Protobuf => self.number(field, is.into()),
            Encoding::Json => {
                self.key(field);
                self.bytes.extend_from_slice(if is { b"true" } else { b"false" });
            }
        }
    }

    /// A `double`, which is a number.
    pub(super) fn double(&mut self, field: Field, number: f64) {
        match self.encoding {
            Encoding::Protobuf => self.fixed64(field, number.to_bits()),
            Encoding::Json => {
                self.key(field);
                self.bytes.extend_from_slice(format!("{number:?}").as_bytes());
            }
        }
    }

    /// Numbers, packed: `fixed64`.
    pub(super) fn packed_fixed64(&mut self, field: Field, numbers: &[u64]) {
        self.packed(field, numbers, |fields, number| match fields.encoding {
            Encoding::Protobuf => fields.bytes.extend_from_slice(&number.to_le_bytes()),
            Encoding::Json => fields.quoted_digits(*number),
        });
    }

    /// Numbers, packed: `uint64`.
    pub(super) fn packed_uint64(&mut self, field: Field, numbers: &[u64]) {
        self.packed(field, numbers, |fields, number| match fields.encoding {
            Encoding::Protobuf => fields.varint(*number),
            Encoding::Json => fields.quoted_digits(*number),
        });
    }

    /// Numbers, packed: `double`.
    pub(super) fn packed_double(&mut self, field: Field, numbers: &[f64]) {
        self.packed(field, numbers, |fields, number| match fields.encoding {
            Encoding::Protobuf => fields.bytes.extend_from_slice(&number.to_le_bytes()),
            Encoding::Json => fields.bytes.extend_from_slice(format!("{number:?}").as_bytes()),
        });
    }

    /// A message.
    pub(super) fn message(&mut self, field: Field, write: impl FnOnce(&mut Self)) {
        match self.encoding {
            Encoding::Protobuf => {
                self.tag(field, wire::BYTES);
                self.with_length(write);
            }
            Encoding::Json => {
                self.key(field);
                self.braced(write);
            }
        }
    }

    /// A message for each item.
    pub(super) fn each<T>(
        &mut self,
        field: Field,
        items: impl IntoIterator<Item = T>,
        mut write: impl FnMut(&mut Self, T),
    ) {
        match self.encoding {
            Encoding::Protobuf => {
                items.into_iter().for_each(|item| self.message(field, |fields| write(fields, item)));
            }
            Encoding::Json => {
                self.array(field, items, |fields, item| fields.braced(|fields| write(fields, item)));
            }
        }
    }

    /// Messages that are written already, as [`Self::message_of`] returns them.
    pub(super) fn written<'a>(&mut self, field: Field, messages: impl Iterator<Item = &'a [u8]>) {
        match self.encoding {
            Encoding::Protobuf => messages.for_each(|message| self.length_delimited(field, message)),
            Encoding::Json => {
                self.array(field, messages, |fields, message| fields.bytes.extend_from_slice(message));
            }
        }
    }

    fn packed<T>(&mut self, field: Field, numbers: &[T], write: impl Fn(&mut Self, &T)) {
        match self.encoding {
            Encoding::Protobuf => {
                self.tag(field, wire::BYTES);
                self.with_length(|fields| numbers.iter().for_each(|number| write(fields, number)));
            }
            Encoding::Json => {
                self.array(field, numbers, write);
            }
        }
    }

    /// An array of JSON.
    fn array<T>(
        &mut self,
        field: Field,
        items: impl IntoIterator<Item = T>,
        mut write: impl FnMut(&mut Self, T),
    ) {
        self.key(field);
        self.bytes.push(b'[');
        for (at, item) in items.into_iter().enumerate() {
            if at > 0 {
                self.bytes.push(b',');
            }
            write(self, item);
        }
        self.bytes.push(b']');
    }

    fn braced(&mut self, write: impl FnOnce(&mut Self)) {
        self.bytes.push(b'{');
        write(self);
        self.bytes.push(b'}');
    }

    /// Writes the length of what `write` writes, and this.
    fn with_length(&mut self, write: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        write(self);
        let len = self.bytes.len() - start;
        self.varint(len as u64);
        let prefix = self.bytes.len() - start - len;
        if let Some(written) = self.bytes.get_mut(start..) {
            written.rotate_right(prefix);
        }
    }

    fn length_delimited(&mut self, field: Field, bytes: &[u8]) {
        self.tag(field, wire::BYTES);
        self.varint(bytes.len() as u64);
        self.bytes.extend_from_slice(bytes);
    }

    fn tag(&mut self, Field(_, number): Field, wire_type: u32) {
        self.varint((number << 3 | wire_type).into());
    }

    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.bytes.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }

    fn key(&mut self, Field(name, _): Field) {
        if self.bytes.last() != Some(&b'{') {
            self.bytes.push(b',');
        }
        self.bytes.push(b'"');
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.extend_from_slice(b"\":");
    }

    fn digits(&mut self, field: Field, number: i64) {
        self.key(field);
        self.bytes.extend_from_slice(number.to_string().as_bytes());
    }

    fn quoted_digits(&mut self, number: u64) {
        self.bytes.push(b'"');
        units::push_digits(&mut self.bytes, number, 1);
        self.bytes.push(b'"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(write: impl Fn(&mut Fields)) -> (Vec<u8>, String) {
        let json = Fields::message_of(Encoding::Json, &write);
        (Fields::message_of(Encoding::Protobuf, &write), String::from_utf8(json).unwrap())
    }

    #[test]
    fn a_field_is_written_in_both_encodings() {
        let (protobuf, json) = both(|fields| {
            fields.id(Field("id", 1), &[0x0a, 0xff]);
            fields.int64(Field("i", 2), -1);
            fields.signed32(Field("s", 3), -2);
            fields.packed_uint64(Field("p", 4), &[1, 300]);
            fields.boolean(Field("b", 5), true);
            fields.double(Field("d", 6), 0.5);
        });
        assert_eq!(json, r#"{"id":"0aff","i":"-1","s":-2,"p":["1","300"],"b":true,"d":0.5}"#);
        let mut expected = vec![10, 2, 0x0a, 0xff, 16];
        expected.extend([0xff; 9]);
        expected.extend([1, 24, 3, 34, 3, 1, 0xac, 2, 40, 1, 49]);
        expected.extend(0.5_f64.to_le_bytes());
        assert_eq!(protobuf, expected);
    }

    /// A length of more than one byte moves what follows it.
    #[test]
    fn messages_nest() {
        let long = "x".repeat(200);
        let (protobuf, json) = both(|fields| {
            fields.message(Field("a", 1), |a| {
                a.text(Field("t", 2), &long);
                a.each(Field("e", 3), [1, 2], |e, number| e.number(Field("n", 1), number));
            });
            fields.text(Field("empty", 4), "");
        });
        assert_eq!(json, format!(r#"{{"a":{{"t":"{long}","e":[{{"n":1}},{{"n":2}}]}}}}"#));
        let mut inner = vec![18, 0xc8, 1];
        inner.extend(long.as_bytes());
        inner.extend([26, 2, 8, 1, 26, 2, 8, 2]);
        let mut expected = vec![10, 0xd3, 1];
        expected.extend(inner);
        assert_eq!(protobuf, expected);
    }
}
