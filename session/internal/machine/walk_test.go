package machine

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/looplab/fsm"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy/status"
)

var rewrite = flag.Bool("update", false, "write the golden files anew")

const walkFile = "testdata/walk.golden"

// probe is one input that a situation is tried with.
type probe struct {
	kind    string // of the input, as the golden file calls it
	variant string // what distinguishes it among its kind
	epoch   string // relative to the current one; empty: current, or none
	wait    time.Duration
	sleep   time.Duration // on the wall clock only
	in      Input
}

// relative lists the epochs that an input may come from.
func relative(current uint64) map[string]uint64 {
	epochs := map[string]uint64{"": current, "future": current + 1}
	if current > 0 {
		epochs["zero"] = 0
	}
	if current > 1 {
		epochs["previous"] = current - 1
	}
	if current > 2 {
		epochs["older"] = current - 2
	}
	return epochs
}

// epochOrder is the order in which the golden file lists epochs.
var epochOrder = []string{"", "previous", "older", "future", "zero"}

// probes lists everything that may happen in a situation.
func probes(m *Machine) (list []probe) {
	for _, base := range slices.Concat(
		statusProbes(), closedProbes(), connectProbes(), preparedProbes(), linkProbes(m), detectorProbes(m), operationProbes(m), restoreProbes(m),
	) {
		epochs := relative(m.epoch)
		for _, name := range epochOrder {
			if e, ok := epochs[name]; ok {
				p := base
				p.epoch, p.in.Epoch = name, e
				list = append(list, p)
			}
		}
	}
	return slices.Concat(list, applicationProbes(), hintProbes(), sourceProbes(m), timeProbes(m))
}

func probed(c status.Code) status.Status { return status.New(c, errProbe) }

func everyCode(kind string, make func(status.Status) Input) (list []probe) {
	for _, c := range append(status.All(), unknownCode) {
		list = append(list, probe{kind: kind, variant: strconv.Itoa(int(c)), in: make(probed(c))})
	}
	return list
}

func statusProbes() []probe {
	input := func(st status.Status) Input { return Input{Kind: Reported, Status: st} }
	going := probed(status.SignalingChannelClosedUnexpectedly)
	going.Wire, going.Shared = 1001, true
	abnormal := probed(status.SignalingChannelClosedUnexpectedly)
	abnormal.Wire = 1006
	return append(everyCode("status", input),
		probe{kind: "status", variant: "14-wire-1001", in: input(going)},
		probe{kind: "status", variant: "14-wire-1006", in: input(abnormal)},
		probe{kind: "status", variant: "6-permanent", in: input(permanent(status.AudioInternalServerError))},
		probe{kind: "status", variant: "9-permanent", in: input(permanent(status.VideoCallSwitchToViewOnly))},
		probe{kind: "status", variant: "99-permanent", in: input(permanent(unknownCode))},
		probe{kind: "status", variant: "media-dead", in: input(deadLayer(status.LayerMedia))},
		probe{kind: "status", variant: "signaling-dead", in: input(deadLayer(status.LayerSignaling))},
		probe{kind: "status", variant: "6-retry-after", in: input(directed(status.Directive{RetryAfter: 3 * time.Second}))},
		probe{kind: "status", variant: "6-resume", in: input(directed(status.Directive{Recovery: status.RecoverByResume}))},
		probe{kind: "status", variant: "6-rejoin", in: input(directed(status.Directive{Recovery: status.RecoverByRejoin}))},
		probe{kind: "status", variant: "6-move", in: input(directed(status.Directive{Endpoint: "elsewhere"}))},
	)
}

func deadLayer(l status.Layer) status.Status {
	st := probed(status.ConnectionHealthReconnect)
	st.Layer = l
	return st
}

func directed(d status.Directive) status.Status {
	st := probed(status.AudioInternalServerError)
	st.Directive = &d
	return st
}

func permanent(c status.Code) status.Status {
	st := probed(c)
	st.Permanent = true
	return st
}

