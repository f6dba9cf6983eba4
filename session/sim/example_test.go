package sim_test

import (
	"context"
	"fmt"
	"time"

	"github.com/holdfast-go/holdfast/session/sim"
)

// What a fleet does when its only server is gone for 30 s, and how a client that tries
// every second would compare.
func Example() {
	scenario := sim.Scenario{
		Clients: 500,
		Servers: []sim.Server{{JoinsPerSecond: 10}},
		Faults:  []sim.Fault{sim.Outage{At: 5 * time.Second, For: 30 * time.Second}},
		For:     3 * time.Minute,
	}
	ours, err := sim.Run(context.Background(), scenario)
	if err != nil {
		fmt.Println(err)
		return
	}
	scenario.OpenLoop = &sim.Schedule{Delays: []sim.Delay{{Max: time.Second}, {Min: time.Second, Max: time.Second}}}
	theirs, err := sim.Run(context.Background(), scenario)
	if err != nil {
		fmt.Println(err)
		return
	}
	ideal, back := ours.Summary.Ideal, ours.Summary.Back99
	fmt.Printf("at best everybody is back after %s\n", ideal)
	fmt.Printf("sessions: 99 %% within 1.15 of that: %t, %d gave up\n", back < ideal*115/100, ours.Summary.GaveUp)
	fmt.Printf("a try a second: %d refusals in the worst second, ours less than a tenth: %t\n",
		theirs.Summary.PeakRefused, ours.Summary.PeakRefused < theirs.Summary.PeakRefused/10)
	// Output:
	// at best everybody is back after 1m20s
	// sessions: 99 % within 1.15 of that: true, 0 gave up
	// a try a second: 425 refusals in the worst second, ours less than a tenth: true
}
