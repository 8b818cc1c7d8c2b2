//! One item of Hacker News (story, job, comment…), kept as the JSON object from the API.
//!
//! Nothing is added or removed: clients read what the source sent.

use rmcp::model::JsonObject;
use serde_json::Value;

/// An item: an object with a numeric `id`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Item {
    id: u64,
    object: JsonObject,
}

impl Item {
    /// Creates an item; `None` if `value` is not an object with a positive integer `id` (the API
    /// answers `null` for unknown ids).
    pub(super) fn new(value: Value) -> Option<Self> {
        let Value::Object(object) = value else { return None };
        let id = object.get("id")?.as_u64()?;
        Some(Self { id, object })
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// Returns the item as one line of JSON, members in the order of the source (alphabetical, as
    /// the API writes them).
    pub(super) fn to_json(&self) -> String {
        Value::Object(self.object.clone()).to_string()
    }

    /// Returns the title; for a comment, which has none, its type and id.
    pub(super) fn title(&self) -> String {
        match self.text_of("title") {
            Some(title) => title.to_owned(),
            None => format!("{} {}", self.text_of("type").unwrap_or("item"), self.id),
        }
    }

    /// Returns the author; `None` for a deleted item.
    pub(super) fn by(&self) -> Option<&str> {
        self.text_of("by")
    }

    /// Returns the points; 0 for comments.
    pub(super) fn score(&self) -> i64 {
        self.object.get("score").and_then(Value::as_i64).unwrap_or(0)
    }

    /// Returns in how many of title, text, author and URL `word` (lower case) occurs, the title
    /// weighted most; 0 if nowhere.
    pub(super) fn rank(&self, word: &str) -> u32 {
        let weights = [("title", 4), ("text", 2), ("by", 2), ("url", 1)];
        let found = weights.into_iter().filter(|(member, _)| {
            self.text_of(member).is_some_and(|text| text.to_lowercase().contains(word))
        });
        found.map(|(_, weight)| weight).sum()
    }

    fn text_of(&self, member: &str) -> Option<&str> {
        self.object.get(member).and_then(Value::as_str)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn other_values_are_not_items() {
        for value in
            [json!(null), json!([]), json!({}), json!({"id": "1"}), json!({"id": -1}), json!({"id": 1.5})]
        {
            assert_eq!(Item::new(value.clone()), None, "{value}");
        }
    }

    #[test]
    fn a_match_in_the_title_ranks_above_one_in_the_url() {
        let item = |title: &str, url: &str| Item::new(json!({"id": 1, "title": title, "url": url})).unwrap();
        assert!(item("Old Clocks", "").rank("clock") > item("", "https://clock.example.com").rank("clock"));
        assert_eq!(item("Old Clocks", "").rank("lamp"), 0);
    }

    #[test]
    fn members_are_written_in_the_order_of_the_source() {
        for text in [r#"{"by":"b","id":7,"kids":[2,1],"url":"u"}"#, r#"{"url":"u","id":7,"by":"b"}"#] {
            let item = Item::new(serde_json::from_str(text).unwrap()).unwrap();
            assert_eq!(item.to_json(), text);
        }
    }

    #[test]
    fn a_comment_is_titled_by_its_id() {
        let item = Item::new(json!({"id": 7, "type": "comment"})).unwrap();
        assert_eq!(item.title(), "comment 7");
    }
}