func closedProbes() []probe {
	closed := func(l status.Layer, bare bool, st status.Status) Input {
		return Input{Kind: LinkClosed, Layer: l, Bare: bare, Status: st}
	}
	list := everyCode("closed", func(st status.Status) Input { return closed(status.LayerSignaling, false, st) })
	for _, l := range []status.Layer{status.LayerSignaling, status.LayerMedia, status.LayerUnknown} {
		list = append(list, probe{
			kind: "closed", variant: "bare-" + l.String(), in: closed(l, true, status.Status{Layer: l, Cause: errProbe}),
		})
	}
	return append(list,
		probe{kind: "closed", variant: "25-media", in: closed(status.LayerMedia, false, probed(status.AudioDisconnectAudio))},
		probe{kind: "closed", variant: "18-permanent", in: closed(status.LayerSignaling, false, permanent(status.TaskFailed))},
	)
}

func connectProbes() []probe {
	list := everyCode("open-failed", func(st status.Status) Input { return Input{Kind: OpenFailed, Status: st} })
	return append(list,
		probe{kind: "open-failed", variant: "18-permanent", in: Input{Kind: OpenFailed, Status: permanent(status.TaskFailed)}},
		probe{kind: "open-failed", variant: "rejected", in: Input{Kind: OpenFailed, Status: probed(status.AudioAuthenticationRejected), Rejected: true}},
		probe{kind: "open-failed", variant: "18-rejected", in: Input{Kind: OpenFailed, Status: probed(status.TaskFailed), Rejected: true}},
		probe{kind: "open-failed", variant: "6-retry-after", in: Input{Kind: OpenFailed, Status: directed(status.Directive{RetryAfter: 3 * time.Second})}},
		probe{kind: "open-failed", variant: "6-move", in: Input{Kind: OpenFailed, Status: directed(status.Directive{Endpoint: "elsewhere"})}},
		probe{kind: "opened", variant: "unable", in: Input{Kind: Opened}},
		probe{kind: "opened", variant: "able", in: Input{Kind: Opened, Abilities: allAbilities}},
		probe{kind: "opened", variant: "probing", in: Input{Kind: Opened, Abilities: askable}},
		probe{kind: "opened", variant: "restorable", in: Input{Kind: Opened, Abilities: restorable}},
		probe{kind: "close-done", in: Input{Kind: CloseDone}},
	)
}

// preparedProbes are what the sources of an attempt answer.
func preparedProbes() (list []probe) {
	for _, v := range []struct {
		variant string
		ready   *Ready
	}{
		{"missing", nil},
		{"empty", &Ready{}},
		{"endpoints", &Ready{Endpoints: []string{"first", "second"}}},
		{"authorized", &Ready{Authorized: true}},
		{"authorized-for-an-hour", &Ready{Authorized: true, ExpireIn: time.Hour}},
		{"all-at-once", &Ready{Endpoints: []string{"first"}, Authorized: true}},
	} {
		list = append(list, probe{kind: "prepared", variant: v.variant, in: Input{Kind: Prepared, Ready: v.ready}})
	}
	return list
}

// restoreProbes are how a restart, a resume, or a resync ends: the one that is
// running, and one that is not running any more.
func restoreProbes(m *Machine) (list []probe) {
	id := cmpOr(m.op, stray)
	for _, op := range []struct {
		kind string
		in   Input
	}{{"restored", Input{Kind: Restored, ID: id}}, {"resynced", Input{Kind: Resynced, ID: id}}} {
		list = append(list, everyCode(op.kind, func(st status.Status) Input {
			in := op.in
			in.Status = st
			return in
		})...)
		ok, stale, unsupported, final, asked := op.in, op.in, op.in, op.in, op.in
		stale.ID += 3
		unsupported.Unsupported = true
		final.Status = permanent(status.TaskFailed)
		asked.Status = directed(status.Directive{RetryAfter: 3 * time.Second})
		list = append(list,
			probe{kind: op.kind, variant: "ok", in: ok}, probe{kind: op.kind, variant: "another's", in: stale},
			probe{kind: op.kind, variant: "unsupported", in: unsupported},
			probe{kind: op.kind, variant: "18-permanent", in: final},
			probe{kind: op.kind, variant: "6-retry-after", in: asked})
	}
	return append(list,
		probe{kind: "restored", variant: "refused", in: Input{Kind: Restored, ID: id, Status: probed(status.TaskFailed), Refused: true}},
		probe{kind: "restored", variant: "rejected", in: Input{Kind: Restored, ID: id, Status: probed(status.AudioAuthenticationRejected), Rejected: true}},
	)
}

