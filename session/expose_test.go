package session

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/holdfast-go/holdfast/session/internal/expose"
)

// TestExposedMachine is the translation that a session runs by, defaults included.
func TestExposedMachine(t *testing.T) {
	c := Config{Name: "a", ConnectTimeout: 7 * time.Second, ReasonGrace: -1, Endpoints: []string{"x"}, DownTimeout: -1}
	got, want := *expose.Machine(c), *c.Effective().machine()
	assert.NotNil(t, got.Random)
	got.Random, want.Random = nil, nil // functions cannot be compared
	assert.Equal(t, want, got)
	assert.Panics(t, func() { expose.Machine("something else") })
}
