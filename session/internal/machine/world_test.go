package machine

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
)

// world is a machine together with what is around it: the Connects and links
// that its effects have begun, the operations that run, and an account of the
// budget that does not ask the machine's own. Every step is checked against
// the guarantees, by what goes in and comes out.
type world struct {
	m   *Machine
	now Instant

	lives   []life         // oldest first
	state   observer.State // as the events tell it
	adopted uint64         // epoch of the adopted link; 0: none
	epoch   uint64         // the last one opened
	seq     uint64         // of the last event
	asked   []asked        // promotions and demotions without an answer
	running uint64         // ID of the running update; 0: none
	dropped uint64         // ID of the last update that was cancelled
	calling uint64         // ID of the promotion or demotion that the link runs; 0: none
	hushed  uint64         // ID of such a call whose context was cancelled
	forgone uint64         // ID of the last such call that was given up
	nextID  uint64

	promoted bool
	over     bool // terminal, Stop or fault: no Open may follow (G8)
	finished bool
	endBy    time.Duration // when the session must be finished, once it is over (G3)

	heard  Heard // of the running epoch
	watch  watch
	rescue rescue
	// lost is the epoch whose loss began the outage, and for how long it is still
	// listened to after the first Connect has begun.
	begun     time.Duration // the epoch
	left      uint64        // the lost one, until the first Connect of its outage
	lost      uint64
	lostUntil time.Duration

	account account
}

// stage is how far an epoch has come.
type stage uint8

const (
	dialing   stage = iota // Connect is running
	cancelled              // Connect is running with a cancelled context
	open                   // the link is open
	closing                // Close is running
)

// life is what one epoch holds.
type life struct {
	epoch uint64
	stage stage
	since time.Duration // when its context was cancelled, or its close began
	// unawaited: the link has opened when nobody waited for it any more, after
	// its grace or after the end. Nobody waits for its close either.
	unawaited bool
	adopted   bool // it has been connected
}

// asked is an operation of the application that has no answer yet.
type asked struct {
	id     uint64
	demote bool
}

// account is the budget as the guarantees define it.
type account struct {
	outage   time.Duration // when the budget period began
	counting bool
	alive    time.Duration // last sign of life of the period
	living   bool
	tries    int
	granted  time.Duration // by servers, on top of the budget
	proving  bool          // connected, and not stable yet
	stable   time.Duration // when it will be
}

func newWorld(cfg *Config) *world {
	return &world{m: New(cfg), now: instant(time.Second), state: observer.StateIdle}
}

func (w *world) clone() *world {
	c := *w
	c.m = w.m.Clone()
	c.lives = slices.Clone(w.lives)
	c.asked = slices.Clone(w.asked)
	return &c
}

// end is when the budget of time ends. Silence has no such end: it counts when a
// retry is decided on, as in the reference.
func (w *world) end() (time.Duration, bool) {
	b := w.m.cfg.Policy.Budget
	return w.account.outage + b.Elapsed + w.account.granted, w.account.counting && b.Elapsed >= 0
}

// life finds an epoch that holds something.
func (w *world) life(epoch uint64) *life {
	for i := range w.lives {
		if w.lives[i].epoch == epoch {
			return &w.lives[i]
		}
	}
	return nil
}

func (w *world) bury(epoch uint64) {
	w.lives = slices.DeleteFunc(w.lives, func(l life) bool { return l.epoch == epoch })
}

func (w *world) count(stages ...stage) (n int) {
	for _, l := range w.lives {
		if slices.Contains(stages, l.stage) {
			n++
		}
	}
	return n
}

// step has the machine handle an input at a time, and checks what comes out.
func (w *world) step(at Instant, in Input) ([]Effect, error) {
	in = w.heed(in)
	before := *w.m
	var untouched *Machine
	if w.stale(in) {
		untouched = w.m.Clone()
	}
	w.expect(at, in)
	w.watch.takes(w, in)
	w.rescue.takes(w, at, in)
	effects := w.m.Handle(at, in)
	w.now = at
	if before.state == observer.StateConnected && w.m.state != observer.StateConnected {
		w.account.begin(at.Mono)
		w.account.proving = false
	}
	for i, e := range effects {
		if err := w.effect(in, effects, i, e); err != nil {
			return effects, err
		}
	}
	if w.m.state != observer.StateConnected && w.calling != 0 && w.calling == w.hushed {
		w.forgone, w.calling = w.calling, 0
	}
	return effects, errors.Join(
		w.checkPlace(in), w.checkEnd(), w.checkDeadline(in), w.checkLinks(),
		checkCalm(), w.m.checkRetry(), w.checkReaction(&before, in), w.rescue.reacts(w, &before, in), w.checkBudgetStop(&before), w.checkStale(untouched, in, effects), w.checkWatch(),
	)
}

