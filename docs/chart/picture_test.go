package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/image/font"
	"gonum.org/v1/plot/vg"
)

// matrix is an affine transformation: x' = ax + cy + e, y' = bx + dy + f.
type matrix struct{ a, b, c, d, e, f float64 }

var identity = matrix{a: 1, d: 1}

// mul transforms by n, then by m.
func (m matrix) mul(n matrix) matrix {
	x, y := m.at(n.e, n.f)
	return matrix{m.a*n.a + m.c*n.b, m.b*n.a + m.d*n.b, m.a*n.c + m.c*n.d, m.b*n.c + m.d*n.d, x, y}
}

// at transforms a point.
func (m matrix) at(x, y float64) (float64, float64) {
	return m.a*x + m.c*y + m.e, m.b*x + m.d*y + m.f
}

var calls = regexp.MustCompile(`(\w+)\(([-\d.e]+)(?:, *([-\d.e]+))?\)`)

// transform reads the attribute, as far as the picture uses it.
func transform(t *testing.T, attribute string) matrix {
	t.Helper()
	m := identity
	for _, call := range calls.FindAllStringSubmatch(attribute, -1) {
		x, _ := strconv.ParseFloat(call[2], 64)
		y, _ := strconv.ParseFloat(call[3], 64)
		switch call[1] {
		case "scale":
			m = m.mul(matrix{a: x, d: y})
		case "translate":
			m = m.mul(matrix{a: 1, d: 1, e: x, f: y})
		case "rotate":
			require.Equal(t, 90.0, x)
			m = m.mul(matrix{b: 1, c: -1})
		default:
			require.Fail(t, "unknown transformation", attribute)
		}
	}
	return m
}

// written is a text of the picture and the box around it.
type written struct {
	text string
	box  vg.Rectangle
}

// texts reads the picture, which must be well-formed, and gives what it says.
func texts(t *testing.T, svg []byte) (all []written) {
	t.Helper()
	stack := []matrix{identity}
	decoder := xml.NewDecoder(bytes.NewReader(svg))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err)
		switch e := token.(type) {
		case xml.StartElement:
			stack = append(stack, stack[len(stack)-1].mul(transform(t, attribute(e, "transform"))))
			if e.Name.Local == "text" {
				var text string
				require.NoError(t, decoder.DecodeElement(&text, &e))
				all = append(all, written{text, box(t, e, text, stack[len(stack)-1])})
				stack = stack[:len(stack)-1]
			}
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		}
	}
}

// attribute is one of an element.
func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

var fontSize = regexp.MustCompile(`font-weight:(\w+);.*font-size:([\d.]+)px`)

// box is around a text where it is seen.
func box(t *testing.T, e xml.StartElement, text string, m matrix) vg.Rectangle {
	t.Helper()
	look := fontSize.FindStringSubmatch(attribute(e, "style"))
	require.NotNil(t, look)
	size, _ := strconv.ParseFloat(look[2], 64)
	sty := style(vg.Length(size), font.WeightNormal, ink)
	if look[1] == "bold" {
		sty = style(vg.Length(size), font.WeightBold, ink)
	}
	x, _ := strconv.ParseFloat(attribute(e, "x"), 64)
	y, _ := strconv.ParseFloat(attribute(e, "y"), 64)
	x0, y0 := m.at(x, y+0.15*size)
	x1, y1 := m.at(x+float64(sty.Width(text)), y-0.7*size)
	return vg.Rectangle{
		Min: vg.Point{X: vg.Length(min(x0, x1)), Y: vg.Length(min(y0, y1))},
		Max: vg.Point{X: vg.Length(max(x0, x1)), Y: vg.Length(max(y0, y1))},
	}
}

