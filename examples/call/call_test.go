package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy/status"
)

// TestMain lets the test binary be the server process that is killed, and the
// client process that is stopped.
func TestMain(m *testing.M) {
	if addr := os.Getenv(serveEnv); addr != "" {
		exit(serve(context.Background(), os.Stdout, addr))
	}
	if url := os.Getenv(connectEnv); url != "" {
		exit(connect(context.Background(), newTimeline(os.Stdout, true), url))
	}
	os.Exit(m.Run())
}

// TestFaults plays every fault for real.
func TestFaults(t *testing.T) {
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			var live bytes.Buffer
			r := play(t.Context(), newTimeline(&live, true), f)
			require.True(t, r.OK, "%+v\n%s", r, live.String())
			assert.Equal(t, f.expected(), r.Outcome)
			assert.Positive(t, r.Detect)
			if f.ends == status.OK {
				assert.Greater(t, r.Recover, r.Detect)
			}
			assert.Contains(t, live.String(), "=== "+f.name)
		})
	}
}

// TestWrongOutcomeIsTold plays a fault with a wrong expectation: the run fails.
func TestWrongOutcomeIsTold(t *testing.T) {
	wrong := faults[0]
	wrong.ends = status.MeetingEnded
	r := play(t.Context(), newTimeline(&bytes.Buffer{}, false), wrong)
	assert.False(t, r.OK)
	assert.Equal(t, "recovered by resume", r.Outcome)
	assert.Equal(t, 1, failures([]result{r}))
	var table bytes.Buffer
	require.NoError(t, writeTable(&table, []result{r}))
	assert.Contains(t, table.String(), "NOT AS EXPECTED")
}

func TestList(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-list"}, &out, &out))
	names := strings.Fields(out.String())
	assert.Len(t, names, len(faults))
	assert.Equal(t, faults[0].name, names[0])
}

func TestJSON(t *testing.T) {
	var out, live bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-json", "-fault", "meeting-full"}, &out, &live))
	var r result
	require.NoError(t, json.Unmarshal(out.Bytes(), &r))
	assert.True(t, r.OK)
	assert.Equal(t, "stopped AudioCallAtCapacity", r.Outcome)
	assert.Contains(t, live.String(), "STOPPED")
}

func TestUsage(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want error
		text string
	}{
		{[]string{"-fault", "nothing"}, nil, `there is no fault "nothing"; -list shows the names`},
		{[]string{"-x"}, errUsage, "-x"},
		{[]string{"extra"}, errUsage, `unexpected argument ["extra"]`},
		{[]string{"-serve", "127.0.0.1:0", "-connect", "ws://127.0.0.1:1/"}, errUsage, "-serve and -connect are two programs"},
		{[]string{"-h"}, flag.ErrHelp, "-connect"},
	} {
		var out bytes.Buffer
		err := run(t.Context(), tt.args, &out, &out)
		require.Error(t, err, tt.args)
		if tt.want != nil {
			require.ErrorIs(t, err, tt.want)
			assert.Contains(t, out.String(), tt.text)
		} else {
			assert.EqualError(t, err, tt.text)
		}
	}
}

// TestHalves runs the server and the client as a person would in two
// terminals, ends the client with its context and the server after it.
func TestHalves(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	out := &lines{first: make(chan string, 1)}
	served := make(chan error, 1)
	serverCtx, stopServer := context.WithCancel(ctx)
	go func() { served <- serve(serverCtx, out, "127.0.0.1:0") }()
	url := strings.TrimPrefix(strings.TrimSpace(<-out.first), listening)

	left := errors.New("the person pressed Ctrl-C")
	clientCtx, leave := context.WithCancelCause(ctx)
	tl := newTimeline(onLine("CONNECTED", func() { leave(left) }), true)
	err := connect(clientCtx, tl, url)
	require.ErrorIs(t, err, left)
	require.ErrorIs(t, err, status.Left)
	stopServer()
	require.NoError(t, <-served)
}

func TestServeRefusesOtherAddresses(t *testing.T) {
	assert.Error(t, serve(t.Context(), &bytes.Buffer{}, "192.0.2.1:8000"))
}

// TestDescribeEveryEvent: each event has words of its own for the timeline.
func TestDescribeEveryEvent(t *testing.T) {
	seen := map[string]string{}
	for _, e := range observer.Kinds() {
		text, _ := describe(e)
		require.NotEmpty(t, text)
		assert.NotContains(t, text, "%!")
		assert.Empty(t, seen[text], "%s and %s read alike", e.Name(), seen[text])
		seen[text] = e.Name()
	}
}

// lines passes on the first line written to it.
type lines struct{ first chan string }

func (l *lines) Write(b []byte) (int, error) {
	select {
	case l.first <- string(b):
	default:
	}
	return len(b), nil
}

// onLine calls do for each write that contains text.
type lineFunc func([]byte)

func onLine(text string, do func()) lineFunc {
	return func(b []byte) {
		if bytes.Contains(b, []byte(text)) {
			do()
		}
	}
}

func (f lineFunc) Write(b []byte) (int, error) { f(b); return len(b), nil }
