"""Server process of a local model; `agent.llm.local_model` starts this file by its path.

The first line of stdin says what to serve (JSON: file, key, context_tokens, threads). The process replies
with one line (JSON: url and context_tokens; on failure unimportable or failure, with the reason). It serves
until stdin closes, so that it never outlives its parent.
"""

import json
import os
import sys
import urllib.request
from typing import Any

_BATCH_TOKENS = 256  # a cancelled request ends between batches; this batch takes two cores a few seconds
_CACHE_MB = 512  # cache of earlier prompts; the library's default is 8 GB


def main() -> None:
    """Serve, then exit without the server's own shutdown, which may wait for a thread for ever."""
    # Output of llama.cpp must not mix with the reply.
    reply_stream = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    request = json.loads(sys.stdin.readline())
    try:
        server, reply = _start_server(request)
    except ImportError as error:
        server, reply = None, {"unimportable": str(error)}
    except Exception as error:
        server, reply = None, {"failure": str(error) or type(error).__name__}
    print(json.dumps(reply), file=reply_stream, flush=True)
    if server is not None:
        sys.stdin.read()
    os._exit(0)


def _start_server(request: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    import xllamacpp

    settings = xllamacpp.CommonParams()
    settings.model.path = request["file"]
    settings.model_alias = {"local"}
    settings.api_keys = [request["key"]]
    settings.n_ctx = request["context_tokens"]
    settings.n_parallel = 1  # parallel requests would share the context
    settings.n_batch = settings.n_ubatch = _BATCH_TOKENS
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = request["threads"]
    settings.cache_ram_mib = _CACHE_MB
    settings.verbosity = 0
    server = xllamacpp.Server(settings)
    url = server.listening_address + "/v1"
    trained_tokens = _model_meta(url, request["key"])["n_ctx_train"]
    return server, {"url": url, "context_tokens": min(request["context_tokens"], trained_tokens)}


def _model_meta(url: str, key: str) -> dict[str, Any]:
    """Return the server's metadata of the model."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(f"{url}/models", headers={"Authorization": f"Bearer {key}"})
    with opener.open(request) as response:
        meta: dict[str, Any] = json.load(response)["data"][0]["meta"]
    return meta


if __name__ == "__main__":
    main()
