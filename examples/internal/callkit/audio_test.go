package callkit

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestInboundCounts(t *testing.T) {
	tests := map[string]struct {
		seqs               []uint16
		received, expected uint64
		loss               float64
	}{
		"nothing":         {nil, 0, 0, 0},
		"one":             {[]uint16{9}, 1, 1, 0},
		"in order":        {[]uint16{9, 10, 11}, 3, 3, 0},
		"a gap":           {[]uint16{1, 2, 5}, 3, 5, 40},
		"over the wrap":   {[]uint16{65534, 65535, 1}, 3, 4, 25},
		"late":            {[]uint16{1, 3, 2}, 3, 3, 0},
		"doubled":         {[]uint16{1, 1, 2}, 3, 2, 0},
		"late after wrap": {[]uint16{65535, 0, 65534}, 3, 2, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var in inbound
			for _, seq := range tt.seqs {
				in.count(seq)
			}
			received, expected := in.take()
			assert.Equal(t, tt.received, received)
			assert.Equal(t, tt.expected, expected)
			assert.InDelta(t, tt.loss, lossPercent(received, expected), 1e-9)
			assert.Equal(t, tt.received, in.total.Load())
		})
	}
}

func TestInboundCountsBetweenTakes(t *testing.T) {
	var in inbound
	in.count(1)
	in.take()
	in.count(4) // the gap falls into the second half
	received, expected := in.take()
	assert.Equal(t, [2]uint64{1, 3}, [2]uint64{received, expected})
	in.restart()
	in.count(60000) // another track
	received, expected = in.take()
	assert.Equal(t, [2]uint64{1, 1}, [2]uint64{received, expected})
}
