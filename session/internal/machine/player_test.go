package machine

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
)

// player makes up the life of a session from a source of numbers: bytes of a
// fuzzer or a random source.
type player struct {
	w *world
	// pick gives a number from 0 to n-1.
	pick  func(n int) int
	bytes uint64 // running total of the health samples

	spell        int           // how many inputs are left of a spell without surprises
	alive        health.Layers // what answers during the spell
	ping, probed uint64        // the last IDs that were answered, or not, in a spell
}

// playerConfigs are the configs that a player may play by.
func playerConfigs(seed uint64) []*Config {
	jitter := rand.New(rand.NewPCG(seed, 1))
	normal, brisk, reference, presence, tight := testConfig(), testConfig(), testConfig(), testConfig(), testConfig()
	normal.Policy.NewBackOff = nil // full jitter, which draws on Random
	brisk.Policy.NewBackOff, brisk.ReasonGrace = steadily(0), 0
	reference.Policy = policy.Reference()
	presence.PresenceTimeout, presence.Policy.Budget.Attempts, presence.ViewOnly = presenceTimeout, 4, true
	tight.Policy.Budget = policy.Budget{Elapsed: 20 * time.Second, Idle: 10 * time.Second, Attempts: policy.NoLimit}
	none := testConfig()
	none.Policy.Budget = policy.Budget{}
	listening(false)(normal)
	listening(true)(brisk)
	detecting(normal)
	detecting(presence)
	careful, eager, guided := testConfig(), testConfig(), testConfig()
	limited(careful)
	catchesUp(careful)
	detecting(careful)
	careful.Policy.NewBackOff = nil
	authorizes(eager)
	finds(eager)
	catchesUp(eager)
	catchesUp(guided)
	eager.Policy.Budget.Elapsed, eager.Policy.Ladder.RestartMedia.Attempts = 40*time.Second, 2
	authorizes(guided)
	limited(guided)
	endpointsAt("first", "second")(guided)
	guided.Policy.NewBackOff, guided.Policy.Budget.Rejections, guided.Policy.Budget.Extension = nil, 2, 30*time.Second
	list := []*Config{normal, brisk, reference, presence, tight, none, careful, eager, guided}
	for _, cfg := range list {
		cfg.Random = jitter.Float64
	}
	return list
}

// listening adds a custom policy that wants to hear audio in every sample.
func listening(reconnect bool) func(*Config) {
	return func(c *Config) {
		c.Health.Custom = append(c.Health.Custom, health.CustomPolicy{Name: "listening", Reconnect: reconnect, New: func() health.Policy {
			p := health.NewUnusableAudio(health.UnusableAudioConfig{Samples: 1, Cooldown: -1, Warnings: -1})
			return &p
		}})
	}
}

// next makes up the next input and its time.
func (p *player) next() (Instant, Input) {
	if p.uneventful() {
		return p.quietly()
	}
	at := p.time()
	in := p.input(at)
	in.Status = p.decorated(in.Status)
	return at, p.w.heed(in)
}

// longSpell is enough inputs for a verdict about a link that falls silent.
const longSpell = 150

// uneventful says whether a spell goes on, and begins one now and then: first both
// layers live, then one or both fall silent, and they may come back.
func (p *player) uneventful() bool {
	if !p.w.m.watching() {
		p.spell = 0
		return false
	}
	switch {
	case p.spell > 1 && p.w.m.phase == condemned && p.pick(8) == 0:
		p.alive = health.Both
	case p.spell == longSpell-30:
		p.alive = health.Layers(p.pick(3))
	case p.spell == 0 && p.pick(16) == 0:
		p.spell, p.alive = longSpell, health.Both
	}
	p.spell = max(p.spell-1, 0)
	return p.spell > 0
}

// quietly answers what was asked, if that layer is alive, or lets time pass until
// the next deadline.
func (p *player) quietly() (Instant, Input) {
	now, v := p.w.now, &p.w.watch
	if v.ping != p.ping {
		if p.ping = v.ping; p.alive.Has(health.Signaling) {
			return now, p.w.heed(Input{Kind: Ponged, Epoch: p.w.m.epoch, ID: v.ping})
		}
	}
	if v.probe != p.probed {
		if p.probed = v.probe; p.alive.Has(health.Media) {
			return now, p.w.heed(Input{Kind: Probed, Epoch: p.w.m.epoch, ID: v.probe})
		}
	}
	if at, ok := p.w.m.Deadline(); ok {
		now = afterwards(now, max(at-now.Mono, 0))
	}
	return now, Input{Kind: Tick}
}

