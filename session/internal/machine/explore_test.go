package machine

import (
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/looplab/fsm"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
)

// exploration is one walk through all that can happen to a session, breadth
// first, from a small alphabet. Every machine that is new under the
// abstraction is tried with every input at every interesting time.
type exploration struct {
	name  string
	table fsm.Events
	cfg   *Config
	codes []status.Code // that links report and Connects fail with
	able  []Abilities   // of the links that open
	slow  bool          // too slow for the race detector, which has nothing to find here

	visited map[abstract]int // index into trail
	seen    map[string]bool  // places, effects and events on the way
	trail   []visit
	edges   int
	frontier
}

// visit remembers how a world was reached.
type visit struct {
	parent int
	by     string
}

type frontier struct {
	worlds []*world
	ids    []int
}

// abstract is what two worlds must differ in to count as two. Epochs are
// relative, counts saturate, and of times only their order counts.
type abstract struct {
	state    observer.State
	phase    phase
	order    [timerCount]int8 // ranks of the armed timers
	budget   int8
	attempts int8
	last     int8

	present, due, viewOnly, asksViewOnly, withoutTransforms, promoted bool
	authority                                                         bool // of the lost link

	promotion, update, old, deaf, pings, lives int8
	able                                       Abilities
	living                                     bool
	initiator                                  observer.Initiator
}

// saturate keeps small counts apart.
func saturate(n, limit int) int8 { return int8(min(n, limit)) }

// abstraction maps a world to what counts of it.
func (w *world) abstraction() abstract {
	m := w.m
	a := abstract{
		state: m.state, phase: m.phase, order: w.order(), budget: w.budgetClass(),
		attempts: saturate(m.retries.Attempts(), max(m.cfg.Policy.Budget.Attempts, 1)), last: lastClass(m),
		present: m.present && m.cfg.PresenceTimeout > 0, due: m.retryDue, promoted: m.promoted,
		authority: m.epoch > 1 && w.now.Mono < m.attemptStarted+authority,
		promotion: bits(m.promotion.id != 0, m.promotion.demote),
		update:    bits(m.update.id != 0, m.update.now.renegotiate, m.update.now.viewOnly, m.update.then.renegotiate, m.update.then.viewOnly),
		old:       bits(m.old.epoch != 0, m.old.epoch == m.epoch, m.old.connect),
		deaf:      saturate(w.count(cancelled), 3),
		pings:     saturate(m.monitor.Data().MissedPongs, 4)*2 + bits(lastPing(m) < 100),
		lives:     bits(w.count(dialing) > 0, w.count(open) > 0, w.count(closing) > 0),
		able:      m.abilities, living: m.retries.Living() && m.cfg.Policy.Budget.Idle >= 0,
	}
	if a.able&CanUpdate != 0 || m.phase == opening {
		a.viewOnly, a.asksViewOnly, a.withoutTransforms = m.viewOnly, m.attempt.ViewOnly, m.withoutTransforms
	}
	if m.ending != nil {
		a.initiator = m.ending.initiator
	}
	return a
}

func bits(flags ...bool) (n int8) {
	for i, f := range flags {
		if f {
			n |= 1 << i
		}
	}
	return n
}

// order ranks the armed timers by their time; equal times have one rank, the
// past has 0, what is not armed -1.
func (w *world) order() (ranks [timerCount]int8) {
	for i := range timerCount {
		ranks[i] = -1
		if !w.m.timers.armed(i) {
			continue
		}
		ranks[i] = bits(w.m.timers.due[i] > w.now.Mono)
		for j := range timerCount {
			if t := w.m.timers.due[j]; w.m.timers.armed(j) && t > w.now.Mono && t < w.m.timers.due[i] {
				ranks[i]++
			}
		}
	}
	return ranks
}

// The classes of the budget.
const (
	noBudget int8 = iota
	plenty
	nearlyOver
	over
)

func (w *world) budgetClass() int8 {
	end, ok := w.m.retries.Deadline()
	switch left := end - w.now.Mono; {
	case !ok:
		return noBudget
	case left <= 0:
		return over
	case left < w.m.cfg.ConnectTimeout:
		return nearlyOver
	}
	return plenty
}

