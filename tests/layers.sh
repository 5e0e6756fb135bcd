#!/usr/bin/env bash
# Fails when one of the named crates depends, however indirectly, on a Kubernetes client, an async runtime or HTTP.
set -euo pipefail
for crate in "$@"; do
  tree=$(cargo tree --quiet -e normal --prefix none --format '{p}' -p "$crate")
  # The crate itself must be there, or an empty answer would pass.
  grep -q "^$crate " <<<"$tree" || { echo "cargo tree knows no $crate"; exit 1; }
  if found=$(awk '{ print $1 }' <<<"$tree" | sort -u | grep -xE 'kube-client|kube-runtime|tokio|hyper|tower|reqwest'); then
    echo "$crate must stay pure, but it depends on: ${found//$'\n'/ }"
    exit 1
  fi
done
