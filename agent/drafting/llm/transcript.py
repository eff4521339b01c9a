"""Transcript of the model calls of a draft, as a text file beside `competition.yaml`."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from agent.core.files import translate_os_errors
from agent.llm.calls import Call, CallBegun
from agent.llm.spend import Spend

TRANSCRIPT_FILE = "competition.llm.txt"


class DraftTranscript:
    """Appends each prompt before it is sent and each answer when it arrives, and sums the spend."""

    def __init__(self, folder: Path) -> None:
        """Start the file; raises SetupError if it is not writable, so that no unrecorded call is sent."""
        self.file = folder / TRANSCRIPT_FILE
        self.spend = Spend()
        self._recorded: set[str] = set()
        self._add(f"# Asked by `mars init` at {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC\n")

    def began(self, node: int, begun: CallBegun, texts: Mapping[str, str]) -> None:
        self.spend.begin(begun)
        parts = [f"\n## Attempt {begun.number}, model {begun.model}\n"]
        for name in begun.prompt:
            text = "(the same text as above)" if name in self._recorded else texts[name].rstrip()
            self._recorded.add(name)
            parts.append(f"\n--- prompt\n{text}\n")
        self._add("".join(parts))

    def ended(self, node: int, call: Call, texts: Mapping[str, str]) -> None:
        self.spend.end(call)
        price = "price unknown" if call.usd is None else f"${call.usd:.4f}"
        usage = f"{call.tokens_in or 0} tokens in, {call.tokens_out or 0} out, {price}, {call.seconds:.1f} s"
        answer = texts.get(call.answer, "")
        text = f"\n--- answer\n{answer.rstrip()}\n" if answer else ""
        reason = f" {call.reason}" if call.reason else ""
        self._add(f"{text}\n--- {call.status} ({usage}){reason}\n")

    def _add(self, text: str) -> None:
        with (
            translate_os_errors(f"Writing {self.file}"),
            self.file.open("a", encoding="utf-8", errors="replace") as stream,
        ):
            stream.write(text)
