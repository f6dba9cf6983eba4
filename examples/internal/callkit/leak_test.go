package callkit

import (
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

// patienceForTests bounds every wait for something that should happen soon.
const patienceForTests = 5 * time.Second

// ours matches the frames of goroutines that a call, a server or a proxy starts,
// by itself or through the libraries it uses.
var ours = regexp.MustCompile(`(?m)^(github\.com/(holdfast-go|pion|coder)/|net/http\.|created by net/http)`)

// noLeaks fails the test if goroutines are left at its end. Call it first.
func noLeaks(t *testing.T) {
	t.Helper()
	t.Cleanup(func() {
		var left []string
		if !poll(patienceForTests, func() bool { left = goroutines(); return len(left) == 0 }) {
			t.Errorf("%d goroutines left:\n\n%s", len(left), strings.Join(left, "\n\n"))
		}
	})
}

// goroutines lists the stacks of all goroutines that are ours, but for those of
// tests: a test with subtests waits for them in one of its own.
func goroutines() []string {
	buf := make([]byte, 1<<20)
	stacks := strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n")
	var found []string
	for _, s := range stacks {
		if ours.MatchString(s) && !strings.Contains(s, "testing.tRunner") {
			found = append(found, s)
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
