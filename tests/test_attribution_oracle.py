"""Random histories in which every line is unique, so that who wrote it is known by construction.

A file is a list of lines, each of which stands there once; hunks are computed by the real diff.
"""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from hikma.attribution import FileChange, Held, Walk, hunks_of, newest_first
from hikma.domain import ChangeStatus
from hikma.sources.commits import between

PATH, FILE, ROOT = "a.py", 1_000, 1
NAMES = ("aa", "bb", "cc")


def content(lines):
    return "".join(f"{line}\n" for line in lines).encode()


def hunks_between(old, current):
    return hunks_of(packed(old, current))


def packed(old, current):
    found = between(content(old), content(current))
    assert found is not None
    return found


@dataclass
class Story:
    """A graph of commits, each with the lines of one file; a parent has a smaller number."""

    parents: dict = field(default_factory=dict)
    lines: dict = field(default_factory=dict)
    writer: dict = field(default_factory=dict)

    def add(self, parents, lines):
        """Add a commit; who first has a line has written it."""
        number = len(self.lines) + ROOT
        self.parents[number], self.lines[number] = tuple(parents), list(lines)
        for line in lines:
            self.writer.setdefault(line, number)
        return number

    def changes(self):
        """Return what the catalog would hold of each commit."""
        return {one: list(self._changes(one)) for one in self.parents}

    def _changes(self, commit):
        now, parents = self.lines[commit], self.parents[commit]
        if not parents:
            yield FileChange(commit, 0, ChangeStatus.ADDED, PATH, "", None)
            return
        before = [self.lines[parent] for parent in parents]
        if now == before[0]:
            return
        if now in before:
            yield FileChange(commit, before.index(now), ChangeStatus.SAME, PATH, "", None)
            return
        for number, old in enumerate(before):
            hunks = packed(old, now)
            yield FileChange(commit, number, ChangeStatus.MODIFIED, PATH, "", hunks)

    def credited(self, held, find_name):
        """Return the commits that the walk credits to each symbol."""
        walk = Walk(self.parents, self.changes(), frozenset(), find_name)
        head = max(self.parents)
        order = newest_first(self.parents, head)
        found = {one.symbol: set() for one in held}
        for touch in walk.touches(order, head, {PATH: {FILE: list(held)}}):
            for symbol in touch.symbols:
                found[symbol].add(touch.commit)
        return found


# Tidy histories: no hunk holds lines of two blocks, so exactly one answer is right.


class Tidy:
    """Blocks between lines that never change; each commit does something to some of them."""

    def __init__(self, random):
        self.random = random
        self.story = Story()
        self.blocks = {}
        self.count = 0

    def play(self, commits):
        first = {name: self.block(name) for name in NAMES if self.random.random() < 0.8}
        self.add((), first, ["0"] * 4)
        for _ in range(commits):
            known = sorted(self.blocks)
            parents = self.random.sample(
                known[-4:], min(len(known), self.random.choice((1, 1, 2, 2, 3)))
            )
            blocks, outside = self.merged(parents) if len(parents) > 1 else self.blocks[parents[0]]
            if len(parents) == 1 or self.random.random() < 0.3:
                blocks = {name: self.edited(name, blocks.get(name)) for name in NAMES}
                outside = [
                    self.fresh("gap") if self.random.random() < 0.2 else one for one in outside
                ]
            self.add(parents, {name: block for name, block in blocks.items() if block}, outside)
        return self

    def add(self, parents, blocks, outside):
        lines = []
        for place, name in enumerate((*NAMES, None)):
            lines += [f"before {place}", outside[place], f"after {place}"]
            lines += blocks.get(name, ())
        lines = [line for line in lines if line != "0"]
        self.blocks[self.story.add(parents, lines)] = blocks, outside

    def fresh(self, word):
        self.count += 1
        return f"{word} {self.count}"

    def block(self, name):
        inside = [self.fresh("line") for _ in range(self.random.randint(0, 5))]
        return (self.fresh(f"def {name}"), *inside, self.fresh("end"))

    def edited(self, name, block):
        """Do one thing to a block, or nothing; its first line keeps its name."""
        deed = self.random.choice(
            ("leave",) * 5 + ("add", "drop", "inside", "inside", "edges", "rewrite")
        )
        if deed == "drop":
            return None
        if block is None:
            return self.block(name) if deed == "add" else None
        if deed == "rewrite":
            return self.block(name)
        first, *inside, last = block
        if deed == "inside":
            start = self.random.randint(0, len(inside))
            gone = self.random.randint(0, 3)
            inside[start : start + gone] = [
                self.fresh("line") for _ in range(self.random.randint(0, 3))
            ]
        if deed == "edges":
            first = self.random.choice((first, self.fresh(f"def {name}")))
            last = self.random.choice((last, self.fresh("end")))
        return (first, *inside, last)

    def merged(self, parents):
        """Take each block from one parent, or its head from one and its tail from another."""
        sides = [self.blocks[parent] for parent in parents]
        if self.random.random() < 0.2:
            return self.random.choice(sides)
        blocks = {}
        for name in NAMES:
            one, other = (self.random.choice(sides)[0].get(name) for _ in range(2))
            shared = [line for line in one or () if line in (other or ())]
            if shared and self.random.random() < 0.7:
                cut = self.random.choice(shared)
                blocks[name] = (*one[: one.index(cut)], *other[other.index(cut) :])
            else:
                blocks[name] = one
        return blocks, self.random.choice(sides)[1]

    def held(self):
        """Return the lines of each block at the head."""
        lines = self.story.lines[max(self.blocks)]
        blocks = self.blocks[max(self.blocks)][0]
        return [
            Held(number, lines.index(blocks[name][0]) + 1, lines.index(blocks[name][-1]) + 1)
            for number, name in enumerate(NAMES)
            if name in blocks
        ]

    def find_name(self, change, wanted):
        """Look for a block's name among the lines of a parent, as the real one does."""
        lines = self.story.lines[self.story.parents[change.commit][change.parent]]
        run = range(wanted.start, wanted.end + 1)
        return next((at for at in run if NAMES[wanted.symbol] in lines[at - 1]), None)

    def shaped(self, commit, name):
        """Return who shaped a block, by comparing blocks and not lines.

        A merge shaped it if it has a line that no parent has; it is followed to the parent that has
        the file, or else the block, as it is, or to all where none has.
        """
        blocks, parents = self.blocks[commit][0], self.story.parents[commit]
        if name not in blocks:
            return set()
        before = [self.blocks[parent][0].get(name) for parent in parents]
        lines = self.story.lines
        same = [parent for parent in parents if lines[parent] == lines[commit]]
        same += [one for one, block in zip(parents, before, strict=True) if block == blocks[name]]
        if same:
            return self.shaped(same[0], name)
        found = set().union(*(self.shaped(parent, name) for parent in parents))
        known = {line for block in before for line in block or ()}
        alone = len(parents) > 1 and known.issuperset(blocks[name])
        return found if alone else {*found, commit}


