# Budkavle: every task of the project is a target here. `make help` lists them.
GO ?= go
BIN := bin/budkavle
TOOLS := bin/tools

.PHONY: help build demo test lint fmt bench crash fuzz clean deps

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

build: ## build bin/budkavle
	$(GO) build -o $(BIN) ./cmd/budkavle

demo: build ## a whole node against the simulated Internet, on loopback; leaves nothing running
	$(BIN) demo --exit

deps: ## install what tests and benchmarks need from Debian (as root or with sudo); skips what is there
	scripts/install-deps

test: deps ## every test, the real peers among them
	$(GO) test -race -timeout 9m ./...

lint: $(TOOLS)/staticcheck ## formatting, vet, staticcheck, unchecked errors, module file
	scripts/lint $(TOOLS)

$(TOOLS)/staticcheck: tools/go.mod
	cd tools && GOFLAGS= $(GO) build -o ../$(TOOLS)/ honnef.co/go/tools/cmd/staticcheck github.com/kisielk/errcheck mvdan.cc/gofumpt

fmt: $(TOOLS)/staticcheck ## format the source
	$(TOOLS)/gofumpt -w cmd internal test

bench: build deps ## Budkavle against Postfix + OpenDKIM, the cost of depth and of watching domains; writes docs/benchmarks.md
	scripts/bench

crash: deps ## kill -9 at KILLS random moments (default 50) under load on each store; prints what was lost and doubled
	$(GO) test -count=1 -timeout 30m -v -run TestKill ./test/e2e -kills $(or $(KILLS),50)

fuzz: ## every fuzz target for FUZZTIME each (default 60s)
	scripts/fuzz $(or $(FUZZTIME),60s)

clean: ## remove what was built
	rm -rf bin
