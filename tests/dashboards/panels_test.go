package main

import (
	"html"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// without are queries that have no data in the recording, because nothing of the kind happened.
var without = map[string]bool{
	"operator: Children refused per second: {{kind}}":               true,
	"operator: Configs and stored versions: stored anew {{result}}": true,
}

func TestEveryPanelShowsSomething(t *testing.T) {
	data, err := shown()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		dashboard, err := load(path(name))
		if err != nil {
			t.Fatal(err)
		}
		for _, panel := range dashboard.Panels {
			for _, target := range panel.Targets {
				place := name + ": " + panel.Title + ": " + target.LegendFormat
				found, err := data.Range(substituted(name, target.Expr), data.Begin, data.end, 5*time.Second)
				if err != nil {
					t.Fatalf("%s: %v", place, err)
				}
				values := 0
				for _, series := range found {
					for _, point := range series.Floats {
						if !math.IsNaN(point.F) {
							values++
						}
					}
					if text := legend(target.LegendFormat, series.Metric); strings.TrimSpace(text) != text || strings.Contains(text, "//") {
						t.Errorf("%s: the legend %q lacks a label", place, text)
					}
				}
				if (values == 0) != without[place] {
					t.Errorf("%s has %d values", place, values)
				}
			}
		}
	}
}

func TestOlderPickersAreShownToo(t *testing.T) {
	data := &Data{Begin: time.Unix(0, 0).UTC(), Step: time.Minute}
	for _, line := range []string{
		`inference_objective_request_total{namespace="ns",llm_isvc_name="m",model_name="x"} 0+60x10`,
		`llm_d_epp_request_total{namespace="ns",llm_isvc_name="new",model_name="x"} 0+120x10`,
		`inference_objective_request_total{namespace="ns",llm_isvc_name="new",model_name="x"} 0+120x10`,
	} {
		if err := data.Add(line); err != nil {
			t.Fatal(err)
		}
	}
	dashboard, err := load(path("scheduler"))
	if err != nil {
		t.Fatal(err)
	}
	for _, panel := range dashboard.Panels {
		if panel.Title != "Requests per second" || panel.Type != "timeseries" {
			continue
		}
		expr := strings.ReplaceAll(panel.Targets[0].Expr, "$__rate_interval", "5m")
		found, err := data.Instant(substituted("scheduler", expr), data.end)
		if err != nil || len(found) != 2 || found[0].F+found[1].F != 3 {
			t.Errorf("%v, %v", found, err)
		}
		return
	}
	t.Error("no such panel")
}

func TestScrapesArePackedWithoutLoss(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{"0": "# TYPE a gauge\na 1\n", "1": "a 1\nb{c=\"d\"} 2.5\n", "2": "a 1\n", "3": "b{c=\"d\"} 3\n# EOF\n"} {
		if err := os.WriteFile(filepath.Join(folder, name+".txt"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out strings.Builder
	if err := pack(folder, "10", "5", &out); err != nil {
		t.Fatal(err)
	}
	if expected := "# begin 10 step 5\na 1x2 _\nb{c=\"d\"} _ 2.5 _ 3\n"; out.String() != expected {
		t.Errorf("%q", out.String())
	}
}

// The numbers may differ from machine to machine in their last digits; what is drawn may not.
func TestPicturesShowEveryPanel(t *testing.T) {
	for _, name := range names {
		dashboard, err := load(path(name))
		if err != nil {
			t.Fatal(err)
		}
		picture, err := os.ReadFile(filepath.Join(root, "docs/images", "dashboard-"+name+".svg"))
		if err != nil {
			t.Fatal(err)
		}
		for _, panel := range dashboard.Panels {
			if !strings.Contains(string(picture), html.EscapeString(panel.Title)+"</text>") {
				t.Errorf("%s: %s is not in the picture; draw it anew: go run . draw", name, panel.Title)
			}
		}
	}
}
