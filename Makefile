# The commands of the project. `make demo` and `make test` do their own set-up.
CARGO ?= cargo
.DEFAULT_GOAL := help

.PHONY: help setup setup-test demo run test mutations check soak bench bench-kafka bench-state

help: ## Shows this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: ## Installs what building needs, or names it
	@sh ./setup.sh build

setup-test: ## Installs what the tests need as well (PostgreSQL)
	@sh ./setup.sh test

demo: setup ## The hub with a sandbox of outside systems and a telecom day at speed
	$(CARGO) run --quiet --release --locked -p hub -- demo $(ARGS)

run: setup ## The hub on the embedded log in ./hub-data (ARGS="--config hub.toml" for your own)
	$(CARGO) run --quiet --release --locked -p hub -- run $(ARGS)

# All at once: the binary by itself would have its dependencies built with other features, and so twice.
test: setup-test ## Every test, on the real binary and real servers
	$(CARGO) build --locked --workspace --all-targets
	$(CARGO) test --locked --workspace
	$(MAKE) mutations

mutations: setup ## Breaks the runtime on purpose, fault by fault: the simulation must catch each
	$(CARGO) test --locked -p topology --test mutations -- --ignored --nocapture

check: setup ## Formatting, lints, compatibility of schemas, documentation, licences and advisories
	$(CARGO) fmt --all --check
	$(CARGO) test --locked --quiet -p schemas --test compatibility
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps
	@if command -v cargo-deny >/dev/null 2>&1; then $(CARGO) deny --locked check licenses bans sources; \
	else echo "cargo-deny is not installed: licences, bans and sources were not checked (cargo install cargo-deny)"; fi

soak: setup-test ## The simulation on many more seeds, others each time (SEEDS=100000), and the long scenarios on Kafka (KAFKA_EOS_MINUTES=15)
	SEEDS=$${SEEDS:-100000} SEEDS_FROM=$${SEEDS_FROM:-$$(date +%s)} $(CARGO) test --release --locked -p topology --test runtime every_seed
	SEEDS=$$(( $${SEEDS:-100000} / 20 )) SEEDS_FROM=$${SEEDS_FROM:-$$(date +%s)} $(CARGO) test --release --locked -p connectors --lib sink::tests::simulated
	$(CARGO) build --locked -p hub
	KAFKA_LONG=1 $(CARGO) test --locked -p tests -- kafka_exactly_once kafka_standby --nocapture --test-threads=1

bench: setup ## Measures the whole embedded pipeline, release build (ARGS="--clocks 1000000" for open SLA clocks)
	$(CARGO) build --release --locked -p hub
	$(CARGO) run --quiet --release --locked -p hub -- bench $(ARGS)

bench-kafka: ## Measures the runtime on Apache Kafka beside Kafka Streams and a bare client, into bench/RESULTS.md (ARGS="--rounds 1" prints only)
	@sh ./setup.sh bench
	$(CARGO) build --release --locked -p bench
	$(CARGO) run --quiet --release --locked -p bench -- $(if $(ARGS),$(ARGS),--results bench/RESULTS.md)

bench-state: setup ## Measures a key-value store as it grows past its memory (ARGS="KEYS MEMORY_MIB RECORDS" for one size)
	$(CARGO) run --quiet --release --locked -p connectors --example state_speed -- $(ARGS)
