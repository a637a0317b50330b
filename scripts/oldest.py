"""Print a constraints file that pins each dependency to its lower bound; see `make oldest`."""

import re
import tomllib
from itertools import chain
from pathlib import Path


def main() -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    for dependency in chain(project["dependencies"], *extras):
        found = re.match(r"([\w-]+)>=([\d.]+)", dependency)
        if found is None:
            raise SystemExit(f"{dependency} has no lower bound")
        print(f"{found[1]}=={found[2]}")


if __name__ == "__main__":
    main()
