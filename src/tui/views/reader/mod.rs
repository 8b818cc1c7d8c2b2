//! A viewer for a document: scrolling, folding, search, a long string in full, and the bytes as
//! captured.

mod document_reader;
mod hex;
mod value;

pub(super) use document_reader::DocumentReader;
