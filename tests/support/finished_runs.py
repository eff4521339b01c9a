"""Short real searches over the toy in this process, for tests of finished runs."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from agent.competition.preparation.prepare import prepare
from agent.competition.registry import find_competition
from agent.competition.sources.locate import locate_data
from agent.core.database import open_database
from agent.core.paths import Home
from agent.engine.request import make_settings
from agent.engine.run_request import RunRequest
from agent.engine.session import new_run, run_experiment, start
from agent.record.opened_run import Run, open_run
from agent.record.state import RunState
from agent.repository.run_templates import FOLDER, OWN
from agent.search.scheduler import Propose
from tests.conftest import TOY, run_script
from tests.support.scripted_run import SilentObserver

_ANCHOR = '    analysis = {"weights"'
_REFIT_ANCHOR = '    write(predict(read("test"), (1'
_PREDICT_ANCHOR = '    write(predict(read("test"), quality - QUALITY)'
_UNSURE = """[
        [0.5 - sure, 0.5 + sure]
        for row, guess in guesses.items()
        for sure in [(int(guess) - 0.5) * abs(QUALITY - share_of(row))]
    ]"""
_WRITE = """def write_outputs(part, guesses):
    outputs = np.array([[1 - int(guess), int(guess)] for guess in guesses.values()], dtype=np.float32)
    np.savez(f"working/{part}_outputs.npz", ids=np.array(list(guesses)), outputs=outputs)


"""
_OUTPUTS = """    for part, rows in (("val", validation), ("test", read("test"))):
        write_outputs(part, predict(rows))
"""
_REFIT_OUTPUTS = """    write_outputs("test", predict(read("test"), (1 - quality) / 10))
"""
_PREDICTED_OUTPUTS = """    write_outputs("predicted", predict(read("test"), quality - QUALITY))
"""


def own_family(run_folder: Path) -> Path:
    """Return the copy of the toy family that a run is rendered with."""
    return run_folder / FOLDER / OWN / "toy"


def blending_home(root: Path) -> Home:
    """Return a home whose toys write raw outputs, so that a search ends with an ensemble."""
    shutil.copytree(TOY / "families", root / "templates")
    shutil.copytree(TOY / "competition", root / "benchmarks" / "toy")
    main = root / "templates" / "toy" / "main.py.j2"
    code = main.read_text()
    for anchor, added in (
        (_ANCHOR, _OUTPUTS),
        (_REFIT_ANCHOR, _REFIT_OUTPUTS),
        (_PREDICT_ANCHOR, _PREDICTED_OUTPUTS),
        ("def refit() -> None", _WRITE),
    ):
        assert anchor in code
        code = code.replace(anchor, added + anchor)
    main.write_text(code.replace("from library.config", "import numpy as np\n\nfrom library.config", 1))
    return Home(root)


def complementary_home(root: Path) -> Home:
    """Return a home whose toys err on different rows with low confidence, so that their blend is the best.

    A refit halves the errors, so that it changes the blend too.
    """
    home = blending_home(root)
    main = home.families / "toy" / "main.py.j2"
    code = main.read_text()
    for old, new in (
        ("QUALITY\n\n", "BREADTH, DEPTH, KIND, QUALITY, WIDTH\n\n"),
        ("row_id.encode()", 'f"{KIND}{DEPTH}{WIDTH}{BREADTH}{row_id}".encode()'),
        ("[[1 - int(guess), int(guess)] for guess in guesses.values()]", _UNSURE),
    ):
        assert old in code
        code = code.replace(old, new, 1)
    main.write_text(code.replace("(1 - quality) / 10", "(1 - quality) / 2"))
    return home


def search(home: Home, **request: object) -> Run:
    """Return a finished run, opened from its record; one worker and no refit, unless `request` wants them."""
    few = {"competition": "toy", "minutes": 1.0, "max_nodes": 3, "refit": False, "workers": 1}
    asked = RunRequest(**{**few, **request})  # type: ignore[arg-type]
    summary = start(asked, home, lambda metric: SilentObserver())
    return open_run(summary.run.id, home)


@dataclass(frozen=True)
class Script:
    """Predefined decisions, one node after the other."""

    steps: tuple[Propose, ...]

    def next(self, state: RunState) -> Propose | None:
        return None if state.running or len(state.nodes) >= len(self.steps) else self.steps[len(state.nodes)]


def carried_out(home: Home, *steps: Propose, **request: object) -> Run:
    """Return a finished run with the script's nodes, opened from its record."""
    asked = RunRequest(**{"competition": "toy", "minutes": 1.0, "refit": False, **request})  # type: ignore[arg-type]
    competition = find_competition(asked.competition, home)
    prepared = prepare(competition.spec, locate_data(competition, home, "auto", run_script), home)
    settings = make_settings(asked, prepared, competition.folder, home)
    with new_run(prepared, home, open_database(home.database)) as (run, heartbeat):
        run_experiment(run, settings, Script(steps), home, SilentObserver(), heartbeat, "As the script says")
    return open_run(run.id, home)
