package sessiontest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
)

// scripted is a Fixture of the scripted Transport, which has every hook.
type scripted struct {
	*Transport
	able Link
}

func newScripted(tb testing.TB) *scripted {
	s := &scripted{new(Transport), Able()}
	s.Link = s.able
	tb.Cleanup(func() { s.Release() })
	return s
}

func (s *scripted) fixture() Fixture {
	return Fixture{
		Transport: s,
		Attempt:   session.Attempt{Endpoint: "wss://here", Credentials: session.Credentials{Attendee: "ada", Token: "secret"}},
		Other:     session.Attempt{Endpoint: "wss://there", Credentials: session.Credentials{Attendee: "ada", Token: "another"}},
		Promotion: session.Credentials{Token: "up"},
		Has:       CanPing | CanProbe | CanRestartMedia | CanResume | CanUpdate | CanPromote | CanLeave,
		Vanish:    s.vanish, Drop: s.drop, Refuse: s.refuse, Forget: s.forget, Heal: s.heal, Links: s.links, Used: s.used,
		Hang: map[string]func(){
			"opening": func() { s.Otherwise(Hang("opening")) },
			"joining": func() { s.Otherwise(Hang("joining")) },
		},
	}
}

func (s *scripted) each(f func(epoch uint64)) {
	for _, epoch := range s.Snapshot().Open {
		f(epoch)
	}
}

func (s *scripted) vanish() {
	s.each(func(epoch uint64) { s.Silence(epoch, health.Both) })
	s.Otherwise(Hang("opening"))
}

func (s *scripted) drop() {
	s.each(func(epoch uint64) { s.Closed(epoch, status.LayerSignaling, errors.New("the server has gone")) })
}

func (s *scripted) refuse() { s.Otherwise(Fail(status.SignalingInternalServerError)) }

func (s *scripted) forget() {
	s.each(func(epoch uint64) {
		s.Change(epoch, func(l *Link) { l.Resume = Fail(fmt.Errorf("%w: who are you?", session.ErrRefused)) })
	})
}

func (s *scripted) heal() {
	s.each(func(epoch uint64) { s.Silence(epoch, 0) })
	s.Otherwise(OK())
}

func (s *scripted) links() int { return len(s.Snapshot().Open) }

func (s *scripted) used(a session.Attempt) error {
	calls := s.Snapshot().Calls
	for i := len(calls) - 1; i >= 0; i-- {
		got := calls[i].Attempt
		if got.Level != policy.Rejoin && got.Level != policy.Resume {
			continue
		}
		if got.Endpoint != a.Endpoint || got.Credentials != a.Credentials {
			return fmt.Errorf("%s was made to %q as %v, not to %q as %v", calls[i].Name, got.Endpoint, got.Credentials, a.Endpoint, a.Credentials)
		}
		return nil
	}
	return errors.New("no attempt has reached the server")
}

// TestScriptedTransport: the Transport of this package passes, in fake time and in
// real time.
func TestScriptedTransport(t *testing.T) {
	factory := func(tb testing.TB) Fixture { return newScripted(tb).fixture() }
	t.Run("in a bubble", func(t *testing.T) { TestTransportInBubble(t, factory) })
	t.Run("in real time", func(t *testing.T) { TestTransport(t, factory) })
}
