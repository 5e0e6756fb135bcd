package main

import (
	"bufio"
	"context"
	"fmt"
	"math"
	"os"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	stale "github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
)

// sample is a value at a time, as the storage of Prometheus wants it.
type sample struct {
	t int64
	f float64
}

func (s sample) T() int64                      { return s.t }
func (s sample) ST() int64                     { return 0 }
func (s sample) F() float64                    { return s.f }
func (s sample) H() *histogram.Histogram       { return nil }
func (s sample) FH() *histogram.FloatHistogram { return nil }
func (s sample) Type() chunkenc.ValueType      { return chunkenc.ValFloat }
func (s sample) Copy() chunks.Sample           { return s }

// Data holds series in memory, all scraped at the same times.
type Data struct {
	Begin  time.Time
	Step   time.Duration
	series []storage.Series
	end    time.Time
}

// Add takes a series in promtool's notation, `name{label="value"} 1 2x5 _`.
func (d *Data) Add(line string, target ...string) error {
	lset, values, err := parser.ParseSeriesDesc(line)
	if err != nil {
		return fmt.Errorf("%s: %w", line, err)
	}
	builder := labels.NewBuilder(lset)
	for i := 0; i+1 < len(target); i += 2 {
		if lset.Get(target[i]) == "" {
			builder.Set(target[i], target[i+1])
		}
	}
	var samples []chunks.Sample
	present := false
	for i, value := range values {
		at := d.Begin.Add(time.Duration(i) * d.Step)
		if at.After(d.end) {
			d.end = at
		}
		switch {
		case !value.Omitted:
			samples = append(samples, sample{at.UnixMilli(), value.Value})
		case present:
			// As a scrape marks a series that is gone.
			samples = append(samples, sample{at.UnixMilli(), math.Float64frombits(stale.StaleNaN)})
		}
		present = !value.Omitted
	}
	d.series = append(d.series, storage.NewListSeries(builder.Labels(), samples))
	return nil
}

// Recorded reads what pack has written. The labels of the target are added, as a monitor with honorLabels does.
func Recorded(path string) (*Data, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var begin int64
	var step int
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	data := &Data{}
	for lines.Scan() {
		line := lines.Text()
		if n, _ := fmt.Sscanf(line, "# begin %d step %d", &begin, &step); n == 2 {
			data.Begin, data.Step = time.Unix(begin, 0).UTC(), time.Duration(step)*time.Second
		}
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := data.Add(line, "namespace", "kserve", "pod", "llmisvc-controller-manager-7d9c", "job", "llmisvc"); err != nil {
			return nil, err
		}
	}
	return data, lines.Err()
}

// Querier gives the series that match.
func (d *Data) Querier(_, _ int64) (storage.Querier, error) {
	return &storage.MockQuerier{SelectMockFunction: func(_ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
		return &set{found: d.matching(matchers), at: -1}
	}}, nil
}

func (d *Data) matching(matchers []*labels.Matcher) []storage.Series {
	var found []storage.Series
next:
	for _, series := range d.series {
		for _, matcher := range matchers {
			if !matcher.Matches(series.Labels().Get(matcher.Name)) {
				continue next
			}
		}
		found = append(found, series)
	}
	return found
}

type set struct {
	found []storage.Series
	at    int
}

func (s *set) Next() bool         { s.at++; return s.at < len(s.found) }
func (s *set) At() storage.Series { return s.found[s.at] }
func (s *set) Err() error         { return nil }

// Warnings are never there.
func (s *set) Warnings() annotations.Annotations { return nil }

var engine = promql.NewEngine(promql.EngineOpts{
	MaxSamples: 50_000_000, Timeout: time.Minute, LookbackDelta: 5 * time.Minute,
	EnableAtModifier: true, EnableNegativeOffset: true,
})

// Range evaluates an expression over a span of time.
func (d *Data) Range(expr string, from, to time.Time, step time.Duration) (promql.Matrix, error) {
	query, err := engine.NewRangeQuery(context.Background(), d, nil, expr, from, to, step)
	if err != nil {
		return nil, err
	}
	return query.Exec(context.Background()).Matrix()
}

// Instant evaluates an expression at one time; a scalar is a vector of one.
func (d *Data) Instant(expr string, at time.Time) (promql.Vector, error) {
	query, err := engine.NewInstantQuery(context.Background(), d, nil, expr, at)
	if err != nil {
		return nil, err
	}
	result := query.Exec(context.Background())
	if scalar, err := result.Scalar(); err == nil {
		return promql.Vector{{T: scalar.T, F: scalar.V}}, nil
	}
	return result.Vector()
}
