package image

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/policy/status"
)

type inner struct {
	on   bool
	list []uint64
	ring [4]time.Duration
}

type plug interface{ plugged() }

type known struct{ count int }

func (*known) plugged() {}

type unknown struct{ count int }

func (*unknown) plugged() {}

type state string

type outer struct {
	inner
	Small   int8
	Big     uint64
	Float   float64
	state   state
	at      string
	word    string
	found   []string
	when    time.Time
	st      status.Status
	next    *inner
	classes map[status.Code]int
	plug    plug
	f       func()
	config  *outer
}

var form = &Form{
	Skip: []string{"image.outer.config"}, Kept: []string{"image.outer.plug"}, Known: []reflect.Type{reflect.TypeFor[*known]()},
	Endpoints: []string{"image.outer.at", "image.outer.found"}, Words: []string{"image.outer.word"},
}

func full() outer {
	return outer{
		inner: inner{true, []uint64{math.MaxUint64, 0}, [4]time.Duration{0, -1}},
		Small: -128, Big: math.MaxUint64, Float: -0.1, state: "idle", at: "there", word: "a \"word\" <&>",
		found: []string{"a", ""}, when: time.Date(2026, 3, 1, 12, 0, 0, 7, time.UTC),
		st:   status.Status{Code: status.MeetingEnded, Cause: fmt.Errorf("so: %w", status.TaskFailed), Directive: &status.Directive{Endpoint: "else"}},
		next: &inner{list: []uint64{}}, classes: map[status.Code]int{7: 2, 3: 1, -1: 0}, plug: &known{5}, f: func() {}, config: &outer{},
	}
}

// TestRoundTrip: everything comes back, into a value that holds something else.
func TestRoundTrip(t *testing.T) {
	require.NoError(t, form.Check(reflect.TypeFor[outer]()))
	was := full()
	data, err := form.Encode(&was, Scrub{})
	require.NoError(t, err)
	for name, into := range map[string]*outer{
		"empty": {plug: &known{}},
		"other": {inner: inner{list: []uint64{9, 9, 9}, ring: [4]time.Duration{1, 2, 3, 4}}, plug: &known{7}, next: &inner{on: true}, found: []string{"x", "y"}, f: func() {}},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, form.Decode(data, into), "%s", data)
			again, err := form.Encode(into, Scrub{})
			require.NoError(t, err)
			assert.Equal(t, string(data), string(again))
			assert.Equal(t, was.inner, into.inner)
			assert.Equal(t, was.Float, into.Float)
			assert.Equal(t, &known{5}, into.plug)
			assert.NotNil(t, into.next.list, "empty is not none")
			assert.Nil(t, into.config, "what is skipped is left alone")
			assert.EqualError(t, into.st.Cause, was.st.Cause.Error())
			assert.ErrorIs(t, into.st, status.TaskFailed)
		})
	}
	zero, err := form.Encode(&outer{}, Scrub{})
	require.NoError(t, err)
	assert.Equal(t, "{}", string(zero))
	require.NoError(t, form.Decode(zero, &was))
	assert.Zero(t, was.Big)
	assert.Zero(t, was.inner)
	assert.Nil(t, was.next)
	assert.NotNil(t, was.plug, "what is plugged in stays")
}

// TestScrub: endpoints and causes go through their functions, nothing else does.
func TestScrub(t *testing.T) {
	was := full()
	data, err := form.Encode(&was, Scrub{Text: strings.ToUpper, Endpoint: func(s string) string { return "<" + s + ">" }})
	require.NoError(t, err)
	back := outer{plug: &known{}}
	require.NoError(t, form.Decode(data, &back))
	assert.Equal(t, "<there>", back.at)
	assert.Equal(t, []string{"<a>", "<>"}, back.found)
	assert.Equal(t, "<else>", back.st.Directive.Endpoint)
	assert.EqualError(t, back.st.Cause, strings.ToUpper(was.st.Cause.Error()))
	assert.ErrorIs(t, back.st, status.TaskFailed)
	assert.Equal(t, was.word, back.word)
	assert.Equal(t, was.state, back.state)
	assert.Equal(t, "else", was.st.Directive.Endpoint, "the original is as it was")
	assert.Equal(t, status.Status{}, Hidden(status.Status{}, Scrub{Text: strings.ToUpper}))
	assert.EqualError(t, Said(errors.New("plain"), Scrub{}), "plain")
}

func TestDecodeErrors(t *testing.T) {
	for text, want := range map[string]string{
		`[]`:                             "cannot unmarshal array",
		`{"nonsense":1}`:                 `outer has no field "nonsense"`,
		`{"Small":128}`:                  "image.outer.Small: ",
		`{"Big":-1}`:                     "image.outer.Big: ",
		`{"Float":"x"}`:                  "image.outer.Float: ",
		`{"state":7}`:                    "image.outer.state: ",
		`{"when":"yesterday"}`:           "image.outer.when: ",
		`{"st":{"code":"Dream"}}`:        "image.outer.st: ",
		`{"found":{}}`:                   "image.outer.found: ",
		`{"classes":{"x":1}}`:            "image.outer.classes: ",
		`{"classes":[]}`:                 "image.outer.classes: ",
		`{"inner":{"ring":[1,2,3,4,5]}}`: "has 5 elements, there is room for 4",
		`{"inner":{"on":3}}`:             "image.inner.on: ",
		`{"config":{}}`:                  `no field "config"`,
		`{"plug":{"count":1}}`:           "holds something else",
	} {
		assert.ErrorContains(t, form.Decode([]byte(text), &outer{plug: &unknown{}}), want, text)
	}
	_, err := form.Encode(&outer{Float: math.NaN()}, Scrub{})
	assert.ErrorContains(t, err, "no number")
	data, err := form.Encode(&outer{plug: &unknown{3}}, Scrub{})
	require.NoError(t, err)
	assert.Equal(t, "{}", string(data), "of what is not known nothing is written")
}

// TestCheck: what the form does not say how to write is found.
func TestCheck(t *testing.T) {
	for _, v := range []any{
		struct{ c chan int }{},
		struct{ e error }{},
		struct{ m map[string]int }{},
		struct{ c complex64 }{},
		struct{ s string }{},
		struct{ s []string }{},
		struct{ p *struct{ u uintptr } }{},
	} {
		assert.Error(t, form.Check(reflect.TypeOf(v)), "%T", v)
	}
	assert.NotEqual(t, form.Layout(reflect.TypeFor[inner]()), form.Layout(reflect.TypeFor[outer]()))
	assert.NotEqual(t, form.Layout(reflect.TypeFor[[3]int]()), form.Layout(reflect.TypeFor[[4]int]()))
	assert.Equal(t, form.Layout(reflect.TypeFor[outer]()), (&Form{Skip: form.Skip, Kept: form.Kept, Known: form.Known, Endpoints: form.Endpoints, Words: form.Words}).Layout(reflect.TypeFor[outer]()))
}
