#!/usr/bin/env python3
"""An MCP server over standard input and output that answers as a file says and writes down who called what.

canned_mcp.py ANSWERS RECORD

ANSWERS is a JSON file, read again for each message: {"tools": [{"name", "description"?, "schema"?, "annotations"?,
"answer"?, "error"?, "seconds"?}], "seconds"?}. `answer` is what the tool says (JSON, or text), `error` a text with which it refuses instead,
`seconds` how long it takes; at the top, how long the list of tools takes. RECORD gets a line of JSON for each call, before
anything is answered. Standard library only.
"""

import json
import os
import sys
import time

ANSWERS, RECORD = sys.argv[1:3]
NAME = os.path.splitext(os.path.basename(ANSWERS))[0]


def answers():
    with open(ANSWERS, encoding="utf-8") as file:
        return json.load(file)


def described(tool):
    schema = tool.get("schema") or {"type": "object", "properties": {}}
    return {
        "name": tool["name"],
        "description": tool.get("description", ""),
        "inputSchema": schema,
        "annotations": tool.get("annotations", {"readOnlyHint": True}),
    }


def call(params):
    name = params.get("name")
    line = json.dumps({"connector": NAME, "tool": name, "args": params.get("arguments") or {}})
    with open(RECORD, "a", encoding="utf-8") as record:
        record.write(line + "\n")
    for tool in answers()["tools"]:
        if tool["name"] == name:
            time.sleep(tool.get("seconds", 0))
            if "error" in tool:
                return {"content": [{"type": "text", "text": tool["error"]}], "isError": True}
            said = tool.get("answer", {})
            said = said if isinstance(said, str) else json.dumps(said)
            return {"content": [{"type": "text", "text": said}]}
    return {"content": [{"type": "text", "text": "there is no such tool"}], "isError": True}


def result(method, params):
    if method == "initialize":
        return {
            "protocolVersion": params.get("protocolVersion"),
            "capabilities": {"tools": {}},
            "serverInfo": {"name": NAME, "version": "1"},
        }
    if method == "tools/list":
        known = answers()
        time.sleep(known.get("seconds", 0))
        return {"tools": [described(tool) for tool in known["tools"]]}
    if method == "tools/call":
        return call(params)
    return None


for line in sys.stdin:
    message = json.loads(line)
    if "id" not in message or "method" not in message:
        continue
    reply = {"jsonrpc": "2.0", "id": message["id"]}
    answer = result(message["method"], message.get("params") or {})
    if answer is None:
        reply["error"] = {"code": -32601, "message": "not here"}
    else:
        reply["result"] = answer
    sys.stdout.write(json.dumps(reply) + "\n")
    sys.stdout.flush()
