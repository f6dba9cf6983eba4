package policy

// Class is what a status code calls for. It is a plain value; its text form
// (String, MarshalText) is stable.
type Class int

const (
	// Ignore: nothing is to be done while connected. The zero value.
	Ignore Class = iota
	// Terminal: the session ends with this code and never tries again.
	Terminal
	// Failure: the connection is lost; try again within the budget.
	Failure
	// Renegotiation: the media description has to be agreed on anew; the
	// connection stays.
	Renegotiation
	// ViewOnly: sending video is refused; go on receiving only.
	ViewOnly
	// Demotion: the promotion to the primary meeting is over; the connection
	// stays.
	Demotion
	// WithoutTransforms: a media transform broke; connect again without
	// transforms.
	WithoutTransforms
)

var classTexts = texts{
	"ignore", "terminal", "failure", "renegotiation", "view-only", "demotion", "without-transforms",
}

// String gives the class in lower-case words; an undefined value shows its number.
func (c Class) String() string { return classTexts.format("Class", int(c)) }

// MarshalText gives what String gives and never fails.
func (c Class) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads the text of a defined class; the error names anything else.
func (c *Class) UnmarshalText(text []byte) error {
	v, err := classTexts.parse("class", text)
	if err == nil {
		*c = Class(v)
	}
	return err
}

// defined reports whether c is one of the constants.
func (c Class) defined() bool { return c >= 0 && int(c) < len(classTexts) }
