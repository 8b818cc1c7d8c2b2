//! Files of skills against the digests that their entries have (Skills extension).

use std::collections::HashMap;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use foldhash::fast::RandomState;
use ring::digest::{SHA256, digest};
use serde_json::Value;

use super::call::{Call, SHOWN_URI, server_key};
use crate::base::{Code, Finding, Timestamp, text};

/// Files whose digests are kept. A skill has 512 at most.
const MAX_FILES: usize = 50_000;

const PREFIX: &str = "sha256:";

/// The files of skills, by server and hash of the URI.
#[derive(Debug, Default)]
pub(super) struct Skills {
    files: HashMap<(u64, u64), File, RandomState>,
}

#[derive(Clone, Debug)]
struct File {
    sha256: [u8; 32],
    size: Option<u64>,
    /// When the client knew it.
    known: Timestamp,
    is_told: bool,
}

impl Skills {
    /// Takes a call and returns what is wrong.
    pub(super) fn push(&mut self, call: &Call<'_>) -> Vec<Finding> {
        let Some((result, response)) = call.result().zip(call.exchange.response) else { return Vec::new() };
        let server = server_key(&call.exchange.session.identity());
        match &*call.exchange.method {
            "skills/list" => {
                let skills = result.get("skills").and_then(Value::as_array);
                skills
                    .into_iter()
                    .flatten()
                    .for_each(|skill| self.entry(server, skill, response.span.end.time));
            }
            "skills/get" => {
                if let Some(skill) = result.get("skill") {
                    self.entry(server, skill, response.span.end.time);
                }
            }
            "resources/read" => return self.read(call, server, result),
            _ => {}
        }
        Vec::new()
    }

    fn entry(&mut self, server: u64, skill: &Value, known: Timestamp) {
        let files = skill.get("resources").and_then(Value::as_array);
        for file in files.into_iter().flatten() {
            let uri = file.get("uri").and_then(Value::as_str);
            let sha256 = file.get("digest").and_then(Value::as_str).and_then(sha256);
            let Some((uri, sha256)) = uri.zip(sha256) else { continue };
            let key = (server, text::hash(uri));
            if self.files.len() < MAX_FILES || self.files.contains_key(&key) {
                let size = file.get("size").and_then(Value::as_u64);
                self.files.insert(key, File { sha256, size, known, is_told: false });
            }
        }
    }

    fn read(&mut self, call: &Call<'_>, server: u64, result: &Value) -> Vec<Finding> {
        let mut findings = Vec::new();
        if self.files.is_empty() {
            return findings;
        }
        let asked = call.exchange.request.span.start.time;
        for content in result.get("contents").and_then(Value::as_array).into_iter().flatten() {
            let Some(uri) = content.get("uri").and_then(Value::as_str) else { continue };
            let Some(file) = self.files.get_mut(&(server, text::hash(uri))) else { continue };
            let bytes = match (content.get("text"), content.get("blob")) {
                (Some(Value::String(text)), None) => text.as_bytes().to_vec(),
                (None, Some(Value::String(blob))) => match BASE64_STANDARD.decode(blob) {
                    Ok(bytes) => bytes,
                    Err(_) => continue,
                },
                _ => continue,
            };
            let is_it = digest(&SHA256, &bytes).as_ref() == file.sha256;
            if is_it || file.is_told || file.known > asked {
                continue;
            }
            file.is_told = true;
            let shown = text::beginning(uri, SHOWN_URI);
            let size = file.size.filter(|size| *size != bytes.len() as u64);
            let sizes = size.map(|size| format!(" ({} bytes, {size} in its entry)", bytes.len()));
            let sizes = sizes.unwrap_or_default();
            let detail = format!("{shown} does not have the digest of its entry{sizes}");
            findings.push(call.of_response(Code::ContentsSkillDigest, detail));
        }
        findings
    }
}

/// The bytes of a digest: `sha256:` and 64 hexadecimal digits.
fn sha256(text: &str) -> Option<[u8; 32]> {
    let hex = text.strip_prefix(PREFIX).filter(|hex| hex.len() == 64 && hex.is_ascii())?;
    let mut bytes = [0; 32];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes)
}
