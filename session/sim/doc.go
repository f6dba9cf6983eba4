// Package sim says what a fleet of sessions will do when something happens to its
// servers: how many attempts a second they will have to bear, and when everybody is
// back. It simulates all of the clients in virtual time, with the very code that
// decides in a real session: the core, its policy and its health detector, which finds
// dead links by probes and pings that are answered or not.
//
// Describe a Scenario and Run it:
//
//	r, err := sim.Run(ctx, sim.Scenario{
//		Clients: 100_000,
//		Servers: []sim.Server{{JoinsPerSecond: 2000}},
//		Faults:  []sim.Fault{sim.Restart{At: 10 * time.Second, For: 30 * time.Second}},
//	})
//
// Client is the session.Config to be tried, OpenLoop the Schedule of a client that
// does not listen, for comparison. The Network has latencies, loss, and links that die
// by themselves; Servers have a capacity and a queue, and refuse or drop what is too
// much for them.
//
// # What is simulated
//
// A session is the state machine of package session with all that it would be told:
// answers, closed connections, pongs, probe answers, health samples and hints. A join
// takes two round trips to connect, one to be let in and seven more; a resume one or,
// with media, four more; a restart of media three in all. The server serves what it
// lets in one after the other.
//
// Every link carries audio all the time. Media is lost in single packets; what goes
// over a connection is sent again, at growing intervals. Bandwidth, reordering, servers
// that slow down under load other than by their queue, and the time that it takes to
// close a link are not simulated.
//
// The same scenario with the same seed gives the same result, byte for byte, with any
// number of goroutines. (Machines of another kind may round differently.) Every client
// has random numbers of its own, so that one change does not reshuffle everything else.
//
// # What it costs
//
// A session takes about 4 µs of processor time for each second that is simulated, most
// of it for the probes of its detector, and 4.6 KB of memory, of which Go's garbage
// collector lets twice as much be in use: for a million of them call
// debug.SetGCPercent(25) before. A client that follows a Schedule takes a tenth of both.
package sim
