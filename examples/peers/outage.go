package main

import (
	"fmt"
	"sync"
	"time"
)

// outages measure how long after their server is back clients are connected again.
// A server either shuts down in its own orderly way, in which it may say what it
// likes, or its process is killed.
var outages = []discipline{
	outageOf("outage-short", shortOutage, false), outageOf("outage-short-killed", shortOutage, true),
	outageOf("outage-long", longOutage, false), outageOf("outage-long-killed", longOutage, true),
}

func shortOutage(s settings) time.Duration { return s.Short }
func longOutage(s settings) time.Duration  { return s.Long }

func outageOf(name string, lasts func(settings) time.Duration, killed bool) discipline {
	how := "shut down"
	if killed {
		how = "killed"
	}
	return discipline{
		name: name, title: func(s settings) string { return "server " + how + " for " + length(lasts(s)) }, cell: outageCell,
		limit: func(s settings) time.Duration { return s.Rest + 3*lasts(s) + s.Return + slack + joinTime },
		run: func(c contestant, s settings) (reading, error) {
			o := outage{contestant: c, settings: s, lasts: lasts(s), killed: killed, watchers: make([]watcher, s.many(c))}
			return o.measure()
		},
	}
}

const outageCell = "server: from listening again to the client connected again: median, worst"

// outage is one that all clients of a contestant have at the same time, and that
// ends for each of several servers at a time of its own: a schedule with fixed delays
// would otherwise be judged by how this one length happens to suit it.
type outage struct {
	contestant
	settings
	lasts    time.Duration
	killed   bool
	watchers []watcher // one for each client
	servers  *serverProcess
}

func (o *outage) measure() (r reading, err error) {
	if o.servers, err = startServers(o.contestant); err != nil {
		return r, err
	}
	defer func() { _ = o.servers.kill() }()
	addrs, err := o.openAll()
	if err != nil {
		return r, err
	}
	if _, err := gather(o.dial, addrs, len(o.watchers), o.watch); err != nil {
		return r, err
	}
	time.Sleep(o.Rest)
	if err := o.takeDown(); err != nil {
		return r, err
	}
	opened, err := o.bringBack(addrs, time.Now())
	if err != nil {
		return r, err
	}
	eventually(o.lasts+o.Return, o.settled)
	return o.result(opened), nil
}

func (o *outage) openAll() (addrs []string, err error) {
	for range o.Servers {
		addr, _, err := o.servers.open(anyPort)
		if err != nil {
			return nil, err
		}
		addrs = append(addrs, addr)
	}
	return addrs, nil
}

// watch gives client i its watcher.
func (o *outage) watch(i int) hooks {
	w := &o.watchers[i]
	return hooks{connected: w.connected, lost: w.lost, ended: w.ended}
}

// takeDown ends the servers. A killed process gives way to one that does not serve
// yet.
func (o *outage) takeDown() error {
	if !o.killed {
		return o.servers.close()
	}
	if err := o.servers.kill(); err != nil {
		return err
	}
	next, err := startServers(o.contestant)
	if err == nil {
		o.servers = next
	}
	return err
}

// bringBack opens the servers again, the first a tenth early, the last a tenth late.
func (o *outage) bringBack(addrs []string, down time.Time) (opened []time.Time, err error) {
	for i, addr := range addrs {
		time.Sleep(time.Until(down.Add(o.share(i))))
		_, since, err := o.servers.open(addr)
		if err != nil {
			return nil, fmt.Errorf("listening again on the same port: %w", err)
		}
		opened = append(opened, since)
	}
	return opened, nil
}

// share is how long the outage of server i lasts.
func (o *outage) share(i int) time.Duration {
	if o.Servers < 2 {
		return o.lasts
	}
	return o.lasts*9/10 + o.lasts/5*time.Duration(i)/time.Duration(o.Servers-1)
}

func (o *outage) settled() bool {
	for i := range o.watchers {
		if !o.watchers[i].settled() {
			return false
		}
	}
	return true
}

// result tells how the clients fared: each counts from when its own server was back.
func (o *outage) result(opened []time.Time) reading {
	var times []time.Duration
	gaveUp := 0
	for i := range o.watchers {
		back, over := o.watchers[i].outcome()
		if over {
			gaveUp++
		}
		if !back.IsZero() {
			times = append(times, max(back.Sub(opened[i%len(opened)]), 0))
		}
	}
	return returned(times, gaveUp, len(o.watchers))
}

// returned puts it into a cell.
func returned(times []time.Duration, gaveUp, clients int) reading {
	r := reading{Values: map[string]float64{"clients": float64(clients), "back": float64(len(times)), "gaveUp": float64(gaveUp)}}
	switch away := clients - len(times); {
	case len(times) == 0:
		r.Text = fmt.Sprintf("none of %d back, %d gave up", clients, gaveUp)
		return r
	case away > 0:
		r.spread(times)
		r.Text += fmt.Sprintf(" (%d of %d not back, %d gave up)", away, clients, gaveUp)
	default:
		r.spread(times)
	}
	return r
}

// watcher follows one client. Its methods are called from the library's callbacks.
type watcher struct {
	mu   sync.Mutex
	gone bool      // was lost since it was connected first
	back time.Time // when it was connected again, zero while it is not
	over bool      // the library gave up
}

func (w *watcher) connected(client) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.gone {
		w.back = time.Now()
	}
}

func (w *watcher) lost(client) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gone, w.back = true, time.Time{}
}

func (w *watcher) ended(client) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over, w.back = true, time.Time{}
}

func (w *watcher) isGone() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.gone
}

func (w *watcher) outcome() (back time.Time, over bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.back, w.over
}

func (w *watcher) settled() bool {
	back, over := w.outcome()
	return over || !back.IsZero()
}
