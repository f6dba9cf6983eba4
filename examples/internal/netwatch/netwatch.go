// Package netwatch tells a session what happens to the network of this machine. It
// looks at the addresses of the interfaces now and then, which works everywhere and
// costs a system call; where the system can be asked to tell by itself (netlink on
// Linux, route sockets on BSD, the path monitor on Apple systems), that is sooner.
package netwatch

import (
	"context"
	"net"
	"slices"
	"time"

	"github.com/holdfast-go/holdfast/session"
)

// Watcher looks at the network. The zero value works.
type Watcher struct {
	// Every is the time between two looks. 0: 1 s.
	Every time.Duration
	// Addresses lists what the machine can be reached at. nil: Usable.
	Addresses func() ([]string, error)
}

// Repeat is how often a network that stays down is reported again, so that the
// session knows that it is not just that nobody has said anything.
const Repeat = 30 * time.Second

// asleep is how far the wall clock must run ahead of the monotonic one between two
// looks for a sleep.
const asleep = 5 * time.Second

// Usable lists the addresses of all interfaces that are up, without loopback and
// those that are good on one link only, in order.
func Usable() (list []string, err error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagLoopback != 0 {
			continue
		}
		addresses, err := i.Addrs()
		if err != nil {
			continue // it has gone meanwhile
		}
		for _, a := range addresses {
			if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() {
				list = append(list, i.Name+" "+n.IP.String())
			}
		}
	}
	slices.Sort(list)
	return list, nil
}

// Watch calls hint for what it sees, until ctx ends. Hint is a session's Hint
// method, or calls those of several. An error of a look is passed over: it says
// nothing about the network.
func (w Watcher) Watch(ctx context.Context, hint func(session.Hint)) {
	every, addresses := w.Every, w.Addresses
	if every <= 0 {
		every = time.Second
	}
	if addresses == nil {
		addresses = Usable
	}
	var v view
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		if list, err := addresses(); err == nil {
			now := time.Now()
			v.look(now, jump(v.at, now), list, hint)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// view is what the last look has seen.
type view struct {
	at       time.Time // zero before the first look
	list     []string
	reported time.Time // when NetworkDown was last told
}

// jump is how far the wall clock has run ahead of the monotonic one.
func jump(from, to time.Time) time.Duration {
	if from.IsZero() {
		return 0
	}
	return to.Round(0).Sub(from.Round(0)) - to.Sub(from)
}

func (v *view) look(now time.Time, jump time.Duration, list []string, hint func(session.Hint)) {
	before := *v
	*v = view{at: now, list: list, reported: before.reported}
	if jump >= asleep {
		hint(session.Woke)
	}
	switch {
	case len(list) == 0:
		if len(before.list) > 0 || now.Sub(v.reported) >= Repeat {
			v.reported = now
			hint(session.NetworkDown)
		}
	case before.at.IsZero() || slices.Equal(list, before.list):
	case len(before.list) == 0:
		hint(session.NetworkUp)
	default:
		hint(session.NetworkChanged)
	}
}
