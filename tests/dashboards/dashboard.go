package main

import (
	"encoding/json"
	"os"
	"regexp"
	"sort"
	"strings"

	"github.com/prometheus/prometheus/model/labels"
)

// Dashboard is what we need of Grafana's JSON.
type Dashboard struct {
	Title  string
	Panels []Panel
}

// Panel is one panel or row.
type Panel struct {
	Title, Type string
	GridPos     struct{ X, Y, W, H int }
	FieldConfig struct {
		Defaults struct {
			Unit       string
			Decimals   *int
			Max        *float64
			NoValue    string
			Mappings   []Mapping
			Thresholds struct{ Steps []Step }
			Custom     struct {
				Stacking        struct{ Mode string }
				ThresholdsStyle struct{ Mode string }
			}
		}
	}
	Options struct{ TextMode string }
	Targets []struct{ Expr, LegendFormat string }

	Transformations []struct {
		Options struct {
			IndexByName  map[string]int
			RenameByName map[string]string
		}
	}
}

// Mapping gives a value a text and a colour.
type Mapping struct {
	Options map[string]struct{ Text, Color string }
}

// Step is a threshold; the first has no value.
type Step struct {
	Color string
	Value *float64
}

func load(path string) (*Dashboard, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	dashboard := &Dashboard{}
	return dashboard, json.Unmarshal(text, dashboard)
}

// chosen are the values of the variables in pictures and tests.
var chosen = map[string]map[string]string{
	"service": {"$namespace": "demo", "$service": "llama-70b", "$model_name": ".*"},
}

func substituted(name, expr string) string {
	expr = strings.NewReplacer("$__rate_interval", "1m", "$__range", "15m").Replace(expr)
	for _, variable := range []string{"$namespace", "$service", "$model_name"} {
		value, ok := chosen[name][variable]
		if !ok {
			value = ".*"
		}
		expr = strings.ReplaceAll(expr, variable, value)
	}
	return expr
}

var placeholder = regexp.MustCompile(`\{\{\s*(\w+)\s*\}\}`)

// legend fills the labels of a series into a format.
func legend(format string, lset labels.Labels) string {
	return placeholder.ReplaceAllStringFunc(format, func(found string) string {
		return lset.Get(placeholder.FindStringSubmatch(found)[1])
	})
}

// columns of a table, in order: label and title.
func (p Panel) columns() [][2]string {
	var found [][2]string
	for _, transformation := range p.Transformations {
		order := transformation.Options.IndexByName
		for name := range order {
			found = append(found, [2]string{name, transformation.Options.RenameByName[name]})
		}
		sort.Slice(found, func(a, b int) bool { return order[found[a][0]] < order[found[b][0]] })
		found = append(found, [2]string{"", transformation.Options.RenameByName["Value"]})
	}
	return found
}

// colour of a value by mappings, else by thresholds.
func (p Panel) colour(value float64, text string) string {
	for _, mapping := range p.FieldConfig.Defaults.Mappings {
		if found, ok := mapping.Options[text]; ok {
			return found.Color
		}
	}
	colour := ""
	for _, step := range p.FieldConfig.Defaults.Thresholds.Steps {
		if step.Value == nil || value >= *step.Value {
			colour = step.Color
		}
	}
	return colour
}

func (p Panel) mapped(text string) (string, bool) {
	for _, mapping := range p.FieldConfig.Defaults.Mappings {
		if found, ok := mapping.Options[text]; ok {
			return found.Text, true
		}
	}
	return "", false
}
