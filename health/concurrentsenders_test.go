package health

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestConcurrentSendersThreshold(t *testing.T) {
	tests := []struct {
		name    string
		sources int // limit
		data    Data
		healthy bool
	}{
		{"none", 0, Data{}, true},
		{"15", 0, Data{PublishedVideoSources: 15}, true},
		{"16", 0, Data{PublishedVideoSources: 16}, false},
		{"16 and a content share", 0, Data{PublishedVideoSources: 16, ContentShare: true}, true},
		{"fewer than none", 0, Data{PublishedVideoSources: -1}, true},
		{"own limit", 2, Data{PublishedVideoSources: 2}, true},
		{"own limit, above", 2, Data{PublishedVideoSources: 3}, false},
		{"off", -1, Data{PublishedVideoSources: math.MaxInt}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := NewConcurrentSenders(ConcurrentSendersConfig{Sources: tt.sources})
			healthy, changed := p.Evaluate(0, &tt.data)
			assert.Equal(t, tt.healthy, healthy)
			assert.Equal(t, !tt.healthy, changed, "it begins healthy")
		})
	}
}

func TestConcurrentSendersChanges(t *testing.T) {
	many, few := &Data{PublishedVideoSources: 16}, &Data{PublishedVideoSources: 15}
	p := NewConcurrentSenders(ConcurrentSendersConfig{})
	runPolicy(t, &p, []policyCase{
		{"few", 0, few, true, false},
		{"many", 0, many, false, true},
		{"still", 0, many, false, false},
		{"few again", 0, few, true, true},
	})
}

func TestConcurrentSendersZero(t *testing.T) {
	var p ConcurrentSenders
	runPolicy(t, &p, []policyCase{{"off", 0, &Data{PublishedVideoSources: 99}, true, false}})
}
