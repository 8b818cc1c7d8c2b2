//! Answers of each dialect, a packet for each piece.

use serde_json::json;

use super::{Read, Sample, events, expected};
use crate::llm::Dialect;

pub(super) fn chat_request() -> serde_json::Value {
    json!({"model": "m-1", "stream": true, "messages": [{"role": "user", "content": "x"}]})
}

pub(super) fn openai_chat() -> Sample {
    let chunk = |delta: serde_json::Value, finish: Option<&str>| {
        json!({"object": "chat.completion.chunk", "model": "m-1-0613",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
    };
    let tool = |value: serde_json::Value| json!({ "tool_calls": [value] });
    let mut packets = events(&[
        ("", chunk(json!({"role": "assistant", "content": ""}), None)),
        ("", chunk(json!({"content": "Hel"}), None)),
        ("", chunk(json!({"content": "lo \u{1f4e6}"}), None)),
        (
            "",
            chunk(
                tool(
                    json!({"index": 0, "id": "c1", "type": "function", "function": {"name": "sum", "arguments": ""}}),
                ),
                None,
            ),
        ),
        ("", chunk(tool(json!({"index": 0, "function": {"arguments": "{\"a\":"}})), None)),
        (
            "",
            chunk(
                tool(
                    json!({"index": 1, "id": "c2", "type": "function", "function": {"name": "now", "arguments": "{}"}}),
                ),
                None,
            ),
        ),
        ("", chunk(tool(json!({"index": 0, "function": {"arguments": "1}"}})), None)),
        ("", chunk(json!({}), Some("tool_calls"))),
        (
            "",
            json!({"object": "chat.completion.chunk", "model": "m-1-0613", "choices": [],
            "usage": {"prompt_tokens": 9, "completion_tokens": 57, "total_tokens": 66,
            "completion_tokens_details": {"reasoning_tokens": 7}}}),
        ),
    ]);
    packets.push("data: [DONE]\n\n".to_owned());
    Sample::sse(Dialect::OpenaiChat, "/openai/v1/chat/completions", &chat_request(), packets)
}

pub(super) fn openai_responses() -> Sample {
    let packets = events(&[
        (
            "response.created",
            json!({"type": "response.created", "response": {"object": "response", "model": "m-2", "status": "in_progress", "output": []}}),
        ),
        (
            "response.reasoning_summary_text.delta",
            json!({"type": "response.reasoning_summary_text.delta", "output_index": 0, "delta": "hm"}),
        ),
        (
            "response.output_text.delta",
            json!({"type": "response.output_text.delta", "output_index": 1, "delta": "Hi "}),
        ),
        (
            "response.output_text.delta",
            json!({"type": "response.output_text.delta", "output_index": 1, "delta": "there"}),
        ),
        (
            "response.output_text.done",
            json!({"type": "response.output_text.done", "output_index": 1, "text": "Hi there"}),
        ),
        (
            "response.output_item.added",
            json!({"type": "response.output_item.added", "output_index": 2, "item": {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "sum", "arguments": ""}}),
        ),
        (
            "response.function_call_arguments.delta",
            json!({"type": "response.function_call_arguments.delta", "output_index": 2, "item_id": "fc_1", "delta": "{\"a\""}),
        ),
        (
            "response.function_call_arguments.delta",
            json!({"type": "response.function_call_arguments.delta", "output_index": 2, "item_id": "fc_1", "delta": ":1}"}),
        ),
        (
            "response.function_call_arguments.done",
            json!({"type": "response.function_call_arguments.done", "output_index": 2, "arguments": "{\"a\":1}"}),
        ),
        (
            "response.output_item.done",
            json!({"type": "response.output_item.done", "output_index": 2, "item": {"type": "function_call", "call_id": "call_1", "name": "sum", "arguments": "{\"a\":1}"}}),
        ),
        (
            "response.completed",
            json!({"type": "response.completed", "response": {"object": "response", "model": "m-2", "status": "completed",
            "output": [{"type": "message", "content": [{"type": "output_text", "text": "Hi there"}]}],
            "usage": {"input_tokens": 11, "output_tokens": 22, "input_tokens_details": {"cached_tokens": 3}, "output_tokens_details": {"reasoning_tokens": 5}}}}),
        ),
    ]);
    let request = json!({"model": "m-2", "stream": true, "input": "x"});
    Sample::sse(Dialect::OpenaiResponses, "/v1/responses", &request, packets)
}

pub(super) fn anthropic() -> Sample {
    let delta = |index: u64, delta: serde_json::Value| {
        ("content_block_delta", json!({"type": "content_block_delta", "index": index, "delta": delta}))
    };
    let packets = events(&[
        (
            "message_start",
            json!({"type": "message_start", "message": {"id": "msg_1", "type": "message", "role": "assistant", "model": "m-3", "content": [], "usage": {"input_tokens": 30, "cache_read_input_tokens": 4, "output_tokens": 1}}}),
        ),
        (
            "content_block_start",
            json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        ),
        ("ping", json!({"type": "ping"})),
        delta(0, json!({"type": "text_delta", "text": "I "})),
        delta(0, json!({"type": "text_delta", "text": "look"})),
        ("content_block_stop", json!({"type": "content_block_stop", "index": 0})),
        (
            "content_block_start",
            json!({"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "id": "toolu_1", "name": "sum", "input": {}}}),
        ),
        delta(1, json!({"type": "input_json_delta", "partial_json": ""})),
        delta(1, json!({"type": "input_json_delta", "partial_json": "{\"a\": "})),
        delta(1, json!({"type": "input_json_delta", "partial_json": "1}"})),
        ("content_block_stop", json!({"type": "content_block_stop", "index": 1})),
        (
            "content_block_start",
            json!({"type": "content_block_start", "index": 2, "content_block": {"type": "tool_use", "id": "toolu_2", "name": "now", "input": {}}}),
        ),
        ("content_block_stop", json!({"type": "content_block_stop", "index": 2})),
        (
            "message_delta",
            json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 44}}),
        ),
        ("message_stop", json!({"type": "message_stop"})),
    ]);
    Sample::sse(Dialect::Anthropic, "/v1/messages", &chat_request(), packets)
}

pub(super) fn gemini_pieces() -> [serde_json::Value; 3] {
    let piece = |parts: serde_json::Value, finish: Option<&str>| {
        let mut candidate = json!({"content": {"role": "model", "parts": parts}, "index": 0});
        if let Some(finish) = finish {
            candidate["finishReason"] = finish.into();
        }
        json!({"candidates": [candidate], "modelVersion": "m-4",
            "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 6, "thoughtsTokenCount": 2}})
    };
    [
        piece(json!([{"text": "thinking", "thought": true}, {"text": "Pa"}]), None),
        piece(json!([{"text": "ris"}]), None),
        piece(json!([{"functionCall": {"name": "sum", "args": {"a": 1}}}]), Some("STOP")),
    ]
}

pub(super) fn gemini_request() -> serde_json::Value {
    json!({"contents": [{"role": "user", "parts": [{"text": "x"}]}]})
}

pub(super) fn gemini() -> Sample {
    let packets = events(&gemini_pieces().map(|piece| ("", piece)));
    let target = "/v1beta/models/m-4:streamGenerateContent?alt=sse";
    Sample::sse(Dialect::Gemini, target, &gemini_request(), packets)
}

pub(super) fn gemini_array() -> Sample {
    let [first, second, third] = gemini_pieces().map(|piece| format!("{piece:#}"));
    Sample {
        media_type: "application/json; charset=UTF-8",
        packets: vec![format!("[{first}\n"), format!(",\r\n{second}\n"), format!(",{third}\n]\n")],
        target: "/v1beta/models/m-4:streamGenerateContent",
        ..gemini()
    }
}

pub(super) fn ollama() -> Sample {
    let line = |value: serde_json::Value| format!("{value}\n");
    let part = |message: serde_json::Value| json!({"model": "m-5", "created_at": "t", "message": message, "done": false});
    let packets = vec![
        line(part(json!({"role": "assistant", "content": "Bon"}))),
        line(part(json!({"role": "assistant", "content": "jour"}))),
        line(part(
            json!({"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "sum", "arguments": {"a": 1}}}]}),
        )),
        line(
            json!({"model": "m-5", "message": {"role": "assistant", "content": ""}, "done": true, "done_reason": "stop", "prompt_eval_count": 26, "eval_count": 29}),
        ),
    ];
    let request = json!({"model": "m-5", "messages": [{"role": "user", "content": "x"}]}).to_string();
    Sample {
        dialect: Dialect::Ollama,
        target: "/api/chat",
        request,
        media_type: "application/x-ndjson",
        status: 200,
        packets,
    }
}

pub(super) fn chatgpt_web() -> Sample {
    let packets = events(&[
        ("delta_encoding", json!("v1")),
        (
            "delta",
            json!({"p": "", "o": "add", "v": {"message": {"author": {"role": "system"}, "content": {"content_type": "text", "parts": ["secret"]}}}}),
        ),
        (
            "delta",
            json!({"p": "", "o": "add", "v": {"message": {"author": {"role": "assistant"}, "content": {"content_type": "text", "parts": [""]}, "status": "in_progress", "metadata": {"model_slug": "m-6"}}}}),
        ),
        ("delta", json!({"p": "/message/content/parts/0", "o": "append", "v": "Cia"})),
        ("delta", json!({"v": "o "})),
        ("delta", json!({"v": "bella"})),
        (
            "delta",
            json!({"p": "", "o": "patch", "v": [{"p": "/message/content/parts/0", "o": "append", "v": "!"}, {"p": "/message/status", "o": "replace", "v": "finished_successfully"}]}),
        ),
        ("", json!({"type": "message_stream_complete"})),
    ]);
    Sample::sse(Dialect::ChatgptWeb, "/backend-api/conversation", &chat_request(), packets)
}

pub(super) fn kimi() -> Sample {
    let packets = events(&[
        ("", json!({"event": "req", "id": "k1"})),
        ("", json!({"event": "cmpl", "idx_s": 0, "idx_z": 0, "text": "Ni ", "view": "cmpl"})),
        ("", json!({"event": "cmpl", "idx_s": 0, "idx_z": 0, "text": "hao", "view": "cmpl"})),
        ("", json!({"event": "all_done"})),
    ]);
    Sample::sse(Dialect::Kimi, "/api/chat/k1/completion/stream", &chat_request(), packets)
}

pub(super) fn deepseek_web() -> Sample {
    let packets = events(&[
        ("ready", json!({"request_message_id": 1, "response_message_id": 2})),
        (
            "",
            json!({"v": {"response": {"message_id": 2, "role": "ASSISTANT", "thinking_content": null, "content": "", "status": "WIP"}}}),
        ),
        ("", json!({"v": "hm", "p": "response/thinking_content", "o": "APPEND"})),
        ("", json!({"v": "Pa", "p": "response/content", "o": "APPEND"})),
        ("", json!({"v": "cket"})),
        ("", json!({"v": "FINISHED", "p": "response/status", "o": "SET"})),
        ("finish", json!({})),
    ]);
    Sample::sse(Dialect::DeepseekWeb, "/api/v0/chat/completion", &json!({"prompt": "x"}), packets)
}

pub(super) fn samples() -> [Sample; 9] {
    [
        openai_chat(),
        openai_responses(),
        anthropic(),
        gemini(),
        gemini_array(),
        ollama(),
        chatgpt_web(),
        kimi(),
        deepseek_web(),
    ]
}

pub(super) fn wanted() -> [(Read, &'static str); 9] {
    let gemini = || expected("Paris", &[(None, "sum", r#"{"a":1}"#)], [Some(5), Some(6)], "STOP");
    let none = [None, None];
    let mut array = gemini();
    array.1[0].2 = format!("{:#}", json!({"a": 1})).replace('\n', "\n            ");
    [
        (
            expected(
                "Hello \u{1f4e6}",
                &[(Some("c1"), "sum", r#"{"a":1}"#), (Some("c2"), "now", "{}")],
                [Some(9), Some(57)],
                "tool_calls",
            ),
            "m-1-0613",
        ),
        (
            expected("Hi there", &[(Some("call_1"), "sum", r#"{"a":1}"#)], [Some(11), Some(22)], "completed"),
            "m-2",
        ),
        (
            expected(
                "I look",
                &[(Some("toolu_1"), "sum", r#"{"a": 1}"#), (Some("toolu_2"), "now", "{}")],
                [Some(30), Some(44)],
                "tool_use",
            ),
            "m-3",
        ),
        (gemini(), "m-4"),
        (array, "m-4"),
        (expected("Bonjour", &[(None, "sum", r#"{"a":1}"#)], [Some(26), Some(29)], "stop"), "m-5"),
        (expected("Ciao bella!", &[], none, "finished_successfully"), "m-6"),
        ((("Ni hao".to_owned()), Vec::new(), none, None), "m-1"),
        (expected("Packet", &[], none, "FINISHED"), "-"),
    ]
}
