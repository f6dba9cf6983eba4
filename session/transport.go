package session

import (
	"context"
	"time"

	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
)

// Transport opens links to the server. The application implements it, and
// sessiontest.TestTransport proves that it keeps what is said here.
type Transport interface {
	// Connect opens one link and returns once media may flow. The session
	// calls it from a goroutine of its own, one call at a time; a call that
	// ignores its cancelled context for longer than the close grace is left
	// behind, and after two of those the session ends.
	//
	// The context is cancelled when the attempt is given up: because its time
	// is over, because a failure was reported through r, or because the session
	// stops. It carries the values of Start's context. It may also end any time
	// after Connect has returned, so a link must not depend on it. A Connect whose
	// context has ended, before the call or in the middle of it, returns soon: with an
	// error, or with a link that opened all the same, which the session closes.
	//
	// A link of before may still be open, or be closing, when Connect is called: links
	// share nothing. A Connect that has failed does not keep the next one from opening
	// a link.
	//
	// Connect returns a link or an error, never both and never neither. On failure it
	// closes what it has opened, leaves no goroutine behind, and returns an error that
	// says something. It is one of a context (context.DeadlineExceeded) only if ctx
	// itself has ended. A status.Code or status.Status in it says what happened; without
	// one it counts as status.TaskFailed, which is retried. A backoff.PermanentError is
	// never retried. What a cancelled Connect returns still matters: a code in it names
	// the step that hung.
	//
	// Reports may be made through r from the first moment on, until the link's
	// Close has returned, or Connect with an error. A link reports through the r of its
	// own Connect and no other.
	Connect(ctx context.Context, a Attempt, r *Reporter) (Link, error)
}

// Attempt tells a Transport what is asked of it.
type Attempt struct {
	// Epoch numbers the links of a session; it grows with every attempt.
	Epoch uint64
	// Number counts the attempts of this outage, or of the first connect, from 1.
	Number int
	// Level is how much is to be rebuilt: Rejoin for Connect, and for the abilities
	// of a link what they are for.
	Level policy.Level
	// Endpoint is where to, one of Config.Endpoints, of what the EndpointSource has
	// found, or what the server has sent this session to; check that before you
	// trust it. Empty if the session knows of none.
	Endpoint string
	// Credentials are what the CredentialSource has given for this attempt; zero
	// without one, and for a restart of media.
	Credentials Credentials
	// RestartMedia says in a resume that media has to be restarted, too: because it is
	// dead, or because signaling has fallen silent without a word, and what has
	// silenced it may have hit media in a way that cannot be seen from here, as when a
	// NAT forgets its mappings. Otherwise it is best left alone.
	RestartMedia bool
	// Cause is the last status that made the attempt necessary; zero for the
	// first attempt of a session.
	Cause status.Status
	// ViewOnly asks for a link that receives video but sends none.
	ViewOnly bool
	// NoTransforms asks for a link without media transforms, after they
	// have failed.
	NoTransforms bool
	// Timeout is how long it may take. The context has no deadline of its own:
	// it is cancelled at that time.
	Timeout time.Duration
}

// Link is one open connection. The session closes it exactly once.
type Link interface {
	// Close releases everything that belongs to the link, at the server too as far as
	// that can be reached, and leaves no goroutine. Its context ends with the close
	// grace; a Close that takes longer is left behind. The context bounds how long Close
	// waits: with one that has ended it returns soon, and the release goes on. An
	// application that gets hold of a link with Session.Link may close it, too, so a
	// second Close, also at the same time, does no harm. Calls of the
	// link's abilities, their contexts cancelled, may still run when it is called.
	// What is reported after the session has begun to close a link, the end of
	// its layers above all, changes nothing any more.
	Close(ctx context.Context) error
}

// The optional abilities of a Link are found by type assertion, also on what
// an Unwrap() Link method returns. errors.ErrUnsupported from any of them
// means that the link has not got the ability after all, now and later; nothing was
// changed, and a restart or resume does not count as an attempt. One call of these two
// runs at a time.
//
// Every call returns soon after its context has ended, and leaves a link that can be
// closed. That context may end any time after the return, so nothing that was brought
// about may depend on it.
type (
	// Pinger sends signaling pings.
	Pinger interface {
		// Ping sends the ping with this id. The answer is reported with
		// Reporter.Pong(id), by Ping itself or later; an error is no verdict,
		// the missing answer is. One call runs at a time; its context ends with the
		// ping interval, and when a resume begins.
		Ping(ctx context.Context, id uint64) error
	}

	// MediaProber asks the media path for a sign of life, which proves it in one
	// round trip, however quiet the call is.
	MediaProber interface {
		// ProbeMedia sends the probe with this id, such as a STUN binding request on
		// the selected candidate pair (RFC 8445 section 7). The answer is reported with
		// Reporter.Probed(id), by ProbeMedia itself or later; an error is no verdict,
		// the missing answer is. Probes go out several times a second, one call at a
		// time: it should send and return. The context ends with the probe timeout, and
		// when a restart of media begins.
		ProbeMedia(ctx context.Context, id uint64) error
	}

	// Updater changes an open link. One call runs at a time.
	Updater interface {
		// Update brings the change about and returns when it is in force. An
		// error is taken for the loss of the link.
		Update(ctx context.Context, change Change) error
	}

	// MediaRestarter renews the media path of an open link over its signaling, as
	// with an ICE restart (RFC 8445 section 9), the cheapest recovery.
	MediaRestarter interface {
		// RestartMedia returns once the new path is there. The Reporter of the link goes
		// on; what it reports of media meanwhile is folded into the outage, and what it
		// reports of signaling ends the attempt. Its context ends with the attempt. An
		// error leaves the link as it is: it is resumed, or closed, next. An Update or a
		// promotion of before, its context cancelled, may still be running.
		RestartMedia(ctx context.Context, a Attempt) error
	}

	// Resumer opens new signaling to the same session at the server, which has kept
	// it for a while, and leaves media alone that still flows.
	Resumer interface {
		// Resume returns once the new signaling is there and, if a.RestartMedia, media
		// has been restarted over it. From its beginning on, the end of the old signaling is
		// no news; from its return on, the Reporter must tell of the new one only. An
		// error that wraps ErrRefused says that the server does not know the session any
		// more: it is joined anew at once. After any other the link may be resumed again
		// later.
		Resume(ctx context.Context, a Attempt) error
	}

	// Promoter takes part in a primary meeting. One call runs at a time.
	Promoter interface {
		// Promote returns when the server has acknowledged the promotion.
		Promote(ctx context.Context, c Credentials) error
		// Demote leaves the promotion. It counts as left even on an error.
		Demote(ctx context.Context) error
	}

	// Leaver says goodbye to the server. It is called before Close when the
	// application ends the session, within the same close grace.
	Leaver interface {
		Leave(ctx context.Context) error
	}
)

// Change is what an Updater is asked for; several may be asked for at once.
type Change struct {
	// Renegotiate restarts local video and negotiates media anew.
	Renegotiate bool
	// ViewOnly ends sending video.
	ViewOnly bool
}

// maxWrappers is how deep a link may be wrapped; an Unwrap that returns itself
// must not go on for ever.
const maxWrappers = 16

// abilityOf finds an optional ability of a link, through wrappers.
func abilityOf[A any](l Link) (ability A, ok bool) {
	for range maxWrappers {
		if l == nil {
			break
		}
		if ability, ok = l.(A); ok {
			return ability, true
		}
		wrapper, wraps := l.(interface{ Unwrap() Link })
		if !wraps {
			break
		}
		l = wrapper.Unwrap()
	}
	return ability, false
}