// hintProbes are what the application knows and asks for.
func hintProbes() (list []probe) {
	for _, h := range []observer.Hint{observer.NetworkDown, observer.NetworkUp, observer.NetworkChanged, observer.Woke, "unheard-of"} {
		list = append(list, probe{kind: "hint", variant: string(h), in: Input{Kind: Hinted, Hint: h}})
	}
	return append(list,
		probe{kind: "ask", variant: "for-nothing", in: Input{Kind: Ask}},
		probe{kind: "ask", variant: "renegotiate", in: Input{Kind: Ask, Renegotiate: true}},
		probe{kind: "ask", variant: "view-only", in: Input{Kind: Ask, ViewOnly: true}},
		probe{kind: "ask", variant: "both", in: Input{Kind: Ask, Renegotiate: true, ViewOnly: true}},
	)
}

// sourceProbes are the answers of what belongs to no link: the limiter, and the
// source of credentials ahead of need.
func sourceProbes(m *Machine) []probe {
	queued, fresh := cmpOr(m.queued, stray), cmpOr(m.fresh.id, stray)
	ready := &Ready{Authorized: true, ExpireIn: time.Hour}
	return []probe{
		{kind: "admitted", variant: "ok", in: Input{Kind: Admitted, ID: queued}},
		{kind: "admitted", variant: "another's", in: Input{Kind: Admitted, ID: queued + 3}},
		{kind: "admitted", variant: "nobody's", in: Input{Kind: Admitted}},
		{kind: "admitted", variant: "18", in: Input{Kind: Admitted, ID: queued, Status: probed(status.TaskFailed)}},
		{kind: "admitted", variant: "6-retry-after", in: Input{Kind: Admitted, ID: queued, Status: directed(status.Directive{RetryAfter: 3 * time.Second})}},
		{kind: "admitted", variant: "24", in: Input{Kind: Admitted, ID: queued, Status: probed(status.AudioVideoDisconnectedWhilePromoted)}},
		{kind: "admitted", variant: "18-permanent", in: Input{Kind: Admitted, ID: queued, Status: permanent(status.TaskFailed)}},
		{kind: "refreshed", variant: "for-an-hour", in: Input{Kind: Refreshed, ID: fresh, Ready: ready}},
		{kind: "refreshed", variant: "for-ever", in: Input{Kind: Refreshed, ID: fresh, Ready: &Ready{Authorized: true}}},
		{kind: "refreshed", variant: "another's", in: Input{Kind: Refreshed, ID: fresh + 3, Ready: ready}},
		{kind: "refreshed", variant: "nobody's", in: Input{Kind: Refreshed, Ready: ready}},
		{kind: "refreshed", variant: "18", in: Input{Kind: Refreshed, ID: fresh, Status: probed(status.TaskFailed)}},
		{kind: "refreshed", variant: "without-answer", in: Input{Kind: Refreshed, ID: fresh}},
	}
}