// fromLink lists the inputs that a link reports: they belong to an epoch.
var fromLink = []Kind{
	Reported, LinkClosed, Sampled, Ponged, Present, UpdateDone, PromoteDone, DemoteDone, CannotPing,
	Probed, CannotProbe, Expected, Doubted, Restored, Resynced,
}

// heed gives an input of the running epoch what was heard of the link so far,
// as every report comes with it, and notes what the input itself adds.
func (w *world) heed(in Input) Input {
	if in.Epoch == 0 || in.Epoch != w.m.epoch {
		return in
	}
	w.heard = Heard{Signaling: max(w.heard.Signaling, in.Heard.Signaling), Media: max(w.heard.Media, in.Heard.Media)}
	in.Heard = w.heard
	return in
}

// stale reports whether the input is a report of another epoch.
func (w *world) stale(in Input) bool {
	return slices.Contains(fromLink, in.Kind) && in.Epoch != w.m.epoch &&
		w.m.state != observer.StateIdle && w.m.state != observer.StateStopped
}

// expect keeps the account of what the input means by itself.
func (w *world) expect(at Instant, in Input) {
	slept := at.Wall.Sub(w.now.Wall)-(at.Mono-w.now.Mono) >= sleepJump
	if slept && w.account.living {
		w.account.alive = at.Mono
	}
	if w.m.state == observer.StateConnected && w.account.proving && at.Mono >= w.account.stable {
		w.account.renew()
	}
	switch in.Kind {
	case Start:
		if w.state == observer.StateIdle && !w.over {
			w.account.begin(at.Mono)
		}
	case Opened:
		if l := w.life(in.Epoch); l != nil {
			l.unawaited = w.over || l.stage == cancelled && at.Mono >= l.since+w.m.cfg.CloseGrace
			l.stage = open
		}
	case OpenFailed, CloseDone:
		w.bury(in.Epoch)
	case Ponged, Probed:
		if w.m.answers(at, in) {
			defer w.account.live(at.Mono)
		}
	case Sampled:
		if w.reportOfNow(in) && in.Sample != nil {
			monitor := w.m.monitor.Clone()
			if _, traffic := monitor.Sample(at.Mono, *in.Sample); traffic {
				defer w.account.live(at.Mono)
			}
		}
	case Promote, Demote:
		w.asked = append(w.asked, asked{in.ID, in.Kind == Demote})
	case UpdateDone:
		if in.ID == w.running && in.Epoch == w.m.epoch {
			w.running = 0
		}
	case PromoteDone, DemoteDone:
		if in.ID == w.calling && in.Epoch == w.m.epoch {
			w.calling = 0
		}
	}
	if w.reportOfNow(in) && in.Heard != w.m.heard {
		w.account.live(in.Heard.latest())
	}
}

// answers reports whether an answer counts: it is one to a ping or probe that
// went out over the running link. After a pause no ping waits any more.
func (m *Machine) answers(at Instant, in Input) bool {
	if in.Epoch != m.epoch || m.state == observer.StateIdle || m.state == observer.StateStopped {
		return false
	}
	later := m.Clone()
	later.clock(at)
	if in.Kind == Probed {
		return later.watching() && later.live.detector.Probed(in.ID, at.Mono)
	}
	_, ok := later.pinger.Pong(in.ID, at.Mono)
	if !ok && later.watching() {
		_, ok = later.live.detector.Pong(in.ID, at.Mono)
	}
	return ok
}

func (w *world) reportOfNow(in Input) bool {
	return slices.Contains(fromLink, in.Kind) && in.Epoch == w.m.epoch &&
		w.m.state != observer.StateIdle && w.m.state != observer.StateStopped
}

func (a *account) begin(at time.Duration) {
	if !a.counting {
		a.outage, a.counting = at, true
	}
}

// grant adds what a server has asked for.
func (a *account) grant(d, limit time.Duration) {
	if limit >= 0 {
		d = min(d, limit-a.granted)
	}
	a.granted += max(d, 0)
}

func (a *account) live(at time.Duration) { a.alive, a.living = at, true }

func (a *account) reset() { *a = account{} }

// renew opens a new period for a connection that is stable: the other side is
// as silent as it was.
func (a *account) renew() { *a = account{alive: a.alive, living: a.living} }

