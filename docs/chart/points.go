package main

import (
	"image/color"
	"slices"

	"golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// points draws the detectors into a plot.
type points struct {
	all  []summary
	x, y axis
}

// Plot draws them, ours on top; points is a [plot.Plotter].
func (ps points) Plot(c draw.Canvas, p *plot.Plot) {
	ps.gaps(c, p)
	spots := ps.spots(c, p)
	labels := ps.labels(c, spots)
	for i, s := range slices.Backward(ps.all) {
		whisker(c, spots[i], s)
		lead(c, labels[i])
	}
	for i, s := range slices.Backward(ps.all) {
		c.DrawGlyph(draw.GlyphStyle{Color: color.White, Radius: radius + 1.5, Shape: draw.CircleGlyph{}}, spots[i].at)
		c.DrawGlyph(draw.GlyphStyle{Color: tint(s), Radius: radius, Shape: draw.CircleGlyph{}}, spots[i].at)
		name(c, labels[i], s)
	}
}

// gaps draws a line between the numbers of an axis and its place beyond them.
func (ps points) gaps(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	dashed := draw.LineStyle{Color: grey, Width: 1, Dashes: []vg.Length{3, 4}}
	if ps.x.name != "" {
		at := x(ps.x.gap())
		c.StrokeLine2(dashed, at, c.Min.Y, at, c.Max.Y)
	}
	if ps.y.name != "" {
		at := y(ps.y.gap())
		c.StrokeLine2(dashed, c.Min.X, at, c.Max.X, at)
	}
}

// spot is where a detector is in the picture: its point, and the end of the
// whisker above it.
type spot struct {
	at  vg.Point
	top vg.Length
}

// spots are those of all detectors.
func (ps points) spots(c draw.Canvas, p *plot.Plot) (spots []spot) {
	x, y := p.Transforms(&c)
	for _, s := range ps.all {
		at := vg.Point{X: x(ps.x.at(s.rate)), Y: y(ps.y.at(s.median))}
		top := at.Y
		if !s.never() {
			top = max(top, y(ps.y.at(s.worst)))
		}
		spots = append(spots, spot{at, top})
	}
	return spots
}

// labels finds room for the names beside the points.
func (ps points) labels(c draw.Canvas, spots []spot) []label {
	var at, sizes []vg.Point
	var taken []vg.Rectangle
	for i, s := range ps.all {
		at, sizes = append(at, spots[i].at), append(sizes, size(s))
		taken = append(taken, spots[i].boxes()...)
	}
	return place(at, sizes, taken, grown(c.Rectangle, -2))
}

// boxes are what the point and its whisker cover.
func (s spot) boxes() []vg.Rectangle {
	point := vg.Rectangle{Min: s.at, Max: s.at}
	line := vg.Rectangle{Min: s.at, Max: vg.Point{X: s.at.X, Y: s.top}}
	return []vg.Rectangle{grown(point, radius+2), grown(line, 5)}
}

// whisker draws the line from the median to the worst.
func whisker(c draw.Canvas, s spot, of summary) {
	if s.top-s.at.Y < radius {
		return
	}
	line := draw.LineStyle{Color: tint(of), Width: 1.75}
	c.StrokeLine2(line, s.at.X, s.at.Y, s.at.X, s.top)
	c.StrokeLine2(line, s.at.X-5, s.top, s.at.X+5, s.top)
}

// lead draws a line to a label that is far from its point.
func lead(c draw.Canvas, l label) {
	if l.far() {
		to := l.nearest()
		c.StrokeLine2(draw.LineStyle{Color: grey, Width: 0.75}, l.at.X, l.at.Y, to.X, to.Y)
	}
}

// tint is the colour of a detector.
func tint(s summary) color.Color {
	switch {
	case s.detector == ours:
		return strong
	case isOurs(s.detector):
		return pale
	}
	return grey
}

// nameStyle is that of a detector's name.
func nameStyle(s summary) text.Style {
	if s.detector == ours {
		return style(15, font.WeightBold, strong)
	}
	return style(14, font.WeightNormal, ink)
}

// noteStyle is that of what stands below the name.
func noteStyle() text.Style { return style(12, font.WeightNormal, soft) }

// leading is the distance of the note's baseline from that of the name.
const leading = 15

// size is that of a detector's label.
func size(s summary) vg.Point {
	name := nameStyle(s).Rectangle(s.detector).Size()
	if s.note() == "" {
		return name
	}
	return vg.Point{X: max(name.X, noteStyle().Width(s.note())), Y: name.Y + leading}
}

// name writes a detector's label, on white, for lines may run below.
func name(c draw.Canvas, l label, s summary) {
	c.SetColor(color.White)
	c.Fill(grown(l.box, 1).Path())
	sty := nameStyle(s)
	baseline := l.box.Max.Y - sty.FontExtents().Ascent
	c.FillText(sty, vg.Point{X: l.box.Min.X, Y: baseline}, s.detector)
	if s.note() != "" {
		c.FillText(noteStyle(), vg.Point{X: l.box.Min.X, Y: baseline - leading}, s.note())
	}
}
