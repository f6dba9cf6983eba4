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
	var sample health.Sample
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

func TestMailboxKeepsTheNewestSample(t *testing.T) {
	var b mailbox
	for i := range 1000 {
		b.putSample(1, &health.Sample{BytesReceived: uint64(i)})
		b.putPong(1, uint64(i))
	}
	var in machine.Input
	var sample health.Sample
	require.True(t, b.take(&in, &sample))
	assert.EqualValues(t, 999, in.ID)
	require.True(t, b.take(&in, &sample))
	assert.EqualValues(t, 999, in.Sample.BytesReceived)
	assert.False(t, b.take(&in, &sample))
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
	var sample health.Sample
	b.put(machine.Input{Kind: machine.Start})
	for i := range 100_000 {
		b.put(machine.Input{Kind: machine.Tick, ID: uint64(i)})
		require.True(t, b.take(&in, &sample))
	}
	assert.EqualValues(t, 99_998, in.ID, "in order")
	assert.LessOrEqual(t, cap(b.queue), 4*maxReports)
}
