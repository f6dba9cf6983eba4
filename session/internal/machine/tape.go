package machine

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session/internal/image"
)

// Question is what the core asks of what is plugged into it.
type Question string

// The questions. The comment names the fields of Answer that each one uses.
const (
	AskRandom  Question = "random"  // Number
	AskDelay   Question = "delay"   // Delay, Drawn
	AskReset   Question = "reset"   // -: written only if it did not return
	AskVerdict Question = "verdict" // Healthy, Changed
	AskReason  Question = "reason"  // Text
)

// Answer is what plugged-in code said to one question: a number that was drawn, a
// delay of the application's own backoff, a verdict of its own health policy.
type Answer struct {
	To      Question      `json:"to"`
	Number  float64       `json:"number,omitempty"`
	Delay   time.Duration `json:"delay,omitempty"`
	Healthy bool          `json:"healthy,omitempty"`
	Changed bool          `json:"changed,omitempty"`
	Text    string        `json:"text,omitempty"`
	// Drawn are the numbers that an own backoff has drawn. It is not asked again in
	// a replay, so they are for people.
	Drawn []float64 `json:"drawn,omitempty"`
	// Panicked says that the call has panicked, with Text and, if that was an error
	// that carries one, with Code; Left that it has left the goroutine.
	Panicked bool         `json:"panicked,omitempty"`
	Code     *status.Code `json:"code,omitempty"`
	Left     bool         `json:"left,omitempty"`

	returned bool
}

// Tape holds the answers of what is plugged into one machine, as they are given, or
// gives them again. It is used by whoever uses the machine.
type Tape struct {
	Answers []Answer
	// Missed is a question of a replay that the recording has no answer to; empty:
	// all had one.
	Missed Question

	inside int // calls of an own backoff, which may draw
	drawn  []float64
}

// Record puts the tape between the machine that is made from the config and what is
// plugged into that.
func (t *Tape) Record(cfg *Config) {
	random, own := cfg.Random, cfg.Policy.NewBackOff
	cfg.Random = func() float64 { return t.draw(random) }
	if own != nil {
		cfg.Policy.NewBackOff = func(random func() float64) backoff.BackOff { return t.backOff(own, random) }
	}
	cfg.Health.Custom = slices.Clone(cfg.Health.Custom)
	for i := range cfg.Health.Custom {
		c := &cfg.Health.Custom[i]
		made := c.New
		c.New = func() health.Policy { return &tapedPolicy{t, made()} }
	}
}

// Take gives the answers since the last call. They are valid until the next question.
func (t *Tape) Take() []Answer {
	a := t.Answers
	t.Answers = t.Answers[:0]
	return a
}

// note writes an answer down, also if there is none because the call did not
// return. It is to be deferred.
func (t *Tape) note(a *Answer) {
	if a.returned {
		t.add(*a)
		return
	}
	p := recover() // nil if the goroutine was left
	if a.Left = p == nil; !a.Left {
		a.Panicked, a.Text = true, fmt.Sprint(p)
		if err, ok := p.(error); ok {
			if code, ok := status.CodeOf(err); ok {
				a.Code = &code
			}
		}
	}
	t.add(*a)
	if p != nil {
		panic(p)
	}
}

func (t *Tape) add(a Answer) {
	if t.inside > 0 {
		if a.To == AskRandom && a.returned {
			t.drawn = append(t.drawn, a.Number)
		}
		return // what comes of it is an answer of its own
	}
	t.Answers = append(t.Answers, a)
}

func (t *Tape) draw(random func() float64) float64 {
	a := Answer{To: AskRandom}
	defer t.note(&a)
	n := random()
	a.Number, a.returned = written(n), true
	return n
}

// written is a drawn number in a form that can be written and has the same
// consequences: what lies outside of [0,1) is moved to the nearest end.
func written(n float64) float64 {
	if !(n > 0) { // NaN, too
		return 0
	}
	return min(n, 1)
}

// backOff is the application's own, watched.
func (t *Tape) backOff(own func(func() float64) backoff.BackOff, random func() float64) backoff.BackOff {
	t.inside++
	defer func() { t.inside-- }()
	b := own(random)
	if b == nil {
		b = policy.Policy{}.BackOff(random)
	}
	return &tapedBackOff{t, b}
}

