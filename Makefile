# `make help` tells what there is. Needs make, and either uv or a Python 3.10+ that has venv.

VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
PY := $(BIN)/python
PYTHONS := $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11 python3.10 python)
INSTALL := $(if $(shell command -v uv 2>/dev/null),uv pip install --python $(PY),$(PY) -m pip install) --quiet

# The pure part: every branch of it is run by its own tests, and only these are traced, since tracing is slow.
CORE := reconciler/errors.py,reconciler/ports.py,reconciler/policy/**,reconciler/ledger/records.py,reconciler/plan/**
NOT_PURE := reconciler/policy/files.py,reconciler/policy/recorded.py
CORE_TESTS := tests/plan tests/policy tests/ledger tests/test_ports.py tests/test_range_index.py
PYTEST := $(BIN)/pytest -n auto --dist worksteal -rs

# octoDNS and ansible-core, for `bench` to measure beside, in an environment of their own.
OTHERS := $(VENV)/bench-others
OTHERS_PY := $(OTHERS)/$(notdir $(BIN))/python
MAKE_OTHERS := $(if $(shell command -v uv 2>/dev/null),uv venv --quiet --clear --python $(PY),$(PY) -m venv --clear) $(OTHERS)

FUZZ_SECONDS := 60

.DEFAULT_GOAL := help
.PHONY: help demo test test-all test-wine torture fuzz lint bench mutate audit format clean

help:
	@echo "make demo       set up, then plan, apply, drift and repair on a simulated Windows host"
	@echo "make test       every test that this machine can run; says which it skipped and why"
	@echo "make test-all   the same in every variant of the simulated Windows, with more random examples"
	@echo "make test-wine  what meets the system, in a real Windows CPython under Wine; needs wine and mingw-w64, fills .wine/"
	@echo "make lint       format, ruff, mypy for Linux and Windows, import rules, desired/ and what is made from code"
	@echo "make torture    kills, faults, crowds and hostile input for an hour, a line each; MINUTES=5 for less"
	@echo "make fuzz       every reader attacked by atheris, FUZZ_SECONDS=60 for each"
	@echo "make mutate FILE=reconciler/plan/refusals.py [TESTS=tests/plan/test_limits.py]"
	@echo "                change that file in every small way, and tell which change none of these tests notices"
	@echo "make audit      what the program is made of, in dist/sbom.cdx.json, and what is known against it; asks a service"
	@echo "make bench      what takes time, in one table with its limits; beside octoDNS and ansible-core"
	@echo "make format     format the code"
	@echo "make clean      remove $(VENV), .wine/ and what the tools left"
	@echo "PYTHON=python3.12 make ... chooses the Python that $(VENV) is made from."

demo: $(VENV)/user-stamp
	@$(PY) tests/demo.py

test: $(VENV)/dev-stamp
	$(PYTEST) $(EXTENT) --cov --cov-report= $(CORE_TESTS)
	$(BIN)/coverage report --include='$(CORE)' --omit='$(NOT_PURE)' --fail-under=100
	$(PYTEST) $(EXTENT) $(CORE_TESTS:%=--ignore=%)

test-all: EXTENT := --thorough
test-all: test

test-wine: $(VENV)/dev-stamp
	$(PY) -m tests.windows.run

torture: $(VENV)/dev-stamp
	$(PY) -m tests.torture --minutes $(or $(MINUTES),60)

lint: $(VENV)/dev-stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy --platform win32 --no-warn-unreachable --cache-dir .mypy_cache/win32 reconciler tests/windows
	$(BIN)/lint-imports --no-logo
	$(BIN)/reconciler schema policy | diff desired/reconciler.schema.json -
	@for file in docs/schemas/*.json; do \
	    $(BIN)/reconciler schema $$(basename $$file .json) | diff $$file - || exit 1; \
	done
	$(BIN)/reconciler check --rules | diff docs/lint.md -
	$(BIN)/reconciler check --strict desired
	@if [ -x $(BIN)/taplo ] && [ -x $(BIN)/tombi ]; then \
	    set -x; $(BIN)/taplo lint desired/*.toml && $(BIN)/tombi lint --offline desired; \
	else \
	    echo "SKIPPED desired/ against its schema: taplo or tombi has no wheel for this machine"; test -z "$$CI"; \
	fi

bench: $(VENV)/user-stamp
	@test -e $(OTHERS)/stamp || { echo "Installing octoDNS and ansible-core into $(OTHERS) ..."; \
	    $(MAKE_OTHERS) && $(subst $(PY),$(OTHERS_PY),$(INSTALL)) octodns ansible-core && touch $(OTHERS)/stamp; } || \
	    echo "They cannot be installed here: what stands beside them is not measured"
	@$(PY) -m tests.bench $(OTHERS)

mutate: $(VENV)/mutate-stamp
	@$(PY) -m tests.mutate $(FILE) $(TESTS)

# What the program needs, as a user gets it today, is in .audit: only that is looked at, and all of it (--strict).
audit: $(VENV)/audit-stamp
	@rm -rf .audit && $(PY) -m venv --without-pip .audit && mkdir -p dist
	$(PY) -m pip --python .audit install --quiet .
	$(BIN)/cyclonedx-py environment --output-reproducible --pyproject pyproject.toml -o dist/sbom.cdx.json .audit
	@$(PY) -m pip --python .audit uninstall --quiet --yes port-reconciler
	$(BIN)/pip-audit --strict --path .audit/[Ll]ib/*/site-packages

