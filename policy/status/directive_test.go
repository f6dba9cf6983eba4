package status

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRecoveryText(t *testing.T) {
	for recovery, name := range map[Recovery]string{
		RecoverAnyhow: "anyhow", RecoverByResume: "resume", RecoverByRejoin: "rejoin",
		Recovery(3): "Recovery(3)", Recovery(-7): "Recovery(-7)",
	} {
		text, err := recovery.MarshalText()
		require.NoError(t, err)
		assert.Equal(t, name, string(text))
		back := Recovery(77)
		require.NoError(t, back.UnmarshalText(text))
		assert.Equal(t, recovery, back)
	}
	assert.Zero(t, RecoverAnyhow)
}

func TestRecoveryUnmarshalText(t *testing.T) {
	var r Recovery
	require.NoError(t, r.UnmarshalText([]byte("ReJoin")))
	assert.Equal(t, RecoverByRejoin, r)
	for _, bad := range []string{"", "restart", "2", "Recovery(", "Recovery(x)", "(1)"} {
		assert.ErrorContains(t, r.UnmarshalText([]byte(bad)), `"`+bad+`"`)
		assert.Equal(t, RecoverByRejoin, r, "kept after an error")
	}
}

// directives are all kinds of wishes with their three forms.
var directives = []struct {
	directive         Directive
	json, log, clause string
}{
	{Directive{}, `{}`, ``, ``},
	{
		Directive{RetryAfter: 30 * time.Second},
		`{"retryAfter":30000000000}`, `{"retryAfter":30000000000}`, "; asks to retry after 30s",
	},
	{Directive{RetryAfter: -1}, `{"retryAfter":-1}`, ``, ``},
	{Directive{Recovery: RecoverByResume}, `{"recovery":"resume"}`, `{"recovery":"resume"}`, "; asks to resume"},
	{Directive{Recovery: 9}, `{"recovery":"Recovery(9)"}`, `{"recovery":"Recovery(9)"}`, "; asks to Recovery(9)"},
	{
		Directive{Endpoint: "wss://b\n"},
		`{"endpoint":"wss://b\n"}`, `{"endpoint":"wss://b\n"}`, `; asks to move to "wss://b\n"`,
	},
	{
		Directive{RetryAfter: 1500 * time.Millisecond, Recovery: RecoverByRejoin, Endpoint: "b"},
		`{"retryAfter":1500000000,"recovery":"rejoin","endpoint":"b"}`,
		`{"retryAfter":1500000000,"recovery":"rejoin","endpoint":"b"}`,
		`; asks to retry after 1.5s, to rejoin, to move to "b"`,
	},
	{
		Directive{RetryAfter: math.MaxInt64},
		`{"retryAfter":9223372036854775807}`, `{"retryAfter":9223372036854775807}`, "; asks to retry after 2562047h47m16.854775807s",
	},
}

func TestDirectiveJSON(t *testing.T) {
	for _, tt := range directives {
		data, err := json.Marshal(tt.directive)
		require.NoError(t, err)
		assert.Equal(t, tt.json, string(data))
		inside, err := json.Marshal(Status{Code: TaskFailed, Directive: &tt.directive, Cause: errDial})
		require.NoError(t, err)
		assert.Equal(t, `{"code":"TaskFailed","directive":`+tt.json+`,"cause":"dial refused"}`, string(inside))
		var back Status
		require.NoError(t, json.Unmarshal(inside, &back))
		require.NotNil(t, back.Directive)
		assert.Equal(t, tt.directive, *back.Directive)
	}
}

func TestDirectiveJSONSpecials(t *testing.T) {
	wish := &Directive{Endpoint: "a"}
	s := Status{Code: Left, Directive: wish}
	for _, bad := range []string{`5`, `[]`, `{"retryAfter":"30s"}`, `{"retryAfter":1e400}`, `{"recovery":"soon"}`, `{"endpoint":1}`} {
		assert.Error(t, json.Unmarshal([]byte(`{"directive":`+bad+`}`), &s), bad)
		assert.Equal(t, Status{Code: Left, Directive: &Directive{Endpoint: "a"}}, s, "kept after an error")
	}
	require.NoError(t, json.Unmarshal([]byte(`{"directive":{"endpoint":"b","later":1}}`), &s))
	assert.Equal(t, &Directive{Endpoint: "b"}, s.Directive)
	assert.Equal(t, "a", wish.Endpoint, "reading never writes what a copy may share")
	for _, older := range []string{`{"code":"Left"}`, `{"code":"Left","directive":null}`} {
		require.NoError(t, json.Unmarshal([]byte(older), &s))
		assert.Equal(t, New(Left, nil), s)
	}
}

func TestDirectiveInErrorText(t *testing.T) {
	for _, tt := range directives {
		s := Status{Code: TaskFailed, Wire: 503, Directive: &tt.directive, Cause: errDial}
		assert.EqualError(t, s, "TaskFailed (18) from wire 503: a step of connecting failed"+tt.clause+": dial refused")
	}
	long := Status{Directive: &Directive{Endpoint: strings.Repeat("x", 1<<16)}}
	assert.Less(t, len(long.Error()), 400, "a long endpoint is cut")
}

func TestDirectiveInLog(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&out, nil))
	for _, tt := range directives {
		out.Reset()
		log.Info("", "status", Status{Code: TaskFailed, Directive: &tt.directive})
		want := `"status":{"code":"TaskFailed"}}`
		if tt.log != "" {
			want = fmt.Sprintf(`"status":{"code":"TaskFailed","directive":%s}}`, tt.log)
		}
		assert.Contains(t, out.String(), want)
	}
}
