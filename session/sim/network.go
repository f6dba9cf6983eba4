package sim

import (
	"errors"
	"fmt"
	"time"
)

// Network is what lies between the clients and the servers. The zero value is a
// good one: its latencies, and nothing that fails.
type Network struct {
	// Latency is the one-way delay to the client's home server; nil: a median of 30 ms
	// with 150 ms for the slowest in a hundred. Less than 1 ms counts as 1 ms, more than
	// 1 min is an error. The fleet has at most 64 different ones, from all of the
	// distribution.
	Latency Quantile
	// Away is added to that on the way to any other server; at most 1 min.
	Away time.Duration
	// Loss is the share of packets that get lost, either way: media probes are, while
	// signaling and the handshakes are sent again after 200 ms and a round trip, or
	// after 1 s for the first packet of a connection, and then after twice as long.
	Loss float64
	// Deaths are those of single links.
	Deaths Deaths
	// Offline is how the network of single clients goes away.
	Offline Absence
	// NoProbes, NoRestart and NoResume take abilities from the links: media probes,
	// the restart of media, and the resume of a session.
	NoProbes, NoRestart, NoResume bool
	// SampleEvery is the time between two health samples of a client. 0: 1 s;
	// negative: none, which saves memory.
	SampleEvery time.Duration
}

// Deaths says how often links die, each for an hour that it is open.
type Deaths struct {
	Media, Signaling, Both float64
	// Told is the share of deaths of which the client is told at once, by a connection
	// that closes. It has to find out the others by itself.
	Told float64
}

// Absence is a client's own network going away and coming back. Connections
// outlast it.
type Absence struct {
	// PerHour is how often, for each client.
	PerHour float64
	// For is how long; nil: 2 s to 30 s.
	For Quantile
	// Hints says that the system notices, and the application gives the hints
	// NetworkDown and NetworkUp. Then attempts fail at once meanwhile; otherwise
	// nothing answers them.
	Hints bool
}

func (n *Network) fill() {
	if n.Latency == nil {
		n.Latency = Skewed(30*time.Millisecond, 150*time.Millisecond)
	}
	if n.Offline.For == nil {
		n.Offline.For = Between(2*time.Second, 30*time.Second)
	}
	if n.SampleEvery == 0 {
		n.SampleEvery = time.Second
	}
}

func (n *Network) validate() error {
	return errors.Join(
		share("Network.Loss", n.Loss), share("Network.Deaths.Told", n.Deaths.Told),
		within("Network.Away", n.Away, maxWay),
		rate("Network.Deaths.Media", n.Deaths.Media), rate("Network.Deaths.Signaling", n.Deaths.Signaling),
		rate("Network.Deaths.Both", n.Deaths.Both), rate("Network.Offline.PerHour", n.Offline.PerHour),
		n.validateSamples(),
	)
}

// maxWay is the longest delay. Copies of a packet follow at intervals that double
// with each, and grow from there.
const maxWay = time.Minute

// ways are the one-way delays of the fleet. There are fewer with many servers, as a
// session grows up for each of them.
func (n *Network) ways(servers int) (list []time.Duration) {
	most := min(max(2048/servers, 4), 64)
	for i := range most {
		way := max(n.Latency((float64(i)+0.5)/float64(most)), time.Millisecond)
		if last := len(list) - 1; last < 0 || list[last] != way {
			list = append(list, way)
		}
	}
	return list
}

func (n *Network) validateSamples() error {
	if n.SampleEvery > 0 && n.SampleEvery < 100*time.Millisecond {
		return fmt.Errorf("sim: Network.SampleEvery is %s: it must be at least 100 ms, 0 for 1 s, or negative for none", n.SampleEvery)
	}
	return nil
}

func share(field string, v float64) error {
	if v >= 0 && v <= 1 {
		return nil
	}
	return fmt.Errorf("sim: %s is %v: it is a share, from 0 to 1", field, v)
}

func rate(field string, v float64) error {
	if v >= 0 && v <= 1e6 {
		return nil
	}
	return fmt.Errorf("sim: %s is %v: it is a number of events an hour, from 0 to 1,000,000", field, v)
}

func notNegative(field string, d time.Duration) error {
	if d < 0 {
		return fmt.Errorf("sim: %s is %s: it must not be negative", field, d)
	}
	return nil
}

func within(field string, d, most time.Duration) error {
	if d < 0 || d > most {
		return fmt.Errorf("sim: %s is %s: it must be from 0 to %s", field, d, most)
	}
	return nil
}
