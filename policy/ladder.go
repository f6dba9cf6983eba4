package policy

import (
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-go/holdfast/policy/status"
)

// Rung limits the attempts at one level of the ladder. Its values are literal: a
// zero Rung is a level that is never tried.
type Rung struct {
	// Timeout is how long one attempt may take. 0 or negative: as long as a Rejoin.
	Timeout time.Duration `json:"timeout"`
	// Attempts is how many there may be in one outage; 0 or negative: none.
	Attempts int `json:"attempts"`
	// Window is for how long after the loss, on the wall clock, the level makes
	// sense: a server forgets a session that stays away for longer. 0 or negative:
	// for ever.
	Window time.Duration `json:"window"`
}

// Ladder says which recoveries cheaper than a Rejoin are tried, on links that can
// do them. A level that has failed as often as it may, or was refused, gives way
// to the next one, and does not come back in the same outage; at once, unless what has
// failed is the server, which has no more time for the next one. The zero value is the
// reference's: every outage is a full Rejoin.
type Ladder struct {
	// RestartMedia renews the media path over signaling that is alive.
	RestartMedia Rung `json:"restartMedia"`
	// Resume opens new signaling to the same server-side session.
	Resume Rung `json:"resume"`
}

// DefaultLadder is what Default uses: one restart of media within 5 s, two resumes
// of 10 s each within 2 minutes after the loss.
func DefaultLadder() Ladder {
	return Ladder{
		RestartMedia: Rung{Timeout: 5 * time.Second, Attempts: 1},
		Resume:       Rung{Timeout: 10 * time.Second, Attempts: 2, Window: 2 * time.Minute},
	}
}

// Rung gives the limits of a level; a Rejoin has none of its own.
func (l Ladder) Rung(level Level) Rung {
	switch level {
	case RestartMedia:
		return l.RestartMedia
	case Resume:
		return l.Resume
	}
	return Rung{}
}

// Limit is how long an attempt at a level may take, where a Rejoin may take
// rejoin.
func (l Ladder) Limit(level Level, rejoin time.Duration) time.Duration {
	if t := l.Rung(level).Timeout; t > 0 {
		return t
	}
	return rejoin
}

func (l Ladder) validate() error {
	var errs []error
	for level := RestartMedia; level < Rejoin; level++ {
		if r := l.Rung(level); r.Attempts <= 0 && r.Timeout > 0 {
			errs = append(errs, fmt.Errorf("policy: Ladder has a timeout for %s, but no Attempts: "+
				"set Attempts, or leave the rung zero for a level that is never tried", level))
		}
	}
	return errors.Join(errs...)
}

// Damage says which layers of a connection are known to be dead. The zero value
// says that it is not known: then everything is replaced. Its text form is stable.
type Damage int

// The damages; they are bits.
const (
	MediaDead     Damage = 1
	SignalingDead Damage = 2
)

var damageTexts = texts{"unknown", "media", "signaling", "both"}

// String gives the damage in one word; an undefined value shows its number.
func (d Damage) String() string { return damageTexts.format("Damage", int(d)) }

// MarshalText gives what String gives and never fails.
func (d Damage) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads the text of a damage; the error names anything else.
func (d *Damage) UnmarshalText(text []byte) error {
	v, err := damageTexts.parse("damage", text)
	if err == nil {
		*d = Damage(v)
	}
	return err
}

// DamageOf is what a loss says about the layers. Codes of the client, of a step
// that failed, and of a server fault in the audio service say nothing: what they
// mean is not known well enough to keep anything.
func DamageOf(st status.Status) Damage {
	switch st.Code {
	case status.ConnectionHealthReconnect:
		return damageIn(st.Layer)
	case status.ICEGatheringTimeoutWorkaround:
		return MediaDead
	case status.SignalingChannelClosedUnexpectedly, status.SignalingInternalServerError:
		return SignalingDead
	}
	return 0
}

// damageIn is the damage of a verdict: the detector's about both layers names
// none.
func damageIn(l status.Layer) Damage {
	switch l {
	case status.LayerMedia:
		return MediaDead
	case status.LayerSignaling:
		return SignalingDead
	case status.LayerUnknown:
		return MediaDead | SignalingDead
	}
	return 0
}

// Recovery is what a decision about an outage is grounded on, besides the status.
// The zero value is an outage of which nothing is known, on a link that is gone.
type Recovery struct {
	// Damage is what is known to be dead already.
	Damage Damage `json:"damage,omitzero"`
	// CanRestartMedia and CanResume say what the link, which is still held, can do.
	CanRestartMedia bool `json:"canRestartMedia,omitempty"`
	CanResume       bool `json:"canResume,omitempty"`
	// At is the level of the attempt that has failed; none if none has.
	At Level `json:"at,omitzero"`
	// Refused says that the level At was refused, or cannot be done after all.
	Refused bool `json:"refused,omitempty"`
	// Floor is the lowest level that this outage has left.
	Floor Level `json:"floor,omitzero"`
	// Restarts and Resumes count the attempts of this outage at these levels.
	Restarts int `json:"restarts,omitempty"`
	Resumes  int `json:"resumes,omitempty"`
	// Age is the time since the loss on the wall clock, which a sleep counts for.
	Age time.Duration `json:"age,omitzero"`
	// Local says that the loss concerns this client alone: its network has changed,
	// or it was asleep.
	Local bool `json:"local,omitempty"`
	// Rejected says that the server has rejected the credentials; Rejections counts
	// that in a row, this one included. Renewable says that other ones can be had.
	Rejected   bool `json:"rejected,omitempty"`
	Rejections int  `json:"rejections,omitempty"`
	Renewable  bool `json:"renewable,omitempty"`
}

// LevelFor is the level at which an outage with status st is to be recovered: the
// lowest that mends the damage, that the link can do, and that is neither used up
// nor out of its time. A directive of the server goes before the damage.
func (l Ladder) LevelFor(st status.Status, r Recovery) Level {
	for level := l.first(st, r); level < Rejoin; level++ {
		if l.open(level, r) {
			return level
		}
	}
	return Rejoin
}

// first is where the ladder is entered.
func (l Ladder) first(st status.Status, r Recovery) Level {
	if d := st.Directive; d != nil {
		switch {
		case d.Recovery == status.RecoverByResume:
			return max(Resume, l.above(r)) // what was refused just now is not asked for again
		case d.Recovery == status.RecoverByRejoin, d.Endpoint != "":
			return Rejoin
		}
	}
	level := Rejoin
	switch damage := r.Damage | DamageOf(st); {
	case damage == MediaDead:
		level = RestartMedia
	case damage != 0:
		level = Resume
	}
	return max(level, r.Floor, l.above(r))
}

// above is the level that a failed attempt leaves.
func (l Ladder) above(r Recovery) Level {
	if r.At != 0 && r.Refused {
		return min(r.At+1, Rejoin)
	}
	return r.At
}

// open says whether a level may be tried.
func (l Ladder) open(level Level, r Recovery) bool {
	able, tries := r.CanRestartMedia, r.Restarts
	if level == Resume {
		able, tries = r.CanResume, r.Resumes
	}
	rung := l.Rung(level)
	return able && tries < rung.Attempts && (rung.Window <= 0 || r.Age < rung.Window)
}
