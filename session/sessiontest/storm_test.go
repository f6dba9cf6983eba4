package sessiontest

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
)

// storm is a session with a transport that does anything, and reports of any
// kind at any time.
type storm struct{ *rand.Rand }

func (r storm) up(to time.Duration) time.Duration { return time.Duration(r.Int64N(int64(to))) }

func (r storm) code() status.Code { return status.Code(1 + r.IntN(28)) }

func (r storm) mild() status.Code {
	return []status.Code{
		status.TaskFailed, status.SignalingInternalServerError, status.IncompatibleSDP,
		status.VideoCallSwitchToViewOnly, status.ConnectionHealthReconnect,
	}[r.IntN(5)]
}

func (r storm) step() Step {
	steps := []Step{
		OK(), OK(), OK(), OK(), Fail(r.mild()), Fail(r.mild()), Fail(errors.New("no route")), Nothing(), Panic("boom"), Exit(),
		Hang("ICE"), OK().AtCancel(), OK().AtCancel().After(r.up(5 * time.Second)), OK().AtRelease(), Deaf("TLS"),
	}
	step := steps[r.IntN(len(steps))]
	if r.IntN(2) == 0 {
		step = step.After(r.up(20 * time.Second))
	}
	return step
}

func (r storm) link() Link {
	var l Link
	for _, ability := range []*Step{&l.Ping, &l.Update, &l.Promote, &l.Leave, &l.Close} {
		if r.IntN(2) == 0 {
			*ability = r.step()
		}
	}
	return l
}

func (r storm) report(tr *Transport) {
	newest := uint64(len(tr.Snapshot().Attempts()))
	if newest == 0 {
		return
	}
	epoch := max(1, newest-min(newest-1, uint64(r.IntN(3))))
	switch r.IntN(6) {
	case 0:
		tr.Closed(epoch, status.Layer(r.IntN(4)), nil)
	case 1:
		tr.Pong(epoch, r.Uint64N(10))
	case 2:
		tr.Report(epoch, r.mild())
	case 3:
		tr.Sample(epoch, health.Sample{AudioPacketsReceived: health.Some(0), AudioLoss: health.Some(0)})
	case 4:
		tr.Present(epoch)
		tr.Alive(epoch, status.Layer(r.IntN(4)))
	case 5:
		if r.IntN(5) == 0 {
			tr.Report(epoch, r.code())
		}
	}
}

// Whatever transport and links do, the guarantees hold.
func TestStorm(t *testing.T) {
	seen := map[string]int{}
	for seed := range uint64(300) {
		synctest.Test(t, func(t *testing.T) { weather(t, seed, seen) })
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	for _, name := range []string{"AttemptFailed", "Recovered", "Demoted", "VideoSendUnavailable", "Updated", "Stopped"} {
		assert.NotZero(t, seen[name], name)
	}
	t.Log(seen)
}

func weather(t *testing.T, seed uint64, seen map[string]int) {
	r := storm{rand.New(rand.NewPCG(seed, 0))}
	var tr Transport
	for range 40 {
		tr.Then(r.step().With(r.link()))
	}
	var rec Recorder
	cfg := config(&tr, &rec)
	if r.IntN(3) == 0 {
		cfg.PresenceTimeout = 5 * time.Second
	}
	s := made(t, cfg)
	go func() { _ = s.Start(t.Context()) }()
	for range 40 {
		settle(r.up(10 * time.Second))
		r.report(&tr)
		r.ask(s)
	}
	s.Stop()
	mark := tr.Mark()
	began := time.Now()
	<-s.Done()
	require.LessOrEqual(t, time.Since(began), 2*time.Second, "G3")
	require.Empty(t, mark.Attempts(), "G8")
	tr.Release()
	rec.Check(t)
	tr.Parity(t)
	for _, name := range rec.Names() {
		seen[name]++
	}
	if t.Failed() {
		t.Log(rec.Text())
	}
}

// ask does what an application does.
func (r storm) ask(s *session.Session) {
	switch r.IntN(12) {
	case 0, 1:
		go func() { _ = s.Promote(context.Background(), session.Credentials{}) }()
	case 2:
		go func() { _ = s.Demote(context.Background()) }()
	case 3:
		_ = s.Reconnect(errors.New("asked for"))
	}
}
