package pionlink_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/pion/logging"
	"github.com/pion/transport/v5/vnet"
	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
	"github.com/holdfast-go/holdfast/session/pionlink"
	"github.com/holdfast-go/holdfast/session/sessiontest"
)

// A whole Transport over pionlink, held against all that package session expects of
// one. Media is Pion over a virtual network, signaling a call of a function in memory
// that takes its time, can hang, and can break.

var (
	errDropped = errors.New("the server has closed the signaling")
	errUnknown = errors.New("nobody of that name is here")
)

// desk is the server.
type desk struct {
	*world // for its network
	net    *vnet.Net

	mu      sync.Mutex
	seats   map[*seat]bool
	refuses bool
	hangs   string // the step in which whoever joins waits for ever
	asked   session.Credentials
}

// seat is one client's place at the server.
type seat struct {
	pc   *webrtc.PeerConnection
	wire *wire // guarded by the desk's lock
}

// wire is one signaling connection.
type wire struct {
	desk *desk
	once sync.Once
	cut  chan struct{} // closed when it breaks
}

func (w *wire) drop() { w.once.Do(func() { close(w.cut) }) }

// pass lets something travel one way, which never arrives in the dark.
func (w *wire) pass(ctx context.Context) error {
	takes := time.NewTimer(oneWay)
	defer takes.Stop()
	var arrives <-chan time.Time
	if !w.desk.dark.Load() {
		arrives = takes.C
	}
	select {
	case <-arrives:
		return nil
	case <-w.cut:
		return errDropped
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// ask puts a question to the server.
func (w *wire) ask(ctx context.Context, answer func() error) error {
	if err := w.pass(ctx); err != nil {
		return err
	}
	if err := answer(); err != nil {
		return err
	}
	return w.pass(ctx)
}

// waits hangs in a step if the server is set so.
func (w *wire) waits(ctx context.Context, step string) error {
	w.desk.mu.Lock()
	hangs := w.desk.hangs == step
	w.desk.mu.Unlock()
	if !hangs {
		return nil
	}
	select {
	case <-w.cut:
		return errDropped
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// open opens signaling for somebody.
func (d *desk) open(ctx context.Context, c session.Credentials) (*wire, error) {
	w := &wire{desk: d, cut: make(chan struct{})}
	return w, w.ask(ctx, func() error {
		if err := w.waits(ctx, "open"); err != nil {
			return err
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.asked = c; d.refuses {
			return status.New(status.SignalingInternalServerError, errors.New("no"))
		}
		return nil
	})
}

// join answers the first offer.
func (d *desk) join(ctx context.Context, w *wire, offer webrtc.SessionDescription) (s *seat, answer webrtc.SessionDescription, err error) {
	err = w.ask(ctx, func() error {
		if err := w.waits(ctx, "join"); err != nil {
			return err
		}
		s = &seat{wire: w, pc: d.peer(func(e *webrtc.SettingEngine) { e.SetNet(d.net); patience(e) }, nil, webrtc.Configuration{})}
		d.mu.Lock()
		d.seats[s] = true
		d.mu.Unlock()
		d.audio(s.pc)
		answer, err = (&world{server: s.pc}).answer(ctx, offer)
		return err
	})
	return s, answer, err
}

// patience keeps Pion from giving up a path.
func patience(e *webrtc.SettingEngine) { e.SetICETimeouts(time.Minute, 10*time.Minute, 2*time.Second) }

// free ends a client's place, once it has hung up.
func (d *desk) free(s *seat) {
	d.mu.Lock()
	known := d.seats[s]
	delete(d.seats, s)
	d.mu.Unlock()
	if known {
		_ = s.pc.GracefulClose()
	}
}

// forget ends everybody's place.
func (d *desk) forget() {
	var all []*seat
	d.each(func(s *seat) { all = append(all, s) })
	for _, s := range all {
		d.free(s)
	}
}

func (d *desk) each(f func(s *seat)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for s := range d.seats {
		f(s)
	}
}

func (d *desk) set(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f()
}

// calling is the Transport.
type calling struct {
	desk *desk
	tap  *pionlink.Tap
}

// Connect joins.
func (c *calling) Connect(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
	w, err := c.desk.open(ctx, a.Credentials)
	if err != nil {
		return nil, fmt.Errorf("opening: %w", err)
	}
	pc := c.desk.peer(func(e *webrtc.SettingEngine) { c.tap.Prepare(e); patience(e) }, c.tap, webrtc.Configuration{})
	l := &held{desk: c.desk, pc: pc, wire: w, r: r, closed: make(chan struct{})}
	l.media = pionlink.Watch(pc, r, pionlink.Options{Tap: c.tap})
	if err := l.join(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("joining: %w", err), l.Close(context.WithoutCancel(ctx)))
	}
	l.watch(w)
	return l, nil
}

// held is the link.
type held struct {
	desk  *desk
	pc    *webrtc.PeerConnection
	media *pionlink.Media
	r     *session.Reporter
	tasks sync.WaitGroup

	seat *seat // set by join

	mu   sync.Mutex
	wire *wire // the one that counts
	over bool

	closing sync.Once
	closed  chan struct{}
}

// join negotiates and waits until media is connected.
func (l *held) join(ctx context.Context) error {
	connected := make(chan struct{})
	var once sync.Once
	l.pc.OnConnectionStateChange(func(st webrtc.PeerConnectionState) {
		if st == webrtc.PeerConnectionStateConnected {
			once.Do(func() { close(connected) })
		}
		l.media.Check()
	})
	l.desk.audio(l.pc)
	offer, err := l.pc.CreateOffer(nil)
	if err != nil {
		return err
	}
	gathered := webrtc.GatheringCompletePromise(l.pc)
	if err := l.pc.SetLocalDescription(offer); err != nil {
		return err
	}
	<-gathered // host candidates only: at once
	var answer webrtc.SessionDescription
	if l.seat, answer, err = l.desk.join(ctx, l.wire, *l.pc.LocalDescription()); err != nil {
		return err
	}
	if err := l.pc.SetRemoteDescription(answer); err != nil {
		return err
	}
	select {
	case <-connected:
		return nil
	case <-l.wire.cut:
		return errDropped
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// watch reports the end of a wire, if it still counts then.
func (l *held) watch(w *wire) {
	l.tasks.Go(func() {
		<-w.cut
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.wire == w && !l.over {
			l.r.Closed(status.LayerSignaling, errDropped)
		}
	})
}

func (l *held) current() *wire {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.wire
}

// Ping asks over the signaling.
func (l *held) Ping(ctx context.Context, id uint64) error {
	if err := l.current().ask(ctx, func() error { return nil }); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.over {
		l.r.Pong(id)
	}
	return nil
}

// ProbeMedia asks over the media path.
func (l *held) ProbeMedia(ctx context.Context, id uint64) error { return l.media.ProbeMedia(ctx, id) }

// RestartMedia restarts ICE over the open signaling.
func (l *held) RestartMedia(ctx context.Context, _ session.Attempt) error {
	return l.restart(ctx, l.current())
}

func (l *held) restart(ctx context.Context, w *wire) error {
	return l.media.Restart(ctx, func(ctx context.Context, offer webrtc.SessionDescription) (answer webrtc.SessionDescription, err error) {
		err = w.ask(ctx, func() error {
			answer, err = (&world{server: l.seat.pc}).answer(ctx, offer)
			return err
		})
		return answer, err
	})
}

// Resume opens other signaling to the same seat.
func (l *held) Resume(ctx context.Context, a session.Attempt) error {
	w, err := l.desk.open(ctx, a.Credentials)
	if err != nil {
		return err
	}
	if err := w.ask(ctx, func() error { return l.desk.readmit(l.seat, w) }); err != nil {
		w.drop()
		return err
	}
	if !l.replace(w) {
		w.drop()
		return errDropped
	}
	if a.RestartMedia {
		return l.restart(ctx, w)
	}
	return nil
}

// readmit gives a seat another wire, if there still is that seat.
func (d *desk) readmit(s *seat, w *wire) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.seats[s] {
		return fmt.Errorf("%w: %w", session.ErrRefused, errUnknown)
	}
	s.wire = w
	return nil
}

// replace makes a wire the one that counts, false if the link is being closed.
func (l *held) replace(w *wire) bool {
	l.mu.Lock()
	old, over := l.wire, l.over
	if !over {
		l.wire = w
	}
	l.mu.Unlock()
	if !over {
		old.drop()
		l.watch(w)
	}
	return !over
}

// Close ends the reports before it closes what they are about.
func (l *held) Close(ctx context.Context) error {
	l.closing.Do(func() {
		l.mu.Lock()
		l.over = true
		w := l.wire
		l.mu.Unlock()
		l.media.Close()
		w.drop()
		go l.release()
	})
	select {
	case <-l.closed:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (l *held) release() {
	defer close(l.closed)
	_ = l.pc.GracefulClose()
	l.tasks.Wait()
	if l.seat != nil {
		l.desk.free(l.seat)
	}
}

var (
	_ session.Pinger         = (*held)(nil)
	_ session.MediaProber    = (*held)(nil)
	_ session.MediaRestarter = (*held)(nil)
	_ session.Resumer        = (*held)(nil)
)

// newDesk opens the server.
func newDesk(tb testing.TB) (*desk, *calling) {
	d := &desk{world: &world{t: tb}, seats: map[*seat]bool{}}
	var err error
	d.router, err = vnet.NewRouter(&vnet.RouterConfig{
		CIDR: "192.0.2.0/24", MinDelay: oneWay, LoggerFactory: logging.NewDefaultLoggerFactory(),
	})
	require.NoError(tb, err)
	d.router.AddChunkFilter(d.filter)
	client := d.host(d.router, clientIP)
	d.net = d.host(d.router, serverIP)
	require.NoError(tb, d.router.Start())
	tb.Cleanup(func() {
		d.set(func() { d.hangs, d.refuses = "", false })
		d.forget()
		require.NoError(tb, d.router.Stop())
	})
	return d, &calling{d, pionlink.NewTap(client)}
}

// TestTransportConforms: a Transport that is built of what pionlink offers keeps all
// that package session expects of one.
func TestTransportConforms(t *testing.T) {
	sessiontest.TestTransportInBubble(t, func(tb testing.TB) sessiontest.Fixture {
		d, c := newDesk(tb)
		hang := func(step string) func() { return func() { d.set(func() { d.hangs = step }) } }
		return sessiontest.Fixture{
			Transport: c,
			Attempt:   session.Attempt{Endpoint: "here", Credentials: session.Credentials{Token: "a"}},
			Other:     session.Attempt{Endpoint: "there", Credentials: session.Credentials{Token: "b"}},
			Has:       sessiontest.CanPing | sessiontest.CanProbe | sessiontest.CanRestartMedia | sessiontest.CanResume,
			Vanish:    func() { d.dark.Store(true) },
			Drop:      func() { d.each(func(s *seat) { s.wire.drop() }) },
			Refuse:    func() { d.set(func() { d.refuses = true }) },
			Hang:      map[string]func(){"opening": hang("open"), "joining": hang("join")},
			Forget:    d.forget,
			Heal: func() {
				d.dark.Store(false)
				d.set(func() { d.hangs, d.refuses = "", false })
			},
			Links: func() (n int) { d.each(func(*seat) { n++ }); return n },
			Used: func(a session.Attempt) error {
				var asked session.Credentials
				d.set(func() { asked = d.asked })
				if asked != a.Credentials {
					return errors.New("other credentials have arrived")
				}
				return nil
			},
		}
	})
}
