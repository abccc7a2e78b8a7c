"""A stand-in for the child, for what llama.cpp does only when the machine is in trouble: the message says what."""

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PIECE = {"choices": [{"finish_reason": None, "index": 0, "delta": {"content": "word"}}]}
END = {"choices": [{"finish_reason": "stop", "index": 0, "delta": {}}]}
FULL = {"error": {"code": 500, "message": "Context size has been exceeded.", "type": "server_error"}}

SCRIPTS = {"full": [FULL], "no usage": [PIECE, END], "no end": [PIECE]}


class Engine(BaseHTTPRequestHandler):
    def do_GET(self):
        self.reply(b'{"status": "ok"}')

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/unknown":
            self.send_error(404)
        elif self.path == "/v1/chat/completions":
            self.play(body)

    def play(self, body):
        script = SCRIPTS[body["messages"][0]["content"]]
        events = [f"data: {json.dumps(event)}\n\n".encode() for event in script]
        self.reply(b"".join(events), "text/event-stream")

    def reply(self, body: bytes, kind: str = "application/json"):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object):  # noqa: A002 - the base class's name for it
        pass


sys.stdin.readline()
server = ThreadingHTTPServer(("127.0.0.1", 0), Engine)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(json.dumps({"url": f"http://127.0.0.1:{server.server_port}"}), flush=True)
sys.stdin.read()
os._exit(0)
