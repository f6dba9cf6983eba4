package pionlink_test

import (
	"testing"
	"testing/synctest"

	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/assert"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session/pionlink"
)

// nobody hears reports and does nothing.
type nobody struct{}

func (nobody) Alive(status.Layer)         {}
func (nobody) Sample(health.Sample)       {}
func (nobody) Expect(health.Expectation)  {}
func (nobody) Doubt(status.Layer, error)  {}
func (nobody) Probed(uint64)              {}
func (nobody) Closed(status.Layer, error) {}

// TestALookAllocatesNothingOfItsOwn: what Pion's statistics of the selected pair
// cost is all. Fake time stands still, so that nothing else allocates meanwhile.
func TestALookAllocatesNothingOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{})
		defer w.close()
		w.talk(1e9)
		m := pionlink.Watch(w.client, nobody{}, pionlink.Options{Tap: w.tap, PollEvery: -1, SampleEvery: -1})
		defer m.Close()
		synctest.Wait()
		ice := w.client.SCTP().Transport().ICETransport()
		bare := testing.AllocsPerRun(500, func() { _, _ = ice.GetSelectedCandidatePairStats() })
		ours := testing.AllocsPerRun(500, m.Look)
		t.Logf("allocations: Pion's statistics %v, a look %v", bare, ours)
		assert.Equal(t, bare, ours)
	})
}

func BenchmarkLook(b *testing.B) {
	w := newWorld(b, setup{})
	defer w.close()
	m := pionlink.Watch(w.client, nobody{}, pionlink.Options{Tap: w.tap, PollEvery: -1, SampleEvery: -1})
	defer m.Close()
	b.ReportAllocs()
	for b.Loop() {
		m.Look()
	}
}

func BenchmarkPionStatistics(b *testing.B) {
	w := newWorld(b, setup{})
	defer w.close()
	ice := w.client.SCTP().Transport().ICETransport()
	b.ReportAllocs()
	var s webrtc.ICECandidatePairStats
	for b.Loop() {
		s, _ = ice.GetSelectedCandidatePairStats()
	}
	_ = s
}

// BenchmarkProbe is the sending of a probe.
func BenchmarkProbe(b *testing.B) {
	w := newWorld(b, setup{})
	defer w.close()
	b.ReportAllocs()
	for b.Loop() {
		if err := w.media.ProbeMedia(b.Context(), 1); err != nil {
			b.Fatal(err)
		}
	}
}
