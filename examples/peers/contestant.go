package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pion/transport/v5"
)

// contestant is a library with its server, both with default settings.
type contestant struct {
	name string
	// modules are the client and the server, for the versions.
	modules []string
	// what says what exactly is connected to what.
	what string
	// serve starts the server; port 0 chooses one.
	serve func(addr string) (host, error)
	// dial begins to connect and returns when the library lets go of the caller:
	// at once, or with some only when connected.
	dial func(t target, h hooks) (client, error)
	// bare connects what carries the session without it, nil if there is no such
	// thing.
	bare func(t target, h hooks) (client, error)
	// lesser says that its clients are stoppers.
	lesser bool
}

// host is a server that runs.
type host interface {
	Addr() string
	// Close ends the server the way that its makers mean it to be ended, and lets
	// go of the port.
	Close() error
}

// target is where a client connects to.
type target struct {
	addr string
	// media is the network for media, nil for that of the machine.
	media transport.Net
}

// client is what a library hands out.
type client interface {
	Connected() bool
	// Close is the library's own call of that name. It is documented as final.
	Close()
}

// stopper is a client that can also be ended with less: a call that waits for
// nothing, or that can be taken back.
type stopper interface{ Stop() }

// hooks are called from inside the library's own callbacks, each on the thread and
// with the locks that the library has there. A callback whose hook is nil is not
// even installed.
type hooks struct {
	connected func(client) // the first time and every other time
	lost      func(client) // the library goes on to reconnect
	ended     func(client) // it does not
}

// call runs a hook, if there is one.
func call(f func(client), c client) {
	if f != nil {
		f(c)
	}
}

// contestants are all that take part, in the order of the table.
var contestants = []contestant{centrifugeGo, natsGo, signalingOnly, wholeCall}

// find gives the contestant with this name.
func find(name string) (contestant, error) {
	i := slices.IndexFunc(contestants, func(c contestant) bool { return c.name == name })
	if i < 0 {
		return contestant{}, fmt.Errorf("there is no contestant %q; there are: %s", name, strings.Join(names(), ", "))
	}
	return contestants[i], nil
}

func names() (all []string) {
	for _, c := range contestants {
		all = append(all, c.name)
	}
	return all
}
