package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// result is how one fault went. Times are those of the person waiting: from
// the fault to the first event that told of it, and to the first audio packet
// after it. Cost is what the attempt has taken that worked.
type result struct {
	Fault    string        `json:"fault"`
	What     string        `json:"what"`
	Expected string        `json:"expected"`
	Outcome  string        `json:"outcome"`
	OK       bool          `json:"ok"`
	Detect   time.Duration `json:"detectNs"`
	Recover  time.Duration `json:"recoverNs,omitempty"` // 0: it was not to recover
	Cost     time.Duration `json:"costNs,omitempty"`
	Attempts int           `json:"attempts"`
	Error    string        `json:"error,omitempty"` // why the scenario itself failed
}

// writeJSON writes one result a line.
func writeJSON(w io.Writer, results []result) error {
	enc := json.NewEncoder(w)
	for _, r := range results {
		if err := enc.Encode(r); err != nil {
			return err
		}
	}
	return nil
}

// writeTable writes the results for a person.
func writeTable(w io.Writer, results []result) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nfault\texpected\toutcome\tdetect\trecover\tattempts\tcost\tverdict")
	for _, r := range results {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\n", r.Fault, r.Expected, r.Outcome,
			seconds(r.Detect), seconds(r.Recover), r.Attempts, seconds(r.Cost), verdict(r))
	}
	return t.Flush()
}

func verdict(r result) string {
	if r.OK {
		return "ok"
	}
	return "NOT AS EXPECTED " + r.Error
}

func seconds(d time.Duration) string {
	switch {
	case d == 0:
		return "-"
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
	}
	return fmt.Sprintf("%.3f s", d.Seconds())
}

// failures counts the results that are not as expected.
func failures(results []result) (n int) {
	for _, r := range results {
		if !r.OK {
			n++
		}
	}
	return n
}
