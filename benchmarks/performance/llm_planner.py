"""What the planner that asks a language model costs beside the model, and how it fares with a small one.

    python benchmarks/performance/llm_planner.py calls [--calls 200]
    python benchmarks/performance/llm_planner.py search [--nodes 12]
    python benchmarks/performance/llm_planner.py local [--competition digits] [--minutes 10]

`calls`: milliseconds per question of MARS's client, its record in SQLite included, against the `openai`
package alone, in turns, on the same prompts and the same scripted server, a fake in a process of its own.
`search`: a whole search over a family that costs nothing, every idea asked of that server; no network.
`local`: a search that the model of `--model local` plans; counts valid nodes among those that were executed
to their end (one that the search itself ended as hopeless is counted apart).
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from openai import OpenAI
from rich.console import Console

from agent.chronicle import Chronicle, RealClock
from agent.database import open_database
from agent.llm.allowance import Allowance
from agent.llm.calls import Prompt
from agent.llm.client import Client
from agent.llm.endpoint import LOCAL, find_endpoint
from agent.llm.forms import Form
from agent.llm.query import Query
from agent.paths import Home
from agent.record.state import RunState
from agent.record.store import Journal
from agent.report.observer import Observer
from agent.report.plain import PlainLines
from agent.request import RunRequest
from agent.session import start

TOY = Path(__file__).resolve().parents[2] / "tests" / "toy"
PROMPT = Prompt(stable="You plan experiments. " * 700, asked="What comes next? " * 100)
WARM_UP = 10


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=["calls", "search", "local", "serve"])
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--nodes", type=int, default=12)
    parser.add_argument("--competition", default="digits")
    parser.add_argument("--minutes", type=float, default=10.0)
    arguments = parser.parse_args()
    if arguments.part == "serve":
        _serve()
        return
    with tempfile.TemporaryDirectory(prefix="llm-planner-") as folder:
        os.environ["MARS_HOME"] = folder
        home = Home(Path(folder))
        if arguments.part == "local":
            _local(home, arguments.competition, arguments.minutes)
            return
        with _server():
            if arguments.part == "calls":
                _calls(home, arguments.calls)
            else:
                _search(home, arguments.nodes)


# -- the scripted server, a fake model ---------------------------------------------------------------------


class _Obedient(BaseHTTPRequestHandler):
    """Answers with the first choice that a request's schema allows."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        schema = body.get("response_format", {}).get("json_schema", {}).get("schema")
        answer = json.dumps(_first(schema, int(body.get("seed") or 0))) if schema else "{}"
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": answer}}
        prompt = sum(len(message["content"]) for message in body["messages"]) // 4
        usage = {"prompt_tokens": prompt, "completion_tokens": len(answer) // 4}
        said = {
            "id": "1",
            "object": "chat.completion",
            "created": 0,
            "model": "scripted",
            "choices": [choice],
            "usage": {**usage, "total_tokens": sum(usage.values())},
        }
        content = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


def _first(schema: dict[str, Any], turn: int) -> Any:
    """A value that keeps to the schema; `turn` varies the choices."""
    if "anyOf" in schema:
        return _first(schema["anyOf"][turn % len(schema["anyOf"])], turn)
    if "enum" in schema:
        return schema["enum"][turn % len(schema["enum"])]
    if schema["type"] == "object":
        return {name: _first(part, turn) for name, part in schema["properties"].items()}
    if schema["type"] == "array":
        return [_first(schema["items"], turn)] if schema["maxItems"] else []
    return "a few words"


def _serve() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Obedient)
    print(server.server_address[1], flush=True)
    server.serve_forever()


