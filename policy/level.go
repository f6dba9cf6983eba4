package policy

// Level is how much of a connection an attempt replaces, from little to all of
// it. Its text form is stable. The zero value is no level. See
// Ladder.
type Level int

const (
	// RestartMedia keeps the signaling channel and renews the media connection.
	RestartMedia Level = iota + 1
	// Resume opens a new signaling channel to the same server-side session.
	Resume
	// Rejoin starts from nothing.
	Rejoin
)

var levelTexts = texts{"none", "restart-media", "resume", "rejoin"}

// String gives the level in lower-case words, "none" for the zero value; an
// undefined value shows its number.
func (l Level) String() string { return levelTexts.format("Level", int(l)) }

// MarshalText gives what String gives and never fails.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads the text of a level or "none"; the error names anything else.
func (l *Level) UnmarshalText(text []byte) error {
	v, err := levelTexts.parse("level", text)
	if err == nil {
		*l = Level(v)
	}
	return err
}
