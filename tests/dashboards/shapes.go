package main

import (
	"fmt"
	"math"
	"strings"
)

// Buckets of histograms.
var (
	quick   = []float64{0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1}
	fine    = []float64{0.001, 0.0025, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.04, 0.06, 0.08, 0.1, 0.15, 0.25, 0.5, 0.75, 1, 2.5, 5, 10}
	coarse  = []float64{0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 60, 120}
	lengths = []float64{1, 10, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000}
	sizes   = []float64{1e6, 1e7, 5e7, 1e8, 2.5e8, 5e8, 1e9, 2.5e9}
)

// gauge adds a series of these values.
func (m *maker) gauge(name, labels string, values []float64) {
	var line strings.Builder
	fmt.Fprintf(&line, "%s{%s}", name, labels)
	for _, value := range values {
		fmt.Fprintf(&line, " %.6g", value)
	}
	if err := m.data.Add(line.String()); err != nil && m.err == nil {
		m.err = err
	}
}

// counter adds a series that grows by these rates per second.
func (m *maker) counter(name, labels string, rates []float64) {
	sum, values := 0.0, make([]float64, len(rates))
	for i, rate := range rates {
		values[i] = sum
		sum += rate * m.data.Step.Seconds()
	}
	var line strings.Builder
	fmt.Fprintf(&line, "%s{%s}", name, labels)
	for _, value := range values {
		fmt.Fprintf(&line, " %.3f", value)
	}
	if err := m.data.Add(line.String()); err != nil && m.err == nil {
		m.err = err
	}
}

// histogram adds observations at these rates, log-normal around these medians.
func (m *maker) histogram(name, labels string, rates, medians []float64, sigma float64, buckets []float64) {
	for _, le := range append(append([]float64{}, buckets...), math.Inf(1)) {
		below := make([]float64, len(rates))
		for i, rate := range rates {
			below[i] = rate
			if !math.IsInf(le, 1) {
				below[i] *= 0.5 * math.Erfc(-(math.Log(le)-math.Log(medians[i]))/(sigma*math.Sqrt2))
			}
		}
		text := fmt.Sprint(le)
		if math.IsInf(le, 1) {
			text = "+Inf"
		}
		m.counter(name+"_bucket", labels+`,le="`+text+`"`, below)
	}
	sums := make([]float64, len(rates))
	for i, rate := range rates {
		sums[i] = rate * medians[i] * math.Exp(sigma*sigma/2)
	}
	m.counter(name+"_sum", labels, sums)
	m.counter(name+"_count", labels, rates)
}

func (m *maker) noisy(values []float64, share float64) []float64 {
	noisy := make([]float64, len(values))
	for i, value := range values {
		noisy[i] = value * math.Max(0.05, 1+share*m.random.NormFloat64())
	}
	return noisy
}

func each(values []float64, change func(float64) float64) []float64 {
	changed := make([]float64, len(values))
	for i, value := range values {
		changed[i] = change(value)
	}
	return changed
}

func times(values []float64, factor float64) []float64 {
	return each(values, func(value float64) float64 { return value * factor })
}

func plus(values []float64, more float64) []float64 {
	return each(values, func(value float64) float64 { return value + more })
}

func round(values []float64) []float64 { return each(values, math.Round) }

func constant(n int, value float64) []float64 { return plus(make([]float64, n), value) }

func ones(n int) []float64 { return constant(n, 1) }

// burst is nothing but between two shares of the time.
func burst(n int, from, to, value float64) []float64 {
	values := make([]float64, n)
	for i := range values {
		if x := float64(i) / float64(n); x > from && x < to {
			values[i] = value
		}
	}
	return values
}
