package main

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/session/sim"
)

// played simulates a storm of a hundred clients, changed by args.
func played(t *testing.T, args ...string) report {
	t.Helper()
	return simulated(t, append([]string{"-clients", "100", "-outage", "10s"}, args...)...)
}

// simulated simulates what args say.
func simulated(t *testing.T, args ...string) report {
	t.Helper()
	o, stderr, err := parsed(args...)
	require.NoError(t, err, stderr)
	chosen, err := choose(known(t), o.policies)
	require.NoError(t, err)
	r, err := simulate(context.Background(), o.storm, chosen, newProgress(io.Discard))
	require.NoError(t, err)
	return r
}

// TestKinds: each fault does what its name says, at its time.
func TestKinds(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			r := played(t, "-kind", k.name, "-capacity", "10")
			s := r.Results[0].Fleet.Summary
			assert.Equal(t, calm, s.Begin)
			assert.Equal(t, 10*time.Second, s.Outage)
			assert.Zero(t, s.GaveUp)
			assert.NotEqual(t, sim.Never, s.Back100)
			assert.GreaterOrEqual(t, s.Hit, 99)
			assert.Contains(t, r.Storm.String(), "10 s")
		})
	}
}

// TestIdeal: who can come back meanwhile does not have to wait for the end.
func TestIdeal(t *testing.T) {
	assert.Equal(t, 60*time.Second, played(t, "-policy", "nats.go").Results[0].Ideal)
	assert.InDelta(t, 50, played(t, "-kind", "drain", "-policy", "nats.go").Results[0].Ideal.Seconds(), 0.5)
	assert.Equal(t, 10*time.Second, played(t, "-kind", "drain", "-capacity", "100", "-policy", "nats.go").Results[0].Ideal)
}

// TestOverloads: what a server does with more than it can take shows in the fates of
// the attempts, and in what it asks for.
func TestOverloads(t *testing.T) {
	for _, o := range overloads {
		r := played(t, "-overload", o.name, "-policy", "amazon-chime-sdk-js")
		a := r.Results[0].Fleet.Summary.Attempts
		assert.Equal(t, o.name == "drop", a.Unanswered > 0, o.name)
		assert.Equal(t, o.name != "drop", a.Refused > 0, o.name)
		assert.Contains(t, r.Storm.String(), o.story)
	}
	for args, want := range map[string]sim.RetryAfter{
		"refuse":                            {},
		"drop":                              {},
		"retry-after":                       {Ticket: true},
		"same-retry-after":                  {Constant: 10 * time.Second},
		"same-retry-after -retry-after 20s": {Constant: 20 * time.Second},
	} {
		o, _, err := parsed(append([]string{"-overload"}, strings.Fields(args)...)...)
		require.NoError(t, err)
		s, err := o.scenario()
		require.NoError(t, err)
		assert.Equal(t, want, s.Servers[0].RetryAfter, args)
	}
}

func TestStory(t *testing.T) {
	for _, tt := range []struct{ kind, overload, want string }{
		{"restart", "refuse", "1,000,000 clients, whose server closes with 1012 and is gone for 10 s; then it takes 20,000 joins a second and refuses more with 503"},
		{"drain", "drop", "1,000,000 clients, told one by one to go away and come back, within 10 s; the server takes 20,000 joins a second and does not answer more"},
		{"offline", "same-retry-after", "1,000,000 clients, whose own network is gone for 10 s; the server takes 20,000 joins a second and refuses more, with Retry-After: 10 s"},
	} {
		o, _, err := parsed("-clients", "1000000", "-outage", "10s", "-kind", tt.kind, "-overload", tt.overload)
		require.NoError(t, err)
		assert.Equal(t, tt.want, o.storm.String())
	}
	o, _, err := parsed("-clients", "1", "-overload", "retry-after")
	require.NoError(t, err)
	assert.Equal(t, "1 client, whose server closes with 1012 and is gone for 30 s; then it takes 1 join a second "+
		"and refuses more, telling each client when there is room", o.storm.String())
}

// TestToldOfItsNetwork: a client that is alone, and hears when its own network is back,
// is connected within 2 s, join and all; one that does not hear takes longer.
func TestToldOfItsNetwork(t *testing.T) {
	const outage = 30 * time.Second
	back := func(kind, seed string) time.Duration {
		r := played(t, "-clients", "1", "-kind", kind, "-outage", outage.String(), "-seed", seed)
		return r.Results[0].Fleet.Summary.Back100
	}
	var untold time.Duration
	for _, seed := range []string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10"} {
		told := back("offline-told", seed)
		assert.Greater(t, told, outage, seed)
		assert.Less(t, told, outage+2*time.Second, seed)
		untold = max(untold, back("offline", seed))
	}
	assert.Greater(t, untold, outage+2*time.Second)
}
