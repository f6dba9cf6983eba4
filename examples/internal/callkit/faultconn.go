package callkit

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"github.com/pion/transport/v5"
)

// faultConn is a UDP socket whose packets pass the impairments of its network.
// Every way to read and write goes through receive and transmit, so that none
// leads around them. Out-of-band data is not supported and comes out empty.
type faultConn struct {
	transport.UDPConn
	net *FaultNet
	out delayLine

	mu sync.Mutex
	// late holds packets that have come in and are held back, the next one first.
	late []heldPacket
	// user is the read deadline that was asked for, armed the one that is set: the
	// earlier of user and the time at which the next packet is due.
	user, armed time.Time
}

type heldPacket struct {
	due  time.Time
	data []byte
	from net.Addr
}

func newFaultConn(n *FaultNet, c transport.UDPConn) *faultConn {
	return &faultConn{UDPConn: c, net: n}
}

// receive reads the next packet that is neither lost nor held back.
func (c *faultConn) receive(b []byte) (int, net.Addr, error) {
	for {
		if n, from, ok := c.nextLate(b); ok {
			return n, from, nil
		}
		n, from, err := c.UDPConn.ReadFrom(b)
		if err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) && !c.expired(time.Now()) {
				continue // a packet is due
			}
			return n, from, err
		}
		i := c.net.in.Load()
		if c.net.loses(i, b[:n]) || c.holdBack(b[:n], from, i.holds(b[:n])) {
			continue
		}
		return n, from, nil
	}
}

// nextLate gives the first held packet if it is due. If not, it makes the coming
// read end in time for it.
func (c *faultConn) nextLate(b []byte) (int, net.Addr, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.late) > 0 && !c.late[0].due.After(time.Now()) {
		p := c.late[0]
		c.late = c.late[1:]
		return copy(b, p.data), p.from, true
	}
	c.arm()
	return 0, nil, false
}

// arm sets the deadline of the socket. The caller holds mu.
func (c *faultConn) arm() {
	at := c.user
	if len(c.late) > 0 && (at.IsZero() || c.late[0].due.Before(at)) {
		at = c.late[0].due
	}
	if !at.Equal(c.armed) {
		c.armed = at
		_ = c.UDPConn.SetReadDeadline(at) // fails on a closed socket, as the read will
	}
}

func (c *faultConn) expired(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.user.IsZero() && !now.Before(c.user)
}

// holdBack keeps a packet for later and says so. One that would overtake another
// waits too.
func (c *faultConn) holdBack(data []byte, from net.Addr, d time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d == 0 && len(c.late) == 0 {
		return false
	}
	due := time.Now().Add(d)
	if last := len(c.late) - 1; last >= 0 && c.late[last].due.After(due) {
		due = c.late[last].due
	}
	c.late = append(c.late, heldPacket{due: due, data: append([]byte(nil), data...), from: from})
	return true
}

// transmit sends a packet with write, now, later or never. What is lost or held
// back counts as sent.
func (c *faultConn) transmit(b []byte, write func([]byte) (int, error)) (int, error) {
	i := c.net.out.Load()
	if c.net.loses(i, b) {
		return len(b), nil
	}
	d := i.holds(b)
	if d == 0 && c.out.idle() {
		return write(b)
	}
	later := append([]byte(nil), b...) // the caller has b back when this returns
	c.out.add(d, func() { _, _ = write(later) })
	return len(b), nil
}

// SetReadDeadline sets the deadline of reads.
func (c *faultConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.user = t
	c.armed = t
	err := c.UDPConn.SetReadDeadline(t)
	c.arm()
	return err
}

// SetDeadline sets the deadlines of reads and writes.
func (c *faultConn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

// Close closes the socket. What is held back is lost.
func (c *faultConn) Close() error {
	c.out.close()
	return c.UDPConn.Close()
}

func (c *faultConn) ReadFrom(b []byte) (int, net.Addr, error) { return c.receive(b) }

func (c *faultConn) Read(b []byte) (int, error) {
	n, _, err := c.receive(b)
	return n, err
}

func (c *faultConn) ReadFromUDP(b []byte) (int, *net.UDPAddr, error) {
	n, from, err := c.receive(b)
	addr, _ := from.(*net.UDPAddr)
	return n, addr, err
}

func (c *faultConn) ReadMsgUDP(b, _ []byte) (n, oobn, flags int, addr *net.UDPAddr, err error) {
	n, addr, err = c.ReadFromUDP(b)
	return n, 0, 0, addr, err
}

func (c *faultConn) Write(b []byte) (int, error) { return c.transmit(b, c.UDPConn.Write) }

func (c *faultConn) WriteTo(b []byte, to net.Addr) (int, error) {
	return c.transmit(b, func(b []byte) (int, error) { return c.UDPConn.WriteTo(b, to) })
}

func (c *faultConn) WriteToUDP(b []byte, to *net.UDPAddr) (int, error) {
	return c.WriteTo(b, to)
}

func (c *faultConn) WriteMsgUDP(b, _ []byte, to *net.UDPAddr) (n, oobn int, err error) {
	n, err = c.WriteTo(b, to)
	return n, 0, err
}
