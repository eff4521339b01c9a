"""A fake language model behind a real HTTP server in its own process, to measure everything but the model.

The model answers with a choice that the request's schema allows. With `--edits`, every second improvement is
a plan to read modules, and its edits add a comment above a function. Streamed answers come in pieces at
`--tokens-per-s`; with `--chatter`, text follows the answer.
"""

import argparse
import itertools
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

PIECE = 24  # characters per piece of a streamed answer
CHARACTERS_PER_TOKEN = 4
CACHE_LEAST = 1024  # tokens, as OpenAI caches prompts
CACHE_STEP = 128
_SHOWN = re.compile(r"^## (\S+)\n<data>\n(.*?)\n</data>", re.DOTALL | re.MULTILINE)
_SCHEMA = "JSON schema:\n"


class Model(BaseHTTPRequestHandler):
    """Answers requests; its options are attributes of the class."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    edits = False
    chatter = ""
    tokens_per_s = 0.0
    known: ClassVar[dict[str, list[str]]] = {}  # earlier prompts by model
    improvements = itertools.count()

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt = "".join(message["content"] for message in body["messages"])
        self._sizes = len(prompt) // CHARACTERS_PER_TOKEN, self._cached(body["model"], prompt)
        requested = body.get("response_format", {}).get("json_schema", {}).get("schema")
        if requested is None and _SCHEMA not in prompt:
            answer = "{}"
        else:
            schema = requested or json.JSONDecoder().raw_decode(prompt.partition(_SCHEMA)[2])[0]
            answer = json.dumps(self._answer(schema, prompt, int(body.get("seed") or 0)))
        if body.get("stream"):
            self._stream(f"```json\n{answer}\n```\n{self.chatter}")
        else:
            self._send(self._completion(answer), "application/json")

    def _answer(self, schema: dict[str, Any], prompt: str, seed: int) -> Any:
        parts = schema["properties"]
        if "edits" in parts:
            nothing = {name: [] for name in ("look", "rewrites") if name in parts}
            edits = {"edits": _edits(prompt, seed), "title": f"Note {seed}"}
            return {**_first(schema, seed), **nothing, **edits}
        answer = _first(schema, seed)
        if measured := re.search(
            r"^Verdict: (\w+)$", prompt, re.MULTILINE
        ):  # the request asks for the text of a lesson
            return {**answer, "verdict": measured.group(1), **({"same_as": ""} if "same_as" in parts else {})}
        if "look" in parts:
            turn = next(self.improvements)
            names = parts["look"]["items"]["enum"]
            reads_modules = self.edits and turn % 2 == 1
            answer["look"] = [names[(turn // 2 + more) % len(names)] for more in range(1 + turn // 2 % 2)]
            answer["changes" if reads_modules else "look"] = []
        return answer

    def _completion(self, answer: str) -> bytes:
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": answer}}
        head = {"id": "1", "object": "chat.completion", "created": 0, "model": "scripted"}
        return json.dumps({**head, "choices": [choice], "usage": self._usage(answer)}).encode()

    def _send(self, content: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _stream(self, text: str) -> None:
        """Send the text in pieces at `tokens_per_s`; the client may close the connection at any time."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        head = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "scripted"}
        try:
            for start in range(0, len(text), PIECE):
                delta = {"index": 0, "delta": {"content": text[start : start + PIECE]}, "finish_reason": None}
                self._event({**head, "choices": [delta]})
                if self.tokens_per_s:
                    time.sleep(PIECE / CHARACTERS_PER_TOKEN / self.tokens_per_s)
            self._event({**head, "choices": [], "usage": self._usage(text)})
            self.wfile.write(b"data: [DONE]\n\n")
        except OSError:
            pass
        self.close_connection = True

    def _cached(self, model: str, prompt: str) -> int:
        """Return the cached prefix in tokens, counted as OpenAI does: at least 1,024, in steps of 128."""
        earlier = self.known.setdefault(model, [])
        longest = max((shared_prefix(other, prompt) for other in earlier), default=0) // CHARACTERS_PER_TOKEN
        earlier.append(prompt)
        return longest // CACHE_STEP * CACHE_STEP if longest >= CACHE_LEAST else 0

    def _usage(self, answer: str) -> dict[str, Any]:
        tokens_in, cached = self._sizes
        out = len(answer) // CHARACTERS_PER_TOKEN
        usage = {"prompt_tokens": tokens_in, "completion_tokens": out, "total_tokens": tokens_in + out}
        return {**usage, "prompt_tokens_details": {"cached_tokens": cached}}

    def _event(self, event: dict[str, Any]) -> None:
        self.wfile.write(b"data: " + json.dumps(event).encode() + b"\n\n")
        self.wfile.flush()

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


def shared_prefix(one: str, other: str) -> int:
    """Return the length of the common prefix in characters."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((position for position, (a, b) in pairs if a != b), min(len(one), len(other)))


def _first(schema: dict[str, Any], turn: int) -> Any:
    """Return a value that matches the schema; `turn` varies the choices."""
    if "anyOf" in schema:
        return _first(schema["anyOf"][turn % len(schema["anyOf"])], turn)
    if "enum" in schema:
        return schema["enum"][turn % len(schema["enum"])]
    if schema["type"] == "object":
        return {name: _first(part, turn) for name, part in schema["properties"].items()}
    if schema["type"] == "array":
        return [_first(schema["items"], turn)] if schema["maxItems"] else []
    return "a few words"


def _edits(prompt: str, seed: int) -> list[dict[str, str]]:
    """Return an edit that adds a comment above a function of the first module in the prompt."""
    for name, code in _SHOWN.findall(prompt):
        lines = code.splitlines()
        for line in lines:
            if line.startswith("def ") and lines.count(line) == 1 and code.count(line) == 1:
                return [{"file": name, "find": line, "replace": f"# Note {seed}.\n{line}"}]
    return []


@contextmanager
def scripted_model(*options: str) -> Iterator[None]:
    """Run the server in its own process and set the environment variables of the endpoint."""
    command = [sys.executable, __file__, *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    os.environ["OPENAI_BASE_URL"] = f"http://127.0.0.1:{process.stdout.readline().strip()}/v1"
    os.environ["MARS_MODEL"] = "scripted"
    os.environ.setdefault("OPENAI_API_KEY", "none")
    try:
        yield
    finally:
        process.kill()
        process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--edits", action="store_true")
    parser.add_argument("--chatter", default="", help="Text after a streamed answer.")
    parser.add_argument(
        "--tokens-per-s", type=float, default=0.0, help="Speed of a stream; 0 means no delay."
    )
    arguments = parser.parse_args()
    Model.edits, Model.chatter = arguments.edits, arguments.chatter
    Model.tokens_per_s = arguments.tokens_per_s
    server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
