"""Cache layers: only files of valid candidates are shared, and candidates cannot write shared files."""

import os
from pathlib import Path

import pytest

from agent.execution import make_executor
from agent.execution.cache_layers import CacheLayers
from tests.execution.support import Site

KEYS = [f"{number:032x}.npy" for number in range(6)]


@pytest.fixture
def layers(tmp_path: Path) -> CacheLayers:
    return CacheLayers(tmp_path / "shared", tmp_path / "own", limit_bytes=100)


def _build(layers: CacheLayers, node: int, *names: str, size: int = 30) -> None:
    folder = layers.open(node)
    for name in names:
        (folder / name).write_bytes(bytes(size))


def _shared(layers: CacheLayers) -> set[str]:
    return {file.name for file in layers.shared.iterdir()}


def test_only_promoted_files_are_visible_to_later_candidates(layers: CacheLayers) -> None:
    _build(layers, 1, KEYS[0])
    _build(layers, 2, KEYS[1])
    layers.promote(1)
    for node in (1, 2):
        layers.drop(node)
    assert [file.name for file in (layers.open(3) / "shared").iterdir()] == [KEYS[0]]
    assert not (layers.own / "001").exists()


def test_the_oldest_files_are_evicted_and_oversized_files_skipped(layers: CacheLayers) -> None:
    for number, name in enumerate(KEYS[:4]):
        _build(layers, number, name)
        layers.promote(number)
        if (layers.shared / name).exists():
            os.utime(layers.shared / name, (number, number))
    assert _shared(layers) == set(KEYS[1:4])
    _build(layers, 9, KEYS[5], size=101)
    layers.promote(9)
    assert _shared(layers) == set(KEYS[1:4])


def test_links_folders_and_other_names_are_not_promoted(layers: CacheLayers, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("answers")
    folder = layers.open(1)
    (folder / KEYS[0]).symlink_to(secret)
    os.link(secret, folder / KEYS[1])
    (folder / KEYS[2]).mkdir()
    (folder / "..npy").write_text("x")
    os.mkfifo(folder / KEYS[3])
    layers.promote(1)
    assert _shared(layers) == set()


@pytest.mark.parametrize("name", ["cold", "warm"])
def test_a_candidate_reads_the_shared_layer_and_cannot_write_it(tmp_path: Path, name: str) -> None:
    site = Site(tmp_path)
    layers = CacheLayers(tmp_path / "shared", tmp_path / "own")
    layers.open(0)
    (layers.shared / KEYS[0]).write_bytes(b"built")
    code = (
        "import os, pathlib\n"
        "own = pathlib.Path(os.environ['MARS_CACHE_DIR'])\n"
        f"assert (own / 'shared' / '{KEYS[0]}').read_bytes() == b'built'\n"
        f"(own / '{KEYS[1]}').write_bytes(b'mine')\n"
        f"for name in ('{KEYS[0]}', 'new'):\n"
        "    try:\n"
        "        (own / 'shared' / name).write_bytes(b'poison')\n"
        "    except OSError as error:\n"
        "        print('refused', error.errno)\n"
        "    else:\n"
        "        print('written')\n"
    )
    executor = make_executor(
        name,
        nodes_root=site.nodes,
        readable=[site.root / "public", layers.shared],
        writable=[layers.own],
    )
    outcome = executor.execute(site.job("reader", code, cache=layers.open(1)))
    executor.close()
    assert outcome.status == "ok", outcome.log.read_text()
    assert outcome.log.read_text().count("refused") == 2
    layers.promote(1)
    assert (layers.shared / KEYS[0]).read_bytes() == b"built"
    assert (layers.shared / KEYS[1]).read_bytes() == b"mine"
