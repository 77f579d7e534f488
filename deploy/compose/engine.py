"""An engine for laptops: it speaks the OpenAI API, knows any model, and says one sentence, plain or word by word.

    python3 engine.py ADDRESS PORT
"""

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WORDS = ["I ", "said ", "this, ", "and ", "a ", "simulated ", "machine ", "swears ", "to ", "it."]


class Engine(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/health":
            return self.whole(200, b"")
        if self.path == "/v1/models":
            return self.json(200, {"object": "list", "data": [{"id": "one-sentence", "object": "model"}]})
        self.json(404, {"detail": "Not Found"})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path != "/v1/chat/completions":
            return self.json(404, {"detail": "Not Found"})
        try:
            ask = json.loads(body)
        except ValueError:
            return self.json(400, {"error": {"message": "not JSON", "type": "BadRequestError", "param": None, "code": 400}})
        head = {"id": f"chatcmpl-{self.headers.get('x-request-id', 'none')}", "object": "chat.completion",
                "created": int(time.time()), "model": ask.get("model", "one-sentence")}
        if not ask.get("stream"):
            message = {"role": "assistant", "content": "".join(WORDS)}
            usage = {"prompt_tokens": 1, "completion_tokens": len(WORDS), "total_tokens": 1 + len(WORDS)}
            choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
            return self.json(200, {**head, "choices": choices, "usage": usage})
        self.send_response(200)
        self.send_header("content-type", "text/event-stream; charset=utf-8")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for word in WORDS:
            choice = {"index": 0, "delta": {"content": word}, "finish_reason": None}
            self.event(json.dumps({**head, "object": "chat.completion.chunk", "choices": [choice]}))
            time.sleep(0.02)
        self.event("[DONE]")
        self.wfile.write(b"0\r\n\r\n")

    def event(self, data):
        event = f"data: {data}\n\n".encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))

    def json(self, status, value):
        self.whole(status, json.dumps(value).encode(), "application/json")

    def whole(self, status, body, kind="text/plain"):
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Engine).serve_forever()
