//! Skills (SEP-2640): two embedded in the binary, with their files as resources and their folders
//! as directories.

use std::collections::BTreeMap;

use rmcp::ErrorData;
use rmcp::model::{
    DIRECTORY_MIME_TYPE, GetSkillResult, ListSkillsResult, ReadResourceDirectoryResult, ReadResourceResult,
    Resource, ResourceContents, Skill, SkillFrontmatter, SkillResource, SkillResources,
};

const SCHEME: &str = "skill://";
const MANIFEST: &str = "SKILL.md";
const MARKDOWN: &str = "text/markdown";

/// Files: path below [`SCHEME`], whose first segment is the name of the skill, and contents.
const FILES: &[(&str, &str)] = &[
    ("follow-a-thread/SKILL.md", include_str!("skills/follow-a-thread/SKILL.md")),
    ("follow-a-thread/references/claims.md", include_str!("skills/follow-a-thread/references/claims.md")),
    ("read-the-news/SKILL.md", include_str!("skills/read-the-news/SKILL.md")),
    ("read-the-news/references/ranking.md", include_str!("skills/read-the-news/references/ranking.md")),
];

/// Entries, files and folders of the skills.
#[derive(Debug)]
pub(super) struct Skills {
    skills: Vec<Skill>,
    /// Children of each folder, by the URI of the folder.
    folders: BTreeMap<String, Vec<Resource>>,
}

impl Skills {
    /// Reads the embedded files. A manifest without name and description makes no skill.
    pub(super) fn embedded() -> Self {
        let skills = FILES.iter().filter_map(|(path, text)| skill(path, text)).collect();
        let mut folders = BTreeMap::new();
        for (path, text) in FILES {
            let file = Resource::new(uri(path), name_of(path)).with_mime_type(MARKDOWN);
            add(&mut folders, path, file.with_size(text.len() as u64));
        }
        Self { skills, folders }
    }

    /// Handles `skills/list`: all on one page.
    pub(super) fn list(&self) -> ListSkillsResult {
        ListSkillsResult::with_all_items(self.skills.clone())
    }

    /// Handles `skills/get`.
    ///
    /// # Errors
    ///
    /// Invalid params if no skill has the URI.
    pub(super) fn get(&self, uri: &str) -> Result<GetSkillResult, ErrorData> {
        let skill = self.skills.iter().find(|skill| skill.uri == uri);
        skill
            .map(|skill| GetSkillResult::new(skill.clone()))
            .ok_or_else(|| ErrorData::invalid_params(format!("no skill: {uri}"), None))
    }

    /// Returns the manifests, for `resources/list`.
    pub(super) fn resources(&self) -> Vec<Resource> {
        let listed = self.skills.iter().map(|skill| {
            Resource::new(skill.uri.as_str(), skill.frontmatter.name.as_str())
                .with_description(skill.frontmatter.description.as_str())
                .with_mime_type(MARKDOWN)
        });
        listed.collect()
    }

    /// Returns a file of a skill for `resources/read`; `None` if there is none at the URI.
    pub(super) fn read(&self, uri: &str) -> Option<ReadResourceResult> {
        let path = uri.strip_prefix(SCHEME)?;
        let (_, text) = FILES.iter().find(|(file, _)| *file == path)?;
        Some(ReadResourceResult::new(vec![ResourceContents::text(*text, uri).with_mime_type(MARKDOWN)]))
    }

    /// Handles `resources/directory/read`.
    ///
    /// # Errors
    ///
    /// Invalid params if the URI is not a folder of a skill.
    pub(super) fn folder(&self, uri: &str) -> Result<ReadResourceDirectoryResult, ErrorData> {
        let children = self.folders.get(uri.strip_suffix('/').unwrap_or(uri));
        children
            .map(|children| ReadResourceDirectoryResult::with_all_items(children.clone()))
            .ok_or_else(|| ErrorData::invalid_params(format!("no directory: {uri}"), None))
    }
}

/// Returns the entry of a manifest; `None` for any other file and for a manifest without name or
/// description.
fn skill(path: &str, text: &str) -> Option<Skill> {
    let folder = path.strip_suffix(MANIFEST)?;
    let frontmatter = frontmatter(text)?;
    let files = FILES.iter().filter(|(file, _)| file.starts_with(folder));
    let files = files.map(|(file, text)| SkillResource::from_bytes(uri(file), text.as_bytes())).collect();
    Some(Skill::new(uri(path), frontmatter, SkillResources::Files(files)))
}

/// Parses the YAML between two lines of three dashes; the embedded manifests use `key: text` lines
/// only.
fn frontmatter(text: &str) -> Option<SkillFrontmatter> {
    let (head, _) = text.strip_prefix("---\n")?.split_once("\n---\n")?;
    let mut fields: BTreeMap<&str, &str> = head.lines().filter_map(|line| line.split_once(": ")).collect();
    let known = SkillFrontmatter::new(fields.remove("name")?, fields.remove("description")?);
    Some(fields.into_iter().fold(known, |known, (key, value)| known.with_field(key, value)))
}

/// Adds a child to its folder, and the folder to its parent.
fn add(folders: &mut BTreeMap<String, Vec<Resource>>, path: &str, child: Resource) {
    let Some((folder, _)) = path.rsplit_once('/') else { return };
    let children = folders.entry(uri(folder)).or_default();
    if children.iter().any(|known| known.uri == child.uri) {
        return;
    }
    children.push(child);
    add(folders, folder, Resource::new(uri(folder), name_of(folder)).with_mime_type(DIRECTORY_MIME_TYPE));
}

fn uri(path: &str) -> String {
    format!("{SCHEME}{path}")
}

fn name_of(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_manifest_is_a_valid_skill_with_all_its_files() {
        let skills = Skills::embedded();
        let manifests = FILES.iter().filter(|(path, _)| path.ends_with(MANIFEST)).count();
        assert_eq!(skills.skills.len(), manifests);
        for skill in &skills.skills {
            skill.validate().unwrap();
            assert!(skills.get(&skill.uri).is_ok());
            let SkillResources::Files(files) = &skill.resources else { panic!("{} has no files", skill.uri) };
            for file in files {
                let read = skills.read(&file.uri).unwrap();
                let [ResourceContents::TextResourceContents { text, .. }] = read.contents.as_slice() else {
                    panic!("{} is no text", file.uri)
                };
                file.verify(text.as_bytes()).unwrap();
            }
        }
    }

    #[test]
    fn folders_list_their_children_and_files_do_not() {
        let skills = Skills::embedded();
        let top = skills.folder("skill://read-the-news").unwrap().resources;
        let names: Vec<&str> = top.iter().map(|child| child.name.as_str()).collect();
        assert_eq!(names, ["SKILL.md", "references"]);
        assert!(top[1].is_directory());
        assert_eq!(skills.folder(&top[1].uri).unwrap().resources.len(), 1);
        assert!(skills.folder("skill://read-the-news/SKILL.md").is_err());
        assert!(skills.folder("skill://").is_err());
    }
}
