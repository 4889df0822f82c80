# `make` or `make help` lists what there is. Only Python 3.11 or newer and make are needed beforehand.

PYTHON := .venv/bin/python
# Tests mostly wait, for tokens and for the browser. Where faults are injected times are measured, against how long the
# start took, so there are two at a time.
# In the order of files, those with a browser first: sorted by their number of tests the longest would begin last.
SIDE_BY_SIDE := -n 4 --dist loadfile --no-loadscope-reorder
TWO_AT_A_TIME := -n 2 --dist load --maxschedchunk 1
.DEFAULT_GOAL := help
.PHONY: help run test lint e2e-all faults bench-stream bench-page bench-train bench-gate loop-demo screenshots vendor icons texts install install-tests browser compiler clean bench-retrieval bench-engine bench-quality bench-desk sanitize bench-engine-cuda bench-peers

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: install ## start everything; Ctrl-C stops it. Settings come from the environment (README)
	@exec $(PYTHON) manage.py up

# What the database has no part in runs once: tables of who may do what, languages, processes, trained models.
ONCE := $(addprefix --ignore tests/,$(addprefix webui/,test_access.py test_desk_access.py test_learning_access.py \
    test_chinese.py test_evidence.py test_headers.py test_scripts.py test_stylesheets.py) \
    $(addprefix runtime/,test_embedder.py test_model_command.py test_process_tree.py test_product_on_product.py \
    test_programs_and_a_model.py test_valkey.py))

test: install-tests browser compiler ## all tests but the slow ones, on SQLite and on PostgreSQL, with a real browser and injected faults
	$(PYTHON) -m pytest -m "not slow" $(SIDE_BY_SIDE) --ignore tests/faults
	TEST_DATABASE=postgresql $(PYTHON) -m pytest -m "not slow" $(SIDE_BY_SIDE) tests/assistant tests/webui tests/runtime $(ONCE)
	$(PYTHON) -m pytest -m "not slow" $(TWO_AT_A_TIME) tests/faults

lint: install-tests ## style, types, layers, known weaknesses
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	.venv/bin/lint-imports
	$(PYTHON) -m bandit -q -c pyproject.toml -r assistant inference webui
	@if command -v npx >/dev/null; then npx --yes --package typescript@5.9.3 tsc -p webui/tsconfig.json; \
	else echo "No npx was found: the types of the JavaScript were not checked."; fi

e2e-all: install-tests browser compiler ## all browser tests, all slow ones, and the injected faults, with the product on PostgreSQL
	TEST_DATABASE=postgresql $(PYTHON) -m pytest -m "e2e or slow" $(SIDE_BY_SIDE) --ignore tests/faults
	TEST_DATABASE=postgresql $(PYTHON) -m pytest tests/faults

faults: install-tests ## break the started product at random for a while and count what was lost
	@exec $(PYTHON) -m tests.faults.nemesis

bench-stream: install-tests ## many streams at once: loss, latency, CPU, memory
	@exec $(PYTHON) -m bench.stream

bench-gate: install-tests ## promotions by luck, and effects found, of simulated candidates
	@exec $(PYTHON) -m bench.gate

loop-demo: install-tests ## the whole learning loop on real questions with simulated people, about 35 minutes
	@exec $(PYTHON) manage.py loop demo

bench-retrieval: install-tests ## which approved answers are found for questions in other words, how surely, and how fast
	@exec $(PYTHON) -m bench.retrieval

bench-desk: install-tests browser ## the inbox with 5,000 conversations: how fast its list is, and how soon a message is seen
	@exec $(PYTHON) -m bench.desk

bench-quality: install-tests ## what smaller forms of the model cost in quality, against float32
	@exec $(PYTHON) -m bench.quality

bench-page: install-tests browser ## weight, speed and smoothness of the page, in a browser
	@exec $(PYTHON) -m bench.page

bench-train: install-tests ## tokens per second of training an adapter, beside TRL's trainer
	@exec $(PYTHON) -m bench.train

bench-engine: bench-peers ## the engine beside llama.cpp and transformers, in turns: writes docs/evidence/engine.md
	@exec $(PYTHON) -m bench.engine

