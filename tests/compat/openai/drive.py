"""python drive.py JURAT_URL JURAT_BINARY: OpenAI's Python SDK, unmodified, through jurat. Of each answer the bytes that went over the wire are
checked against its receipt."""

import io
import json
import os
import subprocess
import sys
import tempfile
import time

import httpx2 as httpx
import openai

URL, BINARY = sys.argv[1:]
LAST = {}
STEPS = 0


class Recorded(httpx.HTTPTransport):
    def handle_request(self, request):
        sent = request.read()
        answer = super().handle_request(request)
        body = b"".join(answer.stream)
        answer.close()
        LAST.update(id=answer.headers.get("x-receipt-id"), request=sent, response=body)
        return httpx.Response(answer.status_code, headers=answer.headers, content=body, request=request)


CLIENT = openai.OpenAI(base_url=URL + "/v1", api_key="engine-key", max_retries=0, http_client=httpx.Client(transport=Recorded()))
MODEL, MESSAGES = "compat", [{"role": "user", "content": "ping"}]
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}]


def step(name, ask, expect, sworn=True):
    global STEPS
    began = time.monotonic()
    got = ask()
    assert expect(got), f"{name}: {got}"
    if sworn:
        with tempfile.TemporaryDirectory() as folder:
            for part in ("request", "response"):
                with open(os.path.join(folder, part), "wb") as file:
                    file.write(LAST[part])
            done = subprocess.run(
                [BINARY, "check", "--url", URL, "--policy", "simulated", "--id", LAST["id"],
                 "--request", os.path.join(folder, "request"), "--response", os.path.join(folder, "response")],
                capture_output=True, text=True, timeout=60,
            )
            assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"
    STEPS += 1
    print(f"  ok    {name} ({(time.monotonic() - began) * 1000:.0f} ms)", flush=True)


def refused(kind, ask):
    try:
        ask()
    except kind:
        return True
    return False


chat = CLIENT.chat.completions.create
step("models.list", CLIENT.models.list, lambda got: got.data[0].id == MODEL, sworn=False)
step("chat", lambda: chat(model=MODEL, messages=MESSAGES), lambda got: got.choices[0].message.content == "pöng 0")
step("chat, streamed, with usage",
     lambda: list(chat(model=MODEL, messages=MESSAGES, stream=True, stream_options={"include_usage": True})),
     lambda got: got[-1].usage.completion_tokens == 2)
step("tool calls", lambda: chat(model=MODEL, messages=MESSAGES, tools=TOOLS),
     lambda got: json.loads(got.choices[0].message.tool_calls[0].function.arguments) == {"city": "Zürich"})
step("tool calls, streamed", lambda: list(chat(model=MODEL, messages=MESSAGES, tools=TOOLS, stream=True)),
     lambda got: any(part.choices and part.choices[0].delta.tool_calls for part in got))
step("logprobs", lambda: chat(model=MODEL, messages=MESSAGES, logprobs=True), lambda got: got.choices[0].logprobs.content[1].logprob == -1e-7)
step("n > 1", lambda: chat(model=MODEL, messages=MESSAGES, n=3), lambda got: len(got.choices) == 3)
step("n > 1, streamed", lambda: list(chat(model=MODEL, messages=MESSAGES, n=2, stream=True)),
     lambda got: {part.choices[0].index for part in got} == {0, 1})
step("images in a message", lambda: chat(model=MODEL, messages=[{"role": "user", "content": [
    {"type": "text", "text": "what is it?"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "iVBO" * 40_000}}]}]),
     lambda got: len(got.choices) == 1)
step("completions", lambda: CLIENT.completions.create(model=MODEL, prompt="ping"), lambda got: got.choices[0].text == "pong")
step("embeddings", lambda: CLIENT.embeddings.create(model=MODEL, input="ping"), lambda got: got.data[0].embedding[:2] == [0.5, -0.25])
step("images", lambda: CLIENT.images.generate(model=MODEL, prompt="ping"), lambda got: got.data[0].b64_json)
step("audio in", lambda: CLIENT.audio.transcriptions.create(model=MODEL, file=("a.wav", io.BytesIO(b"RIFF\0\xff\r\n--"))),
     lambda got: got.text == "hello")
step("audio out", lambda: CLIENT.audio.speech.create(model=MODEL, voice="alloy", input="ping").read(), lambda got: got == b"RIFF\0\xff\n")
step("responses", lambda: CLIENT.responses.create(model=MODEL, input="ping"), lambda got: got.output_text == "pong")
step("responses, streamed", lambda: list(CLIENT.responses.create(model=MODEL, input="ping", stream=True)),
     lambda got: got[-1].type == "response.completed")
step("400 stays a BadRequestError", lambda: refused(openai.BadRequestError, lambda: chat(model=MODEL, messages=MESSAGES, temperature=-1)), bool, sworn=False)
step("401 stays an AuthenticationError",
     lambda: refused(openai.AuthenticationError, lambda: CLIENT.with_options(api_key="wrong").models.list()), bool, sworn=False)
step("429 stays a RateLimitError",
     lambda: refused(openai.RateLimitError, lambda: CLIENT.with_options(api_key="slow-down").models.list()), bool, sworn=False)
print(f"  {STEPS} steps")
