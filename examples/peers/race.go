package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
)

// result is one cell with where it belongs.
type result struct {
	Discipline string `json:"discipline"`
	Contestant string `json:"contestant"`
	reading
	// Reason says why there is no reading.
	Reason string `json:"reason,omitempty"`
}

// race is one run of everything that was asked for.
type race struct {
	settings
	only     string // discipline, all if empty
	progress io.Writer

	mu      sync.Mutex
	results []result
}

// run measures round by round, and in each round everything at the same time.
func (r *race) run(ctx context.Context) error {
	for i, round := range rounds {
		chosen := r.chosen(round)
		if len(chosen) == 0 {
			continue
		}
		fmt.Fprintf(r.progress, "round %d of %d\n", i+1, len(rounds))
		r.runRound(ctx, chosen)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

func (r *race) chosen(round []discipline) []discipline {
	return slices.DeleteFunc(slices.Clone(round), func(d discipline) bool { return r.only != "" && d.name != r.only })
}

func (r *race) runRound(ctx context.Context, round []discipline) {
	var running sync.WaitGroup
	for _, d := range round {
		for _, c := range contestants {
			if d.open == nil || d.open(c) {
				running.Go(func() { r.note(r.measure(ctx, d, c)) })
			}
		}
	}
	running.Wait()
}

// measure has a process measure, and makes sense of how that ends.
func (r *race) measure(ctx context.Context, d discipline, c contestant) result {
	got := result{Discipline: d.name, Contestant: c.name}
	var err error
	got.reading, err = apart(ctx, task{d.name, c.name, r.settings}, d.limit(r.settings))
	var death *deathError
	if errors.As(err, &death) && d.dead != nil {
		if last, ok := d.dead(death); ok {
			got.reading, err = last, nil
		}
	}
	if err != nil {
		got.Reason = err.Error()
	}
	return got
}

// note keeps a result and tells of it.
func (r *race) note(got result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.results = append(r.results, got)
	text := got.Text
	if got.Reason != "" {
		text = "not measured: " + got.Reason
	}
	fmt.Fprintf(r.progress, "  %-20s %-20s %s\n", got.Discipline, got.Contestant, text)
}
