package health

import (
	"fmt"
	"time"
)

// Policy judges a connection by its data. The policies of this package are ones
// by pointer; CustomPolicy adds the application's own.
//
// A policy remembers its last verdict, and may count, so each one serves one
// session, for all of its connections. A session calls it while it decides, from
// one goroutine at a time: it must neither block nor change the data, nor keep
// the pointer to them. One that panics ends the session with RealtimeApiFailed.
type Policy interface {
	// Evaluate judges d and says whether the verdict differs from the last one,
	// beginning with healthy. It is called exactly once per accepted sample while the
	// session is connected; now is on the clock of the moments in d.
	Evaluate(now time.Duration, d *Data) (healthy, changed bool)
}

// Reasoner is an ability that a Policy may have: to give words, for logs and
// events, for the verdict that its Evaluate just gave on the same data.
type Reasoner interface {
	Reason(d *Data) string
}

// CustomPolicy adds a policy of the application's own to a session. Observers
// hear of each change of its verdict.
type CustomPolicy struct {
	// Name tells it apart from the others, in events and errors. Required.
	Name string
	// New makes the policy. It is called once per session, before the session
	// starts, and must not give nil. Required.
	New func() Policy
	// Reconnect makes a change to unhealthy ask for a reconnect, as Reconnection
	// does. Otherwise it is only told.
	Reconnect bool
}

// problems gives an error for each field that is missing or taken, nil for the
// others.
func problems(custom []CustomPolicy) (errs []error) {
	first := make(map[string]int, len(custom))
	for i, c := range custom {
		of, taken := first[c.Name]
		if !taken {
			first[c.Name] = i
		}
		errs = append(errs,
			check(c.Name != "", fmt.Sprintf("Custom[%d].Name", i), "none", "a name"),
			check(c.Name == "" || !taken, fmt.Sprintf("Custom[%d].Name", i), c.Name, fmt.Sprintf("another name than that of Custom[%d]", of)),
			check(c.New != nil, fmt.Sprintf("Custom[%d].New", i), "nil", "a function"))
	}
	return errs
}
