package chaos

import (
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session/internal/machine"
)

// witness holds a core to the guarantees, by what goes in and what comes out. It
// asks the core nothing but for its deadline.
type witness struct {
	s      *Settings
	cfg    *machine.Config
	ladder policy.Ladder
	broken *Violation

	now     machine.Instant
	in      machine.Input
	due     time.Duration // the deadline before the input
	armed   bool
	overdue time.Duration  // when an input last came after the deadline
	state   observer.State // as the events tell it
	seq     uint64
	account account

	lives    []life
	epoch    uint64 // the newest one
	begun    time.Duration
	adopted  uint64 // of the link that is connected, or is kept in an outage; 0: none
	op       running
	update   uint64        // the one that runs; 0: none
	updating time.Duration // since when
	calling  uint64        // the promotion that the link runs; 0: none
	called   time.Duration // since when
	hushed   bool          // and was cancelled
	asked    []uint64
	limiter  uint64 // its question that is open; 0: none
	let      bool   // it has let an attempt through
	paid     policy.Level
	refresh  uint64
	renewing time.Duration            // since when
	started  *observer.AttemptStarted // told, and what it tells of has not begun yet
	number   int                      // of the last attempt in the outage
	floor    policy.Level
	directed bool   // a server has asked for a level
	patient  bool   // a server has asked for time while an attempt was waited for
	trying   bool   // an attempt runs, or its link has yet to prove itself
	dead     uint64 // the epoch that was found dead, and may heal; 0: none
	promoted bool
	resynced bool // in this attempt

	rejections int  // in a row
	accused    bool // the running attempt has met one
	owed       bool // the next attempt has to say that the last one was rejected
	down       bool // a hint says that there is no network
	said       time.Duration
	heard      machine.Heard

	lossy    bool          // the input is a loss of the link that is connected
	well     time.Duration // since when everything works; 0: it does not
	tried    time.Duration // when the running attempt began
	clipped  bool          // and the budget leaves it hardly any time
	over     bool          // it must end: nothing may begin
	endBy    time.Duration // and by when
	stop     bool          // the application has stopped it, or
	fault    bool          // has panicked
	final    bool          // a status was final
	told     bool          // Stopped
	finished bool
}

// life is what is known of an epoch.
type life struct {
	epoch   uint64
	stage   stage
	since   time.Duration // of the stage
	gaveUp  time.Duration // when it was cancelled or closed; 0: it was not
	can     machine.Abilities
	adopted bool // it has been connected
	// unawaited: it has opened when nobody waited for it any more, so that nobody waits
	// for its close.
	unawaited bool
	restores  [policy.Rejoin]int // attempts at each level in this outage
}

type stage uint8

const (
	dialing stage = iota
	cancelled
	open
	closing
)

// running is a restart, a resume, or a resync.
type running struct {
	id, epoch uint64
	kind      machine.EffectKind
	cancelled bool
	since     time.Duration // of its beginning, or of that
}

func newWitness(s *Settings, cfg *machine.Config) *witness {
	return &witness{s: s, cfg: cfg, ladder: cfg.Policy.Ladder, state: observer.StateIdle, account: account{s: s}}
}

// breaks notes that a rule is broken; the first one counts.
func (w *witness) breaks(rule, format string, args ...any) {
	if w.broken == nil {
		w.broken = &Violation{Rule: rule, At: w.now.Mono, Text: fmt.Sprintf(format, args...)}
	}
}

func (w *witness) life(epoch uint64) *life {
	for i := range w.lives {
		if w.lives[i].epoch == epoch {
			return &w.lives[i]
		}
	}
	return nil
}

func (w *witness) at(epoch uint64, s stage) bool {
	l := w.life(epoch)
	return l != nil && l.stage == s
}

func (w *witness) count(s stage) (n int) {
	for i := range w.lives {
		if w.lives[i].stage == s {
			n++
		}
	}
	return n
}

func (w *witness) bury(epoch uint64) {
	w.lives = slices.DeleteFunc(w.lives, func(l life) bool { return l.epoch == epoch })
}

