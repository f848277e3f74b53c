# Every target sets up what it needs. `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help check test test-core test-yaml test-newest test-versions test-blender test-farm bench demo track package lock clean footage
MAKEFLAGS += --no-builtin-rules
python := .venv/bin/python
locks := tools/requirements

help:  ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1#/p' Makefile | awk -F'#' '{printf "make %-14s %s\n", $$1, $$2}'

demo: .venv/ready  ## track a clip, kill it in the middle, resume, compare bit by bit
	$(python) tools/demo.py $(ARGS)

track: .venv/ready  ## track your own footage: make track FOOTAGE=shot.mov [ARGS=...]
	@test -n "$(FOOTAGE)" || { echo 'Name the footage: make track FOOTAGE=path/to/shot.mov' >&2; exit 2; }
	$(python) . track "$(FOOTAGE)" --detect --resume $(ARGS)

test-core: .venvs/core/ready  ## core, and the commands that track nothing, in less than a minute: no bpy, nothing slow [ARGS=...]
	.venvs/core/bin/pytest --numprocesses=auto --maxprocesses=4 -m "not slow" \
	  $(or $(ARGS),tests/core tests/commands tests/test_static.py)

# Each process is a Blender with the fixtures of its files. What measures runs afterwards, beside nothing.
test: .venv/ready footage $(if $(ARGS),,test-yaml)  ## everything without a real Blender: core, and the tracker of the bpy wheel [ARGS=...]
	.venv/bin/pytest --ignore=tests/blender --ignore=tests/farm --numprocesses=auto --maxprocesses=4 --dist=loadfile -m "not alone" $(ARGS)
	$(if $(ARGS),,.venv/bin/pytest --ignore=tests/blender --ignore=tests/farm -m alone)

test-yaml: .venvs/yaml-lowest/ready  ## documents with the lowest PyYAML of our range; `make test` has the newest [ARGS=...]
	.venvs/yaml-lowest/bin/pytest --numprocesses=2 \
	  tests/core/storage/test_hostile_files.py tests/core/batch/test_manifest.py \
	  tests/core/batch/test_refused_lists.py tests/core/test_session.py $(ARGS)

test-newest: footage  ## what `make test` does, with the newest packages there are instead of the locked ones [ARGS=...]
	python3 tools/setup.py .venvs/newest --newest
	.venvs/newest/bin/pip --disable-pip-version-check list
	.venvs/newest/bin/pytest --ignore=tests/blender --ignore=tests/farm $(ARGS)

test-versions: .venv/ready footage  ## the same on bpy 4.2, 4.5, 5.0 and 5.2 [ARGS=...]
	tools/test-versions $(ARGS)

test-blender: .venv/ready  ## the package in Debian's Blender 4.3 and 5.2, or in BLENDER=path/to/blender
	@test -n "$(BLENDER)" || { tools/debian-root trixie && tools/debian-root sid; } >/dev/null
	.venv/bin/pytest tests/blender --ignore=tests/blender/test_responsive.py --numprocesses=2 --maxschedchunk=1 $(ARGS)
	.venv/bin/pytest tests/blender/test_responsive.py $(ARGS)  # measures: alone

test-farm: .venv/ready .venvs/farm/ready  ## shots on the farm engines that run here, among them a real SLURM cluster [ARGS=...]
	tools/farm-packages
	.venv/bin/pytest --numprocesses=3 --dist=loadfile $(or $(ARGS),tests/farm)

check: .venv/ready-check package  ## lint, format, types, manifest and contents of the package
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/pyright
	.venv/bin/pytest --quiet tests/test_static.py

bench: .venv/ready  ## figures against Blender's own tracker [ARGS=...]
	$(python) tools/bench.py $(ARGS)

package: .venv/ready  ## dist/tracking_sessions-<version>.zip, to install in Blender
	$(python) tools/package.py

lock: .venvs/lock/ready  ## renew the locks, with the newest packages; only add what the lists lack: ARGS=--keep
	.venvs/lock/bin/python tools/lock.py $(ARGS)

clean:  ## remove all that make made here (the Debian roots in the cache stay)
	rm -rf .venv .venvs dist demo wheels .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Real footage for the tests: Debian's sequences of the ViSP project. Without them those tests are skipped.
footage:
	@test -d /usr/share/visp-images-data || { test "$$(id -u)" -eq 0 && apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends visp-images-data; } >/dev/null </dev/null || \
	  echo 'Tests on real footage are skipped: sudo apt-get install visp-images-data (75 MB)' >&2

.venv/ready: tools/setup.py $(wildcard $(locks)/bpy-*.txt)
	python3 tools/setup.py .venv
	@touch $@

.venv/ready-check: .venv/ready $(locks)/check.txt
	$(python) -m pip --disable-pip-version-check --no-input install --quiet --only-binary=:all: \
	  --require-hashes --requirement=$(locks)/check.txt
	@mkdir -p .venv/types && ln -sfn ../.. .venv/types/tracking_sessions  # pyright finds the package by its name
	@touch $@

.venvs/%/ready: tools/setup.py $(locks)/%.txt
	python3 tools/setup.py .venvs/$* --lock $*
	@touch $@