// lastClass is what may still come of the last cause.
func lastClass(m *Machine) int8 {
	last := m.trouble.last
	if last.IsZero() {
		return -1
	}
	return int8(m.cfg.Policy.Classes.Of(last.Code))*2 + bits(last.Unexplained())
}

// choice is one thing that may happen next.
type choice struct {
	name string
	at   Instant
	in   Input
}

// choices lists everything that may happen next: every input that the
// surroundings can give, now, just before the next deadline and at it, and the
// passing of time.
func (x *exploration) choices(w *world) []choice {
	inputs := slices.Concat(x.reports(w), x.operations(w), x.application(w))
	list := x.strays(w)
	for _, t := range x.times(w) {
		for _, c := range inputs {
			c.at, c.name = t.at, c.name+t.name
			list = append(list, c)
		}
	}
	return append(list, x.ticks(w)...)
}

// moment is a time at which inputs are tried.
type moment struct {
	name string
	at   Instant
}

func later(now Instant, d time.Duration) Instant {
	return Instant{Mono: now.Mono + d, Wall: now.Wall.Add(d)}
}

func (x *exploration) times(w *world) []moment {
	list := []moment{{"", w.now}}
	at, ok := w.m.Deadline()
	if !ok {
		return append(list, moment{" after an hour", later(w.now, time.Hour)})
	}
	if left := at - w.now.Mono; left > 0 {
		list = append(list, moment{" just before the deadline", later(w.now, left-1)}, moment{" at the deadline", later(w.now, left)})
	}
	return list
}

// strays are reports of other epochs. For the previous one the time matters.
func (x *exploration) strays(w *world) (list []choice) {
	current := w.m.epoch
	if current == 0 {
		return nil
	}
	for i, name := range []string{"future", "current", "previous", "older", "zero"} {
		epoch := current + 1 - uint64(i)
		if name == "zero" {
			epoch = 0
		}
		if name == "current" || epoch > current+1 || epoch == 0 && name != "zero" {
			continue
		}
		times := []moment{{"", w.now}}
		if end := w.m.attemptStarted + authority; name == "previous" && end-1 > w.now.Mono {
			times = append(times, moment{" within the authority", later(w.now, end-1-w.now.Mono)}, moment{" after the authority", later(w.now, end-w.now.Mono)})
		}
		for _, t := range times {
			for _, in := range strayInputs(epoch) {
				list = append(list, choice{fmt.Sprintf("%s %s of the %s epoch%s", in.Kind, in.Status.Code, name, t.name), t.at, in})
			}
		}
	}
	return list
}

func strayInputs(epoch uint64) []Input {
	report := func(c status.Code) Input { return Input{Kind: Reported, Epoch: epoch, Status: status.New(c, nil)} }
	return []Input{
		report(status.MeetingEnded), report(status.AudioJoinedFromAnotherDevice), report(status.AudioInternalServerError),
		{Kind: LinkClosed, Epoch: epoch, Status: status.New(status.AudioAttendeeRemoved, nil)},
		{Kind: LinkClosed, Epoch: epoch, Layer: status.LayerSignaling, Bare: true},
		{Kind: Present, Epoch: epoch}, {Kind: Sampled, Epoch: epoch, Heard: Heard{Media: 1}},
	}
}

func (x *exploration) ticks(w *world) []choice {
	tick := Input{Kind: Tick}
	list := []choice{{"early tick", w.now, tick}}
	if at, ok := w.m.Deadline(); ok {
		due := later(w.now, max(at-w.now.Mono, 0))
		list = append(list, choice{"tick", due, tick}, choice{"tick after a stall", later(due, 30*time.Second), tick})
	}
	slept := w.now
	slept.Mono += time.Second
	slept.Wall = slept.Wall.Add(8 * time.Hour)
	return append(list, choice{"tick after a sleep", slept, tick})
}

func chosen(in Input, format string, args ...any) choice {
	return choice{name: fmt.Sprintf(format, args...), in: in}
}

