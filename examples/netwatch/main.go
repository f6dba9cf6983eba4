// Command netwatch keeps a session attached on a machine whose network comes and
// goes: it watches the interfaces and gives the session hints. Unplug the cable,
// switch from one network to another, put the machine to sleep, and look at what the
// session makes of it.
//
//	go run ./netwatch [host:port]
//
// The address is that of anything that keeps TCP connections open, such as the
// server half of the call example. Without one the hints alone are shown.
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"

	"github.com/holdfast-go/holdfast/examples/internal/netwatch"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
)

func main() {
	log.SetFlags(log.Ltime)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if len(os.Args) > 2 {
		fmt.Fprintln(os.Stderr, "usage: netwatch [host:port]")
		os.Exit(2)
	}
	if err := run(ctx, os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

// run shows hints, and what a session makes of them if there is somewhere to
// connect to, until ctx ends.
func run(ctx context.Context, where []string) error {
	list, err := netwatch.Usable()
	if err != nil {
		return err
	}
	log.Printf("this machine can be reached at %q", list)
	if len(where) == 0 {
		netwatch.Watcher{}.Watch(ctx, func(h session.Hint) { log.Println("hint:", h) })
		return nil
	}
	s, err := session.New(session.Config{Transport: dialer{where[0]}, Observers: []observer.Observer{observer.Log{}}})
	if err != nil {
		return err
	}
	go netwatch.Watcher{}.Watch(ctx, s.Hint)
	if err := s.Run(ctx); ctx.Err() == nil {
		return err
	}
	return nil
}

// dialer opens plain TCP connections.
type dialer struct{ addr string }

func (d dialer) Connect(ctx context.Context, _ session.Attempt, r *session.Reporter) (session.Link, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", d.addr)
	if err != nil {
		return nil, err
	}
	go func() {
		buf := make([]byte, 1500)
		for {
			if _, err := conn.Read(buf); err != nil {
				r.Closed(status.LayerSignaling, err)
				return
			}
			r.Alive(status.LayerSignaling)
		}
	}()
	return link{conn}, nil
}

type link struct{ net.Conn }

func (l link) Close(context.Context) error { return l.Conn.Close() }
