"""What a user asks a filter for, as text: parsed here, trusted inside."""

from datetime import UTC, date, datetime, time

from hikma.domain import NodeKind
from hikma.errors import FilterError


def kind(text: str) -> NodeKind:
    """Return the kind of a name, `pull-request` or `pull_request`."""
    try:
        return NodeKind(text.strip().lower().replace("-", "_"))
    except ValueError:
        choices = ", ".join(NodeKind)
        raise FilterError(f"--kind {text!r} is unknown; choose one of: {choices}.") from None


def since(text: str | None) -> datetime | None:
    """Return the first instant of an ISO 8601 date or date-time; UTC where it has no zone."""
    return None if text is None else _instant("since", text, time.min)


def until(text: str | None) -> datetime | None:
    """Return the last instant: that of the whole day where there is no time."""
    return None if text is None else _instant("until", text, time.max)


def _instant(name: str, text: str, of_day: time) -> datetime:
    written = text.strip().upper()  # `t` and `z` are as good as `T` and `Z`
    try:
        return datetime.combine(date.fromisoformat(written), of_day, UTC)
    except ValueError:
        pass  # then it has a time
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        raise FilterError(
            f"--{name} {text!r} is no ISO 8601 date or date-time; write it as 2024-03-31 or "
            "2024-03-31T12:00:00+02:00."
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
