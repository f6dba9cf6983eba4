package session

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session/internal/machine"
)

// State is where a session is in its life.
type State = observer.State

// Snapshot is a copy of what a session knows of itself.
type Snapshot = observer.Snapshot

// Hint is what an application knows of its own network, for Session.Hint.
type Hint = observer.Hint

// The hints.
const (
	NetworkDown    = observer.NetworkDown
	NetworkUp      = observer.NetworkUp
	NetworkChanged = observer.NetworkChanged
	Woke           = observer.Woke
)

// The states.
const (
	StateIdle         = observer.StateIdle
	StateConnecting   = observer.StateConnecting
	StateConnected    = observer.StateConnected
	StateReconnecting = observer.StateReconnecting
	StateStopped      = observer.StateStopped
)

// Session keeps one media session attached. Make it with New; the zero value
// does not work. All methods may be called from any goroutine.
type Session struct {
	cfg      settings
	birth    time.Time
	started  atomic.Bool
	stopping atomic.Bool
	values   context.Context // Start's context, for its values; set before the first input
	epoch    atomic.Uint64   // of the current life; reports of others are stale
	stale    atomic.Uint64   // reports dropped before they reached the core
	ops      atomic.Uint64   // the last ID given to a Promote or Demote

	keys  *keyring   // nil without a source of credentials; has a lock of its own
	rec   *recording // nil without a Recorder
	box   mailbox
	owned owned

	mu      sync.Mutex // guards what follows; nothing is called out to under it
	snap    observer.Snapshot
	joined  bool // the session was connected once, which is all that Start waits for
	lives   []*life
	latched bool // the session ends: every life's context is cancelled
	watch   []*dispatcher
	err     *Error
	changed chan struct{} // closed at the next change of state or error; nil: nobody waits
	pending map[uint64]*promotion
	tasks   map[uint64]context.CancelFunc // what runs on no link, by the core's ID
	ending  ending
	done    chan struct{}
}

// owned belongs to whoever drains the mailbox.
type owned struct {
	core   *machine.Machine
	in     machine.Input
	sample *health.Sample // what in points to; nil before the first one
	timer  *time.Timer
	armed  bool // the timer runs, set to due
	due    time.Duration
	heard  func() machine.Heard // of the current epoch
}

// New makes a session that does nothing until Start or Run. It fails with
// everything that is wrong with the config.
func New(cfg Config) (*Session, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.Effective()
	s := &Session{cfg: cfg.settings(), birth: time.Now(), done: make(chan struct{})}
	if cfg.Credentials != nil {
		s.keys = newKeyring()
	}
	core := cfg.machine()
	if cfg.Recorder != nil {
		var err error
		if s.rec, err = record(cfg.Recorder, core); err != nil {
			return nil, err
		}
	}
	s.owned.core = machine.New(core)
	if s.rec != nil {
		s.rec.core = s.owned.core
	}
	s.snap = s.owned.core.Snapshot()
	for _, o := range cfg.Observers {
		s.watch = append(s.watch, &dispatcher{s: s, o: o})
	}
	return s, nil
}

// Start connects. It returns nil once the session is connected, and otherwise
// the reason it stopped. The context bounds the start alone: if it ends before
// the session is connected, the session stops with the context's cause. Its
// values reach Transport.Connect; its end afterwards means nothing.
//
// A second call returns ErrStarted: a new call takes a new session.
func (s *Session) Start(ctx context.Context) error {
	if !s.started.CompareAndSwap(false, true) {
		return ErrStarted
	}
	if ctx.Err() != nil {
		s.stop(context.Cause(ctx))
		return s.await(context.Background(), s.wasConnected)
	}
	s.values = ctx
	release := context.AfterFunc(ctx, func() { s.stopStarting(context.Cause(ctx)) })
	defer release()
	s.post(machine.Input{Kind: machine.Start})
	return s.await(context.Background(), s.wasConnected)
}

// stopStarting ends a session that was never connected.
func (s *Session) stopStarting(cause error) {
	s.stopIf(cause, func() bool { return !s.joined })
}

