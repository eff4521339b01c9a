"""`mars init` with a language model, through the command line."""

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from pytest_httpserver import HTTPServer

from agent.core.paths import Home
from tests.cli.commands import MARS, mars
from tests.drafting.llm.described_folders import TO_PREDICT, answer, write_folder
from tests.llm.scripted import KEY, Script, completion, failure
from tests.support.waiting import wait_until


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    with HTTPServer(threaded=True) as http:
        script = Script(http.url_for("/v1"))
        http.expect_request("/v1/chat/completions").respond_with_handler(script.handle)
        monkeypatch.setenv("OPENAI_BASE_URL", script.url)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("MARS_MODEL", "some-model")
        yield script
        script.released.set()


def test_a_described_folder_is_drafted_and_prepared(home: Home, tmp_path: Path, server: Script) -> None:
    folder = write_folder(tmp_path / "grades")
    server.answers = [completion(json.dumps(answer(id_column="advert")))]
    said = mars("init", str(folder), "--model", "other-model").stdout
    assert server.asked[0]["model"] == "other-model"
    assert "Asking other-model at localhost" in said
    assert "Language model: 1 call, 100 tokens in, 10 out" in said
    assert str(folder / "competition.llm.txt") in said
    assert f"{TO_PREDICT} test." in said
    assert "metric: qwk  (other-model: Because of metric_why.)" in said
    assert "Please check: The id is 'house'" in said
    assert "Families that can run this competition: tabular" in said
    assert KEY not in said + (folder / "competition.llm.txt").read_text()
    again = mars("prepare", str(folder)).stdout
    assert again.splitlines()[-1] in said, "a run finds what was prepared"


def test_without_the_option_nothing_is_asked(home: Home, tmp_path: Path, server: Script) -> None:
    folder = write_folder(tmp_path / "grades")
    assert "name it train.csv" in mars("init", str(folder), code=2).stderr
    (folder / "labelled.csv").rename(folder / "train.csv")
    (folder / "later.csv").rename(folder / "test.csv")
    mars("init", str(folder))
    assert server.asked == []
    assert not (folder / "competition.llm.txt").exists()


@pytest.mark.parametrize("blank", ["", "NA"])
def test_rows_without_a_target_are_left_out_if_the_user_says_so(
    home: Home, tmp_path: Path, blank: str
) -> None:
    cells = [blank if row in (3, 8) else ("red", "blue")[row % 2] for row in range(60)]
    table = pd.DataFrame({"id": range(60), "x": [row / 7 for row in range(60)], "y": cells})
    table.iloc[:40].to_csv(tmp_path / "train.csv", index=False)
    table.iloc[40:].drop(columns="y").to_csv(tmp_path / "test.csv", index=False)
    refused = mars("init", str(tmp_path), code=2).stderr
    assert "in 2 rows, first in row 4" in refused
    assert "add --drop-blank-targets to this command to leave these rows out" in refused
    assert "competition.yaml" not in refused
    said = mars("init", str(tmp_path), "--drop-blank-targets").stdout
    assert "blank_targets: drop  (you asked for it" in said
    assert "2 rows without a valid target 'y' are left out (rows 4, 9)" in said
    assert "blank_targets: drop" in (tmp_path / "competition.yaml").read_text().splitlines()


def test_a_wrong_key_ends_it_with_what_to_do(home: Home, tmp_path: Path, server: Script) -> None:
    folder = write_folder(tmp_path / "grades")
    server.answers = [failure(401, "Incorrect API key provided.")]
    assert "OPENAI_API_KEY" in mars("init", str(folder), "--model", "m", code=2).stderr
    assert not (folder / "competition.yaml").exists()


def test_an_interrupt_leaves_nothing_but_what_was_said(home: Home, tmp_path: Path, server: Script) -> None:
    folder = write_folder(tmp_path / "grades", sample=None)
    before = {path.name for path in folder.iterdir()}
    server.answers = [server.hang]
    process = subprocess.Popen(
        [*MARS, "init", str(folder), "--model", "m"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    wait_until(lambda: server.asked)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=15)
    assert process.returncode == 130, output
    assert {path.name for path in folder.iterdir()} - before == {"competition.llm.txt"}
    assert "--- cut (" in (folder / "competition.llm.txt").read_text()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--max-usd", "1"), "--max-usd applies only with --model"),
        (("--model", "m", "--drop-blank-targets"), "--drop-blank-targets applies only without --model"),
        (("--model", "local"), "too small to read a description"),
        (("--model", "m"), "OPENAI_API_KEY"),
    ],
)
def test_options_that_do_not_fit_are_told(
    home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    folder = write_folder(tmp_path / "grades")
    assert said in mars("init", str(folder), *options, code=2).stderr
    assert not (folder / "competition.llm.txt").exists()
