# One vocabulary for people and CI. `make` alone lists it.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
# uv does not read pip's configuration, and a CPU wheel of torch is often kept there.
export UV_FIND_LINKS ?= $(shell echo $${PIP_FIND_LINKS:-$$($(PYTHON) -m pip config get global.find-links 2>/dev/null || true)})
ifeq ($(UV_FIND_LINKS),)
export UV_TORCH_BACKEND ?= auto
endif
export UV_LINK_MODE ?= hardlink
# Compiled modules are what makes the second start of a command fast.
export PYTHONDONTWRITEBYTECODE :=
IMAGES := $(notdir $(wildcard containers/tally-*))
OVERRIDES := $(wildcard containers/*/overrides.txt)
CLASSIFIER := template/project/containers/classifier/requirements.txt
# JUNIT=folder: the tests also write their results there, one file for each run of pytest.
junit = $(if $(JUNIT),--junitxml $(JUNIT)/$(1).xml)
LOCK := uv pip compile --quiet --no-header --no-annotate --no-emit-index-url --no-emit-find-links --python-version 3.11

help: ## list what make can do
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16

setup: .venv/.ready ## make the locked environment (.venv)

.venv/.ready: requirements.txt emulator/pyproject.toml
	@test -x $(BIN)/uv || { $(PYTHON) -m venv .venv && $(BIN)/python -m pip install --quiet $$(grep '^uv==' requirements.txt); }
	$(BIN)/uv pip sync --quiet --python $(BIN)/python requirements.txt
	@touch $@

.venv-steps/.ready: .venv/.ready $(wildcard containers/*/requirements.txt) $(OVERRIDES)
	$(BIN)/uv venv --quiet --clear --python "$$($(BIN)/sagemaker-emulator image-python tally-training)" .venv-steps
	$(BIN)/uv pip install --quiet --python .venv-steps/bin/python $(foreach i,$(IMAGES),-r containers/$(i)/requirements.txt) $(foreach o,$(OVERRIDES),--override $(o)) jsonschema pytest pytest-timeout pytest-xdist
	@touch $@

.venv-scan/.ready: .venv/.ready scanners/requirements.txt
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-scan
	$(BIN)/uv pip sync --quiet --python .venv-scan/bin/python scanners/requirements.txt
	@touch $@

lock: ## renew every lock file from pyproject.toml, scanners/, containers/ and the emulator's images
	$(BIN)/$(LOCK) --universal pyproject.toml --group dev --output-file requirements.txt
	sed -i.bak 's#^-e file:.*#-e ./emulator#' requirements.txt && rm requirements.txt.bak
	$(BIN)/$(LOCK) --universal scanners/requirements.in --output-file scanners/requirements.txt
	$(BIN)/python containers/lock.py $(BIN)/uv $(addprefix containers/,$(IMAGES))
	emulator/lock_images.sh $(abspath $(BIN))/uv
	sed -i.bak '/^torch==/d' $(CLASSIFIER) && $(BIN)/$(LOCK) $(CLASSIFIER:.txt=.in) --constraint containers/tally-training/requirements.txt --output-file $(CLASSIFIER) && sed -i.bak 's/+cpu//' $(CLASSIFIER) && rm $(CLASSIFIER).bak

demo: setup ## the main job on drawn bins, or on SOURCE=folder-or-s3-prefix
	demo/run.sh $(SOURCE)

notebook: setup ## render notebooks/sagemaker.ipynb into docs/, on drawn bins (ten minutes)
	rm -rf .tally/walk
	$(BIN)/python pipeline.py emulator reset --yes
	$(BIN)/python notebooks/render.py notebooks/sagemaker.ipynb docs/sagemaker-notebook.md
	$(BIN)/python pipeline.py emulator down

new-project: setup ## a pipeline for another classification task, in DEST=folder
	@test -n "$(DEST)" || { echo "name the folder of the new project: make new-project DEST=../flowers"; exit 2; }
	$(BIN)/copier copy $$([ -t 0 ] || echo --defaults) template "$(DEST)"

