"""Measure the overhead of the language model planner, and its quality with a small model.

    python benchmarks/performance/llm_planner.py calls [--calls 200]
    python benchmarks/performance/llm_planner.py search [--nodes 12]
    python benchmarks/performance/llm_planner.py local [--competition digits] [--minutes 10]
    python benchmarks/performance/llm_planner.py tokens [--nodes 12]
    python benchmarks/performance/llm_planner.py streams [--calls 10]
    python benchmarks/performance/llm_planner.py roles [--nodes 12]

`calls`: milliseconds per call of MARS's client, including its record in SQLite, against the `openai` package
alone. Both run in first_messages on the same prompts and the same scripted server in its own process.
`search`: a whole search over a family with trivial candidates, planned by that server; no network.
`local`: a search planned by the model of `--model local`. Counts valid nodes among the fully executed ones;
nodes that the search pruned are counted separately.
`tokens`: prompt tokens of a search over digits as a table with real candidates, 100 lessons in the store, and
improvements by slots and by edits in turns. The same prompts with all modules of the parent and all lessons
are computed, not sent. Tokens are the client's estimate: 3 bytes per token.
`streams`: answers of an endpoint without JSON modes that sends text after the JSON at 100 tokens/s: read to
the end, and stopped at the end of the JSON.
`roles`: the search of `tokens` with one model as planner and a cheaper one for edits and lessons, at two
prices of the bundled table. Prints the cost by role and purpose, and at the planner's price.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from llm_tokens import in_stable_prefix, recorded_prompts, run_search, schema_tokens, tokens
from openai import OpenAI
from rich.console import Console
from scripted_model import CHARACTERS_PER_TOKEN, scripted_model

from agent.agents.debugger import FIX_TOKENS
from agent.core.database import open_database
from agent.core.paths import Home
from agent.engine.run_request import RunRequest
from agent.engine.session import start
from agent.llm.answer_format import AnswerError, AnswerFormat
from agent.llm.calls import Prompt
from agent.llm.client import Client
from agent.llm.endpoint import LOCAL_MODEL, find_endpoint
from agent.llm.exchange import Exchange
from agent.llm.json_answer import parse_object
from agent.llm.messages import first_messages
from agent.llm.prices import bundled_prices, load_prices
from agent.llm.query import Query
from agent.llm.spend_limit import SpendLimit
from agent.planner.llm.answers import closed_object
from agent.planner.llm.planner import ANSWER_TOKENS, EDIT_TOKENS
from agent.record.journal import Journal
from agent.record.observer import Observer
from agent.record.recorder import EventRecorder, RealClock
from agent.record.state import RunState
from agent.report import formatting
from agent.report.plain_lines import PlainLines
from agent.report.spending import render_spending

TOY = Path(__file__).resolve().parents[2] / "tests" / "toy"
PROMPT = Prompt(stable="You plan experiments. " * 700, asked="What comes next? " * 100)
WARM_UP = 10
CHATTER = "This choice rests on what was measured before, and here is why I made it. " * 12
LARGE, SMALL = "gpt-5", "gpt-5-mini"  # names in the price table; only the fake server is called
OPTIONS = {
    "tokens": ["--edits"],
    "roles": ["--edits"],
    "streams": ["--chatter", CHATTER, "--tokens-per-s", "100"],
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=["calls", "search", "local", "tokens", "streams", "roles"])
    parser.add_argument("--calls", type=int, help="Number of calls (default: 200, for `streams` 10).")
    parser.add_argument("--nodes", type=int, default=12)
    parser.add_argument("--competition", default="digits")
    parser.add_argument("--minutes", type=float, default=10.0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="llm-planner-") as folder:
        os.environ["MARS_HOME"] = folder
        home = Home(Path(folder))
        if arguments.part == "local":
            _local(home, arguments.competition, arguments.minutes)
            return
        with scripted_model(*OPTIONS.get(arguments.part, ())):
            if arguments.part == "calls":
                _calls(home, arguments.calls or 200)
            elif arguments.part == "streams":
                _streams(arguments.calls or 10)
            elif arguments.part == "roles":
                _roles(home, arguments.nodes)
            elif arguments.part == "search":
                _search(home, arguments.nodes)
            else:
                _tokens(home, arguments.nodes)


# -- parts -------------------------------------------------------------------------------------------------


def _calls(home: Home, calls: int) -> None:
    schema = {
        "type": "object",
        "properties": {"size": {"enum": [1, 2, 3]}},
        "required": ["size"],
        "additionalProperties": False,
    }
    form: AnswerFormat[Any] = AnswerFormat("choice", schema, lambda answer: answer["size"])
    journal = Journal.create(open_database(home.database), "calls", "none", datetime.now(UTC))
    recorder = EventRecorder(journal, RunState(True), _observer(), RealClock())
    endpoint = find_endpoint()
    ours = Client(endpoint, recorder, SpendLimit(), lambda: None, lambda: 3600.0)
    alone = OpenAI(base_url=endpoint.base_url, max_retries=0)
    messages: Any = [
        {"role": "system", "content": PROMPT.stable},
        {"role": "user", "content": PROMPT.asked},
    ]
    response_format: Any = {
        "type": "json_schema",
        "json_schema": {"name": "choice", "schema": schema, "strict": True},
    }
    times: dict[str, list[float]] = {"client": [], "package": []}
    for number in range(calls + WARM_UP):
        began = time.perf_counter()
        ours.ask(Query("planner", "draft", [PROMPT], form, 100, seed=number))
        between = time.perf_counter()
        alone.chat.completions.create(
            model="scripted", messages=messages, response_format=response_format, max_tokens=100, seed=number
        )
        if number >= WARM_UP:
            times["client"].append(1000 * (between - began))
            times["package"].append(1000 * (time.perf_counter() - between))
    ours.close()
    client, package = (statistics.median(times[name]) for name in ("client", "package"))
    added = statistics.median(a - b for a, b in zip(times["client"], times["package"], strict=True))
    print(
        f"{calls} calls: median {client:.1f} ms with the client, {package:.1f} ms with the package alone; "
        f"the harness adds {added:.1f} ms (goal: under 20)"
    )


def _streams(calls: int) -> None:
    schema = closed_object({"size": {"enum": [1, 2, 3]}, "reason": {"enum": [CHATTER[:240]]}})
    form: AnswerFormat[Any] = AnswerFormat("choice", schema, lambda answer: answer["size"])
    exchange = Exchange(find_endpoint(), lambda: None, lambda: 3600.0)
    messages = [{"role": who, "content": text} for who, text in first_messages(PROMPT, form, "text")]
    body = {"model": "scripted", "messages": messages, "stream": True}

    def is_complete(text: str) -> bool:
        try:
            form.read(parse_object(text))
        except AnswerError:
            return False
        return True

    for name, enough in (("read to the end", lambda _: False), ("stopped when complete", is_complete)):
        began = time.perf_counter()
        texts = [exchange.send(body, 4000, enough).text for _ in range(calls)]
        each_s = (time.perf_counter() - began) / calls
        tokens_out = sum(map(len, texts)) / CHARACTERS_PER_TOKEN / calls
        print(f"{calls} answers {name}: {tokens_out:.0f} tokens out and {each_s:.2f} s per answer")
    exchange.close()


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
    own = sum(not node.note for node in state.nodes.values())
    print(
        f"{len(state.nodes)} nodes, {len(state.valid)} valid, {own} ideas from the model, in "
        f"{time.perf_counter() - began:.1f} s (goal: under 60); {state.spend.calls} calls, "
        f"{state.spend.tokens_in:,} tokens in, {state.spend.tokens_out:,} out (counted by characters)"
    )


def _tokens(home: Home, nodes: int) -> None:
    run = run_search(home, nodes, _observer())
    state, calls = run.state, recorded_prompts(run)
    purposes = Counter(call.purpose for calls in state.calls.values() for call in calls)
    own = sum(not node.note for node in state.nodes.values() if node.operator != "ensemble")
    valid = sum(node.is_valid for node in state.nodes.values() if node.operator != "ensemble")
    short = dict.fromkeys(("draft", "improve", "reflect"), ANSWER_TOKENS)
    schemas = schema_tokens(run, {**short, "edit": EDIT_TOKENS, "debug": FIX_TOKENS})
    print(
        f"{valid} valid nodes, {own} ideas from the model, {sum(purposes.values())} calls "
        f"({', '.join(f'{count} {name}' for name, count in purposes.items())})"
    )
    per_node = {}
    for name, prompts in (
        ("as sent", [(call.model, call.text) for call in calls]),
        ("with whole files and all lessons (computed)", [(call.model, call.full_text) for call in calls]),
    ):
        total = sum(tokens(prompt) for _, prompt in prompts) + schemas
        per_node[name] = total / valid
        print(
            f"{name}: {per_node[name]:,.0f} input tokens per valid node, {total / len(calls):,.0f} per call; "
            f"{in_stable_prefix(prompts) / total:.0%} of them in a prefix shared with an earlier call"
        )
    few, many = per_node.values()
    print(f"{1 - few / many:.0%} fewer (goal: at least 50 %); {schemas / valid:,.0f} of each are schemas")


def _roles(home: Home, nodes: int) -> None:
    rows = [row for row in bundled_prices() if row.model in (LARGE, SMALL)]
    home.prices.write_text(json.dumps([row.model_dump(mode="json") | {"host": None} for row in rows]))
    os.environ |= {"MARS_MODEL": LARGE, "MARS_CODER_MODEL": SMALL, "MARS_REVIEWER_MODEL": SMALL}
    state = run_search(home, nodes, _observer()).state
    prices = load_prices(home.prices)
    spending = render_spending(state, lambda model: prices.at(state.run.llm_host, model))
    assert spending is not None
    Console(width=100).print(spending)
    print(f"total: {formatting.spend(state.spend)}")


def _local(home: Home, competition: str, minutes: float) -> None:
    request = RunRequest(competition=competition, minutes=minutes, planner="llm", model=LOCAL_MODEL)
    state = start(request, home, lambda _: _observer()).run.state
    nodes = [node for node in state.nodes.values() if node.operator != "ensemble"]
    counts = Counter(node.status for node in nodes)
    executed = len(nodes) - counts["pruned"] - counts["running"]
    own = sum(not node.note for node in nodes)
    best = f"best {state.best.metric:.4f}" if state.best else "none valid"
    print(
        f"{counts['valid']} of {executed} executed nodes valid (goal: 95 %), {counts['pruned']} pruned; "
        f"{own} of {len(nodes)} ideas from the model; {best}; "
        f"{state.spend.calls} calls, {state.spend.tokens_in:,} tokens in ({state.spend.tokens_cached:,} "
        f"cached), {state.spend.tokens_out:,} out, {state.spend.seconds:.0f} s"
    )


def _observer() -> Observer:
    return PlainLines(Console(file=sys.stderr))


if __name__ == "__main__":
    main()
