package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestMain lets the test binary be the server process and the measuring process.
// What measures in tests alone is a discipline that no round has.
func TestMain(m *testing.M) {
	disciplines = append(disciplines, ill...)
	if played, err := play(os.Getenv(roleEnv)); played {
		exit(err)
	}
	os.Exit(m.Run())
}

// TestRace runs everything, short, and holds Holdfast to what it promises. What
// others do is only told.
func TestRace(t *testing.T) {
	if testing.Short() {
		t.Skip("half a minute of waiting for other processes")
	}
	var out, progress bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-quick", "-json"}, &out, &progress))
	t.Log("\n" + progress.String())
	var r report
	require.NoError(t, json.Unmarshal(out.Bytes(), &r))
	assert.Equal(t, quick, r.Settings)
	for _, round := range rounds {
		for _, d := range round {
			for _, c := range contestants {
				if d.open != nil && !d.open(c) {
					continue
				}
				got, found := r.find(d.name, c.name)
				require.True(t, found, "%s, %s", d.name, c.name)
				assert.Empty(t, got.Reason, "%s, %s", d.name, c.name)
				assert.NotEmpty(t, got.Text, "%s, %s", d.name, c.name)
			}
		}
	}
	for _, c := range []contestant{signalingOnly, wholeCall} {
		t.Run(c.name, func(t *testing.T) { promised(t, r, c) })
	}
}

// promised checks what Holdfast promises: nobody is lost (G9, G12), its calls return
// in every situation and leave nothing (G3, G4, G11), and it survives callbacks (G6).
func promised(t *testing.T, r report, c contestant) {
	for _, d := range outages {
		v := r.values(t, d, c)
		assert.Equal(t, v["clients"], v["back"], d.name)
		assert.Zero(t, v["gaveUp"], d.name)
	}
	for _, d := range append(closings, silences...) {
		v := r.values(t, d, c)
		assert.Contains(t, v, "returnedSeconds", d.name)
		assert.Zero(t, v["goroutinesLeft"], d.name)
	}
	assert.EqualValues(t, 1, r.values(t, panicking, c)["survived"])
	assert.Positive(t, r.values(t, idling[0], c)["goroutines"])
	assert.Positive(t, r.values(t, idling[0], c)["KiB"])
}

func (r report) find(discipline, contestant string) (result, bool) {
	for _, got := range r.Results {
		if got.Discipline == discipline && got.Contestant == contestant {
			return got, true
		}
	}
	return result{}, false
}

func (r report) values(t *testing.T, d discipline, c contestant) map[string]float64 {
	t.Helper()
	got, found := r.find(d.name, c.name)
	require.True(t, found, "%s, %s", d.name, c.name)
	return got.Values
}

// TestEverythingHasARound: none is forgotten, none is measured twice.
func TestEverythingHasARound(t *testing.T) {
	in := map[string]int{}
	for _, round := range rounds {
		for _, d := range round {
			in[d.name]++
		}
	}
	for _, d := range disciplines[:len(disciplines)-len(ill)] {
		assert.Equal(t, 1, in[d.name], d.name)
		delete(in, d.name)
	}
	assert.Empty(t, in)
}

func TestList(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-list"}, &out, &out))
	assert.Equal(t, []string{"idle", "idle-bare", "outage-short"}, strings.Fields(out.String())[:3])
}

// TestOnly measures one thing, and the table has one row.
func TestOnly(t *testing.T) {
	var out, progress bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-quick", "-only", "panic"}, &out, &progress))
	table, _, _ := strings.Cut(out.String(), "\n\n")
	lines := strings.Split(table, "\n")
	require.Len(t, lines, 2)
	assert.Contains(t, lines[0], "nats.go")
	assert.Contains(t, lines[1], "process dies")
	assert.Contains(t, lines[1], "process lives, client ended")
}

func TestUsage(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want error
		text string
	}{
		{[]string{"-only", "nothing"}, nil, `there is no discipline "nothing"; -list shows them`},
		{[]string{"-x"}, errUsage, "-x"},
		{[]string{"extra"}, errUsage, `unexpected argument ["extra"]`},
		{[]string{"-json", "-markdown"}, errUsage, "two forms of the same"},
		{[]string{"-blackhole", "-1s"}, errUsage, "-blackhole is -1s: it must be positive"},
		{[]string{"-h"}, flag.ErrHelp, "-quick"},
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

func TestSettings(t *testing.T) {
	assert.Equal(t, full, options{}.settings())
	assert.Equal(t, quick, options{quick: true}.settings())
	assert.Equal(t, 7*time.Minute, options{blackHole: 7 * time.Minute}.settings().BlackHole)
}

// TestInterrupted: Ctrl-C ends the race, whatever is measured.
func TestInterrupted(t *testing.T) {
	why := errors.New("the person pressed Ctrl-C")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(100*time.Millisecond, func() { cancel(why) })
	began := time.Now()
	var out bytes.Buffer
	require.ErrorIs(t, run(ctx, nil, &out, &out), why)
	assert.Less(t, time.Since(began), 10*time.Second)
}

// ill are disciplines that go wrong.
var ill = []discipline{
	{name: "ill-hangs", run: func(contestant, settings) (reading, error) { select {} }},
	{name: "ill-fails", run: func(contestant, settings) (reading, error) {
		return reading{}, errors.New("the port is taken")
	}},
	{name: "ill-dies", run: func(contestant, settings) (reading, error) { panic("out of luck") }},
	{name: "ill-told", run: func(c contestant, s settings) (reading, error) {
		return reading{Text: fmt.Sprintf("%s for %s", c.name, s.Short)}, nil
	}},
}
