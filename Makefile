# `make help` lists the targets. Python (with venv), make and git are enough.

PYTHON ?= python3
PORT ?= 8000
CPU ?= $(wildcard .venv/requirements-cpu.txt)

VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --no-input \
	--disable-pip-version-check
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile
COMPILE := UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile --quiet \
	--universal --generate-hashes --python-version 3.11
TORCH_CPU := https://download.pytorch.org/whl/cpu

# Stamps of what is installed: a changed lock is newer than its stamp.
SITE := $(VENV)/site.stamp
FULL := $(VENV)/full.stamp
PEERS := $(VENV)/peers.stamp

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help setup html serve lab data stand-ins notebooks lint test \
	test-stand-ins twice test-cuda bench matrix lock clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' \
		$(MAKEFILE_LIST)

setup: $(PEERS)  ## install everything into .venv (CPU=1: PyTorch without CUDA)

html: $(SITE)  ## build the site, both languages, into _build/site
	$(BIN)/python -m tools.site
	@echo "make serve shows it"

serve:  ## show the site on http://localhost:8000 (PORT=8000)
	@test -f _build/site/index.html || $(MAKE) html
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory _build/site $(PORT)

lab: $(FULL)  ## open the notebooks in JupyterLab
	$(BIN)/jupyter lab notebooks

data: $(FULL)  ## fetch all data that can be fetched
	-$(BIN)/python -m d2lutils.data fetch

stand-ins: $(FULL)  ## make the shipped stand-in files again
	$(BIN)/python -m tools.stand_ins

notebooks: $(FULL)  ## execute what changed in book/ (FORCE=1: everything)
	$(BIN)/python -m tools.notebooks $(if $(FORCE),--force)

lint: $(FULL)  ## check the style of the code and the structure of the book
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m tools.check

test: setup lint html  ## run every check, every test and every notebook
	$(PYTEST) -p tools.strict --nbval --nbval-cell-timeout 300 tests notebooks/en

test-stand-ins: export D2L_STAND_IN := 1
test-stand-ins: setup  ## the notebooks that use data, on the stand-ins (SHORT=1: few)
	@pages=$$($(BIN)/python -m tools.stand_in_pages $(if $(SHORT),--short)) && \
		$(PYTEST) -p tools.strict --nbval --nbval-cell-timeout 300 $$pages

twice: setup  ## execute every cell of every notebook twice in a row
	$(BIN)/python -m tools.notebooks --twice

test-cuda: export D2L_DEVICE := cuda
test-cuda: setup  ## run the tests and the notebooks on a CUDA device
	@$(BIN)/python -c 'import sys, torch; sys.exit(not torch.cuda.is_available() \
		and "make test-cuda: PyTorch sees no CUDA device on this machine")'
	$(PYTEST) tests
	$(PYTEST) --nbval-lax --nbval-cell-timeout 300 notebooks/en

bench: setup  ## measure training beside other course code
	$(BIN)/python -m benchmarks.training
	$(BIN)/python -m benchmarks.language
	$(BIN)/python -m benchmarks.optimization
	$(BIN)/python -m benchmarks.detection
	$(BIN)/python -m benchmarks.words
	$(BIN)/python -m benchmarks.translation
	$(BIN)/python -m benchmarks.transformer

matrix: setup  ## run the notebooks in many settings (PYTHONS="other/bin/python")
	$(BIN)/python -m benchmarks.matrix $(BIN)/python $(PYTHONS)

lock: $(BIN)/pip  ## renew the locks from requirements*.in (UPGRADE=1: newest)
	$(INSTALL) uv
	$(COMPILE) $(if $(UPGRADE),--upgrade) requirements.in -o requirements.txt
	$(COMPILE) --no-annotate --upgrade -c requirements.txt \
		requirements-site.in -o requirements-site.txt

clean:  ## remove what was built, keep .venv and data
	rm -rf _build .pytest_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
		"Python 3.11 or newer is needed, for example: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)

$(SITE): requirements-site.txt | $(BIN)/pip
	@echo "Installing what the site needs into $(VENV) (300 MB, half a minute)"
	@$(INSTALL) --require-hashes -r requirements-site.txt
	@touch $@

# CPU=1 leaves out the CUDA libraries, nine tenths of the whole, and takes the
# locked version of PyTorch from PyTorch's own index instead. It is remembered.
$(FULL): requirements.txt | $(BIN)/pip
ifneq ($(CPU),)
	@echo "Installing everything into $(VENV) (PyTorch without CUDA)"
	@awk '/^[a-z]/ { keep = !/^(torch|torchvision|triton|nvidia-.*|cuda-.*)==/ } \
		keep' requirements.txt > $(VENV)/requirements-cpu.txt
	@$(INSTALL) --require-hashes -r $(VENV)/requirements-cpu.txt
	@$(INSTALL) --no-deps --index-url $(TORCH_CPU) \
		$$(grep -oE '^torch(vision)?==[0-9.]+' requirements.txt)
else
	@echo "Installing everything into $(VENV) (with CUDA 6 GB, some minutes)"
	@$(INSTALL) --require-hashes -r requirements.txt
endif
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $(SITE) $@

$(PEERS): requirements-peers.txt $(FULL)
	@$(INSTALL) --no-deps --require-hashes -r requirements-peers.txt
	@touch $@
