# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs for a Flamenco Manager, against a stand-in that answers as one does. tests/farm runs what the job type makes."""

import json
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tracking_sessions.core.errors import StorageFailed, SubmitFailed, UsageError
from tracking_sessions.core.farm.engines.flamenco import Flamenco
from tracking_sessions.core.farm.manifest import FILE
from tracking_sessions.core.farm.submission import Resources
from tracking_sessions.tests.core.farm.submissions import BLENDER, submission

SETTINGS = ("program", "arguments", "manifest", "shots", "steps")
VERSION = {"git": "v3.9-alpha1", "name": "Flamenco", "shortversion": "3.9-alpha1", "version": "3.9-alpha1"}
TYPE = {
    "name": "tracking-sessions",
    "label": "Tracking Sessions",
    "settings": [{"key": key, "type": "string"} for key in SETTINGS],
    "etag": "9f2d2a4b9f3f0c1d",
}
TAG = {"id": "4312d68c-ea6d-4566-9bf6-e9f09be48ceb", "name": "fast nodes", "description": ""}
ID = "13ad7d60-9c1b-4a9f-b4a4-6a7a7d8d5f0e"
ANSWERS: dict[str, Any] = {
    "/api/v3/version": VERSION,
    "/api/v3/jobs/type/tracking-sessions": TYPE,
    "/api/v3/worker-mgt/tags": {"tags": [TAG]},
    "/api/v3/jobs": {"id": ID, "status": "queued", "activity": ""},
}
LACKS = (404, {"code": 404, "message": "no such job type known"})


