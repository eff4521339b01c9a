"""The process that serves a local model; `agent.llm.local` starts this file by its path.

Its first line of input says what to serve (JSON: file, key, context_tokens, threads). It answers in one line
(JSON: url and context_tokens; unimportable or failure: why not), and serves until its input ends, so that it
never outlives whoever started it.
"""

import json
import os
import sys
import urllib.request
from typing import Any

_BATCH_TOKENS = 256  # a cancelled request ends only between batches: these are seconds of two cores
_CACHE_MB = 512  # of prompts read before; the library's own limit is 8 GB


def main() -> None:
    """Serves, and leaves without the server's own ending, which may wait for a thread for ever."""
    # Whatever llama.cpp prints must not get between the lines of the answer.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    asked = json.loads(sys.stdin.readline())
    try:
        server, answer = _served(asked)
    except ImportError as error:
        server, answer = None, {"unimportable": str(error)}
    except Exception as error:
        server, answer = None, {"failure": str(error) or type(error).__name__}
    print(json.dumps(answer), file=answers, flush=True)
    if server is not None:
        sys.stdin.read()
    os._exit(0)


def _served(asked: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    import xllamacpp

    settings = xllamacpp.CommonParams()
    settings.model.path = asked["file"]
    settings.model_alias = {"local"}
    settings.api_keys = [asked["key"]]
    settings.n_ctx = asked["context_tokens"]
    settings.n_parallel = 1  # the context is shared out among so many requests
    settings.n_batch = settings.n_ubatch = _BATCH_TOKENS
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = asked["threads"]
    settings.cache_ram_mib = _CACHE_MB
    settings.verbosity = 0
    server = xllamacpp.Server(settings)
    url = server.listening_address + "/v1"
    trained = _described(url, asked["key"])["n_ctx_train"]
    return server, {"url": url, "context_tokens": min(asked["context_tokens"], trained)}


def _described(url: str, key: str) -> dict[str, Any]:
    """What the server says of its model."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(f"{url}/models", headers={"Authorization": f"Bearer {key}"})
    with direct.open(request) as response:
        meta: dict[str, Any] = json.load(response)["data"][0]["meta"]
    return meta


if __name__ == "__main__":
    main()
