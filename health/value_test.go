package health

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestValue(t *testing.T) {
	tests := []struct {
		name   string
		value  Value
		want   float64
		there  bool
		json   string
		string string
	}{
		{"zero value", Value{}, 0, false, "null", "absent"},
		{"present zero", Some(0), 0, true, "0", "0"},
		{"negative", Some(-2.5), -2.5, true, "-2.5", "-2.5"},
		{"largest", Some(math.MaxFloat64), math.MaxFloat64, true, "1.7976931348623157e+308", "1.7976931348623157e+308"},
		{"not a number", Some(math.NaN()), 0, false, "null", "absent"},
		{"plus infinity", Some(math.Inf(1)), 0, false, "null", "absent"},
		{"minus infinity", Some(math.Inf(-1)), 0, false, "null", "absent"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, there := tt.value.Get()
			assert.Equal(t, tt.want, got)
			assert.Equal(t, tt.there, there)
			assert.Equal(t, !tt.there, tt.value.IsZero())
			assert.Equal(t, tt.string, tt.value.String())

			b, err := json.Marshal(tt.value)
			require.NoError(t, err)
			assert.Equal(t, tt.json, string(b))
			back := Some(99)
			require.NoError(t, json.Unmarshal(b, &back))
			assert.Equal(t, tt.value, back)
		})
	}
}

func TestValueUnmarshalBad(t *testing.T) {
	for _, in := range []string{`"3"`, `true`, `[1]`, `{}`, `1e999`} {
		v := Some(7)
		assert.Error(t, json.Unmarshal([]byte(in), &v), in)
		assert.Equal(t, Some(7), v, in)
	}
}
