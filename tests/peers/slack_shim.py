#!/usr/bin/env python3
"""Stands before the Slack emulator: Slack takes its reading methods by GET too, the emulator by POST only.

Usage: slack_shim.py LISTEN_PORT EMULATOR_URL

A GET with a query goes on as a POST with a form; everything else goes on as it is. Listens on 127.0.0.1 only.
"""

import sys
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TIMEOUT_SECONDS = 10
PASSED_ON = ("Authorization", "Content-Type")


class Shim(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    emulator = ""

    def do_GET(self):
        path, _, query = self.path.partition("?")
        form = "application/x-www-form-urlencoded"
        self.pass_on(path, query.encode(), {"Content-Type": form})

    def do_POST(self):
        length = int(self.headers.get("Content-Length") or 0)
        self.pass_on(self.path, self.rfile.read(length), {})

    def pass_on(self, path, body, headers):
        for name in PASSED_ON:
            if name in self.headers and name not in headers:
                headers[name] = self.headers[name]
        request = urllib.request.Request(
            self.emulator + path, data=body, headers=headers, method="POST"
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
                self.answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            self.answer(error.code, error.headers, error.read())

    def answer(self, status, headers, body):
        self.send_response(status)
        self.send_header("Content-Type", headers.get("Content-Type", "application/json"))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    Shim.emulator = sys.argv[2].rstrip("/")
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Shim).serve_forever()


if __name__ == "__main__":
    main()
