package fakenet

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/logging"
	"github.com/pion/transport/v5/vnet"
	"github.com/pion/webrtc/v4"
)

// The addresses of the two hosts, from the range for documentation (RFC 5737).
const (
	ClientIP = "192.0.2.1"
	ServerIP = "192.0.2.2"
)

// Direction says which packets a fault of the network is about.
type Direction int

// The directions.
const (
	BothWays Direction = iota
	ToServer
	ToClient
)

// Network is two virtual hosts with a router between them, for UDP only.
//
// All methods may be called from any goroutine.
type Network struct {
	router         *vnet.Router
	client, server *vnet.Net
	// Whether the packets to a host are lost.
	darkClient, darkServer atomic.Bool
}

// making guards the making of networks: vnet numbers its hosts without a lock.
var making sync.Mutex

// NewNetwork starts a network that takes delay to carry a packet. Close ends it.
func NewNetwork(delay time.Duration) (*Network, error) {
	making.Lock()
	defer making.Unlock()
	r, err := vnet.NewRouter(&vnet.RouterConfig{
		CIDR: "192.0.2.0/24", MinDelay: delay, LoggerFactory: logging.NewDefaultLoggerFactory(),
	})
	if err != nil {
		return nil, err
	}
	n := &Network{router: r}
	if n.client, err = host(r, ClientIP); err != nil {
		return nil, err
	}
	if n.server, err = host(r, ServerIP); err != nil {
		return nil, err
	}
	r.AddChunkFilter(n.passes)
	return n, r.Start()
}

func host(r *vnet.Router, ip string) (*vnet.Net, error) {
	n, err := vnet.NewNet(&vnet.NetConfig{StaticIPs: []string{ip}})
	if err != nil {
		return nil, err
	}
	return n, r.AddNet(n)
}

func (n *Network) passes(c vnet.Chunk) bool {
	to, ok := c.DestinationAddr().(*net.UDPAddr)
	if !ok {
		return false
	}
	if to.IP.String() == ServerIP {
		return !n.darkServer.Load()
	}
	return !n.darkClient.Load()
}

// Client is the client's host, to be wrapped or used as it is. ClientMedia goes
// with it.
func (n *Network) Client() *vnet.Net { return n.client }

// Server is the server's host.
func (n *Network) Server() *vnet.Net { return n.server }

// ServerMedia moves a server's peer connection into the network.
func (n *Network) ServerMedia(e *webrtc.SettingEngine) {
	e.SetNet(n.server)
	n.ClientMedia(e)
}

// ClientMedia lifts the restriction to loopback, which every virtual host has for
// itself alone.
func (n *Network) ClientMedia(e *webrtc.SettingEngine) {
	e.SetIncludeLoopbackCandidate(false)
	e.SetIPFilter(func(ip net.IP) bool { return !ip.IsLoopback() })
}

// BlackHole loses all packets of a direction from now on.
func (n *Network) BlackHole(d Direction) { n.set(d, true) }

// Heal carries the packets of a direction again.
func (n *Network) Heal(d Direction) { n.set(d, false) }

func (n *Network) set(d Direction, dark bool) {
	if d != ToServer {
		n.darkClient.Store(dark)
	}
	if d != ToClient {
		n.darkServer.Store(dark)
	}
}

// Close stops the router. Peer connections should be closed before.
func (n *Network) Close() error { return n.router.Stop() }