// effect takes over one effect and checks it.
func (w *world) effect(in Input, all []Effect, i int, e Effect) error {
	if w.finished {
		return fmt.Errorf("G2: %s after Finish", e.Kind)
	}
	switch e.Kind {
	case Open:
		w.watch.renewed(0)
		return w.opens(e)
	case CancelOpen:
		return w.moves(e, dialing, cancelled)
	case CloseLink:
		if e.Leave && in.Kind != Stop {
			return errors.New("a goodbye that the application did not ask for")
		}
		w.watch.touched = w.watch.touched || e.Epoch == w.watch.dead
		return errors.Join(w.rescue.closes(e), w.moves(e, open, closing))
	case Ping:
		return w.onWatched(e, CanPing)
	case Probe:
		return w.onWatched(e, CanProbe)
	case Update:
		if w.running != 0 {
			return errors.New("an update while another one runs")
		}
		w.running = e.ID
		return w.onAdopted(e)
	case CancelUpdate:
		if w.running == 0 {
			return errors.New("no update to cancel")
		}
		w.dropped, w.running = w.running, 0
	case CallPromote, CallDemote:
		if w.calling != 0 {
			return errors.New("a promotion while another one runs")
		}
		w.calling = e.ID
		return w.onAdopted(e)
	case CancelPromotion:
		if w.calling == 0 {
			return errors.New("no promotion to cancel")
		}
		w.hushed = w.calling
	case Settle:
		return w.answers(e)
	case Notify:
		return w.hears(e.Event, all[i+1:])
	case Finish:
		w.finished = true
		if i != len(all)-1 || i == 0 || all[i-1].Event == nil || all[i-1].Event.Name() != "Stopped" {
			return errors.New("G2: Finish is not last, right after Stopped")
		}
	default:
		known, err := w.rescue.effect(w, e)
		if !known {
			return fmt.Errorf("unknown effect %v", e.Kind)
		}
		return err
	}
	return nil
}

func (w *world) opens(e Effect) error {
	switch {
	case e.Epoch != w.epoch+1:
		return fmt.Errorf("epoch %d after %d", e.Epoch, w.epoch)
	case e.Attempt.Level != policy.Rejoin:
		return fmt.Errorf("a Connect at the level %s", e.Attempt.Level)
	case w.count(dialing, open) > 0:
		return errors.New("G1: an attempt while another one or a link is there")
	case w.count(cancelled) >= maxDeaf:
		return errors.New("G11: an attempt on top of two deaf Connects")
	}
	if err := w.begins(e); err != nil {
		return err
	}
	if w.left != 0 {
		w.lost, w.lostUntil, w.left = w.left, w.now.Mono+2*time.Second, 0
	}
	w.epoch, w.heard, w.begun = e.Epoch, Heard{}, w.now.Mono
	w.lives = append(w.lives, life{epoch: e.Epoch})
	return nil
}

// begins checks an attempt, at any level, against the guarantees.
func (w *world) begins(e Effect) error {
	first := w.state == observer.StateConnecting && e.Attempt.Number == 1
	end, limited := w.end()
	limit := w.m.cfg.Policy.Budget.Attempts
	switch {
	case w.over:
		return errors.New("G8: an attempt after the end")
	case w.withinGrace():
		return errors.New("an attempt that did not wait for the old operation")
	case !first && limited && w.now.Mono >= end:
		return errors.New("G9: an attempt at or after the end of the budget")
	case !first && limited && w.now.Mono+e.Attempt.Timeout > end:
		return errors.New("G9: an attempt that may outlast the budget")
	case e.Attempt.Timeout <= 0 || e.Attempt.Timeout > w.m.cfg.ConnectTimeout:
		return fmt.Errorf("an attempt of %s", e.Attempt.Timeout)
	case !first && limit >= 0 && w.account.tries >= limit:
		return errors.New("G9: one attempt too many")
	}
	w.account.tries++
	return w.rescue.begins(w, e)
}

// withinGrace reports whether an old operation is still to be waited for.
func (w *world) withinGrace() bool {
	return slices.ContainsFunc(w.lives, func(l life) bool {
		return (l.stage == cancelled || l.stage == closing) && !l.unawaited && w.now.Mono < l.since+w.m.cfg.CloseGrace
	})
}

// moves brings the epoch of an effect from one stage to the next: what was
// opened is cancelled or closed once.
func (w *world) moves(e Effect, from, to stage) error {
	l := w.life(e.Epoch)
	if l == nil || l.stage != from {
		return fmt.Errorf("%s e%d, of which that is not to be done", e.Kind, e.Epoch)
	}
	l.stage, l.since = to, w.now.Mono
	return nil
}

