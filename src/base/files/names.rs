//! Short names of files that tell them apart.

use std::collections::BTreeMap;

/// Returns the base names of files; where two are alike, as many directories as tell them apart. A
/// file that is named twice has a number behind its name: `a.pcap#2`.
pub(super) fn short(paths: &[String]) -> Vec<String> {
    let parts: Vec<Vec<&str>> = paths.iter().map(|path| path.split('/').collect()).collect();
    let mut depths = vec![1; paths.len()];
    loop {
        let names: Vec<String> =
            parts.iter().zip(&depths).map(|(parts, depth)| tail(parts, *depth)).collect();
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for name in &names {
            *counts.entry(name).or_default() += 1;
        }
        let mut is_longer = false;
        for ((depth, parts), name) in depths.iter_mut().zip(&parts).zip(&names) {
            if counts.get(name.as_str()).is_some_and(|count| *count > 1) && *depth < parts.len() {
                *depth += 1;
                is_longer = true;
            }
        }
        if !is_longer {
            return numbered(names);
        }
    }
}

fn tail(parts: &[&str], depth: usize) -> String {
    parts.get(parts.len().saturating_sub(depth)..).unwrap_or_default().join("/")
}

fn numbered(names: Vec<String>) -> Vec<String> {
    let mut copies: BTreeMap<String, usize> = BTreeMap::new();
    let mut number = |name: String| {
        let copy = copies.entry(name.clone()).or_default();
        *copy += 1;
        if *copy == 1 { name } else { format!("{name}#{copy}") }
    };
    names.into_iter().map(&mut number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_short_as_tells_them_apart() {
        let names = |paths: &[&str]| short(&paths.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>());
        assert_eq!(names(&["/tmp/a.pcap", "b.pcap", "-"]), ["a.pcap", "b.pcap", "-"]);
        assert_eq!(names(&["x/1/a.pcap", "y/1/a.pcap", "x/b.pcap"]), ["x/1/a.pcap", "y/1/a.pcap", "b.pcap"]);
        assert_eq!(names(&["x/a.pcap", "a.pcap"]), ["x/a.pcap", "a.pcap"]);
        assert_eq!(names(&["x/a.pcap", "x/a.pcap", "b.pcap"]), ["x/a.pcap", "x/a.pcap#2", "b.pcap"]);
        assert_eq!(names(&["a.pcap", "a.pcap", "a.pcap"]), ["a.pcap", "a.pcap#2", "a.pcap#3"]);
    }
}
