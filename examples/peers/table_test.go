package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// found is a report with cells of all kinds, in no order.
func found() report {
	r := race{settings: full, results: []result{
		{Discipline: "panic", Contestant: "nats.go", Reason: "the port is taken"},
		{Discipline: "idle", Contestant: "holdfast, call", reading: reading{Text: "21.0, 280.0 KiB"}},
		{Discipline: "panic", Contestant: "centrifuge-go", reading: reading{Text: "process dies"}},
		{Discipline: "idle", Contestant: "nats.go", Reason: "not measured in time"},
	}}
	out := r.report()
	out.Machine, out.Versions = "go1, two processors", []version{{"example.com/m", "v1.2.3"}}
	return out
}

// described is what stands below the table about the contestants.
func described() (text string) {
	for _, c := range contestants {
		text += c.name + ": " + c.what + "\n"
	}
	return text
}

func TestText(t *testing.T) {
	var out strings.Builder
	require.NoError(t, found().writeText(&out))
	assert.Equal(t, `                                         centrifuge-go  nats.go           holdfast, signaling  holdfast, call
idle client                              -              not measured [1]  -                    21.0, 280.0 KiB
panic in the callback of the connection  process dies   not measured [2]  -                    -

idle: goroutines, heap and stacks, processor time a second; per client, in a process without the server
panic: what is left
[1] idle, nats.go: not measured in time
[2] panic, nats.go: the port is taken
`+described()+`50 clients of each kind, 20 calls, on 5 servers whose outages end up to a tenth earlier or later; connected for 12 s before
go1, two processors
example.com/m v1.2.3
`, out.String())
}

func TestMarkdown(t *testing.T) {
	var out strings.Builder
	require.NoError(t, found().writeMarkdown(&out))
	lines := strings.Split(out.String(), "\n")
	assert.Equal(t, []string{
		"|  | centrifuge-go | nats.go | holdfast, signaling | holdfast, call |",
		"|---|---|---|---|---|",
		"| idle client | - | not measured [1] | - | 21.0, 280.0 KiB |",
	}, lines[:3])
	assert.Contains(t, out.String(), "\n* [2] panic, nats.go: the port is taken\n")
}

// TestVersions: every module is found in this program, by the version that it was
// built with.
func TestVersions(t *testing.T) {
	all := versions()
	require.NotEmpty(t, all)
	seen := map[string]string{}
	for _, v := range all {
		assert.NotEqual(t, "unknown", v.Version, v.Module)
		assert.Empty(t, seen[v.Module], "twice")
		seen[v.Module] = v.Version
	}
	assert.Equal(t, "this tree", seen["github.com/holdfast-go/holdfast"])
	assert.Regexp(t, `^v\d`, seen["github.com/nats-io/nats.go"])
	assert.Equal(t, "unknown", moduleVersion(nil, "example.com/m"))
}

func TestMedian(t *testing.T) {
	assert.Equal(t, 2, median([]int{3, 1, 2}))
	assert.Equal(t, 3, median([]int{4, 3, 1, 2}))
	assert.Equal(t, 7, median([]int{7}))
}
