package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// group is a part of the table.
type group struct {
	title string
	// holds reports whether a family belongs here; the first group that says so
	// has it.
	holds func(family string, death bool) bool
}

// groups are the parts of the table, in the order in which a family is asked for;
// order is that in which they are shown.
var groups = []group{
	{"Healthy: false verdicts per 100 h", func(_ string, death bool) bool { return !death }},
	{"Death, packets lost: seconds", ending("-lossy")},
	{"Death after a stall: seconds", ending("-stalled")},
	{"Death: seconds, median / worst", func(string, bool) bool { return true }},
}

var order = []int{0, 3, 1, 2}

// ending gives the families whose name ends so.
func ending(suffix string) func(string, bool) bool {
	return func(family string, _ bool) bool { return strings.HasSuffix(family, suffix) }
}

// table is the Markdown table with its caption.
func table(m *measurements) string {
	var b strings.Builder
	header := []string{"Situation"}
	rule := []string{":--"}
	for _, d := range m.detectors {
		header, rule = append(header, emphasis(d, d)), append(rule, "--:")
	}
	row(&b, header)
	row(&b, rule)
	families := m.grouped()
	for _, i := range order {
		m.group(&b, groups[i].title, families[i])
	}
	if c := caption(m); c != "" {
		fmt.Fprintf(&b, "\n%s\n", c)
	}
	return b.String()
}

// grouped gives the families of each group.
func (m *measurements) grouped() map[int][]string {
	grouped := map[int][]string{}
	for _, family := range m.families {
		i := slices.IndexFunc(groups, func(g group) bool { return g.holds(family, m.isDeath(family)) })
		grouped[i] = append(grouped[i], family)
	}
	return grouped
}

// group writes the rows of a group under its title.
func (m *measurements) group(b *strings.Builder, title string, families []string) {
	if len(families) == 0 {
		return
	}
	row(b, append([]string{"*" + title + "*"}, make([]string, len(m.detectors))...))
	for _, family := range families {
		cells := []string{family}
		for _, d := range m.detectors {
			one, ok := m.of[key{family, d}]
			cells = append(cells, emphasis(d, cell(one, ok)))
		}
		row(b, cells)
	}
}

// row writes a row of the table.
func row(b *strings.Builder, cells []string) {
	for i, c := range cells {
		cells[i] = strings.ReplaceAll(c, "|", `\|`)
	}
	fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | "))
}

// emphasis is bold for ours.
func emphasis(detector, text string) string {
	if detector == ours {
		return "**" + text + "**"
	}
	return text
}

// cell is what a detector did in a family, if it was measured.
func cell(m measurement, ok bool) string {
	switch {
	case !ok:
		return "not measured"
	case !m.death:
		return number(m.falsePer100h)
	case m.never():
		return "never"
	}
	text := digits(m.p50) + " / " + digits(m.worst)
	switch {
	case m.missed == 0:
		return text
	case m.deaths == 0:
		return fmt.Sprintf("%s (missed %s)", text, number(m.missed))
	}
	return fmt.Sprintf("%s (missed %s %%)", text, percent(m.missed/m.deaths))
}

// number writes three digits, or all of those before the point, and no more zeros
// than it takes.
func number(v float64) string {
	text := digits(v)
	if strings.Contains(text, ".") {
		return strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}

// digits writes three digits, or all of those before the point.
func digits(v float64) string {
	decimals := 0
	switch {
	case v < 9.995:
		decimals = 2
	case v < 99.95:
		decimals = 1
	}
	return strconv.FormatFloat(v, 'f', decimals, 64)
}

// percent writes a share in whole per cent, except near none and near all.
func percent(share float64) string {
	decimals := 0
	if v := share * 100; v < 9.95 || v > 99 && v < 100 {
		decimals = 1
	}
	return strings.TrimSuffix(strconv.FormatFloat(share*100, 'f', decimals, 64), ".0")
}

// caption says how much was watched, as far as the benchmark tells it. Where the
// detectors differ, it tells the least.
func caption(m *measurements) string {
	watched := m.least(func(d string) float64 { return sum(m.all(d, false), hours) })
	died := m.least(func(d string) float64 { return sum(m.all(d, true), deaths) })
	var parts []string
	if watched > 0 {
		parts = append(parts, fmt.Sprintf("%s h of healthy link", number(watched)))
	}
	if died > 0 {
		parts = append(parts, fmt.Sprintf("%s deaths", number(died)))
	}
	if len(parts) == 0 {
		return ""
	}
	return "Each detector watched " + strings.Join(parts, " and ") + "." + zero(m.least(m.shortest))
}

// least is the least number that any detector has.
func (m *measurements) least(of func(detector string) float64) float64 {
	least := math.Inf(1)
	for _, d := range m.detectors {
		least = min(least, of(d))
	}
	return least
}

// shortest is the least that a detector watched of a healthy family, in hours.
func (m *measurements) shortest(detector string) float64 {
	var all []float64
	for _, one := range m.all(detector, false) {
		all = append(all, one.hours)
	}
	if len(all) == 0 {
		return 0
	}
	return slices.Min(all)
}

// zero says what 0 means after so many hours of a family.
func zero(hours float64) string {
	if hours == 0 {
		return ""
	}
	return fmt.Sprintf(" A 0 for the %s h of one situation means fewer than %s false verdicts per 100 h, with 95 %% confidence.",
		number(hours), number(belowPer100h(hours)))
}
