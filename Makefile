# make demo — the product with example data          make check     — linters, types, import rules
# make test — every test but the long ones          make test-long — soak, chaos, tampering, load
# make audit — known holes in dependencies          make sbom      — list of parts (CycloneDX)
# make setup, messages, lock, reset (forget the data), clean (forget what was installed)

PORT ?= 8000
JOBS ?= 2
# The first Python that is new enough; say `make PYTHON=/path/to/python …` for another.
PYTHON ?= $(shell for p in python3 python3.12 python3.11 python3.13 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
UV := $(shell command -v uv 2>/dev/null)
BIN := .venv/bin
RUN := $(BIN)/python
TESTS ?=

ifdef UV
INSTALL = uv pip install --python $(RUN)
INSTALL_NEURAL = uv pip install --python .local/neural/bin/python
else
INSTALL_NEURAL = $(RUN) -m pip --python .local/neural/bin/python install --no-input --no-compile
INSTALL = $(RUN) -m pip install --disable-pip-version-check --no-input --no-compile
endif

CATALOGUES := $(patsubst %.po,%.mo,$(wildcard locale/*/LC_MESSAGES/*.po))

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-long test-neural check audit sbom format messages lock reset clean

help:
	@sed -n '1,4s/^# //p' Makefile

setup: .venv/.installed-dev messages
	@echo "Installed. 'make demo' shows the product, 'make test' tests it."

demo: .venv/.installed messages
	@AYNI_STOP_WITH_PARENT=1 exec $(RUN) manage.py demo --port $(PORT)

test: .venv/.installed-dev messages
	$(RUN) -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder -m "not long" $(TESTS)

# Exit status 5 says that no test is marked long.
test-long: .venv/.installed-dev messages
	$(RUN) -m pytest -m long --durations=10 $(TESTS) || [ $$? -eq 5 ]

# An environment of its own on top of ours, so that the extra's libraries never come into the product's.
test-neural: .venv/.installed-dev messages
	$(RUN) -m venv --without-pip .local/neural
	$(RUN) -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > "$$(.local/neural/bin/python -c \
		'import sysconfig; print(sysconfig.get_path("purelib"))')/ayni.pth"
	$(INSTALL_NEURAL) -r requirements-neural.txt
	for backend in torch tensorflow; do \
		KERAS_BACKEND=$$backend .local/neural/bin/python -m pytest -q scoring/tests/test_neural.py || exit 1; done

check: .venv/.installed-dev messages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(RUN) manage.py makemigrations --check --dry-run
	$(BIN)/mypy
	$(BIN)/djlint templates --lint --quiet

# Known holes in what is installed; needs the advisory service.
audit: .venv/.installed-dev
	$(BIN)/pip-audit --strict --requirement requirements.txt --no-deps --disable-pip

# Every part of the product with its version and licence, as CycloneDX.
sbom: .venv/.installed
	$(RUN) manage.py sbom --output .local/sbom.json

format: .venv/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

messages: $(CATALOGUES)

%.mo: %.po | .venv/.installed
	$(BIN)/pybabel -q compile --input-file $< --output-file $@ --locale $(word 2,$(subst /, ,$@))

# Two sets, one stamp each; the development set contains the other.
.venv/.installed: requirements.txt | .venv/.made
	@echo "Installing what the product runs on (about 1.1 GB) …"
	$(INSTALL) -r requirements.txt
	@touch $@

.venv/.installed-dev: requirements-dev.txt requirements.txt | .venv/.made
	@echo "Installing what the product runs on and what tests it (about 1.5 GB) …"
	$(INSTALL) -r requirements-dev.txt
	@touch .venv/.installed $@

.venv/.made:
	@$(or $(PYTHON),false) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Ayni needs Python 3.11 or newer; here is $$($(or $(PYTHON),python3) --version 2>&1)."; \
		echo "Install one, or name it: make PYTHON=/path/to/python3.11 setup"; exit 1; }
	@echo "Making .venv with $$($(PYTHON) --version) …"
ifdef UV
	@uv venv --quiet --clear --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" .venv
else
	@$(PYTHON) -m venv --clear .venv || { rm -rf .venv; \
		echo "This Python has no venv module: install it (Debian: apt install python3-venv), or uv."; exit 1; }
endif
	@touch $@

# Resolved together, for every machine and for Python 3.11 and later.
lock: | .venv/.made
	@command -v uv >/dev/null || $(RUN) -m pip install --quiet uv
	PATH="$(PATH):$(CURDIR)/$(BIN)" uv pip compile --quiet --upgrade --universal --fork-strategy fewest --python-version 3.11 \
		--no-header --no-emit-index-url requirements-dev.in -o requirements-dev.txt
	PATH="$(PATH):$(CURDIR)/$(BIN)" uv pip compile --quiet --universal --fork-strategy fewest --python-version 3.11 \
		--no-header --no-emit-index-url -c requirements-dev.txt requirements.in -o requirements.txt

reset:
	@$(PYTHON) -m portal.local.reset

clean:
	rm -rf .venv .ruff_cache .mypy_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} + ; rm -f $(CATALOGUES)
