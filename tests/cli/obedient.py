"""A fake server of a model that answers whatever a request's schema allows."""

import json
import re
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from werkzeug import Request, Response

from tests.llm.scripted import completion, events
from tests.thinkers import any_answer

# What the toy makes of these values are candidates that fail, which is not what is tested here.
SOUND = ("--forbid", "kind=failing", "--forbid", "kind=crashing")
RUN = ("run", "--competition", "toy", "--minutes", "2", "--planner", "llm", *SOUND)
Fault = Callable[[Request], Response]


class Obedient:
    """Answers whatever the schema of a request allows, after the faults that it was given."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.faults: dict[int, Fault] = {}  # by the number of the request, from 1
        self.asked = 0

    def handle(self, request: Request) -> Response:
        self.asked += 1
        if self.asked in self.faults:
            return self.faults[self.asked](request)
        body = json.loads(request.get_data())
        answer = json.dumps(any_answer(_schema(body), np.random.default_rng(body["seed"])))
        return events(answer) if body.get("stream") else completion(answer, usage=(3000, 200))


def _schema(body: dict[str, Any]) -> dict[str, Any]:
    """As the endpoint gets it: apart, or, once an answer kept to no form, in the words of the prompt."""
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
