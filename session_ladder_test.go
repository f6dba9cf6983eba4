package holdfast_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
	"github.com/holdfast-go/holdfast/session/sessiontest"
)

// How an outage climbs from the cheapest recovery to a new join.

// What is lost, as a status says it: media alone, signaling alone (lost), both,
// or nobody knows.
var (
	mediaLost = status.Status{Code: status.ConnectionHealthReconnect, Layer: status.LayerMedia}
	bothLost  = status.Status{Code: status.ConnectionHealthReconnect}
	someLost  = status.New(status.TaskFailed, nil)
)

// deed is what one restart of media, or one resume, comes to.
type deed func(context.Context, session.Attempt, *session.Reporter) error

func works(context.Context, session.Attempt, *session.Reporter) error { return nil }

func failsWith(err error) deed {
	return func(context.Context, session.Attempt, *session.Reporter) error { return err }
}

func hangs(ctx context.Context, _ session.Attempt, _ *session.Reporter) error {
	<-ctx.Done()
	return fmt.Errorf("SDP exchange: %w", ctx.Err())
}

// takes lets d go by before, or what the context grants.
func takes(d time.Duration, then deed) deed {
	return func(ctx context.Context, a session.Attempt, r *session.Reporter) error {
		select {
		case <-time.NewTimer(d).C:
			return then(ctx, a, r)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// lags lets d go by whatever the context says.
func lags(d time.Duration, then deed) deed {
	return func(ctx context.Context, a session.Attempt, r *session.Reporter) error {
		advance(d)
		return then(ctx, a, r)
	}
}

// The usual outcomes.
var (
	fails   = failsWith(errors.New("no route to host"))
	refuses = failsWith(fmt.Errorf("session 7: %w", session.ErrRefused))
	cannot  = failsWith(errors.ErrUnsupported)
)

// turns is a step that does something else in each call; the last deed serves all
// further ones.
func turns(deeds ...deed) sessiontest.Step {
	var calls atomic.Int64
	return sessiontest.Func(func(ctx context.Context, a session.Attempt, r *session.Reporter) error {
		n := int(calls.Add(1))
		return deeds[min(n, len(deeds))-1](ctx, a, r)
	})
}

// climber is a link that can restart its media and resume its session, with one
// round trip of no time.
func climber(restart, resume sessiontest.Step) sessiontest.Link {
	return sessiontest.Link{Ping: ok(), Probe: ok(), RestartMedia: restart, Resume: resume}
}

// climb is an outage, or several, on links that can do more than to be closed.
type climb struct {
	name   string
	tr     *sessiontest.Transport
	config func(*session.Config)
	acts   []act // after the session has been connected for a minute
	length time.Duration
}

// first scripts the link that is lost, and what the attempts to rejoin come to.
func first(l sessiontest.Link, rejoins ...sessiontest.Step) *sessiontest.Transport {
	return sessiontest.Script(ok().With(l)).Then(rejoins...)
}

// reviving opens a link whose dead layers come back with a restart or a resume.
func reviving() *sessiontest.Transport {
	tr := new(sessiontest.Transport)
	revive := func(_ context.Context, a session.Attempt, _ *session.Reporter) error {
		tr.Silence(a.Epoch, 0)
		return nil
	}
	l := climber(turns(revive), turns(revive))
	l.Media, l.Expect = 70*ms, health.ExpectMedia // never at the same moment as something else
	return tr.Then(ok().With(l))
}

// climbs are played in fake time, and what is told of each is in ladder.golden: the
// levels, their order, delays, time limits, endpoints, and what was kept.
func climbs() []climb {
	loses := func(st status.Status) []act { return []act{report(0, 1, st)} }
	loss := status.New(lost, nil)
	refused := fail(status.AudioServiceUnavailable)
	return []climb{
		{name: "media is restarted", tr: first(climber(turns(works), turns(works))), acts: loses(mediaLost), length: sec},
		{name: "signaling is resumed", tr: first(climber(turns(works), turns(works))), acts: loses(loss), length: sec},
		{name: "both are dead: resumed", tr: first(climber(turns(works), turns(works))), acts: loses(bothLost), length: sec},
		{name: "nobody knows what is dead: joined anew", tr: first(climber(turns(works), turns(works))), acts: loses(someLost), length: sec},
		{name: "everything fails", tr: first(climber(turns(fails), turns(fails)), refused.Times(2)), acts: loses(mediaLost), length: 20 * sec},
		{name: "the second resume works", tr: first(climber(turns(fails), turns(fails, works))), acts: loses(mediaLost), length: 5 * sec},
		{name: "everything is refused", tr: first(climber(turns(refuses), turns(refuses)), refused), acts: loses(mediaLost), length: 5 * sec},
		{name: "the link can do neither after all", tr: first(climber(turns(cannot), turns(cannot)), refused), acts: loses(mediaLost), length: 5 * sec},
		{name: "the link cannot restart", tr: first(climber(sessiontest.Step{}, turns(works))), acts: loses(mediaLost), length: sec},
		{name: "the link cannot resume", tr: first(climber(turns(fails), sessiontest.Step{})), acts: loses(mediaLost), length: sec},
		{name: "the link cannot resume, signaling is dead", tr: first(climber(turns(works), sessiontest.Step{})), acts: loses(loss), length: sec},
		{name: "each level hangs", tr: first(climber(turns(hangs), turns(hangs)), hang("TLS")), acts: loses(mediaLost), length: time.Minute},
		{name: "each level is deaf", tr: first(climber(sessiontest.Deaf("SDP"), turns(works))), acts: loses(mediaLost), length: 10 * sec},
		{name: "a resume is deaf", tr: first(climber(turns(works), sessiontest.Deaf("SDP"))), acts: loses(loss), length: 20 * sec},
		{
			name: "the next outage begins below again", tr: first(climber(turns(fails, works), turns(works))),
			acts: []act{report(0, 1, mediaLost), report(20*sec, 1, mediaLost)}, length: 21 * sec,
		},
		{
			name: "signaling dies in a restart", tr: first(climber(turns(takes(2*sec, works)), turns(works))),
			acts: []act{report(0, 1, mediaLost), report(sec, 1, loss)}, length: 5 * sec,
		},
		{
			name: "signaling dies in a restart that returns late", tr: first(climber(turns(lags(2*sec, works)), turns(works))),
			acts: []act{report(0, 1, mediaLost), report(sec, 1, loss)}, length: 5 * sec,
		},
		{
			name: "media is reported dead in a restart", tr: first(climber(turns(takes(2*sec, works)), turns(works))),
			acts: []act{report(0, 1, mediaLost), report(sec, 1, mediaLost)}, length: 5 * sec,
		},
		{
			name: "the old signaling is closed late, in a resume", tr: first(climber(turns(works), turns(takes(2*sec, works)))),
			acts: []act{report(0, 1, loss), closed(sec, 1, status.LayerSignaling)}, length: 5 * sec,
		},
		{
			name: "signaling dies before the restart", tr: first(climber(turns(works), turns(works))),
			acts: []act{report(0, 1, mediaLost), report(100*ms, 1, loss)}, length: 5 * sec,
		},
		{
			name: "a silent restart, a silent resume", tr: first(climber(turns(works), turns(works))),
			acts: []act{silence(0, health.Media), report(0, 1, mediaLost)}, length: 10 * sec,
		},
		{
			name: "a silent link is joined anew", tr: first(climber(turns(refuses), turns(refuses)), ok().With(sessiontest.Link{Probe: sessiontest.Nothing()}), ok()),
			acts: loses(mediaLost), length: 10 * sec,
		},
		{name: "the server wants a new join", tr: first(climber(turns(works), turns(failsWith(status.Status{
			Code: status.TaskFailed, Directive: &status.Directive{Recovery: status.RecoverByRejoin},
		})))), acts: loses(loss), length: 5 * sec},
		{
			name: "signaling dies while media is to be seen", tr: first(climber(turns(works), turns(works))),
			acts: []act{silence(0, health.Media), report(0, 1, mediaLost), report(sec, 1, loss), silence(1100*ms, 0)}, length: 5 * sec,
		},
		{
			name: "a recovery by hand", tr: first(climber(turns(works), turns(works))),
			acts: []act{{0, func(st stage) { _ = st.s.Reconnect(errEnough) }}}, length: 5 * sec,
		},
		{
			name: "it heals before the restart", tr: first(climber(turns(works), turns(works))),
			acts: []act{silence(0, health.Media), silence(2700*ms, 0)}, length: 5 * sec,
		},
		{name: "the detector finds media dead", tr: reviving(), acts: []act{silence(0, health.Media)}, length: 5 * sec},
		{
			name: "the detector finds signaling dead", tr: reviving(),
			acts: []act{silence(0, health.Signaling)}, length: 10 * sec,
		},
		{
			name: "the budget cuts a restart short", tr: first(climber(turns(hangs), turns(works))),
			config: func(c *session.Config) { c.Policy.Budget.Elapsed = 3 * sec }, acts: loses(mediaLost), length: 5 * sec,
		},
		{
			name: "one attempt is all there is, and is not spent in vain", tr: first(climber(turns(cannot), turns(cannot))),
			config: func(c *session.Config) { c.Policy.Budget.Attempts = 1 }, acts: loses(mediaLost), length: 5 * sec,
		},
		{
			name: "two attempts are all there is", tr: first(climber(turns(refuses), turns(fails))),
			config: func(c *session.Config) { c.Policy.Budget.Attempts = 2 }, acts: loses(mediaLost), length: 5 * sec,
		},
		{
			name: "the server closes the window", tr: first(climber(turns(works), turns(works)), ok()),
			config: func(c *session.Config) { c.Policy.Ladder.Resume.Window = 300 * ms }, acts: loses(loss), length: 5 * sec,
		},
	}
}

// TestGoldenLadder: scripted refusals give the exact sequence of levels (NEEDS 21, 22,
// 31, 37; G1).
func TestGoldenLadder(t *testing.T) {
	book := openBook(t, "ladder.golden")
	for _, c := range climbs() {
		bubble(t, c.name, func(t *testing.T) { book.compare(t, c.name, c.play(t)) })
	}
}

// play plays it and gives what was told from the loss on.
func (c climb) play(t *testing.T) string {
	var rec sessiontest.Recorder
	cfg := production(c.tr, &rec)
	cfg.Endpoints = []string{"a", "b", "c"}
	if c.config != nil {
		c.config(&cfg)
	}
	s := start(t, cfg)
	settle(time.Minute)
	before := len(rec.Events())
	(&performance{scenario: scenario{acts: c.acts, length: c.length}, stage: stage{s, c.tr}}).perform()
	told := sessiontest.Format{Causes: true}.Text(rec.Events()[before:])
	assert.LessOrEqual(t, c.tr.Snapshot().MaxOpen, 1, "G1")
	finish(t, s, c.tr, &rec)
	return told
}

// book is a golden file of several sections, each under its name.
type book struct {
	path     string
	names    []string
	sections map[string]string
}

const heading = "== "

// openBook reads a golden file; with -update it is written anew from the sections
// that the test compares.
func openBook(t *testing.T, name string) *book {
	t.Helper()
	b := &book{path: filepath.Join("testdata", name), sections: map[string]string{}}
	if *update {
		t.Cleanup(func() { b.write(t) })
		return b
	}
	text, err := os.ReadFile(b.path)
	require.NoError(t, err, "run the test with -update")
	for _, part := range strings.Split("\n"+string(text), "\n"+heading)[1:] {
		name, body, _ := strings.Cut(part, "\n")
		b.sections[name] = strings.TrimRight(body, "\n")
	}
	return b
}

func (b *book) compare(t *testing.T, name, got string) {
	t.Helper()
	got = strings.TrimRight(got, "\n")
	if *update {
		b.names, b.sections[name] = append(b.names, name), got
		return
	}
	want, known := b.sections[name]
	require.True(t, known, "%s has no section %q: run the test with -update", b.path, name)
	assert.Equal(t, want, got)
}

func (b *book) write(t *testing.T) {
	var text strings.Builder
	for _, name := range b.names {
		fmt.Fprintf(&text, "%s%s\n%s\n\n", heading, name, b.sections[name])
	}
	require.NoError(t, os.WriteFile(b.path, []byte(text.String()), 0o644))
}

// climbing plays a session that is connected over l, and then over what rejoins
// say, for a minute.
func climbing(t *testing.T, change func(*session.Config), l sessiontest.Link, rejoins ...sessiontest.Step) (stage, *sessiontest.Recorder) {
	t.Helper()
	return climbingOn(t, change, first(l, rejoins...))
}

func climbingOn(t *testing.T, change func(*session.Config), tr *sessiontest.Transport) (stage, *sessiontest.Recorder) {
	t.Helper()
	rec := new(sessiontest.Recorder)
	cfg := production(tr, rec)
	if change != nil {
		change(&cfg)
	}
	s := start(t, cfg)
	settle(time.Minute)
	return stage{s, tr}, rec
}

// restores names the two cheap recoveries, with what loses a link so that they are
// tried, and their time limits.
var restores = map[string]struct {
	call  string
	loss  status.Status
	limit time.Duration
	level policy.Level
}{
	"restart": {"RestartMedia", mediaLost, 5 * sec, policy.RestartMedia},
	"resume":  {"Resume", status.New(lost, nil), 10 * sec, policy.Resume},
}

// alone is a link that can do one of the two.
func alone(call string, step sessiontest.Step) sessiontest.Link {
	if call == "RestartMedia" {
		return climber(step, sessiontest.Step{})
	}
	return climber(sessiontest.Step{}, step)
}

// A link that is restarted, or resumed, is the same one: its object, its epoch, its
// reporter, its other abilities. Nothing is opened and nothing closed (NEEDS 21, 37;
// G1, G10).
func TestRestoredLinkIsTheSame(t *testing.T) {
	for name, r := range restores {
		bubble(t, name, func(t *testing.T) {
			l := alone(r.call, turns(takes(sec, works)))
			l.Update, l.Promote = ok(), ok()
			st, rec := climbing(t, nil, l)
			before := linkOf(t, st.s)
			st.tr.Report(1, r.loss)
			settle(1500*ms - 1)
			_, has := st.s.Link()
			require.False(t, has, "it is not to be used meanwhile")
			_, err := st.s.Attached()
			require.ErrorIs(t, err, session.ErrReconnecting)
			settle(1)
			require.True(t, before == linkOf(t, st.s), "the same object")
			snap := st.tr.Snapshot()
			assert.Len(t, snap.Attempts(), 1, "no Connect")
			assert.Empty(t, snap.Closed, "no Close")
			require.Len(t, snap.Named(r.call), 1)
			a := snap.Named(r.call)[0].Attempt
			assert.Equal(t, []any{uint64(1), 1, r.level, r.limit}, []any{a.Epoch, a.Number, a.Level, a.Timeout})
			recovered, _ := sessiontest.Last[observer.Recovered](rec)
			assert.EqualValues(t, 1, recovered.Epoch)
			assert.Equal(t, []any{r.level, true, true}, []any{recovered.Outage.Level, recovered.Outage.SessionKept, recovered.Outage.MediaKept})
			goesOn(t, st, rec)
			finish(t, st.s, st.tr, rec)
		})
	}
}

// goesOn checks that a restored link does all that a new one does: it is pinged and
// probed, its reports count, it is updated and promoted, and closed in the end.
func goesOn(t *testing.T, st stage, rec *sessiontest.Recorder) {
	t.Helper()
	pings, probes := len(st.tr.Snapshot().Named("Ping")), len(st.tr.Snapshot().Named("ProbeMedia"))
	settle(time.Minute)
	assert.Greater(t, len(st.tr.Snapshot().Named("Ping")), pings+30)
	assert.Greater(t, len(st.tr.Snapshot().Named("ProbeMedia")), probes+100)
	require.NoError(t, st.s.Promote(t.Context(), session.Credentials{}))
	st.tr.Report(1, status.IncompatibleSDP)
	settle(sec)
	assert.Len(t, sessiontest.Of[observer.Updated](rec), 1)
	assert.Zero(t, st.s.Snapshot().Stale, "its reporter lives on")
	st.tr.Silence(1, health.Both)
	await(t, rec, "LinkDead")
}

// What a link's reporter says in a recovery of that link is heard: an end ends the
// session, whatever is running (NEEDS 5, 6; G8).
func TestTerminalStatusInEachPhase(t *testing.T) {
	quietly := func(l sessiontest.Link) sessiontest.Link { l.Probe = sessiontest.Nothing(); return l }
	for name, r := range restores {
		phases := map[string]struct {
			link sessiontest.Link
			at   time.Duration
		}{
			"before it":                 {alone(r.call, turns(works)), 100 * ms},
			"while it runs":             {alone(r.call, turns(hangs)), sec},
			"while it is cancelled":     {alone(r.call, sessiontest.Deaf("SDP")), 500*ms + r.limit + sec},
			"while media is to be seen": {quietly(alone(r.call, turns(works))), sec},
		}
		for phase, tt := range phases {
			bubble(t, name+"/"+phase, func(t *testing.T) {
				st, rec := climbing(t, nil, tt.link)
				st.tr.Report(1, r.loss)
				settle(tt.at)
				require.Equal(t, session.StateReconnecting, st.s.State())
				st.tr.Report(1, status.MeetingEnded)
				settle(closeGrace)
				require.True(t, ended(st.s))
				assert.ErrorIs(t, st.s.Err(), status.MeetingEnded)
				assert.Len(t, st.tr.Snapshot().Attempts(), 1)
				verify(t, st.s, st.tr, rec)
			})
		}
		bubble(t, name+"/from the call", func(t *testing.T) {
			st, rec := climbing(t, nil, alone(r.call, turns(failsWith(fmt.Errorf("join: %w", status.AudioAttendeeRemoved)))))
			st.tr.Report(1, r.loss)
			settle(500 * ms)
			assert.ErrorIs(t, st.s.Err(), status.AudioAttendeeRemoved)
			verify(t, st.s, st.tr, rec)
		})
	}
}

// Each phase has a time limit of its own, to the nanosecond, and is named when it
// hangs; one that is deaf has the close grace on top (NEEDS 31; G9).
func TestHungRestoresFailByName(t *testing.T) {
	for name, r := range restores {
		for kind, step := range map[string]sessiontest.Step{"hangs": hang("SDP exchange"), "deaf": sessiontest.Deaf("SDP exchange")} {
			bubble(t, name+"/"+kind, func(t *testing.T) {
				st, rec := climbing(t, nil, alone(r.call, step))
				st.tr.Report(1, r.loss)
				until := 500*ms + r.limit
				if kind == "deaf" {
					until += closeGrace
				}
				settle(until - 1)
				assert.Empty(t, sessiontest.Of[observer.AttemptFailed](rec))
				settle(1)
				failed := sessiontest.Of[observer.AttemptFailed](rec)
				require.Len(t, failed, 1)
				assert.ErrorContains(t, failed[0].Status, map[string]string{"restart": "restarting media", "resume": "resuming"}[name]+" took longer than "+r.limit.String())
				assert.NotErrorIs(t, failed[0].Status, context.Canceled, "the context was ours")
				assert.NotErrorIs(t, failed[0].Status, context.DeadlineExceeded)
				settle(time.Minute)
				assert.Equal(t, session.StateConnected, st.s.State())
				finish(t, st.s, st.tr, rec)
			})
		}
	}
}

// A deaf restart is waited for no longer than the close grace, nothing else runs on
// its link meanwhile nor afterwards, and what it comes to in the end, or reports, does
// no harm (NEEDS 9; G1, G10).
func TestDeafRestoreComesBack(t *testing.T) {
	for name, r := range restores {
		for late, step := range map[string]sessiontest.Step{
			"works": ok().In("SDP").AtRelease(), "fails": sessiontest.Deaf("SDP"), "refused": fail(session.ErrRefused).In("SDP").AtRelease(),
		} {
			bubble(t, name+"/"+late, func(t *testing.T) {
				st, rec := climbing(t, nil, alone(r.call, step), ok().With(alone(r.call, turns(works))))
				st.tr.Report(1, r.loss)
				settle(500*ms + r.limit + closeGrace)
				require.Equal(t, session.StateConnected, st.s.State(), "joined anew")
				assert.EqualValues(t, 2, sessiontest.EpochOf(linkOf(t, st.s)))
				events := len(rec.Events())
				st.tr.Release(1)
				settle(time.Minute)
				st.tr.Report(1, status.AudioJoinedFromAnotherDevice)
				settle(time.Minute)
				assert.Len(t, rec.Events(), events)
				assert.Equal(t, []uint64{1}, st.tr.Snapshot().Closed)
				st.tr.Report(2, r.loss)
				settle(sec)
				recovered, _ := sessiontest.Last[observer.Recovered](rec)
				assert.Equal(t, r.level, recovered.Outage.Level, "the new link is restored as usual")
				finish(t, st.s, st.tr, rec)
			})
		}
	}
}

// Deaf restarts, one in every outage, end nothing, until there are too many of them
// (G11).
func TestDeafRestoresPileUp(t *testing.T) {
	const most = 16
	bubble(t, "one too many", func(t *testing.T) {
		tr := &sessiontest.Transport{Link: climber(sessiontest.Deaf("SDP"), sessiontest.Step{})}
		var rec sessiontest.Recorder
		s := start(t, production(tr, &rec))
		for n := range most {
			settle(time.Minute)
			require.Equal(t, session.StateConnected, s.State(), "after %d", n)
			tr.Report(sessiontest.Newest, mediaLost)
		}
		endsAfter(t, s, 500*ms+5*sec+closeGrace)
		assert.ErrorIs(t, s.Err(), status.TaskFailed)
		stopped, _ := sessiontest.Last[observer.Stopped](&rec)
		assert.Equal(t, observer.ByFault, stopped.Initiator)
		assert.Len(t, tr.Snapshot().Running, most)
		verify(t, s, tr, &rec)
	})
	bubble(t, "some return", func(t *testing.T) {
		tr := &sessiontest.Transport{Link: climber(sessiontest.Deaf("SDP"), sessiontest.Step{})}
		s := start(t, production(tr))
		for n := range uint64(2 * most) {
			settle(time.Minute)
			require.Equal(t, session.StateConnected, s.State(), "after %d", n)
			tr.Report(sessiontest.Newest, mediaLost)
			if n >= most/2 {
				tr.Release(n - most/2 + 1)
			}
		}
		settle(time.Minute)
		assert.EqualValues(t, 2*most+1, s.Snapshot().Epoch)
		finish(t, s, tr)
	})
}

// A promotion ends at the loss, and is told so, whatever brings the link back: the
// server may have forgotten it (NEEDS 42).
func TestAnyRecoveryDemotes(t *testing.T) {
	for name, r := range restores {
		bubble(t, name, func(t *testing.T) {
			l := alone(r.call, turns(works))
			l.Promote = ok()
			st, rec := climbing(t, nil, l)
			require.NoError(t, st.s.Promote(t.Context(), session.Credentials{}))
			synctest.Wait()
			before := len(rec.Events())
			st.tr.Report(1, r.loss)
			settle(sec)
			assert.Equal(t, []string{"Demoted", "Reconnecting", "RetryScheduled", "AttemptStarted", "MediaProven", "Connected", "Recovered"}, rec.Names()[before:])
			assert.False(t, st.s.Snapshot().Promoted)
			require.NoError(t, st.s.Promote(t.Context(), session.Credentials{}), "it may be promoted again")
			finish(t, st.s, st.tr, rec)
		})
	}
}

// A link that was found dead is left alone, and kept if it comes back, until the
// restart begins, to the nanosecond; then the restart has it (NEEDS 21).
func TestRestoreEndsHealing(t *testing.T) {
	for name, tt := range map[string]struct {
		silent health.Layers
		call   string
	}{"media": {health.Media, "RestartMedia"}, "signaling": {health.Signaling, "Resume"}, "both": {health.Both, "Resume"}} {
		bubble(t, name, func(t *testing.T) {
			l := climber(turns(hangs), turns(hangs))
			l.Media, l.Expect = packets, health.ExpectMedia
			st, rec := climbing(t, nil, l)
			st.tr.Silence(1, tt.silent)
			await(t, rec, "LinkDead")
			settle(500*ms - 1)
			assert.Empty(t, st.tr.Snapshot().Named(tt.call))
			settle(1)
			assert.Len(t, st.tr.Snapshot().Named(tt.call), 1)
			st.tr.Silence(1, 0)
			settle(4 * sec)
			assert.Equal(t, session.StateReconnecting, st.s.State(), "it is the restart's now")
			assert.Empty(t, sessiontest.Of[observer.LinkHealed](rec))
			finish(t, st.s, st.tr, rec)
		})
	}
}

// A server that takes a session back and drops it again, for ever, sees growing delays
// and an end at the budget, whatever the level that brings the session back each time,
// and with the default delays, too (NEEDS 10, 4; G9).
func TestFlappingAtEachLevel(t *testing.T) {
	const budget, holds = 5 * time.Minute, sec
	for name, loss := range map[string]status.Status{"restart": mediaLost, "resume": status.New(lost, nil), "rejoin": someLost} {
		for delays, change := range map[string]func(*session.Config){"plain": nil, "default": adaptive} {
			bubble(t, name+"/"+delays, func(t *testing.T) {
				tr := &sessiontest.Transport{Link: climber(ok(), ok())}
				st, rec := climbingOn(t, change, tr)
				st.tr.Report(1, loss)
				lossAt := time.Now()
				go func() {
					for {
						if _, err := rec.Wait(context.Background(), "Recovered"); err != nil {
							return
						}
						advance(holds)
						tr.Report(sessiontest.Newest, loss)
					}
				}()
				<-st.s.Done()
				took := time.Since(lossAt)
				assert.GreaterOrEqual(t, took, budget, "G9")
				assert.LessOrEqual(t, took, budget+holds)
				assert.ErrorIs(t, st.s.Err(), loss.Code)
				delay := delaysOf(rec)
				assert.IsNonDecreasing(t, delay[:len(delay)-1])
				assert.Equal(t, 2500*ms, delay[len(delay)-2], "half of the longest window")
				assert.Less(t, len(attempted(tr)), 110)
				verify(t, st.s, tr, rec)
			})
		}
	}
}

// delaysOf are the delays that were decided on, in order.
func delaysOf(rec *sessiontest.Recorder) (delays []time.Duration) {
	for _, e := range sessiontest.Of[observer.RetryScheduled](rec) {
		delays = append(delays, e.Decision.Delay)
	}
	return delays
}

// What comes back and holds is stable, however it came back: the next outage has its
// whole budget and begins with the first delay (NEEDS 10).
func TestRestoredLinkBecomesStable(t *testing.T) {
	for name, r := range restores {
		bubble(t, name, func(t *testing.T) {
			st, rec := climbing(t, nil, alone(r.call, turns(works)))
			for range 40 { // more than a budget
				st.tr.Report(1, r.loss)
				settle(500*ms + 10*sec)
				require.Equal(t, session.StateConnected, st.s.State())
			}
			for _, d := range delaysOf(rec) {
				assert.Equal(t, jittered(0), d)
			}
			finish(t, st.s, st.tr, rec)
		})
	}
}

// registry is a server at which an identity is in one place: whoever joins displaces
// whoever was there.
type registry struct {
	mu      sync.Mutex
	present *seat
}

type seat struct {
	tr    *sessiontest.Transport
	epoch uint64
}

// joins is an attempt to join, or to resume, at the registry.
func (r *registry) joins(tr *sessiontest.Transport) deed {
	return func(_ context.Context, a session.Attempt, _ *session.Reporter) error {
		r.mu.Lock()
		old := r.present
		r.present = &seat{tr, a.Epoch}
		r.mu.Unlock()
		if old != nil && old.tr != tr {
			old.tr.Report(old.epoch, status.FromAudio(301))
			old.tr.Closed(old.epoch, status.LayerSignaling, status.FromWebSocketClose(1006, status.Attached))
		}
		return nil
	}
}

// Two sessions with one identity at one server: the one that came last stays and the
// other one stops, also when it is displaced while it recovers, at any level; neither
// kicks the other out again (NEEDS 8).
func TestTwoSessionsWithOneIdentity(t *testing.T) {
	for name, loss := range map[string]error{"well": nil, "restarting": mediaLost, "resuming": lost, "rejoining": someLost} {
		bubble(t, name, func(t *testing.T) {
			var r registry
			var older, newer sessiontest.Transport
			for _, tr := range []*sessiontest.Transport{&older, &newer} {
				join := turns(r.joins(tr))
				tr.Link = climber(turns(hangs), turns(takes(5*sec, r.joins(tr))))
				tr.Otherwise(join)
			}
			var recA, recB sessiontest.Recorder
			cfgA, cfgB := production(&older, &recA), production(&newer, &recB)
			adaptive(&cfgA)
			adaptive(&cfgB)
			a := start(t, cfgA)
			settle(time.Minute)
			if loss != nil {
				older.Report(1, loss)
				settle(100 * ms)
			}
			b := start(t, cfgB)
			settle(time.Hour)
			require.True(t, ended(a))
			assert.ErrorIs(t, a.Err(), status.AudioJoinedFromAnotherDevice)
			assert.Equal(t, session.StateConnected, b.State())
			assert.Len(t, newer.Snapshot().Attempts(), 1)
			verify(t, a, &older, &recA)
			finish(t, b, &newer, &recB)
		})
	}
}

// A restart, or a resume, over which no media comes is given up for the next level at
// the proof timeout, to the nanosecond, and at once; one whose media comes in time, from
// whatever side, is a recovery (NEEDS 22, 31).
func TestSilentRestoreEscalates(t *testing.T) {
	for name, r := range restores {
		bubble(t, name+"/silent", func(t *testing.T) {
			st, rec := climbing(t, nil, alone(r.call, turns(works)))
			st.tr.Silence(1, health.Media)
			st.tr.Report(1, r.loss)
			settle(500*ms + proofTimeout - 1)
			assert.Len(t, attempted(st.tr), 2)
			settle(1)
			calls := attempted(st.tr)
			require.Len(t, calls, 3)
			assert.Equal(t, policy.Rejoin, calls[2].Attempt.Level)
			failed, _ := sessiontest.Last[observer.AttemptFailed](rec)
			assert.Equal(t, status.ConnectionHealthReconnect, failed.Status.Code)
			assert.EqualValues(t, 1, st.s.Snapshot().Liveness.Unproven)
			finish(t, st.s, st.tr, rec)
		})
		bubble(t, name+"/by the last probe", func(t *testing.T) {
			st, rec := climbing(t, nil, alone(r.call, turns(works)))
			st.tr.Silence(1, health.Media)
			st.tr.Report(1, r.loss)
			settle(500*ms + proofTimeout - 400*ms)
			st.tr.Silence(1, 0)
			settle(100 * ms) // the time of the next one
			require.Equal(t, session.StateConnected, st.s.State())
			assert.EqualValues(t, 1, st.s.Snapshot().Epoch)
			finish(t, st.s, st.tr, rec)
		})
	}
	bubble(t, "what was heard before proves nothing", func(t *testing.T) {
		l := alone("RestartMedia", turns(works))
		l.Media, l.Expect, l.Probe = packets, health.ExpectMedia, sessiontest.Step{}
		st, rec := climbing(t, nil, l)
		st.tr.Report(1, mediaLost)
		settle(500*ms - 1)
		st.tr.Silence(1, health.Media)
		settle(1 + proofTimeout - 1)
		assert.Equal(t, session.StateReconnecting, st.s.State())
		settle(1)
		assert.Len(t, sessiontest.Of[observer.AttemptFailed](rec), 1)
		finish(t, st.s, st.tr, rec)
	})
}

// With the default delays the first attempt depends on what has happened: it is soonest
// where it costs the server least, or where nobody else is concerned, and is spread
// where everybody is (NEEDS 15, 17). Half of each window is taken here.
func TestFirstDelayDependsOnTheCause(t *testing.T) {
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	for name, tt := range map[string]struct {
		loss  error
		hint  session.Hint // before it
		first time.Duration
	}{
		"a restart of media":       {mediaLost, "", 125 * ms},
		"a resume":                 {lost, "", 500 * ms},
		"a rejoin":                 {someLost, "", 500 * ms},
		"the server is in trouble": {status.FromSignaling(503), "", 2500 * ms},
		"nobody listens":           {refused, "", 2500 * ms},
		"the server goes away":     {status.FromWebSocketClose(1001, status.Attached), "", 2500 * ms},
		"the network has changed":  {lost, session.NetworkChanged, 0},
		"the machine has slept":    {mediaLost, session.Woke, 0},
	} {
		bubble(t, name, func(t *testing.T) {
			st, rec := climbing(t, adaptive, climber(turns(works), turns(works)))
			st.s.Hint(tt.hint)
			synctest.Wait()
			st.tr.Report(1, tt.loss)
			if tt.first > 0 {
				settle(tt.first - 1)
				assert.Len(t, attempted(st.tr), 1)
				settle(1)
			}
			synctest.Wait()
			assert.Len(t, attempted(st.tr), 2)
			finish(t, st.s, st.tr, rec)
		})
	}
}

// stuck is a step that hangs until its context ends while down, and works otherwise: as
// a call does that waits for the answer of a dead peer.
func stuck(down *atomic.Bool) sessiontest.Step {
	return sessiontest.Func(func(ctx context.Context, _ session.Attempt, _ *session.Reporter) error {
		if down.Load() {
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	})
}

// A ping that hangs in the old signaling, or a probe in the old media path, ends with
// it: it does not hold up those that the new one is to answer, which would be found dead
// for that (NEEDS 12, 21, 22).
func TestHungQuestionsEndWithTheOldPath(t *testing.T) {
	for name, tt := range map[string]struct {
		layers health.Layers
		level  policy.Level
	}{
		"a ping, resumed":    {health.Signaling, policy.Resume},
		"a probe, restarted": {health.Media, policy.RestartMedia},
		"both, resumed":      {health.Both, policy.Resume},
	} {
		bubble(t, name, func(t *testing.T) {
			var noSignaling, noMedia atomic.Bool
			mend := func(context.Context, session.Attempt, *session.Reporter) error {
				noSignaling.Store(false)
				noMedia.Store(false)
				return nil
			}
			l := climber(turns(mend), turns(mend))
			l.Ping, l.Probe = stuck(&noSignaling), stuck(&noMedia)
			st, rec := climbing(t, nil, l)
			noSignaling.Store(tt.layers.Has(health.Signaling))
			noMedia.Store(tt.layers.Has(health.Media))
			await(t, rec, "LinkDead")
			recovered := await(t, rec, "Recovered").(observer.Recovered)
			assert.Equal(t, tt.level, recovered.Outage.Level)
			assert.Equal(t, 500*ms, recovered.Outage.Duration, "asked and answered at once")
			settle(10 * time.Minute)
			assert.Equal(t, 1, st.s.Snapshot().Outages)
			assert.Equal(t, session.StateConnected, st.s.State())
			finish(t, st.s, st.tr, rec)
		})
	}
}

// A resume restarts media, too, if that is dead or may well be, and leaves it alone if
// it flows (NEEDS 21).
func TestWhatAResumeRestarts(t *testing.T) {
	for name, tt := range map[string]struct {
		restart sessiontest.Step
		lose    func(stage)
		want    bool
	}{
		"signaling has failed":         {turns(works), func(st stage) { st.tr.Report(1, lost) }, false},
		"signaling is closed":          {turns(works), func(st stage) { st.tr.Closed(1, status.LayerSignaling, nil) }, false},
		"both are dead":                {turns(works), func(st stage) { st.tr.Report(1, bothLost) }, true},
		"both are closed":              {turns(works), func(st stage) { st.tr.Closed(1, status.LayerSignaling, nil); st.tr.Closed(1, status.LayerMedia, nil) }, true},
		"a restart has failed":         {turns(fails), func(st stage) { st.tr.Report(1, mediaLost) }, true},
		"the link cannot restart":      {sessiontest.Step{}, func(st stage) { st.tr.Report(1, mediaLost) }, true},
		"signaling was only not heard": {turns(works), func(st stage) { st.tr.Silence(1, health.Signaling) }, true},
	} {
		bubble(t, name, func(t *testing.T) {
			l := climber(tt.restart, turns(works))
			l.Media, l.Expect = packets, health.ExpectMedia
			st, rec := climbing(t, nil, l)
			tt.lose(st)
			for n := 0; n < 100 && len(st.tr.Snapshot().Named("Resume")) == 0; n++ {
				settle(100 * ms)
			}
			calls := st.tr.Snapshot().Named("Resume")
			require.Len(t, calls, 1)
			assert.Equal(t, tt.want, calls[0].Attempt.RestartMedia)
			finish(t, st.s, st.tr, rec)
		})
	}
}
