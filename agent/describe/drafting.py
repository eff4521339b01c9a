"""`mars init DIR --model M`: a language model reads the description, and what it says is tried out.

The model's answer is held against the tables (`agent.describe.merge`), its own metric runs on made-up rows
(`agent.describe.madeup`), and the competition is prepared as a run would (`agent.describe.trial`). What fails
goes back to the model, twice at most; without a usable answer the rules of `agent.competition.init` remain.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from agent.competition.files import machine_errors
from agent.competition.init import Draft, distinct_labels, draft_spec, require_none_yet, write_draft
from agent.competition.init_inputs import guess_images
from agent.competition.init_tables import find_tables, guess_id, match_usual_names
from agent.competition.metrics import METRICS, Metric
from agent.competition.prepared import Prepared
from agent.competition.spec import OWN_METRIC, CompetitionSpec
from agent.describe.answer import LEFT_OUT, OWN, Answer
from agent.describe.exchanges import Exchanges
from agent.describe.facts import facts_of, read_tables, without_header
from agent.describe.madeup import is_safe_here, why_not
from agent.describe.merge import View, merged
from agent.describe.overview import read_overview
from agent.describe.trial import Untenable, try_out
from agent.describe.words import plain
from agent.errors import SetupError
from agent.llm.allowance import Allowance
from agent.llm.calls import Prompt
from agent.llm.client import Client
from agent.llm.endpoint import Endpoint
from agent.llm.errors import LeftAlone, LlmUnavailable, LlmUnusable
from agent.llm.forms import AnswerError, Form
from agent.llm.patience import PatientThinker
from agent.llm.prompts import render_prompt
from agent.llm.query import Query, Thinker
from agent.paths import Home

ANSWER_TOKENS = 6000
RETURNS = 2
"""How often a draft that failed goes back to the model."""
SECONDS = 900.0
"""All questions together."""

_PARAMETER = re.compile(r"\{(\w+)[^}]*\}")
_OVERVIEW, _SHORT_OVERVIEW = 16_000, 3_000  # characters
_COLUMNS, _SHORT_COLUMNS = 200, 30
_SENTENCE = 2_000  # characters


@dataclass(frozen=True)
class Written:
    """How it ended."""

    file: Path
    draft: Draft
    prepared: Prepared | None
    """None: the rules alone drafted it, and nothing was tried."""


def draft_with_model(
    folder: Path,
    home: Home,
    endpoint: Endpoint,
    exchanges: Exchanges,
    say: Callable[[str], None],
    max_usd: float | None = None,
) -> Written:
    """Asks the endpoint's planner, tries what it says, and writes competition.yaml.

    Args:
        folder: the competition's.
        home: where its data are prepared.
        endpoint: whom to ask.
        exchanges: keeps what is said.
        say: is told of what went wrong, a sentence each.
        max_usd: what the questions may cost.

    Raises:
        LlmRefused: the endpoint refuses (key, model, account); nothing is written.
        SetupError: competition.yaml exists already, or neither the model nor the rules made a draft.
    """
    require_none_yet(folder)
    until = time.monotonic() + SECONDS
    client = Client(
        endpoint,
        exchanges,
        Allowance(max_usd, used=lambda: exchanges.spend.used),
        lambda: None,
        lambda: until - time.monotonic(),
    )
    try:
        thinker = PatientThinker(client, lambda reason: None, fresh=True)
        return Drafting(folder, home, thinker, endpoint.models["planner"], say).write()
    finally:
        client.close()


class Drafting:
    """One folder's draft."""

    def __init__(
        self, folder: Path, home: Home, thinker: Thinker, model: str, say: Callable[[str], None]
    ) -> None:
        """Reads the tables; `model` is the name that reasons are given with."""
        with machine_errors(f"Looking at {folder}"):
            self._view = View(folder, read_tables(folder), read_overview(folder))
            self._own = is_safe_here() and not (folder / OWN_METRIC).exists()
            self._facts = facts_of(self._view.tables, match_usual_names(list(self._view.tables))[2])
            self._pictures = _has_pictures(folder)
        self._home = home
        self._thinker = thinker
        self._model = model
        self._say = say
        self._prepared: Prepared | None = None

    def write(self) -> Written:
        """Writes the model's draft where one stands the trial, else the rules'.

        Raises what `draft_with_model` says.
        """
        reason = self._unfit()
        if not reason:
            try:
                return self._asked()
            except (LlmUnusable, LlmUnavailable, LeftAlone, Untenable) as error:
                reason = str(error)
        note = f"The language model {self._model} drafted nothing of use, the rules alone did: {reason}"
        try:
            draft = draft_spec(self._view.folder)
        except SetupError as error:
            raise SetupError(f"{error} {note}") from error
        self._say(note)
        draft = replace(draft, questions=(*draft.questions, note))
        return Written(write_draft(draft, self._view.folder), draft, None)

    def _unfit(self) -> str:
        """Why nobody may be asked about the tables; "" if somebody may."""
        if not self._view.tables:
            return "there is no table that can be read."
        headless = without_header(self._view.tables)
        if headless is None:
            return ""
        return f"{headless} seems to have no header, and values are told to nobody; add the columns' names."

    def _asked(self) -> Written:
        earlier = failure = ""
        for left in reversed(range(1 + RETURNS)):
            answer, draft = self._thinker.ask(self._query(earlier, failure))
            try:
                self._try_metric(draft)
                file = write_draft(draft, self._view.folder, self._try)
                return Written(file, draft, self._prepared)
            except Untenable as error:
                if not left:
                    raise
                self._say(f"What {self._model} proposed does not work, so it is asked again: {error}")
                earlier, failure = answer.model_dump_json(), error.told
        raise AssertionError("the last attempt has returned or raised")

    def _try(self, spec: CompetitionSpec) -> None:
        self._prepared = try_out(spec, self._view.folder, self._home)

    def _try_metric(self, draft: Draft) -> None:
        spec = draft.spec
        if spec.own_metric is None:
            return
        cells = self._view.tables[spec.train][spec.targets[0]]
        classes = {"classification": cells.nunique(), "multilabel": len(distinct_labels(cells))}.get(
            spec.task, 0
        )
        if fault := why_not(spec, classes):
            raise Untenable(SetupError(fault), fault)

    def _query(self, earlier: str, failure: str) -> Query[tuple[Answer, Draft]]:
        asked = Form.of(Answer)

        def read(said: dict[str, object]) -> tuple[Answer, Draft]:
            answer = asked.read(said)
            try:
                return answer, merged(self._view, answer, self._model, self._own)
            except AnswerError as error:  # it names columns, whose names anybody may have chosen
                raise AnswerError(plain(str(error), _SENTENCE)) from None

        prompts = [
            self._prompt(_OVERVIEW, _COLUMNS, earlier, failure),
            self._prompt(_SHORT_OVERVIEW, _SHORT_COLUMNS, earlier, failure),
        ]
        return Query("planner", "describe", prompts, Form("competition", asked.schema, read), ANSWER_TOKENS)

    def _prompt(self, characters: int, columns: int, earlier: str, failure: str) -> Prompt:
        overview = self._view.overview
        if len(overview) > characters:
            overview = f"{overview[:characters]} [{len(overview) - characters} further characters left out]"
        stable = render_prompt(
            "describe_rules",
            metrics=[(metric, _definition(metric)) for metric in METRICS.values()],
            own=OWN if self._own else "",
            left_out=LEFT_OUT,
        )
        asked = render_prompt(
            "describe",
            overview=overview,
            tables=self._facts,
            columns=columns,
            pictures=self._pictures,
            earlier=earlier,
            failure=failure,
        )
        return Prompt(stable, asked)


def _has_pictures(folder: Path) -> bool:
    """Whether the rules find pictures for the rows of the tables that they know."""
    try:
        tables = find_tables(folder)
        return guess_images(tables, str(guess_id(tables).value)) is not None
    except SetupError:
        return False


def _definition(metric: Metric) -> str:
    """What a metric measures, with its parameters by their names."""
    return _PARAMETER.sub(r"<\1>", metric.definition)
