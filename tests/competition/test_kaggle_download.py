"""Kaggle's own client downloads a competition from a local server that plays Kaggle, or says why not."""

import socket
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from agent.competition.registry import Competition, find_competition
from agent.competition.sources import kaggle_download
from agent.competition.sources.locate import locate_data
from agent.core.errors import SetupError
from agent.core.paths import Home
from tests.competition.kaggle_server import MUTE, TOKEN, KaggleServer, kaggle_server
from tests.competition.raw_folders import picture_folder, prepare_folder, run_plainly, write_spec

SAMPLE = """
import sys
from pathlib import Path
tables = dict(train="id,x,label\\n1,0,a\\n", test="id,x\\n2,0\\n", sample_submission="id,label\\n2,a\\n")
for name, text in tables.items():
    (Path(sys.argv[1]) / f"{name}.csv").write_text(text)
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture(autouse=True)
def no_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests may well be signed in."""
    for name in ("KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_CONFIG_DIR", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "user"))


@pytest.fixture
def signed_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", TOKEN)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[KaggleServer]:
    """The real client, led to a server of our own."""
    environment = pytest.importorskip("kagglesdk.kaggle_env", reason="the extra 'kaggle' is not installed")
    with kaggle_server() as running:
        monkeypatch.setitem(environment._env_to_endpoint, environment.KaggleEnv.PROD, running.url)
        yield running


def competition(tmp_path: Path, slug: str | None, **fields: object) -> Competition:
    """A competition without data that Kaggle may have."""
    image = {"name": "picture", "role": "image", "path": "{split}/{id}.png"}
    shape = {"sample_script": "sample.py"} if "sample_script" in fields else {"test": None, "inputs": [image]}
    write_spec(tmp_path / "tiny", sources={"kaggle": slug}, **shape)
    (tmp_path / "tiny" / "sample.py").write_text(SAMPLE)
    return find_competition(str(tmp_path / "tiny"))


def archive(tmp_path: Path, below: str = "") -> Path:
    folder = tmp_path / "kaggles"
    picture_folder(folder, labelled=12, to_predict=3)
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as made:
        for path in sorted(folder.rglob("*")):
            if path.name != "competition.yaml":
                made.write(path, below + str(path.relative_to(folder)))
    return tmp_path / "all.zip"


@pytest.mark.usefixtures("signed_in")
@pytest.mark.parametrize("choice", ["auto", "full"])
def test_who_is_signed_in_gets_the_data_once(
    tmp_path: Path, home: Home, server: KaggleServer, choice: str, capsys: pytest.CaptureFixture[str]
) -> None:
    server.archives["tiny-real"] = archive(tmp_path)
    wanted = competition(tmp_path, "tiny-real")
    found = [locate_data(wanted, home, choice, run_plainly) for _ in range(2)]  # type: ignore[arg-type]
    assert found[0] == found[1]
    assert server.asked == ["tiny-real"]
    assert found[0].folder == home.data / "tiny" / "full"
    assert (
        found[0].description == f"Data: the full data of Tiny from Kaggle, imported into {found[0].folder}."
    )
    assert [path.name for path in (home.data / "tiny").iterdir()] == ["full"], "nothing is left aside"
    assert prepare_folder(wanted.spec, found[0].folder).rows.test == 3
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("where", ["kaggle.json", "access_token", "elsewhere", "environment"])
def test_credentials_are_found_where_the_client_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    assert not kaggle_download.has_credentials()
    folder = tmp_path / "user" / ".kaggle"
    if where == "environment":
        monkeypatch.setenv("KAGGLE_USERNAME", "someone")
        assert not kaggle_download.has_credentials()
        monkeypatch.setenv("KAGGLE_KEY", "secret")
    elif where == "elsewhere":
        folder = tmp_path / "elsewhere"
        monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(folder))
    if where != "environment":
        folder.mkdir(parents=True)
        (folder / ("kaggle.json" if where == "elsewhere" else where)).write_text("{}")
    assert kaggle_download.has_credentials()


@pytest.mark.usefixtures("signed_in")
@pytest.mark.parametrize(
    ("slug", "sentence"),
    [
        (
            "strict-rules",
            r"tiny: Kaggle refuses the data of 'strict-rules' \(403\); accept the competition's rules at "
            r"https://www\.kaggle\.com/competitions/strict-rules/rules; or import the files with "
            r"`mars prepare tiny --from DIR\|ZIP`\.",
        ),
        ("nowhere", r"Kaggle knows no competition 'nowhere' \(404\); correct sources\.kaggle in competition"),
        ("busy", r"Kaggle answered with status 503 \(Come back later\.\); run again later"),
    ],
)
def test_refusals_are_sentences(
    tmp_path: Path, home: Home, server: KaggleServer, slug: str, sentence: str
) -> None:
    with pytest.raises(SetupError, match=sentence):
        locate_data(competition(tmp_path, slug), home, "full", run_plainly)
    assert list((home.data / "tiny").iterdir()) == []


