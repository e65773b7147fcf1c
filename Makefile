# Everything a newcomer needs: `make demo` and `make test`. Other targets are for people who change the code.
PYTHON ?= python3
BIN := .venv/bin
PYTHONS ?= python3.10 python3.13
# Processes of the tests; each takes up to 4 GB.
WORKERS ?= 2

.PHONY: demo docs site test lint types perf lowest clean

demo: .venv/installed
	$(BIN)/raybench shapes demo/shapes --images 300
	$(BIN)/raybench run demo --data shapes=demo/shapes --out demo/results
	$(BIN)/raybench plot demo/results -o demo/plots
	$(BIN)/raybench gallery demo/results --data shapes=demo/shapes
	$(BIN)/raybench table demo/results
	$(BIN)/raybench leaderboard demo/results -o demo/site
	$(BIN)/raybench run demo-groups --data shapes=demo/shapes --out demo/groups
	$(BIN)/raybench plot demo/groups --only curves -o demo/groups/plots
	$(BIN)/raybench table demo/groups
	@echo "Open demo/site/index.html in a browser; next: $(BIN)/raybench list suites"

docs: demo .venv/installed-test
	$(BIN)/python docs/make/house.py
	$(BIN)/python docs/make/demo.py
	$(BIN)/python docs/make/metrics.py
	$(BIN)/python docs/make/glossary.py demo/shapes
	$(BIN)/python docs/make/reference.py
	$(BIN)/python docs/make/leaderboard.py

site: .venv/installed
	$(BIN)/pip install --quiet --editable ".[docs]"
	$(BIN)/mkdocs build --strict

test: .venv/installed-test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/installed-dev
	mkdir -p .typings/raybench
	ln -sfn $(CURDIR)/raybench/* .typings/raybench/
	for folder in attributions benchmark checkpoints results suites training; do \
		ln -sfn $(CURDIR)/$$folder .typings/raybench/$$folder; done
	$(BIN)/mypy
	MYPYPATH=.typings:docs/make $(BIN)/mypy docs/make/*.py

perf: .venv/installed-test
	$(BIN)/python -m perf $(SECTIONS)

lowest: .venv/installed-test
	$(BIN)/pip install --quiet uv
	$(BIN)/python tests/acceptance/lowest_versions.py $(PYTHONS)

clean:
	rm -rf .venv build dist *.egg-info demo runs .typings

.venv/installed: pyproject.toml setup.py
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --editable ".[leaderboard]"
	touch $@

.venv/installed-test: .venv/installed
	$(BIN)/pip install --quiet --editable ".[test]"
	touch $@

.venv/installed-dev: .venv/installed-test
	$(BIN)/pip install --quiet --editable ".[dev]"
	touch $@
