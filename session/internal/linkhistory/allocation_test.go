package linkhistory

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestNoAllocationPerPacket(t *testing.T) {
	w := still(1)
	losing(0.05)(w)
	jittering(w)
	w.connect(Reference())
	w.run(10 * time.Minute) // everything has grown to its size
	assert.Less(t, testing.AllocsPerRun(1, func() { w.run(w.now + 10*time.Minute) }), 100.0)
}
