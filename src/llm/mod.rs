//! Calls of language models: what an agent asks its model, and how the answer comes.
//!
//! Takes the updates of a connection beside `rpc`, on the thread of its lane. A transaction is a
//! call if its target or the shape of its bodies says so; what the server is called or which port
//! it has does not matter. [`Calls`] finds the calls of a connection, a file for each dialect reads
//! the pieces of its answers, and `answer` puts them together. Everything has a cap.

mod answer;
mod anthropic;
mod call;
mod calls;
mod chatgpt_web;
mod deepseek_web;
mod dialect;
mod gemini;
mod json;
mod kimi;
mod ollama;
mod openai_chat;
mod openai_responses;
mod patch;
mod reader;
mod request;

pub use call::{Bounded, CallError, CallStatus, Carried, LlmCall, Pace, ToolCall, ToolResult};
pub use calls::{Calls, Connection, Step};
pub use dialect::Dialect;

#[cfg(test)]
mod tests;
