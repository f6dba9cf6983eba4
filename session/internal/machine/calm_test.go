package machine

import (
	"fmt"
	"os"
	"reflect"
	"testing"
)

// TestMain holds what all calm sessions share against what it was: whatever the
// tests do, nobody writes to it.
func TestMain(m *testing.M) {
	code := m.Run()
	if !reflect.DeepEqual(*calm, trouble{}) {
		fmt.Printf("FAIL: a session has written its trouble into that of all: %+v\n", *calm)
		code = 1
	}
	os.Exit(code)
}

// onlyWithoutRace skips what is slow and runs on one goroutine: there is no race to
// find in it.
func onlyWithoutRace(t *testing.T) {
	t.Helper()
	if raceEnabled {
		t.Skip("one goroutine: there is no race to find")
	}
}
