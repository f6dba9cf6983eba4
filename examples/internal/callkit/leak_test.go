package callkit

import (
	"maps"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// patienceForTests bounds every wait for something that should happen soon.
const patienceForTests = 5 * time.Second

// ours matches the frames of goroutines that a call, a server or a proxy starts,
// by itself or through the libraries it uses.
var ours = regexp.MustCompile(`(?m)^(github\.com/(holdfast-go|pion|coder)/|net/http\.|created by net/http)`)

// noLeaks fails the test if goroutines are left at its end that were not there
// before. Call it first.
func noLeaks(t *testing.T) {
	t.Helper()
	before := goroutines()
	t.Cleanup(func() {
		var left map[string]string
		gone := poll(patienceForTests, func() bool {
			left = goroutines()
			maps.DeleteFunc(left, func(id, _ string) bool { return before[id] != "" })
			return len(left) == 0
		})
		if !gone {
			t.Errorf("%d goroutines left:\n\n%s", len(left), strings.Join(slices.Collect(maps.Values(left)), "\n\n"))
		}
	})
}

// goroutines gives the stacks of all goroutines that are ours by their ids, but
// for those of tests: a test with subtests waits for them in one of its own.
func goroutines() map[string]string {
	buf := make([]byte, 1<<20)
	found := map[string]string{}
	for s := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if ours.MatchString(s) && !strings.Contains(s, "testing.tRunner") {
			id, _, _ := strings.Cut(s, " [")
			found[id] = s
		}
	}
	return found
}

// poll asks until cond holds or time is up. It yields between two looks and
// sleeps only so as not to use up the processor.
func poll(limit time.Duration, cond func() bool) bool {
	for deadline := time.Now().Add(limit); ; time.Sleep(time.Millisecond) {
		if cond() {
			return true
		}
		if time.Now().After(deadline) {
			return false
		}
	}
}

// eventually fails the test if cond does not come true soon.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	if !poll(patienceForTests, cond) {
		t.Fatalf("waited %v in vain: %s", patienceForTests, what)
	}
}
