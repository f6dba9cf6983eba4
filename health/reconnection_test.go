package health

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

const second = time.Second

// TestReconnectionThresholds judges one evaluation on each side of each limit.
func TestReconnectionThresholds(t *testing.T) {
	old := At(0)
	tests := []struct {
		name    string
		config  ReconnectionConfig
		now     time.Duration
		data    Data
		healthy bool
	}{
		{"nothing wrong", ReconnectionConfig{}, 10 * second, Data{ConnectionStart: old}, true},
		{"24 reports", ReconnectionConfig{}, 10 * second, Data{ConnectionStart: old, NoPackets: 24}, true},
		{"25 reports", ReconnectionConfig{}, 10 * second, Data{ConnectionStart: old, NoPackets: 25}, false},
		{"3 pongs", ReconnectionConfig{}, 10 * second, Data{ConnectionStart: old, MissedPongs: 3}, true},
		{"4 pongs", ReconnectionConfig{}, 10 * second, Data{ConnectionStart: old, MissedPongs: 4}, false},
		{"last instant of the wait", ReconnectionConfig{}, 10*second - 1, Data{ConnectionStart: old, NoPackets: 99, MissedPongs: 99}, true},
		{"wait over", ReconnectionConfig{}, 10 * second, Data{ConnectionStart: old, NoPackets: 99}, false},
		{"clock before the start", ReconnectionConfig{}, -second, Data{ConnectionStart: old, NoPackets: 99}, true},
		{"never started", ReconnectionConfig{}, 0, Data{NoPackets: 25}, false},
		{"own limit of reports, below", ReconnectionConfig{NoPackets: 3}, 10 * second, Data{ConnectionStart: old, NoPackets: 2}, true},
		{"own limit of reports", ReconnectionConfig{NoPackets: 3}, 10 * second, Data{ConnectionStart: old, NoPackets: 3}, false},
		{"own limit of pongs, below", ReconnectionConfig{MissedPongs: 2}, 10 * second, Data{ConnectionStart: old, MissedPongs: 1}, true},
		{"own limit of pongs", ReconnectionConfig{MissedPongs: 2}, 10 * second, Data{ConnectionStart: old, MissedPongs: 2}, false},
		{"own wait, within", ReconnectionConfig{Wait: second}, second - 1, Data{ConnectionStart: old, NoPackets: 25}, true},
		{"own wait, over", ReconnectionConfig{Wait: second}, second, Data{ConnectionStart: old, NoPackets: 25}, false},
		{"no wait", ReconnectionConfig{Wait: -1}, 0, Data{ConnectionStart: old, NoPackets: 25}, false},
		{"reports off", ReconnectionConfig{NoPackets: -1}, 10 * second, Data{ConnectionStart: old, NoPackets: math.MaxInt}, true},
		{"pongs off", ReconnectionConfig{MissedPongs: -1}, 10 * second, Data{ConnectionStart: old, MissedPongs: math.MaxInt}, true},
		{"delay at the limit", ReconnectionConfig{SpeakerDelayEvaluations: -1}, 10 * second, Data{ConnectionStart: old, SpeakerDelay: 60000}, true},
		{"delay above the limit", ReconnectionConfig{SpeakerDelayEvaluations: -1}, 10 * second, Data{ConnectionStart: old, SpeakerDelay: math.Nextafter(60000, 60001)}, false},
		{"own delay, at it", ReconnectionConfig{SpeakerDelay: 1500 * time.Microsecond, SpeakerDelayEvaluations: -1}, 10 * second, Data{ConnectionStart: old, SpeakerDelay: 1.5}, true},
		{"own delay, above", ReconnectionConfig{SpeakerDelay: 1500 * time.Microsecond, SpeakerDelayEvaluations: -1}, 10 * second, Data{ConnectionStart: old, SpeakerDelay: 1.6}, false},
		{"delay off", ReconnectionConfig{SpeakerDelay: -1, SpeakerDelayEvaluations: -1}, 10 * second, Data{ConnectionStart: old, SpeakerDelay: math.MaxFloat64}, true},
		{"delay not a number", ReconnectionConfig{SpeakerDelayEvaluations: -1}, 10 * second, Data{ConnectionStart: old, SpeakerDelay: math.NaN()}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := NewReconnection(tt.config)
			byCounts := tt.data.SpeakerDelay == 0
			assert.Equal(t, !tt.healthy && byCounts, p.Dead(tt.now, &tt.data))
			healthy, changed := p.Evaluate(tt.now, &tt.data)
			assert.Equal(t, tt.healthy, healthy)
			assert.Equal(t, !tt.healthy, changed, "it begins healthy")
		})
	}
}