// linkProbes are what a link reports besides statuses.
func linkProbes(m *Machine) []probe {
	report := func(packets float64, bytes uint64, tiles int) *health.Sample {
		return &health.Sample{
			AudioPacketsReceived: health.Some(packets), AudioLoss: health.Some(0), BytesReceived: bytes, VideoTiles: tiles,
		}
	}
	seen := m.monitor.Clone() // the totals of the situation's samples; a falling one is rejected
	bytes := uint64(0)
	for accepted := false; !accepted; bytes += 500 {
		c := seen.Clone()
		accepted, _ = c.Sample(m.now.Mono, *report(0, bytes, 0))
		if accepted {
			break
		}
	}
	return []probe{
		{kind: "sample", variant: "empty", in: Input{Kind: Sampled, Sample: &health.Sample{}}},
		{kind: "sample", variant: "missing", in: Input{Kind: Sampled}},
		{kind: "sample", variant: "missing-but-bytes", in: Input{Kind: Sampled, Heard: Heard{Media: m.now.Mono}}},
		{kind: "sample", variant: "missing-but-signaling", in: Input{Kind: Sampled, Heard: Heard{Signaling: m.now.Mono}}},
		{kind: "sample", variant: "silent", in: Input{Kind: Sampled, Sample: report(50, bytes, 0)}},
		{kind: "sample", variant: "thin", in: Input{Kind: Sampled, Sample: report(0, bytes+1, 0)}},
		{kind: "sample", variant: "thin-with-video", in: Input{Kind: Sampled, Sample: report(0, bytes+1, 2)}},
		{kind: "sample", variant: "rich", in: Input{Kind: Sampled, Sample: report(400, bytes+1, 0)}},
		{kind: "pong", variant: "last", in: Input{Kind: Ponged, ID: lastPing(m)}},
		{kind: "pong", variant: "another", in: Input{Kind: Ponged, ID: lastPing(m) + 1}},
		{kind: "pong", variant: "of the detector", in: Input{Kind: Ponged, ID: ownPing(m)}},
		{kind: "present", in: Input{Kind: Present}},
		{kind: "cannot-ping", in: Input{Kind: CannotPing}},
	}
}

// detectorProbes are what a link reports for the detector of dead links.
func detectorProbes(m *Machine) []probe {
	list := []probe{
		{kind: "probed", variant: "last", in: Input{Kind: Probed, ID: lastProbe(m)}},
		{kind: "probed", variant: "never sent", in: Input{Kind: Probed, ID: lastProbe(m) + 1}},
		{kind: "probed", variant: "no id", in: Input{Kind: Probed}},
		{kind: "cannot-probe", in: Input{Kind: CannotProbe}},
	}
	for e := health.ExpectUnknown; e <= health.ExpectNothing+1; e++ {
		list = append(list, probe{kind: "expected", variant: e.String(), in: Input{Kind: Expected, Expect: e}})
	}
	for _, l := range []status.Layer{status.LayerUnknown, status.LayerSignaling, status.LayerMedia} {
		list = append(list, probe{kind: "doubted", variant: l.String(), in: Input{
			Kind: Doubted, Layer: l, Status: status.Status{Layer: l, Cause: errProbe},
		}})
	}
	return list
}

// ownPings is below the first ID of the detector's pings.
const ownPings = 1 << 32

// ownPing finds the ID of the ping that the detector waits for, or else one that
// it does not wait for.
func ownPing(m *Machine) uint64 {
	for id := range uint64(sane) {
		if !m.watching() {
			break
		}
		d := *m.live.detector
		if _, ok := d.Pong(ownPings+id, m.now.Mono); ok {
			return ownPings + id
		}
	}
	return 2*ownPings - 1
}

// sane is more probes, and pings, than a situation sends.
const sane = 1000

// lastProbe finds the ID of the newest media probe of this link, 0 without one.
func lastProbe(m *Machine) (last uint64) {
	for id := range uint64(sane) {
		if !m.watching() {
			break
		}
		d := *m.live.detector
		if d.Probed(id, m.now.Mono) {
			last = id
		}
	}
	return last
}

// lastPing finds the ID that the pinger waits for, or else one that it does
// not wait for.
func lastPing(m *Machine) uint64 {
	for id := range uint64(16) {
		p := m.pinger
		if _, ok := p.Pong(id, m.now.Mono); ok {
			return id
		}
	}
	return 100
}

// stray is an ID that no operation of a situation has.
const stray = 1000

