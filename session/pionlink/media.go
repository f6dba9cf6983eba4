package pionlink

import (
	"cmp"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/pion/webrtc/v4"
)

// Reports is what a Media tells of a link. *session.Reporter is one. The methods
// are called from one goroutine and must not block, nor call Media.Close.
type Reports interface {
	Alive(l status.Layer)
	Sample(s health.Sample)
	Expect(e health.Expectation)
	Doubt(l status.Layer, why error)
	Probed(id uint64)
	Closed(l status.Layer, err error)
}

// Options says how to watch a peer connection. The zero value works, without media
// probes and audio figures.
type Options struct {
	// Tap is that of the API which has made the peer connection. Without one, or with
	// one that is not in the setting engine, there are no media probes; with one that
	// is not in the registry of interceptors, samples have no audio figures.
	Tap *Tap
	// PollEvery is the time between two looks at the selected candidate pair and the
	// states. 0: 200 ms; negative: only Check looks.
	PollEvery time.Duration
	// SampleEvery is the time between two samples. 0: 1 s; negative: no samples.
	SampleEvery time.Duration
	// Amend adds to a sample what only the application knows (video, the delay of the
	// speaker) before it is reported. It is called from the goroutine of the Media.
	Amend func(*health.Sample)
	// Continuous says that the other side sends audio all the time, silence included:
	// no DTX, and no pause when muted. While an audio track is received, packets are
	// expected then, not only keepalives.
	Continuous bool
	// GatherTimeout bounds how long Restart gathers candidates before its offer goes
	// out with those found so far. 0: 500 ms.
	GatherTimeout time.Duration
}

const (
	defaultPollEvery     = 200 * time.Millisecond
	defaultSampleEvery   = time.Second
	defaultGatherTimeout = 500 * time.Millisecond
)

// The causes that a Media reports.
var (
	// ErrDisconnected is the doubt: ICE has heard nothing for some seconds.
	ErrDisconnected = errors.New("ICE is disconnected")
	// ErrICEFailed is a loss: ICE has given up.
	ErrICEFailed = errors.New("ICE has failed")
	// ErrDTLSFailed is a loss: the DTLS handshake has failed. Pion may close the peer
	// connection for the same reason, so that it looks like ErrHungUp.
	ErrDTLSFailed = errors.New("DTLS has failed")
	// ErrHungUp is a loss: the other side has closed the peer connection. It has no
	// status code, since the server's reason for it often follows.
	ErrHungUp = errors.New("the other side has closed the peer connection")
)

// Media watches one peer connection and reports what it sees. Watch makes one,
// Close ends it. All methods may be called from any goroutine.
type Media struct {
	pc    *webrtc.PeerConnection
	ice   *webrtc.ICETransport
	dtls  *webrtc.DTLSTransport
	r     Reports
	o     Options
	count *counter // nil: not counted

	answers chan *probe
	wake    chan struct{} // to look at once
	stop    chan struct{}
	done    chan struct{}
	closing sync.Once

	declared   atomic.Uint32 // by Expect
	restarting atomic.Bool
	swapped    atomic.Bool   // the role in ICE is not the one that Pion tells
	turn       chan struct{} // holds a token while Restart runs
	probes     outstanding
	held       held

	// Owned by the goroutine.
	path     totals
	expected health.Expectation
	state    webrtc.ICETransportState
	over     bool // the peer connection is closed, or will never work
	last     time.Time
	audio    figures // at the last sample
}

// Watch begins to report what it sees of a peer connection, from a goroutine of its
// own, until Close. Begin as soon as the peer connection is made, or later. Close
// must be called before the application closes the peer connection: a close without
// it is reported as the other side's.
func Watch(pc *webrtc.PeerConnection, r Reports, o Options) *Media {
	o.PollEvery = cmp.Or(o.PollEvery, defaultPollEvery)
	o.SampleEvery = cmp.Or(o.SampleEvery, defaultSampleEvery)
	o.GatherTimeout = cmp.Or(o.GatherTimeout, defaultGatherTimeout)
	dtls := pc.SCTP().Transport() // the one transport, which is there without data channels, too
	m := &Media{
		pc: pc, ice: dtls.ICETransport(), dtls: dtls, r: r, o: o,
		answers: make(chan *probe, maxOutstanding), wake: make(chan struct{}, 1),
		stop: make(chan struct{}), done: make(chan struct{}), turn: make(chan struct{}, 1),
		last: time.Now(),
	}
	if o.Tap != nil {
		m.count = o.Tap.counter(pc.ID())
	}
	go m.run()
	return m
}

