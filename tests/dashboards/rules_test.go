package main

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/rulefmt"
	"sigs.k8s.io/yaml"
)

// story is what is scraped each minute, and what fires then; a subset of promtool's format for tests of rules.
type story struct {
	Name   string
	Series []struct{ Series, Values string }
	Alerts []struct {
		Minute int
		Alert  string
		Labels []map[string]string
	}
}

func all(t *testing.T) map[string]rulefmt.Rule {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "config/monitoring/rules/*.yaml"))
	if err != nil || len(files) != 3 {
		t.Fatalf("%v: %v", files, err)
	}
	found := map[string]rulefmt.Rule{}
	for _, file := range files {
		of, err := rules(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, rule := range of {
			found[rule.Alert] = rule
		}
	}
	return found
}

func stories(t *testing.T) []story {
	t.Helper()
	text, err := os.ReadFile("testdata/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var found []story
	if err := yaml.UnmarshalStrict(text, &found); err != nil {
		t.Fatal(err)
	}
	return found
}

func TestAlertsFireWhenTheyShould(t *testing.T) {
	known := all(t)
	told := map[string]bool{}
	for _, story := range stories(t) {
		t.Run(story.Name, func(t *testing.T) {
			data := &Data{Begin: time.Unix(0, 0).UTC(), Step: time.Minute}
			for _, series := range story.Series {
				if err := data.Add(series.Series + " " + series.Values); err != nil {
					t.Fatal(err)
				}
			}
			for _, expected := range story.Alerts {
				rule, ok := known[expected.Alert]
				if !ok {
					t.Fatalf("there is no alert %s", expected.Alert)
				}
				found, err := firing(data, rule, data.Begin.Add(time.Duration(expected.Minute)*time.Minute))
				if err != nil {
					t.Fatal(err)
				}
				var labels []map[string]string
				for _, alert := range found {
					labels = append(labels, alert.Labels)
					told[expected.Alert] = true
				}
				if fmt.Sprint(labels) != fmt.Sprint(expected.Labels) {
					t.Errorf("%s at minute %d: %v, not %v", expected.Alert, expected.Minute, labels, expected.Labels)
				}
			}
		})
	}
	for name := range known {
		if !told[name] {
			t.Errorf("no story in which %s fires", name)
		}
	}
}

func TestTextsNameTheService(t *testing.T) {
	data := &Data{Begin: time.Unix(0, 0).UTC(), Step: time.Minute}
	if err := data.Add(`llmisvc_condition{namespace="ns",name="m",condition="Ready"} 0x60`); err != nil {
		t.Fatal(err)
	}
	found, err := firing(data, all(t)["LLMInferenceServiceNotReady"], data.end)
	expected := []fired{{map[string]string{"namespace": "ns", "name": "m", "condition": "Ready"}, "ns/m is not Ready"}}
	if err != nil || !reflect.DeepEqual(found, expected) {
		t.Errorf("%v, %v", found, err)
	}
}
