"""Which commits make topics, and what is asked by their messages."""

import re

from hikma.domain import Commit
from hikma.ranking import STOP_WORDS

MOST_CHARACTERS = 1_500
"""Of a message so much is asked; a longer one is a description, not a question."""

_FEWEST_WORDS = 3
_WORD = re.compile(r"[^\W\d_]{2,}")
_TRAILER = re.compile(r"[A-Za-z][\w-]*(?:: |=| #)\S|\(cherry picked from |git-svn-id:")
"""A line of the last paragraph that says who, where or which issue."""
_NAMED_TRAILER = re.compile(
    r"^[ \t]*(?:[A-Z][\w-]+-(?:by|on|with|from|to|of)|Cc|Change-Id|PR-URL|git-svn-id)[:=].*\n?",
    re.MULTILINE | re.IGNORECASE,
)
_RULE = re.compile(r"^-{3,}$", re.MULTILINE)
_HOST = r"https?://\S+/(?:issues?|pulls?|merge_requests|commits?|discussions|-)/\S+"
_ISSUE = rf"(?:(?:[\w.-]+/[\w.-]+)?#\d+|\bGH-?\d+|{_HOST})"
_ISSUES = re.compile(
    r"[(\[]?\b(?:(?:fix|close|resolve|address)(?:e?s|e?d)?|refs?|references|see(?: also)?|issue|PR"
    rf"|related(?: to)?|part of|follow[- ]up to):?\s+{_ISSUE}(?:(?:,|\s+and)?\s+{_ISSUE})*"
    r"[)\]]?\.?",
    re.IGNORECASE,
)
_NUMBERS = re.compile(
    rf"\s*[(\[]\s*{_ISSUE}(?:\s*,\s*{_ISSUE})*\s*[)\]]|\s*{_ISSUE}", re.IGNORECASE
)
_REVERT = re.compile(r'revert(?:s|ed|ing)?\b|reapply "|this reverts commit', re.IGNORECASE)
_BOT = re.compile(
    r"\[bot\]|\b(?:dependabot|renovate|greenkeeper|pyup|snyk|weblate|transifex|mergify|allcontributors"
    r"|imgbot|codecov)(?:[-_. ]?bot)?\b|pre-commit-ci|github[- ]actions|-bot@|\bbot@",
    re.IGNORECASE,
)
_DEPENDENCY = re.compile(
    r"(?:[\w.]+(?:\([^)]*\))?!?:\s*)?(?:\[pre-commit\.ci\]|(?:auto[- ]?)?bump\b"
    r"|lock file maintenance|(?:update|upgrade) (?:dependenc(?:y|ies)\b|\S+ (?:from|to) v?\d"
    r"|\S+ (?:requirement|action)\b))|\w+\((?:[\w-]*-)?deps(?:[-\w]*)?\)",
    re.IGNORECASE,
)


def refusal(commit: Commit) -> str:
    """Return why a commit makes no topic as far as its words tell, else an empty text."""
    if len(commit.parents) > 1:
        return "merges"
    if not commit.parents:
        return "first commits"
    subject, _, body = commit.message.strip().partition("\n")
    if _REVERT.match(subject) or _REVERT.search(body, 0, 400):
        return "reverts"
    if _BOT.search(f"{commit.author} {commit.email}") or _DEPENDENCY.match(subject.strip()):
        return "by robots or of dependencies"
    return "that say too little" if says_little(cleaned(commit.message)) else ""


def says_little(text: str) -> bool:
    """Whether a text has too few words for a question."""
    words = {word.lower() for word in _WORD.findall(text)} - STOP_WORDS
    return len(words) < _FEWEST_WORDS


def cleaned(message: str) -> str:
    """Return a message without trailers and numbers of issues; paths and names stay in it."""
    subject, _, body = message.strip().replace("\r\n", "\n").partition("\n")
    body = _NAMED_TRAILER.sub("", _RULE.sub("", f"{body.strip()}\n"))
    paragraphs = [one for one in re.split(r"\n\s*\n", body.strip()) if one.strip()]
    while paragraphs and all(map(_TRAILER.match, paragraphs[-1].strip().split("\n"))):
        paragraphs.pop()
    text = "\n\n".join((subject.strip(), *paragraphs))
    text = _NUMBERS.sub("", _ISSUES.sub("", text))
    return _cut(re.sub(r"[ \t]+", " ", text).strip())


def _cut(text: str) -> str:
    if len(text) <= MOST_CHARACTERS:
        return text
    return text[:MOST_CHARACTERS].rsplit(None, 1)[0]
