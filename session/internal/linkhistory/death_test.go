package linkhistory

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOracleFindsEveryDeath(t *testing.T) {
	for _, f := range deadly() {
		s := f.Run(1, 25, true, newOracle)
		assert.Equal(t, []int{25, 0, 0}, []int{s.Detected, s.Missed, s.FalseTotal}, f.Name)
		assert.LessOrEqual(t, s.Worst, looks, f.Name)
		require.Len(t, s.Variants, int(variants))
		for v, n := range []int{15, 5, 5} {
			assert.Equal(t, n, s.Variants[v].Detected, "%s %s", f.Name, s.Variants[v].Name)
		}
	}
}

// after runs a death at 70 s and gives what the watcher was told from 2 s after
// that on, having pinged and probed each second.
func after(d death) (told map[string]int) {
	w := still(1)
	w.client.canProbe = true
	w.befall(70*time.Second, &d)
	id := uint64(0)
	watch := &diary{ticks: time.Second, onTick: func(d *diary, _ Instant) {
		id++
		d.c.Ping(id)
		d.c.Probe(id)
	}}
	w.connect(watch)
	w.run(72 * time.Second)
	watch.calls = nil
	w.run(100 * time.Second)
	told = map[string]int{}
	for _, c := range watch.calls {
		told[c.name]++
	}
	return told
}

func TestWhatEachDeathLeaves(t *testing.T) {
	left := map[string][]string{
		"media-dead":     {"pong"},
		"signaling-dead": {"packet", "probed"},
		"both-dead":      {},
		"inbound-dead":   {},
		"outbound-dead":  {"packet"},
		"nat-rebinding":  {"probed"},
		"server-crash":   {},
	}
	for name, want := range left {
		f, ok := Find(name)
		require.True(t, ok)
		told := after(f.death)
		for _, call := range []string{"pong", "packet", "probed"} {
			assert.Equal(t, contains(want, call), told[call] > 0, "%s %s %v", name, call, told)
		}
	}
}

func contains(all []string, one string) bool {
	for _, s := range all {
		if s == one {
			return true
		}
	}
	return false
}

func TestWhatIsOnItsWayStillArrives(t *testing.T) {
	w, d := still(1), &diary{}
	w.connect(d)
	w.run(10 * time.Second)
	w.die(BothDead, BothDead)
	d.calls = nil
	w.run(12 * time.Second)
	assert.InDelta(t, 2.5, len(d.of("packet")), 0.6, "50 ms of packets")
}

func TestDeathAfterAMistakeWaits(t *testing.T) {
	w := still(1)
	w.befall(70*time.Second, &death{up: BothDead, down: BothDead})
	w.connect(says(BothDead, 65*time.Second))
	w.run(85 * time.Second)
	assert.Zero(t, w.truth.dead)
	w.run(120 * time.Second)
	assert.Equal(t, BothDead, w.truth.dead)
}
