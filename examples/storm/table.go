package main

import (
	"fmt"
	"io"
	"strings"
)

// columns are those of the table that compares policies.
var columns = []struct {
	title string
	cell  func(report, result) string
}{
	{"policy", func(_ report, x result) string { return x.Policy }},
	{"50 % back", func(_ report, x result) string { return tenths(x.Fleet.Summary.Back50) }},
	{"90 %", func(_ report, x result) string { return tenths(x.Fleet.Summary.Back90) }},
	{"99 %", func(_ report, x result) string { return tenths(x.Fleet.Summary.Back99) }},
	{"÷ ideal", func(_ report, x result) string { return toIdeal(x) }},
	{"last", func(_ report, x result) string { return tenths(x.Fleet.Summary.Back100) }},
	{"gave up", func(_ report, x result) string { return count(x.Fleet.Summary.GaveUp) }},
	{"peak attempts/s", func(_ report, x result) string { return count(x.Fleet.Summary.PeakAttempts) }},
	{"peak refused ÷ capacity", func(r report, x result) string { return fmt.Sprintf("%.2f", r.refused(x)) }},
	{"refusals a place", func(_ report, x result) string { return fmt.Sprintf("%.2f", x.Fleet.Summary.RefusalsPerPlace) }},
	{"attempts a client", func(_ report, x result) string { return fmt.Sprintf("%.1f", x.Fleet.Summary.AttemptsPerClient) }},
}

// toIdeal is the time to 99 % in multiples of the ideal.
func toIdeal(x result) string {
	if v, ok := x.ratio(); ok {
		return fmt.Sprintf("%.3f", v)
	}
	return "-"
}

// table has the titles, and a row for each policy.
func (r report) table() (rows [][]string) {
	var titles []string
	for _, c := range columns {
		titles = append(titles, c.title)
	}
	rows = append(rows, titles)
	for _, x := range r.Results {
		var row []string
		for _, c := range columns {
			row = append(row, c.cell(r, x))
		}
		rows = append(rows, row)
	}
	return rows
}

// small is what stands below the table.
func (r report) small() []string {
	return []string{
		fmt.Sprintf("Ideal: %s. Never: not within %s of the beginning.", seconds(r.Results[0].Ideal), seconds(r.Storm.For-calm)),
		"Refused: by the running server, or not answered by it. Attempts a client: of those that lost their link.",
	}
}

// writeTable writes the comparison for a terminal.
func (r report) writeTable(w io.Writer) error {
	fmt.Fprintf(w, "%s (seed %d).\n\n", &r.Storm, r.Storm.Seed)
	if err := writeAligned(w, r.table(), "lr"); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w, "\n"+strings.Join(r.small(), "\n"))
	return err
}

// writeMarkdown writes it for a page.
func (r report) writeMarkdown(w io.Writer) error {
	for i, row := range r.table() {
		fmt.Fprintf(w, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			fmt.Fprintln(w, "|---|"+strings.Repeat("--:|", len(row)-1))
		}
	}
	_, err := fmt.Fprintf(w, "\n%s (seed %d). %s\n", &r.Storm, r.Storm.Seed, strings.Join(r.small(), " "))
	return err
}
