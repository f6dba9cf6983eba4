package health

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var rewrite = flag.Bool("update", false, "write the golden files anew")

const livesFile = "testdata/lives.golden"

// life is a wire to which things happen by chance, and what the detector says of
// it. On a golden file it shows every change of what the detector does, and when.
type life struct {
	*wire
	chance *rand.PCG
	text   strings.Builder
	told   int // of the steps
}

// n is a number below most.
func (l *life) n(most uint64) uint64 { return l.chance.Uint64() % most }

func (l *life) time(most time.Duration) time.Duration { return time.Duration(l.n(uint64(most))) }

// pick gives one of a few.
func pick[T any](l *life, of ...T) T { return of[l.n(uint64(len(of)))] }

// newLife is the link of a seed.
func newLife(seed uint64) *life {
	l := &life{chance: rand.NewPCG(seed, 1)}
	c := pick(l, DetectorConfig{}, DetectorConfig{}, DetectorConfig{ProbeEvery: -1}, DetectorConfig{PingIdle: -1},
		DetectorConfig{CleanFor: 6 * time.Second}, DetectorConfig{ProbeEvery: 450 * ms, PingIdle: 2500 * ms, BothSilence: 5 * time.Second})
	l.wire = newWire(pick(l, 0, 15*ms, 40*ms, 200*ms, 600*ms), pick(l, 0, 20*ms, 400*ms, 3*time.Second), c)
	l.say("probes every %s, pings after %s, round trip %s, media every %s",
		l.d.limits.ProbeEvery, l.d.limits.PingIdle, l.rtt, l.cadence)
	l.expect()
	return l
}

func (l *life) say(format string, arguments ...any) {
	fmt.Fprintf(&l.text, "%12s "+format+"\n", append([]any{l.now.Round(time.Microsecond)}, arguments...)...)
}

func (l *life) expect() {
	e := pick(l, ExpectUnknown, ExpectMedia, ExpectKeepalives, ExpectNothing)
	l.d.Expect(l.now, e)
	l.say("expects %s", e)
}

// passes lets time pass, in small steps, and tells what is found.
func (l *life) passes(span time.Duration) {
	for end := l.now + span; l.now < end; {
		l.run(min(50*ms, end-l.now))
		for ; l.told < len(l.steps); l.told++ {
			l.tell(l.steps[l.told])
		}
	}
}

func (l *life) tell(s Step) {
	l.say("%s, %d probes, %d pings, for %s, judges %s", found(s), l.probes, l.pings, l.d.Suspicion(l.now), l.d.Judges())
	if s.Suspected|s.Dead != 0 {
		g := l.d.Diagnose(l.now, s.Suspected|s.Dead)
		l.say("  %s", g)
	}
	if s.Healed {
		l.d.Revive(l.now)
	}
}

func found(s Step) string {
	var words []string
	if s.Cleared {
		words = append(words, "cleared")
	}
	if s.Healed {
		words = append(words, "healed")
	}
	if s.Voided > 0 {
		words = append(words, "voided "+s.Voided.String())
	}
	if s.Suspected != 0 {
		words = append(words, "suspects "+s.Suspected.String())
	}
	if s.Dead != 0 {
		words = append(words, "dead: "+s.Dead.String())
	}
	return strings.Join(words, " and ")
}

// something happens by chance.
func (l *life) something() {
	switch l.n(16) {
	case 0, 1, 2, 3, 4, 5:
		l.falls(pick(l, 300*ms, 2*time.Second, 5*time.Second, 15*time.Second, 50*time.Second))
	case 6:
		l.slows()
	case 7:
		due, _ := l.d.Due()
		l.now = max(l.now, due) + l.time(3*time.Second)
		l.say("stalls")
	case 8:
		asleep := l.time(10 * time.Second)
		l.say("sleeps for %s", asleep)
		l.d.Void(l.now, asleep)
	case 9:
		doubt := pick(l, Media, Signaling, Both)
		l.say("doubts %s", doubt)
		l.d.Doubt(l.now, doubt)
	case 10:
		l.expect()
	case 11:
		l.say("revives")
		l.d.Revive(l.now)
	case 12, 13:
		l.say("opens another link")
		l.answers = nil
		l.d.Start(l.now, l.n(4) > 0, l.n(4) > 0)
	case 14:
		l.d.HeardSignaling(l.now)
		l.say("hears signaling")
	case 15:
		l.cannot()
	}
}

// falls has some directions fall silent for a while.
func (l *life) falls(most time.Duration) {
	l.mediaIn, l.mediaOut, l.signaling = l.n(2) == 0, l.n(2) == 0, l.n(2) == 0
	silent := l.time(most)
	l.say("falls silent for %s: in %t, out %t, signaling %t", silent, l.mediaIn, l.mediaOut, l.signaling)
	l.passes(silent)
	l.mediaIn, l.mediaOut, l.signaling = false, false, false
}

// slows has answers come late for a while.
func (l *life) slows() {
	usual := l.rtt
	l.rtt += l.time(1200 * ms)
	l.say("slows down to %s", l.rtt)
	l.passes(l.time(20 * time.Second))
	l.rtt = usual
}

func (l *life) cannot() {
	if l.n(2) == 0 {
		l.d.CannotProbe()
		l.say("cannot probe after all")
		return
	}
	l.d.CannotPing()
	l.say("cannot ping after all")
}

// live is one life of so many events.
func live(seed uint64, events int) string {
	l := newLife(seed)
	for range events {
		l.passes(l.time(pick(l, time.Second, 10*time.Second, 90*time.Second)))
		l.something()
	}
	l.passes(20 * time.Second)
	l.say("%d probes, %d pings, heard %t, loss %.4f, probe %s, ping %s, longest %s",
		l.probes, l.pings, l.d.Heard(), l.d.path.loss, l.d.path.probe, l.d.path.ping, l.d.longest)
	return fmt.Sprintf("== life %d\n%s", seed, l.text.String())
}

// TestDetectorLives compares what the detector says of links to which anything
// happens with what it said when that was last looked at.
func TestDetectorLives(t *testing.T) {
	var text strings.Builder
	for seed := range uint64(120) {
		text.WriteString(live(seed, 16))
	}
	if *rewrite {
		require.NoError(t, os.WriteFile(livesFile, []byte(text.String()), 0o644))
	}
	golden, err := os.ReadFile(livesFile)
	require.NoError(t, err)
	want, got := strings.Split(string(golden), "\n"), strings.Split(text.String(), "\n")
	for i := range min(len(want), len(got)) {
		require.Equal(t, want[i], got[i], "line %d", i+1)
	}
	assert.Len(t, got, len(want))
	for _, seen := range []string{"dead: media", "dead: signaling", "dead: both", "healed", "cleared", "voided", "cannot"} {
		assert.Contains(t, string(golden), seen)
	}
}
