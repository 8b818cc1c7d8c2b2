//! The prompts that `--everything` adds: plain, with arguments, with a resource, with an image.

use rmcp::ErrorData;
use rmcp::model::{
    CompletionInfo, ContentBlock, GetPromptRequestParams, GetPromptResult, JsonObject, Prompt,
    PromptArgument, PromptMessage, ResourceContents, Role,
};

use super::content::{PNG, text_argument};
use super::{resources, rounds};

const ARGUED: &str = "test_prompt_with_arguments";

/// Completions for the arguments of the one prompt that has some.
const WORDS: &[&str] = &["paris", "park", "party", "test", "testing"];

/// Returns the prompts for `prompts/list`.
pub(super) fn list() -> Vec<Prompt> {
    let plain = |name: &str, description: &str| Prompt::new(name, Some(description), None);
    let arguments = vec![
        PromptArgument::new("arg1").with_description("First argument").with_required(true),
        PromptArgument::new("arg2").with_description("Second argument").with_required(true),
    ];
    vec![
        plain("test_simple_prompt", "A prompt without arguments"),
        Prompt::new(ARGUED, Some("A prompt with two arguments"), Some(arguments)),
        Prompt::new(
            "test_prompt_with_embedded_resource",
            Some("A prompt with a resource"),
            Some(vec![
                PromptArgument::new("resourceUri").with_description("The resource").with_required(true),
            ]),
        ),
        plain("test_prompt_with_image", "A prompt with an image"),
        plain(rounds::PROMPT, "A prompt that asks the user first (2026-07-28)"),
    ]
}

/// Returns a prompt; `None` if this module does not have it.
///
/// # Errors
///
/// Invalid params if an argument is missing or not a string.
pub(super) fn get(request: &GetPromptRequestParams) -> Option<Result<GetPromptResult, ErrorData>> {
    let arguments = request.arguments.clone().unwrap_or_default();
    Some(match request.name.as_str() {
        "test_simple_prompt" => Ok(result(vec![ContentBlock::text("This is a simple prompt for testing.")])),
        ARGUED => argued(&arguments),
        "test_prompt_with_embedded_resource" => embedded(&arguments),
        "test_prompt_with_image" => Ok(result(vec![
            ContentBlock::image(PNG, "image/png"),
            ContentBlock::text("Please look at the image above."),
        ])),
        _ => return None,
    })
}

/// Returns completions for the argument of a prompt; `None` if this module does not have the
/// prompt.
pub(super) fn complete(prompt: &str, argument: &str, typed: &str) -> Option<CompletionInfo> {
    let words = if prompt == ARGUED && matches!(argument, "arg1" | "arg2") { WORDS } else { &[] };
    list().iter().any(|known| known.name == prompt).then(|| resources::starting(words, typed))
}

fn argued(arguments: &JsonObject) -> Result<GetPromptResult, ErrorData> {
    let (first, second) = (text_argument(arguments, "arg1")?, text_argument(arguments, "arg2")?);
    Ok(result(vec![ContentBlock::text(format!("Prompt with arguments: arg1='{first}', arg2='{second}'"))]))
}

fn embedded(arguments: &JsonObject) -> Result<GetPromptResult, ErrorData> {
    let uri = text_argument(arguments, "resourceUri")?;
    let contents =
        ResourceContents::text("Embedded resource content for testing.", uri).with_mime_type("text/plain");
    Ok(result(vec![ContentBlock::resource(contents), ContentBlock::text("Please read the resource above.")]))
}

fn result(content: Vec<ContentBlock>) -> GetPromptResult {
    GetPromptResult::new(content.into_iter().map(|block| PromptMessage::new(Role::User, block)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_argument_is_named() {
        let error = get(&GetPromptRequestParams::new(ARGUED)).unwrap().unwrap_err();
        assert_eq!(error.code.0, -32602);
        assert!(error.message.contains("arg1"), "{}", error.message);
    }

    #[test]
    fn every_listed_prompt_is_implemented() {
        for prompt in list().iter().filter(|prompt| prompt.name != rounds::PROMPT) {
            assert!(get(&GetPromptRequestParams::new(prompt.name.as_str())).is_some(), "{}", prompt.name);
        }
        assert!(get(&GetPromptRequestParams::new("another")).is_none());
    }

    #[test]
    fn completion_covers_these_prompts_only() {
        assert_eq!(complete(ARGUED, "arg1", "par").unwrap().values, ["paris", "park", "party"]);
        assert!(complete("test_simple_prompt", "arg1", "par").unwrap().values.is_empty());
        assert!(complete("another", "arg1", "par").is_none());
    }
}
