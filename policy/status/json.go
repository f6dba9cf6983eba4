package status

import (
	"encoding/json"
	"errors"
)

// document is the JSON form of a Status. The names are part of the recorded
// log format and stay as they are.
type document struct {
	Code      Code    `json:"code"`
	Layer     Layer   `json:"layer,omitzero"`
	Wire      int     `json:"wire,omitzero"`
	Shared    bool    `json:"shared,omitzero"`
	Permanent bool    `json:"permanent,omitzero"`
	Cause     *string `json:"cause,omitzero"` // nil: no cause; a cause may have an empty text
}

// MarshalJSON writes an object with the members code, layer, wire, shared,
// permanent and cause. All but code are left out if zero. The cause is written
// as its text.
func (s Status) MarshalJSON() ([]byte, error) {
	d := document{Code: s.Code, Layer: s.Layer, Wire: s.Wire, Shared: s.Shared, Permanent: s.Permanent}
	if s.Cause != nil {
		text := s.Cause.Error()
		d.Cause = &text
	}
	return json.Marshal(d)
}

// UnmarshalJSON reads what MarshalJSON writes. The cause becomes an error with
// the same text; its identity, and any code inside it, are lost. A missing
// code is OK; null changes nothing. On an error the status keeps its value.
func (s *Status) UnmarshalJSON(data []byte) error {
	var d *document
	if err := json.Unmarshal(data, &d); err != nil {
		return err
	}
	if d == nil { // null
		return nil
	}
	*s = Status{Code: d.Code, Layer: d.Layer, Wire: d.Wire, Shared: d.Shared, Permanent: d.Permanent}
	if d.Cause != nil {
		s.Cause = errors.New(*d.Cause)
	}
	return nil
}
