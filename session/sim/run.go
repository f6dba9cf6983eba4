package sim

import (
	"context"
	"errors"
	"time"
)

// Run simulates a scenario. The error is that of Validate, or the cause of ctx if that
// ends first, which it notices at once.
func Run(ctx context.Context, s Scenario) (*Result, error) {
	if ctx == nil {
		return nil, errors.New("sim: Run needs a context: give it context.Background() if nothing is to end it")
	}
	if err := s.Validate(); err != nil {
		return nil, err
	}
	return simulate(ctx, newPlan(s))
}

func simulate(ctx context.Context, p *plan) (*Result, error) {
	var n *nursery
	if p.OpenLoop == nil {
		var err error
		if n, err = grow(ctx, p); err != nil {
			return nil, err
		}
	}
	e := newEngine(p)
	defer e.heed(ctx)()
	e.populate(n)
	connected, counted := 0, 0
	err := e.run(ctx, p.end, func(now time.Duration) {
		if p.Progress == nil {
			return
		}
		connected, counted = e.connected(connected, counted, now)
		p.Progress(Progress{At: now - preroll, For: p.For, Connected: float64(connected) / float64(p.Clients)})
	})
	if err != nil {
		return nil, err
	}
	return e.result(), nil
}

// connected goes on counting, from a bin on, who is connected at a time.
func (e *engine) connected(sum, from int, now time.Duration) (connected, next int) {
	for next = from; next <= int((now-preroll)/binWidth); next++ {
		for _, w := range e.shards {
			for server := range e.plan.places {
				sum += int(w.tally.moves[(server*w.tally.bins+next)*int(states)+int(Connected)])
			}
		}
	}
	return sum, next
}
