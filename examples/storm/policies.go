package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/session"
	"github.com/holdfast-go/holdfast/session/sim"
)

// contestant is one way to come back.
type contestant struct {
	name, what string
	// Sessions behave as client says, unless there is a schedule to be followed.
	client   session.Config
	openLoop *sim.Schedule
	library  *library // whose schedule it is; nil: none
}

// contestants are all that there are, Holdfast's own first.
func contestants(s study) []contestant {
	reference := policy.Reference()
	list := []contestant{
		{name: "ours", what: "Holdfast with default settings"},
		{name: "reference", what: "Holdfast with policy.Reference: full jitter of 1 s to 5 s, for 2 min", client: session.Config{Policy: &reference}},
	}
	for i := range s.Systems {
		l := &s.Systems[i]
		list = append(list, contestant{name: l.Name, what: l.describe(), openLoop: l.schedule(), library: l})
	}
	return list
}

func (l *library) describe() string {
	text := fmt.Sprintf("%s at %s: %s", l.Repository, l.Commit, l.Formula)
	if !l.ByDefault {
		text += " (to be switched on)"
	}
	return text
}

// choose finds the contestants that a list of names, or "all", asks for.
func choose(s study, names string) ([]contestant, error) {
	known := contestants(s)
	if strings.EqualFold(strings.TrimSpace(names), "all") {
		return known, nil
	}
	var chosen []contestant
	for name := range strings.SplitSeq(names, ",") {
		c, err := find(s, known, strings.TrimSpace(name))
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(chosen, func(o contestant) bool { return o.name == c.name }) {
			chosen = append(chosen, c)
		}
	}
	return chosen, nil
}

// find finds one by its name, or by a beginning of it that no other has.
func find(s study, known []contestant, name string) (contestant, error) {
	var like []contestant
	for _, c := range known {
		switch {
		case strings.EqualFold(c.name, name):
			return c, nil
		case name != "" && len(c.name) > len(name) && strings.EqualFold(c.name[:len(name)], name):
			like = append(like, c)
		}
	}
	switch len(like) {
	case 1:
		return like[0], nil
	case 0:
		return contestant{}, unknown(s, known, name)
	}
	return contestant{}, fmt.Errorf("the policy %q may be %s", name, strings.Join(namesOf(like), " or "))
}

// unknown says what there is instead.
func unknown(s study, known []contestant, name string) error {
	for _, l := range s.LeftOut {
		if strings.EqualFold(l.Name, name) {
			return fmt.Errorf("%s cannot be compared: %s", l.Name, l.Why)
		}
	}
	return fmt.Errorf("there is no policy %q: choose from all, %s", name, strings.Join(namesOf(known), ", "))
}

func namesOf(list []contestant) (names []string) {
	for _, c := range list {
		names = append(names, c.name)
	}
	return names
}
