# make help shows the targets.
SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help build demo demo-down test lint generate generate-check check-layers bench readme

TARGET := $(or $(CARGO_TARGET_DIR),target)
PURE := llmisvc-kinds llmisvc-api llmisvc-core
GENERATED := config charts docs crates tests/gotemplate

help: ## show this
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## operator and CLI, optimised
	cargo build --release -p llmisvc-operator -p llmisvc-cli

demo: ## local cluster, operator, examples: until every service is Ready; then show the tree
	cargo build --release -p llmisvc-operator -p llmisvc-cli -p llmisvc-testkit
	@$(TARGET)/release/localcluster demo

demo-down: ## end what `make demo` started
	@cargo run --quiet --release -p llmisvc-testkit --bin localcluster demo-down

test: ## all tests; those on a cluster share one control plane
	cargo build -p llmisvc-operator -p llmisvc-cli -p llmisvc-testkit
	trap '$(TARGET)/debug/localcluster down' EXIT; \
	$(TARGET)/debug/localcluster up && \
	LLMISVC_OPERATOR_BIN=$(abspath $(TARGET))/debug/llmisvc-operator cargo test --workspace --all-features
	cd tests/argocd && go test ./...
	cd tests/dashboards && go test -count=1 ./...

lint: check-layers ## formatting, clippy without warnings, layers
	cargo fmt --all -- --check
	cargo clippy --workspace --all-targets --all-features -- -D warnings

generate: ## write what is made from the source: CRDs, RBAC, charts, tables
	cargo run --quiet -p llmisvc-cli -- crds --out config/crd
	cargo run --quiet -p llmisvc-cli -- crds --full --out config/crd-full
	UPDATE_GOLDEN=1 cargo test --quiet -p llmisvc-operator --bins committed >/dev/null
	cargo run --quiet -p llmisvc-cli -- presets > charts/llmisvc/files/presets.yaml
	cargo run --quiet -p llmisvc-testkit --bin charts
	tests/gotemplate/check.sh --update
	cargo run --quiet -p llmisvc-testkit --bin edges

generate-check: generate ## fail when `make generate` changes anything
	@test -z "$$(git status --porcelain -- $(GENERATED))" || { git --no-pager diff --stat -- $(GENERATED); \
	  git status --short -- $(GENERATED); echo "run make generate and commit the result"; exit 1; }

check-layers: ## the pure crates have no client, runtime or server beneath them
	@tests/layers.sh $(PURE)

bench: ## the figures, on etcd, kube-apiserver and kube-controller-manager
	cargo build --release -p llmisvc-operator
	cargo run --release -p llmisvc-bench -- --operator $(abspath $(TARGET))/release/llmisvc-operator

readme: ## run the README's commands
	@tests/readme.sh README.md