// operationProbes are how the operations on a link end: the running one, and
// one that is not running any more.
func operationProbes(m *Machine) (list []probe) {
	update, promotion := cmpOr(m.update.id, stray), cmpOr(m.promotion.id, stray)
	for _, op := range []struct {
		kind string
		in   Input
	}{
		{"update-done", Input{Kind: UpdateDone, ID: update}},
		{"promote-done", Input{Kind: PromoteDone, ID: promotion}},
		{"demote-done", Input{Kind: DemoteDone, ID: promotion}},
	} {
		list = append(list, everyCode(op.kind, func(st status.Status) Input {
			in := op.in
			in.Status = st
			return in
		})...)
		ok, stale, unsupported, final := op.in, op.in, op.in, op.in
		stale.ID += 3
		unsupported.Unsupported = true
		final.Status = permanent(status.TaskFailed)
		list = append(list,
			probe{kind: op.kind, variant: "ok", in: ok}, probe{kind: op.kind, variant: "another's", in: stale},
			probe{kind: op.kind, variant: "unsupported", in: unsupported},
			probe{kind: op.kind, variant: "18-permanent", in: final})
	}
	return list
}

func cmpOr(a, b uint64) uint64 {
	if a != 0 {
		return a
	}
	return b
}

func applicationProbes() []probe {
	return []probe{
		{kind: "start", in: Input{Kind: Start}},
		{kind: "stop", in: Input{Kind: Stop, Status: status.New(status.Left, nil)}},
		{kind: "stop", variant: "caused", in: Input{Kind: Stop, Status: probed(status.Left)}},
		{kind: "fault", in: Input{Kind: Fault, Status: probed(status.RealtimeApiFailed)}},
		{kind: "reconnect", in: Input{Kind: Reconnect, Status: probed(status.ConnectionHealthReconnect)}},
		{kind: "promote", in: Input{Kind: Promote, ID: 42}},
		{kind: "demote", in: Input{Kind: Demote, ID: 42}},
		{kind: "no input", in: Input{}},
	}
}

// timeProbes are the ticks: too early, at every timer that is armed (for the
// later ones as after a stall), long after all of them, and after a sleep.
func timeProbes(m *Machine) []probe {
	tick := func(variant string, wait, sleep time.Duration) probe {
		return probe{kind: "tick", variant: variant, wait: wait, sleep: sleep, in: Input{Kind: Tick}}
	}
	var list []probe
	if at, ok := m.Deadline(); ok && at > m.now.Mono {
		list = append(list, tick("early", at-m.now.Mono-1, 0))
	}
	for i := range timerCount {
		if m.timers.armed(i) {
			list = append(list, tick("at "+timerNames[i], max(m.timers.due[i]-m.now.Mono, 0), 0))
		}
	}
	if at, ok := m.timers.at(tDetect); ok {
		list = append(list, tick("at detect, stalled", at-m.now.Mono+m.cfg.Health.Detector.LateTick+1, 0))
	}
	return append(list, tick("now", 0, 0), tick("an hour late", time.Hour, 0), tick("after a sleep", 0, 8*time.Hour))
}

// walk writes down what every input does in every situation, for sessions that
// run by the given table. It stops when yield, which gets the text so far,
// says so.
func walk(table fsm.Events, yield func(soFar string) bool) {
	var b strings.Builder
	b.WriteString(walkLegend)
	pages := map[string][]string{}
	for _, s := range situations {
		pages[s.name] = s.page(table)
		s.write(&b, table, pages)
		if !yield(b.String()) {
			return
		}
	}
}

const walkLegend = `# What every input does in every situation: "inputs: effects → state/phase [timers] {facts}", as far as they change.
# e3 is an epoch, #2 an attempt or an operation, c the status of the input, 18<c a status with c as its cause.
# Inputs are of the current epoch, or @previous, @older, @future, @zero, @other than the current one, @any.
`

// page has a line for each outcome.
func (s situation) page(table fsm.Events) (lines []string) {
	for _, l := range fold(s.try(table, probes(s.arrive(table).m))) {
		lines = append(lines, l.inputs+": "+l.outcome)
	}
	return lines
}