class Manager(ThreadingHTTPServer):
    """`answers`: by path a document, a status with one, bytes, or a function that answers by itself."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = dict(ANSWERS)
        self.asked: list[tuple[str, str, Any]] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Manager

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.append((self.command, self.path, json.loads(body) if body else None))
        answer = self.server.answers.get(self.path, (404, {"code": 404, "message": "not here"}))
        if callable(answer):
            answer(self)
            return
        status, content = answer if isinstance(answer, tuple) else (200, answer)
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def manager() -> Iterator[Manager]:
    with Manager() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def engine(patience: float = 20.0) -> Flamenco:
    return Flamenco(is_online=True, patience=patience)


def missing(manager: Manager, patience: float = 20.0, **resources: Any) -> str:
    return engine(patience).missing(Resources(url=manager.url, **resources))


def job(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_a_job_has_all_settings(tmp_path: Path) -> None:
    name = 'a "b"\n{x} c\u2028é😀'
    sent = submission(tmp_path / "a b", [1, 2, 3, 7], name, place=f"/show/{name}", comment="for Ann\n", priority=70)
    files = engine().write(sent)
    assert [path.name for path in files] == ["job.json", "tracking_sessions.js"]
    document = job(files[0])
    assert document["name"] == 'a "b" {x} c é😀'
    assert document["type"] == TYPE["name"] and document["priority"] == 70
    assert document["submitter_platform"] == "linux"
    assert document["metadata"] == {"submission": sent.id, "comment": "for Ann\n"}
    assert tuple(document["settings"]) == SETTINGS
    settings = document["settings"]
    assert [settings["program"], *json.loads(settings["arguments"])] == list(BLENDER)
    assert (settings["manifest"], settings["shots"]) == (f"/show/{name}/{FILE}", "1-3,7")
    assert "worker_tag" not in document and "type_etag" not in document
    assert job(engine().write(submission(tmp_path))[0])["priority"] == 50
    with pytest.raises(UsageError, match="UTF-8"):
        engine().write(submission(tmp_path, place="/show/\udcff"))
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailed):
        engine().write(submission(tmp_path / "file"))


def test_a_job_is_sent(tmp_path: Path, manager: Manager) -> None:
    sent = submission(tmp_path, range(1, 100_000, 2), url=f"{manager.url}/", queue="fast nodes")
    written = job(engine().write(sent)[0])
    assert engine().missing(sent.resources) == "" and not [one for one in manager.asked if one[0] == "POST"]
    assert engine().send(sent) == [ID]
    method, path, body = manager.asked[-1]
    assert (method, path) == ("POST", "/api/v3/jobs")
    assert body == {**written, "type_etag": TYPE["etag"], "worker_tag": TAG["id"]}


def test_a_job_is_sent_by_hand(tmp_path: Path, manager: Manager) -> None:
    sent = submission(tmp_path / "it's", url=manager.url)
    written = job(engine().write(sent)[0])
    command = engine().advice(sent).split(" (the Manager")[0]
    subprocess.run(["sh", "-c", command], check=True, capture_output=True, timeout=30)
    assert manager.asked == [("POST", "/api/v3/jobs", written)]
    assert "http://MANAGER:8080/api/v3/jobs" in engine().advice(submission(tmp_path))


def test_nothing_is_asked_offline(tmp_path: Path, manager: Manager) -> None:
    offline = Flamenco(is_online=False)
    sent = submission(tmp_path, url=manager.url)
    offline.write(sent)
    assert "Allow Online Access" in offline.missing(sent.resources)
    with pytest.raises(SubmitFailed, match="Allow Online Access"):
        offline.send(sent)
    assert manager.asked == []


NO_ADDRESSES = (
    *("", "farm", "farm:8080", "file:///etc/passwd", "ftp://farm", "http://", "http://farm:port", "http://farm:99999"),
    *("http://a b", "http://farm/?x", "http://user:word@farm", "http://farm/\n", "http://[", "http://fäärm"),
)


@pytest.mark.parametrize("url", NO_ADDRESSES)
def test_an_address_that_is_none(url: str) -> None:
    words = engine().missing(Resources(url=url))
    assert words.startswith("The Flamenco Manager needs its address, such as http://farm:8080") and "\n" not in words


def test_a_manager_without_the_job_type_says_how_to_install_it(manager: Manager) -> None:
    manager.answers["/api/v3/jobs/type/tracking-sessions"] = LACKS
    words = missing(manager)
    assert words.startswith("The Flamenco Manager lacks the job type: put /")
    assert words.endswith("/tracking_sessions.js into its folder “scripts”, under this name")
    manager.answers["/api/v3/jobs/type/tracking-sessions"] = {**TYPE, "settings": TYPE["settings"][1:]}
    assert "lacks the job type of this version" in missing(manager)


def test_a_worker_tag_has_a_name_and_an_id(manager: Manager) -> None:
    assert missing(manager, queue=TAG["id"]) == "" == missing(manager, queue="fast nodes")
    assert missing(manager, queue="slow") == "The Flamenco Manager has no worker tag “slow”; it has “fast nodes”"
    manager.answers["/api/v3/worker-mgt/tags"] = {"tags": None}
    assert missing(manager, queue="slow").endswith("it has none")


def hang(handler: Handler) -> None:
    time.sleep(3)


def drip(handler: Handler) -> None:
    handler.send_response(200)
    handler.end_headers()
    try:
        for _ in range(60):
            handler.wfile.write(b" ")
            time.sleep(0.05)
    except OSError:
        pass  # nobody listens any more


def cut(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "100")
    handler.end_headers()
    handler.wfile.write(b"{")


def huge(handler: Handler) -> None:
    handler.send_response(200)
    handler.end_headers()
    try:
        for _ in range(64):
            handler.wfile.write(b" " * (1 << 20))
    except OSError:
        pass  # nobody listens any more


def elsewhere(handler: Handler) -> None:
    handler.send_response(302)
    handler.send_header("Location", "http://other:8080/\x0b")
    handler.end_headers()


def garbage(handler: Handler) -> None:
    handler.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n")


WRONG: dict[str, tuple[Any, str]] = {
    "no JSON": (b"<html>", "answers nonsense"),
    "no UTF-8": (b'"\xff"', "answers nonsense"),
    "deep": (b"[" * 100_000, "answers nonsense"),
    "huge": (huge, "answers nonsense"),
    "no HTTP": (garbage, "cannot be reached: SSH-2.0-OpenSSH"),
    "cut": (cut, "answers nonsense"),
    "elsewhere": (elsewhere, "refuses: it is at http://other:8080/  now"),
    "an error page": ((500, b"<html>\n" * 10_000), "refuses: 500 Internal Server Error"),
    "an error": ((500, {"message": "database\nfull" * 90}), "refuses: database full"),
    "an odd error": ((503, [1]), "refuses: 503 Service Unavailable"),
    "hangs": (hang, "has not answered within 0 seconds"),
    "drips": (drip, "has not answered within 0 seconds"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_manager_that_answers_wrong(tmp_path: Path, manager: Manager, case: str) -> None:
    answer, words = WRONG[case]
    patience = 0.4 if case in ("hangs", "drips") else 20.0
    sent = submission(tmp_path, url=manager.url)
    engine().write(sent)
    for path in ("version", "jobs/type/tracking-sessions"):
        manager.answers = {**ANSWERS, f"/api/v3/{path}": answer}
        said = missing(manager, patience)
        assert said.startswith(f"The Flamenco Manager at {manager.url} {words}") and said.isprintable()
        assert len(said) < 500
        with pytest.raises(SubmitFailed):
            engine(patience).send(sent)
        assert not [one for one in manager.asked if one[0] == "POST"]
    manager.answers = {**ANSWERS, "/api/v3/jobs": answer}
    with pytest.raises(SubmitFailed) as caught:
        engine(patience / 10).send(sent)  # a job has ten times as long
    assert ("It may have taken the job" in str(caught.value)) is ("refuses" not in words)


@pytest.mark.parametrize("answer", [[], 1, None, {}, {"version": 3}])
def test_another_program_is_no_manager(manager: Manager, answer: Any) -> None:
    manager.answers["/api/v3/version"] = answer
    assert missing(manager) == f"{manager.url} is no Flamenco Manager"


@pytest.mark.parametrize("answer", [[], {}, {"id": 3}, {"id": ""}])
def test_a_job_without_an_id(tmp_path: Path, manager: Manager, answer: Any) -> None:
    sent = submission(tmp_path, url=manager.url)
    engine().write(sent)
    manager.answers["/api/v3/jobs"] = answer
    with pytest.raises(SubmitFailed, match="names no job: look there"):
        engine().send(sent)


def test_a_job_that_the_manager_refuses(tmp_path: Path, manager: Manager) -> None:
    sent = submission(tmp_path, url=manager.url)
    engine().write(sent)
    refusal = {"code": 412, "message": "rejecting job because its settings are outdated, refresh the job type"}
    manager.answers["/api/v3/jobs"] = (412, refusal)
    with pytest.raises(SubmitFailed, match="refuses: rejecting job because its settings are outdated"):
        engine().send(sent)
    (tmp_path / "job.json").write_text("{")
    with pytest.raises(SubmitFailed, match=r"job\.json cannot be read"):
        engine().send(sent)


def test_nobody_answers() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # it does not listen
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        assert engine().missing(Resources(url=url)) == (
            f"The Flamenco Manager at {url} cannot be reached: Connection refused"
        )
    assert "cannot be reached: " in engine().missing(Resources(url="http://no-such-host.invalid:8080"))
