package main

import (
	"bytes"
	"fmt"
	"image/color"
	"strings"

	"golang.org/x/image/font"
	"gonum.org/v1/plot"
	plotfont "gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// The picture, in pixels.
const (
	width, height = 900, 560
	margin        = 24
)

var (
	ink    = color.RGBA{0x1f, 0x23, 0x28, 0xff}
	soft   = color.RGBA{0x59, 0x63, 0x6e, 0xff}
	faint  = color.RGBA{0xdd, 0xe2, 0xe7, 0xff}
	grey   = color.RGBA{0x8c, 0x95, 0x9f, 0xff}
	strong = color.RGBA{0x09, 0x69, 0xda, 0xff}
	pale   = color.RGBA{0x6c, 0xa8, 0xec, 0xff}
)

// picture draws what was measured as an SVG: one point for each detector.
func picture(m *measurements) ([]byte, error) {
	all, err := summaries(m)
	if err != nil {
		return nil, err
	}
	svg := vgsvg.New(width, height)
	canvas := draw.New(svg)
	canvas.SetColor(color.White)
	canvas.Fill(canvas.Rectangle.Path())
	heading(canvas)
	bottom := footnote(canvas, all)
	newPlot(all).Draw(draw.Crop(canvas, margin, -margin, bottom, -84))
	var b bytes.Buffer
	if _, err := svg.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("cannot draw the picture: %w", err)
	}
	return finish(b.Bytes()), nil
}

// finish makes the picture one for the web: sizes are in pixels, and where there
// is no Liberation Sans, what has the same metrics will do.
func finish(svg []byte) []byte {
	return []byte(strings.NewReplacer(
		fmt.Sprintf(`width="%dpt" height="%dpt"`, width, height),
		fmt.Sprintf(`width="%d" height="%d" role="img" aria-label="%s"`, width, height, title),
		"font-family:Liberation Sans", "font-family:'Liberation Sans',Arial,Helvetica,sans-serif",
	).Replace(string(svg)))
}

const (
	title    = "How soon a dead link is found, and how often a healthy one is called dead"
	subtitle = "Further down is sooner, further left is fewer false alarms."
)

// heading writes the title.
func heading(c draw.Canvas) {
	c.FillText(style(19, font.WeightBold, ink), vg.Point{X: margin, Y: height - 38}, title)
	c.FillText(style(14, font.WeightNormal, soft), vg.Point{X: margin, Y: height - 62}, subtitle)
}

// footnote says what 0 means, if any detector has it and the benchmark tells the
// hours; it gives the room that it takes.
func footnote(c draw.Canvas, all []summary) vg.Length {
	hours := 0.0
	for _, s := range all {
		if s.rate == 0 && (hours == 0 || s.hours < hours) {
			hours = s.hours
		}
	}
	if hours == 0 {
		return margin - 6
	}
	c.FillText(style(12, font.WeightNormal, soft), vg.Point{X: margin, Y: 16}, fmt.Sprintf(
		"0: none in %s h of healthy link, so fewer than %s per 100 h (95 %% confidence).", number(hours), number(belowPer100h(hours))))
	return margin + 20
}

// newPlot is the part of the picture with axes.
func newPlot(all []summary) *plot.Plot {
	x, y := rateAxis(all), timeAxis(all)
	p := plot.New()
	p.BackgroundColor = color.White
	p.X.Min, p.X.Max = x.ends()
	p.Y.Min, p.Y.Max = y.ends()
	p.X.Label.Text = fmt.Sprintf("False alarms per 100 hours of healthy link (mean of %s)", situations(all))
	p.Y.Label.Text = "Seconds until a dead link is found (median, line to the worst)"
	dress(&p.X, x)
	dress(&p.Y, y)
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = faint, faint
	p.Add(grid, points{all, x, y})
	return p
}

// situations says how many families the mean is of.
func situations(all []summary) string {
	n := all[0].families
	for _, s := range all {
		if s.families != n {
			return "the situations measured"
		}
	}
	if n == 1 {
		return "one situation"
	}
	return fmt.Sprintf("%d situations", n)
}

// dress gives an axis its looks and numbers.
func dress(a *plot.Axis, numbers plot.Ticker) {
	a.Padding = 0
	a.Color, a.Width = grey, 1
	a.Label.TextStyle = styled(a.Label.TextStyle, style(14, font.WeightNormal, ink))
	a.Label.Padding = 8
	a.Tick.Label = styled(a.Tick.Label, style(13, font.WeightNormal, soft))
	a.Tick.Color, a.Tick.Width, a.Tick.Length = grey, 1, 6
	a.Tick.Marker = numbers
}

// style is that of a text.
func style(size vg.Length, weight font.Weight, c color.Color) text.Style {
	return text.Style{
		Color:   c,
		Font:    plotfont.Font{Typeface: "Liberation", Variant: "Sans", Weight: weight, Size: size},
		Handler: plot.DefaultTextHandler,
	}
}

// styled is a style with the font and the colour of another.
func styled(s, like text.Style) text.Style {
	s.Font, s.Color = like.Font, like.Color
	return s
}