// Close ends the reports and waits for the goroutine. Nothing is reported after it
// has returned. It does not close the peer connection. Every call of it waits.
func (m *Media) Close() {
	m.closing.Do(func() {
		close(m.stop)
		m.probes.close()
	})
	<-m.done
}

// Check looks at the states at once. Call it from OnConnectionStateChange or
// another handler of the application to save the wait for the next look. It returns
// at once and never blocks.
func (m *Media) Check() {
	select {
	case m.wake <- struct{}{}:
	default: // a look is due anyway
	}
}

// Expect declares what should be coming in, such as health.ExpectKeepalives when
// the others are muted, and holds until the next call. health.ExpectUnknown leaves
// it to Media again: keepalives, or media while there is an audio track of which
// Options.Continuous says so.
func (m *Media) Expect(e health.Expectation) {
	m.declared.Store(uint32(e))
	m.Check()
}

func (m *Media) run() {
	defer close(m.done)
	poll, stopPoll := every(m.o.PollEvery)
	defer stopPoll()
	sample, stopSample := every(m.o.SampleEvery)
	defer stopSample()
	m.look()
	for {
		select {
		case <-m.stop:
			return
		case p := <-m.answers:
			m.answered(p)
		case <-m.wake:
			m.look()
		case <-poll:
			m.look()
		case <-sample:
			m.sample()
		}
	}
}

// every ticks; never if d is negative.
func every(d time.Duration) (<-chan time.Time, func()) {
	if d < 0 {
		return nil, func() {}
	}
	t := time.NewTicker(d)
	return t.C, t.Stop
}

// look reports what there is to see.
func (m *Media) look() {
	m.expect()
	m.listen()
	m.judge()
}

// listen reports a sign of life if anything has come in. It allocates what Pion
// does.
func (m *Media) listen() {
	if m.over || !m.askable() {
		return
	}
	if stats, ok := m.ice.GetSelectedCandidatePairStats(); ok && m.path.add(&stats) {
		m.r.Alive(status.LayerMedia)
	}
}

// askable says whether ICE can be asked for its pair. Before it has started, that
// would race with the start in Pion; at its end Pion would log an error.
func (m *Media) askable() bool {
	switch m.ice.State() {
	case webrtc.ICETransportStateNew, webrtc.ICETransportStateClosed:
		return false
	}
	return true
}

// judge reports a state that means something, once when it is entered.
func (m *Media) judge() {
	if m.over {
		return
	}
	state, dtls := m.ice.State(), m.dtls.State()
	switch {
	case state == webrtc.ICETransportStateClosed || dtls == webrtc.DTLSTransportStateClosed:
		m.over = true
		m.r.Closed(status.LayerMedia, ErrHungUp)
		return
	case dtls == webrtc.DTLSTransportStateFailed:
		m.over = true
		m.r.Closed(status.LayerMedia, lost(ErrDTLSFailed))
		return
	case state == webrtc.ICETransportStateFailed && m.restarting.Load():
		return // Restart tries again, and leaves the rest to the look after it
	case state == m.state:
		return
	}
	m.state = state
	switch state {
	case webrtc.ICETransportStateFailed:
		m.r.Closed(status.LayerMedia, lost(ErrICEFailed))
	case webrtc.ICETransportStateDisconnected:
		m.r.Doubt(status.LayerMedia, ErrDisconnected)
	}
}

// lost is the status of a path that will not come back by itself.
func lost(why error) error {
	return status.Status{Code: status.ConnectionHealthReconnect, Layer: status.LayerMedia, Cause: why}
}

// expect reports what should be coming in, when that changes.
func (m *Media) expect() {
	e := health.Expectation(m.declared.Load()) //nolint:gosec // was one
	if e == health.ExpectUnknown {
		e = health.ExpectKeepalives // ICE sees to that
		if m.o.Continuous && m.receiving() {
			e = health.ExpectMedia
		}
	}
	if e != m.expected {
		m.expected = e
		m.r.Expect(e)
	}
}

// receiving says whether there is an audio track of the other side's that has sent.
func (m *Media) receiving() bool {
	if m.count == nil {
		return false
	}
	_, receiving, _ := m.count.totals()
	return receiving
}
