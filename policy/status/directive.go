package status

import (
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// Directive is what a server asks of a client that it turns away or lets go. It
// is a wish: whether and how far a session follows it is for its policy to say.
// "Do not retry" is not a wish but a fact, and is said by Status.Permanent.
//
// The zero value asks for nothing. Everything in a Directive may come from the
// wire, so nothing in it is checked or limited. Its JSON form is stable, with
// what says nothing left out.
type Directive struct {
	// RetryAfter is how long to wait before the next attempt, in JSON in
	// nanoseconds. 0 or below says nothing: whoever asks for no wait at all asks
	// for less than our own backoff grants. See ParseRetryAfter.
	RetryAfter time.Duration `json:"retryAfter,omitzero"`
	// Recovery is how much of the old session the next attempt should keep.
	Recovery Recovery `json:"recovery,omitzero"`
	// Endpoint is where the next attempt should go, in the form that the
	// transport uses for its endpoints. Empty says nothing.
	Endpoint string `json:"endpoint,omitzero"`
}

// LogValue returns the directive as a group with the attributes retryAfter,
// recovery and endpoint, without those that say nothing.
func (d Directive) LogValue() slog.Value {
	var attrs []slog.Attr
	if d.RetryAfter > 0 {
		attrs = append(attrs, slog.Duration("retryAfter", d.RetryAfter))
	}
	if d.Recovery != RecoverAnyhow {
		attrs = append(attrs, slog.String("recovery", d.Recovery.String()))
	}
	if d.Endpoint != "" {
		attrs = append(attrs, slog.String("endpoint", d.Endpoint))
	}
	return slog.GroupValue(attrs...)
}

// clause is the part of an error text that tells of d, empty if d asks for
// nothing; nil does too. The endpoint is quoted and cut, as a server chose it.
func (d *Directive) clause() string {
	if d == nil {
		return ""
	}
	var wishes []string
	if d.RetryAfter > 0 {
		wishes = append(wishes, "retry after "+d.RetryAfter.String())
	}
	if d.Recovery != RecoverAnyhow {
		wishes = append(wishes, d.Recovery.String())
	}
	if d.Endpoint != "" {
		wishes = append(wishes, fmt.Sprintf("move to %.256q", d.Endpoint))
	}
	return asks(wishes)
}

func asks(wishes []string) string {
	if len(wishes) == 0 {
		return ""
	}
	return "; asks to " + strings.Join(wishes, ", to ")
}

// Recovery is the way back that a server asks for. The zero value is
// RecoverAnyhow.
type Recovery int

const (
	// RecoverAnyhow leaves the way to the client.
	RecoverAnyhow Recovery = iota
	// RecoverByResume: the server has kept its side of the session, and a new
	// signaling channel can take it up.
	RecoverByResume
	// RecoverByRejoin: nothing of the session is left, only a new join helps.
	RecoverByRejoin
)

var recoveryNames = []string{"anyhow", "resume", "rejoin"}

// String returns "anyhow", "resume" or "rejoin", otherwise "Recovery(9)".
func (r Recovery) String() string { return enumName("Recovery", int(r), recoveryNames...) }

// MarshalText returns the text of String. It never fails.
func (r Recovery) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText accepts what String returns, in any case of letters. Any other
// text is an error that quotes it, and leaves the recovery as it was.
func (r *Recovery) UnmarshalText(text []byte) error {
	n, ok := parseEnum("Recovery", string(text), recoveryNames)
	if !ok {
		return fmt.Errorf("status: no recovery is called %.64q", text)
	}
	*r = Recovery(n)
	return nil
}
