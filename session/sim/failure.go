package sim

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
)

// The errors of attempts, as the network package of a real client gives them.
var (
	errCancelled = errors.New("the attempt was given up")

	failures = map[uint8]status.Status{
		forgotten:   policy.StatusOf(session.ErrRefused),
		unreachable: policy.StatusOf(fmt.Errorf("dial: %w", syscall.ECONNREFUSED)),
		broken:      policy.StatusOf(fmt.Errorf("read: %w", syscall.ECONNRESET)),
		offline:     policy.StatusOf(fmt.Errorf("dial: %w", syscall.ENETUNREACH)),
	}
)

// failure is what a failed attempt means.
func (p *plan) failure(e event) status.Status {
	if e.what != refused {
		return failures[e.what]
	}
	st := status.FromWebSocketError(0, status.Joining)
	st.Wire = int(e.code)
	switch {
	case e.code == 403:
		st.Code = status.AudioAuthenticationRejected
	case e.code >= 500:
		st.Code, st.Shared = status.SignalingInternalServerError, true
	}
	st.Directive = p.directive(e)
	return st
}

// directive is what the server asks for; nil: nothing.
func (p *plan) directive(e event) *status.Directive {
	d := status.Directive{RetryAfter: time.Duration(e.id)}
	if e.server >= 0 {
		d.Endpoint = p.places[e.server].Name
	}
	if d == (status.Directive{}) {
		return nil
	}
	return &d
}

// goodbye is what the process closes a connection with; bare: nothing.
func (s stretch) goodbye() (st status.Status, bare bool) {
	if s.code == 0 {
		return status.Status{Layer: status.LayerSignaling}, true
	}
	return status.FromWebSocketClose(s.code, status.Attached), false
}
