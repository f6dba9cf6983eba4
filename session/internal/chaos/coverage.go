package chaos

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/session/internal/machine"
)

// Coverage counts what lives have come to. The zero value is empty. It is for one
// goroutine at a time.
type Coverage struct {
	Scripts int
	Inputs  map[machine.Kind]int
	Effects map[machine.EffectKind]int
	Events  map[string]int
	// Ends counts who has ended sessions, Levels the attempts that have ended an outage,
	// Healed the links that came back by themselves, Profiles the scripts.
	Ends     map[observer.Initiator]int
	Levels   map[policy.Level]int
	Healed   int
	Outages  int
	Profiles map[string]int
	// Moments are situations that leave a trace in the events.
	Moments map[string]int
}

// NewCoverage makes an empty one.
func NewCoverage() *Coverage {
	return &Coverage{
		Inputs: map[machine.Kind]int{}, Effects: map[machine.EffectKind]int{}, Events: map[string]int{},
		Ends: map[observer.Initiator]int{}, Levels: map[policy.Level]int{}, Profiles: map[string]int{}, Moments: map[string]int{},
	}
}

// handled counts an input of a core and its effects.
func (c *Coverage) handled(in *machine.Input, effects []machine.Effect) {
	c.Inputs[in.Kind]++
	for i := range effects {
		c.Effects[effects[i].Kind]++
	}
	if n := len(effects); in.Kind == machine.Stop && n > 0 && effects[n-1].Kind != machine.Finish {
		c.Moments[momentLeaving]++
	}
}

// Lived counts the events of a life.
func (c *Coverage) Lived(s *Script, events []observer.Event) {
	c.Scripts++
	c.Profiles[s.Profile]++
	for i, e := range events {
		c.Events[e.Name()]++
		c.event(e)
		c.moment(events[:i+1])
	}
}

func (c *Coverage) event(e observer.Event) {
	switch e := e.(type) {
	case observer.Recovered:
		if c.Levels[e.Outage.Level]++; e.Outage.Healed {
			c.Healed++
		}
	case observer.Reconnecting:
		c.Outages++
	case observer.Stopped:
		c.Ends[e.Initiator]++
	}
}

// Add adds what another one has counted.
func (c *Coverage) Add(o *Coverage) {
	c.Scripts += o.Scripts
	c.Healed += o.Healed
	c.Outages += o.Outages
	add(c.Inputs, o.Inputs)
	add(c.Effects, o.Effects)
	add(c.Events, o.Events)
	add(c.Ends, o.Ends)
	add(c.Levels, o.Levels)
	add(c.Profiles, o.Profiles)
	add(c.Moments, o.Moments)
}

func add[K comparable](to, from map[K]int) {
	for k, n := range from {
		to[k] += n
	}
}

// String sums up what matters, in one line.
func (c *Coverage) String() string {
	return fmt.Sprintf("%d lives; ended by %s; %d outages, of which ended by %s, healed %d",
		c.Scripts, counts(c.Ends), c.Outages, counts(c.Levels), c.Healed)
}

// counts lists numbers by what they are of, in the order of their names.
func counts[K comparable](m map[K]int) string {
	var list []string
	for k := range maps.Keys(m) {
		list = append(list, fmt.Sprintf("%v %d", k, m[k]))
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}