images: setup ## build the images that AWS lacks, and push them
	$(BIN)/python pipeline.py --target $(or $(PIPELINE_TARGET),aws) images --push

lint: setup .venv-scan/.ready ## ruff, mypy, the import contract and the scanners
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	PYTHONPATH=.:steps $(BIN)/lint-imports --no-logo --no-cache
	scanners/scan.sh

test: setup .venv-steps/.ready ## every test but one that compiles for minutes (make test-compile)
	.venv-steps/bin/python -m pytest tests/steps -m "not slow" -n 2 --dist loadfile $(call junit,steps)
	$(BIN)/python -m pytest --ignore tests/steps -n 2 --dist loadfile $(call junit,tests)

test-compile: setup .venv-steps/.ready ## that torch.compile trains the same network
	.venv-steps/bin/python -m pytest tests/steps -m slow

test-browser: setup ## the pages in a real Chromium, where there is one; pictures go to .screenshots/
	$(BIN)/python -m pytest -m browser emulator/tests/console/browser tests/browser -n 2 --dist loadfile $(call junit,browser)

test-containers: setup ## build the images, run the main job in them, push them to a local registry (20 minutes)
	$(BIN)/python -m pytest -m containers -x -rs tests/containers

test-kills: setup ## kill the emulator 75 times while clients write: nothing may be lost (5 minutes)
	EMULATOR_KILLS=75 $(BIN)/python -m pytest -s emulator/tests/test_kills.py

test-frameworks: setup ## train and serve in AWS's Hugging Face and TensorFlow images (gigabytes, 20 minutes)
	EMULATOR_FRAMEWORKS=1 $(BIN)/python -m pytest -rs emulator/tests/containers/test_hugging_face.py emulator/tests/containers/test_tensorflow.py

test-moto: setup ## moto's own tests against the emulator; SOURCE=clone, PART="logs events", RENEW=1
	PYTHONPATH=emulator $(BIN)/python -m suites moto $(PART) $(if $(SOURCE),--source $(SOURCE)) $(if $(RENEW),--renew)

test-sdk: setup ## the SageMaker SDK's integration tests against the emulator; SOURCE, PART, RENEW as above
	PYTHONPATH=emulator $(BIN)/python -m suites sdk $(PART) $(if $(SOURCE),--source $(SOURCE)) $(if $(RENEW),--renew)

test-notebooks: setup ## AWS's notebooks on the emulator; SOURCE="clones", PART="names", RESUME=1, RENEW=1
	PYTHONPATH=emulator $(BIN)/python -m suites notebooks $(PART) $(if $(SOURCE),--source $(SOURCE)) $(if $(RESUME),--resume) $(if $(RENEW),--renew)

operations-page: setup ## docs/emulator-operations.md, from the emulator's code
	PYTHONPATH=emulator $(BIN)/python -m operations_page docs/emulator-operations.md

accuracy: setup .venv-steps/.ready ## how well the model counts, on SOURCE, over three seeds (hours)
	.venv-steps/bin/python benchmarks/accuracy.py $(if $(SOURCE),--source $(SOURCE))

ablation: setup .venv-steps/.ready ## what each part of the recipe is worth, on validation (two hours)
	.venv-steps/bin/python benchmarks/accuracy.py $(if $(SOURCE),--source $(SOURCE)) --seeds 0 --vary-all

clean: ## remove environments and caches; the emulator's state stays (python pipeline.py emulator reset)
	rm -rf .venv .venv-steps .venv-scan .mypy_cache .ruff_cache

# An emulator of its own, so that nothing of yours is shown, or deleted.
notebook: export EMULATOR_STATE := $(CURDIR)/.tally/notebook

.PHONY: help setup lock demo notebook new-project images lint test test-compile test-browser test-containers test-kills test-frameworks test-moto test-sdk test-notebooks operations-page accuracy ablation clean
