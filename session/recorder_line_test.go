package session

import (
	"encoding/json"
	"math"
	"net/url"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session/internal/image"
	"github.com/holdfast-go/holdfast/session/internal/machine"
)

// TestInputLine: what is written without package json is what it would write.
func TestInputLine(t *testing.T) {
	at := machine.Instant{Mono: 1234567, Wall: time.Date(2026, 3, 1, 12, 0, 0, 5, time.FixedZone("", 3600))}
	for _, in := range []machine.Input{
		{Kind: machine.Tick},
		{Kind: machine.Ponged, Epoch: 1, ID: math.MaxUint64},
		{Kind: machine.Probed, Epoch: 3, ID: 7, Heard: machine.Heard{Signaling: 5}},
		{Kind: machine.Tick, Heard: machine.Heard{Media: 5}},
		{Kind: machine.Tick, Heard: machine.Heard{Signaling: math.MaxInt64, Media: 1}},
		{Kind: machine.Reported, Epoch: 2, Status: status.New(status.MeetingEnded, nil)},
	} {
		line, err := appendInput(nil, at, &in, image.Scrub{})
		require.NoError(t, err)
		want, err := json.Marshal(inputLine{At: at, Input: &in})
		require.NoError(t, err)
		assert.Equal(t, string(want), string(line)+"}")
	}
	at.Wall = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
	_, err := appendInput(nil, at, &machine.Input{Kind: machine.Tick}, image.Scrub{})
	assert.ErrorIs(t, err, errYear)
}

// TestChecksum: effects that differ have other sums; without texts, only if they
// differ in something else.
func TestChecksum(t *testing.T) {
	failed := func(cause string) *machine.Effect {
		return &machine.Effect{Kind: machine.Notify, Event: observer.AttemptFailed{Status: status.New(status.TaskFailed, image.Said(readError(cause), image.Scrub{}))}}
	}
	sum := func(e *machine.Effect, altered bool) string {
		s, err := checksum(e, altered, image.Scrub{})
		require.NoError(t, err)
		return s
	}
	assert.NotEqual(t, sum(failed("a"), false), sum(failed("b"), false))
	assert.Equal(t, sum(failed("a"), true), sum(failed("b"), true))
	other := &machine.Effect{Kind: machine.Notify, Event: observer.AttemptFailed{Number: 2, Status: status.New(status.TaskFailed, readError("a"))}}
	assert.NotEqual(t, sum(failed("a"), true), sum(other, true))
	ping := func(id uint64) *machine.Effect { return &machine.Effect{Kind: machine.Ping, Epoch: 1, ID: id} }
	assert.NotEqual(t, sum(ping(1), false), sum(ping(2), false))
	to := func(endpoint string) *machine.Effect {
		return &machine.Effect{Kind: machine.Open, Attempt: machine.Attempt{Endpoint: endpoint}}
	}
	assert.NotEqual(t, sum(to("a"), true), sum(to("b"), true))
	hidden, err := checksum(to("a"), true, image.Scrub{Endpoint: func(string) string { return "b" }})
	require.NoError(t, err)
	assert.Equal(t, sum(to("b"), true), hidden, "as it is recorded")
}

type readError string

func (e readError) Error() string { return string(e) }

func TestSplitEffect(t *testing.T) {
	name, sum, altered := splitEffect("Reconnecting:12ab")
	assert.Equal(t, []any{"Reconnecting", "12ab", false}, []any{name, sum, altered})
	name, sum, altered = splitEffect("ping~12ab")
	assert.Equal(t, []any{"ping", "12ab", true}, []any{name, sum, altered})
	name, sum, altered = splitEffect("ping")
	assert.Equal(t, []any{"ping", "", false}, []any{name, sum, altered})
}

