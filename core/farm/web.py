# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions to the manager of a farm: JSON over HTTP."""

from __future__ import annotations

import json
import time
from http.client import HTTPException, HTTPMessage, HTTPResponse
from typing import IO, Any, cast
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from ..errors import SubmitFailed, UsageError
from ..model.wording import short

ANSWER = 30.0
"""Seconds for a manager to answer."""
_LIMIT = 1 << 24  # bytes of an answer
_BLOCK = 1 << 16
_WORDS = 300  # characters of what a manager says


def ask(url: str, path: str, body: object = None, *, title: str, seconds: float, may_lack: bool = False) -> Any:
    """What the manager at `url` answers, as JSON, to a GET of `path` below it, or to a POST of `body`.

    `title`: what the manager is called. Returns None for what it lacks, if it `may_lack` it. Raises UsageError for a
    URL that is none, and SubmitFailed for everything that is no answer within these seconds.
    """
    where = f"The {title} at {short(url, 200)}"
    again = "" if body is None else ". It may have taken the job: look there before you send it again"
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    try:
        request = Request(_address(url, title) + path, data, headers)
        with build_opener(_NoRedirect).open(request, timeout=seconds) as answer:
            return json.loads(_read(answer, time.monotonic() + seconds))
    except HTTPError as error:
        with error:
            if error.code == 404 and may_lack:
                return None
            raise SubmitFailed(f"{where} refuses: {_refusal(error)}") from error
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, TimeoutError):
            raise SubmitFailed(f"{where} has not answered within {seconds:.0f} seconds{again}") from error
        words = (isinstance(reason, OSError) and reason.strerror) or str(reason) or type(reason).__name__
        raise SubmitFailed(f"{where} cannot be reached: {short(words, _WORDS)}{again}") from error
    except (ValueError, RecursionError) as error:
        raise SubmitFailed(f"{where} answers nonsense, as if it were another program{again}") from error


class _NoRedirect(HTTPRedirectHandler):
    """A job would get lost on the way: a redirected POST becomes a GET."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        return None


def _address(url: str, title: str) -> str:
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1) and not parts.query
    except ValueError:
        is_address = False
    if not is_address or not url.isascii() or not url.isprintable() or " " in url or "@" in url or "#" in url:
        given = f", and not “{short(url, 200)}”" if url else ""
        raise UsageError(f"The {title} needs its address, such as http://farm:8080{given}")
    return url.rstrip("/")


def _read(answer: HTTPResponse, end: float) -> bytes:
    """Raises TimeoutError for an answer that drips in, ValueError for a huge one."""
    data = bytearray()
    while block := answer.read1(_BLOCK):
        data += block
        if len(data) > _LIMIT:
            raise ValueError("too long")
        if time.monotonic() > end:
            raise TimeoutError
    return bytes(data)


def _refusal(error: HTTPError) -> str:
    """The words of an error, or its status."""
    if 300 <= error.code < 400:
        return f"it is at {short(str(error.headers.get('Location')), _WORDS)} now"
    try:
        content: object = json.loads(error.read(_BLOCK))
    except (OSError, HTTPException, ValueError, RecursionError):
        content = None
    said = cast("dict[str, Any]", content).get("message") if isinstance(content, dict) else None
    status = f"{error.code} {error.reason}"
    return short(f"{said} ({status})" if isinstance(said, str) and said else status, _WORDS)
