"""A server that follows a script, over real HTTP, and a recorder that keeps all calls."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, Field
from werkzeug import Request, Response

from agent.llm.answer_format import AnswerFormat
from agent.llm.calls import Call, CallBegun, Prompt
from agent.llm.prices import Price

KEY = "sk-canary-0123456789"
MODEL = "some-model"
PROMPT = Prompt(stable="You plan.", asked="Which size?")
PRICE = Price(model=MODEL, input=1.0, cached=0.5, output=2.0)

Answer = Response | Callable[[Request], Response]


class Choice(BaseModel):
    size: int = Field(ge=1, le=9)
    why: str


FORM = AnswerFormat.of(Choice)
GOOD = '{"size": 3, "why": "small"}'


def completion(text: str | None, finish: str = "stop", usage: Any = (100, 10), **message: Any) -> Response:
    """Return a chat completion with this text."""
    body: dict[str, Any] = {
        "id": "1",
        "object": "chat.completion",
        "created": 0,
        "model": MODEL,
        "choices": [
            {
                "index": 0,
                "finish_reason": finish,
                "message": {"role": "assistant", "content": text, **message},
            }
        ],
    }
    if usage:
        body["usage"] = {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}
    return Response(json.dumps(body), content_type="application/json")


def failure(status: int, message: str, headers: Mapping[str, str] | None = None, **more: Any) -> Response:
    """Return an error reply in OpenAI's format."""
    body = json.dumps({"error": {"message": message, "type": "an_error", **more}})
    return Response(body, status, dict(headers or {}), content_type="application/json")


def events(*texts: str, usage: tuple[int, int] | None = None, end: bool = True) -> Response:
    """Return a stream of the texts."""

    def lines() -> Iterator[str]:
        head = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": MODEL}
        for text in texts:
            choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
            yield f"data: {json.dumps({**head, 'choices': [choice]})}\n\n"
        if usage:
            said = {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}
            yield f"data: {json.dumps({**head, 'choices': [], 'usage': said})}\n\n"
        if end:
            yield "data: [DONE]\n\n"

    return Response(lines(), content_type="text/event-stream")


@dataclass
class Script:
    """The server: sends its answers in order and records the requests."""

    url: str
    answers: list[Answer] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    def handle(self, request: Request) -> Response:
        self.asked.append(json.loads(request.get_data()))
        self.keys.append(request.headers.get("Authorization", ""))
        answer = self.answers.pop(0)
        return answer(request) if callable(answer) and not isinstance(answer, Response) else answer

    def hang(self, request: Request) -> Response:
        """Stay silent until the test ends."""
        self.released.wait(20)
        return Response(status=500)


@dataclass
class Records:
    """A recorder that keeps all calls and checks that they do not overlap."""

    begun: list[CallBegun] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)

    def began(self, node: int, begun: CallBegun, texts: Mapping[str, str]) -> None:
        assert len(self.begun) == len(self.calls), "the call before has not ended"
        self.begun.append(begun)
        self.texts.update(texts)

    def ended(self, node: int, call: Call, texts: Mapping[str, str]) -> None:
        self.calls.append(call)
        self.texts.update(texts)
        assert len(self.begun) == len(self.calls)

    @property
    def statuses(self) -> list[str]:
        return [call.status for call in self.calls]

    def everything(self) -> str:
        """Return all recorded data as one text."""
        return repr((self.begun, self.calls, self.texts))
