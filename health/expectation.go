package health

import (
	"strconv"
	"strings"
)

// Expectation says what should be coming in on the media path while it works,
// so that silence which is no fault is not taken for one: a muted or silent
// room (DTX), nobody else there, no tracks. Its text form is stable.
type Expectation uint8

const (
	// ExpectUnknown: nothing was declared. Silence of the media path proves nothing
	// then, unless media probes stay unanswered, too. The zero value.
	ExpectUnknown Expectation = iota
	// ExpectMedia: packets come in all the time, with pauses well below a second.
	ExpectMedia
	// ExpectKeepalives: nobody may be talking, but the path is kept alive: something
	// comes in at least every few seconds (ICE consent checks, RFC 7675; RTCP).
	ExpectKeepalives
	// ExpectNothing: it may be silent for ever. Only unanswered media probes say that
	// the path is dead.
	ExpectNothing
)

var expectationNames = names{"unknown", "media", "keepalives", "nothing"}

// String gives the expectation in one word; an undefined value shows its number.
func (e Expectation) String() string { return expectationNames.format("Expectation", int(e)) }

// MarshalText gives what String gives and never fails.
func (e Expectation) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText reads what String gives, so that a recorded log can be read back
// whatever a link has declared; the error names anything else.
func (e *Expectation) UnmarshalText(text []byte) error {
	if v, ok := undefinedExpectation(string(text)); ok {
		*e = v
		return nil
	}
	i, err := expectationNames.parse("expectation", text)
	if err == nil {
		*e = Expectation(i)
	}
	return err
}

// undefinedExpectation reads the text of a value without a name.
func undefinedExpectation(text string) (Expectation, bool) {
	number := strings.TrimSuffix(strings.TrimPrefix(text, "Expectation("), ")")
	v, err := strconv.ParseUint(number, 10, 8)
	e := Expectation(v)
	return e, err == nil && e.String() == text
}
