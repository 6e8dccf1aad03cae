# Each target works from a bare checkout: it makes .venv first if it is not there.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# e.g. TORCH_FROM="--index-url https://download.pytorch.org/whl/cpu", which saves several GB of CUDA libraries on Linux
TORCH_FROM ?=
LOWEST := .venv-lowest
LOWEST_TESTS := tests/test_cli.py tests/test_config.py tests/test_config_files.py tests/test_settings_toml.py \
	tests/test_following.py tests/test_nouns.py tests/test_start.py tests/test_signals.py tests/test_evaluation.py tests/osim_model \
	tests/formats tests/emg tests/trials tests/nms/test_curves.py tests/nms/test_activation.py tests/nms/test_contraction.py \
	tests/nms/test_model.py tests/calibration/test_emg_driven.py tests/calibration/test_synergies.py tests/report tests/viz \
	tests/worker tests/workflow/test_check.py tests/workflow/test_ownership.py tests/workflow/test_publication.py tests/workflow/test_runner.py

.PHONY: install demo docs test test-all test-lowest lint clean

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt $(TORCH_FROM) torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	touch $@

demo: install
	$(BIN)/osim-nmscal demo

# The API reference, from the docstrings: build/docs/index.html
docs: $(VENV)/.docs
	$(BIN)/python docs/reference.py build/docs

$(VENV)/.docs: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[docs]"
	touch $@

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint
	$(BIN)/python -m pytest -n 2 --dist loadfile

# Also the harnesses that take minutes: killed runs, damaged files.
test-all: lint
	$(BIN)/python -m pytest -n 2 --dist loadfile -m ""

# The lowest versions that pyproject.toml admits; Python 3.11 or 3.12, for which all of them have wheels.
test-lowest: $(LOWEST)/.installed
	$(LOWEST)/bin/osim-nmscal --help > /dev/null
	$(LOWEST)/bin/osim-nmscal settings > /dev/null
	$(LOWEST)/bin/python -m pytest -q -p no:cacheprovider $(LOWEST_TESTS)

$(LOWEST)/.installed: pyproject.toml tests/lowest-constraints.txt
	$(PYTHON) -m venv --clear $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check --constraint tests/lowest-constraints.txt $(TORCH_FROM) torch
	$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check --constraint tests/lowest-constraints.txt --editable ".[plots]" pytest pytest-xdist
	touch $@

clean:
	rm -rf $(VENV) $(LOWEST) build results .pytest_cache .mypy_cache .ruff_cache