func (w *world) onAdopted(e Effect) error {
	if l := w.life(e.Epoch); w.adopted == 0 || e.Epoch != w.adopted || l == nil || l.stage != open {
		return fmt.Errorf("%s e%d, which is not the adopted link", e.Kind, e.Epoch)
	}
	return nil
}

func (w *world) answers(e Effect) error {
	i := slices.IndexFunc(w.asked, func(a asked) bool { return a.id == e.ID })
	if i < 0 {
		return fmt.Errorf("answer #%d to nobody", e.ID)
	}
	w.asked = slices.Delete(w.asked, i, i+1)
	return nil
}

// hears takes over an event.
func (w *world) hears(e observer.Event, rest []Effect) error {
	h := e.Head()
	if h.Seq != w.seq+1 || h.Elapsed != w.now.Mono || !h.Time.Equal(w.now.Wall) {
		return fmt.Errorf("header of %s: %+v", e.Name(), h)
	}
	w.seq = h.Seq
	if err := checkCodes(e); err != nil {
		return err
	}
	if !mayFollow(e, h, w.state) {
		return fmt.Errorf("G12: %s from %s to %s in state %s", e.Name(), h.From, h.To, w.state)
	}
	if err := w.rescue.hears(w, e); err != nil {
		return err
	}
	if err := w.watch.hears(w, e, rest); err != nil {
		return err
	}
	w.state = h.To
	switch e := e.(type) {
	case observer.AttemptFailed:
		if e.Unsupported {
			w.account.tries--
		}
	case observer.Connected:
		return errors.Join(w.connected(h, rest), w.watch.connected(h, rest))
	case observer.Reconnecting:
		w.left, w.adopted = w.adopted, 0
		return w.isDemoted("Reconnecting")
	case observer.Promoted:
		w.promoted = true
	case observer.Demoted:
		return w.demoted(e)
	case observer.Stopped:
		return w.stopped(e, rest)
	}
	return nil
}

func (w *world) connected(h observer.Header, rest []Effect) error {
	l := w.life(h.Epoch)
	if w.adopted != 0 || l == nil || l.stage != open {
		return fmt.Errorf("G1: e%d is adopted after e%d", h.Epoch, w.adopted)
	}
	w.adopted, l.adopted, w.left = h.Epoch, true, 0
	recovered := len(rest) > 0 && rest[0].Event != nil && rest[0].Event.Name() == "Recovered"
	if recovered != (h.From == observer.StateReconnecting) {
		return errors.New("Recovered tells something else than Connected")
	}
	if h.From == observer.StateConnecting || w.m.cfg.Policy.StableAfter <= 0 {
		w.account.reset()
	}
	w.account.proving = w.m.cfg.Policy.StableAfter > 0
	w.account.stable = w.now.Mono + w.m.cfg.Policy.StableAfter
	return nil
}

func (w *world) isDemoted(name string) error {
	if w.promoted {
		return fmt.Errorf("%s before the promoted session was told Demoted", name)
	}
	return nil
}

func (w *world) demoted(e observer.Demoted) error {
	loss := e.Status.Code == status.AudioVideoDisconnectedWhilePromoted
	if loss && !w.promoted {
		return errors.New("demoted by a loss without a promotion")
	}
	if !loss && e.Status.Code != status.OK && e.Status.Code != status.AudioVideoWasRemovedFromPrimaryMeeting {
		return fmt.Errorf("demoted with code %d", e.Status.Code)
	}
	w.promoted = false
	return nil
}

func (w *world) stopped(e observer.Stopped, rest []Effect) error {
	for _, st := range []status.Status{e.Status, e.First, e.Last, e.Decision.Status} {
		if !st.IsZero() && st.Code.Told() != status.ToldStop {
			return fmt.Errorf("G7: Stopped tells %s", st.Code)
		}
	}
	switch {
	case e.Status.IsZero():
		return errors.New("Stopped without a reason")
	case len(rest) != 1 || rest[0].Kind != Finish:
		return errors.New("G2: something else than Finish follows Stopped")
	case w.count(dialing, open) > 0:
		return errors.New("Stopped before everything was cancelled or closed")
	case len(w.asked) > 0:
		return errors.New("Stopped before every promotion was answered")
	case w.withinGrace() && !(w.over && w.now.Mono >= w.endBy):
		return errors.New("Stopped before the close grace was over")
	}
	w.adopted = 0
	return w.isDemoted("Stopped")
}