// Run starts the session and serves until it has stopped. The context is the
// session's life: when it ends the session stops with the context's cause. Run
// returns nil after Stop or Close, and the reason otherwise.
func (s *Session) Run(ctx context.Context) error {
	if err := s.Start(ctx); err == ErrStarted { //nolint:errorlint // Start returns it bare; a stop reason may wrap one
		return err
	}
	release := context.AfterFunc(ctx, func() { s.stop(context.Cause(ctx)) })
	defer release()
	<-s.done
	if err := s.reason(); err != nil && !err.asked() {
		return err
	}
	return nil
}

// Stop ends the session with status.Left and returns at once; it may be called
// any number of times, before Start too. It wins over everything: what is
// running is cancelled, and nothing is opened afterwards.
func (s *Session) Stop() { s.stop(nil) }

// StopWith is Stop for a reason of the application's own: the session's error
// and Stopped have it as the cause, and Run returns that error.
func (s *Session) StopWith(reason error) { s.stop(readable(reason)) }

// stop latches first, by cancelling every context, and tells the core then:
// nothing that a drain elsewhere starts meanwhile gets a live context.
func (s *Session) stop(cause error) { s.stopIf(cause, func() bool { return true }) }

// stopIf is stop, unless the condition, which is asked with the lock held, does
// not hold. The core's Stop is queued before anything is cancelled: what a
// cancelled call returns must not be taken for a failure.
func (s *Session) stopIf(cause error, still func() bool) {
	s.mu.Lock()
	drain := false
	if !s.stopping.Load() && still() {
		s.stopping.Store(true)
		drain = s.box.put(machine.Input{Kind: machine.Stop, Status: status.New(status.Left, cause)})
		s.latch()
	}
	s.mu.Unlock()
	if drain {
		s.drain()
	}
}

// Wait waits until the session has ended: Done is closed. It returns the cause
// of ctx if that ends first, and nil otherwise; Err has the reason. Called
// inside an observer it returns after the observer grace.
func (s *Session) Wait(ctx context.Context) error {
	select {
	case <-s.done:
		return nil
	default:
	}
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Close is Stop and Wait. It takes at most the close grace and the observer
// grace, whatever transport and observers do, and returns nil.
func (s *Session) Close() error {
	s.Stop()
	<-s.done
	return nil
}

// Done is closed when the session has ended, every observer has heard Stopped
// or has used up its grace, and nothing of the session is left.
func (s *Session) Done() <-chan struct{} { return s.done }

// Err returns nil until the session has stopped, and then an *Error, after
// Stop too: errors.Is(err, status.Left).
func (s *Session) Err() error {
	if err := s.reason(); err != nil {
		return err
	}
	return nil
}

func (s *Session) reason() *Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// State returns the state the session is in.
func (s *Session) State() State { return s.Snapshot().State }

// Snapshot returns a copy of what the session knows of itself.
func (s *Session) Snapshot() Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.snapshot()
}

// snapshot is Snapshot with the lock held.
func (s *Session) snapshot() Snapshot {
	snap := s.snap
	snap.Stale += s.stale.Load()
	return snap
}

// Link returns the link while the session is connected. Attached says why there is
// none.
func (s *Session) Link() (Link, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.life(s.snap.Epoch); l != nil && s.isConnected() {
		return l.link, true
	}
	return nil, false
}

// Attached returns the link while the session is connected. Otherwise the error is
// ErrReconnecting while a recovery runs, ErrNotConnected before the session is
// connected for the first time, and an *Error, or ErrStopped, at its end: nothing
// is queued for a link that is not there. To wait for one, call WaitConnected.
func (s *Session) Attached() (Link, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.life(s.snap.Epoch)
	switch {
	case s.err != nil:
		return nil, s.err
	case s.atItsEnd():
		return nil, ErrStopped
	case l == nil || !s.isConnected():
		return nil, s.notConnected()
	}
	return l.link, nil
}

// notConnected is the error of a method that needs a link, with the lock held.
func (s *Session) notConnected() error {
	if s.snap.State == StateReconnecting {
		return ErrReconnecting
	}
	return ErrNotConnected
}

