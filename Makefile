# The targets that people, pre-commit and CI use. Python 3.11+, git and make are all they need.
PYTHON ?= python3
REPO ?= .
DEMO := .demo/bin
DEV := .venv/bin
QUIET_PIP := -q --disable-pip-version-check

.PHONY: demo test check format docs stress oldest clean

demo: .demo/installed
	$(DEMO)/hikma index --repo $(REPO)
	$(DEMO)/hikma search --repo $(REPO) --limit 3 "where are vectors validated before they are stored"
	$(DEMO)/hikma search --repo $(REPO) --limit 3 "how are search results ranked"
	$(DEMO)/hikma search --repo $(REPO) --limit 3 --kind test "full disk"

test: check
	$(DEV)/python -m pytest -n 2

check: .venv/installed
	$(DEV)/ruff format --check --quiet .
	$(DEV)/ruff check --quiet .
	$(DEV)/mypy --no-error-summary
	told=$$($(DEV)/lint-imports --no-cache) || { echo "$$told"; exit 1; }

format: .venv/installed
	$(DEV)/ruff format .
	$(DEV)/ruff check --fix .

docs: .venv/installed
	$(DEV)/python scripts/cli_reference.py > docs/cli.md

# The fault tests, with many more kills than the gate has time for.
stress: .venv/installed
	HIKMA_TEST_KILLS=200 $(DEV)/python -m pytest -n 2 -m faults

.demo/installed: pyproject.toml $(shell find src -name '*.py' -o -name '*.npy' -o -name '*.onnx')
	test -x $(DEMO)/python || $(PYTHON) -m venv .demo
	$(DEMO)/python -m pip install $(QUIET_PIP) .
	touch $@

.venv/installed: pyproject.toml
	test -x $(DEV)/python || $(PYTHON) -m venv .venv
	$(DEV)/python -m pip install $(QUIET_PIP) --upgrade pip
	$(DEV)/python -m pip install $(QUIET_PIP) --editable '.[eval,lancedb]' --group dev
	touch $@

# The tests with the oldest dependencies that pyproject.toml allows.
oldest:
	test -x .oldest/bin/python || $(PYTHON) -m venv .oldest
	.oldest/bin/python -m pip install $(QUIET_PIP) --upgrade pip
	$(PYTHON) scripts/oldest.py > .oldest/constraints.txt
	.oldest/bin/python -m pip install $(QUIET_PIP) --editable '.[eval,lancedb]' --group dev --constraint .oldest/constraints.txt
	.oldest/bin/python -m pytest -n 2

clean:
	rm -rf .demo .venv .oldest .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
