package fakenet

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestListenerConnects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewListener("somewhere")
		assert.Equal(t, "somewhere", l.Addr().String())
		assert.Equal(t, "memory", l.Addr().Network())
		accepted := make(chan net.Conn)
		go func() {
			c, err := l.Accept()
			assert.NoError(t, err)
			accepted <- c
		}()
		ours, err := l.DialContext(context.Background(), "tcp", "anywhere:1")
		require.NoError(t, err)
		theirs := <-accepted
		go func() { _, _ = ours.Write([]byte("x")) }()
		b := make([]byte, 1)
		_, err = theirs.Read(b)
		require.NoError(t, err)
		assert.Equal(t, "x", string(b))
		require.NoError(t, ours.Close())
		_, err = theirs.Read(b)
		require.Error(t, err)
	})
}

func TestDialWaitsNoLongerThanItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewListener("deaf")
		tired := errors.New("tired")
		ctx, cancel := context.WithTimeoutCause(context.Background(), time.Minute, tired)
		defer cancel()
		began := time.Now()
		_, err := l.Dial(ctx)
		require.ErrorIs(t, err, tired)
		assert.Equal(t, time.Minute, time.Since(began))
	})
}

func TestClosedListenerRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewListener("closed")
		waiting := make(chan error)
		go func() {
			_, err := l.Accept()
			waiting <- err
		}()
		synctest.Wait()
		require.NoError(t, l.Close())
		require.NoError(t, l.Close())
		require.ErrorIs(t, <-waiting, net.ErrClosed)
		_, err := l.Dial(context.Background())
		require.ErrorIs(t, err, net.ErrClosed)
	})
}
