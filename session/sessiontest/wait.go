package sessiontest

import (
	"context"
	"fmt"
	"slices"
)

// Wait waits until what t has seen satisfies a condition, which may be called
// often and must not change anything. If ctx ends first the error wraps its
// cause and says what was seen.
func (t *Transport) Wait(ctx context.Context, until func(Snapshot) bool) error {
	return t.wait(ctx, "the condition", until)
}

// WaitAttempts waits until n attempts have begun.
func (t *Transport) WaitAttempts(ctx context.Context, n int) error {
	return t.wait(ctx, fmt.Sprintf("%d attempts", n), func(s Snapshot) bool { return len(s.Attempts()) >= n })
}

// WaitOpened waits until n links were opened.
func (t *Transport) WaitOpened(ctx context.Context, n int) error {
	return t.wait(ctx, fmt.Sprintf("%d opened links", n), func(s Snapshot) bool { return len(s.Opened) >= n })
}

// WaitHanging waits until a call is in the phase of that name.
func (t *Transport) WaitHanging(ctx context.Context, phase string) error {
	return t.wait(ctx, fmt.Sprintf("a call in %q", phase), func(s Snapshot) bool {
		return slices.ContainsFunc(s.Running, func(c Call) bool { return c.Phase == phase })
	})
}

// WaitIdle waits until no link is open and no call is running.
func (t *Transport) WaitIdle(ctx context.Context) error {
	return t.wait(ctx, "everything to be closed", func(s Snapshot) bool {
		return len(s.Open) == 0 && len(s.Running) == 0
	})
}

func (t *Transport) wait(ctx context.Context, what string, until func(Snapshot) bool) error {
	for {
		s, changed := t.look()
		if until(s) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("sessiontest: waiting for %s: %w (%v)", what, context.Cause(ctx), s)
		}
	}
}

// look returns what was seen and a channel that is closed when there is more.
func (t *Transport) look() (Snapshot, <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ledger.snapshot(), t.ledger.wait()
}
