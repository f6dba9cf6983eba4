package sim

import "time"

// happening is what a client will meet with.
type happening uint8

const (
	dials    happening = iota // its attempt sends the first packet of a connection, what: how often it was sent before
	asks                      // or its request
	answered                  // its attempt has ended: what, id is for how long to wait, server where to go
	ponged                    // id
	probed                    // id
	sampled
	died      // a layer of its link, or both: what has the layers, server 1: it is told
	closed    // its link was closed: what says how, server where to go
	turned    // something has begun or ended for its server
	drained   // the server wants it to go
	wentAway  // its own network: id is for how long, what 1: with hints
	cameBack  // its own network
	disturbed // as wentAway, of the network's random absences
)

// event is one of them. Those of a link count only as long as it has the same epoch.
type event struct {
	at     time.Duration
	id     uint64
	epoch  uint32 // of the link, or the number of the attempt
	kind   happening
	what   uint8
	server int16
	code   int16
}

// agenda is what will happen to one client: the next event is the last one. Of events
// at the same time the one that was put first comes first.
type agenda []event

func (a *agenda) put(e event) {
	if e.at == never {
		return
	}
	*a = append(*a, e)
	list := *a
	i := len(list) - 1
	for ; i > 0 && list[i-1].at <= e.at; i-- {
		list[i] = list[i-1]
	}
	list[i] = e
}

// next is the time of the next event.
func (a agenda) next() time.Duration {
	if len(a) == 0 {
		return never
	}
	return a[len(a)-1].at
}

func (a *agenda) take() event {
	last := len(*a) - 1
	e := (*a)[last]
	*a = (*a)[:last]
	return e
}

// forget drops what was to happen to a link that is no more.
func (a *agenda) forget() {
	kept := (*a)[:0]
	for _, e := range *a {
		switch e.kind {
		case dials, asks, answered, wentAway, cameBack, disturbed:
			kept = append(kept, e)
		}
	}
	*a = kept
}
