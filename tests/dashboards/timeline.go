package main

import (
	"fmt"
	"sort"
	"strconv"

	"github.com/prometheus/prometheus/promql"
)

// legend writes names below a panel, in as many lines as they need, at most three; the result is that number.
func (p *painter) legend(b box, curves []curve) int {
	type entry struct {
		x    float64
		row  int
		i    int
		text string
	}
	var entries []entry
	x, row := 0.0, 0
	for i, c := range curves {
		text := shortened(c.name, b.w-24, 11)
		width := float64(len([]rune(text)))*charage + 26
		if x > 0 && x+width > b.w {
			x, row = 0, row+1
		}
		if row == 3 {
			entries[len(entries)-1].text = fmt.Sprintf("and %d more", len(curves)-i+1)
			break
		}
		entries = append(entries, entry{x, row, i, text})
		x += width
	}
	rows := min(row+1, 3)
	for _, e := range entries {
		y := b.y + b.h - float64(rows-1-e.row)*15
		p.rect(b.x+e.x, y-7, 12, 4, fmt.Sprintf(`fill="%s"`, palette[e.i%len(palette)]))
		p.text(b.x+e.x+16, y, 11, "", e.text)
	}
	return rows
}

func (p *painter) states(panel Panel, b box) error {
	curves, err := p.curves(panel)
	if err != nil {
		return err
	}
	sort.Slice(curves, func(a, b int) bool { return curves[a].name < curves[b].name })
	plot := box{b.x + 170, b.y, b.w - 174, b.h - 18}
	p.timeAxis(plot)
	height := plot.h / float64(len(curves))
	for row, c := range curves {
		y := plot.y + float64(row)*height
		p.text(plot.x-8, y+height/2+4, 11, `text-anchor="end"`, c.name)
		for i := 0; i < len(c.points); {
			j := i
			for j+1 < len(c.points) && c.points[j+1].F == c.points[i].F {
				j++
			}
			p.state(panel, plot, y, height, c.points[i], c.points[min(j+1, len(c.points)-1)].T)
			i = j + 1
		}
	}
	return nil
}

func (p *painter) state(panel Panel, b box, y, height float64, from promql.FPoint, to int64) {
	plain := strconv.FormatFloat(from.F, 'g', -1, 64)
	text, _ := panel.mapped(plain)
	x, end := p.x(b, from.T), p.x(b, to)
	p.rect(x, y+2, end-x, height-4, fmt.Sprintf(`fill="%s" fill-opacity="0.75"`, named[panel.colour(from.F, plain)]))
	if end-x > float64(len(text))*charage+8 {
		p.text(x+6, y+height/2+4, 11, `fill="#ffffff" font-weight="bold"`, text)
	}
}
