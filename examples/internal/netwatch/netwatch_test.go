package netwatch

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/session"
)

// TestWatch: one hint for each change, none without one, and a reminder while there
// is no network.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now []string
		var fails error
		var told []session.Hint
		ctx, stop := context.WithCancel(t.Context())
		over := make(chan struct{})
		go func() {
			defer close(over)
			w := Watcher{Addresses: func() ([]string, error) { return now, fails }}
			w.Watch(ctx, func(h session.Hint) { told = append(told, h) })
		}()
		after := func(d time.Duration, want ...session.Hint) {
			t.Helper()
			<-time.After(d)
			synctest.Wait()
			assert.Equal(t, want, told)
			told = nil
		}
		now = []string{"eth0 192.0.2.1"}
		after(time.Minute)
		now = []string{"wlan0 198.51.100.7"}
		after(time.Second, session.NetworkChanged)
		after(time.Minute)
		now = nil
		after(time.Second, session.NetworkDown)
		after(Repeat-time.Second-1)
		after(time.Second+1, session.NetworkDown)
		fails = errors.New("no file descriptors")
		after(time.Minute)
		fails, now = nil, []string{"eth0 192.0.2.1"}
		after(time.Second, session.NetworkUp)
		after(time.Hour)
		stop()
		<-over
	})
}

// TestSleep: the wall clock that runs ahead of the monotonic one is a sleep; the
// network may have changed meanwhile.
func TestSleep(t *testing.T) {
	var told []session.Hint
	hint := func(h session.Hint) { told = append(told, h) }
	var v view
	begin := time.Now()
	assert.Zero(t, jump(time.Time{}, begin))
	assert.Zero(t, jump(begin, begin.Add(time.Second)))
	v.look(begin, 0, []string{"eth0 192.0.2.1"}, hint)
	v.look(begin.Add(time.Second), asleep-1, []string{"eth0 192.0.2.1"}, hint)
	assert.Empty(t, told, "an adjusted clock")
	v.look(begin.Add(2*time.Second), 8*time.Hour, []string{"wlan0 198.51.100.7"}, hint)
	assert.Equal(t, []session.Hint{session.Woke, session.NetworkChanged}, told)
}

// TestUsable: what it lists are addresses of this machine, not of loopback.
func TestUsable(t *testing.T) {
	list, err := Usable()
	require.NoError(t, err)
	for _, a := range list {
		assert.NotContains(t, a, "127.0.0.1")
	}
	interfaces, err := net.Interfaces()
	require.NoError(t, err)
	assert.NotEmpty(t, interfaces)
}
