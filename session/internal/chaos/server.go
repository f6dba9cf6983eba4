package chaos

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
	"github.com/holdfast-go/holdfast/session/internal/machine"
)

// server is the surroundings of a session as a script says: its transport, its
// sources and hooks. It holds what it is asked against the guarantees.
type server struct {
	script  *Script
	s       *Settings
	birth   time.Time
	release chan struct{} // closed: nothing hangs any more

	mu      sync.Mutex // guards what follows; nothing is called out to under it
	broken  *Violation
	cursor  map[Call]int
	sockets []*socket // in the order of their epochs
	running map[*asking]bool
	gone    bool
	well    bool
	stopped bool // Stop has returned, or Done is closed
	done    bool
	given   int             // the number of the last token
	bad     map[string]bool // tokens that an attempt was told are rejected
	permits int             // attempts that the limiter has let through and that have not begun
	asked   int             // how many calls there were
}

// asking is a call that has not returned.
type asking struct {
	to    Call
	epoch uint64
	ctx   context.Context
}

func newServer(s *Script) *server {
	return &server{
		script: s, s: &s.Settings, birth: time.Now(), release: make(chan struct{}), cursor: map[Call]int{},
		running: map[*asking]bool{}, bad: map[string]bool{},
	}
}

// breaks notes that a rule is broken, with the lock held; the first one counts.
func (v *server) breaks(rule, format string, args ...any) {
	if v.broken == nil {
		v.broken = &Violation{Rule: rule, At: time.Since(v.birth), Text: fmt.Sprintf(format, args...)}
	}
}

func (v *server) complain(rule, format string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.breaks(rule, format, args...)
}

// begin notes that a call begins and gives what it is to do.
func (v *server) begin(ctx context.Context, to Call, epoch uint64) (Answer, *asking) {
	v.mu.Lock()
	defer v.mu.Unlock()
	a := &asking{to, epoch, ctx}
	v.asked++
	if live := ctx.Err() == nil; live && to != ToClose && to != ToLeave {
		if v.stopped {
			v.breaks(ruleTerminal, "%s begins after Stop, and its context is not cancelled", to)
		}
		v.alone(a)
	}
	v.running[a] = true
	if v.well {
		return Answer{To: to}, a
	}
	return v.script.answer(v.cursor, to), a
}

// kin are calls of which one at a time may run on a link.
var kin = map[Call]Call{ToDemote: ToPromote, ToResume: ToRestart}

func family(to Call) Call {
	if k, ok := kin[to]; ok {
		return k
	}
	return to
}

// alone checks that no other call of the kind runs, with the lock held.
func (v *server) alone(a *asking) {
	for other := range v.running {
		switch {
		case family(other.to) != family(a.to):
		case a.to == ToLimiter, a.to == ToResync, a.to == ToEndpoints: // one that was given up may go on
			if other.ctx.Err() == nil {
				v.breaks(ruleOneCall, "%s while another one runs", a.to)
			}
		case a.to == ToConnect:
			if other.ctx.Err() == nil {
				v.breaks(ruleOneLink, "a Connect while another one runs")
			}
		case other.epoch == a.epoch || a.to == ToCredentials:
			v.breaks(ruleOneCall, "%s while a %s runs", a.to, other.to)
		}
	}
}

func (v *server) end(a *asking) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.running, a)
}

// wait lets the time of an answer pass. It returns what the call is to return
// instead, if its context ends first.
func (v *server) wait(ctx context.Context, a *Answer) error {
	over := ctx.Done()
	if a.Manner == Late {
		select {
		case <-over:
		case <-v.release:
		}
	}
	if a.Manner != Polite {
		over = nil
	}
	var timer <-chan time.Time
	switch {
	case a.Does == Hangs && a.Manner == Late:
		return nil
	case a.Does != Hangs:
		t := time.NewTimer(time.Duration(a.After))
		defer t.Stop()
		timer = t.C
	}
	select {
	case <-timer:
	case <-v.release:
	case <-over:
		if a.Does != Hangs {
			return ctx.Err()
		}
	}
	return nil
}

// play does what an answer says.
func (v *server) play(ctx context.Context, a *Answer) error {
	if err := v.wait(ctx, a); err != nil {
		return err
	}
	v.mu.Lock()
	gone := v.gone
	v.mu.Unlock()
	if gone && (a.To == ToConnect || a.To == ToRestart || a.To == ToResume) {
		return errServerGone
	}
	switch a.Does {
	case Fails, Hangs:
		return failureOf(ctx, a)
	case Refused:
		return fmt.Errorf("chaos: %w", session.ErrRefused)
	case Unauthorized:
		return fmt.Errorf("chaos: %w", session.ErrUnauthorized)
	case Unsupported:
		return errors.ErrUnsupported
	case Panics:
		panic("chaos")
	case Exits:
		runtime.Goexit()
	}
	return nil
}

