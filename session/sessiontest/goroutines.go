package sessiontest

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
)

// goroutines gives the stacks of all goroutines by their ids: in a bubble those of
// the bubble. Those of package testing are not among them, and not the caller's.
func goroutines(bubble bool) map[string]string {
	found := map[string]string{}
	stacks := strings.Split(string(allStacks()), "\n\n")
	mine := ""
	if bubble {
		mine = bubbleOf(stacks[0])
	}
	for _, s := range stacks[1:] {
		id, _, _ := strings.Cut(s, " [")
		if bubbleOf(s) == mine && !ofTesting(s) {
			found[id] = s
		}
	}
	return found
}

// allStacks gives the stacks of all goroutines, the caller's first.
func allStacks() []byte {
	for size := 1 << 18; ; size *= 2 {
		buf := make([]byte, size)
		if n := runtime.Stack(buf, true); n < size {
			return buf[:n]
		}
	}
}

// bubbleOf gives the name of a goroutine's bubble; "": it is in none.
func bubbleOf(stack string) string {
	head, _, _ := strings.Cut(stack, "\n")
	_, bubble, _ := strings.Cut(head, "synctest bubble ")
	return bubble
}

// ofTesting says that a goroutine runs tests, or a bubble.
func ofTesting(stack string) bool {
	return strings.Contains(stack, "testing.tRunner(") || strings.Contains(stack, "testing.(*M).") ||
		strings.Contains(stack, "internal/synctest.Run(") || strings.Contains(stack, "testing/synctest.testingSynctestTest(")
}

// leaked gives the stacks of goroutines that were not there before and do not end
// within Patience.
func (t *trial) leaked(before map[string]string) []string {
	var left map[string]string
	gone := holds(t.Patience, func() bool {
		left = goroutines(t.bubble)
		maps.DeleteFunc(left, func(id, stack string) bool {
			return before[id] != "" || t.Ignore != nil && t.Ignore(stack)
		})
		return len(left) == 0
	})
	if gone {
		return nil
	}
	return slices.Sorted(maps.Values(left))
}

// maxStacks is how many stacks a message shows.
const maxStacks = 8

// stacks are those of goroutines for a message.
func stacks(left []string) string {
	more := ""
	if n := len(left) - maxStacks; n > 0 {
		left, more = left[:maxStacks], fmt.Sprintf("and %d more\n", n)
	}
	return "\n\n" + strings.Join(left, "\n\n") + "\n\n" + more
}