@contextmanager
def _server() -> Iterator[None]:
    """The server in a process of its own, and the environment that leads to it."""
    process = subprocess.Popen([sys.executable, __file__, "serve"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    os.environ["OPENAI_BASE_URL"] = f"http://127.0.0.1:{process.stdout.readline().strip()}/v1"
    os.environ["MARS_MODEL"] = "scripted"
    os.environ.setdefault("OPENAI_API_KEY", "none")
    try:
        yield
    finally:
        process.kill()
        process.wait()


# -- parts -------------------------------------------------------------------------------------------------


def _calls(home: Home, calls: int) -> None:
    schema = {
        "type": "object",
        "properties": {"size": {"enum": [1, 2, 3]}},
        "required": ["size"],
        "additionalProperties": False,
    }
    form: Form[Any] = Form("choice", schema, lambda answer: answer["size"])
    journal = Journal.create(open_database(home.database), "calls", "none", datetime.now(UTC))
    chronicle = Chronicle(journal, RunState(True), _observer(), RealClock())
    endpoint = find_endpoint()
    ours = Client(endpoint, chronicle, Allowance(), lambda: None, lambda: 3600.0)
    alone = OpenAI(base_url=endpoint.base_url, max_retries=0)
    messages: Any = [
        {"role": "system", "content": PROMPT.stable},
        {"role": "user", "content": PROMPT.asked},
    ]
    held: Any = {
        "type": "json_schema",
        "json_schema": {"name": "choice", "schema": schema, "strict": True},
    }
    times: dict[str, list[float]] = {"client": [], "package": []}
    for number in range(calls + WARM_UP):
        began = time.perf_counter()
        ours.ask(Query("planner", "draft", [PROMPT], form, 100, seed=number))
        between = time.perf_counter()
        alone.chat.completions.create(
            model="scripted", messages=messages, response_format=held, max_tokens=100, seed=number
        )
        if number >= WARM_UP:
            times["client"].append(1000 * (between - began))
            times["package"].append(1000 * (time.perf_counter() - between))
    ours.close()
    client, package = (statistics.median(times[name]) for name in ("client", "package"))
    added = statistics.median(a - b for a, b in zip(times["client"], times["package"], strict=True))
    print(
        f"{calls} calls: median {client:.1f} ms by the client, {package:.1f} ms by the package alone; the "
        f"harness adds {added:.1f} ms (goal: under 20)"
    )


def _search(home: Home, nodes: int) -> None:
    shutil.copytree(TOY / "families", home.root / "templates")
    shutil.copytree(TOY / "competition", home.root / "benchmarks" / "toy")
    request = RunRequest(
        competition="toy",
        minutes=10,
        max_nodes=nodes,
        planner="llm",
        forbidden=("kind=failing", "kind=crashing"),
    )
    began = time.perf_counter()
    state = start(request, home, lambda _: _observer()).run.state
    asked = sum(not node.note for node in state.nodes.values())
    print(
        f"{len(state.nodes)} nodes, {len(state.valid)} valid, {asked} of the model's own, in "
        f"{time.perf_counter() - began:.1f} s (goal: under 60); {state.spend.calls} calls, "
        f"{state.spend.tokens_in:,} tokens in, {state.spend.tokens_out:,} out (counted by characters)"
    )


def _local(home: Home, competition: str, minutes: float) -> None:
    request = RunRequest(competition=competition, minutes=minutes, planner="llm", model=LOCAL)
    state = start(request, home, lambda _: _observer()).run.state
    nodes = [node for node in state.nodes.values() if node.operator != "ensemble"]
    counts = Counter(node.status for node in nodes)
    executed = len(nodes) - counts["pruned"] - counts["running"]
    own = sum(not node.note for node in nodes)
    best = f"best {state.best.metric:.4f}" if state.best else "none valid"
    print(
        f"{counts['valid']} of {executed} executed nodes valid (goal: 95 %), {counts['pruned']} ended by the "
        f"search as hopeless; {own} of {len(nodes)} ideas are the model's own; {best}; "
        f"{state.spend.calls} calls, {state.spend.tokens_in:,} tokens in ({state.spend.tokens_cached:,} "
        f"cached), {state.spend.tokens_out:,} out, {state.spend.seconds:.0f} s"
    )


def _observer() -> Observer:
    return PlainLines(Console(file=sys.stderr))


if __name__ == "__main__":
    main()
