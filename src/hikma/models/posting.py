"""How is a server asked, again where that may help, and what does its refusal mean?"""

import json
import logging
import re
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import Any

import stamina
from stamina.instrumentation import get_on_retry_hooks, set_on_retry_hooks

from hikma.errors import ModelError
from hikma.models.connections import ANSWER_BYTES, Connections, OversizedAnswerError, Response
from hikma.models.server import Patience, Server

OK, CONTENT_TOO_LARGE, SERVER_ERRORS = 200, 413, 500
REDIRECTS = range(300, 400)

_PASSING = frozenset({408, 409, 425, 429})
_TOO_LONG_BY = frozenset({400, 422, 500})
"""With these a server's words tell whether it found a text too long."""
_TOO_LONG = re.compile(
    r"context.(?:length|size)|sequence length|too (?:long|large)|\btokens?\b.*\b(?:max|limit)|"
    r"\b(?:max|limit|exceed|less than).*\btokens?\b",
    re.IGNORECASE | re.DOTALL,
)
_SAID_CHARACTERS = 200
_REMEDIES = {
    401: "set HIKMA_EMBEDDING_API_KEY to a key that it accepts",
    403: "set HIKMA_EMBEDDING_API_KEY to a key that may embed",
    404: "check the path of HIKMA_EMBEDDING_URL (most end in /v1) and that it serves the model",
    429: "run the command again later, or raise the limit there",
}
_CHECK_RUNNING = (
    "check HIKMA_EMBEDDING_URL and that the server runs, then run the command again: what was "
    "committed stays"
)
_log = logging.getLogger(__name__)


class RefusedError(ModelError):
    """One attempt failed; it says whether another may do better, and after which wait."""

    def __init__(
        self,
        fact: str,
        remedy: str,
        *,
        passing: bool = False,
        wait_s: float = 0.0,
        too_long: bool = False,
    ) -> None:
        super().__init__(f"{fact}; {remedy}.")
        self.passing = passing
        self.wait_s = wait_s
        self.too_long = too_long


