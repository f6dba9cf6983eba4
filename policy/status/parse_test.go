package status

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	for _, c := range All() {
		for _, s := range []string{
			c.String(), strings.ToLower(c.String()), strings.ToUpper(c.String()),
			strconv.Itoa(int(c)), numbered("Code", int(c)),
		} {
			got, err := Parse(s)
			require.NoError(t, err, s)
			assert.Equal(t, c, got, s)
		}
	}
	for _, c := range strangers {
		got, err := Parse(c.String())
		require.NoError(t, err)
		assert.Equal(t, c, got)
	}
}

func TestParseErrorsNameTheInput(t *testing.T) {
	for bad, want := range map[string]string{
		"":                           `""`,
		"Gone":                       `"Gone"`,
		" Left":                      `" Left"`,
		"27":                         "27 is outside 0..26",
		"-1":                         "-1 is outside 0..26",
		"5.0":                        `"5.0"`,
		"Code()":                     `"Code()"`,
		"Code(5":                     `"Code(5"`,
		"code(5)":                    `"code(5)"`,
		"Code(99999999999999999999)": `"Code(99999999999999999999)"`,
		"99999999999999999999":       `"99999999999999999999"`,
	} {
		c, err := Parse(bad)
		assert.ErrorContains(t, err, want)
		assert.Equal(t, OK, c)
	}
	_, err := Parse(strings.Repeat("x", 1<<16))
	require.Error(t, err)
	assert.Less(t, len(err.Error()), 200, "a long input is cut")
}

func TestCodeText(t *testing.T) {
	for _, c := range append(All(), strangers...) {
		text, err := c.MarshalText()
		require.NoError(t, err)
		assert.Equal(t, c.String(), string(text))
		var back Code
		require.NoError(t, back.UnmarshalText(text))
		assert.Equal(t, c, back)
	}
	c := MeetingEnded
	assert.Error(t, c.UnmarshalText([]byte("nonsense")))
	assert.Equal(t, MeetingEnded, c, "kept after an error")
}

func TestCodeJSON(t *testing.T) {
	for _, c := range append(All(), strangers...) {
		data, err := json.Marshal(c)
		require.NoError(t, err)
		assert.Equal(t, `"`+c.String()+`"`, string(data))
		var back Code
		require.NoError(t, json.Unmarshal(data, &back))
		assert.Equal(t, c, back)
	}
	for _, c := range All() {
		back := Code(-5)
		require.NoError(t, json.Unmarshal([]byte(strconv.Itoa(int(c))), &back))
		assert.Equal(t, c, back)
	}
}

func TestCodeJSONSpecials(t *testing.T) {
	c := MeetingEnded
	require.NoError(t, json.Unmarshal([]byte("null"), &c))
	assert.Equal(t, MeetingEnded, c, "null changes nothing")
	require.NoError(t, c.UnmarshalJSON([]byte(" \"20\"\n")))
	assert.Equal(t, TURNCredentialsForbidden, c)
	for bad, want := range map[string]string{
		"27": "27 is outside", `"27"`: "27 is outside", "1.5": "1.5", "true": "true", "{}": "{}", "[]": "[]",
		`"gone"`: "gone", "1e400": "1e400", "Left": "Left", "": `""`,
	} {
		assert.ErrorContains(t, c.UnmarshalJSON([]byte(bad)), want)
		assert.Equal(t, TURNCredentialsForbidden, c, "kept after an error")
	}
}

func TestCodeAsJSONKey(t *testing.T) {
	in := map[Code]int{Left: 1, MeetingEnded: 2, Code(99): 3}
	data, err := json.Marshal(in)
	require.NoError(t, err)
	assert.JSONEq(t, `{"Left":1,"MeetingEnded":2,"Code(99)":3}`, string(data))
	var out map[Code]int
	require.NoError(t, json.Unmarshal(data, &out))
	assert.Equal(t, in, out)
}
