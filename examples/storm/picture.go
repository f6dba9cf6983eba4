package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"strings"
	"text/template"
	"time"
)

//go:embed picture.svg.tmpl
var pictureText string

var pictureTemplate = template.Must(template.New("picture").Parse(pictureText))

// The picture, in pixels.
const (
	pictureWidth = 1000
	panelLeft    = 88
	panelRight   = 712 // then comes the legend
	shareTop     = 100
	shareFoot    = 340
	rateTop      = 388
	rateFoot     = 628
	legendKey    = panelRight + 24
	legendText   = legendKey + 30
)

// picture is what the template draws.
type picture struct {
	Width, Height            int
	Title, Subtitle, Caption string
	Left, Right, Foot        int // of the panels
	Key, Text                int // where the lines of the legend begin and end
	Times                    []tick
	Outage                   stretch
	Panels                   []panel
	Legend                   []entry
}

// stretch is a part of the axis of time.
type stretch struct{ From, Wide place }

// panel is one of the two.
type panel struct {
	Name, Title string
	Top, Foot   int
	Ticks       []tick
	Lines       []line
}

// High is its height.
func (p panel) High() int { return p.Foot - p.Top }

// place is a coordinate, point a pair of them.
type place float64

func (p place) String() string { return fmt.Sprintf("%.1f", float64(p)) }

type point struct{ x, y place }

func (p point) String() string { return p.x.String() + "," + p.y.String() }

// draw makes an SVG of a report.
func draw(r report) ([]byte, error) {
	var b bytes.Buffer
	if err := pictureTemplate.Execute(&b, newPicture(r)); err != nil {
		return nil, fmt.Errorf("cannot draw the picture: %w", err)
	}
	return b.Bytes(), nil
}

func newPicture(r report) picture {
	x := timeAxis(-calm, r.visible(), panelLeft, panelRight)
	share, rate := shareAxis(shareFoot, shareTop), rateAxis(r.Storm.Capacity, r.peak(), rateFoot, rateTop)
	title, then, _ := strings.Cut(r.Storm.String(), "; ")
	p := picture{
		Width: pictureWidth, Title: escaped(title), Subtitle: escaped(strings.ToUpper(then[:1]) + then[1:] + "."),
		Caption: "Time since the beginning; shaded: the outage. Refused: the most refused attempts of a second ÷ capacity.",
		Left:    panelLeft, Right: panelRight, Foot: rateFoot, Key: legendKey, Text: legendText,
		Times: x.ticks, Outage: stretch{x.at(0), x.at(r.Storm.Outage.Seconds()) - x.at(0)},
		Panels: []panel{
			{"share", "Clients that are connected", shareTop, shareFoot, share.ticks, r.shareLines(x, share)},
			{"rate", r.rateTitle(), rateTop, rateFoot, rate.ticks, r.rateLines(x, rate)},
		},
		Legend: r.legend(),
	}
	p.Height = max(rateFoot+60, p.Legend[len(p.Legend)-1].Y+40)
	return p
}

// visible is until when the picture goes: everyone is back, or the simulation is over.
func (r report) visible() time.Duration {
	end := r.Results[0].Ideal
	for _, x := range r.Results {
		end = max(end, r.end(x))
	}
	return min(end, r.Storm.For-calm)
}

// peak is the most attempts in a second of the series of any policy.
func (r report) peak() (most float64) {
	for _, x := range r.Results {
		for i := range x.Fleet.Series {
			most = max(most, x.perSecond(x.attempts(i)))
		}
	}
	return most
}
