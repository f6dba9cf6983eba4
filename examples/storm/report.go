package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"runtime/debug"
	"time"

	"github.com/holdfast-go/holdfast/session/sim"
)

// report is everything that was found.
type report struct {
	Storm   storm    `json:"storm"`
	Results []result `json:"results"`
}

// result is how one policy went through the storm.
type result struct {
	Policy string `json:"policy"`
	What   string `json:"what"`
	// Library is whose schedule it is; nil: that of a session.
	Library *library `json:"library,omitempty"`
	// Ideal is when all could have been back.
	Ideal time.Duration `json:"ideal"`
	Fleet *sim.Result   `json:"fleet"`
}

// many is how many clients take so much memory that the garbage collector is asked to
// be thrifty: it then wants a quarter on top of what is in use, not as much again.
const many = 300_000

// simulate runs one policy after the other.
func simulate(ctx context.Context, s storm, chosen []contestant, p *progress) (report, error) {
	if s.Clients > many {
		defer debug.SetGCPercent(debug.SetGCPercent(25))
	}
	r := report{Storm: s}
	for i, c := range chosen {
		scenario, err := s.scenario()
		if err != nil {
			return report{}, err
		}
		told := p.begin(c.name, i+1, len(chosen))
		scenario.Client, scenario.OpenLoop, scenario.Progress = c.client, c.openLoop, told
		fleet, err := sim.Run(ctx, scenario)
		p.end(err)
		if err != nil {
			return report{}, fmt.Errorf("%s: %w", c.name, err)
		}
		r.Results = append(r.Results, result{c.name, c.what, c.library, s.ideal(fleet), fleet})
	}
	return r, nil
}

// ratio is the time until 99 of a hundred were back over the ideal; false if they
// never were.
func (r result) ratio() (v float64, ok bool) {
	if r.Fleet.Summary.Back99 == sim.Never || r.Ideal == 0 {
		return 0, false
	}
	return r.Fleet.Summary.Back99.Seconds() / r.Ideal.Seconds(), true
}

// out is how many are not connected in the end and have not given up.
func (r result) out() int {
	last := r.Fleet.Series[len(r.Fleet.Series)-1]
	return last.Unnoticed + last.Reconnecting
}

// refused is the most refused attempts of a second, over the capacity.
func (r report) refused(x result) float64 {
	return float64(x.Fleet.Summary.PeakRefused) / r.Storm.Capacity
}

func (r report) writeJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}
