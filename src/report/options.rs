//! Options that all formats share.

use crate::base::Files;
use crate::why::Limits;

/// Options of a report.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether the text format contains colour escape sequences.
    pub color: bool,
    /// Whether the text format is restricted to ASCII.
    pub ascii: bool,
    /// Names of the inputs as the reader reports them: files, `-` for standard input, or a device.
    pub files: Vec<String>,
    /// Numbers the packets of several files; by default packets are numbered over all.
    pub numbering: Files,
    /// The expression of `--filter`; `None` if everything is reported.
    pub filter: Option<String>,
    /// The limits that ends are compared with: those of the program by default.
    pub limits: Limits,
    /// Width of the text format in columns. Values below 60 count as 60.
    pub width: usize,
    /// Maximum number of rows in each table of the text and Markdown formats. The rest is
    /// summarized as "and N more".
    pub rows: usize,
}

impl Default for Options {
    /// Returns options without colour, for 80 columns and 20 rows.
    fn default() -> Self {
        Self {
            color: false,
            ascii: false,
            files: Vec::new(),
            numbering: Files::default(),
            filter: None,
            limits: Limits::default(),
            width: 80,
            rows: 20,
        }
    }
}
