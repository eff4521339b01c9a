"""Failing endpoints: no call hangs, every call is recorded, and the key is never shown."""

import socket
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from pydantic import SecretStr
from werkzeug import Request, Response

from agent.core.errors import MarsError
from agent.llm.calls import ROLES, Prompt
from agent.llm.client import Client
from agent.llm.endpoint import Endpoint
from agent.llm.endpoint_errors import retry_after_s
from agent.llm.errors import LlmRejectedError, LlmUnavailableError
from agent.llm.prices import Prices
from agent.llm.query import Query
from agent.llm.spend_limit import SpendLimit
from tests.llm.scripted import (
    FORM,
    GOOD,
    KEY,
    MODEL,
    PRICE,
    PROMPT,
    Choice,
    Records,
    Script,
    completion,
    events,
    failure,
)

Ask = Callable[..., Choice]
BUSY = failure(500, "busy")
SHORT = Prompt("You plan.", "Size?")


def drop(request: Request) -> Response:
    """Close the connection instead of answering."""
    request.environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    return Response()


def test_server_errors_are_retried(script: Script, records: Records, waits: list[float], ask: Ask) -> None:
    script.answers = [BUSY, failure(503, "busy"), completion(GOOD)]
    assert ask().size == 3
    assert [(call.status, call.number) for call in records.calls] == [
        ("failed", 1),
        ("failed", 2),
        ("answered", 3),
    ]
    assert sum(waits) > 0
    assert records.calls[0].usd == 0


def test_retries_end_after_five_attempts(script: Script, records: Records, ask: Ask) -> None:
    script.answers = [BUSY] * 9
    with pytest.raises(LlmUnavailableError, match=r"No answer after 5 attempts: .*500: busy"):
        ask()
    assert records.statuses == ["failed"] * 5


def test_the_wait_requested_by_the_endpoint_is_kept(script: Script, waits: list[float], ask: Ask) -> None:
    script.answers = [failure(429, "slow down", {"Retry-After": "7.5"}), completion(GOOD)]
    ask()
    assert sum(waits) == pytest.approx(7.5)


def test_the_wait_may_be_a_date(script: Script, waits: list[float], ask: Ask) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    script.answers = [failure(429, "slow down", {"Retry-After": later}), completion(GOOD)]
    ask()
    assert 25 < sum(waits) <= 30


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("3", 3), ("Thu, 01 Jan 1970 00:01:40 GMT", 40), ("-5", 0), ("soon", None), ("nan", None), ("", None)],
)
def test_retry_after_is_parsed(said: str, seconds: float | None) -> None:
    assert retry_after_s({"retry-after": said}, now=60.0) == seconds


def test_a_wait_beyond_the_end_of_the_run_is_not_started(
    script: Script, waits: list[float], ask: Ask
) -> None:
    script.answers = [failure(429, "slow down", {"Retry-After": "900"})]
    with pytest.raises(LlmUnavailableError, match=r"wait for 900 s, but only 100 s are left"):
        ask(deadline=lambda: 100.0)
    assert waits == []


