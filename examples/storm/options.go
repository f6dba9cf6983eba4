package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

var errUsage = errors.New("wrong usage")

// options are the command line.
type options struct {
	storm
	policies, svg        string
	list, json, markdown bool
}

func parse(args []string, stderr io.Writer) (o options, err error) {
	set := flag.NewFlagSet("storm", flag.ContinueOnError)
	set.SetOutput(io.Discard) // a mistake is not to scroll away above the list of flags
	o.flags(set)
	if err = set.Parse(args); errors.Is(err, flag.ErrHelp) {
		set.SetOutput(stderr)
		set.Usage()
		return o, err
	}
	if err == nil {
		err = o.check(set.Args())
	}
	if err != nil {
		fmt.Fprintf(stderr, "storm: %v\n-help lists the flags\n", err)
		return o, errUsage
	}
	o.fill()
	return o, nil
}

// check says what is wrong with the command line, whose arguments after the flags are
// rest.
func (o *options) check(rest []string) error {
	switch {
	case len(rest) > 0:
		return fmt.Errorf("unexpected argument %q", rest)
	case o.json && o.markdown:
		return errors.New("-json and -markdown are two forms of the same, choose one")
	}
	return o.validate()
}

func (o *options) flags(set *flag.FlagSet) {
	set.IntVar(&o.Clients, "clients", 100_000, "how many clients there are")
	set.Float64Var(&o.Capacity, "capacity", 0, "joins a `second` that the server takes; 0: a fiftieth of the clients, but at least 1")
	set.DurationVar(&o.Outage, "outage", 30*time.Second, "how long the server is away")
	set.DurationVar(&o.For, "for", 0, "how long to simulate; 0: the outage, and three times what the server needs for all, but at most an hour, and at least a minute and as long as the outage")
	set.Uint64Var(&o.Seed, "seed", 1, "the seed of all random numbers: the same one gives the same result")
	set.StringVar(&o.Kind, "kind", kinds[0].name, "what happens: "+describeAll(kinds))
	set.StringVar(&o.Overload, "overload", overloads[0].name, "what the server does with more than it can take: "+describeAll(overloads))
	set.DurationVar(&o.RetryAfter, "retry-after", 0, "what every refusal asks for with -overload "+sameForAll+"; 0: 10s")
	set.StringVar(&o.policies, "policy", "ours", "the `names` of policies to compare, as in ours,nats.go, or all; -list shows them")
	set.BoolVar(&o.list, "list", false, "list the policies")
	set.BoolVar(&o.json, "json", false, "write all results as one JSON document, with durations in nanoseconds")
	set.BoolVar(&o.markdown, "markdown", false, "write the table of results as Markdown")
	set.StringVar(&o.svg, "svg", "", "draw who is back and the attempts over time into this `file`")
}

// named is a choice on the command line.
type named interface {
	names() (name, what string)
}

// describeAll lists choices with what they mean.
func describeAll[T named](list []T) string {
	var b strings.Builder
	for i, n := range list {
		name, what := n.names()
		if i > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "%s, %s", name, what)
	}
	return b.String()
}

// pick finds a choice by its name.
func pick[T named](flag string, list []T, name string) (T, error) {
	i := slices.IndexFunc(list, func(n T) bool { known, _ := n.names(); return known == name })
	if i >= 0 {
		return list[i], nil
	}
	var all []string
	for _, n := range list {
		known, _ := n.names()
		all = append(all, known)
	}
	var none T
	return none, fmt.Errorf("-%s is %q: it must be one of %s", flag, name, strings.Join(all, ", "))
}
