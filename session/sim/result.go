package sim

import "time"

// Result is what has become of a fleet. It can be written as JSON, with durations in
// nanoseconds.
type Result struct {
	Clients int           `json:"clients"`
	For     time.Duration `json:"for"`
	// Step is the time between two points.
	Step time.Duration `json:"step"`
	// Series is the whole fleet at the beginning and after each step; Regions are the
	// same for each server, in the order of the scenario.
	Series  []Point  `json:"series"`
	Regions []Region `json:"regions"`
	Summary Summary  `json:"summary"`
}

// Region is one server and the clients that have, or last had, their link to it.
type Region struct {
	Server string  `json:"server"`
	Series []Point `json:"series"`
	// PeakRefused is the most attempts that were refused, or not answered, by this
	// server while it was running, in a second.
	PeakRefused int `json:"peakRefused"`
}

// Point is one moment.
type Point struct {
	At time.Duration `json:"at"`
	// These say how many clients are in each State.
	Connected    int `json:"connected"`
	Unnoticed    int `json:"unnoticed"`
	Reconnecting int `json:"reconnecting"`
	Stopped      int `json:"stopped"`
	// Attempts are those of the step that ends at this moment.
	Attempts Attempts `json:"attempts"`
}

// Attempts are counted when they reach a server, or would have.
type Attempts struct {
	// Accepted were let in, to join, to resume or to restart media. That does not mean
	// that they came to a good end: the process may be gone before.
	Accepted int `json:"accepted"`
	// Refused were answered with a refusal by a running server, Unanswered were dropped
	// by one.
	Refused    int `json:"refused"`
	Unanswered int `json:"unanswered"`
	// Forgotten are resumes of sessions that a running server does not have any more.
	Forgotten int `json:"forgotten"`
	// Unreachable were refused by the machine of a server that is gone, or by what is in
	// front of it, or broke with it.
	Unreachable int `json:"unreachable"`
	// Lost have reached no server.
	Lost int `json:"lost"`
}

// Total is all of them.
func (a Attempts) Total() int {
	return a.Accepted + a.Refused + a.Unanswered + a.Forgotten + a.Unreachable + a.Lost
}

// Never stands for a time that has not come before the end of the scenario.
const Never time.Duration = -1

// Summary is what an operator wants to know. Times count from the beginning of the
// first fault.
type Summary struct {
	// Begin is when the first fault has begun, Outage until when the last one has
	// lasted; both are 0 without faults.
	Begin  time.Duration `json:"begin"`
	Outage time.Duration `json:"outage"`
	// Hit is how many clients were without a working link during that time.
	Hit int `json:"hit"`
	// Ideal is Outage and the time that the servers need for all that were hit.
	Ideal time.Duration `json:"ideal"`
	// Back50 to Back100 say when so many of a hundred of those hit were back, for good
	// as far as the faults go; Never if they were not.
	Back50  time.Duration `json:"back50"`
	Back90  time.Duration `json:"back90"`
	Back99  time.Duration `json:"back99"`
	Back100 time.Duration `json:"back100"`
	// Last is when the last one came back of those that did.
	Last time.Duration `json:"last"`
	// GaveUp is how many sessions have ended, of all clients.
	GaveUp int `json:"gaveUp"`
	// Attempts are all there were, and Pending those that were on their way in the end.
	Attempts Attempts `json:"attempts"`
	Pending  int      `json:"pending"`
	// PeakAttempts is the most attempts in a second, wherever they went; PeakArrivals
	// the most that reached running servers, and PeakRefused those of them that were
	// refused or not answered. A second begins at every tenth of one.
	PeakAttempts int `json:"peakAttempts"`
	PeakArrivals int `json:"peakArrivals"`
	PeakRefused  int `json:"peakRefused"`
	// RefusalsPerPlace is how many were refused or not answered for each join that the
	// servers had room for, between the first and the last of these.
	RefusalsPerPlace float64 `json:"refusalsPerPlace"`
	// AttemptsPerClient is the mean of those that were hit, MostAttempts the most that
	// one of them has made.
	AttemptsPerClient float64 `json:"attemptsPerClient"`
	MostAttempts      int     `json:"mostAttempts"`
	// Recoveries are all of the fleet.
	Recoveries Recoveries `json:"recoveries"`
}

// Recoveries counts them by level.
type Recoveries struct {
	Healed       int `json:"healed"`
	RestartMedia int `json:"restartMedia"`
	Resume       int `json:"resume"`
	Rejoin       int `json:"rejoin"`
}
