package main

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// discipline is one thing in which the contestants are compared.
type discipline struct {
	name string
	// title is that of its row in the table.
	title func(settings) string
	// cell says what the figures of a cell are.
	cell string
	// limit is when a process that measures counts as hung.
	limit func(settings) time.Duration
	run   func(contestant, settings) (reading, error)
	// dead reads a measurement from the death of its process, if that is one.
	dead func(*deathError) (reading, bool)
	// open says who can take part; nil: everybody.
	open func(contestant) bool
}

// reading is one cell of the table. Values hold the numbers in it, in the units that
// their names end with.
type reading struct {
	Text   string             `json:"text"`
	Values map[string]float64 `json:"values,omitempty"`
}

// task is the measurement of a discipline with one contestant.
type task struct {
	Discipline string   `json:"discipline"`
	Contestant string   `json:"contestant"`
	Settings   settings `json:"settings"`
}

func (t task) run() (reading, error) {
	c, err := find(t.Contestant)
	if err != nil {
		return reading{}, err
	}
	d, err := findDiscipline(t.Discipline)
	if err != nil {
		return reading{}, err
	}
	return d.run(c, t.Settings)
}

// settings say how much of everything, and how long. They are the same for all.
type settings struct {
	Clients int           `json:"clients"` // in one process
	Calls   int           `json:"calls"`   // in its place where there is media
	Servers int           `json:"servers"` // whose outages end at different times
	Short   time.Duration `json:"shortNs"` // outage
	Long    time.Duration `json:"longNs"`  // outage
	// Rest is how long clients are connected before something happens to them.
	Rest time.Duration `json:"restNs"`
	// Window is how long idle clients are watched.
	Window time.Duration `json:"windowNs"`
	// Patience is how long a call that should return is waited for, and how long
	// goroutines that should end.
	Patience time.Duration `json:"patienceNs"`
	// Return is how long clients are given to come back, after as long as the outage.
	Return time.Duration `json:"returnNs"`
	// Spread is the time over which clients lose their network, one after the other.
	Spread time.Duration `json:"spreadNs"`
	// BlackHole is how long clients may take to notice that nothing comes in.
	BlackHole time.Duration `json:"blackHoleNs"`
}

// full is the race, quick a smoke test of it: what it shows of outages is not what
// a session that was up for longer does.
var (
	full = settings{
		Clients: 50, Calls: 20, Servers: 5, Short: 5 * time.Second, Long: 30 * time.Second, Rest: 12 * time.Second,
		Window: 10 * time.Second, Patience: 10 * time.Second, Return: 30 * time.Second, Spread: 25 * time.Second, BlackHole: time.Minute,
	}
	quick = settings{
		Clients: 10, Calls: 4, Servers: 2, Short: time.Second, Long: 3 * time.Second, Rest: time.Second,
		Window: time.Second, Patience: 4 * time.Second, Return: 12 * time.Second, Spread: time.Second, BlackHole: 8 * time.Second,
	}
)

// many is how many clients of a contestant there are.
func (s settings) many(c contestant) int {
	if c.bare != nil {
		return s.Calls
	}
	return s.Clients
}

// slack is for all that takes no time on a machine that has some to spare.
const slack = time.Minute

// disciplines are all that there are, in the order of the table.
var disciplines = slices.Concat(idling, outages, closings, silences, []discipline{panicking, blackHole})

func findDiscipline(name string) (discipline, error) {
	i := slices.IndexFunc(disciplines, func(d discipline) bool { return d.name == name })
	if i < 0 {
		return discipline{}, fmt.Errorf("there is no discipline %q; -list shows them", name)
	}
	return disciplines[i], nil
}

// rounds are what is measured at the same time. Memory and processor time are
// measured with nothing else going on, and those who wait disturb nobody.
var rounds = [][]discipline{
	idling,
	outages[:2],
	append(slices.Clone(outages[2:]), blackHole),
	slices.Concat(closings, silences, []discipline{panicking}),
}

// always is a title that no setting changes.
func always(title string) func(settings) string { return func(settings) string { return title } }

// seconds puts a time into a cell.
func seconds(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%.2f s", d.Seconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// length puts a length that was chosen into a title.
func length(d time.Duration) string { return fmt.Sprintf("%g s", d.Seconds()) }

// spread puts times into a reading that has none yet.
func (r *reading) spread(times []time.Duration) {
	middle, worst := median(times), slices.Max(times)
	r.Text = seconds(middle) + ", " + seconds(worst)
	r.Values["medianSeconds"], r.Values["worstSeconds"] = middle.Seconds(), worst.Seconds()
}

// median is the middle one, of an even number the upper of the two.
func median[T cmp.Ordered](all []T) T {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}
