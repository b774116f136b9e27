# Every target sets up the environment it needs; CI runs `make test`, which runs `make check` first.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
BUILT  := api/static/built/manifest.json
WEB    := web/package.json web/package-lock.json web/build.mjs web/make.py web/requirements.lock $(wildcard web/src/*)
PORT   ?= 8000


.PHONY: help install web serve build test score check format bench hostile soak lock clean

help:                ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or later is needed; this is " + sys.version.split()[0] + ". Say e.g.: make PYTHON=python3.12 serve" if sys.version_info < (3, 11) else 0)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing the locked dependencies into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

# A front end that cannot be built is told, and everything else goes on.
$(BUILT): $(WEB) | $(STAMP)
	@$(BIN)/python web/make.py --optional

install: $(STAMP) $(BUILT)    ## set up .venv with the locked dependencies, and the front end

web: $(STAMP)        ## build the front end (npm, or Node.js from PyPI), and fail where that cannot be done
	@$(BIN)/python web/make.py

serve: install       ## build the graph if needed, validate it, serve it on http://127.0.0.1:8000
	@$(BIN)/kg build --if-changed
	@$(BIN)/kg serve --port $(PORT)

build: install       ## records -> graph -> validation report -> store, in build/
	@$(BIN)/kg build

test: check          ## all tests (and the checks before them)
	@$(BIN)/python -m pytest

score: install       ## how near drafts come to accepted records and annotations; documents: KG_DOCUMENTS or make score DOCUMENTS=folder
	@$(BIN)/python -m tests.scores $(DOCUMENTS)

check: install       ## formatting, types, floors, records, ontology, shapes, queries
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/kg check

format: install      ## format the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: install       ## measured ratios, side by side in one run
	@$(BIN)/python -m tests.bench

hostile: install     ## hundreds of hostile inputs against a server of its own
	@$(BIN)/python -m tests.hostile

soak: install        ## ten minutes of mixed load, with swaps of the data and killed processes
	@$(BIN)/python -m tests.soak

lock:                ## renew requirements.lock (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --extra dev --no-emit-index-url -o requirements.lock pyproject.toml requirements-build.in
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url -o web/requirements.lock web/requirements.in

clean:               ## remove what was built
	rm -rf build $(VENV) web/node_modules api/static/built api/static/built.new
