package sessiontest

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// moment is when a context ends in the middle of a call.
type moment struct {
	look  int64         // at the so-manieth time that the call looks at its context
	after time.Duration // or after that; 0: not
}

// String completes "its context ended".
func (m moment) String() string {
	if m.look > 0 {
		return fmt.Sprintf("when it looked at it for the %d. time", m.look)
	}
	return fmt.Sprintf("after %v", m.after)
}

// watched is a context that counts how often it is looked at, and can end at one of
// the looks.
type watched struct {
	context.Context
	cancel context.CancelFunc
	at     int64
	looks  atomic.Int64
}

// watch makes a context that ends at a moment; at the zero moment it only counts.
func watch(m moment) (*watched, context.CancelFunc) {
	w := &watched{at: m.look}
	w.Context, w.cancel = context.WithCancel(context.Background())
	if m.after > 0 {
		timer := time.AfterFunc(m.after, w.cancel)
		return w, func() { timer.Stop(); w.cancel() }
	}
	return w, w.cancel
}

func (w *watched) look() {
	if w.looks.Add(1) == w.at {
		w.cancel()
	}
}

// Done counts a look.
func (w *watched) Done() <-chan struct{} {
	w.look()
	return w.Context.Done()
}

// Err counts a look.
func (w *watched) Err() error {
	w.look()
	return w.Context.Err()
}

// firstLook is the first at which a call counts as interrupted: one whose context ends
// at its first look cannot tell that from one that has ended before.
const firstLook = 2

// maxMoments is how many moments of each kind are tried.
const maxMoments = 8

// moments spreads moments over a call that took so long and looked so often.
func moments(took time.Duration, looks int64) (list []moment) {
	step := max(1, (looks+maxMoments-1)/maxMoments)
	for n := int64(firstLook); n <= looks; n += step {
		list = append(list, moment{look: n})
	}
	for i := range time.Duration(maxMoments) {
		if after := took * (i + 1) / (maxMoments + 1); after > 0 {
			list = append(list, moment{after: after})
		}
	}
	return list
}

// interrupted is an attempt whose context ended in the middle.
type interrupted struct {
	*subject
	result
	moment moment
	ended  bool // the context had ended when Connect returned
}

// connectMoments connects in peace and gives the moments at which that can be
// interrupted.
func (t *trial) connectMoments() []moment {
	t.tb.Helper()
	ctx, cancel := watch(moment{})
	s := t.connect(ctx, cancel, t.attempt())
	o := s.call.wait(t.Patience)
	if !s.opened(o) {
		t.cannot("Connect %v", o)
	}
	looks := ctx.looks.Load()
	s.shut()
	return moments(o.took, looks)
}

// interrupt connects over and over, and ends the context at another moment each time.
// What an attempt has opened is closed after each has seen it.
func (t *trial) interrupt(each func(i interrupted)) {
	t.tb.Helper()
	for _, m := range t.connectMoments() {
		i := t.interruptAt(m)
		each(i)
		i.shut()
	}
}

// interruptAt connects with a context that ends at a moment, or when patience is over.
func (t *trial) interruptAt(m moment) interrupted {
	ctx, cancel := watch(m)
	s := t.connect(ctx, cancel, t.attempt())
	o := s.call.wait(t.Patience)
	ended := ctx.Context.Err() != nil
	if !o.returned {
		cancel()
		o, ended = s.call.wait(slack(t.Grace)), true
	}
	return interrupted{s, o, m, ended}
}
