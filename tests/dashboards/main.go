// Dashboards draws the dashboards of config/monitoring from recorded data, for the documentation.
//
//	go run . draw                      write docs/images/dashboard-*.svg
//	go run . pack FOLDER BEGIN STEP    turn scrapes (FOLDER/*.txt) into a recording, on standard output
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

const (
	root      = "../.."
	recording = "testdata/operator.series"
)

var names = []string{"fleet", "service", "scheduler", "operator"}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "dashboards:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 1 && args[0] == "draw":
		return drawAll()
	case len(args) == 4 && args[0] == "pack":
		return pack(args[1], args[2], args[3], os.Stdout)
	}
	return fmt.Errorf("usage: go run . draw | pack FOLDER BEGIN STEP")
}

// shown is the data of the pictures: what was recorded of the operator, and what is made up of the rest.
func shown() (*Data, error) {
	data, err := Recorded(recording)
	if err != nil {
		return nil, err
	}
	return data, synthesize(data, int(data.end.Sub(data.Begin)/data.Step)+1)
}

func path(name string) string {
	return filepath.Join(root, "config/monitoring/dashboards", name+".json")
}

func drawAll() error {
	data, err := shown()
	if err != nil {
		return err
	}
	for _, name := range names {
		dashboard, err := load(path(name))
		if err != nil {
			return err
		}
		from := data.Begin.Add(time.Minute)
		if name == "operator" {
			// How it begins is part of the story.
			from = data.Begin.Add(10 * time.Second)
		}
		p := &painter{data: data, name: name, from: from, to: data.end}
		picture, err := p.dashboard(dashboard)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(root, "docs/images", "dashboard-"+name+".svg"), []byte(picture), 0o644); err != nil {
			return err
		}
	}
	return nil
}