func TestReconnectionChanges(t *testing.T) {
	p := NewReconnection(ReconnectionConfig{})
	bad, fine := Data{NoPackets: 25}, Data{}
	for i, s := range []struct {
		d                *Data
		healthy, changed bool
	}{{&fine, true, false}, {&bad, false, true}, {&bad, false, false}, {&fine, true, true}, {&fine, true, false}} {
		healthy, changed := p.Evaluate(0, s.d)
		assert.Equal(t, []bool{s.healthy, s.changed}, []bool{healthy, changed}, i)
	}
}

// late evaluates n times with too long a delay and gives the number of the
// first unhealthy one, 0 if there was none.
func late(p *Reconnection, n int, d Data) int {
	d.SpeakerDelay = 60001
	for i := range n {
		if healthy, _ := p.Evaluate(10*second, &d); !healthy {
			return i + 1
		}
	}
	return 0
}

func TestReconnectionSpeakerDelay(t *testing.T) {
	old := Data{ConnectionStart: At(0)}
	t.Run("the eleventh in a row, and the count begins anew", func(t *testing.T) {
		p := NewReconnection(ReconnectionConfig{})
		assert.Equal(t, 11, late(&p, 99, old))
		assert.Equal(t, 11, late(&p, 99, old))
	})
	t.Run("in a row", func(t *testing.T) {
		p := NewReconnection(ReconnectionConfig{})
		assert.Zero(t, late(&p, 10, old))
		p.Evaluate(10*second, &old)
		assert.Equal(t, 11, late(&p, 99, old))
	})
	t.Run("the wait neither counts nor clears", func(t *testing.T) {
		p := NewReconnection(ReconnectionConfig{})
		assert.Zero(t, late(&p, 10, old))
		fresh := Data{ConnectionStart: At(10 * second)}
		assert.Zero(t, late(&p, 99, fresh))
		p.Evaluate(10*second, &fresh)
		assert.Equal(t, 1, late(&p, 99, old))
	})
	t.Run("counted while another cause holds", func(t *testing.T) {
		p := NewReconnection(ReconnectionConfig{})
		other := Data{NoPackets: 25, SpeakerDelay: 60001}
		for range 10 {
			p.Evaluate(10*second, &other)
		}
		assert.Equal(t, 1, late(&p, 99, old))
	})
	t.Run("Dead counts nothing", func(t *testing.T) {
		p := NewReconnection(ReconnectionConfig{})
		for range 20 {
			assert.False(t, p.Dead(10*second, &Data{SpeakerDelay: 60001}))
		}
		assert.Equal(t, 11, late(&p, 99, old))
	})
}

// TestReconnectionOwnThresholds is divergence 7.11: a second instance leaves the
// first one's thresholds alone.
func TestReconnectionOwnThresholds(t *testing.T) {
	first := NewReconnection(ReconnectionConfig{NoPackets: 5})
	second := NewReconnection(ReconnectionConfig{NoPackets: 2})
	healthy, _ := first.Evaluate(0, &Data{NoPackets: 4})
	assert.True(t, healthy)
	healthy, _ = second.Evaluate(0, &Data{NoPackets: 2})
	assert.False(t, healthy)
}

func TestReconnectionZero(t *testing.T) {
	var p Reconnection
	d := Data{NoPackets: 99, MissedPongs: 99, SpeakerDelay: 1e9}
	for range 20 {
		healthy, changed := p.Evaluate(0, &d)
		assert.True(t, healthy)
		assert.False(t, changed)
	}
	assert.False(t, p.Dead(0, &d))
	assert.Empty(t, p.Reason(&d))
}

func TestReconnectionReason(t *testing.T) {
	p := NewReconnection(ReconnectionConfig{})
	assert.Empty(t, p.Reason(&Data{NoPackets: 24, MissedPongs: 3}))
	assert.Equal(t, "no inbound packets for 25 samples", p.Reason(&Data{NoPackets: 25}))
	assert.Equal(t, "4 pings in a row without an answer", p.Reason(&Data{MissedPongs: 4}))

	d := Data{NoPackets: 30, MissedPongs: 5, SpeakerDelay: 60001.5}
	for range 10 {
		p.Evaluate(0, &d)
		assert.NotContains(t, p.Reason(&d), "speaker delay")
	}
	p.Evaluate(0, &d)
	assert.Equal(t, "no inbound packets for 30 samples; 5 pings in a row without an answer; "+
		"speaker delay above 1m0s for more than 10 samples, now 60001.5 ms", p.Reason(&d))
	p.Evaluate(0, &d)
	assert.NotContains(t, p.Reason(&d), "speaker delay", "only of the last evaluation")
}
