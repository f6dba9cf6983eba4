package netwatch

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/session"
)

// machine is one whose addresses a test sets.
type machine struct {
	mu   sync.Mutex
	list []string
	err  error
	told []session.Hint
}

func (m *machine) addresses() ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.list, m.err
}

func (m *machine) hint(h session.Hint) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.told = append(m.told, h)
}

// set changes the machine.
func (m *machine) set(err error, list ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err, m.list = err, list
}

// after gives what is told in the next d.
func (m *machine) after(d time.Duration) []session.Hint {
	<-time.After(d)
	synctest.Wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	told := m.told
	m.told = nil
	return told
}

// TestWatch: one hint for each change, none without one, and a reminder while there
// is no network.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m machine
		m.set(nil, "eth0 192.0.2.1")
		ctx, stop := context.WithCancel(t.Context())
		over := make(chan struct{})
		go func() {
			defer close(over)
			Watcher{Addresses: m.addresses}.Watch(ctx, m.hint)
		}()
		assert.Empty(t, m.after(time.Minute))
		m.set(nil, "wlan0 198.51.100.7")
		assert.Equal(t, []session.Hint{session.NetworkChanged}, m.after(time.Second))
		assert.Empty(t, m.after(time.Minute))
		m.set(nil)
		assert.Equal(t, []session.Hint{session.NetworkDown}, m.after(time.Second))
		assert.Empty(t, m.after(Repeat-time.Second))
		assert.Equal(t, []session.Hint{session.NetworkDown}, m.after(time.Second))
		m.set(errors.New("no file descriptors"))
		assert.Empty(t, m.after(time.Minute), "an error is no news of the network")
		m.set(nil, "eth0 192.0.2.1")
		assert.Equal(t, []session.Hint{session.NetworkUp}, m.after(time.Second))
		assert.Empty(t, m.after(time.Hour))
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
