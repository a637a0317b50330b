"""Does an object store honour a conditional PUT? Without it, two commits can undo each other.

And why does it not answer? Asked with requests signed here (AWS Signature Version 4): LanceDB
cannot be made to ask.
"""

import hashlib
import hmac
import os
from datetime import UTC, datetime
from http import HTTPStatus
from http.client import HTTPConnection, HTTPSConnection
from secrets import token_hex
from urllib.parse import quote, urlsplit

from hikma.errors import StoreError
from hikma.vectors.lance_places import OBJECTS, Place, absent_keys, endpoint, refusal_in, region

_EMPTY = hashlib.sha256(b"").hexdigest()
_UNLESS_THERE = {"if-none-match": "*"}
_honest: set[str] = set()
"""Addresses that were seen to honour it, by this process."""


def refuse_careless(place: Place) -> None:
    """Raise StoreError where a store overwrites what it was asked not to; once a process.

    Or where the environment holds no keys to ask with.
    """
    if place.address in _honest:
        return
    _refuse_keyless(place)
    key = f"{place.address.removeprefix(OBJECTS)}/probe-{token_hex(8)}"
    first, _ = _request("PUT", key, _UNLESS_THERE, place.timeout_s)
    if first == HTTPStatus.OK:
        second, _ = _request("PUT", key, _UNLESS_THERE, place.timeout_s)
        _request("DELETE", key, {}, place.timeout_s)
        if second in (HTTPStatus.PRECONDITION_FAILED, HTTPStatus.CONFLICT):
            _honest.add(place.address)
            return
    elif first not in (HTTPStatus.NOT_IMPLEMENTED, HTTPStatus.BAD_REQUEST):
        raise StoreError(
            f"{place.address} refused a write (HTTP {first}); check the bucket, its rights and the "
            "AWS_* variables."
        )
    raise StoreError(
        f"{place.address} does not honour conditional PUT (If-None-Match), so commits could be "
        "lost; use a store that does, or a local folder."
    )


def refusal(place: Place, timeout_s: float) -> str:
    """Ask once for one name under a place, as LanceDB does; return why that is refused, or nothing.

    Raises OSError where there is no answer in time.
    """
    if absent_keys():
        return ""  # told beside every failure
    bucket, _, prefix = place.address.removeprefix(OBJECTS).partition("/")
    query = f"list-type=2&max-keys=1&prefix={quote(prefix, safe='')}"
    status, answer = _request("GET", f"{bucket}/", {}, timeout_s, query)
    if status == HTTPStatus.OK:
        return ""
    return refusal_in(answer.decode(errors="replace")) or f"HTTP {status}"


def _refuse_keyless(place: Place) -> None:
    """Raise StoreError without keys to sign with."""
    absent = absent_keys()
    if absent:
        raise StoreError(
            f"{place.address} is asked with keys of the environment alone, whatever profile or "
            f"role there is; set {' and '.join(absent)} (and AWS_SESSION_TOKEN with keys that "
            "expire)."
        )


def _request(
    method: str, key: str, headers: dict[str, str], timeout_s: float, query: str = ""
) -> tuple[int, bytes]:
    """Send a signed request without a body; return its status and what it brought."""
    host, path, secure = _target(key)
    connection = (HTTPSConnection if secure else HTTPConnection)(host, timeout=timeout_s)
    signed = _signed(method, host, (path, query), headers)
    try:
        connection.request(method, f"{path}?{query}" if query else path, headers=signed)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _target(key: str) -> tuple[str, str, bool]:
    """Return the host and path of a key, and whether it is asked over TLS."""
    bucket, _, name = key.partition("/")
    if not endpoint():
        return f"{bucket}.s3.{region()}.amazonaws.com", f"/{quote(name)}", True
    server = urlsplit(endpoint())
    return server.netloc, f"{server.path}/{quote(key)}", server.scheme == "https"


def _signed(
    method: str, host: str, target: tuple[str, str], headers: dict[str, str]
) -> dict[str, str]:
    """Return the headers of a request, signed with the keys of the environment."""
    secret = os.environ["AWS_SECRET_ACCESS_KEY"]
    token = os.environ.get("AWS_SESSION_TOKEN")
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    sent = {**headers, "host": host, "x-amz-content-sha256": _EMPTY, "x-amz-date": moment}
    if token:
        sent["x-amz-security-token"] = token
    names = ";".join(sorted(sent))
    lines = [f"{name}:{sent[name]}" for name in sorted(sent)]
    asked = "\n".join([method, *target, *lines, "", names, _EMPTY])
    scope = f"{moment[:8]}/{region()}/s3/aws4_request"
    digest = hashlib.sha256(asked.encode()).hexdigest()
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = _mac(key, part)
    signature = _mac(key, f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{digest}").hex()
    sent["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={os.environ['AWS_ACCESS_KEY_ID']}/{scope}, "
        f"SignedHeaders={names}, Signature={signature}"
    )
    return sent


def _mac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
