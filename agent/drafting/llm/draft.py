"""Draft `competition.yaml` with a language model (`mars init DIR --model M`).

The model reads the description and facts about the tables. `merge_answer` checks its answer against the
tables. `metric_check` runs a metric that the model wrote on synthetic rows. `draft_check` prepares the
competition as a run would. The model gets each failure back, at most twice. Without a usable answer, the
rules of `agent.drafting.rules` draft the file.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from agent.competition.metrics import METRICS, Metric
from agent.competition.prepared import Prepared
from agent.competition.spec import METRIC_FILE, CompetitionSpec
from agent.core.errors import SetupError
from agent.core.files import translate_os_errors
from agent.core.paths import Home
from agent.drafting.draft_check import InvalidDraftError, prepare_draft, try_draft
from agent.drafting.llm.answer import LEAVE_OUT, OWN, Answer
from agent.drafting.llm.description import read_overview
from agent.drafting.llm.format import sanitize
from agent.drafting.llm.merge_answer import CompetitionFolder, merge_answer
from agent.drafting.llm.metric_check import can_run_untrusted_code, find_metric_fault
from agent.drafting.llm.table_facts import collect_facts, find_headerless_table, read_tables
from agent.drafting.llm.transcript import DraftTranscript
from agent.drafting.rules.draft import Draft, draft_spec
from agent.drafting.rules.ids import guess_row_ids
from agent.drafting.rules.images import guess_images
from agent.drafting.rules.sample import distinct_labels
from agent.drafting.rules.tables import find_tables, match_usual_names
from agent.drafting.rules.write_draft import require_none_yet, write_draft
from agent.llm.answer_format import AnswerError, AnswerFormat
from agent.llm.calls import Prompt
from agent.llm.circuit_breaker import CircuitBreaker
from agent.llm.client import Client
from agent.llm.endpoint import Endpoint
from agent.llm.errors import LlmUnavailableError, ModelDisabledError, UnusableAnswerError
from agent.llm.prompts import render_prompt
from agent.llm.query import LanguageModel, Query
from agent.llm.spend_limit import SpendLimit

ANSWER_TOKENS = 6000
MAX_RETRIES = 2
"""How often a failed draft goes back to the model."""
TIME_LIMIT_S = 900.0
"""Time limit of all model calls together, in seconds."""

_PARAMETER = re.compile(r"\{(\w+)[^}]*\}")
_OVERVIEW_CHARS, _SHORT_OVERVIEW_CHARS = 16_000, 3_000
_COLUMNS, _SHORT_COLUMNS = 200, 30
_ERROR_CHARS = 2_000


@dataclass(frozen=True)
class DraftResult:
    """The written file, its draft and the prepared data."""

    file: Path
    draft: Draft
    prepared: Prepared | None
    """None if the rules drafted the file: their draft is not prepared."""


def draft_with_model(
    folder: Path,
    home: Home,
    endpoint: Endpoint,
    transcript: DraftTranscript,
    report: Callable[[str], None],
    max_usd: float | None = None,
) -> DraftResult:
    """Ask the planner model of an endpoint, check its draft and write `competition.yaml`.

    Args:
        folder: The folder of the competition.
        home: Holds the prepared data.
        endpoint: The endpoint to ask.
        transcript: Records every call.
        report: Called with one sentence for each failure.
        max_usd: Spend limit of all calls in US dollars; None for no limit.

    Raises:
        LlmRejectedError: The endpoint refuses (key, model, account). Nothing is written.
        SetupError: `competition.yaml` exists already, or neither the model nor the rules found a draft.
    """
    require_none_yet(folder)
    deadline = time.monotonic() + TIME_LIMIT_S
    client = Client(
        endpoint,
        transcript,
        SpendLimit(max_usd, used=lambda: transcript.spend.used),
        lambda: None,
        lambda: deadline - time.monotonic(),
    )
    try:
        language_model = CircuitBreaker(client, lambda reason: None, fail_fast=True)
        return ModelDrafter(folder, home, language_model, endpoint.models["planner"], report).write()
    finally:
        client.close()


class ModelDrafter:
    """Drafts one folder with a language model, or by the rules if the model fails."""

    def __init__(
        self,
        folder: Path,
        home: Home,
        language_model: LanguageModel,
        model: str,
        report: Callable[[str], None],
    ) -> None:
        """Read the tables. Reasons in the draft name `model`."""
        with translate_os_errors(f"Reading {folder}"):
            self._folder = CompetitionFolder(folder, read_tables(folder), read_overview(folder))
            self._own_metric_allowed = can_run_untrusted_code() and not (folder / METRIC_FILE).exists()
            self._facts = collect_facts(self._folder.tables, match_usual_names(list(self._folder.tables))[2])
            self._has_images = _has_images(folder)
        self._home = home
        self._language_model = language_model
        self._model = model
        self._say = report
        self._prepared: Prepared | None = None

    def write(self) -> DraftResult:
        """Write the model's draft if it passes the checks, else the draft of the rules.

        Raises the errors of `draft_with_model`.
        """
        reason = self._blocker()
        if not reason:
            try:
                return self._write_model_draft()
            except (UnusableAnswerError, LlmUnavailableError, ModelDisabledError, InvalidDraftError) as error:
                reason = str(error)
        note = (
            f"The language model {self._model} gave no usable draft, so the rules drafted this file: {reason}"
        )
        try:
            draft = draft_spec(self._folder.folder)
        except SetupError as error:
            raise SetupError(f"{error} {note}") from error
        self._say(note)
        draft = replace(draft, questions=(*draft.questions, note))
        try:
            return DraftResult(write_draft(draft, self._folder.folder, self._try), draft, None)
        except InvalidDraftError as error:
            raise SetupError(f"{error} {note}") from error

    def _blocker(self) -> str:
        """Return why the model must not be asked about the tables; empty if it may be asked."""
        if not self._folder.tables:
            return "the folder has no readable table."
        headless = find_headerless_table(self._folder.tables)
        if headless is None:
            return ""
        return (
            f"{headless} seems to have no header, so its column names may be values of the data, which are "
            "never sent; add a row of column names."
        )

    def _write_model_draft(self) -> DraftResult:
        earlier = failure = ""
        for retries_left in reversed(range(1 + MAX_RETRIES)):
            answer, draft = self._language_model.ask(self._query(earlier, failure))
            try:
                self._check_own_metric(draft)
                file = write_draft(draft, self._folder.folder, self._prepare)
                return DraftResult(file, draft, self._prepared)
            except InvalidDraftError as error:
                if not retries_left:
                    raise
                self._say(f"The draft of {self._model} failed a check; asking the model again: {error}")
                earlier, failure = answer.model_dump_json(), error.redacted
        raise AssertionError("the last attempt has returned or raised")

    def _prepare(self, spec: CompetitionSpec) -> tuple[str, ...]:
        self._prepared = prepare_draft(spec, self._folder.folder, self._home)
        return self._prepared.warnings

    def _try(self, spec: CompetitionSpec) -> tuple[str, ...]:
        return try_draft(spec, self._folder.folder).warnings

    def _check_own_metric(self, draft: Draft) -> None:
        spec = draft.spec
        if spec.own_metric is None:
            return
        cells = self._folder.tables[spec.train][spec.targets[0]]
        classes = {"classification": cells.nunique(), "multilabel": len(distinct_labels(cells))}.get(
            spec.task, 0
        )
        if fault := find_metric_fault(spec, classes):
            raise InvalidDraftError(SetupError(fault), fault)

    def _query(self, earlier: str, failure: str) -> Query[tuple[Answer, Draft]]:
        form = AnswerFormat.of(Answer)

        def read(raw_answer: dict[str, object]) -> tuple[Answer, Draft]:
            answer = form.read(raw_answer)
            try:
                return answer, merge_answer(self._folder, answer, self._model, self._own_metric_allowed)
            except AnswerError as error:  # the message quotes column names, which are untrusted text
                raise AnswerError(sanitize(str(error), _ERROR_CHARS)) from None

        prompts = [
            self._prompt(_OVERVIEW_CHARS, _COLUMNS, earlier, failure),
            self._prompt(_SHORT_OVERVIEW_CHARS, _SHORT_COLUMNS, earlier, failure),
        ]
        return Query(
            "planner", "describe", prompts, AnswerFormat("competition", form.schema, read), ANSWER_TOKENS
        )

    def _prompt(self, overview_chars: int, columns: int, earlier: str, failure: str) -> Prompt:
        overview = self._folder.overview
        if len(overview) > overview_chars:
            cut = len(overview) - overview_chars
            overview = f"{overview[:overview_chars]} [{cut} further characters left out]"
        stable = render_prompt(
            "describe_rules",
            metrics=[(metric, _definition(metric)) for metric in METRICS.values()],
            own=OWN if self._own_metric_allowed else "",
            leave_out=LEAVE_OUT,
        )
        question = render_prompt(
            "describe",
            overview=overview,
            tables=self._facts,
            columns=columns,
            has_images=self._has_images,
            earlier=earlier,
            failure=failure,
        )
        return Prompt(stable, question)


def _has_images(folder: Path) -> bool:
    """Return whether the rules find an image for the rows of the usual tables."""
    try:
        tables = find_tables(folder)
        return guess_images(tables, guess_row_ids(tables).name) is not None
    except SetupError:
        return False


def _definition(metric: Metric) -> str:
    """Return the definition of a metric with the names of its parameters in place of values."""
    return _PARAMETER.sub(r"<\1>", metric.definition)