// time lets some time pass, or none.
func (p *player) time() Instant {
	now := p.w.now
	left := time.Second
	if at, ok := p.w.m.Deadline(); ok {
		left = max(at-now.Mono, 0)
	}
	switch p.pick(10) {
	case 0, 1, 2, 3:
		return afterwards(now, left)
	case 4:
		return afterwards(now, max(left-1, 0))
	case 5:
		return afterwards(now, time.Duration(p.pick(200))*10*time.Millisecond)
	case 6:
		switch p.pick(4) {
		case 0:
			now.Mono += time.Second // a sleep
			now.Wall = now.Wall.Add(8 * time.Hour)
		case 1:
			now.Wall = now.Wall.Add(-8 * time.Hour) // a clock that is put back
		default:
			return afterwards(now, 30*time.Second)
		}
	}
	return now
}

// input makes up an input that the surroundings can give; where they cannot
// give the one that was picked it is a tick.
func (p *player) input(at Instant) Input {
	epoch := p.epoch()
	switch {
	case p.w.m.phase == opening && p.w.m.step == connecting && p.pick(3) > 0:
		return p.ended(dialing)
	case p.w.m.phase == awaiting && p.pick(3) > 0:
		return Input{Kind: Present, Epoch: p.w.m.epoch}
	case p.w.m.phase == opening && p.w.m.step != connecting && p.pick(2) == 0, p.w.m.phase == restoring && p.w.m.step != connecting && p.pick(2) == 0:
		return p.answered()
	case p.w.rescue.refreshing != 0 && p.pick(3) > 0:
		return p.refreshed()
	case p.w.rescue.asking != 0 && p.pick(3) > 0:
		return p.admitted()
	case p.w.rescue.op.id != 0 && p.pick(3) > 0:
		return p.restored()
	case (p.w.calling != 0 || p.w.running != 0) && p.pick(3) == 0:
		return p.operated()
	}
	switch p.pick(24) {
	case 20:
		return p.hinted()
	case 21:
		return p.restored()
	case 22:
		if p.pick(4) == 0 {
			return p.refreshed()
		}
		return p.answered()
	case 23:
		return p.admitted()
	case 0:
		return Input{Kind: Start}
	case 1, 2:
		return Input{Kind: Reported, Epoch: epoch, Status: p.status()}
	case 3:
		return p.closed(epoch)
	case 4, 5, 6:
		return p.ended(dialing, cancelled)
	case 7, 8:
		return p.ended(closing)
	case 9, 10:
		return Input{Kind: Sampled, Epoch: epoch, Sample: p.sample()}
	case 11:
		return Input{Kind: Ponged, Epoch: epoch, ID: lastPing(p.w.m) + uint64(p.pick(2))}
	case 12:
		return Input{Kind: Present, Epoch: epoch}
	case 13:
		return p.operated()
	case 14:
		return p.asks()
	case 15:
		return p.rarely()
	case 16, 17:
		return p.watched(epoch)
	}
	in := Input{Kind: Tick}
	if p.pick(8) == 0 && p.w.m.state != observer.StateIdle {
		in = Input{Kind: Sampled, Epoch: epoch, Heard: Heard{Signaling: at.Mono}}
	}
	return in
}

func (p *player) epoch() uint64 {
	current := p.w.m.epoch
	switch p.pick(8) {
	case 0:
		return current - min(current, 1)
	case 1:
		return current - min(current, 2)
	case 2:
		return current + uint64(p.pick(2))
	}
	return current
}

// status is of any code, but seldom of one that ends the session.
func (p *player) status() status.Status {
	if p.pick(30) == 0 {
		return status.New(status.Code(p.pick(30)-1), nil)
	}
	return status.New(lasting[p.pick(len(lasting))], nil)
}

// lasting are the codes that do not end a session by themselves.
var lasting = slices.DeleteFunc(append(status.All(), unknownCode), status.Code.Terminal)

