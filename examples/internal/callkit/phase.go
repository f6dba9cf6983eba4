package callkit

import (
	"context"
	"errors"

	"github.com/holdfast-go/holdfast/policy/status"
)

// Phase names one step of joining a meeting.
type Phase string

// The phases of [Dial], in their order, and what stands in place of the middle of
// them when a call is resumed.
const (
	PhaseOpen      Phase = "open signaling" // TCP and the WebSocket upgrade
	PhaseJoin      Phase = "join"           // the attendee is let in, or refused
	PhaseNegotiate Phase = "negotiate"      // offer, candidates and answer
	PhaseMedia     Phase = "connect media"  // ICE and DTLS
	PhaseResume    Phase = "resume"         // the attendee takes its place again, or has none
)

// layer is where a failure of the phase is seen when nothing better is known.
func (p Phase) layer() status.Layer {
	if p == PhaseMedia {
		return status.LayerMedia
	}
	return status.LayerSignaling
}

// PhaseError says in which phase [Dial] or [Call.Resume] failed. It unwraps to a [status.Status]:
// the one that the server gave, or TaskFailed with the cause. The error of an
// ended context is reachable through it.
type PhaseError struct {
	Phase Phase
	Err   error // never nil, carries a status.Status
}

// Error gives the phase, a colon and the reason.
func (e *PhaseError) Error() string { return string(e.Phase) + ": " + e.Err.Error() }

// Unwrap gives the reason.
func (e *PhaseError) Unwrap() error { return e.Err }

// failed builds the error of a phase. What the server said counts for more than
// a context that has ended meanwhile, and that for more than the error by which
// a library shows it.
func failed(ctx context.Context, p Phase, err error) error {
	if st := (status.Status{}); errors.As(err, &st) {
		return &PhaseError{Phase: p, Err: err}
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return &PhaseError{Phase: p, Err: status.Status{Code: status.TaskFailed, Layer: p.layer(), Cause: err}}
}
