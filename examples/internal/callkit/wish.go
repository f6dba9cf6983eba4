package callkit

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/holdfast-go/holdfast/policy/status"
)

// Wish is a status.Directive on the wire. It comes with an error, with the refusal
// of a join or a resume, with the demand to go away, and as the reason in a close
// frame.
type Wish struct {
	RetryAfter float64 `json:"retryAfter,omitempty"` // in seconds
	Recovery   string  `json:"recovery,omitempty"`   // "resume" or "rejoin"
	Endpoint   string  `json:"endpoint,omitempty"`   // where to go, see Server.URL
}

// directive gives the meaning of a wish, nil if it has none. What this version does
// not understand of it is no error.
func (w Wish) directive() *status.Directive {
	d := status.Directive{RetryAfter: seconds(w.RetryAfter), Endpoint: w.Endpoint}
	_ = d.Recovery.UnmarshalText([]byte(w.Recovery)) // leaves it open
	if d == (status.Directive{}) {
		return nil
	}
	return &d
}

// seconds is a duration, the longest one if it is too long for that.
func seconds(s float64) time.Duration {
	d := s * float64(time.Second)
	switch {
	case d >= math.MaxInt64:
		return math.MaxInt64
	case d > 0:
		return time.Duration(d)
	}
	return 0
}

// asked adds the wish to a status.
func (w Wish) asked(st status.Status) status.Status {
	if d := w.directive(); d != nil {
		st.Directive = d
	}
	return st
}

// maxReason is the room in a close frame (RFC 6455 section 5.5).
const maxReason = 123

// reason puts a wish into a close frame. One that does not fit is left out.
func (w Wish) reason() string {
	b, err := json.Marshal(w)
	if err != nil || w == (Wish{}) || len(b) > maxReason {
		return ""
	}
	return string(b)
}

// wishOf reads the reason in a close frame. Most are plain text, and no wish.
func wishOf(reason string) (w Wish) {
	if json.Unmarshal([]byte(reason), &w) != nil {
		return Wish{}
	}
	return w
}

// ErrUnauthorized is the error of a Dial or Resume that the server has refused with
// HTTP status 401 or 403, before it came to a join. Its code is TaskFailed with 401,
// which a server may give that has only just started, and
// AudioAuthenticationRejected with 403.
var ErrUnauthorized = errors.New("callkit: unauthorized")

// unopened gives the meaning of a WebSocket that did not open. Answer is nil unless
// the server has refused it.
func unopened(answer *http.Response, err error) status.Status {
	st := status.FromWebSocketError(0, status.Joining)
	if st.Cause = err; answer == nil {
		return st
	}
	st.Wire = answer.StatusCode
	switch {
	case st.Wire == http.StatusUnauthorized:
		st.Cause = fmt.Errorf("%w: %w", ErrUnauthorized, err)
	case st.Wire == http.StatusForbidden:
		st.Code, st.Cause = status.AudioAuthenticationRejected, fmt.Errorf("%w: %w", ErrUnauthorized, err)
	case st.Wire >= http.StatusInternalServerError:
		st.Code, st.Shared = status.SignalingInternalServerError, true
	}
	if after, ok := status.ParseRetryAfter(answer.Header.Get("Retry-After"), time.Now()); ok && after > 0 {
		st.Directive = &status.Directive{RetryAfter: after}
	}
	return st
}
