package main

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestRun holds a connection until it is told to end.
func TestRun(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, []string{l.Addr().String()}) }()
	conn, err := l.Accept()
	require.NoError(t, err)
	stop()
	require.NoError(t, <-ended)
	require.NoError(t, conn.Close())
}

// TestHintsAlone needs no server.
func TestHintsAlone(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	require.NoError(t, run(ctx, nil))
}
