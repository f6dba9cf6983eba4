package main

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestShare: outages are spread evenly around the length that the row names.
func TestShare(t *testing.T) {
	var shares []time.Duration
	o := outage{lasts: 30 * time.Second, settings: settings{Servers: 5}}
	for i := range o.Servers {
		shares = append(shares, o.share(i))
	}
	assert.Equal(t, []time.Duration{27e9, 28.5e9, 30e9, 31.5e9, 33e9}, shares)
	one := outage{lasts: time.Second, settings: settings{Servers: 1}}
	assert.Equal(t, time.Second, one.share(0))
}

// TestWatcher: only a connection after a loss counts, and only while it lasts.
func TestWatcher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &watcher{}
		w.connected(nil)
		assert.False(t, w.settled(), "the first connection is none after a loss")
		assert.False(t, w.isGone())
		w.lost(nil)
		assert.True(t, w.isGone())
		time.Sleep(time.Second)
		w.connected(nil)
		back, over := w.outcome()
		assert.Equal(t, time.Now(), back)
		assert.False(t, over)
		assert.True(t, w.settled())
		w.lost(nil)
		assert.False(t, w.settled(), "lost again")
		w.ended(nil)
		back, over = w.outcome()
		assert.Zero(t, back)
		assert.True(t, over)
		assert.True(t, w.settled())
	})
}

// TestOutageResult counts each client from the moment at which its own server was
// back, and leaves out nobody.
func TestOutageResult(t *testing.T) {
	began := time.Now()
	after := func(s float64) time.Time { return began.Add(time.Duration(s * float64(time.Second))) }
	o := outage{watchers: []watcher{
		{gone: true, back: after(12)},
		{gone: true, back: after(21)},
		{gone: true, back: after(9.9)},
		{gone: true, over: true},
		{gone: true},
	}}
	r := o.result([]time.Time{after(10), after(20)})
	assert.Equal(t, "1.00 s, 2.00 s (2 of 5 not back, 1 gave up)", r.Text)
	assert.Equal(t, map[string]float64{
		"clients": 5, "back": 3, "gaveUp": 1, "medianSeconds": 1, "worstSeconds": 2,
	}, r.Values)
	assert.False(t, o.settled(), "one is neither back nor over")
}

func TestReturned(t *testing.T) {
	s := time.Second
	assert.Equal(t, "2.00 s, 12.0 s", returned([]time.Duration{s, 2 * s, 12 * s}, 0, 3).Text)
	assert.Equal(t, "none of 3 back, 2 gave up", returned(nil, 2, 3).Text)
}

func TestNoticed(t *testing.T) {
	s := time.Second
	assert.Equal(t, "not within 60 s", noticed([]time.Duration{0, 0}, time.Minute).Text)
	r := noticed([]time.Duration{3 * s, 0, s}, time.Minute)
	assert.Equal(t, "3.00 s, 3.00 s (1 of 3 not within 60 s)", r.Text)
	assert.EqualValues(t, 2, r.Values["noticed"])
	assert.Equal(t, "2.00 s, 3.00 s", noticed([]time.Duration{3 * s, 2 * s, s}, time.Minute).Text)
}
