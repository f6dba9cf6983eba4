package status

import (
	"encoding/json"
	"errors"
)

// document is the JSON form of a Status. The names are part of the recorded
// log format and stay as they are.
type document struct {
	Code      Code       `json:"code"`
	Layer     Layer      `json:"layer,omitzero"`
	Wire      int        `json:"wire,omitzero"`
	Shared    bool       `json:"shared,omitzero"`
	Permanent bool       `json:"permanent,omitzero"`
	Directive *Directive `json:"directive,omitzero"` // absent in what older versions wrote
	Cause     *string    `json:"cause,omitzero"`     // nil: no cause; a cause may have an empty text
	CauseCode *Code      `json:"causeCode,omitzero"` // nil: the cause carries no code
}

// read is a cause that was read: its text, and the code it carried.
type read struct {
	text string
	code Code
}

func (r read) Error() string { return r.text }

func (r read) Unwrap() error { return r.code }

// MarshalJSON writes an object with the members code, layer, wire, shared,
// permanent, directive, cause and causeCode. All but code are left out if zero. The cause
// is written as its text and the code that it carries.
func (s Status) MarshalJSON() ([]byte, error) {
	d := document{
		Code: s.Code, Layer: s.Layer, Wire: s.Wire,
		Shared: s.Shared, Permanent: s.Permanent, Directive: s.Directive,
	}
	if s.Cause != nil {
		text := s.Cause.Error()
		d.Cause = &text
		if code, ok := CodeOf(s.Cause); ok {
			d.CauseCode = &code
		}
	}
	return json.Marshal(d)
}

// UnmarshalJSON reads what MarshalJSON writes. The cause becomes an error with
// the same text that carries the same code; its identity is lost. A missing
// code is OK; null changes nothing. On an error the status keeps its value.
func (s *Status) UnmarshalJSON(data []byte) error {
	var d *document
	if err := json.Unmarshal(data, &d); err != nil {
		return err
	}
	if d == nil { // null
		return nil
	}
	*s = Status{
		Code: d.Code, Layer: d.Layer, Wire: d.Wire,
		Shared: d.Shared, Permanent: d.Permanent, Directive: d.Directive, Cause: d.cause(),
	}
	return nil
}

func (d *document) cause() error {
	switch {
	case d.Cause == nil:
		return nil
	case d.CauseCode == nil:
		return errors.New(*d.Cause)
	default:
		return read{*d.Cause, *d.CauseCode}
	}
}