// TestSecrets: what is replaced, and how much stays.
func TestSecrets(t *testing.T) {
	var s secrets
	s.add("tok/en \"1\"")
	s.add("tok")
	s.add("")
	for text, want := range map[string]string{
		"nothing":                          "nothing",
		"a tok/en \"1\" b":                 "a [redacted] b",
		`a "tok/en \"1\"" b`:               `a "[redacted]" b`,
		url.QueryEscape("tok/en \"1\""):    "[redacted]",
		"tok":                              "[redacted]",
		"broken \xff\xfe":                  "broken \ufffd",
		"see https://one.example/a/b now":  "see https://one.example/a/b now",
		`Get "https://h/p?": no`:           `Get "https://h/p?": no`,
		"mailto:a@b is no such thing":      "mailto:a@b is no such thing",
		"<https://h/p> (https://h/q), ...": "<https://h/p> (https://h/q), ...",
	} {
		assert.Equal(t, want, s.text(text), text)
	}
	for endpoint, want := range map[string]string{
		"wss://user:pw@h:1/p":      `^wss://~\w{12}@h:1/p$`,
		"wss://h?a=1&b=2;c&=4#x":   `^wss://h\?a=~\w{12}&b=~\w{12}&~\w{12}&=~\w{12}#~\w{12}$`,
		"wss://h?a=":               `^wss://h\?a=$`,
		"user@h":                   `^~\w{12}@h$`,
		"wss://a@b@h/x@y?":         `^wss://~\w{12}@h/x@y\?$`,
		"eu-1":                     "^eu-1$",
		"":                         "^$",
		"wss://h/tok/?a b=\"c d\"": `^wss://h/\[redacted\]/\?a b=~\w{12}$`,
	} {
		assert.Regexp(t, want, s.endpoint(endpoint), endpoint)
	}
	assert.Regexp(t, `^"wss://~\w{12}@h/\?t=~\w{12}" failed$`, s.text(`"wss://u@h/?t=1" failed`))
	assert.Equal(t, s.endpoint("wss://h?a=1"), s.endpoint("wss://h?a=1"))
	assert.NotEqual(t, s.endpoint("wss://h?a=1"), s.endpoint("wss://h?a=2"))
	long := strings.Repeat("ü", maxText)
	assert.Less(t, len(s.text(long)), maxText+20)
	assert.NotEqual(t, s.endpoint(long), s.endpoint(long+"x"))
	var other secrets
	assert.NotEqual(t, s.endpoint("wss://h?a=1"), other.endpoint("wss://h?a=1"), "each recorder has a key of its own")
}

// TestSecretsAreForgotten: only the newest are looked for.
func TestSecretsAreForgotten(t *testing.T) {
	var s secrets
	for i := range maxSecrets + 1 {
		s.add(strings.Repeat("x", i+10) + "!")
	}
	assert.Len(t, s.known, maxSecrets)
	assert.Equal(t, "[redacted]", s.text(strings.Repeat("x", 11)+"!"))
	assert.NotContains(t, s.text(strings.Repeat("x", 10)+"!"), redacted)
}

// FuzzSecrets: a known secret is in no text, however it is put; an endpoint is shown
// the same twice.
func FuzzSecrets(f *testing.F) {
	f.Add("token", "a token b", "wss://u:token@h/?t=token")
	f.Add("\"", "\"", "a@b?c=d&e#f")
	f.Fuzz(func(t *testing.T, secret, text, endpoint string) {
		var s secrets
		s.add(secret)
		telling := strings.ContainsAny(secret, "ghijklmnopqrstuvwxyz") && !strings.ContainsAny(secret, "[]~") && utf8.ValidString(secret)
		if telling && !strings.Contains(redacted, secret) { // or it may be in what stands for it
			assert.NotContains(t, s.text(text+secret+text), secret)
		}
		s.text(text)
		assert.Equal(t, s.endpoint(endpoint), s.endpoint(endpoint))
	})
}

// TestDocumentedLine: the input that the documentation shows is one.
func TestDocumentedLine(t *testing.T) {
	text, err := os.ReadFile("../docs/recording.md")
	require.NoError(t, err)
	_, block, found := strings.Cut(string(text), "```json\n")
	require.True(t, found)
	block, _, _ = strings.Cut(block, "```")
	d := json.NewDecoder(strings.NewReader(block))
	d.DisallowUnknownFields()
	var l inputLine
	require.NoError(t, d.Decode(&l))
	assert.Equal(t, machine.LinkClosed, l.Input.Kind)
	assert.Equal(t, machine.AskRandom, l.Answers[0].To)
	for _, e := range l.Effects {
		_, sum, _ := splitEffect(e)
		assert.Len(t, sum, 8)
	}
	for _, v := range []any{headerLine{}, inputLine{}, gapLine{}, checkpointLine{}, machine.Answer{}} {
		for _, f := range reflect.VisibleFields(reflect.TypeOf(v)) {
			if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "code" && name != "changed" && name != "healthy" {
				assert.Contains(t, string(text), name, "a member that is not documented")
			}
		}
	}
}