@pytest.mark.parametrize("text", ["", "  \n", None])
def test_an_empty_answer_is_asked_for_again(
    script: Script, records: Records, ask: Ask, text: str | None
) -> None:
    script.answers = [completion(text), completion(GOOD)]
    assert ask().size == 3
    assert records.statuses == ["failed", "answered"]
    assert records.calls[0].tokens_out == 10


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Set a proxy in the environment."""

    def named(url: str) -> None:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, url)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)

    return named


def test_local_requests_bypass_the_proxy(
    script: Script, records: Records, ask: Ask, proxy: Callable[[str], None]
) -> None:
    proxy("http://127.0.0.1:9")
    script.answers = [completion(GOOD)]
    ask()
    assert records.statuses == ["answered"]


def test_remote_requests_use_the_proxy(
    script: Script, records: Records, proxy: Callable[[str], None]
) -> None:
    proxy(script.url.removesuffix("/v1"))
    script.answers = [completion(GOOD)]
    elsewhere = Endpoint("http://models.invalid/v1", models=dict.fromkeys(ROLES, MODEL))
    client = Client(elsewhere, records, SpendLimit(), lambda: None, lambda: 60.0, prices=Prices((PRICE,)))
    try:
        client.ask(Query("planner", "draft", (PROMPT,), FORM, 100))
    finally:
        client.close()
    assert records.statuses == ["answered"]


def test_a_dropped_connection_is_retried_and_counts_at_its_maximum(
    script: Script, records: Records, ask: Ask
) -> None:
    script.answers = [drop, completion(GOOD)]
    assert ask().size == 3
    [failed, _] = records.calls
    assert (failed.status, failed.tokens_out, failed.estimated) == ("failed", 100, True)
    assert failed.usd == records.begun[0].usd


def test_a_broken_stream_is_retried(script: Script, records: Records, ask: Ask) -> None:
    def broken(request: Request) -> Response:
        def lines() -> Iterator[str]:
            yield ": hello\n\n"
            request.environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            yield "data: [DONE]\n\n"

        return Response(lines(), content_type="text/event-stream")

    formats = [failure(400, "response_format is unknown")] * 2
    script.answers = [*formats, broken, events(GOOD)]
    assert ask().size == 3
    assert records.statuses == ["failed", "failed", "failed", "answered"]


def test_a_hanging_call_ends_at_the_timeout(script: Script, records: Records, ask: Ask) -> None:
    script.answers = [script.hang, completion(GOOD)]
    assert ask(timeout_s=0.3).size == 3
    assert "not answered within 0.3 s" in records.calls[0].reason
    assert records.calls[0].estimated is True


def test_a_trickling_answer_ends_at_the_total_timeout(script: Script, records: Records, ask: Ask) -> None:
    def trickle(request: Request) -> Response:
        def spaces() -> Iterator[str]:
            while not script.released.wait(0.1):
                yield " "

        return Response(spaces(), content_type="application/json")

    script.answers = [trickle, completion(GOOD)]
    assert ask(timeout_s=0.3).size == 3
    assert "not finished the answer within 1.5 s" in records.calls[0].reason


def test_an_unreachable_endpoint_costs_nothing(records: Records, waits: list[float]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    endpoint = Endpoint(f"http://127.0.0.1:{port}/v1", SecretStr(KEY), dict.fromkeys(ROLES, MODEL))
    client = Client(
        endpoint, records, SpendLimit(), lambda: None, lambda: 999.0, prices=Prices(()), sleep=waits.append
    )
    with pytest.raises(LlmUnavailableError, match="cannot be reached"):
        client.ask(Query("planner", "draft", [PROMPT], FORM, 100))
    assert [(call.tokens_in, call.tokens_out) for call in records.calls] == [(0, 0)] * 5


@pytest.mark.parametrize(
    ("status", "message", "more", "words"),
    [
        (401, f"Incorrect API key provided: {KEY}", {}, "export a valid key as OPENAI_API_KEY"),
        (403, "not for you", {}, "OPENAI_API_KEY"),
        (400, "API key not valid. Please pass a valid API key.", {}, "OPENAI_API_KEY"),
        (404, "The model does not exist", {}, f"Model '{MODEL}' is not known"),
        (400, "Model Not Exist", {}, f"Model '{MODEL}' is not known"),
        (402, "Insufficient Balance", {}, "no credit left"),
        (429, "You exceeded your current quota", {"code": "insufficient_quota"}, "no credit left"),
        (400, "messages[0].content is odd", {}, "choose another model"),
    ],
)
def test_permanent_errors_are_not_retried(
    script: Script, records: Records, ask: Ask, status: int, message: str, more: dict[str, str], words: str
) -> None:
    script.answers = [failure(status, message, **more)]
    with pytest.raises(LlmRejectedError) as caught:
        ask()
    assert words in str(caught.value)
    assert str(caught.value).count("\n") == 0
    assert records.statuses == ["failed"]


def test_without_any_limit_parameter_the_client_gives_up(script: Script, ask: Ask) -> None:
    script.answers = [
        failure(400, "unknown max_tokens", param="max_tokens"),
        failure(400, "unknown max_completion_tokens", param="max_completion_tokens"),
    ]
    with pytest.raises(LlmRejectedError, match="unknown max_completion_tokens"):
        ask()


def test_a_page_instead_of_an_answer_names_the_address(script: Script, ask: Ask) -> None:
    script.answers = [Response("<html>Welcome</html>", content_type="text/html")] * 5
    with pytest.raises(LlmUnavailableError, match="OPENAI_BASE_URL usually ends in /v1"):
        ask()


def test_invalid_json_is_retried(script: Script, ask: Ask) -> None:
    script.answers = [Response('{"choices": [', content_type="application/json"), completion(GOOD)]
    assert ask().size == 3


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens"),
        (400, "prompt is too long: 210000 tokens > 200000 maximum"),
        (400, "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."),
        (413, "Payload too large"),
        (429, "Request too large for model on tokens per min (TPM): Limit 30000, Requested 40000."),
    ],
)
def test_a_context_that_is_too_short_gets_the_shorter_prompt(
    script: Script, records: Records, ask: Ask, status: int, message: str
) -> None:
    script.answers = [failure(status, message), completion(GOOD)]
    assert ask(PROMPT, SHORT).size == 3
    assert script.asked[1]["messages"][1]["content"] == SHORT.asked
    assert [(call.status, call.number) for call in records.calls] == [("failed", 1), ("answered", 2)]
    assert records.calls[1].reason.startswith("Asked with the shorter prompt 2 of 2: the prompt is too long")


def test_no_prompt_is_short_enough(script: Script, ask: Ask) -> None:
    script.answers = [failure(400, "maximum context length is 10 tokens")] * 2
    with pytest.raises(LlmUnavailableError, match=r"No prompt for 'draft' is short enough.*10 tokens"):
        ask(PROMPT, SHORT)


def test_a_known_context_saves_a_call(script: Script, records: Records, ask: Ask) -> None:
    script.answers = [completion(GOOD)]
    assert ask(Prompt("You plan.", "long " * 2000), SHORT, context_tokens=1000).size == 3
    assert script.asked[0]["messages"][1]["content"] == SHORT.asked
    assert "shorter prompt 2 of 2: the context holds 1000 tokens" in records.calls[0].reason


def test_a_window_that_was_too_short_is_remembered(
    script: Script, records: Records, make: Callable[..., Client]
) -> None:
    long = Prompt("You plan.", "long " * 2000)
    script.answers = [failure(413, "Payload too large"), completion(GOOD), completion(GOOD), completion(GOOD)]
    client = make()
    for prompts in ([long, SHORT], [long, SHORT], [PROMPT, SHORT]):
        assert client.ask(Query("planner", "draft", prompts, FORM, 100)).size == 3
    said = [asked["messages"][1]["content"] for asked in script.asked]
    assert said == [long.asked, SHORT.asked, SHORT.asked, PROMPT.asked], "the long prompt is sent once"
    assert "tokens were too many" in records.calls[2].reason


def test_a_revoked_key_is_reported(script: Script, records: Records, make: Callable[..., Client]) -> None:
    script.answers = [completion(GOOD), failure(401, "revoked")]
    client = make()
    client.ask(Query("planner", "draft", [PROMPT], FORM, 100))
    with pytest.raises(LlmRejectedError, match="revoked"):
        client.ask(Query("planner", "draft", [PROMPT], FORM, 100))
    assert records.statuses == ["answered", "failed"]


LEAKING = [
    failure(401, f"Bearer {KEY}"),
    failure(400, f"no such thing as {KEY}"),
    failure(500, f"crashed with {KEY}"),
    failure(429, f"{KEY} is busy", {"Retry-After": "99999"}),
    completion(f"I know {KEY}"),
    completion(None, refusal=f"not for {KEY}"),
    drop,
]


@pytest.mark.parametrize("answer", LEAKING)
def test_the_key_appears_in_no_message_and_no_record(
    script: Script,
    records: Records,
    make: Callable[..., Client],
    answer: Response,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    script.answers = [answer] * 5
    client = make()
    prompt = Prompt(f"You plan with {KEY}.", "Which size?")
    with pytest.raises(MarsError) as caught:
        client.ask(Query("planner", "draft", [prompt], FORM, 100))
    said = "".join(traceback.format_exception(caught.value))
    assert script.keys[0] == f"Bearer {KEY}"
    for text in (said, records.everything(), repr(vars(client)), repr(client._context.endpoint), caplog.text):
        assert KEY not in text


def test_only_clients_import_the_library() -> None:
    code = (
        "import sys, agent.llm.client, agent.llm.endpoint, agent.llm.answer_format, agent.llm.spend_limit;"
        "sys.exit(bool({'openai', 'tenacity', 'httpx', 'httpx2'} & set(sys.modules)))"
    )
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0


@pytest.mark.parametrize("package", ["openai", "tenacity"])
def test_the_message_for_a_missing_package_says_what_to_install(package: str) -> None:
    code = (
        f"import sys\nsys.modules[{package!r}] = None\n"
        "from agent.llm.client import Client\n"
        "from agent.core.errors import SetupError\n"
        "try:\n    Client(None, None, None, None, None)\nexcept SetupError as error:\n    print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"the package {package}" in done.stdout
    assert "pip install 'mars-search[llm]'" in done.stdout