@settings(max_examples=60)
@given(random=st.randoms(use_true_random=False), commits=st.integers(2, 14))
def test_in_tidy_histories_a_block_has_exactly_the_commits_that_shaped_it(random, commits):
    """Wrote a line of it, or took one out; through forks, merges, octopuses and rewrites."""
    tidy = Tidy(random).play(commits)
    held = tidy.held()
    head = max(tidy.blocks)
    expected = {one.symbol: tidy.shaped(head, NAMES[one.symbol]) for one in held}
    assert tidy.story.credited(held, tidy.find_name) == expected


# Wild histories: any lines replaced by any others, so that what a block was is not always clear.


@st.composite
def wild(draw):
    """Draw a history of splices and merges, in which a merge may write lines of its own."""
    story = Story()
    count = iter(range(10_000))

    def fresh(size):
        return [str(next(count)) for _ in range(size)]

    story.add((), fresh(draw(st.integers(1, 12))))
    for _ in range(draw(st.integers(1, 8))):
        latest = sorted(story.lines)[-3:]
        parents = draw(st.lists(st.sampled_from(latest), min_size=1, max_size=3, unique=True))
        lines = list(story.lines[parents[0]])
        for parent in parents[1:]:
            if shared := [line for line in lines if line in story.lines[parent]]:
                cut = draw(st.sampled_from(shared))
                other = story.lines[parent]
                lines = lines[: lines.index(cut)] + other[other.index(cut) :]
        for _ in range(draw(st.integers(0 if len(parents) > 1 else 1, 3))):
            start = draw(st.integers(0, len(lines)))
            lines[start : start + draw(st.integers(0, 5))] = fresh(draw(st.integers(0, 5)))
        story.add(parents, lines or fresh(1))
    size = len(story.lines[max(story.lines)])
    start = draw(st.integers(1, size))
    return story, Held(1, start, draw(st.integers(start, size)))


def kin(story, held):
    """Return the lines of a block, what was replaced together with any of them, what lies between.

    Nothing else can be told to have been the block's from hunks alone.
    """
    found = set(story.lines[max(story.lines)][held.start - 1 : held.end])
    size = 0
    while size < len(found):
        size = len(found)
        for commit, lines in story.lines.items():
            places = [at for at, line in enumerate(lines) if line in found]
            found.update(lines[min(places) : max(places) + 1] if places else ())
            for parent in story.parents[commit]:
                for hunk, old, current in replaced(story, parent, commit):
                    assert hunk.now_lines == len(current)
                    if not found.isdisjoint(current):
                        found.update(old)
    return found


def replaced(story, parent, commit):
    """Yield each hunk with the lines that went and those that came."""
    old, current = story.lines[parent], story.lines[commit]
    for hunk in hunks_between(old, current):
        went = old[hunk.old_start - 1 : hunk.old_end] if hunk.old_lines else []
        yield hunk, went, current[hunk.now_start - 1 : hunk.now_end] if hunk.now_lines else []


@settings(max_examples=60)
@given(drawn=wild(), named=st.integers(-1, 6))
def test_whatever_happens_the_writers_of_its_lines_are_found(drawn, named):
    """Wherever the name stood, or nowhere: each line of today has its writer among the commits.

    And each of these wrote or removed a line of the block, or of what a hunk replaced with it.
    """
    story, held = drawn

    def find_name(_change, wanted):
        return wanted.start + named if 0 <= named <= wanted.end - wanted.start else None

    credited = story.credited([held], find_name)[held.symbol]
    lines = story.lines[max(story.lines)][held.start - 1 : held.end]
    assert {story.writer[line] for line in lines} <= credited
    block = kin(story, held)
    for commit in credited - {ROOT}:
        touched = {
            line
            for parent in story.parents[commit]
            for _, went, came in replaced(story, parent, commit)
            for line in (*went, *came)
        }
        assert not block.isdisjoint(touched), commit
