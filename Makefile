# The two commands of the README, and what they need on a fresh machine.
#   make bench [ARGS="…"]   three replica processes on this machine, measured
#   make test               everything that is checked, in release
SHELL := /bin/bash
.DEFAULT_GOAL := help
PACKAGES := liburing-dev libnuma-dev
TEST_PACKAGES := clang libclang-rt-dev redis-tools
BINARY := .build/release/trireme
SEEDS ?= 1000
# Of the wide mix, which take about twice as long each.
WIDE_SEEDS ?= 300
# Of rounds that are fast as well as classic: short stories, most of them.
MIXED_SEEDS ?= 1000
# Of rounds that name who decides in them.
ANNOUNCED_SEEDS ?= 500
CORPUS := Tests/TriremeSimulatorTests/Corpus.txt

-include Benchmarks/benchmarks.mk

.PHONY: help setup test-setup build bench test simulate search explore soak unit-test tuning-test end-to-end-test mutants mutants-check clean

help:
	@sed -n '2,3s/^# *//p' Makefile

# Installs what is missing and says so; asks for sudo only where it is not root.
define install
	@missing=""; for p in $(1); do dpkg-query -W -f '$${Status}' $$p 2>/dev/null | grep -q 'install ok installed' || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then \
	  echo "installing$$missing (Debian packages)"; \
	  sudo=""; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	  $$sudo apt-get update -qq && $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	fi
endef

setup:
	$(call install,$(PACKAGES))
	@command -v swift >/dev/null || { echo "swift is missing: install a Swift 6.2 or later toolchain from swift.org and put it on the PATH"; exit 1; }

test-setup: setup
	$(call install,$(TEST_PACKAGES))

build: setup
	swift build -c release --product trireme

bench: build
	$(BINARY) bench $(ARGS)

simulate: build
	$(BINARY) simulate --seeds $(SEEDS)
	$(BINARY) simulate --seeds $(WIDE_SEEDS) --mix wide
	$(BINARY) simulate --seeds $(MIXED_SEEDS) --mix mixed
	$(BINARY) simulate --seeds $(ANNOUNCED_SEEDS) --mix announced

# Every crash point of a small workload, every directed link set of three replicas and samples at five and seven.
search: build
	$(BINARY) simulate --crash-points
	$(BINARY) simulate --link-sets

# Every interleaving of the configurations of docs/TESTING.md, to the end: some minutes, one thread.
explore: build
	$(BINARY) explore --replicas 2 --quorums 2,1,2 --candidacies 2 --crashes 1 --batches 1
	$(BINARY) explore --replicas 2 --quorums 1,2,2 --candidacies 3 --crashes 0 --batches 1
	$(BINARY) explore --replicas 2 --quorums 1,2,2 --candidacies 1 --crashes 1 --batches 2
	$(BINARY) explore --replicas 3 --quorums 2,2,3 --candidacies 1 --crashes 0 --batches 1
	$(BINARY) explore --replicas 2 --quorums 2,2,2 --candidacies 1 --crashes 0 --batches 1 --ordering fast
	$(BINARY) explore --replicas 3 --quorums 3,1,2 --candidacies 2 --crashes 0 --batches 1 --announce 1 --states 5000000

# New seeds on all cores for HOURS or SECONDS (600); those that fail are added to the corpus, which make test replays.
soak: build
	$(BINARY) simulate --soak $(if $(HOURS),$$(awk 'BEGIN { print $(HOURS) * 3600 }'),$(or $(SECONDS),600)) --corpus $(CORPUS) $(ARGS)

# The C shim's own tests, also under the thread, address and undefined-behaviour sanitizers.
-include Tests/CTriremeTests/shim.mk

unit-test: test-setup
	swift test -c release --disable-testable-imports

# Real processes: the bench, and a cluster under redis-benchmark and kill -9.
end-to-end-test: test-setup
	Tests/EndToEnd/run

# The files of Tuning under the tools that read them; sets nothing.
tuning-test: build
	Tests/Tuning/check.sh

# Each planted bug's text is still in the code.
mutants-check: setup
	$(call install,python3)
	Tests/Mutants/run --check

test: test-setup mutants-check shim-test unit-test simulate end-to-end-test tuning-test

# Whether the tests notice bugs: Tests/README.md. make mutants ARGS="--only 7,23" tries two of them.
mutants: setup
	$(call install,python3)
	Tests/Mutants/run $(ARGS)

clean:
	rm -rf .build
