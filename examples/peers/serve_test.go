package main

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestServerComesBack: each server really lets go of its port, whether it is shut down
// or killed, and serves on the same one again.
func TestServerComesBack(t *testing.T) {
	for _, c := range contestants {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, addr, err := oneServer(c)
			require.NoError(t, err)
			assert.True(t, accepts(addr))
			require.NoError(t, p.close())
			assert.False(t, accepts(addr))

			before := time.Now()
			at, since, err := p.open(addr)
			require.NoError(t, err)
			assert.Equal(t, addr, at)
			assert.WithinRange(t, since, before.Round(0), time.Now().Round(0))
			assert.True(t, accepts(addr))

			require.NoError(t, p.kill())
			assert.False(t, accepts(addr))
			next, err := startServers(c)
			require.NoError(t, err)
			_, _, err = next.open(addr)
			require.NoError(t, err)
			assert.True(t, accepts(addr))
			require.NoError(t, next.kill())
		})
	}
}

func accepts(addr string) bool {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}

// TestServerErrors: a server that cannot do as it is told says so, and goes on.
func TestServerErrors(t *testing.T) {
	for _, c := range contestants {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, addr, err := oneServer(c)
			require.NoError(t, err)
			defer func() { _ = p.kill() }()
			_, err = p.ask("sing")
			assert.EqualError(t, err, `unknown command "sing"`)
			_, _, err = p.open("no address")
			assert.Error(t, err)
			assert.NoError(t, p.close())
			_, _, err = p.open(addr)
			assert.NoError(t, err)
		})
	}
}

// TestServeEnds with its input, and with what it writes to.
func TestServeEnds(t *testing.T) {
	var out strings.Builder
	require.NoError(t, serve(natsGo, strings.NewReader(openCommand+" "+anyPort+"\n"), &out))
	assert.False(t, accepts(strings.Fields(out.String())[1]))
}
