package callkit

import (
	"slices"
	"sync"
	"testing"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// recorder is a Handler that remembers.
type recorder struct {
	mu       sync.Mutex
	statuses []status.Status
	samples  []health.Sample
	pongs    []uint64
	probed   []uint64
	expects  []health.Expectation
	doubts   []error
	present  int
	alive    map[status.Layer]int
	closed   map[status.Layer][]error
	order    []string // of statuses and losses
}

func newRecorder() *recorder {
	return &recorder{alive: map[status.Layer]int{}, closed: map[status.Layer][]error{}}
}

func (r *recorder) do(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
}

func (r *recorder) Status(st status.Status) {
	r.do(func() {
		r.statuses = append(r.statuses, st)
		r.order = append(r.order, st.Code.String())
	})
}

func (r *recorder) Sample(s health.Sample)      { r.do(func() { r.samples = append(r.samples, s) }) }
func (r *recorder) Pong(id uint64)              { r.do(func() { r.pongs = append(r.pongs, id) }) }
func (r *recorder) Alive(l status.Layer)        { r.do(func() { r.alive[l]++ }) }
func (r *recorder) Probed(id uint64)            { r.do(func() { r.probed = append(r.probed, id) }) }
func (r *recorder) Expect(e health.Expectation) { r.do(func() { r.expects = append(r.expects, e) }) }

func (r *recorder) Doubt(_ status.Layer, why error) {
	r.do(func() { r.doubts = append(r.doubts, why) })
}
func (r *recorder) Present() { r.do(func() { r.present++ }) }
func (r *recorder) Closed(l status.Layer, err error) {
	r.do(func() {
		r.closed[l] = append(r.closed[l], err)
		r.order = append(r.order, "closed "+l.String())
	})
}

// has asks under the lock.
func (r *recorder) has(cond func() bool) func() bool {
	return func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return cond()
	}
}

// told waits for a status with the code.
func (r *recorder) told(t *testing.T, code status.Code) status.Status {
	t.Helper()
	var found status.Status
	eventually(t, "status "+code.String(), r.has(func() bool {
		i := slices.IndexFunc(r.statuses, func(st status.Status) bool { return st.Code == code })
		if i >= 0 {
			found = r.statuses[i]
		}
		return i >= 0
	}))
	return found
}

// lost waits for the loss of a layer and gives its status.
func (r *recorder) lost(t *testing.T, l status.Layer) status.Status {
	t.Helper()
	var st status.Status
	require.ErrorAs(t, r.closedWith(t, l), &st)
	return st
}

// hungUp waits for a loss of media without a reason.
func (r *recorder) hungUp(t *testing.T) {
	t.Helper()
	_, coded := status.CodeOf(r.closedWith(t, status.LayerMedia))
	assert.False(t, coded, "the reason is not known")
}

func (r *recorder) closedWith(t *testing.T, l status.Layer) error {
	t.Helper()
	var err error
	eventually(t, "loss of "+l.String(), r.has(func() bool {
		if len(r.closed[l]) > 0 {
			err = r.closed[l][0]
		}
		return err != nil
	}))
	return err
}

// losses gives the statuses and losses so far, in their order.
func (r *recorder) losses() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.order)
}

// sampled asks about the latest sample; there must be one.
func (r *recorder) sampled(cond func(health.Sample) bool) func() bool {
	return r.has(func() bool { return len(r.samples) > 0 && cond(r.samples[len(r.samples)-1]) })
}