// mustEnd notes that the session has to end, from now on within the close grace.
func (w *witness) mustEnd() {
	if !w.over {
		w.over, w.endBy = true, w.now.Mono+w.cfg.CloseGrace
	}
}

// sleepJump is a jump of the wall clock that is taken for a sleep.
const sleepJump = 2 * time.Second

// takes notes an input before it is handled, with the deadline that was set.
func (w *witness) takes(now machine.Instant, in *machine.Input, due time.Duration, armed bool) {
	slept := !w.now.Wall.IsZero() && now.Wall.Sub(w.now.Wall)-(now.Mono-w.now.Mono) >= sleepJump
	w.now, w.in, w.due, w.armed = now, *in, due, armed && !slept
	if slept && w.account.living {
		w.account.alive, w.account.slept = now.Mono, now.Mono
	}
	if slept && w.down {
		w.down = false // whoever has slept knows nothing of the network; a last word may follow
	}
	if armed && due < now.Mono {
		w.overdue = now.Mono
	}
	w.hears(in)
	w.lossy = w.loses(in)
	w.fault = w.fault || w.tooDeaf()
	w.learns(in)
}

// learns notes what an input means by itself.
func (w *witness) learns(in *machine.Input) {
	switch in.Kind {
	case machine.Start:
		if w.state == observer.StateIdle && !w.over {
			w.account.begin(w.now.Mono)
		}
	case machine.Stop:
		w.stop = true
		w.mustEnd()
	case machine.Fault:
		w.fault = true
		w.mustEnd()
	case machine.Opened, machine.OpenFailed, machine.CloseDone:
		w.ends(in)
	case machine.Reported, machine.LinkClosed:
		w.reported(in)
	case machine.Restored, machine.Resynced:
		w.operated(in)
	case machine.Promote, machine.Demote:
		w.asked = append(w.asked, in.ID)
	default:
		w.returns(in)
	}
}

// returns takes the end of what runs beside the attempts.
func (w *witness) returns(in *machine.Input) {
	switch in.Kind {
	case machine.UpdateDone:
		if in.ID == w.update && in.Epoch == w.epoch {
			w.update = 0
			w.decides(in)
		}
	case machine.PromoteDone, machine.DemoteDone:
		if in.ID == w.calling && in.Epoch == w.epoch {
			w.calling = 0
		}
	case machine.Admitted:
		if in.ID == w.limiter && in.ID != 0 {
			w.limiter, w.let = 0, in.Status.IsZero()
			w.decides(in)
		}
	case machine.Refreshed:
		if in.ID == w.refresh {
			w.refresh = 0
		}
	}
}

// hears notes a sign of life that comes with an input.
func (w *witness) hears(in *machine.Input) {
	live := w.state != observer.StateIdle && !w.told
	switch in.Kind {
	case machine.Stop, machine.Fault, machine.Start, machine.Promote, machine.Demote, machine.Ask, machine.Admitted, machine.Refreshed,
		machine.Opened, machine.OpenFailed, machine.CloseDone, machine.Prepared:
		return
	case machine.Sampled:
		if live && in.Epoch == w.epoch && in.Sample.BytesReceived > 0 {
			w.account.living, w.account.alive = true, max(w.account.alive, 0)
		}
	}
	if !live || in.Epoch != 0 && in.Epoch != w.epoch || in.Heard == w.heard || in.Heard == (machine.Heard{}) {
		return
	}
	w.heard = in.Heard
	if l := w.life(w.epoch); w.over || l == nil || l.stage != dialing && l.stage != open {
		return // it may have decided to end, and hear no more
	}
	w.account.living, w.account.alive = true, max(in.Heard.Media, in.Heard.Signaling)
}

// loses reports whether an input takes the connected link away.
func (w *witness) loses(in *machine.Input) bool {
	if w.state != observer.StateConnected || in.Epoch != w.epoch || w.adopted != in.Epoch || w.over {
		return false
	}
	class := w.cfg.Policy.Classes.Of(in.Status.Code)
	failed := class == policy.Failure || class == policy.WithoutTransforms
	return in.Kind == machine.LinkClosed || in.Kind == machine.Reported && failed
}

