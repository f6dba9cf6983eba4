package callkit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDecode(t *testing.T) {
	tests := map[string]struct {
		in   string
		want Message
		ok   bool
	}{
		"join":         {`{"kind":"join","id":1,"attendee":"a","token":"t","viewOnly":true}`, Message{Kind: KindJoin, ID: 1, Attendee: "a", Token: "t", ViewOnly: true}, true},
		"status":       {`{"kind":"error","status":409}`, Message{Kind: KindError, Status: 409}, true},
		"from a newer": {`{"kind":"sing","volume":11}`, Message{Kind: "sing"}, true},
		"no kind":      {`{"id":1}`, Message{}, false},
		"no object":    {`[]`, Message{}, false},
		"wrong type":   {`{"kind":"error","status":"409"}`, Message{}, false},
		"empty":        {``, Message{}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := decode([]byte(tt.in))
			assert.Equal(t, tt.ok, err == nil, "%v", err)
			assert.Equal(t, tt.want, got)
		})
	}
}

func TestMessageSurvivesTheWire(t *testing.T) {
	m := Message{Kind: KindJoin, ID: 3, Status: -1, Attendee: alice, Token: "secret", ViewOnly: true, SDP: "v=0\r\n"}
	b, err := json.Marshal(m)
	require.NoError(t, err)
	got, err := decode(b)
	require.NoError(t, err)
	assert.Equal(t, m, got)
	b, err = json.Marshal(Message{Kind: KindLeave})
	require.NoError(t, err)
	assert.JSONEq(t, `{"kind":"leave"}`, string(b))
}

func TestTokenIsHidden(t *testing.T) {
	var log bytes.Buffer
	o := Options{Attendee: alice, Token: "secret"}
	slog.New(slog.NewTextHandler(&log, nil)).Info("dial", "token", o.Token, "options", o)
	for _, s := range []string{log.String(), fmt.Sprintf("%v %+v %#v %s", o, o, o, o.Token)} {
		assert.NotContains(t, s, "secret")
		assert.Contains(t, s, hidden)
	}
}
