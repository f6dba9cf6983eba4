package main

import (
	"math"

	"gonum.org/v1/plot/vg"
)

// Distances around a point, in pixels.
const (
	radius  = 6  // of a point
	spacing = 5  // between a point and its label, and around labels
	far     = 20 // from here on, a line leads from the point to its label
)

// label is what is written beside a point.
type label struct {
	// at is the point, box where the text is.
	at  vg.Point
	box vg.Rectangle
}

// far reports whether the label is so distant that a line must lead to it.
func (l label) far() bool {
	to := l.nearest()
	return math.Hypot(float64(to.X-l.at.X), float64(to.Y-l.at.Y)) > far
}

// nearest is the place of the box that is nearest to the point.
func (l label) nearest() vg.Point {
	return vg.Point{
		X: min(max(l.at.X, l.box.Min.X), l.box.Max.X),
		Y: min(max(l.at.Y, l.box.Min.Y), l.box.Max.Y),
	}
}

// place finds places for labels of those sizes beside their points, one after the
// other: inside the bounds, off all that is taken and off each other.
func place(points, sizes []vg.Point, taken []vg.Rectangle, bounds vg.Rectangle) (labels []label) {
	for i, at := range points {
		box := free(at, sizes[i], taken, bounds)
		labels = append(labels, label{at, box})
		taken = append(taken, grown(box, spacing/2))
	}
	return labels
}

// free is the place nearest to a point where a box of that size collides with
// nothing; if there is none, one that at least is inside the bounds.
func free(at, size vg.Point, taken []vg.Rectangle, bounds vg.Rectangle) vg.Rectangle {
	for distance := vg.Length(0); distance < 400; distance += 4 {
		for _, box := range around(at, size, distance) {
			if inside(box, bounds) && !collides(box, taken) {
				return box
			}
		}
	}
	return pushed(around(at, size, 0)[0], bounds)
}

// around gives the boxes beside a point, the best first: right, left, above,
// below. Further ones are as near to the side, but higher or lower by the distance.
func around(at, size vg.Point, distance vg.Length) (boxes []vg.Rectangle) {
	const off = radius + spacing
	right, left, middle := at.X+off, at.X-off-size.X, at.X-size.X/2
	level := at.Y - size.Y/2
	for _, min := range []vg.Point{
		{X: right, Y: level + distance},
		{X: right, Y: level - distance},
		{X: left, Y: level + distance},
		{X: left, Y: level - distance},
		{X: middle, Y: at.Y + off + distance},
		{X: middle, Y: at.Y - off - size.Y - distance},
	} {
		boxes = append(boxes, vg.Rectangle{Min: min, Max: min.Add(size)})
	}
	return boxes
}

// inside reports whether a box is within the bounds.
func inside(box, bounds vg.Rectangle) bool {
	return box.Min.X >= bounds.Min.X && box.Max.X <= bounds.Max.X &&
		box.Min.Y >= bounds.Min.Y && box.Max.Y <= bounds.Max.Y
}

// collides reports whether a box touches any that is taken.
func collides(box vg.Rectangle, taken []vg.Rectangle) bool {
	for _, t := range taken {
		if box.Min.X < t.Max.X && t.Min.X < box.Max.X && box.Min.Y < t.Max.Y && t.Min.Y < box.Max.Y {
			return true
		}
	}
	return false
}

// grown is a box with a margin around it.
func grown(box vg.Rectangle, margin vg.Length) vg.Rectangle {
	by := vg.Point{X: margin, Y: margin}
	return vg.Rectangle{Min: box.Min.Sub(by), Max: box.Max.Add(by)}
}

// pushed is a box, moved into the bounds.
func pushed(box, bounds vg.Rectangle) vg.Rectangle {
	by := vg.Point{
		X: max(bounds.Min.X-box.Min.X, 0) - max(box.Max.X-bounds.Max.X, 0),
		Y: max(bounds.Min.Y-box.Min.Y, 0) - max(box.Max.Y-bounds.Max.Y, 0),
	}
	return box.Add(by)
}
