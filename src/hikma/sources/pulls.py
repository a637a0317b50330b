"""Which pull request does a commit speak of? Told by the words that hosts write into messages."""

import re
from dataclasses import replace

from hikma.domain import PullMention

_NUMBER = r"([1-9][0-9]{0,8})"
_TITLE_CHARACTERS = 300
_GITHUB_MERGE = re.compile(rf"Merge pull request #{_NUMBER} (in \S+ )?from (\S+)")
_GITEA_MERGE = re.compile(rf"Merge pull request '(.*)' \(#{_NUMBER}\) from (\S+) into \S+")
_BITBUCKET_MERGE = re.compile(rf"Merged in (\S+) \(pull request #{_NUMBER}\)")
_AZURE_MERGE = re.compile(rf"Merged PR {_NUMBER}: (.+)")
_GITLAB_MERGE = re.compile(rf"^See merge request (?:\S*?)!{_NUMBER}\s*$", re.MULTILINE)
_SQUASH = re.compile(rf"(.*[^\s(])\s*\(#{_NUMBER}\)\s*\Z")


def mention(message: str, author: str) -> PullMention | None:
    """Return the pull request that a commit merges or is made of, None where it names none.

    A merge by GitHub, Gitea, Bitbucket, Azure or GitLab, or a subject that ends in `(#n)`. A number
    that stands elsewhere may be an issue's, and is not taken for one.
    """
    subject, _, body = message.strip().partition("\n")
    subject, body = subject.strip(), body.strip()
    found = _merged(subject, body)
    if found is None and (made := _SQUASH.match(subject)):
        found = PullMention(int(made[2]), made[1], body, author)
    return found and replace(found, title=found.title[:_TITLE_CHARACTERS])


def _merged(subject: str, body: str) -> PullMention | None:
    """Return the pull request that a host's merge names."""
    title, description = _parted(body)
    if found := _GITHUB_MERGE.match(subject):
        number, of_server, branch = int(found[1]), found[2], found[3]
        if of_server:  # Bitbucket's, which lists commits and tells no title
            return PullMention(number, branch, body, "", branch, is_merge=True)
        owner, _, branch = branch.partition("/")
        return PullMention(number, title or branch, description, owner, branch, is_merge=True)
    if found := _GITEA_MERGE.match(subject):
        return PullMention(int(found[2]), found[1], body, "", found[3], is_merge=True)
    if found := _BITBUCKET_MERGE.match(subject):
        branch = found[1]
        return PullMention(int(found[2]), title or branch, description, "", branch, is_merge=True)
    if found := _AZURE_MERGE.match(subject):
        return PullMention(int(found[1]), found[2].strip(), body, is_merge=True)
    if found := _GITLAB_MERGE.search(body):
        title, description = _parted(body[: found.start()].strip())
        return PullMention(int(found[1]), title or subject, description, is_merge=True)
    return None


def _parted(text: str) -> tuple[str, str]:
    """Return a first line and what follows it."""
    title, _, description = text.partition("\n")
    return title.strip(), description.strip()
