//! Texts of servers that read like instructions to a model. A guess: such words stand in harmless
//! texts, too.

/// Words of attacks that were published, in lower case.
const WORDS: [&str; 14] = [
    "ignore previous instructions",
    "ignore all previous",
    "ignore the previous",
    "disregard previous",
    "disregard all previous",
    "do not tell the user",
    "don't tell the user",
    "do not mention this",
    "without telling the user",
    "hide this from the user",
    "<important>",
    "</important>",
    "reveal your system prompt",
    "before using any other tool",
];

/// The first such words in a text; `None` if it has none.
pub(super) fn find(bytes: &[u8]) -> Option<&'static str> {
    let text = String::from_utf8_lossy(bytes).to_lowercase();
    // JSON may write angle brackets as escapes.
    let text =
        if text.contains("\\u003c") { text.replace("\\u003c", "<").replace("\\u003e", ">") } else { text };
    WORDS.into_iter().find(|words| text.contains(words))
}