// ends takes the end of a Connect or a Close.
func (w *witness) ends(in *machine.Input) {
	l := w.life(in.Epoch)
	if l == nil {
		return
	}
	if in.Kind != machine.Opened {
		if in.Kind == machine.OpenFailed && l.stage == dialing {
			w.accuse(in)
			w.decides(in)
		} else if in.Kind == machine.OpenFailed && in.Epoch == w.epoch {
			w.suspects(in)
		}
		w.bury(in.Epoch)
		return
	}
	l.unawaited = w.over || l.stage == cancelled && w.now.Mono >= l.since+w.cfg.CloseGrace
	if l.stage == dialing {
		w.rejections = 0
	}
	l.stage, l.since, l.can = open, w.now.Mono, in.Abilities
}

// suspects notes a status of which it is not for us to say whether it still counts.
func (w *witness) suspects(in *machine.Input) {
	w.final = w.final || w.isFinal(in.Status)
	w.accused = w.accused || w.rejects(in)
}

func (w *witness) rejects(in *machine.Input) bool {
	code := in.Status.Code == status.AudioAuthenticationRejected && !in.Status.Permanent && w.s.Credentials
	return in.Rejected || in.Kind == machine.Reported && code
}

// accuse notes whether the running attempt is rejected.
func (w *witness) accuse(in *machine.Input) { w.accused = w.accused || w.rejects(in) }

func (w *witness) isFinal(st status.Status) bool {
	return st.Permanent || w.cfg.Policy.Classes.Of(st.Code) == policy.Terminal
}

// renewable statuses reject credentials where there may be others.
func (w *witness) renewable(in *machine.Input) bool {
	return w.s.Credentials && in.Status.Code == status.AudioAuthenticationRejected && !in.Status.Permanent
}

// decides has a status that counts, and is final, end the session.
func (w *witness) decides(in *machine.Input) {
	if !w.isFinal(in.Status) {
		return
	}
	w.final = true
	if !w.renewable(in) {
		w.mustEnd()
	}
}

// reported takes a report of a link.
func (w *witness) reported(in *machine.Input) {
	if w.state == observer.StateIdle || w.told || in.Kind == machine.LinkClosed && in.Bare {
		return
	}
	switch {
	case in.Epoch == w.epoch:
		w.patient = w.patient || in.Status.Directive != nil && in.Status.Directive.RetryAfter > 0
		if w.attempting() {
			w.accuse(in)
		}
		w.decides(in)
	case w.listened(in):
		w.final = w.final || w.isFinal(in.Status)
		if in.Epoch+1 == w.epoch && w.now.Mono < w.begun+authority {
			w.decides(in)
		}
	}
}

// attempting reports whether an attempt runs, or has been cancelled and may still
// say why.
func (w *witness) attempting() bool {
	l := w.life(w.epoch)
	return w.op.id != 0 || l != nil && l.stage != closing && w.state != observer.StateConnected
}

// authority is for how long a lost link may still say that there is nothing to come
// back to, and authoritative are the codes for that.
const authority = 2 * time.Second

var authoritative = []status.Code{status.MeetingEnded, status.TURNCredentialsForbidden, status.AudioAttendeeRemoved}

// listened reports whether a report of another link may count (G10).
func (w *witness) listened(in *machine.Input) bool {
	return in.Epoch != 0 && slices.Contains(authoritative, in.Status.Code)
}

// operated takes the end of a restart, a resume, or a resync.
func (w *witness) operated(in *machine.Input) {
	if in.ID != w.op.id || in.Epoch != w.op.epoch || in.ID == 0 {
		return
	}
	op := w.op
	w.op = running{}
	switch {
	case op.cancelled:
		w.suspects(in)
	case in.Status.IsZero() && !in.Unsupported:
		if w.resynced = op.kind == machine.Resync; !w.resynced {
			w.rejections = 0
		}
	default:
		if op.kind != machine.Resync {
			w.accuse(in)
		}
		w.decides(in)
	}
}
