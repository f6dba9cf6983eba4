package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// report is everything that a race has found.
type report struct {
	Machine  string    `json:"machine"`
	Versions []version `json:"versions"`
	Settings settings  `json:"settings"`
	Results  []result  `json:"results"`
}

// report puts the results in the order of the table.
func (r *race) report() report {
	results := slices.Clone(r.results)
	slices.SortFunc(results, func(a, b result) int { return place(a) - place(b) })
	return report{machine(), versions(), r.settings, results}
}

func place(r result) int {
	d := slices.IndexFunc(disciplines, func(d discipline) bool { return d.name == r.Discipline })
	return d*len(contestants) + slices.Index(names(), r.Contestant)
}

func (r report) writeJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

// table is a report in rows of cells, the first of which is the title.
type table struct {
	rows  [][]string
	notes []string // why cells are empty
	cells []string // what the figures in the rows are
}

func (r report) table() table {
	t := table{rows: [][]string{append([]string{""}, names()...)}}
	for _, d := range disciplines {
		if cells := r.cells(&t, d); cells != nil {
			t.rows = append(t.rows, append([]string{d.title(r.Settings)}, cells...))
			t.explain(d.cell)
		}
	}
	return t
}

// explain says once what rows that are alike tell.
func (t *table) explain(cell string) {
	if !slices.Contains(t.cells, cell) {
		t.cells = append(t.cells, cell)
	}
}

// cells gives those of a discipline, nil if it was not run.
func (r report) cells(t *table, d discipline) []string {
	if !slices.ContainsFunc(r.Results, func(x result) bool { return x.Discipline == d.name }) {
		return nil
	}
	var row []string
	for _, name := range names() {
		text := "-"
		if i := slices.IndexFunc(r.Results, func(x result) bool { return x.Discipline == d.name && x.Contestant == name }); i >= 0 {
			text = t.cell(r.Results[i])
		}
		row = append(row, text)
	}
	return row
}

// cell is the text of a result, or a reference to the reason why there is none.
func (t *table) cell(r result) string {
	if r.Reason == "" {
		return r.Text
	}
	t.notes = append(t.notes, fmt.Sprintf("%s, %s: %s", r.Discipline, r.Contestant, r.Reason))
	return fmt.Sprintf("not measured [%d]", len(t.notes))
}

// writeText writes the report for a terminal.
func (r report) writeText(w io.Writer) error {
	t := r.table()
	aligned := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range t.rows {
		fmt.Fprintln(aligned, strings.Join(row, "\t"))
	}
	if err := aligned.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	for _, line := range r.small(t) {
		fmt.Fprintln(w, line)
	}
	return nil
}

// writeMarkdown writes it for a page.
func (r report) writeMarkdown(w io.Writer) error {
	t := r.table()
	for i, row := range t.rows {
		fmt.Fprintf(w, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			fmt.Fprintln(w, "|"+strings.Repeat("---|", len(row)))
		}
	}
	fmt.Fprintln(w)
	for _, line := range r.small(t) {
		fmt.Fprintln(w, "*", line)
	}
	return nil
}

// small is what stands below the table.
func (r report) small(t table) []string {
	s := r.Settings
	lines := slices.Clone(t.cells)
	for i, note := range t.notes {
		lines = append(lines, fmt.Sprintf("[%d] %s", i+1, note))
	}
	for _, c := range contestants {
		lines = append(lines, c.name+": "+c.what)
	}
	return append(lines,
		fmt.Sprintf("%d clients of each kind, %d calls, on %d servers whose outages end up to a tenth earlier or later; connected for %s before",
			s.Clients, s.Calls, s.Servers, length(s.Rest)),
		r.Machine, describeVersions(r.Versions))
}
