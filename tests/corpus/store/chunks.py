"""Cutting a text into chunks of whole lines."""

DEFAULT_LINES = 40


def split_lines(text, size=DEFAULT_LINES):
    """Yield runs of `size` lines; the last one may be shorter."""
    lines = text.splitlines(keepends=True)
    for start in range(0, len(lines), size):
        yield "".join(lines[start : start + size])


def count_tokens(text):
    """Estimate the tokens of a text: four characters each."""

    def rounded_up(length):
        return -(-length // 4)

    return rounded_up(len(text))


async def read_chunks(path, size=DEFAULT_LINES):
    """Read a file and return its chunks."""
    with open(path, encoding="utf-8") as file:
        return list(split_lines(file.read(), size))
