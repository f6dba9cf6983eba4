package main

import (
	"flag"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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
		Kind: "restart", Overload: "refuse", RetryAfter: 10 * time.Second,
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
}

func TestUsageErrors(t *testing.T) {
	for args, want := range map[string]string{
		"-clients 0":          "storm: -clients is 0: it must be positive",
		"-capacity -1":        "storm: -capacity is -1: it must be at least 0.1, or 0 for the default",
		"-capacity NaN":       "storm: -capacity is NaN",
		"-outage 0":           "storm: -outage is 0s: it must be positive",
		"-for 34s":            "storm: -for is 34s: it must be at least 35s, for the outage and the 5s before",
		"-kind flood":         `storm: -kind is "flood": it must be one of restart, crash, proxied, powercut, blackhole, drain, offline`,
		"-overload panic":     `storm: -overload is "panic": it must be one of refuse, retry-after, ticket, drop`,
		"-retry-after 0":      "storm: -retry-after is 0s: it must be positive",
		"-json -markdown":     "storm: -json and -markdown are two forms of the same, choose one",
		"more":                `storm: unexpected argument ["more"]`,
		"-clients many":       "invalid value",
		"-nothing-like-this":  "flag provided but not defined",
		"-clients 0 -kind no": "storm: -kind is \"no\"",
	} {
		_, stderr, err := parsed(strings.Fields(args)...)
		require.ErrorIs(t, err, errUsage, args)
		assert.Contains(t, stderr, want, args)
		assert.Contains(t, stderr, "Usage of storm", args)
	}
	_, _, err := parsed("-help")
	assert.ErrorIs(t, err, flag.ErrHelp)
}
