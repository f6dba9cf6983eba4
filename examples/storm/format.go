package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/holdfast-go/holdfast/session/sim"
)

// seconds is a time for people.
func seconds(d time.Duration) string {
	if d == sim.Never {
		return "never"
	}
	if d%time.Second == 0 {
		return fmt.Sprintf("%d s", int(d.Seconds()))
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// tenths is a time for a column of them.
func tenths(d time.Duration) string {
	if d == sim.Never {
		return "never"
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// grouped is a number with its thousands apart.
func grouped(v float64) string {
	whole, rest, fraction := strings.Cut(strconv.FormatFloat(v, 'f', -1, 64), ".")
	for i := len(whole) - 3; i > 0 && whole[i-1] != '-'; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if fraction {
		return whole + "." + rest
	}
	return whole
}

func count(n int) string { return grouped(float64(n)) }

// clients is a number of them.
func clients(n int) string {
	if n == 1 {
		return "1 client"
	}
	return count(n) + " clients"
}

// writeAligned writes rows of cells. The columns are flush left or right as align says
// with an l or an r for each; the last one is that of all further columns.
func writeAligned(w io.Writer, rows [][]string, align string) error {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			line.WriteString(padded(cell, widths[i], align[min(i, len(align)-1)] == 'l') + "  ")
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func padded(s string, width int, left bool) string {
	rest := strings.Repeat(" ", width-utf8.RuneCountInString(s))
	if left {
		return s + rest
	}
	return rest + s
}
