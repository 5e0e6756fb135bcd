package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/prometheus/prometheus/promql"
)

// painter draws a dashboard from data.
type painter struct {
	canvas
	data     *Data
	name     string
	from, to time.Time
}

// box is where a panel's content goes.
type box struct{ x, y, w, h float64 }

func (p *painter) dashboard(d *Dashboard) (string, error) {
	bottom := 0
	p.text(margin, 28, 20, `font-weight="bold"`, d.Title)
	p.text(margin+24*column, 28, 12, `text-anchor="end" fill="#6e7781"`, "operator: recorded; model servers and pickers: made up")
	for _, panel := range d.Panels {
		bottom = max(bottom, panel.GridPos.Y+panel.GridPos.H)
		if err := p.panel(panel); err != nil {
			return "", fmt.Errorf("%s: %w", panel.Title, err)
		}
	}
	return p.document(24*column+2*margin, float64(bottom*line+40+margin), d.Title), nil
}

func (p *painter) panel(panel Panel) error {
	g := panel.GridPos
	b := box{float64(margin + g.X*column), float64(40 + g.Y*line), float64(g.W*column - gap), float64(g.H*line - gap)}
	if panel.Type == "row" {
		p.text(b.x, b.y+18, 15, `font-weight="bold" fill="#57606a"`, panel.Title)
		return nil
	}
	p.rect(b.x, b.y, b.w, b.h, `fill="#ffffff" stroke="#d8dbde" rx="3"`)
	p.text(b.x+10, b.y+19, 13, `font-weight="bold"`, shortened(panel.Title, b.w-12, 13))
	inner := box{b.x + 10, b.y + 30, b.w - 20, b.h - 38}
	switch panel.Type {
	case "stat":
		return p.stat(panel, inner)
	case "table":
		return p.table(panel, inner)
	case "state-timeline":
		return p.states(panel, inner)
	}
	return p.lines(panel, inner)
}

func (p *painter) stat(panel Panel, b box) error {
	target := panel.Targets[0]
	found, err := p.data.Instant(substituted(p.name, target.Expr), p.to)
	if err != nil {
		return err
	}
	text, colour := panel.FieldConfig.Defaults.NoValue, ""
	if len(found) > 0 {
		value := found[0].F
		colour = named[panel.colour(value, strconv.FormatFloat(value, 'g', -1, 64))]
		text = formatted(value, panel.FieldConfig.Defaults.Unit, panel.FieldConfig.Defaults.Decimals)
		if mapped, ok := panel.mapped(strconv.FormatFloat(value, 'g', -1, 64)); ok {
			text = mapped
		}
		if panel.Options.TextMode == "name" {
			text = legend(target.LegendFormat, found[0].Metric)
		}
	}
	p.text(b.x+b.w/2, b.y+b.h/2+14, 34, fmt.Sprintf(`text-anchor="middle" fill="%s"`, colour), text)
	return nil
}

func (p *painter) table(panel Panel, b box) error {
	found, err := p.data.Instant(substituted(p.name, panel.Targets[0].Expr), p.to)
	if err != nil {
		return err
	}
	columns := panel.columns()
	at, width := spread(columns, found, b)
	for i, column := range columns {
		p.text(at[i], b.y+12, 11, `fill="#3274d9" font-weight="bold"`, column[1])
	}
	for row, sample := range found {
		y := b.y + 32 + float64(row)*20
		if y > b.y+b.h {
			break
		}
		p.rule(b.x, y-14, b.x+b.w, y-14, `stroke="#e8eaec"`)
		for i, column := range columns {
			text, style := sample.Metric.Get(column[0]), ""
			if column[0] == "" {
				plain := strconv.FormatFloat(sample.F, 'g', -1, 64)
				text = formatted(sample.F, panel.FieldConfig.Defaults.Unit, nil)
				if mapped, ok := panel.mapped(plain); ok {
					text, style = mapped, fmt.Sprintf(`font-weight="bold" fill="%s"`, named[panel.colour(sample.F, plain)])
				}
			}
			p.text(at[i], y, 11, style, shortened(text, width[i], 11))
		}
	}
	return nil
}

// spread gives columns of a table their places, by the longest text in each.
func spread(columns [][2]string, rows promql.Vector, b box) (at, width []float64) {
	sum := 0.0
	for _, column := range columns {
		longest := max(len(column[1]), 8)
		for _, row := range rows {
			longest = max(longest, len(row.Metric.Get(column[0])))
		}
		width = append(width, float64(longest)+2)
		sum += float64(longest) + 2
	}
	x := b.x
	for i := range width {
		width[i] *= b.w / sum
		at = append(at, x)
		x += width[i]
	}
	return at, width
}