def test_a_bad_token_is_a_sentence(
    tmp_path: Path, home: Home, server: KaggleServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", "expired")
    with pytest.raises(SetupError, match="Kaggle does not accept the credentials; put a token of"):
        locate_data(competition(tmp_path, "tiny-real"), home, "full", run_plainly)
    assert server.asked == []


@pytest.mark.usefixtures("signed_in")
def test_no_network_is_a_sentence_after_one_try(
    tmp_path: Path, home: Home, server: KaggleServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = pytest.importorskip("kagglesdk.kaggle_env")
    monkeypatch.setitem(
        environment._env_to_endpoint, environment.KaggleEnv.PROD, "http://no-such-host.invalid"
    )
    looked_up: list[str] = []

    def unknown(host: str, *_: object, **__: object) -> NoReturn:
        looked_up.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(SetupError, match=r"Kaggle cannot be reached \(ConnectionError\); check the network"):
        locate_data(competition(tmp_path, "tiny-real"), home, "full", run_plainly)
    assert looked_up == ["no-such-host.invalid"]


@pytest.mark.usefixtures("signed_in")
def test_a_server_that_never_answers_is_given_up(tmp_path: Path, server: KaggleServer) -> None:
    (tmp_path / "download").mkdir()
    with pytest.raises(SetupError, match="Kaggle has sent nothing for 1 s; check the network"):
        kaggle_download.download(MUTE, tmp_path / "download", first_byte_s=1.0)


@pytest.mark.usefixtures("signed_in")
def test_an_archive_with_a_path_out_of_the_folder_is_refused(
    tmp_path: Path, home: Home, server: KaggleServer
) -> None:
    server.archives["tiny-real"] = archive(tmp_path, below="../")
    with pytest.raises(SetupError, match="is a link or leaves the folder"):
        locate_data(competition(tmp_path, "tiny-real"), home, "full", run_plainly)
    assert list((home.data / "tiny").iterdir()) == []


def test_without_credentials_kaggle_is_not_asked(tmp_path: Path, home: Home) -> None:
    with pytest.raises(
        SetupError, match=r"tiny: there are no Kaggle credentials; put a token of .*--from DIR"
    ):
        locate_data(competition(tmp_path, "tiny-real"), home, "full", run_plainly)
    wanted = competition(tmp_path, "tiny-real", sample_script=True)
    assert locate_data(wanted, home, "auto", run_plainly).description.endswith("not the real data of Tiny.")


@pytest.mark.usefixtures("signed_in")
def test_offline_nobody_is_asked_whatever_credentials_there_are(
    tmp_path: Path, home: Home, server: KaggleServer
) -> None:
    server.archives["tiny-real"] = archive(tmp_path)
    wanted = competition(tmp_path, "tiny-real", sample_script=True)
    assert locate_data(wanted, home, "auto", run_plainly, offline=True).kind == "sample"
    with pytest.raises(SetupError, match="--from DIR"):
        locate_data(wanted, home, "full", run_plainly, offline=True)
    assert server.asked == []


def test_the_doctor_knows_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("kagglesdk", reason="the extra 'kaggle' is not installed")
    assert kaggle_download.client_state().startswith("no credentials: put a token of")
    monkeypatch.setenv("KAGGLE_API_TOKEN", TOKEN)
    assert kaggle_download.client_state() == "ready"
    monkeypatch.setitem(sys.modules, "kaggle", None)
    assert kaggle_download.client_state() == "no client: install it by `pip install 'mars-search[kaggle]'`"


@pytest.mark.usefixtures("signed_in")
def test_without_the_client_its_installation_is_explained(
    tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "kaggle"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "kaggle", None)
    with pytest.raises(
        SetupError, match=r"client is not installed \(.*kaggle.*\); install it by `pip install"
    ):
        locate_data(competition(tmp_path, "tiny-real"), home, "full", run_plainly)


@pytest.mark.usefixtures("signed_in")
def test_a_sample_stands_in_for_what_kaggle_refuses_and_says_so(
    tmp_path: Path, home: Home, server: KaggleServer
) -> None:
    wanted = competition(tmp_path, "strict-rules", sample_script=True)
    found = locate_data(wanted, home, "auto", run_plainly)
    assert found.kind == "sample"
    assert found.description.startswith("Data: a generated sample, not the real data of Tiny. ")
    assert "accept the competition's rules" in found.description
