package sessiontest

import (
	"errors"
	"fmt"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/session"
)

// restoreRules are about restarting media and resuming.
var restoreRules = []transportRule{
	{
		name:     "restart-media",
		contract: "RestartMedia returns nil once there is a new media path; the link, its signaling and its Reporter go on, and there is no second link",
		advice:   "negotiate on the open signaling (ICE restart); let nothing depend on the call's context afterwards",
		check:    restartMedia,
	},
	{
		name:     "restart-media-cancelled",
		contract: "RestartMedia returns soon after its context has ended, whatever it waits for, and leaves a link that can be resumed or closed",
		advice:   "select on ctx.Done() wherever it waits, and take back what was only half agreed",
		check:    restartMediaCancelled,
	},
	{
		name:     "resume",
		contract: "Resume returns nil once there is new signaling for the same session, and new media if Attempt.RestartMedia says so; the link and its Reporter go on, there is no second link, and the end of the old signaling is no news from the beginning of Resume on",
		advice:   "replace the connection in the link, and let the reader of the old one report nothing any more",
		check:    resume,
	},
	{
		name:     "resume-cancelled",
		contract: "Resume returns soon after its context has ended, whatever it waits for; the link may be resumed again, and can be closed",
		advice:   "select on ctx.Done() wherever it waits, and close the new connection if it came to nothing",
		check:    resumeCancelled,
	},
	{
		name:     "resume-refused",
		contract: "a Resume to a server that does not know the session any more returns an error that wraps session.ErrRefused, so that it is joined anew at once",
		advice:   "translate the server's refusal: fmt.Errorf(\"%w: %w\", session.ErrRefused, err)",
		needs:    []hook{needsForget},
		check:    resumeRefused,
	},
}

// noMore says what is wrong if the server has more links than it had; "": nothing.
func (t *trial) noMore(links int) string {
	if t.Links == nil || t.linksAre(links) {
		return ""
	}
	return fmt.Sprintf("the server has %d links, where it had %d", t.Links(), links)
}

// links counts what the server has, if that is known.
func (t *trial) links() int {
	if t.Links == nil {
		return 0
	}
	return t.Links()
}

func restartMedia(t *trial) {
	s := t.open()
	c, ok := s.called("RestartMedia")
	if !ok {
		t.skip("the link is no session.MediaRestarter")
	}
	links := t.links()
	for _, which := range []string{"RestartMedia", "another RestartMedia"} {
		if !s.harmless(c, which) {
			return
		}
		if fault := t.noMore(links); fault != "" {
			t.breaks("after %s %s", which, fault)
		}
	}
}

func restartMediaCancelled(t *trial) {
	s := t.open()
	c, ok := s.called("RestartMedia")
	if !ok {
		t.skip("the link is no session.MediaRestarter")
	}
	for _, m := range s.peaceful(c) {
		s := t.open()
		if !s.cutShort(mustCalled(s, c.name), m) {
			return
		}
		if o := s.close(); !o.returned {
			t.breaks("after a RestartMedia whose context had ended %v, Close %v", m, o)
			return
		}
	}
}

// peaceful makes a call, closes the link, and gives the moments at which such a call
// can be cut short.
func (s *subject) peaceful(c abilityCall) []moment {
	ctx, cancel := watch(moment{})
	defer cancel()
	o := s.trial.within(s.trial.Patience, func() error { return c.call(ctx) })
	switch {
	case o.unsupported():
		s.trial.skip("%s returns errors.ErrUnsupported", c.name)
	case !o.returned || o.err != nil:
		s.trial.cannot("%s %v", c.name, o)
	}
	s.shut()
	return moments(o.took, ctx.looks.Load())
}

// cutShort makes a call whose context ends in the middle, and reports whether it has
// returned in time.
func (s *subject) cutShort(c abilityCall, m moment) bool {
	ctx, cancel := watch(m)
	defer cancel()
	running := start(func() error { return c.call(ctx) })
	if !running.wait(s.trial.Patience).returned {
		cancel()
		return s.trial.returns(c.name+", whose context ended "+m.String()+",", running).returned
	}
	return true
}

// resumer opens a link that can be resumed.
func (t *trial) resumer() *subject {
	s := t.open()
	if s.abilities()&CanResume == 0 {
		t.skip("the link is no session.Resumer")
	}
	return s
}

// dropped drops the link's signaling and waits until it knows.
func (s *subject) dropped() {
	if s.trial.Drop == nil {
		return
	}
	losses := s.losses()
	s.trial.Drop()
	holds(s.trial.Patience, func() bool { return s.losses() > losses })
}

func resume(t *trial) {
	for _, media := range []bool{false, true} {
		s := t.resumer()
		before, links := s.pulse(everything), t.links()
		fault := s.resumes(media, before, links)
		when := "with the signaling open"
		if fault == "" && t.Drop != nil {
			when = "with the signaling dropped"
			s.dropped()
			fault = s.resumes(media, before, links)
		}
		if fault != "" {
			t.breaks("%s, RestartMedia: %v, Resume %s", when, media, fault)
		}
		s.shut()
	}
}

// resumes resumes a link of which these layers have answered before, and says what is
// wrong then; "": nothing.
func (s *subject) resumes(media bool, before health.Layers, links int) string {
	losses := s.losses()
	switch o, _ := s.resume(media); {
	case o.unsupported():
		s.trial.skip("Resume returns errors.ErrUnsupported")
	case !o.returned || o.err != nil:
		return o.String()
	}
	s.trial.hush(func() bool { return s.losses() > losses })
	if fault := s.harmed(before, losses); fault != "" {
		return "succeeded, but " + fault
	}
	if fault := s.trial.noMore(links); fault != "" {
		return "succeeded, but " + fault
	}
	return ""
}

func resumeCancelled(t *trial) {
	s := t.resumer()
	c := mustCalled(s, "Resume")
	list := s.peaceful(c)
	s = t.open()
	before := s.pulse(everything)
	for _, m := range list {
		if !s.cutShort(mustCalled(s, "Resume"), m) {
			return
		}
	}
	losses := s.losses()
	if o := s.make(mustCalled(s, "Resume")); !o.returned || o.err != nil {
		t.breaks("after calls of Resume whose contexts had ended, another one %v", o)
	} else if fault := s.harmed(before, losses); fault != "" {
		t.breaks("after calls of Resume whose contexts had ended, and one more, %s", fault)
	}
	if o := s.close(); !o.returned {
		t.breaks("after calls of Resume whose contexts had ended, Close %v", o)
		return
	}
	for _, m := range list {
		s := t.open()
		s.cutShort(mustCalled(s, "Resume"), m)
		if o := s.close(); !o.returned {
			t.breaks("after a Resume whose context had ended %v, Close %v", m, o)
			return
		}
	}
}

func resumeRefused(t *trial) {
	s := t.resumer()
	t.Forget()
	o := s.make(mustCalled(s, "Resume"))
	switch {
	case o.unsupported():
		t.skip("Resume returns errors.ErrUnsupported")
	case !o.returned || !errors.Is(o.err, session.ErrRefused):
		t.breaks("with its session forgotten, Resume %v", o)
	case unsound(o.err) != "":
		t.breaks("with its session forgotten, Resume returned %s", unsound(o.err))
	}
}