fuzz: $(VENV)/dev-stamp
	@$(INSTALL) --only-binary atheris -e '.[fuzz]' || { \
	    echo "make: atheris has no wheel for this Python and machine; make torture needs none" >&2; exit 1; }
	$(PY) -m tests.torture.guided --seconds $(FUZZ_SECONDS)

format: $(VENV)/dev-stamp
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage dist .wine .audit .fuzz mutants
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# What a user gets; enough for `demo` and `bench`.
$(VENV)/user-stamp: pyproject.toml
	@$(make-venv)
	@echo "Installing reconciler into $(VENV) ..."
	@$(INSTALL) -e .
	@touch $@

# The same and the tools.
$(VENV)/dev-stamp: pyproject.toml
	@$(make-venv)
	@echo "Installing reconciler and the development tools into $(VENV) ..."
	@$(INSTALL) -e '.[dev]'
	@$(INSTALL) --only-binary taplo --only-binary tombi -e '.[toml]' || \
	    echo "taplo and tombi cannot be installed here; make lint goes on without them"
	@touch $(VENV)/user-stamp $@

# What few need, on top of that.
$(VENV)/audit-stamp $(VENV)/mutate-stamp: $(VENV)/%-stamp: $(VENV)/dev-stamp
	@echo "Installing the tools of make $* ..."
	@$(INSTALL) -e '.[$*]'
	@touch $@

# One shell line: a usable $(VENV), by uv or by the first Python that is new enough.
define make-venv
if [ -x $(PY) ] && { command -v uv >/dev/null || $(PY) -m pip --version; } >/dev/null 2>&1; then exit 0; fi; \
if command -v uv >/dev/null 2>&1; then exec uv venv --quiet --clear --python "$${PYTHON:->=3.10}" $(VENV); fi; \
for python in $(PYTHONS); do \
    if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then found=$$python; break; fi; \
done; \
if [ -z "$$found" ]; then \
    echo "make: no Python 3.10 or newer here (tried: $(PYTHONS)); install one, or name it:" \
        "make PYTHON=/path/to/python3" >&2; exit 1; \
fi; \
if ! "$$found" -m venv --clear $(VENV); then \
    rm -rf $(VENV); \
    echo "make: $$found cannot make a virtual environment; install its venv package" \
        "(Debian, Ubuntu: apt install python3-venv), or uv" >&2; exit 1; \
fi
endef
