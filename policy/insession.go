package policy

import "github.com/holdfast-go/holdfast/policy/status"

// inSession says what settles a status without a new attempt, by phase and
// class. What is not listed goes on to the budget.
type inSession map[Phase]map[Class]Action

// settled follows the reference. Of WithoutTransforms only the row Attached
// differs, by leaving it out (divergence 7.9). A Failure is listed where an
// attempt is already on its way (divergence 7.3); while one is running it is
// not, and so ends it at once (divergence 7.7). Nothing settles a failed attempt
// (divergence 7.5). Never written.
var settled = inSession{
	Attached: {
		Ignore:        Nothing,
		Renegotiation: Renegotiate,
		ViewOnly:      SwitchToViewOnly,
		Demotion:      Demote,
	},
	Attempting: {
		Ignore:            Nothing,
		Renegotiation:     Nothing,
		ViewOnly:          SwitchToViewOnly,
		Demotion:          Demote,
		WithoutTransforms: Nothing,
	},
	Waiting: {
		Failure:           Fold,
		Ignore:            Nothing,
		Renegotiation:     Nothing,
		ViewOnly:          SwitchToViewOnly,
		Demotion:          Demote,
		WithoutTransforms: Nothing,
	},
}

// settle looks the status up, and prepares the attempt if there has to be one.
func (s inSession) settle(c *inquiry, d *Decision) bool {
	action, ok := s[c.facts.Phase][c.class]
	if ok && !c.facts.Lost {
		d.Action = action
		return true
	}
	d.WithoutTransforms = c.class == WithoutTransforms
	d.ViewOnly = c.class == ViewOnly
	if c.facts.Phase == Failed {
		d.Status = failed(c.class, d.Status)
	}
	return false
}

// Failed is what st means as the result of an attempt: st itself if it ends the
// session or is a failure, else TaskFailed with st as its cause (divergence 7.5).
func (c Classes) Failed(st status.Status) status.Status {
	if st.Permanent {
		return st
	}
	return failed(c.Of(st.Code), st)
}

func failed(class Class, st status.Status) status.Status {
	if class == Failure || class == Terminal {
		return st
	}
	return failedAttempt(st)
}

// failedAttempt is what st means as the result of an attempt when its code does
// not speak of failing: the attempt failed nevertheless (divergence 7.5). Where
// it was seen, and whether other clients share it, still holds.
func failedAttempt(st status.Status) status.Status {
	return status.Status{
		Code:   status.TaskFailed,
		Layer:  st.Where(),
		Shared: st.Shared,
		Cause:  st,
	}
}
