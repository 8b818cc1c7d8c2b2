//! Tools that answer at once, one for each kind of content of a result.

use rmcp::ErrorData;
use rmcp::model::{CallToolResult, ContentBlock, JsonObject, Resource, ResourceContents, Tool};
use rmcp::object;
use serde_json::{Value, json};

use super::tool::plain;

/// A PNG of four orange pixels.
pub(super) const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAEElEQVR42mP4n8YARAwQCgArFgWVZj0oZgAAAABJRU5ErkJggg==";

/// A WAV file of one millisecond of silence: 8 samples at 8 kHz.
const WAV: &str = "UklGRiwAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQgAAACAgICAgICAgA==";

/// Tools without arguments.
const PLAIN: &[(&str, &str)] = &[
    ("test_simple_text", "Returns a text"),
    ("test_image_content", "Returns an image"),
    ("test_audio_content", "Returns a sound"),
    ("test_embedded_resource", "Returns a resource, embedded"),
    ("test_resource_link", "Returns a link to a resource"),
    ("test_multiple_content_types", "Returns a text, an image and a resource"),
    ("test_error_handling", "Fails, always"),
];

/// Whether this module has the tool.
pub(super) fn has(name: &str) -> bool {
    PLAIN.iter().any(|(plain, _)| *plain == name)
        || matches!(name, "test_structured_content" | "test_custom_header" | "json_schema_2020_12_tool")
}

/// Returns the definitions of these tools.
pub(super) fn tools() -> Vec<Tool> {
    let mut tools: Vec<Tool> = PLAIN.iter().map(|(name, description)| plain(name, description)).collect();
    tools.push(structured());
    tools.push(Tool::new(
        "test_custom_header",
        "Returns its argument, which the header Mcp-Param-Value repeats (SEP-2243)",
        object!({
            "type": "object",
            "properties": {"value": {"type": "string", "x-mcp-header": "Value"}},
            "required": ["value"]
        }),
    ));
    tools.push(Tool::new("json_schema_2020_12_tool", "Tool with JSON Schema 2020-12 features", dialect()));
    tools
}

/// Calls one of these tools.
///
/// # Errors
///
/// Invalid params if an argument is missing or not a string; method not found if [`has`] is false.
pub(super) fn call(name: &str, arguments: &JsonObject) -> Result<CallToolResult, ErrorData> {
    let content = match name {
        "test_simple_text" => vec![ContentBlock::text("This is a simple text response for testing.")],
        "test_image_content" => vec![ContentBlock::image(PNG, "image/png")],
        "test_audio_content" => vec![ContentBlock::audio(WAV, "audio/wav")],
        "test_embedded_resource" => {
            vec![embedded("test://embedded-resource", "text/plain", "An embedded resource.")]
        }
        "test_resource_link" => vec![ContentBlock::resource_link(
            Resource::new("test://static-text", "static-text").with_mime_type("text/plain"),
        )],
        "test_multiple_content_types" => vec![
            ContentBlock::text("Multiple content types test:"),
            ContentBlock::image(PNG, "image/png"),
            embedded("test://mixed-content-resource", "application/json", r#"{"test":"data","value":123}"#),
        ],
        "test_error_handling" => {
            return Ok(CallToolResult::error(vec![ContentBlock::text(
                "This tool intentionally returns an error for testing",
            )]));
        }
        "test_structured_content" => {
            return Ok(CallToolResult::structured(json!({"items": 3, "source": "snapshot"})));
        }
        "test_custom_header" => vec![ContentBlock::text(text_argument(arguments, "value")?)],
        "json_schema_2020_12_tool" => vec![ContentBlock::text(Value::Object(arguments.clone()).to_string())],
        _ => return Err(ErrorData::invalid_params(format!("unknown tool: {name}"), None)),
    };
    Ok(CallToolResult::success(content))
}

/// Returns a required string argument.
///
/// # Errors
///
/// Invalid params that name the argument.
pub(super) fn text_argument<'a>(arguments: &'a JsonObject, name: &str) -> Result<&'a str, ErrorData> {
    arguments
        .get(name)
        .and_then(Value::as_str)
        .ok_or_else(|| ErrorData::invalid_params(format!("argument {name} must be a string"), None))
}

fn embedded(uri: &str, mime_type: &str, text: &str) -> ContentBlock {
    ContentBlock::resource(ResourceContents::text(text, uri).with_mime_type(mime_type))
}

fn structured() -> Tool {
    plain("test_structured_content", "Returns structured content that fits its output schema")
        .with_raw_output_schema(std::sync::Arc::new(object!({
            "type": "object",
            "properties": {"items": {"type": "integer"}, "source": {"type": "string"}},
            "required": ["items", "source"]
        })))
}

/// The schema of the suite's scenario `json-schema-2020-12`, keyword by keyword (SEP-1613,
/// SEP-2106).
fn dialect() -> JsonObject {
    object!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {
            "address": {
                "$anchor": "addressDef",
                "type": "object",
                "properties": {"street": {"type": "string"}, "city": {"type": "string"}}
            }
        },
        "properties": {
            "name": {"type": "string"},
            "address": {"$ref": "#/$defs/address"},
            "contactMethod": {"type": "string", "enum": ["phone", "email"]},
            "phone": {"type": "string"},
            "email": {"type": "string"}
        },
        "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
        "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
        "then": {"required": ["phone"]},
        "else": {"required": ["email"]},
        "additionalProperties": false
    })
}