// write writes the page of a situation under its heading. Of a situation that
// is like another one it leaves out the lines that both have: whatever changes
// there shows here or there.
func (s situation) write(b *strings.Builder, table fsm.Events, pages map[string][]string) {
	r := s.arrive(table)
	n := notation{}
	facts := changed(n.facts(New(testConfig())), n.facts(r.m))
	fmt.Fprintf(b, "\n== %s\n   %s %s %s\n", s.name, place(r.m), armed(r.m.timers, r.now.Mono), facts)
	if s.like != "" {
		fmt.Fprintf(b, "   as in %q, but for:\n", s.like)
	}
	for _, line := range pages[s.name] {
		if !slices.Contains(pages[s.like], line) {
			b.WriteString(line + "\n")
		}
	}
}

// arrive makes a machine and drives it to where the situation is.
func (s situation) arrive(table fsm.Events) *rig {
	r := newRig(s.changes...)
	r.m.table = table
	s.drive(r)
	return r
}

// trial is a probe and what came of it.
type trial struct {
	probe
	outcome string
}

func (s situation) try(table fsm.Events, list []probe) []trial {
	origin := s.arrive(table)
	before := viewOf(origin.m)
	trials := make([]trial, len(list))
	for i, p := range list {
		trials[i] = trial{p, p.outcome(origin, before)}
	}
	return trials
}

// outcome tries the probe on a copy of the machine.
func (p probe) outcome(at *rig, before view) string {
	r := &rig{m: at.m.Clone(), now: at.now}
	r.wait(p.wait)
	r.sleep(p.sleep, 0)
	effects := r.do(p.in)
	return notation{probe: p.in.Status}.outcome(before, r.m, effects)
}

// line is a line of a page.
type line struct{ inputs, outcome string }

// fold brings together the inputs with the same outcome.
func fold(trials []trial) []line {
	kinds := variantsByKind(trials)
	var order []string
	same := map[string][]trial{}
	for _, t := range trials {
		if _, ok := same[t.outcome]; !ok {
			order = append(order, t.outcome)
		}
		same[t.outcome] = append(same[t.outcome], t)
	}
	lines := make([]line, len(order))
	for i, outcome := range order {
		lines[i] = line{label(same[outcome], kinds), outcome}
	}
	return lines
}

// variantsByKind lists all variants of every kind.
func variantsByKind(trials []trial) map[string][]string {
	kinds := map[string][]string{}
	for _, t := range trials {
		if !slices.Contains(kinds[t.kind], t.variant) {
			kinds[t.kind] = append(kinds[t.kind], t.variant)
		}
	}
	return kinds
}

// label names a set of inputs: the kinds, then the variants and the epochs that
// they have in common.
func label(trials []trial, kinds map[string][]string) string {
	var order []string
	same := map[string][]string{}
	for _, kind := range distinct(trials, func(t trial) string { return t.kind }) {
		ofKind := slices.DeleteFunc(slices.Clone(trials), func(t trial) bool { return t.kind != kind })
		for _, what := range variantsAndEpochs(ofKind, kinds[kind]) {
			if same[what] == nil {
				order = append(order, what)
			}
			same[what] = append(same[what], kind)
		}
	}
	for i, what := range order {
		order[i] = strings.Join(same[what], ", ") + what
	}
	return strings.Join(order, "; ")
}

// variantsAndEpochs names trials of one kind: the variants that occur in the
// same epochs together, with these.
func variantsAndEpochs(trials []trial, all []string) []string {
	var order []string
	members := map[string][]string{}
	for _, v := range distinct(trials, func(t trial) string { return t.variant }) {
		set := epochsOf(trials, v)
		if members[set] == nil {
			order = append(order, set)
		}
		members[set] = append(members[set], v)
	}
	for i, set := range order {
		order[i] = variantList(members[set], all) + set
	}
	return order
}

func distinct(trials []trial, of func(trial) string) (list []string) {
	for _, t := range trials {
		if v := of(t); !slices.Contains(list, v) {
			list = append(list, v)
		}
	}
	return list
}

