package main

import (
	"fmt"
	"math"
	"sort"
	"time"

	"github.com/prometheus/prometheus/promql"
)

// curve is a series with its name in the legend.
type curve struct {
	name   string
	points []promql.FPoint
}

func (p *painter) curves(panel Panel) ([]curve, error) {
	var found []curve
	for _, target := range panel.Targets {
		matrix, err := p.data.Range(substituted(p.name, target.Expr), p.from, p.to, p.data.Step)
		if err != nil {
			return nil, err
		}
		first := len(found)
		for _, series := range matrix {
			found = append(found, curve{legend(target.LegendFormat, series.Metric), series.Floats})
		}
		// The same pod has the same colour in every panel.
		sort.SliceStable(found[first:], func(a, b int) bool { return found[first+a].name < found[first+b].name })
	}
	return found, nil
}

func (p *painter) x(b box, t int64) float64 {
	share := float64(t-p.from.UnixMilli()) / float64(p.to.UnixMilli()-p.from.UnixMilli())
	return b.x + share*b.w
}

func (p *painter) timeAxis(b box) {
	for minute := 0; minute <= 13; minute += 3 {
		at := p.from.Add(time.Duration(minute) * time.Minute)
		x := p.x(b, at.UnixMilli())
		p.rule(x, b.y, x, b.y+b.h, `stroke="#eef0f1"`)
		p.text(x, b.y+b.h+14, 10, `text-anchor="middle" fill="#6e7781"`, fmt.Sprintf("%d min", minute))
	}
}

func (p *painter) lines(panel Panel, b box) error {
	curves, err := p.curves(panel)
	if err != nil {
		return err
	}
	custom := panel.FieldConfig.Defaults.Custom
	if custom.Stacking.Mode == "normal" {
		stack(curves)
	}
	rows := p.legend(box{b.x, b.y, b.w, b.h}, curves)
	plot := box{b.x + 58, b.y + 4, b.w - 62, b.h - 30 - float64(rows)*15}
	top := highest(curves, panel)
	p.timeAxis(plot)
	p.valueAxis(plot, top, panel)
	if len(curves) == 0 {
		p.text(plot.x+plot.w/2, plot.y+plot.h/2, 12, `text-anchor="middle" fill="#8c959f"`, "no data")
	}
	y := func(value float64) float64 { return plot.y + plot.h*(1-math.Min(value, top*1.02)/top) }
	if custom.ThresholdsStyle.Mode == "line" {
		if limit := panel.FieldConfig.Defaults.Thresholds.Steps[1].Value; *limit <= top {
			p.rule(plot.x, y(*limit), plot.x+plot.w, y(*limit), `stroke="#c4162a" stroke-dasharray="5 4"`)
		}
	}
	for i := len(curves) - 1; i >= 0; i-- {
		p.curve(plot, curves[i], palette[i%len(palette)], y, custom.Stacking.Mode == "normal")
	}
	return nil
}

func (p *painter) curve(b box, c curve, colour string, y func(float64) float64, filled bool) {
	var points []string
	last := int64(0)
	for _, point := range c.points {
		if math.IsNaN(point.F) {
			continue
		}
		command := "L"
		if point.T-last > 3*p.data.Step.Milliseconds() {
			command = "M"
		}
		points = append(points, fmt.Sprintf("%s%.1f %.1f", command, p.x(b, point.T), y(point.F)))
		last = point.T
	}
	if len(points) == 0 {
		return
	}
	if filled {
		first, end := c.points[0].T, c.points[len(c.points)-1].T
		closed := append(append([]string{}, points...), fmt.Sprintf("L%.1f %.1f L%.1f %.1f Z", p.x(b, end), b.y+b.h, p.x(b, first), b.y+b.h))
		p.path(closed, `fill="#ffffff" stroke="none"`)
		p.path(closed, fmt.Sprintf(`fill="%s" fill-opacity="0.3" stroke="none"`, colour))
	}
	p.path(points, fmt.Sprintf(`fill="none" stroke="%s" stroke-width="1.6"`, colour))
}

// stack adds to each curve those before it, time by time.
func stack(curves []curve) {
	below := map[int64]float64{}
	for _, c := range curves {
		for i, point := range c.points {
			if math.IsNaN(point.F) {
				continue
			}
			below[point.T] += point.F
			c.points[i].F = below[point.T]
		}
	}
}

func highest(curves []curve, panel Panel) float64 {
	if limit := panel.FieldConfig.Defaults.Max; limit != nil {
		return *limit
	}
	top := 0.0
	for _, c := range curves {
		for _, point := range c.points {
			if !math.IsNaN(point.F) {
				top = math.Max(top, point.F)
			}
		}
	}
	if top == 0 {
		return 1
	}
	unit := math.Pow(10, math.Floor(math.Log10(top)))
	if panel.FieldConfig.Defaults.Unit == "bytes" {
		power := math.Pow(1024, math.Floor(math.Log(top)/math.Log(1024)))
		unit = power * math.Pow(10, math.Floor(math.Log10(top/power)))
	}
	for _, step := range []float64{1, 1.5, 2, 3, 4, 5, 8, 10, 15} {
		if top*1.05 <= step*unit {
			return step * unit
		}
	}
	return top * 1.2
}

func (p *painter) valueAxis(b box, top float64, panel Panel) {
	const parts = 4
	var decimals *int
	if panel.FieldConfig.Defaults.Unit == "percentunit" && top < 0.2 {
		decimals = new(int)
		*decimals = 1 + int(math.Max(0, math.Floor(-math.Log10(top)-1)))
	}
	for i := 0; i <= parts; i++ {
		value := top * float64(i) / parts
		y := b.y + b.h*(1-float64(i)/parts)
		p.rule(b.x, y, b.x+b.w, y, `stroke="#e3e6e8"`)
		p.text(b.x-6, y+4, 10, `text-anchor="end" fill="#6e7781"`, formatted(value, panel.FieldConfig.Defaults.Unit, decimals))
	}
}
