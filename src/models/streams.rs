//! What servers of the three wires send, byte for byte, each with what it must be understood as. The shapes are those of public
//! bug reports; what is said is ours.

use axum::{
    Router,
    body::Body,
    http::{StatusCode, header::CONTENT_TYPE},
    response::IntoResponse,
    routing::post,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{
    tests::{Said, ask, request, schema, settings},
    *,
};

/// What an answer must be understood as.
enum Means {
    /// These words, and nothing else.
    Says(&'static str),
    /// These calls, with their arguments.
    Calls(Vec<(&'static str, Value)>),
    /// No answer, with this in the reason.
    Fails(&'static str),
}

use Means::{Calls, Fails, Says};

/// One server's way.
struct Variant {
    of: &'static str,
    kind: ModelKind,
    status: u16,
    content_type: &'static str,
    body: String,
    means: Means,
}

fn events(of: &'static str, body: impl Into<String>, means: Means) -> Variant {
    Variant {
        of,
        kind: ModelKind::Openai,
        status: 200,
        content_type: "text/event-stream",
        body: body.into(),
        means,
    }
}

fn whole(of: &'static str, body: impl Into<String>, means: Means) -> Variant {
    Variant {
        content_type: "application/json",
        ..events(of, body, means)
    }
}

fn refused(of: &'static str, status: u16, body: &str, means: Means) -> Variant {
    Variant {
        status,
        ..whole(of, body, means)
    }
}

fn messages(of: &'static str, events_of_it: &[(&str, Value)], means: Means) -> Variant {
    let body: Vec<String> = events_of_it
        .iter()
        .map(|(name, data)| format!("event: {name}\ndata: {data}\n\n"))
        .collect();
    Variant {
        kind: ModelKind::Anthropic,
        ..events(of, body.concat(), means)
    }
}

fn lines(of: &'static str, values: &[Value], means: Means) -> Variant {
    let body: Vec<String> = values.iter().map(|value| format!("{value}\n")).collect();
    Variant {
        kind: ModelKind::Ollama,
        content_type: "application/x-ndjson",
        ..events(of, body.concat(), means)
    }
}

/// A stream of these chunks with its end.
fn sse(chunks: &[Value]) -> String {
    let mut body = String::new();
    for chunk in chunks {
        body.push_str(&format!("data: {chunk}\n\n"));
    }
    body + "data: [DONE]\n\n"
}

fn delta(delta: Value, finish: Value) -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_790_000_000, "model": "m",
        "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }],
    })
}

fn says(text: &str) -> Value {
    delta(json!({ "content": text }), Value::Null)
}

fn stops(reason: &str) -> Value {
    delta(json!({}), json!(reason))
}

fn calls(calls: Value) -> Value {
    delta(
        json!({ "role": "assistant", "content": null, "tool_calls": calls }),
        Value::Null,
    )
}

fn town(name: &'static str) -> (&'static str, Value) {
    ("weather", json!({ "town": name }))
}

fn openai_variants() -> Vec<Variant> {
    let answer = [says("Größe: "), says("fünf."), stops("stop")];
    let usage = json!({ "prompt_tokens": 900, "completion_tokens": 20, "total_tokens": 920 });
    let good = || Says("Größe: fünf.");
    let call = |index: u32, id: &str, args: &str| json!({ "index": index, "id": id, "type": "function", "function": { "name": "weather", "arguments": args } });
    let berne = r#"{"town":"Berne"}"#;
    vec![
        events("OpenAI", sse(&[delta(json!({ "role": "assistant", "content": "", "refusal": null }), Value::Null), answer[0].clone(), answer[1].clone(), answer[2].clone(), json!({ "choices": [], "usage": usage })]), good()),
        events("no [DONE]", sse(&answer).replace("data: [DONE]\n\n", ""), good()),
        events("no end of the last line", sse(&answer).replace("\n\ndata: [DONE]\n\n", ""), good()),
        events("[DONE] without a reason to stop", sse(&answer[..2]), good()),
        events("CRLF", sse(&answer).replace('\n', "\r\n"), good()),
        events("no blank after `data:`", sse(&answer).replace("data: ", "data:"), good()),
        events("comments to keep the connection (OpenRouter, DeepSeek)", format!(": OPENROUTER PROCESSING\n\n: keep-alive\n\n{}", sse(&answer).replace("data: [DONE]", ": keep-alive\n\ndata: [DONE]")), good()),
        events("events to keep the connection", format!("event: ping\ndata:\n\ndata: {{}}\n\n{}", sse(&answer)), good()),
        events("a mark of order (BOM)", format!("\u{feff}{}", sse(&answer)), good()),
        events("Groq", sse(&[json!({ "id": "1", "object": "chat.completion.chunk", "created": 1.5, "model": "m", "service_tier": "on_demand", "system_fingerprint": "fp", "x_groq": { "id": "req_1" }, "choices": [{ "index": 0, "delta": { "role": "assistant", "content": "Größe: fünf." }, "logprobs": null, "finish_reason": null }] }), json!({ "x_groq": { "id": "req_1", "usage": { "queue_time": 0.1, "prompt_tokens": 900, "completion_tokens": 20 } }, "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }] })]), good()),
        events("Azure: the prompt's filter first, filters between", sse(&[json!({ "id": "", "object": "", "created": 0, "model": "", "choices": [], "prompt_filter_results": [{ "prompt_index": 0, "content_filter_results": { "hate": { "filtered": false, "severity": "safe" } } }] }), answer[0].clone(), json!({ "choices": [{ "content_filter_offsets": { "check_offset": 44 }, "content_filter_results": {}, "finish_reason": null, "index": 0 }] }), answer[1].clone(), answer[2].clone()]), good()),
        events("Azure: the answer was filtered", sse(&[answer[0].clone(), stops("content_filter")]), Fails("refused")),
        events("nothing everywhere", sse(&[json!({ "id": null, "object": null, "created": null, "model": null, "usage": null, "error": null, "system_fingerprint": null, "choices": [{ "index": null, "logprobs": null, "delta": { "role": null, "content": "Größe: fünf.", "tool_calls": null, "function_call": null, "refusal": null, "reasoning_content": null }, "finish_reason": null }] }), json!({ "choices": [{ "delta": null, "finish_reason": "stop" }] })]), good()),
        events("an odd reason to stop (eos_token)", sse(&[answer[0].clone(), answer[1].clone(), stops("eos_token")]), good()),
        events("a reason that nobody knows", sse(&[answer[0].clone(), answer[1].clone(), stops("abracadabra")]), good()),
        events("a reason that nobody knows, and no words", sse(&[stops("malformed_function_call")]), Fails("malformed_function_call")),
        events("Moonshot: the count within the choice", sse(&[answer[0].clone(), answer[1].clone(), json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop", "usage": usage }] })]), good()),
        events("vLLM: a count with each chunk", sse(&[json!({ "choices": [{ "delta": { "content": "Größe: fünf." } }], "usage": { "prompt_tokens": 900, "completion_tokens": 1 } }), json!({ "choices": [{ "delta": { "content": "" }, "finish_reason": "stop", "stop_reason": 151_645 }], "usage": { "prompt_tokens": "900", "completion_tokens": 20.0 } })]), good()),
        events("reasoning in its own field (DeepSeek)", sse(&[delta(json!({ "role": "assistant", "content": null, "reasoning_content": "secret" }), Value::Null), answer[0].clone(), answer[1].clone(), answer[2].clone()]), good()),
        events("reasoning in its own field (OpenRouter, Groq)", sse(&[delta(json!({ "content": "", "reasoning": "secret", "reasoning_details": [{ "type": "reasoning.text", "text": "secret" }] }), Value::Null), answer[0].clone(), answer[1].clone(), answer[2].clone()]), good()),
        events("reasoning in the text, cut", sse(&[says("<th"), says("ink>\nsec"), says("ret</thi"), says("nk>\n\nGröße: "), answer[1].clone(), answer[2].clone()]), good()),
        events("reasoning without its beginning", sse(&[says("secret, let me see.\n"), says("</think>\n\nGröße: "), answer[1].clone(), answer[2].clone()]), good()),
        events("reasoning and no word", sse(&[says("<think>secret"), stops("length")]), Fails("reasoning")),
        events("Mistral: parts, reasoning among them", sse(&[json!({ "id": "1", "p": "abcdefgh", "choices": [{ "index": 0, "delta": { "content": [{ "type": "thinking", "thinking": [{ "type": "text", "text": "secret" }] }] }, "finish_reason": null }] }), delta(json!({ "content": [{ "type": "text", "text": "Größe: fünf." }] }), Value::Null), stops("stop")]), good()),
        events("calls, letter by letter", sse(&[calls(json!([call(0, "a", "")])), calls(json!([{ "index": 0, "function": { "arguments": "{\"town\":" } }])), calls(json!([{ "index": 0, "function": { "arguments": "\"Berne\"}" } }])), calls(json!([call(1, "b", r#"{"town":"Bâle"}"#)])), stops("tool_calls")]), Calls(vec![town("Berne"), town("Bâle")])),
        events("Gemini: no number, no id, a signature, ends with stop", sse(&[json!({ "object": "chat.completion.chunk", "choices": [{ "index": 0, "delta": { "role": "assistant", "tool_calls": [{ "id": "", "type": "function", "function": { "name": "weather", "arguments": berne }, "extra_content": { "google": { "thought_signature": "s" } } }, { "id": "", "type": "function", "function": { "name": "weather", "arguments": r#"{"town":"Bâle"}"# } }] }, "finish_reason": "stop" }] })]), Calls(vec![town("Berne"), town("Bâle")])),
        events("Xinference: no number", sse(&[json!({ "choices": [{ "index": 0, "delta": { "role": "assistant", "content": null, "tool_calls": [{ "id": "call_6f", "type": "function", "function": { "name": "weather", "arguments": berne } }] }, "finish_reason": "tool_calls" }], "usage": usage })]), Calls(vec![town("Berne")])),
        events("Ollama: one number for all", sse(&[calls(json!([call(0, "call_a", berne)])), calls(json!([call(0, "call_b", r#"{"town":"Bâle"}"#)])), stops("tool_calls")]), Calls(vec![town("Berne"), town("Bâle")])),
        events("no arguments at all", sse(&[calls(json!([{ "index": 0, "id": "a", "function": { "name": "weather" } }])), stops("tool_calls")]), Calls(vec![("weather", json!({}))])),
        events("empty arguments", sse(&[calls(json!([call(0, "a", "")])), stops("tool_calls")]), Calls(vec![("weather", json!({}))])),
        events("arguments as an object", sse(&[calls(json!([{ "id": "a", "function": { "name": "weather", "arguments": { "town": "Berne" } } }])), stops("stop")]), Calls(vec![town("Berne")])),
        events("arguments in a text in a text", sse(&[calls(json!([call(0, "a", &json!(berne).to_string())])), stops("tool_calls")]), Calls(vec![town("Berne")])),
        events("a Bedrock gateway: `{}` before the arguments, numbers from 1", sse(&[says(""), calls(json!([call(1, "tooluse_1", "{}")])), calls(json!([{ "index": 1, "function": { "arguments": berne } }])), stops("tool_calls")]), Calls(vec![town("Berne")])),
        events("the same call again at the end", sse(&[calls(json!([call(0, "a", berne)])), calls(json!([call(0, "a", berne)])), stops("tool_calls")]), Calls(vec![town("Berne")])),
        events("one call of the older API", sse(&[delta(json!({ "function_call": { "name": "weather", "arguments": "{\"town\":" } }), Value::Null), delta(json!({ "function_call": { "arguments": "\"Berne\"}" } }), json!("function_call"))]), Calls(vec![town("Berne")])),
        whole("a whole answer in place of a stream", json!({ "id": "1", "object": "chat.completion", "choices": [{ "index": 0, "message": { "role": "assistant", "content": "Größe: fünf." }, "finish_reason": "stop" }], "usage": usage }).to_string(), good()),
        whole("a whole answer over many lines, without a reason", serde_json::to_string_pretty(&json!({ "choices": [{ "message": { "role": "assistant", "reasoning_content": "secret", "content": null, "tool_calls": [call(0, "a", berne)] } }] })).unwrap(), Calls(vec![town("Berne")])),
        events("OpenRouter: it breaks within", sse(&[answer[0].clone(), json!({ "id": "gen-1", "object": "chat.completion.chunk", "error": { "code": "server_error", "message": "Provider disconnected unexpectedly" }, "choices": [{ "index": 0, "delta": { "content": "" }, "finish_reason": "error" }] })]), Fails("Provider disconnected unexpectedly")),
        events("an error as data", "data: {\"error\":{\"message\":\"quota exceeded\",\"type\":\"insufficient_quota\"}}\n\ndata: [DONE]\n\n", Fails("no quota left")),
        events("an error as an event (Groq)", "event: error\ndata: {\"error\":{\"message\":\"Failed to call a function. Please adjust your prompt.\",\"type\":\"invalid_request_error\",\"code\":\"tool_use_failed\",\"status_code\":400}}\n\n", Fails("Failed to call a function")),
        events("an error in plain words (LM Studio)", "event: error\ndata: {\"error\":\"Model unloaded.\"}\n\n", Fails("Model unloaded.")),
        events("an error as a field (llama.cpp)", "error: {\"code\":500,\"message\":\"context shift is disabled\",\"type\":\"server_error\"}\n\n", Fails("context shift is disabled")),
        events("an error without its name (vLLM)", "data: {\"object\":\"error\",\"message\":\"This model's maximum context length is 8192 tokens.\",\"type\":\"BadRequestError\",\"param\":null,\"code\":400}\n\ndata: [DONE]\n\n", Fails("takes no prompt of this length (HTTP 400)")),
        events("DeepSeek has no room", sse(&[answer[0].clone(), stops("insufficient_system_resource")]), Fails("overloaded")),
        events("it breaks off", sse(&answer[..1]).replace("data: [DONE]\n\n", ""), Fails("broke off")),
        events("nothing", "", Fails("no answer of a model")),
        events("[DONE] alone", "data: [DONE]\n\n", Fails("without a word")),
        events("half an event", "data: {\"choices\":\n\n", Fails("no JSON")),
        events("plain words", "upstream request timeout", Fails("upstream request timeout")),
        whole("another API", "{\"status\":\"ok\"}", Fails("no answer of a model")),
        Variant { content_type: "text/html", ..events("a page", "<!doctype html><html><head><title>Sign in</title></head></html>", Fails("gave a web page in place of an answer: Sign in")) },
        refused("a wrong key", 401, "{\"error\":{\"message\":\"Incorrect API key provided: sk-proj-****abcd.\",\"type\":\"invalid_request_error\",\"code\":\"invalid_api_key\"}}", Fails("did not accept its key (HTTP 401): Incorrect API key provided: …")),
        refused("a wrong name", 404, "{\"error\":{\"message\":\"The model `scripted` does not exist\",\"code\":\"model_not_found\"}}", Fails("is not known there by its name (HTTP 404): The model `scripted` does not exist")),
        refused("a wrong path", 404, "{\"detail\":\"Not Found\"}", Fails("no such path")),
        refused("a page of a proxy", 403, "<html><title>Blocked</title></html>", Fails("web page in place of an answer (HTTP 403): Blocked")),
        refused("a sign-in page", 302, "", Fails("leads elsewhere")),
    ]
}

fn anthropic_variants() -> Vec<Variant> {
    let start = (
        "message_start",
        json!({ "type": "message_start", "message": { "id": "msg_1", "type": "message", "role": "assistant", "content": [], "model": "m", "usage": { "input_tokens": 900, "cache_read_input_tokens": 10, "output_tokens": 1 } } }),
    );
    let ping = ("ping", json!({ "type": "ping" }));
    let begin = |block: Value| {
        (
            "content_block_start",
            json!({ "type": "content_block_start", "index": 0, "content_block": block }),
        )
    };
    let go_on = |delta: Value| {
        (
            "content_block_delta",
            json!({ "type": "content_block_delta", "index": 0, "delta": delta }),
        )
    };
    let block_ends = (
        "content_block_stop",
        json!({ "type": "content_block_stop", "index": 0 }),
    );
    let ends = |reason: &str| {
        (
            "message_delta",
            json!({ "type": "message_delta", "delta": { "stop_reason": reason, "stop_sequence": null }, "usage": { "output_tokens": 20 } }),
        )
    };
    let stop = ("message_stop", json!({ "type": "message_stop" }));
    let text = |text: &str| go_on(json!({ "type": "text_delta", "text": text }));
    let words = begin(json!({ "type": "text", "text": "" }));
    let tool = |input: Value| {
        begin(json!({ "type": "tool_use", "id": "toolu_1", "name": "weather", "input": input }))
    };
    let json_of = |json: &str| go_on(json!({ "type": "input_json_delta", "partial_json": json }));
    let good = || Says("Größe: fünf.");
    vec![
        messages("Anthropic", &[start.clone(), words.clone(), ping.clone(), text("Größe: "), text("fünf."), block_ends.clone(), ends("end_turn"), stop.clone()], good()),
        messages("no end but the reason to stop", &[start.clone(), words.clone(), text("Größe: fünf."), ends("end_turn")], good()),
        messages("a reason that nobody knows", &[start.clone(), words.clone(), text("Größe: fünf."), ends("abracadabra"), stop.clone()], good()),
        Variant { body: format!("data: {}\n\ndata: {}\n\ndata: {}\n\ndata: [DONE]\n\n", start.1, text("Größe: fünf.").1, ends("end_turn").1), ..messages("data alone, [DONE] at the end (LiteLLM)", &[], good()) },
        messages("reasoning before the words", &[start.clone(), begin(json!({ "type": "thinking", "thinking": "", "signature": "" })), go_on(json!({ "type": "thinking_delta", "thinking": "secret" })), go_on(json!({ "type": "signature_delta", "signature": "s" })), block_ends.clone(), words.clone(), text("Größe: fünf."), block_ends.clone(), ends("end_turn"), stop.clone()], good()),
        messages("a call, letter by letter", &[start.clone(), tool(json!({})), json_of(""), json_of("{\"town\":"), json_of("\"Berne\"}"), block_ends.clone(), ends("tool_use"), stop.clone()], Calls(vec![town("Berne")])),
        messages("a call, all at once", &[start.clone(), tool(json!({ "town": "Berne" })), block_ends.clone(), ends("tool_use"), stop.clone()], Calls(vec![town("Berne")])),
        messages("a call without arguments", &[start.clone(), tool(json!({})), json_of(""), ends("tool_use"), stop.clone()], Calls(vec![("weather", json!({}))])),
        Variant { content_type: "application/json", body: json!({ "id": "msg_1", "type": "message", "role": "assistant", "content": [{ "type": "text", "text": "Größe: fünf." }], "stop_reason": "end_turn", "usage": { "input_tokens": 900, "output_tokens": 20 } }).to_string(), ..messages("a whole answer in place of a stream", &[], good()) },
        messages("overloaded at once", &[start.clone(), ping.clone(), ("error", json!({ "type": "error", "error": { "type": "overloaded_error", "message": "Overloaded" } }))], Fails("is overloaded: Overloaded")),
        messages("an error within", &[start.clone(), words.clone(), text("Größe: "), ("error", json!({ "type": "error", "error": { "type": "api_error", "message": "Internal server error" } }))], Fails("failed at its server: Internal server error")),
        messages("refused", &[start.clone(), ends("refusal"), stop.clone()], Fails("refused")),
        messages("no word", &[start.clone(), ends("end_turn"), stop.clone()], Fails("without a word")),
        messages("it breaks off", &[start.clone(), words.clone(), text("Größe: ")], Fails("broke off")),
        Variant { kind: ModelKind::Anthropic, ..refused("a wrong key", 401, "{\"type\":\"error\",\"error\":{\"type\":\"authentication_error\",\"message\":\"invalid x-api-key\"}}", Fails("did not accept its key (HTTP 401): invalid x-api-key")) },
    ]
}

fn ollama_variants() -> Vec<Variant> {
    let message = |message: Value, done: bool| json!({ "model": "m", "created_at": "2026-11-30T22:00:00.123456789Z", "message": message, "done": done });
    let says = |text: &str| message(json!({ "role": "assistant", "content": text }), false);
    let end = json!({ "model": "m", "created_at": "x", "message": { "role": "assistant", "content": "" }, "done": true, "done_reason": "stop", "prompt_eval_count": 900, "eval_count": 20 });
    let call =
        |args: Value| json!({ "function": { "index": 0, "name": "weather", "arguments": args } });
    let good = || Says("Größe: fünf.");
    vec![
        lines(
            "Ollama",
            &[says("Größe: "), says("fünf."), end.clone()],
            good(),
        ),
        lines(
            "no dates, no reason, no counts",
            &[
                json!({ "message": { "content": "Größe: fünf." } }),
                json!({ "done": true }),
            ],
            good(),
        ),
        lines(
            "reasoning in its own field",
            &[
                message(
                    json!({ "role": "assistant", "content": "", "thinking": "secret" }),
                    false,
                ),
                says("Größe: fünf."),
                end.clone(),
            ],
            good(),
        ),
        lines(
            "reasoning in the text",
            &[
                says("<think>secret"),
                says("</think>Größe: fünf."),
                end.clone(),
            ],
            good(),
        ),
        lines(
            "calls with objects",
            &[
                message(
                    json!({ "role": "assistant", "content": "", "tool_calls": [call(json!({ "town": "Berne" })), call(json!({ "town": "Bâle" }))] }),
                    false,
                ),
                end.clone(),
            ],
            Calls(vec![town("Berne"), town("Bâle")]),
        ),
        lines(
            "calls in several lines",
            &[
                message(
                    json!({ "content": null, "tool_calls": [call(json!({ "town": "Berne" }))] }),
                    false,
                ),
                message(
                    json!({ "tool_calls": [call(json!({ "town": "Bâle" }))] }),
                    false,
                ),
                end.clone(),
            ],
            Calls(vec![town("Berne"), town("Bâle")]),
        ),
        lines(
            "arguments in a text",
            &[
                message(
                    json!({ "role": "assistant", "tool_calls": [call(json!("{\"town\":\"Berne\"}"))] }),
                    false,
                ),
                end.clone(),
            ],
            Calls(vec![town("Berne")]),
        ),
        lines(
            "calls without arguments",
            &[
                message(
                    json!({ "tool_calls": [{ "function": { "name": "weather" } }, { "function": { "name": "other", "arguments": null } }] }),
                    false,
                ),
                end.clone(),
            ],
            Calls(vec![("weather", json!({})), ("other", json!({}))]),
        ),
        lines(
            "the server loads and says nothing",
            &[
                json!({ "message": { "role": "assistant", "content": "" }, "done": true, "done_reason": "load" }),
            ],
            Fails("without a word: load"),
        ),
        lines(
            "an error within",
            &[
                says("Größe: "),
                json!({ "error": "an error was encountered while running the model: CUDA error" }),
            ],
            Fails("CUDA error"),
        ),
        lines("it breaks off", &[says("Größe: ")], Fails("broke off")),
        Variant {
            kind: ModelKind::Ollama,
            ..refused(
                "no such model",
                404,
                "{\"error\":\"model 'scripted' not found\"}",
                Fails("is not known there by its name (HTTP 404)"),
            )
        },
        Variant {
            kind: ModelKind::Ollama,
            ..refused(
                "no tools",
                400,
                "{\"error\":\"registry.ollama.ai/library/x does not support tools\"}",
                Fails("cannot call tools (HTTP 400)"),
            )
        },
    ]
}

/// A server that answers so, in pieces of this many bytes.
async fn replay(variant: &Variant, size: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let chunks: Vec<Vec<u8>> = variant
        .body
        .as_bytes()
        .chunks(size.max(1))
        .map(<[u8]>::to_vec)
        .collect();
    let (status, content_type) = (
        StatusCode::from_u16(variant.status).unwrap(),
        variant.content_type,
    );
    let handler = move || async move {
        let chunks = chunks.into_iter().map(Ok::<_, std::io::Error>);
        let body = Body::from_stream(futures_util::stream::iter(chunks));
        (status, [(CONTENT_TYPE, content_type)], body).into_response()
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(post(handler))).await });
    url
}

fn told(outcome: Result<Said, ModelError>) -> Result<Said, String> {
    match outcome {
        Ok(Said {
            stop: Stop::Refused,
            ..
        }) => Err("refused".to_owned()),
        Ok(said) => Ok(said),
        Err(error) => Err(error.to_string()),
    }
}

#[tokio::test]
async fn what_every_server_sends_is_an_answer_or_a_reason() {
    let all: Vec<Variant> = [openai_variants(), anthropic_variants(), ollama_variants()]
        .into_iter()
        .flatten()
        .collect();
    assert!(all.len() >= 80, "{}", all.len());
    for variant in &all {
        let of = format!("{:?}, {}", variant.kind, variant.of);
        for size in [usize::MAX, 5] {
            let url = replay(variant, size).await;
            let model = build(
                &settings(variant.kind, &url),
                Some(SecretString::from("key-4711")),
            )
            .unwrap();
            let mut asked = request("x");
            asked.tools = vec![Tool {
                name: "weather".to_owned(),
                description: "The weather now.".to_owned(),
                input_schema:
                    json!({ "type": "object", "properties": { "town": { "type": "string" } } })
                        .into(),
            }];
            let said = told(ask(model.as_ref(), asked).await);
            match (&variant.means, &said) {
                (Says(text), Ok(said)) => {
                    assert_eq!(&said.text, text, "{of}");
                    assert!(said.calls.is_empty() && said.stop == Stop::End, "{of}");
                }
                (Calls(expected), Ok(said)) => {
                    let calls: Vec<(&str, Value)> = said
                        .calls
                        .iter()
                        .map(|call| (call.name.as_str(), call.args.clone()))
                        .collect();
                    assert_eq!(&calls, expected, "{of}");
                    assert_eq!(said.stop, Stop::Calls, "{of}");
                    assert!(said.text.is_empty(), "{of}");
                    let ids: std::collections::BTreeSet<&str> =
                        said.calls.iter().map(|call| call.id.as_str()).collect();
                    assert!(
                        ids.len() == said.calls.len() && !ids.contains(""),
                        "{of}: {ids:?}"
                    );
                }
                (Fails(reason), Err(said)) => assert!(said.contains(reason), "{of}: {said}"),
                (_, Ok(said)) => panic!(
                    "{of}: said {:?} {:?} {:?}",
                    said.text, said.calls, said.stop
                ),
                (_, Err(error)) => panic!("{of}: {error}"),
            }
            if let Ok(said) = &said {
                assert!(
                    said.usage.tokens_in > 0 && said.usage.tokens_out > 0,
                    "{of}"
                );
            }
        }
    }
}

/// A server that refuses as `refuses` says and answers otherwise; what it was sent.
async fn choosy(
    kind: ModelKind,
    refuses: fn(&Value) -> Option<(u16, Value)>,
) -> (Arc<dyn Model>, Arc<std::sync::Mutex<Vec<Value>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let got = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = got.clone();
    let handler = move |axum::Json(body): axum::Json<Value>| {
        let seen = seen.clone();
        async move {
            seen.lock().unwrap().push(body.clone());
            if let Some((status, said)) = refuses(&body) {
                return (StatusCode::from_u16(status).unwrap(), said.to_string()).into_response();
            }
            let usage = json!({ "input_tokens": 900, "prompt_tokens": 900, "output_tokens": 3, "completion_tokens": 3 });
            match kind {
                ModelKind::Openai => sse(&[says("fine"), stops("stop"), json!({ "choices": [], "usage": usage })]),
                ModelKind::Anthropic => json!({ "type": "message", "content": [{ "type": "text", "text": "fine" }], "stop_reason": "end_turn", "usage": usage }).to_string(),
                ModelKind::Ollama => json!({ "message": { "content": "fine" }, "done": true, "prompt_eval_count": 900, "eval_count": 3 }).to_string(),
            }
            .into_response()
        }
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(post(handler))).await });
    (build(&settings(kind, &url), None).unwrap(), got)
}

fn no(message: &str, param: &str) -> Option<(u16, Value)> {
    Some((
        400,
        json!({ "error": { "message": message, "type": "invalid_request_error", "param": param } }),
    ))
}

#[tokio::test]
async fn what_a_server_refuses_is_learnt_once_and_costs_one_reservation() {
    let (model, got) = choosy(ModelKind::Openai, |body| {
        if body.get("max_tokens").is_some() {
            return no("Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.", "max_tokens");
        }
        if body.get("temperature").is_some() {
            return no("Unsupported value: 'temperature' does not support 0 with this model.", "temperature");
        }
        if body.get("stream_options").is_some() {
            return no("Unrecognized request argument supplied: stream_options", "");
        }
        None
    })
    .await;
    let ledger = super::tests::Free::default();
    let route = Route::new(vec![model.clone()]);
    let reply = route.ask(&ledger, false, &|_| request("x")).await.unwrap();
    assert_eq!(reply.text, "fine");
    assert_eq!(got.lock().unwrap().len(), 4, "three lessons and an answer");
    assert_eq!(ledger.settled.lock().unwrap().len(), 1);
    route.ask(&ledger, false, &|_| request("x")).await.unwrap();
    assert_eq!(got.lock().unwrap().len(), 5, "nothing is asked twice");
    let sent = got.lock().unwrap().last().cloned().unwrap();
    assert_eq!(sent["max_completion_tokens"], 64);
    assert!(sent.get("temperature").is_none());
    assert_eq!(model.learnt().len(), 3, "{:?}", model.learnt());
}

#[tokio::test]
async fn a_form_a_role_and_a_tool_are_told_as_the_server_takes_them() {
    let (model, got) = choosy(ModelKind::Openai, |body| {
        if body.get("response_format").is_some() {
            return no("This response_format type is unavailable now", "");
        }
        if body["messages"][0]["role"] == "system" {
            return Some((500, json!({ "error": { "message": "Jinja Exception: System role not supported", "code": 500 } })));
        }
        None
    })
    .await;
    let mut form = request("x");
    form.schema = Some(schema());
    assert_eq!(ask(model.as_ref(), form).await.unwrap().text, "fine");
    let sent = got.lock().unwrap().last().cloned().unwrap();
    let said = sent["messages"][0]["content"].as_str().unwrap().to_owned();
    assert!(
        said.contains("Be short.") && said.contains("colour"),
        "{said}"
    );

    let (model, got) = choosy(ModelKind::Openai, |body| {
        let tools = body["tools"].as_array()?;
        let bad = tools
            .iter()
            .position(|tool| tool["function"]["name"] == "bad")?;
        no(
            "Invalid schema for function 'bad': schema must have a type.",
            &format!("tools[{bad}].function.parameters"),
        )
    })
    .await;
    let mut asked = request("x");
    let tool = |name: &str| Tool {
        name: name.to_owned(),
        description: "x".to_owned(),
        input_schema: json!({ "properties": { "any": {} } }).into(),
    };
    asked.tools = vec![tool("good"), tool("bad")];
    assert_eq!(
        ask(model.as_ref(), asked.clone()).await.unwrap().text,
        "fine"
    );
    assert_eq!(
        got.lock().unwrap()[1]["tools"][0]["function"]["parameters"]["properties"]["any"]["type"],
        "string"
    );
    let sent = got.lock().unwrap().last().cloned().unwrap();
    assert_eq!(sent["tools"].as_array().unwrap().len(), 1);

    let (model, _) = choosy(ModelKind::Ollama, |body| {
        body.get("tools")?;
        Some((
            400,
            json!({ "error": "registry.ollama.ai/library/x does not support tools" }),
        ))
    })
    .await;
    assert!(model.calls_tools());
    assert!(ask(model.as_ref(), asked).await.is_err());
    assert!(!model.calls_tools(), "the next question is asked in a form");
}

#[tokio::test]
async fn anthropic_takes_no_temperature_and_no_forced_call() {
    let (model, got) = choosy(ModelKind::Anthropic, |body| {
        if body.get("temperature").is_some() {
            return no("`temperature` is deprecated for this model.", "");
        }
        if body.get("tool_choice").is_some() {
            return no(
                "Thinking may not be enabled when tool_choice forces tool use.",
                "",
            );
        }
        None
    })
    .await;
    let mut form = request("x");
    form.schema = Some(schema());
    assert_eq!(ask(model.as_ref(), form).await.unwrap().text, "fine");
    let sent = got.lock().unwrap().last().cloned().unwrap();
    assert!(
        sent["system"].as_str().unwrap().contains("JSON schema"),
        "{sent}"
    );
    assert!(sent.get("tools").is_none());
}

#[tokio::test]
async fn what_may_be_left_out_can_be_set_and_is_never_sent() {
    let (model, got) = choosy(ModelKind::Openai, |_| None).await;
    drop(model);
    let url = "http://127.0.0.1:9";
    let set = settings::Model {
        leave_out: vec![
            settings::ModelParameter::Temperature,
            settings::ModelParameter::StreamOptions,
        ],
        output_limit: Some(settings::OutputLimit::MaxCompletionTokens),
        ..settings(ModelKind::Openai, url)
    };
    let dialect = super::learn::Dialect::of(&set);
    let body = super::openai::body(&set, &request("x"), &dialect, 0).unwrap();
    assert!(body.get("temperature").is_none() && body.get("stream_options").is_none());
    assert_eq!(body["max_completion_tokens"], 64);
    assert!(got.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_model_that_breaks_off_before_a_word_is_asked_again_under_a_new_reservation() {
    let asked = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let seen = asked.clone();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let handler = move || {
        let first = seen.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0;
        async move {
            if first {
                "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n".to_owned()
            } else {
                json!({ "type": "message", "content": [{ "type": "text", "text": "fine" }], "stop_reason": "end_turn" }).to_string()
            }
        }
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(post(handler))).await });
    let route = Route::new(vec![
        build(&settings(ModelKind::Anthropic, &url), None).unwrap(),
    ]);
    let ledger = super::tests::Free::default();
    let reply = route.ask(&ledger, false, &|_| request("x")).await.unwrap();
    assert_eq!(reply.text, "fine");
    assert_eq!(
        ledger.settled.lock().unwrap().len(),
        2,
        "each attempt is settled"
    );
}

#[tokio::test]
async fn a_model_that_reasons_too_long_is_given_more_tokens_once() {
    let (model, got) = choosy(ModelKind::Openai, |body| {
        (body["max_tokens"].as_u64()? < 1_000).then(|| {
            let cut = json!({ "choices": [{ "message": { "content": "", "reasoning_content": "secret" }, "finish_reason": "length" }] });
            (200, cut)
        })
    })
    .await;
    let ledger = super::tests::Free::default();
    let route = Route::new(vec![model.clone()]);
    let reply = route.ask(&ledger, false, &|_| request("x")).await.unwrap();
    assert_eq!(reply.text, "fine");
    assert_eq!(got.lock().unwrap().len(), 2);
    assert_eq!(ledger.settled.lock().unwrap().len(), 2);
    assert!(model.learnt()[0].contains("reasoning_tokens"));
}

#[tokio::test]
async fn what_a_server_gave_with_a_call_goes_back_with_it() {
    let (model, got) = choosy(ModelKind::Openai, |_| None).await;
    let mut asked = request("x");
    asked.messages.push(Message::Assistant {
        text: String::new(),
        calls: vec![ToolCall {
            id: "a".to_owned(),
            name: "weather".to_owned(),
            args: json!({}),
            echo: Some(json!({ "extra_content": { "google": { "thought_signature": "s" } }, "reasoning": "secret" })),
        }],
    });
    asked.messages.push(Message::ToolResult {
        id: "a".to_owned(),
        content: "1".to_owned(),
    });
    ask(model.as_ref(), asked).await.unwrap();
    let sent = got.lock().unwrap()[0].clone();
    let call = &sent["messages"][2]["tool_calls"][0];
    assert_eq!(call["extra_content"]["google"]["thought_signature"], "s");
    assert!(
        !sent.to_string().contains("secret"),
        "reasoning only where it is wanted back"
    );
}

#[tokio::test]
async fn reasoning_without_its_beginning_is_not_told_after_a_call_without_words() {
    let (model, _) = choosy(ModelKind::Openai, |body| {
        let choice = if body.get("tools").is_some() {
            json!({ "message": { "content": null, "tool_calls": [{ "id": "a", "function": { "name": "weather" } }] }, "finish_reason": "tool_calls" })
        } else {
            json!({ "message": { "content": "secret, let me see.</think>Order 1001." }, "finish_reason": "stop" })
        };
        Some((200, json!({ "choices": [choice] })))
    })
    .await;
    let mut asked = request("x");
    asked.tools = vec![Tool {
        name: "weather".to_owned(),
        description: "x".to_owned(),
        input_schema: json!({}).into(),
    }];
    assert_eq!(ask(model.as_ref(), asked).await.unwrap().calls.len(), 1);
    for _ in 0..2 {
        assert_eq!(
            ask(model.as_ref(), request("x")).await.unwrap().text,
            "Order 1001."
        );
    }
    assert!(
        model.learnt()[0].contains("reasoning"),
        "{:?}",
        model.learnt()
    );
}

#[tokio::test]
async fn a_form_that_a_server_takes_and_forgets_is_told_in_words_the_next_time() {
    let (model, got) = choosy(ModelKind::Openai, |body| {
        let told = body["messages"][0]["content"].as_str()?.contains("colour");
        let text = if told {
            "```json\n{\"colour\":\"green\"}\n```"
        } else {
            "Grass is green."
        };
        Some((
            200,
            json!({ "choices": [{ "message": { "content": text }, "finish_reason": "stop" }] }),
        ))
    })
    .await;
    let abilities = check(
        model.as_ref(),
        2_048,
        &super::tests::Free::default(),
        std::time::Duration::from_secs(60),
    )
    .await;
    let form = abilities
        .iter()
        .find(|ability| ability.what.starts_with("keeps a form"))
        .unwrap();
    assert!(form.ok, "{abilities:?}");
    assert!(
        got.lock()
            .unwrap()
            .last()
            .unwrap()
            .get("response_format")
            .is_none()
    );
}

#[tokio::test]
async fn a_connection_that_fails_is_told_with_what_failed() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let plain = replay(&events("x", "x", Says("x")), 1).await;
    let secure = plain.replace("http://", "https://");
    for (url, lost, what) in [
        (nobody, Lost::Connection, "nothing listens at `127.0.0.1:"),
        (secure, Lost::Tls, "what answers at `127.0.0.1:"),
    ] {
        let model = build(&settings(ModelKind::Openai, &url), None).unwrap();
        let error = ask(model.as_ref(), request("x")).await.err().unwrap();
        assert!(
            matches!(&error, ModelError::Unreachable { lost: of, what: said, .. } if *of == lost && said.starts_with(what)),
            "{error:?}"
        );
        assert!(error.was_not_taken());
        assert_eq!(error.trouble(), Trouble::Unreachable);
    }
}

#[tokio::test]
async fn what_is_refused_within_an_answer_that_began_well_is_learnt_too() {
    let (model, got) = choosy(ModelKind::Openai, |body| {
        body.get("temperature")?;
        Some((
            200,
            json!({ "error": { "message": "temperature must be left out", "code": 400 } }),
        ))
    })
    .await;
    let ledger = super::tests::Free::default();
    let route = Route::new(vec![model]);
    let reply = route.ask(&ledger, false, &|_| request("x")).await.unwrap();
    assert_eq!(reply.text, "fine");
    assert_eq!(got.lock().unwrap().len(), 2);
    let settled = ledger.settled.lock().unwrap().clone();
    assert_eq!(settled[0], Usage::default(), "the refusal cost nothing");
}