# Without it its rows say that they were not measured, and why. What reads pictures is left out: half of the compiling.
bench-peers: install-tests ## llama.cpp, which bench-engine measures beside ours
	@$(PYTHON) -c 'import llama_cpp' 2>/dev/null || { \
	    echo "Installing bench/requirements.txt: llama.cpp is compiled for this processor, which takes some minutes."; \
	    CMAKE_ARGS="-DGGML_NATIVE=ON -DLLAVA_BUILD=OFF" $(PYTHON) -m pip install --quiet --disable-pip-version-check \
	        -r bench/requirements.txt -c requirements.txt || echo "llama.cpp could not be installed; its rows will say so."; }

bench-engine-cuda: install-tests ## tokens per second on a GPU beside transformers, into docs/evidence
	@exec $(PYTHON) -m bench.engine_cuda --out docs/evidence

# Python itself is not built with the sanitizers, so their library is loaded before it; what it keeps until it ends is
# no leak of ours. Loops that are unrolled as far as ours take a compiler minutes to watch over, so these are not.
sanitize: install-tests ## the kernel's tests with address and undefined-behaviour sanitizers
	CXX=g++ CXXFLAGS="-g1 -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined" ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 \
	LD_PRELOAD="$$(g++ -print-file-name=libasan.so) $$(g++ -print-file-name=libubsan.so)" \
	$(PYTHON) -m pytest -m "not model" tests/inference/native

vendor: install ## take the vendored JavaScript from npm again, as webui/vendor.lock.json pins it
	@exec $(PYTHON) -m webui.vendoring

screenshots: install-tests browser ## pictures of every page
	@exec $(PYTHON) -m tests.e2e.screenshots

icons: install-tests browser ## the app's icons, after a change of icon.svg
	@exec $(PYTHON) -m tests.e2e.icons

texts: install-tests ## collect the texts of all pages for translation, and compile what is translated (needs gettext)
	$(PYTHON) manage.py makemessages -l zh_Hans --no-obsolete --add-location file -i .venv -i data -i tests -i bench
	$(PYTHON) manage.py compilemessages -l zh_Hans -i .venv

clean: ## remove what was installed or built; data/ stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	@for python in python3.11 python3.12 python3.13 python3.14 python3; do \
	    $$python -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; \
	    python=; \
	done; \
	if [ -z "$$python" ]; then \
	    echo "Python 3.11 or newer with venv was not found; on Debian: apt install python3 python3-venv." >&2; exit 1; \
	fi; \
	echo "Making .venv with $$($$python --version)."; \
	$$python -m venv .venv

# A copy of what was installed lies in .venv, so that nothing is asked of the network while it is current.
install: .venv/bin/python
	@cmp -s requirements.txt .venv/requirements.txt || { \
	    echo "Installing requirements.txt; the first time takes some minutes." && \
	    $(PYTHON) -m pip install --quiet --disable-pip-version-check -r requirements.txt && \
	    cp requirements.txt .venv/requirements.txt; }

install-tests: install
	@cat requirements.txt tests/requirements.txt | cmp -s - .venv/tests-requirements.txt || { \
	    echo "Installing tests/requirements.txt." && \
	    $(PYTHON) -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt -c requirements.txt && \
	    cat requirements.txt tests/requirements.txt > .venv/tests-requirements.txt; }

browser:
	@command -v chromium chromium-browser google-chrome >/dev/null && exit; \
	command -v apt-get >/dev/null || { echo "No Chromium was found; install it, then run this again." >&2; exit 1; }; \
	echo "No Chromium was found; installing Debian's for the browser tests."; \
	sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	export DEBIAN_FRONTEND=noninteractive; \
	$$sudo apt-get update -qq </dev/null && $$sudo apt-get install -y -qq chromium </dev/null >/dev/null

compiler:
	@command -v g++ >/dev/null && exit; command -v clang++ >/dev/null && exit; \
	command -v apt-get >/dev/null || { echo "No C++ compiler was found; install g++, then run this again." >&2; exit 1; }; \
	echo "No C++ compiler was found; installing Debian's g++ for the kernel's tests."; \
	sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	export DEBIAN_FRONTEND=noninteractive; \
	$$sudo apt-get update -qq </dev/null && $$sudo apt-get install -y -qq g++ </dev/null >/dev/null
