package sessiontest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/holdfast-go/holdfast/session"
)

// ruleNamed finds a rule.
func ruleNamed(name string) *transportRule {
	for i := range transportRules {
		if transportRules[i].name == name {
			return &transportRules[i]
		}
	}
	panic("there is no rule " + name)
}

// connects is a Transport of a function.
type connects func(ctx context.Context, a session.Attempt) (session.Link, error)

func (c connects) Connect(ctx context.Context, a session.Attempt, _ *session.Reporter) (session.Link, error) {
	return c(ctx, a)
}

// bare is a link that can only be closed.
type bare struct{}

func (*bare) Close(context.Context) error { return nil }

// TestConnectThatDoesNotOpen: what connect-opens says of each way in which nothing
// opens.
func TestConnectThatDoesNotOpen(t *testing.T) {
	for name, tt := range map[string]struct {
		connect connects
		want    string
	}{
		"an error":      {func(context.Context, session.Attempt) (session.Link, error) { return nil, errTest }, "Connect failed: test\n"},
		"no link":       {func(context.Context, session.Attempt) (session.Link, error) { return nil, nil }, "Connect succeeded, but there is no link\n"},
		"a nil pointer": {func(context.Context, session.Attempt) (session.Link, error) { return (*bare)(nil), nil }, "Connect succeeded, but the link is a nil pointer in an interface\n"},
		"a panic":       {func(context.Context, session.Attempt) (session.Link, error) { panic("boom") }, "Connect failed: it panicked: boom\n"},
		"with a flag": {func(_ context.Context, a session.Attempt) (session.Link, error) {
			if a.NoTransforms {
				return nil, errTest
			}
			return new(bare), nil
		}, "Connect with Attempt.NoTransforms failed: test\n"},
	} {
		t.Run(name, func(t *testing.T) {
			s := tried(t, ruleNamed("connect-opens"), func(testing.TB) Fixture { return Fixture{Transport: tt.connect} })
			assert.True(t, s.failed)
			assert.Contains(t, s.text.String(), `rule "connect-opens" is broken: `+tt.want)
			assert.Contains(t, s.text.String(), "what to do: if it returns an error, make the fixture's server")
			assert.Contains(t, s.text.String(), "a panic or a missing link is to be mended in Connect")
		})
	}
}

// TestConnectThatIgnoresItsContext: without a Hang it cannot be told from one that
// opens late, which is said.
func TestConnectThatIgnoresItsContext(t *testing.T) {
	ignores := connects(func(context.Context, session.Attempt) (session.Link, error) {
		pass(300 * time.Millisecond)
		return new(bare), nil
	})
	heeds := connects(func(ctx context.Context, _ session.Attempt) (session.Link, error) {
		select {
		case <-time.After(300 * time.Millisecond):
			return new(bare), nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	})
	instant := connects(func(context.Context, session.Attempt) (session.Link, error) { return new(bare), nil })
	hang := map[string]func(){"joining": func() {}}
	for name, tt := range map[string]struct {
		Fixture
		want string
	}{
		"ignores it":           {Fixture{Transport: ignores}, "(8 opened a link all the same, within the grace), and there is no Hang"},
		"ignores it, and Hang": {Fixture{Transport: ignores, Hang: hang}, ""},
		"heeds it":             {Fixture{Transport: heeds}, ""},
		"is too fast":          {Fixture{Transport: instant}, "(0 opened a link all the same, within the grace), and there is no Hang"},
	} {
		t.Run(name, func(t *testing.T) {
			s := tried(t, ruleNamed("connect-cancelled-during"), func(testing.TB) Fixture { return tt.Fixture })
			assert.False(t, s.failed, &s.text)
			assert.Equal(t, tt.want != "", s.skipped, &s.text)
			assert.Contains(t, s.text.String(), tt.want)
		})
	}
}
