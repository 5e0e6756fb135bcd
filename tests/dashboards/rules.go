package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/template"
	"sigs.k8s.io/yaml"
)

// rules reads a PrometheusRule; Prometheus' own checks are those of `promtool check rules`.
func rules(path string) ([]rulefmt.Rule, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var object struct{ Spec map[string]any }
	if err := yaml.Unmarshal(text, &object); err != nil {
		return nil, err
	}
	spec, err := yaml.Marshal(object.Spec)
	if err != nil {
		return nil, err
	}
	groups, faults := rulefmt.Parse(spec, false, model.UTF8Validation)
	if len(faults) > 0 {
		return nil, fmt.Errorf("%s: %v", path, faults)
	}
	var found []rulefmt.Rule
	for _, group := range groups.Groups {
		found = append(found, group.Rules...)
	}
	return found, nil
}

// fired is an alert with its texts as a reader gets them.
type fired struct {
	Labels  map[string]string
	Summary string
}

// firing evaluates an alert minute by minute; what has been there for its `for` fires.
func firing(data *Data, rule rulefmt.Rule, at time.Time) ([]fired, error) {
	since := map[string]time.Time{}
	var now promql.Vector
	for when := data.Begin; !when.After(at); when = when.Add(time.Minute) {
		found, err := data.Instant(rule.Expr, when)
		if err != nil {
			return nil, err
		}
		active := map[string]time.Time{}
		for _, sample := range found {
			key := sample.Metric.String()
			active[key] = when
			if before, ok := since[key]; ok {
				active[key] = before
			}
		}
		since, now = active, found
	}
	var alerts []fired
	for _, sample := range now {
		if at.Sub(since[sample.Metric.String()]) < time.Duration(rule.For) {
			continue
		}
		summary, err := expanded(rule.Annotations["summary"], sample)
		if err != nil {
			return nil, err
		}
		if _, err := expanded(rule.Annotations["description"], sample); err != nil {
			return nil, err
		}
		alerts = append(alerts, fired{sample.Metric.DropReserved(func(name string) bool { return strings.HasPrefix(name, "__") }).Map(), summary})
	}
	return alerts, nil
}

func expanded(text string, sample promql.Sample) (string, error) {
	head := "{{$labels := .Labels}}{{$value := .Value}}"
	values := template.AlertTemplateData(sample.Metric.Map(), nil, "", sample)
	expander := template.NewTemplateExpander(context.Background(), head+text, "alert", values, model.TimeFromUnix(0), nil, nil, []string{"missingkey=error"})
	return expander.Expand()
}
