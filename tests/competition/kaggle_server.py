"""A small server that plays the addresses that Kaggle's client asks for a competition's files."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

TOKEN = "a-good-token"
REFUSALS = {
    "strict-rules": (
        403,
        "You must accept this competition's rules before you'll be able to download files.",
    ),
    "busy": (503, "Come back later."),
}
MUTE = "mute"


class KaggleServer(ThreadingHTTPServer):
    """Serves the archives that tests put into `archives` by slug; keeps what it was asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.archives: dict[str, Path] = {}
        self.asked: list[str] = []
        self.closing = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def kaggle_server() -> Iterator[KaggleServer]:
    server = KaggleServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: KaggleServer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/v1/security.OAuthService/IntrospectToken":
            good = body["token"] == TOKEN
            self._answer(200, {"active": good, "username": "someone" if good else ""})
        elif self.path == "/v1/competitions.CompetitionApiService/DownloadDataFiles":
            self._download(body["competitionName"])
        else:
            self._answer(404, {"code": 404, "message": f"There is no {self.path} here."})

    def do_GET(self) -> None:
        """The storage that Kaggle refers to, which needs no credentials."""
        content = self.server.archives[self.path.split("/")[2]].read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", "application/zip")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Keeps quiet."""

    def _download(self, slug: str) -> None:
        self.server.asked.append(slug)
        if slug == MUTE:
            self.server.closing.wait(30)
            return
        if "Authorization" not in self.headers:
            self._answer(401, {"code": 401, "message": "Unauthenticated."})
        elif slug in REFUSALS:
            status, message = REFUSALS[slug]
            self._answer(status, {"code": status, "message": message})
        elif slug not in self.server.archives:
            self._answer(404, {"code": 404, "message": "Not found."})
        else:
            self.send_response(302)
            self.send_header("Location", f"{self.server.url}/storage/{slug}/archive.zip?signature=1.2")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def _answer(self, status: int, content: dict[str, object]) -> None:
        text = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
