package main

import (
	"fmt"
	"html"
)

// look is that of a line.
type look struct {
	Colour, Dash string
	Width        float64
}

var (
	guide    = look{"#1f2328", "7 4", 1.5}
	refusals = look{"#cf222e", "", 1.6}
)

// Colours that can be told apart, most of them also by those who do not see all (after
// Okabe and Ito, "Color Universal Design"), and dashes for lines of the same colour.
var (
	colours = []string{"#0969da", "#d55e00", "#009e73", "#c0509a", "#a67c00", "#4aa8e0", "#6e40c9", "#57606a"}
	dashes  = []string{"", "6 3", "2 2.5"}
)

// looks are those of a policy. The first one is the thickest.
func looks(i, of int) look {
	width := 1.8
	switch {
	case i == 0:
		width = 3
	case of > len(colours):
		width = 1.3
	}
	return look{colours[i%len(colours)], dashes[i/len(colours)%len(dashes)], width}
}

// entry explains a line.
type entry struct {
	Y            int
	Name, Remark string
	look
}

// The height of an entry, with a remark and without.
const (
	entryHeight = 42
	entryTight  = 20
)

// legend explains all lines, without remarks if there is no room for them.
func (r report) legend() (entries []entry) {
	add := func(name, remark string, l look) {
		entries = append(entries, entry{shareTop + 6 + len(entries)*entryHeight, escaped(name), escaped(remark), l})
	}
	for i, x := range r.Results {
		add(x.Policy, r.remark(x), looks(i, len(r.Results)))
	}
	if len(r.Results) == 1 {
		add("refused", "by the running server", refusals)
	}
	name := "ideal"
	if r.Storm.meanwhile() {
		name = "capacity"
	}
	add(name, r.Storm.rate(), guide)
	if len(entries)*entryHeight > rateFoot-shareTop {
		for i := range entries {
			entries[i].Y, entries[i].Remark = shareTop+6+i*entryTight, ""
		}
	}
	return entries
}

// remark is the result of a policy in a few words.
func (r report) remark(x result) string {
	switch s := x.Fleet.Summary; {
	case s.GaveUp > 0:
		return percent(float64(s.GaveUp)/float64(x.Fleet.Clients)) + " gave up"
	case s.Back99 < 0:
		return fmt.Sprintf("99 %% never; refused %.1f ×", r.refused(x))
	default:
		return fmt.Sprintf("99 %% after %.0f s; refused %.1f ×", s.Back99.Seconds(), r.refused(x))
	}
}

func escaped(s string) string { return html.EscapeString(s) }
