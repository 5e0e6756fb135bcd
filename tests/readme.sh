#!/usr/bin/env bash
# Runs the README's commands from the root of the repository, in order, in one shell.
#
# A block is run when the line before its fence is `<!-- run -->`. In a ```sh block every line is a command; in a
# ```console block those after `$ `, and each line of output that follows one must appear in what the command
# printed, in order (`…` stands for any text; a line that is `…` alone for any lines).
set -euo pipefail
readme=${1:-README.md}
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Each command becomes work/N.sh and its expected output work/N.out.
awk -v work="$work" '
  function open_command(text) { n++; sh = sprintf("%s/%03d.sh", work, n); out = sprintf("%s/%03d.out", work, n)
                                print text > sh; printf "" > out
                                continued = text ~ /\\$/ }
  fence && /^```[ \t]*$/ { fence = ""; next }
  continued { print >> sh; continued = /\\$/; next }
  fence == "sh" && NF { open_command($0); next }
  fence == "console" && /^\$ / { open_command(substr($0, 3)); next }
  fence == "console" && out { print >> out; next }
  !fence && marked && /^```(sh|console)[ \t]*$/ { fence = substr($1, 4); out = ""; marked = 0; next }
  { marked = ($0 == "<!-- run -->") }
' "$readme"

commands=("$work"/*.sh)
[ -e "${commands[0]}" ] || { echo "$readme has no block marked <!-- run -->"; exit 1; }

expect() { # expected printed: every expected line occurs, in order
  awk '
    function plain(text) { gsub(/\033\[[0-9;]*[A-Za-z]/, "", text); gsub(/[ \t\r]+/, " ", text)
                           sub(/^ /, "", text); sub(/ $/, "", text); return text }
    function fits(line, pattern,   count, parts, i, at, rest) {
      rest = line
      count = split(pattern, parts, "…")
      for (i = 1; i <= count; i++) {
        at = index(rest, plain(parts[i]))
        if (!at) return 0
        rest = substr(rest, at + length(plain(parts[i])))
      }
      return 1
    }
    FNR == NR { printed[++lines] = plain($0); next }
    plain($0) == "" || plain($0) == "…" { next }
    {
      for (next_line = at + 1; next_line <= lines && !fits(printed[next_line], $0); next_line++) { }
      if (next_line > lines) { print "the README shows a line that was not printed: " $0; exit 1 }
      at = next_line
    }
  ' "$2" "$1"
}

# One shell for all, so that `export` and `cd` hold.
for command in "${commands[@]}"; do
  echo "\$ $(cat "$command")"
  status=0
  { source "$command"; } >"$work/printed" 2>&1 </dev/null || status=$?
  cat "$work/printed"
  [ "$status" = 0 ] || { echo "the command failed ($status)"; exit 1; }
  expect "${command%.sh}.out" "$work/printed"
done
echo "${#commands[@]} commands of $readme ran"
