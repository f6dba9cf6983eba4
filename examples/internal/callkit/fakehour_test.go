package callkit

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-go/holdfast/examples/internal/callkit/fakenet"
	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// hourPacket is the packet time of the tests in fake time: one packet a second
// instead of 50, since every packet of an hour is really encrypted.
const hourPacket = time.Second

// fakeCall is a server and a call in a bubble of fake time.
type fakeCall struct {
	net    *fakenet.Network
	proxy  *Proxy
	server *Server
	call   *Call
	h      *recorder
	serves chan error
}

func newFakeCall(t *testing.T) *fakeCall {
	t.Helper()
	n, err := fakenet.NewNetwork(10 * time.Millisecond)
	require.NoError(t, err)
	web, front := fakenet.NewListener("server"), fakenet.NewListener("proxy")
	f := &fakeCall{net: n, h: newRecorder(), serves: make(chan error, 1)}
	// Both sides sit a long fault out.
	patient := func(move func(*webrtc.SettingEngine)) func(*webrtc.SettingEngine) {
		return func(e *webrtc.SettingEngine) {
			move(e)
			e.SetICETimeouts(5*time.Second, 10*time.Minute, 2*time.Second)
		}
	}
	f.server = NewServer(ServerOptions{Media: patient(n.ServerMedia), PacketEvery: hourPacket})
	go func() { f.serves <- f.server.Serve(web) }()
	f.proxy = NewProxy(front, web.Dial)
	f.call, err = Dial(context.Background(), Options{
		URL: URL("server"), Attendee: alice, Dial: front.DialContext,
		PacketEvery: hourPacket, Net: n.Client(), Media: patient(n.ClientMedia),
	}, f.h)
	require.NoError(t, err)
	return f
}

// close ends everything, as a bubble demands.
func (f *fakeCall) close(t *testing.T) {
	t.Helper()
	require.NoError(t, f.call.Close(context.Background()))
	require.NoError(t, f.server.Close())
	require.ErrorIs(t, <-f.serves, ErrServerClosed)
	require.NoError(t, f.proxy.Close())
	require.NoError(t, f.net.Close())
}

// after lets fake time pass and gives the packets that came meanwhile.
func (f *fakeCall) after(d time.Duration) (in, out uint64) {
	in, out = f.call.Received(), f.server.PacketsFrom(alice)
	time.Sleep(d)
	synctest.Wait()
	return f.call.Received() - in, f.server.PacketsFrom(alice) - out
}

// TestAnHourOfFakeTime runs real signaling and real media through an hour with a
// black hole in its middle.
func TestAnHourOfFakeTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		f := newFakeCall(t)
		const part = 28 * time.Minute
		expected := uint64(part / hourPacket)

		in, out := f.after(part)
		assert.InDelta(t, expected, in, 2)
		assert.InDelta(t, expected, out, 2)

		f.net.BlackHole(fakenet.BothWays)
		in, out = f.after(time.Minute)
		assert.Zero(t, in)
		assert.Zero(t, out)
		f.net.Heal(fakenet.BothWays)

		f.net.BlackHole(fakenet.ToServer)
		in, out = f.after(20 * time.Second)
		assert.NotZero(t, in)
		assert.Zero(t, out)
		f.net.Heal(fakenet.ToServer)

		in, out = f.after(part)
		assert.InDelta(t, expected, in, 2)
		assert.InDelta(t, expected, out, 2)
		assert.Empty(t, f.h.losses())
		f.checkSamples(t)

		f.net.BlackHole(fakenet.ToClient)
		in, _ = f.after(time.Until(began.Add(time.Hour)))
		assert.Zero(t, in)
		assert.Equal(t, time.Hour, time.Since(began))
		f.close(t)
	})
}

// checkSamples looks for the black hole in what was measured.
func (f *fakeCall) checkSamples(t *testing.T) {
	t.Helper()
	dark := 0
	var last health.Sample
	f.h.do(func() {
		for _, s := range f.h.samples {
			if s.BytesReceived == last.BytesReceived && s.STUNMessages == last.STUNMessages {
				dark++
			}
			last = s
		}
	})
	assert.InDelta(t, 60, dark, 3, "seconds without any traffic")
}