// decorated adds what may come with a status.
func (p *player) decorated(st status.Status) status.Status {
	if st.IsZero() || p.pick(2) == 0 {
		return st
	}
	st.Wire = []int{0, 0, 1001, 1006, 4410}[p.pick(5)]
	st.Permanent = p.pick(150) == 0
	st.Shared = p.pick(4) == 0
	if p.pick(6) == 0 {
		st.Directive = &status.Directive{
			RetryAfter: []time.Duration{0, 0, time.Second, 20 * time.Second, -time.Second, math.MaxInt64}[p.pick(6)],
			Recovery:   status.Recovery(p.pick(3)), Endpoint: []string{"", "", "elsewhere"}[p.pick(3)],
		}
	}
	if p.pick(3) == 0 {
		st.Cause = errors.New("because")
	}
	return st
}

func (p *player) closed(epoch uint64) Input {
	in := Input{Kind: LinkClosed, Epoch: epoch, Layer: status.Layer(p.pick(5))}
	if in.Bare = p.pick(2) == 0; !in.Bare {
		in.Status = p.status()
	}
	return in
}

// ended ends a Connect or a Close that is running, if one is.
func (p *player) ended(stages ...stage) Input {
	var running []life
	for _, l := range p.w.lives {
		for _, s := range stages {
			if l.stage == s {
				running = append(running, l)
			}
		}
	}
	if len(running) == 0 || p.w.finished {
		return Input{Kind: Tick}
	}
	l := running[p.pick(len(running))]
	switch {
	case l.stage == closing:
		return Input{Kind: CloseDone, Epoch: l.epoch}
	case p.pick(3) == 0:
		st := p.status()
		if st.Code == status.OK {
			st.Code = status.TaskFailed
		}
		return Input{Kind: OpenFailed, Epoch: l.epoch, Status: st}
	}
	return Input{Kind: Opened, Epoch: l.epoch, Abilities: Abilities(p.pick(64))}
}

// restored ends a restart, a resume or a resync, or one that is over already.
func (p *player) restored() Input {
	op := p.w.rescue.op
	if p.pick(8) == 0 {
		op = p.w.rescue.before
	}
	in := Input{Kind: Restored, Epoch: p.w.m.epoch, ID: op.id}
	if op.kind == Resync {
		in.Kind = Resynced
	}
	switch p.pick(8) {
	case 0:
		in.Unsupported = true
	case 1:
		in.Status, in.Refused = p.status(), in.Kind == Restored
	case 2:
		in.Status, in.Rejected = status.New(status.AudioAuthenticationRejected, nil), in.Kind == Restored && p.w.m.cfg.Authorizes
	case 3:
		in.Status = p.status()
	}
	if (in.Refused || in.Rejected) && in.Status.IsZero() {
		in.Status.Code = status.TaskFailed
	}
	return in
}

func (p *player) credentials() *Ready {
	return &Ready{Authorized: true, ExpireIn: []time.Duration{0, time.Second, 5 * time.Second, time.Minute, time.Hour}[p.pick(5)]}
}

// refreshed is the answer to a question for credentials ahead of need.
func (p *player) refreshed() Input {
	in := Input{Kind: Refreshed, ID: p.w.rescue.refreshing, Ready: p.credentials()}
	if p.pick(3) == 0 {
		in.Status, in.Ready = status.New(status.TaskFailed, nil), &Ready{}
	}
	return in
}

// answered is what a source of an attempt says.
func (p *player) answered() Input {
	ready := p.credentials()
	if p.w.m.step == finding {
		ready = &Ready{Endpoints: []string{"a", "b", "c"}[p.pick(3):]}
	}
	return Input{Kind: Prepared, Epoch: p.epoch(), Ready: ready}
}

// admitted is the limiter's answer.
func (p *player) admitted() Input {
	in := Input{Kind: Admitted, ID: p.w.rescue.asking}
	if p.pick(5) == 0 {
		in.Status = p.status()
	}
	return in
}

// hinted is what the application knows of its network, or wants changed.
func (p *player) hinted() Input {
	hints := []observer.Hint{observer.NetworkDown, observer.NetworkUp, observer.NetworkChanged, observer.Woke, "unheard-of"}
	if p.pick(2) == 0 {
		return Input{Kind: Ask, Renegotiate: p.pick(2) == 0, ViewOnly: p.pick(4) == 0}
	}
	return Input{Kind: Hinted, Hint: hints[p.pick(len(hints))]}
}

