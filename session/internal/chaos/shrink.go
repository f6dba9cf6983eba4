package chaos

import (
	"reflect"
	"slices"

	"github.com/holdfast-go/holdfast/policy/status"
)

// plain is what the settings of a script are brought back to, as far as it still
// shows its fault.
var plain = Settings{
	Elapsed: 20 * sec, Idle: -1, Attempts: -1, BackOff: "jitter", StableAfter: 10 * sec,
	ConnectTimeout: 15 * sec, CloseGrace: 2 * sec, PrepareTimeout: 10 * sec, DownTimeout: 600 * sec, Rejections: 5,
}

// maxTries bounds the runs that shrinking takes.
const maxTries = 4000

// Shrink looks for the shortest script that still breaks a rule: it leaves out
// steps and answers, brings settings back to plain ones, forgets details, and lets
// things happen sooner. shows plays a script and reports whether it breaks the rule.
// It returns the script and how many were played.
func Shrink(s *Script, shows func(*Script) bool) (shortest *Script, tries int) {
	h := shrinker{best: s.clone(), shows: shows}
	for changed := true; changed && h.tries < maxTries; {
		changed = false
		for _, pass := range []func() bool{h.dropSteps, h.dropAnswers, h.ending, h.settings, h.details, h.sooner} {
			changed = pass() || changed
		}
	}
	return h.best, h.tries
}

type shrinker struct {
	best  *Script
	shows func(*Script) bool
	tries int
}

func (s *Script) clone() *Script {
	c := *s
	c.Steps, c.Answers = slices.Clone(s.Steps), slices.Clone(s.Answers)
	return &c
}

// try plays a changed copy, and keeps it if it still shows the fault.
func (h *shrinker) try(change func(*Script)) bool {
	if h.tries >= maxTries {
		return false
	}
	c := h.best.clone()
	change(c)
	invalid := c.Settings.policy().Validate() != nil || c.End == Vanished && !c.noticeable() || c.End == Well && !c.healthy()
	if invalid || reflect.DeepEqual(c, h.best) {
		return false
	}
	h.tries++
	if !h.shows(c) {
		return false
	}
	h.best = c
	return true
}

func (h *shrinker) dropSteps() bool {
	return h.drop(func(s *Script) int { return len(s.Steps) }, func(s *Script, i, j int) { s.Steps = slices.Delete(s.Steps, i, j) })
}

func (h *shrinker) dropAnswers() bool {
	return h.drop(func(s *Script) int { return len(s.Answers) }, func(s *Script, i, j int) { s.Answers = slices.Delete(s.Answers, i, j) })
}

// drop leaves out halves of a list, then quarters, down to single ones.
func (h *shrinker) drop(length func(*Script) int, remove func(s *Script, i, j int)) (changed bool) {
	for size := max(length(h.best)/2, 1); size > 0; size /= 2 {
		for i := 0; i < length(h.best); {
			if !h.try(func(s *Script) { remove(s, i, min(i+size, length(s))) }) {
				i += size
				continue
			}
			changed = true
		}
	}
	return changed
}

func (h *shrinker) ending() bool {
	return h.try(func(s *Script) { s.End = Leaves }) || h.best.End == Vanished && h.try(func(s *Script) { s.End = Gone })
}

// settings brings them back to plain ones, all at once if that will do.
func (h *shrinker) settings() (changed bool) {
	if h.try(func(s *Script) { s.Settings = plain }) {
		return true
	}
	from := reflect.ValueOf(plain)
	for i := range from.NumField() {
		changed = h.try(func(s *Script) { reflect.ValueOf(&s.Settings).Elem().Field(i).Set(from.Field(i)) }) || changed
	}
	for i := range abilityNames {
		changed = h.try(func(s *Script) { s.Settings.Can &^= 1 << i }) || changed
	}
	return changed
}

// details forgets what steps and answers say besides what they are.
func (h *shrinker) details() (changed bool) {
	for i := range h.best.Steps {
		changed = h.forget(func(s *Script) reflect.Value { return reflect.ValueOf(&s.Steps[i]).Elem() }) || changed
		changed = h.simplify(func(s *Script) *status.Status { return &s.Steps[i].Status }) || changed
	}
	for i := range h.best.Answers {
		changed = h.forget(func(s *Script) reflect.Value { return reflect.ValueOf(&s.Answers[i]).Elem() }) || changed
		changed = h.simplify(func(s *Script) *status.Status { return &s.Answers[i].Status }) || changed
	}
	return changed
}

// simplify forgets what a status says besides its code.
func (h *shrinker) simplify(of func(*Script) *status.Status) bool {
	if of(h.best).IsZero() {
		return false
	}
	changed := h.try(func(s *Script) { *of(s) = status.New(of(s).Code, nil) })
	changed = h.try(func(s *Script) { of(s).Directive = nil }) || changed
	changed = h.try(func(s *Script) { of(s).Shared, of(s).Wire = false, 0 }) || changed
	return h.try(func(s *Script) { of(s).Layer, of(s).Permanent = status.LayerUnknown, false }) || changed
}

// forget sets the fields of a struct to their zero values, one after the other,
// but for the two that say what it is.
func (h *shrinker) forget(of func(*Script) reflect.Value) (changed bool) {
	v := of(h.best)
	for i := range v.NumField() {
		switch v.Type().Field(i).Name {
		case "At", "Do", "To":
			continue
		}
		changed = h.try(func(s *Script) { of(s).Field(i).SetZero() }) || changed
	}
	return changed
}

// sooner lets each step, and what comes after it, happen earlier, and answers come
// at once.
func (h *shrinker) sooner() (changed bool) {
	for i := range h.best.Steps {
		before := Span(0)
		if i > 0 {
			before = h.best.Steps[i-1].At
		}
		for _, gap := range []Span{0, ms, 10 * ms, 100 * ms, sec, 5 * sec, 20 * sec} {
			by := h.best.Steps[i].At - before - gap
			if by > 0 && h.try(func(s *Script) { s.hurry(i, by) }) {
				changed = true
				break
			}
		}
	}
	return changed
}

func (s *Script) hurry(from int, by Span) {
	for i := from; i < len(s.Steps); i++ {
		s.Steps[i].At -= by
	}
}