// reports are what the link of the running epoch reports.
func (x *exploration) reports(w *world) (list []choice) {
	current := w.m.epoch
	if w.m.state == observer.StateIdle {
		return nil
	}
	add := func(in Input, format string, args ...any) { list = append(list, chosen(in, format, args...)) }
	for _, c := range x.codes {
		add(Input{Kind: Reported, Epoch: current, Status: status.New(c, nil)}, "status %d", c)
	}
	for _, c := range []status.Code{status.OK, status.MeetingEnded, status.AudioInternalServerError, status.EncodedTransformManagerFailed, status.VideoCallSwitchToViewOnly} {
		if slices.Contains(x.codes, c) {
			add(Input{Kind: LinkClosed, Epoch: current, Layer: status.LayerSignaling, Status: status.New(c, nil)}, "closed %d", c)
		}
	}
	for _, l := range []status.Layer{status.LayerSignaling, status.LayerMedia} {
		add(Input{Kind: LinkClosed, Epoch: current, Layer: l, Bare: true}, "%s closed", l)
	}
	add(Input{Kind: Reported, Epoch: current, Status: status.Status{Code: status.AudioInternalServerError, Permanent: true}}, "permanent status 6")
	add(Input{Kind: Sampled, Epoch: current, Heard: Heard{Media: w.now.Mono}}, "bytes came in")
	add(Input{Kind: Present, Epoch: current}, "present")
	return list
}

// operations are how what runs may end: Connects, closes, pings, updates and
// promotions, the ones that nobody waits for any more included.
func (x *exploration) operations(w *world) (list []choice) {
	add := func(in Input, format string, args ...any) { list = append(list, chosen(in, format, args...)) }
	for _, l := range w.lives {
		switch l.stage {
		case dialing, cancelled:
			if w.finished {
				continue // whoever opened it closes it
			}
			for _, a := range x.able {
				add(Input{Kind: Opened, Epoch: l.epoch, Abilities: a}, "opened e-%d with %d", w.m.epoch-l.epoch, a)
			}
			for _, c := range x.codes {
				add(Input{Kind: OpenFailed, Epoch: l.epoch, Status: status.New(c, nil)}, "open of e-%d failed with %d", w.m.epoch-l.epoch, c)
			}
		case closing:
			add(Input{Kind: CloseDone, Epoch: l.epoch}, "close of e-%d done", w.m.epoch-l.epoch)
		}
	}
	for i, id := range []uint64{w.running, w.dropped} {
		if id == 0 {
			continue
		}
		name := [...]string{"", "late "}[i]
		in := Input{Kind: UpdateDone, Epoch: w.m.epoch, ID: id}
		add(in, "%supdate done", name)
		in.Unsupported = true
		add(in, "%supdate unsupported", name)
		in.Unsupported = false
		for _, c := range []status.Code{status.TaskFailed, status.MeetingEnded, status.IncompatibleSDP} {
			in.Status = status.New(c, nil)
			add(in, "%supdate failed with %d", name, c)
		}
	}
	for i, id := range []uint64{w.calling, w.forgone} {
		if id == 0 {
			continue
		}
		name := [...]string{"", "late "}[i]
		in := Input{Kind: PromoteDone, Epoch: w.m.epoch, ID: id}
		if w.m.promotion.demote {
			in.Kind = DemoteDone
		}
		add(in, "%spromotion done", name)
		in.Status = status.New(status.TaskFailed, nil)
		add(in, "%spromotion failed", name)
	}
	if w.m.abilities&CanPing != 0 && w.m.state == observer.StateConnected {
		add(Input{Kind: Ponged, Epoch: w.m.epoch, ID: lastPing(w.m)}, "pong")
		add(Input{Kind: CannotPing, Epoch: w.m.epoch}, "cannot ping")
	}
	return list
}

// application is what the application may do.
func (x *exploration) application(w *world) []choice {
	list := []choice{
		chosen(Input{Kind: Start}, "start"),
		chosen(Input{Kind: Stop, Status: status.New(status.Left, nil)}, "stop"),
		chosen(Input{Kind: Fault, Status: status.New(status.RealtimeApiFailed, nil)}, "fault"),
		chosen(Input{Kind: Reconnect, Status: status.New(status.ConnectionHealthReconnect, nil)}, "reconnect"),
	}
	if !w.finished && slices.ContainsFunc(x.able, func(a Abilities) bool { return a&CanPromote != 0 }) {
		list = append(list, chosen(Input{Kind: Promote, ID: w.nextID + 1}, "promote"), chosen(Input{Kind: Demote, ID: w.nextID + 1}, "demote"))
	}
	return list
}

