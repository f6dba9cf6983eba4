package session

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
)

func TestConfigDefaults(t *testing.T) {
	c := Config{}.Effective()
	assert.Equal(t, 15*time.Second, c.ConnectTimeout)
	assert.Equal(t, 2*time.Second, c.CloseGrace)
	assert.Equal(t, 2*time.Second, c.ObserverGrace)
	assert.Equal(t, 250*time.Millisecond, c.ReasonGrace)
	assert.Equal(t, 10*time.Second, c.PingInterval)
	assert.Zero(t, c.PresenceTimeout)
	assert.Equal(t, 5*time.Minute, c.Policy.Budget.Elapsed)
	assert.Equal(t, health.Config{}.WithDefaults(), c.Health)
	assert.NotNil(t, c.Random)
}

// TestConfigNegativeIsOff: where that makes sense, the core sees no timer at all.
func TestConfigNegativeIsOff(t *testing.T) {
	c := Config{ReasonGrace: -1, PresenceTimeout: -1, PingInterval: -1}.Effective().machine()
	assert.Zero(t, c.ReasonGrace)
	assert.Zero(t, c.PresenceTimeout)
	assert.Zero(t, c.PingInterval)
}

// TestConfigErrorsNameTheField: everything that is wrong, in one error (NEEDS 41).
func TestConfigErrorsNameTheField(t *testing.T) {
	p := policy.Policy{
		Classes:    policy.Classes{}.With(status.IncompatibleSDP, policy.Terminal),
		NewBackOff: func(func() float64) backoff.BackOff { return nil },
	}
	_, err := New(Config{
		ConnectTimeout: -1, CloseGrace: -1, ObserverGrace: -1, Observers: []observer.Observer{nil}, Policy: &p,
		Health: health.Config{UnusableAudio: health.UnusableAudioConfig{Samples: 61}},
	})
	require.Error(t, err)
	for _, want := range []string{
		"Config.Transport is required", "Config.ConnectTimeout", "Config.CloseGrace", "Config.ObserverGrace",
		"Config.Observers[0] is nil", "Config.Policy", "IncompatibleSDP", "NewBackOff returned nil",
		"Config.Health", "UnusableAudio.Samples",
	} {
		assert.ErrorContains(t, err, want)
	}
}

// TestCredentialsHideTheToken in everything that prints.
func TestCredentialsHideTheToken(t *testing.T) {
	c := Credentials{Attendee: "ada", Token: "s3cret"}
	raw, err := json.Marshal(c)
	require.NoError(t, err)
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("join", "credentials", c)
	for _, text := range []string{
		fmt.Sprint(c), fmt.Sprintf("%v %+v %#v %s", c, c, c, c), fmt.Sprintf("%+v", &c), string(raw), log.String(),
	} {
		assert.NotContains(t, text, "s3cret")
		assert.Contains(t, text, "ada")
		assert.Contains(t, text, redacted)
	}
	assert.Equal(t, "ada:", Credentials{Attendee: "ada"}.String())
}