// Hint tells the session what the application knows of its network. NetworkDown
// has attempts wait, until one of the others, or Config.DownTimeout; the budget of
// time runs on, and one more attempt is made before it ends. A link that connects, or
// goes on to be heard, refutes it. NetworkUp, NetworkChanged and Woke make the next
// attempt come at once, unless the server asked for time; while connected, the link
// is asked for a sign of life. Hints have consequences every 2 s at most. Before
// Start, after the end, and for a hint that is none of the constants it does nothing.
func (s *Session) Hint(h Hint) {
	if h.Known() && s.started.Load() && s.box.putHint(h) {
		s.drain()
	}
}

// Update asks for a change of the running session, or of the link that comes next.
// It returns at once: observers are told Updating and Updated. One update runs at
// a time; what is asked for meanwhile becomes one more. ViewOnly has no way back,
// and holds for every further link. The error is ErrNotConnected before Start and
// ErrStopped at the end.
func (s *Session) Update(c Change) error {
	switch s.mu.Lock(); {
	case s.atItsEnd():
		s.mu.Unlock()
		return ErrStopped
	case s.snap.State == StateIdle:
		s.mu.Unlock()
		return fmt.Errorf("%w: the session was not started", ErrNotConnected)
	}
	s.mu.Unlock()
	if s.box.putAsk(c) {
		s.drain()
	}
	return nil
}

// WaitConnected waits until the session is connected. It returns an *Error
// once the session has stopped, and the cause of ctx if that ends first.
func (s *Session) WaitConnected(ctx context.Context) error {
	return s.await(ctx, s.isConnected)
}

func (s *Session) isConnected() bool  { return s.snap.State == StateConnected && !s.snap.Ending }
func (s *Session) wasConnected() bool { return s.joined && !s.latched }

// await waits until reached, which is called with the lock held, is true.
func (s *Session) await(ctx context.Context, reached func() bool) error {
	for {
		there, changed, err := s.progress(reached)
		switch {
		case err != nil:
			return err
		case there:
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// progress tells how far the session is, and what to wait for.
func (s *Session) progress(reached func() bool) (there bool, changed <-chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return false, nil, s.err
	}
	if reached() {
		return true, nil, nil
	}
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	return false, s.changed, nil
}

// Reconnect asks for a recovery by hand: a connected session drops its link
// and connects anew, with reason as the cause. A session that is connecting or
// reconnecting has that in hand: nothing is added, nil is returned. The error
// is ErrNotConnected before Start and ErrStopped at the end.
func (s *Session) Reconnect(reason error) error {
	switch state := s.State(); {
	case state == StateIdle:
		return fmt.Errorf("%w: the session was not started", ErrNotConnected)
	case state == StateStopped || s.Snapshot().Ending || s.stopping.Load():
		return ErrStopped
	}
	s.post(machine.Input{Kind: machine.Reconnect, Status: status.Status{
		Code: status.ConnectionHealthReconnect, Layer: status.LayerClient, Cause: readable(reason),
	}})
	return nil
}

// Subscribe adds an observer to a running session and returns what it has
// missed as a snapshot: the first event that it hears is the one after
// Snapshot.Seq. Calling unsubscribe ends the delivery; a callback that is
// running is not waited for. A session that has ended tells nothing any more.
func (s *Session) Subscribe(o observer.Observer) (now Snapshot, unsubscribe func()) {
	d := &dispatcher{s: s, o: o}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil && o != nil {
		s.watch = append(s.watch, d)
	}
	return s.snapshot(), func() { s.unsubscribe(d) }
}

func (s *Session) unsubscribe(d *dispatcher) {
	d.abandon()
	s.mu.Lock()
	for i, other := range s.watch {
		if other == d {
			s.watch = append(s.watch[:i:i], s.watch[i+1:]...)
			break
		}
	}
	s.mu.Unlock()
	s.delivered(d)
}

// instant reads both clocks.
func (s *Session) instant() machine.Instant {
	now := time.Now()
	return machine.Instant{Mono: now.Sub(s.birth), Wall: now.Round(0)}
}

// classes is what the session's policy makes of the codes.
func (s *Session) classes() policy.Classes { return s.cfg.classes }
