package session_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
	"github.com/holdfast-go/holdfast/session/sessiontest"
)

// recordings are some to begin with: of everything, and of the end of it.
func recordings(f *testing.F) (all [][]byte) {
	f.Helper()
	for range 2 {
		ring := session.NewRing(0)
		tr := sessiontest.Script(sessiontest.Fail(status.AudioServiceUnavailable), sessiontest.OK())
		tr.Link = sessiontest.Able()
		cfg := sessiontest.Quick(tr)
		cfg.Recorder = ring
		cfg.Health.Custom = []health.CustomPolicy{{Name: "calm", New: func() health.Policy { return calm{} }}}
		s, err := session.New(cfg)
		require.NoError(f, err)
		require.NoError(f, s.Start(context.Background()))
		for i := range uint64(5) {
			tr.Sample(sessiontest.Newest, health.Sample{AudioPacketsReceived: health.Some(50), AudioLoss: health.Some(0), BytesReceived: i})
		}
		tr.Closed(sessiontest.Newest, status.LayerSignaling, errors.New("reset"))
		require.NoError(f, s.WaitConnected(context.Background()))
		require.NoError(f, s.Close())
		var text bytes.Buffer
		_, err = ring.WriteTo(&text)
		require.NoError(f, err)
		all = append(all, text.Bytes())
	}
	return all
}

// FuzzReplay replays whatever there is: it never panics, ends, and what cannot be
// replayed is told with its line.
func FuzzReplay(f *testing.F) {
	for _, text := range recordings(f) {
		f.Add(text)
		lines := strings.SplitAfter(string(text), "\n")
		f.Add([]byte(strings.Join(lines[:min(len(lines), 4)], "")))
		f.Add([]byte(lines[0] + "{\"gap\":1}\n" + strings.Join(lines[1:], "")))
	}
	f.Add([]byte("{}\n"))
	f.Add([]byte(`{"holdfast":"recording","version":2,"session":{},"input":"holdfast"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		lines := bytes.Count(text, []byte("\n")) + 1
		last, ended := 0, false
		for step, err := range session.Replay(bytes.NewReader(text)) {
			require.False(t, ended, "nothing follows the end")
			require.GreaterOrEqual(t, step.Line, last)
			require.LessOrEqual(t, step.Line, lines)
			last = step.Line
			var differs *session.DifferenceError
			var broken *session.RecordingError
			switch {
			case errors.As(err, &differs):
				require.Equal(t, step.Line, differs.Line)
			case err != nil:
				require.ErrorAs(t, err, &broken)
				require.Equal(t, step.Line, broken.Line)
				ended = true
			}
		}
	})
}
