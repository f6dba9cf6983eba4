package session

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session/internal/machine"
)

// drained takes everything out.
func drained(b *mailbox) (kinds []machine.Kind) {
	var in machine.Input
	var sample *health.Sample
	for b.take(&in, &sample) {
		kinds = append(kinds, in.Kind)
	}
	return kinds
}

func TestMailboxOrder(t *testing.T) {
	var b mailbox
	assert.True(t, b.putSample(1, &health.Sample{}), "the first one in drains")
	assert.False(t, b.putPong(1, 5))
	assert.False(t, b.put(machine.Input{Kind: machine.Start}))
	assert.False(t, b.put(machine.Input{Kind: machine.Tick}))
	assert.Equal(t, []machine.Kind{machine.Ponged, machine.Start, machine.Tick, machine.Sampled}, drained(&b))
	assert.True(t, b.put(machine.Input{Kind: machine.Tick}), "idle again")
}

// TestMailboxKeepsTheNewest: of what comes often only the newest waits, of pongs
// the newest two, because two pings may wait for one.
func TestMailboxKeepsTheNewest(t *testing.T) {
	var b mailbox
	for i := range uint64(1000) {
		b.putSample(1, &health.Sample{BytesReceived: i})
		b.putPong(1, i)
		b.putProbed(1, i)
		b.putExpected(1, health.Expectation(i%4))
	}
	var in machine.Input
	var sample *health.Sample
	var got []machine.Input
	for b.take(&in, &sample) {
		got = append(got, in)
	}
	assert.EqualValues(t, 999, sample.BytesReceived)
	assert.Equal(t, []machine.Input{
		{Kind: machine.Ponged, Epoch: 1, ID: 998},
		{Kind: machine.Ponged, Epoch: 1, ID: 999},
		{Kind: machine.Probed, Epoch: 1, ID: 999},
		{Kind: machine.Expected, Epoch: 1, Expect: 999 % 4},
		{Kind: machine.Sampled, Epoch: 1, Sample: sample},
	}, got)
	b.putPong(2, 7)
	assert.Equal(t, []machine.Kind{machine.Ponged}, drained(&b), "one is one")
}

// TestMailboxOfDoubts: many doubts take no place, and the first about each layer
// gets through what others have filled (G13).
func TestMailboxOfDoubts(t *testing.T) {
	var b mailbox
	doubt := func(l status.Layer) bool {
		_, taken := b.putReport(machine.Input{Kind: machine.Doubted, Epoch: 1, Layer: l}, policy.Classes{})
		return taken
	}
	for range maxReports {
		require.True(t, doubt(status.LayerMedia))
	}
	assert.False(t, doubt(status.LayerMedia), "nothing new")
	assert.True(t, doubt(status.LayerSignaling))
	assert.False(t, doubt(status.LayerSignaling))
	assert.NotPanics(t, func() { doubt(-1) }, "whatever the layer")
	assert.False(t, doubt(1<<40), "layers that there are not are one")
	_, taken := b.putReport(machine.Input{Kind: machine.Reported, Epoch: 1, Status: status.New(status.TaskFailed, nil)}, policy.Classes{})
	assert.True(t, taken, "a loss is more than a doubt")
	assert.Len(t, drained(&b), maxReports+3)
}

// TestTurns: one question is put at a time; the newest two of those that come
// meanwhile have their turn afterwards, in order.
func TestTurns(t *testing.T) {
	for _, tt := range []struct {
		name  string
		came  []uint64
		turns []uint64
	}{
		{"none", nil, nil},
		{"one", []uint64{5}, []uint64{5}},
		{"two", []uint64{5, 1 << 40}, []uint64{5, 1 << 40}},
		{"many", []uint64{5, 6, 7, 8}, []uint64{7, 8}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var q turns
			require.True(t, q.begin(4))
			for _, id := range tt.came {
				require.False(t, q.begin(id))
			}
			for _, id := range tt.turns {
				require.Equal(t, id, q.next())
			}
			assert.Zero(t, q.next())
			assert.True(t, q.begin(9), "idle again")
		})
	}
}

// TestMailboxIsBounded: however much links report, only so much waits, and the
// end of the session still gets in, once (G13).
func TestMailboxIsBounded(t *testing.T) {
	var b mailbox
	failure := machine.Input{Kind: machine.Reported, Status: status.New(status.TaskFailed, nil)}
	ended := machine.Input{Kind: machine.Reported, Epoch: 1, Status: status.New(status.MeetingEnded, nil)}
	for range maxReports {
		_, taken := b.putReport(failure, policy.Classes{})
		require.True(t, taken)
	}
	for range 10_000 {
		_, taken := b.putReport(failure, policy.Classes{})
		require.False(t, taken)
	}
	_, taken := b.putReport(ended, policy.Classes{})
	assert.True(t, taken)
	_, taken = b.putReport(ended, policy.Classes{})
	assert.False(t, taken)
	ended.Epoch++
	_, taken = b.putReport(ended, policy.Classes{})
	assert.True(t, taken, "a newer link has a say of its own")
	assert.False(t, b.put(machine.Input{Kind: machine.Stop}), "what the application says is not limited")
	assert.Len(t, drained(&b), maxReports+3)
	_, taken = b.putReport(failure, policy.Classes{})
	assert.True(t, taken, "there is room again")
}

// TestMailboxGivesMemoryBack: an idle one holds next to nothing.
func TestMailboxGivesMemoryBack(t *testing.T) {
	var b mailbox
	for range 100 {
		b.put(machine.Input{Kind: machine.Tick})
	}
	drained(&b)
	assert.LessOrEqual(t, cap(b.queue), keepQueue)
}

// TestMailboxNeverEmptyStaysSmall: what was taken makes room.
func TestMailboxNeverEmptyStaysSmall(t *testing.T) {
	var b mailbox
	var in machine.Input
	var sample *health.Sample
	b.put(machine.Input{Kind: machine.Start})
	for i := range 100_000 {
		b.put(machine.Input{Kind: machine.Tick, ID: uint64(i)})
		require.True(t, b.take(&in, &sample))
	}
	assert.EqualValues(t, 99_998, in.ID, "in order")
	assert.LessOrEqual(t, cap(b.queue), 4*maxReports)
}
