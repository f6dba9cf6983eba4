package machine

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
)

// play steps a world through inputs, each at the next deadline if it is a tick, and
// now otherwise. Epoch and ID are those of what runs.
func (w *world) play(t *testing.T, inputs ...Input) *world {
	t.Helper()
	for _, in := range inputs {
		at := w.now
		switch in.Kind {
		case Tick:
			due, ok := w.m.Deadline()
			require.True(t, ok)
			at = afterwards(at, max(due-at.Mono, 0))
		case Restored, Resynced:
			in.ID = w.m.op
		case Admitted:
			in.ID = w.m.queued
		}
		if in.Kind != Start && in.Kind != Tick && in.Kind != Hinted && in.Kind != Admitted {
			in.Epoch = w.m.epoch
		}
		_, err := w.step(at, in)
		require.NoError(t, err, in.Kind.String())
	}
	return w
}

// TestWorldNotices makes sure that the world which the explorer holds a machine
// against would notice what a machine must not do in a recovery: each effect here is
// one too many, or the wrong one, where it comes.
func TestWorldNotices(t *testing.T) {
	media := Input{Kind: Reported, Status: status.Status{Code: status.ConnectionHealthReconnect, Layer: status.LayerMedia}}
	signaling := Input{Kind: Reported, Status: status.Status{Code: status.ConnectionHealthReconnect, Layer: status.LayerSignaling}}
	failure := Input{Kind: Restored, Status: status.New(status.TaskFailed, nil)}
	refusal := Input{Kind: OpenFailed, Rejected: true, Status: status.New(status.AudioAuthenticationRejected, nil)}
	opened := Input{Kind: Opened, Abilities: restorable}
	connect := []Input{{Kind: Start}, opened}
	tick := Input{Kind: Tick}
	then := func(begin []Input, more ...Input) []Input { return slices.Concat(begin, more) }
	lost := then(connect, media)
	attempt := func(n int, level policy.Level) Attempt { return Attempt{Number: n, Level: level, Timeout: time.Second} }
	restart := func(n int) Effect {
		return Effect{Kind: Restart, Epoch: 1, ID: 99, Attempt: attempt(n, policy.RestartMedia)}
	}
	resume := func(n int) Effect { return Effect{Kind: Resume, Epoch: 1, ID: 99, Attempt: attempt(n, policy.Resume)} }
	resync := Effect{Kind: Resync, Epoch: 1, ID: 99, Outage: &observer.Outage{}}
	scheduled := func(d policy.Decision) Effect {
		return Effect{Kind: Notify, Event: observer.RetryScheduled{Decision: d}}
	}
	wrongTimeout := restart(1)
	wrongTimeout.Attempt.Timeout = restartTimeout + 1
	wrongLevel := restart(1)
	wrongLevel.Attempt.Level = policy.Resume
	for name, c := range map[string]struct {
		changes []func(*Config)
		inputs  []Input
		change  func(w *world)
		effect  Effect
		words   string
	}{
		"a restart while connected":            {nil, connect, nil, restart(1), "not a lost link that is kept"},
		"a restart of another epoch":           {nil, lost, nil, Effect{Kind: Restart, Epoch: 2, ID: 9, Attempt: attempt(1, policy.RestartMedia)}, "not a lost link that is kept"},
		"a restart of a closed link":           {nil, then(lost, Input{Kind: Reported, Status: directedTo(status.RecoverByRejoin)}), nil, restart(1), "not a lost link that is kept"},
		"a restart of a link never connected":  {nil, lost, func(w *world) { w.life(1).adopted = false }, restart(1), "not a lost link that is kept"},
		"a restart beside another one":         {nil, then(lost, tick), nil, restart(2), "while a restart-media runs"},
		"a restart beside a cancelled one":     {nil, then(lost, tick, tick), nil, restart(2), "while a restart-media runs"},
		"a restart that is not possible":       {nil, []Input{{Kind: Start}, {Kind: Opened, Abilities: CanResume}, media}, nil, restart(1), "cannot do that"},
		"a resume that is not possible":        {nil, []Input{{Kind: Start}, {Kind: Opened, Abilities: CanRestart}, media}, nil, resume(1), "cannot do that"},
		"one restart too many":                 {nil, then(lost, tick, failure), nil, restart(2), "once more than its rung allows"},
		"a resume that comes too late":         {nil, lost, func(w *world) { w.now.Wall = w.now.Wall.Add(resumeWindow) }, resume(1), "after the loss"},
		"a restart that takes too long":        {nil, lost, nil, wrongTimeout, "restart-media of 4"},
		"a restart at another level":           {nil, lost, nil, wrongLevel, "at the level resume"},
		"down the ladder":                      {with(rungs(9, 9)), then(connect, signaling, tick, failure), nil, restart(2), "from resume down to restart-media"},
		"an attempt that skips a number":       {nil, lost, nil, restart(2), "attempt 2 after 0"},
		"an attempt offline":                   {nil, then(lost, Input{Kind: Hinted, Hint: observer.NetworkDown}), nil, restart(1), "while the network is down"},
		"an attempt that was not let through":  {with(limited), []Input{{Kind: Start}, {Kind: Admitted}, opened, media}, nil, restart(1), "has not let through"},
		"two attempts of one admission":        {with(limited), []Input{{Kind: Start}, {Kind: Admitted}, opened, media, tick, {Kind: Admitted}, failure}, nil, resume(2), "has not let through"},
		"an attempt after too many rejections": {with(authorizes, rejections(2)), []Input{{Kind: Start}, refusal}, func(w *world) { w.rescue.rejected = 2 }, Effect{Kind: Open, Epoch: 2, Attempt: attempt(2, policy.Rejoin)}, "too many rejections"},
		"a Connect that is no rejoin":          {nil, []Input{{Kind: Start}, {Kind: OpenFailed, Status: status.New(status.TaskFailed, nil)}}, nil, Effect{Kind: Open, Epoch: 2, Attempt: attempt(2, policy.Resume)}, "at the level resume"},
		"a Connect beside a link that is kept": {nil, lost, nil, Effect{Kind: Open, Epoch: 2, Attempt: attempt(1, policy.Rejoin)}, "G1"},
		"a resync while connected":             {nil, connect, nil, resync, "not a link that has opened in a recovery"},
		"a resync beside a restart":            {nil, then(lost, tick), nil, resync, "while a restart-media runs"},
		"a resync of nothing":                  {nil, then(lost, tick, failure), nil, Effect{Kind: Resync, Epoch: 1, ID: 9}, "without the outage"},
		"a restart that does not run ends":     {nil, lost, nil, Effect{Kind: CancelRestore, Epoch: 1, ID: 1}, "does not run"},
		"a restart is cancelled twice":         {nil, then(lost, tick, tick), nil, Effect{Kind: CancelRestore, Epoch: 1, ID: 1}, "does not run"},
		"a resync that does not run ends":      {nil, then(lost, tick), nil, Effect{Kind: CancelResync, Epoch: 1, ID: 1}, "does not run"},
		"a close beside a restart":             {nil, then(lost, tick), nil, Effect{Kind: CloseLink, Epoch: 1}, "that was not cancelled"},
		"the limiter is asked twice":           {with(limited), []Input{{Kind: Start}}, nil, Effect{Kind: Admit, ID: 9}, "in vain"},
		"there is no limiter":                  {nil, lost, nil, Effect{Kind: Admit, ID: 9}, "in vain"},
		"nobody has asked the limiter":         {with(limited), []Input{{Kind: Start}, {Kind: Admitted}}, nil, Effect{Kind: CancelAdmit, ID: 1}, "no question"},
		"credentials are renewed in an outage": {with(authorizes), lost, nil, Effect{Kind: Refresh, ID: 9}, "at the wrong time"},
		"credentials that nobody has":          {nil, connect, nil, Effect{Kind: Refresh, ID: 9}, "at the wrong time"},
		"no renewal runs":                      {with(authorizes), connect, nil, Effect{Kind: CancelRefresh, ID: 9}, "no renewal"},
		"recovered without catching up":        {with(catchesUp), then(lost, tick, Input{Kind: Restored}, Input{Kind: Reported, Status: status.New(status.TaskFailed, nil)}), nil, Effect{Kind: Notify, Event: observer.Connected{Header: observer.Header{From: observer.StateReconnecting, Epoch: 1}}}, "has not caught up"},
		"connected beside a restart":           {nil, then(lost, tick), nil, Effect{Kind: Notify, Event: observer.Connected{Header: observer.Header{From: observer.StateReconnecting, Epoch: 1}}}, "while an attempt is waited for"},
		"the next level comes late":            {nil, then(lost, tick), func(w *world) { w.rescue.failed = policy.RestartMedia }, scheduled(policy.Decision{Level: policy.Resume, Delay: 1}), "with a delay"},
		"what was refused is tried again":      {nil, then(lost, tick), func(w *world) { w.rescue.failed, w.rescue.failure.Refused = policy.RestartMedia, true }, scheduled(policy.Decision{Level: policy.RestartMedia}), "was refused"},
		"a plan that goes down the ladder":     {nil, then(connect, signaling, tick), nil, scheduled(policy.Decision{Level: policy.RestartMedia, Delay: 1}), "from resume down to restart-media"},
		"a hint that expires early":            {nil, then(lost, Input{Kind: Hinted, Hint: observer.NetworkDown}), nil, Effect{Kind: Notify, Event: observer.Hinted{Hint: observer.NetworkDown, Expired: true}}, "expires early"},
		"a hint that was not given":            {nil, lost, nil, Effect{Kind: Notify, Event: observer.Hinted{Hint: observer.NetworkDown, Expired: true}}, "expires early"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := testConfig()
			for _, change := range c.changes {
				change(cfg)
			}
			w := newWorld(cfg).play(t, c.inputs...)
			if c.change != nil {
				c.change(w)
			}
			assert.ErrorContains(t, w.notices(c.effect), c.words)
		})
	}
}