// forget drops what no longer matters of the surroundings, so that they stay
// finite: of the closes that were left behind only the newest may still end.
func (w *world) forget() {
	left := 0
	for i := len(w.lives) - 1; i >= 0; i-- {
		l := w.lives[i]
		if l.stage != closing || w.now.Mono < l.since+w.m.cfg.CloseGrace {
			continue
		}
		if left++; left > 1 {
			w.lives = slices.Delete(w.lives, i, i+1)
		}
	}
}

// run explores until nothing new is found, or to the first violation, which
// it tells with the shortest way there.
func (x *exploration) run() error {
	x.visited, x.seen = map[abstract]int{}, map[string]bool{}
	start := newWorld(x.cfg)
	if x.table != nil {
		start.m.table = x.table
	}
	if err := x.see(start, -1, ""); err != nil {
		return err
	}
	for len(x.worlds) > 0 {
		w, id := x.worlds[0], x.ids[0]
		x.worlds[0] = nil
		x.worlds, x.ids = x.worlds[1:], x.ids[1:]
		if err := x.expand(w, id); err != nil {
			return err
		}
	}
	return nil
}

// expand tries everything that may happen to a world.
func (x *exploration) expand(w *world, id int) error {
	for _, c := range x.choices(w) {
		x.edges++
		next := w.clone()
		next.nextID = max(next.nextID, c.in.ID)
		effects, err := next.step(c.at, c.in)
		if err != nil {
			return x.blame(err, id, c.name)
		}
		x.note(next, effects)
		next.forget()
		if err := x.see(next, id, c.name); err != nil {
			return err
		}
	}
	return nil
}

// note remembers what has been met.
func (x *exploration) note(w *world, effects []Effect) {
	x.seen[place(w.m)] = true
	for _, e := range effects {
		x.seen[e.Kind.String()] = true
		if e.Event != nil {
			x.seen[e.Event.Name()] = true
		}
	}
}

// see takes a world into the frontier if it is new, and makes sure that it
// comes to an end by itself.
func (x *exploration) see(w *world, parent int, by string) error {
	a := w.abstraction()
	if _, ok := x.visited[a]; ok {
		return nil
	}
	id := len(x.trail)
	x.visited[a] = id
	x.trail = append(x.trail, visit{parent, by})
	x.worlds, x.ids = append(x.worlds, w), append(x.ids, id)
	if err := w.clone().endsAlone(); err != nil {
		return x.blame(err, id, "silence")
	}
	return nil
}

// endsAlone lets only time pass: a session that is neither idle nor connected
// must connect or stop, and so it must stop, at the latest after the budget
// and the graces of the last attempt and of its end.
func (w *world) endsAlone() error {
	if w.m.state == observer.StateIdle || w.m.state == observer.StateConnected || w.finished {
		return nil
	}
	limit := w.now.Mono + time.Hour // without a budget
	if end, ok := w.end(); ok {
		limit = max(end, w.now.Mono) + 2*w.m.cfg.CloseGrace
	}
	if w.m.cfg.Policy.Budget.Elapsed == 0 {
		limit += w.m.cfg.ConnectTimeout // the first attempt has its time
	}
	if w.account.living && w.m.cfg.Policy.Budget.Idle >= 0 {
		limit += w.m.cfg.ConnectTimeout // an attempt is not clipped to a clock that its own link has started
	}
	for range 1000 {
		at, ok := w.m.Deadline()
		if !ok {
			break
		}
		if _, err := w.step(later(w.now, max(at-w.now.Mono, 0)), Input{Kind: Tick}); err != nil {
			return err
		}
	}
	switch {
	case !w.finished:
		return fmt.Errorf("NEEDS 3: the session does not end; it is %s", place(w.m))
	case w.now.Mono > limit:
		return fmt.Errorf("the session ends %s later than the budget allows", w.now.Mono-limit)
	}
	return nil
}

// blame tells how a violation is reached.
func (x *exploration) blame(err error, id int, last string) error {
	steps := []string{last}
	for id > 0 {
		steps = append(steps, x.trail[id].by)
		id = x.trail[id].parent
	}
	slices.Reverse(steps)
	return fmt.Errorf("%s: after %s: %w", x.name, strings.Join(steps, " · "), err)
}

