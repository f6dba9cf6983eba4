package session

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"time"
)

// Credentials prove who an attendee is. In logs, in fmt output and in JSON a
// placeholder stands for the token. (Package fmt cannot ask an unexported field
// of another struct to hide itself: do not print structs that hold one.)
type Credentials struct {
	// Attendee names who they belong to; it is not secret.
	Attendee string
	// Token is the secret.
	Token string
	// Expires is when the server will not take them any more; zero if that is not
	// known.
	Expires time.Time
}

const redacted = "[redacted]"

// Format hides the token, whatever the verb. (For %w and %p, fmt does not
// ask.)
func (c Credentials) Format(f fmt.State, verb rune) {
	text := c.String()
	if verb == 'v' && f.Flag('#') {
		text = c.GoString()
	}
	_, _ = io.WriteString(f, text)
}

// String hides the token.
func (c Credentials) String() string { return c.Attendee + ":" + c.hidden() }

// GoString hides the token, for %#v.
func (c Credentials) GoString() string { return "session.Credentials{" + c.String() + "}" }

// LogValue hides the token, for slog.
func (c Credentials) LogValue() slog.Value {
	return slog.GroupValue(slog.String("attendee", c.Attendee), slog.String("token", c.hidden()))
}

// MarshalJSON hides the token; what it writes is for people, not for reading back.
func (c Credentials) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]string{"attendee": c.Attendee, "token": c.hidden()})
}

func (c Credentials) hidden() string {
	if c.Token == "" {
		return ""
	}
	return redacted
}
