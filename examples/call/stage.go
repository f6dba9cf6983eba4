package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/examples/internal/callkit"
	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/session"
)

// The thresholds of the fault run. The defaults take 25 s and more to be sure;
// a demonstration has less time.
const (
	sampleEvery    = 100 * time.Millisecond
	silentSamples  = 15
	pingEvery      = 500 * time.Millisecond
	missedPongs    = 3
	healthWait     = 500 * time.Millisecond
	connectTimeout = 2 * time.Second
	budget         = 20 * time.Second
)

const thresholdNote = "thresholds shortened through the public Config: health sample every 100 ms, dead after 15 silent ones,\n" +
	"ping every 500 ms, dead after 3 missed; an attempt may take 2 s, an outage 20 s; the rest are defaults"

const (
	attendee = "ada"
	token    = "let-me-in"
)

// stage is where one fault is played: a server, a network that can be broken,
// and a client that embeds Holdfast.
type stage struct {
	*timeline
	server  *callkit.Server // nil if it runs as a process
	process *process
	proxy   *callkit.Proxy // the signaling path
	media   *callkit.FaultNet
	s       *session.Session
	ended   []func() error

	mu     sync.Mutex
	events []observer.Event
	heard  chan struct{} // closed at the next event
}

// newStage starts a server and puts the network between it and the client.
func newStage(t *timeline) (*stage, error) {
	server := callkit.NewServer(callkit.ServerOptions{
		Check: func(_ string, t callkit.Token) bool { return t == token },
	})
	if err := server.Listen("127.0.0.1:0"); err != nil {
		return nil, err
	}
	st, err := newStageFor(t, server.Addr().String())
	if err != nil {
		return nil, errors.Join(err, server.Close())
	}
	st.server = server
	st.ended = append(st.ended, server.Close)
	return st, nil
}

// newStageFor puts the network before a server that is somebody else's.
func newStageFor(t *timeline, addr string) (*stage, error) {
	st := &stage{timeline: t, heard: make(chan struct{})}
	var err error
	if st.proxy, err = callkit.ListenProxy(addr); err != nil {
		return nil, err
	}
	st.ended = append(st.ended, st.proxy.Close)
	if st.media, err = callkit.NewFaultNet(nil, nil); err != nil {
		return nil, errors.Join(err, st.close())
	}
	return st, nil
}

// close ends everything, the client first.
func (st *stage) close() error {
	var errs []error
	if st.s != nil {
		errs = append(errs, st.s.Close())
	}
	for i := len(st.ended) - 1; i >= 0; i-- {
		errs = append(errs, st.ended[i]())
	}
	return errors.Join(errs...)
}

// client makes the session. This is all that an application has to do.
func (st *stage) client(token callkit.Token) error {
	p := policy.Default()
	p.Budget.Elapsed = budget
	var err error
	st.s, err = session.New(session.Config{
		Name: attendee,
		Transport: caller{callkit.Options{
			URL: callkit.URL(st.proxy.Addr().String()), Attendee: attendee, Token: token, SampleEvery: sampleEvery,
			Net: st.media,
		}},
		Observers:      []observer.Observer{st.timeline, observer.Func(st.note)},
		Policy:         &p,
		ConnectTimeout: connectTimeout,
		PingInterval:   pingEvery,
		Health: health.Config{Reconnection: health.ReconnectionConfig{
			Wait: healthWait, NoPackets: silentSamples, MissedPongs: missedPongs,
		}},
	})
	return err
}

// join connects and waits until audio flows.
func (st *stage) join(ctx context.Context) error {
	if err := st.client(token); err != nil {
		return err
	}
	if err := st.s.Start(ctx); err != nil {
		return fmt.Errorf("joining: %w", err)
	}
	if _, err := st.audio(ctx, 5); err != nil {
		return err
	}
	st.say("media", "audio flows")
	return st.settle(ctx)
}

// settle lets the health policies' initial wait pass.
func (st *stage) settle(ctx context.Context) error { return pause(ctx, healthWait) }

// note keeps an event for those who wait for one.
func (st *stage) note(e observer.Event) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.events = append(st.events, e)
	close(st.heard)
	st.heard = make(chan struct{})
}

// await waits for the first event at or after index from that passes.
func (st *stage) await(ctx context.Context, from int, pass func(observer.Event) bool) (observer.Event, error) {
	for {
		st.mu.Lock()
		events, heard := st.events, st.heard
		st.mu.Unlock()
		for ; from < len(events); from++ {
			if pass(events[from]) {
				return events[from], nil
			}
		}
		select {
		case <-heard:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// mark is where the events stand now.
func (st *stage) mark() int {
	st.mu.Lock()
	defer st.mu.Unlock()
	return len(st.events)
}

// audio waits until n audio packets have come in over the present link, and
// returns when that was.
func (st *stage) audio(ctx context.Context, n uint64) (time.Time, error) {
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for {
		if l, ok := st.s.Link(); ok && l.(link).Received() >= n {
			return time.Now(), nil
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return time.Time{}, fmt.Errorf("no audio: %w", context.Cause(ctx))
		}
	}
}
