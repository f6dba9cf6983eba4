// Package machine is the pure core of a session: inputs with the time they
// happened go in, effects come out. It holds no goroutine, clock, lock or I/O,
// so one core serves the runtime, the replay of a recorded incident, the
// exhaustive explorer and simulators. The same calls give the same answers
// (G14); the random source is the caller's.
//
// A Machine is used by one goroutine at a time. Its Clone is an independent
// machine, apart from the policy's backoff.
package machine
