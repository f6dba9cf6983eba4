package image

import "github.com/holdfast-go/holdfast/policy/status"

// Hidden is a status whose cause keeps only its text and its code, as the JSON form
// does, with what must not be written replaced.
func Hidden(st status.Status, hide Scrub) status.Status {
	if st.Cause != nil && hide.Text != nil {
		st.Cause = Said(st.Cause, hide)
	}
	if d := st.Directive; d != nil && hide.Endpoint != nil {
		changed := *d
		changed.Endpoint = hide.Endpoint(d.Endpoint)
		st.Directive = &changed
	}
	return st
}

// Said is an error that has the text of another one, with what must not be written
// replaced, and carries the same code.
func Said(err error, hide Scrub) error {
	text := err.Error()
	if hide.Text != nil {
		text = hide.Text(text)
	}
	if code, ok := status.CodeOf(err); ok {
		return Coded(text, code)
	}
	return said{text}
}

// Coded is an error with that text that carries a code.
func Coded(text string, code status.Code) error { return coded{said{text}, code} }

type said struct{ text string }

func (s said) Error() string { return s.text }

type coded struct {
	said
	code status.Code
}

func (c coded) Unwrap() error { return c.code }
