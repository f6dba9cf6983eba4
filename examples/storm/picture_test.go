package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// element is a part of an SVG.
type element struct {
	name, text string
	attr       map[string]string
	inside     string // the id of the group that it is in
}

// elements reads an SVG as XML.
func elements(t *testing.T, svg []byte) (list []element) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(svg))
	group := ""
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return list
		}
		require.NoError(t, err)
		switch token := token.(type) {
		case xml.StartElement:
			e := element{name: token.Name.Local, attr: map[string]string{}, inside: group}
			for _, a := range token.Attr {
				e.attr[a.Name.Local] = a.Value
			}
			if list = append(list, e); e.name == "g" {
				group = e.attr["id"]
			}
		case xml.EndElement:
			if token.Name.Local == "g" {
				group = ""
			}
		case xml.CharData:
			if len(list) > 0 {
				list[len(list)-1].text += strings.TrimSpace(string(token))
			}
		}
	}
}

// drawn are the elements of the picture of a storm.
func drawn(t *testing.T, r report) []element {
	t.Helper()
	svg, err := draw(r)
	require.NoError(t, err)
	return elements(t, svg)
}

func number(t *testing.T, s string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(strings.NewReplacer(",", "", "≤ ", "", " s", "", " %", "").Replace(s), 64)
	require.NoError(t, err)
	return v
}

// scale reads the numbers at an axis: it gives the value that belongs to a place, as one
// who looks at the picture would.
func scale(t *testing.T, list []element, class, coordinate string, log bool) func(at float64) float64 {
	t.Helper()
	var places, values []float64
	for _, e := range list {
		if e.attr["class"] == class {
			places, values = append(places, number(t, e.attr[coordinate])), append(values, number(t, e.text))
		}
	}
	require.GreaterOrEqual(t, len(places), 2, class)
	last := len(places) - 1
	from, to := values[0], values[last]
	if log {
		from, to = math.Log10(from), math.Log10(to)
	}
	return func(at float64) float64 {
		v := from + (at-places[0])/(places[last]-places[0])*(to-from)
		if log {
			return math.Pow(10, v)
		}
		return v
	}
}

// polyline finds the points of a line.
func polyline(t *testing.T, list []element, panel, name string) (points [][2]float64) {
	t.Helper()
	for _, e := range list {
		if e.name == "polyline" && e.inside == panel && e.attr["data-name"] == name {
			for _, p := range strings.Fields(e.attr["points"]) {
				x, y, _ := strings.Cut(p, ",")
				points = append(points, [2]float64{number(t, x), number(t, y)})
			}
			return points
		}
	}
	t.Fatalf("there is no line %s in the panel %s", name, panel)
	return nil
}

// TestLinesHoldTheResult: who reads a line of the picture off the axes finds the points
// of the series.
func TestLinesHoldTheResult(t *testing.T) {
	for _, policies := range []string{"nats.go", "nats.go,centrifuge-go"} {
		assertLinesHold(t, played(t, "-policy", policies))
	}
}

func assertLinesHold(t *testing.T, r report) {
	t.Helper()
	list := drawn(t, r)
	seconds := scale(t, list, "time-tick", "x", false)
	share, rate := scale(t, list, "share-tick", "y", false), scale(t, list, "rate-tick", "y", true)
	for _, x := range r.Results {
		shares, rates := polyline(t, list, "share", x.Policy), polyline(t, list, "rate", x.Policy)
		require.Greater(t, len(shares), 60)
		require.Len(t, rates, len(shares)-1)
		for i, p := range x.Fleet.Series[:len(shares)] {
			at := (p.At - calm).Seconds()
			assert.InDelta(t, at, seconds(shares[i][0]), 0.05)
			assert.InDelta(t, float64(p.Connected), share(shares[i][1]), 0.1) // of 100 clients
			if i == 0 {
				continue
			}
			assert.InDelta(t, at, seconds(rates[i-1][0]), 0.05)
			if n := mean(x, i, r.window()); n > 0.1 {
				assert.InEpsilon(t, n, rate(rates[i-1][1]), 0.01)
			} else {
				assert.InEpsilon(t, 0.1, rate(rates[i-1][1]), 0.01, "at the foot")
			}
		}
	}
}

// mean is that of the attempts of so many seconds up to a point of the series, fewer just
// after the fault has begun, at 5 s.
func mean(x result, i, window int) (v float64) {
	if i > 5 {
		window = min(window, i-5)
	}
	window = min(window, i)
	for _, p := range x.Fleet.Series[i-window+1 : i+1] {
		v += float64(p.Attempts.Total()) / float64(window)
	}
	return v
}

