# SPDX-License-Identifier: Apache-2.0
# The front door; CMake does the work. `make help` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := release
.NOTPARALLEL:

JOBS   ?= $(shell nproc)
PREFIX ?= /usr/local
TARGET ?= verify
TIME   ?= 60
pytest  = FLIGHTKV_PROGRAM=build/$(1)/flightkv FKV_IPC_CAT=build/$(1)/ipc_cat \
          .venv/bin/python -m pytest $(2)

# Python isn't sanitized itself: what the sanitizers look after must be there from the beginning.
under_asan = ASAN_OPTIONS=detect_leaks=0 LD_PRELOAD="$(foreach name,asan ubsan stdc++ crypt,\
             $(shell $(CC) -print-file-name=lib$(name).so))"

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

deps: ## install what is missing and make .venv (NO_INSTALL=1: only print how)
	@tools/deps.sh

release: ## build/release/flightkv and the library; plain `make` does this
dev: ## build/dev: address and undefined-behaviour sanitizers, assertions
tsan: ## build/tsan: thread sanitizer
release dev tsan:
	@cmake --preset $@ --log-level=NOTICE >/dev/null || \
	    { echo "Not configured; if something is missing, 'make deps' installs it"; exit 1; }
	@cmake --build --preset $@ -j $(JOBS)
	@test -e build/$@/flightkv_formats.so || \
	    echo "built without Parquet: 'make deps && make' adds it"
	@$(if $(filter-out release,$(MAKECMDGOALS)),true,\
	    echo "build/release/flightkv is built: 'build/release/flightkv help' says what it does")

test: check check-dev check-tsan ## all tests; installs what is missing

check: deps release ## unit and flow tests, packaging, stock clients, conformance (with Go)
	ctest --preset release -j $(JOBS)
	$(call pytest,release,tests)
	$(call pytest,release,python/tests)

check-dev: deps dev ## the same under address and undefined-behaviour sanitizers
	ctest --preset dev -j $(JOBS)
	$(call pytest,dev,tests/interop tests/cli -m "not slow")
	$(under_asan) $(call pytest,dev,python/tests -m "not slow")

check-tsan: deps tsan ## what runs in several threads, under the thread sanitizer
	ctest --preset tsan -j $(JOBS) -L tsan

unit: dev ## unit tests only; one of them: ctest --preset dev -R NAME
	ctest --preset dev -j $(JOBS) -R '^unit_'

interop: deps release ## stock pyarrow clients against the release build
	$(call pytest,release,tests/interop)

python: deps release ## tests of the Python package
	$(call pytest,release,python/tests)

fuzz: ## libFuzzer with TARGET=verify for TIME=60 seconds (needs clang)
	@cmake --preset fuzz --log-level=NOTICE >/dev/null
	@cmake --build --preset fuzz -j $(JOBS) --target fuzz_$(TARGET)
	@mkdir -p build/fuzz/corpus/$(TARGET)
	build/fuzz/fuzz_$(TARGET) -max_total_time=$(TIME) build/fuzz/corpus/$(TARGET) \
	    $(wildcard tests/fuzz/corpus/$(TARGET)) tests/golden/valid

demo: deps release ## put, get and other ways measured; SIZE=512MiB, FULL=1: 5 x 10 calls for all
	.venv/bin/python bench/demo.py

bench: deps release ## all beside its peers, into docs/BENCHMARKS.md; SIZE=512MiB, ONLY=latency
	.venv/bin/python bench/bench.py

clean-demo: ## remove what the demo made
	rm -rf build/demo

tidy: ## check layers, style and paths in the docs
	@tools/tidy

format: ## clang-format all sources in place
	find src include tests bench examples python -name '*.[ch]' -o -name '*.cpp' | xargs clang-format -i

install: release ## install below PREFIX (/usr/local); DESTDIR is kept to
	cmake --install build/release --prefix $(PREFIX)

docs: deps ## the site of README.md and docs/, in build/site
	NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --quiet

deb: release ## build/flightkv_VERSION_ARCHITECTURE.deb (needs dpkg-dev and file)
	@command -v dpkg-shlibdeps >/dev/null && command -v file >/dev/null || \
	    { echo "make deb needs more: apt install dpkg-dev file"; exit 1; }
	cpack --config build/release/CPackConfig.cmake

clean: ## remove build/ (.venv stays)
	rm -rf build

.PHONY: help deps release dev tsan test check check-dev check-tsan unit interop python fuzz \
        demo bench clean-demo tidy format install docs deb clean
