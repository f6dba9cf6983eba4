package holdfast_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
	"github.com/holdfast-go/holdfast/session/sessiontest"
)

// A config that cannot work is refused, and every fault in it is named (NEEDS 41).
func TestConfigIsValidated(t *testing.T) {
	valid := func() session.Config { return production(new(sessiontest.Transport)) }
	tests := map[string]func(*session.Config){
		"Transport":      func(c *session.Config) { c.Transport = nil },
		"Observers[1]":   func(c *session.Config) { c.Observers = []observer.Observer{observer.Log{}, nil} },
		"ConnectTimeout": func(c *session.Config) { c.ConnectTimeout = -1 },
		"CloseGrace":     func(c *session.Config) { c.CloseGrace = -1 },
		"ObserverGrace":  func(c *session.Config) { c.ObserverGrace = -1 },
		"IncompatibleSDP": func(c *session.Config) {
			c.Policy.Classes = c.Policy.Classes.With(status.IncompatibleSDP, policy.Terminal)
		},
		"NewBackOff":                     func(c *session.Config) { c.Policy.NewBackOff = func(func() float64) backoff.BackOff { return nil } },
		"UnusableAudio.Samples":          func(c *session.Config) { c.Health.UnusableAudio.Samples = 61 },
		"UnusableAudio.PacketsPerSample": func(c *session.Config) { c.Health.UnusableAudio.PacketsPerSample = -1 },
		"Custom[0].Name":                 func(c *session.Config) { c.Health.Custom = []health.CustomPolicy{{}} },
		"Custom[0].New":                  func(c *session.Config) { c.Health.Custom = []health.CustomPolicy{{}} },
	}
	everything := valid()
	for name, spoil := range tests {
		cfg := valid()
		require.NoError(t, cfg.Validate())
		spoil(&cfg)
		spoil(&everything)
		_, err := session.New(cfg)
		require.ErrorContains(t, err, name)
		assert.Equal(t, err.Error(), cfg.Validate().Error())
	}
	_, err := session.New(everything)
	for name := range tests {
		require.ErrorContains(t, err, name, "all faults at once")
	}
}

// What a config amounts to can be printed and compared (NEEDS 41).
func TestConfigIsPrintable(t *testing.T) {
	printed := fmt.Sprintf("%+v", session.Config{Name: "n", ReasonGrace: -1}.Effective())
	for _, want := range []string{
		"Name:n", "ConnectTimeout:15s", "CloseGrace:2s", "ObserverGrace:2s", "PingInterval:10s", "NoPackets:25",
	} {
		assert.Contains(t, printed, want)
	}
	effective := session.Config{}.Effective()
	assert.Equal(t, policy.Default().Budget, effective.Policy.Budget)
	again := effective.Effective()
	effective.Random, again.Random = nil, nil
	assert.Equal(t, effective, again)
	assert.Equal(t, session.Config{}, session.Config{}, "a zero config stays zero")
}

// The timeouts that are configured are those that apply (NEEDS 41).
func TestConfiguredTimeouts(t *testing.T) {
	bubble(t, "custom", func(t *testing.T) {
		tr := sessiontest.Script(hang("TLS"), ok().With(sessiontest.Link{Ping: ok(), Close: sessiontest.Deaf("close")}))
		forever := make(chan struct{})
		var rec sessiontest.Recorder
		cfg := production(tr, &rec, observer.Funcs{Stopped: func(observer.Stopped) { <-forever }})
		cfg.ConnectTimeout, cfg.CloseGrace, cfg.ObserverGrace = 3*sec, 700*ms, 400*ms
		cfg.ReasonGrace, cfg.PingInterval = sec, 4*sec
		cfg.Health.Detector.Off = true // it pings, too
		s := newSession(t, cfg)
		starting(s)
		settle(3500*ms - 1)
		assert.Len(t, tr.Snapshot().Attempts(), 1)
		settle(1)
		assert.Equal(t, session.StateConnected, s.State())
		settle(12*sec - 1)
		assert.Len(t, tr.Snapshot().Named("Ping"), 3)
		settle(1)
		assert.Len(t, tr.Snapshot().Named("Ping"), 4)
		tr.Closed(2, status.LayerSignaling, nil)
		settle(sec - 1)
		assert.Empty(t, tr.Snapshot().Named("Close"))
		settle(1)
		assert.Len(t, tr.Snapshot().Named("Close"), 1)
		s.Stop()
		endsAfter(t, s, 700*ms+400*ms)
		close(forever)
		verify(t, s, tr, &rec)
	})
	bubble(t, "off", func(t *testing.T) {
		tr := sessiontest.Transport{Link: rejoining()}
		var rec sessiontest.Recorder
		cfg := production(&tr, &rec)
		cfg.ReasonGrace, cfg.PingInterval, cfg.PresenceTimeout = -1, -1, -1
		s := start(t, cfg)
		settle(time.Hour)
		assert.Empty(t, tr.Snapshot().Named("Ping"))
		tr.Closed(1, status.LayerSignaling, nil)
		synctest.Wait()
		assert.Len(t, tr.Snapshot().Named("Close"), 1, "the loss is judged at once")
		finish(t, s, &tr, &rec)
	})
}

// A session may begin view-only, and stays so in every outage.
func TestViewOnlyFromTheStart(t *testing.T) {
	bubble(t, "view-only", func(t *testing.T) {
		var tr sessiontest.Transport
		var rec sessiontest.Recorder
		cfg := production(&tr, &rec)
		cfg.ViewOnly = true
		s := start(t, cfg)
		tr.Report(1, lost)
		settle(time.Minute)
		for _, a := range tr.Snapshot().Attempts() {
			assert.True(t, a.ViewOnly)
		}
		for _, e := range sessiontest.Of[observer.Connected](&rec) {
			assert.True(t, e.ViewOnly)
		}
		assert.True(t, s.Snapshot().ViewOnly)
		assert.Empty(t, sessiontest.Of[observer.VideoSendUnavailable](&rec), "that is no news")
		finish(t, s, &tr, &rec)
	})
}

// A token shows up nowhere: not in the log of a whole life, not in any event, not
// in what fmt, slog and JSON make of the credentials.
func TestTokensAreHidden(t *testing.T) {
	bubble(t, "tokens", func(t *testing.T) {
		secret := session.Credentials{Attendee: "alice", Token: "t0psecret"}
		var out bytes.Buffer
		logger := slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
		tr := tour.transport()
		var rec sessiontest.Recorder
		cfg := production(tr, &rec, observer.Log{Logger: logger})
		tour.config(&cfg)
		s := newSession(t, cfg)
		starting(s)
		(&performance{scenario: tour, stage: stage{s, tr}}).perform()
		require.NoError(t, s.Promote(t.Context(), secret))
		finish(t, s, tr, &rec)
		assert.Equal(t, secret, tr.Snapshot().Named("Promote")[1].Credentials, "the link gets it")

		logger.Info("credentials", "credentials", secret)
		fmt.Fprintf(&out, "%v %+v %#v %s", secret, secret, secret, secret)
		require.NoError(t, json.NewEncoder(&out).Encode(secret))
		for _, e := range rec.Events() {
			b, err := observer.Marshal(e)
			require.NoError(t, err)
			out.Write(b)
		}
		assert.Contains(t, out.String(), "alice")
		assert.NotContains(t, out.String(), secret.Token)
	})
}
