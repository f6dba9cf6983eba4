package policy_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
)

// A loss, one attempt that fails, and then the server says that the meeting is
// over. The caller keeps the time and the accounts.
func Example() {
	p := policy.Default()
	retries := policy.NewRetries(p.Budget, p.BackOff(func() float64 { return 0.5 }))
	tell := func(d policy.Decision) {
		fmt.Printf("%v by rule %q: %v, delay %v, left %v\n", d.Action, d.Rule, d.Status.Code.String(), d.Delay, d.Left.Elapsed)
	}

	now := 10 * time.Minute // the loss, on the caller's monotonic clock
	retries.Begin(now)
	lost := status.New(status.SignalingChannelClosedUnexpectedly, nil)
	d := policy.Decide(&p, policy.Facts{Phase: policy.Attached, Status: lost}, &retries, now)
	tell(d)

	now += d.Delay
	retries.Attempt()
	now += 15 * time.Second
	failed := status.New(status.TaskFailed, errors.New("no answer"))
	tell(policy.Decide(&p, policy.Facts{Phase: policy.Failed, Status: failed}, &retries, now))

	ended := status.New(status.MeetingEnded, nil)
	tell(policy.Decide(&p, policy.Facts{Phase: policy.Waiting, Status: ended}, &retries, now))
	// Output:
	// retry by rule "delay": SignalingChannelClosedUnexpectedly, delay 500ms, left 5m0s
	// retry by rule "delay": TaskFailed, delay 1s, left 4m44.5s
	// stop by rule "terminal": MeetingEnded, delay 0s, left 4m44.5s
}

// steady waits a little longer before each attempt.
type steady struct{ wait, step time.Duration }

func (s *steady) NextBackOff() time.Duration { s.wait += s.step; return s.wait }
func (s *steady) Reset()                     { s.wait = 0 }

// Any backoff.BackOff can give the delays: one of your own, or one from package
// backoff, built by its constructor and with its own time limit switched off, so
// that only the Budget counts.
func ExamplePolicy_newBackOff() {
	own := policy.Default()
	own.NewBackOff = func(func() float64) backoff.BackOff {
		return policy.Limited(&steady{step: 200 * time.Millisecond}, 3)
	}
	exponential := policy.Default()
	exponential.NewBackOff = func(func() float64) backoff.BackOff {
		return backoff.NewExponentialBackOff(
			backoff.WithInitialInterval(time.Second),
			backoff.WithMultiplier(3),
			backoff.WithMaxInterval(20*time.Second),
			backoff.WithRandomizationFactor(0),
			backoff.WithMaxElapsedTime(0),
		)
	}
	for _, p := range []policy.Policy{own, exponential} {
		if err := p.Validate(); err != nil {
			fmt.Println(err)
			return
		}
		retries := policy.NewRetries(p.Budget, p.BackOff(nil))
		for range 4 {
			delay, refusal := retries.Next(0)
			fmt.Println(delay, refusal)
		}
	}
	// Output:
	// 200ms not
	// 400ms not
	// 600ms not
	// 0s backoff
	// 1s not
	// 3s not
	// 9s not
	// 20s not
}

// An application that knows better about a code says so. What would let an
// internal code end a session is refused.
func ExampleClasses_With() {
	// Our meetings are created a moment late, so a refusal is worth another try.
	// And a full server stays full: give up at once.
	p := policy.Default()
	p.Classes = p.Classes.
		With(status.SignalingBadRequest, policy.Failure).
		With(status.AudioServiceUnavailable, policy.Terminal)
	fmt.Println(p.Classes.Of(status.SignalingBadRequest), p.Classes.Of(status.AudioServiceUnavailable), p.Validate())

	p.Classes = p.Classes.With(status.IncompatibleSDP, policy.Terminal)
	fmt.Println(p.Validate())
	// Output:
	// failure terminal <nil>
	// policy: IncompatibleSDP cannot be of class terminal: the code is never told as the end of a session
}

// A transport answers with ordinary errors. A code inside decides; a
// PermanentError forbids the retry that the code alone would lead to.
func ExampleStatusOf() {
	expired := errors.New("token expired")
	for _, err := range []error{
		expired,
		backoff.Permanent(expired),
		fmt.Errorf("join: %w", status.MeetingEnded),
	} {
		p := policy.Default()
		retries := policy.NewRetries(p.Budget, p.BackOff(nil))
		st := policy.StatusOf(err)
		d := policy.Decide(&p, policy.Facts{Phase: policy.Failed, Status: st}, &retries, 0)
		fmt.Println(st.Code.String(), d.Action, errors.Is(st, expired), errors.Is(st, status.MeetingEnded))
	}
	// Output:
	// TaskFailed retry true false
	// TaskFailed stop true false
	// MeetingEnded stop false true
}
