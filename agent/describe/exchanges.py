"""What was asked and answered while a competition was drafted: a text file beside competition.yaml."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from agent.competition.files import machine_errors
from agent.llm.calls import Call, CallBegun
from agent.llm.spend import Spend

EXCHANGES_FILE = "competition.llm.txt"


class Exchanges:
    """A recorder that adds to the folder's file: messages before they are sent, answers when they came."""

    def __init__(self, folder: Path) -> None:
        """Raises SetupError where the folder may not be written: what is not kept shall not be sent."""
        self.file = folder / EXCHANGES_FILE
        self.spend = Spend()
        self._said: set[str] = set()
        self._add(f"# Asked by `mars init` at {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC\n")

    def began(self, node: int, begun: CallBegun, texts: Mapping[str, str]) -> None:
        self.spend.begin(begun)
        parts = [f"\n## Attempt {begun.number}, of {begun.model}\n"]
        for name in begun.prompt:
            said = "(the same words as above)" if name in self._said else texts[name].rstrip()
            self._said.add(name)
            parts.append(f"\n--- asked\n{said}\n")
        self._add("".join(parts))

    def ended(self, node: int, call: Call, texts: Mapping[str, str]) -> None:
        self.spend.end(call)
        price = "of unknown price" if call.usd is None else f"${call.usd:.4f}"
        counted = (
            f"{call.tokens_in or 0} tokens in, {call.tokens_out or 0} out, {price}, {call.seconds:.1f} s"
        )
        answer = texts.get(call.answer, "")
        said = f"\n--- answered\n{answer.rstrip()}\n" if answer else ""
        reason = f" {call.reason}" if call.reason else ""
        self._add(f"{said}\n--- {call.status} ({counted}){reason}\n")

    def _add(self, text: str) -> None:
        with (
            machine_errors(f"Writing {self.file}"),
            self.file.open("a", encoding="utf-8", errors="replace") as stream,
        ):
            stream.write(text)
