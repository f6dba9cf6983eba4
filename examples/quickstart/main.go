// Command quickstart is the smallest complete embedding of Holdfast: a session
// over a plain TCP connection.
//
//	go run ./quickstart HOST:PORT
//
// Without an argument it brings a server of its own, which hangs up now and then.
package main

import (
	"context"
	"log"
	"net"
	"os"
	"os/signal"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
)

// dialer is the transport: it opens one link each time it is asked to.
type dialer struct{ addr string }

func (d dialer) Connect(ctx context.Context, _ session.Attempt, r *session.Reporter) (session.Link, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", d.addr)
	if err != nil {
		return nil, err // retried, unless it carries a terminal status
	}
	l := link{conn, make(chan struct{})}
	go func() { // tell the session what happens on the link
		defer close(l.silent)
		buf := make([]byte, 1500)
		for {
			if _, err := conn.Read(buf); err != nil {
				r.Closed(status.LayerSignaling, err)
				return
			}
			r.Alive(status.LayerSignaling)
		}
	}()
	return l, nil
}

type link struct {
	net.Conn
	silent chan struct{} // closed when nothing is told any more
}

func (l link) Close(context.Context) error {
	defer func() { <-l.silent }()
	return l.Conn.Close()
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	s, err := session.New(session.Config{
		Transport: dialer{os.Args[1]},
		Observers: []observer.Observer{observer.Log{}},
	})
	if err != nil {
		log.Fatal(err)
	}
	log.Println("the session ended:", s.Run(ctx)) // until Ctrl-C, a terminal status, or the end of the budget
}
