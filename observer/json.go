package observer

import (
	"encoding/json"
	"fmt"
)

// envelope is the JSON form of an event: its name beside its fields.
type envelope struct {
	Event string          `json:"event"`
	Data  json.RawMessage `json:"data"`
}

// Marshal gives the stable JSON form of an event:
// {"event":"Connected","data":{…}}. Errors inside it become their text.
func Marshal(e Event) ([]byte, error) {
	if e == nil {
		return nil, fmt.Errorf("observer: marshal: nil event")
	}
	data, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("observer: marshal %s: %w", e.Name(), err)
	}
	return json.Marshal(envelope{e.Name(), data})
}

// Unmarshal reads what Marshal wrote. It fails on an unknown event name.
func Unmarshal(b []byte) (Event, error) {
	var env envelope
	if err := json.Unmarshal(b, &env); err != nil {
		return nil, fmt.Errorf("observer: unmarshal: %w", err)
	}
	k, ok := kindOf[env.Event]
	if !ok {
		return nil, fmt.Errorf("observer: unmarshal: unknown event %q", env.Event)
	}
	return k.read(env.Data)
}

func read[E Event](b json.RawMessage) (Event, error) {
	var e E
	if err := json.Unmarshal(b, &e); err != nil {
		return nil, fmt.Errorf("observer: unmarshal %s: %w", e.Name(), err)
	}
	return e, nil
}
