#!/usr/bin/env python3
"""An MCP server that is as odd as told, but means well. Standard library only.

odd_mcp.py CONFIG           over standard input and output
odd_mcp.py http CONFIG      over streamable HTTP; the first line printed is the port

CONFIG is a JSON object:
  first        text on standard output before anything else
  between      text before each message
  end          what ends a line ("\\n")
  last_open    the last answer to a call is not ended by a line end, and the server ends with it
  handshake    the result of `initialize` ({} is merged over a plain one; null members take them out)
  pages        results of `tools/list`, one a request, the last again and again
  answer       the result of `tools/call`; `raw` is its text as it stands instead, with bytes as \\u00XX
  error        the `error` of `tools/call` instead
  ids          "text": ids of answers are written as texts, "float": as 1.0
  version      the `jsonrpc` member (null: none)
  ask          messages of the server's own, each sent and answered before a call is answered
  change       a second `pages`, announced by `notifications/tools/list_changed` with the first answer
  http         over HTTP: {"kind", "status", "sse" (text with {answer} in it), "session": true, "forget": N or
               "forget400": N (the session is unknown from the Nth call on, once), "accepted": status of notifications,
               "body" (text with {answer} in it), "get": [status, kind, body] of the stream of its own}
The log of what the client sent is written to standard error, a line a message.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

OVER_HTTP = sys.argv[1] == "http"
CONFIG = json.loads(sys.argv[-1])
TOOL = {"name": "get", "description": "rows", "inputSchema": {"type": "object"}}
STATE = {"asked": 0, "calls": 0, "changed": False, "sessions": 0, "forgotten": set()}


def plain_handshake(params):
    result = {
        "protocolVersion": params.get("protocolVersion"),
        "capabilities": {"tools": {"listChanged": True}},
        "serverInfo": {"name": "odd", "version": "1"},
    }
    result.update(CONFIG.get("handshake", {}))
    return {key: value for key, value in result.items() if value is not None}


def page():
    pages = CONFIG.get("pages", [{"tools": [TOOL]}])
    if STATE["changed"]:
        pages = CONFIG["change"]
    result = pages[min(STATE["asked"], len(pages) - 1)]
    STATE["asked"] += 1
    return result


def reply(message):
    """The text of the reply to a message, or None."""
    method, identity = message.get("method"), message.get("id")
    if method is None or identity is None:
        return None
    kind = CONFIG.get("ids")
    identity = json.dumps(str(identity)) if kind == "text" else f"{identity}.0" if kind == "float" else json.dumps(identity)
    version = CONFIG.get("version", "2.0")
    head = ("" if version is None else f'"jsonrpc": {json.dumps(version)}, ') + f'"id": {identity}, '
    if method == "tools/call" and "error" in CONFIG:
        return "{" + head + '"error": ' + json.dumps(CONFIG["error"]) + "}"
    if method == "initialize":
        result = json.dumps(plain_handshake(message.get("params") or {}))
    elif method == "tools/list":
        result = json.dumps(page())
    elif method == "tools/call":
        STATE["calls"] += 1
        answer = CONFIG.get("answer", {"content": [{"type": "text", "text": '{"rows": [{"id": 1}]}'}]})
        result = CONFIG.get("raw") or json.dumps(answer)
    elif method == "ping":
        result = "{}"
    else:
        return "{" + head + '"error": {"code": -32601, "message": "not here"}}'
    return "{" + head + '"result": ' + result + "}"


def stdio():
    out = sys.stdout.buffer
    end = CONFIG.get("end", "\n")

    def write(text):
        # Each character is a byte: so a config can hold bytes that are no UTF-8.
        out.write(text.encode("latin-1", "backslashreplace"))
        out.flush()

    def heard():
        line = sys.stdin.readline()
        sys.stderr.write(line)
        sys.stderr.flush()
        return json.loads(line) if line else None

    write(CONFIG.get("first", ""))
    while (message := heard()) is not None:
        is_call = message.get("method") == "tools/call"
        for asked in CONFIG.get("ask", []) if is_call else []:
            write(json.dumps(asked) + end)
            while asked.get("id") is not None:
                back = heard()
                if back is None:
                    return
                if back.get("id") == asked["id"] and "method" not in back:
                    break
        if is_call and "change" in CONFIG and not STATE["changed"]:
            STATE.update(changed=True, asked=0)
            write(json.dumps({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}) + end)
        text = reply(message)
        if text is not None:
            write(CONFIG.get("between", ""))
            if is_call and CONFIG.get("last_open"):
                return write(text)
            write(text + end)


class Http(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def send(self, status, body=b"", kind="application/json", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if kind:
            self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        status, kind, body = CONFIG.get("http", {}).get("get", [405, None, ""])
        self.send(status, body.encode(), kind)

    def do_DELETE(self):
        self.send(200)

    def do_POST(self):
        told = CONFIG.get("http", {})
        message = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        session = self.headers.get("Mcp-Session-Id")
        if session in STATE["forgotten"]:
            status = 400 if "forget400" in told else 404
            error = {"code": -32000, "message": "Bad Request: no valid session"}
            return self.send(status, json.dumps({"jsonrpc": "2.0", "error": error, "id": None}).encode())
        headers = {}
        if told.get("session") and message.get("method") == "initialize":
            STATE["sessions"] += 1
            headers["Mcp_Session_Id"] = f"s{STATE['sessions']}"
        text = reply(message)
        if text is None:
            return self.send(told.get("accepted", 202), b"", told.get("accepted_kind"))
        forget = told.get("forget", told.get("forget400"))
        if forget is not None and STATE["calls"] == forget and session == "s1":
            STATE["forgotten"].add(session)
        is_call = message.get("method") == "tools/call"
        if "sse" in told:
            text = told["sse"].replace("{answer}", text)
        elif is_call and "body" in told:
            text = told["body"].replace("{answer}", text)
        kind = told.get("kind", "text/event-stream" if "sse" in told else "application/json")
        status = told.get("status", 200) if is_call else 200
        self.send(status, text.encode("latin-1", "backslashreplace"), kind, **headers)

    def log_message(self, *_):
        pass


if OVER_HTTP:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Http)
    print(server.server_address[1], flush=True)
    server.serve_forever()
else:
    stdio()
