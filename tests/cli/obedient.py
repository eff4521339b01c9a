"""A fake model server whose answers match the schema of each request."""

import json
import re
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from werkzeug import Request, Response

from tests.llm.scripted import completion, events
from tests.support.scripted_models import any_answer

# What the toy makes of these values are candidates that fail, which is not what is tested here.
SOUND = ("--forbid", "kind=failing", "--forbid", "kind=crashing")
RUN = ("run", "--competition", "toy", "--minutes", "2", "--planner", "llm", *SOUND)
Fault = Callable[[Request], Response]


class Obedient:
    """Answers with random values of the request's schema; injects the configured faults first."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.faults: dict[int, Fault] = {}  # by number of the request, from 1
        self.asked = 0

    def handle(self, request: Request) -> Response:
        self.asked += 1
        if self.asked in self.faults:
            return self.faults[self.asked](request)
        body = json.loads(request.get_data())
        answer = json.dumps(any_answer(_schema(body), np.random.default_rng(body["seed"])))
        return events(answer) if body.get("stream") else completion(answer, usage=(3000, 200))


def _schema(body: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a request, from `response_format` or from the text of the prompt."""
    if "json_schema" in body.get("response_format", {}):
        return dict(body["response_format"]["json_schema"]["schema"])
    said = "\n".join(message["content"] for message in body["messages"])
    schema, _ = json.JSONDecoder().raw_decode(said.partition("JSON schema:\n")[2])
    return dict(schema)


def one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def saying(text: str, finish: str = "stop") -> Fault:
    return lambda _: completion(text, finish=finish)


def asleep(seconds: float) -> Fault:
    def fault(request: Request) -> Response:
        time.sleep(seconds)
        return Response(status=500)

    return fault
