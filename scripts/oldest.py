"""Print a constraints file that pins each dependency to its lower bound; see `make oldest`."""

import re
import tomllib
from pathlib import Path


def main() -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
    for dependency in project["project"]["dependencies"]:
        found = re.match(r"([\w-]+)>=([\d.]+)", dependency)
        if found is None:
            raise SystemExit(f"{dependency} has no lower bound")
        print(f"{found[1]}=={found[2]}")


if __name__ == "__main__":
    main()
