package fakenet

import (
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNetworkCarriesDelaysAndLoses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const delay = 30 * time.Millisecond
		n, err := NewNetwork(delay)
		require.NoError(t, err)
		client, err := n.Client().ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(ClientIP)})
		require.NoError(t, err)
		server, err := n.Server().ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(ServerIP)})
		require.NoError(t, err)

		passes := func(from, to net.PacketConn) bool {
			t.Helper()
			began := time.Now()
			_, err := from.WriteTo([]byte("x"), to.LocalAddr())
			require.NoError(t, err)
			require.NoError(t, to.SetReadDeadline(began.Add(time.Second)))
			_, _, err = to.ReadFrom(make([]byte, 1))
			if err == nil {
				assert.Equal(t, delay, time.Since(began))
				return true
			}
			var ne net.Error
			require.ErrorAs(t, err, &ne)
			require.True(t, ne.Timeout() || os.IsTimeout(err))
			return false
		}
		for _, tt := range []struct {
			dark               Direction
			toServer, toClient bool
		}{{ToServer, false, true}, {ToClient, true, false}, {BothWays, false, false}} {
			n.BlackHole(tt.dark)
			assert.Equal(t, tt.toServer, passes(client, server))
			assert.Equal(t, tt.toClient, passes(server, client))
			n.Heal(tt.dark)
			assert.True(t, passes(client, server))
			assert.True(t, passes(server, client))
		}
		require.NoError(t, client.Close())
		require.NoError(t, server.Close())
		require.NoError(t, n.Close())
	})
}

func TestTwoNetworksDoNotMeet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var nets [2]*Network
		for i := range nets {
			n, err := NewNetwork(0)
			require.NoError(t, err)
			nets[i] = n
		}
		server, err := nets[1].Server().ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(ServerIP)})
		require.NoError(t, err)
		client, err := nets[0].Client().ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(ClientIP)})
		require.NoError(t, err)
		_, err = client.WriteTo([]byte("x"), server.LocalAddr())
		require.NoError(t, err)
		require.NoError(t, server.SetReadDeadline(time.Now().Add(time.Second)))
		_, _, err = server.ReadFrom(make([]byte, 1))
		require.Error(t, err)
		require.NoError(t, client.Close())
		require.NoError(t, server.Close())
		for _, n := range nets {
			require.NoError(t, n.Close())
		}
	})
}
