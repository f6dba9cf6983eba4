package sessiontest

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
)

// connected is what one Connect came to.
type connected struct {
	link     session.Link
	err      error
	panicked any
	exited   bool
	after    time.Duration
}

// dial calls Connect in a goroutine that it may leave, with a context that
// ends after the given time.
func dial(tr *Transport, timeout time.Duration) connected {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	began, out, done := time.Now(), connected{exited: true}, make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			out.after = time.Since(began)
			if p := recover(); p != nil {
				out.panicked, out.exited = p, false
			}
		}()
		out.link, out.err = tr.Connect(ctx, session.Attempt{Epoch: tr.newest + 1}, nil)
		out.exited = false
	}()
	<-done
	return out
}

func TestStepOutcome(t *testing.T) {
	broken := errors.New("broken")
	tests := []struct {
		name    string
		step    Step
		timeout time.Duration
		after   time.Duration
		opens   bool
		fails   error
		message string
	}{
		{name: "zero", opens: true},
		{name: "OK", step: OK(), opens: true},
		{name: "code", step: Fail(status.MeetingEnded), fails: status.MeetingEnded},
		{name: "error", step: Fail(broken), fails: broken, message: "broken"},
		{name: "error in a phase", step: Fail(broken).In("joining"), fails: broken, message: "joining: broken"},
		{name: "no error", step: Fail(nil), fails: errFailed},
		{name: "nothing", step: Nothing()},
		{name: "latency", step: OK().After(3 * time.Second), after: 3 * time.Second, opens: true},
		{name: "late failure", step: Fail(broken).After(3 * time.Second), after: 3 * time.Second, fails: broken},
		{name: "latency beyond the context", step: OK().After(time.Minute), after: 10 * time.Second, fails: context.DeadlineExceeded},
		{name: "hang", step: Hang("ICE"), after: 10 * time.Second, fails: context.DeadlineExceeded, message: "ICE: context deadline exceeded"},
		{name: "code when it hangs", step: Fail(status.ICEGatheringTimeoutWorkaround).In("ICE").AtCancel(), after: 10 * time.Second, fails: status.ICEGatheringTimeoutWorkaround},
		{name: "open late", step: OK().AtCancel(), after: 10 * time.Second, opens: true},
		{name: "open later", step: OK().AtCancel().After(time.Second), after: 11 * time.Second, opens: true},
		{name: "cancelled before", step: OK(), timeout: -1, fails: context.DeadlineExceeded},
		{name: "cancelled before, opens all the same", step: OK().AtCancel(), timeout: -1, opens: true},
		{name: "function", step: Func(func(context.Context, session.Attempt, *session.Reporter) error { return nil }), opens: true},
		{name: "function that fails", step: Func(func(_ context.Context, a session.Attempt, _ *session.Reporter) error {
			return status.New(status.Code(a.Epoch), broken)
		}), fails: broken},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				timeout := tt.timeout
				if timeout == 0 {
					timeout = 10 * time.Second
				}
				got := dial(Script(tt.step), timeout)
				assert.Equal(t, tt.opens, got.link != nil, "a link is opened")
				assert.Equal(t, tt.after, got.after)
				if tt.fails == nil {
					require.NoError(t, got.err)
				}
				require.ErrorIs(t, got.err, tt.fails)
				if tt.message != "" {
					assert.EqualError(t, got.err, tt.message)
				}
			})
		})
	}
}

func TestStepLeavesTheHardWay(t *testing.T) {
	tr := Script(Panic("boom"), Exit())
	got := dial(tr, time.Minute)
	assert.Equal(t, "boom", got.panicked)
	got = dial(tr, time.Minute)
	assert.True(t, got.exited)
	assert.Empty(t, tr.Snapshot().Running, "the calls have ended")
	tr.Parity(t)
}

func TestDeafUntilRelease(t *testing.T) {
	for name, step := range map[string]Step{"fails": Deaf("media"), "opens": OK().In("media").AtRelease()} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := Script(step)
				done := make(chan connected)
				go func() { done <- dial(tr, time.Second) }()
				require.NoError(t, tr.WaitHanging(t.Context(), "media"))
				settle(time.Hour)
				require.Len(t, tr.Snapshot().Running, 1, "it is deaf to its context")
				tr.Release()
				got := <-done
				assert.Equal(t, time.Hour, got.after)
				assert.Equal(t, name == "opens", got.link != nil)
				assert.Equal(t, name == "fails", got.err != nil)
			})
		})
	}
}

func TestReleaseOfOneEpoch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := new(Transport).Otherwise(Deaf("media"))
		done := make(chan connected)
		for n := range 2 {
			go func() { done <- dial(tr, time.Second) }()
			require.NoError(t, tr.WaitAttempts(t.Context(), n+1))
		}
		tr.Release(1)
		<-done
		synctest.Wait()
		require.Len(t, tr.Snapshot().Running, 1)
		assert.EqualValues(t, 2, tr.Snapshot().Running[0].Epoch)
		tr.Release(Newest)
		<-done
		go func() { done <- dial(tr, time.Second) }()
		require.NoError(t, tr.WaitAttempts(t.Context(), 3))
		settle(time.Minute)
		require.Len(t, tr.Snapshot().Running, 1, "the next one hangs again")
		tr.Release()
		<-done
		assert.Zero(t, dial(tr, time.Second).after, "nothing hangs any more")
	})
}

func TestReleaseEndsALatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := Script(OK().After(time.Hour).In("slow"))
		done := make(chan connected)
		go func() { done <- dial(tr, 2*time.Hour) }()
		require.NoError(t, tr.WaitHanging(t.Context(), "slow"))
		tr.Release()
		assert.NotNil(t, (<-done).link)
	})
}

func TestScriptOrder(t *testing.T) {
	codes := func(tr *Transport, n int) (out []status.Code) {
		for range n {
			code, _ := status.CodeOf(dial(tr, time.Minute).err)
			out = append(out, code)
		}
		return out
	}
	a, b, c := status.AudioServiceUnavailable, status.TaskFailed, status.MeetingEnded
	tests := []struct {
		name string
		tr   *Transport
		want []status.Code
	}{
		{"zero", &Transport{}, []status.Code{0, 0, 0}},
		{"each step once", Script(Fail(a), Fail(b)), []status.Code{a, b, 0, 0}},
		{"times", Script(Fail(a).Times(2), Fail(b).Times(-1)), []status.Code{a, a, b, 0}},
		{"otherwise", Script(Fail(a), Step{}).Otherwise(Fail(c)), []status.Code{a, 0, c, c}},
		{"then", Script(Fail(a)).Otherwise(Fail(c)).Then(Fail(b)), []status.Code{a, b, c, c}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { assert.Equal(t, tt.want, codes(tt.tr, len(tt.want))) })
	}
}
