package main

import (
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
)

// Sizes in pixels.
const (
	column  = 60
	line    = 30
	gap     = 8
	margin  = 16
	charage = 6.5 // width of a letter at 11 px
)

// palette are the colours of lines, easy to tell apart.
var palette = []string{"#3274d9", "#e0752d", "#56a64b", "#8f3bb8", "#e02f44", "#16a3b0", "#b58900", "#7c7c7c", "#d683ce", "#5b4636"}

var named = map[string]string{"green": "#37872d", "red": "#c4162a", "orange": "#fa9b3c"}

// canvas collects the elements of a picture.
type canvas struct{ strings.Builder }

func (c *canvas) rect(x, y, w, h float64, style string) {
	fmt.Fprintf(c, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" %s/>`+"\n", x, y, w, h, style)
}

func (c *canvas) text(x, y float64, size int, style, text string) {
	fmt.Fprintf(c, `<text x="%.1f" y="%.1f" font-size="%d" %s>%s</text>`+"\n", x, y, size, style, html.EscapeString(text))
}

func (c *canvas) rule(x1, y1, x2, y2 float64, style string) {
	fmt.Fprintf(c, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" %s/>`+"\n", x1, y1, x2, y2, style)
}

func (c *canvas) path(points []string, style string) {
	fmt.Fprintf(c, `<path d="%s" %s/>`+"\n", strings.Join(points, " "), style)
}

// document wraps what was drawn.
func (c *canvas) document(width, height float64, title string) string {
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" font-family="Helvetica, Arial, sans-serif" fill="#24292e">
<title>%s</title>
<rect width="%.0f" height="%.0f" fill="#f4f5f5"/>
%s</svg>
`, width, height, html.EscapeString(title), width, height, c.String())
}

// shortened cuts a text to a width.
func shortened(text string, width float64, size int) string {
	letters := []rune(text)
	room := int(width / (charage * float64(size) / 11))
	if len(letters) <= room || room < 2 {
		return text
	}
	return string(letters[:room-1]) + "…"
}

// formatted writes a value in a unit of Grafana.
func formatted(value float64, unit string, decimals *int) string {
	if decimals == nil {
		decimals = new(int)
		*decimals = -1
	}
	switch unit {
	case "percentunit":
		return number(value*100, max(*decimals, 0)) + " %"
	case "s":
		return seconds(value)
	case "bytes":
		return scaled(value, 1024, []string{"B", "KiB", "MiB", "GiB"})
	case "reqps":
		return number(value, *decimals) + " req/s"
	case "ops":
		return number(value, *decimals) + " /s"
	}
	if math.Abs(value) >= 10000 {
		return scaled(value, 1000, []string{"", "k", "M", "G"})
	}
	return number(value, *decimals)
}

func number(value float64, decimals int) string {
	if decimals >= 0 {
		return fmt.Sprintf("%.*f", decimals, value)
	}
	return strconv.FormatFloat(math.Round(value*1000)/1000, 'f', -1, 64)
}

func scaled(value, base float64, units []string) string {
	index := 0
	for math.Abs(value) >= base && index < len(units)-1 {
		value /= base
		index++
	}
	return strings.TrimSpace(fmt.Sprintf("%.3g %s", value, units[index]))
}

func seconds(value float64) string {
	switch {
	case value == 0:
		return "0 s"
	case math.Abs(value) < 0.001:
		return fmt.Sprintf("%.3g µs", value*1e6)
	case math.Abs(value) < 1:
		return fmt.Sprintf("%.3g ms", value*1000)
	case math.Abs(value) < 120:
		return fmt.Sprintf("%.3g s", value)
	case math.Abs(value) < 7200:
		return fmt.Sprintf("%.3g min", value/60)
	case math.Abs(value) < 2*86400:
		return fmt.Sprintf("%.3g h", value/3600)
	}
	if value > 2*365*86400 {
		return fmt.Sprintf("%.3g years", value/365/86400)
	}
	return fmt.Sprintf("%.3g days", value/86400)
}
