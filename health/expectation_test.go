package health

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestExpectationText: every value can be written and read back, so that a log of
// whatever links have declared can be replayed.
func TestExpectationText(t *testing.T) {
	for v := range 256 {
		e := Expectation(v)
		text, err := e.MarshalText()
		require.NoError(t, err)
		back := e + 1
		require.NoError(t, back.UnmarshalText(text), string(text))
		assert.Equal(t, e, back)
	}
	for e, name := range map[Expectation]string{
		ExpectUnknown: "unknown", ExpectMedia: "media", ExpectKeepalives: "keepalives", ExpectNothing: "nothing", 4: "Expectation(4)",
	} {
		assert.Equal(t, name, e.String())
	}
	for _, text := range []string{"", "Media", "Expectation(256)", "Expectation(-1)", "Expectation(04)", "Expectation(1)", "Expectation(4", "4"} {
		e := ExpectMedia
		assert.Error(t, e.UnmarshalText([]byte(text)), text)
		assert.Equal(t, ExpectMedia, e)
	}
}