func failureOf(ctx context.Context, a *Answer) error {
	switch {
	case a.Status.Code != status.OK:
		return a.Status
	case a.Does == Hangs && ctx.Err() != nil:
		return ctx.Err()
	}
	return errReason
}

// Connect opens a link. The session calls it.
func (v *server) Connect(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
	answer, call := v.begin(ctx, ToConnect, a.Epoch)
	defer v.end(call)
	s := v.dials(ctx, &a, r, &answer)
	if err := v.play(ctx, &answer); err != nil {
		v.rejects(ctx, a.Credentials, err)
		return nil, err
	}
	if answer.Does == Nothing {
		return nil, nil
	}
	return v.opens(s, &answer), nil
}

// dials makes the socket of an epoch, and checks that it may begin.
func (v *server) dials(ctx context.Context, a *session.Attempt, r *session.Reporter, answer *Answer) *socket {
	s := &socket{v: v, epoch: a.Epoch, r: r, silent: answer.Mute}
	v.mu.Lock()
	defer v.mu.Unlock()
	if n := len(v.sockets); n > 0 && v.sockets[n-1].epoch >= a.Epoch {
		v.breaks(ruleOneLink, "epoch %d after epoch %d", a.Epoch, v.sockets[n-1].epoch)
	}
	v.sockets = append(v.sockets, s)
	if ctx.Err() == nil {
		for _, other := range v.sockets {
			if other.opened && other.closes == 0 {
				v.breaks(ruleOneLink, "a Connect while the link of epoch %d is open", other.epoch)
			}
		}
		v.attempts(a)
	}
	return s
}

// attempts checks what holds for every attempt, with the lock held.
func (v *server) attempts(a *session.Attempt) {
	if v.s.Limiter {
		if v.permits--; v.permits < 0 {
			v.breaks(ruleLimiter, "an attempt at the level %s was not let through", a.Level)
		}
	}
	if v.bad[a.Credentials.Token] {
		v.breaks(ruleCredentials, "%s is used again", a.Credentials.Token)
	}
	if a.Timeout <= 0 || a.Timeout > max(time.Duration(v.s.ConnectTimeout), 10*time.Second) {
		v.breaks(ruleBounded, "an attempt of %s", a.Timeout)
	}
}

// rejects notes that an attempt which was still wanted is told that its credentials
// are no good.
func (v *server) rejects(ctx context.Context, c session.Credentials, err error) {
	code, _ := status.CodeOf(err)
	if !errors.Is(err, session.ErrUnauthorized) && code != status.AudioAuthenticationRejected || ctx.Err() != nil {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if c.Token != "" {
		v.bad[c.Token] = true
	}
}

// opens makes a link of a socket.
func (v *server) opens(s *socket, a *Answer) session.Link {
	v.mu.Lock()
	s.opened = true
	switch {
	case v.gone:
		s.silent = health.Both
	case v.well:
		s.silent = 0
	}
	v.mu.Unlock()
	if v.s.Expect != 0 {
		s.r.Expect(v.s.Expect)
	}
	if v.s.PresenceTimeout > 0 && !a.Absent {
		time.AfterFunc(presence, s.r.Present)
	}
	if v.s.Media > 0 {
		s.flows(max(time.Duration(v.s.Media), 100*time.Millisecond))
	}
	return able(s, machine.Abilities(v.s.Can&^a.Lacks))
}

// newest gives the socket of so many epochs before the newest.
func (v *server) newest(back int) *socket {
	v.mu.Lock()
	defer v.mu.Unlock()
	if i := len(v.sockets) - 1 - back; i >= 0 {
		return v.sockets[i]
	}
	return nil
}

// leave has the server be gone for good, and its links closed unless it has vanished.
func (v *server) leave(vanished bool) {
	v.mu.Lock()
	v.gone = true
	for _, s := range v.sockets {
		s.silent, s.held = health.Both, 0
	}
	v.mu.Unlock()
	if s := v.newest(0); s != nil && !vanished {
		s.r.Closed(status.LayerSignaling, nil)
	}
}

// recovers has everything work from now on.
func (v *server) recovers() {
	v.mu.Lock()
	v.well = true
	sockets := v.sockets
	for _, s := range sockets {
		s.mutters = false
	}
	v.mu.Unlock()
	for _, s := range sockets {
		s.silence(0)
	}
}

// left checks what is left when everything has had its time.
func (v *server) left() {
	v.mu.Lock()
	defer v.mu.Unlock()
	for a := range v.running {
		v.breaks(ruleLeftovers, "a %s of epoch %d has not returned", a.to, a.epoch)
	}
	for _, s := range v.sockets {
		if s.opened && s.closes != 1 {
			v.breaks(ruleClosed, "the link of epoch %d was closed %d times", s.epoch, s.closes)
		}
	}
}