// notices has the world take an effect. The header of an event is right.
func (w *world) notices(e Effect) error {
	if e.Event != nil {
		return w.rescue.hears(w, e.Event)
	}
	return w.effect(Input{Kind: Tick}, []Effect{e}, 0, e)
}

func directedTo(r status.Recovery) status.Status {
	return status.Status{Code: status.AudioInternalServerError, Directive: &status.Directive{Recovery: r}}
}

// TestWorldNoticesReactions makes sure of the same for what must follow a report.
func TestWorldNoticesReactions(t *testing.T) {
	w := newWorld(testConfig()).play(t,
		Input{Kind: Start}, Input{Kind: Opened, Abilities: restorable},
		Input{Kind: Reported, Status: status.Status{Code: status.ConnectionHealthReconnect, Layer: status.LayerMedia}}, Input{Kind: Tick})
	require.Equal(t, "reconnecting/restoring", place(w.m))
	before := *w.m
	for layer, is := range map[status.Layer]phase{status.LayerMedia: aborting, status.LayerSignaling: restoring, status.LayerUnknown: restoring} {
		w.m.phase = is
		in := Input{Kind: LinkClosed, Epoch: 1, Layer: layer, Bare: true}
		assert.ErrorContains(t, w.rescue.reacts(w, &before, in), "during a restart-media", layer.String())
		w.m.phase = restoring + aborting - is
		assert.NoError(t, w.rescue.reacts(w, &before, in), layer.String())
	}
}