// TestHalfOpenInFakeTime shows that the proxy works in a bubble as well.
func TestHalfOpenInFakeTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeCall(t)
		ctx := context.Background()
		require.NoError(t, f.call.Ping(ctx, 1))
		f.after(time.Second)
		assert.True(t, f.h.has(func() bool { return len(f.h.pongs) == 1 })())

		f.proxy.Freeze()
		for id := range uint64(30) {
			require.NoError(t, f.call.Ping(ctx, 2+id))
			in, _ := f.after(time.Second)
			assert.NotZero(t, in)
		}
		assert.True(t, f.h.has(func() bool { return len(f.h.pongs) == 1 })())
		f.proxy.Heal()
		f.after(time.Second)
		assert.True(t, f.h.has(func() bool { return len(f.h.pongs) == 31 })())

		require.True(t, f.server.CloseSignaling(alice, 4410))
		f.after(time.Second)
		assert.Equal(t, []string{"closed signaling"}, f.h.losses())
		f.close(t)
	})
}

// TestServerFaultsInFakeTime covers what the other tests cannot time exactly.
func TestServerFaultsInFakeTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeCall(t)
		f.after(time.Second)
		f.server.TellLate(200 * time.Millisecond)
		require.True(t, f.server.Remove(alice))
		f.after(100 * time.Millisecond)
		assert.Equal(t, []string{"closed media"}, f.h.losses())
		f.after(100 * time.Millisecond)
		assert.Equal(t, []string{"closed media", status.AudioAttendeeRemoved.String(), "closed signaling"}, f.h.losses())
		f.close(t)
	})
}

// TestGraceInFakeTime takes the grace to the second: media flows as long as it lasts,
// and so long the way back is open.
func TestGraceInFakeTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeCall(t)
		ctx := context.Background()
		f.after(time.Second)
		require.True(t, f.server.CutSignaling(alice))
		in, out := f.after(defaultGrace - time.Millisecond)
		assert.InDelta(t, defaultGrace/hourPacket, in, 2)
		assert.InDelta(t, defaultGrace/hourPacket, out, 2)
		require.NoError(t, f.call.Resume(ctx, ResumeOptions{}))
		in, out = f.after(2 * defaultGrace)
		assert.InDelta(t, 2*defaultGrace/hourPacket, in, 2, "the grace begins anew")
		assert.InDelta(t, 2*defaultGrace/hourPacket, out, 2)

		require.True(t, f.server.CutSignaling(alice))
		f.after(defaultGrace)
		assert.Empty(t, f.server.Attendees())
		require.ErrorIs(t, f.call.Resume(ctx, ResumeOptions{}), ErrResumeRefused)
		f.close(t)
	})
}

// TestRemovalIsRememberedInFakeTime for as long as the attendee would have been kept.
func TestRemovalIsRememberedInFakeTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeCall(t)
		ctx := context.Background()
		f.after(time.Second)
		f.proxy.Freeze()
		require.True(t, f.server.Remove(alice))
		f.after(defaultGrace - time.Millisecond)
		f.proxy.Cut() // the word of the removal is lost
		f.proxy.Heal()
		require.ErrorIs(t, f.call.Resume(ctx, ResumeOptions{}), status.AudioAttendeeRemoved)
		f.after(time.Millisecond)
		require.ErrorIs(t, f.call.Resume(ctx, ResumeOptions{}), ErrResumeRefused)
		f.close(t)
	})
}

// TestResumeOnAnotherPathInFakeTime leaves a half-open connection behind, which ends
// an hour later and harms nobody.
func TestResumeOnAnotherPathInFakeTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeCall(t)
		f.after(time.Second)
		f.proxy.Freeze()
		short, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		began := time.Now()
		require.ErrorIs(t, f.call.Resume(short, ResumeOptions{}), context.DeadlineExceeded)
		assert.Equal(t, 3*time.Second, time.Since(began))
		f.net.BlackHole(fakenet.BothWays)
		time.AfterFunc(5*time.Second, func() { f.proxy.Heal(); f.net.Heal(fakenet.BothWays) })
		require.NoError(t, f.call.Resume(context.Background(), ResumeOptions{RestartMedia: true}))
		assert.Less(t, time.Since(began), 10*time.Second)
		in, out := f.after(time.Hour / 4)
		assert.InDelta(t, time.Hour/4/hourPacket, in, 2)
		assert.InDelta(t, time.Hour/4/hourPacket, out, 2)
		assert.Empty(t, f.h.losses())
		f.close(t)
	})
}