type tapedBackOff struct {
	tape *Tape
	own  backoff.BackOff
}

// NextBackOff is NextFor a cause of which nothing is known.
func (b *tapedBackOff) NextBackOff() time.Duration { return b.NextFor(policy.Cause{}) }

func (b *tapedBackOff) NextFor(c policy.Cause) time.Duration {
	a := Answer{To: AskDelay}
	defer b.tape.note(&a)
	delay := b.next(c)
	a.Delay, a.returned = delay, true
	a.Drawn, b.tape.drawn = b.tape.drawn, nil
	return delay
}

func (b *tapedBackOff) next(c policy.Cause) time.Duration {
	b.tape.inside++
	defer func() { b.tape.inside-- }()
	if aware, ok := b.own.(policy.CauseAware); ok {
		return aware.NextFor(c)
	}
	return b.own.NextBackOff()
}

// Reset is worth a note only if it does not return.
func (b *tapedBackOff) Reset() {
	b.tape.inside++
	returned := false
	defer func() {
		b.tape.inside--
		if !returned {
			a := Answer{To: AskReset}
			defer b.tape.note(&a)
			if p := recover(); p != nil {
				panic(p)
			}
		}
	}()
	b.own.Reset()
	returned = true
}

type tapedPolicy struct {
	tape *Tape
	own  health.Policy
}

func (p *tapedPolicy) Evaluate(now time.Duration, d *health.Data) (healthy, changed bool) {
	a := Answer{To: AskVerdict}
	defer p.tape.note(&a)
	healthy, changed = p.own.Evaluate(now, d)
	a.Healthy, a.Changed, a.returned = healthy, changed, true
	return healthy, changed
}

// Reason gives no words for a policy that has none.
func (p *tapedPolicy) Reason(d *health.Data) (words string) {
	a := Answer{To: AskReason}
	defer p.tape.note(&a)
	if r, ok := p.own.(health.Reasoner); ok {
		words = r.Reason(d)
	}
	a.Text, a.returned = words, true
	return words
}

// Play plugs the tape into a config that was read, in place of what was there: an
// own backoff if there was one, and custom policies.
func (t *Tape) Play(cfg *Config, ownBackOff bool) {
	cfg.Random = func() float64 { return t.next(AskRandom).Number }
	if ownBackOff {
		cfg.Policy.NewBackOff = func(func() float64) backoff.BackOff { return playedBackOff{t} }
	}
	for i := range cfg.Health.Custom {
		cfg.Health.Custom[i].New = func() health.Policy { return playedPolicy{t} }
	}
}

// next gives the answer to a question. Without one the recording and this core have
// parted ways, and any will do.
func (t *Tape) next(q Question) Answer {
	if len(t.Answers) == 0 || t.Answers[0].To != q {
		if t.Missed == "" {
			t.Missed = q
		}
		return Answer{To: q, Healthy: true}
	}
	a := t.Answers[0]
	t.Answers = t.Answers[1:]
	a.happen()
	return a
}

// happen panics, or leaves the goroutine, as the call has done.
func (a *Answer) happen() {
	switch {
	case a.Left:
		runtime.Goexit()
	case a.Panicked && a.Code != nil:
		panic(image.Coded(a.Text, *a.Code))
	case a.Panicked:
		panic(errors.New(a.Text))
	}
}

type playedBackOff struct{ tape *Tape }

func (b playedBackOff) NextBackOff() time.Duration { return b.tape.next(AskDelay).Delay }

// Reset has an answer only if it did not return.
func (b playedBackOff) Reset() {
	if len(b.tape.Answers) > 0 && b.tape.Answers[0].To == AskReset {
		b.tape.next(AskReset)
	}
}

type playedPolicy struct{ tape *Tape }

func (p playedPolicy) Evaluate(time.Duration, *health.Data) (healthy, changed bool) {
	a := p.tape.next(AskVerdict)
	return a.Healthy, a.Changed
}

func (p playedPolicy) Reason(*health.Data) string { return p.tape.next(AskReason).Text }
