package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-go/holdfast/examples/internal/callkit"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
)

// sceneTime bounds one fault from join to outcome. On a machine that is too busy,
// answers come late, and then silent signaling is given 30 s.
const sceneTime = time.Minute

// play runs one fault from an empty stage to its outcome.
func play(ctx context.Context, t *timeline, f fault) result {
	ctx, cancel := context.WithTimeoutCause(ctx, sceneTime, errors.New("the scene took longer than a minute"))
	defer cancel()
	t.title("=== %s: %s", f.name, f.what)
	r := result{Fault: f.name, What: f.what, Expected: f.expected()}
	st, err := f.stage(t)
	if err == nil {
		err = f.perform(ctx, st, &r)
		err = errors.Join(err, st.close())
	}
	if err != nil {
		r.Error = err.Error()
		t.say("fault", "the scene failed: %v", err)
	}
	r.OK = err == nil && r.Outcome == r.Expected
	return r
}

func (f fault) expected() string {
	if f.ends == status.OK {
		return recoveredBy(f.level)
	}
	return "stopped " + f.ends.String()
}

func recoveredBy(l policy.Level) string { return "recovered by " + l.String() }

func (f fault) stage(t *timeline) (*stage, error) {
	if f.process {
		return newProcessStage(t)
	}
	return newStage(t)
}

// perform plays the fault and fills in the result.
func (f fault) perform(ctx context.Context, st *stage, r *result) error {
	if f.strike == nil {
		return f.refused(ctx, st, r)
	}
	if err := st.join(ctx, f); err != nil {
		return err
	}
	old, _ := st.s.Link()
	from, struck := st.mark(), time.Now()
	st.say("fault", "%s", f.what)
	failed := make(chan error, 1)
	go func() { failed <- f.strike(ctx, st) }()
	noticed, err := st.await(ctx, from, noticing)
	if err != nil {
		return errors.Join(err, <-failed)
	}
	r.Detect = since(struck, noticed)
	if err := f.repair(ctx, st); err != nil {
		return err
	}
	return errors.Join(f.outcome(ctx, st, old, from, struck, r), <-failed)
}

// refused joins where there is no getting in.
func (f fault) refused(ctx context.Context, st *stage, r *result) error {
	who := token
	if f.token != "" {
		who = f.token
	}
	if f.before != nil {
		f.before(st)
	}
	struck := time.Now()
	if err := st.client(callkit.Token(who), nil); err != nil {
		return err
	}
	_ = st.s.Start(ctx) // the outcome is judged by the events
	e, err := st.await(ctx, 0, named("Stopped"))
	if err != nil {
		return err
	}
	r.Detect = since(struck, e)
	return f.outcome(ctx, st, nil, 0, struck, r)
}

// noticing events tell that the client knows.
func noticing(e observer.Event) bool {
	return e.Name() == "Reconnecting" || e.Name() == "Stopped"
}

func (f fault) repair(ctx context.Context, st *stage) error {
	if f.heal == nil {
		return nil
	}
	if err := pause(ctx, cmp.Or(f.lasts, healAfter)); err != nil {
		return err
	}
	st.say("fault", "repaired")
	return f.heal(st)
}

// outcome waits for the end or for audio, on a new link or on the old one if that
// has healed.
func (f fault) outcome(ctx context.Context, st *stage, old session.Link, from int, struck time.Time, r *result) error {
	e, err := st.await(ctx, from, func(e observer.Event) bool {
		return e.Name() == "Recovered" || e.Name() == "Stopped"
	})
	if err != nil {
		return err
	}
	if stopped, ok := e.(observer.Stopped); ok {
		r.Outcome, r.Attempts = "stopped "+stopped.Status.Code.String(), stopped.Attempts
		return nothingOpens(ctx, st)
	}
	outage := e.(observer.Recovered).Outage
	r.Attempts = outage.Attempts
	r.Cost = st.cost(from)
	at, err := st.audio(ctx, old, 1)
	if err != nil {
		return err
	}
	st.say("media", "audio is back")
	r.Outcome, r.Recover = recoveredBy(outage.Level), at.Sub(struck)
	return nil
}

// nothingOpens makes sure that a stopped session opens nothing any more.
func nothingOpens(ctx context.Context, st *stage) error {
	if err := st.s.Wait(ctx); err != nil {
		return err
	}
	st.proxy.Heal()
	if err := pause(ctx, healAfter); err != nil {
		return err
	}
	if n := st.proxy.Links(); n > 0 {
		return fmt.Errorf("%d connections are open after the end", n)
	}
	return nil
}

// since is the time from a moment to an event.
func since(from time.Time, e observer.Event) time.Duration { return e.Head().Time.Sub(from.Round(0)) }

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
