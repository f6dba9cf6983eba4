package sim

import (
	"github.com/holdfast-go/holdfast/session"
	"github.com/holdfast-go/holdfast/session/internal/expose"
	"github.com/holdfast-go/holdfast/session/internal/machine"
)

// bare is the client's config without what is not simulated.
func bare(c session.Config) session.Config {
	c.Transport = noTransport{}
	c.Observers, c.Credentials, c.EndpointSource, c.Limiter, c.Resync, c.Random = nil, nil, nil, nil, nil, nil
	return c
}

// noTransport stands where a config requires one.
type noTransport struct{ session.Transport }

// configure makes the configs of a shard's sessions, one for each home. They share it,
// and draw the random numbers of the client whose turn it is.
func (w *shard) configure() []*machine.Config {
	list := make([]*machine.Config, len(w.plan.places))
	for home := range list {
		c := bare(w.plan.Client)
		c.Random = func() float64 { return w.current.jitter.float() }
		if len(c.Endpoints) == 0 {
			c.Endpoints = w.plan.endpoints(home)
		}
		list[home] = expose.Machine(c)
	}
	return list
}

// endpoints are the servers for clients of a home.
func (p *plan) endpoints(home int) []string {
	list := []string{p.places[home].Name}
	for i := range p.places {
		if i != home {
			list = append(list, p.places[i].Name)
		}
	}
	return list
}

// abilities are what links can do.
func (p *plan) abilities() machine.Abilities {
	a := machine.CanPing | machine.CanProbe | machine.CanRestart | machine.CanResume
	for _, not := range []struct {
		no  bool
		bit machine.Abilities
	}{{p.Network.NoProbes, machine.CanProbe}, {p.Network.NoRestart, machine.CanRestart}, {p.Network.NoResume, machine.CanResume}} {
		if not.no {
			a &^= not.bit
		}
	}
	return a
}
