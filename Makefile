# `make demo` and `make test` set up everything they need in .venv on their own.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The plugins have an environment of their own on top of it: with what they need, transformers among
# it, every command would take seconds longer to start.
PLUGIN_VENV := $(VENV)/with-plugins
PLUGINS := $(wildcard plugins/*/setup.py)
# Modules are compiled once, also where containers have Python write no bytecode.
unexport PYTHONDONTWRITEBYTECODE
# One process more than cores: tests wait as well, for browsers, killed runs and disks.
PROCESSES := $(shell $(PYTHON) -c "import os; print(1 + os.cpu_count())")
# One that dies is named at the end; another in its place would have pytest-xdist 3.8 wait forever.
PARALLEL := -n $(PROCESSES) --dist loadfile --no-loadscope-reorder --max-worker-restart=0

.PHONY: demo test test-fast coverage docs lint clean

$(VENV)/installed: setup.py pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet -e '.[dev]'
	touch $@

$(PLUGIN_VENV)/installed: $(VENV)/installed $(PLUGINS)
	$(BIN)/python -m venv --without-pip $(PLUGIN_VENV)
	$(BIN)/python -c "import sysconfig as s, pathlib as p; outer = s.get_path('purelib'); \
	inner = s.get_path('purelib', vars=dict.fromkeys(('base', 'platbase'), '$(PLUGIN_VENV)')); \
	p.Path(inner, 'outer.pth').write_text(f'import site; site.addsitedir({outer!r})\n')"
	$(PLUGIN_VENV)/bin/python -m pip install --quiet $(foreach p,$(PLUGINS),-e $(dir $(p)))
	touch $@

demo: $(VENV)/installed
	$(BIN)/salkit demo

# One process a core; more threads than that would take turns.
test test-fast coverage: export OMP_NUM_THREADS ?= 1
test: $(PLUGIN_VENV)/installed
	$(BIN)/python -m pytest $(PARALLEL)
	$(PLUGIN_VENV)/bin/python -m pytest $(PARALLEL) plugins tests/test_thirty_steps.py

# Tests take half as long again while their lines are counted.
coverage: $(PLUGIN_VENV)/installed
	$(BIN)/python -m pytest $(PARALLEL) --cov --cov-report=
	$(PLUGIN_VENV)/bin/python -m pytest $(PARALLEL) --cov --cov-append --cov-report= plugins tests/test_thirty_steps.py
	@echo "coverage of salkit/: $$($(BIN)/coverage report --format=total) % of the lines"

# What a change is tried with before it is committed: no full-size model, no training, no browser.
test-fast: $(VENV)/installed
	$(BIN)/python -m pytest $(PARALLEL) -m 'not slow'

# Warnings are errors: a name, link or anchor that is not there among them. Nothing is downloaded.
docs: $(VENV)/installed
	$(BIN)/sphinx-build --quiet --nitpicky --fail-on-warning --keep-going docs build/docs
	@echo "the site: build/docs/index.html"

lint: $(VENV)/installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

clean:
	rm -rf $(VENV) build dist *.egg-info work_dirs
