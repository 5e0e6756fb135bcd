#!/bin/sh
# Compares the generated files with what Go makes of their sources; --update writes them.
set -eu
cd "$(dirname "$0")"
shapes=../../crates/core/src/shape/shapes.json
expected=corpus/expected.json
new=$(mktemp -d)
trap 'rm -rf "$new"' EXIT

go vet ./...
go run ./shapes >"$new/shapes.json"
TZ=UTC go run ./render >"$new/expected.json"

if [ "${1:-}" = --update ]; then
  cp "$new/shapes.json" "$shapes"
  cp "$new/expected.json" "$expected"
  exit
fi
diff "$shapes" "$new/shapes.json" >/dev/null || { echo "$shapes is out of date: run $0 --update" >&2; exit 1; }
diff "$expected" "$new/expected.json" || { echo "$expected is out of date: run $0 --update" >&2; exit 1; }