// legible holds of a picture that names every detector, in full and inside the
// canvas, and writes nothing over anything else.
func legible(t *testing.T, m *measurements) []written {
	t.Helper()
	svg, err := picture(m)
	require.NoError(t, err)
	all := texts(t, svg)
	canvas := vg.Rectangle{Max: vg.Point{X: width, Y: height}}
	var says []string
	var taken []vg.Rectangle
	for _, w := range all {
		assert.True(t, inside(w.box, canvas), "%q is cut off: %v", w.text, w.box)
		assert.False(t, collides(w.box, taken), "%q is over something else: %v", w.text, w.box)
		says, taken = append(says, w.text), append(taken, w.box)
	}
	for _, d := range m.detectors {
		assert.Contains(t, says, d)
	}
	return all
}

func TestPicture(t *testing.T) {
	var says []string
	for _, w := range legible(t, bench(t)) {
		says = append(says, w.text)
	}
	for _, want := range []string{
		title, "0", "1", "1000", "never", "misses 5 % of deaths", "misses 100 % of deaths",
		"False alarms per 100 hours of healthy link (mean of 2 situations)",
		"Seconds until a dead link is found (median, line to the worst)",
		"0: none in 40 h of healthy link, so fewer than 7.5 per 100 h (95 % confidence).",
	} {
		assert.Contains(t, says, want)
	}
}

// TestPictureOfAnything: whatever the detectors do, their names can be read.
func TestPictureOfAnything(t *testing.T) {
	type does struct{ rate, p50, worst, missed float64 }
	for name, detectors := range map[string][]does{
		"alone":            {{0, 2600, 2950, 0}},
		"all the same":     {{0, 2600, 2950, 0}, {0, 2600, 2950, 0}, {0, 2600, 2950, 0}, {0, 2600, 2950, 0}, {0, 2600, 2950, 0}, {0, 2600, 2950, 0}},
		"all bad":          {{900, 90000, 119000, 20}, {900, 90000, 119000, 20}, {950, 91000, 119500, 20}, {999, 92000, 119999, 20}},
		"none finds":       {{0, 0, 0, 200}, {0, 0, 0, 200}, {3, 0, 0, 200}, {3, 0, 0, 200}},
		"far apart":        {{0, 3, 5, 0}, {1e6, 119000, 119000, 60}, {0.001, 30, 60, 0}},
		"worst is missing": {{1, 500, 0, 0}, {2, 500, 0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			for i, d := range detectors {
				fmt.Fprintf(&b, "BenchmarkDetect/clean/a-long-detector-%c-2 1 5 ns/op %g false/100h 20 hours\n", 'a'+i, d.rate)
				fmt.Fprintf(&b, "BenchmarkDetect/dead/a-long-detector-%c-2 1 5 ns/op %g p50-ms %g worst-ms %g missed 200 deaths\n",
					'a'+i, d.p50, d.worst, d.missed)
			}
			m, err := readMeasurements(strings.NewReader(b.String()), name)
			require.NoError(t, err)
			legible(t, m)
		})
	}
}

// TestOursStandsOut: it alone has the strong colour, on top of the others.
func TestOursStandsOut(t *testing.T) {
	svg, err := picture(bench(t))
	require.NoError(t, err)
	assert.Regexp(t, `fill:#0969DA">ours<`, string(svg))
	assert.Equal(t, 1, bytes.Count(svg, []byte("#0969DA\">")))
	assert.Contains(t, string(svg), `width="900" height="560"`)
	assert.NotContains(t, string(svg), "font-family:Liberation")
}

// TestLabelsWithoutRoom: a label that fits nowhere is inside all the same.
func TestLabelsWithoutRoom(t *testing.T) {
	bounds := vg.Rectangle{Max: vg.Point{X: 50, Y: 20}}
	labels := place([]vg.Point{{X: 45, Y: 18}}, []vg.Point{{X: 40, Y: 10}}, []vg.Rectangle{bounds}, bounds)
	assert.Equal(t, vg.Rectangle{Min: vg.Point{X: 10, Y: 10}, Max: vg.Point{X: 50, Y: 20}}, labels[0].box)
}
