package policy

import (
	"errors"
	"math/rand/v2"
	"time"

	"github.com/cenkalti/backoff/v4"
)

// Policy holds what a session needs to know to decide. Its values are taken
// literally: a zero Policy has a zero Budget and so never tries twice. Start from
// Default or Reference and change fields. A Policy is only read once a session
// uses it, so several sessions may share one.
type Policy struct {
	// Classes says what each status code calls for.
	Classes Classes
	// Budget limits the attempts of one budget period.
	Budget Budget
	// Ladder says which recoveries cheaper than a Rejoin are tried. The zero value:
	// none.
	Ladder Ladder
	// MaxRetryAfter is how much a server may ask a client to wait: longer requests
	// count as this one. 0 or negative: such requests are ignored.
	MaxRetryAfter time.Duration
	// StableAfter is how long a connection must have held before the budget and
	// the backoff start anew; until then a further loss goes on using up what is
	// left, so that a link which keeps coming and going ends, too. 0 or negative:
	// as soon as connected, as in the reference.
	StableAfter time.Duration
	// NewBackOff makes the backoff of one session. It is called once for each
	// session, and once by Validate; every call must return a value of its own.
	// The delays should draw on random, which gives numbers in [0,1), so that a
	// recording can be decided again. A CauseAware one is told why. nil =
	// AdaptiveJitter with its defaults.
	NewBackOff func(random func() float64) backoff.BackOff
}

// Default returns what a session uses when it is told nothing else: 5 minutes
// since the loss, and up to 10 more if the server asks for them, but no other
// limit; up to 5 rejections in a row; the DefaultLadder; at most 5 minutes of
// waiting at a time for a server that asks for it; stable after 10 seconds.
func Default() Policy {
	return Policy{
		Budget: Budget{
			Elapsed: 5 * time.Minute, Idle: NoLimit, Attempts: NoLimit,
			Extension: 10 * time.Minute, Rejections: 5,
		},
		Ladder:        DefaultLadder(),
		MaxRetryAfter: 5 * time.Minute,
		StableAfter:   10 * time.Second,
	}
}

// Reference returns the values of the reference: 120 seconds on both clocks, no
// limit to the attempts, everything forgotten as soon as connected, full jitter of
// 1 s at first and 5 s at most, every outage a full Rejoin.
func Reference() Policy {
	return Policy{
		Budget:     Budget{Elapsed: 120 * time.Second, Idle: 120 * time.Second, Attempts: NoLimit},
		NewBackOff: referenceBackOff,
	}
}

// Validate names everything that is wrong with p in one joined error: what
// Classes.Validate finds, a Budget that limits one thing and leaves another at 0,
// a rung of the Ladder with a time but no attempts, and a NewBackOff that returns
// nil.
func (p Policy) Validate() error {
	return errors.Join(p.Classes.Validate(), p.Budget.validate(), p.Ladder.validate(), p.validateBackOff())
}

func (p Policy) validateBackOff() error {
	if p.NewBackOff == nil {
		return nil
	}
	if p.NewBackOff(func() float64 { return 0 }) == nil {
		return errors.New("policy: NewBackOff returned nil")
	}
	return nil
}

// BackOff makes the backoff of one session: by NewBackOff, or the one that nil
// stands for. random gives the numbers in [0,1) that delays are drawn with; nil =
// math/rand/v2.
func (p Policy) BackOff(random func() float64) backoff.BackOff {
	if random == nil {
		random = rand.Float64
	}
	if p.NewBackOff == nil {
		return newAdaptive(random)
	}
	return p.NewBackOff(random)
}

// referenceBackOff has the delays of the reference.
func referenceBackOff(random func() float64) backoff.BackOff {
	return &FullJitter{Short: time.Second, Long: 5 * time.Second, Random: random}
}
