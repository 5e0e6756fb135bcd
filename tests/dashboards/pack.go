package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
)

// pack writes scrapes, one file each in order of their names, as series in promtool's notation.
func pack(folder, begin, step string, out io.Writer) error {
	files, err := filepath.Glob(filepath.Join(folder, "*.txt"))
	if err != nil {
		return err
	}
	sort.Strings(files)
	values := map[string][]string{}
	for index, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		for _, line := range strings.Split(string(text), "\n") {
			cut := strings.LastIndex(line, " ")
			if cut < 0 || strings.HasPrefix(line, "#") {
				continue
			}
			series := values[line[:cut]]
			for len(series) < index {
				series = append(series, "_")
			}
			values[line[:cut]] = append(series, rounded(line[cut+1:]))
		}
	}
	fmt.Fprintf(out, "# begin %s step %s\n", begin, step)
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		// A series that is gone is written as missing, not as ended.
		for len(values[name]) < len(files) {
			values[name] = append(values[name], "_")
		}
		fmt.Fprintf(out, "%s %s\n", name, runs(values[name]))
	}
	return nil
}

func rounded(value string) string {
	number, err := strconv.ParseFloat(value, 64)
	if err != nil {
		return value
	}
	return strconv.FormatFloat(number, 'g', 10, 64)
}

// runs shortens equal values that follow each other: the notation repeats a value n times after the first, and what is
// missing n times in all.
func runs(values []string) string {
	var parts []string
	for i := 0; i < len(values); {
		n := i
		for n < len(values) && values[n] == values[i] {
			n++
		}
		times := n - i
		switch {
		case times == 1:
			parts = append(parts, values[i])
		case values[i] == "_":
			parts = append(parts, fmt.Sprintf("_x%d", times))
		default:
			parts = append(parts, fmt.Sprintf("%sx%d", values[i], times-1))
		}
		i = n
	}
	return strings.Join(parts, " ")
}
