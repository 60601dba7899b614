# Thin targets; `make help` lists them. Works as root (servers then run as user postgres) and as a user with sudo.

PG_CONFIG ?= /usr/bin/pg_config
TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))
PACKAGE := $(TARGET)/package
SOURCES := Makefile Cargo.toml Cargo.lock equity_connect.control $(shell find src sql -type f)
# Where the private server of the tests lies: a place that user postgres can reach. All development builds are made
# for it, so that cargo does not build PostgreSQL's bindings anew at every change between tests and demo. Two checkouts
# that test at the same time need two places and two ports.
PRIVATE ?= /tmp/equity_connect_pgrx_test
TEST_PORT ?= 32200
BUILD_FOR_PRIVATE = PGRX_HOME=$$(tests/private_server.sh $(PRIVATE) $(TEST_PORT))

export PG_CONFIG
export EQUITY_PACKAGE := $(PACKAGE)$(PRIVATE)/server

ifeq ($(shell id -u),0)
RUN_AS := --runas postgres --pgdata $(PRIVATE)/data
endif

.DEFAULT_GOAL := help
.PHONY: help setup package demo test test-unit test-pg test-simulator test-system soak bench lint install clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-16s %s\n", $$1, $$2 }'

setup: ## install what is missing (Debian 12)
	@tests/setup.sh

# Demo and tests run the development build: it shares its dependencies with the unit tests and is built in a
# third of the time.
package: setup $(PACKAGE)/.built

$(PACKAGE)/.built: $(SOURCES)
	@rm -rf $(PACKAGE)
	$(BUILD_FOR_PRIVATE) cargo pgrx package --debug --pg-config $(PRIVATE)/pg_config --out-dir $(PACKAGE)
	@touch $@

demo: package ## run the main job on a throw-away cluster against simulated vendors
	@cargo run --quiet -p equity_system_tests --bin demo

test: test-pg test-simulator test-system ## run all tests

test-unit: setup ## run the tests that need no server, and nothing else
	cargo test --lib

test-pg: setup ## run the unit tests, and the tests inside a PostgreSQL server
	@mkdir -p $(PRIVATE)/data && if [ "$$(id -u)" -eq 0 ]; then chown postgres $(PRIVATE)/data; fi
	$(BUILD_FOR_PRIVATE) cargo pgrx test pg15 $(RUN_AS)

test-simulator: setup ## run the simulator's own tests
	cargo test -p equity_simulator

test-system: package ## run the whole system: server, worker, simulated vendors
	cargo test -p equity_system_tests

soak: package ## the whole kill matrix, 1,000 random kills, thousands of random sequences, memory over 200,000 calls (EQUITY_KILLS, EQUITY_SEQUENCES, EQUITY_SEED)
	EQUITY_MATRIX=full EQUITY_KILLS=$${EQUITY_KILLS:-1000} cargo test -p equity_system_tests --test promises kill_ -- --nocapture
	EQUITY_SEQUENCES=$${EQUITY_SEQUENCES:-3000} cargo test -p equity_system_tests --test promises no_sequence -- --nocapture
	cargo run --quiet -p equity_system_tests --bin bench -- memory

bench: setup ## measure against the stated rivals, with the release build (THEMES="hash calls pages points opt_outs road throughput weather")
	$(BUILD_FOR_PRIVATE) cargo pgrx package --pg-config $(PRIVATE)/pg_config --out-dir $(PACKAGE)-release
	@! grep -rqE 'equity_stop_at|_for_test_wrapper' $(PACKAGE)-release || { echo 'the release build holds what is for tests only' >&2; exit 1; }
	EQUITY_PACKAGE=$(PACKAGE)-release$(PRIVATE)/server cargo run --quiet -p equity_system_tests --bin bench -- $(THEMES)

lint: setup ## check formatting, and clippy with warnings denied
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings

install: setup ## install the extension into this machine's PostgreSQL 15
	# A running server keeps the file it has mapped; written over in place, it would crash.
	$(if $(filter-out 0,$(shell id -u)),sudo) rm -f "$$($(PG_CONFIG) --pkglibdir)/equity_connect.so"
	cargo pgrx install --release --pg-config $(PG_CONFIG) $(if $(filter-out 0,$(shell id -u)),--sudo)

clean: ## remove what was built
	cargo clean