class Poster:
    """Posts JSON to one path of a server."""

    def __init__(self, server: Server, path: str) -> None:
        """Hold the address; the first request connects."""
        self.url = f"{server.url.rstrip('/')}{path}"
        self._key = server.key
        self._connections = Connections(self.url)
        self._met = False
        _keep_output_clean()

    def post(
        self, content: Mapping[str, Any], patience: Patience, stopped: threading.Event
    ) -> dict[str, Any]:
        """Return the JSON object answered; raises RefusedError.

        What may pass (429, 408, 409, 5xx, cut connections, silence) is tried again, after
        as long as the server asks for; once `stopped` is set, nothing is.
        """
        body = json.dumps(content).encode()
        end = time.monotonic() + patience.total_s

        def again(error: Exception) -> bool | float:
            if not isinstance(error, RefusedError) or not error.passing or stopped.is_set():
                return False
            if time.monotonic() + error.wait_s > end:
                return False
            _log.info("%s Trying again.", error)
            return error.wait_s or True

        for attempt in stamina.retry_context(
            again,
            attempts=patience.attempts,
            timeout=None,
            wait_initial=patience.first_wait_s,
            wait_max=patience.longest_wait_s,
            wait_jitter=patience.first_wait_s,
        ):
            with attempt:
                return self._once(body, patience)
        raise AssertionError("stamina lets the last error through")

    def _once(self, body: bytes, patience: Patience) -> dict[str, Any]:
        try:
            response = self._connections.post(body, self._headers(), patience)
        except (OSError, HTTPException, UnicodeError) as error:
            raise self._unreached(error) from error
        except OversizedAnswerError as error:
            raise RefusedError(
                f"{self.url} answered more than {ANSWER_BYTES >> 20} MiB",
                "check that HIKMA_EMBEDDING_URL is an embedding server",
            ) from error
        self._met = True
        if response.status != OK:
            raise self._refused(response)
        return self._parsed(response.content)

    def _headers(self) -> dict[str, str]:
        plain = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "hikma",
        }
        return plain | ({"Authorization": f"Bearer {self._key}"} if self._key else {})

    def _unreached(self, error: Exception) -> RefusedError:
        """Say why no answer came; who was never met is not waited for."""
        fact = f"{self.url} gave no answer ({str(error) or type(error).__name__})"
        if isinstance(error, ssl.SSLCertVerificationError):
            return RefusedError(fact, "have SSL_CERT_FILE name the authority of its certificate")
        absent = isinstance(error, ConnectionRefusedError | socket.gaierror)
        cut = ConnectionError | TimeoutError | HTTPException | ssl.SSLEOFError
        passing = self._met if absent else isinstance(error, cut)
        return RefusedError(fact, _CHECK_RUNNING, passing=passing)

    def _refused(self, response: Response) -> RefusedError:
        status, said = response.status, self._said(response.content)
        if status in REDIRECTS:
            place = self._clean(response.headers.get("Location", "nowhere"))
            return RefusedError(
                f"{self.url} redirects to {place}, which is not followed",
                "set HIKMA_EMBEDDING_URL to the server's own address",
            )
        too_long = status == CONTENT_TOO_LARGE or _is_too_long(status, said)
        return RefusedError(
            f"{self.url} answered {status}: {said}",
            _REMEDIES.get(status) or _remedy_of_class(status),
            passing=not too_long and _is_passing(status, said),
            wait_s=_asked_wait(response.headers.get("Retry-After")),
            too_long=too_long,
        )

    def _parsed(self, content: bytes) -> dict[str, Any]:
        """Return a JSON object; what was cut off may be whole the next time."""
        try:
            found = json.loads(content)
        except (ValueError, RecursionError) as error:
            is_page = content.lstrip()[:1] == b"<"
            shown = "a web page" if is_page else "what is no JSON, or no whole one"
            remedy = "check HIKMA_EMBEDDING_URL, and what stands between here and there"
            raise RefusedError(
                f"{self.url} answered {shown}", remedy, passing=not is_page
            ) from error
        if not isinstance(found, dict):
            remedy = "check that HIKMA_EMBEDDING_URL is an OpenAI-compatible server"
            raise RefusedError(f"{self.url} answered JSON that is no object", remedy)
        if found.get("error"):
            said = self._said(content)
            too_long = bool(_TOO_LONG.search(said))
            remedy = "see its log"
            raise RefusedError(
                f"{self.url} answered with an error: {said}", remedy, too_long=too_long
            )
        return found

    def _said(self, content: bytes) -> str:
        """Return what a server says of a failure, wherever it says it."""
        text = content[:10_000].decode(errors="replace")
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return "a web page" if text.lstrip()[:1] == "<" else self._clean(text)
        inner = found.get("error", found) if isinstance(found, dict) else found
        if isinstance(inner, dict):
            parts = [inner.get(name) for name in ("code", "message", "detail")]
            inner = " ".join(str(one) for one in parts if one) or inner
        return self._clean(str(inner))

    def _clean(self, text: str) -> str:
        """Return one short line that never shows the key."""
        shown = text.replace(self._key, "(key)") if self._key else text
        return " ".join(shown.split())[:_SAID_CHARACTERS] or "nothing more"


def _keep_output_clean() -> None:
    """Drop stamina's own hooks: one prints to standard output, which belongs to results."""
    hooks = get_on_retry_hooks()
    foreign = [hook for hook in hooks if not hook.__module__.startswith("stamina.")]
    if len(foreign) < len(hooks):
        set_on_retry_hooks(foreign)


def _is_too_long(status: int, said: str) -> bool:
    return status in _TOO_LONG_BY and bool(_TOO_LONG.search(said))


def _is_passing(status: int, said: str) -> bool:
    """Tell whether a refusal may pass; a spent quota does not."""
    return (status in _PASSING or status >= SERVER_ERRORS) and "insufficient_quota" not in said


def _remedy_of_class(status: int) -> str:
    if status in _PASSING or status >= SERVER_ERRORS:
        return "see its log, then run the command again: what was committed stays"
    return "check that the model embeds and that HIKMA_EMBEDDING_URL is its server"


def _asked_wait(value: str | None) -> float:
    """Return the seconds of a `Retry-After` (RFC 9110, 10.2.3): a number, a date or nothing."""
    if value is None:
        return 0.0
    if re.fullmatch(r"\s*\d+(\.\d+)?\s*", value):
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return 0.0  # neither: as if no wait was asked for