// TestIdealLine: from the end of the outage on, as many a second as the server takes.
func TestIdealLine(t *testing.T) {
	list := drawn(t, played(t, "-policy", "nats.go"))
	seconds := scale(t, list, "time-tick", "x", false)
	share, rate := scale(t, list, "share-tick", "y", false), scale(t, list, "rate-tick", "y", true)
	ideal, capacity := polyline(t, list, "share", "ideal"), polyline(t, list, "rate", "capacity")
	assert.InDelta(t, 10, seconds(ideal[0][0]), 0.05)
	assert.InDelta(t, 0, share(ideal[0][1]), 0.01)
	assert.InDelta(t, 60, seconds(ideal[1][0]), 0.05)
	assert.InDelta(t, 100, share(ideal[1][1]), 0.01)
	assert.InEpsilon(t, 2, rate(capacity[0][1]), 0.01)
	for _, e := range list {
		if e.attr["class"] == "outage" {
			assert.InDelta(t, 0, seconds(number(t, e.attr["x"])), 0.05)
			assert.InDelta(t, 10, seconds(number(t, e.attr["x"])+number(t, e.attr["width"])), 0.05)
		}
	}
}

// TestNoIdealLine: who leaves one by one can be back at any time.
func TestNoIdealLine(t *testing.T) {
	list := drawn(t, played(t, "-policy", "nats.go", "-kind", "drain"))
	for _, e := range list {
		assert.NotEqual(t, "ideal", e.attr["data-name"])
		assert.NotEqual(t, "ideal", e.text)
	}
	assert.Len(t, polyline(t, list, "rate", "capacity"), 2)
}

// TestRefusedLine: a policy that is alone has its refused attempts drawn, too.
func TestRefusedLine(t *testing.T) {
	r := played(t, "-policy", "nats.go")
	list := drawn(t, r)
	rate := scale(t, list, "rate-tick", "y", true)
	points, most := polyline(t, list, "rate", "refused"), 0.0
	for i := range points {
		most = max(most, float64(r.Results[0].refused(i+1)))
		if n := r.Results[0].refused(i + 1); n > 0 {
			assert.InEpsilon(t, float64(n), rate(points[i][1]), 0.01)
		}
	}
	assert.Positive(t, most)
}

// TestPictureIsReadable: everything is inside, no two texts of an axis or of the legend
// touch, and there is a background.
func TestPictureIsReadable(t *testing.T) {
	for _, policies := range []string{"ours", "ours,nats.go,centrifuge-go", "all"} {
		for _, args := range [][]string{{"-clients", "20"}, {"-clients", "10", "-capacity", "3000", "-outage", "5m"}} {
			list := drawn(t, played(t, append(args, "-policy", policies)...))
			assertReadable(t, list)
		}
	}
}

func assertReadable(t *testing.T, list []element) {
	t.Helper()
	wide, high := number(t, list[0].attr["width"]), number(t, list[0].attr["height"])
	assert.Equal(t, element{"rect", "", map[string]string{"width": list[0].attr["width"], "height": list[0].attr["height"], "fill": "#ffffff"}, ""}, list[1])
	last := map[string]element{}
	for _, e := range list {
		if e.name != "text" {
			continue
		}
		x, y := number(t, e.attr["x"]), number(t, e.attr["y"])
		size := 13.0
		if s := e.attr["font-size"]; s != "" {
			size = number(t, s)
		}
		length := 0.58 * size * float64(len([]rune(e.text))) // on average, in the widest of the fonts
		switch e.attr["text-anchor"] {
		case "end":
			assert.Greater(t, x-8-length, 0.0, e.text)
		case "middle":
			assert.Less(t, x+length/2, wide, e.text)
		default:
			assert.Less(t, x+length, wide, e.text)
		}
		assert.Less(t, y, high-4, e.text)
		if class := e.attr["class"]; class != "" {
			if before, ok := last[class]; ok {
				far := max(math.Abs(x-number(t, before.attr["x"]))-length, math.Abs(y-number(t, before.attr["y"]))-size)
				assert.Positive(t, far, "%s and %s", before.text, e.text)
			}
			last[class] = e
		}
	}
}

// TestLooksDiffer: no two policies look alike.
func TestLooksDiffer(t *testing.T) {
	seen := map[look]bool{}
	for i := range contestants(known(t)) {
		l := looks(i, 20)
		assert.False(t, seen[l], i)
		seen[l] = true
	}
}

// TestNames are written so that XML has nothing to complain about.
func TestNames(t *testing.T) {
	r := played(t, "-policy", "nats.go")
	r.Results[0].Policy = `a <b> & "c"`
	list := drawn(t, r)
	assert.NotEmpty(t, polyline(t, list, "share", `a <b> & "c"`))
}

// TestVisible: the picture ends when everyone is back, if that comes.
func TestVisible(t *testing.T) {
	r := played(t, "-policy", "nats.go")
	assert.Equal(t, r.Results[0].Fleet.Summary.Back100+10*time.Second, r.visible())
	r = played(t, "-policy", "nats.go,signalr")
	assert.Positive(t, r.Results[1].Fleet.Summary.GaveUp)
	assert.Equal(t, r.Storm.For-calm, r.visible())
}
