# What can be done with Leat's sources, by name. The work itself is in scripts/.

.DEFAULT_GOAL := help
.PHONY: help run build test stack bench fuzz torture power-loss defects asan tsan tidy format docs install deb fresh-test clean \
  server-kafka server-cassandra server-mongodb server-postgresql server-s3

PIPELINE ?= pipelines/users.yaml
DATA ?= leat-data
# Further arguments: of `leat run` in `make run`, of the harness in `make torture`, of the benchmarks in `make bench`.
ARGS ?=
ONLY ?=
SECONDS ?= 60
KILLS ?= 1000
SEEDS ?= 10000
FIRST ?= 1
PREFIX ?= /usr/local
DESTDIR ?=
PORT ?=

help: ## List what there is
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## Build the program, build/leat
	@scripts/build release leat

run: build ## Run the users pipeline with a look-alike of its API (PIPELINE=, DATA=, ARGS=)
	@exec build/leat run $(PIPELINE) --mock random-user --data $(DATA) $(ARGS)

test: ## Build all and run every test (ONLY=NAME… runs some)
	@scripts/build release all
	@tests/servers/serve --fetch
	@scripts/test $(ONLY)

stack: build ## Run the stack's pipelines between its real systems on loopback until Ctrl-C (DATA=, ARGS=)
	@tests/servers/serve --fetch kafka postgresql mongodb cassandra s3
	@scripts/stack $(ARGS)

server-kafka: ## Run a real Kafka on loopback until Ctrl-C (PORT=9092, ARGS="--nodes 3 --auth --tls")
server-cassandra: ## Run a real Cassandra on loopback until Ctrl-C (PORT=9042)
server-mongodb: ## Run a real MongoDB on loopback until Ctrl-C (PORT=27017)
server-postgresql: ## Run a real PostgreSQL on loopback until Ctrl-C (PORT=5432)
server-s3: ## Run a real S3-compatible store on loopback until Ctrl-C (PORT=9000)
server-kafka server-cassandra server-mongodb server-postgresql server-s3:
	@exec tests/servers/serve $(@:server-%=%) --in-words $(if $(PORT),--port $(PORT)) $(ARGS)

bench: build ## Measure speed (ONLY=NAME…, ARGS=)
	@scripts/bench $(ONLY) -- $(ARGS)

fuzz: ## Run each fuzz target for SECONDS=60 (ONLY=NAME… runs some)
	@scripts/fuzz --seconds $(SECONDS) $(ONLY)

torture: build ## Kill the program KILLS=1000 times under load and check that nothing is lost (ARGS=)
	@LEAT=build/leat python3 tests/recovery/kill_test.py --kills $(KILLS) $(ARGS)

power-loss: ## Let the engine lose power on a simulated disk, by SEEDS=10000 seeds (FIRST=1), and check that nothing is lost
	@scripts/build release power_loss
	@build/tests/faults/power_loss --seeds $(SEEDS) --first $(FIRST)

defects: ## Plant known faults in a copy, and check that the tests catch each (ONLY=NAME… plants some)
	@python3 tests/defects/defects_test.py --plant $(ONLY)

asan: ## Build with AddressSanitizer and UBSan, and run every test of what was compiled (ONLY=NAME… runs some)
	@scripts/sanitize asan $(ONLY)

tsan: ## Build with ThreadSanitizer, and run every test of what was compiled (ONLY=NAME… runs some)
	@scripts/sanitize tsan $(ONLY)

tidy: ## Check the house rules alone
	@scripts/setup test
	@scripts/tidy

format: ## Lay out the C++ code
	@scripts/setup test
	@scripts/format

docs: build ## Write docs/reference from the program and the SQL cases
	@build/leat reference docs/reference
	@scripts/sql-reference docs/reference

install: ## Install under PREFIX=/usr/local (DESTDIR= for packagers)
	@scripts/install "$(PREFIX)" "$(DESTDIR)"

deb: ## Make a Debian package in build/packages
	@scripts/deb

fresh-test: ## Try `make test` and `make run` in a bare Debian 12, as root and by sudo
	@scripts/fresh-test

clean: ## Remove what was built (what was downloaded and ./leat-data stay)
	@rm -rf build build-asan build-tsan build-fuzz build-defects web/dist web/node_modules/.page_stamp
