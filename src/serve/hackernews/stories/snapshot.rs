//! The snapshot in the binary: invented stories in the format of the API, the same on every machine
//! without a network.

use std::{collections::HashMap, sync::Arc};

use serde::Deserialize;
use serde_json::Value;

use super::super::item::Item;
use super::{List, StoriesError};

/// Items and lists.
#[derive(Debug)]
pub(super) struct Snapshot {
    items: HashMap<u64, Arc<Item>>,
    top: Arc<[u64]>,
    new: Arc<[u64]>,
    best: Arc<[u64]>,
}

const EMBEDDED: &str = include_str!("snapshot.json");

#[derive(Deserialize)]
struct File {
    items: Vec<Value>,
    lists: Lists,
}

#[derive(Deserialize)]
struct Lists {
    topstories: Vec<u64>,
    newstories: Vec<u64>,
    beststories: Vec<u64>,
}

impl Snapshot {
    /// Parses the embedded file.
    pub(super) fn embedded() -> Result<Self, StoriesError> {
        let file: File =
            serde_json::from_str(EMBEDDED).map_err(|error| StoriesError::Snapshot(error.to_string()))?;
        let items = file.items.into_iter().filter_map(Item::new);
        Ok(Self {
            items: items.map(|item| (item.id(), Arc::new(item))).collect(),
            top: file.lists.topstories.into(),
            new: file.lists.newstories.into(),
            best: file.lists.beststories.into(),
        })
    }

    pub(super) fn ids(&self, list: List) -> Arc<[u64]> {
        let ids = match list {
            List::Top => &self.top,
            List::New => &self.new,
            List::Best => &self.best,
        };
        Arc::clone(ids)
    }

    pub(super) fn item(&self, id: u64) -> Option<Arc<Item>> {
        self.items.get(&id).map(Arc::clone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> Value {
        serde_json::from_str(EMBEDDED).unwrap()
    }

    fn ids_of(value: &Value) -> Vec<u64> {
        value.as_array().into_iter().flatten().map(|id| id.as_u64().unwrap()).collect()
    }

    #[test]
    fn it_has_stories_of_every_kind() {
        let file = file();
        let items = file["items"].as_array().unwrap();
        let count = |member: &str, value: &str| items.iter().filter(|item| item[member] == value).count();
        assert!(count("type", "story") >= 60);
        assert!(count("type", "job") >= 3);
        assert!(count("type", "comment") >= 60);
        assert!(items.iter().any(|item| item["type"] == "story" && item.get("text").is_some()));
        let full = ["by", "descendants", "id", "kids", "score", "time", "title", "type", "url"];
        assert!(items.iter().any(|item| item.as_object().unwrap().keys().eq(full)));
    }

    /// Every listed id has an item, and the numbers of comments are right.
    #[test]
    fn the_snapshot_is_consistent() {
        let (snapshot, file) = (Snapshot::embedded().unwrap(), file());
        let items = file["items"].as_array().unwrap();
        assert_eq!(snapshot.items.len(), items.len(), "an item is invalid or duplicate");
        for list in List::ALL {
            let ids = snapshot.ids(list);
            assert!(ids.len() >= 60, "{}", list.name());
            assert!(ids.iter().all(|id| snapshot.item(*id).is_some()), "{}", list.name());
        }
        fn below(id: u64, of: &HashMap<u64, Vec<u64>>) -> u64 {
            of[&id].iter().map(|kid| 1 + below(*kid, of)).sum()
        }
        let kids = items.iter().map(|item| (item["id"].as_u64().unwrap(), ids_of(&item["kids"])));
        let kids: HashMap<_, _> = kids.collect();
        for item in items {
            let id = item["id"].as_u64().unwrap();
            if let Some(descendants) = item["descendants"].as_u64() {
                assert_eq!(descendants, below(id, &kids), "descendants of {id}");
            }
            if let Some(parent) = item["parent"].as_u64() {
                assert!(kids[&parent].contains(&id), "{id} is no kid of its parent");
            }
        }
    }

    /// Reserved names only (RFC 2606 section 3).
    #[test]
    fn urls_use_reserved_names() {
        let file = file();
        for url in file["items"].as_array().unwrap().iter().filter_map(|item| item["url"].as_str()) {
            let host = url.trim_start_matches("https://").split('/').next().unwrap();
            assert!(host.split('.').any(|label| label == "example"), "{url}");
        }
    }
}
