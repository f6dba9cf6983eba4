package chaos

import (
	"math"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/session"
	"github.com/holdfast-go/holdfast/session/internal/machine"
)

// policy is the policy that the settings stand for.
func (s *Settings) policy() policy.Policy {
	p := policy.Policy{
		Budget: policy.Budget{
			Elapsed: time.Duration(s.Elapsed), Idle: time.Duration(s.Idle), Attempts: s.Attempts,
			Extension: time.Duration(s.Extension), Rejections: s.Rejections,
		},
		StableAfter: time.Duration(s.StableAfter), MaxRetryAfter: time.Duration(s.MaxRetryAfter),
	}
	if s.Ladder {
		p.Ladder = policy.DefaultLadder()
	}
	switch s.BackOff {
	case "jitter":
		p.NewBackOff = policy.Reference().NewBackOff
	case "none":
		p.NewBackOff = func(func() float64) backoff.BackOff { return &backoff.ZeroBackOff{} }
	}
	return p
}

var (
	watched = health.Config{}.WithDefaults()
	blind   = health.Config{Detector: health.DetectorConfig{Off: true}}.WithDefaults()
)

func (s *Settings) health() health.Config {
	if s.Detector {
		return watched
	}
	return blind
}

var endpointNames = []string{"one", "two", "three"}

func (s *Settings) endpoints() []string {
	if s.FindEndpoints {
		return nil
	}
	return endpointNames[:s.Endpoints]
}

// machine is the config of the core.
func (s *Settings) machine(random func() float64) *machine.Config {
	c := &machine.Config{
		Policy: s.policy(), Health: s.health(), ConnectTimeout: time.Duration(s.ConnectTimeout),
		CloseGrace: time.Duration(s.CloseGrace), ReasonGrace: time.Duration(s.ReasonGrace),
		PresenceTimeout: time.Duration(s.PresenceTimeout), PingInterval: time.Duration(s.PingInterval),
		ProofTimeout: time.Duration(s.ProofTimeout), NoHealing: s.NoHealing, ViewOnly: s.ViewOnly,
		Endpoints: s.endpoints(), FindEndpoints: s.FindEndpoints, Authorizes: s.Credentials,
		PrepareTimeout: time.Duration(s.PrepareTimeout), Limited: s.Limiter,
		ResyncTimeout: time.Duration(s.ResyncTimeout), DownTimeout: time.Duration(s.DownTimeout), Random: random,
	}
	if c.DownTimeout <= 0 {
		c.DownTimeout = math.MaxInt64
	}
	return c
}

// session is the config of a whole session, without its sources and hooks.
func (s *Settings) session(t session.Transport, random func() float64, observers ...observer.Observer) session.Config {
	p := s.policy()
	return session.Config{
		Name: "chaos", Transport: t, Observers: observers, Policy: &p, Health: s.health(),
		ConnectTimeout: time.Duration(s.ConnectTimeout), CloseGrace: time.Duration(s.CloseGrace),
		ReasonGrace: off(s.ReasonGrace), PresenceTimeout: off(s.PresenceTimeout), PingInterval: off(s.PingInterval),
		ProofTimeout: off(s.ProofTimeout), PrepareTimeout: time.Duration(s.PrepareTimeout), DownTimeout: off(s.DownTimeout),
		NoHealing: s.NoHealing, Endpoints: s.endpoints(), ViewOnly: s.ViewOnly, Random: random,
		ResyncTimeout: time.Duration(s.ResyncTimeout),
	}
}

// off is a span of which session.Config takes 0 for the default.
func off(s Span) time.Duration {
	if s <= 0 {
		return -1
	}
	return time.Duration(s)
}

// dice is a small source of random numbers. The same seed gives the same ones.
type dice uint64

// next is splitmix64.
func (d *dice) next() uint64 {
	*d += 0x9e3779b97f4a7c15
	z := uint64(*d)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// n gives a number from 0 to n-1.
func (d *dice) n(n int) int { return int(d.next() % uint64(n)) }

// float gives a number in [0,1).
func (d *dice) float() float64 { return float64(d.next()>>11) / (1 << 53) }

// one reports true once in n times.
func (d *dice) one(n int) bool { return d.n(n) == 0 }

// pick chooses one of a list.
func pick[E any](d *dice, list []E) E { return list[d.n(len(list))] }
