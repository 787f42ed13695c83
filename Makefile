# Everything a person does with a checkout. `make` alone lists it; nothing has to be installed or activated first.

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed

# What `make lock` sees of the registry ends here: the same pyproject.toml gives the same lock on any day.
LOCK_DATE := 2026-11-01T00:00:00Z
LOCK := .ci/requirements.lock

DEMO_MODELS := chgnet-0.3.0 sevennet-0 sevennet-l3i5
DEMO_HEADS := chgnet-0.3.0 pet-tiny pet-tiny@direct

# An environment that happens to be active must not leak into ours.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV CONDA_PREFIX

.DEFAULT_GOAL := help
.PHONY: help demo test lint site benchmark bench gpu-report train lock install clean

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 24

demo: install ## evaluate real pretrained models against DFT and show the board (10 minutes)
	@echo "1/4 Equations of state by three models: about 4 minutes, with building two environments (once)"
	$(BIN)/mlip-zoo evaluate $(DEMO_MODELS) --task eos --subset fast
	@echo "2/4 Relaxations by CHGNet and both force heads of PET-tiny: about 4 minutes, with building one more environment (once)"
	$(BIN)/mlip-zoo evaluate $(DEMO_HEADS) --task relaxation --subset canary
	@echo "3/4 The site of all results, published ones and yours: about a minute"
	$(BIN)/mlip-zoo site build
	@echo "4/4 The boards of the two tasks: seconds"
	$(BIN)/mlip-zoo board --task relaxation
	$(BIN)/mlip-zoo board --task eos

# Models run on one thread each, so that as many tests as cores go side by side; a worker takes up to 2 GB.
test: install ## run the tests; a part of them with ARGS="tests/zoo -k card"
	$(BIN)/python -m pytest --numprocesses=auto --maxprocesses=4 $(ARGS)

lint: install ## ruff, mypy, import-linter
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

site: install ## build the site from the results at hand
	$(BIN)/mlip-zoo site build

benchmark: install ## measure start-up, and isolation in each sandbox as a ratio to the same call in process (15 minutes)
	$(BIN)/python tests/benchmarks/startup.py
	$(BIN)/python tests/benchmarks/isolation.py chgnet-0.3.0 sevennet-0

bench: install ## all benchmarks of a CPU as one JSON file, build/bench.json (an hour); PARTS="startup store" runs some
	$(BIN)/python -m tests.benchmarks.bench build/bench.json $(PARTS)

gpu-report: install ## on a machine with a GPU: parity, the sandbox, relaxation, phonon forces, batches, memory and speed (12 minutes)
	$(BIN)/python -m pytest -m gpu
	$(BIN)/python tests/benchmarks/gpu_report.py build/gpu-report.json

train: install ## train a checkpoint of ours from its recipe, NAME=pet-tiny (an hour on one core), or all of them in order
	$(BIN)/mlip-zoo train $(if $(NAME),$(NAME),--all)

lock: | $(BIN)/uv ## write .ci/requirements.lock anew from pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.12 --exclude-newer $(LOCK_DATE) --upgrade \
	  --generate-hashes --no-annotate --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' \
	  --extra cluster --extra evaluation --extra leaderboard --extra test --group build pyproject.toml --output-file $(LOCK)

install: $(INSTALLED) ## make .venv from the exact pins (the other targets do it by themselves)

clean: ## remove .venv and what the tools cached
	rm -rf $(VENV) build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache

# `sync` also removes what a former lock brought. No build isolation: the backend is pinned in the lock like all the rest.
$(INSTALLED): $(LOCK) pyproject.toml | $(BIN)/uv
	$(BIN)/uv pip sync --quiet --python "$(CURDIR)/$(BIN)/python" --require-hashes $(LOCK)
	$(BIN)/uv pip install --quiet --python "$(CURDIR)/$(BIN)/python" --no-deps --no-build-isolation --editable .
	@# Once with bytecode, even where writing it is switched off: starting the command takes half as long with it.
	@PYTHONDONTWRITEBYTECODE= $(BIN)/mlip-zoo list --json >/dev/null && PYTHONDONTWRITEBYTECODE= $(BIN)/mlip-zoo --help >/dev/null
	@touch $@

# pip brings uv, at the version and with the hashes that the lock has for it; uv brings everything else.
$(BIN)/uv:
	@echo "Making $(VENV) (a minute or two, once)."
	@python=$$(.ci/find-python) && "$$python" -m venv --clear $(VENV)
	@sed -n '/^uv==/,/[^\\]$$/p' $(LOCK) > $(VENV)/uv.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $(VENV)/uv.txt
