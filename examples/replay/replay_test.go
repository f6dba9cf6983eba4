package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
	"github.com/holdfast-go/holdfast/session/sessiontest"
)

// incident is the recording of a session that dies, comes back, is lost again, and is
// put an end to.
func incident(t *testing.T) (recording []byte) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var file bytes.Buffer
		tr := sessiontest.Script(sessiontest.Fail(status.AudioServiceUnavailable))
		tr.Link = sessiontest.Able()
		s, err := session.New(session.Config{
			Name: "ada", Transport: tr, Recorder: session.NewRecorder(&file), Random: func() float64 { return 0.5 },
		})
		require.NoError(t, err)
		require.NoError(t, s.Start(t.Context()))
		time.Sleep(15 * time.Second)
		tr.Silence(sessiontest.Newest, health.Both)
		time.Sleep(5 * time.Second)
		tr.Silence(sessiontest.Newest, 0)
		time.Sleep(15 * time.Second)
		tr.Closed(sessiontest.Newest, status.LayerSignaling, errors.New("reset by peer"))
		time.Sleep(15 * time.Second)
		tr.Report(sessiontest.Newest, status.MeetingEnded)
		<-s.Done()
		recording = file.Bytes()
	})
	return recording
}

// show runs the program on a recording.
func show(t *testing.T, recording []byte, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := run(append(args, "-"), bytes.NewReader(recording), &out, &out)
	return out.String(), err
}

// TestTimeline: an incident as a person reads it, with the rule and the numbers of
// each decision.
func TestTimeline(t *testing.T) {
	text, err := show(t, incident(t))
	require.NoError(t, err)
	for _, line := range []string{
		"=== ada, from its beginning",
		"     0.000 s  " + time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Local().Format(wallClock) + "  attempt 1 begins: join, at most 15s",
		"attempt 1 failed after 0s: AudioServiceUnavailable",
		`rule "delay", for AudioServiceUnavailable`,
		"1 attempt so far, lost for 0s, budget left 5m0s",
		"suspicion, ", "no inbound media for 1.", "media silent for 1s, ",
		"FOUND DEAD, both: no inbound media for 4.",
		" probes unanswered for 4.",
		"RECONNECTING: ConnectionHealthReconnect",
		"next attempt in ", ": resume\n", "can restart media, can resume",
		"recovered by ",
		"RECONNECTING: SignalingChannelClosedUnexpectedly, signaling: reset by peer",
		"STOPPED by status: MeetingEnded",
		`rule "terminal", for MeetingEnded`,
		"2 outages\nreplayed: everything came to what was recorded\n",
	} {
		assert.Contains(t, text, line)
	}
	assert.NotContains(t, text, "> opened")
	verbose, err := show(t, incident(t), "-v")
	require.NoError(t, err)
	assert.Contains(t, verbose, "> opened, link 2")
}

func TestObjects(t *testing.T) {
	text, err := show(t, incident(t), "-json")
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(text), "\n")
	events := 0
	for i, l := range lines {
		var o object
		require.NoError(t, json.Unmarshal([]byte(l), &o), l)
		switch {
		case i == 0:
			assert.Equal(t, "ada", *o.Session)
		case i == len(lines)-1:
			require.NotNil(t, o.Summary)
			assert.Equal(t, events, o.Summary.Events)
			assert.Equal(t, 2, o.Summary.Outages)
			assert.Equal(t, session.StateStopped, o.Summary.State)
		default:
			e, err := observer.Unmarshal(o.Event)
			require.NoError(t, err)
			assert.Equal(t, o.ElapsedNs, e.Head().Elapsed)
			events++
		}
	}
	assert.Greater(t, events, 10)
}

// TestWhatIsWrong: a recording that is broken, or comes to something else, is shown as
// far as it goes, and is an error.
func TestWhatIsWrong(t *testing.T) {
	whole := incident(t)
	lines := strings.SplitAfter(string(whole), "\n")
	differing := strings.Replace(string(whole), `"bare":true`, `"bare":false`, 1)
	for name, tt := range map[string]struct{ text, err, shown string }{
		"cut off":   {string(whole[:len(whole)-20]), "standard input: session: replay: line ", "recovered by"},
		"differing": {differing, "the replay comes to something else than was recorded at ", "DIFFERS in line "},
		"no end":    {strings.Join(lines[:len(lines)-3], ""), "", "; the recording ends while the session is connected"},
		"gap":       {strings.Join(lines[:2], "") + "{\"gap\":1}\n", "", "1 input is missing"},
		"nothing":   {"", "line 1: there is no recording", "0 inputs"},
		"a note":    {"hello\n", "line 1: this is no recording", "0 inputs"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, args := range [][]string{nil, {"-v"}, {"-json"}} {
				text, err := show(t, []byte(tt.text), args...)
				if tt.err == "" {
					require.NoError(t, err)
				} else {
					require.ErrorContains(t, err, tt.err)
				}
				if len(args) == 0 || args[0] == "-v" {
					assert.Contains(t, text, tt.shown)
					assert.Equal(t, tt.err == "", strings.Contains(text, "replayed: "))
				} else {
					assert.Contains(t, text, `"summary":{`)
				}
			}
		})
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{}, {"a", "b"}, {"-x"}} {
		var out bytes.Buffer
		require.ErrorIs(t, run(args, nil, &out, &out), errUsage)
		assert.Contains(t, out.String(), "usage: replay")
	}
	var out bytes.Buffer
	require.ErrorIs(t, run([]string{"-h"}, nil, &out, &out), flag.ErrHelp)
	gone := filepath.Join(t.TempDir(), "gone")
	err := run([]string{gone}, nil, &out, &out)
	require.ErrorIs(t, err, os.ErrNotExist)
	assert.ErrorContains(t, err, gone)
	require.NoError(t, os.WriteFile(gone, incident(t), 0o600))
	require.NoError(t, run([]string{gone}, nil, &out, &out))
}