// explorations are the alphabets. One alphabet for everything would multiply
// what does not touch: operations of a link and the ways in which its attempt
// may fail.
func explorations(table fsm.Events) []*exploration {
	small := func(changes ...func(*Config)) *Config {
		cfg := testConfig()
		cfg.Policy.Budget.Elapsed = 20 * time.Second // one failed attempt away from its end
		for _, change := range changes {
			change(cfg)
		}
		return cfg
	}
	few := []status.Code{
		status.MeetingEnded, status.AudioInternalServerError, status.SignalingChannelClosedUnexpectedly, status.IncompatibleSDP,
		status.VideoCallSwitchToViewOnly, status.AudioVideoWasRemovedFromPrimaryMeeting, status.EncodedTransformManagerFailed,
	}
	return []*exploration{
		{name: "statuses", slow: true, table: table, cfg: small(), codes: classCodes, able: []Abilities{0}},
		{name: "updates", slow: true, table: table, cfg: small(), codes: few, able: []Abilities{0, CanUpdate}},
		{name: "promotions", slow: true, table: table, cfg: small(), codes: few, able: []Abilities{0, CanPromote}},
		{name: "pings", slow: true, table: table, cfg: small(), codes: few[:3], able: []Abilities{CanPing}},
		{name: "presence", slow: true, table: table, cfg: small(presence), codes: few, able: []Abilities{0}},
		{name: "limits", slow: true, table: table, cfg: small(attempts(2), func(c *Config) { c.Policy.Budget.Idle = 10 * time.Second }), codes: few[:3], able: []Abilities{0}},
		{name: "as the reference", slow: true, table: table, cfg: small(func(c *Config) {
			c.ReasonGrace, c.Policy.StableAfter = 0, 0
			c.Policy.Budget.Idle = 20 * time.Second
		}), codes: few[:3], able: []Abilities{0, CanPing}},
		{name: "no delay", table: table, cfg: small(func(c *Config) { c.Policy.NewBackOff = steadily(0) }), codes: few[:3], able: []Abilities{0}},
		{name: "no budget", table: table, cfg: small(budget(0)), codes: few[:3], able: []Abilities{0}},
		{name: "no limit", table: table, cfg: small(budget(policy.NoLimit)), codes: few[:3], able: []Abilities{0}},
	}
}

// TestExplore searches all that can happen to a session, from alphabets small
// enough to come to an end, for a violation of the guarantees.
func TestExplore(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	states, edges := 0, 0
	seen := map[string]bool{}
	for _, x := range explorations(transitions) {
		if raceEnabled && x.slow {
			continue
		}
		begin := time.Now()
		require.NoError(t, x.run())
		t.Logf("%s: %d states, %d edges, %s", x.name, len(x.visited), x.edges, time.Since(begin).Round(time.Millisecond))
		states += len(x.visited)
		edges += x.edges
		maps.Copy(seen, x.seen)
	}
	t.Logf("together: %d states, %d edges", states, edges)
	if raceEnabled {
		return
	}
	assert.Greater(t, states, 40_000, "the exploration has shrunk")
	assert.Greater(t, edges, 3_000_000, "the exploration has shrunk")
	for _, name := range reachable() {
		assert.True(t, seen[name], "%s was never met", name)
	}
}

// reachable lists what the explorations must meet: every place, every effect,
// and every event but those of audio quality, for which there are no samples.
func reachable() []string {
	list := []string{
		"idle/resting", "connecting/opening", "connecting/aborting", "connecting/awaiting", "connecting/waiting",
		"connected/resting", "reconnecting/reasoning", "reconnecting/waiting", "reconnecting/opening",
		"reconnecting/aborting", "reconnecting/awaiting", "stopped/leaving", "stopped/resting",
		"Connecting", "AttemptStarted", "AttemptFailed", "RetryScheduled", "Connected", "Reconnecting", "Recovered",
		"Stopped", "Promoted", "Demoted", "VideoSendUnavailable", "Updating", "Updated",
	}
	for k := effectInvalid + 1; k < effectEnd; k++ {
		list = append(list, k.String())
	}
	return list
}
