package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/examples/internal/callkit"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/session"
)

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
	flight  *session.Recorder // nil: nothing is recorded
	ended   []func() error

	mu     sync.Mutex
	events []observer.Event
	heard  chan struct{} // closed at the next event
}

// known lets in whoever has the token.
func known(_ string, t callkit.Token) bool { return t == token }

// newStage starts a server and puts the network between it and the client.
func newStage(t *timeline) (*stage, error) {
	server := callkit.NewServer(callkit.ServerOptions{Check: known})
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
	if st.flight != nil {
		errs = append(errs, st.flight.Err())
	}
	for i := len(st.ended) - 1; i >= 0; i-- {
		errs = append(errs, st.ended[i]())
	}
	return errors.Join(errs...)
}

// client makes the session, with default settings. This is all that an
// application has to do.
func (st *stage) client(token callkit.Token, vault session.CredentialFunc) error {
	cfg := session.Config{
		Name: attendee,
		Transport: caller{callkit.Options{
			URL: callkit.URL(st.proxy.Addr().String()), Attendee: attendee, Token: token, Net: st.media,
		}},
		Observers: []observer.Observer{st.timeline, observer.Func(st.note)},
	}
	if st.record != nil {
		st.flight = recorder(st.record, string(token))
		cfg.Recorder = st.flight
	}
	if vault != nil {
		cfg.Credentials = vault
	}
	var err error
	st.s, err = session.New(cfg)
	return err
}

// join connects and lets the call run for a while.
func (st *stage) join(ctx context.Context, f fault) error {
	if err := st.client(token, f.vault); err != nil {
		return err
	}
	if err := st.s.Start(ctx); err != nil {
		return fmt.Errorf("joining: %w", err)
	}
	if _, err := st.audio(ctx, nil, 5); err != nil {
		return err
	}
	st.say("media", "audio flows")
	return pause(ctx, max(f.age, time.Second))
}

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

// cost is what the last attempt after index from has taken, to Connected.
func (st *stage) cost(from int) (took time.Duration) {
	st.mu.Lock()
	defer st.mu.Unlock()
	var began time.Duration
	for _, e := range st.events[from:] {
		switch e.(type) {
		case observer.AttemptStarted:
			began = e.Head().Elapsed
		case observer.Connected:
			took = e.Head().Elapsed - began
		}
	}
	return took
}

// mark is where the events stand now.
func (st *stage) mark() int {
	st.mu.Lock()
	defer st.mu.Unlock()
	return len(st.events)
}

// audio waits until n audio packets have come in over the present link, or one
// more if it is the old one, and returns when that was.
func (st *stage) audio(ctx context.Context, old session.Link, n uint64) (time.Time, error) {
	before, _ := old.(link)
	had := n
	if old != nil {
		had = before.Received() + 1
	}
	return st.until(ctx, func(now link) bool {
		return now == before && now.Received() >= had || now != before && now.Received() >= n
	})
}

// until waits for the present link to be as asked for.
func (st *stage) until(ctx context.Context, cond func(link) bool) (time.Time, error) {
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for {
		if l, ok := st.s.Link(); ok && cond(l.(link)) {
			return time.Now(), nil
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return time.Time{}, fmt.Errorf("no audio: %w", context.Cause(ctx))
		}
	}
}
