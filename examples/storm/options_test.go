package main

import (
	"flag"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/session/sim"
)

func parsed(args ...string) (o options, stderr string, err error) {
	var b strings.Builder
	o, err = parse(args, &b)
	return o, b.String(), err
}

func TestDefaults(t *testing.T) {
	o, _, err := parsed()
	require.NoError(t, err)
	assert.Equal(t, storm{
		Clients: 100_000, Capacity: 2000, Outage: 30 * time.Second, For: 185 * time.Second, Seed: 1,
		Kind: "restart", Overload: "refuse",
	}, o.storm)
	assert.Equal(t, "ours", o.policies)
}

// TestDefaultsFollow: what is not given depends on what is.
func TestDefaultsFollow(t *testing.T) {
	o, _, err := parsed("-clients", "700", "-outage", "1500ms")
	require.NoError(t, err)
	assert.Equal(t, 14.0, o.Capacity)
	assert.Equal(t, 157*time.Second, o.For, "in whole seconds")
	o, _, err = parsed("-clients", "700", "-capacity", "70", "-for", "45s")
	require.NoError(t, err)
	assert.Equal(t, 70.0, o.Capacity)
	assert.Equal(t, 45*time.Second, o.For)
	o, _, err = parsed("-clients", "1000000", "-capacity", "0.1")
	require.NoError(t, err)
	assert.Equal(t, 35*time.Second+time.Hour, o.For)
	o, _, err = parsed("-overload", "same-retry-after")
	require.NoError(t, err)
	assert.Equal(t, 10*time.Second, o.RetryAfter)
}

// TestDefaultsAreLongEnough: fast as the server may be, clients take their time after an
// outage; and few as they may be, it takes one a second.
func TestDefaultsAreLongEnough(t *testing.T) {
	for args, want := range map[string]time.Duration{
		"-clients 20 -capacity 1000 -outage 5s": 5*time.Second + 5*time.Second + time.Minute,
		"-clients 20 -outage 10m":               5*time.Second + 20*time.Minute,
		"-clients 1":                            5*time.Second + 30*time.Second + time.Minute,
		"-outage 167h":                          longest,
	} {
		o, _, err := parsed(strings.Fields(args)...)
		require.NoError(t, err, args)
		assert.Equal(t, want, o.For, args)
		assert.GreaterOrEqual(t, o.Capacity, 1.0, args)
	}
	few := played(t, "-clients", "20", "-capacity", "1000", "-outage", "5s")
	assert.NotEqual(t, sim.Never, few.Results[0].Fleet.Summary.Back100)
}

// TestSimulatorTakesAll: what is too much is found here, where the flag can be named.
func TestSimulatorTakesAll(t *testing.T) {
	for _, args := range []string{"-clients 10000000 -capacity 1e9", "-outage 167h", "-for 168h", "-clients 1", "-clients 1 -capacity 0.1"} {
		o, stderr, err := parsed(strings.Fields(args)...)
		require.NoError(t, err, stderr)
		s, err := o.scenario()
		require.NoError(t, err, args)
		assert.NoError(t, s.Validate(), args)
	}
}

func TestUsageErrors(t *testing.T) {
	for args, want := range map[string]string{
		"-clients 0":          "storm: -clients is 0: it must be from 1 to 10000000",
		"-clients 10000001":   "storm: -clients is 10000001",
		"-capacity -1":        "storm: -capacity is -1: it must be from 0.1 to 1e+09, or 0 for the default",
		"-capacity Inf":       "storm: -capacity is +Inf",
		"-capacity NaN":       "storm: -capacity is NaN",
		"-outage 0":           "storm: -outage is 0s: it must be positive, and at most 167h0m0s",
		"-outage 200000h":     "storm: -outage is 200000h0m0s",
		"-for 34s":            "storm: -for is 34s: it must be from 35s, for the outage and the 5s before, to 168h0m0s, or 0 for the default",
		"-for 169h":           "storm: -for is 169h0m0s",
		"-kind flood":         `storm: -kind is "flood": it must be one of restart, crash, proxied, powercut, blackhole, drain, offline, offline-told`,
		"-overload panic":     `storm: -overload is "panic": it must be one of refuse, retry-after, same-retry-after, drop`,
		"-retry-after -1s":    "storm: -retry-after is -1s: it must be positive, or 0 for the default",
		"-retry-after 9s":     "storm: -retry-after is for -overload same-retry-after, it has no effect with -overload refuse",
		"-json -markdown":     "storm: -json and -markdown are two forms of the same, choose one",
		"more":                `storm: unexpected argument ["more"]`,
		"-clients many":       "invalid value",
		"-nothing-like-this":  "flag provided but not defined",
		"-clients 0 -kind no": "storm: -kind is \"no\"",
	} {
		_, stderr, err := parsed(strings.Fields(args)...)
		require.ErrorIs(t, err, errUsage, args)
		assert.Contains(t, stderr, want, args)
		assert.Contains(t, stderr, "\n-help lists the flags\n", args)
		assert.LessOrEqual(t, strings.Count(stderr, "\n"), 3, "not the list: what is wrong would scroll away")
	}
}

func TestHelp(t *testing.T) {
	_, stderr, err := parsed("-help")
	require.ErrorIs(t, err, flag.ErrHelp)
	assert.Contains(t, stderr, "Usage of storm")
	assert.Contains(t, stderr, "-overload")
}