// epochsOf lists the epochs in which a variant occurs among trials of a kind.
func epochsOf(trials []trial, variant string) string {
	var list []string
	for _, t := range trials {
		if t.variant == variant {
			list = append(list, t.epoch)
		}
	}
	switch {
	case len(list) == 1 && list[0] == "":
		return ""
	case len(list) == len(epochOrder):
		return "@any"
	case len(list) == len(epochOrder)-1 && list[0] != "":
		return "@other"
	case list[0] == "":
		list[0] = "current"
	}
	return "@" + strings.Join(list, ",")
}

// variantList lists variants after their kind, with runs of numbers shortened.
func variantList(list, all []string) string {
	switch {
	case len(all) == 1 && all[0] == "":
		return ""
	case len(list) == len(all):
		return " any"
	}
	var parts []string
	for i := 0; i < len(list); i++ {
		j := i
		for j+1 < len(list) && follows(list[j], list[j+1]) {
			j++
		}
		switch {
		case j > i+1:
			parts = append(parts, list[i]+"-"+list[j])
			i = j
		case list[i] == "":
			parts = append(parts, "plain")
		default:
			parts = append(parts, list[i])
		}
	}
	return " " + strings.Join(parts, ",")
}

func follows(a, b string) bool {
	x, errX := strconv.Atoi(a)
	y, errY := strconv.Atoi(b)
	return errX == nil && errY == nil && y == x+1
}

// checkWalk compares the walk with the golden file, and names the first
// difference.
func checkWalk(table fsm.Events) error {
	want, err := os.ReadFile(walkFile)
	if err != nil {
		return err
	}
	got := ""
	walk(table, func(soFar string) bool {
		got = soFar
		return strings.HasPrefix(string(want), soFar)
	})
	return firstDifference(string(want), got)
}

// firstDifference tells where got leaves want.
func firstDifference(want, got string) error {
	if want == got {
		return nil
	}
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	page := ""
	for i := range min(len(w), len(g)) {
		if strings.HasPrefix(w[i], "== ") {
			page = w[i]
		}
		if w[i] != g[i] {
			return fmt.Errorf("line %d, %s:\nwant %s\ngot  %s", i+1, page, w[i], g[i])
		}
	}
	return errors.New("one text ends before the other")
}

func TestWalkGolden(t *testing.T) {
	onlyWithoutRace(t)
	if *rewrite {
		text := ""
		walk(transitions, func(soFar string) bool { text = soFar; return true })
		require.NoError(t, os.WriteFile(walkFile, []byte(text), 0o644))
	}
	require.NoError(t, checkWalk(transitions))
	n := 0
	for _, s := range situations {
		n += len(probes(s.arrive(transitions).m))
	}
	t.Logf("%d situations, %d inputs", len(situations), n)
	assert.Greater(t, n, 80_000, "the walk has shrunk")
}

// TestWalkCoversEveryPhase makes sure that no pair of state and phase which the
// explorer reaches is missing from the walk.
func TestWalkCoversEveryPhase(t *testing.T) {
	walked := map[string]bool{}
	for _, s := range situations {
		walked[place(s.arrive(transitions).m)] = true
	}
	for _, p := range []string{
		"idle/resting",
		"connecting/opening", "connecting/aborting", "connecting/awaiting", "connecting/waiting",
		"connected/resting",
		"reconnecting/reasoning", "reconnecting/waiting", "reconnecting/opening", "reconnecting/aborting", "reconnecting/awaiting",
		"reconnecting/condemned", "reconnecting/proving",
		"connecting/queueing", "reconnecting/queueing", "reconnecting/holding", "reconnecting/restoring", "reconnecting/resyncing",
		"stopped/leaving", "stopped/resting",
	} {
		assert.True(t, walked[p], p)
		delete(walked, p)
	}
	assert.Empty(t, walked, "a situation that ought not to exist")
}

// TestWalkKinds makes sure that every kind of input is in the walk.
func TestWalkKinds(t *testing.T) {
	r := situation{drive: (*rig).thirdAttempt}.arrive(transitions)
	seen := map[Kind]bool{}
	for _, p := range probes(r.m) {
		seen[p.in.Kind] = true
	}
	for k := range kindEnd {
		assert.True(t, seen[k], k.String())
	}
}
