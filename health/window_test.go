package health

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// list gives the values of a window, newest first.
func list(w *Window) []float64 {
	values := make([]float64, 0, WindowSize)
	for i := range w.Len() {
		values = append(values, w.At(i))
	}
	return values
}

// TestWindow compares with the obvious slice through three turns of the ring.
func TestWindow(t *testing.T) {
	var w Window
	want := []float64{}
	assert.Equal(t, want, list(&w))
	for n := range 3*WindowSize + 1 {
		w.Push(float64(n))
		want = append([]float64{float64(n)}, want...)
		want = want[:min(len(want), WindowSize)]
		assert.Equal(t, want, list(&w))
	}
}

func TestWindowBounds(t *testing.T) {
	var w Window
	w.Push(3)
	w.Push(4)
	for _, i := range []int{-1, 2, WindowSize, int(^uint(0) >> 1)} {
		assert.Zero(t, w.At(i), i)
	}
	for range WindowSize {
		w.Push(5)
	}
	assert.Equal(t, 5.0, w.At(WindowSize-1))
	assert.Zero(t, w.At(WindowSize), "does not turn round to the newest")
}

func TestWindowSum(t *testing.T) {
	var w Window
	assert.Zero(t, w.Sum(3), "empty")
	for n := range WindowSize + 5 { // wraps: holds 5 to 64
		w.Push(float64(n))
	}
	tests := []struct {
		n    int
		want float64
	}{{-1, 0}, {0, 0}, {1, 64}, {3, 64 + 63 + 62}, {59, 2070 - 5}, {60, 2070}, {61, 2070}}
	for _, tt := range tests {
		assert.Equal(t, tt.want, w.Sum(tt.n), tt.n)
	}
}

// TestWindowSumOrder uses numbers whose sum depends on the order.
func TestWindowSumOrder(t *testing.T) {
	var w Window
	for _, v := range []float64{1, 1e16, -1e16} {
		w.Push(v)
	}
	assert.Equal(t, 1.0, w.Sum(3), "newest first")
}

// TestWindowClone: neither sees what is pushed to the other, not even when a whole turn
// of the ring has written over every value.
func TestWindowClone(t *testing.T) {
	var w Window
	empty := w.Clone()
	w.Push(1)
	assert.Zero(t, empty.Len())
	c := w.Clone()
	for range WindowSize {
		w.Push(2)
	}
	assert.Equal(t, []float64{1}, list(&c))
	empty.Push(3)
	assert.Equal(t, []float64{3}, list(&empty))
}