// watched is what a link reports for the detector: mostly right answers, in their
// order or not, and now and then bad evidence.
func (p *player) watched(epoch uint64) Input {
	switch p.pick(12) {
	case 0:
		return Input{Kind: Doubted, Epoch: epoch, Layer: status.Layer(p.pick(5)), Status: status.Status{Cause: errProbe}}
	case 1:
		return Input{Kind: Expected, Epoch: epoch, Expect: health.Expectation(p.pick(5))}
	case 2:
		if p.pick(4) == 0 {
			return Input{Kind: CannotProbe, Epoch: epoch}
		}
	case 3, 4, 5, 6:
		return Input{Kind: Ponged, Epoch: epoch, ID: p.w.watch.ping}
	}
	return Input{Kind: Probed, Epoch: epoch, ID: p.w.watch.probe - min(p.w.watch.probe, uint64(p.pick(4)))}
}

// sample is a report of any quality.
func (p *player) sample() *health.Sample {
	numbers := []health.Value{{}, health.Some(0), health.Some(50), health.Some(-1), health.Some(math.NaN()), health.Some(math.MaxFloat64), health.Some(1e-300)}
	any := func() health.Value { return numbers[p.pick(len(numbers))] }
	if p.pick(3) > 0 {
		p.bytes += 100
	}
	s := &health.Sample{AudioPacketsReceived: numbers[1+p.pick(2)], AudioLoss: numbers[1], AudioPacketsSent: numbers[p.pick(3)], BytesReceived: p.bytes}
	if p.pick(6) == 0 {
		s.AudioPacketsReceived, s.AudioLoss, s.AudioPacketsSent, s.SpeakerDelay = any(), any(), any(), any()
		s.BytesReceived = uint64(p.pick(256)) << p.pick(56)
		s.VideoTiles, s.PublishedVideoSources = p.pick(3)-1, p.pick(40)
		s.Video = health.Video{Started: true, Streams: p.pick(3), EncodeTime: math.Inf(1), EncodedFPS: float64(p.pick(3))}
	}
	return s
}

// operated ends an update or promotion, or one that is over already.
func (p *player) operated() Input {
	in := Input{Kind: UpdateDone, Epoch: p.epoch(), ID: uint64(p.pick(4))}
	switch {
	case p.w.calling != 0 && p.pick(4) > 0:
		in.Kind, in.ID, in.Epoch = PromoteDone, p.w.calling, p.w.m.epoch
		if p.w.m.promotion.demote {
			in.Kind = DemoteDone
		}
	case p.w.running != 0 && p.pick(4) > 0:
		in.ID, in.Epoch = p.w.running, p.w.m.epoch
	default:
		in.Kind = []Kind{UpdateDone, PromoteDone, DemoteDone, CannotPing}[p.pick(4)]
	}
	if in.Unsupported = p.pick(8) == 0; !in.Unsupported && p.pick(3) == 0 {
		in.Status = p.status()
	}
	return in
}

// asks is a wish of the application. After the end nobody asks any more.
func (p *player) asks() Input {
	switch p.pick(4) {
	case 0:
		return Input{Kind: Reconnect, Status: status.New(status.ConnectionHealthReconnect, errors.New("by hand"))}
	case 1:
		if !p.w.finished {
			p.w.nextID++
			return Input{Kind: Demote, ID: p.w.nextID}
		}
	}
	if p.w.finished {
		return Input{Kind: Tick}
	}
	p.w.nextID++
	return Input{Kind: Promote, ID: p.w.nextID}
}

// rarely is what ends most lives early if it comes often.
func (p *player) rarely() Input {
	switch p.pick(120) {
	case 0:
		return Input{Kind: Stop, Status: status.New(status.Left, nil)}
	case 1:
		return Input{Kind: Fault, Status: status.New(status.RealtimeApiFailed, &observer.PanicError{Where: "here", Value: p.pick(3)})}
	}
	return Input{Kind: Tick}
}

// leave stops the session and waits for its end.
func (p *player) leave() error {
	if _, err := p.w.step(p.w.now, Input{Kind: Stop, Status: status.New(status.Left, nil)}); err != nil {
		return err
	}
	if err := p.w.endsAlone(); err != nil {
		return err
	}
	if !p.w.finished || p.w.count(dialing, open) > 0 {
		return fmt.Errorf("stopped, and yet %v", p.w.lives)
	}
	return nil
}
